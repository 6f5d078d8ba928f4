"""Tables and pairs the obvious way: a DataFrame for every group, a tuple of words for every row."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from randfeat.report.frame import setting_columns, text
from randfeat.report.statistics import interval, paired
from randfeat.report.where import select


def groups(table: pd.DataFrame, by: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    if not by:
        return [({}, table)]
    return [(dict(zip(by, labels, strict=True)), rows) for labels, rows in table.groupby(by, dropna=False)]


def varying(table: pd.DataFrame) -> list[str]:
    found = []
    for name in setting_columns(table, seeds=False):
        part = name.partition(".")[0]
        within = [part] if part != name and part in table else []
        if any(rows[name].nunique(dropna=False) > 1 for _, rows in groups(table, within)):
            found.append(name)
    return found


def without_own_twins(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[~runs["key"].isin(set(runs["twin"][runs["key"] != runs["twin"]]))]


def averaged(table: pd.DataFrame, by: list[str]) -> list[str]:
    hidden = {name for _, group in groups(table, by) for name in varying(without_own_twins(group))}
    return [name for name in setting_columns(table) if name in hidden]


def summarise(table: pd.DataFrame, rows: list[str], metric: str, where: list[str]) -> list[dict[str, Any]]:
    twins = {run["key"]: run for run in table.to_dict("records") if run["status"] == "ok"}
    lines = []
    for labels, group in groups(select(table, where), rows):
        runs = without_own_twins(group).to_dict("records")
        ok = [run for run in runs if run["status"] == "ok"]
        own = [twins.get(run["twin"], {}) for run in ok]
        first, second = [run[metric] for run in ok], [twin.get(metric, math.nan) for twin in own]
        both = [k for k in range(len(ok)) if not math.isnan(first[k]) and not math.isnan(second[k])]
        mean, gap = interval(first), paired(first, second)
        with_twin, of_twin = (interval([values[k] for k in both]).mean for values in (first, second))
        lines.append(
            labels
            | {
                "n": mean.n,
                metric: mean.mean,
                f"{metric} ci95": mean.half_width,
                f"twin {metric}": of_twin,
                f"gap {metric}": gap.mean,
                f"gap {metric} ci95": gap.half_width,
                f"gap {metric} n": gap.n,
                **({"kept": 100 * with_twin / of_twin if of_twin else math.nan} if "accuracy" in metric else {}),
                **{name: interval(run[name] for run in ok).mean for name in ("trained_params", "params", "fit_s")},
                "twin fit_s": interval([own[k]["fit_s"] for k in both]).mean,
                "failed": len(runs) - len(ok),
            }
        )
    return lines


def pairs(a: pd.DataFrame, b: pd.DataFrame) -> tuple[list[tuple[str, str, str]], list[tuple[int, int]]]:
    """The settings that differ, and the places of the rows that belong together."""
    names = list(dict.fromkeys([*setting_columns(a), *setting_columns(b)]))
    words_a, words_b = (
        [{name: text(row.get(name)) for name in names} for row in table.astype(object).to_dict("records")] for table in (a, b)
    )

    def values(words: list[dict[str, str]], name: str) -> set[str]:
        return {row[name] for row in words} - {"-"}

    def apart(name: str) -> bool:
        first, second = values(words_a, name), values(words_b, name)
        return len(first) <= 1 and len(second) <= 1 and first != second

    on = [name for name in names if not apart(name)]
    rows_a, rows_b = ({tuple(row[name] for name in on): k for k, row in enumerate(words)} for words in (words_a, words_b))
    found = [(k, rows_b[row]) for row, k in rows_a.items() if row in rows_b]
    seen_a, seen_b = ([words_a[k] for k, _ in found], [words_b[k] for _, k in found]) if found else (words_a, words_b)
    settings = [(name, *("".join(values(seen, name)) or "-" for seen in (seen_a, seen_b))) for name in names if apart(name)]
    return [each for each in settings if each[1] != each[2]], found
