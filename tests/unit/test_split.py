"""Rows and entries on two sides by hand; choices united and intersected like sets."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from randfeat.split import Entries, intersection, n_trained, split, union


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


def test_entries_go_to_their_side_as_a_vector_and_come_back():
    w = torch.arange(6.0).reshape(2, 3)
    halves = split({"w": w}, {"w": Entries(torch.tensor([4, 0]))})
    assert halves.trained["w"].tolist() == [4, 0]
    assert halves.frozen["w"].tolist() == [1, 2, 3, 5]
    assert halves.merge({"w": torch.tensor([-1.0, -2.0])})["w"].tolist() == [[-2, 1, 2], [3, -1, 5]]
    zero = split({"w": w}, {"w": Entries(torch.tensor([4, 0]))}, frozen_rows="zero")
    assert zero.merge()["w"].tolist() == [[0, 0, 0], [0, 4, 0]]
    assert n_trained({"w": Entries(torch.tensor([4, 0]))}, {"w": w.shape}) == {"w": 2}


SHAPE = torch.Size((3, 2))
ROWS = st.sets(st.integers(0, 2), min_size=1, max_size=2).map(lambda rows: torch.tensor(sorted(rows)))
PLACES = st.sets(st.integers(0, 5), min_size=1, max_size=5).map(lambda places: Entries(torch.tensor(sorted(places))))
CHOICES = st.lists(st.one_of(st.booleans(), ROWS, PLACES), min_size=1, max_size=4)


def places(choice):
    if isinstance(choice, bool):
        return set(range(6)) if choice else set()
    if isinstance(choice, Entries):
        return set(choice.index.tolist())
    return {2 * row + column for row in choice.tolist() for column in (0, 1)}


@given(CHOICES)
def test_choices_are_united_and_intersected_as_sets_of_entries_and_said_as_plainly_as_can_be(choices):
    sets = [places(choice) for choice in choices]
    for found, expected in ((union(choices, SHAPE), set.union(*sets)), (intersection(choices, SHAPE), set.intersection(*sets))):
        assert places(found) == expected
        assert isinstance(found, bool) == (len(expected) in (0, 6))
        whole_rows = all((2 * row in expected) == (2 * row + 1 in expected) for row in range(3))
        assert isinstance(found, Entries) == (not whole_rows)
