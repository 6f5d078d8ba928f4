"""Downloaded sets: missing, incomplete, truncated and altered files, downloads, and the real files where they are."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import tarfile
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from randfeat.errors import DataError
from randfeat.places import PLACES
from randfeat.registry import make_part, part_class
from tests.reference import data_files

CPU = torch.device("cpu")
REAL = os.environ.get("RANDFEAT_DATA")


def load(name, folder, **settings):
    return make_part("data", {"part": name} | settings).load(0, folder, CPU)


@pytest.fixture
def offline(monkeypatch):
    """No network: whoever opens a URL is refused, and counted."""
    calls = []

    def refused(request, *args, **kwargs):
        calls.append(socket.getdefaulttimeout())
        raise URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    return calls


def unreadable(name, folder):
    return (
        f"data={name}: {PLACES[name].put} under {folder} cannot be read: truncated or altered."
        " Put an intact copy there, or delete it to download it again."
    )


@pytest.mark.parametrize("name", sorted(name for name, place in PLACES.items() if not place.by_hand))
def test_a_missing_set_says_where_it_should_be_and_what_works_instead(name, tmp_path, offline, capfd):
    with pytest.raises(DataError) as error:
        load(name, tmp_path)
    assert str(error.value) == (
        f"data={name} is not under {tmp_path} and could not be downloaded."
        f" Put {PLACES[name].put} there, or use data={'sequential_digits' if 'sequential' in name else 'digits'} (built in)."
    )
    assert capfd.readouterr() == ("", "")
    assert offline == [10.0] * len(offline)
    assert 1 <= len(offline) <= 2
    assert socket.getdefaulttimeout() is None


def test_an_incomplete_set_names_the_files_it_lacks(tmp_path, monkeypatch, offline):
    data_files.write("cifar10", tmp_path, monkeypatch)
    for file in ("data_batch_2", "batches.meta"):
        (tmp_path / "cifar-10-batches-py" / file).unlink()
    with pytest.raises(DataError) as error:
        load("cifar10", tmp_path)
    assert str(error.value) == (
        f"data=cifar10 is incomplete (without batches.meta, data_batch_2) under {tmp_path} and could not be downloaded."
        " Put cifar-10-batches-py there, or use data=digits (built in)."
    )


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("length", [0, 3, 4, 7, 10, 200])
def test_truncated_idx_files_are_refused(which, length, tmp_path, monkeypatch, offline):
    data_files.write("mnist", tmp_path, monkeypatch)
    file = tmp_path / PLACES["mnist"].files[which]
    file.write_bytes(file.read_bytes()[: min(length, file.stat().st_size - 1)])
    with pytest.raises(DataError) as error:
        load("mnist", tmp_path)
    assert str(error.value) == unreadable("mnist", tmp_path)
    assert offline == []


@pytest.mark.parametrize("content", [b"garbage", bytes(40), b"\0\0\x0a\x01\0\0\0\x02..", b"\0\0\x0d\x03" + bytes(28)])
def test_files_that_are_no_idx_files_are_refused(content, tmp_path, monkeypatch):
    data_files.write("kmnist", tmp_path, monkeypatch)
    (tmp_path / PLACES["kmnist"].files[0]).write_bytes(content)
    with pytest.raises(DataError) as error:
        load("kmnist", tmp_path)
    assert str(error.value) == unreadable("kmnist", tmp_path)


def test_labels_for_other_rows_are_refused(tmp_path, monkeypatch):
    data_files.write("mnist", tmp_path, monkeypatch)
    shutil.copy(tmp_path / PLACES["mnist"].files[3], tmp_path / PLACES["mnist"].files[1])
    with pytest.raises(DataError, match=r"^data=mnist has 60 training rows but 20 training labels\.$"):
        load("mnist", tmp_path)


def test_labels_beyond_the_classes_are_refused(tmp_path, monkeypatch):
    data_files.write("mnist", tmp_path, monkeypatch)
    file = tmp_path / PLACES["mnist"].files[3]
    file.write_bytes(file.read_bytes()[:-1] + b"\x0d")
    with pytest.raises(DataError, match=r"^data=mnist should have test labels from 0 to 9, got 0 to 13\.$"):
        load("mnist", tmp_path)


def test_images_of_another_size_are_refused(tmp_path, monkeypatch):
    data_files.write("mnist", tmp_path, monkeypatch)
    data_files._idx(tmp_path / PLACES["mnist"].files[0], np.arange(60 * 27 * 28).reshape(60, 27, 28) % 251)
    with pytest.raises(DataError) as error:
        load("mnist", tmp_path)
    assert str(error.value) == "data=mnist should have training rows of shape (1, 28, 28), got (1, 27, 28)."


@pytest.mark.parametrize(
    "file",
    ["cifar10/data_batch_3", "cifar10/batches.meta", "cifar100/test", "svhn/test_32x32.mat", "stl10/train_y.bin"],
)
@pytest.mark.parametrize("damage", ["one byte", "truncated", "empty"])
def test_files_that_fail_their_checksum_are_refused_without_a_download(file, damage, tmp_path, monkeypatch, offline):
    name, file_name = file.split("/")
    data_files.write(name, tmp_path, monkeypatch)
    (damaged,) = tmp_path.rglob(file_name)
    content = damaged.read_bytes()
    changed = {"one byte": content[:-5] + bytes([content[-5] ^ 1]) + content[-4:], "truncated": content[:-9]}
    damaged.write_bytes(changed.get(damage, b""))
    with pytest.raises(DataError) as error:
        load(name, tmp_path)
    assert str(error.value) == unreadable(name, tmp_path)
    assert offline == []
    assert damaged.read_bytes() == changed.get(damage, b"")


class Intruder:
    """Unpickling it makes a folder."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
