"""Small NORB, stereo pairs of toys, from its published binary files."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from randfeat.data.base import AbstractData
from randfeat.data.dataset import Raw
from randfeat.errors import ConfigError, DataError, listing
from randfeat.places import PLACES
from randfeat.registry import register
from randfeat.typing import Examples, Task

MAGIC = {"u1": 0x1E3D4C55, "<i4": 0x1E3D4C54}
"""The first four bytes of a file, as a whole number, by the type of its numbers."""

VIEWS = {"left": slice(0, 1), "right": slice(1, 2), "both": slice(0, 2)}


@register("data", "norb")
@dataclass(frozen=True, kw_only=True)
class Norb(AbstractData):
    """Small NORB, toys from many sides: 24,300 + 24,300 stereo pairs of grey images of 96x96 pixels in 5 classes.

    The normalised, uniform set: five toys of each class to train on, five others to test on. ``view=both`` makes the two
    images channels of one. The files lie under norb/ in the data folder, as published or packed (.gz); nothing downloads
    them. Of the names in them, instance, elevation, azimuth and lighting (``info``) are not read.

    Attributes:
        view: of the pair: ``left``, ``right``, or ``both``.

    Memory: the views kept, 224 MB each for a split at 96x96, and both of one split while it is read.
    See: LeCun, Huang and Bottou, "Learning methods for generic object recognition with invariance to pose and lighting",
    CVPR 2004.
    """

    view: Literal["left", "right", "both"] = "left"

    rows: ClassVar[tuple[int, int]] = (24_300, 24_300)

    def raw_task(self) -> Task:
        """As published, with a channel for each view."""
        if self.view == "both" and self.grayscale:
            raise ConfigError(f"{self.title()} is grey, with a channel for each view. Leave out data.grayscale.")
        views = VIEWS[self.view]
        return Task((views.stop - views.start, 96, 96), 5)

    def read(self, folder: Path) -> Raw:
        """The published training and test rows, in the order of the files."""
        place = PLACES[self.part]
        if missing := place.missing(folder):
            raise DataError(
                f"{self.title()} is not under {folder}, and nothing downloads it. Put {listing(missing)} there,"
                " as published or packed (.gz), or use data=digits (built in)."
            )
        files = [place.found(folder, file) for file in place.files]
        train, test = (self._examples(files[k], files[k + 1], n) for k, n in zip((0, 2), self.rows, strict=True))
        return Raw(train, test)

    def _examples(self, images: Path, classes: Path, n: int) -> Examples:
        x = self._array(images, "u1", (n, 2, 96, 96))[:, VIEWS[self.view]].copy()
        y_N = self._array(classes, "<i4", (n,)).astype(np.int64)
        return Examples(torch.from_numpy(x), torch.from_numpy(y_N))

    def _array(self, path: Path, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The numbers of a file, which must have this type and shape."""
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                self._check_header(path, file, dtype, shape)
                numbers = np.empty(shape, dtype)
                if file.readinto(numbers.reshape(-1).view(np.uint8).data) != numbers.nbytes or file.read(1):
                    raise self._error(path, f"does not end after {numbers.size:,} numbers")
                return numbers
        except (EOFError, OSError, struct.error, zlib.error) as error:
            raise self._error(path, f"cannot be read ({error})") from error

    def _check_header(self, path: Path, file: BufferedIOBase, dtype: str, shape: tuple[int, ...]) -> None:
        """The magic number, the number of dimensions, and so many sides, or three where there are fewer; little-endian."""
        magic, n_dims = struct.unpack("<Ii", file.read(8))
        if magic != MAGIC[dtype]:
            raise self._error(path, f"begins with 0x{magic:08X}, not with 0x{MAGIC[dtype]:08X}")
        if n_dims != len(shape):
            raise self._error(path, f"has {n_dims} dimensions, not {len(shape)}")
        sides = struct.unpack(f"<{max(n_dims, 3)}i", file.read(4 * max(n_dims, 3)))[:n_dims]
        if sides != shape:
            raise self._error(path, f"has the shape {sides}, not {shape}")

    def _error(self, path: Path, text: str) -> DataError:
        return DataError(f"{self.title()}: {path} {text}. Put the published file there.")
