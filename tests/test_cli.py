"""The program as a user types it: what it prints, its exit codes, and the one line for every mistake."""

import functools
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests.nursery import until

ROOT = Path(__file__).parents[1]
ELM = ["conf=elm", "arch.width=30", "twin.epochs=2", "data.n_train=200"]


def test_run_prints_the_twin_beside_the_run_and_leaves_records(tmp_path, randfeat):
    done = randfeat("run", *ELM, "--seeds", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "fully trained" in done.stdout
    assert re.search(r"runs \(n\) +3 +3 +3", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80 or "On record" in done.stdout
    lines = [json.loads(line) for line in (tmp_path / "results/local/runs.jsonl").read_text().splitlines()]
    assert [line["key"] == line["twin"] for line in lines] == [False, True] * 3
    again = randfeat("run", *ELM, "--seeds", "3", "--json")
    assert [json.loads(line) for line in again.stdout.splitlines()] == lines
    assert len((tmp_path / "results/local/runs.jsonl").read_text().splitlines()) == 6
    table = randfeat("table", "--format", "csv")
    assert table.returncode == 0, table.stderr
    scored = randfeat("run", "--from", lines[0]["key"][:8])
    assert scored.stdout.count("(the same)") == 6, scored.stdout + scored.stderr
    same = randfeat("diff", lines[0]["key"], lines[0]["key"])
    assert "no differences" in same.stdout


def test_curves_lie_beside_the_records_and_event_files_where_asked_for(tmp_path, randfeat):
    done = randfeat("run", *ELM, "subset=all", "solver=sgd", "solver.epochs=3", "--log", "tensorboard")
    assert done.returncode == 0, done.stderr
    (curve,) = (tmp_path / "results/local/curves").glob("*.csv")
    header, *rows = curve.read_text().splitlines()
    assert {"epoch", "train/loss", "train/accuracy", "val/accuracy", "lr", "epoch_s"} <= set(header.split(","))
    assert len(rows) == 3
    assert list((tmp_path / "results/local/tensorboard").glob("*/events*"))


MISTAKES = [
    (["run", "arch.wdith=3"], "error: arch=vgg has no setting 'wdith'. Did you mean 'width'?"),
    (
        ["run", "conf=elm", "subset=middle"],
        "error: subset=middle needs two blocks or more below the head, but there is: hidden1.",
    ),
    (
        ["run", "conf=elm", "arch.width=9", "subset=fraction"],
        "error: subset.fraction=0.1 keeps no row of 'hidden1.linear.weight', which has 9.",
    ),
    (
        ["run", "conf=elm", "subset=last_k", "subset.k=3"],
        "error: subset.k=3, but this network has 2 layers: hidden1.linear, head. Use subset.k=2.",
    ),
    (["run", "--device", "cuda:99"], "error: --device cuda:99 is not there. Use --device cpu"),
    (["run", "--log", "wandb"], "error: --log wandb is unknown. Use --log tensorboard."),
    (["run", "--sedes", "3"], "error: No such option: --sedes"),
    (["run", "--seeds", "0"], "error: Invalid value for '--seeds'"),
    (["run", "--from", "abc"], "error: no "),
    (["run", "data=npz", "data.path=none.npz"], "error: "),
    (["run", "data=imagefolder", "data.path=nowhere"], "error: "),
    (["run", "data=cifar10", "--data-dir", "empty"], "error: data=cifar10 "),
    (["show", "arch=vgggg"], "error: arch=vgggg is unknown. Did you mean 'vgg'?"),
    (["ls", "archs"], "error: there is no family 'archs'. Did you mean 'arch'?"),
    (["table"], "error: no results in results/local."),
    (["diff", "a", "b"], "error: "),
    (["runn"], "error: No such command 'runn'"),
    (["run", "conf=elm", "--results", "file"], "error: "),
]


def unreachable(*args, **settings):
    raise urllib.error.URLError("no network")


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(words, message, tmp_path, randfeat, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    done = randfeat(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def test_no_words_at_all_print_the_help(randfeat):
    done = randfeat()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 10


def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    command = f"{sys.executable} -m randfeat ls | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert (done.stdout, done.stderr) == ("conf:\n", "")


def test_a_full_disk_under_the_output_is_one_line(tmp_path):
    command = f"{sys.executable} -m randfeat ls > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the output cannot be written: the disk is full.\n")


def test_show_and_ls_say_what_is_on_record(randfeat):
    words = ["conf=elm", "arch.width=30", "twin.epochs=2"]
    assert "not on record" in randfeat("show", *words, "--results", "r").stdout
    assert randfeat("run", *words, "--results", "r", "--no-twin").returncode == 0
    shown = randfeat("show", *words, "--results", "r").stdout
    assert re.search(r"run \w{12}: on record, test accuracy \d\d\.\d\d %\ntwin \w{12}: not on record", shown)
    assert "  r  1 runs on record, 0 of them failed\n" in randfeat("ls", "--results", "r").stdout


def test_data_of_one_s_own_may_have_moved_when_a_run_is_scored_again(tmp_path, randfeat):
    rng = np.random.default_rng(0)
    arrays = {f"{k}_{s}": v for s in ("train", "test") for k, v in (("x", rng.normal(size=(40, 3))), ("y", np.arange(40) % 2))}
    np.savez(tmp_path / "here.npz", **arrays)
    words = ["conf=elm", "arch.width=9", "data=npz", "data.path=here.npz"]
    done = randfeat("run", *words, "--no-twin")
    key = done.stdout.split()[-1]
    (tmp_path / "here.npz").rename(tmp_path / "there.npz")
    assert "Give one with data.path=" in randfeat("run", "--from", key).stderr
    assert "(the same)" in randfeat("run", "--from", key, "data.path=there.npz").stdout
    np.savez(tmp_path / "other.npz", **arrays | {"y_train": (np.arange(40) + 1) % 2})
    other = randfeat("run", "--from", key, "data.path=other.npz")
    assert other.stderr == f"error: data.path=other.npz does not hold the data of run {key}.\n"


def test_ctrl_c_keeps_finished_runs_and_exits_with_130(tmp_path):
    command = [sys.executable, "-m", "randfeat", "run", *ELM, "twin.epochs=1000000"]
    listens = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background does not
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, preexec_fn=listens, **pipes) as process:
        record = tmp_path / "results/local/runs.jsonl"
        assert until(lambda: record.exists() and record.read_text().endswith("\n"))
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "error: interrupted; runs that were finished are on record.\n"
    assert len(record.read_text().splitlines()) == 1


def test_show_marks_what_trains_and_what_differs(randfeat):
    done = randfeat("show", "conf=wrn_fraction")
    assert done.returncode == 0, done.stderr
    assert "depth=10 *" in done.stdout
    assert re.search(r"total +│? *│? +77,562", done.stdout.replace("┃", " ")) or "77,562" in done.stdout
    assert "8,147" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_show_tensors_says_of_every_tensor_what_trains_and_when(randfeat):
    words = ["conf=wrn_fraction", "subset=combination", 'subset.of=[fraction,"layer(layer=3)","weights(share=0.25)"]']
    done = randfeat("show", *words, "subset.head=freeze", "--tensors")
    assert done.returncode == 0, done.stderr
    for line in (
        r" 1 +stem\.weight +16x1x3x3 +weight +\d+ entries of 144 *$",
        r" 3 +block1_1\.conv2\.weight +16x16x3x3 +weight +all *$",
        r"   +norm\.0\.bias +64 +shift +all *$",
        r"10 +head\.weight +10x64 +weight +- *$",
    ):
        assert re.search(line, done.stdout, re.MULTILINE), line
    assert "begins" not in done.stdout
    assert "of=fraction, layer(layer=3), weights(share=0.25) *" in done.stdout
    nested = randfeat("show", *words[:2], 'subset.of=["combination(of=[first, last])",norm]')
    assert "of=combination(of=[first, last]), norm *" in nested.stdout
    later = randfeat("show", "conf=wrn_fraction", "subset=order", "subset.norm=freeze", "--tensors").stdout
    assert re.search(r"1 +stem\.weight +16x1x3x3 +weight +all +0\.4\b", later)
    assert re.search(r"norm\.0\.bias +64 +shift +- +-", later)
    assert re.search(r"head\.bias +10 +bias +all +0\b", later)


def test_show_tensors_fits_80_columns_with_torchvision_s_names(randfeat):
    words = ["arch=torchvision", "arch.name=resnet18", "data.resize=32", "solver=sgd", "subset=fraction", "subset.rows=drawn"]
    done = randfeat("show", *words, "--tensors")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(r"layer1_0\.layer1\.0\.conv1\.weight +64x64x3x3 +weight +6 rows of 64\b", done.stdout)


def test_ls_lists_every_part_in_one_line(randfeat):
    done = randfeat("ls", "subset")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "all", "bias", "block", "combination", "first", "first_k", "fraction", "head", "last", "last_k", "layer", "middle",
        "none", "norm", "order", "patterns", "weights",
    ]  # fmt: skip
    assert "[built in]" in randfeat("ls", "data").stdout.splitlines()[5]


@pytest.mark.parametrize("more", [["twin.epochs=1"], pytest.param([], marks=pytest.mark.slow)])
@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_the_commands_of_the_pages_run(page, more, tmp_path, randfeat):
    shutil.copytree(ROOT / "results/recipes", tmp_path / "results/recipes")
    elsewhere = [] if page == "README.md" else (ROOT / "README.md").read_text().splitlines()
    for line in (ROOT / page).read_text().splitlines():
        if line.startswith("$ randfeat ") and line not in elsewhere:
            words = shlex.split(line.removeprefix("$ randfeat "), comments=True)
            done = randfeat(*words, *(more if words[0] in ("run", "sweep") else []))
            assert done.returncode == 0, f"{line}: {done.stderr}"


@pytest.mark.parametrize("page", ["README.md", "results/recipes/README.md"])
def test_the_tables_of_the_pages_are_what_the_committed_records_say(page, randfeat, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = randfeat("table", "--results", "results/recipes", "--rows", "arch,subset", "--where", "subset!=all")
    assert trimmed(done.stdout) in trimmed((ROOT / page).read_text())


def trimmed(text):
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_a_word_with_several_values_runs_them_all_and_prints_one_table(randfeat):
    done = randfeat("run", *ELM, "solver=ridge,pinv", "solver.at=null,input", "--quiet")
    assert done.returncode == 0, done.stderr
    lines = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("ridge", "pinv", "last"))]
    assert len(lines) >= 4
    records = [json.loads(line) for line in Path("results/local/runs.jsonl").read_text().splitlines()]
    heads = [(line["spec"]["solver"]["part"], line["spec"]["solver"]["at"]) for line in records if line["key"] != line["twin"]]
    assert sorted(heads, key=str) == sorted([(part, at) for part in ("ridge", "pinv") for at in (None, "input")], key=str)
    assert sum(line["key"] == line["twin"] for line in records) == 1


def test_one_bad_value_of_several_runs_nothing(randfeat):
    done = randfeat("run", *ELM, "solver=ridge,foo")
    assert (done.returncode, Path("results").exists()) == (2, False)
