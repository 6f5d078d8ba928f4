"""Memory and seconds of a training step of very deep chains, their backward pass in segments beside all in one piece.

    python benchmarks/deep.py [--quick] [--json FILE]

Both ways must give the same loss to the last bit. Memory, as Linux has it, is measured in processes of their own.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from cases import Case
from commands import environment
from rich.console import Console
from rich.table import Table
from timing import interleaved, seconds, write_json

from randfeat import model
from randfeat.cost import Meter
from randfeat.metrics import mean_loss
from randfeat.spec import RunSpec

WAYS = {"segments": model.LONG, "one piece": sys.maxsize}


class Sizes(NamedTuple):
    depths: tuple[int, ...]
    width: int
    rows: int
    steps: int


SIZES = Sizes((250, 1000, 4000), 16, 128, 2)
QUICK = Sizes((210, 420), 4, 64, 1)


class Step:
    """Forward and backward pass of ``arch=plain`` on digits, all of it trained; the gradients have their memory already."""

    def __init__(self, depth: int, width: int, rows: int) -> None:
        parts: dict[str, Any] = {
            "data": {"part": "digits"},
            "arch": {"part": "plain", "depth": depth, "width": width, "halvings": 1, "halve": "average"},
            "init": {"part": "delta_orthogonal"},
            "subset": {"part": "all"},
            "solver": {"part": "sgd"},
        }
        spec = RunSpec.from_mapping(parts)
        self.problem = Case.of(spec, spec.data.load(0, Path(), torch.device("cpu"))).problem
        self.x, self.y_N = self.problem.prepare(self.problem.train.x[:rows]), self.problem.train.y_N[:rows]
        self.trained = {name: tensor.clone().requires_grad_() for name, tensor in self.problem.trained.items()}
        for tensor in self.trained.values():
            tensor.grad = torch.zeros_like(tensor)
        self.loss = 0.0

    def __call__(self, rows: int) -> None:
        self.problem.train_mode()
        mean = mean_loss(self.problem.logits(self.trained, self.x[:rows]), self.y_N[:rows], 0.0)
        mean.backward()  # type: ignore[no-untyped-call]
        self.loss = mean.item()


def child(depth: int, width: int, rows: int, long: int) -> dict[str, float]:
    """The loss of a step in this process, and its memory on top of what there was after a step on two rows."""
    torch.set_num_threads(1)
    step = made(depth, width, rows, long)
    step(2)  # torch loads what it needs
    meter = Meter(torch.device("cpu"))
    before = meter.peak_mib
    step(rows)
    return {"extra_mib": meter.peak_mib - before, "loss": step.loss}


def made(depth: int, width: int, rows: int, long: int) -> Step:
    """A step whose chain is cut where it has more units than ``long``."""
    model.LONG = long
    return Step(depth, width, rows)


def measured(sizes: Sizes, depth: int) -> dict[str, dict[str, float]]:
    """Both ways at one depth; for the seconds they take turns in this process.

    Raises:
        SystemExit: one fails, or their losses differ; nothing is reported.
    """
    found: dict[str, dict[str, float]] = {}
    for name, long in WAYS.items():
        line = [sys.executable, __file__, "--child", *map(str, (depth, sizes.width, sizes.rows, long))]
        done = subprocess.run(line, capture_output=True, text=True, env=environment(1))
        if done.returncode:
            raise SystemExit(f"{name} at depth {depth} failed, nothing is reported.\n{done.stderr[-2000:]}")
        found[name] = json.loads(done.stdout)
    if len({one["loss"] for one in found.values()}) > 1:
        raise SystemExit(f"the losses at depth {depth} differ, nothing is reported: {found}")
    steps = {name: made(depth, sizes.width, sizes.rows, long) for name, long in WAYS.items()}
    once = {name: functools.partial(step, sizes.rows) for name, step in steps.items()}
    taken = interleaved(
        {name: functools.partial(seconds, step, torch.device("cpu")) for name, step in once.items()}, sizes.steps
    )
    return {name: one | {"seconds": taken[name]} for name, one in found.items()}


def table(found: dict[int, dict[str, dict[str, float]]]) -> Table:
    shown = Table("depth", "way", "extra MiB", "s/step", box=None)
    for depth, ways in found.items():
        for name, one in ways.items():
            shown.add_row(f"{depth:,}", name, f"{one['extra_mib']:,.1f}", f"{one['seconds']:.3g}")
    return shown


def ratios(found: dict[int, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Of the deepest chain: one piece over segments in memory, segments over one piece in seconds."""
    deepest = found[max(found)]
    cut, whole = deepest["segments"], deepest["one piece"]
    return {"memory": whole["extra_mib"] / cut["extra_mib"], "seconds": cut["seconds"] / whole["seconds"]}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="two shallower, narrower chains, one step: whether it runs")
    words.add_argument("--json", type=Path, help="where to write the figures")
    words.add_argument("--child", type=int, nargs=4, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.child:
        print(json.dumps(child(*given.child)))
        return
    torch.set_num_threads(1)
    sizes = QUICK if given.quick else SIZES
    found = {depth: measured(sizes, depth) for depth in sizes.depths}
    Console(width=80).print(table(found))
    if given.json:
        write_json(given.json, torch.device("cpu"), {"ratios": ratios(found), "measured": found})


if __name__ == "__main__":
    main()
