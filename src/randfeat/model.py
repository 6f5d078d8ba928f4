"""A network with its weights: calls it, keeps frozen what is frozen, records the statistics of its norm layers."""

from __future__ import annotations

import contextlib
import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from randfeat.errors import ConfigError
from randfeat.network import Network, first_of, norm_layers, unit_of
from randfeat.split import Split
from randfeat.typing import Weights

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

Precision = Literal["float32", "float64", "mixed"]

LONG = 200
"""A chain of more units than this trains in segments, see :meth:`Model.suffix`."""


class Model:
    """A network called with weights from outside, in two parts: the frozen prefix, and the rest from the first trained unit.

    Norm layers that record statistics are of two kinds. The *moving* ones use the statistics of their batch while training;
    :meth:`record_statistics` computes theirs anew on the training set before anything is scored. The others use what was
    recorded at the start, always. So a score is a function of the weights and the training set alone.

    Args:
        net: on the meta device.
        weights: both sides, in the dtype and on the device of the computation.
        statistics: ``auto``, ``batch`` or ``fixed``, see :class:`randfeat.subset.AbstractSubset`.
        scale: rows of the data -> inputs of the network.
        precision: ``mixed`` multiplies in bfloat16 and keeps everything else in float32.

    Attributes:
        pieces: blocks of rows pass in so many, to need less memory, wherever every row is by itself.
    """

    def __init__(
        self, net: Network, weights: Split, statistics: str, scale: Callable[[Tensor], Tensor], precision: Precision
    ) -> None:
        self.net, self.weights, self.scale, self.mixed = net, weights, scale, precision == "mixed"
        self.pieces, self._recording = 1, False
        self._places = {name: k for k, (name, _) in enumerate(net.named_children())}
        some = next(iter([*weights.trained.values(), *weights.frozen.values()]))
        self.device, self.dtype = some.device, some.dtype
        self.buffers = fresh_buffers(net, self.device, self.dtype)
        self._live = {unit_of(name) for name in weights.trained}
        self.first = first_of(net, self._live)
        self.recorders: dict[str, Any] = {
            name: layer for name, layer in norm_layers(net).items() if f"{name}.running_mean" in self.buffers
        }
        self.moving = [name for name in self.recorders if self._moves(name, statistics)]
        self._below = _Part(net[: self.first])
        self._segments = [_Part(part) for part in segments(net[self.first :])]
        self.score_mode()

    @property
    def units_below(self) -> tuple[str, ...]:
        """The units of the frozen prefix."""
        return tuple(self._places)[: self.first]

    @property
    def statistics(self) -> list[str]:
        """The buffers that norm layers record in."""
        return [name for name in self.buffers if name.rpartition(".")[0] in self.recorders]

    @property
    def rows_apart(self) -> bool:
        """Whether also in training every row is by itself: no norm layer uses its batch, and nothing is dropped at random."""
        drops = any(
            isinstance(layer, DROPOUTS)
            for name, unit in self.net.named_children()
            if name in self._live
            for layer in unit.modules()
        )
        return not (self.moving or drops)

    def _moves(self, norm: str, statistics: str) -> bool:
        unit = unit_of(norm)
        above = self._places[unit] >= self.first
        return {"auto": unit in self._live, "batch": above, "fixed": False}[statistics]

    def train_mode(self) -> None:
        """Dropout acts in units where something trains, and moving norm layers use the statistics of their batch."""
        for name, unit in self.net.named_children():
            unit.train(name in self._live)
        for name, layer in self.recorders.items():
            layer.train(name in self.moving)

    def score_mode(self) -> None:
        """Every layer is a function of one row: no dropout, recorded statistics."""
        self.net.eval()

    def prefix(self, x: Tensor, done: int = 0) -> Tensor:
        """Rows of the data -> what the first unit that trains sees. No gradient, nothing random, every row by itself.

        Where the first ``done`` units are computed already, ``x`` is what they gave.
        """
        with torch.no_grad():
            pieces = [self._prefix(rows, done) for rows in self._cut(x)]
            return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _prefix(self, x: Tensor, done: int) -> Tensor:
        if done:
            return self._call([_Part(self.net[done : self.first])], self.weights.frozen, x)
        return self._call([self._below], self.weights.frozen, self.scale(x).to(self.dtype))

    def _cut(self, x: Tensor) -> Iterable[Tensor]:
        """Rows in pieces; all at once where norm layers look at them together."""
        return [x] if self._recording or self.pieces == 1 else x.tensor_split(min(self.pieces, max(1, len(x))))

    def suffix(self, trained: Weights, z: Tensor) -> Tensor:
        """What the first unit that trains sees -> outputs (N, *answers, K), differentiable in ``trained``.

        Above ``LONG`` units the chain is cut into about the root of their number. Where gradients are asked for, only what
        passes from one segment to the next is kept, and the backward pass computes a segment anew when it comes to it: the
        memory grows with the root of the depth, the gradients are the same to the bit, a step takes a forward pass more.

        See: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016.
        """
        weights = self.weights.merge_for_layers(trained)
        parts = [z] if torch.is_grad_enabled() else self._cut(z)
        scores = [self._call(self._segments, weights, rows) for rows in parts]
        return scores[0] if len(scores) == 1 else torch.cat(scores)

    def _call(self, parts: list[_Part], weights: Weights, x: Tensor) -> Tensor:
        *earlier, last = parts
        with complaints_in_words():
            for part in earlier:
                x = self._kept_short(part, weights, x) if torch.is_grad_enabled() else self._pass(part, weights, x)
            return self._pass(last, weights, x).to(self.dtype)

    def _pass(self, part: _Part, weights: Weights, x: Tensor) -> Tensor:
        tensors = {name: weights[name] if name in weights else self.buffers[name] for name in part.names}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            y: Tensor = functional_call(part.net, tensors, (x,))
        return y

    def _kept_short(self, part: _Part, weights: Weights, x: Tensor) -> Tensor:
        """A pass that leaves nothing but its output, and is done anew for the gradients, without recording twice."""

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), self.statistics_kept(part.recorded)

        y: Tensor = checkpoint(functools.partial(self._pass, part, weights), x, use_reentrant=False, context_fn=contexts)
        return y

    @torch.no_grad()
    def scores(self, trained: Weights, blocks: Iterable[Tensor]) -> Tensor:
        """Class scores (N, K), from what the first unit that trains sees, block by block."""
        self.score_mode()
        return torch.cat([self.suffix(trained, z) for z in blocks])

    @torch.no_grad()
    def record_statistics(self, trained: Weights, blocks: Iterable[Tensor], layers: list[str]) -> None:
        """Set the recorded mean and variance of these norm layers to their average over blocks of rows.

        A block is what the first unit that trains sees; with layers below it among ``layers``, it has to be computed as it is
        asked for, by :meth:`prefix`.

        The average of the blocks' statistics, all layers in one pass, as in Izmailov et al., "Averaging weights leads to
        wider optima", UAI 2018. Costs one forward pass.
        """
        if not layers:
            return
        self.score_mode()
        momenta = {name: self.recorders[name].momentum for name in layers}
        for name in layers:
            self.recorders[name].train()
            self.recorders[name].momentum = None  # the plain average over the blocks
            self.buffers[f"{name}.num_batches_tracked"].zero_()
        self._recording = True
        try:
            for z in blocks:
                self.suffix(trained, z)
        finally:
            self._recording = False
            for name, momentum in momenta.items():
                self.recorders[name].momentum = momentum
            self.score_mode()

    @contextlib.contextmanager
    def statistics_kept(self, names: Collection[str] | None = None) -> Iterator[None]:
        """What norm layers record inside, in these buffers or all, is taken back at the end, to the bit."""
        before = {name: self.buffers[name].clone() for name in (self.statistics if names is None else names)}
        try:
            yield
        finally:
            for name, tensor in before.items():
                self.buffers[name].copy_(tensor)


