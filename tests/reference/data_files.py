"""Small sets in the official file formats, and what they hold: x_train, y_train, x_test, y_test, images N,C,H,W."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import scipy.io
import torchvision.datasets as tv
from PIL import Image

from randfeat.registry import part_class

CLASSES = {"cifar100": 100, "norb": 5}
SHAPES = {
    "mnist": (1, 28, 28),
    "sequential_mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "kmnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "svhn": (3, 32, 32),
    "stl10": (3, 96, 96),
    "norb": (2, 96, 96),
    "npz": (3, 12, 9),
    "imagefolder": (3, 32, 32),
}
TV_CLASSES = {
    "mnist": tv.MNIST,
    "sequential_mnist": tv.MNIST,
    "fashion_mnist": tv.FashionMNIST,
    "kmnist": tv.KMNIST,
    "cifar10": tv.CIFAR10,
    "cifar100": tv.CIFAR100,
    "svhn": tv.SVHN,
    "stl10": tv.STL10,
}


def images(shape, n_classes, per_class, seed):
    """Noisy images, brighter from class to class and from channel to channel, in a random order of classes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(n_classes), per_class))
    bright = 60 + 100 * y / n_classes
    x = bright[:, None, None, None] + 15 * np.arange(shape[0])[:, None, None] + 30 * rng.standard_normal((len(y), *shape))
    return x.clip(0, 255).astype(np.uint8), y.astype(np.int64)


def known(name):
    """What the small set of this name holds."""
    n_classes = CLASSES.get(name, 10)
    few = max(1, 10 // n_classes)
    train, test = (images(SHAPES[name], n_classes, rows, seed) for rows, seed in ((few * 6, 1), (few * 2, 2)))
    return *train, *test


def write(name, folder, monkeypatch):
    """Write the small set where the program looks for it; checksums and numbers of rows become those of the small files."""
    arrays = known(name)
    cls = part_class("data", name)
    monkeypatch.setattr(cls, "source", cls.source._replace(rows=(len(arrays[1]), len(arrays[3]))))
    writers = {"cifar10": _cifar10, "cifar100": _cifar100, "svhn": _svhn, "stl10": _stl10}
    writers.get(name, _mnist)(TV_CLASSES[name], folder, monkeypatch, *arrays)
    return arrays


def write_norb(folder, monkeypatch):
    """The small set of stereo pairs where the program looks for it; numbers of rows become those of the small files."""
    arrays = x_train, y_train, x_test, y_test = known("norb")
    monkeypatch.setattr(part_class("data", "norb"), "rows", (len(y_train), len(y_test)))
    (folder / "norb").mkdir()
    for split, x, y in (("46789x9x18x6x2x96x96-training", x_train, y_train), ("01235x9x18x6x2x96x96-testing", x_test, y_test)):
        start = folder / "norb" / f"smallnorb-5x{split}"
        Path(f"{start}-dat.mat").write_bytes(norb_header(0x1E3D4C55, *x.shape) + x.tobytes())
        Path(f"{start}-cat.mat").write_bytes(norb_header(0x1E3D4C54, len(y)) + y.astype("<i4").tobytes())
    return arrays


def norb_header(magic, *sides):
    """Little-endian; where there are fewer than three sides, ones stand for the others."""
    filled = [*sides, 1, 1, 1][: max(3, len(sides))]
    return struct.pack(f"<Ii{len(filled)}i", magic, len(sides), *filled)


def write_folder(root, x, y):
    """PNG files, ROOT/CLASS/NUMBER.png, and the order in which they are read."""
    for k in np.unique(y):
        (root / f"class_{k}").mkdir(parents=True)
    for i, (image, k) in enumerate(zip(x, y, strict=True)):
        Image.fromarray(image.transpose(1, 2, 0)).save(root / f"class_{k}" / f"{i:04d}.png")
    return np.argsort(y, kind="stable")


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def _idx(file, array):
    header = struct.pack(">I", 0x0800 + array.ndim) + b"".join(struct.pack(">I", side) for side in array.shape)
    file.write_bytes(header + array.astype(np.uint8).tobytes())


def _mnist(cls, folder, monkeypatch, x_train, y_train, x_test, y_test):
    raw = folder / cls.__name__ / "raw"
    raw.mkdir(parents=True)
    for prefix, x, y in (("train", x_train, y_train), ("t10k", x_test, y_test)):
        _idx(raw / f"{prefix}-images-idx3-ubyte", x[:, 0])
        _idx(raw / f"{prefix}-labels-idx1-ubyte", y)


def _pickled(file, x, y, labels):
    file.write_bytes(pickle.dumps({"data": x.reshape(len(x), -1), labels: [int(k) for k in y]}))
    return [file.name, md5(file)]


def _cifar10(cls, folder, monkeypatch, x_train, y_train, x_test, y_test):
    base = folder / cls.base_folder
    base.mkdir(parents=True)
    batches = zip(np.array_split(x_train, 5), np.array_split(y_train, 5), strict=True)
    train = [_pickled(base / f"data_batch_{i}", x, y, "labels") for i, (x, y) in enumerate(batches, 1)]
    _patch_cifar(cls, base, monkeypatch, train, [_pickled(base / "test_batch", x_test, y_test, "labels")], 10)


def _cifar100(cls, folder, monkeypatch, x_train, y_train, x_test, y_test):
    base = folder / cls.base_folder
    base.mkdir(parents=True)
    train = [_pickled(base / "train", x_train, y_train, "fine_labels")]
    _patch_cifar(cls, base, monkeypatch, train, [_pickled(base / "test", x_test, y_test, "fine_labels")], 100)


def _patch_cifar(cls, base, monkeypatch, train, test, n_classes):
    meta = base / cls.meta["filename"]
    meta.write_bytes(pickle.dumps({cls.meta["key"]: [f"class {k}" for k in range(n_classes)]}))
    monkeypatch.setattr(cls, "train_list", train)
    monkeypatch.setattr(cls, "test_list", test)
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(meta)})


def _svhn(cls, folder, monkeypatch, x_train, y_train, x_test, y_test):
    folder.mkdir(parents=True, exist_ok=True)
    sums = {}
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        file = folder / f"{split}_32x32.mat"
        scipy.io.savemat(file, {"X": x.transpose(2, 3, 1, 0), "y": np.where(y == 0, 10, y)[:, None].astype(np.uint8)})
        sums[split] = ["http://nowhere.invalid/file.mat", file.name, md5(file)]
    monkeypatch.setattr(cls, "split_list", sums)


def _stl10(cls, folder, monkeypatch, x_train, y_train, x_test, y_test):
    base = folder / cls.base_folder
    base.mkdir(parents=True)
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        (base / f"{split}_X.bin").write_bytes(x.transpose(0, 1, 3, 2).tobytes())
        (base / f"{split}_y.bin").write_bytes((y + 1).astype(np.uint8).tobytes())
    (base / "unlabeled_X.bin").write_bytes(x_train[:2].tobytes())
    for listed in ("train_list", "test_list"):
        monkeypatch.setattr(cls, listed, [[file, md5(base / file)] for file, _ in getattr(cls, listed)])
