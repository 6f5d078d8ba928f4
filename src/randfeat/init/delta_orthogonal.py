"""Convolutions that keep the norm of every image: an orthogonal matrix at the kernel's centre."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from torch import nn

from randfeat.errors import ConfigError
from randfeat.init.centre import AbstractCentre
from randfeat.init.orthogonal import frame
from randfeat.network import Network, Role, Slot, slots
from randfeat.registry import register
from randfeat.seeds import Stream

NAMED = 4
"""Tensors that the refusal names; it counts the others."""


@register("init", "delta_orthogonal")
@dataclass(frozen=True, kw_only=True)
class DeltaOrthogonal(AbstractCentre):
    """Kernels zero but for their centre, a matrix with orthonormal columns times gain, drawn uniformly: norms are kept.

    With gain 1 a convolution of stride 1 that keeps the size of its map also keeps its norm, whatever the padding: all
    singular values of its linear map are 1. It needs as many outputs as inputs in each group, or more, and kernels of odd
    side, which have a centre. A linear layer is such a matrix too, with orthonormal rows where it has fewer outputs than
    inputs (as the head does). Over the entries of the centre the variance is gain**2 / outputs.

    Cost: one QR factorisation for each group.

    See: Xiao, Bahri, Sohl-Dickstein, Schoenholz and Pennington, "Dynamical isometry and a mean field theory of CNNs",
    ICML 2018.
    """

    def matrix(self, outputs: int, inputs: int, stream: Stream) -> np.ndarray:
        """See :meth:`AbstractCentre.matrix`."""
        return frame(outputs, inputs, stream)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        wrong = [fault for slot in slots(net) if slot.name in names and (fault := _fault(slot))]
        if wrong:
            more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
            raise ConfigError(
                "init=delta_orthogonal needs convolutions with no fewer outputs than inputs and with kernels of odd side; "
                f"not so: {', '.join(wrong[:NAMED])}{more}. Use init=orthogonal, which takes any shape."
            )


def _fault(slot: Slot) -> str:
    if slot.role is not Role.WEIGHT or not isinstance(slot.layer, nn.modules.conv._ConvNd):
        return ""
    outputs, inputs = slot.shape[0] // slot.layer.groups, slot.shape[1]
    if outputs < inputs:
        return f"{slot.name!r} ({outputs} outputs, {inputs} inputs)"
    if any(side % 2 == 0 for side in slot.shape[2:]):
        return f"{slot.name!r} (kernel {'x'.join(map(str, slot.shape[2:]))})"
    return ""
