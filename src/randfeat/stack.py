"""Runs that differ in numbers alone, trained together on one device: the same records as one by one, in less time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from randfeat.cost import Meter
from randfeat.data import Dataset
from randfeat.init import NOTHING
from randfeat.machine import fits, memory_left
from randfeat.model import Model
from randfeat.network import slots
from randfeat.prefix import Prefix
from randfeat.run import Recall, Run, build, finished, loaded, prepared, problem, scored, sources
from randfeat.shelf import Shelf
from randfeat.solver import AbstractGradient, Problem, StackedProblem, StackedTraining, Watch
from randfeat.spec import RunSpec
from randfeat.split import split
from randfeat.stackable import stack_key as stack_key
from randfeat.stacked import Stacked
from randfeat.typing import Examples


def run_stack(
    specs: Sequence[RunSpec],
    device: torch.device,
    folder: Path,
    watches: Sequence[Watch],
    recall: Recall = NOTHING.recall,
    shelf: Shelf | None = None,
) -> list[Run]:
    """The runs of these specs, trained together; what :func:`randfeat.run.run_one` gives of each, up to rounding.

    Weights, rows and augmentation of a run come from its own streams. Scores are computed run by run. ``fit_s`` and
    ``total_s`` are a run's share of the stack's; the cost ``stacked`` says of how many runs, and ``peak_mib`` is that of all.

    Args:
        specs: with one :func:`stack_key`.
        device: where to.
        folder: where the data sets lie.
        watches: one for each run, told about its progress.
        recall: gives the weights of runs on record, to laws that start from one.
        shelf: what other runs of the command may have computed already.

    Raises:
        ValueError: they cannot train together.
        DataError: the data set is missing or malformed.
        torch.OutOfMemoryError: there are too many of them for the device.
    """
    keys = {stack_key(spec) for spec in specs}
    if None in keys or len(keys) != 1:
        raise ValueError("these runs do not train in one stack")
    by_solver = sorted(range(len(specs)), key=lambda s: str(specs[s].solver))  # those with the same solver are neighbours
    specs, watches = [specs[s] for s in by_solver], [watches[s] for s in by_solver]
    meter, shelf = Meter(device), shelf or Shelf()
    data = loaded(specs[0], device, folder, shelf)
    models = [build(spec, data, device, sources(data, folder, recall), shelf) for spec in specs]
    prefixes, kept = _prefixes(specs, models, data, shelf)
    start = meter.seconds
    seen = {} if data.augment is not None else kept
    each = zip(specs, models, prefixes, watches, strict=True)
    problems = [problem(spec, model, data, prefix, watch) for spec, model, prefix, watch in each]
    fitted = training(specs, models, data, problems, seen).fit()
    fit_s = meter.seconds - start
    results = [scored(*one) for one in zip(models, prefixes, fitted, strict=True)]
    cost = {"fit_s": fit_s / len(specs), "total_s": meter.seconds / len(specs), "peak_mib": meter.peak_mib}
    cost["stacked"] = float(len(specs))
    runs = [finished(spec, device, m, *result, cost) for spec, m, result in zip(specs, models, results, strict=True)]
    return [run for _, run in sorted(zip(by_solver, runs, strict=True), key=lambda pair: pair[0])]


def _prefixes(
    specs: Sequence[RunSpec], models: Sequence[Model], data: Dataset, shelf: Shelf
) -> tuple[list[Prefix], Mapping[str, Tensor]]:
    """What the first unit that trains sees, of each run, and stacked by split (S, N, ...); the latter kept for all or none."""
    prefixes = [prepared(spec, model, data, shelf) for spec, model in zip(specs, models, strict=True)]
    n_bytes = sum(outputs.nbytes for prefix in prefixes for outputs in prefix.kept.values())
    if not all(prefix.kept for prefix in prefixes) or not fits(n_bytes, models[0].device):
        return [Prefix(model, data, {}) for model in models], {}
    stacked = {name: torch.stack([prefix.kept[name] for prefix in prefixes]) for name in prefixes[0].kept}
    views = [{name: outputs[s] for name, outputs in stacked.items()} for s in range(len(specs))]
    return [Prefix(model, data, view) for model, view in zip(models, views, strict=True)], stacked


def training(
    specs: Sequence[RunSpec],
    models: Sequence[Model],
    data: Dataset,
    problems: Sequence[Problem],
    kept: Mapping[str, Tensor],
) -> StackedTraining:
    """The fits of these runs, about to begin. ``kept``: the outputs of the prefix where they are to be used."""
    net = specs[0].solver.network(specs[0].arch.build(data.task), data.task)
    stacked = Stacked(models, net, models[0].first if kept else 0)
    rows = _Rows(models[0], data, problems, kept)
    solvers = [cast(AbstractGradient, spec.solver) for spec in specs]
    return StackedTraining(
        solvers,
        StackedProblem(problems, stacked.trained, rows.train, rows.val, stacked.logits, stacked.train_mode, stacked.score_mode),
    )


class _Rows:
    """Rows of the data as the networks of a stack take them: raw rows scaled, or what is kept of them."""

    def __init__(self, model: Model, data: Dataset, problems: Sequence[Problem], kept: Mapping[str, Tensor]) -> None:
        self._model, self._data, self._kept = model, data, kept
        self._streams = [each.order for each in problems]

    def train(self, rows_SB: Tensor) -> Tensor:
        """Those of each run (S, B, ...), changed at random by its own stream where they are to be."""
        if self._kept:
            return self._kept["train"][torch.arange(len(rows_SB), device=rows_SB.device)[:, None], rows_SB]
        x = self._data.train.x[rows_SB]
        if (augment := self._data.augment) is not None:
            x = torch.stack([augment(x_B, stream) for x_B, stream in zip(x, self._streams, strict=True)])
        return self._scaled(x)

    def val(self, rows_B: Tensor) -> Tensor:
        """The same for every run, (S, B, ...)."""
        if self._kept:
            return self._kept["val"][:, rows_B]
        x = self._scaled(self._data.val.x[rows_B][None])
        return x.expand(len(self._streams), *x.shape[1:])

    def _scaled(self, x: Tensor) -> Tensor:
        return self._model.scale(x.flatten(0, 1)).to(self._model.dtype).reshape(x.shape)


def stack_size(spec: RunSpec, device: torch.device, wanted: int | None = None) -> int:
    """How many runs like this to train together.

    Args:
        spec: with a :func:`stack_key`.
        device: where to.
        wanted: this many; None: on the CPU one, on CUDA as many as half of the memory that is left holds, by one step of one
            run tried there. What a run keeps of its prefix does not count: if it is too much, the stack runs out of memory.
    """
    if wanted is not None:
        return wanted
    return max(1, int(memory_left(device) / 2 / _bytes(spec, device))) if device.type == "cuda" else 1


def _bytes(spec: RunSpec, device: torch.device) -> int:
    """The most memory that a step of one run takes on CUDA, its tensors included; all numbers are zero."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    solver, task = cast(AbstractGradient, spec.solver), spec.data.task
    rows = Examples(
        torch.zeros(solver.batch_size, *task.shape, device=device),
        torch.zeros(solver.batch_size, dtype=torch.int64, device=device),
    )
    none = Examples(rows.x[:0], rows.y_N[:0])
    data = Dataset(task, rows, none, none, lambda x: x, None)
    net = solver.network(spec.arch.build(task), task)
    dtype = torch.float64 if spec.precision == "float64" else torch.float32
    weights = {slot.name: torch.zeros(slot.shape, dtype=dtype, device=device) for slot in slots(net)}
    sides = split(weights, spec.selection)
    model = Model(net, sides, spec.subset.statistics, data.scale, spec.precision)
    seen = problem(spec, model, data, Prefix(model, data, {}), lambda step: None)
    training([spec], [model], data, [seen], {}).step(torch.arange(solver.batch_size, device=device)[None])
    return torch.cuda.max_memory_allocated(device) - before
