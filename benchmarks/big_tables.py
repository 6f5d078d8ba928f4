"""``randfeat table`` and ``randfeat diff`` on very many runs: read at first, from the cache, and after the files have grown."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from timing import write_json

from randfeat.record import Record, Status
from randfeat.report.cache import read
from randfeat.report.frame import frame
from randfeat.store import Store

SGD = {"part": "sgd", "batch_size": 128, "epochs": 15, "lr": 0.1, "milestones": [0.3, 0.6, 0.8], "momentum": 0.9}
ARCHES = [
    {"part": "vgg", "activation": "relu", "depth": 11, "hidden": 0, "norm": "batch", "width": 16},
    {"part": "mlp", "activation": "relu", "depth": 2, "widths": [64, 64]},
]
DATA = {"part": "digits", "crop_pad": 0, "flip": False, "n_train": None, "scaling": "standardise", "val_share": 0.1}
SHAPES = {"100 groups x 1,000 seeds": (5, 10, 1000), "10,000 groups x 10 seeds": (50, 100, 10)}
QUICK = {"40 groups x 60 seeds": (4, 5, 60)}


def records(gains: int, heads: int, seeds: int, init: str = "he") -> Iterator[Record]:
    """Two networks, so many gains, so many heads of which the first is the twin of the others; one in 50 failed."""
    draws = random.Random(0)
    for arch in ARCHES:
        for gain in range(gains):
            for head in range(heads):
                for seed in range(seeds):
                    yield record(arch, {"part": init, "bias": "zero", "gain": 1 + gain / 10}, head, seed, draws)


def record(arch: dict[str, Any], init: dict[str, Any], head: int, seed: int, draws: random.Random) -> Record:
    def key(head: int) -> str:
        return hashlib.sha256(f"{arch['part']} {init} {head} {seed}".encode()).hexdigest()[:12]

    solver = {"part": "ridge", "penalty": float(head)} if head % 3 else {"part": "logistic", "penalty": head, "tolerance": 1e-5}
    accuracy = 0.5 + draws.random() / 2
    failed = draws.random() < 0.02
    scores = [f"{split}/{metric}" for split in ("train", "val", "test") for metric in ("accuracy", "loss")]
    return Record(
        key=key(head),
        twin=key(0),
        status=Status.NON_FINITE if failed else Status.OK,
        reason="loss was nan in epoch 3" if failed else "",
        spec={
            **{"data": DATA, "arch": arch, "init": init, "subset": {"part": "last" if head else "all", "norm": "policy"}},
            **{"solver": solver if head else SGD, "twin": SGD if head else None, "precision": "float32"},
            "seeds": {"data": 0, "order": 0, "subset": 0, "weights": seed},
        },
        metrics={} if failed else {name: accuracy + draws.random() / 100 for name in scores},
        cost={
            "fit_s": draws.random(),
            "total_s": 1 + draws.random(),
            "peak_mib": 865.1,
            "params": 579498,
            "trained_params": 1290,
        },
        environment={"device": "cpu", "threads": 4, "torch": "2.15.0", "python": "3.11.7", "hardware": "some processor"},
        version="0.1.0",
        written="2026-01-02T03:04:05.678901+00:00",
    )


def fill(folder: Path, shape: tuple[int, int, int], init: str = "he") -> Store:
    """A folder with the records of a shape."""
    folder.mkdir()
    store = Store(folder)
    with store.file.open("w") as file:
        file.writelines(record.to_line() + "\n" for record in records(*shape, init))
    return store


def check(store: Store) -> None:
    """The frame by way of the cache, made and read, is that of the records one by one."""
    expected = frame(store.records())
    for _ in range(2):
        pd.testing.assert_frame_equal(read(store.files, store.cache)[0], expected, check_exact=True)
        assert store.cache.exists()


def program(*words: str | Path) -> float:
    """Seconds of the program from its start to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "randfeat", *map(str, words)], check=True, capture_output=True)
    return time.perf_counter() - start


def taken(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def grow(store: Store, n: int) -> None:
    """Copies of the first lines, under keys of their own."""
    with store.file.open() as file:
        lines = [next(file) for _ in range(n)]
    with store.file.open("a") as file:
        for k, line in enumerate(lines):
            file.write(json.dumps({**json.loads(line), "key": f"{time.time_ns() + k:012x}"[-12:]}, sort_keys=True) + "\n")


def measure(shape: tuple[int, int, int], folder: Path, rounds: int) -> dict[str, Any]:
    store, other = fill(folder / "he", shape), fill(folder / "orthogonal", shape, "orthogonal")
    check(store)
    table = functools.partial(program, "table", store.folder, "--format", "csv")
    seconds: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        seconds.setdefault(name, []).append(value)

    for _ in range(rounds):
        for each in (store, other):
            each.cache.unlink(missing_ok=True)
        note("table, no cache yet", table())
        read(other.files, other.cache)
        note("table", table())
        note("table --where arch=vgg", program("table", store.folder, "--where", "arch=vgg", "--format", "csv"))
        note("table --rows arch,solver", program("table", store.folder, "--rows", "arch,solver", "--format", "csv"))
        note("table on a terminal", program("table", store.folder))
        note("diff", program("diff", store.folder, other.folder, "--format", "json"))
        grow(store, 500)
        note("table, 500 runs later", table())
        note("Store.finished()", taken(store.finished))
    gains, heads, seeds = shape
    return {
        "groups": len(ARCHES) * gains * heads,
        "runs": len(ARCHES) * gains * heads * seeds,
        "mib": store.file.stat().st_size / 2**20,
        "cache_mib": store.cache.stat().st_size / 2**20,
        "seconds": {name: min(values) for name, values in seconds.items()},
    }


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}, {found['mib']:.0f} MiB, cache {found['cache_mib']:.1f} MiB")
    for what, seconds in found["seconds"].items():
        print(f" {what:26} {seconds:6.2f} s")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--quick", action="store_true")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--json", type=Path)
    chosen = words.parse_args()
    found = {}
    for name, shape in (QUICK if chosen.quick else SHAPES).items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measure(shape, Path(folder), 1 if chosen.quick else chosen.rounds)
        show(name, found[name])
    slowest = {what: max(own["seconds"][what] for own in found.values()) for what in next(iter(found.values()))["seconds"]}
    ratios = {"cache": slowest["table, no cache yet"] / slowest["table"]}
    print(f"\nThe cache makes a table {ratios['cache']:.1f} times as fast.")
    if chosen.json:
        write_json(chosen.json, torch.device("cpu"), {"measured": found, "slowest": slowest, "ratios": ratios})


if __name__ == "__main__":
    main()
