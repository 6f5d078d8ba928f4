"""One battery for every registered subset policy, on every architecture."""

from __future__ import annotations

import functools
import math

import pytest
import torch

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part, part_names
from randfeat.split import Entries, n_trained, split
from randfeat.typing import Task

PARTS = [
    "all", "bias", "block", "combination", "first", "first_k", "fraction", "head", "last", "last_k", "layer", "middle", "none",
    "norm", "order", "patterns", "weights",
]  # fmt: skip
NETS = {
    "densenet": {"depth": 10, "growth": 10},
    "lenet": {},
    "mixer": {"depth": 3, "width": 20},
    "mlp": {"depth": 3, "width": 20, "norm": "batch"},
    "plain": {"depth": 4, "width": 10, "norm": "batch", "padding": "circular"},
    "resnet": {"depth": 14, "width": 10},
    "torchvision": {},
    "vgg": {"width": 10, "hidden": 16},
    "vit": {"depth": 3, "width": 20},
    "wrn": {"depth": 10},
}
TASK = Task((3, 32, 32), 10)
BUILT = {arch: make_part("arch", {"part": arch} | settings).build(TASK) for arch, settings in NETS.items()}
TORCHVISION = {"mobilenet_v2": 64, "swin_t": 64}
BUILT |= {
    name: make_part("arch", {"part": "torchvision", "name": name}).build(Task((3, size, size), 10))
    for name, size in TORCHVISION.items()
}
PARTIAL = {
    "fraction": {},
    "weights": {},
    "head": {"share": 0.5},
    "patterns": {"rules": ["head.bias=0.2", "head*=train", "*.weight=0.3", "*=train"]},
    "combination": {"of": ["weights(share=0.3)", "fraction(fraction=0.4)"]},
}
"""Policies that train parts of tensors, with settings under which they do so on every network."""
CASES = [(part, arch) for part in PARTS for arch in NETS if (part, arch) not in {("norm", "lenet")}]
MORE_CASES = [*CASES, *((part, name) for part in PARTS for name in TORCHVISION)]


def policy(part, arch="", **settings):
    own = {"count": 2} if part == "fraction" and arch == "lenet" else {}
    return make_part("subset", {"part": part} | own | settings)


def entries(choice, shape):
    """The places that train in a flattened tensor, counted one by one."""
    if isinstance(choice, bool):
        return set(range(math.prod(shape) if choice else 0))
    if isinstance(choice, Entries):
        return set(choice.index.tolist())
    per_row = math.prod(shape[1:])
    return {row * per_row + k for row in choice.tolist() for k in range(per_row)}


def whole_ones(selection):
    assert all(isinstance(choice, bool) for choice in selection.values())
    return {name for name, choice in selection.items() if choice}


@functools.cache
def weights_of(arch):
    return draw(make_part("init", {"part": "gaussian"}), BUILT[arch], 0)


def names(arch):
    return [name for name, _ in BUILT[arch].named_parameters()]


def test_the_battery_covers_every_registered_part():
    assert part_names("subset") == PARTS
    assert len(PARTS) == 17


@pytest.mark.parametrize(("part", "arch"), MORE_CASES)
def test_every_tensor_has_a_choice_and_rows_or_entries_are_distinct_ones_of_it(part, arch):
    net = BUILT[arch]
    selection = policy(part, arch).select(net, 0)
    assert list(selection) == names(arch)
    for name, tensor in net.named_parameters():
        choice = selection[name]
        if not isinstance(choice, bool):
            assert part == ("weights" if isinstance(choice, Entries) else "fraction")
            index, n = (choice.index, tensor.numel()) if isinstance(choice, Entries) else (choice, len(tensor))
            assert 0 < len(index) < n
            assert len(index.unique()) == len(index)
            assert 0 <= int(index.min()) <= int(index.max()) < n


