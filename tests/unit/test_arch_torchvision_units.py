"""torchvision's models cut into units: their names, their norm layers, and what they compute."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from randfeat.network import Role, norm_layers, roles
from randfeat.typing import Task
from tests.zoo import TASKS, build, inputs


def test_units_of_torchvision_are_named_after_the_modules_they_begin_with():
    names = build("torchvision", TASKS["32"]).unit_names
    assert names == ["conv1", *(f"layer{s}_{k}" for s in range(1, 5) for k in range(2))]


def test_norm_layers_that_torchvision_defines_itself_are_norm_layers():
    net = build("torchvision", Task((3, 32, 32), 5), name="convnext_tiny")
    assert len(norm_layers(net)) == 23  # one in each of 18 blocks, after the stem, before 3 halvings and the head
    assert roles(net)["features_0.features.0.1.weight"] is Role.GAIN


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "swin_t", "convnext_tiny"])
def test_the_units_of_a_torchvision_model_compute_what_the_model_computes(name):
    from torchvision import models

    task = Task((3, 64, 64), 5)
    net = build("torchvision", task, name=name)
    theirs = models.get_model(name, num_classes=5).double().eval()
    head = next(reversed([path for path, module in theirs.named_modules() if isinstance(module, torch.nn.Linear)]))
    weights = {path.replace(f"{head}.", "head.head."): tensor for path, tensor in theirs.state_dict().items()}
    same = {
        name: weights[name.partition(".")[2] if not name.startswith("head.") else f"head.{name}"] for name in net.state_dict()
    }
    assert len(same) == len(weights)
    x = inputs(task, 2, torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(functional_call(net.eval(), same, (x,)), theirs(x), rtol=1e-12, atol=1e-12)
