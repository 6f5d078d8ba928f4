"""Images read pixel by pixel: a sequence as long as the image has pixels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.data.digits import Digits
from randfeat.data.torchvision import AbstractDownloaded, Mnist
from randfeat.registry import register
from randfeat.seeds import stream
from randfeat.typing import Examples, Task


@register("data", "sequential_digits")
@dataclass(frozen=True, kw_only=True)
class SequentialDigits(AbstractData):
    """The digits of data=digits pixel by pixel: sequences of 64 grey values in 10 classes; built in.

    In reading order, line by line from the top left; the class is asked for after the last pixel. The rows that train
    and test are those of data=digits.

    Attributes:
        permuted: the pixels come in a random order, one for all rows and the same for every seed.

    See: Le, Jaitly and Hinton, arXiv:1504.00941 (2015), for MNIST.
    """

    permuted: bool = False

    def raw_task(self) -> Task:
        """64 steps of one grey value."""
        return pixel_task(Digits().raw_task())

    def read(self, folder: Path) -> Raw:
        """The rows of data=digits as sequences."""
        return pixel_by_pixel(Digits().read(folder), self.permuted)


@register("data", "sequential_mnist")
@dataclass(frozen=True, kw_only=True)
class SequentialMnist(AbstractDownloaded):
    """MNIST pixel by pixel: 60,000 + 10,000 sequences of 784 grey values in 10 classes.

    In reading order, line by line from the top left; the class is asked for after the last pixel. From the files of
    data=mnist.

    Attributes:
        permuted: the pixels come in a random order, one for all rows and the same for every seed.

    See: Le, Jaitly and Hinton, arXiv:1504.00941 (2015).
    """

    source = Mnist.source
    instead = "sequential_digits"

    permuted: bool = False

    def raw_task(self) -> Task:
        """784 steps of one grey value."""
        return pixel_task(super().raw_task())

    def read(self, folder: Path) -> Raw:
        """The published rows as sequences."""
        return pixel_by_pixel(super().read(folder), self.permuted)


def pixel_task(images: Task) -> Task:
    """Of images (C, H, W), the task with one step for each pixel: (H * W, C)."""
    channels, height, width = images.shape
    return dataclasses.replace(images, shape=(height * width, channels))


def pixel_by_pixel(images: Raw, permuted: bool) -> Raw:
    """Bytes (N, C, H, W) as bytes (N, H * W, C), in reading order or in one random order of the pixels."""
    return dataclasses.replace(images, train=_as_sequences(images.train, permuted), test=_as_sequences(images.test, permuted))


def _as_sequences(images: Examples, permuted: bool) -> Examples:
    x = images.x.flatten(2).movedim(1, 2)
    if permuted:
        x = x[:, torch.from_numpy(stream(0, "data", "pixels", "permuted").permutation(x.shape[1]))]
    return Examples(x.contiguous(), images.y_N)
