"""The user's own pictures: folders, formats, the key, and the text of every error."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from randfeat.data import ImageFolder
from randfeat.errors import ConfigError, DataError
from randfeat.typing import Task
from tests.reference import data_files, data_twins

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path):
    """train/ and test/ with three classes of pictures."""
    for split, per_class, seed in (("train", 4, 0), ("test", 2, 1)):
        data_files.write_folder(tmp_path / split, *data_files.images((3, 10, 12), 3, per_class, seed))
    return tmp_path


def noise(height=9, width=14, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_pictures_of_16_bits_keep_their_brightness(tmp_path):
    for name, level in (("dark", 10_000), ("light", 50_000)):
        (tmp_path / name).mkdir()
        for k in range(5):
            Image.fromarray(np.full((8, 8), level + k, dtype=np.uint16)).save(tmp_path / name / f"{k}.png")
    raw = ImageFolder(path=str(tmp_path), size=8).read(tmp_path)
    for y, level in ((0, 10_000), (1, 50_000)):
        assert raw.train.x[raw.train.y_N == y].unique().tolist() == [level // 257]


def test_pictures_are_squeezed_to_the_size_as_the_slow_twin_does(folder):
    part = ImageFolder(path=str(folder), size=6)
    assert part.task == Task((3, 6, 6), 3)
    x, y = data_files.images((3, 10, 12), 3, 4, 0)
    raw = part.read(folder)
    order = np.argsort(y, kind="stable")
    squeezed = np.apply_along_axis(data_twins.shrunk, 3, np.apply_along_axis(data_twins.shrunk, 2, x[order], 6), 6)
    np.testing.assert_allclose(raw.train.x, squeezed, atol=1.5)
    assert raw.train.y_N.tolist() == sorted(y)


def test_the_task_is_known_without_opening_a_picture(tmp_path):
    for k in "ab":
        (tmp_path / k).mkdir()
        (tmp_path / k / "1.png").write_text("no picture")
    assert ImageFolder(path=str(tmp_path), size=20).task == Task((3, 20, 20), 2)


def test_classes_alone_give_a_fixed_stratified_fifth_as_test_set(tmp_path):
    x, y = data_files.images((3, 8, 8), 3, 10, 0)
    data_files.write_folder(tmp_path, x, y)
    first, other = (ImageFolder(path=str(tmp_path), size=8).load(seed, tmp_path, CPU) for seed in (0, 1))
    assert torch.equal(first.test.x, other.test.x)
    assert torch.bincount(first.test.y_N).tolist() == [2, 2, 2]
    together = torch.cat([first.train.x, first.val.x, first.test.x])
    assert sorted(row.numpy().tobytes() for row in together) == sorted(row.tobytes() for row in x)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp", "a.ppm", "a.jpg", "a.jpeg"])
def test_every_format_is_read(name, tmp_path):
    for k in range(5):
        (tmp_path / f"class{k}").mkdir()
        Image.fromarray(np.full((7, 7, 3), 40 * k, np.uint8)).save(tmp_path / f"class{k}" / name)
    data = ImageFolder(path=str(tmp_path), size=7).load(0, tmp_path, CPU)
    for examples in (data.train, data.test):
        assert (examples.x.int() - 40 * examples.y_N.view(-1, 1, 1, 1)).abs().max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_every_picture_becomes_rgb(mode, folder):
    suffix = ".jpg" if mode == "CMYK" else ".png"
    first = folder / "train" / "class_0" / f"-{suffix}"  # sorted before the digits
    Image.fromarray(noise()).convert(mode).save(first)
    with Image.open(first) as picture:
        expected = np.asarray(picture.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
    x = ImageFolder(path=str(folder)).read(folder).train.x[0]
    np.testing.assert_array_equal(x.permute(1, 2, 0), expected)


def test_other_files_and_hidden_folders_are_passed_over(folder):
    (folder / "train" / "notes.txt").write_text("about")
    (folder / "train" / "class_0" / "Thumbs.db").write_text("cache")
    (folder / "train" / ".cache").mkdir()
    assert len(ImageFolder(path=str(folder)).read(folder).train) == 12


def test_the_key_has_names_and_content_and_not_the_path(folder, tmp_path_factory):
    identity = ImageFolder(path=str(folder), size=8).identity()
    assert identity.keys() == {"part", "size", "content"}
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("elsewhere") / "copy")
    assert ImageFolder(path=str(copy), size=8).identity() == identity
    (copy / "train" / "class_1").rename(copy / "train" / "class_9")
    (copy / "test" / "class_1").rename(copy / "test" / "class_9")
    renamed = ImageFolder(path=str(copy), size=8).identity()
    assert renamed != identity
    file = next((copy / "test" / "class_0").iterdir())
    Image.fromarray(noise()).save(file)
    assert ImageFolder(path=str(copy), size=8).identity() not in (identity, renamed)


def test_without_a_path_it_says_how_to_give_one():
    assert ImageFolder().identity() == {"part": "imagefolder"}
    with pytest.raises(ConfigError, match=r"^data=imagefolder needs a folder: data\.path=FOLDER\.$"):
        _ = ImageFolder().task


def refused(folder):
    with pytest.raises(DataError) as error:
        ImageFolder(path=str(folder)).load(0, folder, CPU)
    return str(error.value)


def test_a_missing_folder(tmp_path):
    text = "there is no such folder. Give one with data.path=FOLDER."
    assert refused(tmp_path / "no") == f"data=imagefolder: {tmp_path / 'no'}: {text}"


def test_a_folder_without_classes(tmp_path):
    text = "there are no classes. Put the pictures of each class in a folder of its own."
    assert refused(tmp_path) == f"data=imagefolder: {tmp_path}: {text}"


def test_a_class_without_pictures(folder):
    empty = folder / "test" / "class_1"
    shutil.rmtree(empty)
    empty.mkdir()
    text = "there are no pictures (.bmp, .jpeg, .jpg, .png, .ppm). Add some, or delete the folder."
    assert refused(folder) == f"data=imagefolder: {empty}: {text}"


def test_train_without_test(folder):
    shutil.rmtree(folder / "test")
    text = "there is train/ alone. Use train/CLASS and test/CLASS, or CLASS alone."
    assert refused(folder) == f"data=imagefolder: {folder}: {text}"


def test_classes_that_differ(folder):
    (folder / "test" / "class_2").rename(folder / "test" / "class_7")
    text = "train/ and test/ must have the same classes; only one of them has class_2, class_7."
    assert refused(folder) == f"data=imagefolder: {folder}: {text}"


@pytest.mark.parametrize("keep", [0, 10, 40, 200])
def test_a_picture_that_cannot_be_read(keep, folder):
    file = sorted((folder / "train" / "class_1").iterdir())[0]
    file.write_bytes(file.read_bytes()[:keep])
    text = "not a picture that can be read. Save it again, or delete it."
    assert refused(folder) == f"data=imagefolder: {file}: {text}"


def test_too_few_pictures_for_a_fifth(tmp_path):
    data_files.write_folder(tmp_path, *data_files.images((3, 8, 8), 2, 2, 0))
    assert refused(tmp_path) == (
        f"data=imagefolder: {tmp_path} has 4 rows and no test set; a fifth held out needs at least 5 rows."
    )
