"""Files of records as columns, kept beside them so that only lines that were added since have to be read.

The cache is one parquet file for all files of a folder: what the whole lines of each hold, and by how many bytes and which
SHA-256 these lines are known again. A file with the size and the time at which it was read is taken to be the same. Of any
other the beginning has to have the same hash, and what follows is read as lines: that is a file that has grown. Otherwise
the file is read anew. A last line without its end is read every time, since it may be half written.

The cache may be deleted at any time. One that is torn, of another version, or no such file at all counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from randfeat.errors import ResultsError
from randfeat.files import replaced
from randfeat.record import Record, entries, uncollected
from randfeat.report.columns import decoded, encoded, is_sound, joined

FORMAT = 1
"""The version of the cache, beside that of randfeat; to be raised whenever what the columns hold changes."""

WORTH = 2 << 20
"""Bytes of lines that are not in the cache, some 1,500 records, from which on it is written anew."""

_BLOCK = 500
_PIECE = 1 << 20
_YOUNG_NS = 2 * 10**9
"""Within this time of a change a file may change again without a sign of it."""


@dataclass(frozen=True)
class Lines:
    """What the whole lines at the beginning of a file hold.

    Attributes:
        end: their bytes.
        n: how many they are.
        sha256: of their bytes, in hex.
        seen: size and time (ns) of the file when it was read; no time where it was too young to be known by it.
        problems: a sentence for each line left out, without the name of the file.
        table: the columns of the records.
    """

    end: int
    n: int
    sha256: str
    seen: list[int]
    problems: list[str]
    table: pa.Table


def read(files: Sequence[Path], cache: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """The frame of the records in ``files``, and a sentence for every line left out: as without a cache.

    Args:
        files: in the order in which they are read.
        cache: where it is, or is to be; None to do without. A folder that cannot be written does without, too.

    Raises:
        NewerFormatError: a later randfeat wrote a line.
        ResultsError: a file cannot be read.
    Cost: of 100,000 records some 7 s at first, and then less than one.
    """
    known = _load(cache) if cache else {}
    whole: dict[str, Lines] = {}
    tables, problems, fresh = [], [], 0
    for path in files:
        try:
            kept, lines, rest = _read(path, known.get(path.name, _NONE))
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
        whole[path.name] = lines
        fresh += lines.end - kept.end
        tables += [lines.table, rest.table]
        problems += [f"{path}: {problem}" for problem in [*lines.problems, *rest.problems]]
    if cache and fresh >= WORTH:
        _save(cache, whole)
    return decoded(joined(tables)), problems


def _read(path: Path, known: Lines) -> tuple[Lines, Lines, Lines]:
    """What counts of the lines known from the cache, all whole lines, and the one without an end."""
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        young = abs(time.time_ns() - stat.st_mtime_ns) < _YOUNG_NS
        seen = [stat.st_size, 0 if young else stat.st_mtime_ns]
        same = not young and seen == known.seen
        digest = hashlib.sha256() if same else _hashed(file, known.end)
        if not same and digest.hexdigest() != known.sha256:
            known, digest = _NONE, hashlib.sha256()
        file.seek(known.end)
        lines = _Whole(file, digest)
        added = _parsed(lines, path, known.n + 1)
        n = known.n + lines.n
        rest = _parsed([lines.rest], path, n + 1)
    if not lines.n:
        return known, known, rest
    table, problems = joined([known.table, added.table]), [*known.problems, *added.problems]
    return known, Lines(known.end + lines.bytes, n, digest.hexdigest(), seen, problems, table), rest


class _Whole:
    """The whole lines of a file, counted and hashed as they are read; ``rest`` is what follows the last."""

    def __init__(self, file: BinaryIO, digest: Any) -> None:
        self.file, self.digest = file, digest
        self.n, self.bytes, self.rest = 0, 0, b""

    def __iter__(self) -> Iterator[bytes]:
        for line in self.file:
            if not line.endswith(b"\n"):
                self.rest = line
                return
            self.digest.update(line)
            self.n, self.bytes = self.n + 1, self.bytes + len(line)
            yield line


def _parsed(lines: Iterable[bytes], path: Path, start: int) -> Lines:
    """What lines hold, of which ``start`` is the number of the first; where they end is not said."""
    tables, block, problems = [], list[Record](), []
    with uncollected():
        for entry in entries(lines, path, start):
            if isinstance(entry, str):
                problems.append(entry.removeprefix(f"{path}: "))
                continue
            block.append(entry)
            if len(block) == _BLOCK:
                tables.append(encoded(block))
                block = []
    return Lines(0, 0, "", [], problems, joined([*tables, encoded(block)]))


_NONE = Lines(0, 0, hashlib.sha256().hexdigest(), [], [], encoded([]))


def _hashed(file: BinaryIO, size: int) -> Any:
    """The hash of so many bytes of a file."""
    digest = hashlib.sha256()
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest


def _save(cache: Path, whole: Mapping[str, Lines]) -> None:
    files = [
        {"name": name, "end": own.end, "n": own.n, "sha256": own.sha256, "seen": own.seen, "problems": own.problems}
        | {"records": own.table.num_rows}
        for name, own in whole.items()
    ]
    words = json.dumps({"version": _version(), "files": files})
    table = joined([own.table for own in whole.values()]).replace_schema_metadata({"randfeat": words})
    with contextlib.suppress(ResultsError, pa.ArrowException), replaced(cache) as part:
        parquet.write_table(table, part, compression="zstd", write_page_checksum=True)


def _load(cache: Path) -> dict[str, Lines]:
    """What is known of each file by its name; nothing where the cache is not sound."""
    try:
        with parquet.ParquetFile(cache, page_checksum_verification=True) as file:
            table = file.read(use_threads=False)
        said = json.loads(table.schema.metadata[b"randfeat"])
        if said["version"] != _version() or not is_sound(table):
            return {}
        known, start = {}, 0
        for own in said["files"]:
            name, records = own.pop("name"), own.pop("records")
            known[name] = Lines(**own, table=table.slice(start, records))
            start += records
        return known if start == table.num_rows else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return {}


def _version() -> list[Any]:
    return [FORMAT, version("randfeat")]
