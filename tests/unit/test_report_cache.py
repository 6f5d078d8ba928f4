"""Columns and their cache: whatever happened to the files, the frame is that of the records read one by one."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from randfeat import record
from randfeat.errors import ResultsError
from randfeat.record import NewerFormatError, Record, Status
from randfeat.report import cache
from randfeat.report import runs as reading
from randfeat.report.columns import decoded, encoded, joined
from randfeat.report.frame import frame
from randfeat.store import Store
from tests.making import a_record, a_spec, with_twins

LONG_AGO = 1_600_000_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Some runs in a folder, of which every byte is worth a cache."""
    monkeypatch.setattr(cache, "WORTH", 1)
    monkeypatch.setattr(reading, "MANY", 1)
    store = Store(tmp_path)
    for run in with_twins([0.9, 0.92, 0.94], [0.97, 0.98, 0.99]):
        store.append(run)
    return store


def assert_same(found: tuple[pd.DataFrame, list[str]], store: Store) -> None:
    """Same rows, columns, types and order, and the same sentences."""
    pd.testing.assert_frame_equal(found[0], frame(store.records()), check_exact=True)
    assert found[1] == store.problems


def lines_read(store: Store) -> int:
    """How many lines a reading takes from the files; what it finds is checked, too."""
    read: list[bytes] = []

    def entries(lines: Iterable[bytes], path: Path, start: int) -> Iterator[Record | str]:
        own = [line for line in lines if line]
        read.extend(own)
        return record.entries(own, path, start)

    with mock.patch.object(cache, "entries", entries):
        assert_same(cache.read(store.files, store.cache), store)
    return len(read)


def aged(store: Store, seconds: int = LONG_AGO) -> Store:
    for file in store.files:
        os.utime(file, (seconds, seconds))
    return store


# --- columns ----------------------------------------------------------------------------------------------------------

