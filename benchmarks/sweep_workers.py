"""Gradient runs on worker processes, beside the same runs in one process with one thread and with all."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

from commands import Command, Done
from timing import compared

WORKERS, ONE, ALL = "workers", "one process, one thread", "one process, all threads"


class Sizes(NamedTuple):
    epochs: int
    seeds: int
    rates: tuple[float, ...]
    rounds: int
    apart: float
    """How far the mean test accuracies may lie apart where threads differ, and with them the rounding."""


SIZES = Sizes(20, 6, (0.005, 0.01, 0.02, 0.05), 3, 0.02)
QUICK = Sizes(1, 2, (0.05,), 1, 0.2)


def ways(sizes: Sizes, threads: int) -> dict[str, Command]:
    """What takes turns; as many workers as threads."""
    words = [
        "conf=lenet_random",
        "subset=all",
        "solver=sgd",
        f"solver.epochs={sizes.epochs}",
        f"solver.lr={','.join(map(str, sizes.rates))}",
        f"seeds.weights=range(0,{sizes.seeds})",
    ]
    return {
        WORKERS: Command(words, threads, ("--workers", str(threads))),
        ONE: Command(words, 1),
        ALL: Command(words, threads),
    }


def check(found: Mapping[str, Done], apart: float) -> dict[str, float]:
    """Workers of one thread each leave the scores that one process with one thread leaves; all threads the same mean.

    Returns:
        The mean test accuracy of each.

    Raises:
        SystemExit: they do not, and nothing is reported.
    """
    scores = {name: {record.key: record.metrics for record in done.records} for name, done in found.items()}
    if scores[WORKERS] != scores[ONE] or scores[ONE].keys() != scores[ALL].keys():
        raise SystemExit("workers do not leave the scores of one process, nothing is reported.")
    means = {name: mean(metrics["test/accuracy"] for metrics in runs.values()) for name, runs in scores.items()}
    if not abs(means[ALL] - means[ONE]) <= apart:
        raise SystemExit(f"mean test accuracies differ, nothing is reported: {means}")
    return means


def measured(sizes: Sizes, threads: int) -> dict[str, Any]:
    """Seconds of each way; the speed-up is over the faster of the two that have one process."""
    runs = {name: command.run for name, command in ways(sizes, threads).items()}
    first, taken = compared(runs, lambda found: check(found, sizes.apart), sizes.rounds)
    middle = taken.medians
    return {
        "runs": len(first[ONE].records),
        **taken._asdict(),
        "again": {name: done.again for name, done in first.items()},
        "accuracies": check(first, sizes.apart),
        "ratios": {"workers_speedup": min(middle[ONE], middle[ALL]) / middle[WORKERS]},
    }
