"""Records and the store: a line says everything, is whole, and is never lost in silence."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randfeat.errors import ResultsError
from randfeat.record import FORMAT, NewerFormatError, Record, Status
from randfeat.store import Store, read_records
from tests.making import a_record, a_spec, key_of

words = st.text(max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
cells = st.none() | st.booleans() | st.integers() | finite | words | st.lists(st.integers(), max_size=3)
records = st.builds(
    Record,
    key=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    twin=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    status=st.sampled_from(Status),
    reason=words,
    spec=st.dictionaries(words, st.dictionaries(words, cells, max_size=3), max_size=3),
    metrics=st.dictionaries(words, finite, max_size=3),
    cost=st.dictionaries(words, finite, max_size=3),
    environment=st.dictionaries(words, cells, max_size=3),
    version=words,
    written=st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


# --- the line ---------------------------------------------------------------------------------------------------------


@given(records)
def test_a_record_comes_back_from_its_line(record: Record) -> None:
    line = record.to_line()
    assert "\n" not in line
    assert Record.from_line(line) == record


def test_the_line_says_its_format_and_is_in_alphabetical_order() -> None:
    line = json.loads(a_record().to_line())
    assert line["format"] == FORMAT == 1
    assert list(line) == sorted(line)
    assert list(line["spec"]["solver"]) == ["part", "penalty"]
    assert line["spec"]["seeds"] == {"data": 0, "order": 0, "subset": 0, "weights": 0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_in_the_line_and_nan_afterwards(value: float) -> None:
    record = a_record(metrics={"test/loss": value, "test/accuracy": 0.25}, cost={"fit_s": value})
    line = json.loads(record.to_line(), parse_constant=pytest.fail)
    assert line["metrics"] == {"test/loss": None, "test/accuracy": 0.25}
    assert line["cost"] == {"fit_s": None}
    back = Record.from_line(record.to_line())
    assert math.isnan(back.metrics["test/loss"])
    assert math.isnan(back.cost["fit_s"])
    assert back.metrics["test/accuracy"] == 0.25


def test_null_stays_null_in_the_spec() -> None:
    assert Record.from_line(a_record().to_line()).spec["data"]["n_train"] is None


def edited(**changes: Any) -> str:
    return json.dumps(json.loads(a_record().to_line()) | changes)


def test_fields_that_this_version_does_not_know_are_ignored() -> None:
    assert Record.from_line(edited(colour="green")) == a_record()


def without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(a_record().to_line()).items() if key != name})


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"format": 1, "key": "0123', "runs.jsonl: line 7 is torn"),
        ("[1, 2]", "runs.jsonl: line 7 is no record"),
        (without("format"), "runs.jsonl: line 7 is no record"),
        (without("spec"), "runs.jsonl: line 7 lacks 'spec'"),
        (without("written"), "runs.jsonl: line 7 lacks 'written'"),
        (edited(metrics=[1]), "runs.jsonl: line 7 has a malformed 'metrics'"),
        (edited(key=12), "runs.jsonl: line 7 has a malformed 'key'"),
        (
            edited(status="tired"),
            "runs.jsonl: line 7 has status 'tired', which is none of failed, non_finite, ok, out_of_memory, singular",
        ),
        (edited(written="yesterday"), "runs.jsonl: line 7 has no ISO 8601 time in 'written' ('yesterday')"),
        (edited(format=2), "runs.jsonl: line 7 has format 2, and this randfeat reads up to 1. Upgrade randfeat."),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, sentence: str) -> None:
    with pytest.raises(ResultsError) as caught:
        Record.from_line(line, "runs.jsonl: line 7")
    assert str(caught.value) == sentence


def test_errors_and_lack_of_memory_are_tried_again() -> None:
    unfinished = [status for status in Status if not a_record(status=status).finished]
    assert unfinished == [Status.OUT_OF_MEMORY, Status.FAILED]


def test_every_status_has_a_sentence_of_its_own() -> None:
    sentences = {status.sentence for status in Status}
    assert len(sentences) == len(Status) == 5
    assert all(sentence.endswith(".") for sentence in sentences)


# --- appending --------------------------------------------------------------------------------------------------------


def test_what_was_appended_is_read_in_order(store: Store) -> None:
    written = [a_record(a_spec(seed=seed), accuracy=seed / 10) for seed in range(5)]
    for record in written:
        store.append(record)
    assert store.records() == written
    assert store.problems == []
    assert store.file.read_text().splitlines() == [record.to_line() for record in written]


def test_a_folder_that_is_not_there_holds_nothing(store: Store) -> None:
    assert store.records() == []
    assert store.finished() == {}
    assert not store.folder.exists()


def test_a_torn_last_line_is_left_out_and_named(store: Store) -> None:
    store.append(a_record())
    whole = a_record(a_spec(seed=1)).to_line()
    store.file.write_text(store.file.read_text() + whole[: len(whole) // 2])
    assert store.records() == [a_record()]
    assert store.problems == [f"{store.file}: line 2 is torn and was left out"]


def test_a_record_appended_to_a_torn_line_stays_whole(store: Store) -> None:
    store.folder.mkdir()
    store.file.write_text(a_record().to_line()[:40])
    store.append(a_record(a_spec(seed=1)))
    store.append(a_record(a_spec(seed=2)))
    assert [record.spec["seeds"]["weights"] for record in store.records()] == [1, 2]
    assert store.problems == [f"{store.file}: line 1 is torn and was left out"]


def test_a_last_line_that_only_lacks_its_end_counts(store: Store) -> None:
    store.folder.mkdir()
    store.file.write_text(a_record().to_line())
    assert store.records() == [a_record()]
    store.append(a_record(a_spec(seed=1)))
    assert len(store.records()) == 2
    assert store.problems == []


def test_lines_glued_together_and_garbage_are_left_out_and_the_rest_is_read(store: Store) -> None:
    first, second, third = (a_record(a_spec(seed=seed)) for seed in range(3))
    store.folder.mkdir()
    lines = [first.to_line() + second.to_line(), "", "\x00\x00\x00", without("spec"), third.to_line()]
    store.file.write_text("\n".join(lines) + "\n")
    assert store.records() == [third]
    assert store.problems == [
        f"{store.file}: line 1 is torn and was left out",
        f"{store.file}: line 3 is torn and was left out",
        f"{store.file}: line 4 lacks 'spec' and was left out",
    ]


def test_bytes_that_are_no_text_are_left_out(store: Store) -> None:
    store.folder.mkdir()
    store.file.write_bytes(b"\xff\xfe\xff\n" + a_record().to_line().encode() + b"\n")
    assert store.records() == [a_record()]
    assert len(store.problems) == 1


def test_problems_are_those_of_the_last_reading(store: Store) -> None:
    store.folder.mkdir()
    store.file.write_text("torn\n")
    store.records()
    store.file.unlink()
    store.records()
    assert store.problems == []


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from randfeat.record import Record
from randfeat.store import Store

record, store = Record.from_line(sys.argv[2]), Store(Path(sys.argv[1]))
sys.stdin.read()
for number in range(200):
    store.append(replace(record, key=f"{sys.argv[3]}{number:011x}", reason="x" * (number * 37 % 9000)))
"""


