"""Recurrent networks: against torch's own modules with equal weights, against loops, and what each of them cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from randfeat import stackable
from randfeat.arch import recurrent
from randfeat.errors import ConfigError
from randfeat.init import NOTHING, Sources, draw
from randfeat.network import Role, layers, roles
from randfeat.registry import make_part
from randfeat.split import split
from randfeat.typing import Examples, Task

TASK = Task((9, 3), 4)
CASES = {
    "basic": ("rnn", {}),
    "relu": ("rnn", {"activation": "relu"}),
    "sigmoid": ("rnn", {"activation": "sigmoid"}),
    "leaky": ("rnn", {"cell": "leaky", "leak": 0.3}),
    "gated": ("rnn", {"cell": "gated"}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "minimal": ("minimal_rnn", {}),
}
GATES = {"basic": 1, "gated": 2, "lstm": 4, "gru": 3, "minimal": 1}
TORCH = {"basic": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def net_of(case, task=TASK, **settings):
    part, own = CASES[case]
    return make_part("arch", {"part": part, "width": 5} | own | settings).build(task).eval()


def numbers(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(t.shape, generator=generator, dtype=torch.float64) / 2 for name, t in net.named_parameters()}


def rows(n=4, task=TASK):
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def unit(net, name, w, x):
    return functional_call(
        net.get_submodule(name), {key.removeprefix(f"{name}."): t for key, t in w.items() if name in key}, (x,)
    )


def gate(w, layer, k, n, x, h):
    """The k-th of n blocks of rows of ``W x + U h + b``."""
    width = len(w[f"{layer}.ih.bias"]) // n
    own = slice(k * width, (k + 1) * width)
    return x @ w[f"{layer}.ih.weight"][own].T + w[f"{layer}.ih.bias"][own] + h @ w[f"{layer}.hh.weight"][own].T


def next_state(case, w, layer, x, h):
    """One step of the cells that torch has no module for."""
    if case == "minimal":
        z = torch.tanh(x @ w[f"{layer}.embed.weight"].T + w[f"{layer}.embed.bias"])
        u = torch.sigmoid(gate(w, layer, 0, 1, z, h))
        return u * h + (1 - u) * z
    if case == "gated":
        rate = torch.sigmoid(gate(w, layer, 1, 2, x, h))
        return (1 - rate) * h + rate * torch.tanh(gate(w, layer, 0, 2, x, h))
    if case == "sigmoid":
        return torch.sigmoid(gate(w, layer, 0, 1, x, h))
    return 0.7 * h + 0.3 * torch.tanh(gate(w, layer, 0, 1, x, h))


@pytest.mark.parametrize("case", list(TORCH))
def test_scores_and_gradients_are_those_of_torch_s_own_module(case):
    net = net_of(case, depth=2)
    w = {name: t.requires_grad_() for name, t in numbers(net).items()}
    theirs = TORCH[case](3, 5, num_layers=2, batch_first=True, dtype=torch.float64)
    names = {f"layer{k}.{ours}": f"{its}_l{k - 1}" for k in (1, 2) for ours, its in
             (("ih.weight", "weight_ih"), ("hh.weight", "weight_hh"), ("ih.bias", "bias_ih"))}  # fmt: skip
    state = {name: torch.zeros_like(t) for name, t in theirs.state_dict().items()}
    theirs.load_state_dict(state | {its: w[ours].detach() for ours, its in names.items()})
    states, _ = theirs(rows())
    expected = states[:, -1] @ w["head.weight"].T + w["head.bias"]
    found = functional_call(net, w, (rows(),))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    found.square().sum().backward()
    expected.square().sum().backward(inputs=list(theirs.parameters()))
    for ours, its in names.items():
        torch.testing.assert_close(w[ours].grad, getattr(theirs, its).grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["sigmoid", "leaky", "gated", "minimal"])
def test_the_scores_are_the_formula_where_torch_has_no_module(case):
    net, x = net_of(case, depth=2), rows()
    w = numbers(net)
    below, above = x.new_zeros(4, 5), x.new_zeros(4, 5)
    for t in range(9):
        below = next_state(case, w, "layer1", x[:, t], below)
        above = next_state(case, w, "layer2", below, above)
    expected = above @ w["head.weight"].T + w["head.bias"]
    torch.testing.assert_close(functional_call(net, w, (x,)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", list(CASES))
def test_stacked_runs_agree_with_single_ones_also_in_their_gradients(case):
    net, x = net_of(case, depth=2), rows()
    runs = [numbers(net, seed) for seed in (0, 1)]
    stacked = {name: torch.stack([run[name] for run in runs]).requires_grad_() for name in runs[0]}
    together = vmap(lambda w: functional_call(net, w, (x,)))(stacked)
    together.square().sum().backward()
    for s, run in enumerate(runs):
        alone = {name: t.requires_grad_() for name, t in run.items()}
        scores = functional_call(net, alone, (x,))
        torch.testing.assert_close(together[s], scores, rtol=1e-12, atol=1e-12)
        scores.square().sum().backward()
        for name, t in alone.items():
            torch.testing.assert_close(stacked[name].grad[s], t.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("case", ["basic", "relu", "lstm", "gru"])
def test_torch_s_functions_for_all_steps_at_once_are_used_outside_of_stacks(case, monkeypatch):
    net, x = net_of(case), rows()
    monkeypatch.setattr(recurrent.AbstractRecurrence, "_at_once", lambda self, function, x: x.new_full((4, 9, 5), 7.0))
    assert float(unit(net, "layer1", numbers(net), x).min()) == 7
    one = {name: t[None] for name, t in numbers(net).items()}
    assert float(vmap(lambda w: unit(net, "layer1", w, x))(one).abs().max()) < 7


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precisions_stay_near_float64(case, dtype):
    net = net_of(case)
    w, error = numbers(net), {torch.float32: 1e-5, torch.bfloat16: 0.1}[dtype]
    scores = functional_call(net, {name: t.to(dtype) for name, t in w.items()}, (rows().to(dtype),))
    assert scores.dtype == dtype
    torch.testing.assert_close(scores.double(), functional_call(net, w, (rows(),)), rtol=error, atol=error)


@pytest.mark.parametrize("case", list(CASES))
def test_a_gradient_of_some_rows_is_those_rows_of_the_whole_one(case):
    net, x = net_of(case), rows()
    w = {name: t.requires_grad_() for name, t in numbers(net).items()}
    functional_call(net, w, (x,)).square().sum().backward()
    some = {name: torch.tensor([0, 2]) if role is not Role.BIAS else True for name, role in roles(net).items()}
    parts = split({name: t.detach() for name, t in w.items()}, some)
    trained = {name: t.clone().requires_grad_() for name, t in parts.trained.items()}
    functional_call(net, parts.merge_for_layers(trained), (x,)).square().sum().backward()
    for name, t in trained.items():
        whole = w[name].grad
        torch.testing.assert_close(t.grad, whole if some[name] is True else whole[[0, 2]], rtol=1e-10, atol=1e-11)


def test_several_answers_are_those_of_the_last_steps_and_one_is_that_of_the_last():
    one, last, every = (net_of("lstm", Task((9, 3), 4, answers)) for answers in ((), (2,), (9,)))
    w, x = numbers(one), rows()
    scores = functional_call(every, w, (x,))
    for t in range(9):
        seen = functional_call(one, w, (x[:, : t + 1],))
        torch.testing.assert_close(scores[:, t], seen, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(functional_call(last, w, (x,)), scores[:, -2:], rtol=1e-12, atol=1e-12)
    assert one.unit_names == last.unit_names == ["layer1", "readout"]


def test_a_leak_of_one_and_a_rate_held_open_are_the_basic_network_and_a_closed_one_remembers_nothing():
    basic, leaky, gated = net_of("basic"), net_of("leaky", leak=1), net_of("gated")
    w, x = numbers(basic), rows()
    expected = functional_call(basic, w, (x,))
    torch.testing.assert_close(functional_call(leaky, w, (x,)), expected, rtol=1e-12, atol=1e-12)
    for rate, scores in ((50.0, expected), (-50.0, w["head.bias"].expand(4, 4))):
        held = {"ih.weight": torch.zeros(5, 3), "hh.weight": torch.zeros(5, 5), "ih.bias": torch.full((5,), rate)}
        both = {f"layer1.{name}": torch.cat([w[f"layer1.{name}"], t.double()]) for name, t in held.items()}
        torch.testing.assert_close(functional_call(gated, w | both, (x,)), scores, rtol=1e-12, atol=1e-12)


def test_a_leaky_unit_without_weights_on_its_state_is_a_moving_average():
    net, x = net_of("leaky", leak=0.25, activation="identity"), rows()
    w = numbers(net)
    w["layer1.hh.weight"] = torch.zeros(5, 5, dtype=torch.float64)
    inputs = x @ w["layer1.ih.weight"].T + w["layer1.ih.bias"]
    average = sum(0.25 * 0.75 ** (8 - t) * inputs[:, t] for t in range(9))
    torch.testing.assert_close(unit(net, "layer1", w, x)[:, -1], average, rtol=1e-12, atol=1e-12)


def test_states_of_a_minimal_network_stay_between_the_least_and_the_greatest_of_zero_and_their_z():
    net, x = net_of("minimal", activation="identity"), rows()
    w = numbers(net)
    z = x @ w["layer1.embed.weight"].T + w["layer1.embed.bias"]
    h, zero = unit(net, "layer1", w, x), torch.zeros_like(z[:, :1])
    most, least = torch.cat([zero, z], 1).cummax(1).values[:, 1:], torch.cat([zero, z], 1).cummin(1).values[:, 1:]
    assert bool(((least - 1e-12 <= h) & (h <= most + 1e-12)).all())
    assert float((h - z).abs().max()) > 0.1


@pytest.mark.parametrize("case", list(GATES))
def test_weights_lie_in_linear_layers_of_all_gates_whose_rows_a_fraction_takes(case):
    net = net_of(case, depth=2, width=10)
    n = 10 * GATES[case]
    shapes = {name: tuple(t.shape) for name, t in net.named_parameters()}
    assert shapes["layer2.ih.weight"] == shapes["layer2.hh.weight"] == (n, 10)
    assert roles(net)["layer1.hh.weight"] is Role.WEIGHT
    assert layers(net)["layer2.ih"] == ["layer2.ih.weight", "layer2.ih.bias"]
    assert layers(net)["layer2.hh"] == ["layer2.hh.weight"]
    chosen = make_part("subset", {"part": "fraction", "fraction": 0.2}).select(net, 0)
    assert chosen["layer1.hh.weight"].tolist() == list(range(n // 5))


@pytest.mark.parametrize(
    ("case", "count"),
    [
        ("basic", 128 * 257),
        ("gated", 2 * 128 * 257),
        ("lstm", 4 * 128 * 257),
        ("gru", 3 * 128 * 257),
        ("minimal", 128 * 386),
    ],
)
def test_a_layer_has_the_documented_number_of_parameters(case, count):
    """128 units on 128 inputs; torch's own modules have a second bias for each gate."""
    net = net_of(case, Task((7, 128), 2), width=128)
    assert sum(t.numel() for t in net.get_submodule("layer1").parameters()) == count
    if case in TORCH:
        theirs = dict(TORCH[case](128, 128, device="meta").named_parameters())
        assert sum(t.numel() for name, t in theirs.items() if name != "bias_hh_l0") == count


