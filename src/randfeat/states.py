"""What interrupted fits go on from: the latest state of each, as bytes in a file, until its run is on record."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from randfeat.errors import ResultsError
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
        try:
            self._write(key, state)
        except ResultsError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            self._write(key, state)  # another process let go of the folder at this very moment

    def _write(self, key: str, state: bytes) -> None:
        with replaced(self._folder / key) as part:
            part.write_bytes(state)

    def load(self, key: str) -> bytes | None:
        """The state that a run left; None where it left none."""
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return None

    def drop(self, key: str) -> None:
        """Let go of the state of a run, whole or in part, and of the folder with the last one."""
        with contextlib.suppress(OSError):
            for path in (self._folder / key, *self._folder.glob(f".{key}.*")):
                path.unlink(missing_ok=True)
            self._folder.rmdir()

    def tidy(self, done: Collection[str]) -> None:
        """Let go of those of runs that are on record: a process may have ended between the one and the other."""
        for key in {path.name.lstrip(".").partition(".")[0] for path in self._folder.glob("*")} & set(done):
            self.drop(key)
