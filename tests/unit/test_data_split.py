"""Stratified draws: how many rows of each class, which rows, and what they depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from randfeat.data.split import rest, stratified, train_and_val, with_fifth_held_out
from randfeat.errors import DataError
from randfeat.seeds import stream
from randfeat.typing import Examples

labels = st.lists(st.integers(0, 6), min_size=1, max_size=80).map(np.array)


def examples(y):
    return Examples(torch.arange(len(y), dtype=torch.float32)[:, None], torch.as_tensor(y))


@given(labels, st.data(), st.integers(0, 9))
def test_every_class_is_drawn_in_proportion_to_within_one_row(y_N, data, seed):
    n = data.draw(st.integers(0, len(y_N)))
    drawn = stratified(y_N, n, stream(seed, "rows"))
    assert len(drawn) == len(set(drawn)) == n
    shares = np.bincount(y_N) * n / len(y_N)
    assert np.abs(np.bincount(y_N[drawn], minlength=len(shares)) - shares).max() < 1


@given(st.integers(1, 6), st.integers(1, 6), st.data(), st.integers(0, 9))
def test_with_equal_classes_fewer_rows_are_a_subset_of_more(n_classes, per_class, data, seed):
    y_N = stream(seed, "labels").permutation(np.repeat(np.arange(n_classes), per_class))
    fewer, more = sorted(data.draw(st.tuples(*[st.integers(0, len(y_N))] * 2)))
    assert set(stratified(y_N, fewer, stream(seed, "rows"))) <= set(stratified(y_N, more, stream(seed, "rows")))


def test_every_row_of_a_class_is_drawn_about_as_often():
    y_N = np.array([0, 1, 0, 1, 0, 0, 1, 0])
    times = np.zeros(8)
    for seed in range(2000):
        times[stratified(y_N, 4, stream(seed, "rows"))] += 1
    assert np.abs(times / 2000 - 0.5).max() < 5 * np.sqrt(0.25 / 2000)


def test_the_odd_row_is_not_always_of_the_same_class():
    y_N = np.repeat(np.arange(4), 5)
    odd = {int(y_N[stratified(y_N, 1, stream(seed, "rows"))[0]]) for seed in range(60)}
    assert odd == {0, 1, 2, 3}


@given(labels, st.floats(0, 0.999), st.integers(0, 9))
def test_train_and_val_share_the_rows_and_at_least_one_trains(y_N, share, seed):
    train, val = train_and_val(examples(y_N), share, seed)
    assert sorted([*train.x[:, 0].tolist(), *val.x[:, 0].tolist()]) == list(range(len(y_N)))
    assert len(val) == min(round(share * len(y_N)), len(y_N) - 1)
    for part in (train, val):
        assert torch.equal(part.y_N, torch.as_tensor(y_N)[part.x[:, 0].long()])


def test_the_rest_are_the_rows_not_taken():
    assert rest(6, np.array([4, 1])).tolist() == [0, 2, 3, 5]


def test_the_fifth_held_out_is_stratified_and_always_the_same():
    y_N = np.repeat([0, 1, 2], [50, 30, 20])
    raw, again = (with_fifth_held_out(examples(y_N), "data=mine") for _ in range(2))
    assert torch.bincount(raw.test.y_N).tolist() == [10, 6, 4]
    assert torch.equal(raw.test.x, again.test.x)
    assert sorted(torch.cat([raw.train.x, raw.test.x])[:, 0].tolist()) == list(range(100))


def test_a_fifth_of_four_rows_is_refused():
    with pytest.raises(DataError) as error:
        with_fifth_held_out(examples([0, 1, 0, 1]), "data=npz: own.npz")
    assert str(error.value) == "data=npz: own.npz has 4 rows and no test set; a fifth held out needs at least 5 rows."