PENALTIES = st.sampled_from([1.0, 2, 1, None, True, [0.1, 1.0], "auto", {"low": 1}, 10**20, 0.1])
NUMBERS = st.none() | st.floats() | st.integers(-3, 3)
NAMES = st.sampled_from(["test/accuracy", "val/loss", "fit_s"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A record of few keys, so that they meet, with settings and numbers of any kind; or no record at all."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(['{"torn', "", "  ", "[1]", '{"format": 1}', '{"format": 1, "key": "caf\xe9']))
    settings = {"part": "ridge", draw(st.sampled_from(["penalty", "decay"])): draw(PENALTIES)}
    spec = a_spec(draw(st.sampled_from(["vgg", "mlp"])), "last", draw(st.integers(0, 2)), solver=settings)
    status = draw(st.sampled_from([Status.OK, Status.OK, Status.OUT_OF_MEMORY]))
    written = draw(st.sampled_from(["2025-01-02T03:04:05+00:00", "2025-01-02T03:04:05.000001", "2025-01-02T05:04:05+02:00"]))
    run = a_record(spec, key=f"{draw(st.integers(0, 5)):012x}", status=status, written=written)
    named = {name: draw(NUMBERS) for name in draw(st.lists(NAMES, unique=True))}
    return json.dumps(json.loads(run.to_line()) | {"metrics": named}, sort_keys=True)


CHANGES = st.tuples(
    st.sampled_from(["append", "append", "append", "tear", "cut", "write", "remove"]),
    st.sampled_from(["runs.jsonl", "runs-b.jsonl", "runs_c.jsonl"]),
    st.lists(lines(), max_size=4),
)


@settings(max_examples=40)
@given(changes=st.lists(CHANGES, min_size=1, max_size=6), worth=st.sampled_from([1, 2000]))
def test_the_frame_is_that_of_the_records_whatever_was_done_to_the_files(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, list[str]]], worth: int
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    with mock.patch.object(cache, "WORTH", worth), mock.patch.object(cache, "_BLOCK", 2):
        for change, name, new in changes:
            file = store.folder / name
            before = file.read_bytes() if file.exists() else b""
            text = "".join(f"{line}\n" for line in new).encode()
            match change:
                case "append":
                    file.write_bytes(before + text)
                case "tear":  # the last line lacks its end, and perhaps its second half
                    file.write_bytes(before + text[: -1 - len(text) // 3 * (len(new) % 2)])
                case "cut":
                    file.write_bytes(before[: len(before) // 2])
                case "write":
                    file.write_bytes(text)
                case "remove":
                    file.unlink(missing_ok=True)
            records = store.records()
            if store.files and records:
                assert_same(cache.read(store.files, store.cache), store)


def test_a_column_is_numbers_where_those_that_count_are() -> None:
    def run(key: str, penalty: Any, moment: int = 0) -> Record:
        return a_record(
            a_spec(solver={"part": "ridge", "penalty": penalty}), key=key, written=f"2025-01-0{moment + 1}T00:00:00"
        )

    table = joined([encoded([run("a", [1, 2])]), encoded([run("b", 3), run("a", 0.5, 1)])])
    assert decoded(table)["solver.penalty"].tolist() == [0.5, 3.0]
    assert decoded(table.slice(0, 2))["solver.penalty"].tolist() == ["[1,2]", "3"]
    assert decoded(table.slice(1, 1))["solver.penalty"].dtype == "int64"
    assert decoded(encoded([run("a", 1), run("b", 1.0)]))["solver.penalty"].dtype == "float64"


def test_columns_are_in_the_order_of_the_records_that_count() -> None:
    def run(key: str, *metrics: str) -> Record:
        return a_record(key=key, metrics=dict.fromkeys(metrics, 0.5))

    table = encoded([run("a", "z"), run("a", "b", "y"), run("c", "a", "b"), run("a", "b", "y", "z")])
    assert [name for name in decoded(table) if len(name) == 1] == ["b", "y", "z", "a"]


# --- what is read again -----------------------------------------------------------------------------------------------


def test_lines_are_read_once(store: Store) -> None:
    assert lines_read(store) == 6
    assert lines_read(store) == 0
    assert lines_read(aged(store)) == 0  # another time, the same bytes


def test_a_file_that_has_its_size_and_time_is_not_even_hashed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lines_read(aged(store))
    monkeypatch.setattr(cache, "_hashed", pytest.fail)
    assert lines_read(store) == 0


def test_of_a_file_that_has_grown_the_new_lines_are_read(store: Store) -> None:
    lines_read(aged(store))
    newer = dataclasses.replace(store.records()[1], metrics={"test/accuracy": 0.5}, written="2026-01-01T00:00:00+00:00")
    for run in (newer, a_record(a_spec("mlp"))):
        store.append(run)
    assert lines_read(store) == 2
    Store(store.folder, "runs-of-another").append(a_record(a_spec("mlp", seed=5)))
    assert lines_read(store) == 1
    assert lines_read(store) == 0


def test_a_torn_line_is_read_again_until_it_has_its_end(store: Store) -> None:
    whole = store.file.read_bytes()
    store.file.write_bytes(whole[:-100])
    assert lines_read(store) == 6
    assert lines_read(store) == 1
    store.file.write_bytes(whole)
    assert lines_read(store) == 1
    assert lines_read(store) == 0


def test_a_file_whose_beginning_changed_is_read_anew(store: Store) -> None:
    lines_read(aged(store))
    text = store.file.read_text()
    store.file.write_text(text.replace("0.94", "0.49"))  # of the same size
    assert lines_read(store) == 6
    store.append(a_record(a_spec("mlp")))
    store.file.write_text("\n".join(store.file.read_text().splitlines()[1:]) + "\n")
    assert lines_read(store) == 6


def test_a_young_file_is_known_by_its_bytes_and_not_by_its_time(store: Store) -> None:
    """A change within the clock's tick leaves the time as it was."""
    lines_read(store)
    stat = store.file.stat()
    for old, new, later_ns in (("0.94", "0.49", 0), ("0.49", "0.95", 10**10)):
        store.file.write_text(store.file.read_text().replace(old, new))
        os.utime(store.file, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        with mock.patch.object(cache.time, "time_ns", return_value=stat.st_mtime_ns + later_ns):
            assert lines_read(store) == 6
            assert lines_read(store) == 0


# --- caches that are none ---------------------------------------------------------------------------------------------


def edited(path: Path, change: Any) -> None:
    table = parquet.read_table(path)
    parquet.write_table(change(table), path)


def described(table: pa.Table, **changes: Any) -> pa.Table:
    said = json.loads(table.schema.metadata[b"randfeat"])
    return table.replace_schema_metadata({"randfeat": json.dumps(said | changes)})


def with_column(name: str, values: list[Any]) -> Any:
    def change(table: pa.Table) -> pa.Table:
        array = pa.array(values * table.num_rows)
        column = array.dictionary_encode() if array.type == pa.string() else array
        return table.set_column(table.schema.names.index(name), name, column)

    return change


SPOILERS = {
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"PAR1" + b"\0" * 100),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "no end": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "one byte": lambda path: path.write_bytes(path.read_bytes()[:60] + b"\xff" + path.read_bytes()[61:]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another version": lambda path: edited(path, lambda table: described(table, version=[0, "0.1.0"])),
    "another table": lambda path: parquet.write_table(pa.table({"n": [1]}), path),
    "too few rows": lambda path: edited(path, lambda table: table.slice(1)),
    "words that are no JSON": lambda path: edited(path, with_column("setting:arch", ["vgg"])),
    "words for numbers": lambda path: edited(path, with_column("metric:test/accuracy", ['"much"'])),
    "two values for one": lambda path: edited(path, with_column("setting:arch", ['"a","b"'])),
    "a number for a key": lambda path: edited(path, with_column("key", [1])),
    "files that are no files": lambda path: edited(path, lambda table: described(table, files=[{"name": "runs.jsonl"}])),
}


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_a_cache_that_is_not_sound_counts_as_none(store: Store, spoiler: str) -> None:
    lines_read(aged(store))
    SPOILERS[spoiler](store.cache)
    assert lines_read(store) == 6
    if spoiler != "a folder":
        assert lines_read(store) == 0


def test_a_byte_that_is_wrong_anywhere_changes_no_number(store: Store) -> None:
    lines_read(aged(store))
    whole = store.cache.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    for place in range(4, len(whole) - footer - 8, 101):
        store.cache.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        lines_read(store)


def test_a_folder_that_cannot_be_written_does_without(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    assert lines_read(store) == 6
    assert lines_read(store) == 6
    assert os.listdir(store.folder) == ["runs.jsonl"]


# --- runs -------------------------------------------------------------------------------------------------------------


def test_few_runs_leave_no_cache(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MANY", 10**6)
    assert_same(reading.runs(store), store)
    assert not store.cache.exists()


def test_many_runs_leave_one_that_the_next_reading_uses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(reading.runs(store), store)
    assert store.cache.exists()
    monkeypatch.setattr(reading, "frame", pytest.fail)
    assert_same(reading.runs(store), store)


def test_without_pyarrow_there_is_no_cache(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "randfeat.report.cache", None)
    assert_same(reading.runs(store), store)
    assert not store.cache.exists()


def test_beside_a_single_file_nothing_is_kept(store: Store) -> None:
    found, problems = reading.runs_of(store.file)
    assert_same((found, problems), store)
    assert os.listdir(store.folder) == ["runs.jsonl"]


def test_torn_lines_alone_are_no_results(store: Store) -> None:
    store.file.write_text("torn\nand torn\n")
    with pytest.raises(ResultsError, match=r"^no results in .*: line 1 is torn and was left out, and 1 more\. Make some"):
        reading.runs(store)


def test_a_newer_format_is_fatal_here_too(store: Store) -> None:
    reading.runs(store)
    line = json.loads(a_record().to_line()) | {"format": 2}
    store.file.write_text(store.file.read_text() + json.dumps(line) + "\n")
    with pytest.raises(NewerFormatError, match=r"runs.jsonl: line 7 has format 2, and this randfeat reads up to 1\. Upgrade"):
        reading.runs(store)


def test_a_file_that_cannot_be_read_is_said(store: Store) -> None:
    (store.folder / "runs-b.jsonl").mkdir()
    with pytest.raises(ResultsError, match=r"runs-b.jsonl cannot be read: is a directory\.$"):
        reading.runs(store)