class _Part:
    """Units in a row, the names of their tensors, and those of the buffers that norm layers record in."""

    def __init__(self, net: nn.Sequential) -> None:
        self.net, self.names = net, tensor_names(net)
        norms = norm_layers(net).items()
        self.recorded = [f"{name}.{buffer}" for name, layer in norms for buffer, _ in layer.named_buffers()]


def segments(net: nn.Sequential) -> list[nn.Sequential]:
    """The chain in about as many pieces as each of them then has units; in one, where it has no more than ``LONG``."""
    units, n = list(net._modules.items()), len(net)
    k = math.isqrt(n) if n > LONG else 1
    return [type(net)(OrderedDict(units[i * n // k : (i + 1) * n // k])) for i in range(k)]


@contextlib.contextmanager
def complaints_in_words() -> Iterator[None]:
    """What a batch norm says of a batch of one row, in the words of the settings that would work.

    Raises:
        ConfigError: in place of that ValueError.
    """
    try:
        yield
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ConfigError(
            "a batch norm needs two rows or more in every batch. Use solver.batch_size=2 or more, more rows "
            "(data.n_train), or an arch without norm."
        ) from error


def channels_last(x: Tensor) -> Tensor:
    """Images or filters with their channels side by side, for which convolutions are faster; others as they are."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def order_channels_last(net: Network) -> None:
    """From now on its units see images with their channels side by side, wherever a pass begins."""
    for unit in net.children():
        unit.register_forward_pre_hook(lambda _, inputs: tuple(map(channels_last, inputs)))


def fresh_buffers(net: nn.Module, device: torch.device, dtype: torch.dtype) -> Weights:
    """Mean 0, variance 1 and a count of 0 for norm layers; other buffers as the architecture made them."""
    fresh: Weights = {}
    for name, buffer in net.named_buffers():
        floating = dtype if buffer.is_floating_point() else buffer.dtype
        if buffer.is_meta:
            fill = 1 if name.endswith("running_var") else 0
            fresh[name] = torch.full(buffer.shape, fill, dtype=floating, device=device)
        else:
            fresh[name] = buffer.to(device, floating)
    return fresh


def tensor_names(net: nn.Module) -> list[str]:
    """Its parameters and its buffers."""
    return [name for name, _ in (*net.named_parameters(), *net.named_buffers())]
