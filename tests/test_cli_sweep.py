"""``randfeat sweep`` as a user types it: the plan before, the table and the failures after, Ctrl-C in between."""

import json
import re
import shlex
from pathlib import Path

import pytest

from randfeat.cli.asked import Asked
from randfeat.crew import AbstractCrew
from randfeat.work import Started

ELM = ["conf=elm", "arch.width=20", "twin.epochs=1", "data.n_train=100"]
LISTS = [*ELM, "init=he,glorot", "solver.penalty=1,10", "--seeds", "2"]


def facts(stdout):
    """The left column of what a dry run prints -> the right one, up to the first blank line."""
    first, *_ = stdout.split("\n\n")
    joined = re.sub(r"\n {5,}", " ", re.sub(r" +\n", "\n", first))
    return {name.strip(): said.strip() for name, said in (re.split(r"  +", line, maxsplit=1) for line in joined.splitlines())}


def records():
    return [json.loads(line) for line in Path("results/local/runs.jsonl").read_text().splitlines()]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(randfeat):
    done = randfeat("sweep", *LISTS, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path("results").exists()
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert facts(done.stdout) == {
        "runs": "12, 4 of them fully trained",
        "on record": "0",
        "to do": "12, 4 of them fully trained",
        "data sets": "1 to load",
        "networks": "4 to draw; the frozen units of 4 computed once for 8 runs",
        "twins": "4, each trained once, for 8 runs",
        "groups": "4, for 1 worker",
        "time, memory": "unknown; nothing like these runs is on record",
    }
    for line in ("init +he, glorot", "solver.penalty +1, 10", "seeds.weights, seeds.subset, seeds.order +0, 1"):
        assert re.search(rf"^{line} *$", done.stdout, re.MULTILINE), line


def test_a_sweep_goes_on_from_what_is_on_record_and_a_dry_run_judges_by_it(randfeat):
    first = randfeat("sweep", *LISTS)
    assert first.returncode == 0, first.stderr
    assert first.stderr == "12/12 done\n"
    assert re.search(
        r"\n12 runs, 0 of them from before, 12 done now, in \d+ s.\nOn record in results/local/runs.jsonl.\n$", first.stdout
    )
    assert len(records()) == 12
    said = facts(randfeat("sweep", *LISTS, "--seeds", "3", "--dry-run").stdout)
    assert said["runs"] == "18, 6 of them fully trained"
    assert said["on record"] == "12, 4 of them fully trained"
    assert re.fullmatch(r"about \d+ s \(6 from runs that differ in seeds only\)", said["time"])
    assert re.fullmatch(r"up to [\d,]+ MiB for each worker", said["memory"])
    others = facts(randfeat("sweep", *ELM, "init=he,glorot", "solver=ridge,pinv", "--seeds", "2", "--dry-run").stdout)
    assert re.fullmatch(r"at least \d+ s \(4 from runs of the same parts, 4 unknown\)", others["time"])
    forced = facts(randfeat("sweep", *LISTS, "--force", "--dry-run").stdout)
    assert (forced["on record"], forced["to do"]) == ("0", "12, 4 of them fully trained")
    again = randfeat("sweep", *LISTS)
    assert again.stderr == ""
    assert "12 runs, 12 of them from before, 0 done now" in again.stdout
    assert len(records()) == 12


def test_what_is_not_ok_is_listed_with_the_words_to_run_it_alone(randfeat):
    words = ["conf=elm", "arch.width=120", "data.n_train=30", "solver.penalty=0,1", "init.gain=1,2", "--no-twin"]
    done = randfeat("sweep", *words)
    assert done.returncode == 3
    singular = [record for record in records() if record["status"] == "singular"]
    assert len(singular) == 2
    assert f"\n2 of 4 runs are not ok. Each alone:\n2 x singular: {singular[0]['reason']}\n  " in done.stdout
    commands = [shlex.split(line) for line in done.stdout.splitlines() if line.startswith("    randfeat run ")]
    assert len(commands) == 2
    for command, record in zip(commands, singular, strict=True):
        alone = randfeat(*command[1:], "--json")
        assert [json.loads(line)["key"] for line in alone.stdout.splitlines()] == [record["key"]]
    assert len(records()) == 6
    assert "singular" in done.stderr
    assert done.stderr.splitlines()[-1] == "4/4 done, 2 singular"


def test_a_long_table_and_many_failures_are_cut_and_say_how_to_see_them_all(randfeat):
    words = ["conf=elm", "arch.width=120", "data.n_train=30", "solver.penalty=0", "init.gain=range(1,33)", "--no-twin", "-q"]
    done = randfeat("sweep", *words)
    assert (done.returncode, done.stderr) == (3, "")
    assert "\n2 more lines. All: randfeat table --results results/local\n" in done.stdout
    assert done.stdout.count("    randfeat run ") == 10
    assert done.stdout.endswith("22 more. All by their settings: randfeat table --results results/local --where 'status!=ok'\n")
    everyone = randfeat(
        "table", "--results", "results/local", "--where", "status!=ok", "--rows", "init.gain", "--format", "csv"
    )
    assert len(everyone.stdout.splitlines()) == 33


class Stopped(AbstractCrew):
    """Ends as if someone pressed Ctrl-C after the first run."""

    places = 1

    def __init__(self, crew):
        self.crew = crew

    def work(self, desk):
        def tell(event):
            desk.tell(event)
            if isinstance(event, Started) and len(records() if Path("results/local/runs.jsonl").exists() else []) == 1:
                raise KeyboardInterrupt

        self.crew.worker.do(desk.give(), tell)


def test_ctrl_c_says_what_is_on_record_and_the_same_words_go_on(randfeat, monkeypatch):
    crew = Asked.crew
    with monkeypatch.context() as patched:
        patched.setattr(Asked, "crew", lambda *given: Stopped(crew(*given)))
        done = randfeat("sweep", *LISTS)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted; 1 run is on record, 1 was under way; the same words go on from there.\n"
    assert len(records()) == 1
    assert "12 runs, 1 of them from before, 11 done now" in randfeat("sweep", *LISTS).stdout


MISTAKES = [
    (["--workers", "0"], "error: Invalid value for '--workers'"),
    (["--seeds", "0"], "error: Invalid value for '--seeds'"),
    (["--workers", "3", "--device", "cuda:99"], "error: --device cuda:99 is not there. Use --device cpu"),
    (["--results", "file"], "error: results folder file cannot be written: "),
    (["seeds.weights=range(0,0)"], "error: 'seeds.weights=range(0,0)' lists no value."),
    (["init="], "error: init= is unknown. Parts: "),
    (
        ["arch=mlp,lenet"],
        "error: arch=lenet needs images of 12x12 or more, but they are 8x8. Use data.resize=12. That is with arch=lenet.\n",
    ),
    (["arch.width=8,9", "solver.at=input,foo"], "error: solver.at=foo is no unit of this network. Units: input, flatten, "),
    (["--seeds", "1000000"], "error: these are 1,000,000 runs with their seeds, and 100,000 is the most. Use fewer seeds."),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(words, message, tmp_path, randfeat):
    (tmp_path / "file").write_text("in the way")
    done = randfeat("sweep", "conf=elm", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("results").exists()