@pytest.mark.parametrize(("part", "arch"), MORE_CASES)
def test_tensors_that_train_begin_at_a_share_of_the_training_and_one_at_its_start(part, arch):
    chosen = policy(part, arch)
    begins, selection = chosen.begins(BUILT[arch], 0), chosen.select(BUILT[arch], 0)
    assert begins.keys() <= selection.keys()
    assert all(0 <= begin < 1 for begin in begins.values())
    assert (len(set(begins.values())) > 1) == (part == "order")
    trained = [name for name, choice in selection.items() if choice is not False]
    assert min((begins.get(name, 0) for name in trained), default=0) == 0


@pytest.mark.parametrize(("part", "arch"), CASES)
def test_merge_undoes_split_to_the_bit(part, arch):
    net = BUILT[arch]
    weights = weights_of(arch)
    selection = policy(part, arch).select(net, 0)
    halves = split(weights, selection)
    merged = halves.merge()
    assert merged.keys() == weights.keys()
    assert all(torch.equal(merged[name], tensor) for name, tensor in weights.items())
    sizes = [sum(tensor.numel() for tensor in half.values()) for half in (halves.trained, halves.frozen)]
    assert sum(sizes) == sum(tensor.numel() for tensor in weights.values())
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    assert sum(n_trained(selection, shapes).values()) == sizes[0]


@pytest.mark.parametrize("arch", list(NETS))
@pytest.mark.parametrize(("part", "settings"), [*PARTIAL.items(), ("fraction", {"rows": "drawn"})])
def test_frozen_zero_sets_what_is_frozen_of_partly_trained_tensors_and_no_other_to_zero(part, settings, arch):
    net = BUILT[arch]
    weights = weights_of(arch)
    chosen = policy(part, arch, frozen="zero", **settings)
    selection = chosen.select(net, 0)
    merged = split(weights, selection, frozen_rows=chosen.frozen_rows).merge()
    assert any(not isinstance(choice, bool) for choice in selection.values())
    for name, choice in selection.items():
        expected = weights[name].clone()
        if not isinstance(choice, bool):
            frozen = torch.ones(expected.shape, dtype=torch.bool)
            if isinstance(choice, Entries):
                frozen.view(-1)[choice.index] = False
            else:
                frozen[choice] = False
            expected[frozen] = 0
        assert torch.equal(merged[name], expected)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_frozen_stays_as_drawn_by_default(part):
    assert policy(part).frozen_rows == "random"


