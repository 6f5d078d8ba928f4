"""Learning rates over the steps of a run."""

from __future__ import annotations

from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR, OneCycleLR

ScheduleName = Literal["one_cycle", "step", "constant"]


def schedule(
    name: ScheduleName, optimizer: Optimizer, lr: float, n_steps: int, milestones: tuple[float, ...], decay: float
) -> LRScheduler:
    """The schedule to be stepped after every batch.

    Args:
        name: ``one_cycle`` rises to ``lr`` over the first 30 % of the steps and falls to nearly 0 along cosines (Smith and
            Topin 2019); ``step`` multiplies by ``decay`` at each milestone; ``constant`` stays.
        optimizer: whose rates to set.
        lr: the largest rate.
        n_steps: steps in the whole run.
        milestones: shares of the run, between 0 and 1.
        decay: the factor at each milestone.
    """
    if name == "one_cycle":
        return OneCycleLR(optimizer, max_lr=lr, total_steps=n_steps, cycle_momentum=False)
    if name == "step":
        return MultiStepLR(optimizer, [round(share * n_steps) for share in milestones], gamma=decay)
    return LambdaLR(optimizer, lambda _: 1.0)
