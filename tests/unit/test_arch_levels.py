"""Networks that halve an image and build it up again: beside their formulas, counted by hand, and what fits them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, vmap

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import fresh_buffers
from randfeat.network import blocks
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.spec import RunSpec
from randfeat.typing import Task

CPU = torch.device("cpu")
IMAGES = (2, 8, 12)
CLASS, PIXELS, REBUILT = Task(IMAGES, 5), Task(IMAGES, 3, (8, 12)), Task(IMAGES, 2, (8, 12), numbers=True)


def build(part, task=CLASS, **settings):
    return make_part("arch", {"part": part, "width": 3} | settings).build(task)


def numbers(net, seed=0):
    """Numbers for every tensor, recorded statistics included, of a size that keeps signals finite."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in net.state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        positive = name.endswith("running_var") or ("norm" in name and name.endswith("weight"))
        found[name] = drawn.abs() + 0.5 if positive else drawn / (tensor[0].numel() if tensor.ndim > 1 else 1) ** 0.5
    return found


def inputs(task=CLASS, n=3):
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def stage(w, y, name, act, stride=1, k=""):
    """``act(norm(conv(y)))`` of the tensors under a name."""
    y = F.conv2d(y, w[f"{name}conv{k}.weight"], w.get(f"{name}conv{k}.bias"), stride, padding=1)
    if f"{name}norm{k}.weight" in w:
        mean, var, gain, shift = (
            w[f"{name}norm{k}.{of}"][:, None, None] for of in ("running_mean", "running_var", "weight", "bias")
        )
        y = (y - mean) / (var + 1e-5).sqrt() * gain + shift
    return act(y)


def twice(w, y, name, act):
    return stage(w, stage(w, y, f"{name}.convs.", act, k=1), f"{name}.convs.", act, k=2)


def head(w, y):
    return y @ w["head.weight"].T + w["head.bias"]


def the_unet(w, x, depth, act, answers):
    """As the paper draws it: the maps of every level are put aside and taken up again."""
    aside, y = [], x
    for s in range(1, depth + 1):
        y = twice(w, y, f"contract{s}", act)
        aside.append(y)
        y = F.max_pool2d(y, 2)
    y = twice(w, y, "bottom", act)
    if not answers:
        return head(w, y.flatten(1))
    for s in range(depth, 0, -1):
        repeated = y.repeat_interleave(2, 2).repeat_interleave(2, 3)
        weight, bias = w[f"expand{s}.up.weight"], w[f"expand{s}.up.bias"]
        wider = torch.cat([repeated, torch.zeros_like(repeated[:, :, :1])], 2)
        wider = torch.cat([wider, torch.zeros_like(wider[..., :1])], 3)
        y = twice(w, torch.cat([aside.pop(), F.conv2d(wider, weight, bias)], 1), f"expand{s}", act)
    return head(w, y.permute(0, 2, 3, 1))


def the_autoencoder(w, x, depth, act, answers, halve, maps):
    y = x
    for s in range(1, depth + 1):
        y = stage(w, y, f"encoder{s}.", act, stride=2 if halve == "stride" else 1)
        if halve != "stride":
            windows = y.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
            y = windows.mean((3, 5)) if halve == "average" else windows.amax((3, 5))
    if "code.linear.weight" in w:
        y = y.flatten(1) @ w["code.linear.weight"].T + w["code.linear.bias"]
    if not answers:
        return head(w, y.flatten(1))
    if "expand.linear.weight" in w:
        y = act(y @ w["expand.linear.weight"].T + w["expand.linear.bias"]).reshape(len(x), *maps)
    for s in range(depth, 0, -1):
        y = stage(w, y.repeat_interleave(2, 2).repeat_interleave(2, 3), f"decoder{s}.", act)
    return head(w, y.permute(0, 2, 3, 1))


