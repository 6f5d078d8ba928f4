"""Laws whose filters are made of what their layer sees."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from randfeat.init.base import fans
from randfeat.init.from_inputs import AbstractFromInputs, Inputs
from randfeat.init.windows import Windows
from randfeat.network import Slot
from randfeat.part import setting
from randfeat.seeds import Stream
from randfeat.typing import Weights


@dataclass(frozen=True)
class Bank:
    """Filters as a law finds them.

    Attributes:
        w_nd: a filter of d numbers each.
        zero_nd: for each the window for which it is to give zero; None where biases stay as drawn.
        scaled: whether the filters have the norms that they are to have; else they are scaled to norm 1.
    """

    w_nd: Tensor
    zero_nd: Tensor | None = None
    scaled: bool = False


@dataclass(frozen=True, kw_only=True)
class AbstractFilters(AbstractFromInputs):
    """A law whose filters are made of the windows that they see, each scaled to norm ``gain``.

    So the d entries of a filter have the mean square gain**2 / d, d the fan-in. A filter of a grouped convolution is made of
    the channels of its group. What is not filled so is Gaussian with that variance: the head, and groups in which nothing
    varies, such as dead channels.

    Settings common to these laws:
        gain: the norm of a filter.
    """

    gain: float = setting(1.0, gt=0)

    @abstractmethod
    def filters(self, windows: Windows, n: int, stream: Stream) -> Bank:
        """As many as ``n`` filters; or fewer, which then come again in turn; none where nothing varies."""

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return stream.standard_normal(shape, dtype=np.float32) * np.float32(self.gain / math.sqrt(fans(shape).fan_in))

    def refill(self, slot: Slot, drawn: Weights, inputs: Inputs, stream: Stream) -> Weights:
        """See :meth:`AbstractFromInputs.refill`."""
        n_groups = slot.layer.groups if isinstance(slot.layer, nn.Conv2d) else 1
        n = slot.shape[0] // n_groups
        fresh = {leaf: tensor.double() for leaf, tensor in drawn.items()}
        for group in range(n_groups):
            bank = self.filters(Windows(slot, inputs, group), n, stream)
            if len(bank.w_nd):
                outputs, in_turn = slice(group * n, (group + 1) * n), torch.arange(n) % len(bank.w_nd)
                w_nd = self.gain * (bank.w_nd if bank.scaled else F.normalize(bank.w_nd, dim=1))
                fresh["weight"][outputs] = w_nd[in_turn].reshape(n, *slot.shape[1:])
                if bank.zero_nd is not None and "bias" in fresh:
                    fresh["bias"][outputs] = -(w_nd * bank.zero_nd).sum(1)[in_turn]
        return fresh
