"""What moves and what does not in a network that trains in part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from randfeat.init import draw
from randfeat.model import Model
from randfeat.registry import make_part
from randfeat.split import split
from randfeat.typing import Task, row_blocks

TASK = Task((6,), 3)
ARCH = {"part": "mlp", "depth": 3, "width": 8, "norm": "batch"}
X = 3 + 2 * torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def model(statistics="auto", subset="middle", arch=ARCH, task=TASK):
    net = make_part("arch", arch).build(task)
    weights = {name: t.double() for name, t in draw(make_part("init", {"part": "he"}), net, 0).items()}
    chosen = make_part("subset", {"part": subset}).select(net, 0)
    return Model(net, split(weights, chosen), statistics, lambda x: x, "float64")


@pytest.mark.parametrize(("statistics", "moving"), [("auto", ["hidden2"]), ("batch", ["hidden2", "hidden3"]), ("fixed", [])])
def test_only_moving_statistics_change_in_training(statistics, moving):
    m = model(statistics)
    assert m.moving == [f"{unit}.norm" for unit in moving]
    before = {name: t.clone() for name, t in m.buffers.items()}
    m.train_mode()
    m.suffix(m.weights.trained, m.prefix(X))
    for unit in ("hidden1", "hidden2", "hidden3"):
        same = torch.equal(m.buffers[f"{unit}.norm.running_mean"], before[f"{unit}.norm.running_mean"])
        assert same is (unit not in moving)


def test_recorded_statistics_are_the_mean_and_the_unbiased_variance_of_the_layers_input():
    m = model(subset="first")
    m.record_statistics(m.weights.trained, map(m.prefix, row_blocks(X)), ["hidden1.norm"])
    z = X.numpy() @ m.weights.merge()["hidden1.linear.weight"].numpy().T
    np.testing.assert_allclose(m.buffers["hidden1.norm.running_mean"], z.mean(0), rtol=1e-12)
    np.testing.assert_allclose(m.buffers["hidden1.norm.running_var"], z.var(0, ddof=1), rtol=1e-12)


def test_dropout_acts_in_trained_units_only():
    m = model(subset="middle", arch={"part": "wrn", "depth": 10, "dropout": 0.5}, task=Task((1, 8, 8), 3))
    m.train_mode()
    acting = [name for name, layer in m.net.named_modules() if name.endswith("dropout") and layer.training]
    assert acting == ["block2_1.dropout"]
    m.score_mode()
    assert not any(layer.training for layer in m.net.modules())
