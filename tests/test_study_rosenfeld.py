"""The study of fractions of filters: its claims on constructed runs, its published numbers, its two plans."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from randfeat.study.folder import load
from randfeat.study.wanted import wanted

STUDY = load("rosenfeld2018_fraction")
CLAIMS = {claim.name: claim for claim in STUDY.claims}
TABLES = {table.file: table for table in STUDY.tables}
BEST, LAST = "test/best_accuracy", "test/accuracy"
LADDER = {"1 filter": 50.0, "7 %": 60.0, "10 %": 62.0, "5 filters": 63.0, "40 %": 65.0, "70 %": 66.0, "all": 67.0}
ZERO = {"1 filter": 20.0, "7 %": 50.0, "10 %": 55.0, "5 filters": 52.0, "40 %": 64.0, "70 %": 66.0}


def run(accuracy, seed, arch="wrn", scatter=0.1, **settings):
    """A row of one run, as a study's frame has it: seeds scatter, in common, and the last epoch is a point below the best."""
    at = accuracy + scatter * (-1) ** seed
    sizes = {"arch.depth": 16.0, "arch.widen": 2.0, "arch.growth": 12.0, "arch.width": 32.0}
    scores = {BEST: at, LAST: at - 1, f"twin {BEST}": 90.0, f"twin {LAST}": 89.0, "trained_params": 50.0, "params": 200.0}
    row = {"data": "cifar10", "arch": arch, "seeds.weights": seed, "status": "ok", "words": "arch=wrn", **sizes, **scores}
    return row | {"subset": "fraction", "subset.fraction": 0.1, "subset.frozen": "random"} | settings


def settings_of(label):
    if label == "all":
        return {"subset": "all", "subset.fraction": math.nan, "subset.frozen": math.nan}
    if label.endswith("%"):
        return {"subset.fraction": float(label[:-2]) / 100, "subset.count": "null"}
    return {"subset.count": label.split()[0]}


def fraction_rows(archs=("wrn",), ladder=LADDER, zero=ZERO, seeds=3, **scores):
    """Runs of the arm ``fraction``: the accuracy of every cell by its label."""
    rows = []
    for arch in archs:
        for seed in range(seeds):
            rows += [run(value, seed, arch, **settings_of(label), **scores) for label, value in ladder.items()]
            for label, value in zero.items():
                rows.append(run(value, seed, arch, **settings_of(label) | {"subset.frozen": "zero"}, **scores))
    return pd.DataFrame(rows)


def verdict(name, rows):
    return str(CLAIMS[name].check(rows).verdict)


def noisy(rows, where, by):
    """The rows of some cells, seed by seed moved by these numbers."""
    return rows.assign(**{BEST: rows[BEST] + where * rows["seeds.weights"].map(dict(enumerate(by)))})


@pytest.mark.parametrize("arch", ["WRN", "DenseNet", "VGG"])
def test_a_tenth_may_cost_eight_points(arch):
    name, archs = f"{arch}: a tenth of the filters costs little", [arch.lower()]
    assert verdict(name, fraction_rows(archs)) == "holds"
    assert verdict(name, fraction_rows(archs, LADDER | {"10 %": 58.9})) == "fails"
    scattered = fraction_rows(archs)
    assert verdict(name, noisy(scattered, scattered["subset"] == "all", (9, 0, -9))) == "undecided"
    assert verdict(name, fraction_rows(["alexnet"])) == "undecided"
    assert verdict(name, fraction_rows(archs, seeds=1)) == "undecided"


@pytest.mark.parametrize("arch", ["WRN", "DenseNet", "VGG", "AlexNet"])
@pytest.mark.parametrize(("label", "what"), [("10 %", "10 % of the filters"), ("1 filter", "1 filter per layer")])
def test_random_rows_are_worth_more_where_they_score_more(arch, label, what):
    name, archs = f"{arch}, {what}: the others are worth more random than zero", [arch.lower()]
    rows = fraction_rows(archs)
    assert verdict(name, rows) == "holds"
    assert CLAIMS[name].check(rows).estimate == pytest.approx(LADDER[label] - ZERO[label])
    assert verdict(name, fraction_rows(archs, zero=ZERO | {label: LADDER[label] + 1})) == "fails"
    assert verdict(name, noisy(rows, rows["subset.frozen"] == "zero", (60, 0, -60))) == "undecided"
    only_random = rows[rows["subset.frozen"] != "zero"]
    assert verdict(name, only_random) == "undecided"


