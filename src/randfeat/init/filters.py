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
from randfeat.init.from_inputs import AbstractFromInputs
from randfeat.init.windows import Windows
from randfeat.network import Slot
from randfeat.part import setting
from randfeat.seeds import Stream
from randfeat.typing import Examples, Weights


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
    def filters(self, windows: Windows, n: int, stream: Stream) -> Tensor:
        """(n, d): filters of any norm; or fewer, which then come again in turn; none where nothing varies."""

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return stream.standard_normal(shape, dtype=np.float32) * np.float32(self.gain / math.sqrt(fans(shape).fan_in))

    def refill(self, slot: Slot, drawn: Weights, inputs: Examples, stream: Stream) -> Tensor:
        """See :meth:`AbstractFromInputs.refill`."""
        n_groups = slot.layer.groups if isinstance(slot.layer, nn.Conv2d) else 1
        n = slot.shape[0] // n_groups
        banks = []
        for group, as_drawn in enumerate(torch.split(drawn["weight"].flatten(1), n)):
            found = self.filters(Windows(slot, inputs, group), n, stream)
            banks.append(self.gain * F.normalize(found, dim=1)[torch.arange(n) % len(found)] if len(found) else as_drawn)
        return torch.cat(banks).reshape(slot.shape)
