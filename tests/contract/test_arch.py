"""One battery for every registered architecture: what the rows of ``tests/zoo.py`` say, and what all have in common."""

from __future__ import annotations

import functools
import re

import pytest
import torch
from torch import nn

from randfeat.errors import ConfigError
from randfeat.network import ANSWERING, HEAD, blocks, layers, unit_of
from randfeat.registry import make_part, part_names
from randfeat.split import n_trained, split
from randfeat.stacked import Stacked
from randfeat.typing import Task
from tests.zoo import CASES, TASKS, ZOO, build, built, inputs, model_of, n_parameters, scores_of, weights_of

REFUSED = [(name, task) for name in ZOO for task in TASKS if (name, task) not in CASES]
POLICIES = {name: {} for name in part_names("subset")} | {
    "combination": {"of": ["weights(share=0.3)", "fraction(count=1)"]},
    "fraction": {"count": 1},
    "head": {"share": 0.5},
    "weights": {"share": 0.3},
}
"""Each with settings under which it trains something of every network, parts of tensors where it can."""


def smallest(name):
    """The first of the tasks of an architecture, which is the smallest."""
    return ZOO[name].tasks[0]


DRAWN = [(*case, "he") for case in CASES] + [(name, smallest(name), init) for name in ZOO for init in ("orthogonal", "uniform")]


def settled(scores):
    """One number that every score has a say in, each another one."""
    return (scores * torch.linspace(-1, 2, scores.numel(), dtype=scores.dtype).view_as(scores)).sum()


def test_the_battery_covers_every_registered_part():
    assert part_names("arch") == list(ZOO)
    assert len(ZOO) == 26
    assert len(POLICIES) == 17


def test_the_architectures_that_refusals_name_are_those_that_give_several_answers():
    asked = {"images": "rebuilt", "sequences": "each step", "graph": "graph"}
    assert {kind: tuple(name for name, row in ZOO.items() if task in row.tasks) for kind, task in asked.items()} == {
        kind: names for kind, names in ANSWERING.items() if kind in asked
    }


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_head_is_the_last_child_and_linear_with_an_output_per_class(name, task):
    net = built(name, task)
    last, head = list(net.named_children())[-1]
    assert last == HEAD
    assert type(head) is nn.Linear
    assert head.out_features == TASKS[task].n_outputs
    assert head.bias is not None
    assert all(tensor.is_meta for tensor in net.parameters())


@pytest.mark.parametrize("name", list(ZOO))
def test_units_have_the_names_of_the_documentation_and_blocks_and_layers_cover_what_trains(name):
    net = built(name, smallest(name))
    assert net.unit_names == ZOO[name].units
    with_weights = [unit for unit in net.unit_names if n_parameters(net.get_submodule(unit))]
    assert [unit for units in blocks(net).values() for unit in units] == with_weights
    assert list(layers(net))[-1] == HEAD
    assert {unit_of(layer) for layer in layers(net)} <= {*with_weights, HEAD}


@pytest.mark.parametrize(("name", "task"), REFUSED)
def test_a_task_that_does_not_fit_is_refused_in_one_line_with_what_would(name, task):
    with pytest.raises(ConfigError) as error:
        build(name, TASKS[task], **ZOO[name].settings)
    assert re.search(r" Use (arch|data)[.=]\w+.*\.$", str(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "task", "init"), DRAWN)
def test_scores_are_finite_and_differ_between_rows_and_classes(name, task, init):
    net = built(name, task)
    scores = scores_of(model_of(net, weights_of(net, init)), inputs(TASKS[task], 3))
    assert bool(scores.isfinite().all())
    assert scores.shape == (3, *TASKS[task].answers, TASKS[task].n_outputs)
    assert len(scores.flatten(1).unique(dim=0)) == 3
    assert len(scores.flatten(0, -2).unique(dim=1).T) == TASKS[task].n_outputs


