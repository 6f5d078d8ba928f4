"""Weights that decode random codes of what their layer sees, taken for encoders: the layers of ML-ELM."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_factor, cho_solve, svd
from scipy.special import expit, rel_entr
from torch import nn

from randfeat.errors import ConfigError, some
from randfeat.init.codes import NUMBERS, Encoder, Sums, summed
from randfeat.init.from_inputs import AbstractFromInputs, Inputs
from randfeat.init.orthogonal import Orthogonal, frame
from randfeat.machine import memory_left
from randfeat.network import Network, Slot
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream
from randfeat.typing import Weights

SPARSITY = 0.05
"""The mean code that the published scale of the penalty compares with."""


@register("init", "elm_autoencoder")
@dataclass(frozen=True, kw_only=True)
class ElmAutoencoder(AbstractFromInputs):
    """A linear layer is the decoder of an extreme learning machine that reconstructs what the layer sees, times gain.

    The autoencoder has as many codes as the layer has outputs. The codes of a row x are ``h = g(slope (W x + b))``: W has
    orthonormal rows, or columns where those are fewer, and b has norm 1, both drawn uniformly; g is the sigmoid, or the
    identity with ``code=linear``. With H and X the codes and the rows, the weight is gain beta, where beta (outputs, inputs)
    minimises

        sum((H beta - X)**2) + penalty * sum_i(scale_i * sum_j(beta_ij**2)),

    without an intercept; biases are as drawn. A square layer takes no penalty: beta is the orthogonal matrix that decodes
    best once the means of H and X are taken off (Procrustes). The head is orthonormal.

    In init=mixed each layer may have settings of its own; there layers are filled in the order of the rules.

    Computed in float64. Sums over the rows are formed by all threads, a part of the result by each, so that their number
    does not show; the system is solved in one.

    Settings:
        penalty: on the squared norm of beta, not divided by the number of rows; 1 / C of the paper.
        scale: ``one``, as in the paper; or ``published``, what the authors' code has: scale_i is the largest entry of row i
            of H'H, plus the sum over all codes of the Kullback-Leibler divergence of their means from 0.05.
        slope: see above.
        code: see above.
        gain: factor on beta; in a layer of sigmoids, their slope.

    Cost: N P (D + P / 2) multiply-adds by all threads and P**3 / 3 + P**2 D by one, for N rows, D inputs and P outputs.
    Memory: P**2 numbers in float64, beside one block of codes.

    See: Kasun, Zhou, Huang and Vong, "Representational learning with ELMs for big data", IEEE Intelligent Systems 28 (2013),
    and github.com/ExtremeLearningMachines/ELM-Auto-Encoder, where W and b are uniform numbers, made orthonormal.
    """

    penalty: float = setting(1.0, gt=0)
    scale: Literal["one", "published"] = "one"
    slope: float = setting(1.0, gt=0)
    code: Literal["sigmoid", "linear"] = "sigmoid"
    gain: float = setting(1.0, gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale == "published" and self.code == "linear":
            raise ConfigError("init.scale=published needs codes from 0 to 1. Use init.code=sigmoid, or init.scale=one.")

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return Orthogonal(gain=self.gain).weight(shape, stream)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        others = [slot.name for slot in super().wanted(net, names) if not isinstance(slot.layer, nn.Linear)]
        if others:
            raise ConfigError(
                f"{self.title()} fills linear layers, not convolutions: {some(others)}. "
                "Use arch=mlp, or init=mixed with another law for them."
            )

    def wanted(self, net: nn.Module, names: Collection[str]) -> list[Slot]:
        """See :meth:`AbstractFromInputs.wanted`. Linear layers alone."""
        return [slot for slot in super().wanted(net, names) if isinstance(slot.layer, nn.Linear)]

    def refill(self, slot: Slot, drawn: Weights, inputs: Inputs, stream: Stream) -> Weights:
        """See :meth:`AbstractFromInputs.refill`. Tokens count as rows."""
        n_outputs, n_inputs = slot.shape
        square = n_outputs == n_inputs
        needed, left = 8 * (0 if square else n_outputs**2) + 8 * NUMBERS, memory_left(torch.device("cpu"))
        if needed > left:
            raise ConfigError(
                f"the autoencoder of {slot.name!r} needs {needed / 2**30:.1f} GiB for its {n_outputs:,} codes, and "
                f"{left / 2**30:.1f} are free. Use a narrower layer."
            )
        x_ND = inputs.x.reshape(-1, n_inputs).numpy()
        sums = summed(x_ND, n_outputs, self._encoder(n_outputs, n_inputs, stream), inputs.threads, gram=not square)
        try:
            beta_PD = nearest_rotation(sums, len(x_ND)) if square else self._decoder(sums, len(x_ND))
        except LinAlgError:
            raise ConfigError(
                f"the autoencoder of {slot.name!r} has no unique solution with init.penalty={self.penalty:g}. Use a larger one."
            ) from None
        return {"weight": torch.from_numpy(self.gain * beta_PD)}

    def _encoder(self, n_codes: int, n_inputs: int, stream: Stream) -> Encoder:
        W_PD, b_P = frame(n_codes, n_inputs, stream), frame(n_codes, 1, stream)[:, 0]

        def encode(x_BD: np.ndarray, codes: slice) -> np.ndarray:
            z = self.slope * (x_BD @ W_PD[codes].T + b_P[codes])
            return np.asarray(expit(z)) if self.code == "sigmoid" else z

        return encode

    def _decoder(self, sums: Sums, n: int) -> np.ndarray:
        """The minimiser, by Cholesky in the Gram matrix's place."""
        scale: np.ndarray | float = 1.0
        if self.scale == "published":
            mean_P = sums.h_P / n
            apart = rel_entr(SPARSITY, mean_P) + rel_entr(1 - SPARSITY, 1 - mean_P)
            scale = np.maximum(sums.gram_PP.max(0), sums.gram_PP.max(1)) + apart.sum()
        np.einsum("ii->i", sums.gram_PP)[...] += self.penalty * scale
        factor = cho_factor(sums.gram_PP.T, lower=True, overwrite_a=True, check_finite=False)
        beta_PD: np.ndarray = cho_solve(factor, sums.cross_PD, overwrite_b=True, check_finite=False)
        return beta_PD


def nearest_rotation(sums: Sums, n: int) -> np.ndarray:
    """The orthogonal matrix that minimises ``sum((H beta - X)**2)`` once the means of both are taken off.

    See: Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
    """
    u, _, vt = svd(sums.cross_PD - np.outer(sums.h_P, sums.x_D) / n)
    rotation: np.ndarray = u @ vt
    return rotation
