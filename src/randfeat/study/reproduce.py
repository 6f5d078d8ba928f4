"""A study from its plan to its findings: do what is missing, make the tables, check the claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch

from randfeat.claims import Claim, Finding, Verdict
from randfeat.crew import AbstractCrew
from randfeat.errors import ConfigError
from randfeat.probing import probe_missing
from randfeat.record import Record, Status
from randfeat.store import Store
from randfeat.study.folder import Study
from randfeat.study.numbers import ARM, of_probes, of_runs
from randfeat.study.tables import Table
from randfeat.study.wanted import Wanted, not_on_disk, spelled
from randfeat.sweep import View, carry_out

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Attributes:
        study: which one.
        wanted: what it stands on.
        probes: the records of probes on record, in their order.
        runs: the records of runs and twins on record, by key.
        tables: what each of the study's tables holds; one of an arm without numbers is left out.
        findings: one for each claim, in their order.
        problems: what of the records could not be read, a sentence each.
    """

    study: Study
    wanted: Wanted
    probes: list[Record]
    runs: Mapping[str, Record]
    tables: list[tuple[Table, pd.DataFrame]]
    findings: list[tuple[Claim, Finding]]
    problems: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """Everything on record that it stands on."""
        return [*self.probes, *self.runs.values()]

    @property
    def verdict(self) -> Verdict:
        """``fails`` if a claim does; else ``undecided`` if one is, or there is none; else ``holds``."""
        found = {finding.verdict for _, finding in self.findings}
        if Verdict.FAILS in found:
            return Verdict.FAILS
        return Verdict.HOLDS if found == {Verdict.HOLDS} else Verdict.UNDECIDED


@dataclass(frozen=True)
class Shop:
    """Where a study's records are made and kept.

    Attributes:
        folder: of the results.
        device: where to probe.
        data: where the data sets lie.
        crew: makes the runs.
        stacks: whether runs train together.
    """

    folder: Path
    device: torch.device
    data: Path
    crew: AbstractCrew
    stacks: bool = False

    @property
    def probes(self) -> Store:
        """Records of probes."""
        return Store(self.folder, "probes")

    @property
    def runs(self) -> Store:
        """Records of runs."""
        return Store(self.folder)


def probe(wanted: Wanted, shop: Shop, done: Callable[[], None] = lambda: None) -> None:
    """Make the probes that are not on record; ``done`` is told of every probe, made or found."""
    if wanted.probes:
        probe_missing((spec for spec, _ in wanted.probes), shop.probes, shop.device, shop.data, done=done)


def run(wanted: Wanted, shop: Shop, view: View | None = None) -> None:
    """Run what is not on record; ``view`` is told of it.

    Raises:
        DataError: a data set is missing and cannot be downloaded; nothing is run.
        ResultsError: something could not be written.
    """
    there = shop.runs.finished()
    for spec in {spec.data.part: spec for spec in wanted.specs if spec.key not in there}.values():
        if not_on_disk(spec.data.part, shop.data):
            spec.data.load(spec.seeds.data, shop.data, torch.device("cpu"))
    if wanted.runs:
        carry_out(wanted.specs, shop.runs, shop.crew, stacks=shop.stacks, view=view)


def on_record(study: Study, wanted: Wanted, folder: Path) -> Outcome:
    """Check the claims on what there is: what is missing leaves its claims undecided.

    Raises:
        ConfigError: a table or a claim cannot be made of the numbers.
    """
    stores = Store(folder, "probes"), Store(folder)
    probed, ran = ({record.key: record for record in store.records()} for store in stores)
    there = [(probed[spec.key], how) for spec, how in wanted.probes if spec.key in probed]
    runs = {spec.key: ran[spec.key] for spec in wanted.specs if spec.key in ran}
    numbers = [of_probes(there)] if there else []
    if runs:
        numbers.append(of_runs(wanted.runs, runs, spelled(wanted.runs)))
    whole = pd.concat(numbers, ignore_index=True) if numbers else pd.DataFrame({ARM: []})
    both = probed | ran
    done = {key for key, record in both.items() if record.finished}
    ok = {key for key in done if both[key].status is Status.OK}
    part = _Numbers(study.name, whole, _lacking(wanted, done), _lacking(wanted, ok))
    tables = [(each, part.made(each.title, each.arm, each.make, pd.DataFrame)) for each in study.tables]
    findings = [(claim, part.found(claim)) for claim in study.claims]
    shown = [(table, lines) for table, lines in tables if lines is not None and len(lines)]
    problems = [problem for store in stores for problem in store.problems]
    return Outcome(study, wanted, [record for record, _ in there], runs, shown, findings, problems)


def _lacking(wanted: Wanted, there: Set[str]) -> set[str]:
    """The arms of which something is not among these; those left out are not wanted."""
    probes = {probed.arm for spec, probed in wanted.probes if spec.key not in there}
    runs = {each.arm.name for each in wanted.runs if not {spec.key for spec in each.specs} <= there}
    return probes | runs


def _concerns(arms: Set[str], arm: str) -> bool:
    """Whether one of these arms is that of a claim or a table, which without an arm stands on all."""
    return arm in arms if arm else bool(arms)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a study.

    Attributes:
        study: its name.
        whole: of all arms.
        missing: the arms of which runs are not on record, or to be done again.
        lacking: these, and those of which runs have no scores.
    """

    study: str
    whole: pd.DataFrame
    missing: set[str]
    lacking: set[str]

    def found(self, claim: Claim) -> Finding:
        """What they say of a claim; while runs of its arm are missing it is undecided."""
        finding = self.made(claim.name, claim.arm, claim.check, Finding) or Finding.nothing()
        return replace(finding, verdict=Verdict.UNDECIDED) if _concerns(self.missing, claim.arm) else finding

    def made(self, what: str, arm: str, make: Callable[[pd.DataFrame], Any], kind: type[T]) -> T | None:
        """Of the numbers of an arm, without the columns that it does not have; None where what there is does not do."""
        own = self.whole[self.whole[ARM] == arm].dropna(axis=1, how="all") if arm else self.whole
        if own.empty:
            return None
        try:
            made = make(own)
            if not isinstance(made, kind):
                raise TypeError(f"it is {type(made).__name__} and no {kind.__name__}")
            return made
        except Exception as error:
            if _concerns(self.lacking, arm):
                return None
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(f"{what!r} of {self.study} cannot be made of its numbers: {reason}.") from error
