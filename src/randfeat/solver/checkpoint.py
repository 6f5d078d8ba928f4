"""Where a fit leaves its state while it is under way, so that it can go on from there after an interruption."""

from __future__ import annotations

import hashlib
import io
import pickle
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

State = dict[str, Any]
"""Tensors, numbers and strings, in lists and dicts: all that the rest of a fit depends on."""


class Checkpoint(Protocol):
    """Keeps the latest state of one fit."""

    def load(self) -> State | None:
        """The state that was saved last, for the fit to take over; None where there is none that can be read."""

    def due(self) -> bool:
        """Whether to save now; asked after every step, so it has to be cheap."""

    def save(self, state: State) -> None:
        """Keep this state in place of the one before."""


class Never:
    """Keeps nothing."""

    def load(self) -> None:
        """Nothing."""

    def due(self) -> bool:
        """No."""
        return False

    def save(self, state: State) -> None:
        """Let it go."""


NEVER = Never()


class Timed:
    """Saves every so many seconds, as bytes that someone else keeps.

    Args:
        seconds: from the making, or the end of a save, to the next save; 0 saves after every step.
        read: the bytes that were written last, None where there are none.
        write: keeps bytes in place of the ones before.
    """

    def __init__(self, seconds: float, read: Callable[[], bytes | None], write: Callable[[bytes], None]) -> None:
        self._seconds, self._read, self._write = seconds, read, write
        self._last = time.monotonic()

    def load(self) -> State | None:
        """See :meth:`Checkpoint.load`."""
        data = self._read()
        return None if data is None else unpacked(data)

    def due(self) -> bool:
        """See :meth:`Checkpoint.due`. Costs one look at the clock."""
        return time.monotonic() - self._last >= self._seconds

    def save(self, state: State) -> None:
        """See :meth:`Checkpoint.save`."""
        self._write(packed(state))
        self._last = time.monotonic()


def packed(state: State) -> bytes:
    """The state as bytes: their SHA-256, then what ``torch.save`` writes."""
    file = io.BytesIO()
    torch.save(state, file)
    return hashlib.sha256(file.getbuffer()).digest() + file.getbuffer()


def unpacked(data: bytes) -> State | None:
    """The state of :func:`packed`, on the CPU; None where the bytes are damaged, or of a torch that this one cannot read.

    Only tensors and plain values are read, no code (``weights_only``).
    """
    digest, rest = data[:32], memoryview(data)[32:]
    if hashlib.sha256(rest).digest() != digest:
        return None
    try:
        state: State = torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError):
        return None
    return state