def test_two_processes_that_write_at_once_lose_and_tear_nothing(store: Store) -> None:
    command = [sys.executable, "-c", WRITER, str(store.folder), a_record().to_line()]
    writers = [subprocess.Popen([*command, letter], stdin=subprocess.PIPE) for letter in "ab"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0, 0]
    assert {record.key for record in store.records()} == {f"{a}{n:011x}" for a in "ab" for n in range(200)}
    assert store.problems == []
    assert len(store.file.read_text().splitlines()) == 400


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_newest_record_of_a_key_counts_whatever_its_place(store: Store) -> None:
    old = a_record(accuracy=0.1, written="2025-01-01T12:00:00+00:00")
    new = a_record(accuracy=0.2, written="2025-01-01T13:30:00+02:00")  # half an hour before old
    newest = a_record(accuracy=0.3, written="2025-01-01T12:00:00.5Z")
    for record in (newest, old, new):
        store.append(record)
    assert store.records() == [newest]


def test_a_finished_record_counts_before_a_later_one_that_ran_out_of_memory(store: Store) -> None:
    done = a_record(written="2025-01-01T12:00:00+00:00")
    store.append(done)
    store.append(a_record(status=Status.OUT_OF_MEMORY, metrics={}, written="2025-01-02T12:00:00+00:00"))
    assert store.records() == [done]


def test_of_two_records_of_one_moment_the_later_line_counts(store: Store) -> None:
    for accuracy in (0.1, 0.2):
        store.append(a_record(accuracy=accuracy))
    assert [record.metrics["test/accuracy"] for record in store.records()] == [0.2]


