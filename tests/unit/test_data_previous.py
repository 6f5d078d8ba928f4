"""The symbol before the present one: the answers step by step, the pace of time, and what chance gives."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from randfeat.data import Previous
from randfeat.errors import ConfigError
from randfeat.metrics import loss, n_answers
from randfeat.typing import Task
from tests.reference import data_twins


@pytest.mark.parametrize("filling", ["repeat", "pad"])
@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("stretch", [1, 3, 4])
def test_the_answers_are_those_of_a_slow_reader(filling, variable, stretch):
    part = Previous(length=14, symbols=5, stretch=stretch, variable=variable, filling=filling, rows=40, test_rows=20)
    assert part.task == Task((14, 6 if filling == "pad" else 5), 5, (14,))
    for examples in (part.read(Path()).train, part.read(Path()).test):
        read = [data_twins.before(row, 5) for row in examples.x.tolist()]
        assert examples.y_N.tolist() == [answers for answers, _ in read]
        spans = set(itertools.chain.from_iterable(whole[:-1] for _, whole in read))  # the last may be cut off
        assert spans == (set(range(1, stretch + 1)) if variable else {stretch})
        assert any(len(set(whole[:-1])) > 1 for _, whole in read) == (variable and stretch > 1)


def test_a_row_by_hand():
    """Three steps for each symbol: the answer lags by one symbol, the first symbol has none."""
    repeat, pad = (Previous(length=8, stretch=3, rows=1, filling=filling).read(Path()).train for filling in ("repeat", "pad"))
    a, b, c = repeat.x[0].argmax(1)[[0, 3, 6]].tolist()
    assert repeat.x[0].argmax(1).tolist() == [a, a, a, b, b, b, c, c]
    assert pad.x[0].argmax(1).tolist() == [a, 10, 10, b, 10, 10, c, 10]
    assert repeat.y_N.tolist() == pad.y_N.tolist() == [[-1, -1, -1, a, a, a, b, b]]
    assert n_answers(repeat.y_N) == 5


def test_symbols_and_their_spans_are_uniform():
    train = Previous(length=9, symbols=4, stretch=1, rows=4000).read(Path()).train
    symbols_NT = train.x.numpy().argmax(2)
    for step in (0, 1, 8):
        assert chisquare(np.bincount(symbols_NT[:, step], minlength=4)).pvalue > 1e-4
    pairs = np.bincount(symbols_NT[:, 3] * 4 + symbols_NT[:, 4], minlength=16).reshape(4, 4)
    assert not pairs.diagonal().any()
    assert chisquare(pairs[~np.eye(4, dtype=bool)]).pvalue > 1e-4
    train = Previous(length=9, stretch=4, variable=True, rows=4000).read(Path()).train
    assert chisquare(np.bincount((train.y_N.numpy() < 0).sum(1) - 1, minlength=4)).pvalue > 1e-4


def test_who_sees_the_present_symbol_alone_has_the_loss_of_chance():
    part = Previous(symbols=6, rows=50)
    train = part.read(Path()).train
    not_this_one = torch.where(train.x > 0, -torch.inf, 0.0)
    assert loss(not_this_one, train.y_N) == pytest.approx(part.chance_loss) == pytest.approx(np.log(5))


def test_train_and_test_rows_differ_more_rows_begin_alike_and_another_draw_has_others():
    raw, few, other = (Previous(variable=True, **settings).read(Path()) for settings in ({}, {"rows": 50}, {"draw": 1}))
    assert torch.equal(few.train.x, raw.train.x[:50])
    assert torch.equal(few.test.x, raw.test.x)
    for independent in (raw.test, other.train):
        assert not {tuple(row) for row in few.train.y_N.tolist()} & {tuple(row) for row in independent.y_N.tolist()}


def test_rows_of_one_symbol_are_refused():
    with pytest.raises(ConfigError) as error:
        Previous(length=4, stretch=4)
    assert str(error.value) == (
        "data.length must be more than data.stretch, so that every row has two symbols: got data.length=4 and data.stretch=4."
    )
