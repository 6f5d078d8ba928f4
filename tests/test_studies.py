"""Studies: they load, they run, their claims are decided, and a mistake in one is told in a line."""

from __future__ import annotations

import csv
import dataclasses
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from randfeat.crew import Here
from randfeat.errors import ConfigError
from randfeat.places import data_folder
from randfeat.store import Store
from randfeat.study.facts import facts
from randfeat.study.folder import load, load_folder, studies
from randfeat.study.pages import page
from randfeat.study.plan import Size
from randfeat.study.reproduce import Outcome, Shop, on_record, probe, run
from randfeat.study.wanted import Wanted, wanted
from randfeat.sweep import recalling
from randfeat.work import Worker

ROOT = Path(__file__).parents[1]
NAMES = [
    "elm",
    "frankle2021_batchnorm",
    "glorot2010_variance",
    "hanin2018_gradients",
    "rosenfeld2018_fraction",
    "saxe2011_random_weights",
]
OF_PROBES = ["glorot2010_variance", "hanin2018_gradients"]
RUNS = """\
title: A random layer is worth something
paper: Nobody, 2001
claimed: It is.
arms:
  - name: depth
    words: [arch=mlp, arch.width=8, "arch.depth=1,2", solver.penalty=1, twin=adam, twin.epochs=1]
    quick: {cases: [init=he, init=glorot]}
  - name: large
    words: [arch=mlp, arch.width=9, solver.penalty=1]
    quick: null
  - name: elsewhere
    words: [data=mnist, arch=mlp, arch.width=8, solver.penalty=1]
    optional: true
    twins: false
full: {seeds: 2}
quick: {seeds: 3, words: [data.n_train=200]}
figures:
  - {x: depth, y: test accuracy %, line: init, published: published}
  - {x: trained accuracy %, y: test accuracy %, equal: true, joined: false, file: scatter}
"""
RUN_CLAIMS = """\
from randfeat.study import Claim, Table, cells, within

def table(rows):
    means = {"test/accuracy": "test accuracy %", "twin test/accuracy": "trained accuracy %"}
    return cells(rows, {"init": "init", "arch.depth": "depth"}, means, {"trained_params": "trained"},
                 lambda row: 90.0 if row["arch.depth"] == 1 else None)

def shallow(rows):
    wide = rows[rows["init"] == "he"].pivot(index="seeds.weights", columns="arch.depth", values="test/accuracy")
    return within(wide[1] - wide[2], low=-50)

TABLES = [Table("Depth", table, "depth")]
CLAIMS = [
    Claim("shallow is no worse", "by 50 points at most", "Nobody 2001", shallow, arm="depth"),
    Claim("on the other set", "above 10 %", "Nobody 2001", lambda rows: within(rows["test/accuracy"], 10), arm="elsewhere"),
]
"""
TINY = """\
title: Gaussian layers keep a signal
paper: Nobody, 2000
claimed: They do.
words: [data=blobs, data.rows=40, data.test_rows=4, arch=mlp, arch.width=64, arch.activation=identity]
rows: 16
probes:
  - words: ["init=gaussian,uniform"]
    measures: [growth]
    units: [hidden1]
full: {seeds: 4}
quick: {seeds: 2}
figures:
  - {x: layer, y: growth, line: init}
"""
CLAIMS = """\
from randfeat.study import Claim, Table, within

def table(frame):
    return frame.groupby(["init", "layer"], as_index=False)["growth"].mean()

def check(frame):
    return within(frame[frame["init"] == "LAW"]["growth"], LOW, HIGH)

TABLES = [Table("Summary", table)]
CLAIMS = [Claim("kept", "growth between LOW and HIGH", "Nobody 2000", check)]
"""


def write(folder, law="gaussian", low=0.0, high=9.0, plan=TINY):
    own = folder / "experiments" / "nobody2000_signal"
    own.mkdir(parents=True, exist_ok=True)
    (own / "study.yaml").write_text(plan)
    (own / "claims.py").write_text(CLAIMS.replace("LAW", law).replace("LOW", str(low)).replace("HIGH", str(high)))
    return own


def shop(folder):
    device, data = torch.device("cpu"), data_folder(None)
    return Shop(folder, device, data, Here(Worker(device, data, recalling(Store(folder), data), 60.0)))


