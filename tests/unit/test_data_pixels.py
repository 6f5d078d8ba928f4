"""Images pixel by pixel: the reading order, and one fixed order of the pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from randfeat.data import Digits, Raw, SequentialDigits, SequentialMnist
from randfeat.data.pixels import pixel_by_pixel, pixel_task
from randfeat.errors import DataError
from randfeat.places import PLACES
from randfeat.typing import Examples, Task
from tests.reference import data_files

CPU = torch.device("cpu")
REAL = os.environ.get("RANDFEAT_DATA")


def test_pixels_are_read_line_by_line_with_their_channels_together():
    x = torch.arange(12, dtype=torch.uint8).reshape(1, 2, 3, 2)  # channel 0: 0..5, channel 1: 6..11
    images = Examples(x, torch.tensor([1]))
    sequences = pixel_by_pixel(Raw(images, images), permuted=False)
    assert sequences.train.x[0].tolist() == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]
    assert sequences.train.y_N.tolist() == [1]
    assert pixel_task(Task((2, 3, 2), 7)) == Task((6, 2), 7)


def test_the_digits_lie_in_their_sequences_where_reading_finds_them():
    images, sequences = Digits().read(Path()), SequentialDigits().read(Path())
    for split in ("train", "test"):
        image, sequence = getattr(images, split), getattr(sequences, split)
        for step in (0, 7, 8, 35, 63):
            assert torch.equal(sequence.x[:, step, 0], image.x[:, 0, step // 8, step % 8])
        assert torch.equal(sequence.y_N, image.y_N)


def test_permuted_pixels_are_the_same_pixels_in_one_order_for_all_rows_splits_and_seeds():
    in_order, permuted = SequentialDigits().read(Path()), SequentialDigits(permuted=True).read(Path())
    before, after = (torch.cat([raw.train.x, raw.test.x])[..., 0].numpy() for raw in (in_order, permuted))
    differing = np.unique(before, axis=1, return_index=True)[1]  # pixels that are no copy of another
    places = [int(np.flatnonzero((after == before[:, [t]]).all(0))[0]) for t in differing]
    assert len(places) > 50
    assert len(set(places)) == len(places)
    assert np.mean(np.array(places) == differing) < 0.2
    assert np.array_equal(np.sort(after, 1), np.sort(before, 1))
    first, other = (SequentialDigits(permuted=True, scaling="none").load(seed, Path(), CPU) for seed in (0, 1))
    assert torch.equal(first.test.x, other.test.x)
    assert torch.equal(first.test.x, permuted.test.x)


def test_a_permuted_row_has_the_same_scale_as_one_in_order():
    in_order, permuted = (SequentialDigits(permuted=permuted).load(0, Path(), CPU) for permuted in (False, True))
    assert torch.equal(in_order.scale.mean, permuted.scale.mean)
    assert torch.equal(in_order.scale.std, permuted.scale.std)
    assert in_order.scale(in_order.train.x).mean().abs() < 1e-5


def test_a_long_sequence_is_permuted_too(tmp_path, monkeypatch):
    x_train, y_train, *_ = data_files.write("sequential_mnist", tmp_path, monkeypatch)
    permuted = SequentialMnist(permuted=True).read(tmp_path)
    pixels = x_train.reshape(len(x_train), 784)
    assert np.array_equal(np.sort(permuted.train.x[..., 0], 1), np.sort(pixels, 1))
    assert not np.array_equal(permuted.train.x[..., 0], pixels)
    assert permuted.train.y_N.tolist() == y_train.tolist()


def test_a_truncated_file_is_refused_under_the_part_s_own_name(tmp_path, monkeypatch):
    data_files.write("sequential_mnist", tmp_path, monkeypatch)
    (tmp_path / PLACES["mnist"].files[0]).write_bytes(b"short")
    with pytest.raises(DataError, match=r"^data=sequential_mnist: MNIST/raw under .* cannot be read: truncated or altered\."):
        SequentialMnist().load(0, tmp_path, CPU)


@pytest.mark.skipif(
    not REAL or bool(PLACES["mnist"].missing(Path(REAL))), reason=f"needs {PLACES['mnist'].put} under $RANDFEAT_DATA"
)
def test_the_real_mnist_as_sequences():
    raw = SequentialMnist().read(Path(str(REAL)))
    assert raw.train.x.shape == (60_000, 784, 1)
    assert (raw.train.x.double().mean() / 255).item() == pytest.approx(0.1307, abs=5e-5)
    assert raw.train.y_N[:5].tolist() == [5, 0, 4, 1, 9]
