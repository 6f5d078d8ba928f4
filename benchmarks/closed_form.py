"""Seconds and memory of a closed-form last layer on random ReLU features, beside other ways to it and beside the floor.

    python benchmarks/closed_form.py [--quick] [--full] [--threads N] [--json FILE]

Ours is the program's own solver on the program's own problem, features included. All start from the same rows, W and b, and
nothing is timed before all have arrived at the same test accuracy. hpelm and skelm take part where they can be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import cases
import floor
import numpy as np
import peers
import torch
from enlarged_digits import enlarged_digits
from peers import Head, Work, accuracy
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_info, threadpool_limits
from timing import interleaved, seconds, write_json

from randfeat.cost import Meter
from randfeat.data import AbstractData, Dataset
from randfeat.spec import RunSpec

CPU = torch.device("cpu")
PENALTIES = tuple(float(penalty) for penalty in np.logspace(-2, 3, 10))
PENALTY = 1.0
"""Where there is nothing to choose."""
GOALS = {"peer_with_penalty_choice": 20.0, "peer_one_penalty": 2.0, "sklearn_memory": 4.0, "over_floor": 1.5}
"""At least; ``over_floor`` at most."""

OURS = {"randfeat": "", "randfeat, validation": "validation", "randfeat, leave-one-out": "leave_one_out"}
"""What chooses among the penalties."""
SKLEARN, SKLEARN_CV = "scikit-learn RidgeClassifier", "scikit-learn RidgeClassifierCV"
THEIRS: dict[str, peers.Peer] = {
    SKLEARN: peers.sklearn_one,
    "hpelm": peers.hpelm,
    "skelm": peers.skelm,
    "loop, numpy and scipy": peers.scipy_loop,
    "loop, torch": peers.torch_loop,
    SKLEARN_CV: peers.sklearn_choice,
}
CHOOSING = ["randfeat, validation", "randfeat, leave-one-out", SKLEARN_CV]
LIBRARIES = {SKLEARN, "hpelm", "skelm"}
"""The peers; the loops show what a page of code gives."""
OPTIONAL = ("hpelm", "skelm")
PACKAGES = ("numpy", "scipy", "scikit-learn", "hpelm", "scikit-elm")


PRELOADED = ["randfeat.run", "randfeat.spec", "sklearn.linear_model", "sklearn.datasets", "rich.table", "torch._dynamo"]
"""What a fresh process has imported already, for speed alone."""


class Sizes(NamedTuple):
    n_train: int
    n_test: int
    narrow: int
    wide: int
    rounds: int
    apart: float
    """How far a test accuracy may lie from ours."""


SIZES = Sizes(60_000, 10_000, 1000, 4096, 3, 0.001)
QUICK = Sizes(2_000, 1_000, 50, 100, 1, 0.03)


class Case(cases.Case):
    """A run of the program up to its fit."""

    def fit(self) -> Head:
        fitted = self.spec.solver.fit(self.problem)
        if fitted.status != "ok":
            raise SystemExit(f"randfeat: {fitted.status}: {fitted.reason}")
        weight_KP, intercept_K = fitted.trained["head.weight"], fitted.trained["head.bias"]
        return Head(weight_KP.T.numpy(), intercept_K.numpy(), fitted.chosen["penalty"])

    def work(self, split: str) -> Work:
        """The same rows and the same hidden layer, for others."""
        rows, layer = getattr(self.data, split), self.model.weights.frozen
        W_DP = np.ascontiguousarray(layer["hidden1.linear.weight"].T.numpy())
        return Work(rows.x.numpy(), rows.y_N.numpy(), W_DP, layer["hidden1.linear.bias"].numpy())


def case(file: Path, width: int, choose: str) -> Case:
    """Without a choice one penalty; for a choice by validation a tenth of the rows is held out, as in a run."""
    choice = {"penalty": PENALTIES, "choose": choose} if choose else {"penalty": PENALTY}
    spec = RunSpec.from_mapping(
        {
            "data": {
                "part": "npz", "path": str(file), "scaling": "none", "val_share": 0.1 if choose == "validation" else 0.0,
            },
            "arch": {"part": "mlp", "width": width},
            "init": {"part": "he", "bias": "normal"},
            "subset": {"part": "last"},
            "solver": {"part": "ridge", **choice},
        }
    )  # fmt: skip
    return Case.of(spec, loaded(spec.data))


@functools.cache
def loaded(data: AbstractData) -> Dataset:
    return data.load(0, Path(), CPU)


def systems() -> list[str]:
    """The names of those that are there, those that choose among penalties last."""
    names = [name for name in [*OURS, *THEIRS] if name not in OPTIONAL or importable(name)]
    return sorted(names, key=CHOOSING.__contains__)


def system(file: Path, width: int, name: str) -> Callable[[], Head]:
    """What fits."""
    if name in OURS:
        return case(file, width, OURS[name]).fit
    penalties = PENALTIES if name in CHOOSING else (PENALTY,)
    return functools.partial(THEIRS[name], case(file, width, "").work("train"), penalties)


def importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def peak_mib(file: Path, width: int, name: str, threads: int) -> float:
    """The most memory that a first fit takes on top of what there was, its rows included, in MiB; for a process of its own."""
    limit(threads)
    fit = system(file, width, name)
    meter = Meter(CPU)
    before = meter.peak_mib
    fit()
    return meter.peak_mib - before


def limit(threads: int) -> None:
    torch.set_num_threads(threads)
    threadpool_limits(threads)


def measured(file: Path, sizes: Sizes, width: int, slow: bool, threads: int) -> dict[str, Any]:
    """Accuracies, then seconds and memory of all systems, and the floor. ``slow`` systems are run once, for both."""
    slow_ones = {SKLEARN_CV} if width == sizes.wide else set()
    fits = {name: system(file, width, name) for name in systems() if slow or name not in slow_ones}
    test = case(file, width, "").work("test")
    rows: dict[str, dict[str, float]] = {}
    for name, fit in fits.items():
        heads: list[Head] = []
        taken = seconds(lambda fit=fit, heads=heads: heads.append(fit()), CPU)
        rows[name] = {"seconds": taken, "accuracy": accuracy(heads[0], test), "penalty": heads[0].penalty}
    check({name: row["accuracy"] for name, row in rows.items()}, sizes.apart)
    timed = {name: functools.partial(seconds, fit, CPU) for name, fit in fits.items() if name not in slow_ones}
    taken_by = interleaved(timed | floor.work(width), sizes.rounds)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    for name, row in rows.items():
        row["seconds"] = taken_by.get(name, row["seconds"])
        with context.Pool(1) as pool:
            row["extra_mib"] = pool.apply(peak_mib, (file, width, name, threads))
    least = floor.floor(taken_by, sizes.n_train, len(test.W_DP), width)
    return {"systems": rows, "floor": {**least._asdict(), "seconds": least.seconds}}


def check(accuracies: dict[str, float], most: float) -> None:
    """All within ``most`` of ours with one penalty.

    Raises:
        SystemExit: one is not, and nothing is timed.
    """
    ours = accuracies["randfeat"]
    if apart := {name: found for name, found in accuracies.items() if abs(found - ours) > most + 1e-9}:
        raise SystemExit(f"test accuracies differ, nothing is timed: randfeat {ours:.4f}, {apart}")


def figures(found: dict[int, dict[str, Any]], sizes: Sizes) -> dict[str, Any]:
    """As the JSON file has them."""
    narrow, wide = found[sizes.narrow]["systems"], found[sizes.wide]["systems"]
    chosen_by = min(CHOOSING[:2], key=lambda name: narrow[name]["seconds"])
    one_by_one = {name: row["seconds"] / wide["randfeat"]["seconds"] for name, row in wide.items() if name not in CHOOSING}
    fastest = min(one_by_one.keys() & LIBRARIES, key=one_by_one.__getitem__)
    return {
        "ratios": {
            "peer_with_penalty_choice": narrow[SKLEARN_CV]["seconds"] / narrow[chosen_by]["seconds"],
            "peer_one_penalty": one_by_one[fastest],
            "sklearn_memory": wide[SKLEARN]["extra_mib"] / wide["randfeat"]["extra_mib"],
            "over_floor": wide["randfeat"]["seconds"] / found[sizes.wide]["floor"]["seconds"],
        },
        "goals": GOALS,
        "with_penalty_choice": chosen_by,
        "fastest_peer": fastest,
        "against_each": one_by_one,
        "measured": {str(width): one for width, one in found.items()},
        "sizes": sizes._asdict(),
        "penalties": PENALTIES,
        "packages": packages(),
        "thread_pools": threadpool_info(),
    }


def packages() -> dict[str, str]:
    """The versions of those that are there."""
    there: dict[str, str] = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            there[name] = version(name)
    return there


def table(width: int, found: dict[str, Any]) -> Table:
    rows, least = found["systems"], found["floor"]
    ours = rows["randfeat"]["seconds"]
    title = f"P = {width:,}; floor {least['seconds']:.3g} s, ours {ours / least['seconds']:.2f} of it"
    shown = Table("system", "penalty", "seconds", "of ours", "extra MiB", "accuracy", box=None, title=title)
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        shown.add_row(
            name,
            f"{row['penalty']:.3g}",
            f"{row['seconds']:.3g}",
            f"{row['seconds'] / ours:.2f}x",
            f"{row['extra_mib']:,.0f}",
            f"{row['accuracy']:.2%}",
        )
    return shown


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="few rows and features: whether it runs, not how fast")
    words.add_argument("--full", action="store_true", help="RidgeClassifierCV on all features, too: minutes")
    words.add_argument("--threads", type=int, default=os.cpu_count(), help="of every library")
    words.add_argument("--json", type=Path, help="where to write the figures")
    given = words.parse_args()
    sizes = QUICK if given.quick else SIZES
    limit(given.threads)
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "digits.npz"
        np.savez(file, **enlarged_digits(sizes.n_train, sizes.n_test))
        for width in (sizes.narrow, sizes.wide):
            found[width] = measured(file, sizes, width, given.full or given.quick, given.threads)
            Console(width=80).print(table(width, found[width]))
    written = figures(found, sizes)
    for name, ratio in written["ratios"].items():
        print(f"{name} {ratio:.3g} (goal {'<=' if name == 'over_floor' else '>='} {GOALS[name]:g})")
    if given.json:
        write_json(given.json, CPU, written)


if __name__ == "__main__":
    main()
