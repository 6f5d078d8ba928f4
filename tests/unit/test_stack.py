"""Runs trained together, against the same runs one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from randfeat import stack
from randfeat.config import compose
from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import Model
from randfeat.network import chain
from randfeat.places import data_folder
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.solver import Sgd
from randfeat.spec import RunSpec
from randfeat.split import Entries, split
from randfeat.stack import run_stack, stack_key, stack_size
from randfeat.stacked import Stacked
from randfeat.typing import Task

CPU = torch.device("cpu")
SMALL = ["data.n_train=100", "data.n_test=40", "data.val_share=0.25", "solver.batch_size=20", "solver.epochs=2"]
CASES = {
    "laws, rates and optimizers": [
        ["arch=mlp", "arch.width=12", "arch.norm=layer", "subset=all"],
        ["solver=sgd", "init=he"],
        ["solver=adam", "init=glorot", "solver.schedule=step"],
        ["solver=sgd", "init=orthogonal", "solver.lr=0.03", "solver.momentum=0.5", "solver.weight_decay=0.1"],
        ["solver=sgd", "init.gain=0.5"],
    ],
    "entries, targets and epochs": [
        ["arch=lenet", "arch.width=3", "data.resize=12", "solver=adam", "solver.lr=0.01"],
        ["subset=weights", "subset.share=0.3", "seeds.subset=1"],
        ["subset=weights", "subset.share=0.3", "solver.label_smoothing=0.1", "subset.frozen=zero"],
        ["subset=weights", "subset.share=0.3", "solver.keep=best", "seeds.weights=2", "seeds.order=4"],
    ],
    "rows, batch norm and augmentation": [
        ["arch=resnet", "arch.depth=8", "arch.width=4", "solver=sgd", "data.flip=true", "data.crop_pad=1"],
        ["subset=fraction", "subset.fraction=0.3", "subset.rows=drawn", "seeds.subset=1", "solver.best_epoch=true"],
        ["subset=fraction", "subset.fraction=0.3", "subset.rows=drawn", "seeds.order=1", "seeds.weights=1"],
    ],
    "a prefix that is kept": [
        ["arch=wrn", "arch.depth=10", "subset=middle", "solver=sgd", "solver.best_epoch=true"],
        ["seeds.order=1"],
        ["seeds.weights=1", "seeds.order=2"],
    ],
    "tokens mixed by perceptrons, rows of them": [
        ["arch=mixer", "arch.depth=1", "arch.width=8", "subset=fraction", "subset.fraction=0.3", "solver=adam"],
        ["seeds.order=1"],
        ["seeds.weights=1"],
    ],
    "attention": [
        ["arch=vit", "arch.depth=2", "arch.width=8", "arch.heads=2", "subset=all", "solver=sgd"],
        ["seeds.order=1"],
        ["seeds.weights=1", "init=lecun"],
    ],
    "one block after another": [
        ["arch=mlp", "arch.depth=2", "arch.width=8", "arch.norm=batch", "subset=order", "solver=sgd"],
        ["seeds.order=1"],
        ["seeds.weights=1", "solver.nesterov=false"],
    ],
}


def spec_of(*words):
    return RunSpec.from_mapping(compose([*SMALL, *words]))


def together(specs, watches=None):
    return run_stack(specs, CPU, data_folder(None), watches or [lambda step: None] * len(specs))


def largest_difference(one, other):
    """Over the metrics, the curve and the tensors of a run, but for its seconds."""
    pairs = [(value, other.record.metrics[name]) for name, value in one.record.metrics.items()]
    for row, other_row in zip(one.curve, other.curve, strict=True):
        pairs += [(value, other_row[name]) for name, value in row.items() if name != "epoch_s"]
    pairs += [(array, other.tensors[name]) for name, array in one.tensors.items()]
    return max(float(np.max(np.abs(np.subtract(a, b, dtype=np.float64)))) for a, b in pairs)


@pytest.mark.parametrize("case", list(CASES))
def test_runs_of_a_stack_give_what_they_give_alone(case):
    base, *variants = CASES[case]
    specs = [spec_of(*base, *words, "precision=float64") for words in variants]
    assert len({stack_key(spec) for spec in specs}) == 1
    seen = [[] for _ in specs]
    runs = together(specs, [each.append for each in seen])
    assert len({run.record.metrics["train/loss"] for run in runs}) == len(specs)
    for spec, run, steps in zip(specs, runs, seen, strict=True):
        steps_alone = []
        alone = run_one(spec, CPU, data_folder(None), steps_alone.append)
        assert run.record.key == spec.key
        assert (run.record.status, run.record.reason) == (alone.record.status, alone.record.reason)
        assert run.record.metrics.keys() == alone.record.metrics.keys()
        assert run.tensors.keys() == alone.tensors.keys()
        assert largest_difference(alone, run) < 1e-11
        assert run.record.cost.pop("stacked") == len(specs)
        assert run.record.cost.keys() == alone.record.cost.keys()
        assert [(step.done, step.accuracy) for step in steps] == [(step.done, step.accuracy) for step in steps_alone]


def test_in_float32_they_agree_to_its_rounding():
    """A smooth network: where a rectifier meets zero, rounding decides, and two ways to add up may part."""
    base = ["arch=lenet", "arch.width=3", "data.resize=12", "subset=all", "solver=sgd"]
    specs = [spec_of(*base, f"seeds.weights={seed}") for seed in (0, 1)]
    for spec, run in zip(specs, together(specs), strict=True):
        assert largest_difference(run_one(spec, CPU, data_folder(None)), run) < 1e-5


def test_a_run_that_diverges_leaves_its_neighbours_as_they_are_to_the_bit():
    base = ["arch=mlp", "arch.width=12", "arch.norm=batch", "subset=all", "solver=sgd", "solver.epochs=3"]
    first, last = spec_of(*base, "solver.lr=0.05"), spec_of(*base, "solver.lr=2", "solver.weight_decay=0.01")
    good, bad = spec_of(*base, "solver.lr=0.1"), spec_of(*base, "solver.lr=1e30")
    with_good, with_bad = together([first, good, last]), together([first, bad, last])
    for one, other in zip(with_good[::2], with_bad[::2], strict=True):
        assert one.record.status == "ok"
        assert largest_difference(one, other) == 0
    alone = run_one(bad, CPU, data_folder(None))
    assert alone.record.status == "non_finite"
    assert (with_bad[1].record.status, with_bad[1].record.reason) == (alone.record.status, alone.record.reason)
    assert with_bad[1].record.metrics == {}
    assert len(with_bad[1].curve) == len(alone.curve) < 3


def test_runs_with_the_same_settings_share_an_optimizer_in_whatever_order_they_come(monkeypatch):
    made, ordinary = [], Sgd.optimizer
    monkeypatch.setattr(Sgd, "optimizer", lambda self, tensors: made.append(self.lr) or ordinary(self, tensors))
    base = ["arch=mlp", "arch.width=4", "subset=last", "solver=sgd", "solver.epochs=1"]
    specs = [spec_of(*base, f"solver.lr={lr}", f"seeds.order={seed}") for seed in (0, 1) for lr in (0.1, 0.2)]
    assert [run.record.key for run in together(specs)] == [spec.key for spec in specs]
    assert sorted(made) == [0.1, 0.2]


def models(choice):
    """Three of a convolution with group norm, batch norm in the middle, and a head; their statistics are those as drawn."""
    task, found = Task((2, 6, 6), 3), []
    for seed in range(4):
        units = {
            "conv1": nn.Sequential(nn.Conv2d(2, 4, 3, device="meta"), nn.GroupNorm(2, 4, device="meta"), nn.Tanh()),
            "conv2": nn.Sequential(nn.Conv2d(4, 6, 3, device="meta"), nn.BatchNorm2d(6, device="meta"), nn.ReLU()),
            "pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        }
        net = chain(units, task)
        law = make_part("init", {"part": "he", "bias": "normal", "gamma": "uniform"})
        weights = {name: tensor.double() for name, tensor in draw(law, net, seed).items()}
        selection = {name: choice.get(name, False)(seed) if name in choice else True for name in weights}
        found.append(Model(net, split(weights, selection), "auto", lambda x: x, "float64"))
    *stacked, fresh = found
    return stacked, fresh_net(fresh)


def fresh_net(model):
    for unit in model.net.children():
        unit._forward_pre_hooks.clear()
    return model.net


CHOICES = {
    "whole": {},
    "rows": {"conv2.0.weight": lambda seed: torch.tensor([seed, 5])},
    "entries": {"conv1.0.weight": lambda seed: Entries(torch.tensor([3, 40 + seed]))},
}


@pytest.mark.parametrize("name", list(CHOICES))
@pytest.mark.parametrize("mode", ["train_mode", "score_mode"])
def test_scores_gradients_and_statistics_are_those_of_each_model(name, mode):
    alone, net = models(CHOICES[name])
    stacked = Stacked(alone, net)
    before = {buffer: [model.buffers[buffer].clone() for model in alone] for buffer in alone[0].statistics}
    z = torch.randn(3, 5, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    trained = {name: tensor.requires_grad_() for name, tensor in stacked.trained.items()}
    getattr(stacked, mode)()
    scores = stacked.logits(trained, z)
    scores.square().sum().backward()
    for s, model in enumerate(alone):
        assert all(torch.equal(model.buffers[buffer], before[buffer][s]) for buffer in before)
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in model.weights.trained.items()}
        getattr(model, mode)()
        y = model.suffix(leaves, z[s])
        y.square().sum().backward()
        torch.testing.assert_close(scores[s], y, rtol=1e-11, atol=1e-12)
        for name, leaf in leaves.items():
            torch.testing.assert_close(trained[name].grad[s], leaf.grad, rtol=1e-10, atol=1e-11)
        for buffer, tensor in stacked._statistics.items():
            torch.testing.assert_close(tensor[s], model.buffers[buffer], rtol=1e-11, atol=1e-12)
    moved = [not torch.equal(stacked._statistics[buffer][0], before[buffer][0]) for buffer in before]
    assert all(moved) if mode == "train_mode" else not any(moved)


BASE = ["arch=wrn", "arch.depth=10", "subset=fraction", "solver=sgd"]


@pytest.mark.parametrize(
    "words",
    [
        ["seeds.weights=1", "seeds.order=2", "seeds.subset=3"],
        ["init=orthogonal", "init.gain=2"],
        ["solver.lr=0.5", "solver.momentum=0", "solver.weight_decay=0.1", "solver.label_smoothing=0.1"],
        ["solver=adam"],
        ["subset.rows=drawn"],
    ],
)
def test_these_may_differ_within_a_stack(words):
    assert stack_key(spec_of(*BASE)) == stack_key(spec_of(*BASE, *words)) is not None


@pytest.mark.parametrize(
    "words",
    [
        ["seeds.data=1"],
        ["data.n_train=101"],
        ["arch.widen=2"],
        ["subset.fraction=0.5"],
        ["subset.statistics=batch"],
        ["subset=order"],
        ["solver.epochs=3"],
        ["solver.batch_size=10"],
        ["precision=float64"],
    ],
)
def test_these_may_not(words):
    one, other = stack_key(spec_of(*BASE)), stack_key(spec_of(*BASE, *words))
    assert None not in (one, other)
    assert one != other


def test_what_begins_later_may_not_differ():
    words = ["arch=mlp", "arch.depth=2", "arch.width=8", "subset=order", "solver=sgd"]
    assert len({stack_key(spec_of(*words, f"subset.direction={way}")) for way in ("down", "up")}) == 2


@pytest.mark.parametrize("words", [["arch.dropout=0.1"], ["precision=mixed"], ["subset=none"]])
def test_these_train_alone(words):
    assert stack_key(spec_of(*BASE, *words)) is None


def test_a_closed_form_trains_alone_and_dropout_counts_only_where_it_acts():
    assert stack_key(RunSpec.from_mapping(compose(["conf=elm"]))) is None
    assert stack_key(spec_of("arch=wrn", "arch.depth=10", "arch.dropout=0.1", "subset=last", "solver=sgd")) is not None


def test_runs_of_two_kinds_are_refused():
    with pytest.raises(ValueError, match="do not train in one stack"):
        together([spec_of(*BASE), spec_of(*BASE, "solver.epochs=3")])


def test_a_batch_of_one_row_is_refused_in_the_words_that_a_run_alone_has():
    spec = spec_of("arch=mlp", "arch.norm=batch", "arch.width=4", "subset=all", "solver=sgd", "solver.batch_size=1")
    with pytest.raises(ConfigError, match="a batch norm needs two rows or more in every batch"):
        together([spec, spec.with_seed(1)])


def test_the_size_is_what_is_wanted_one_on_the_cpu_and_what_half_of_the_memory_holds_on_cuda(monkeypatch):
    spec = spec_of(*BASE)
    assert (stack_size(spec, CPU), stack_size(spec, CPU, 5)) == (1, 5)
    monkeypatch.setattr(stack, "_bytes", lambda spec, device: 300)
    for left, size in ((2000.0, 3), (100.0, 1)):
        monkeypatch.setattr(stack, "memory_left", lambda device, left=left: left)
        assert stack_size(spec, torch.device("cuda"), None) == size


def test_the_memory_of_a_run_is_measured_without_its_data(monkeypatch):
    """A step is taken, of as many rows as a batch has."""
    rows, step = [], stack.StackedTraining.step
    monkeypatch.setattr(stack.StackedTraining, "step", lambda self, numbers: rows.append(numbers.shape) or step(self, numbers))
    for name, value in (("memory_allocated", 100), ("max_memory_allocated", 1100), ("reset_peak_memory_stats", None)):
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    spec = RunSpec.from_mapping(compose(["data=cifar10", "arch=lenet", "subset=all", "solver=sgd", "solver.batch_size=7"]))
    assert stack._bytes(spec, CPU) == 1000
    assert rows == [(1, 7)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_runs_of_a_stack_give_what_they_give_alone_and_its_size_is_measured():
    cuda = torch.device("cuda")
    base, *variants = CASES["rows, batch norm and augmentation"]
    specs = [spec_of(*base, *words, "precision=float64") for words in variants]
    for spec, run in zip(specs, run_stack(specs, cuda, data_folder(None), [lambda step: None] * 2), strict=True):
        assert largest_difference(run_one(spec, cuda, data_folder(None)), run) < 1e-9
    assert stack_size(specs[0], cuda) > 10
