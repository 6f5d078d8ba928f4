"""Orthonormal weights, each layer then scaled so that its output has variance 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch.func import functional_call

from randfeat.init.from_inputs import AbstractFromInputs, Inputs
from randfeat.init.orthogonal import Orthogonal
from randfeat.network import Slot
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream
from randfeat.typing import Weights


@register("init", "lsuv")
@dataclass(frozen=True, kw_only=True)
class Lsuv(AbstractFromInputs):
    """Layer-sequential unit variance: orthonormal weights, divided by the standard deviation of the layer's output.

    From the first layer to the last, the head included: the weight is divided by the standard deviation of all numbers that
    the layer gives for the rows, until their variance is 1 to within ``tolerance`` or ``iterations`` divisions are done. One
    division does it unless there are biases.

    See: Mishkin and Matas, "All you need is a good init", ICLR 2016.
    """

    tolerance: float = setting(0.01, gt=0)
    iterations: int = setting(10, ge=1)

    fills_head: ClassVar[bool] = True

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return Orthogonal().weight(shape, stream)

    def refill(self, slot: Slot, drawn: Weights, inputs: Inputs, stream: Stream) -> Weights:
        """See :meth:`AbstractFromInputs.refill`."""
        weight = drawn["weight"]
        for _ in range(self.iterations):
            output = functional_call(slot.layer, drawn | {"weight": weight}, (inputs.x,))
            variance = output.var(correction=0)
            if abs(variance - 1) < self.tolerance:
                break
            weight = weight / variance.sqrt()
        return {"weight": weight}