@pytest.mark.parametrize(
    ("part", "settings", "arch", "prefixes"),
    [
        ("all", {}, "vgg", ("",)),
        ("none", {}, "vgg", ()),
        ("last", {}, "vgg", ("head.",)),
        ("first", {}, "vgg", ("block1_1.",)),
        ("middle", {}, "vgg", ("block4_",)),
        ("middle", {}, "resnet", ("block2_",)),
        ("middle", {}, "wrn", ("block2_",)),
        ("middle", {}, "lenet", ("fc1.",)),
        ("first", {}, "wrn", ("stem.",)),
        ("first", {}, "mlp", ("hidden1.",)),
        ("block", {"block": "block5"}, "vgg", ("block5_",)),
        ("block", {"block": "3"}, "wrn", ("block2_",)),
        ("block", {"block": "norm"}, "wrn", ("norm.",)),
        ("last", {"head": "freeze"}, "vgg", ()),
        ("first", {"head": "train"}, "lenet", ("conv1.", "head.")),
        ("none", {"head": "train"}, "lenet", ("head.",)),
        ("layer", {"layer": "1"}, "lenet", ("conv1.",)),
        ("layer", {"layer": "2"}, "vgg", ("block2_1.conv.",)),
        ("layer", {"layer": "block2_1.conv"}, "vgg", ("block2_1.conv.",)),
        ("layer", {"layer": "8"}, "resnet", ("block2_1.shortcut.0.",)),
        ("layer", {"layer": "4"}, "mlp", ("head.",)),
        ("layer", {"layer": "features_1.features.1.0.attn.qkv"}, "swin_t", ("features_1.features.1.0.attn.qkv.",)),
        ("last_k", {"k": 1}, "resnet", ("head.",)),
        ("last_k", {"k": 2}, "lenet", ("fc2.", "head.")),
        ("last_k", {"k": 2}, "mlp", ("hidden3.", "head.")),
        ("last_k", {"k": 2}, "wrn", ("block3_1.shortcut.", "norm.", "head.")),
        ("last_k", {"k": 4}, "mlp", ("",)),
        ("first_k", {"k": 1}, "wrn", ("stem.", "block1_1.norm1.")),
        ("first_k", {"k": 2}, "mlp", ("hidden1.", "hidden2.")),
        ("first_k", {"k": 3}, "mlp", ("hidden",)),
        ("first_k", {"k": 4}, "mlp", ("",)),
        ("head", {}, "vgg", ("head.",)),
        ("bias", {}, "wrn", ("head.bias",)),
        ("bias", {"head": "train"}, "wrn", ("head.",)),
        ("patterns", {}, "resnet", ("head.",)),
        ("patterns", {"rules": ["block2_?.conv*=train", "*=freeze"]}, "resnet", ("block2_1.conv", "block2_2.conv")),
        ("patterns", {"rules": ["conv[13].*=freeze", "conv*=train", "*=freeze"]}, "lenet", ("conv2.",)),
        ("combination", {}, "resnet", ("stem.", "head.")),
        ("combination", {"of": ["first_k(k=2)", "last_k(k=3)"], "how": "intersection"}, "mlp", ("hidden2.",)),
        ("combination", {"of": ["combination(of=[first, block(block=2)])", "head"]}, "mlp", ("hidden1.", "hidden2.", "head.")),
        ("order", {}, "vgg", ("",)),
        ("order", {"head": "freeze"}, "lenet", ("conv", "fc")),
    ],
)
def test_policies_choose_the_known_sets(part, settings, arch, prefixes):
    chosen = whole_ones(policy(part, **settings).select(BUILT[arch], 0))
    assert chosen == {name for name in names(arch) if name.startswith(prefixes)}


def test_middle_of_a_vgg_without_hidden_layers_is_block3():
    net = make_part("arch", {"part": "vgg", "depth": 16}).build(TASK)
    chosen = whole_ones(policy("middle").select(net, 0))
    layers = ("conv", "norm")
    assert chosen == {f"block3_{k}.{layer}.{t}" for k in (1, 2, 3) for layer in layers for t in ("weight", "bias")}


def test_bias_trains_every_bias_and_no_shift_of_a_norm_layer():
    assert whole_ones(policy("bias").select(BUILT["lenet"], 0)) == {n for n in names("lenet") if n.endswith(".bias")}
    linear = {f"hidden{k}.linear.bias" for k in (1, 2, 3)} | {"head.bias"}
    assert whole_ones(policy("bias").select(BUILT["mlp"], 0)) == linear
    shifts = {name for name in in_norm("wrn") if name.endswith("bias")}
    assert whole_ones(policy("bias", head="freeze", norm="train").select(BUILT["wrn"], 0)) == in_norm("wrn") >= shifts


@pytest.mark.parametrize(
    ("settings", "published"), [({"fraction": 0.1}, 3_669_829), ({"fraction": 0.07}, 2_530_629), ({"count": 1}, 99_909)]
)
def test_wrn_28_10_trains_as_many_parameters_as_published(settings, published):
    """Rosenfeld and Tsotsos (2019), WRN-28-10 with ten classes: 10 %, 7 % of the filters, and one filter per layer."""
    net = make_part("arch", {"part": "wrn", "depth": 28, "widen": 10}).build(TASK)
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    assert sum(n_trained(policy("fraction", **settings).select(net, 0), shapes).values()) == published


