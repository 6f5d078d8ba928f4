"""Small NORB from its published binary files: the views, packed files, and the text of every error."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from randfeat.data import Norb
from randfeat.errors import ConfigError, DataError
from randfeat.places import PLACES, whereabouts
from randfeat.typing import Task
from tests.reference import data_files

IMAGES, CLASSES, TEST_IMAGES, TEST_CLASSES = PLACES["norb"].files


@pytest.fixture
def held(tmp_path, monkeypatch):
    """What the files hold that now lie under the folder."""
    return data_files.write_norb(tmp_path, monkeypatch)


def pack(file):
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 1))
    file.unlink()


def test_a_view_is_an_image_of_the_pair_and_both_are_channels(held, tmp_path):
    x_train, y_train, x_test, y_test = held
    for view, kept in (("left", slice(0, 1)), ("right", slice(1, 2)), ("both", slice(0, 2))):
        raw = Norb(view=view).read(tmp_path)
        np.testing.assert_array_equal(raw.train.x, x_train[:, kept])
        np.testing.assert_array_equal(raw.test.x, x_test[:, kept])
        np.testing.assert_array_equal(raw.train.y_N, y_train)
        np.testing.assert_array_equal(raw.test.y_N, y_test)
    assert Norb(view="both", resize=32).task == Task((2, 32, 32), 5)
    assert not np.array_equal(x_train[:, 0], x_train[:, 1])


def test_the_published_set_has_24300_pairs_to_train_on_and_as_many_to_test_on():
    assert Norb.rows == (5 * 5 * 9 * 18 * 6, 5 * 5 * 9 * 18 * 6)
    assert Norb().task == Task((1, 96, 96), 5)


def test_files_may_lie_there_packed(held, tmp_path):
    before = Norb(view="both").read(tmp_path)
    for file in (IMAGES, TEST_CLASSES):
        pack(tmp_path / file)
    assert whereabouts("norb", tmp_path) == "on disk"
    raw = Norb(view="both").read(tmp_path)
    np.testing.assert_array_equal(raw.train.x, before.train.x)
    np.testing.assert_array_equal(raw.test.y_N, before.test.y_N)


def test_a_file_that_is_not_there_is_named(held, tmp_path):
    (tmp_path / CLASSES).unlink()
    assert whereabouts("norb", tmp_path) == "not on disk (put norb/smallnorb-*-dat.mat and -cat.mat there)"
    with pytest.raises(DataError) as error:
        Norb().read(tmp_path)
    assert str(error.value) == (
        f"data=norb is not under {tmp_path}, and nothing downloads it. Put "
        "norb/smallnorb-5x46789x9x18x6x2x96x96-training-cat.mat there, as published or packed (.gz), or use data=digits "
        "(built in)."
    )


def header(magic, n_dims, *sides):
    return struct.pack(f"<Ii{len(sides)}i", magic, n_dims, *sides)


@pytest.mark.parametrize(
    ("file", "change", "text"),
    [
        (IMAGES, lambda old: header(0x1E3D4C54, 4) + old[8:], "begins with 0x1E3D4C54, not with 0x1E3D4C55"),
        (CLASSES, lambda old: b"\x93NUMPY.." + old[8:], "begins with 0x4D554E93, not with 0x1E3D4C54"),
        (TEST_IMAGES, lambda old: header(0x1E3D4C55, 3, 20, 96, 96) + old[24:], "has 3 dimensions, not 4"),
        (IMAGES, lambda old: header(0x1E3D4C55, 4, 60, 2, 108, 108), "has the shape (60, 2, 108, 108), not (60, 2, 96, 96)"),
        (TEST_CLASSES, lambda old: old[:-1], "does not end after 20 numbers"),
        (TEST_CLASSES, lambda old: old + b"\0", "does not end after 20 numbers"),
        (CLASSES, lambda old: old[:7], "cannot be read (unpack requires a buffer of 8 bytes)"),
        (CLASSES, lambda old: old[:15], "cannot be read (unpack requires a buffer of 12 bytes)"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(held, tmp_path, file, change, text):
    path = tmp_path / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as error:
        Norb().read(tmp_path)
    assert str(error.value) == f"data=norb: {path} {text}. Put the published file there."


@pytest.mark.parametrize("damage", [lambda old: old[:-20], lambda old: b"no gz" + old, lambda old: old[:40] + b"\xff" * 40])
def test_a_damaged_packed_file_is_named_in_one_line(held, tmp_path, damage):
    pack(tmp_path / CLASSES)
    path = tmp_path / f"{CLASSES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError) as error:
        Norb().read(tmp_path)
    assert str(error.value).startswith(f"data=norb: {path} cannot be read (")
    assert "\n" not in str(error.value)


def test_labels_that_are_no_classes_are_refused(held, tmp_path):
    path = tmp_path / CLASSES
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<i", 5))
    with pytest.raises(DataError, match="should have training labels from 0 to 4, got 0 to 5"):
        Norb().load(0, tmp_path, "cpu")


def test_a_pair_of_grey_views_has_no_colours_to_mix():
    with pytest.raises(ConfigError) as error:
        _ = Norb(view="both", grayscale=True).task
    assert str(error.value) == "data=norb is grey, with a channel for each view. Leave out data.grayscale."
