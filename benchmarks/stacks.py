"""Sixty-four seeds trained as stacks on one GPU, beside one after another and beside four processes that share the GPU.

    python benchmarks/stacks.py [--quick] [--device cpu] [--json FILE]

Without a CUDA device it says so and measures nothing; with --device cpu it runs there, where only --quick ends soon.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from commands import Command, Done
from rich.console import Console
from rich.table import Table
from timing import compared, write_json

from randfeat.report.statistics import paired

STACKS, SINGLE, SHARING = "stacks", "one after another", "4 processes"
FLAGS = {STACKS: ("--stack", "auto"), SINGLE: ("--stack", "1"), SHARING: ("--stack", "1", "--workers", "4", "--per-gpu", "4")}
GOALS = {"lenet": 8.0}
"""At least; of one after another over stacks."""


class Sizes(NamedTuple):
    seeds: int
    epochs: int
    nets: dict[str, tuple[str, ...]]
    rounds: int
    apart: float
    """How far the mean test accuracies of two ways may lie apart."""


LENET = ("conf=lenet_random",)
SIZES = Sizes(64, 15, {"lenet": LENET, "resnet": ("arch=resnet", "arch.depth=8")}, 3, 0.01)
QUICK = Sizes(2, 1, {"lenet": LENET, "resnet": ("arch=resnet", "arch.depth=8", "arch.width=2")}, 1, 0.1)


def commands(sizes: Sizes, net: str, device: torch.device) -> dict[str, Command]:
    """What takes turns: full training from ``sizes.seeds`` draws of the weights."""
    steps = ("subset=all", "solver=sgd", f"solver.epochs={sizes.epochs}", f"seeds.weights=range(0,{sizes.seeds})")
    words, threads = [*sizes.nets[net], *steps], torch.get_num_threads()
    return {name: Command(words, threads, (*flags, "--device", str(device))) for name, flags in FLAGS.items()}


def check(found: Mapping[str, Done], apart: float) -> dict[str, float]:
    """Every way has the same runs, and the same mean test accuracy within ``apart``.

    Returns:
        How far the means lie from those of one after another.

    Raises:
        SystemExit: they differ, and nothing is reported.
    """
    scores = {name: {r.key: r.metrics["test/accuracy"] for r in done.records} for name, done in found.items()}
    single = scores[SINGLE]
    if any(one.keys() != single.keys() for one in scores.values()):
        raise SystemExit("the runs are not the same, nothing is reported.")
    between = {name: paired((one[key] for key in single), single.values()).mean for name, one in scores.items()}
    if not all(abs(mean) <= apart for mean in between.values()):
        raise SystemExit(f"mean test accuracies differ, nothing is reported: {between}")
    return between


def measured(sizes: Sizes, net: str, device: torch.device) -> dict[str, Any]:
    """Seconds of each way, and both others over stacks."""
    ways = {name: command.run for name, command in commands(sizes, net, device).items()}
    first, taken = compared(ways, lambda found: check(found, sizes.apart), sizes.rounds)
    middle = taken.medians
    return {
        "runs": len(first[STACKS].records),
        **taken._asdict(),
        "again": {name: done.again for name, done in first.items()},
        "apart": check(first, sizes.apart),
        "ratios": {name: middle[name] / middle[STACKS] for name in (SINGLE, SHARING)},
    }


def table(found: dict[str, dict[str, Any]]) -> Table:
    shown = Table("network", "way", "seconds", "of stacks", "accuracy apart", box=None)
    for column in shown.columns[2:]:
        column.justify = "right"
    for net, one in found.items():
        for name, seconds in one["medians"].items():
            ratio = seconds / one["medians"][STACKS]
            shown.add_row(net, name, f"{seconds:.3g}", f"{ratio:.2f}x", f"{one['apart'][name]:+.4f}")
    return shown


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="two seeds, one epoch: whether it runs, not how fast")
    words.add_argument("--device", default="cuda")
    words.add_argument("--json", type=Path, help="where to write the figures")
    given = words.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("There is no CUDA device: nothing is measured. Use --device cpu --quick to see whether it runs.")
        return
    torch.set_num_threads(os.cpu_count() or 1)
    sizes = QUICK if given.quick else SIZES
    found = {net: measured(sizes, net, device) for net in sizes.nets}
    Console(width=80).print(table(found))
    if given.json:
        ratios = {net: one["ratios"][SINGLE] for net, one in found.items()}
        ratios |= {f"{net}, {SHARING}": one["ratios"][SHARING] for net, one in found.items()}
        write_json(given.json, device, {"ratios": ratios, "goals": GOALS, "measured": found})


if __name__ == "__main__":
    main()
