"""Seconds by stage of random patches with a closed-form head, and images per second of full training, on CIFAR-10's sizes.

    python benchmarks/on_gpu.py [--quick] [--device cpu] [--data FOLDER] [--json FILE]

Runs on a CPU, too, where only --quick ends soon. With --data the images are CIFAR-10's, in that folder; else noise of the same
shape, on which speed is the same and accuracy means nothing.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from cases import Case, random_images
from rich.console import Console
from rich.table import Table
from timing import interleaved, seconds, write_json
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Rows
from torchvision.transforms import v2

from randfeat.data import Dataset
from randfeat.least_squares import Primal
from randfeat.products import fastest, layers_by
from randfeat.run import score
from randfeat.spec import RunSpec

PENALTY = 10.0
GOALS = {"matrix_rate": 0.5, "resnet": 2.0, "wrn": 2.0}


class Sizes(NamedTuple):
    """``maps`` filters give 8 features each."""

    n_train: int
    n_test: int
    maps: int
    arches: dict[str, dict[str, int]]
    batch_size: int
    epochs: int
    rounds: int


SIZES = Sizes(50_000, 10_000, 2048, {"resnet": {"depth": 20}, "wrn": {"depth": 16, "widen": 4}}, 128, 2, 1)
QUICK = Sizes(200, 100, 8, {"resnet": {"depth": 8, "width": 4}, "wrn": {"depth": 10, "widen": 1}}, 50, 1, 1)


def case(images: dict[str, Any], folder: Path, device: torch.device, parts: dict[str, Any]) -> Case:
    spec = RunSpec.from_mapping({**parts, "data": {**images, "val_share": 0.0, **parts.get("data", {})}})
    return Case.of(spec, spec.data.load(0, folder, device), folder)


def random_patches(images: dict[str, Any], folder: Path, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """Seconds of each stage, as the solver goes through them, and the share of the matrix rate that all of them reach."""
    arch = {
        "part": "conv_pool", "width": sizes.maps, "kernel": 6, "bias": False, "contrast": 0.0025, "code": "soft_threshold",
        "two_sided": True, "grid": 2,
    }  # fmt: skip
    init = {"part": "whitened_patches", "power": 2}
    parts = {"arch": arch, "init": init, "subset": {"part": "last"}, "solver": {"part": "ridge", "penalty": PENALTY}}
    one = case(images, folder, device, parts)
    product = fastest(device)
    n, p = len(one.data.train), one.problem.trained["head.weight"].shape[1]
    y_NK = torch.eye(one.data.task.n_outputs, device=device)[one.data.train.y_N]

    def streamed(take: Callable[[Tensor, Tensor], object]) -> None:
        with layers_by(product):
            for rows, block in one.data.train.numbered_blocks():
                take(one.problem.prepare(block.x), y_NK[rows])

    def gathered(system: Primal) -> None:
        streamed(system.partial_fit)
        assert system.is_finite  # the rows that still waited are in

    gathered(Primal(product))
    system = Primal(product)
    taken = {"features": seconds(lambda: streamed(lambda phi_NP, y_NK: None), device)}
    taken["gram"] = seconds(lambda: gathered(system), device) - taken["features"]
    taken["factorisation"] = seconds(lambda: system.solve(PENALTY), device)
    fitted = one.spec.solver.fit(one.problem)
    taken["scoring"] = seconds(lambda: one.model.scores(fitted.trained, one.prefix.blocks("test")), device)
    taken["fit, all together"] = seconds(lambda: one.spec.solver.fit(one.problem), device)
    places, window = (32 - 6 + 1) ** 2, 3 * 6**2
    adds: dict[str, float] = {"features": n * places * sizes.maps * window, "gram": n * p**2 / 2, "factorisation": p**3 / 3}
    rate = matrix_rate(device, p)
    shares = {stage: adds[stage] / taken[stage] / rate for stage in adds}
    shares["fit, all together"] = sum(adds.values()) / taken["fit, all together"] / rate
    metrics = score(one.model, fitted.trained, one.prefix) if fitted.status == "ok" else {}
    return {"features": p, "seconds": taken, "shares": shares, "rate": rate, "status": fitted.status, **metrics}


def matrix_rate(device: torch.device, p: int) -> float:
    """Multiply-adds a second of the fastest float32 product of the documented error, on square matrices."""
    side = min(8192 if device.type == "cuda" else 2048, 8 * p)
    a, b = (torch.rand(side, side, device=device) for _ in range(2))
    product = fastest(device)
    product(a, b)
    return side**3 / min(seconds(lambda: product(a, b), device) for _ in range(5))


def training(
    images: dict[str, Any], folder: Path, device: torch.device, sizes: Sizes, arch: str, workers: int
) -> dict[str, Any]:
    """Images per second and test accuracy of full training, by the program and by a plain loop."""
    data = {"flip": True, "crop_pad": 4}
    solver = {
        "part": "sgd", "epochs": sizes.epochs, "batch_size": sizes.batch_size, "lr": 0.1, "schedule": "constant",
        "nesterov": False, "weight_decay": 1e-4,
    }  # fmt: skip
    arch_words = {"part": arch, **sizes.arches[arch]}
    parts = {"data": data, "arch": arch_words, "init": {"part": "he"}, "subset": {"part": "all"}, "solver": solver}
    one = case(images, folder, device, parts)
    net = one.spec.arch.build(one.data.task).to_empty(device=device)
    start = {name: tensor.clone() for name, tensor in {**one.model.weights.merge(), **one.model.buffers}.items()}
    fits: dict[str, Callable[[], dict[str, Tensor]]] = {
        "ours": lambda: one.spec.solver.fit(one.problem).trained,
        "plain": lambda: plain_loop(net, start, one, sizes, workers),
    }
    found: dict[str, float] = {}
    for name, fit in fits.items():
        trained = fit()
        one.model.record_statistics(trained, one.prefix.blocks("train"), one.model.moving)
        found[f"{name}/accuracy"] = score(one.model, trained, one.prefix)["test/accuracy"]
    timed = {name: functools.partial(seconds, fit, device) for name, fit in fits.items()}
    n_images = sizes.epochs * len(one.data.train)
    return {**{name: n_images / taken for name, taken in interleaved(timed, sizes.rounds).items()}, **found}


class Pictures(Rows[tuple[Tensor, int]]):
    """Images as a folder of files would give them, each changed and scaled by itself."""

    def __init__(self, data: Dataset) -> None:
        self._x, self._y_N = data.train.x.cpu(), data.train.y_N.tolist()
        self._change = v2.Compose(
            [
                v2.ToPILImage(),
                v2.RandomCrop(self._x.shape[-1], padding=4),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(data.scale.mean.flatten().tolist(), data.scale.std.flatten().tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self._y_N)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self._change(self._x[row]), self._y_N[row]


def plain_loop(net: nn.Module, start: dict[str, Tensor], one: Case, sizes: Sizes, workers: int) -> dict[str, Tensor]:
    """The same network, steps and learning rate in the loop of torchvision's reference script for classification."""
    net.load_state_dict(start)
    net.train()
    device, solver = one.model.device, one.spec.solver
    optimizer = torch.optim.SGD(net.parameters(), lr=solver.lr, momentum=solver.momentum, weight_decay=solver.weight_decay)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(
        Pictures(one.data), sizes.batch_size, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda"
    )
    for _ in range(sizes.epochs):
        for images, classes in loader:
            x, y_N = images.to(device), classes.to(device)
            scores_NK = net(x)
            loss = criterion(scores_NK, y_N)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            (scores_NK.topk(5).indices == y_N[:, None]).sum(0).tolist()
    return {name: tensor.detach().clone() for name, tensor in net.named_parameters()}


