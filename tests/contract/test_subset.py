"""One battery for every registered subset policy, on every architecture."""

from __future__ import annotations

import pytest
import torch

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part, part_names
from randfeat.split import n_trained, split
from randfeat.typing import Task

PARTS = ["all", "block", "first", "fraction", "last", "middle", "none", "norm"]
NETS = {
    "lenet": {},
    "mlp": {"depth": 3, "width": 20, "norm": "batch"},
    "resnet": {"depth": 14, "width": 10},
    "torchvision": {},
    "vgg": {"width": 10, "hidden": 16},
    "wrn": {"depth": 10},
}
TASK = Task((3, 32, 32), 10)
BUILT = {arch: make_part("arch", {"part": arch} | settings).build(TASK) for arch, settings in NETS.items()}
CASES = [(part, arch) for part in PARTS for arch in NETS if (part, arch) not in {("norm", "lenet")}]


def policy(part, arch="", **settings):
    own = {"count": 2} if part == "fraction" and arch == "lenet" else {}
    return make_part("subset", {"part": part} | own | settings)


def whole_ones(selection):
    assert all(isinstance(choice, bool) for choice in selection.values())
    return {name for name, choice in selection.items() if choice}


def names(arch):
    return [name for name, _ in BUILT[arch].named_parameters()]


def test_the_battery_covers_every_registered_part():
    assert part_names("subset") == PARTS
    assert len(PARTS) == 8


@pytest.mark.parametrize(("part", "arch"), CASES)
def test_every_tensor_has_a_choice_and_rows_are_distinct_rows_of_it(part, arch):
    net = BUILT[arch]
    selection = policy(part, arch).select(net, 0)
    assert list(selection) == names(arch)
    for name, tensor in net.named_parameters():
        choice = selection[name]
        if not isinstance(choice, bool):
            assert part == "fraction"
            assert 0 < len(choice) < len(tensor)
            assert len(choice.unique()) == len(choice)
            assert 0 <= int(choice.min()) <= int(choice.max()) < len(tensor)


@pytest.mark.parametrize(("part", "arch"), CASES)
def test_merge_undoes_split_to_the_bit(part, arch):
    net = BUILT[arch]
    weights = draw(make_part("init", {"part": "gaussian"}), net, 0)
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
@pytest.mark.parametrize("rows", ["first", "drawn"])
def test_frozen_zero_sets_the_frozen_rows_and_no_others_to_zero(arch, rows):
    net = BUILT[arch]
    weights = draw(make_part("init", {"part": "gaussian"}), net, 0)
    chosen = policy("fraction", arch, frozen="zero", rows=rows)
    selection = chosen.select(net, 0)
    merged = split(weights, selection, frozen_rows=chosen.frozen_rows).merge()
    for name, choice in selection.items():
        expected = weights[name].clone()
        if not isinstance(choice, bool):
            for row in set(range(len(expected))) - set(choice.tolist()):
                expected[row] = 0
        assert torch.equal(merged[name], expected)


@pytest.mark.parametrize("part", sorted(set(PARTS) - {"fraction"}))
def test_only_the_fraction_keeps_its_frozen_rows_at_will(part):
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


def in_norm(arch):
    if arch == "resnet":
        return {n for n in names(arch) if ".norm" in n or n.startswith("stem.1.") or ".shortcut.1." in n}
    return {n for n in names(arch) if ".norm" in n or n.startswith("norm.")}


@pytest.mark.parametrize("arch", ["mlp", "resnet", "vgg", "wrn"])
def test_norm_trains_the_gains_and_shifts_alone(arch):
    chosen = whole_ones(policy("norm").select(BUILT[arch], 0))
    assert chosen == in_norm(arch)
    assert chosen


@pytest.mark.parametrize("arch", ["mlp", "resnet", "vgg", "wrn"])
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


def test_drawn_rows_depend_on_the_seed_and_the_name_of_the_tensor_alone():
    def drawn(seed, depth):
        net = make_part("arch", {"part": "mlp", "width": 60, "depth": depth}).build(Task((60,), 3))
        selection = policy("fraction", fraction=0.5, rows="drawn").select(net, seed)
        return {name: choice.tolist() for name, choice in selection.items() if not isinstance(choice, bool)}

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
            "subset=norm trains norm layers, but this network has none. Use arch.norm=batch, or subset=last.",
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
