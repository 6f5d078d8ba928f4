"""A run of the program up to its fit, as the benchmarks measure it, and images for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from randfeat.data import Dataset
from randfeat.model import Model
from randfeat.prefix import Prefix
from randfeat.run import build, prepared, problem, sources
from randfeat.shelf import Shelf
from randfeat.solver import Problem
from randfeat.spec import RunSpec


@dataclass(frozen=True)
class Case:
    """What a run is, its network, its rows, and what its solver sees."""

    spec: RunSpec
    model: Model
    data: Dataset
    prefix: Prefix
    problem: Problem

    @classmethod
    def of(cls, spec: RunSpec, data: Dataset, folder: Path = Path()) -> Self:
        model = build(spec, data, data.train.x.device, sources(data, folder, lambda key: {}))
        prefix = prepared(spec, model, data, Shelf())
        return cls(spec, model, data, prefix, problem(spec, model, data, prefix, lambda step: None))


def random_images(file: Path, n_train: int, n_test: int, side: int = 32) -> None:
    """uint8 noise of ten classes; speed does not depend on what is in it."""
    draws = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for split, n in (("train", n_train), ("test", n_test)):
        arrays[f"x_{split}"] = draws.integers(0, 256, (n, 3, side, side), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(n) % 10
    np.savez(file, **arrays)
