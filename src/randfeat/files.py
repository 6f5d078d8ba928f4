"""Writing that happens whole or not at all: a line at the end of a file, a file in place of another."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from randfeat.errors import ResultsError


def append(path: Path, line: bytes) -> None:
    """Add a line in one locked write, and an fsync. What fails halfway is taken back; half a line before it is ended.

    Raises:
        OSError: it could not be written.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        with _locked(file):
            _write_whole(file, line)
    finally:
        os.close(file)


def _write_whole(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    whole = line if _ends_in_newline(file, size) else b"\n" + line
    try:
        if os.write(file, whole) < len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def _ends_in_newline(file: int, size: int) -> bool:
    """Whether the next write begins a line of its own; a killed process may have left half of one."""
    if size == 0:
        return True
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"


@contextlib.contextmanager
def _locked(file: int) -> Iterator[None]:
    """Alone with the file where the system has locks; elsewhere O_APPEND alone keeps writers apart."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with contextlib.suppress(OSError):  # some network file systems have no locks; closing the file unlocks it
        fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of ``path`` once it is whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise ResultsError(f"{path} cannot be written: {why(error)}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def why(error: OSError) -> str:
    """What went wrong, for people."""
    full = {errno.ENOSPC, errno.EDQUOT}
    return "the disk is full" if error.errno in full else (error.strerror or str(error)).lower()