def test_nothing_in_an_altered_pickle_is_executed(file, tmp_path, monkeypatch):
    data_files.write("cifar10", tmp_path, monkeypatch)
    mark = tmp_path / "executed"
    (tmp_path / "cifar-10-batches-py" / file).write_bytes(pickle.dumps({"data": Intruder(mark), "labels": []}))
    with pytest.raises(DataError) as error:
        load("cifar10", tmp_path)
    assert str(error.value) == unreadable("cifar10", tmp_path)
    assert not mark.exists()


def test_files_with_too_few_rows_are_not_the_published_set(tmp_path, monkeypatch):
    data_files.write("mnist", tmp_path, monkeypatch)
    cls = part_class("data", "mnist")
    monkeypatch.setattr(cls, "source", cls.source._replace(rows=(60_000, 10_000)))
    with pytest.raises(DataError, match=r"should have 60,000 \+ 10,000 rows, but MNIST/raw .* has 60 \+ 20\."):
        load("mnist", tmp_path)


def test_nothing_in_an_old_processed_file_of_mnist_is_executed(tmp_path, monkeypatch):
    data_files.write("mnist", tmp_path, monkeypatch)
    mark, processed = tmp_path / "executed", tmp_path / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save(Intruder(mark), processed / name)
    with pytest.raises(DataError) as error:
        load("mnist", tmp_path)
    assert str(error.value) == unreadable("mnist", tmp_path)
    assert not mark.exists()


def test_a_download_is_quiet_and_then_read(tmp_path, monkeypatch, capfd):
    x_train, y_train, *_ = data_files.write("cifar100", tmp_path / "server", monkeypatch)
    archive = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "server" / "cifar-100-python", "cifar-100-python")
    cls = data_files.TV_CLASSES["cifar100"]
    monkeypatch.setattr(cls, "tgz_md5", data_files.md5(archive))
    served = []

    def serve(url, filename, *args):
        print("10%")
        served.append(url)
        shutil.copy(archive, filename)

    monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", serve)
    data = load("cifar100", tmp_path / "here", val_share=0)
    assert served == [cls.url]
    assert capfd.readouterr() == ("", "")
    assert sorted(data.train.y_N.tolist()) == sorted(y_train)
    assert int(data.train.x.long().sum()) == int(x_train.astype(np.int64).sum())
    load("cifar100", tmp_path / "here")
    assert len(served) == 1


def test_an_archive_that_lies_there_is_unpacked_without_network(tmp_path, monkeypatch, offline):
    data_files.write("cifar100", tmp_path / "other", monkeypatch)
    archive = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "other" / "cifar-100-python", "cifar-100-python")
    monkeypatch.setattr(data_files.TV_CLASSES["cifar100"], "tgz_md5", data_files.md5(archive))
    assert len(load("cifar100", tmp_path).test) == 200
    assert offline == []


def real(name):
    folder = Path(REAL or "nowhere")
    return pytest.mark.skipif(
        not REAL or bool(PLACES[name].missing(folder)), reason=f"needs {PLACES[name].put} under $RANDFEAT_DATA"
    )


@real("mnist")
def test_the_real_mnist():
    raw = make_part("data", {"part": "mnist"}).read(Path(str(REAL)))
    assert raw.train.y_N.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert raw.test.y_N.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert raw.train.y_N[:5].tolist() == [5, 0, 4, 1, 9]
    assert (raw.train.x.double().mean() / 255).item() == pytest.approx(0.1307, abs=5e-5)


@real("cifar10")
def test_the_real_cifar10():
    raw = make_part("data", {"part": "cifar10"}).read(Path(str(REAL)))
    assert raw.train.y_N.bincount().tolist() == [5000] * 10
    assert raw.test.y_N.bincount().tolist() == [1000] * 10
    assert raw.train.y_N[:3].tolist() == [6, 9, 9]
    assert raw.train.x[0, :, 0, 0].tolist() == [59, 62, 63]
    means = raw.train.x.double().mean((0, 2, 3)) / 255
    assert means.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
