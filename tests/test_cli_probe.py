"""``randfeat probe`` as a user types it."""

from __future__ import annotations

import csv
import json

import pytest

MLP = ["arch=mlp", "arch.depth=4", "arch.width=64", "arch.activation=identity", "data.n_train=300"]


def test_laws_are_compared_in_one_table_with_the_factor_per_layer(tmp_path, randfeat):
    done = randfeat("probe", *MLP, "init=gaussian,uniform", "--seeds", "4", "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = {row["unit"]: row for row in csv.DictReader(done.stdout.splitlines())}
    assert list(rows) == ["input", "flatten", *(f"hidden{k}" for k in range(1, 5)), "head", "factor per layer"]
    factor = rows["factor per layer"]
    for law, expected in (("gaussian", 1.0), ("uniform", 1 / 3)):
        mean, half = float(factor[f"init={law}"]), float(factor[f"init={law} ci95"])
        assert abs(mean - expected) < 2 * half < 0.3 * expected
        assert factor[f"init={law} n"] == "4"
    assert (tmp_path / "results/local/figures/probe_growth.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / "results/local/probes.jsonl").read_text().splitlines()
    assert len(lines) == 8

    again = randfeat("probe", *MLP, "init=gaussian,uniform", "--seeds", "4", "--json")
    assert again.stdout.splitlines() == lines
    runs = randfeat("table")
    assert runs.stderr.startswith("error: no results in results/local.")
    forced = randfeat("probe", *MLP, "init=gaussian", "--measure", "growth", "--force", "-q")
    assert "On record" not in forced.stdout
    assert len((tmp_path / "results/local/probes.jsonl").read_text().splitlines()) == 9


def test_one_network_shows_the_usual_measures_within_eighty_columns(tmp_path, randfeat):
    done = randfeat("probe", "conf=vgg_random", "arch.width=4", "--rows", "64", "--figures", "pictures")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("\nOn record in results/local/probes.jsonl, figures in pictures.\n")
    assert max(map(len, done.stdout.splitlines())) <= 80
    usual = ["growth", "variance", "mean", "dead", "cosine", "weight_gradient", "output_gradient", "rank", "separability"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(f"probe_{name}.png" for name in usual)
    records = [json.loads(line) for line in (tmp_path / "results/local/probes.jsonl").read_text().splitlines()]
    assert [record["spec"]["probe"] for record in records] == [
        {"kind": kind, "rows": 64} for kind in ("signal", "gradients", "features")
    ]


def test_other_architectures_stand_in_tables_of_their_own_and_units_can_be_picked(tmp_path, randfeat):
    words = ["arch=mlp,vgg", "--measure", "kernel_radius,cosine,power", "--unit", "head,input,hidden1,seven_3x3"]
    done = randfeat("probe", *words, "--format", "md")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: the units differ: a table for each architecture; figures align them by the share of")
    labels = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|") and "---" not in line]
    assert labels == ["unit", "seven_3x3", "unit", "input", "hidden1", "head", "unit", "input", "head"] + ["unit", "input"] * 2


MISTAKES = [
    (
        ["--measure", "growt"],
        "error: there is no measure 'growt'. Did you mean 'growth'? Measures: best_energy, best_left_out,",
    ),
    (["--rows", "1"], "error: Invalid value for '--rows'"),
    (["--unit", "block1_9"], "error: there is no unit 'block1_9'. Did you mean 'block1_1'? Units: input, block1_1, block2_1,"),
    (["--figures", "file"], "error: figures folder file cannot be written: "),
    (["--results", "file"], "error: "),
    (["--format", "parquet"], "error: Invalid value for '--format'"),
    (["init.gain=interval(0,1)"], "error: 'init.gain=interval(0,1)' has no list of values."),
    (["init=he,glorott"], "error: init=glorott is unknown. Did you mean 'glorot'?"),
    (["arch.wdith=1,2"], "error: arch=vgg has no setting 'wdith'. Did you mean 'width'?"),
    (["precision=mixed"], "error: a probe computes in float32 or float64, not in mixed precision."),
    (["arch=mlp", "arch.widths=[8,4]", "arch.depth=3"], "error: arch.widths gives the depth and every width."),
]


@pytest.mark.parametrize(("words", "message"), [(["probe", *words], message) for words, message in MISTAKES])
def test_a_mistake_gets_one_clear_line_and_exit_code_2(words, message, tmp_path, randfeat):
    (tmp_path / "file").write_text("in the way")
    done = randfeat(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results/local/probes.jsonl").exists()


def test_show_wants_one_value_for_every_word(randfeat):
    done = randfeat("show", "init=he,glorot")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "error: 'init=he,glorot' does not describe one run. Give every setting one value, such as arch.width=16.\n"
    )


def test_a_network_that_explodes_has_a_table_and_no_traceback(randfeat):
    words = ["arch=mlp", "arch.depth=3", "arch.width=50", "init=orthogonal", "init.gain=1e200", "--rows", "16"]
    done = randfeat("probe", *words)
    assert done.returncode == 0, done.stderr
    assert "hidden3" in done.stdout
    assert "note: no figure of weight_gradient: it has no value that could be drawn." in done.stderr


def test_kernels_are_not_measured_for_laws_that_look_at_data(randfeat):
    done = randfeat("probe", "conf=elm", "init=patches", "--measure", "kernels")
    assert done.returncode == 2
    assert done.stderr.startswith("error: kernels: of filters drawn by a law from their shape alone, which init=patches does")


def test_best_inputs_have_a_picture_for_every_law(tmp_path, randfeat, monkeypatch):
    monkeypatch.setattr("randfeat.probe.best_inputs.SIZES", {3: (8,), 6: (20,)})
    words = [
        "arch=mlp",
        "data.n_train=100",
        "--measure",
        "best_energy",
        "--unit",
        "6x6_on_20x20",
        "--format",
        "csv",
    ]
    done = randfeat("probe", *words, "init=gaussian,identity")
    assert done.returncode == 0, done.stderr
    pictures = tmp_path / "results/local/figures"
    names = [path.name for path in pictures.iterdir() if path.name.startswith("best_inputs")]
    assert sorted(names) == ["best_inputs_1.png", "best_inputs_2.png"]
    assert all((pictures / name).read_bytes().startswith(b"\x89PNG") for name in names)
    one = randfeat("probe", *words, "init=orthogonal", "init.gain=1e200", "--figures", "others", "-q")
    assert (
        "note: no picture of init=orthogonal init.gain=1e+200 seeds.weights=0: its filters are zero or not finite."
        in one.stderr
    )
    assert not list((tmp_path / "others").glob("best_inputs*"))
