"""One battery for every registered architecture, and the numbers that their papers state."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import Model
from randfeat.network import Role, norm_layers, roles
from randfeat.registry import make_part, part_names
from randfeat.split import split
from randfeat.typing import Task, row_blocks

PARTS = ["conv_pool", "lenet", "mlp", "resnet", "saxe", "torchvision", "vgg", "wrn"]
SMALL = {
    "conv_pool": {"width": 6, "contrast": 0.1, "two_sided": True, "pool": "root", "norm": "batch"},
    "lenet": {},
    "mlp": {"depth": 2, "width": 30, "norm": "batch"},
    "resnet": {"depth": 8, "width": 4},
    "saxe": {"widths": [3, 4], "kernels": 3, "pools": 2, "filters": "local"},
    "torchvision": {},
    "vgg": {"width": 4, "hidden": 12},
    "wrn": {"depth": 10, "dropout": 0.3},
}
UNITS = {
    "conv_pool": ["conv1"],
    "lenet": ["conv1", "conv2", "fc1", "fc2"],
    "mlp": ["flatten", "hidden1", "hidden2"],
    "resnet": ["stem", "block1_1", "block2_1", "block3_1", "pool"],
    "saxe": ["layer1", "layer2"],
    "vgg": [f"block{name}" for name in ["1_1", "2_1", "3_1", "3_2", "4_1", "4_2", "5_1", "5_2"]] + ["flatten", "fc1", "fc2"],
    "wrn": ["stem", "block1_1", "block2_1", "block3_1", "norm", "pool"],
}
TASKS = {"8": Task((1, 8, 8), 4), "32": Task((3, 32, 32), 10), "28": Task((1, 28, 28), 7)}
CASES = [(part, task) for part in PARTS for task in TASKS if (part, task) != ("lenet", "8")]


def scores_of(model, x):
    return model.scores(model.weights.trained, map(model.prefix, row_blocks(x)))


def build(part, task, **settings):
    return make_part("arch", {"part": part} | settings).build(task)


def n_parameters(net):
    return sum(tensor.numel() for tensor in net.parameters())


def model_of(net, init="he", dtype=torch.float32):
    weights = {name: t.to(dtype) for name, t in draw(make_part("init", {"part": init}), net, 0).items()}
    selection = {name: name.startswith("head.") for name in weights}
    precision = "float64" if dtype is torch.float64 else "float32"
    return Model(net, split(weights, selection), "auto", lambda x: x, precision)


def inputs(task, n, dtype=torch.float32):
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def test_the_battery_covers_every_registered_part():
    assert part_names("arch") == PARTS
    assert len(PARTS) == 8


@pytest.mark.parametrize(("part", "task"), CASES)
def test_the_head_is_the_last_child_and_linear_with_an_output_per_class(part, task):
    net = build(part, TASKS[task], **SMALL[part])
    name, head = list(net.named_children())[-1]
    assert name == "head"
    assert type(head) is nn.Linear
    assert head.out_features == TASKS[task].n_classes
    assert head.bias is not None
    assert all(tensor.is_meta for tensor in net.parameters())


@pytest.mark.parametrize("part", list(UNITS))
def test_units_have_the_names_of_the_documentation(part):
    assert build(part, TASKS["32"], **SMALL[part]).unit_names == UNITS[part]


def test_units_of_torchvision_are_named_after_the_modules_they_begin_with():
    names = build("torchvision", TASKS["32"]).unit_names
    assert names == ["conv1", *(f"layer{s}_{k}" for s in range(1, 5) for k in range(2))]


@pytest.mark.parametrize("init", ["he", "orthogonal", "uniform"])
@pytest.mark.parametrize(("part", "task"), [case for case in CASES if case != ("torchvision", "28")])
def test_scores_are_finite_and_differ_between_rows_and_classes(part, task, init):
    if part == "torchvision" and init == "orthogonal":
        pytest.skip("slow: QR of 512 x 4608 matrices")
    model = model_of(build(part, TASKS[task], **SMALL[part]), init)
    scores = scores_of(model, inputs(TASKS[task], 3))
    assert bool(scores.isfinite().all())
    assert len(scores.flatten().unique()) == 3 * TASKS[task].n_classes


@pytest.mark.parametrize(("part", "task"), CASES)
def test_the_scores_of_a_row_depend_on_no_other_row(part, task):
    model = model_of(build(part, TASKS[task], **SMALL[part]), dtype=torch.float64)
    x = inputs(TASKS[task], 4, torch.float64)
    together = scores_of(model, x)
    alone = torch.cat([scores_of(model, x[i : i + 1]) for i in range(4)])
    assert together.dtype == torch.float64
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("part", PARTS)
def test_float32_agrees_with_float64(part):
    net, x = build(part, TASKS["32"], **SMALL[part]), inputs(TASKS["32"], 2)
    single, double = (model_of(net, dtype=dtype) for dtype in (torch.float32, torch.float64))
    expected = scores_of(double, x.double())
    scores = scores_of(single, x)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("part", "settings", "task", "count"),
    [
        ("wrn", {"depth": 28, "widen": 10}, Task((3, 32, 32), 10), 36_479_194),
        ("resnet", {"depth": 20, "shortcut": "pad"}, Task((3, 32, 32), 10), 269_722),
        ("resnet", {"depth": 14, "shortcut": "conv"}, Task((3, 32, 32), 10), 175_258),
        ("resnet", {"depth": 14, "shortcut": "pad"}, Task((3, 32, 32), 10), 172_506),
        ("vgg", {"depth": 11, "hidden": 4096, "norm": "none"}, Task((3, 224, 224), 1000), 132_863_336),
        ("lenet", {}, Task((1, 28, 28), 10), 61_706),
        ("torchvision", {"name": "resnet18"}, Task((3, 224, 224), 1000), 11_689_512),
        ("mlp", {"depth": 2, "width": 100}, Task((20,), 3), 20 * 100 + 100 + 100 * 100 + 100 + 303),
    ],
)
def test_the_number_of_parameters_is_the_published_one(part, settings, task, count):
    assert n_parameters(build(part, task, **settings)) == count


@pytest.mark.parametrize("n", [2, 5, 9])
def test_a_resnet_of_6n_plus_2_layers_has_448n_plus_224_norm_parameters(n):
    net = build("resnet", TASKS["32"], depth=6 * n + 2)
    assert sum(n_parameters(layer) for layer in norm_layers(net).values()) == 448 * n + 224


def test_norm_layers_that_torchvision_defines_itself_are_norm_layers():
    net = build("torchvision", Task((3, 32, 32), 5), name="convnext_tiny")
    assert len(norm_layers(net)) == 23  # one in each of 18 blocks, after the stem, before 3 halvings and the head
    assert roles(net)["features_0.features.0.1.weight"] is Role.GAIN


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "swin_t", "convnext_tiny"])
def test_the_units_of_a_torchvision_model_compute_what_the_model_computes(name):
    from torchvision import models

    task = Task((3, 64, 64), 5)
    net = build("torchvision", task, name=name)
    theirs = models.get_model(name, num_classes=5).double().eval()
    head = next(reversed([path for path, module in theirs.named_modules() if isinstance(module, torch.nn.Linear)]))
    weights = {path.replace(f"{head}.", "head.head."): tensor for path, tensor in theirs.state_dict().items()}
    same = {
        name: weights[name.partition(".")[2] if not name.startswith("head.") else f"head.{name}"] for name in net.state_dict()
    }
    assert len(same) == len(weights)
    x = inputs(task, 2, torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(functional_call(net.eval(), same, (x,)), theirs(x), rtol=1e-12, atol=1e-12)


def test_the_scores_of_an_mlp_are_the_formula():
    net = build("mlp", Task((5,), 3), width=4, activation="tanh")
    model = model_of(net, dtype=torch.float64)
    w = model.weights.merge()
    x = inputs(Task((5,), 3), 6, torch.float64)
    expected = torch.tanh(x @ w["hidden1.linear.weight"].T) @ w["head.weight"].T
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


def test_an_mlp_has_the_widths_it_is_given_and_identity_makes_it_a_product_of_matrices():
    net = build("mlp", Task((5,), 3), widths=(7, 4, 6), activation="identity")
    assert [tuple(net.get_submodule(f"hidden{k}.linear").weight.shape) for k in (1, 2, 3)] == [(7, 5), (4, 7), (6, 4)]
    model = model_of(net, dtype=torch.float64)
    w = model.weights.merge()
    x = inputs(Task((5,), 3), 6, torch.float64)
    names = [*(f"hidden{k}.linear.weight" for k in (1, 2, 3)), "head.weight"]
    expected = x @ torch.linalg.multi_dot([w[name] for name in reversed(names)]).T
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


def test_the_pad_shortcut_takes_every_other_pixel_and_puts_zeros_around_the_channels():
    from randfeat.arch.resnet import PadShortcut

    x = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)
    y = PadShortcut(2, 2)(x)
    assert y[0, 0].abs().max() == y[0, 3].abs().max() == 0
    assert y[0, 1].tolist() == [[1, 3], [9, 11]]
    assert y[0, 2].tolist() == [[17, 19], [25, 27]]


@pytest.mark.parametrize(
    ("part", "settings", "task", "text"),
    [
        (
            "wrn",
            {"depth": 17},
            TASKS["32"],
            "arch.depth of a wrn must be 6n+4 (10, 16, 22, 28, ...), got 17. Use 16.",
        ),
        (
            "resnet",
            {"depth": 15},
            TASKS["32"],
            "arch.depth of a resnet must be 6n+2 (8, 14, 20, ...), got 15. Use 14.",
        ),
        (
            "lenet",
            {},
            TASKS["8"],
            "arch=lenet needs images of 12x12 or more, but they are 8x8. Use data.resize=12.",
        ),
        (
            "mlp",
            {"widths": [8, 4], "depth": 2},
            TASKS["8"],
            "arch.widths gives the depth and every width. Leave out arch.depth and arch.width.",
        ),
        (
            "mlp",
            {"widths": []},
            TASKS["8"],
            "arch.widths=[] has no layer. Give the width of each, such as arch.widths=[64,32].",
        ),
        ("vgg", {}, Task((20,), 3), "arch=vgg needs images, but the data are vectors of 20. Use arch=mlp."),
        (
            "torchvision",
            {"name": "resnet19"},
            TASKS["32"],
            "arch.name=resnet19 is none of torchvision's classification models. Did you mean 'resnet18'? "
            "Try resnet18, vgg11_bn, densenet121 or vit_b_16.",
        ),
        (
            "torchvision",
            {"name": "squeezenet1_0"},
            Task((3, 64, 64), 10),
            "arch.name=squeezenet1_0 does not end in a linear layer, so it has no head to fit.",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(part, settings, task, text):
    with pytest.raises(ConfigError) as error:
        build(part, task, **settings)
    assert str(error.value) == text