def stages(found: dict[str, Any]) -> Table:
    shown = Table("stage", "seconds", "of the matrix rate", box=None, title=f"random patches, P = {found['features']:,}")
    for stage, taken in found["seconds"].items():
        share = found["shares"].get(stage)
        shown.add_row(stage, f"{taken:.3g}", "" if share is None else f"{share:.0%}")
    return shown


def speeds(found: dict[str, dict[str, float]]) -> Table:
    shown = Table("network", "images/s", "plain loop", "faster", "accuracy", "plain loop", box=None, title="full training")
    for arch, row in found.items():
        faster = f"{row['ours'] / row['plain']:.2f}x"
        shown.add_row(
            arch,
            f"{row['ours']:,.0f}",
            f"{row['plain']:,.0f}",
            faster,
            f"{row['ours/accuracy']:.2%}",
            f"{row['plain/accuracy']:.2%}",
        )
    return shown


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="a few rows and maps: whether it runs, not how fast")
    words.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    words.add_argument("--data", type=Path, help="the folder with CIFAR-10")
    words.add_argument("--workers", type=int, default=os.cpu_count(), help="of the plain loop's DataLoader")
    words.add_argument("--json", type=Path, help="where to write the figures")
    given = words.parse_args()
    sizes, device = QUICK if given.quick else SIZES, torch.device(given.device)
    workers = 0 if given.quick else given.workers
    with tempfile.TemporaryDirectory() as folder:
        images = {"part": "cifar10", "n_train": sizes.n_train, "n_test": sizes.n_test}
        if given.data is None:
            images = {"part": "npz", "path": str(Path(folder) / "images.npz")}
            random_images(Path(images["path"]), sizes.n_train, sizes.n_test)
        place = given.data or Path(folder)
        patches = random_patches(images, place, device, sizes)
        Console(width=80).print(stages(patches))
        trained = {arch: training(images, place, device, sizes, arch, workers) for arch in sizes.arches}
        Console(width=80).print(speeds(trained))
    if given.json:
        ratios = {"matrix_rate": patches["shares"]["fit, all together"]}
        ratios |= {arch: row["ours"] / row["plain"] for arch, row in trained.items()}
        figures = {"ratios": ratios, "goals": GOALS, "random_patches": patches, "training": trained, "workers": workers}
        write_json(given.json, device, figures | {"images": images["part"]})


if __name__ == "__main__":
    main()
