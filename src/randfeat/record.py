"""One run on record: what was asked, what came out, what it cost, and the one JSON line that keeps it."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from randfeat.errors import ResultsError, listing

FORMAT = 1
"""The version of the line. Readers refuse a higher one and ignore fields that they do not know."""


class NewerFormatError(ResultsError):
    """A line written by a later randfeat, which this one must not guess at."""


class Status(StrEnum):
    """How a run ended, in one word."""

    OK = "ok"
    NON_FINITE = "non_finite"
    SINGULAR = "singular"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.OK: "The run finished and its scores count.",
    Status.NON_FINITE: "A loss or a weight stopped being a finite number; the same spec would do so again.",
    Status.SINGULAR: "The linear system has no unique solution; a penalty above zero gives it one.",
    Status.OUT_OF_MEMORY: "The device ran out of memory; the run is tried again next time.",
    Status.FAILED: "An error ended the run, or its worker; it is tried again next time.",
}


@dataclass(frozen=True)
class Record:
    """What one run left behind.

    Attributes:
        key: 12 hex digits that name the run; device, paths and workers are not in it.
        twin: the key of the same run with everything trained; equals ``key`` for such a run itself.
        status: how the run ended.
        reason: what happened, as in "loss was nan in epoch 3"; if ok, empty, or that a fit ended before its minimum.
            What a terminal would act on is written as an escape.
        spec: the five parts with their settings, ``seeds``, ``precision``, and under ``twin`` the twin's solver.
        metrics: scores named ``split/metric``. An accuracy lies in [0, 1], a loss is in nats. nan is "not a number".
        cost: ends in a unit (``fit_s`` seconds, ``peak_mib`` MiB) or counts (``params``, ``trained_params``).
        environment: what the run ran on; never part of the key.
        version: of randfeat.
        written: when, ISO 8601 in UTC.
    """

    key: str
    twin: str
    status: Status
    reason: str
    spec: dict[str, Any]
    metrics: dict[str, float]
    cost: dict[str, float]
    environment: dict[str, Any]
    version: str
    written: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))

    @property
    def finished(self) -> bool:
        """Whether running it again would only repeat it; an error, or lack of memory, may be gone by then."""
        return self.status not in (Status.OUT_OF_MEMORY, Status.FAILED)

    @property
    def moment(self) -> datetime:
        """``written`` as a point in time."""
        moment = datetime.fromisoformat(self.written)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def to_line(self) -> str:
        """The record as one line of valid JSON without the line's end, keys in alphabetical order.

        A metric or a cost that is not a finite number becomes null.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        numbers = {"metrics": _finite_or_null(self.metrics), "cost": _finite_or_null(self.cost)}
        return json.dumps({"format": FORMAT} | fields | numbers, sort_keys=True, allow_nan=False)

    @classmethod
    def from_line(cls, line: str, source: str = "the line") -> Record:
        """The record that a line keeps; null among the metrics and costs becomes nan.

        Args:
            line: what :meth:`to_line` wrote, perhaps by another version of randfeat.
            source: names the line in errors, as in "results/local/runs.jsonl: line 7".

        Raises:
            NewerFormatError: a later randfeat wrote it.
            ResultsError: torn, or a field is missing or malformed.
        """
        fields = _fields(line, source)
        numbers = {name: _null_to_nan(fields[name], name, source) for name in ("metrics", "cost")}
        record = cls(**fields | numbers | {"status": _status(fields["status"], source)})
        try:
            _ = record.moment
        except ValueError as error:
            raise ResultsError(f"{source} has no ISO 8601 time in 'written' ({record.written!r})") from error
        return record


def entries(lines: Iterable[bytes], path: Path, start: int = 1) -> Iterator[Record | str]:
    """For every line of a file that is not blank its record, or the sentence that says why it was left out.

    Args:
        lines: of the file at ``path``, in their order, ends and all.
        path: names the lines in the sentences, as in "results/local/runs.jsonl: line 7 is torn and was left out".
        start: the number of the first of them.

    Raises:
        NewerFormatError: a later randfeat wrote a line.
    """
    for number, line in enumerate(lines, start):
        if not line.strip():
            continue
        try:
            yield Record.from_line(line.decode(errors="replace"), f"{path}: line {number}")
        except NewerFormatError:
            raise
        except ResultsError as error:
            yield f"{error} and was left out"


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection, which takes as long as the reading where many records are read and all are kept."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_KINDS: dict[str, type] = {
    **dict.fromkeys(("key", "twin", "status", "reason", "version", "written"), str),
    **dict.fromkeys(("spec", "metrics", "cost", "environment"), dict),
}
_STATUSES = {str(status): status for status in Status}


def printable(text: str) -> str:
    """Text with what a terminal would act on, or could not show, written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _fields(line: str, source: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{source} is torn") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise ResultsError(f"{source} is no record")
    if fields["format"] > FORMAT:
        raise NewerFormatError(
            f"{source} has format {fields['format']}, and this randfeat reads up to {FORMAT}. Upgrade randfeat."
        )
    for name, kind in _KINDS.items():
        if name not in fields:
            raise ResultsError(f"{source} lacks {name!r}")
        if not isinstance(fields[name], kind):
            raise ResultsError(f"{source} has a malformed {name!r}")
    return {name: fields[name] for name in _KINDS}


def _status(word: str, source: str) -> Status:
    if word not in _STATUSES:
        raise ResultsError(f"{source} has status {word!r}, which is none of {listing(Status)}")
    return _STATUSES[word]


def _finite_or_null(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def _null_to_nan(numbers: Mapping[str, Any], field: str, source: str) -> dict[str, float]:
    if {*map(type, numbers.values())} <= {int, float}:
        return dict(numbers)
    wrong = [name for name, value in numbers.items() if value is not None and type(value) not in (int, float)]
    if wrong:
        raise ResultsError(f"{source} has no number in {field!r} for {wrong[0]!r}")
    return {name: math.nan if value is None else value for name, value in numbers.items()}
