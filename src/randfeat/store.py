"""A results folder: one line per run, appended whole or not at all, and the files beside it.

Nothing outside this module knows the names of the files::

    runs*.jsonl                 one record per line; this process appends to runs.jsonl, readers take the union
    curves/<key>.csv            what was measured while the run trained
    tensors/<key>.safetensors   its tensors
    states/<key>                what an interrupted fit goes on from, see :mod:`randfeat.states`
    .runs.taken                 which runs processes are busy with, see :mod:`randfeat.reservation`
    tensorboard/<key>/          its event files
    .runs.parquet               what large files hold, by columns: nothing that they do not hold, and safe to delete
    probes*.jsonl               records of probes, which are no runs: ``Store(folder, "probes")``
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from randfeat.errors import ResultsError, did_you_mean
from randfeat.files import append, replaced, why
from randfeat.record import Record, entries, uncollected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.generic]]


class Store:
    """The records of one results folder.

    Attributes:
        folder: where they are; it need not exist yet.
        stem: how the names of their files begin: ``runs``, or ``probes``. Neither sees the other's.
        problems: what the last reading left out, one sentence each.
    """

    def __init__(self, folder: Path, stem: str = "runs") -> None:
        self.folder, self.stem = folder, stem
        self.problems: list[str] = []

    @property
    def taken(self) -> Path:
        """The file in which processes say what they are busy with."""
        return self.folder / f".{self.stem}.taken"

    @property
    def files(self) -> list[Path]:
        """The files that readers take the union of, in the order in which they are read."""
        return sorted(self.folder.glob(f"{self.stem}*.jsonl"))

    @property
    def cache(self) -> Path:
        """What ``randfeat table`` and ``randfeat diff`` keep of large files, see :mod:`randfeat.report.cache`."""
        return self.folder / f".{self.stem}.parquet"

    @property
    def file(self) -> Path:
        """The file that this process appends to."""
        return self.folder / f"{self.stem}.jsonl"

    def tensorboard(self, key: str) -> Path:
        """The folder of a run's event files."""
        return self.folder / "tensorboard" / key

    def prepare(self) -> None:
        """Make the folder and try to write in it, before hours of work depend on it.

        Raises:
            ResultsError: it cannot be made or written.
        """
        make_writable(self.folder, "results")

    def append(self, record: Record) -> None:
        """Add a record: one locked write of the whole line, then an fsync. What fails halfway is taken back.

        Raises:
            ResultsError: it could not be written. The error says where the record was kept instead.
        """
        line = record.to_line() + "\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            append(self.file, line.encode())
        except OSError as error:
            kept = _keep_elsewhere(f"{self.stem}-{record.key}-", line)
            raise ResultsError(f"{self.file} cannot be written: {why(error)}. {kept}") from error

    def records(self) -> list[Record]:
        """Every run once, over all ``<stem>*.jsonl``; of several records with one key the newest finished one counts.

        Torn lines and lines that are no records are left out and named in ``problems``.

        Raises:
            NewerFormatError: a later randfeat wrote a line.
        """
        records, self.problems = read_records(self.files)
        return records

    def some_records(self) -> list[Record]:
        """The records, of which there has to be one.

        Raises:
            ResultsError: there is none; the error says how to make some.
        """
        records = self.records()
        if self.folder.is_file():
            raise ResultsError(f"{self.folder} is a file. Give the folder that it lies in.")
        if not records:
            unread = f" {self.problems[0]}, and {len(self.problems) - 1} more." if self.problems else ""
            raise ResultsError(f"no results in {self.folder}.{unread} Make some with: randfeat run --results {self.folder}")
        return records

    def finished(self) -> dict[str, Record]:
        """The runs that need not run again, by key."""
        return {record.key: record for record in self.records() if record.finished}

    def find(self, key: str) -> Record:
        """The run whose key is, or uniquely begins with, ``key``.

        Raises:
            ResultsError: no run, or several.
        """
        keys = {record.key: record for record in self.some_records()}
        matches = [full for full in keys if full.startswith(key)]
        if len(matches) > 1:
            raise ResultsError(f"{key!r} begins several keys in {self.folder}: {_some(matches)}. Give more digits.")
        if not matches:
            raise ResultsError(f"no run {key!r} in {self.folder}.{did_you_mean(key, keys)} Keys there: {_some(list(keys))}.")
        return keys[matches[0]]

    def save_curve(self, key: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write ``curves/<key>.csv``, one line per row; a cell that a row lacks stays empty."""
        path = self.folder / "curves" / f"{key}.csv"
        names = list(dict.fromkeys(name for row in rows for name in row))
        with replaced(path) as part, part.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def save_tensors(self, key: str, tensors: Tensors, metadata: dict[str, str]) -> Path:
        """Write ``tensors/<key>.safetensors``."""
        import numpy as np
        from safetensors.numpy import save

        path = self._tensors(key)
        in_order = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}  # save reads raw memory
        with replaced(path) as part:
            part.write_bytes(save(in_order, metadata))
        return path

    def load_tensors(self, key: str) -> tuple[Tensors, dict[str, str]]:
        """A run's tensors and their metadata.

        Raises:
            ResultsError: the file is missing or corrupt.
        """
        from safetensors import SafetensorError, safe_open

        path = self._tensors(key)
        if not path.is_file():
            raise ResultsError(f"{path} is missing: the tensors of run {key} were not saved. Run it again with --force.")
        try:
            with safe_open(path, framework="np") as file:
                tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ResultsError(f"{path} is corrupt: {error}. Run it again with --force.") from error
        if metadata.get("key") != key:
            raise ResultsError(f"{path} holds the tensors of run {metadata.get('key')}. Run {key} again with --force.")
        return tensors, metadata

    def _tensors(self, key: str) -> Path:
        return self.folder / "tensors" / f"{key}.safetensors"


def make_writable(folder: Path, kind: str) -> None:
    """Make a folder and try to write in it. ``kind`` says what it is for, and names the flag: ``results``, ``figures``.

    Raises:
        ResultsError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ResultsError(
            f"{kind} folder {folder} cannot be written: {why(error)}. Pick another with --{kind} DIR."
        ) from error


def read_records(files: Iterable[Path]) -> tuple[list[Record], list[str]]:
    """The union of the records in ``files``, one for each key, and a sentence for every line left out.

    Of several records with one key a finished one counts before one to be tried again, then the newest.

    Raises:
        NewerFormatError: a later randfeat wrote a line.
        ResultsError: a file cannot be read.
    """
    newest: dict[str, Record] = {}
    problems: list[str] = []
    with uncollected():
        for path in files:
            for entry in _entries(path):
                if isinstance(entry, str):
                    problems.append(entry)
                elif entry.key not in newest or _rank(entry) >= _rank(newest[entry.key]):
                    newest[entry.key] = entry
    return list(newest.values()), problems


def _rank(record: Record) -> tuple[bool, datetime]:
    """The higher counts: what is finished before what is to be tried again, then the later one."""
    return record.finished, record.moment


def _entries(path: Path) -> Iterator[Record | str]:
    try:
        with path.open("rb") as file:
            yield from entries(file, path)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {why(error)}.") from error


def _keep_elsewhere(prefix: str, line: str) -> str:
    try:
        file, name = tempfile.mkstemp(prefix=prefix, suffix=".jsonl", text=True)
        with open(file, "w") as kept:
            kept.write(line)
    except OSError:
        return f"The record could not be kept elsewhere either; this is its line: {line.strip()}"
    return f"The record was kept in {name}: move it into the folder once that works again."


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
    return ", ".join(sorted(keys)[:6]) + more
