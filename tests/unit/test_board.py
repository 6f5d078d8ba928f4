"""What a person sees of a sweep, told event by event."""

import io
import re

import pytest
from rich.console import Console

from randfeat.cli.board import Board
from randfeat.cli.page import HANDS, page
from randfeat.forecast import Experience
from randfeat.plan import plan, specs_of, with_twins
from randfeat.record import Status
from randfeat.run import Run
from randfeat.solver import Step
from tests.making import a_record


@pytest.fixture(scope="module")
def specs():
    return specs_of(["arch=mlp", "init=he,glorot", "solver.penalty=1,2"], 3)


def a_run(spec, status=Status.OK, reason="", **metrics):
    named = {name.replace("_", "/"): value for name, value in metrics.items()}
    return Run(a_record(key=spec.key, twin=spec.twin.key, status=status, reason=reason, metrics=named), [], {})


def a_board(specs, terminal=False, done=None, **flags):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    board = Board(console, Experience(), **{"quiet": False, "verbose": False} | flags)
    board.planned(plan(specs, done or {}))
    return board, console.file


def shown(board):
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(page(board.tally))
    return console.file.getvalue()


def test_the_page_shows_runs_in_hand_results_the_best_and_failures(specs):
    board, _ = a_board(specs)
    for spec in specs[:4]:
        board.started(spec)
    board.finished(specs[0], a_run(specs[0], val_accuracy=0.8, test_accuracy=0.1))
    board.finished(specs[1], a_run(specs[1], val_accuracy=0.7, test_accuracy=0.9))
    board.finished(specs[2], a_run(specs[2], Status.SINGULAR, "no unique solution"))
    board.stepped(specs[3], Step(3, 30, 0.25, 0.5))
    board.stepped(specs[3], Step(6, 30))
    lines = shown(board).splitlines()
    assert lines[0].startswith("3/12 done, 1 singular, about 1 s left")
    assert re.match(r"  init=he solver.penalty=2 seed 0 +epoch 6/30 loss 0.250 val 50.0 % ", lines[1])
    assert [line.split()[:4] for line in lines[2:5]] == [["last", "init=he", "solver.penalty=1", "seed"]] * 3
    assert re.match(r"last init=he solver.penalty=1 seed 2 +singular$", lines[2])
    assert re.match(r"best init=he solver.penalty=1 seed 0 +val 80.00 %", lines[5])
    assert lines[6].startswith("1 not ok init=he solver.penalty=1 seed 2: no unique solution")
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


def test_without_validation_rows_the_training_rows_compare_and_the_twin_takes_no_part(specs):
    board, _ = a_board(with_twins(specs[:2]))
    for spec, accuracy in ((specs[0], 0.6), (specs[0].twin, 0.99), (specs[1], 0.5)):
        board.started(spec)
        board.finished(spec, a_run(spec, train_accuracy=accuracy, test_accuracy=accuracy))
    assert board.tally.best == ("train", 0.6, specs[0])


def test_of_many_workers_the_first_have_a_bar(specs):
    board, _ = a_board(specs)
    for spec in specs:
        board.started(spec)
    assert f"and {len(specs) - HANDS} more in hand" in shown(board)


def test_lines_where_there_is_no_terminal(specs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first = a_run(specs[0], val_accuracy=0.5).record
    with a_board(specs, done={specs[0].key: first})[0] as board:
        for k, spec in enumerate(specs[1:6]):
            board.started(spec)
            now[0] += 4
            board.finished(spec, a_run(spec, *(Status.NON_FINITE, "loss was nan") if k == 1 else (), val_accuracy=0.5))
        board.started(specs[6])
        board.lost(specs[6], "was killed by signal 9")
        board.elsewhere(specs[6], a_run(specs[6], val_accuracy=0.5).record)
        assert board.interrupted() == "interrupted; 7 runs are on record, 0 were under way; the same words go on from there."
    assert board.console.file.getvalue().splitlines() == [
        f"{specs[2].key}  init=he solver.penalty=1 seed 2: non_finite: loss was nan",
        "4/12 done, 1 non finite, about 32 s left",
        "a worker was killed by signal 9, with init=glorot solver.penalty=1 seed 0 in hand",
        "7/12 done, 1 of them by another process, 1 non finite, 1 worker lost, about 20 s left",
    ]
    assert board.ended() == "12 runs, 1 of them from before, 5 done now, 1 by another process, in 20 s."


def test_quiet_says_nothing_and_verbose_gives_facts(specs):
    for flags, said in (({"quiet": True}, 0), ({"verbose": True}, 2)):
        board, file = a_board(specs, **flags)
        with board:
            board.started(specs[0])
            board.finished(specs[0], a_run(specs[0], Status.FAILED, "E: x", val_accuracy=0.5))
        lines = file.getvalue().splitlines()
        assert len(lines) == said
    assert lines[0].startswith(f"{specs[0].key}  init=he solver.penalty=1 seed 0: failed: val/accuracy 0.5, fit_s 1.25")


def test_the_live_page_leaves_nothing_behind_on_a_terminal(specs):
    board, file = a_board(specs, terminal=True)
    with board:
        board.started(specs[0])
        board.finished(specs[0], a_run(specs[0], val_accuracy=0.5))
    assert "1/12 done" in file.getvalue()
    assert file.getvalue().endswith("\x1b[2K")
