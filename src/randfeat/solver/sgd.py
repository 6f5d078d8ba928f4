"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from randfeat.part import setting
from randfeat.registry import register
from randfeat.solver.gradient import AbstractGradient


@register("solver", "sgd")
@dataclass(frozen=True, kw_only=True)
class Sgd(AbstractGradient):
    """Stochastic gradient descent with Nesterov momentum.

    ``v = momentum * v + g``, ``w -= lr * (g + momentum * v)``, with ``g`` the gradient plus ``weight_decay * w``.

    See: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.
    """

    momentum: float = setting(0.9, ge=0, lt=1)
    nesterov: bool = True

    def optimizer(self, tensors: Iterable[Tensor]) -> Optimizer:
        """See :meth:`AbstractGradient.optimizer`."""
        nesterov = self.nesterov and self.momentum > 0
        return torch.optim.SGD(tensors, lr=self.lr, momentum=self.momentum, nesterov=nesterov, weight_decay=self.weight_decay)
