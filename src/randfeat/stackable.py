"""Which runs can train in one stack."""

from __future__ import annotations

import functools
import warnings

import torch

from randfeat.arch import AbstractArch
from randfeat.model import LONG, Model
from randfeat.network import slots
from randfeat.solver import AbstractGradient
from randfeat.spec import RunSpec, hashed
from randfeat.split import Entries, Selection, n_trained, split
from randfeat.stacked import Stacked
from randfeat.typing import Task


def stack_key(spec: RunSpec) -> str | None:
    """A word that runs have in common which can train in one stack; None for a run that cannot.

    They may differ in the seeds of weights, subset and order, in the law, in every setting of a gradient solver but
    ``epochs`` and ``batch_size``, and in which rows or entries of a tensor train, not in how many. A run whose network
    draws while it trains (dropout), that computes in mixed precision, that has so many units that it trains in segments, or
    whose rows have several answers or numbers for an answer, trains alone.
    """
    solver, net, task = spec.solver, spec.network(), spec.data.task
    is_long = len(net) - spec.n_frozen > LONG
    if not isinstance(solver, AbstractGradient) or spec.precision == "mixed" or task.answers or task.numbers or is_long:
        return None
    selection = spec.selection
    trained = _structure(selection, {name: tensor.shape for name, tensor in net.named_parameters()})
    if not trained or not _stacks(spec.arch, task, tuple(trained), spec.subset.statistics):
        return None
    return hashed(
        {
            "data": [spec.data.identity(), spec.seeds.data],
            "arch": spec.arch.identity(),
            "trained": trained,
            "begins": dict(spec.subset.begins(net, spec.seeds.subset)),
            "statistics": spec.subset.statistics,
            "steps": [solver.epochs, solver.batch_size],
            "precision": spec.precision,
        }
    )


def _structure(selection: Selection, shapes: dict[str, torch.Size]) -> dict[str, str]:
    """Of each tensor in which something trains: in what form, and how many entries."""
    numbers = n_trained(selection, shapes)
    form = {bool: "whole", Entries: "entries"}
    return {name: f"{form.get(type(c), 'rows')} {numbers[name]}" for name, c in selection.items() if c is not False}


@functools.lru_cache(maxsize=64)
def _stacks(arch: AbstractArch, task: Task, trained: tuple[str, ...], statistics: str) -> bool:
    """Whether this network can be computed in a stack while these tensors train: tried on the meta device, without numbers."""
    net = arch.build(task)
    weights = {slot.name: torch.empty(slot.shape, device="meta") for slot in slots(net)}
    model = Model(net, split(weights, {name: name in trained for name in weights}), statistics, lambda x: x, "float32")
    stacked = Stacked([model, model], arch.build(task))
    tensors = {name: tensor.requires_grad_() for name, tensor in stacked.trained.items()}
    stacked.train_mode()
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # of operations done run by run after all
            scores_SNK = stacked.logits(tensors, torch.empty(2, 2, *task.shape, device="meta"))
            scores_SNK.sum().backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, UserWarning):
        return False
    return True
