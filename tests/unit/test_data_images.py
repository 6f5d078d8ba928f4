"""Axes, grey values and sizes of images, with answers known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from randfeat.data.images import channels_first, channels_first_shape, grey, resized
from tests.reference import data_twins


def pictures(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8))


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ((5, 4), (1, 5, 4)),
        ((3, 5, 4), (3, 5, 4)),
        ((1, 5, 4), (1, 5, 4)),
        ((5, 4, 3), (3, 5, 4)),
        ((5, 4, 1), (1, 5, 4)),
        ((3, 5, 3), (3, 5, 3)),
        ((2, 5, 4), None),
        ((5,), None),
        ((1, 3, 5, 4), None),
    ],
)
def test_the_channels_are_found_by_their_number(kept, expected):
    assert channels_first_shape(kept) == expected
    if expected:
        assert channels_first(pictures(2, *kept)).shape[1:] == expected


def test_every_pixel_keeps_its_place_when_channels_move():
    x = pictures(2, 3, 5, 4)
    assert torch.equal(channels_first(x), x)
    assert torch.equal(channels_first(x.permute(0, 2, 3, 1)), x)
    assert torch.equal(channels_first(x[:, 1]), x[:, 1:2])


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29), ((255, 255, 255), 255), ((0, 0, 0), 0)],
)
def test_grey_of_the_pure_colours(colour, luma):
    x = torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1)
    assert grey(x).item() == luma


def test_grey_equals_the_slow_twin():
    x = pictures(4, 3, 9, 7)
    np.testing.assert_array_equal(grey(x), data_twins.grey(x.numpy()))


def test_one_channel_is_grey_already():
    x = pictures(2, 1, 4, 4)
    assert torch.equal(grey(x), x)


@given(st.integers(1, 9), st.integers(0, 5))
def test_smaller_images_equal_the_slow_twin(side, seed):
    x = pictures(2, 3, 10, 9, seed=seed)
    rows_done = np.apply_along_axis(data_twins.shrunk, 2, x.numpy(), side)
    np.testing.assert_allclose(resized(x, side).numpy(), np.apply_along_axis(data_twins.shrunk, 3, rows_done, side), atol=0.51)


def test_the_same_size_changes_nothing():
    x = pictures(3, 3, 8, 8)
    assert torch.equal(resized(x, 8), x)


def test_a_ramp_twice_as_large_stays_a_ramp():
    ramp = torch.tensor([0, 40, 80, 120], dtype=torch.uint8).expand(1, 1, 4, 4)
    assert resized(ramp, 8)[0, 0, 0].tolist() == [0, 10, 30, 50, 70, 90, 110, 120]
