"""What ``randfeat run`` shows: the runs of one spec over its seeds, beside their fully trained twins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from randfeat.record import Record, Status
from randfeat.report.human import DASH, amount, header, spread
from randfeat.report.statistics import interval, paired
from randfeat.report.tables import kept

Pairs = list[tuple[Record | None, Record | None]]
Line = tuple[str, str, str, str]

_SCORES = (
    *("test/accuracy", "test/best_accuracy", "val/accuracy", "cross_validation/accuracy", "train/accuracy"),
    *("test/explained", "val/explained", "train/explained"),
)
_COSTS = ("fit_s", "total_s", "peak_mib")


def comparison(records: Sequence[Record], twins: Sequence[Record | None]) -> pd.DataFrame:
    """A line per measure; a column for the runs, one for their twins, one for the gap with its 95 % interval.

    Means over seeds. The gap is run minus twin, paired, over the seeds that have both. Runs and twins that failed are
    left out; :func:`left_out` says which. Where the runs are fully trained themselves only their column remains.

    Args:
        records: one per seed, of one spec, at least one.
        twins: the twin of each, None where it is not on record.
    """
    alone = records[0].key == records[0].twin
    pairs = [(_ok(run), _ok(twin)) for run, twin in zip(records, records if alone else twins, strict=True)]
    lines = [
        _counts(pairs),
        *(_score(name, pairs) for name in _scores(pairs)),
        *([] if alone else [_kept(pairs)]),
        ("trained parameters", _trained(run for run, _ in pairs), _trained(twin for _, twin in pairs), ""),
        *(_costs(name, pairs) for name in _COSTS),
    ]
    table = pd.DataFrame(lines, columns=["", records[0].spec["subset"]["part"], "fully trained", "gap ± 95 %"])
    return table.iloc[:, [0, 2]] if alone else table


def left_out(records: Sequence[Record]) -> str:
    """One sentence that counts the runs which failed, and why; nothing where all are ok."""
    records = list({record.key: record for record in records}.values())  # a fully trained run is its own twin
    failed = [record for record in records if record.status is not Status.OK]
    if not failed:
        return ""
    reasons = Counter(f"{record.status} ({record.reason})" if record.reason else record.status for record in failed)
    why = ", ".join(f"{n} x {reason}" if n > 1 else reason for reason, n in reasons.items())
    return f"{len(failed)} of {len(records)} runs failed and {'was' if len(failed) == 1 else 'were'} left out: {why}."


def _ok(record: Record | None) -> Record | None:
    return record if record is not None and record.status is Status.OK else None


def _scores(pairs: Pairs) -> list[str]:
    """The accuracies on record, the test rows' first, and the shares explained where the answers are numbers.

    Losses stay in the record: those of two solvers do not compare.
    """
    return [name for name in _SCORES if any(name in record.metrics for pair in pairs for record in pair if record)]


def _values(pairs: Pairs, get: Callable[[Record], float]) -> tuple[list[float], list[float]]:
    """A number of every run, and of every twin, nan where there is none."""
    runs = [math.nan if run is None else get(run) for run, _ in pairs]
    return runs, [math.nan if twin is None else get(twin) for _, twin in pairs]


def _counts(pairs: Pairs) -> Line:
    runs, twins = _values(pairs, lambda record: 1.0)
    return "runs (n)", str(interval(runs).n), str(interval(twins).n), str(paired(runs, twins).n)


def _score(name: str, pairs: Pairs) -> Line:
    runs, twins = _values(pairs, lambda record: record.metrics.get(name, math.nan))
    gap = spread(name, paired(runs, twins), signed=True)
    return header(name), spread(name, interval(runs)), spread(name, interval(twins)), gap


def _kept(pairs: Pairs) -> Line:
    """The share of the twins' test accuracy that the runs reach, over the seeds that have both; of classes alone."""
    both: Pairs = [(run, twin) for run, twin in pairs if run and twin and "test/explained" not in run.metrics]
    runs, twins = _values(both, lambda record: record.metrics.get("test/accuracy", math.nan))
    return header("kept"), amount("kept", kept(interval(runs).mean, interval(twins).mean)), "", ""


def _costs(name: str, pairs: Pairs) -> Line:
    runs, twins = _values(pairs, lambda record: record.cost.get(name, math.nan))
    return header(name), amount(name, interval(runs).mean), amount(name, interval(twins).mean), ""


def _trained(records: Iterable[Record | None]) -> str:
    """``5,130 of 9,228,362 (0.06 %)``, means over the records."""
    costs = [record.cost for record in records if record is not None]
    trained, params = (interval(cost.get(name, math.nan) for cost in costs).mean for name in ("trained_params", "params"))
    if math.isnan(trained) or math.isnan(params):
        return DASH
    if trained == params:
        return f"all {params:,.0f}"
    share = 100 * trained / params
    return f"{trained:,.0f} of {params:,.0f} ({f'{share:.2f}' if share >= 0.01 or share == 0 else '<0.01'} %)"
