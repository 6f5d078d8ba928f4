"""What every data set is: how many rows are kept, how they are held out, scaled and augmented."""

from __future__ import annotations

import dataclasses
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
from randfeat.typing import Examples, Task, row_blocks


@dataclass(frozen=True, kw_only=True)
class AbstractData(Part, ABC):
    """A data set with an answer for every row, and the settings that all of them share.

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
        target: what is asked for: the ``class`` (or what else the data set asks for), or the ``input`` itself, scaled, for
            networks that rebuild it: of an image the channels of every pixel, of a sequence those of every step.
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
    target: Literal["class", "input"] = "class"

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
        """What a network for this data is built for: ``raw_task`` after ``grayscale``, ``resize`` and ``target``.

        Raises:
            ConfigError: a setting for images, and the rows are none; a target that these rows cannot be.
        """
        raw = self.raw_task()
        if raw.kind == "images":
            channels, height, width = raw.shape
            shape = (1 if self.grayscale else channels, self.resize or height, self.resize or width)
            raw = dataclasses.replace(raw, shape=shape)
        else:
            self._refuse_image_settings(raw)
        return raw if self.target == "class" else self._rebuilt(raw)

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
        for split, examples in (("training", raw.train), ("test", raw.test), ("validation", raw.val)):
            if examples is not None:
                self._check(split, examples)
        kept = self._kept("train", raw.train, self.n_train, seed)
        test = self._images(self._kept("test", raw.test, self.n_test, seed))
        train, held_out = train_and_val(self._images(kept), self.val_share if raw.val is None else 0, seed)
        val = held_out if raw.val is None else self._images(raw.val)
        scale = self._scale(train, device)
        train, val, test = (self._ready(examples, scale, device) for examples in (train, val, test))
        return Dataset(task, train, val, test, scale, self._augment(), raw.edges)

    def _rebuilt(self, raw: Task) -> Task:
        """The task of giving a row of this shape back."""
        if raw.is_graph or self.flip or self.crop_pad:
            what = (
                "the rows are graphs" if raw.is_graph else "data.flip and data.crop_pad change the rows that are to be rebuilt"
            )
            raise ConfigError(f"data.target=input cannot be asked for: {what}. Use data.target=class, or leave that out.")
        if raw.kind == "vectors":
            return Task(raw.shape, raw.shape[0], numbers=True)
        channels, *places = raw.shape if raw.kind == "images" else raw.shape[::-1]
        return Task(raw.shape, channels, tuple(places), numbers=True)

    def _ready(self, examples: Examples, scale: Scale, device: torch.device) -> Examples:
        """The rows on the device, with what is asked of them."""
        x, y_N = examples.x.to(device), examples.y_N.to(device)
        if self.target == "class":
            return Examples(x, y_N)
        rebuilt = torch.cat([scale(rows) for rows in row_blocks(x)]) if len(x) else x.to(torch.float32)
        return Examples(x, rebuilt.movedim(1, -1).contiguous() if x.ndim == 4 else rebuilt)

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
                f"{self.title()} has {_rows(raw)}, no images for {words}. Leave that out, or use images such as data=digits."
            )

    def _check(self, split: str, examples: Examples) -> None:
        raw, x, y_N = self.raw_task(), examples.x, examples.y_N
        answers = (*raw.answers, raw.n_outputs) if raw.numbers else raw.answers
        if len(x) != len(y_N):
            raise DataError(f"{self.title()} has {len(x)} {split} rows but {len(y_N)} {split} labels.")
        if len(y_N) == 0:
            raise DataError(f"{self.title()} has no {split} rows.")
        if tuple(x.shape[1:]) != raw.shape:
            raise DataError(f"{self.title()} should have {split} rows of shape {raw.shape}, got {tuple(x.shape[1:])}.")
        if tuple(y_N.shape[1:]) != answers:
            raise DataError(f"{self.title()} should have {split} answers of shape {answers}, got {tuple(y_N.shape[1:])}.")
        if raw.numbers:
            return
        low, high = int(y_N.min()), int(y_N.max())
        if low < (-1 if raw.answers else 0) or high >= raw.n_outputs or high < 0:
            raise DataError(f"{self.title()} should have {split} labels from 0 to {raw.n_outputs - 1}, got {low} to {high}.")

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


def _rows(raw: Task) -> str:
    if raw.kind == "vectors":
        return f"vectors of {raw.n_inputs} numbers"
    n, channels = raw.shape
    return f"a graph of {n} nodes" if raw.is_graph else f"sequences of {n} steps of {channels} numbers"
