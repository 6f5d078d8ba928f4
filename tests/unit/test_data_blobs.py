"""Gaussian clouds: their law, and the accuracy that nobody can exceed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from randfeat.data import Blobs
from randfeat.errors import ConfigError
from randfeat.metrics import accuracy
from randfeat.registry import make_part

CPU = torch.device("cpu")


@pytest.mark.parametrize(("n_classes", "distance"), [(2, 1.0), (3, 2.0), (7, 1.5), (20, 0.5)])
def test_the_true_classifier_reaches_the_best_accuracy(n_classes, distance):
    part = Blobs(n_classes=n_classes, dim=n_classes + 3, distance=distance, test_rows=40_000)
    test = part.load(0, None, CPU).test
    best = part.bayes_accuracy
    reached = accuracy(test.x[:, :n_classes], test.y_N)
    assert abs(reached - best) < 4 * math.sqrt(best * (1 - best) / 40_000)


def test_two_clouds_have_the_best_accuracy_of_the_textbook():
    assert Blobs(n_classes=2, distance=1.7).bayes_accuracy == pytest.approx(norm.cdf(1.7 / math.sqrt(2)), abs=1e-12)


def test_clouds_on_one_spot_can_only_be_guessed_and_distant_ones_not_missed():
    assert Blobs(n_classes=5, distance=0).bayes_accuracy == pytest.approx(0.2, abs=1e-12)
    assert Blobs(n_classes=5, distance=100).bayes_accuracy == pytest.approx(1.0, abs=1e-12)


def test_the_noise_is_standard_normal_around_the_centres():
    part = Blobs(n_classes=3, dim=4, distance=2.5, rows=6000)
    train = part.read(None).train
    centres_KD = 2.5 * torch.eye(3, 4)
    noise = (train.x - centres_KD[train.y_N]).numpy()
    assert kstest(noise.ravel(), "norm").pvalue > 0.001
    assert np.abs(np.corrcoef(noise.T) - np.eye(4)).max() < 5 / math.sqrt(6000)


def test_train_and_test_rows_are_independent_draws():
    raw = Blobs(rows=500, test_rows=500).read(None)
    assert not torch.isin(raw.test.x, raw.train.x).any()


def test_more_rows_begin_with_the_same_rows_and_another_draw_has_others():
    few, more, other = (Blobs(rows=rows, draw=draw).read(None).train.x for rows, draw in ((50, 0), (80, 0), (50, 1)))
    assert torch.equal(few, more[:50])
    assert not torch.isin(few, other).any()


def test_fewer_dimensions_than_clouds_are_refused():
    with pytest.raises(ConfigError) as error:
        Blobs(n_classes=5, dim=4)
    assert str(error.value) == ("data.dim must be at least data.n_classes: 5 clouds need 5 dimensions, got data.dim=4.")


@pytest.mark.parametrize("word", [{"flip": True}, {"crop_pad": 2}, {"grayscale": True}, {"resize": 8}])
def test_a_setting_for_images_is_refused(word):
    part = make_part("data", {"part": "blobs"} | word)
    with pytest.raises(ConfigError) as error:
        _ = part.task
    assert str(error.value) == (
        f"data=blobs has vectors of 10 numbers, no images for data.{next(iter(word))}."
        " Leave that out, or use images such as data=digits."
    )


def test_several_settings_for_images_are_named_together():
    with pytest.raises(ConfigError, match=r"no images for data\.crop_pad, data\.flip\. "):
        Blobs(flip=True, crop_pad=1).load(0, None, CPU)
