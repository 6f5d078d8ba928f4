"""Which runs of a results folder a process is busy with, so that two sweeps into one folder share the work."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from randfeat.errors import ResultsError
from randfeat.files import why


class Reservations:
    """Runs that this process has taken. They are free again when it lets go of them, or ends, however it ends.

    A run is a byte in a file, found by the digits of its key, that is locked (POSIX record locks: by process, also on network
    file systems). Where the system has no such locks, every run can be taken, and the worst is that it runs twice.
    """

    def __init__(self, file: Path) -> None:
        self._path = file

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise ResultsError(f"{self._path} cannot be written: {why(error)}.") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        os.close(self._file)

    def take(self, key: str) -> bool:
        """Take a run, unless another process has it."""
        try:
            import fcntl
        except ImportError:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(key, 16))
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True
        return True

    def free(self, key: str) -> None:
        """Let go of a run."""
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, int(key, 16))
