"""What interrupted fits go on from: the latest state of each, as bytes in a file, until its run is on record."""

from __future__ import annotations

import contextlib
from pathlib import Path

from randfeat.files import replaced


class States:
    """The folder ``states`` of a results folder."""

    def __init__(self, results: Path) -> None:
        self._folder = results / "states"

    def save(self, key: str, state: bytes) -> None:
        """Keep the state of a run in place of the one before.

        Raises:
            ResultsError: it cannot be written.
        """
        with replaced(self._folder / key) as part:
            part.write_bytes(state)

    def load(self, key: str) -> bytes | None:
        """The state that a run left; None where it left none."""
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return None

    def drop(self, key: str) -> None:
        """Let go of the state of a run, and of the folder with the last one."""
        with contextlib.suppress(OSError):
            (self._folder / key).unlink()
            self._folder.rmdir()
