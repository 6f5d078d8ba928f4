"""What the benchmarks share: variants timed in turn, the machine, a JSON file."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol, TypeVar

import torch

from randfeat.machine import environment


def interleaved(variants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The smallest of each variant's seconds, all variants in turn in every round, after one round that does not count.

    The noise of a machine hits all variants alike, and only ever adds to the seconds.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds + 1):
        for name, variant in variants.items():
            taken[name].append(variant())
    return {name: min(seconds[1:]) for name, seconds in taken.items()}


class Timed(Protocol):
    """What a way of doing the work gives back."""

    @property
    def seconds(self) -> float: ...


T = TypeVar("T", bound=Timed)


class Compared(NamedTuple):
    """Seconds of each way in every round, and their medians."""

    seconds: dict[str, list[float]]
    medians: dict[str, float]


def compared(
    ways: Mapping[str, Callable[[], T]], check: Callable[[Mapping[str, T]], object], rounds: int
) -> tuple[dict[str, T], Compared]:
    """What each way gave in the first round, and what it took in all of them.

    ``check`` sees the first round before any other begins. The ways take turns, in the other order from one round to the next.
    """
    first = {name: way() for name, way in ways.items()}
    check(first)
    taken = {name: [done.seconds] for name, done in first.items()}
    for k in range(1, rounds):
        for name in list(ways)[:: -1 if k % 2 else 1]:
            taken[name].append(ways[name]().seconds)
    return first, Compared(taken, {name: median(seconds) for name, seconds in taken.items()})


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long the work takes, what it leaves to the device included."""
    _finish(device)
    start = time.perf_counter()
    work()
    _finish(device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def write_json(path: Path, device: torch.device, figures: Mapping[str, Any]) -> None:
    """The figures, with the machine and the command that gave them."""
    command = shlex.join(["python", *sys.argv])
    machine = {**environment(device), "cores": os.cpu_count()}
    path.write_text(json.dumps({**figures, "environment": machine, "command": command}, indent=2) + "\n")
