"""Questions about objects: answered one row at a time in plain Python, and what can be known without the objects."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import pytest
import torch

from randfeat.data import Relations

N = 4000


def described(row, k):
    """A row in words: objects as (colour, shape, x, y), the colour that is asked about, the question."""
    objects = [(o[:k].index(1), o[k : k + 2].index(1), o[k + 2], o[k + 3]) for o in row]
    asked = {(tuple(o[k + 4 : 2 * k + 4]), tuple(o[2 * k + 4 :])) for o in row}
    ((colour, question),) = asked  # every object is told the same
    assert len(row[0]) == 2 * k + 7
    return objects, colour.index(1), question.index(1)


def answer(row, k, questions):
    objects, asked, question = described(row, k)
    (own,) = (o for o in objects if o[0] == asked)
    if questions == "non_relational":
        return [own[1], 3 if own[2] < 0 else 2, 3 if own[3] < 0 else 2][question]
    others = sorted((math.dist(own[2:], o[2:]), o[1]) for o in objects if o != own)
    return [others[0][1], others[-1][1], 2 + sum(shape == own[1] for _, shape in others)][question]


@pytest.mark.parametrize(("objects", "questions"), [(6, "relational"), (6, "non_relational"), (2, "relational")])
def test_the_labels_are_the_answers_of_somebody_who_reads_the_row(objects, questions):
    part = Relations(objects=objects, questions=questions, rows=300, test_rows=60)
    for examples in (part.read(None).train, part.read(None).test):
        rows = examples.x.double().tolist()
        assert examples.y_N.tolist() == [answer(row, objects, questions) for row in rows]


@pytest.mark.parametrize(
    ("objects", "questions", "chance"),
    [(6, "relational", (1 / 2 + 1 / 2 + 10 / 32) / 3), (3, "relational", 1 / 2), (6, "non_relational", 1 / 2)],
)
def test_who_knows_the_question_alone_is_right_as_often_as_chance_says(objects, questions, chance):
    part = Relations(objects=objects, questions=questions, rows=N)
    assert part.chance == pytest.approx(chance, abs=1e-12)
    train = part.read(None).train
    by_question = defaultdict(Counter)
    for question, y in zip(train.x[:, 0, -3:].argmax(1).tolist(), train.y_N.tolist(), strict=True):
        by_question[question][y] += 1
    assert len(by_question) == 3
    most = sum(max(counts.values()) for counts in by_question.values()) / N
    assert abs(most - chance) < 4 * math.sqrt(chance * (1 - chance) / N) + 0.005  # the most frequent of few is favoured


def test_objects_are_in_random_order_places_are_uniform_and_all_that_is_drawn_is_drawn_alike():
    x = Relations(rows=N).read(None).train.x
    places = x[:, :, 8:10].flatten(0, 1)
    assert float(places.abs().max()) <= 1
    torch.testing.assert_close(places.square().mean(0), torch.full((2,), 1 / 3), rtol=0, atol=0.01)
    shares = x.mean(0)
    torch.testing.assert_close(shares[:, :6], torch.full((6, 6), 1 / 6), rtol=0, atol=0.03)
    torch.testing.assert_close(shares[:, 6], torch.full((6,), 1 / 2), rtol=0, atol=0.04)
    torch.testing.assert_close(shares[0, 10:16], torch.full((6,), 1 / 6), rtol=0, atol=0.03)
    assert bool((x[:, :, :6].sum(1) == 1).all())  # every colour once


def test_more_rows_begin_with_the_same_rows_and_both_kinds_of_questions_are_about_the_same_objects():
    few, more, other, plain = (
        Relations(rows=rows, draw=draw, questions=questions).read(None).train.x
        for rows, draw, questions in (
            (50, 0, "relational"),
            (80, 0, "relational"),
            (50, 1, "relational"),
            (50, 0, "non_relational"),
        )
    )
    assert torch.equal(few, more[:50])
    assert torch.equal(few, plain)
    assert not torch.isin(few[:, :, 8:10], other[:, :, 8:10]).any()


def test_train_and_test_rows_are_independent_draws():
    raw = Relations(rows=200, test_rows=200).read(None)
    assert not torch.isin(raw.test.x[:, :, 8:10], raw.train.x[:, :, 8:10]).any()
