"""What is asked of a row: the row itself, several answers, numbers; and what of all that is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from randfeat.data import AbstractData, Adding, Blobs, Copy, Digits, Raw, SequentialDigits
from randfeat.errors import ConfigError, DataError
from randfeat.typing import Examples, Task

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Given(AbstractData):
    """Rows and answers that a test has made."""

    asks: ClassVar[Task]
    raw: ClassVar[Raw]

    def raw_task(self) -> Task:
        return self.asks

    def read(self, folder: Path) -> Raw:
        return self.raw


def given(task, x, y, *, test=None, val=None, edges=None, **settings):
    """A data set of these rows, which are the test rows as well unless others are."""
    splits = [None if each is None else Examples(*map(torch.as_tensor, each)) for each in ((x, y), test or (x, y), val)]
    made = type("Given", (Given,), {"asks": task, "raw": Raw(*splits, edges)})
    return made(**{"scaling": "none"} | settings)


def test_an_image_is_asked_for_place_by_place_its_channels_in_the_last_axis():
    x = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    data = given(Task((3, 2, 2), 5), x, [4, 0], target="input", val_share=0).load(0, Path(), CPU)
    assert data.task == Task((3, 2, 2), 3, (2, 2), numbers=True)
    expected = [
        [[[0, 4, 8], [1, 5, 9]], [[2, 6, 10], [3, 7, 11]]],
        [[[12, 16, 20], [13, 17, 21]], [[14, 18, 22], [15, 19, 23]]],
    ]
    assert torch.equal(data.test.y_N, torch.tensor(expected) / 255)
    assert data.test.y_N.is_contiguous()


def test_a_sequence_is_asked_for_step_by_step_and_a_vector_at_once():
    x_NTC = torch.arange(12.0).reshape(2, 3, 2)
    data = given(Task((3, 2), 4), x_NTC, [3, 1], target="input", val_share=0).load(0, Path(), CPU)
    assert data.task == Task((3, 2), 2, (3,), numbers=True)
    assert torch.equal(data.test.y_N, x_NTC)
    data = Blobs(dim=7, target="input", scaling="none").load(0, Path(), CPU)
    assert data.task == Task((7,), 7, numbers=True)
    assert torch.equal(data.val.y_N, data.val.x)


@pytest.mark.parametrize("scaling", ["standardise", "rows", "zca", "none"])
def test_the_row_asked_for_is_what_a_network_sees(scaling):
    data = Digits(target="input", scaling=scaling, n_train=300, n_test=50).load(0, Path(), CPU)
    for examples in data.splits.values():
        np.testing.assert_allclose(examples.y_N[..., 0], data.scale(examples.x)[:, 0], atol=1e-5)


def test_what_is_rebuilt_has_the_size_and_the_colours_asked_for():
    x = torch.randint(0, 256, (12, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = given(Task((3, 8, 8), 2), x, [0, 1] * 6, target="input", grayscale=True, resize=4).load(0, Path(), CPU)
    assert data.task == Task((1, 4, 4), 1, (4, 4), numbers=True)
    assert torch.equal(data.test.y_N[..., 0], data.test.x[:, 0] / 255)


def test_answers_of_another_kind_give_way_to_the_row():
    for part, channels in ((Adding(length=6, target="input"), 2), (Copy(length=2, items=2, symbols=3, target="input"), 5)):
        data = part.load(0, Path(), CPU)
        assert data.task == Task((6, channels), channels, (6,), numbers=True)
        assert torch.equal(data.train.y_N, data.scale(data.train.x))


def test_without_validation_rows_there_is_nothing_to_rebuild_in_them():
    data = SequentialDigits(target="input", val_share=0).load(0, Path(), CPU)
    assert (len(data.val.x), len(data.val.y_N)) == (0, 0)
    assert data.val.y_N.dtype == torch.float32


@pytest.mark.parametrize("settings", [{"flip": True}, {"crop_pad": 1}, {"flip": True, "crop_pad": 2}])
def test_rows_that_change_cannot_be_rebuilt(settings):
    with pytest.raises(ConfigError) as error:
        _ = Digits(target="input", **settings).task
    assert str(error.value) == (
        "data.target=input cannot be asked for: data.flip and data.crop_pad change the rows that are to be rebuilt."
        " Use data.target=class, or leave that out."
    )


def graph(x, y, **settings):
    """Three nodes in a row, two channels each."""
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    return given(Task((3, 2), 2, (3,), is_graph=True), x, y, edges=edges, **settings)


def test_a_graph_has_its_edges_cannot_be_rebuilt_and_is_no_image():
    x = torch.arange(6.0).reshape(1, 3, 2)
    data = graph(x, [[0, -1, 1]], val=(x, [[-1, 1, -1]])).load(0, Path(), CPU)
    assert data.edges.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert (data.train.y_N.tolist(), data.val.y_N.tolist()) == ([[0, -1, 1]], [[-1, 1, -1]])
    assert len(data.train) == len(data.val) == 1
    with pytest.raises(ConfigError, match=r"^data\.target=input cannot be asked for: the rows are graphs\. Use data\.target"):
        _ = graph(x, [[0, -1, 1]], target="input").task
    with pytest.raises(ConfigError, match=r"^given has a graph of 3 nodes, no images for data\.crop_pad, data\.grayscale\. "):
        _ = graph(x, [[0, -1, 1]], crop_pad=1, grayscale=True).task


def test_validation_rows_that_the_files_name_are_kept_as_they_are():
    x, y = torch.arange(20.0)[:, None], [0, 1] * 10
    data = given(Task((1,), 2), x, y, val=(x[:4] + 100, [1, 1, 0, 1]), val_share=0.5).load(3, Path(), CPU)
    assert data.val.x[:, 0].tolist() == [100, 101, 102, 103]
    assert data.val.y_N.tolist() == [1, 1, 0, 1]
    assert sorted(data.train.x[:, 0].tolist()) == x[:, 0].tolist()


@pytest.mark.parametrize("part", [Adding(rows=40, test_rows=30), Copy(rows=40, test_rows=30)])
def test_rows_without_a_class_are_drawn_each_as_likely_and_fewer_are_among_more(part):
    raw = part.read(Path())
    place = {tuple(row.flatten().tolist()): i for i, row in enumerate(raw.train.x)}
    times = np.zeros(40)
    for seed in range(300):
        kept = type(part)(rows=40, test_rows=30, n_train=10, val_share=0).load(seed, Path(), CPU).train
        drawn = [place[tuple(row.flatten().tolist())] for row in kept.x]
        assert torch.equal(raw.train.y_N[drawn], kept.y_N)
        times[drawn] += 1
    assert times.sum() == 3000
    assert np.abs(times / 300 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 300)
    few, more = (type(part)(rows=40, test_rows=30, n_test=n).load(0, Path(), CPU).test.x for n in (7, 20))
    assert {tuple(row.flatten().tolist()) for row in few} < {tuple(row.flatten().tolist()) for row in more}


SEQUENCES, NUMBERS = Task((2, 1), 3, (2,)), Task((2, 1), 2, numbers=True)
x = torch.zeros(4, 2, 1)
classes = torch.tensor([[0, 2], [-1, 1], [1, 0], [-1, -1]])
REFUSED = [
    (SEQUENCES, x, classes[:3], "given has 4 training rows but 3 training labels."),
    (SEQUENCES, x[:0], classes[:0], "given has no training rows."),
    (SEQUENCES, x.squeeze(2), classes, "given should have training rows of shape (2, 1), got (2,)."),
    (SEQUENCES, x, classes[:, 0], "given should have training answers of shape (2,), got ()."),
    (SEQUENCES, x, torch.cat([classes, classes], 1), "given should have training answers of shape (2,), got (4,)."),
    (SEQUENCES, x, classes + 1, "given should have training labels from 0 to 2, got 0 to 3."),
    (SEQUENCES, x, classes - 1, "given should have training labels from 0 to 2, got -2 to 1."),
    (SEQUENCES, x, torch.full((4, 2), -1), "given should have training labels from 0 to 2, got -1 to -1."),
    (Task((2, 1), 3), x, classes[:, 0], "given should have training labels from 0 to 2, got -1 to 1."),
    (NUMBERS, x, torch.zeros(4), "given should have training answers of shape (2,), got ()."),
    (NUMBERS, x, torch.zeros(4, 3), "given should have training answers of shape (2,), got (3,)."),
    (
        Task((2, 1), 2, (5,), numbers=True),
        x,
        torch.zeros(4, 5),
        "given should have training answers of shape (5, 2), got (5,).",
    ),
]


@pytest.mark.parametrize(("task", "rows", "answers", "text"), REFUSED)
@pytest.mark.parametrize("split", ["training", "test", "validation"])
def test_rows_and_answers_that_are_not_those_of_the_task_are_refused_by_split(task, rows, answers, text, split):
    good = x, torch.zeros(4, *task.answers, *([task.n_outputs] if task.numbers else []), dtype=torch.long)
    bad = rows, answers
    parts = {"training": (bad, good, good), "test": (good, bad, good), "validation": (good, good, bad)}[split]
    with pytest.raises(DataError) as error:
        given(task, *parts[0], test=parts[1], val=parts[2]).load(0, Path(), CPU)
    assert str(error.value) == text.replace("training", split)


def test_answers_that_are_not_asked_for_and_numbers_of_any_size_are_let_through():
    data = given(SEQUENCES, x, classes, val_share=0).load(0, Path(), CPU)
    assert sorted(data.train.y_N.tolist()) == sorted(classes.tolist())
    numbers = torch.tensor([[-1e6, 0.5], [3.0, 7.0], [0.0, 0.0], [1.0, 1.0]])
    data = given(NUMBERS, x, numbers, val_share=0).load(0, Path(), CPU)
    assert sorted(data.train.y_N.tolist()) == sorted(numbers.tolist())
