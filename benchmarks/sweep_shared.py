"""Last-layer runs of a few networks and many penalties, beside the same runs as Hydra jobs of a plain script, and the floor."""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import commands
import numpy as np
from arithmetic import accuracies, filled
from hydra_peer.train import load, network
from timing import compared

from randfeat.config import compose
from randfeat.data.split import stratified
from randfeat.report.statistics import difference, interval
from randfeat.seeds import stream
from randfeat.spec import RunSpec

PEER = Path(__file__).parent / "hydra_peer" / "train.py"
LAWS = ("he", "orthogonal")
OURS, HERE, BASIC, JOBLIB, FLOOR = "randfeat", "randfeat, here", "Hydra, basic", "Hydra, joblib", "floor"

Case = tuple[str, int, float]
"""Law, seed of the weights, penalty."""


class Sizes(NamedTuple):
    width: int
    seeds: int
    penalties: tuple[float, ...]
    rows: tuple[int, int]
    """Kept of CIFAR-10, training and test."""
    rounds: int
    apart: float
    """How far a test accuracy may lie from the floor's."""


SIZES = Sizes(16, 3, (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4), (5_000, 2_000), 3, 0.01)
QUICK = Sizes(2, 2, (1.0, 10.0), (200, 100), 1, 0.02)


class Done(NamedTuple):
    """Seconds, also of the same once more with nothing left to do; test accuracies."""

    seconds: float
    accuracies: Mapping[Case, float]
    again: float = 0.0