def test_seven_tenths_tie_within_half_a_point():
    name = "WRN, 70 % of the filters: random and zero tie"
    assert verdict(name, fraction_rows()) == "holds"
    assert verdict(name, fraction_rows(zero=ZERO | {"70 %": 65.0})) == "fails"
    assert verdict(name, fraction_rows(zero=ZERO | {"70 %": 66.6})) == "fails"
    rows = fraction_rows()
    assert verdict(name, noisy(rows, rows["subset.frozen"] == "zero", (1, 0, -1))) == "undecided"


def test_every_step_up_counts_and_the_worst_is_shown():
    name = "WRN: more trained filters are no worse"
    assert verdict(name, fraction_rows()) == "holds"
    assert CLAIMS[name].check(fraction_rows()).estimate == pytest.approx(1.0)
    assert CLAIMS[name].check(fraction_rows(ladder=LADDER | {"70 %": 63.5})).estimate == pytest.approx(-1.5)
    assert verdict(name, fraction_rows(ladder=LADDER | {"70 %": 63.5})) == "fails"
    assert verdict(name, fraction_rows(ladder=LADDER | {"5 filters": 48.0})) == "fails"
    assert verdict(name, fraction_rows(ladder={label: LADDER[label] for label in LADDER if label != "40 %"})) == "undecided"


@pytest.mark.parametrize("label", ["7 %", "10 %"])
def test_learned_norm_layers_gain_three_points(label):
    def rows(fixed, by=(0, 0, 0)):
        own = settings_of(label)
        learned = [run(60.0, seed, **own | {"subset.norm": "train"}) for seed in range(3)]
        return pd.DataFrame(learned + [run(fixed + by[seed], seed, **own | {"subset.norm": "freeze"}) for seed in range(3)])

    name = f"WRN, {label} of the filters: learned norm layers gain"
    assert verdict(name, rows(56.9)) == "holds"
    assert verdict(name, rows(57.1)) == "fails"
    assert verdict(name, rows(56.9, (1, 0, -1))) == "undecided"


def block_rows(**accuracies):
    def own(name):
        return {"subset": "last"} if name == "head" else {"subset": "block", "subset.block": name}

    alone = {"subset.fraction": math.nan, "subset.frozen": math.nan}
    rows = pd.DataFrame(
        run(value - 20 * (norm == "freeze"), seed, **own(name) | alone | {"subset.norm": norm})
        for name, value in accuracies.items()
        for norm in ("train", "freeze")
        for seed in range(3)
    )
    return rows.dropna(axis=1, how="all")


def test_the_middle_block_is_three_points_above_the_first_layer():
    name = "WRN: the middle block alone goes further than the first layer alone"
    assert verdict(name, block_rows(stem=40.0, block2=43.1, head=10.0)) == "holds"
    assert verdict(name, block_rows(stem=40.0, block2=42.9, head=10.0)) == "fails"
    rows = block_rows(stem=40.0, block2=43.1)
    assert verdict(name, noisy(rows, rows["subset.block"] == "stem", (1, 0, -1))) == "undecided"


def test_the_head_alone_stands_on_sixty_per_cent():
    name = "DenseNet: the head and the norm layers alone go far"
    heads = [pd.DataFrame([run(at, seed, "densenet", subset="last") for seed in range(3)]) for at in (61.0, 59.0, 60.0)]
    assert [verdict(name, rows) for rows in heads] == ["holds", "fails", "undecided"]


