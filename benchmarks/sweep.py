"""What a sweep takes, beside Hydra jobs of a plain PyTorch script, one process, and its bare arithmetic.

    python benchmarks/sweep.py [--quick] [--data FOLDER] [--threads N] [--only PART ...] [--rounds N] [--json FILE]

Every command starts in a process of its own with a fresh results folder, on both sides; nothing is reported unless both sides
have arrived at the same test accuracies.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import sweep_shared
import sweep_tiny
import sweep_workers
import torch
from commands import warm_up
from rich.console import Console
from rich.table import Table
from timing import write_json

from randfeat.places import data_folder, whereabouts

AT_LEAST = {"hydra_basic": 10.0, "hydra_joblib": 5.0, "workers_speedup": 0.8}
"""Goals; that of ``workers_speedup`` is times the number of threads."""
AT_MOST = {"overhead_ms": 5.0, "memory": 1.05}
PACKAGES = ("hydra-core", "hydra-joblib-launcher", "joblib")


class Given(NamedTuple):
    """What was asked for on the command line."""

    quick: bool
    threads: int
    data: Path
    rounds: int | None

    def sizes(self, module: Any) -> Any:
        """Of one of the parts."""
        sizes = module.QUICK if self.quick else module.SIZES
        return sizes._replace(rounds=self.rounds or sizes.rounds)


def shared(given: Given) -> dict[str, dict[str, Any]]:
    """By data set; CIFAR-10 where it lies in the folder."""
    sizes, folder, threads = given.sizes(sweep_shared), given.data, given.threads
    found = {"digits": sweep_shared.measured(sweep_shared.Work("digits", folder, None, sizes, threads))}
    if whereabouts("cifar10", folder) != "on disk":
        print(f"CIFAR-10 is not under {folder}: digits alone are measured. Say where it lies with --data.")
        return found
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name) / "rows.npz"
        sweep_shared.subset(folder, sizes.rows, rows)
        found["cifar10"] = sweep_shared.measured(sweep_shared.Work("cifar10", folder, rows, sizes, threads))
    return found


def workers(given: Given) -> dict[str, dict[str, Any]]:
    return {"workers": sweep_workers.measured(given.sizes(sweep_workers), given.threads)}


def tiny(given: Given) -> dict[str, dict[str, Any]]:
    return {"tiny": sweep_tiny.measured(sweep_tiny.Work(given.sizes(sweep_tiny), given.threads))}


PARTS: dict[str, Callable[[Given], dict[str, dict[str, Any]]]] = {"shared": shared, "workers": workers, "tiny": tiny}


def worst(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Each ratio, of several data sets the least favourable."""
    every: dict[str, list[float]] = {}
    for one in found.values():
        for name, ratio in one["ratios"].items():
            every.setdefault(name, []).append(ratio)
    return {name: min(ratios) if name in AT_LEAST else max(ratios) for name, ratios in every.items()}


def table(title: str, found: dict[str, Any]) -> Table:
    shown = Table("way", "seconds, median", "smallest", "largest", box=None, title=f"{title}, {found['runs']:,} runs")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, seconds in found["seconds"].items():
        shown.add_row(name, f"{found['medians'][name]:.3g}", f"{min(seconds):.3g}", f"{max(seconds):.3g}")
    return shown


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="few small runs, one round: whether it works, not how fast")
    words.add_argument("--data", type=Path, help="the folder with CIFAR-10")
    words.add_argument("--threads", type=int, default=os.cpu_count(), help="that each side has in all")
    words.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="some of the parts")
    words.add_argument("--rounds", type=int, help="in which the ways take turns")
    words.add_argument("--json", type=Path, help="where to write the figures")
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    warm_up(given.threads)
    found: dict[str, dict[str, Any]] = {}
    for part in given.only:
        found |= PARTS[part](Given(given.quick, given.threads, data_folder(given.data), given.rounds))
    for title, one in found.items():
        Console(width=80).print(table(title, one))
    ratios = worst(found)
    goals = {**AT_LEAST, **AT_MOST, "workers_speedup": AT_LEAST["workers_speedup"] * given.threads}
    for name, ratio in ratios.items():
        sign = ">=" if name in AT_LEAST else "<="
        print(f"{name} {ratio:.3g}" + (f" (goal {sign} {goals[name]:g})" if name in goals else ""))
    if given.json:
        packages = {name: version(name) for name in PACKAGES}
        figures = {"ratios": ratios, "goals": goals, "measured": found, "threads": given.threads, "packages": packages}
        write_json(given.json, torch.device("cpu"), figures)


if __name__ == "__main__":
    main()