@dataclass(frozen=True)
class Work:
    """The runs on one data set: every law, seed and penalty.

    Attributes:
        data: ``digits`` or ``cifar10``.
        folder: where the latter lies.
        rows: file with the numbers of the rows that are kept; None: all.
        sizes: see :class:`Sizes`.
        threads: that each side has.
    """

    data: str
    folder: Path
    rows: Path | None
    sizes: Sizes
    threads: int

    @property
    def networks(self) -> list[tuple[str, int]]:
        return list(itertools.product(LAWS, range(self.sizes.seeds)))

    @property
    def words(self) -> list[str]:
        """What all runs have in common."""
        n_train, n_test = self.sizes.rows
        kept = [f"data.n_train={n_train}", f"data.n_test={n_test}"] if self.rows else []
        return [f"data={self.data}", *kept, "data.val_share=0", "arch=vgg", f"arch.width={self.sizes.width}", "arch.norm=none"]

    def lists(self, law: str, seed: str, penalty: str) -> list[str]:
        """What they differ in, in Hydra's grammar; each side has its own names."""
        penalties = ",".join(map(str, self.sizes.penalties))
        return [f"{law}={','.join(LAWS)}", f"{seed}=range(0,{self.sizes.seeds})", f"{penalty}={penalties}"]

    def command(self, *flags: str) -> commands.Command:
        lists = self.lists("init", "seeds.weights", "solver.penalty")
        return commands.Command([*self.words, *lists], self.threads, flags, self.folder)

    def theirs(self, threads: int, *words: str) -> Done:
        """The jobs of the plain script, each with so many threads."""
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "results.jsonl"
            given = {
                "data": self.data, "folder": self.folder.resolve(), "rows": self.rows or "null", "width": self.sizes.width,
                "threads": threads, "out": out, "hydra.sweep.dir": f"{name}/jobs",
            }  # fmt: skip
            line = [sys.executable, str(PEER), "--multirun", *self.lists("law", "seed", "penalty"), *words]
            taken = commands.started([*line, *(f"{key}={value}" for key, value in given.items())], threads)
            found = map(json.loads, out.read_text().splitlines())
            return Done(taken, {(job["law"], job["seed"], job["penalty"]): job["test/accuracy"] for job in found})

    def floor(self) -> Callable[[], Done]:
        """Features of the distinct networks, solves and scores; rows and weights are there before."""
        train, test = load(self.data, str(self.folder), str(self.rows) if self.rows else None)
        nets = []
        for law, seed in self.networks:
            spec = RunSpec.from_mapping(compose([*self.words, f"init={law}", f"seeds.weights={seed}", "solver.penalty=1"]))
            nets.append(filled(network(train.x.shape[1], train.x.shape[2], self.sizes.width), spec))
        cases = [(*one, penalty) for one in self.networks for penalty in self.sizes.penalties]

        def once() -> Done:
            start = time.perf_counter()
            found = list(accuracies(nets, train, test, self.sizes.penalties))
            return Done(time.perf_counter() - start, dict(zip(cases, found, strict=True)))

        return once

    def ways(self) -> dict[str, Callable[[], Done]]:
        """What takes turns."""
        n = str(self.threads)
        return {
            OURS: lambda: done(self.command().run()),
            f"{OURS}, {n} workers": lambda: done(self.command("--workers", n).run()),
            HERE: lambda: done(self.command().here()),
            BASIC: lambda: self.theirs(self.threads),
            JOBLIB: lambda: self.theirs(1, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={n}"),
            FLOOR: self.floor(),
        }


def done(ours: commands.Done) -> Done:
    found: dict[Case, float] = {}
    for record in ours.records:
        spec = record.spec
        case = (spec["init"]["part"], spec["seeds"]["weights"], spec["solver"]["penalty"][0])
        found[case] = record.metrics["test/accuracy"]
    return Done(ours.seconds, found, ours.again)


def subset(folder: Path, rows: tuple[int, int], file: Path) -> None:
    """The numbers of the rows of CIFAR-10 that ``data.n_train`` and ``data.n_test`` keep with seed 0."""
    from torchvision.datasets import CIFAR10

    classes = {split: np.array(CIFAR10(folder, train=split == "train").targets) for split in ("train", "test")}
    kept = {split: stratified(y_N, n, stream(0, "data", split)) for (split, y_N), n in zip(classes.items(), rows, strict=True)}
    np.savez(file, **kept)


def check(found: Mapping[str, Done], apart: float) -> dict[str, dict[str, float]]:
    """Our accuracies are those of the floor, which has the same weights; the script, which draws its own, has the same means.

    A mean is over seeds and penalties, one for each law. The intervals over seeds of both sides are independent.

    Returns:
        For each law both means, and the half-width of the interval of their difference.

    Raises:
        SystemExit: they are not, and nothing is reported.
    """
    true = found[FLOOR].accuracies
    for name in found.keys() - {BASIC, JOBLIB}:
        ours = found[name].accuracies
        if ours.keys() != true.keys():
            raise SystemExit(f"the runs of {name} are not those of the floor, nothing is reported.")
        if far := {case: accuracy for case, accuracy in ours.items() if abs(accuracy - true[case]) > apart}:
            raise SystemExit(f"test accuracies of {name} are not those of the floor, nothing is reported: {far}")
    means: dict[str, dict[str, float]] = {}
    for name, law in itertools.product((BASIC, JOBLIB), LAWS):
        ours, theirs = (interval(by_seed(found[side].accuracies, law)) for side in (OURS, name))
        between = difference(ours, theirs)
        if not abs(between.mean) <= between.half_width:
            raise SystemExit(f"mean test accuracies of {name} with {law} differ from ours, nothing is reported: {between}")
        means[law] = {"ours": ours.mean, "theirs": theirs.mean, "half_width": between.half_width}
    return means


def by_seed(found: Mapping[Case, float], law: str) -> list[float]:
    """The mean over the penalties for each seed."""
    seeds = sorted({case[1] for case in found})
    return [mean(accuracy for case, accuracy in found.items() if case[:2] == (law, seed)) for seed in seeds]


def measured(work: Work) -> dict[str, Any]:
    """Seconds of each way, their ratios, and the accuracies that were compared before."""
    first, taken = compared(work.ways(), lambda found: check(found, work.sizes.apart), work.sizes.rounds)
    middle = taken.medians
    return {
        "runs": len(first[OURS].accuracies),
        **taken._asdict(),
        "again": first[OURS].again,
        "accuracies": check(first, work.sizes.apart),
        "ratios": {
            "hydra_basic": middle[BASIC] / middle[OURS],
            "hydra_joblib": middle[JOBLIB] / middle[OURS],
            "over_floor": middle[HERE] / middle[FLOOR],
        },
    }
