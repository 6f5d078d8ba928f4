"""A probe, from its spec to its record: what a random network does to the rows, measured before any training."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from randfeat.arch import AbstractArch
from randfeat.cost import Meter
from randfeat.data import AbstractData, Dataset
from randfeat.errors import ConfigError
from randfeat.init import AbstractInit, draw
from randfeat.machine import environment
from randfeat.model import Precision
from randfeat.network import INPUT, Network, connect
from randfeat.probe.best_inputs import best_inputs
from randfeat.probe.catalogue import OF_A_LAW, Probe
from randfeat.probe.distances import distances
from randfeat.probe.features import features
from randfeat.probe.gradients import gradient_histogram, gradient_norms
from randfeat.probe.jacobian import jacobian
from randfeat.probe.kernels import Draw, kernels
from randfeat.probe.signal import signal
from randfeat.probe.spectrum import spectrum
from randfeat.probe.walk import Readings, layout
from randfeat.record import Record, Status
from randfeat.registry import make_part
from randfeat.run import Recall, now, sources
from randfeat.seeds import stream
from randfeat.spec import RunSpec, Seeds
from randfeat.store import Store
from randfeat.sweep import recalling
from randfeat.typing import Examples, Weights
from randfeat.work import memory_was_short


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """What a probe is a function of: data, architecture and law with their two seeds, precision, and what is measured."""

    data: AbstractData
    arch: AbstractArch
    init: AbstractInit
    seeds: Seeds
    precision: Precision
    probe: Probe

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], probe: Probe) -> ProbeSpec:
        """The probe of the network that a run with this mapping starts from.

        What the run trains, and how, is no part of a probe: it is checked for itself and left out.

        Raises:
            ConfigError: the words of a run mean nothing, or mixed precision is asked for.
        """
        for family in ("subset", "solver"):
            make_part(family, mapping.get(family) or {})
        whole = {"subset": {"part": "all"}, "solver": {"part": "sgd", "keep": "last"}, "twin": None}
        run = RunSpec.from_mapping({**mapping, **whole})
        if run.precision == "mixed":
            raise ConfigError("a probe computes in float32 or float64, not in mixed precision. Use precision=float32.")
        seeds = Seeds(data=run.seeds.data, weights=run.seeds.weights)
        return cls(data=run.data, arch=run.arch, init=run.init, seeds=seeds, precision=run.precision, probe=probe)

    def with_seed(self, k: int) -> ProbeSpec:
        """The k-th repetition: the seed of the weights raised by k, the same data."""
        return self.with_seeds(self.seeds.data, self.seeds.weights + k)

    def with_seeds(self, data: int, weights: int) -> ProbeSpec:
        """The same with these seeds."""
        return dataclasses.replace(self, seeds=Seeds(data=data, weights=weights))

    @property
    def draws_filters(self) -> bool:
        """Whether the law draws a filter from its shape alone, with no look at data, at other runs or at its name."""
        return type(self.init).adapt is AbstractInit.adapt

    def weight(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """A weight of this name that the law draws from its shape, on the CPU; it belongs to no network."""
        with np.errstate(over="ignore"):  # a gain beyond float32 gives infinite weights, as in a network
            array = self.init.weight(shape, stream(self.seeds.weights, "probe", name))
        return torch.as_tensor(array, dtype=torch.float32)

    def of(self, probe: Probe) -> ProbeSpec:
        """Another probe of the same network."""
        return dataclasses.replace(self, probe=probe)

    @property
    def unit_names(self) -> list[str]:
        """What is measured: the input, the units and the head."""
        return [INPUT, *(name for name, _ in self.arch.build(self.data.task).named_children())]

    def to_mapping(self) -> dict[str, Any]:
        """The whole spec as JSON has it."""
        parts = {name: getattr(self, name).settings() for name in ("data", "arch", "init", "probe")}
        seeds = {"data": self.seeds.data, "weights": self.seeds.weights}
        return {**parts, "seeds": seeds, "precision": self.precision}

    @property
    def key(self) -> str:
        """12 hexadecimal digits of SHA-256 over the canonical JSON, settings at their default left out."""
        identity = {name: getattr(self, name).identity() for name in ("data", "arch", "init", "seeds", "probe")}
        text = json.dumps(identity | {"precision": self.precision}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Subject:
    """A network before training, and the rows that it is shown; on one device, in one precision."""

    net: Network
    weights: Weights
    rows: Examples
    draw: Draw


PROBES: Mapping[str, Callable[[Subject], Readings]] = {
    "signal": lambda s: signal(s.net, s.weights, s.rows.x),
    "gradients": lambda s: gradient_norms(s.net, s.weights, s.rows.x, s.rows.y_N),
    "histogram": lambda s: gradient_histogram(s.net, s.weights, s.rows.x, s.rows.y_N),
    "jacobian": lambda s: jacobian(s.net, s.weights, s.rows.x),
    "features": lambda s: features(s.net, s.weights, s.rows.x, s.rows.y_N),
    "distances": lambda s: distances(s.net, s.weights, s.rows.x),
    "spectrum": lambda s: spectrum(s.net, s.weights, s.rows.x),
    "kernels": lambda s: kernels(s.draw),
    "best_inputs": lambda s: best_inputs(s.draw),
}
"""How each kind of probe measures."""


def probe_missing(
    specs: Iterable[ProbeSpec],
    store: Store,
    device: torch.device,
    folder: Path,
    *,
    force: bool = False,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Record]:
    """The records of these probes by key: from the store where they are finished, else made now and saved one by one.

    Args:
        specs: what is wanted; a spec that comes twice is probed once.
        store: where records of probes are and go; those of runs beside them are there for laws that start from one.
        device: where to compute.
        folder: where the data sets lie.
        force: probe again what is on record.
        done: is told of every spec, probed or found.
    """
    store.prepare()
    records = {} if force else dict(store.finished())
    recall = recalling(Store(store.folder), folder)
    subjects = _Subjects(device, folder, recall)
    for spec in specs:
        if spec.key not in records:
            records[spec.key] = _probe_or_reason(spec, subjects)
            store.append(records[spec.key])
        done()
    return records


class _Subjects:
    """Makes networks and loads data, and keeps the last of each: several probes of one network come one after another."""

    def __init__(self, device: torch.device, folder: Path, recall: Recall) -> None:
        self.device, self.folder, self.recall = device, folder, recall
        self._data: tuple[object, Dataset] | None = None
        self._subject: tuple[object, Subject] | None = None

    def of(self, spec: ProbeSpec) -> Subject:
        """The network and rows of a spec."""
        same = spec.of(Probe(rows=spec.probe.rows))
        if self._subject is None or self._subject[0] != same:
            self._subject = (same, self._made(spec))
        return self._subject[1]

    def _made(self, spec: ProbeSpec) -> Subject:
        data = self._loaded(spec.data, spec.seeds.data)
        net = spec.arch.build(data.task)
        if data.edges is not None:
            connect(net, data.edges)
        dtype = torch.float64 if spec.precision == "float64" else torch.float32
        drawn = draw(spec.init, net, spec.seeds.weights, sources(data, self.folder, self.recall))
        weights = {name: tensor.to(self.device, dtype) for name, tensor in drawn.items()}
        n = spec.probe.rows
        rows = Examples(data.scale(data.train.x[:n]).to(dtype), data.train.y_N[:n])
        return Subject(net, weights, rows, spec.weight)

    def _loaded(self, data: AbstractData, seed: int) -> Dataset:
        if self._data is None or self._data[0] != (data, seed):
            self._data = ((data, seed), data.load(seed, self.folder, self.device))
        return self._data[1]


def _probe_or_reason(spec: ProbeSpec, subjects: _Subjects) -> Record:
    """The record, or where the memory did not suffice one that says so."""
    device = subjects.device
    try:
        meter = Meter(device)
        subject = subjects.of(spec)
        readings = PROBES[spec.probe.kind](subject)
        where = {} if spec.probe.kind in OF_A_LAW else layout(subject.net)
        cost = {"total_s": meter.seconds, "peak_mib": meter.peak_mib, "rows": float(len(subject.rows))}
        return _record(spec, device, Status.OK, "", where | readings, cost)
    except (MemoryError, RuntimeError) as error:
        if not memory_was_short(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else "not enough memory"
        return _record(spec, device, Status.OUT_OF_MEMORY, reason, {}, {})


def _record(
    spec: ProbeSpec, device: torch.device, status: Status, reason: str, metrics: Readings, cost: dict[str, float]
) -> Record:
    """The line that a probe leaves. It has no twin but itself."""
    return Record(
        key=spec.key,
        twin=spec.key,
        status=status,
        reason=reason,
        spec=spec.to_mapping(),
        metrics=metrics,
        cost=cost,
        environment=environment(device),
        version=version("randfeat"),
        written=now(),
    )
