"""Seconds per step of training in part, as shares of full training.

    python benchmarks/partial_training.py [--quick] [--device cuda] [--threads N] [--rounds N] [--json FILE]

The steps are those of the program: spec, network, problem, and the solver's own loop. Beside them the same network as an
ordinary module in a plain loop with torch.optim.SGD, where what is frozen has requires_grad=False, or, where rows are,
the whole gradient times a mask. Before anything is timed, both have to have arrived at the same weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cases
import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from timing import interleaved, seconds, write_json
from torch import Tensor, nn

from randfeat.seeds import stream
from randfeat.spec import RunSpec
from randfeat.typing import Weights

GOALS = {"last": 0.03, "middle": 0.60, "fraction": 0.75}
"""Of the seconds of full training."""
SUBSETS = {"full": "all", **{name: name for name in GOALS}}
STEPS = 4
AGREEMENT = 1e-2
"""How far two ways may lie apart after the steps, as a share of how far these went: float32 at the kinks of the ReLUs."""


class Sizes(NamedTuple):
    """How large everything is. An epoch has ``STEPS`` steps; ``last`` takes 25 times as many epochs."""

    arches: dict[str, dict[str, Any]]
    side: int
    batch_size: int
    epochs: int
    rounds: int


SIZES = Sizes({"vgg": {"width": 64}, "resnet": {"depth": 20}, "wrn": {"depth": 16, "widen": 4}}, 32, 128, 2, 3)
QUICK = Sizes({"vgg": {"width": 16}, "resnet": {"depth": 8}, "wrn": {"depth": 10}}, 16, 16, 1, 1)


class Case(cases.Case):
    """A network that trains in part, by the program."""

    @property
    def n_steps(self) -> int:
        return STEPS * self.spec.solver.epochs

    def train(self) -> Weights:
        """Every tensor after the solver's steps."""
        fresh = dataclasses.replace(self.problem, order=stream(self.spec.seeds.order, "order"))
        return self.model.weights.merge(self.spec.solver.fit(fresh).trained)


def case(sizes: Sizes, arch: str, subset: str, images: Path, device: torch.device) -> Case:
    epochs = sizes.epochs * (25 if subset == "last" else 1)
    spec = RunSpec.from_mapping(
        {
            "data": {"part": "npz", "path": str(images), "val_share": 0.0},
            "arch": {"part": arch, **sizes.arches[arch]},
            "init": {"part": "he"},
            "subset": {"part": SUBSETS[subset]},
            "solver": {
                "part": "sgd", "schedule": "constant", "lr": 0.001, "epochs": epochs, "batch_size": sizes.batch_size,
            },
        }
    )  # fmt: skip
    return Case.of(spec, spec.data.load(0, Path(), device))


def plain_loop(case: Case, epochs: int) -> Callable[[], Weights]:
    """The first epochs of the same network as a module of its own, the way a script would take the steps."""
    model, solver = case.model, case.spec.solver
    start = {name: tensor.clone() for name, tensor in {**model.weights.merge(), **model.buffers}.items()}
    net: nn.Module = case.spec.arch.build(case.data.task).to_empty(device=model.device)
    net = net.to(memory_format=torch.channels_last)
    tensors = dict(net.named_parameters())
    for name, tensor in tensors.items():
        tensor.requires_grad_(name in model.weights.trained)
    masks = {name: torch.zeros(place.shape, device=model.device) for name, place in model.weights.places.items()}
    for name, mask in masks.items():
        mask[model.weights.places[name].where] = 1

    def train() -> Weights:
        net.load_state_dict(start)
        model.train_mode()
        for own, theirs in zip(net.modules(), model.net.modules(), strict=True):
            own.training = theirs.training
        wanted = [tensor for tensor in tensors.values() if tensor.requires_grad]
        optimizer = torch.optim.SGD(wanted, lr=solver.lr, momentum=solver.momentum, nesterov=solver.nesterov)
        x, y_N = case.data.train.x, case.data.train.y_N
        order = stream(case.spec.seeds.order, "order")
        order.integers(2**63)
        for _ in range(epochs):
            for batch in np.array_split(order.permutation(len(y_N)), STEPS):
                rows = torch.from_numpy(batch).to(model.device)
                images = case.data.scale(x[rows]).contiguous(memory_format=torch.channels_last)
                optimizer.zero_grad()
                F.cross_entropy(net(images), y_N[rows]).backward()
                for name, mask in masks.items():
                    tensors[name].grad.mul_(mask)
                optimizer.step()
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}

    return train


def deviation(case: Case) -> float:
    """How far the two ways end apart, as a share of how far the steps went.

    Raises:
        SystemExit: farther than ``AGREEMENT``.
    """
    start, ours, theirs = case.model.weights.merge(), case.train(), plain_loop(case, case.spec.solver.epochs)()
    apart, gone = (norm({name: ours[name] - others[name] for name in ours}) for others in (theirs, start))
    if not apart <= AGREEMENT * gone:
        raise SystemExit(f"{case.spec.arch.part}, subset={case.spec.subset.part}: {apart / gone:.1e} apart, nothing is timed.")
    return apart / gone


