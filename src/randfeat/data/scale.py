"""Rows as float32 on a common scale, fitted on the training rows: standardised, whitened, or left as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randfeat.data.dataset import Scale
from randfeat.errors import ConfigError

ROWS_AT_ONCE = 4096
LARGEST_ZCA = 12288
"""D above which whitening is refused: its D x D matrices would take more than 1 GiB each."""


def as_float(x: Tensor) -> Tensor:
    """float32: images from 0 to 1, vectors as they are."""
    return x.to(torch.float32) / 255 if x.dtype == torch.uint8 else x.to(torch.float32)


def each_standardised(x: Tensor) -> Tensor:
    """``(x - mean) / std`` of each row, over all of its numbers: nothing is fitted. A constant row becomes zeros.

    The variance is the mean squared deviation.
    """
    z_ND = as_float(x).flatten(1)
    centred_ND = z_ND - z_ND.mean(1, keepdim=True)
    constant_N1 = (z_ND == z_ND[:, :1]).all(1, keepdim=True)
    scaled_ND = centred_ND / centred_ND.square().mean(1, keepdim=True).sqrt()
    return torch.where(constant_N1, 0.0, scaled_ND).view(x.shape)


@dataclass(frozen=True)
class Standardised:
    """``(x - mean) / std``, per channel for images, sequences and graphs, and per column for vectors."""

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """(N, ...) as kept -> (N, ...) float32."""
        return (as_float(x) - self.mean) / self.std


@dataclass(frozen=True)
class Whitened:
    """``(z - mean) @ W`` of the standardised rows z, all inputs of a row together."""

    standardised: Standardised
    mean: Tensor
    W_DD: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """(N, ...) as kept -> (N, ...) float32."""
        z_ND = self.standardised(x).flatten(1)
        return ((z_ND - self.mean) @ self.W_DD).view(x.shape)


def fit_standardised(x: Tensor, device: torch.device) -> Standardised:
    """Mean 0 and variance 1 on these rows; a channel or column that is constant is divided by 1.

    The variance is the mean squared deviation (divided by N). Statistics are computed in float64 on the CPU.
    """
    if x.dtype == torch.uint8:
        mean, std = _byte_moments(x if x.ndim == 4 else x.movedim(-1, 1))
        mean, std = (moment.view(-1, 1, 1) if x.ndim == 4 else moment for moment in (mean, std))
    else:
        mean, std = _vector_moments(x.flatten(0, -2))
    return Standardised(mean.to(torch.float32).to(device), std.to(torch.float32).to(device))


def _byte_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation by channel, axis 1, exactly: from how often each of the 256 values occurs."""
    counts_CV = torch.stack([torch.bincount(channel.reshape(-1), minlength=256) for channel in x.unbind(1)])
    share_CV = counts_CV.to(torch.float64) / counts_CV.sum(1, keepdim=True)
    value_V = torch.arange(256, dtype=torch.float64) / 255
    mean_C = share_CV @ value_V
    std_C = (share_CV * (value_V - mean_C[:, None]) ** 2).sum(1).sqrt()
    return mean_C, torch.where(std_C == 0, 1.0, std_C)


def _vector_moments(x_ND: Tensor) -> tuple[Tensor, Tensor]:
    constant_D = x_ND.amin(0) == x_ND.amax(0)
    wide_ND = x_ND.to(torch.float64)
    return wide_ND.mean(0), torch.where(constant_D, 1.0, wide_ND.std(0, correction=0))


def fit_whitened(x: Tensor, epsilon: float, device: torch.device) -> Whitened:
    """Zero-phase whitening (ZCA) of the standardised rows.

    ``W = U diag((s + epsilon)^-1/2) U^T`` where ``U diag(s) U^T`` is the covariance of the rows (divided by N), so that
    the covariance becomes ``U diag(s / (s + epsilon)) U^T``: the identity, less what epsilon damps. Computed in float64
    on the CPU.

    Raises:
        ConfigError: more than ``LARGEST_ZCA`` inputs.
    Cost: N D^2 multiply-adds and one D x D eigendecomposition (D = 3072: under a minute).
    See: Bell and Sejnowski, Vision Research 37 (1997); Coates, Lee and Ng, AISTATS (2011).
    """
    n_inputs = x[0].numel()
    if n_inputs > LARGEST_ZCA:
        raise ConfigError(
            f"data.scaling=zca is for at most {LARGEST_ZCA} inputs, and these rows have {n_inputs}."
            " Use data.resize to make the images smaller, or data.scaling=standardise."
        )
    standardised = fit_standardised(x, torch.device("cpu"))
    mean_D, cov_DD = _covariance(x, standardised)
    s_D, U_DD = torch.linalg.eigh(cov_DD)
    W_DD = (U_DD / (s_D.clamp(min=0) + epsilon).sqrt()) @ U_DD.T
    at_device = Standardised(standardised.mean.to(device), standardised.std.to(device))
    return Whitened(at_device, mean_D.to(torch.float32).to(device), W_DD.to(torch.float32).to(device))


def _covariance(x: Tensor, scale: Scale) -> tuple[Tensor, Tensor]:
    n, n_inputs = len(x), x[0].numel()
    sum_D = torch.zeros(n_inputs, dtype=torch.float64)
    gram_DD = torch.zeros(n_inputs, n_inputs, dtype=torch.float64)
    for rows in torch.split(x, ROWS_AT_ONCE):
        z_ND = scale(rows).flatten(1).to(torch.float64)
        sum_D += z_ND.sum(0)
        gram_DD += z_ND.T @ z_ND
    mean_D = sum_D / n
    return mean_D, gram_DD / n - torch.outer(mean_D, mean_D)
