"""Everything that a study of some size stands on: its probes, and the runs of its arms."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from randfeat.cases import cases
from randfeat.config import compose, mappings
from randfeat.errors import ConfigError
from randfeat.places import PLACES
from randfeat.plan import specs_of
from randfeat.probe.catalogue import Probe, measures
from randfeat.probing import ProbeSpec
from randfeat.spec import RunSpec
from randfeat.spelling import words_of
from randfeat.study.plan import Arm, Plan, Probed, Scale, Size


@dataclass(frozen=True)
class Asked:
    """One run of an arm.

    Attributes:
        spec: of the run.
        arm: which asks for it.
        first: the same with the first seed; the runs of one cell have it in common.
    """

    spec: RunSpec
    arm: Arm
    first: RunSpec

    @property
    def specs(self) -> list[RunSpec]:
        """The run, and its twin where the arm wants it."""
        return [self.spec, self.spec.twin] if self.arm.twins else [self.spec]


@dataclass(frozen=True)
class Wanted:
    """What is wanted, in order.

    Attributes:
        probes: each kind of probe of each network, those of one network one after another, with the part of the plan
            that asks for it.
        runs: a run comes once for each arm that asks for it.
        size: which it is.
        left_out: arms whose data set is not on disk, with how many runs they would have.
    """

    probes: list[tuple[ProbeSpec, Probed]]
    runs: list[Asked]
    size: Size
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def specs(self) -> list[RunSpec]:
        """The runs, each followed by its twin where its arm wants it."""
        return [spec for each in self.runs for spec in each.specs]

    @property
    def n_runs(self) -> int:
        """How many runs these are, each counted once."""
        return len({spec.key for spec in self.specs})


def wanted(plan: Plan, quick: bool, folder: Path) -> Wanted:
    """What a study of this size stands on.

    Args:
        plan: of the study.
        quick: whether at its quick size.
        folder: where the data sets lie.

    Raises:
        ConfigError: words of the plan mean nothing, or do not fit together.
    """
    runs: list[Asked] = []
    left_out: dict[str, str] = {}
    for arm in plan.arms:
        scale = arm.quick if quick else arm.full
        if scale is None:
            continue
        try:
            own = list(_runs(plan, quick, arm, scale))
        except ConfigError as error:
            raise ConfigError(f"arm {arm.name}: {error}") from None
        absent = {each.spec.data.part for each in own if not_on_disk(each.spec.data.part, folder)} if arm.optional else set()
        if absent:
            left_out[arm.name] = f"{len(own)} runs on data={', '.join(sorted(absent))}, which is not on disk"
        else:
            runs += own
    return Wanted(_probes(plan, quick), runs, plan.size(quick), left_out)


def _probes(plan: Plan, quick: bool) -> list[tuple[ProbeSpec, Probed]]:
    size = plan.size(quick)
    found: dict[ProbeSpec, Probed] = {}
    for probed in plan.probes:
        kinds = dict.fromkeys(measure.probe for measure in measures(probed.measures))
        for _, mapping in mappings([*plan.words, *size.words, *probed.words]):
            spec = ProbeSpec.from_mapping(mapping, Probe(rows=plan.rows))
            for k in range(size.seeds * probed.times):
                for kind in kinds:
                    found.setdefault(spec.with_seed(k).of(Probe(kind=kind, rows=plan.rows)), probed)
    return list(found.items())


def _runs(plan: Plan, quick: bool, arm: Arm, scale: Scale) -> Iterator[Asked]:
    size = plan.size(quick)
    for case in cases(scale.cases or arm.cases or None) or [[]]:
        for first in specs_of([*plan.words, *size.words, *arm.words, *scale.words, *case]):
            yield from (Asked(first.with_seed(k), arm, first) for k in range(scale.seeds or size.seeds))


def not_on_disk(name: str, folder: Path) -> bool:
    """Whether files of a downloaded data set are not under the folder."""
    return name in PLACES and bool(PLACES[name].missing(folder))


def spelled(runs: list[Asked]) -> dict[str, str]:
    """The words of every cell as a shell takes them, by the key of its first run."""
    composed = functools.cache(compose)
    return {key: shlex.join(words_of(first, composed)) for key, first in {each.first.key: each.first for each in runs}.items()}
