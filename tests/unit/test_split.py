"""Rows on two sides by hand."""

from __future__ import annotations

import torch

from randfeat.split import n_trained, split


def test_rows_go_to_their_side_in_the_order_asked_for_and_come_back():
    w = torch.arange(8.0).reshape(4, 2)
    halves = split({"w": w}, {"w": torch.tensor([2, 0])})
    assert halves.trained["w"].tolist() == [[4, 5], [0, 1]]
    assert halves.frozen["w"].tolist() == [[2, 3], [6, 7]]
    assert torch.equal(halves.merge()["w"], w)
    assert halves.merge({"w": torch.full((2, 2), -1.0)})["w"].tolist() == [[-1, -1], [2, 3], [-1, -1], [6, 7]]


def test_frozen_zero_and_the_count():
    w = torch.ones(3, 2)
    chosen = {"w": torch.tensor([1])}
    assert split({"w": w}, chosen, frozen_rows="zero").merge()["w"].tolist() == [[0, 0], [1, 1], [0, 0]]
    assert n_trained(chosen, {"w": w.shape}) == {"w": 2}
