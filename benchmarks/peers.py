"""Other ways to the last layer of a random-feature network: libraries, and loops as one would write them by hand.

Each is given the same rows and the same W and b, makes its own features relu(x W + b), and gives back what it arrives at. All
minimise ``sum((phi @ beta + b - y)**2) + penalty * sum(beta**2)``, scikit-learn for targets of -1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV

BLOCK = 4096
"""Rows whose features a loop forms at a time."""


class Work(NamedTuple):
    """Rows, their classes, and the hidden layer; all numbers but the classes in float32."""

    x_ND: np.ndarray
    y_N: np.ndarray
    W_DP: np.ndarray
    b_P: np.ndarray

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features and classes of some rows."""
        for start in range(0, len(self.y_N), BLOCK):
            block = slice(start, start + BLOCK)
            yield features(self.x_ND[block], self.W_DP, self.b_P), self.y_N[block]

    def phi_NP(self) -> np.ndarray:
        return features(self.x_ND, self.W_DP, self.b_P)

    def one_hot_K(self) -> np.ndarray:
        """(K, K): a row for each class."""
        return np.eye(int(self.y_N.max()) + 1, dtype=np.float32)


class Head(NamedTuple):
    """``scores = phi @ beta_PK + intercept_K``, and the penalty that it was found with."""

    beta_PK: np.ndarray
    intercept_K: np.ndarray
    penalty: float


Peer = Callable[[Work, Sequence[float]], Head]
"""The work and its penalties: one, or several to choose from."""


def features(x_ND: np.ndarray, W_DP: np.ndarray, b_P: np.ndarray) -> np.ndarray:
    phi_NP = x_ND @ W_DP
    phi_NP += b_P
    return np.maximum(phi_NP, 0, out=phi_NP)


def accuracy(head: Head, work: Work) -> float:
    """The share of the rows whose largest score is that of their class."""
    right = [((phi @ head.beta_PK + head.intercept_K).argmax(1) == y).sum() for phi, y in work.blocks()]
    return float(sum(right) / len(work.y_N))


def sklearn_one(work: Work, penalties: Sequence[float]) -> Head:
    """All features at once in float32; of RidgeClassifier's solvers the fastest, without a copy."""
    ridge = RidgeClassifier(alpha=penalties[0], solver="cholesky", copy_X=False).fit(work.phi_NP(), work.y_N)
    return Head(ridge.coef_.T, ridge.intercept_, penalties[0])


def sklearn_choice(work: Work, penalties: Sequence[float]) -> Head:
    """All features at once in float32; RidgeClassifierCV as it comes, leave-one-out."""
    ridge = RidgeClassifierCV(alphas=penalties).fit(work.phi_NP(), work.y_N)
    return Head(ridge.coef_.T, ridge.intercept_, float(ridge.alpha_))


def scipy_loop(work: Work, penalties: Sequence[float]) -> Head:
    """Blocks of features, half a Gram matrix by ``ssyrk`` in float32, then Cholesky in float64."""
    one_hot = work.one_hot_K()
    n, p, k = len(work.y_N), len(work.b_P), len(one_hot)
    gram_PP, cross_PK = np.zeros((p, p), dtype=np.float32, order="F"), np.zeros((p, k))
    sum_P, share_K = np.zeros(p), np.bincount(work.y_N) / n
    for phi_NP, y_N in work.blocks():
        gram_PP = scipy.linalg.blas.ssyrk(1, phi_NP.T, 1, gram_PP, lower=1, overwrite_c=1)
        cross_PK += phi_NP.T @ one_hot[y_N]
        sum_P += phi_NP.sum(0, dtype=np.float64)
    a_PP = gram_PP.astype(np.float64)
    a_PP -= np.outer(sum_P, sum_P / n)
    a_PP.flat[:: p + 1] += penalties[0]
    factor = scipy.linalg.cho_factor(a_PP, lower=True, overwrite_a=True, check_finite=False)
    beta_PK = scipy.linalg.cho_solve(factor, cross_PK - np.outer(sum_P, share_K), check_finite=False)
    return Head(beta_PK, share_K - sum_P / n @ beta_PK, penalties[0])


def torch_loop(work: Work, penalties: Sequence[float]) -> Head:
    """Blocks of features, the whole Gram matrix in float32 as torch multiplies by default, sums and Cholesky in float64."""
    x_ND, y_N, W_DP, b_P = map(torch.from_numpy, work)
    n, p, k = len(y_N), len(b_P), len(work.one_hot_K())
    gram_PP, cross_PK, sum_P = (torch.zeros(shape, dtype=torch.float64) for shape in ((p, p), (p, k), (p,)))
    share_K = torch.bincount(y_N).double() / n
    for x, y in zip(x_ND.split(BLOCK), y_N.split(BLOCK), strict=True):
        phi = torch.relu(x @ W_DP + b_P)
        gram_PP += phi.T @ phi
        cross_PK += phi.T @ F.one_hot(y, k).float()
        sum_P += phi.sum(0, dtype=torch.float64)
    gram_PP -= torch.outer(sum_P, sum_P / n)
    gram_PP.diagonal().add_(penalties[0])
    beta_PK = torch.cholesky_solve(cross_PK - torch.outer(sum_P, share_K), torch.linalg.cholesky(gram_PP))
    return Head(beta_PK.numpy(), (share_K - sum_P / n @ beta_PK).numpy(), penalties[0])


def hpelm(work: Work, penalties: Sequence[float]) -> Head:
    """In float32, its faster way. It has no intercept: a feature that is always 1 stands for it, and is penalised."""
    from hpelm import ELM

    n_inputs, p = work.W_DP.shape
    elm = ELM(n_inputs, len(work.one_hot_K()), batch=BLOCK, precision="single", norm=penalties[0])
    elm.flist += ("relu",)
    elm.nnet.func["relu"] = features
    W_DQ, b_Q = np.hstack([work.W_DP, np.zeros((n_inputs, 1), dtype=np.float32)]), np.append(work.b_P, np.float32(1))
    elm.add_neurons(p + 1, "relu", W_DQ, b_Q)
    elm.train(work.x_ND, work.one_hot_K()[work.y_N])
    return Head(elm.nnet.B[:-1], elm.nnet.B[-1], penalties[0])


def skelm(work: Work, penalties: Sequence[float]) -> Head:
    """Its ELMClassifier on blocks of rows, with W in place of its own projection and b in the activation."""
    from skelm import BatchCholeskySolver, ELMClassifier, HiddenLayer

    def activation(z_NP: np.ndarray) -> np.ndarray:
        z_NP += work.b_P
        return np.maximum(z_NP, 0, out=z_NP)

    layer = HiddenLayer(n_neurons=len(work.b_P), ufunc=activation).fit(work.x_ND[:1])
    layer.projection_.components_ = work.W_DP.T
    elm = ELMClassifier(alpha=penalties[0], batch_size=BLOCK)
    elm.n_features_, elm.hidden_layers_, elm.solver_ = work.x_ND.shape[1], (layer,), BatchCholeskySolver(penalties[0])
    elm.partial_fit(work.x_ND, work.y_N)
    return Head(elm.coef_, elm.intercept_, penalties[0])
