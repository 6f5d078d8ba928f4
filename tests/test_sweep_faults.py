"""What else goes wrong in a sweep: runs that raise, diverge or end their worker, a full disk, signals, two sweeps at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from randfeat import processes
from randfeat.config import compose
from randfeat.errors import RandfeatError, ResultsError
from randfeat.plan import Group
from randfeat.record import FORMAT, Record, Status
from randfeat.reservation import Reservations
from randfeat.spec import RunSpec
from randfeat.store import Store
from randfeat.work import Job, Worker
from tests.making import a_record, a_spec
from tests.nursery import PATIENCE_S, children, until

SMALL = ["data.n_train=150", "data.n_test=50", "--results", "results", "-q"]
ELM = ["conf=elm", *SMALL, "--no-twin"]
HOSTILE = ["arch=hostile", *SMALL, "--no-twin"]


def records_of(folder):
    return Store(folder / "results").records()


def scores(folder):
    return {record.key: (record.status, record.metrics) for record in records_of(folder)}


def finished_lines(folder, results="results"):
    lines = [json.loads(line) for line in (folder / results / "runs.jsonl").read_text().splitlines()]
    return [line["key"] for line in lines if line["status"] not in ("failed", "out_of_memory")]


def by_deed(folder):
    return {record.spec["arch"]["does"]: record for record in records_of(folder)}


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_runs_that_fail_are_on_record_with_a_reason_and_their_neighbours_are_done(nursery, tmp_path, workers):
    deeds = ["nothing", "raises", "allocates", "overflows", *(["kills"] if workers else [])]
    words = ["sweep", *HOSTILE, f"arch.does={','.join(deeds)}", "solver.penalty=1,2", *workers]
    done = nursery.run(tmp_path, *words)
    assert done.code == 3, done.stderr
    records = records_of(tmp_path)
    reasons = {(record.spec["arch"]["does"], record.status, record.reason) for record in records}
    assert len(records) == 2 * len(deeds)
    wanted = {
        ("nothing", Status.OK, ""),
        ("raises", Status.FAILED, "ValueError: this layer is broken,"),
        ("overflows", Status.NON_FINITE, "a feature, or its square, was not finite"),
    }
    if workers:
        killed = "its worker was killed by signal 9, 3 times; the system ends a process where memory runs out"
        wanted.add(("kills", Status.FAILED, killed))
    assert {each for each in reasons if each[0] != "allocates"} == wanted
    short = [record for record in records if record.spec["arch"]["does"] == "allocates"]
    assert {record.status for record in short} == {Status.OUT_OF_MEMORY}
    assert all("can't allocate memory" in record.reason for record in short)
    assert "Traceback" not in done.stderr
    assert nursery.no_workers_left()


@pytest.mark.parametrize("fit", [["solver=ridge", "solver.penalty=1,10"], ["solver=sgd", "solver.epochs=2", "subset=all"]])
def test_rows_pass_in_pieces_where_memory_is_short_and_the_numbers_stay(nursery, tmp_path, fit):
    """A layer that takes 300 rows at once; training, validation and test rows come in blocks of up to 1,000."""
    words = ["arch=hostile", "arch.does=nothing,crowds", "data.n_train=1200", "data.val_share=0.3", "--no-twin", *fit]
    done = nursery.run(tmp_path, "sweep", *words, "--results", "results", "-q")
    assert done.code == 0, done.stderr
    runs = {}
    for record in records_of(tmp_path):
        runs.setdefault(record.spec["arch"]["does"], {})[str(record.spec["solver"])] = record.metrics
    assert runs["nothing"].keys() == runs["crowds"].keys()
    for solver, metrics in runs["nothing"].items():
        assert runs["crowds"][solver] == pytest.approx(metrics, abs=1e-6)


def test_two_sweeps_of_the_same_words_share_the_runs(nursery, tmp_path):
    words = ["sweep", *ELM, "arch.width=8,9,10,11,12,13", "seeds.weights=range(0,4)"]
    both = [nursery.start(tmp_path, *words), nursery.start(tmp_path, *words, "--workers", "2")]
    assert [driver.wait() for driver in both] == [0, 0], [driver.stderr for driver in both]
    assert len(finished_lines(tmp_path)) == len(set(finished_lines(tmp_path))) == 24
    assert {record.status for record in records_of(tmp_path)} == {Status.OK}
    assert both[0].stdout == both[1].stdout


def test_two_sweeps_of_words_that_overlap_do_each_run_once(nursery, tmp_path):
    """Their states lie in one folder, which goes with the last of them."""
    words = ["sweep", "conf=elm", *SMALL, "arch.width=8", "solver.penalty=1", "twin.epochs=8", "--checkpoint", "0"]
    both = [nursery.start(tmp_path, *words, f"seeds.weights=range({start},{start + 8})") for start in (0, 4)]
    assert [driver.wait() for driver in both] == [0, 0], [driver.stderr for driver in both]
    assert len(finished_lines(tmp_path)) == len(set(finished_lines(tmp_path))) == 24
    assert sorted({record.spec["seeds"]["weights"] for record in records_of(tmp_path)}) == list(range(12))
    assert not (tmp_path / "results/states").exists()


def test_a_run_that_a_killed_process_had_taken_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from randfeat.reservation import Reservations\n"
        "with Reservations(Path(sys.argv[1])) as taken: print(taken.take('ffffffffffff'), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "taken")], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        with Reservations(tmp_path / "taken") as mine:
            assert [mine.take("ffffffffffff"), mine.take("fffffffffffe")] == [False, True]
            other.kill()
            other.wait()
            assert mine.take("ffffffffffff")
        assert (tmp_path / "taken").exists()  # left behind, it holds nobody up
        with Reservations(tmp_path / "taken") as mine:
            assert mine.take("ffffffffffff")


FULL = ["sweep", *ELM, "arch.width=8", "solver.penalty=1,2,3,4,5,6,7,8,9,10,11,12"]


def test_where_a_file_can_grow_no_more_the_sweep_ends_in_one_line_and_goes_on_when_it_can(nursery, tmp_path):
    whole = nursery.run(tmp_path, *FULL[:-1], "solver.penalty=1")
    assert whole.code == 0
    line = (tmp_path / "results/runs.jsonl").stat().st_size
    full = nursery.run(tmp_path, *FULL, file_size=4 * line)
    assert (full.code, full.stderr.count("\n")) == (2, 1), full.stderr
    assert full.stderr.startswith("error: results/runs.jsonl cannot be written: ")
    kept = Path(full.stderr.partition("kept in ")[2].partition(":")[0])
    before = records_of(tmp_path)
    assert 1 < len(before) < 12
    assert json.loads(kept.read_text())["key"] not in {record.key for record in before}
    kept.unlink()
    assert nursery.run(tmp_path, *FULL).code == 0
    assert len(finished_lines(tmp_path)) == len(set(finished_lines(tmp_path))) == 12


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 40 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_a_full_disk_ends_a_sweep_in_one_line_and_it_goes_on_when_there_is_room(nursery, tmp_path, small_disk, workers):
    (tmp_path / "results").symlink_to(small_disk)
    full = nursery.run(tmp_path, *FULL, *workers)
    assert (full.code, full.stderr.count("\n")) == (2, 1), full.stderr
    assert "cannot be written: the disk is full" in full.stderr
    before = scores(tmp_path)
    assert 0 < len(before) < 12
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert nursery.run(tmp_path, *FULL, *workers).code == 0
    after = scores(tmp_path)
    assert len(after) == len(finished_lines(tmp_path)) == 12
    assert {key: after[key] for key in before} == before
    assert nursery.no_workers_left()


LONG = ["sweep", "conf=elm", *SMALL, "arch.width=8", "--no-twin", "subset=all", "solver=sgd", "solver.batch_size=10"]


UNTOUCHED = [*LONG, "solver.epochs=12", "--checkpoint", "0"]


@pytest.fixture(scope="module")
def whole(nursery, tmp_path_factory):
    """What nobody disturbs leaves."""
    folder = tmp_path_factory.mktemp("whole")
    assert nursery.run(folder, *UNTOUCHED).code == 0
    return folder


@pytest.mark.parametrize("harm", [None, lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], lambda data: b""])
def test_a_fit_whose_driver_is_killed_goes_on_to_the_same_bits(nursery, whole, tmp_path, harm):
    cut = tmp_path / "cut"
    cut.mkdir()
    driver = nursery.start(cut, *UNTOUCHED)
    assert until(lambda: list((cut / "results").glob("states/[0-9a-f]*")))
    time.sleep(0.1)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    (state,) = (cut / "results").glob("states/[0-9a-f]*")
    if harm:
        state.write_bytes(harm(state.read_bytes()))
    assert not (cut / "results/runs.jsonl").exists()
    resumed = nursery.run(cut, *UNTOUCHED)
    assert resumed.code == 0, resumed.stderr
    assert scores(cut) == scores(whole)
    (record,) = records_of(cut)
    tensors = [Store(folder / "results").load_tensors(record.key)[0] for folder in (cut, whole)]
    assert {name: array.tobytes() for name, array in tensors[0].items()} == {
        name: array.tobytes() for name, array in tensors[1].items()
    }
    assert not (cut / "results/states").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_sweep_and_its_workers_and_finished_runs_are_on_record(nursery, tmp_path, number):
    words = [*LONG, "solver.epochs=1,2,100000", "--workers", "2"]
    driver = nursery.start(tmp_path, *words)
    assert until(lambda: len(nursery.workers) == 2 and len(records_of(tmp_path)) == 2)
    driver.kill(number)
    assert driver.wait() == (130 if number == signal.SIGINT else -number)
    assert re.fullmatch("error: interrupted; .* on record.*\n" if number == signal.SIGINT else "", driver.stderr)
    assert nursery.no_workers_left()
    assert {record.status for record in records_of(tmp_path)} == {Status.OK}


def test_a_worker_that_stands_still_for_a_while_is_waited_for(nursery, tmp_path):
    driver = nursery.start(tmp_path, *LONG, "solver.epochs=1,60,61", "--workers", "2")
    assert until(lambda: len(nursery.workers) == 2 and len(records_of(tmp_path)) == 1)
    still = nursery.workers[0]
    os.kill(still, signal.SIGSTOP)
    assert until(lambda: len(records_of(tmp_path)) == 2)
    assert still in nursery.workers
    os.kill(still, signal.SIGCONT)
    assert driver.wait() == 0, driver.stderr
    assert len(finished_lines(tmp_path)) == 3


def test_a_results_folder_that_goes_away_is_made_again(nursery, tmp_path):
    words = [*LONG, "solver.epochs=1,2,3,30", "--checkpoint", "0"]
    driver = nursery.start(tmp_path, *words)
    assert until(lambda: list((tmp_path / "results").glob("states/[0-9a-f]*")) and len(records_of(tmp_path)) >= 1)
    (tmp_path / "results").rename(tmp_path / "gone")
    assert driver.wait() == 0, driver.stderr
    together = [*finished_lines(tmp_path), *finished_lines(tmp_path, "gone")]
    assert len(set(together)) == len(together) == 4


def test_records_of_a_later_randfeat_stop_a_sweep_before_it_begins(nursery, tmp_path):
    (tmp_path / "results").mkdir()
    line = json.dumps(json.loads(a_record().to_line()) | {"format": FORMAT + 1})
    (tmp_path / "results/runs.jsonl").write_text(line + "\n")
    done = nursery.run(tmp_path, "sweep", *ELM)
    assert (done.code, done.stderr.count("\n")) == (2, 1)
    assert f"has format {FORMAT + 1}, and this randfeat reads up to {FORMAT}. Upgrade randfeat." in done.stderr
    assert (tmp_path / "results/runs.jsonl").read_text() == line + "\n"


@contextlib.contextmanager
def listening():
    """What is started now listens to Ctrl-C, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def program(tmp_path):
    """Not from the nursery: with a server for its workers of its own, in a session of its own, as a terminal has it."""
    command = [sys.executable, "-m", "randfeat", *LONG, "solver.epochs=1,2,100000", "--workers", "2"]
    with (tmp_path / "err").open("w") as err:
        options = {"cwd": tmp_path, "start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": err}
        with listening():
            driver = subprocess.Popen(command, **options)
    yield driver
    for pid in in_session(driver.pid):
        os.kill(pid, signal.SIGKILL)
    driver.wait()


