"""Residual networks in their orders and forms: against torchvision's, and against formulas written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, vmap

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((3, 9, 10), 4)
PUBLISHED = Task((3, 224, 224), 1000)
IMAGENET = {"form": "imagenet", "width": 64}
TINY = [
    ("resnet", {"depth": 14}),
    ("resnet", {"depth": 14, "order": "pre"}),
    ("resnet", {"depth": 8, "order": "pre", "shortcut": "pad", "squeeze_excite": 2}),
    ("resnet", {"depth": 8, "squeeze_excite": 3}),
    ("resnet", {"depth": 18, "form": "imagenet", "order": "pre"}),
    ("resnet", {"depth": 50, "form": "imagenet", "squeeze_excite": 4}),
    ("resnet", {"depth": 50, "form": "imagenet", "order": "pre", "shortcut": "pad"}),
    ("wrn", {"depth": 16}),
    ("wrn", {"depth": 10, "widen": 2, "squeeze_excite": 8}),
]


def build(part, task=TASK, **settings):
    return make_part("arch", {"part": part} | ({"width": 3} if part == "resnet" else {}) | settings).build(task)


def n_parameters(net):
    return sum(tensor.numel() for tensor in net.parameters())


def numbers(like, seed=0):
    """Numbers for every tensor of a network, recorded statistics included, of a size that keeps signals finite."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in like.state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        positive = name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight"))
        found[name] = drawn.abs() + 0.5 if positive else drawn / (tensor[0].numel() if tensor.ndim > 1 else 1) ** 0.5
    return found


