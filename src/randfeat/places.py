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

BUILT_IN = ("adding", "blobs", "copy", "digits", "karate", "previous", "relations", "sequential_digits")
YOURS = ("imagefolder", "npz")


@dataclass(frozen=True)
class Place:
    """The files of a set in the data folder, relative to it, and what a user has to put there to have them.

    Attributes:
        put: in words.
        files: each of them.
        by_hand: nothing downloads them, and each may be there packed, with .gz behind its name.
        instead: files that do as well as those.
    """

    put: str
    files: tuple[str, ...]
    by_hand: bool = False
    instead: tuple[str, ...] = ()

    def missing(self, folder: Path) -> list[str]:
        """The files that are not under ``folder``, in the order of ``files``; none where those ``instead`` are all there."""
        return [] if self.instead and not self.absent(folder, self.instead) else self.absent(folder, self.files)

    def absent(self, folder: Path, files: tuple[str, ...]) -> list[str]:
        """Those of these files that are not under ``folder``."""
        return [file for file in files if not self.found(folder, file).is_file()]

    def found(self, folder: Path, file: str) -> Path:
        """Where a file lies under ``folder``, or would: packed where it may be and lies only so."""
        plain, packed = folder / file, folder / f"{file}.gz"
        return packed if self.by_hand and packed.is_file() and not plain.is_file() else plain


def _inside(folder: str, *names: str) -> Place:
    return Place(folder, tuple(f"{folder}/{name}" for name in names))


PLANETOID = ("y", "tx", "ty", "allx", "ally", "graph", "test.index")
"""The ends of the names of the files that Planetoid published for a graph; x, the first rows of allx, is not needed."""


def planetoid(name: str) -> Place:
    """The files of ``cora``, ``citeseer`` or ``pubmed``."""
    files = tuple(f"planetoid/ind.{name}.{end}" for end in PLANETOID)
    one = f"graphs/{name}.npz"
    return Place(f"planetoid/ind.{name}.* or {one}", files, by_hand=True, instead=(one,))


_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_NORB = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")

PLACES = {
    "mnist": _inside("MNIST/raw", *_IDX),
    "fashion_mnist": _inside("FashionMNIST/raw", *_IDX),
    "kmnist": _inside("KMNIST/raw", *_IDX),
    "cifar10": _inside("cifar-10-batches-py", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
    "cifar100": _inside("cifar-100-python", "train", "test", "meta"),
    "svhn": Place("train_32x32.mat and test_32x32.mat", ("train_32x32.mat", "test_32x32.mat")),
    "stl10": _inside("stl10_binary", "train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin"),
    "norb": Place(
        "norb/smallnorb-*-dat.mat and -cat.mat",
        tuple(f"norb/smallnorb-{split}-{kind}.mat" for split in _NORB for kind in ("dat", "cat")),
        by_hand=True,
    ),
    "planetoid": planetoid("cora"),
}
PLACES["sequential_mnist"] = PLACES["mnist"]


def data_folder(given: Path | None) -> Path:
    """The folder of the downloaded sets: the one given, else ``$RANDFEAT_DATA``, else ``~/.cache/randfeat``."""
    return Path(given or os.environ.get("RANDFEAT_DATA") or "~/.cache/randfeat").expanduser()


def whereabouts(name: str, folder: Path) -> str:
    """Where ``data=name`` comes from, in words: ``built in``, ``yours (data.path)``, ``on disk``, or not and what then."""
    if name in BUILT_IN:
        return "built in"
    if name in YOURS:
        return "yours (data.path)"
    if name not in PLACES:
        return "from another package"
    if not PLACES[name].missing(folder):
        return "on disk"
    return f"not on disk (put {PLACES[name].put} there)" if PLACES[name].by_hand else "not on disk (downloads on first use)"


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
