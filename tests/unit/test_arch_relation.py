"""The relation network beside its formula, one pair at a time; what the order of objects changes, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, vmap

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((4, 5), 3)


def network(pool, task=TASK, seed=0, **settings):
    net = make_part("arch", {"part": "relation", "width": 6, "g_depth": 2, "pool": pool} | settings).build(task)
    return net, {name: t.double() + 0.1 for name, t in draw(make_part("init", {"part": "he"}), net, seed).items()}


def inputs(n=3):
    return torch.randn(n, *TASK.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def layer(w, name, z):
    return torch.relu(w[f"{name}.linear.weight"] @ z + w[f"{name}.linear.bias"])


@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_the_scores_are_the_formula_pair_by_pair(pool):
    net, w = network(pool, f_depth=2)
    assert net.unit_names == ["pairs", "g1", "g2", "pool", "f1", "f2"]
    x = inputs()
    expected = []
    for row in x:
        together = sum(layer(w, "g2", layer(w, "g1", torch.cat([a, b]))) for a in row for b in row)
        seen = layer(w, "f2", layer(w, "f1", together / 16 if pool == "mean" else together))
        expected.append(w["head.weight"] @ seen + w["head.bias"])
    torch.testing.assert_close(functional_call(net, w, (x,)), torch.stack(expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_the_order_of_the_objects_changes_nothing_and_another_object_does(pool):
    net, w = network(pool)
    x = inputs()
    scores = functional_call(net, w, (x,))
    torch.testing.assert_close(functional_call(net, w, (x[:, [2, 0, 3, 1]],)), scores, rtol=1e-10, atol=1e-10)
    x[:, 1] = x[:, 0]
    assert not torch.allclose(functional_call(net, w, (x,)), scores)


def test_stacked_weights_give_what_each_gives_alone():
    (net, one), (_, other) = network("mean"), network("mean", seed=1)
    stacked = {name: torch.stack([one[name], other[name]]) for name in one}
    x = inputs()
    together = vmap(lambda w: functional_call(net, w, (x,)))(stacked)
    for found, w in zip(together, (one, other), strict=True):
        torch.testing.assert_close(found, functional_call(net, w, (x,)), rtol=1e-10, atol=1e-10)


def test_its_parameters_are_those_of_its_layers():
    net, _ = network("mean", width=64, g_depth=4, f_depth=3)
    assert sum(t.numel() for t in net.parameters()) == (10 * 64 + 64) + 3 * (64 * 64 + 64) + 3 * (64 * 64 + 64) + (64 * 3 + 3)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (
            Task((1, 8, 8), 10),
            "arch=relation needs sequences, but the data are images of 8x8. "
            "Use data=relations, or arch=mlp, arch=resnet or arch=vgg.",
        ),
        (
            Task((4, 5), 3, (4,)),
            "the data ask for 4 answers for each row, and this network gives one answer. "
            "Use arch=gru, arch=lstm, arch=minimal_rnn, arch=rnn, arch=tcn or arch=transformer.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(task, text):
    with pytest.raises(ConfigError) as error:
        network("mean", task)
    assert str(error.value) == text