def test_readers_take_the_union_of_all_run_files(store: Store) -> None:
    store.append(a_record())
    other = a_record(a_spec(seed=1))
    (store.folder / "runs-node2.jsonl").write_text(other.to_line() + "\n")
    (store.folder / "notes.jsonl").write_text("not ours\n")
    assert {record.key for record in store.records()} == {a_record().key, other.key}
    assert store.problems == []


def test_a_newer_format_is_fatal(store: Store) -> None:
    store.append(a_record())
    store.file.write_text(store.file.read_text() + edited(format=3) + "\n")
    with pytest.raises(NewerFormatError) as caught:
        store.records()
    assert str(caught.value) == (f"{store.file}: line 2 has format 3, and this randfeat reads up to 1. Upgrade randfeat.")


def test_finished_leaves_out_what_is_tried_again(store: Store) -> None:
    for seed, status in enumerate(Status):
        store.append(a_record(a_spec(seed=seed), status=status))
    assert set(store.finished()) == {key_of(a_spec(seed=seed)) for seed in (0, 1, 2)}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as caught:
        read_records([tmp_path / "gone.jsonl"])
    assert str(caught.value) == f"{tmp_path / 'gone.jsonl'} cannot be read: no such file or directory."


def test_no_results_says_how_to_make_some(store: Store) -> None:
    with pytest.raises(ResultsError) as caught:
        store.some_records()
    assert str(caught.value) == (f"no results in {store.folder}. Make some with: randfeat run --results {store.folder}")


def test_a_run_is_found_by_the_beginning_of_its_key(store: Store) -> None:
    for key in ("abc000000000", "abd000000000"):
        store.append(a_record(key=key))
    assert store.find("abd").key == "abd000000000"
    assert store.find("abc000000000").key == "abc000000000"
    with pytest.raises(ResultsError) as caught:
        store.find("ab")
    assert str(caught.value) == (f"'ab' begins several keys in {store.folder}: abc000000000, abd000000000. Give more digits.")
    with pytest.raises(ResultsError) as caught:
        store.find("abe000000000")
    assert str(caught.value).startswith(f"no run 'abe000000000' in {store.folder}. Did you mean 'ab")
    assert str(caught.value).endswith("Keys there: abc000000000, abd000000000.")


def test_a_long_list_of_keys_is_cut_short(store: Store) -> None:
    for number in range(9):
        store.append(a_record(key=f"a{number:011x}"))
    with pytest.raises(ResultsError, match=r"a00000000000, .*, a00000000005 and 3 more\.$"):
        store.find("f")


# --- when the disk will not ------------------------------------------------------------------------------------------


def test_prepare_makes_a_folder_that_can_be_written(store: Store) -> None:
    store.prepare()
    assert list(store.folder.iterdir()) == []


def test_prepare_refuses_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError) as caught:
        Store(tmp_path / "file").prepare()
    assert str(caught.value) == (
        f"results folder {tmp_path / 'file'} cannot be written: file exists. Pick another with --results DIR."
    )


