"""What a user's files hold, as a hash: a run is named by its data, never by where they lie."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


def content_hash(root: Path, files: list[Path]) -> str:
    """12 hex of SHA-256 over the names relative to ``root`` and the bytes of the files, whatever their order.

    Cost: reads every file once in a process, and again when its size or its time of change differs.
    """
    digests = [f"{file.relative_to(root).as_posix()}\0{_digest_now(file)}" for file in files]
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:12]


def file_hash(file: Path) -> str:
    """12 hex of SHA-256 over the bytes of one file; its name does not matter."""
    return _digest_now(file)[:12]


def _digest_now(file: Path) -> str:
    state = file.stat()
    return _digest(file.resolve(), state.st_size, state.st_mtime_ns)


@cache
def _digest(file: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file in this state; size and time are what the cache knows the state by."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