@pytest.mark.parametrize("task", [CLASS, PIXELS, REBUILT])
@pytest.mark.parametrize(("depth", "settings"), [(1, {}), (2, {"norm": "batch", "activation": "tanh"}), (2, {"bottleneck": 5})])
def test_a_unet_that_carries_its_maps_along_computes_what_the_paper_draws(task, depth, settings):
    net, x = build("unet", task, depth=depth, **settings).eval(), inputs()
    w, act = numbers(net), torch.tanh if "activation" in settings else torch.relu
    expected = the_unet(w, x, depth, act, task.answers)
    assert expected.shape == (3, *task.answers, task.n_outputs)
    torch.testing.assert_close(functional_call(net, w, (x,)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("task", [CLASS, REBUILT])
@pytest.mark.parametrize(
    ("depth", "settings"),
    [
        (1, {"bottleneck": 7}),
        (2, {"halve": "max", "norm": "batch"}),
        (2, {"halve": "average", "bottleneck": None, "activation": "tanh"}),
    ],
)
def test_an_autoencoder_computes_its_formula(task, depth, settings):
    net, x = build("autoencoder", task, depth=depth, **settings).eval(), inputs()
    w, act = numbers(net), torch.tanh if "activation" in settings else torch.relu
    maps = (3 * 2 ** (depth - 1), 8 // 2**depth, 12 // 2**depth)
    expected = the_autoencoder(w, x, depth, act, task.answers, settings.get("halve", "stride"), maps)
    assert expected.shape == (3, *task.answers, task.n_outputs)
    torch.testing.assert_close(functional_call(net, w, (x,)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("part", "task", "names"),
    [
        ("unet", CLASS, ["contract1", "contract2", "bottom", "flatten"]),
        ("unet", REBUILT, ["contract1", "contract2", "bottom", "expand2", "expand1", "pixels"]),
        ("autoencoder", CLASS, ["encoder1", "encoder2", "code"]),
        ("autoencoder", REBUILT, ["encoder1", "encoder2", "code", "expand", "decoder2", "decoder1", "pixels"]),
    ],
)
def test_every_level_is_a_unit_and_a_block(part, task, names):
    net = build(part, task)
    assert net.unit_names == names
    assert list(blocks(net)) == [name for name in names if name not in ("pixels", "flatten")]


def test_the_published_unet_has_the_parameters_counted_by_hand():
    maps = [64, 128, 256, 512, 1024]
    down = sum(9 * seen * own + own + 9 * own * own + own for seen, own in zip([1, *maps], maps, strict=False))
    up = sum(4 * 2 * own * own + own + 9 * 2 * own * own + own + 9 * own * own + own for own in maps[:-1])
    net = build("unet", Task((1, 16, 16), 2, (16, 16)), width=64, depth=4)
    assert sum(tensor.numel() for tensor in net.parameters()) == down + up + 2 * 64 + 2 == 31_030_658


@pytest.mark.parametrize(("part", "settings"), [("unet", {"norm": "batch"}), ("autoencoder", {"bottleneck": 4})])
@pytest.mark.parametrize("task", [CLASS, REBUILT])
def test_stacked_weights_give_what_each_gives_alone(part, settings, task):
    net, x = build(part, task, **settings).eval(), inputs()
    drawn = [draw(make_part("init", {"part": "he"}), net, seed) for seed in (0, 1)]
    runs = [{name: tensor.double() for name, tensor in weights.items()} for weights in drawn]
    buffers = fresh_buffers(net, CPU, torch.float64)
    stacked = {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
    together = vmap(lambda w: functional_call(net, {**w, **buffers}, (x,)))(stacked)
    for one, run in zip(together, runs, strict=True):
        torch.testing.assert_close(one, functional_call(net, {**run, **buffers}, (x,)), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize(
    ("part", "block", "n"),
    [("unet", "contract2", 8 * 4 * 9 + 8 * 8 * 9 + 16), ("autoencoder", "encoder2", 8 * 4 * 9 + 8)],
)
def test_one_level_alone_trains_above_a_frozen_one_and_below_a_frozen_way_back(part, block, n):
    words = {
        "data": {"part": "digits", "n_train": 300, "n_test": 50, "target": "input"},
        "arch": {"part": part, "width": 4},
        "init": {"part": "he"},
        "subset": {"part": "block", "block": block},
        "solver": {"part": "adam", "epochs": 5, "lr": 0.01},
    }
    run = run_one(RunSpec.from_mapping(words), CPU, None)
    assert run.record.cost["trained_params"] == n
    assert {name.partition(".")[0] for name in run.tensors} == {block}
    losses = [row["train/loss"] for row in run.curve]
    assert losses[-1] < 0.95 * losses[0]
    assert run.record.metrics["train/loss"] == pytest.approx(losses[-1], rel=0.2)


def test_a_ridge_head_rebuilds_as_least_squares_on_all_pixels_does():
    words = {
        "data": {"part": "digits", "n_train": 60, "n_test": 20, "target": "input", "val_share": 0},
        "arch": {"part": "autoencoder", "width": 5, "bottleneck": 6},
        "init": {"part": "he"},
        "subset": {"part": "last"},
        "solver": {"part": "ridge", "penalty": 0.5},
    }
    spec = RunSpec.from_mapping(words)
    data = spec.data.load(0, None, CPU)
    net = spec.network()
    w = {name: tensor.double() for name, tensor in draw(spec.init, net, 0).items()}
    below = {name: tensor for name, tensor in w.items() if not name.startswith("head.")}
    names = ("train", "test")
    phi = {s: functional_call(net[:-1], below, (data.scale(data.splits[s].x).double(),)).flatten(0, 2) for s in names}
    y = {s: data.splits[s].y_N.double().flatten(0, 2) for s in names}
    centred = phi["train"] - phi["train"].mean(0)
    beta = torch.linalg.solve(centred.T @ centred + 0.5 * torch.eye(5), centred.T @ (y["train"] - y["train"].mean(0)))
    given = (phi["test"] - phi["train"].mean(0)) @ beta + y["train"].mean(0)
    metrics = run_one(spec, CPU, None).record.metrics
    assert metrics["test/loss"] == pytest.approx(float((given - y["test"]).square().mean()), rel=1e-4)


@pytest.mark.parametrize(
    ("part", "settings", "task", "text"),
    [
        (
            "unet",
            {"depth": 3},
            Task((1, 28, 28), 10),
            "arch=unet halves images arch.depth=3 times, so 8 must divide both of their sides, but they are 28x28. "
            "Use arch.depth=2, or data.resize=32.",
        ),
        (
            "autoencoder",
            {},
            Task((1, 9, 12), 10),
            "arch=autoencoder halves images arch.depth=2 times, so 4 must divide both of their sides, but they are 9x12. "
            "Use data.resize=12.",
        ),
        (
            "unet",
            {"depth": 4},
            Task((1, 8, 8), 10),
            "arch=unet needs images of 16x16 or more, but they are 8x8. Use data.resize=16.",
        ),
        ("autoencoder", {}, Task((64,), 10), "arch=autoencoder needs images, but the data are vectors of 64. Use arch=mlp."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(part, settings, task, text):
    with pytest.raises(ConfigError) as error:
        build(part, task, **settings)
    assert str(error.value) == text
