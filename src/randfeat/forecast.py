"""What runs will take, judging by the runs on record."""

from __future__ import annotations

import functools
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from randfeat.record import Record, Status
from randfeat.registry import FAMILIES
from randfeat.spec import RunSpec

_KIND = ("data", "arch", "subset", "solver")


@dataclass(frozen=True)
class Forecast:
    """What some runs will take, one after another.

    Attributes:
        seconds: of those that something is known of.
        n_same: how many of them differ in seeds only from runs on record.
        n_alike: how many of the others have the parts of runs on record, with other settings.
        n_unknown: how many are like none.
        peak_mib: the most memory that a run like one of them took; nan where nothing is known.
    """

    seconds: float
    n_same: int
    n_alike: int
    n_unknown: int
    peak_mib: float


class Experience:
    """The times and the memory of runs on record.

    A run is expected to take the median ``total_s`` of the runs that differ from it in seeds only, whatever machine they ran
    on; else the mean of those with the same parts for data, architecture, subset and solver, for the one that computes what
    many share takes longer than they.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._same: dict[str, _Costs] = defaultdict(_Costs)
        self._alike: dict[tuple[str, ...], _Costs] = defaultdict(_Costs)
        for record in records:
            if not all(isinstance(record.spec.get(family), Mapping) for family in _KIND):
                continue  # of another program, or damaged
            seconds, mib = (record.cost.get(name, math.nan) for name in ("total_s", "peak_mib"))
            if record.status is Status.OK and math.isfinite(seconds):
                for costs in (self._same[_but_seeds(record.spec)], self._alike[_parts(record.spec)]):
                    costs.seconds.append(seconds)
                    costs.mib.append(mib)

    def same_s(self, spec: RunSpec) -> float | None:
        """The seconds of runs that differ from this one in seeds only."""
        costs = self._same.get(_but_seeds(spec.to_mapping())) if self._same else None
        return costs.median_s if costs else None

    def alike_s(self, kind: tuple[str, ...]) -> float | None:
        """The seconds of runs of a kind."""
        costs = self._alike.get(kind)
        return costs.mean_s if costs else None

    def forecast(self, specs: Iterable[RunSpec]) -> Forecast:
        """What these runs will take."""
        seconds, n_same, n_alike, n_unknown, mib = 0.0, 0, 0, 0, [math.nan]
        for spec in specs:
            if costs := self._same.get(_but_seeds(spec.to_mapping())):
                n_same += 1
                seconds += costs.median_s
            elif costs := self._alike.get(kind_of(spec)):
                n_alike += 1
                seconds += costs.mean_s
            else:
                n_unknown += 1
                continue
            mib.append(costs.most_mib)
        return Forecast(seconds, n_same, n_alike, n_unknown, _largest(mib))


def kind_of(spec: RunSpec) -> tuple[str, ...]:
    """The parts that tell roughly how long a run takes."""
    return tuple(getattr(spec, family).part for family in _KIND)


@dataclass
class _Costs:
    """The costs of some runs."""

    seconds: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    @functools.cached_property
    def median_s(self) -> float:
        return statistics.median(self.seconds)

    @functools.cached_property
    def mean_s(self) -> float:
        return statistics.fmean(self.seconds)

    @functools.cached_property
    def most_mib(self) -> float:
        return _largest(self.mib)


def _parts(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(spec.get(family, {}).get("part", "") for family in _KIND)


def _but_seeds(spec: Mapping[str, Any]) -> str:
    return json.dumps([spec.get(name) for name in (*FAMILIES, "precision")], sort_keys=True)


def _largest(numbers: Iterable[float]) -> float:
    return max((number for number in numbers if not math.isnan(number)), default=math.nan)
