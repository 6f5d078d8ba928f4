"""Networks of very many units: a backward pass in segments gives what one in a piece gives, and they can be shown."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console
from torch import nn

from randfeat import model as model_module
from randfeat.init import draw
from randfeat.model import Model, segments
from randfeat.network import Network
from randfeat.probe.anatomy import anatomy
from randfeat.registry import make_part
from randfeat.report.sheet import unit_sheet
from randfeat.spec import RunSpec
from randfeat.split import split
from randfeat.stackable import stack_key
from randfeat.typing import Task

TASK = Task((1, 8, 8), 3)
PLAIN = {"part": "plain", "depth": 300, "width": 3}
WRN = {"part": "wrn", "depth": 40, "widen": 1, "dropout": 0.5}


def trained_once(monkeypatch, long, arch, subset, precision="float32"):
    """Outputs and gradients of a training pass, what norm layers recorded, torch's next random number; what was kept."""
    monkeypatch.setattr(model_module, "LONG", long)
    net = make_part("arch", arch).build(TASK)
    weights = draw(make_part("init", {"part": "orthogonal"}), net, 0)
    selection = make_part("subset", {"part": subset}).select(net, 0)
    model = Model(net, split(weights, selection), "auto", lambda x: x, precision)
    trained = {name: tensor.clone().requires_grad_() for name, tensor in model.weights.trained.items()}
    kept = []
    model.train_mode()
    torch.manual_seed(0)
    z = model.prefix(torch.randn(6, 1, 8, 8))
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        outputs = model.suffix(trained, z)
        n_kept = len(kept)
        outputs.square().sum().backward()
    gradients = {name: tensor.grad for name, tensor in trained.items()}
    drawn = {"outputs": outputs.detach(), "random": torch.rand(3)}
    return {**gradients, **model.buffers, **drawn}, n_kept


@pytest.mark.parametrize(
    ("long", "arch", "subset", "precision"),
    [
        (3, PLAIN | {"depth": 20, "norm": "batch", "halvings": 1, "halve": "max"}, "all", "float64"),
        (3, PLAIN | {"depth": 20, "width": 12}, "fraction", "float32"),
        (3, WRN, "all", "float32"),
        (3, WRN, "middle", "float32"),
        (3, WRN | {"depth": 22, "dropout": 0}, "all", "mixed"),
    ],
)
def test_segments_leave_every_number_as_it_is(monkeypatch, long, arch, subset, precision):
    found, n_kept = trained_once(monkeypatch, long, arch, subset, precision)
    plain, n_plain = trained_once(monkeypatch, 10**6, arch, subset, precision)
    assert found.keys() == plain.keys()
    for name, tensor in plain.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)
    assert any(tensor.abs().sum() > 0 for tensor in plain.values())
    assert n_kept < n_plain


def test_of_300_units_a_seventeenth_leaves_its_maps_for_the_backward_pass(monkeypatch):
    (found, n_kept), (plain, n_plain) = (trained_once(monkeypatch, long, PLAIN, "all") for long in (200, 10**6))
    assert all(torch.equal(found[name], tensor) for name, tensor in plain.items())
    assert n_plain > 3 * 300  # of a convolution its input and weight, of tanh its output
    assert n_kept < n_plain / 12


@pytest.mark.parametrize(("n", "sizes"), [(200, [200]), (210, [15] * 14), (2_500, [50] * 50)])
def test_segments_are_about_as_long_as_there_are_many(n, sizes):
    net = Network(*(nn.Identity() for _ in range(n)))
    assert [len(part) for part in segments(net)] == sizes
    assert [name for part in segments(net) for name, _ in part.named_children()] == [str(k) for k in range(n)]


@pytest.mark.parametrize(("subset", "alone"), [("all", True), ("last_k", False)])
def test_what_trains_in_segments_trains_alone(subset, alone):
    mapping = {
        "data": {"part": "digits"},
        "arch": {"part": "mlp", "depth": 210, "width": 2},
        "init": {"part": "he"},
        "subset": {"part": subset},
        "solver": {"part": "sgd"},
    }
    assert (stack_key(RunSpec.from_mapping(mapping)) is None) is alone


class Strided(nn.Module):
    """Every so many numbers of a row."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def forward(self, x):
        return x[:, :: self._step]


def test_units_that_look_alike_but_are_built_otherwise_are_told_apart():
    net = Network()
    for name, unit in {"one": Strided(1), "two": Strided(2), "three": Strided(3), "again": Strided(3)}.items():
        net.add_module(name, unit)
    assert [unit.shape for unit in anatomy(net, Task((36,), 2), {})] == [(36,), (18,), (6,), (2,)]


def test_every_unit_of_a_deep_chain_has_its_flops_and_many_alike_stand_on_one_line():
    net = make_part("arch", PLAIN | {"depth": 40, "halvings": 1}).build(TASK)
    units = anatomy(net, TASK, make_part("subset", {"part": "last"}).select(net, 0))
    sides = [8, 4, *[4] * 40]
    assert [unit.flops for unit in units] == [2 * 9 * (3 if k else 1) * 3 * side**2 for k, side in enumerate(sides)] + [0, 18]
    page = io.StringIO()
    Console(file=page, width=100).print(unit_sheet(units, TASK.shape))
    shown = [[cell.strip() for cell in line[1:-1].split("│")] for line in page.getvalue().splitlines() if line[0] == "│"]
    assert [line[:4] for line in shown] == [
        ["stem", "3x8x8", "30", "0"],
        ["down1", "3x4x4", "84", "0"],
        ["block1_1 to block1_14, 14 alike", "3x4x4", "1,176", "0"],
        ["block2_1 to block2_13, 13 alike", "3x4x4", "1,092", "0"],
        ["block3_1 to block3_13, 13 alike", "3x4x4", "1,092", "0"],
        ["pool", "3", "0", "0"],
        ["head", "3", "12", "12"],
        ["total", "", "3,486", "12"],
    ]
