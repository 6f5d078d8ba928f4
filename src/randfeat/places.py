"""Where downloaded files lie on disk, the data sets' among them, and how they are fetched."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 10.0
"""Seconds without an answer after which a download is given up."""

UNREADABLE = (
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What torch and torchvision raise on truncated or altered files."""

BUILT_IN = ("blobs", "digits")
YOURS = ("imagefolder", "npz")


@dataclass(frozen=True)
class Place:
    """The files of a downloaded set, relative to the data folder, and what a user has to put there to have them."""

    put: str
    files: tuple[str, ...]

    def missing(self, folder: Path) -> list[str]:
        """The files that are not under ``folder``, in the order of ``files``."""
        return [file for file in self.files if not (folder / file).is_file()]


def _inside(folder: str, *names: str) -> Place:
    return Place(folder, tuple(f"{folder}/{name}" for name in names))


_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

PLACES = {
    "mnist": _inside("MNIST/raw", *_IDX),
    "fashion_mnist": _inside("FashionMNIST/raw", *_IDX),
    "kmnist": _inside("KMNIST/raw", *_IDX),
    "cifar10": _inside("cifar-10-batches-py", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
    "cifar100": _inside("cifar-100-python", "train", "test", "meta"),
    "svhn": Place("train_32x32.mat and test_32x32.mat", ("train_32x32.mat", "test_32x32.mat")),
    "stl10": _inside("stl10_binary", "train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin"),
}


def data_folder(given: Path | None) -> Path:
    """The folder of the downloaded sets: the one given, else ``$RANDFEAT_DATA``, else ``~/.cache/randfeat``."""
    return Path(given or os.environ.get("RANDFEAT_DATA") or "~/.cache/randfeat").expanduser()


def whereabouts(name: str, folder: Path) -> str:
    """Where ``data=name`` comes from, in words: ``built in``, ``yours (data.path)``, ``on disk`` or not on disk."""
    if name in BUILT_IN:
        return "built in"
    if name in YOURS:
        return "yours (data.path)"
    if name not in PLACES:
        return "from another package"
    return "not on disk (downloads on first use)" if PLACES[name].missing(folder) else "on disk"


@contextlib.contextmanager
def downloading() -> Iterator[None]:
    """No progress bar, and an error where the network does not answer for ``PATIENCE_S``."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)
