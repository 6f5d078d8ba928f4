"""What trains of a tensor, in words."""

from __future__ import annotations

import pytest
import torch

from randfeat.probe.anatomy import lines, trains
from randfeat.registry import make_part
from randfeat.split import Entries
from randfeat.typing import Task


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (True, "all"),
        (False, "-"),
        (torch.tensor([7]), "row 7 of 64"),
        (torch.arange(4), "rows 0-3 of 64"),
        (torch.arange(3, 60), "rows 3-59 of 64"),
        (torch.tensor([1, 7, 9, 63]), "rows 1, 7, 9, 63 of 64"),
        (torch.tensor([1, 7, 9, 40, 63]), "5 rows of 64"),
        (Entries(torch.arange(102)), "102 entries of 1,024"),
    ],
)
def test_a_choice_in_words(choice, words):
    assert trains(choice, torch.Size((64, 16))) == words


def test_every_tensor_has_a_line_and_every_layer_its_number():
    net = make_part("arch", {"part": "mlp", "norm": "batch", "width": 20}).build(Task((6,), 3))
    found = lines(net, make_part("subset", {"part": "fraction"}).select(net, 0), {"head.bias": 0.25})
    assert [(line.layer, line.name, line.shape, line.role, line.trains, line.begins) for line in found] == [
        (1, "hidden1.linear.weight", (20, 6), "weight", "rows 0-1 of 20", 0),
        (None, "hidden1.linear.bias", (20,), "bias", "rows 0-1 of 20", 0),
        (None, "hidden1.norm.weight", (20,), "gain", "all", 0),
        (None, "hidden1.norm.bias", (20,), "shift", "all", 0),
        (2, "head.weight", (3, 20), "weight", "all", 0),
        (None, "head.bias", (3,), "bias", "all", 0.25),
    ]
