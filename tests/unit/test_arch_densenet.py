"""Dense networks: torchvision's dense block, the sizes of the paper's table 2, and what a transition keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from randfeat.typing import Task
from tests.zoo import TASKS, build, inputs, n_parameters


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        ({"depth": 100, "growth": 24, "bottleneck": False, "reduction": 1}, 27.2),
        ({"depth": 250, "growth": 24}, 15.3),
        ({"depth": 190, "growth": 40}, 25.6),
    ],
)
def test_a_densenet_has_the_millions_of_parameters_of_its_paper_s_table_2(settings, millions):
    assert round(n_parameters(build("densenet", TASKS["32"], **settings)) / 1e6, 1) == millions


def test_dense_layers_compute_what_torchvision_s_do():
    from torchvision.models.densenet import _DenseBlock

    net = build("densenet", TASKS["32"], depth=22, growth=6)
    theirs = _DenseBlock(num_layers=3, num_input_features=12, bn_size=4, growth_rate=6, drop_rate=0).double().eval()
    ours = nn.Sequential(*(net.get_submodule(f"block1_{k}") for k in (1, 2, 3))).eval()
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    x = inputs(Task((12, 8, 8), 4), 2, torch.float64)
    torch.testing.assert_close(functional_call(ours, state, (x,)), theirs(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "maps", "kept"),
    [
        ({"depth": 34, "growth": 4}, 28, 14),
        ({"depth": 34, "growth": 4, "reduction": 0.3}, 28, 8),
        ({"depth": 52, "growth": 10, "reduction": 0.29}, 100, 29),
        ({"depth": 16, "growth": 4, "bottleneck": False, "reduction": 1}, 32, 32),
    ],
)
def test_a_transition_keeps_the_whole_part_of_its_share_of_the_channels(settings, maps, kept):
    conv = build("densenet", TASKS["32"], **settings).get_submodule("transition1.conv")
    assert (conv.in_channels, conv.out_channels) == (maps, kept)
