"""Networks of sequences without recurrence: what they may see, what the head sees, stacks of them, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import Model, fresh_buffers
from randfeat.registry import make_part
from randfeat.split import split
from randfeat.stacked import Stacked
from randfeat.typing import Task

STEPS, CHANNELS = 11, 2
LAST, EACH = Task((STEPS, CHANNELS), 3), Task((STEPS, CHANNELS), 3, (STEPS,))
CAUSAL = {
    "gates": {"part": "tcn", "depth": 3, "width": 4},
    "gates, skips and norm": {"part": "tcn", "depth": 4, "width": 4, "cycle": 2, "skip": 3, "norm": "batch"},
    "no gates": {"part": "tcn", "depth": 2, "width": 5, "kernel": 3, "gates": False, "activation": "elu"},
    "attention": {"part": "transformer", "width": 6, "heads": 2},
    "attention without positions": {"part": "transformer", "width": 6, "heads": 3, "positions": "none", "norm": "none"},
}
OPEN = {"attention to all": {"part": "transformer", "width": 6, "heads": 2, "causal": False, "positions": "learned"}}
LAW = {"part": "lecun", "bias": "normal", "gamma": "uniform"}


def net_of(settings, task):
    return make_part("arch", settings).build(task).eval()


def numbers(net, seed=0):
    return {name: tensor.double() for name, tensor in draw(make_part("init", LAW), net, seed).items()}


def called(net, weights, x):
    return functional_call(net, {**weights, **fresh_buffers(net, torch.device("cpu"), torch.float64)}, (x,))


def rows(n=3, steps=STEPS):
    return torch.randn(n, steps, CHANNELS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("case", list(CAUSAL))
def test_an_answer_is_the_same_to_the_bit_whatever_comes_after_its_step(case):
    net, x = net_of(CAUSAL[case], EACH), rows()
    weights = numbers(net)
    scores = called(net, weights, x)
    for t in range(STEPS):
        later = x.clone()
        later[:, t:] = 3 - later[:, t:].flip(1)
        changed = called(net, weights, later)
        assert torch.equal(changed[:, :t], scores[:, :t])
        assert float((changed[:, t] - scores[:, t]).abs().max()) > 1e-3


@pytest.mark.parametrize("case", list(CAUSAL))
def test_an_answer_is_that_of_the_sequence_that_ends_at_its_step(case):
    net, x = net_of(CAUSAL[case], EACH), rows()
    weights = numbers(net)
    scores = called(net, weights, x)
    for t in (1, 4, STEPS):
        short = net_of(CAUSAL[case], Task((t, CHANNELS), 3))
        torch.testing.assert_close(called(short, weights, x[:, :t]), scores[:, t - 1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", list(CAUSAL | OPEN))
def test_the_head_sees_the_last_steps_or_the_mean_of_all(case):
    settings, x = (CAUSAL | OPEN)[case], rows()
    net = net_of(settings, EACH)
    weights = numbers(net)
    scores = called(net, weights, x)
    few = net_of(settings, Task((STEPS, CHANNELS), 3, (4,)))
    torch.testing.assert_close(called(few, weights, x), scores[:, -4:], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(called(net_of(settings, LAST), weights, x), scores[:, -1], rtol=1e-12, atol=1e-12)
    mean = net_of(settings | {"readout": "mean"}, LAST)
    torch.testing.assert_close(called(mean, weights, x), scores.mean(1), rtol=1e-12, atol=1e-12)
    assert float(scores.std(1).min()) > 1e-3


def test_without_a_mask_the_first_step_sees_the_last():
    net, x = net_of(OPEN["attention to all"], EACH), rows()
    later = x.clone()
    later[:, -1] += 1
    difference = called(net, numbers(net), later)[:, 0] - called(net, numbers(net), x)[:, 0]
    assert float(difference.abs().min()) > 1e-6


@pytest.mark.parametrize("mode", ["train_mode", "score_mode"])
@pytest.mark.parametrize("case", list(CAUSAL | OPEN))
def test_networks_in_a_stack_give_the_scores_and_gradients_that_each_gives_alone(case, mode):
    settings = (CAUSAL | OPEN)[case]
    alone = [_model(net_of(settings, LAST), seed) for seed in range(3)]
    stacked = Stacked(alone, net_of(settings, LAST))
    z = torch.stack([rows(4) * scale for scale in (1, 2, 3)])
    trained = {name: tensor.requires_grad_() for name, tensor in stacked.trained.items()}
    getattr(stacked, mode)()
    scores = stacked.logits(trained, z)
    scores.square().sum().backward()
    for s, model in enumerate(alone):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in model.weights.trained.items()}
        getattr(model, mode)()
        y = model.suffix(leaves, z[s])
        y.square().sum().backward()
        torch.testing.assert_close(scores[s], y, rtol=1e-11, atol=1e-12)
        for name, leaf in leaves.items():
            torch.testing.assert_close(trained[name].grad[s], leaf.grad, rtol=1e-9, atol=1e-11)


def _model(net, seed):
    weights = numbers(net, seed)
    return Model(net, split(weights, dict.fromkeys(weights, True)), "auto", lambda x: x, "float64")


@pytest.mark.parametrize("part", ["tcn", "transformer"])
@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task((64,), 10), "needs sequences, but the data are vectors of 64. Use data=sequential_digits, or arch=mlp."),
        (Task((1, 8, 9), 10), "needs sequences, but the data are images of 8x9. Use "),
        (Task((34, 5), 2, (34,), is_graph=True), "needs sequences, but the data are a graph of 34 nodes. Use "),
    ],
)
def test_other_rows_are_refused(part, task, message):
    with pytest.raises(ConfigError) as refusal:
        net_of({"part": part}, task)
    assert str(refusal.value).startswith(f"arch={part} {message}")


@pytest.mark.parametrize("part", ["tcn", "transformer"])
def test_a_mean_over_the_steps_is_refused_where_a_row_has_several_answers(part):
    with pytest.raises(ConfigError) as refusal:
        net_of({"part": part, "readout": "mean"}, Task((9, 2), 3, (5,)))
    assert (
        str(refusal.value) == "arch.readout=mean gives one answer, but the data ask for 5 for each row. Use arch.readout=last."
    )