def test_laws_that_look_at_rows_draw_recurrent_weights_as_those_of_an_attention():
    sources = Sources(lambda n: Examples(rows(n).float(), torch.arange(n) % 4), NOTHING.recall, Path())
    for case in ("lstm", "leaky", "minimal"):
        net = net_of(case)
        orthogonal, lsuv = (draw(make_part("init", {"part": part}), net, 0, sources) for part in ("orthogonal", "lsuv"))
        changed = {name for name in lsuv if not torch.equal(lsuv[name], orthogonal[name])}
        assert changed == {"head.weight"} | ({"layer1.embed.weight"} if case == "minimal" else set())


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (
            Task((1, 8, 8), 10),
            "but the data are images of 8x8. Use data=sequential_digits, or arch=mlp, arch=resnet or arch=vgg.",
        ),
        (Task((5,), 2), "but the data are vectors of 5. Use data=sequential_digits, or arch=mlp."),
        (Task((5, 3), 2, (5,), is_graph=True), "but the data are a graph of 5 nodes. Use data=sequential_digits, or arch=g"),
    ],
)
@pytest.mark.parametrize("part", ["rnn", "lstm", "gru", "minimal_rnn"])
def test_rows_that_are_no_sequences_are_refused_with_what_would_fit(part, task, text):
    with pytest.raises(ConfigError) as error:
        make_part("arch", {"part": part}).build(task)
    assert str(error.value).startswith(f"arch={part} needs sequences, {text}")


def test_a_leak_without_a_leaky_cell_is_refused():
    with pytest.raises(ConfigError) as error:
        make_part("arch", {"part": "rnn", "leak": 0.5})
    assert str(error.value) == "arch.leak acts in arch.cell=leaky. Leave it out, or use that cell."


def test_runs_on_sequences_train_in_one_stack():
    assert stackable._stacks(make_part("arch", {"part": "gru", "width": 5}), TASK, ("layer1.hh.weight", "head.weight"), "auto")
