"""One battery for every registered architecture, and the numbers that their papers state."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import Model
from randfeat.network import Role, blocks, norm_layers, roles
from randfeat.registry import make_part, part_names
from randfeat.split import split
from randfeat.typing import Task, row_blocks

PARTS = [
    "alexnet", "conv_pool", "densenet", "highway", "inception", "lenet", "mixer", "mlp", "plain", "resnet", "saxe",
    "torchvision", "vgg", "vit", "wrn",
]  # fmt: skip
SMALL = {
    "alexnet": {"width": 8},
    "conv_pool": {"width": 6, "contrast": 0.1, "two_sided": True, "pool": "root", "norm": "batch"},
    "densenet": {"depth": 10, "growth": 4},
    "highway": {"form": "convolutional", "depth": 4, "width": 6, "activation": "tanh", "norm": "batch"},
    "inception": {"width": 8},
    "lenet": {},
    "mixer": {"depth": 2, "width": 12},
    "mlp": {"depth": 2, "width": 30, "norm": "batch"},
    "plain": {"depth": 5, "width": 8, "padding": "circular", "halve": "max"},
    "resnet": {"depth": 8, "width": 4},
    "saxe": {"widths": [3, 4], "kernels": 3, "pools": 2, "filters": "local"},
    "torchvision": {},
    "vgg": {"width": 4, "hidden": 12},
    "vit": {"depth": 2, "width": 12, "heads": 3},
    "wrn": {"depth": 10, "dropout": 0.3},
}
UNITS = {
    "alexnet": [f"conv{k}" for k in range(1, 6)] + ["flatten"],
    "conv_pool": ["conv1"],
    "densenet": ["stem", "block1_1", "transition1", "block2_1", "transition2", "block3_1", "norm", "pool"],
    "highway": ["stem", "block1_1", "block1_2", "pool1", "block2_1", "pool2", "block3_1", "pool3", "flatten"],
    "lenet": ["conv1", "conv2", "fc1", "fc2"],
    "mixer": ["patches", "block1", "block2", "norm", "pool"],
    "mlp": ["flatten", "hidden1", "hidden2"],
    "plain": ["stem", "down1", "down2", "block1_1", "block1_2", "block2_1", "block2_2", "block3_1", "pool"],
    "resnet": ["stem", "block1_1", "block2_1", "block3_1", "pool"],
    "saxe": ["layer1", "layer2"],
    "vgg": [f"block{name}" for name in ["1_1", "2_1", "3_1", "3_2", "4_1", "4_2", "5_1", "5_2"]] + ["flatten", "fc1", "fc2"],
    "vit": ["patches", "block1", "block2", "norm", "pool"],
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
    assert len(PARTS) == 15


@pytest.mark.parametrize(("part", "task"), CASES)
def test_the_head_is_the_last_child_and_linear_with_an_output_per_class(part, task):
    net = build(part, TASKS[task], **SMALL[part])
    name, head = list(net.named_children())[-1]
    assert name == "head"
    assert type(head) is nn.Linear
    assert head.out_features == TASKS[task].n_outputs
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
    assert len(scores.flatten().unique()) == 3 * TASKS[task].n_outputs


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
        ("resnet", {"depth": 56, "shortcut": "pad"}, Task((3, 32, 32), 10), 853_018),
        ("resnet", {"depth": 110, "shortcut": "pad"}, Task((3, 32, 32), 10), 1_727_962),
        ("resnet", {"depth": 14, "shortcut": "conv"}, Task((3, 32, 32), 10), 175_258),
        ("resnet", {"depth": 14, "shortcut": "pad"}, Task((3, 32, 32), 10), 172_506),
        ("vgg", {"depth": 11, "hidden": 4096, "norm": "none"}, Task((3, 224, 224), 1000), 132_863_336),
        ("lenet", {}, Task((1, 28, 28), 10), 61_706),
        ("lenet", {"form": "lenet1989"}, Task((1, 16, 16), 10), 9_760 + 12 * 4 * 25 - 12 * 63 - 12 * 15),
        ("densenet", {"depth": 100}, Task((3, 32, 32), 10), 769_162),
        ("densenet", {"depth": 40, "bottleneck": False, "reduction": 1}, Task((3, 32, 32), 10), 1_019_722),
        ("alexnet", {"form": "imagenet"}, Task((3, 224, 224), 1000), 61_100_840),
        ("alexnet", {}, Task((3, 32, 32), 10), 2_472_266),
        ("highway", {"form": "convolutional", "depth": 8, "width": 16}, Task((1, 28, 28), 10), 38_730),
        ("highway", {"form": "convolutional", "depth": 8, "width": 32}, Task((1, 28, 28), 10), 151_178),
        ("inception", {"form": "imagenet"}, Task((3, 224, 224), 1000), 6_624_904),
        ("inception", {"form": "imagenet", "kernel": 5, "norm": "none"}, Task((3, 224, 224), 1000), 6_998_552),
        ("torchvision", {"name": "resnet18"}, Task((3, 224, 224), 1000), 11_689_512),
        ("mixer", {"patch": 16, "depth": 12, "width": 768}, Task((3, 224, 224), 1000), 59_880_472),
        ("vit", {"patch": 16, "depth": 12, "width": 768, "heads": 12}, Task((3, 224, 224), 1000), 86_567_656),
        ("mlp", {"depth": 2, "width": 100}, Task((20,), 3), 20 * 100 + 100 + 100 * 100 + 100 + 303),
    ],
)
def test_the_number_of_parameters_is_the_published_one(part, settings, task, count):
    assert n_parameters(build(part, task, **settings)) == count


@pytest.mark.parametrize("n", [2, 5, 9])
def test_a_resnet_of_6n_plus_2_layers_has_448n_plus_224_norm_parameters(n):
    net = build("resnet", TASKS["32"], depth=6 * n + 2)
    assert sum(n_parameters(layer) for layer in norm_layers(net).values()) == 448 * n + 224


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        ({"depth": 100, "growth": 24, "bottleneck": False, "reduction": 1}, 27.2),
        ({"depth": 250, "growth": 24}, 15.3),
        ({"depth": 190, "growth": 40}, 25.6),
    ],
)
def test_a_densenet_has_the_millions_of_parameters_of_its_paper_s_table_2(settings, millions):
    assert round(n_parameters(build("densenet", TASKS["32"], **settings)) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("resnet", {"depth": 8}),
        ("wrn", {"depth": 10}),
        ("densenet", {"depth": 16, "growth": 4}),
        ("inception", {"width": 8}),
    ],
)
def test_without_norm_layers_a_network_computes_what_it_does_with_norm_layers_that_are_the_identity(part, settings):
    bare, normed = (build(part, TASKS["8"], **settings, norm=norm) for norm in ("none", "batch"))
    assert not norm_layers(bare)
    weights = {name: tensor.double() for name, tensor in draw(make_part("init", {"part": "he"}), bare, 0).items()}
    same = {name: tensor for name, tensor in weights.items() if name in normed.state_dict()}
    assert {name for name in weights if name not in same} == {
        name for name, role in roles(bare).items() if role is Role.BIAS and not name.startswith("head.")
    }
    for name, layer in norm_layers(normed).items():
        one, zero = (torch.full((layer.num_features,), value, dtype=torch.float64) for value in (1, 0))
        same |= {
            f"{name}.weight": one,
            f"{name}.bias": zero,
            f"{name}.running_mean": zero,
            f"{name}.running_var": one - layer.eps,
        }
    x = inputs(TASKS["8"], 3, torch.float64)
    expected, found = functional_call(normed.eval(), same, (x,)), functional_call(bare.eval(), weights, (x,))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert float(expected.std()) > 0.01


@pytest.mark.parametrize("part", ["resnet", "wrn"])
def test_blocks_without_norm_layers_start_as_their_shortcuts_where_the_law_says_so(part):
    net = build(part, TASKS["8"], depth={"resnet": 14, "wrn": 16}[part], norm="none")
    weights = draw(make_part("init", {"part": "he", "branches": "zero"}), net, 0)
    block = {name.removeprefix("block1_2."): tensor for name, tensor in weights.items() if name.startswith("block1_2.")}
    x = inputs(Task((16, 8, 8), 4), 2).abs()
    assert torch.equal(functional_call(net.get_submodule("block1_2"), block, (x,)), x)


def test_dense_layers_compute_what_torchvision_s_do():
    from torchvision.models.densenet import _DenseBlock

    net = build("densenet", TASKS["32"], depth=22, growth=6)
    theirs = _DenseBlock(num_layers=3, num_input_features=12, bn_size=4, growth_rate=6, drop_rate=0).double().eval()
    ours = nn.Sequential(*(net.get_submodule(f"block1_{k}") for k in (1, 2, 3))).eval()
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    x = inputs(Task((12, 8, 8), 4), 2, torch.float64)
    torch.testing.assert_close(functional_call(ours, state, (x,)), theirs(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "maps", "kept"),
    [
        ({"depth": 34, "growth": 4}, 28, 14),
        ({"depth": 34, "growth": 4, "reduction": 0.3}, 28, 8),
        ({"depth": 52, "growth": 10, "reduction": 0.29}, 100, 29),
        ({"depth": 16, "growth": 4, "bottleneck": False, "reduction": 1}, 32, 32),
    ],
)
def test_a_transition_keeps_the_whole_part_of_its_share_of_the_channels(settings, maps, kept):
    conv = build("densenet", TASKS["32"], **settings).get_submodule("transition1.conv")
    assert (conv.in_channels, conv.out_channels) == (maps, kept)


def test_the_alexnet_for_imagenet_has_torchvision_s_layers():
    from torchvision.models import alexnet

    def leaves(net):
        found = [repr(module).replace("inplace=True", "") for module in net.modules() if not list(module.children())]
        return [text for text in found if not text.startswith("Flatten")]

    with torch.device("meta"):
        theirs = alexnet()
    assert leaves(build("alexnet", Task((3, 224, 224), 1000), form="imagenet")) == leaves(theirs)


@pytest.mark.parametrize(("side", "pools", "features"), [(32, 3, 256), (28, 2, 256), (8, 1, 256), (64, 3, 4 * 256)])
def test_the_alexnet_for_small_images_leaves_out_pools_of_single_pixels(side, pools, features):
    net = build("alexnet", Task((3, side, side), 10))
    assert sum(isinstance(module, nn.MaxPool2d) for module in net.modules()) == pools
    assert net.head.in_features == features


@pytest.mark.parametrize("halve", ["stride", "average", "max"])
def test_the_scores_of_a_plain_network_are_the_formula(halve):
    net = build("plain", TASKS["8"], depth=1, width=3, halvings=1, halve=halve)
    model = model_of(net, dtype=torch.float64)
    w = model.weights.merge()
    x = y = inputs(TASKS["8"], 4, torch.float64)
    for unit, stride in (("stem", 1), ("down1", 2 if halve == "stride" else 1), ("block1_1", 1)):
        y = torch.tanh(F.conv2d(y, w[f"{unit}.conv.weight"], w[f"{unit}.conv.bias"], stride, padding=1))
        if unit == "down1" and halve != "stride":
            windows = y.unflatten(3, (4, 2)).unflatten(2, (4, 2))
            y = windows.mean((3, 5)) if halve == "average" else windows.amax((3, 5))
    expected = y.mean((2, 3)) @ w["head.weight"].T + w["head.bias"]
    torch.testing.assert_close(scores_of(model, x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("halve", ["stride", "average", "max"])
def test_with_circular_padding_a_shift_by_whole_places_of_the_last_map_changes_no_score(halve):
    x = inputs(TASKS["32"], 2, torch.float64)
    for padding, same in (("circular", True), ("zeros", False)):
        model = model_of(build("plain", TASKS["32"], depth=4, width=6, padding=padding, halve=halve), dtype=torch.float64)
        scores, shifted = scores_of(model, x), scores_of(model, x.roll((8, -4), (2, 3)))
        assert torch.allclose(scores, shifted, rtol=0, atol=1e-12 if same else 1e-4) == same


def test_hundreds_of_plain_layers_keep_the_norm_of_a_signal_under_a_delta_orthogonal_law():
    net = build("plain", TASKS["8"], depth=301, width=4, activation="identity", padding="circular")
    weights = {name: t.double() for name, t in draw(make_part("init", {"part": "delta_orthogonal"}), net, 0).items()}
    assert sum(name.endswith("conv.weight") for name in weights) == 304
    assert {len(units) for name, units in blocks(net).items() if name.startswith("block")} == {101, 100}
    start, end = net.unit_names.index("block1_1"), net.unit_names.index("pool")
    x = inputs(Task((4, 2, 2), 4), 3, torch.float64)
    y = functional_call(net[start:end], {name: t for name, t in weights.items() if name.startswith("block")}, (x,))
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-4, atol=0)


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


@pytest.mark.parametrize("side", [16, 9])
def test_the_scores_of_the_lenet_of_1989_are_the_formula(side):
    task = Task((1, side, side), 10)
    net = build("lenet", task, form="lenet1989", width=2)
    model = model_of(net, dtype=torch.float64)
    w = model.weights.merge()
    x = y = inputs(task, 3, torch.float64)
    for unit, side_after in (("conv1", -(-side // 2)), ("conv2", -(-side // 4))):
        windows = F.pad(y, (2, 3, 2, 3)).unfold(2, 5, 2).unfold(3, 5, 2)[:, :, :side_after, :side_after]
        y = torch.tanh(torch.einsum("nchwij,mcij->nmhw", windows, w[f"{unit}.conv.weight"]))
    expected = torch.tanh(y.flatten(1) @ w["fc1.linear.weight"].T) @ w["head.weight"].T
    assert net.unit_names == ["conv1", "conv2", "fc1"]
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
    from randfeat.arch.residual import PadShortcut

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
            {"form": "lenet1989", "pool": "max"},
            TASKS["28"],
            "arch.pool acts in arch.form=lenet5. Leave it out, or use that form.",
        ),
        (
            "densenet",
            {"depth": 39},
            TASKS["32"],
            "arch.depth of a densenet with bottleneck must be 6n+4 (10, 16, 22, ...), got 39. Use 40.",
        ),
        (
            "densenet",
            {"depth": 7},
            TASKS["32"],
            "arch.depth of a densenet with bottleneck must be 6n+4 (10, 16, 22, ...), got 7. Use 10.",
        ),
        (
            "densenet",
            {"depth": 12, "bottleneck": False},
            TASKS["32"],
            "arch.depth of a densenet without bottleneck must be 3n+4 (7, 10, 13, ...), got 12. Use 13.",
        ),
        (
            "densenet",
            {},
            Task((3, 3, 9), 2),
            "arch=densenet needs images of 4x4 or more, but they are 3x9. Use data.resize=4.",
        ),
        (
            "alexnet",
            {"form": "imagenet"},
            TASKS["32"],
            "arch=alexnet needs images of 63x63 or more, but they are 32x32. Use data.resize=63.",
        ),
        (
            "alexnet",
            {"dropout": 0},
            TASKS["32"],
            "arch.dropout acts on fc1 and fc2 of arch.form=imagenet. Leave it out, or use that form.",
        ),
        (
            "plain",
            {"halvings": 4},
            TASKS["8"],
            "arch=plain needs images of 16x16 or more, but they are 8x8. Use data.resize=16.",
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
        (
            "mixer",
            {"patch": 5},
            TASKS["28"],
            "arch.patch must divide both sides of the images, which are 28x28, got 5. Use arch.patch=4, or data.resize=30.",
        ),
        (
            "vit",
            {"patch": 16},
            Task((1, 12, 8), 4),
            "arch.patch must divide both sides of the images, which are 12x8, got 16. Use arch.patch=4, or data.resize=16.",
        ),
        (
            "vit",
            {"heads": 3},
            TASKS["8"],
            "arch.width of a vit must be a multiple of arch.heads, got 64 and 3. Use arch.heads=2, or arch.width=63.",
        ),
        (
            "vit",
            {"width": 6, "heads": 16},
            TASKS["8"],
            "arch.width of a vit must be a multiple of arch.heads, got 6 and 16. Use arch.heads=6, or arch.width=16.",
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