def test_published_numbers_stand_beside_the_best_epoch_of_their_cell():
    made = TABLES["summary"].make(fraction_rows(["wrn", "densenet"]))
    lines = made.set_index(["network", "filters", "other rows"])
    wrn = lines.loc["WRN-16-2"]
    assert wrn["published"].to_dict() == {
        ("all", "none"): 96.10,
        ("70 %", "random"): 95.90,
        ("70 %", "zero"): 95.98,
        ("40 %", "random"): 95.75,
        ("40 %", "zero"): 95.49,
        ("10 %", "random"): 94.12,
        ("10 %", "zero"): 91.53,
        ("7 %", "random"): 92.86,
        ("7 %", "zero"): 89.18,
        ("5 filters", "random"): 84.43,
        ("5 filters", "zero"): 66.47,
        ("1 filter", "random"): 69.17,
        ("1 filter", "zero"): 23.35,
    }
    cell = wrn.loc[("10 %", "zero")]
    assert cell["best epoch %"] == pytest.approx(55.0 + 0.1 / 3)
    assert cell["last %"] == pytest.approx(54.0 + 0.1 / 3)
    assert (cell["share %"], cell["fraction"], cell["n"]) == (25.0, 0.1, 3)
    assert lines.loc[("DenseNet-BC-16-12", "10 %", "random"), "published"] == 88.73
    chains = TABLES["chains"].make(fraction_rows(["vgg", "alexnet"]))
    digitised = chains[chains["source"] == "digitised"]
    assert digitised[["network", "filters", "other rows", "published"]].to_numpy().tolist() == [
        ["AlexNet of width 32", "10 %", "random", 63.3]
    ]
    hundred = TABLES["hundred"].make(fraction_rows().assign(data="cifar100")).set_index(["filters", "other rows"])
    assert hundred.loc[("1 filter", "zero"), "published"] == 3.43
    assert hundred.loc[("10 %", "random"), "source"] == "digitised"


def test_trained_parameters_have_ours_first_and_then_the_papers():
    made = TABLES["parameters"].make(fraction_rows(["wrn", "vgg"]))
    assert made["network"].value_counts().to_dict() == {
        "WRN-16-2": 7,
        "VGG-16 of width 32": 7,
        "WRN-28-10 (paper)": 4,
        "DenseNet-BC-100-12 (paper)": 3,
    }
    paper = made[made["network"].str.startswith("WRN-28")]
    assert paper["share %"].round(2).tolist() == [100.0, 10.06, 6.94, 0.27]
    assert paper["n"].isna().all()


def test_blocks_and_norm_layers_have_the_papers_numbers_where_it_learns_the_norm():
    made = TABLES["blocks"].make(block_rows(stem=1.0, block1=2.0, block2=3.0, block3=4.0, head=5.0))
    learned = made[made["norm everywhere"] == "train"].set_index("trains")["published"].to_dict()
    assert learned == {"stem": 64.76, "block1": 73.02, "block2": 76.32, "block3": 76.33, "head": 68.63}
    assert made[made["norm everywhere"] == "freeze"]["published"].isna().all()
    rows = [
        run(9.0, 0, **settings_of(label) | {"subset.norm": norm})
        for label in ("10 %", "1 filter")
        for norm in ("train", "freeze")
    ]
    assert TABLES["norm"].make(pd.DataFrame(rows))["published"].tolist() == [68.8, 55.4, 49.9, 25.9]


@pytest.mark.parametrize("quick", [True, False])
def test_both_sizes_are_so_many_runs_of_three_seeds(quick):
    plan = wanted(STUDY.plan, quick, Path("nowhere"))
    counts = Counter(each.arm.name for each in plan.runs)
    assert counts == {"fraction": 102, "norm": 18, "block": 30} | ({} if quick else {"head": 3})
    assert len({spec.key for spec in plan.specs}) == (141 if quick else 147)
    assert set(Counter(each.first.key + each.arm.name for each in plan.runs).values()) == {3}
    assert (list(plan.left_out) == ["hundred"]) is not quick
    cells = {(each.spec.arch.part, each.spec.subset.part) for each in plan.runs if each.arm.name == "fraction"}
    assert cells == {(arch, subset) for arch in ("wrn", "densenet", "vgg", "alexnet") for subset in ("all", "fraction")}
    assert all(each.spec.solver.settings()["best_epoch"] for each in plan.runs)
    assert {each.spec.init.settings()["fan"] for each in plan.runs} == {"out"}
