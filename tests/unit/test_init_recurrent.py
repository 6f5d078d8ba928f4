"""Laws of recurrent layers: gates that remember for a given time, and recurrences of a given spectral radius."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

TASK = Task((6, 2), 3)
DENSE = make_part("arch", {"part": "mlp", "depth": 2, "width": 6}).build(Task((5,), 3))


def law(part, **settings):
    return make_part("init", {"part": part} | settings)


def net_of(part, width=400, **settings):
    return make_part("arch", {"part": part, "width": width} | settings).build(TASK).eval()


def biases(part, n_gates, init="chrono", **settings):
    """The biases of the gates, (n_gates, 400), as the law draws them."""
    own = {"cell": "gated"} if part == "rnn" else {}
    return draw(law(init, **settings), net_of(part, **own), 0)["layer1.ih.bias"].double().reshape(n_gates, -1)


def recurrence(weights, k=1):
    return weights[f"layer{k}.hh.weight"].double().numpy()


def radius(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


def test_chrono_gates_of_an_lstm_remember_from_2_to_t_max_steps():
    i, f, g, o = biases("lstm", 4, t_max=50)
    assert torch.equal(i, -f)
    assert not g.any()
    assert not o.any()
    times = 1 / (1 - torch.sigmoid(f))
    assert float(times.min()) >= 2 - 1e-6
    assert stats.kstest(times.numpy(), stats.uniform(2, 48).cdf).pvalue > 0.01


@pytest.mark.parametrize(("part", "n_gates", "place", "sign"), [("gru", 3, 1, 1), ("minimal_rnn", 1, 0, 1), ("rnn", 2, 1, -1)])
def test_where_one_gate_keeps_and_admits_it_alone_is_set(part, n_gates, place, sign):
    rows = biases(part, n_gates, t_max=10_000)
    keeps = sign * rows[place]
    assert not rows[[k for k in range(n_gates) if k != place]].any()
    assert math.isclose(float(torch.exp(keeps).mean()), 5000, rel_tol=0.12)
    assert stats.kstest(torch.exp(keeps).numpy(), stats.uniform(1, 9998).cdf).pvalue > 0.01


@pytest.mark.parametrize("part", ["lstm", "gru", "minimal_rnn", "rnn"])
def test_a_unit_forgets_at_the_rate_that_its_bias_was_drawn_for(part):
    """With all weights zero but what starts the state, it shrinks by u / (1 + u) a step."""
    own = {"cell": "gated"} if part == "rnn" else {}
    net = net_of(part, width=30, **own)
    drawn = draw(law("chrono", t_max=40), net, 0)
    gates = net.get_submodule("layer1.ih").gates
    w = {name: t.double() if name.endswith("ih.bias") else torch.zeros_like(t).double() for name, t in drawn.items()}
    place = next(k for k, name in enumerate(gates) if name in ("forget", "update", "rate"))
    u = torch.exp(w["layer1.ih.bias"].reshape(len(gates), -1)[place].abs())
    source = "layer1.embed.weight" if part == "minimal_rnn" else "layer1.ih.weight"
    block = slice(None) if part == "minimal_rnn" else slice(30 * gates.index("cell"), 30 * gates.index("cell") + 30)
    w[source][block] = 1e-5
    x = torch.zeros(1, 6, 2, dtype=torch.float64)
    x[:, 0] = 1
    layer = {name.removeprefix("layer1."): t for name, t in w.items() if name.startswith("layer1.")}
    h = functional_call(net.get_submodule("layer1"), layer, (x,))[0]
    shrunk = h[1:] / h[:-1]
    torch.testing.assert_close(shrunk, (u / (1 + u)).expand_as(shrunk), rtol=1e-6, atol=0)
    assert float(h.abs().min()) > 0


@pytest.mark.parametrize(("part", "expected"), [("lstm", [0, 1.5, 0, 0]), ("gru", [0, 1.5, 0]), ("rnn", [0, -1.5])])
def test_a_constant_forget_bias_is_one_number_and_the_weights_are_those_of_chrono(part, expected):
    assert biases(part, len(expected), forget_bias=1.5).unique(dim=1).flatten().tolist() == expected
    net = net_of(part, width=20, **({"cell": "gated"} if part == "rnn" else {}))
    constant, chrono = (draw(law("chrono", forget_bias=value), net, 0) for value in (1.0, None))
    differ = [name for name in chrono if not torch.equal(constant[name], chrono[name])]
    assert differ == ["layer1.ih.bias"]


def test_chrono_in_rules_fills_the_gates_and_leaves_weights_and_head_to_other_laws():
    net = net_of("lstm", width=20)
    mixed = law("mixed", rules=["*.ih.bias=chrono(t_max=50)", "*=glorot"])
    mixed.check(net, list(dict(net.named_parameters())))
    weights, chrono, glorot = (draw(one, net, 0) for one in (mixed, law("chrono", t_max=50), law("glorot")))
    assert torch.equal(weights["layer1.ih.bias"], chrono["layer1.ih.bias"])
    assert all(torch.equal(t, glorot[name]) for name, t in weights.items() if not name.endswith("ih.bias"))


@pytest.mark.parametrize("net", [DENSE, net_of("rnn", 6), net_of("rnn", 6, cell="leaky")])
def test_chrono_wants_gates_that_keep(net):
    with pytest.raises(ConfigError) as error:
        law("chrono").check(net, dict(net.named_parameters()))
    assert str(error.value) == (
        f"init=chrono sets the biases of gates, and none of these units has any that it fills: {', '.join(net.unit_names)}. "
        "Use arch=lstm, arch=gru, arch=minimal_rnn or arch.cell=gated of arch=rnn."
    )


def test_a_constant_forget_bias_has_no_longest_time():
    with pytest.raises(ConfigError, match=r"^init.forget_bias is the same for all units and has no init.t_max. Leave one"):
        law("chrono", forget_bias=1, t_max=50)


@pytest.mark.parametrize(("density", "n"), [(0.1, 10), (1.0, 100), (0.001, 1)])
def test_a_recurrence_has_its_spectral_radius_and_its_number_of_entries_in_every_row(density, n):
    weights = draw(law("echo_state", radius=0.7, density=density), net_of("rnn", 100, cell="leaky", depth=2), 0)
    for k in (1, 2):
        assert radius(recurrence(weights, k)) == pytest.approx(0.7, rel=1e-5)
        assert set((recurrence(weights, k) != 0).sum(1).tolist()) == {n}
    assert not np.array_equal(recurrence(weights, 1), recurrence(weights, 2))
    assert np.unique((recurrence(weights) != 0).argmax(1)).size > 5 or density == 1


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_recurrence_of_few_units_has_its_radius_whatever_the_draw(width):
    for seed in range(20):
        drawn = law("echo_state", radius=2.0).recurrence(width, stream(seed, "small"))
        assert radius(drawn) == pytest.approx(2, rel=1e-9)


def test_every_gate_of_an_lstm_is_scaled_by_itself():
    matrix = recurrence(draw(law("echo_state", radius=1.3), net_of("lstm", 50), 0))
    blocks = np.split(matrix, 4)
    assert [radius(block) for block in blocks] == pytest.approx([1.3] * 4, rel=1e-5)
    assert not np.array_equal(blocks[0], blocks[1])


def test_input_weights_fill_their_interval_and_all_others_are_drawn_by_lecun_s_law():
    net = net_of("rnn", 400, cell="leaky")
    weights, lecun = draw(law("echo_state", input_scale=0.3), net, 0), draw(law("lecun"), net, 0)
    limit = float(weights["layer1.ih.weight"].abs().max())
    assert 0.299 < limit <= 0.3
    assert stats.kstest(weights["layer1.ih.weight"].flatten().numpy(), stats.uniform(-0.3, 0.6).cdf).pvalue > 0.01
    assert torch.equal(weights["head.weight"], lecun["head.weight"])
    assert not weights["layer1.ih.bias"].any()


def test_the_state_of_linear_units_grows_by_the_radius_a_step_and_tanh_units_forget_below_one_and_not_far_above():
    pasts = torch.from_numpy(stream(0, "pasts").standard_normal((2, 400, 2)))
    pasts[1, 5:] = pasts[0, 5:]
    kick = torch.zeros(1, 400, 2, dtype=torch.float64)
    kick[:, 0] = 1
    for activation, wanted in (("identity", 0.9), ("identity", 1.2), ("tanh", 0.9), ("tanh", 3.0)):
        net = net_of("rnn", 100, activation=activation)
        drawn = {name: t.double() for name, t in draw(law("echo_state", radius=wanted, input_scale=0.1), net, 0).items()}
        layer = {name.removeprefix("layer1."): t for name, t in drawn.items() if name.startswith("layer1.")}
        h = functional_call(net.get_submodule("layer1"), layer, (kick if activation == "identity" else pasts,))
        if activation == "identity":
            assert float(h[0, 380].norm() / h[0, 80].norm()) ** (1 / 300) == pytest.approx(wanted, rel=0.01)
        else:
            apart = (h[0] - h[1]).norm(dim=1)
            assert float(apart[-1] / apart[5]) < 1e-12 if wanted < 1 else float(apart[-1]) > 1


def test_echo_states_want_a_recurrent_layer():
    with pytest.raises(ConfigError) as error:
        law("echo_state").check(DENSE, dict(DENSE.named_parameters()))
    assert str(error.value) == (
        "init=echo_state fills recurrent layers, and none of these units is one: flatten, hidden1, hidden2. "
        "Use arch=rnn, or another law such as init=he."
    )
