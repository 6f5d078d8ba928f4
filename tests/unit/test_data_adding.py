"""The sum of two marked numbers: the rows, their law, and how well a constant answer does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from randfeat.data import Adding
from randfeat.metrics import accuracy, explained, loss
from randfeat.typing import Task
from tests.reference import data_twins

CPU = torch.device("cpu")


@pytest.mark.parametrize("length", [2, 3, 9, 30])
def test_the_answer_is_the_sum_of_the_marked_numbers_one_in_each_half(length):
    part = Adding(length=length, rows=80, test_rows=30)
    assert part.task == Task((length, 2), 1, numbers=True)
    for examples in (part.read(Path()).train, part.read(Path()).test):
        sums, marks = data_twins.summed(examples.x.numpy())
        np.testing.assert_allclose(examples.y_N.numpy(), sums[:, None], atol=1e-6)
        assert all(len(places) == 2 and places[0] < length // 2 <= places[1] for places in marks)


def test_numbers_are_uniform_from_0_to_1_and_marks_over_their_halves():
    x = Adding(length=9, rows=4000).read(Path()).train.x.numpy()
    assert kstest(x[..., 0].ravel(), "uniform").pvalue > 1e-4
    counts_T = x[..., 1].sum(0)
    assert counts_T.sum() == 8000
    assert chisquare(counts_T[:4]).pvalue > 1e-4
    assert chisquare(counts_T[4:]).pvalue > 1e-4
    first, second = x[:, :4, 1].argmax(1), x[:, 4:, 1].argmax(1)
    assert chisquare(np.bincount(first * 5 + second, minlength=20)).pvalue > 1e-4


def test_who_always_answers_one_has_the_published_error():
    """Of a sum of two uniform numbers, with density 1 - |s - 1|, 1 / 6 is the variance and 1 / 15 the fourth moment."""
    y_N1 = Adding(rows=20_000, length=2).read(Path()).train.y_N
    ones = torch.ones_like(y_N1)
    assert loss(ones, y_N1) == pytest.approx(1 / 6, abs=4 * math.sqrt((1 / 15 - 1 / 36) / 20_000))
    right = 1 - 0.96**2
    assert accuracy(ones, y_N1) == pytest.approx(right, abs=4 * math.sqrt(right * (1 - right) / 20_000))
    assert explained(ones, y_N1) == pytest.approx(0, abs=1e-3)


def test_the_first_form_s_answer_is_half_of_this_one(tmp_path):
    data = Adding(rows=50, val_share=0).load(0, tmp_path, CPU)
    x = data.scale(data.train.x).double()
    first_form = 0.5 + ((2 * x[..., 0] - 1) * x[..., 1]).sum(1) / 4
    np.testing.assert_allclose(first_form, data.train.y_N[:, 0].double() / 2, atol=1e-6)


def test_train_and_test_rows_differ_more_rows_begin_alike_and_another_draw_has_others():
    raw, few, other = (Adding(**settings).read(Path()) for settings in ({}, {"rows": 50}, {"draw": 1}))
    assert torch.equal(few.train.x, raw.train.x[:50])
    assert torch.equal(few.test.x, raw.test.x)
    for independent in (raw.test, other.train):
        assert not torch.isin(independent.y_N, few.train.y_N).any()