def test_ctrl_c_while_the_first_worker_is_still_coming_ends_in_one_line(program, tmp_path):
    assert until(lambda: len(children(program.pid)) == 2)  # the server, which imports torch, and multiprocessing's tracker
    os.killpg(program.pid, signal.SIGINT)
    assert program.wait(PATIENCE_S) == 130
    assert re.fullmatch("error: interrupted; .* on record.*\n", (tmp_path / "err").read_text())


def test_a_program_that_is_killed_leaves_no_process_and_its_workers_have_no_ear_for_ctrl_c(program, tmp_path):
    assert until(lambda: len(records_of(tmp_path)) == 2)
    others = in_session(program.pid) - {program.pid}
    for pid in others:
        os.kill(pid, signal.SIGINT)
    time.sleep(0.2)
    assert in_session(program.pid) == {program.pid} | others
    program.kill()
    program.wait()
    assert until(lambda: not in_session(program.pid))
    assert (tmp_path / "err").read_text() == ""
    assert len(records_of(tmp_path)) == 2


class Failing:
    """Starts processes, the first so many of them in vain."""

    def __init__(self, times):
        self.times, self.Pipe = times, Pipe

    def get_start_method(self):
        return "spawn"

    def Process(self, target, args, daemon):
        return self

    def start(self):
        self.times -= 1
        if self.times >= 0:
            raise EOFError