@pytest.mark.parametrize(("name", "task"), CASES)
def test_features_and_scores_of_a_row_depend_on_no_other_row(name, task):
    net = built(name, task)
    model = model_of(net, weights_of(net, dtype=torch.float64))
    x = inputs(TASKS[task], 4, torch.float64)
    phi, scores = model.prefix(x), scores_of(model, x)
    assert phi.shape == (4, *TASKS[task].answers, net.head.in_features)
    assert scores.dtype == torch.float64
    alone = torch.cat([scores_of(model, x[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(scores, alone, rtol=1e-10, atol=1e-10)
    x[1:] = torch.nan
    torch.testing.assert_close(model.prefix(x)[0], phi[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", list(ZOO))
def test_the_scores_of_every_precision_are_near_those_of_float64(name):
    """With the same weights and inputs, which bfloat16 holds exactly: 8 bits of each number, so 2**-9 for every rounding."""
    net, x = built(name, smallest(name)), inputs(TASKS[smallest(name)], 6, torch.bfloat16)
    weights = weights_of(net, dtype=torch.bfloat16)

    def scores(dtype, mixed=False):
        model = model_of(net, {key: tensor.to(dtype) for key, tensor in weights.items()})
        model.mixed = mixed
        return scores_of(model, x.to(dtype))

    exact = scores(torch.float64)
    for found, dtype, near in (
        (scores(torch.float32), torch.float32, 1e-5),
        (scores(torch.bfloat16), torch.bfloat16, 0.02),
        (scores(torch.float32, mixed=True), torch.float32, 0.02),
    ):
        assert found.dtype == dtype
        assert float((found.double() - exact).norm() / exact.norm()) < near


@functools.cache
def weights_and_gradients(name):
    """Of every tensor: numbers, and their gradients by a plain call of the network on four rows."""
    net = built(name, smallest(name))
    weights = weights_of(net, "gaussian", torch.float64)
    model = model_of(net, weights, dict.fromkeys(weights, True))
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in weights.items()}
    tensors = {**leaves, **model.buffers}
    y = torch.func.functional_call(net, tensors, (inputs(TASKS[smallest(name)], 4, torch.float64),))
    return weights, dict(zip(leaves, torch.autograd.grad(settled(y), [*leaves.values()]), strict=True))


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_policy_splits_the_weights_and_the_gradients_of_what_trains_are_those_of_the_whole(policy, name):
    """Merging gives the weights back to the bit; the policies that have nothing to train in a network are those of its row."""
    net, (weights, gradients) = built(name, smallest(name)), weights_and_gradients(name)
    chosen = make_part("subset", {"part": policy} | POLICIES[policy])
    if policy in ZOO[name].refuses:
        with pytest.raises(ConfigError, match=" Use ") as error:
            chosen.select(net, 0)
        assert str(error.value).startswith(ZOO[name].refuses[policy])
        return
    selection = chosen.select(net, 0)
    model = model_of(net, weights, selection)
    merged, trained = model.weights.merge(), model.weights.trained
    assert merged.keys() == weights.keys()
    assert all(torch.equal(merged[key], tensor) for key, tensor in weights.items())
    shapes = {key: tensor.shape for key, tensor in weights.items()}
    assert sum(map(torch.numel, trained.values())) == sum(n_trained(selection, shapes).values())
    assert bool(trained) == (policy != "none")
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in trained.items()}
    y = model.suffix(leaves, model.prefix(inputs(TASKS[smallest(name)], 4, torch.float64)))
    assert y.requires_grad == bool(leaves)
    found = torch.autograd.grad(settled(y), [*leaves.values()]) if leaves else ()
    expected = split(gradients, selection).trained
    for key, gradient in zip(leaves, found, strict=True):
        torch.testing.assert_close(gradient, expected[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", ["score_mode", "train_mode"])
@pytest.mark.parametrize("name", list(ZOO))
def test_a_stack_gives_the_scores_and_gradients_of_each_of_its_runs_or_says_why_not(name, mode):
    row, task = ZOO[name], TASKS[smallest(name)]
    models = []
    for seed in (0, 1):
        net = build(name, task, **row.settings)
        weights = weights_of(net, "gaussian", torch.float64, seed)
        models.append(model_of(net, weights, dict.fromkeys(weights, True)))
    x = inputs(task, 8, torch.float64).tensor_split(2)
    z = torch.stack([model.prefix(rows) for model, rows in zip(models, x, strict=True)])
    stacked = Stacked(models, build(name, task, **row.settings), models[0].first)
    leaves = {key: tensor.requires_grad_() for key, tensor in stacked.trained.items()}
    getattr(stacked, mode)()
    if row.alone and mode == "train_mode":
        with pytest.raises((RuntimeError, UserWarning), match=row.alone):
            settled(stacked.logits(leaves, z)).backward()
        return
    scores = stacked.logits(leaves, z)
    gradients = torch.autograd.grad(scores.square().sum(), [*leaves.values()])
    for s, model in enumerate(models):
        alone = {key: tensor.clone().requires_grad_() for key, tensor in model.weights.trained.items()}
        getattr(model, mode)()
        y = model.suffix(alone, z[s])
        torch.testing.assert_close(scores[s], y, rtol=1e-9, atol=1e-10)
        expected = torch.autograd.grad(y.square().sum(), [*alone.values()])
        for found, gradient in zip(gradients, expected, strict=True):
            torch.testing.assert_close(found[s], gradient, rtol=1e-7, atol=1e-9)


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
