"""One run, from its spec to its record: load, build, draw, split, fit, score. The file to read first."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from randfeat.cost import Meter
from randfeat.data import Dataset
from randfeat.errors import ResultsError
from randfeat.init import NOTHING, Sources, draw
from randfeat.machine import environment
from randfeat.metrics import accuracy, explained, loss, small_share
from randfeat.model import Model, channels_last, order_channels_last
from randfeat.network import Network, Role, connect, roles
from randfeat.prefix import SPLITS, Prefix, kept
from randfeat.record import Record, Status
from randfeat.seeds import stream
from randfeat.shelf import Shelf
from randfeat.solver import NEVER, Checkpoint, Fitted, Problem, Watch, alone
from randfeat.spec import RunSpec
from randfeat.split import n_trained, split
from randfeat.typing import Examples, Weights

VERSION = version("randfeat")


@dataclass(frozen=True)
class Run:
    """A finished run: its record, one row per epoch, and the tensors that its seed alone does not give."""

    record: Record
    curve: list[dict[str, float]]
    tensors: dict[str, np.ndarray]


Recall = Callable[[str], Weights]
"""Key of a run on record -> every tensor of its network as that run left it."""


def run_one(
    spec: RunSpec,
    device: torch.device,
    folder: Path,
    watch: Watch = lambda step: None,
    recall: Recall = NOTHING.recall,
    shelf: Shelf | None = None,
    checkpoint: Checkpoint = NEVER,
    pieces: int = 1,
) -> Run:
    """Fit what the spec's subset trains, and score it.

    Args:
        spec: what to run.
        device: where to; it does not change the weights that are drawn.
        folder: where the data sets lie.
        watch: is told about progress.
        recall: gives the weights of runs on record, to laws that start from one.
        shelf: what other runs of the command may have computed already.
        checkpoint: where a fit by gradient steps leaves its state, and goes on from after an interruption.
        pieces: blocks of rows pass the network in so many, to need less memory; the numbers are the same but for rounding.

    Raises:
        DataError: the data set is missing or malformed.
    """
    meter, shelf = Meter(device), shelf or Shelf()
    data = loaded(spec, device, folder, shelf)
    model = build(spec, data, device, sources(data, folder, recall), shelf)
    model.pieces = pieces
    prefix = prepared(spec, model, data, shelf)
    start = meter.seconds
    fitted = spec.solver.fit(problem(spec, model, data, prefix, watch, checkpoint))
    fit_s = fitted.earlier_s + meter.seconds - start
    fitted, metrics = scored(model, prefix, fitted)
    cost = {"fit_s": fit_s, "total_s": fitted.earlier_s + meter.seconds, "peak_mib": meter.peak_mib}
    return finished(spec, device, model, fitted, metrics, cost)


def scored(model: Model, prefix: Prefix, fitted: Fitted) -> tuple[Fitted, dict[str, float]]:
    """The fit with its scores, once norm layers have recorded anew; none where it is not ok, or where they are not finite."""
    model.record_statistics(fitted.trained, prefix.blocks("train"), model.moving)
    metrics = score(model, fitted.trained, prefix) | fitted.metrics if fitted.status == Status.OK else {}
    if not all(map(math.isfinite, metrics.values())):
        return replace(fitted, status=Status.NON_FINITE, reason="the final scores were not finite"), {}
    return fitted, metrics


def finished(
    spec: RunSpec, device: torch.device, model: Model, fitted: Fitted, metrics: dict[str, float], cost: dict[str, float]
) -> Run:
    """The run with its record."""
    chosen = {f"chosen/{name}": value for name, value in fitted.chosen.items()}
    if spec.solver.scores_test and "test/accuracy" in metrics:
        seen = [row["test/accuracy"] for row in fitted.curve]
        metrics = metrics | {"test/best_accuracy": max([metrics["test/accuracy"], *seen])}
    record = new_record(spec, device, fitted, metrics | chosen, cost | parameters(spec))
    return Run(record, fitted.curve, _arrays(fitted.trained | _statistics(model)))


def loaded(spec: RunSpec, device: torch.device, folder: Path, shelf: Shelf) -> Dataset:
    """The spec's data set, from the shelf where it lies there."""
    seed = spec.seeds.data
    return shelf.data(spec.data, seed, device, lambda: spec.data.load(seed, folder, device))


def sources(data: Dataset, folder: Path, recall: Recall) -> Sources:
    """What laws may look at: the training rows as the network sees them, runs on record, the data folder."""

    def rows(n: int) -> Examples:
        return Examples(data.scale(data.train.x[:n]).float().cpu(), data.train.y_N[:n].cpu())

    return Sources(rows, recall, folder)


def build(spec: RunSpec, data: Dataset, device: torch.device, sources: Sources = NOTHING, shelf: Shelf | None = None) -> Model:
    """The network with its weights drawn and split, before anything is fitted."""
    dtype = torch.float64 if spec.precision == "float64" else torch.float32

    def drawn() -> tuple[Network, Weights]:
        net = copy.deepcopy(spec.network())
        if data.edges is not None:
            connect(net, data.edges)
        tensors = draw(spec.init, net, spec.seeds.weights, sources)
        order_channels_last(net)
        return net, {name: channels_last(tensor.to(device, dtype)) for name, tensor in tensors.items()}

    shapes = tuple((name, tensor.shape) for name, tensor in spec.network().named_parameters())
    net, weights = (shelf or Shelf()).drawn(spec.network_key, shapes, drawn)
    sides = split(weights, spec.selection, frozen_rows=spec.subset.frozen_rows)
    return Model(net, sides, spec.subset.statistics, data.scale, spec.precision)