@pytest.mark.parametrize(("settings", "published"), [({"fraction": 0.1}, 90_196), ({"count": 1}, 57_529)])
def test_densenet_bc_100_12_trains_as_many_parameters_as_published(settings, published):
    """Rosenfeld and Tsotsos (2019), with ten classes: 10 % of the filters, and one filter per layer."""
    net = make_part("arch", {"part": "densenet", "depth": 100}).build(TASK)
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    assert sum(n_trained(policy("fraction", **settings).select(net, 0), shapes).values()) == published


@pytest.mark.parametrize("share", [0.1, 0.29, 0.5])
def test_weights_keeps_the_whole_part_of_its_share_of_the_entries_of_each_weight_below_the_head(share):
    net = BUILT["wrn"]
    selection = policy("weights", share=share).select(net, 0)
    for name, tensor in net.named_parameters():
        if name in in_norm("wrn") or name.startswith("head."):
            assert selection[name] is True
        else:
            assert len(selection[name]) == math.floor(share * tensor.numel() + 1e-9)
    frozen = policy("weights", share=share, norm="freeze", head="freeze").select(net, 0)
    assert {n for n, choice in frozen.items() if choice is False} == in_norm("wrn") | {"head.weight", "head.bias"}


def test_weights_leaves_biases_below_the_head_and_a_whole_share_keeps_tensors_whole():
    below = {name for name in names("lenet") if not name.startswith("head.")}
    selection = policy("weights", share=1).select(BUILT["lenet"], 0)
    assert {name for name in below if selection[name] is False} == {name for name in below if name.endswith("bias")}
    assert whole_ones(selection) == {name for name in names("lenet") if name.endswith("weight")} | {"head.bias"}