def inputs(task=TASK, n=3):
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def formula(w, x, part, settings):
    """The scores, from the tensors by their names: one line for each step."""
    pre, imagenet = part == "wrn" or settings.get("order") == "pre", settings.get("form") == "imagenet"

    def conv(y, name, stride):
        return F.conv2d(y, w[f"{name}.weight"], stride=stride, padding=w[f"{name}.weight"].shape[-1] // 2)

    def norm(y, name):
        mean, var, gain, shift = (w[f"{name}.{of}"][:, None, None] for of in ("running_mean", "running_var", "weight", "bias"))
        return (y - mean) / (var + 1e-5).sqrt() * gain + shift

    def shortcut(y, block, n_maps, stride):
        if f"{block}.shortcut.weight" in w:
            return conv(y, f"{block}.shortcut", stride)
        if f"{block}.shortcut.0.weight" in w:
            return norm(conv(y, f"{block}.shortcut.0", stride), f"{block}.shortcut.1")
        padded = torch.zeros(len(y), n_maps, *y[:, :, ::stride, ::stride].shape[2:], dtype=y.dtype)
        before = (n_maps - y.shape[1]) // 2
        padded[:, before : before + y.shape[1]] = y[:, :, ::stride, ::stride]
        return padded

    x = conv(x, "stem", 1) if part == "wrn" else norm(conv(x, "stem.0", 2 if imagenet else 1), "stem.1").relu()
    x = F.max_pool2d(x, 3, 2, 1) if imagenet else x
    for block in dict.fromkeys(name.partition(".")[0] for name in w if name.startswith("block")):
        n_convs = 3 if f"{block}.conv3.weight" in w else 2
        n_maps = w[f"{block}.conv{n_convs}.weight"].shape[0]
        stride = 2 if block.endswith("_1") and block != "block1_1" else 1
        strides = (1, stride, 1) if n_convs == 3 else (stride, 1)
        a = norm(x, f"{block}.norm1").relu() if pre and f"{block}.norm1.weight" in w else x
        y = a
        for k, step in enumerate(strides, start=1):
            y = norm(y, f"{block}.norm{k}").relu() if pre and k > 1 else y
            y = conv(y, f"{block}.conv{k}", step)
            y = y if pre else norm(y, f"{block}.norm{k}")
            y = y.relu() if not pre and k < n_convs else y
        if "squeeze_excite" in settings:
            m = y.mean((2, 3)) @ w[f"{block}.excite.fc1.weight"].flatten(1).T + w[f"{block}.excite.fc1.bias"]
            z = m.relu() @ w[f"{block}.excite.fc2.weight"].flatten(1).T + w[f"{block}.excite.fc2.bias"]
            y = y / (1 + torch.exp(-z))[:, :, None, None]
        changed = n_maps != x.shape[1] or stride == 2
        x = y + (shortcut(a if pre else x, block, n_maps, stride) if changed else x)
        x = x if pre else x.relu()
    x = norm(x, "norm.0").relu() if pre else x
    return x.mean((2, 3)) @ w["head.weight"].T + w["head.bias"]


@pytest.mark.parametrize(("part", "settings"), TINY)
def test_scores_are_the_formula(part, settings):
    net, x = build(part, **settings).eval(), inputs()
    w = numbers(net)
    expected = formula(w, x, part, settings)
    assert float(expected.std(0).min()) > 1e-3
    torch.testing.assert_close(functional_call(net, w, (x,)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("part", "settings"), TINY[2:6])
def test_networks_in_a_stack_score_as_alone(part, settings):
    net, x = build(part, **settings).eval(), inputs()
    draws = [numbers(net, seed) for seed in (0, 1)]
    together = vmap(lambda w: functional_call(net, w, (x,)))({name: torch.stack([w[name] for w in draws]) for name in draws[0]})
    for scores, w in zip(together, draws, strict=True):
        torch.testing.assert_close(scores, functional_call(net, w, (x,)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [18, 50])
def test_the_forms_for_imagenet_score_as_torchvision_s_with_the_same_weights(depth):
    from torchvision import models

    task = Task((3, 40, 33), 5)
    net = build("resnet", task, **IMAGENET, depth=depth).eval()
    with torch.device("meta"):
        theirs = models.get_model(f"resnet{depth}", num_classes=5).eval()
    state, x = numbers(theirs), inputs(task, 2)
    same = dict(zip(net.state_dict(), state.values(), strict=True))
    expected = functional_call(theirs, state, (x,))
    assert float(expected.std(0).min()) > 1e-3
    torch.testing.assert_close(functional_call(net, same, (x,)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"depth": 18}, 11_689_512),
        ({"depth": 34}, 21_797_672),
        ({"depth": 50}, 25_557_032),
        ({"depth": 101}, 44_549_160),
        ({"depth": 152}, 60_192_808),
        ({"depth": 50, "squeeze_excite": 16}, 28_088_024),
    ],
)
def test_the_forms_for_imagenet_have_the_published_number_of_parameters(settings, count):
    assert n_parameters(build("resnet", PUBLISHED, **IMAGENET, **settings)) == count


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_pre_activated_resnet_of_6n_plus_2_layers_has_the_parameters_of_wrn_6n_plus_4_1(n):
    resnet = build("resnet", width=16, depth=6 * n + 2, order="pre")
    assert n_parameters(resnet) == n_parameters(build("wrn", depth=6 * n + 4))


@pytest.mark.parametrize(("part", "settings"), [("resnet", {"depth": 14, "width": 16}), ("wrn", {"depth": 16, "widen": 2})])
def test_squeeze_and_excitation_adds_two_matrices_and_their_biases_to_every_block(part, settings):
    counts = [n_parameters(build(part, **settings, **more)) for more in ({}, {"squeeze_excite": 6})]
    widths = [16 * settings.get("widen", 1) * 2**s for s in range(3)]
    assert counts[1] - counts[0] == sum(2 * (2 * c * (c // 6) + c + c // 6) for c in widths)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize(
    ("settings", "n_channels"),
    [
        ({"depth": 14, "order": "pre", "squeeze_excite": 2}, 3),
        ({"depth": 50, "form": "imagenet", "order": "pre"}, 12),
        ({"depth": 50, "form": "imagenet", "squeeze_excite": 2}, 12),
    ],
)
def test_blocks_start_as_their_shortcuts_where_the_law_says_so(settings, n_channels, norm):
    net = build("resnet", **settings, norm=norm)
    weights = draw(make_part("init", {"part": "he", "branches": "zero"}), net, 0)
    block = {name.removeprefix("block1_2."): tensor for name, tensor in weights.items() if name.startswith("block1_2.")}
    x = torch.randn(2, n_channels, 5, 5, generator=torch.Generator().manual_seed(3))
    x = x if settings.get("order") == "pre" else x.abs()
    module = net.get_submodule("block1_2").eval()
    buffers = {name: torch.ones(tensor.shape) for name, tensor in module.named_buffers()}
    buffers |= {name: torch.zeros(tensor.shape) for name, tensor in module.named_buffers() if name.endswith("mean")}
    assert torch.equal(functional_call(module, block | buffers, (x,)), x)


@pytest.mark.parametrize(
    ("part", "settings", "text"),
    [
        (
            "resnet",
            {"form": "imagenet", "depth": 20},
            "arch.depth of a resnet with arch.form=imagenet must be 18, 34, 50, 101 or 152, got 20. Use 18.",
        ),
        (
            "resnet",
            {"depth": 34},
            "arch.depth of a resnet must be 6n+2 (8, 14, 20, ...), got 34. Use 32, or arch.form=imagenet.",
        ),
        (
            "wrn",
            {"squeeze_excite": 17},
            "arch.squeeze_excite=17 leaves none of the 16 channels of block1. Use 16 or less.",
        ),
        ("resnet", {"squeeze_excite": 0}, "arch.squeeze_excite must be a whole number >= 1, got 0."),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(part, settings, text):
    with pytest.raises(ConfigError) as error:
        build(part, **settings)
    assert str(error.value) == text
