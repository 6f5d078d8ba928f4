"""Flips and crops: the slow twin, what they draw, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from randfeat.data.augment import FlipAndCrop
from randfeat.seeds import stream
from tests.reference import data_twins


def pictures(n=6, channels=3, height=7, width=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(1, 256, (n, channels, height, width)).astype(np.uint8))


@given(
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from([1, 3]),
    st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 8)),
    st.integers(0, 99),
)
def test_a_batch_equals_the_image_by_image_twin(flip, crop_pad, channels, size, seed):
    x = pictures(size[0], channels, *size[1:], seed=seed)
    augmented = FlipAndCrop(flip, crop_pad)(x, stream(seed, "order"))
    assert augmented.dtype == torch.uint8
    np.testing.assert_array_equal(augmented, data_twins.flip_and_crop(x.numpy(), flip, crop_pad, stream(seed, "order")))


def test_a_flip_alone_gives_the_image_or_its_mirror_each_half_of_the_time():
    x = pictures(n=2000)
    flipped = FlipAndCrop(True, 0)(x, stream(0, "order"))
    mirrored = (flipped == x.flip(3)).flatten(1).all(1)
    assert ((flipped == x).flatten(1).all(1) | mirrored).all()
    assert abs(mirrored.double().mean() - 0.5) < 5 * np.sqrt(0.25 / 2000)


def test_every_offset_of_a_crop_is_equally_likely():
    mark = torch.zeros(9000, 1, 3, 3, dtype=torch.uint8)
    mark[:, 0, 1, 1] = 200
    cut = FlipAndCrop(False, 1)(mark, stream(0, "order"))
    shares = (cut == 200).double().mean(0)[0]
    assert (shares - 1 / 9).abs().max() < 5 * np.sqrt(8 / 81 / 9000)


def test_flips_change_no_crop():
    x = pictures()
    plain, flipped = (FlipAndCrop(flip, 2)(x, stream(3, "order")) for flip in (False, True))
    assert not torch.equal(plain, flipped)
    for one, other in zip(plain, flipped, strict=True):
        assert torch.equal(one, other) or torch.equal(one, other.flip(2))


def test_the_next_batch_is_changed_anew_and_the_stream_decides():
    x, draws = pictures(), stream(0, "order")
    augment = FlipAndCrop(True, 2)
    first, second = augment(x, draws), augment(x, draws)
    assert not torch.equal(first, second)
    assert torch.equal(first, augment(x, stream(0, "order")))


def test_the_batch_itself_is_left_alone():
    x = pictures()
    before = x.clone()
    FlipAndCrop(True, 2)(x, stream(0, "order")).zero_()
    assert torch.equal(x, before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_another_device_sees_the_same_batch():
    x, augment = pictures(), FlipAndCrop(True, 2)
    assert torch.equal(augment(x, stream(0, "order")), augment(x.cuda(), stream(0, "order")).cpu())
