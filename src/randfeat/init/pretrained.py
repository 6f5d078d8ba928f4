"""The weights that torchvision publishes, from the data folder or its download."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.hub import load_state_dict_from_url

from randfeat.errors import ConfigError, DataError, did_you_mean
from randfeat.init.base import AbstractInit, Sources
from randfeat.init.borrowed import refuse_misfits
from randfeat.init.scaled import He
from randfeat.network import HEAD, Network, unit_of
from randfeat.places import UNREADABLE, downloading
from randfeat.registry import register
from randfeat.seeds import Stream
from randfeat.typing import Weights


@register("init", "pretrained")
@dataclass(frozen=True, kw_only=True)
class Pretrained(AbstractInit):
    """The weights that torchvision publishes for the model of arch=torchvision, from the data folder or its download.

    ``weights`` names a set of them, IMAGENET1K_V1 say. The head is drawn by He's law for the classes at hand, or is
    published too (``head=published``), which fits where there are as many classes. Statistics of norm layers are recorded
    anew on the training set. Files are read with ``weights_only``: nothing in them is executed.

    See: torchvision.models.
    """

    weights: str = "DEFAULT"
    head: Literal["drawn", "published"] = "drawn"

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return He().weight(shape, stream)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        if not net.origin:
            raise ConfigError("init=pretrained has weights for torchvision's models only. Use arch=torchvision.")
        self._published(net.origin)

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        state = _read(self._published(net.origin).url, sources.folder)
        last = [path for path in state if path.endswith(".weight")][-1].removesuffix(".weight")
        theirs = {_name(path, last, names): tensor for path, tensor in state.items()}
        wanted = [name for name in names if unit_of(name) != HEAD or self.head == "published"]
        refuse_misfits(f"init=pretrained for arch.name={net.origin}", wanted, weights, theirs)
        return {name: theirs[name].float() for name in wanted}

    def _published(self, model: str) -> Any:
        from torchvision import models

        published = models.get_model_weights(model)
        if self.weights not in published.__members__:
            names = list(published.__members__)
            raise ConfigError(
                f"init.weights={self.weights} is not published for {model}.{did_you_mean(self.weights, names)} "
                f"There are: {', '.join(names)}."
            )
        return published[self.weights]


def _name(path: str, head: str, names: list[str]) -> str:
    """The name here of torchvision's tensor ``layer1.0.conv1.weight``: its unit and a dot before it, or the head's."""
    if path.startswith(f"{head}."):
        return f"{HEAD}.{path.removeprefix(f'{head}.')}"
    return next((name for name in names if name.partition(".")[2] == path), path)


def _read(url: str, folder: Path) -> dict[str, Tensor]:
    path = folder / url.rpartition("/")[2]
    try:
        with downloading():
            state = load_state_dict_from_url(url, model_dir=str(folder), map_location="cpu", check_hash=True, weights_only=True)
    except (*UNREADABLE, HTTPException) as error:
        if path.is_file():
            raise DataError(f"init=pretrained: {path} cannot be read: truncated or altered. Delete it.") from error
        raise DataError(
            f"init=pretrained: {path.name} is not under {folder} and could not be downloaded. Put it there, from {url}"
        ) from error
    digest = path.stem.rpartition("-")[2]
    if not sha256(path).startswith(digest):
        raise DataError(f"init=pretrained: {path} is not the published file, whose SHA-256 begins with {digest}. Delete it.")
    return dict(state)


def sha256(path: Path) -> str:
    """The digest of a file, of which published names carry the beginning."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
