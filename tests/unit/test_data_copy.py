"""Symbols to be given back: the layout of a row, the law of the symbols and pauses, and what chance gives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from randfeat.data import Copy
from randfeat.metrics import loss, n_answers
from randfeat.typing import Task
from tests.reference import data_twins

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "settings", [{}, {"length": 1}, {"length": 7, "items": 3, "symbols": 4}, {"items": 1}, {"length": 9, "variable": True}]
)
def test_a_row_is_symbols_a_pause_a_marker_and_blanks_read_step_by_step(settings):
    part = Copy(rows=60, test_rows=20, **settings)
    raw = part.read(Path())
    for examples in (raw.train, raw.test):
        pauses = data_twins.copied(examples.x.numpy(), examples.y_N.numpy(), part.length, part.items, part.symbols)
        assert set(pauses) == (set(range(1, 10)) if part.variable and examples is raw.train else set(pauses))
        assert max(pauses) <= part.length
        assert part.variable or set(pauses) == {part.length}


def test_the_published_form_has_ten_of_eight_symbols_and_t_plus_20_steps():
    assert Copy(length=500).task == Task((520, 10), 8, (10,))
    assert Copy(length=500).task.kind == "sequences"


def test_symbols_and_pauses_are_uniform_and_independent_from_place_to_place():
    y_NS = Copy(rows=4000, items=5, symbols=6, length=8).read(Path()).train.y_N.numpy()
    for place in range(5):
        assert chisquare(np.bincount(y_NS[:, place], minlength=6)).pvalue > 1e-4
    assert chisquare(np.bincount(y_NS[:, 0] * 6 + y_NS[:, 4], minlength=36)).pvalue > 1e-4
    x = Copy(rows=4000, length=8, variable=True).read(Path()).train.x.numpy()
    leading = (x[..., 8] == 255).argmin(1)  # blanks before the first symbol
    assert chisquare(np.bincount(leading, minlength=8)).pvalue > 1e-4


def test_uniform_guesses_have_the_loss_of_chance_and_the_blanks_make_it_the_published_one():
    part = Copy(length=500, rows=100)
    y_NS = part.read(Path()).train.y_N
    uniform = loss(torch.zeros(100, 10, 8), y_NS)
    assert uniform == pytest.approx(part.chance_loss) == pytest.approx(math.log(8))
    every_step = torch.full((100, 520, 10), -torch.inf)  # at each step: the blank, then eight symbols at random
    every_step[:, :510, 8] = 0.0
    every_step[:, 510:, :8] = 0.0
    asked = torch.cat([torch.full((100, 510), 8), y_NS], 1)
    assert loss(every_step, asked) == pytest.approx(uniform * part.share_asked) == pytest.approx(10 * math.log(8) / 520)
    assert round(Copy(length=2000).share_asked * math.log(8), 4) == 0.0103


def test_as_it_is_a_row_is_zeros_and_ones_and_every_item_is_asked_for(tmp_path):
    data = Copy(rows=100, val_share=0.2).load(0, tmp_path, CPU)
    x = data.scale(data.train.x)
    assert x.unique().tolist() == [0, 1]
    assert torch.equal(x.sum(2), torch.ones(80, 40))
    assert torch.equal(x[:, :10].argmax(2), data.train.y_N)
    assert n_answers(data.train.y_N) == 800
    assert len(data.val) == 20


def test_train_and_test_rows_differ_more_rows_begin_alike_and_another_draw_has_others():
    raw = Copy(variable=True).read(Path())
    few = Copy(variable=True, rows=50).read(Path())
    assert torch.equal(few.train.x, raw.train.x[:50])
    assert torch.equal(few.test.x, raw.test.x)
    assert not {tuple(row) for row in raw.train.y_N.tolist()} & {tuple(row) for row in raw.test.y_N.tolist()}
    assert not torch.equal(Copy(draw=1, rows=50).read(Path()).train.y_N, few.train.y_N)