def test_every_study_is_found():
    assert sorted(studies()) == NAMES
    assert {path.parent.name for path in ROOT.glob("experiments/*/claims.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_claims_of_a_study_import_pandas_and_the_study_alone(name):
    lines = (ROOT / "experiments" / name / "claims.py").read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= {"math", "pandas", "randfeat.study"}


@pytest.mark.parametrize("name", OF_PROBES)
def test_the_smoke_plan_of_a_study_of_probes_runs_and_one_seed_decides_nothing(name, tmp_path):
    study = load(name)
    one = Size(seeds=1, words=["arch.depth=3"] if name == "glorot2010_variance" else [])
    plan = wanted(dataclasses.replace(study.plan, quick=one), True, data_folder(None))
    probe(plan, shop(tmp_path))
    outcome = on_record(study, plan, tmp_path)
    n = {claim.name: finding.n for claim, finding in outcome.findings}
    assert set(n.values()) <= {1, 4}
    assert {str(f.verdict) for _, f in outcome.findings if f.n == 1} == {"undecided"}
    text = page(outcome, facts(outcome, "randfeat reproduce", quick=True))
    assert all(claim.name in text and claim.rule.replace("|", "\\|") in text for claim in study.claims)
    assert "**Quick" in text
    ((_, table),) = outcome.tables
    (axes,) = study.plan.figures
    assert {axes.x, axes.y, f"{axes.y} ci95", "n"} <= set(table)


def hanin_table(slope=1.0, scale=1.0, seeds=30, noise=0.01):
    """Numbers as if E[Z^4] were ``scale`` times the product of (1 + 5/n) to the power ``slope``."""
    rng = np.random.default_rng(0)
    rows = []
    for shape in ("20,20,20", *(",".join(["60"] * d) for d in (1, 2, 3, 4, 6, 8)), "20,80,80", "84,12,84", "120,40,20"):
        n_0 = 8 if shape == "20,20,20" else 32
        grown = np.prod([1 + 5 / int(n) for n in shape.split(",")]) ** slope
        for seed in range(seeds):
            square, fourth = 2 / n_0 * (1 + noise * rng.standard_normal(2)) * [1, scale * grown * 6 / n_0]
            row = {"arch.widths": f"[{shape}]", "data.dim": n_0, "seeds.weights": seed}
            rows.append(row | {"unit": "input", "layer": 0.0, "jacobian_square": square, "jacobian_fourth": fourth})
    return pd.DataFrame(rows)


def verdicts(name, table):
    return [str(claim.check(table).verdict) for claim in load(name).claims]


def test_hanins_claims_on_constructed_tables():
    name = "hanin2018_gradients"
    assert verdicts(name, hanin_table()) == ["holds"] * 8
    assert verdicts(name, hanin_table(scale=1.3)) == ["holds", "holds", "fails", "fails", *["holds"] * 4]
    assert verdicts(name, hanin_table(slope=-1.0))[4:] == ["fails"] * 4
    assert verdicts(name, hanin_table(noise=2.0)) == ["undecided"] * 8
    assert verdicts(name, hanin_table(scale=1.1))[2:4] == ["undecided"] * 2


def glorot_table(factors, depth=10, seeds=6, noise=0.001):
    """Numbers as if each layer multiplied the signal by the law's factor, and the gradient by its root on the way down."""
    rows = []
    for (activation, law), factor in factors.items():
        for seed in range(seeds):
            own = factor * (1 + noise * (-1) ** seed)
            for layer in range(depth + 1):
                row = {"arch.activation": activation, "init": law, "seeds.weights": seed, "layer": float(layer)}
                numbers = {"growth": own**layer, "output_gradient": own ** ((depth - layer) / 2)}
                rows.append(row | {"unit": f"hidden{layer}" if layer else "input"} | numbers)
    return pd.DataFrame(rows)


def test_the_claims_about_the_variance_on_constructed_tables():
    true = {
        ("relu", "he"): 1.0,
        ("relu", "gaussian"): 0.5,
        ("identity", "gaussian"): 1.0,
        ("identity", "uniform"): 1 / 3,
        ("relu", "uniform"): 1 / 6,
        ("identity", "orthogonal"): 1.0,
        ("tanh", "glorot"): 0.9,
        ("tanh", "uniform"): 0.3,
    }
    name = "glorot2010_variance"
    kinds = verdicts(name, glorot_table(true))
    assert kinds[:5] == ["holds"] * 5
    assert kinds[5] == "undecided"  # 0.01 % is finer than the scatter of this table
    assert verdicts(name, glorot_table(true, noise=1e-6)) == ["holds"] * 7
    wrong = {key: value * 1.2 for key, value in true.items()} | {("tanh", "glorot"): 0.3, ("tanh", "uniform"): 0.9}
    assert verdicts(name, glorot_table(wrong)) == ["fails"] * 7
    edge = {key: value * 1.1 for key, value in true.items()}
    assert verdicts(name, glorot_table(edge))[:5] == ["undecided"] * 5


@pytest.mark.parametrize(
    ("limits", "code", "verdict"), [((0.2, 9.0), 0, "holds"), ((5.0, 9.0), 1, "fails"), ((1.0, 1.0001), 3, "undecided")]
)
def test_a_study_of_the_users_own_runs_and_its_exit_code_says_what_it_found(limits, code, verdict, tmp_path, randfeat):
    write(tmp_path, "gaussian", *limits)
    done = randfeat("reproduce", "nobody2000_signal", "--threads", "1")
    assert (done.returncode, done.stderr) == (code, "")
    assert f"All together: {verdict}." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    folder = tmp_path / "results/nobody2000_signal"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "claims.csv",
        "facts.json",
        "figure.png",
        "probes.jsonl",
        "summary.csv",
    ]
    (claim,) = csv.DictReader((folder / "claims.csv").read_text().splitlines())
    assert (claim["verdict"], claim["n"]) == (verdict, "4")
    lines = (folder / "probes.jsonl").read_text()
    assert len(lines.splitlines()) == 8
    assert randfeat("reproduce", "nobody2000_signal").returncode == code
    assert (folder / "probes.jsonl").read_text() == lines  # what is on record is not probed again


def test_a_quick_study_goes_elsewhere_and_says_that_it_is_one(tmp_path, randfeat):
    write(tmp_path)
    done = randfeat("reproduce", "nobody2000_signal", "--quick")
    assert "(quick)" in done.stdout
    assert "**Quick" in (tmp_path / "results/nobody2000_signal-quick/README.md").read_text()
    assert not (tmp_path / "results/nobody2000_signal").exists()
    randfeat("reproduce", "nobody2000_signal", "--quick", "--results", "elsewhere")
    assert "--quick --results elsewhere" in (tmp_path / "elsewhere/README.md").read_text()


def test_a_study_without_claims_is_undecided():
    outcome = Outcome(load(OF_PROBES[0]), Wanted([], [], Size(1)), [], {}, [], [])
    assert outcome.verdict == "undecided"


def test_a_study_of_runs_shares_twins_and_leaves_out_what_is_not_there(tmp_path, randfeat, monkeypatch):
    monkeypatch.setenv("RANDFEAT_DATA", str(tmp_path / "nothing"))
    own = write(tmp_path, plan=RUNS)
    (own / "claims.py").write_text(RUN_CLAIMS)
    done = randfeat("reproduce", "nobody2000_signal", "--quick")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == ("note: arm elsewhere is left out: 3 runs on data=mnist, which is not on disk.")
    folder = tmp_path / "results/nobody2000_signal-quick"
    first, other = csv.DictReader((folder / "claims.csv").read_text().splitlines())
    assert (first["verdict"], first["n"]) == ("holds", "3")
    assert (other["verdict"], other["estimate"], other["n"]) == ("undecided", "", "0")
    lines = list(csv.DictReader((folder / "summary.csv").read_text().splitlines()))
    assert [(line["init"], line["depth"], line["n"], line["published"]) for line in lines] == [
        ("he", "1", "3", "90.0"),
        ("he", "2", "3", ""),
        ("glorot", "1", "3", "90.0"),
        ("glorot", "2", "3", ""),
    ]
    runs = (folder / "runs.jsonl").read_text().splitlines()
    assert len(runs) == 2 * 2 * 2 * 3
    records = [json.loads(line) for line in runs]
    accuracy = [r["metrics"]["test/accuracy"] for r in records if r["spec"]["subset"]["part"] == "last"]
    mean = 100 * np.mean([100 * a for a in accuracy]) / 100
    assert np.mean([float(line["test accuracy %"]) for line in lines]) == pytest.approx(mean)
    assert (folder / "scatter.png").exists()
    page = (folder / "README.md").read_text()
    assert f"`randfeat sweep {lines[0]['words']} --seeds 3`" in page
    again = randfeat("run", *shlex.split(lines[0]["words"]), "--seeds", "3", "--results", str(folder), "-q")
    assert again.returncode == 0
    assert (folder / "runs.jsonl").read_text().splitlines() == runs  # the words are those of the line


def test_while_runs_are_missing_a_claim_is_undecided_and_damaged_lines_are_told(tmp_path, randfeat, recorded, monkeypatch):
    monkeypatch.setenv("RANDFEAT_DATA", str(tmp_path / "nothing"))
    (write(tmp_path, plan=RUNS) / "claims.py").write_text(RUN_CLAIMS)
    name = "nobody2000_signal"
    shutil.copytree(recorded, tmp_path / f"results/{name}-quick")
    randfeat("reproduce", name, "--quick", "--check")
    file, page = (tmp_path / f"results/{name}-quick" / each for each in ("runs.jsonl", "README.md"))
    whole, lines = page.read_text(), file.read_text().splitlines(keepends=True)
    assert "- 24 runs, " in whole
    assert "shallow is no worse | holds |" in whole
    file.write_text("".join(lines[:-1]) + "{torn")
    done = randfeat("reproduce", name, "--quick", "--check")
    assert done.returncode == 2
    assert "note: " in done.stderr
    assert f"error: results/{name}-quick/README.md stands on 24 runs, and 23 are there." in done.stderr
    assert page.read_text() == whole
    (page.parent / "facts.json").unlink()
    assert randfeat("reproduce", name, "--quick", "--check").returncode == 2
    assert page.read_text() == whole
    page.unlink()
    assert randfeat("reproduce", name, "--quick", "--check").returncode == 3
    assert "- 23 of 24 runs, " in page.read_text()
    assert "shallow is no worse | undecided |" in page.read_text()


@pytest.mark.parametrize(
    ("file", "before", "after", "message"),
    [
        ("study.yaml", "title: A random", "notes: 3\ntitle: A random", "notes must be text, got 3."),
        ("study.yaml", "line: init", "line: inti", "draws 'inti', which table summary does not have. Did you mean 'init'?"),
        ("study.yaml", "line: init", "line: [init]", "line of a figure cannot be ['init']."),
        ("study.yaml", "file: scatter", "file: ../scatter", "file of a figure is a plain name"),
        ("study.yaml", "figures:", "shown: depthh == 1\nfigures:", "shown of nobody2000_signal cannot be asked of its table"),
        ("claims.py", "within(wide[1] - wide[2], low=-50)", "True", "cannot be made of its numbers: TypeError: it is bool"),
        ("claims.py", "within(wide[1] - wide[2], low=-50)", "withn(1)", "cannot be made of its numbers: NameError"),
        (
            "claims.py",
            "within(wide[1] - wide[2], low=-50)",
            "within(wide[1], 5, 4)",
            "no number lies between the limits 5 and 4",
        ),
        ("claims.py", "CLAIMS = [", "raise SystemExit(0)\nCLAIMS = [", "claims.py cannot be loaded: SystemExit"),
        ("claims.py", "CLAIMS = [", "CLAIMS, NONE = [], [", "claims.py has no CLAIMS"),
    ],
)
def test_a_mistake_in_a_study_of_runs_is_one_line(file, before, after, message, tmp_path, randfeat, recorded):
    own = write(tmp_path, plan=RUNS)
    (own / "claims.py").write_text(RUN_CLAIMS)
    shutil.copytree(recorded, tmp_path / "results/nobody2000_signal-quick")
    text = (own / file).read_text()
    assert before in text
    (own / file).write_text(text.replace(before, after, 1))
    done = randfeat("reproduce", "nobody2000_signal", "--quick", "--check")
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert [
        path.name for path in (tmp_path / "results/nobody2000_signal-quick").iterdir() if path.suffix in (".csv", ".png")
    ] == []


def test_a_missing_data_set_of_several_forms_is_one_line_and_nothing_is_run(tmp_path, randfeat):
    plan = RUNS.replace("words: [arch=mlp, arch.width=9", 'words: [data=norb, "data.resize=8,16", arch=mlp, arch.width=9')
    plan = plan.replace("    quick: null\n", "")
    (write(tmp_path, plan=plan) / "claims.py").write_text(RUN_CLAIMS)
    done = randfeat("reproduce", "nobody2000_signal", "--quick", "--data-dir", "nothing")
    assert done.returncode == 2
    assert done.stderr.startswith("error: data=norb is not under nothing")
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "results").glob("*/runs.jsonl"))


