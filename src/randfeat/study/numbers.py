"""The records of a study as one table of numbers, which its tables and claims read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from randfeat.probe.catalogue import measures
from randfeat.record import Record, Status
from randfeat.report.frame import frame, metric_columns, setting_columns
from randfeat.study.plan import Probed
from randfeat.study.tables import WORDS
from randfeat.study.wanted import Asked

ARM = "arm"


def of_runs(asked: Sequence[Asked], records: Mapping[str, Record], words: Mapping[str, str]) -> pd.DataFrame:
    """One row per run and arm.

    Columns: ``arm``; the settings as ``randfeat table`` names them (``init``, ``arch.depth``, ``seeds.weights``); ``status``;
    the metrics and costs, accuracies in per cent, missing where a run is not ok; the same of the fully trained twin under
    ``twin <name>``; and ``words``, with which ``randfeat sweep`` makes the cell's runs.

    Args:
        asked: the runs; those that are not on record have no row.
        records: by key, the twins' among them.
        words: by the key of a cell's first run.
    """
    there = [each for each in asked if each.spec.key in records]
    if not there:
        return pd.DataFrame()
    rows = _scores([records[each.spec.key] for each in there])
    twins = _scores([records.get(each.spec.twin.key) or _blank(records[each.spec.key]) for each in there])
    names = [name for name in metric_columns(twins) if twins[name].notna().any()]
    return pd.concat(
        [
            pd.DataFrame({ARM: [each.arm.name for each in there]}),
            rows,
            twins[names].rename(columns=lambda name: f"twin {name}"),
            pd.DataFrame({WORDS: [words[each.first.key] + ("" if each.arm.twins else " --no-twin") for each in there]}),
        ],
        axis=1,
    )


def _scores(records: Sequence[Record]) -> pd.DataFrame:
    """A row for each: accuracies in per cent, and no number of a run that is not ok."""
    rows = frame(each if each.status is Status.OK else _blank(each) for each in records)
    for name in metric_columns(rows):
        if "accuracy" in name:
            rows[name] *= 100
    return rows


def _blank(record: Record) -> Record:
    """The record without its numbers."""
    return dataclasses.replace(record, metrics={}, cost={})


def of_probes(records: Sequence[tuple[Record, Probed]]) -> pd.DataFrame:
    """One row per network, seed and unit, whatever the number of probes that measured it.

    Columns: ``arm``, the settings as ``randfeat table`` names them (``init``, ``arch.widths``, ``seeds.weights``), ``unit``,
    ``layer`` (how many layers with weights lie between the input and the unit's output) and every measure asked for.
    """
    bare = frame(_blank(record) for record, _ in records)
    settings: list[dict[Any, Any]] = bare[setting_columns(bare)].to_dict("records")
    rows: dict[tuple[str, str], dict[Any, Any]] = {}
    for own, (record, probed) in zip(settings, records, strict=True):
        network = json.dumps({name: value for name, value in record.spec.items() if name != "probe"}, sort_keys=True)
        names = {measure.name for measure in measures(probed.measures)}
        for name, value in record.metrics.items():
            measure, _, unit = name.partition("/")
            if measure in names and (not probed.units or unit in probed.units):
                start = {ARM: probed.arm, **own, "unit": unit, "layer": record.metrics.get(f"depth/{unit}")}
                rows.setdefault((network, unit), start)[measure] = value
    return pd.DataFrame(list(rows.values()))
