"""Questions about objects: what one of them is, or how it stands to the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream, stream
from randfeat.typing import Examples, Task

N_SHAPES = 2
N_QUESTIONS = 3
"""Of each kind."""

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@register("data", "relations")
@dataclass(frozen=True, kw_only=True)
class Relations(AbstractData):
    """Objects with colours, shapes and places, and a question about one of them or about how it stands to the others; built in.

    A row (objects, channels) describes ``objects`` objects in random order. Every one has a colour of its own, one of two
    shapes (square, circle), each with chance 1/2, and a place, uniform on [-1, 1] x [-1, 1]. Its channels: the colour
    (``objects``, one of them 1), the shape (2) and the place (2); then, the same for every object of a row, the colour of the
    object that is asked about (``objects``) and which of three questions is asked (3).

    ``questions=relational``: the shape of the object nearest to it; of that farthest from it; how many of the others have its
    shape. Answers are 0 square, 1 circle, 2 + k for k others. ``questions=non_relational``: its shape; is it on the left
    (place x < 0); is it below (place y < 0). Answers are 0 square, 1 circle, 2 no, 3 yes. The answer is a function of the row,
    so that the best accuracy is 1; whoever knows the question alone reaches ``chance``.

    Attributes:
        objects: how many a row has.
        questions: about relations between objects, or about one object.
        rows: training rows there are.
        test_rows: test rows there are, drawn independently of the training rows.
        draw: which draw of the rows; not the data seed, so that the test rows stay the same for every seed.

    See: Santoro et al., "A simple neural network module for relational reasoning", NIPS 2017 (Sort-of-CLEVR, whose rows are
    pictures).
    """

    objects: int = setting(6, ge=2)
    questions: Literal["relational", "non_relational"] = "relational"
    rows: int = setting(5000, ge=1)
    test_rows: int = setting(1000, ge=1)
    draw: int = setting(0, ge=0)

    @property
    def chance(self) -> float:
        """The best accuracy without a look at the objects.

        1/2 for every question but the number of others of the same shape, binomial over ``objects - 1`` with chance 1/2.
        """
        if self.questions == "non_relational":
            return 0.5
        others = self.objects - 1
        return (1 + math.comb(others, others // 2) / math.pow(2, others)) / N_QUESTIONS

    def raw_task(self) -> Task:
        """Sequences of ``objects`` steps; 2 + ``objects`` answers to relational questions, 4 to the others."""
        n_answers = N_SHAPES + (self.objects if self.questions == "relational" else 2)
        return Task((self.objects, 2 * self.objects + N_SHAPES + 2 + N_QUESTIONS), n_answers)

    def read(self, folder: Path) -> Raw:
        """The rows of this draw; the folder is not looked at."""
        return Raw(
            self._drawn(self.rows, stream(self.draw, "data", "relations", "train")),
            self._drawn(self.test_rows, stream(self.draw, "data", "relations", "test")),
        )

    def _drawn(self, n: int, draws: Stream) -> Examples:
        """More rows begin with the same rows. Objects, places and the question are the same for both kinds of questions."""
        k = self.objects
        numbers = draws.random((n, 4 * k + 2))
        colour_NO = numbers[:, :k].argsort(1)
        shape_NO = (numbers[:, k : 2 * k] < 0.5).astype(np.int64)
        place_NO2 = (2 * numbers[:, 2 * k : 4 * k] - 1).astype(np.float32).astype(np.float64).reshape(n, k, 2)
        asked_N = (k * numbers[:, -2]).astype(np.int64)
        question_N = (N_QUESTIONS * numbers[:, -1]).astype(np.int64)
        answer = _relation if self.questions == "relational" else _property
        y_N = np.choose(question_N, answer(shape_NO, place_NO2, asked_N))
        question_NQ = np.concatenate([np.eye(k)[colour_NO[np.arange(n), asked_N]], np.eye(N_QUESTIONS)[question_N]], 1)
        repeated_NOQ = np.repeat(question_NQ[:, None], k, 1)
        x_NOC = np.concatenate([np.eye(k)[colour_NO], np.eye(N_SHAPES)[shape_NO], place_NO2, repeated_NOQ], 2)
        return Examples(torch.from_numpy(x_NOC.astype(np.float32)), torch.from_numpy(y_N))


def _relation(shape_NO: Index, place_NO2: Array, asked_N: Index) -> list[Index]:
    """The answers to the three questions about the others."""
    rows = np.arange(len(asked_N))
    distance_NO = np.square(place_NO2 - place_NO2[rows, asked_N][:, None]).sum(2)
    farthest_N = distance_NO.argmax(1)
    distance_NO[rows, asked_N] = math.inf
    same_N = (shape_NO == shape_NO[rows, asked_N][:, None]).sum(1) - 1
    return [shape_NO[rows, distance_NO.argmin(1)], shape_NO[rows, farthest_N], N_SHAPES + same_N]


def _property(shape_NO: Index, place_NO2: Array, asked_N: Index) -> list[Index]:
    """The answers to the three questions about the object itself."""
    rows = np.arange(len(asked_N))
    left_N, below_N = (place_NO2[rows, asked_N] < 0).astype(np.int64).T
    return [shape_NO[rows, asked_N], N_SHAPES + left_N, N_SHAPES + below_N]