def test_runs_that_all_diverged_leave_a_page_without_numbers(tmp_path, randfeat, recorded):
    (write(tmp_path, plan=RUNS) / "claims.py").write_text(RUN_CLAIMS)
    shutil.copytree(recorded, tmp_path / "results/nobody2000_signal-quick")
    file = tmp_path / "results/nobody2000_signal-quick/runs.jsonl"
    file.write_text(
        file.read_text().replace('"status":"ok"', '"status":"non_finite"').replace('"status": "ok"', '"status": "non_finite"')
    )
    done = randfeat("reproduce", "nobody2000_signal", "--quick", "--check")
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    page = file.with_name("README.md").read_text()
    assert "24 of 24 runs failed and were left out" in page
    assert "shallow is no worse | undecided | - | 0 |" in page


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The records of the study of runs at its quick size."""
    folder = tmp_path_factory.mktemp("recorded")
    own = write(folder, plan=RUNS)
    (own / "claims.py").write_text(RUN_CLAIMS)
    plan = wanted(load_folder(own).plan, True, folder / "nothing")
    run(plan, shop(folder / "results"))
    return folder / "results"


def test_what_is_on_record_is_checked_without_a_run(tmp_path, randfeat):
    (write(tmp_path, plan=RUNS) / "claims.py").write_text(RUN_CLAIMS)
    done = randfeat("reproduce", "nobody2000_signal", "--check")
    assert done.returncode == 3
    folder = tmp_path / "results/nobody2000_signal"
    assert "Not run yet" in (folder / "README.md").read_text()
    assert not (folder / "runs.jsonl").exists()
    assert randfeat("reproduce", "--index").returncode == 0
    facts = folder / "facts.json"
    facts.write_text(facts.read_text().replace('"runs": 0', '"runs": 12'))
    page = (folder / "README.md").read_text()
    refused = randfeat("reproduce", "nobody2000_signal", "--check")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: results/nobody2000_signal/README.md stands on 12 runs, and 0 are there. "
        "Leave --check out to make the others.\n",
    )
    assert (folder / "README.md").read_text() == page
    index = (tmp_path / "results/README.md").read_text()
    assert "| [nobody2000_signal](nobody2000_signal/README.md) | 0 | 0 | 2 | not run yet |" in index


def test_studies_are_listed_with_their_titles(tmp_path, randfeat):
    write(tmp_path)
    done = randfeat("reproduce")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split(maxsplit=1) == ["nobody2000_signal", "Gaussian layers keep a signal"]
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == NAMES


def test_an_unknown_study_is_one_line(randfeat):
    done = randfeat("reproduce", "hanin2018_gradient")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: there is no study 'hanin2018_gradient'. Did you mean 'hanin2018_gradients'? Studies: {', '.join(NAMES)}.\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("title:", "titel:", r"there is no field 'titel'\. Did you mean 'title'\?"),
        ("quick: {seeds: 2}\n", "", r"quick missing\."),
        ("growth]", "growt]", r"there is no measure 'growt'\. Did you mean 'growth'\?"),
        ("full: {seeds: 4}", "full: 4", r"4 is no mapping of seeds, words\."),
        ("rows: 16", "rows: [", r"cannot be read"),
        ("rows: 16", "rows: many", r"rows must be a whole number >= 1, got 'many'\."),
        ("[growth]", "growth", r"measures must be a list of words, got 'growth'\."),
        ("seeds: 4}", "seeds: none}", r"seeds must be a whole number >= 1, got 'none'\."),
    ],
)
def test_a_mistake_in_a_plan_is_one_line_that_names_the_file(before, after, message, tmp_path):
    with pytest.raises(ConfigError, match=rf"study\.yaml.*{message}") as caught:
        load_folder(write(tmp_path, plan=TINY.replace(before, after)))
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_claims_is_one_line_that_names_the_file(tmp_path, randfeat):
    own = write(tmp_path)
    (own / "claims.py").write_text("import nothing_of_this_name\n")
    done = randfeat("reproduce", "nobody2000_signal")
    assert done.stderr == (
        "error: experiments/nobody2000_signal/claims.py cannot be loaded: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'.\n"
    )
    (own / "claims.py").write_text("CLAIMS = []\n")
    assert "claims.py has no TABLES." in randfeat("reproduce", "nobody2000_signal").stderr
    write(tmp_path)
    (own / "claims.py").write_text((own / "claims.py").read_text().replace('"growth"', '"grwth"'))
    done = randfeat("reproduce", "nobody2000_signal", "--quick")
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'Summary' of nobody2000_signal cannot be made of its numbers: KeyError: ")
