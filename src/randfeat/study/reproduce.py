"""A study from its plan to its findings: probe what is missing, make the summary, check the claims."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from randfeat.claims import Claim, Finding, Verdict
from randfeat.config import mappings
from randfeat.errors import ConfigError
from randfeat.probe.catalogue import Probe, measures
from randfeat.probing import ProbeSpec, probe_missing
from randfeat.record import Record
from randfeat.report.frame import frame, setting_columns
from randfeat.store import Store
from randfeat.study.plan import Plan, Probed, Size, Study


@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Attributes:
        study: which one.
        records: all that it stands on.
        summary: its table.
        findings: one for each claim, in their order.
    """

    study: Study
    records: list[Record]
    summary: pd.DataFrame
    findings: list[tuple[Claim, Finding]]

    @property
    def verdict(self) -> Verdict:
        """``fails`` if a claim does; else ``undecided`` if one is, or there is none; else ``holds``."""
        found = {finding.verdict for _, finding in self.findings}
        if Verdict.FAILS in found:
            return Verdict.FAILS
        return Verdict.HOLDS if found == {Verdict.HOLDS} else Verdict.UNDECIDED


def wanted(plan: Plan, size: Size) -> list[tuple[ProbeSpec, Probed]]:
    """Every probe of a study, the kinds of one network one after another, each with the part of the plan that asks for it."""
    found: dict[ProbeSpec, Probed] = {}
    for probed in plan.probes:
        kinds = dict.fromkeys(measure.probe for measure in measures(probed.measures))
        for _, mapping in mappings([*plan.words, *size.words, *probed.words]):
            spec = ProbeSpec.from_mapping(mapping, Probe(rows=plan.rows))
            for k in range(size.seeds * probed.times):
                for kind in kinds:
                    found.setdefault(spec.with_seed(k).of(Probe(kind=kind, rows=plan.rows)), probed)
    return list(found.items())


def reproduce(
    study: Study,
    probes: Sequence[tuple[ProbeSpec, Probed]],
    store: Store,
    device: torch.device,
    folder: Path,
    done: Callable[[], None] = lambda: None,
) -> Outcome:
    """Probe what is not on record, then check the claims on all of it.

    Args:
        study: what is claimed.
        probes: what :func:`wanted` gives.
        store: where the records of probes are and go.
        device: where to compute.
        folder: where the data sets lie.
        done: is told of every probe, made or found.

    Raises:
        ConfigError: the study's table or a claim cannot be made of the numbers.
    """
    keys = {spec.key: probed for spec, probed in probes}
    on_record = probe_missing((spec for spec, _ in probes), store, device, folder, done=done)
    records = [on_record[key] for key in keys]
    table = numbers([(record, keys[record.key]) for record in records])
    try:
        findings = [(claim, claim.check(table)) for claim in study.claims]
        return Outcome(study, records, study.table(table), findings)
    except (KeyError, ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the claims of {study.name} cannot be checked on its numbers: {what}.") from error


def numbers(records: Sequence[tuple[Record, Probed]]) -> pd.DataFrame:
    """One row per network, seed and unit, whatever the number of probes that measured it.

    Columns: the settings as ``randfeat table`` names them (``init``, ``arch.widths``, ``seeds.weights``), ``unit``, ``layer``
    (how many layers with weights lie between the input and the unit's output; nan for filters of no network) and every
    measure asked for.
    """
    bare = frame(dataclasses.replace(record, metrics={}, cost={}) for record, _ in records)
    settings: list[dict[Any, Any]] = bare[setting_columns(bare)].to_dict("records")
    rows: dict[tuple[str, str], dict[Any, Any]] = {}
    for own, (record, probed) in zip(settings, records, strict=True):
        network = json.dumps({name: value for name, value in record.spec.items() if name != "probe"}, sort_keys=True)
        names = {measure.name for measure in measures(probed.measures)}
        for name, value in record.metrics.items():
            measure, _, unit = name.partition("/")
            if measure in names and (not probed.units or unit in probed.units):
                start = {**own, "unit": unit, "layer": record.metrics.get(f"depth/{unit}", math.nan)}
                rows.setdefault((network, unit), start)[measure] = value
    return pd.DataFrame(list(rows.values()))
