"""Constructed records: whole ones, whose numbers the test chooses."""

from __future__ import annotations

import hashlib
from typing import Any

from randfeat.record import Record, Status

SOLVERS: dict[str, dict[str, Any]] = {
    "ridge": {"part": "ridge", "penalty": 1.0},
    "sgd": {"part": "sgd", "epochs": 30, "lr": 0.1},
}
ARCHES: dict[str, dict[str, Any]] = {
    "vgg": {"part": "vgg", "depth": 11, "width": 64},
    "mlp": {"part": "mlp", "hidden": [64, 64], "norm": True},
}
PARAMS = 9_228_362
WRITTEN = "2025-01-02T03:04:05+00:00"


def a_spec(arch: str = "vgg", subset: str = "last", seed: int = 0, **settings: Any) -> dict[str, Any]:
    """A spec; ``settings`` such as ``init=...`` replace whole families."""
    return {
        "data": {"part": "digits", "n_train": None},
        "arch": ARCHES[arch],
        "init": {"part": "he", "gain": 1.0},
        "subset": {"part": subset},
        "solver": SOLVERS["sgd" if subset == "all" else "ridge"],
        "twin": SOLVERS["sgd"],
        "seeds": {"data": 0, "weights": seed, "subset": 0, "order": 0},
        "precision": "float32",
    } | settings


def key_of(spec: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(spec.items())).encode()).hexdigest()[:12]


def a_record(spec: dict[str, Any] | None = None, accuracy: float = 0.9, **fields: Any) -> Record:
    """A record of ``spec``; its twin's key is that of the same spec with everything trained."""
    spec = a_spec() if spec is None else spec
    full = spec["subset"]["part"] == "all"
    return Record(
        **{
            "key": key_of(spec),
            "twin": key_of(spec | {"subset": {"part": "all"}, "solver": SOLVERS["sgd"]}),
            "status": Status.OK,
            "reason": "",
            "spec": spec,
            "metrics": {"test/accuracy": accuracy, "test/loss": 1.0 - accuracy},
            "cost": {
                "fit_s": 60.0 if full else 1.25,
                "total_s": 62.0 if full else 2.5,
                "peak_mib": 512.0 if full else 128.0,
                "params": PARAMS,
                "trained_params": PARAMS if full else 5130,
            },
            "environment": {"torch": "2.11", "device": "cpu", "threads": 4},
            "version": "0.1.0",
            "written": WRITTEN,
        }
        | fields
    )


def with_twins(accuracies: list[float], twins: list[float], arch: str = "vgg", **settings: Any) -> list[Record]:
    """A run and its twin for each seed, with these test accuracies."""
    runs = [a_record(a_spec(arch, "last", seed, **settings), value) for seed, value in enumerate(accuracies)]
    return runs + [a_record(a_spec(arch, "all", seed, **settings), value) for seed, value in enumerate(twins)]