def norm(tensors: Weights) -> float:
    return float(torch.stack([tensor.double().square().sum() for tensor in tensors.values()]).sum().sqrt())


def multiply_adds(case: Case) -> float:
    """Those that a step on one row needs in convolutions and linear layers: outputs, gradients of inputs and of weights."""
    counts: list[float] = []

    def count(name: str, weight: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        share = trained[name].numel() / weight.numel() if name in trained else 0.0

        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            forward = output[0].numel() * weight[0].numel()
            counts.append(forward * (1 + inputs[0].requires_grad + share))

        return hook

    trained = {name: tensor.clone().requires_grad_() for name, tensor in case.problem.trained.items()}
    layers = {name: layer for name, layer in case.model.net.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}
    hooks = [layer.register_forward_hook(count(f"{name}.weight", layer.weight)) for name, layer in layers.items()]
    case.problem.train_mode()
    case.problem.logits(trained, case.problem.prepare(case.problem.train.x[:2]))
    case.problem.score_mode()
    for hook in hooks:
        hook.remove()
    return sum(counts)


def measured(sizes: Sizes, arch: str, images: Path, device: torch.device) -> dict[str, dict[str, float]]:
    """For full training and each subset: seconds per step of both ways, deviation, floor."""
    cases = {subset: case(sizes, arch, subset, images, device) for subset in SUBSETS}
    rows = {
        subset: {
            "deviation": deviation(cases[subset]),
            "floor": multiply_adds(cases[subset]) / multiply_adds(cases["full"]),
        }
        for subset in SUBSETS
    }
    variants: dict[str, Callable[[], float]] = {}
    for subset, one in cases.items():
        variants[f"{subset}/ours"] = functools.partial(per_step, one.train, one.n_steps, device)
        variants[f"{subset}/plain"] = functools.partial(per_step, plain_loop(one, sizes.epochs), STEPS * sizes.epochs, device)
    for name, taken in interleaved(variants, sizes.rounds).items():
        subset, way = name.split("/")
        rows[subset][way] = taken
    return rows


def per_step(work: Callable[[], object], n_steps: int, device: torch.device) -> float:
    return seconds(work, device) / n_steps


def table(found: dict[str, dict[str, dict[str, float]]]) -> Table:
    shown = Table("network", "trains", "ms/step", "share", "floor", "goal", "plain ms", "faster", "apart", box=None)
    for column in shown.columns[2:]:
        column.justify = "right"
    for arch, rows in found.items():
        for subset, row in rows.items():
            shown.add_row(
                arch,
                subset,
                f"{1e3 * row['ours']:.4g}",
                f"{row['ours'] / rows['full']['ours']:.1%}",
                f"{row['floor']:.1%}",
                f"{GOALS[subset]:.0%}" if subset in GOALS else "",
                f"{1e3 * row['plain']:.4g}",
                f"{row['plain'] / row['ours']:.3g}x",
                f"{row['deviation']:.0e}",
            )
    return shown


def figures(found: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """As the JSON file has them; ``against_plain`` and ``against_masked`` are their seconds over ours."""
    ratios, floor, plain, masked = ({} for _ in range(4))
    for arch, rows in found.items():
        for subset, row in rows.items():
            (masked if subset == "fraction" else plain)[f"{arch}/{subset}"] = row["plain"] / row["ours"]
            if subset != "full":
                ratios[f"{arch}/{subset}"] = row["ours"] / rows["full"]["ours"]
                floor[f"{arch}/{subset}"] = row["floor"]
    return {"ratios": ratios, "floor": floor, "against_plain": plain, "against_masked": masked, "measured": found}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--quick", action="store_true", help="small networks, one round: whether it runs, not how fast")
    words.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    words.add_argument("--threads", type=int, help="of torch on the CPU")
    words.add_argument("--rounds", type=int, help=f"of all variants in turn; {SIZES.rounds} where it is not given")
    words.add_argument("--json", type=Path, help="where to write the figures")
    words.add_argument("--arch", nargs="+", choices=SIZES.arches, default=list(SIZES.arches))
    given = words.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    sizes, device = QUICK if given.quick else SIZES, torch.device(given.device)
    if given.rounds:
        sizes = sizes._replace(rounds=given.rounds)
    if device.type == "cuda":
        sizes = sizes._replace(epochs=10 * sizes.epochs)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npz"
        cases.random_images(images, STEPS * sizes.batch_size, 10, sizes.side)
        found = {arch: measured(sizes, arch, images, device) for arch in given.arch}
    Console(width=80).print(table(found))
    if given.json:
        write_json(given.json, device, figures(found))


if __name__ == "__main__":
    main()
