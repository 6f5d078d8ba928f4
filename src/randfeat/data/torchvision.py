"""The sets that torchvision downloads and reads: MNIST and its kin, CIFAR, SVHN, STL-10."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.data.images import channels_first
from randfeat.errors import DataError, listing
from randfeat.places import PLACES, UNREADABLE, downloading
from randfeat.registry import register
from randfeat.typing import Examples, Task


class Source(NamedTuple):
    """How torchvision calls a set, what it holds, under which attribute its classes are; training and test rows."""

    loader: str
    shape: tuple[int, int, int]
    n_classes: int
    labels: str
    rows: tuple[int, int]

    def open(self, folder: Path, train: bool, download: bool = False) -> Any:
        """The dataset of torchvision, which checks MD5 sums before it reads all but MNIST's plain arrays of bytes."""
        from torchvision import datasets  # takes seconds to import

        split = {"train": train} if self.labels == "targets" else {"split": "train" if train else "test"}
        return getattr(datasets, self.loader)(folder, download=download, **split)


@dataclass(frozen=True, kw_only=True)
class AbstractDownloaded(AbstractData):
    """A set that torchvision reads from the data folder, and downloads where it is not there."""

    source: ClassVar[Source]
    instead: ClassVar[str] = "digits"
    """A built-in set of the same kind, for messages."""

    def raw_task(self) -> Task:
        """As published."""
        return Task(self.source.shape, self.source.n_classes)

    def read(self, folder: Path) -> Raw:
        """The published training and test rows, in the order of the files."""
        if PLACES[self.part].missing(folder):
            self._download(folder)
        try:
            train, test = (self._examples(self.source.open(folder, train)) for train in (True, False))
        except UNREADABLE as error:
            raise DataError(
                f"{self.title()}: {PLACES[self.part].put} under {folder} cannot be read: truncated or altered."
                " Put an intact copy there, or delete it to download it again."
            ) from error
        if (len(train.x), len(test.x)) != self.source.rows:
            want, have = (f"{rows[0]:,} + {rows[1]:,}" for rows in (self.source.rows, (len(train.x), len(test.x))))
            raise DataError(
                f"{self.title()} should have {want} rows, but {PLACES[self.part].put} under {folder} has {have}."
                " Put an intact copy there, or give your own data as data=npz."
            )
        return Raw(train, test)

    def _examples(self, split: Any) -> Examples:
        y_N = torch.as_tensor(np.asarray(getattr(split, self.source.labels), dtype=np.int64))
        return Examples(channels_first(torch.as_tensor(split.data)), y_N)

    def _download(self, folder: Path) -> None:
        place = PLACES[self.part]
        missing = place.missing(folder)
        try:
            with downloading():
                for train in (True, False):
                    self.source.open(folder, train, download=True)
        except (*UNREADABLE, HTTPException) as error:
            whole = len(missing) == len(place.files)
            lack = "is not" if whole else f"is incomplete (without {listing(Path(file).name for file in missing)})"
            raise DataError(
                f"{self.title()} {lack} under {folder} and could not be downloaded."
                f" Put {place.put} there, or use data={self.instead} (built in)."
            ) from error


@register("data", "mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist(AbstractDownloaded):
    """MNIST, handwritten digits: 60,000 + 10,000 grey images of 28x28 pixels in 10 classes.

    See: LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE 86 (1998).
    """

    source = Source("MNIST", (1, 28, 28), 10, "targets", (60_000, 10_000))


@register("data", "fashion_mnist")
@dataclass(frozen=True, kw_only=True)
class FashionMnist(AbstractDownloaded):
    """Fashion-MNIST, articles of clothing: 60,000 + 10,000 grey images of 28x28 pixels in 10 classes.

    See: Xiao, Rasul and Vollgraf, arXiv:1708.07747 (2017).
    """

    source = Source("FashionMNIST", (1, 28, 28), 10, "targets", (60_000, 10_000))


@register("data", "kmnist")
@dataclass(frozen=True, kw_only=True)
class Kmnist(AbstractDownloaded):
    """Kuzushiji-MNIST, cursive Japanese characters: 60,000 + 10,000 grey images of 28x28 pixels in 10 classes.

    See: Clanuwat et al., arXiv:1812.01718 (2018).
    """

    source = Source("KMNIST", (1, 28, 28), 10, "targets", (60_000, 10_000))


@register("data", "cifar10")
@dataclass(frozen=True, kw_only=True)
class Cifar10(AbstractDownloaded):
    """CIFAR-10, animals and vehicles: 50,000 + 10,000 colour images of 32x32 pixels in 10 classes.

    See: Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """

    source = Source("CIFAR10", (3, 32, 32), 10, "targets", (50_000, 10_000))


@register("data", "cifar100")
@dataclass(frozen=True, kw_only=True)
class Cifar100(AbstractDownloaded):
    """CIFAR-100, things and creatures: 50,000 + 10,000 colour images of 32x32 pixels in 100 classes.

    The fine labels. See: Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """

    source = Source("CIFAR100", (3, 32, 32), 100, "targets", (50_000, 10_000))


@register("data", "svhn")
@dataclass(frozen=True, kw_only=True)
class Svhn(AbstractDownloaded):
    """SVHN, house numbers cropped to one digit: 73,257 + 26,032 colour images of 32x32 pixels in 10 classes.

    Without the "extra" images. See: Netzer et al., NIPS workshop on deep learning (2011).
    """

    source = Source("SVHN", (3, 32, 32), 10, "labels", (73_257, 26_032))


@register("data", "stl10")
@dataclass(frozen=True, kw_only=True)
class Stl10(AbstractDownloaded):
    """STL-10, animals and vehicles: 5,000 + 8,000 colour images of 96x96 pixels in 10 classes.

    Without the unlabelled images, though torchvision wants their file there. See: Coates, Lee and Ng, AISTATS (2011).
    """

    source = Source("STL10", (3, 96, 96), 10, "labels", (5_000, 8_000))
