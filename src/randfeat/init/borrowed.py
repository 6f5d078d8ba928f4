"""The law that starts from the weights of another run, or borrows some of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from randfeat.errors import ConfigError
from randfeat.init.base import AbstractInit, Sources
from randfeat.init.scaled import He
from randfeat.network import Network, blocks, unit_of
from randfeat.part import setting
from randfeat.registry import register
from randfeat.seeds import Stream, stream
from randfeat.typing import Weights


@register("init", "from")
@dataclass(frozen=True, kw_only=True)
class From(AbstractInit):
    """The weights that another run left, by its key: all of them, or those below or above a block; whole or shuffled.

    What is not borrowed is drawn by He's law, the biases and gains as this law's settings say. ``keep=below block=3``
    borrows blocks 1 and 2 and draws the others and the head; ``keep=above block=3`` borrows block 3, all after it and the
    head. ``shuffle=entries`` permutes the entries of every borrowed tensor by seeds.weights, so that their distribution
    is all that stays; ``rows`` permutes whole outputs. Statistics of norm layers are not borrowed: they are recorded anew.

    See: Yosinski, Clune, Bengio and Lipson, "How transferable are features in deep neural networks?", NIPS 2014.
    """

    run: str = ""
    keep: Literal["all", "below", "above"] = "all"
    block: int = setting(1, ge=1)
    shuffle: Literal["none", "entries", "rows"] = "none"

    def weight(self, shape: tuple[int, ...], stream: Stream) -> np.ndarray:
        """See :meth:`AbstractInit.weight`."""
        return He().weight(shape, stream)

    def check(self, net: Network, names: Collection[str]) -> None:
        """See :meth:`AbstractInit.check`."""
        super().check(net, names)
        if not re.fullmatch("[0-9a-f]{12}", self.run):
            raise ConfigError(
                f"init=from needs init.run=KEY, 12 digits of a run in the results folder, got {self.run!r}. "
                "`randfeat run` prints the keys of its runs."
            )
        if self.keep != "all" and self.block > len(blocks(net)):
            raise ConfigError(f"init.block={self.block} is none of the {len(blocks(net))} blocks: {', '.join(blocks(net))}.")

    def adapt(self, net: Network, weights: Weights, names: list[str], seed: int, sources: Sources) -> Weights:
        """See :meth:`AbstractInit.adapt`."""
        theirs, wanted = sources.recall(self.run), [name for name in names if self._borrows(net, name)]
        refuse_misfits(f"init=from init.run={self.run}", wanted, weights, theirs)
        return {name: self._shuffled(theirs[name].float(), stream(seed, "weights", name, "shuffle")) for name in wanted}

    def _borrows(self, net: Network, name: str) -> bool:
        if self.keep == "all":
            return True
        units = [unit for unit, _ in net.named_children()]
        start = units.index(list(blocks(net).values())[self.block - 1][0])
        return (units.index(unit_of(name)) < start) == (self.keep == "below")

    def _shuffled(self, tensor: Tensor, stream: Stream) -> Tensor:
        if self.shuffle == "none":
            return tensor
        pieces = tensor if self.shuffle == "rows" else tensor.flatten()
        return pieces[torch.from_numpy(stream.permutation(len(pieces)))].reshape(tensor.shape)


def refuse_misfits(what: str, wanted: list[str], weights: Weights, theirs: Weights) -> None:
    """A ConfigError that names the wanted tensors which are missing or of another shape."""
    wrong = [
        f"{name} {tuple(weights[name].shape)}"
        for name in wanted
        if getattr(theirs.get(name), "shape", None) != weights[name].shape
    ]
    if wrong:
        some = ", ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        raise ConfigError(f"{what} does not fit this network: it has no {some}. Use the same arch and data shape.")