def test_drawn_entries_spread_evenly_over_the_rows():
    """Of 512 rows of 4608 entries each trains 460.8 on average; the counts are hypergeometric, with known mean and variance."""
    net = make_part("arch", {"part": "vgg"}).build(TASK)
    index = policy("weights").select(net, 0)["block5_2.conv.weight"].index
    counts = torch.bincount(index // 4608, minlength=512).double()
    n, p = 512 * 4608, len(index) / (512 * 4608)
    variance = 4608 * p * (1 - p) * (n - 4608) / (n - 1)
    assert abs(float(counts.var()) / variance - 1) < 4 * math.sqrt(2 / 511)


def test_the_head_on_a_share_of_its_features_trains_their_columns_and_the_bias():
    for settings, columns in (({"features": "first"}, set(range(10))), ({}, None), ({"share": 0.26}, None)):
        selection = policy("head", **{"share": 0.5} | settings).select(BUILT["mlp"], 3)
        places = entries(selection.pop("head.weight"), (10, 20))
        found = {place % 20 for place in places}
        assert places == {row * 20 + column for row in range(10) for column in found}
        assert len(found) == (5 if "share" in settings else 10)
        assert columns is None or found == columns
        assert whole_ones(selection) == {"head.bias"}


def in_norm(arch):
    if arch == "resnet":
        return {n for n in names(arch) if ".norm" in n or n.startswith("stem.1.") or ".shortcut.1." in n}
    return {n for n in names(arch) if ".norm" in n or n.startswith("norm.")}


@pytest.mark.parametrize("arch", ["densenet", "mixer", "mlp", "plain", "resnet", "vgg", "vit", "wrn"])
def test_norm_trains_the_gains_and_shifts_alone(arch):
    chosen = whole_ones(policy("norm").select(BUILT[arch], 0))
    assert chosen == in_norm(arch)
    assert chosen


@pytest.mark.parametrize("arch", ["densenet", "mixer", "mlp", "plain", "resnet", "vgg", "vit", "wrn"])
def test_the_switches_overrule_the_policy(arch):
    net, everything = BUILT[arch], set(names(arch))
    head = {"head.weight", "head.bias"}
    assert whole_ones(policy("all", norm="freeze").select(net, 0)) == everything - in_norm(arch)
    assert whole_ones(policy("all", head="freeze").select(net, 0)) == everything - head
    assert whole_ones(policy("none", norm="train", head="train").select(net, 0)) == in_norm(arch) | head
    assert whole_ones(policy("norm", head="train", norm="freeze").select(net, 0)) == head
    selection = policy("fraction", norm="freeze", head="freeze").select(net, 0)
    assert {name for name, choice in selection.items() if choice is False} >= in_norm(arch) | head


@pytest.mark.parametrize(
    ("settings", "n", "kept"),
    [
        ({"fraction": 0.1}, 100, 10),
        ({"fraction": 0.3}, 10, 3),
        ({"fraction": 0.29}, 100, 29),
        ({"fraction": 0.999}, 10, 9),
        ({"fraction": 0.15}, 10, 1),
        ({"count": 4}, 10, 4),
    ],
)
@pytest.mark.parametrize("rows", ["first", "drawn"])
def test_a_fraction_keeps_the_whole_part_of_its_share_of_the_rows(settings, n, kept, rows):
    net = make_part("arch", {"part": "mlp", "width": n}).build(Task((5,), 3))
    selection = policy("fraction", rows=rows, **settings).select(net, 0)
    for name in ("hidden1.linear.weight", "hidden1.linear.bias"):
        assert len(selection[name]) == kept
        if rows == "first":
            assert selection[name].tolist() == list(range(kept))
    assert selection["hidden1.linear.weight"].tolist() == selection["hidden1.linear.bias"].tolist()
    assert selection["head.weight"] is True
    assert selection["head.bias"] is True


@pytest.mark.parametrize("settings", [{"fraction": 1}, {"count": 10}, {"count": 99}])
def test_a_fraction_that_keeps_every_row_keeps_the_tensor_whole(settings):
    net = make_part("arch", {"part": "mlp", "width": 10}).build(Task((5,), 3))
    assert whole_ones(policy("fraction", **settings).select(net, 0)) == {n for n, _ in net.named_parameters()}


@pytest.mark.parametrize(("part", "settings"), [("fraction", {"fraction": 0.5, "rows": "drawn"}), ("weights", {})])
def test_what_is_drawn_depends_on_the_seed_and_the_name_of_the_tensor_alone(part, settings):
    def drawn(seed, depth):
        net = make_part("arch", {"part": "mlp", "width": 60, "depth": depth}).build(Task((60,), 3))
        selection = policy(part, **settings).select(net, seed)
        return {name: entries(choice, (60, 60)) for name, choice in selection.items() if name.endswith("linear.weight")}

    shallow, deep, other = drawn(0, 1), drawn(0, 3), drawn(1, 1)
    assert shallow["hidden1.linear.weight"] == deep["hidden1.linear.weight"]
    assert shallow["hidden1.linear.weight"] != other["hidden1.linear.weight"]
    assert deep["hidden1.linear.weight"] != deep["hidden2.linear.weight"]


@pytest.mark.parametrize(
    ("part", "settings", "arch", "text"),
    [
        (
            "fraction",
            {},
            {"part": "mlp", "width": 9},
            "subset.fraction=0.1 keeps no row of 'hidden1.linear.weight', which has 9. "
            "Use subset.fraction=0.112 or more, or subset.count=1.",
        ),
        (
            "middle",
            {},
            {"part": "mlp"},
            "subset=middle needs two blocks or more below the head, but there is: hidden1. Use subset=last.",
        ),
        (
            "block",
            {"block": "blok2"},
            {"part": "wrn"},
            "subset.block=blok2 is no block of this network. Did you mean 'block2'? "
            "Blocks: stem, block1, block2, block3, norm, or 1 to 5.",
        ),
        (
            "block",
            {"block": "6"},
            {"part": "wrn"},
            "subset.block=6 is no block of this network. Blocks: stem, block1, block2, block3, norm, or 1 to 5.",
        ),
        (
            "norm",
            {},
            {"part": "lenet"},
            "subset=norm trains norm layers, but this network has none. "
            "Use subset=last, or an architecture with norm layers, such as arch=vgg with arch.norm=batch.",
        ),
        (
            "weights",
            {"share": 0.001},
            {"part": "wrn"},
            "subset.share=0.001 keeps no entry of 'stem.weight', which has 432. Use subset.share=0.003 or more.",
        ),
        (
            "head",
            {"share": 0.001},
            {"part": "lenet"},
            "subset.share=0.001 keeps no feature of 'head.weight', which has 84. Use subset.share=0.012 or more.",
        ),
        (
            "bias",
            {"head": "freeze"},
            {"part": "wrn"},
            "subset=bias with subset.head=freeze trains nothing, for this network's biases are head.bias alone. "
            "Use subset.head=policy, or subset=norm.",
        ),
        (
            "layer",
            {"layer": "conv3.conv"},
            {"part": "lenet"},
            "subset.layer=conv3.conv is no layer of this network. Did you mean 'conv2.conv'? "
            "Layers: conv1.conv, conv2.conv, fc1.linear, fc2.linear, head; or 1 to 5. `randfeat show --tensors` lists them.",
        ),
        (
            "layer",
            {"layer": "0"},
            {"part": "wrn", "depth": 10},
            "subset.layer=0 is no layer of this network. Layers: stem, block1_1.conv1, block1_1.conv2, block2_1.conv1, ..., "
            "head (10 in all); or 1 to 10. `randfeat show --tensors` lists them.",
        ),
        (
            "last_k",
            {"k": 3},
            {"part": "mlp"},
            "subset.k=3, but this network has 2 layers: hidden1.linear, head. Use subset.k=2.",
        ),
        (
            "first_k",
            {"k": 3},
            {"part": "mlp"},
            "subset.k=3, but this network has 2 layers: hidden1.linear, head. Use subset.k=2.",
        ),
        (
            "patterns",
            {"rules": ["hed.*=train", "*=freeze"]},
            {"part": "mlp"},
            "subset.rules: 'hed.*' matches no tensor. Did you mean 'head'? Tensors: hidden1.linear.weight, "
            "hidden1.linear.bias, head.weight, head.bias; `randfeat show --tensors` lists them.",
        ),
        (
            "patterns",
            {"rules": ["head.*=train", "*.weight=0.5"]},
            {"part": "mlp"},
            "subset.rules say nothing about hidden1.linear.bias. Add '*=freeze' or '*=train' at the end.",
        ),
        (
            "patterns",
            {"rules": ["*=freeze", "head.*=train"]},
            {"part": "mlp"},
            "subset.rules: 'head.*' comes too late, for rules before it decide about head.weight, head.bias. Put it first.",
        ),
        (
            "patterns",
            {"rules": ["head.*=0.05", "*=train"]},
            {"part": "mlp"},
            "subset.rules: 'head.*=0.05' keeps no row of 'head.weight', which has 10. Use a share of 0.1 or more.",
        ),
        (
            "combination",
            {"how": "intersection"},
            {"part": "wrn"},
            "subset.of has nothing in common: 'first' trains stem.weight; 'last' trains head.weight, head.bias. "
            "Use subset.how=union.",
        ),
        (
            "combination",
            {"of": ["last", "fraction(fraction=0.01)"]},
            {"part": "wrn"},
            "in 'fraction(fraction=0.01)': subset.fraction=0.01 keeps no row of 'stem.weight', which has 16. "
            "Use subset.fraction=0.063 or more, or subset.count=1.",
        ),
    ],
)
def test_what_a_network_has_not_is_an_error_that_says_what_it_has(part, settings, arch, text):
    net = make_part("arch", arch).build(TASK)
    with pytest.raises(ConfigError) as error:
        policy(part, **settings).select(net, 0)
    assert str(error.value) == text


def test_a_block_whose_number_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="is no block of this network"):
        policy("block", block="²").select(BUILT["wrn"], 0)
