"""Pictures of the user's own, one folder for each class."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from randfeat.data.base import AbstractData
from randfeat.data.content import content_hash
from randfeat.data.dataset import Raw
from randfeat.data.split import with_fifth_held_out
from randfeat.errors import ConfigError, DataError, listing
from randfeat.part import setting
from randfeat.registry import register
from randfeat.typing import Examples, Task

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm")

Tree = dict[str, list[Path]]
"""The files of each class, classes and files in alphabetical order."""


@register("data", "imagefolder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(AbstractData):
    """Your own pictures (png, jpg, bmp, ppm), in folders train/CLASS and test/CLASS, or CLASS alone.

    Every picture becomes RGB and is squeezed to ``size`` x ``size`` pixels, bilinear with antialiasing. Classes are
    numbered in alphabetical order. Without train and test folders, a fixed stratified fifth of the pictures is the test
    set, the same for every seed. The key of a run has the pictures' names and content, not the path of the folder.

    Attributes:
        path: of the folder.
        size: side of the images in pixels.
    """

    path: str = ""
    size: int = setting(32, ge=1)

    def identity(self) -> dict[str, Any]:
        """As every part's, with 12 hex of SHA-256 over names and content under ``content`` for the path."""
        identity = {name: value for name, value in super().identity().items() if name != "path"}
        if not self.path:
            return identity
        files = [file for tree in self._trees() for of_class in tree.values() for file in of_class]
        return identity | {"content": content_hash(self._root(), files)}

    def raw_task(self) -> Task:
        """From the names of the folders; no picture is opened."""
        return Task((3, self.size, self.size), len(self._trees()[0]))

    def read(self, folder: Path) -> Raw:
        """The pictures class by class; the data folder is not looked at."""
        splits = [self._examples(tree) for tree in self._trees()]
        return Raw(splits[0], splits[1]) if len(splits) == 2 else with_fifth_held_out(splits[0], f"{self.title()}: {self.path}")

    def _error(self, path: Path, text: str) -> DataError:
        return DataError(f"{self.title()}: {path}: {text}")

    def _root(self) -> Path:
        if not self.path:
            raise ConfigError(f"{self.title()} needs a folder: data.path=FOLDER.")
        root = Path(self.path).expanduser()
        if not root.is_dir():
            raise self._error(root, "there is no such folder. Give one with data.path=FOLDER.")
        return root

    def _trees(self) -> list[Tree]:
        """Training and test files, or one tree of all files where there is no such split."""
        root = self._root()
        split = [root / name for name in ("train", "test") if (root / name).is_dir()]
        if len(split) == 1:
            raise self._error(root, f"there is {split[0].name}/ alone. Use train/CLASS and test/CLASS, or CLASS alone.")
        trees = [self._tree(folder) for folder in split or [root]]
        if list(trees[0]) != list(trees[-1]):
            differ = listing(set(trees[0]) ^ set(trees[-1]))
            raise self._error(root, f"train/ and test/ must have the same classes; only one of them has {differ}.")
        return trees

    def _tree(self, folder: Path) -> Tree:
        classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if not classes:
            raise self._error(folder, "there are no classes. Put the pictures of each class in a folder of its own.")
        return {entry.name: self._pictures(entry) for entry in classes}

    def _pictures(self, folder: Path) -> list[Path]:
        files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
        if not files:
            raise self._error(folder, f"there are no pictures ({', '.join(SUFFIXES)}). Add some, or delete the folder.")
        return files

    def _examples(self, tree: Tree) -> Examples:
        pixels = np.stack([self._pixels(file) for files in tree.values() for file in files])
        y_N = np.repeat(np.arange(len(tree)), [len(files) for files in tree.values()])
        return Examples(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y_N))

    def _pixels(self, file: Path) -> npt.NDArray[np.uint8]:
        """(size, size, 3)."""
        from PIL import Image

        try:
            with Image.open(file) as picture:
                deep = picture.mode.startswith("I")  # 16 bits of grey, which convert() would clip at 255
                whole = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8)) if deep else picture
                small = whole.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
            raise self._error(file, "not a picture that can be read. Save it again, or delete it.") from error
        return np.asarray(small)
