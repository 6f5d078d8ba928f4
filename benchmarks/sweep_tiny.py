"""What a thousand tiny runs cost beyond their arithmetic, and what they hold in memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from arithmetic import accuracies, filled
from commands import Command, Done
from hydra_peer.train import Rows
from timing import compared
from torch import nn

from randfeat.config import compose
from randfeat.spec import RunSpec

HERE, BARE = "randfeat, here", "bare loop"
PENALTIES = tuple(10.0**k for k in range(-3, 7))


class Sizes(NamedTuple):
    width: int
    seeds: int
    penalties: tuple[float, ...]
    after: tuple[int, ...]
    """How many runs are on record when the memory is read."""
    rounds: int
    apart: float
    """How far a test accuracy may lie from the bare loop's."""


SIZES = Sizes(50, 100, PENALTIES, (100, 500, 1000), 3, 0.03)
QUICK = Sizes(10, 2, (1.0, 10.0), (1, 4), 1, 0.03)


class Bare(NamedTuple):
    """Seconds of the loop, and its test accuracies by seed and penalty."""

    seconds: float
    accuracies: dict[tuple[int, float], float]


@dataclass(frozen=True)
class Work:
    """Every seed with every penalty, on 300 digits and 100 test rows."""

    sizes: Sizes
    threads: int

    @property
    def words(self) -> list[str]:
        """What all runs have in common."""
        rows = ["data.n_train=300", "data.n_test=100", "data.val_share=0"]
        return ["data=digits", *rows, "arch=mlp", f"arch.width={self.sizes.width}"]

    @property
    def cases(self) -> list[tuple[int, float]]:
        return list(itertools.product(range(self.sizes.seeds), self.sizes.penalties))

    def command(self) -> Command:
        penalties = ",".join(map(str, self.sizes.penalties))
        return Command([*self.words, f"seeds.weights=range(0,{self.sizes.seeds})", f"solver.penalty={penalties}"], self.threads)

    def bare(self) -> Callable[[], Bare]:
        """Draws, features, solves and scores; the rows are there before."""
        spec = RunSpec.from_mapping(compose([*self.words, "solver.penalty=1"]))
        data = spec.data.load(0, Path(), torch.device("cpu"))
        train, test = (Rows(data.scale(rows.x), rows.y_N) for rows in (data.train, data.test))

        def drawn() -> Iterator[nn.Module]:
            for seed in range(self.sizes.seeds):
                net = nn.Sequential(nn.Flatten(), nn.Linear(data.task.n_inputs, self.sizes.width), nn.ReLU())
                yield filled(net, replace(spec, seeds=replace(spec.seeds, weights=seed)))

        def once() -> Bare:
            start = time.perf_counter()
            found = list(accuracies(drawn(), train, test, self.sizes.penalties))
            return Bare(time.perf_counter() - start, dict(zip(self.cases, found, strict=True)))

        return once


def check(found: Mapping[str, Done | Bare], apart: float) -> None:
    """Every run has the accuracy that the bare loop finds.

    Raises:
        SystemExit: one has not, and nothing is reported.
    """
    true = found[BARE].accuracies
    ours = {(r.spec["seeds"]["weights"], *r.spec["solver"]["penalty"]): r.metrics["test/accuracy"] for r in found[HERE].records}
    if ours.keys() != true.keys():
        raise SystemExit("the runs are not those of the bare loop, nothing is reported.")
    if far := {case: accuracy for case, accuracy in ours.items() if abs(accuracy - true[case]) > apart}:
        raise SystemExit(f"test accuracies are not those of the bare loop, nothing is reported: {far}")


def measured(work: Work) -> dict[str, Any]:
    """Milliseconds a run in this process beyond the bare loop's, and MiB resident as the runs go on."""
    ways = {HERE: work.command().here, BARE: work.bare()}
    _, taken = compared(ways, lambda found: check(found, work.sizes.apart), work.sizes.rounds)
    held = work.command().resident_mib(work.sizes.after)
    n_runs = len(work.cases)
    return {
        "runs": n_runs,
        **taken._asdict(),
        "resident_mib": held,
        "ratios": {
            "overhead_ms": 1e3 * (taken.medians[HERE] - taken.medians[BARE]) / n_runs,
            "memory": held[max(held)] / held[min(held)],
        },
    }
