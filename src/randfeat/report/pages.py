"""What ``randfeat probe`` prints: tables with a line per unit, and the sentence above each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from randfeat.probe.catalogue import Measure
from randfeat.report.probes import table


@dataclass(frozen=True)
class Page:
    """A table of numbers under its title."""

    title: str
    table: pd.DataFrame


def pages(numbers: pd.DataFrame, chosen: Sequence[Measure]) -> list[Page]:
    """One network: a table with a column for each measure. Several: a table for each measure, a column for each network.

    Networks whose units differ have tables of their own, one after another; a curve has a table for every network.

    Args:
        numbers: what :func:`randfeat.report.probes.readings` gives.
        chosen: the measures to show, in this order.
    """
    plain, curves = [each for each in chosen if not each.curve], [each for each in chosen if each.curve]
    alone = numbers["network"].nunique() == 1
    found = list(_of_one(numbers, plain) if alone else _of_several(numbers, plain))
    for measure in curves:
        rows = numbers[numbers["measure"] == measure.name]
        for network, own in rows.groupby("network", sort=False):
            title = " ".join(filter(None, [str(network), f"{measure.name}: {measure.words}, by {measure.curve}"]))
            found.append(Page(f"{title}\n{repetitions(own)}", table(own, "at")))
    return found


def _of_one(numbers: pd.DataFrame, chosen: Sequence[Measure]) -> Iterator[Page]:
    for _, rows in numbers.groupby("units", sort=False):
        there = [measure for measure in chosen if (rows["measure"] == measure.name).any()]
        if there:
            names = [measure.name for measure in there]
            legend = [f"{measure.name}: {measure.words}" for measure in there]
            own = rows[rows["measure"].isin(names)]
            yield Page("\n".join([*legend, repetitions(own)]), table(own, "measure", names))


def _of_several(numbers: pd.DataFrame, chosen: Sequence[Measure]) -> Iterator[Page]:
    for measure in chosen:
        rows = numbers[numbers["measure"] == measure.name]
        for _, own in rows.groupby("units", sort=False):
            yield Page(f"{measure.name}: {measure.words}\n{repetitions(own)}", table(own, "network"))


def repetitions(numbers: pd.DataFrame) -> str:
    """``mean ± 95 % interval, n = 5 seeds``; the columns say so themselves where n differs between them."""
    counts = (
        set(numbers.groupby("network")["record"].nunique())
        if numbers["measure"].nunique() == 1
        else {numbers.groupby("measure")["record"].nunique().max()}
    )
    if counts == {1}:
        return "one seed"
    return f"mean ± 95 % interval, n = {counts.pop()} seeds" if len(counts) == 1 else "mean ± 95 % interval over n seeds"
