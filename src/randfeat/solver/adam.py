"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from randfeat.part import setting
from randfeat.registry import register
from randfeat.solver.gradient import AbstractGradient


@register("solver", "adam")
@dataclass(frozen=True, kw_only=True)
class Adam(AbstractGradient):
    """Adam; weight decay, where there is any, acts on the weights and not through the gradient (AdamW).

    See: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; Loshchilov and Hutter, "Decoupled weight
    decay regularization", ICLR 2019.
    """

    lr: float = setting(0.001, gt=0)
    beta1: float = setting(0.9, ge=0, lt=1)
    beta2: float = setting(0.999, ge=0, lt=1)

    def optimizer(self, tensors: Iterable[Tensor]) -> Optimizer:
        """See :meth:`AbstractGradient.optimizer`."""
        return torch.optim.AdamW(tensors, lr=self.lr, betas=(self.beta1, self.beta2), weight_decay=self.weight_decay)
