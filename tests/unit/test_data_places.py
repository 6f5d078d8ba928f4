"""Where the sets lie: the data folder, the files that torchvision reads, and the words for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from randfeat.places import PLACES, data_folder, whereabouts
from randfeat.registry import part_names
from tests.reference import data_files

TORCHVISION = sorted(PLACES.keys() - {"norb", "planetoid"})


def test_the_folder_given_comes_first_then_the_environment_then_the_cache(monkeypatch):
    monkeypatch.setenv("RANDFEAT_DATA", "/from/environment")
    assert data_folder(Path("/given")) == Path("/given")
    assert data_folder(None) == Path("/from/environment")
    monkeypatch.delenv("RANDFEAT_DATA")
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_folder(None) == Path("/home/someone/.cache/randfeat")
    assert data_folder(Path("~/sets")) == Path("/home/someone/sets")


def test_every_part_has_whereabouts(tmp_path):
    words = {name: whereabouts(name, tmp_path) for name in part_names("data")}
    built_in = {"adding", "blobs", "copy", "digits", "karate", "previous", "relations", "sequential_digits"}
    assert {name for name, word in words.items() if word == "built in"} == built_in
    assert {name for name, word in words.items() if word == "yours (data.path)"} == {"imagefolder", "npz"}
    assert {name for name, word in words.items() if word == "not on disk (downloads on first use)"} == set(TORCHVISION)
    assert words["norb"] == "not on disk (put norb/smallnorb-*-dat.mat and -cat.mat there)"
    assert words["planetoid"] == "not on disk (put planetoid/ind.cora.* or graphs/cora.npz there)"


def test_a_part_that_is_not_ours_is_from_another_package(tmp_path):
    assert whereabouts("theirs", tmp_path) == "from another package"


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_set_is_on_disk_when_all_files_of_torchvision_are(name, tmp_path, monkeypatch):
    data_files.write(name, tmp_path, monkeypatch)
    assert whereabouts(name, tmp_path) == "on disk"
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == {tmp_path / file for file in PLACES[name].files}
    (tmp_path / PLACES[name].files[-1]).unlink()
    assert whereabouts(name, tmp_path) == "not on disk (downloads on first use)"


def test_the_files_are_those_that_torchvision_lists():
    for name in ("cifar10", "cifar100", "stl10"):
        cls = data_files.TV_CLASSES[name]
        listed = {file for file, _ in cls.train_list + cls.test_list}
        meta = {cls.meta["filename"]} if name != "stl10" else set()
        assert set(PLACES[name].files) == {f"{cls.base_folder}/{file}" for file in listed | meta}
    for name in ("mnist", "fashion_mnist", "kmnist", "sequential_mnist"):
        cls = data_files.TV_CLASSES[name]
        assert list(PLACES[name].files) == [f"{cls.__name__}/raw/{file[:-3]}" for file, _ in cls.resources]
    listed = data_files.TV_CLASSES["svhn"].split_list
    assert list(PLACES["svhn"].files) == [listed[split][1] for split in ("train", "test")]


def test_torch_is_not_imported():
    code = "import sys, randfeat.places; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