def prepared(spec: RunSpec, model: Model, data: Dataset, shelf: Shelf) -> Prefix:
    """What the first unit that trains will see; kept where nothing random changes the rows, or where other runs ask for it.

    A head that is fitted in one pass alone keeps nothing, so that its memory does not grow with the rows.
    """
    as_drawn = not model.weights.places or spec.subset.frozen_rows == "random"
    shared = shelf.open(spec.network_key) and as_drawn
    (shelf if shared else Shelf()).record_statistics(model, data.train.x)
    seen_often = spec.solver.fits_everything and data.augment is None
    often = SPLITS if spec.solver.scores_test else SPLITS[:2]
    splits = SPLITS if shared else often if seen_often else ()
    outputs = kept(model, data, splits, shelf, shared=shared)
    return Prefix(model, data, outputs, shelf.once(model.units_below, model.device) if shared else alone)


def problem(
    spec: RunSpec, model: Model, data: Dataset, prefix: Prefix, watch: Watch, checkpoint: Checkpoint = NEVER
) -> Problem:
    """The fit as the solver sees it. Rows that are changed at random pass through the prefix anew each time."""
    seen = prefix if data.augment is None else Prefix(model, data, {})
    return Problem(
        trained=model.weights.trained,
        train=seen.examples("train"),
        val=seen.examples("val"),
        n_outputs=data.task.n_outputs,
        augment=data.augment,
        prepare=seen.prepare,
        logits=model.suffix,
        train_mode=model.train_mode,
        score_mode=model.score_mode,
        order=stream(spec.seeds.order, "order"),
        watch=watch,
        begins=spec.subset.begins(model.net, spec.seeds.subset),
        pieces=model.pieces if model.rows_apart else 1,
        once=prefix.once,
        buffers=_statistics(model),
        checkpoint=checkpoint,
        test=test_accuracy(model, prefix) if spec.solver.scores_test and len(prefix.classes("test")) else None,
    )


def test_accuracy(model: Model, prefix: Prefix) -> Callable[[Weights], float]:
    """What scores the test rows in the middle of a fit as they are scored after it, and leaves the fit as it is."""

    def accuracy_of(trained: Weights) -> float:
        with model.statistics_kept():
            model.record_statistics(trained, prefix.blocks("train"), model.moving)
            return accuracy(model.scores(trained, prefix.blocks("test")), prefix.classes("test"))

    return accuracy_of


def score(model: Model, trained: Weights, prefix: Prefix) -> dict[str, float]:
    """Accuracy and mean loss on the training, validation and test rows; how many of the gains that train are small."""
    metrics: dict[str, float] = {}
    for name in SPLITS:
        y_N = prefix.classes(name)
        if len(y_N):
            outputs = model.scores(trained, prefix.blocks(name))
            metrics |= {f"{name}/accuracy": accuracy(outputs, y_N), f"{name}/loss": loss(outputs, y_N)}
            if y_N.is_floating_point() and math.isfinite(share := explained(outputs, y_N)):
                metrics[f"{name}/explained"] = share
    gains = [trained[name] for name, role in roles(model.net).items() if role is Role.GAIN and name in trained]
    return metrics | ({"gamma/small": small_share(gains)} if gains else {})


def score_again(
    spec: RunSpec, tensors: Mapping[str, np.ndarray], device: torch.device, folder: Path, recall: Recall = NOTHING.recall
) -> dict[str, float]:
    """The metrics of a run from its seed and its saved tensors, without fitting."""
    data, model, saved = _restored(spec, tensors, device, folder, recall)
    return score(model, {name: saved[name] for name in model.weights.trained}, Prefix(model, data, {}))


def weights_left(spec: RunSpec, tensors: Mapping[str, np.ndarray], folder: Path, recall: Recall) -> Weights:
    """Every tensor of the network as a run left it, from its seed and its saved tensors; on the CPU."""
    _, model, saved = _restored(spec, tensors, torch.device("cpu"), folder, recall)
    return model.weights.merge({name: saved[name] for name in model.weights.trained})


def _restored(
    spec: RunSpec, tensors: Mapping[str, np.ndarray], device: torch.device, folder: Path, recall: Recall
) -> tuple[Dataset, Model, Weights]:
    data = spec.data.load(spec.seeds.data, folder, device)
    model = build(spec, data, device, sources(data, folder, recall))
    saved = {name: torch.from_numpy(array).to(device) for name, array in tensors.items()}
    wanted = model.weights.trained | _statistics(model)
    if misfits := [name for name, tensor in wanted.items() if name not in saved or saved[name].shape != tensor.shape]:
        raise ResultsError(f"the saved tensors of run {spec.key} do not fit: {misfits[0]}. Run it again with --force.")
    for name in model.buffers.keys() & saved.keys():
        model.buffers[name] = saved[name]
    return data, model, saved


def parameters(spec: RunSpec) -> dict[str, float]:
    """How many numbers the network has, and how many of them train."""
    net = spec.network()
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    trained = n_trained(spec.selection, shapes)
    return {"trained_params": sum(trained.values()), "params": sum(shape.numel() for shape in shapes.values())}


def new_record(
    spec: RunSpec, device: torch.device, fitted: Fitted, metrics: dict[str, float], cost: dict[str, float]
) -> Record:
    """The line that a run leaves."""
    return Record(
        key=spec.key,
        twin=spec.twin.key,
        status=Status(fitted.status),
        reason=fitted.reason,
        spec=spec.to_mapping(),
        metrics=metrics,
        cost=cost,
        environment=environment(device),
        version=VERSION,
        written=now(),
    )


def now() -> str:
    """The time for a record, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _statistics(model: Model) -> Weights:
    return {name: model.buffers[name] for name in model.statistics}


def _arrays(tensors: Weights) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