def test_prepare_refuses_a_folder_without_permission(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(ResultsError, match=r"cannot be written: permission denied\. Pick another with --results DIR\."):
        store.prepare()


def half_written(file: int, data: bytes, write: Any = os.write) -> int:
    return int(write(file, data[: len(data) // 2]))


def no_space(file: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("write", [half_written, no_space])
@pytest.mark.parametrize("torn", ["", '{"half'])
def test_a_full_disk_leaves_the_file_as_it_was_and_the_record_elsewhere(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, torn: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store.append(a_record())
    store.file.write_text(store.file.read_text() + torn)
    before, lost = store.file.read_bytes(), a_record(a_spec(seed=1))
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(ResultsError) as caught:
        store.append(lost)
    assert store.file.read_bytes() == before
    (kept,) = tmp_path.glob("runs-*.jsonl")
    assert str(caught.value) == (
        f"{store.file} cannot be written: the disk is full. "
        f"The record was kept in {kept}: move it into the folder once that works again."
    )
    kept.rename(store.folder / kept.name)
    assert {record.key for record in store.records()} == {a_record().key, lost.key}


def test_a_failed_fsync_takes_the_line_back(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ResultsError, match="input/output error"):
        store.append(a_record())
    assert store.file.read_bytes() == b""


def test_a_record_that_can_be_kept_nowhere_is_in_the_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", no_space)
    monkeypatch.setattr(tempfile, "mkstemp", refused)
    with pytest.raises(ResultsError) as caught:
        store.append(a_record())
    _, _, line = str(caught.value).partition("this is its line: ")
    assert Record.from_line(line) == a_record()


def test_without_locks_a_record_is_still_appended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    store.append(a_record())
    assert store.records() == [a_record()]


# --- the files beside the lines --------------------------------------------------------------------------------------


def test_a_curve_is_a_csv_with_a_column_for_every_name(store: Store) -> None:
    path = store.save_curve("0" * 12, [{"epoch": 0, "loss": 2.5}, {"epoch": 1, "loss": 1.25, "test/accuracy": 0.5}])
    assert path == store.folder / "curves" / "000000000000.csv"
    assert path.read_text().splitlines() == ["epoch,loss,test/accuracy", "0,2.5,", "1,1.25,0.5"]


def test_a_curve_is_replaced_whole_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.save_curve("0" * 12, [{"epoch": 0}])

    def failing(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(ResultsError) as caught:
        store.save_curve("0" * 12, [{"epoch": 1}])
    assert str(caught.value) == f"{path} cannot be written: the disk is full."
    assert path.read_text().splitlines() == ["epoch", "0"]
    assert list(path.parent.iterdir()) == [path]


def test_tensors_come_back_with_their_metadata(store: Store) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    store.save_tensors("0" * 12, {"head.weight": weight, "turned": weight.T}, {"key": "0" * 12})
    tensors, metadata = store.load_tensors("0" * 12)
    assert metadata == {"key": "0" * 12}
    assert tensors["head.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["turned"].dtype == np.float32


def test_missing_and_corrupt_tensors_are_told_apart(store: Store) -> None:
    path = store.folder / "tensors" / "000000000000.safetensors"
    with pytest.raises(ResultsError) as caught:
        store.load_tensors("0" * 12)
    assert str(caught.value) == f"{path} is missing: the tensors of run 000000000000 were not saved. Run it again with --force."
    store.save_tensors("0" * 12, {"x": np.ones(100)}, {})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ResultsError, match=r"safetensors is corrupt: .*\. Run it again with --force\.$"):
        store.load_tensors("0" * 12)


def test_the_tensors_of_another_run_are_refused(store: Store) -> None:
    store.save_tensors("0" * 12, {"x": np.ones(3)}, {"key": "1" * 12})
    with pytest.raises(ResultsError, match=r"holds the tensors of run 111111111111\. Run 000000000000 again with --force\.$"):
        store.load_tensors("0" * 12)


@pytest.mark.parametrize("field", ["metrics", "cost"])
def test_a_record_with_words_for_numbers_is_left_out(store: Store, field: str) -> None:
    store.append(a_record())
    store.file.write_text(store.file.read_text() + edited(**{field: {"test/accuracy": "abc"}}) + "\n")
    assert store.records() == [a_record()]
    assert store.problems == [f"{store.file}: line 2 has no number in {field!r} for 'test/accuracy' and was left out"]


def test_event_files_have_a_folder_per_run(store: Store) -> None:
    assert store.tensorboard("abc") == store.folder / "tensorboard" / "abc"


# --- what the rest of the package may rely on -------------------------------------------------------------------------


def test_records_store_and_reports_do_not_import_torch() -> None:
    modules = "record store report report.frame report.tables report.comparison report.diff_render report.sides"
    imports = "; ".join(f"import randfeat.{name}" for name in [*modules.split(), "cli.table", "cli.diff"])
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'torch' not in sys.modules"], check=True)


def test_the_verbs_import_pandas_only_when_they_run() -> None:
    check = "import randfeat.cli.diff, randfeat.store, sys; assert not {'pandas', 'scipy', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


DOCUMENT = (Path(__file__).parents[1] / "docs" / "records.md").read_text()


def test_the_example_in_the_document_is_a_record() -> None:
    example = json.loads(DOCUMENT.split("```json\n")[1].split("```")[0])
    assert Record.from_line(json.dumps(example)).to_line() == json.dumps(example)


def test_the_document_names_every_field_and_every_status() -> None:
    rows = dict(row.strip("| ").split(" | ")[:2] for row in DOCUMENT.splitlines() if row.startswith("| `"))
    assert {f"`{field.name}`" for field in fields(Record)} <= set(rows)
    assert {f"`{status}`": status.sentence for status in Status}.items() <= rows.items()


def test_the_three_lines_with_pandas_work(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.folder.parent)
    Store(Path("results/local")).append(a_record(accuracy=0.75))
    names: dict[str, Any] = {}
    for code in DOCUMENT.split("```python\n")[1:]:
        exec(code.split("```")[0], names)
    assert names["runs"]["metrics.test/accuracy"].tolist() == [0.75]
