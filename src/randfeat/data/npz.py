"""Arrays of the user's own, from one .npz file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile
from torch import Tensor

from randfeat.data.base import AbstractData
from randfeat.data.content import file_hash
from randfeat.data.dataset import Raw
from randfeat.data.images import channels_first, channels_first_shape
from randfeat.data.split import with_fifth_held_out
from randfeat.errors import ConfigError, DataError, listing
from randfeat.registry import register
from randfeat.typing import Examples, Task

TRAIN_KEYS = {"x_train", "y_train"}
ALL_KEYS = TRAIN_KEYS | {"x_test", "y_test"}
MOST_CLASSES = 50
"""Of floating-point answers that look like labels."""

UNREADABLE = (EOFError, LookupError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


@register("data", "npz")
@dataclass(frozen=True, kw_only=True)
class Npz(AbstractData):
    """Your own arrays, from one .npz file with x_train, y_train and, where there is a test set, x_test, y_test.

    Images are uint8 with axes N,H,W or N,H,W,C or N,C,H,W and C in {1, 3}; vectors are numbers with axes N,D, and sequences
    are numbers of any type but uint8 with axes N,T,C (steps, channels), both kept as float32. Labels are whole numbers
    from 0 to K - 1 with axis N, each class among the training rows. Where y is of a floating-point type, with axes N or N,K,
    its numbers are what is asked for, in their own units: a regression; with axis N and only a few whole numbers from 0 on,
    which look like labels, it is refused. Without x_test, a fixed stratified fifth of the
    rows is the test set, the same for every seed. Pickled objects are never read. The key of a run has the file's
    content, not its path.

    Attributes:
        path: of the file.
    """

    path: str = ""

    def identity(self) -> dict[str, Any]:
        """As every part's, with 12 hex of the file's SHA-256 under ``content`` for the path."""
        identity = {name: value for name, value in super().identity().items() if name != "path"}
        return identity | {"content": file_hash(self._file())} if self.path else identity

    def raw_task(self) -> Task:
        """From the header of x_train, and the labels of y_train or its header; no row is read."""
        with self._open() as arrays:
            row = self._row_shape("x_train")
            if n_numbers := self._n_numbers("y_train"):
                self._refuse_labels(arrays)
                return Task(row, n_numbers, numbers=True)
            return Task(row, int(self._labels(arrays, "y_train").max()) + 1)

    def read(self, folder: Path) -> Raw:
        """The rows in the order of the file; the data folder is not looked at."""
        with self._open() as arrays:
            train = self._examples(arrays, "train")
            if "x_test" not in arrays:
                return with_fifth_held_out(train, f"{self.title()}: {self.path}")
            self._compare()
            return Raw(train, self._examples(arrays, "test"))

    def _compare(self) -> None:
        """Refuses test rows that are not like the training rows."""
        row, test_row = self._row_shape("x_train"), self._row_shape("x_test")
        if row != test_row:
            raise self._error(f"rows of x_train have shape {row} but rows of x_test {test_row}. Make them equal.")
        if self._n_numbers("y_train") != self._n_numbers("y_test"):
            (shape, dtype), (test_shape, test_dtype) = (self._header(key) for key in ("y_train", "y_test"))
            raise self._error(
                f"y_train is {dtype} of shape {shape} but y_test {test_dtype} of shape {test_shape}. Make both classes, or"
                " both numbers with as many columns."
            )

    def _error(self, text: str) -> DataError:
        return DataError(f"{self.title()}: {self.path}: {text}")

    def _file(self) -> Path:
        if not self.path:
            raise ConfigError(f"{self.title()} needs a file: data.path=FILE.npz.")
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise self._error("there is no such file. Give one with data.path=FILE.npz.")
        return file

    @contextmanager
    def _open(self) -> Iterator[NpzFile]:
        """The arrays by name, read when asked for; whatever numpy objects to becomes a DataError."""
        file = self._file()
        if not zipfile.is_zipfile(file):
            raise self._error("not an .npz file, or a truncated one. Make it with numpy.savez(FILE, x_train=..., ...).")
        try:
            with file.open("rb") as content, np.load(content, allow_pickle=False) as arrays:
                if set(arrays.files) not in (TRAIN_KEYS, ALL_KEYS):
                    have = listing(arrays.files) or "none"
                    raise self._error(f"the arrays must be x_train, y_train and perhaps x_test, y_test; got {have}.")
                yield arrays
        except UNREADABLE as error:
            raise self._error(f"cannot be read ({error}). Make it again with numpy.savez.") from error

    def _header(self, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array that is not read for it."""
        with zipfile.ZipFile(self._file()) as file, file.open(f"{key}.npy") as member:
            read = npy.read_array_header_1_0 if npy.read_magic(member) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(member)
        if dtype.hasobject:
            raise self._error(f"{key} holds Python objects, which are never read. Save an array of plain numbers.")
        return shape, dtype

    def _row_shape(self, key: str) -> tuple[int, ...]:
        shape, dtype = self._header(key)
        images = channels_first_shape(shape[1:]) if dtype == np.uint8 else None
        plain = dtype.kind in "fiu" and (len(shape) == 2 or (len(shape) == 3 and dtype != np.uint8))
        row = shape[1:] if plain else images
        if row is None or 0 in row:
            raise self._error(
                f"{key} is {dtype} of shape {shape}. Use uint8 images of shape N,H,W or N,H,W,C or N,C,H,W with 1 or 3"
                " channels, vectors of numbers of shape N,D, or sequences of numbers of shape N,T,C that are"
                " not uint8 (three axes of uint8 are images)."
            )
        return row

    def _n_numbers(self, key: str) -> int:
        """How many numbers are asked for in each row; 0 where it is a class."""
        shape, dtype = self._header(key)
        if dtype.kind != "f" or len(shape) not in (1, 2):
            return 0
        return 1 if len(shape) == 1 else shape[1]

    def _refuse_labels(self, arrays: NpzFile) -> None:
        """Refuses floating-point answers with one axis that are 0, 1, ..., K - 1 for a small K, twice or more on average."""
        shape, dtype = self._header("y_train")
        found = np.unique(arrays["y_train"])
        few = 1 < len(found) <= min(MOST_CLASSES, shape[0] // 2)
        if len(shape) == 1 and few and np.array_equal(found, np.arange(len(found))):
            raise self._error(
                f"y_train holds only the whole numbers 0 to {len(found) - 1}, as {dtype}. Save y_train and y_test as integers"
                " for classes, or of shape N,1 for numbers."
            )

    def _answers(self, arrays: NpzFile, key: str) -> Tensor:
        """Classes (N,), or numbers (N, K)."""
        n_numbers = self._n_numbers(key)
        if not n_numbers:
            return torch.from_numpy(self._labels(arrays, key))
        return self._finite(arrays, key).reshape(-1, n_numbers)

    def _finite(self, arrays: NpzFile, key: str) -> Tensor:
        with np.errstate(over="ignore"):
            numbers = arrays[key].astype(np.float32)
        if not np.isfinite(numbers).all():
            raise self._error(f"{key} has NaN or infinite numbers (in float32). Leave those rows out or fill them in.")
        return torch.from_numpy(numbers)

    def _labels(self, arrays: NpzFile, key: str) -> npt.NDArray[np.int64]:
        shape, dtype = self._header(key)
        if len(shape) != 1 or dtype.kind not in "iu" or shape[0] == 0:
            raise self._error(
                f"{key} is {dtype} of shape {shape}. Use whole numbers of shape N for classes, or floating-point ones of"
                " shape N or N,K for numbers; at least one row."
            )
        y_N: npt.NDArray[np.int64] = arrays[key].astype(np.int64)
        if y_N.min() < 0:
            raise self._error(f"{key} has the label {y_N.min()}. Number the classes 0, 1, 2, ...")
        if key == "y_train" and len(found := np.unique(y_N)) <= y_N.max():
            absent = next(k for k in range(len(found) + 1) if k not in found)
            raise self._error(f"y_train has labels up to {y_N.max()} but none is {absent}. Number them without gaps.")
        return y_N

    def _examples(self, arrays: NpzFile, split: str) -> Examples:
        x_key, y_key = f"x_{split}", f"y_{split}"
        row, y_N = self._row_shape(x_key), self._answers(arrays, y_key)
        n = self._header(x_key)[0][0]
        if n != len(y_N):
            raise self._error(f"{x_key} has {n} rows but {y_key} has {len(y_N)}. Give every row one label.")
        if len(row) == 3:
            return Examples(channels_first(torch.from_numpy(arrays[x_key])), y_N)
        return Examples(self._finite(arrays, x_key), y_N)