def test_a_worker_is_started_again_where_what_starts_it_has_just_ended(tmp_path, monkeypatch):
    """As where the system, out of memory, ends that and a worker at once."""
    monkeypatch.setattr(processes, "PAUSE", 0.0)
    place = processes.Place("cpu", 1, 1, tmp_path, tmp_path, 0.0)
    for times in (2, 3):
        context = Failing(times)
        seat = processes._Seat(place, context)
        with contextlib.nullcontext() if times == 2 else pytest.raises(RandfeatError, match="ended, 3 times"):
            seat.take(Job(Group(())))
        assert context.times == (-1 if times == 2 else 0)
        seat.pipe.close()


def in_session(number):
    """The processes of a session."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == number and fields[0] != "Z":
                found.add(int(stat.parent.name))
    return found


def test_ten_thousand_records_are_read_once(tmp_path, monkeypatch):
    from randfeat.tail import Tail

    store = Store(tmp_path)
    lines = [a_record(a_spec(seed=seed)).to_line() + "\n" for seed in range(10_000)]
    store.file.write_text("".join(lines))
    read = []
    monkeypatch.setattr("randfeat.tail.Record.from_line", lambda line: read.append(line))
    tail = Tail(store)
    for seed in range(3):
        store.append(a_record(a_spec(seed=seed), accuracy=0.5))
        list(tail.news())
    assert len(read) == 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SystemExit(7), "SystemExit: 7"),
        (GeneratorExit(), "GeneratorExit"),
        (ValueError("a \ud800 b\x1b[31m"), r"ValueError: a \ud800 b\x1b[31m"),
        (type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})(), "Mute"),
    ],
)
def test_whatever_a_part_throws_ends_its_run_and_is_said_in_printable_words(tmp_path, monkeypatch, error, reason):
    def thrown(*args, **settings):
        raise error

    monkeypatch.setattr("randfeat.work.run_one", thrown)
    told = []
    spec = RunSpec.from_mapping(compose(["conf=elm", "arch.width=5"]))
    Worker(torch.device("cpu"), tmp_path, lambda key: {}, 60).do(Job(Group((spec,))), told.append)
    record = told[-1].run.record
    assert (record.status, record.reason) == (Status.FAILED, reason)
    assert Record.from_line(record.to_line()).reason == reason


def test_a_line_that_nests_too_deep_is_left_out(tmp_path):
    (tmp_path / "runs.jsonl").write_text("[" * 200_000 + "\n" + a_record().to_line() + "\n")
    store = Store(tmp_path)
    assert len(store.records()) == 1
    assert store.problems == [f"{tmp_path / 'runs.jsonl'}: line 1 is torn and was left out"]


def test_what_is_in_the_way_of_reservations_is_said(tmp_path):
    (tmp_path / ".runs.taken").mkdir()
    with (
        pytest.raises(ResultsError, match=r"\.runs\.taken cannot be written: is a directory"),
        Reservations(Store(tmp_path).taken),
    ):
        pass
