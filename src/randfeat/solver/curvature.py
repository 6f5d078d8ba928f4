"""Coordinates in which an objective is nearly round: Cholesky factors of its second derivatives on a sample of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randfeat.solver.objective import Objective, Point, scores

SAMPLED_ROWS = 4
"""Rows for each feature that are enough to see its second derivatives by."""

FACTOR_NUMBERS = 2**25
"""Each class has a factor of its own where all together have up to so many numbers (256 MiB); else they share one."""

FACTORED_FEATURES = 8192
"""Above so many features their covariances are left out: each is only scaled."""


@dataclass(frozen=True)
class Coordinates:
    """``u = factor' w``.

    Attributes:
        factor: one (Q, Q) for each class or a single one for all; or the diagonals, (Q, K).
        inverse: of each; matrices, for a product takes a fraction of a triangular solve's time.
    """

    factor: Tensor
    inverse: Tensor

    def inward(self, w_QK: Tensor) -> Tensor:
        """Coefficients -> coordinates."""
        return _product(self.factor, w_QK, turned=True)

    def outward(self, u_QK: Tensor) -> Tensor:
        """Coordinates -> coefficients."""
        return _product(self.inverse, u_QK, turned=True)

    def slope(self, slope_QK: Tensor) -> Tensor:
        """The gradient by the coefficients -> that by the coordinates."""
        return _product(self.inverse, slope_QK, turned=False)


def _product(matrices: Tensor, right_QK: Tensor, turned: bool) -> Tensor:
    if matrices.ndim == 2:
        return matrices * right_QK
    matrices = matrices.mT if turned else matrices
    if len(matrices) == 1:
        return (matrices[0] @ right_QK).contiguous()
    return torch.bmm(matrices, right_QK.T[:, :, None])[:, :, 0].T.contiguous()


def coordinates(objective: Objective, point: Point, shared: bool) -> Coordinates | None:
    """Those in which the objective's second derivatives at a point are nearly the identity; None where they overflow.

    Derivatives between classes are left out, and all but the diagonal where no precision can factorise them. Cost: a pass,
    and at most 4 P**3 multiply-adds for each factor.
    """
    q, k = point.w_QK.shape
    if q > FACTORED_FEATURES:
        return _scales(objective, point)
    shared = shared or k * q * q > FACTOR_NUMBERS
    curvature_S = point.curvature_K.mean()[None] if shared else point.curvature_K
    ridge_QQ = torch.diag(2 * objective.penalties_Q(point.w_QK))
    samples = _sampled(objective, point, curvature_S, SAMPLED_ROWS * q)
    if not all(bool(rows.isfinite().all()) for rows in samples):
        return None
    factor = _factor(samples, ridge_QQ)
    if factor is None:
        factor = _factor([rows.double() for rows in samples], ridge_QQ)
    if factor is None:
        return _scales(objective, point)
    eye_QQ = torch.eye(q, dtype=factor.dtype, device=factor.device)
    return Coordinates(factor, torch.linalg.solve_triangular(factor, eye_QQ.expand_as(factor), upper=False))


def _factor(samples: list[Tensor], ridge_QQ: Tensor) -> Tensor | None:
    """The Cholesky factor of each sample's products, formed in its own precision; None where that does not do."""
    factor, info = torch.linalg.cholesky_ex(torch.stack([_ridged(_gram(rows), ridge_QQ) for rows in samples]))
    return factor if bool((info == 0).all()) and bool(factor.isfinite().all()) else None


def _ridged(gram_QQ: Tensor, ridge_QQ: Tensor) -> Tensor:
    """With the penalties, and a little for rounding and for an intercept that is free."""
    little = len(gram_QQ) * torch.finfo(torch.float32).eps * gram_QQ.diagonal().mean().clamp_min(ridge_QQ[0, 0])
    return gram_QQ + ridge_QQ + 1e-3 * little * torch.eye(len(gram_QQ), dtype=gram_QQ.dtype, device=gram_QQ.device)


def _gram(rows_NQ: Tensor) -> Tensor:
    return (rows_NQ.T @ rows_NQ).double()


def _sampled(objective: Objective, point: Point, curvature_S: Tensor, n: int) -> list[Tensor]:
    """For each factor about n rows, times the root of their curvature; drawn evenly in proportion to it, without chance.

    A row whose curvature is more than a share 1/n of the whole is always taken.
    """
    taken: list[list[Tensor]] = [[] for _ in curvature_S]
    carry_S = torch.full_like(curvature_S, 0.5)
    for phi_NP, y_N in objective.rows:
        curvature_NS = objective.loss(scores(phi_NP, point.w_QK), y_N).curvature_NK.double()
        if len(curvature_S) < curvature_NS.shape[1]:
            curvature_NS = curvature_NS.mean(1, keepdim=True)
        share_NS = (curvature_NS * (n / curvature_S)).clamp_max(1.0).nan_to_num(0.0)
        steps_NS = torch.cat([carry_S[None], share_NS]).cumsum(0)
        picked_NS = steps_NS.floor().diff(dim=0) > 0
        carry_S = steps_NS[-1].frac()
        for s, rows in enumerate(taken):
            chosen = picked_NS[:, s].nonzero()[:, 0]
            root_N = (curvature_NS[chosen, s] / share_NS[chosen, s]).sqrt().to(phi_NP.dtype)
            rows.append(torch.cat([phi_NP[chosen] * root_N[:, None], root_N[:, None]], 1))
    return [torch.cat(rows) for rows in taken]


def _scales(objective: Objective, point: Point) -> Coordinates:
    squares_QK = (2 * objective.penalties_Q(point.w_QK))[:, None].repeat(1, point.w_QK.shape[1])
    for phi_NP, y_N in objective.rows:
        curvature_NK = objective.loss(scores(phi_NP, point.w_QK), y_N).curvature_NK
        squares_QK[:-1] += (phi_NP**2).T @ curvature_NK
        squares_QK[-1] += curvature_NK.sum(0, dtype=torch.float64)
    scale_QK = squares_QK.clamp_min(torch.finfo(torch.float32).tiny).sqrt()
    return Coordinates(scale_QK, 1 / scale_QK)
