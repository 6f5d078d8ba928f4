"""What every data set is: how many rows are kept, how they are held out, scaled and augmented."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import torch

from randfeat.data.augment import FlipAndCrop
from randfeat.data.dataset import Augment, Dataset, Raw, Scale
from randfeat.data.images import grey, resized
from randfeat.data.scale import as_float, each_standardised, fit_standardised, fit_whitened
from randfeat.data.split import classes, stratified, take, train_and_val
from randfeat.errors import ConfigError, DataError, listing
from randfeat.part import Part, setting
from randfeat.seeds import stream
from randfeat.typing import Examples, Task


@dataclass(frozen=True, kw_only=True)
class AbstractData(Part, ABC):
    """A data set for classification, with the settings that all of them share.

    Attributes:
        n_train: training rows kept, validation rows among them; drawn by the data seed, stratified. None: all.
        n_test: test rows kept, drawn likewise. None: all, whatever the seed.
        val_share: share of the kept training rows that is held out for choices; stratified. 0: no validation rows.
        grayscale: colour images become their luma (ITU-R BT.601).
        resize: side of the images in pixels; bilinear, antialiased. None: as they are.
        scaling: ``standardise`` (mean 0, variance 1 by channel or column; fitted on the rows that train, never on others),
            ``rows`` (mean 0, variance 1 of every row by itself), ``zca`` (standardised by channel or column, then whitened;
            fitted likewise) or ``none`` (images from 0 to 1, vectors as they are).
        zca_epsilon: what whitening adds to each eigenvalue of the covariance, in units of a standardised variance.
        flip: training images are mirrored left-right with chance 1/2, anew for each batch.
        crop_pad: zero pixels around a training image before a random crop to its own size. 0: no crop.
    """

    n_train: int | None = setting(None, ge=1)
    n_test: int | None = setting(None, ge=1)
    val_share: float = setting(0.1, ge=0, lt=1)
    grayscale: bool = False
    resize: int | None = setting(None, ge=1)
    scaling: Literal["standardise", "rows", "zca", "none"] = "standardise"
    zca_epsilon: float = setting(0.1, gt=0)
    flip: bool = False
    crop_pad: int = setting(0, ge=0)

    @abstractmethod
    def raw_task(self) -> Task:
        """The shape of one row and the number of classes in the files, known without loading the rows."""

    @abstractmethod
    def read(self, folder: Path) -> Raw:
        """All rows of the files, on the CPU. Downloaded sets lie under ``folder``.

        Raises:
            DataError: missing, truncated or malformed files.
        """

    @property
    @final
    def task(self) -> Task:
        """What a network for this data is built for: ``raw_task`` after ``grayscale`` and ``resize``.

        Raises:
            ConfigError: a setting for images, and the rows are vectors.
        """
        raw = self.raw_task()
        if len(raw.shape) == 1:
            self._refuse_image_settings(raw)
            return raw
        channels, height, width = raw.shape
        shape = (1 if self.grayscale else channels, self.resize or height, self.resize or width)
        return Task(shape, raw.n_classes)

    @final
    def load(self, seed: int, folder: Path, device: torch.device) -> Dataset:
        """The data set of this data seed, with its rows on ``device``.

        The seed draws the rows that ``n_train`` and ``n_test`` keep, the validation rows, and the order of the training
        rows; nothing else depends on it.

        Raises:
            ConfigError: more rows asked for than there are.
            DataError: missing, truncated or malformed files.
        """
        task = self.task
        raw = self.read(folder)
        for split, examples in (("training", raw.train), ("test", raw.test)):
            self._check(split, examples)
        kept = self._kept("train", raw.train, self.n_train, seed)
        test = self._images(self._kept("test", raw.test, self.n_test, seed))
        train, val = train_and_val(self._images(kept), self.val_share, seed)
        scale = self._scale(train, device)
        train, val, test = (_moved(examples, device) for examples in (train, val, test))
        return Dataset(task, train, val, test, scale, self._augment())

    def _refuse_image_settings(self, raw: Task) -> None:
        wanted = {
            "grayscale": self.grayscale,
            "resize": self.resize is not None,
            "flip": self.flip,
            "crop_pad": self.crop_pad > 0,
        }
        if any(wanted.values()):
            words = listing(f"data.{name}" for name, on in wanted.items() if on)
            raise ConfigError(
                f"{self.title()} has vectors of {raw.n_inputs} numbers, no images for {words}."
                " Leave that out, or use images such as data=digits."
            )

    def _check(self, split: str, examples: Examples) -> None:
        raw, x, y_N = self.raw_task(), examples.x, examples.y_N
        if len(x) != len(y_N):
            raise DataError(f"{self.title()} has {len(x)} {split} rows but {len(y_N)} {split} labels.")
        if len(y_N) == 0:
            raise DataError(f"{self.title()} has no {split} rows.")
        if tuple(x.shape[1:]) != raw.shape:
            raise DataError(f"{self.title()} should have {split} rows of shape {raw.shape}, got {tuple(x.shape[1:])}.")
        low, high = int(y_N.min()), int(y_N.max())
        if low < 0 or high >= raw.n_classes:
            raise DataError(f"{self.title()} should have {split} labels from 0 to {raw.n_classes - 1}, got {low} to {high}.")

    def _kept(self, split: str, examples: Examples, n: int | None, seed: int) -> Examples:
        if n is None:
            return examples
        if n > len(examples):
            raise ConfigError(f"data.n_{split}={n} is more than the {len(examples)} {split} rows of {self.title()}.")
        return take(examples, stratified(classes(examples), n, stream(seed, "data", split)))

    def _images(self, examples: Examples) -> Examples:
        x = grey(examples.x) if self.grayscale else examples.x
        return Examples(x if self.resize is None else resized(x, self.resize), examples.y_N)

    def _scale(self, train: Examples, device: torch.device) -> Scale:
        if self.scaling == "none":
            return as_float
        if self.scaling == "rows":
            return each_standardised
        if self.scaling == "zca":
            return fit_whitened(train.x, self.zca_epsilon, device)
        return fit_standardised(train.x, device)

    def _augment(self) -> Augment | None:
        return FlipAndCrop(self.flip, self.crop_pad) if self.flip or self.crop_pad else None


def _moved(examples: Examples, device: torch.device) -> Examples:
    return Examples(examples.x.to(device), examples.y_N.to(device))
