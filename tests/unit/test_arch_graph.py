"""Graph networks: the formulas on dense matrices, the published last layers, the network without its graph, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import fresh_buffers
from randfeat.network import connect
from randfeat.probe.distances import distances
from randfeat.probe.jacobian import jacobians
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

CPU = torch.device("cpu")
NODES, CHANNELS, CLASSES = 9, 5, 3
TASK = Task((NODES, CHANNELS), CLASSES, (NODES,), is_graph=True)
PAIRS = np.array([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7)])  # node 8 has no neighbour
EDGES = torch.from_numpy(np.concatenate([PAIRS, PAIRS[:, ::-1]]).T.copy())
LINKED = np.eye(NODES)
LINKED[tuple(EDGES.numpy())] = 1
A_HAT = LINKED / np.sqrt(np.outer(LINKED.sum(0), LINKED.sum(0)))

KARATE = "Use data=karate (built in)."


def build(part, **settings):
    net = make_part("arch", {"part": part, **settings}).build(TASK).eval()
    connect(net, EDGES)
    return net


def weights_of(net, seed=0, **law):
    drawn = draw(make_part("init", {"part": "glorot", **law}), net, seed)
    return {name: tensor.double() for name, tensor in drawn.items()}


def inputs(dtype=torch.float64):
    return torch.from_numpy(stream(0, "x").standard_normal((1, NODES, CHANNELS))).to(dtype)


def scores(net, weights, x):
    return functional_call(net, {**weights, **dict(net.named_buffers())}, (x,))


def test_two_layers_are_the_formula_of_the_paper():
    net, x = build("gcn", width=4), inputs()
    weights = weights_of(net)
    w0, w1 = weights["layer1.linear.weight"].numpy().T, weights["head.weight"].numpy().T
    expected = A_HAT @ np.maximum(A_HAT @ x[0].numpy() @ w0, 0) @ w1
    np.testing.assert_allclose(scores(net, weights, x)[0].numpy(), expected, rtol=1e-12, atol=1e-13)
    assert net.unit_names == ["layer1", "propagate"]
    assert list(weights) == ["layer1.linear.weight", "head.weight", "head.bias"]


def attended(h, values, a_target, a_source):
    """Node by node: the mean of the values of its neighbours and itself, weighted by the softmax of their scores."""
    rows = []
    for i in range(NODES):
        near = np.flatnonzero(LINKED[i])
        e = np.array([a_target @ h[i] + a_source @ h[j] for j in near])
        e = np.exp(np.where(e > 0, e, 0.2 * e))
        rows.append((e / e.sum()) @ values[near])
    return np.array(rows)


@pytest.mark.parametrize("concat", [True, False])
def test_attention_is_the_formula_of_the_paper_and_its_last_layer_of_one_head(concat):
    net, x = build("gat", width=4, heads=2, concat=concat), inputs()
    weights = weights_of(net)
    size = 2 if concat else 4
    wh = x[0].numpy() @ weights["layer1.linear.weight"].numpy().T
    heads = []
    for k in range(2):
        own = wh[:, size * k : size * (k + 1)]
        a_target, a_source = (weights[f"layer1.attend.{end}.weight"][k, :, 0].numpy() for end in ("target", "source"))
        heads.append(attended(own, own, a_target, a_source))
    h = np.concatenate(heads, 1) if concat else np.mean(heads, 0)
    h = np.where(h > 0, h, np.expm1(h))
    w, a = weights["head.weight"].numpy(), stream(0, "a").standard_normal((2, CLASSES))
    for end, half in zip(("target", "source"), a, strict=True):
        weights[f"attend.{end}.weight"] = torch.from_numpy(w.T @ half)[None, :, None]
    expected = attended(h @ w.T, h @ w.T, *a)
    np.testing.assert_allclose(scores(net, weights, x)[0].numpy(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("part", "settings"), [("gcn", {"depth": 2}), ("gat", {"heads": 4}), ("gat", {"concat": False})])
def test_without_neighbours_every_node_is_by_itself(part, settings):
    moved, changed = inputs(), []
    moved[0, 0] += 1
    for neighbours in (True, False):
        net = build(part, width=8, neighbours=neighbours, **settings)
        weights = weights_of(net)
        difference = scores(net, weights, moved) - scores(net, weights, inputs())
        changed.append(difference[0].abs().amax(1).gt(1e-9).nonzero().flatten().tolist())
    steps = 3 if "depth" in settings else 2
    assert changed == [np.flatnonzero(np.linalg.matrix_power(LINKED, steps)[0]).tolist(), [0]]


@pytest.mark.parametrize("part", ["gcn", "gat"])
def test_scores_move_with_the_numbers_of_the_nodes(part):
    net, order = build(part, width=8), stream(0, "order").permutation(NODES)
    weights = weights_of(net)
    expected = scores(net, weights, inputs())[:, order]
    connect(net, torch.from_numpy(np.argsort(order))[EDGES])
    torch.testing.assert_close(scores(net, weights, inputs()[:, order]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("part", ["gcn", "gat"])
def test_stacked_runs_their_gradients_and_bfloat16_agree_with_single_runs(part):
    net, x = build(part, width=8, depth=2), inputs()
    runs = [weights_of(net, seed) for seed in (0, 1)]
    for run in runs:
        for tensor in run.values():
            tensor.requires_grad_()
    single = torch.stack([scores(net, run, x) for run in runs])
    single.square().sum().backward()
    stacked = {name: torch.stack([run[name].detach() for run in runs]).requires_grad_() for name in runs[0]}
    together = vmap(lambda weights: scores(net, weights, x))(stacked)
    torch.testing.assert_close(together, single, rtol=1e-12, atol=1e-12)
    together.square().sum().backward()
    for name, tensor in stacked.items():
        torch.testing.assert_close(tensor.grad, torch.stack([run[name].grad for run in runs]), rtol=1e-11, atol=1e-12)
    rough = scores(net, {name: tensor.detach().bfloat16() for name, tensor in runs[0].items()}, inputs(torch.bfloat16))
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.double(), single[0].detach(), rtol=0, atol=0.05 * float(single[0].detach().abs().max()))


def test_attention_of_scores_far_apart_stays_finite_and_takes_the_largest():
    net = build("gat", width=8, depth=1)
    weights = {name: tensor * 1e4 if "attend" in name else tensor for name, tensor in weights_of(net).items()}
    weights = {name: tensor.float().requires_grad_() for name, tensor in weights.items()}
    given = scores(net, weights, inputs(torch.float32))
    given.sum().backward()
    assert bool(given.isfinite().all())
    assert all(bool(tensor.grad.isfinite().all()) for tensor in weights.values())


@pytest.mark.parametrize("part", ["gcn", "gat"])
def test_dropout_acts_on_what_comes_in_and_what_goes_out_in_training_alone(part):
    net, plain, x = build(part, width=8, dropout=0.5), build(part, width=8), inputs()
    weights = weights_of(net)
    assert torch.equal(scores(net, weights, x), scores(plain, weights, x))
    torch.manual_seed(0)
    layer = {name.removeprefix("layer1."): tensor for name, tensor in weights.items() if name.startswith("layer1.")}
    given = torch.cat([scores(net.train().layer1, layer, x) for _ in range(100)])
    assert float((given == 0).double().mean()) > 0.45
    assert float(given[:, 8].std(0).max()) > 0.01


def test_every_layer_has_edges_of_its_own():
    """A tensor that layers share would go by the name of the first alone, and stay where it was for the others."""
    names = [name for name, _ in build("gcn", depth=2).named_buffers()]
    assert names == ["layer1.propagate.edges", "layer2.propagate.edges", "propagate.edges"]


@pytest.mark.parametrize(
    ("settings", "task", "text"),
    [
        (
            {"part": "gcn"},
            Task((1, 8, 8), 10),
            "arch=gcn needs a graph, but the data are images of 8x8. " + KARATE,
        ),
        (
            {"part": "gat"},
            Task((20,), 2),
            "arch=gat needs a graph, but the data are vectors of 20. " + KARATE,
        ),
        (
            {"part": "gat", "width": 12},
            TASK,
            "arch.width of a gat must be a multiple of arch.heads, got 12 and 8. Use arch.width=16, or arch.concat=false.",
        ),
        ({"part": "vgg"}, TASK, "arch=vgg needs images, but the data are a graph of 9 nodes. Use arch=gat or arch=gcn."),
        (
            {"part": "mlp"},
            TASK,
            "the data ask for 9 answers for each row, and this network gives one answer. Use arch=gat or arch=gcn.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(settings, task, text):
    with pytest.raises(ConfigError) as error:
        make_part("arch", settings).build(task)
    assert str(error.value) == text


def test_the_jacobian_of_a_linear_network_s_scores_is_that_of_all_nodes_together():
    net, x = build("gcn", width=4, activation="identity"), inputs()
    weights = weights_of(net)
    through = weights["head.weight"].numpy() @ weights["layer1.linear.weight"].numpy()
    expected = np.kron(A_HAT @ A_HAT, through)
    found = dict(jacobians(net, weights, x, fresh_buffers(net, CPU, torch.float64), NODES * CLASSES))["input"]
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-11, atol=1e-13)


def test_one_graph_has_no_distances_between_rows():
    net = build("gcn", width=4)
    readings = distances(net, weights_of(net), inputs())
    assert np.isnan(list(readings.values())).all()
    assert {name.partition("/")[2] for name in readings} == {"input", "layer1", "propagate", "head"}
