import json
import math
from pathlib import Path

import pandas as pd
import pytest

from randfeat.report.lines import lines
from randfeat.study.folder import load
from randfeat.study.pages import summary_words
from randfeat.study.wanted import wanted

ROOT = Path(__file__).parents[1]
STUDY = load("elm")
TABLES = {table.file: table.make for table in STUDY.tables}
WIGGLE = (-0.05, 0.0, 0.05)
DENSE, UNIFORM = {"init": "gaussian"}, {"init": "uniform"}
FIELDS = {"init": "receptive_fields", "init.inside": "gaussian"}
DIFFERENCES = {"init": "class_differences"}
BOTH = {"init": "receptive_fields", "init.inside": "class_differences"}
WHITENED, PATCHES, RANDOM = (
    {"init": law, "data.scaling": "standardise"} for law in ("whitened_patches", "patches", "gaussian")
)
WHITE, WHITE_RANDOM = ({"init": law, "data.scaling": "zca"} for law in ("patches", "gaussian"))


def runs(arm, settings, accuracy, wiggle=WIGGLE, **others):
    """Three runs of one cell around an accuracy, as a study's numbers have them."""
    line = {"arm": arm, "status": "ok", **settings, **others}
    return [line | {"seeds.weights": seed, "test/accuracy": accuracy + by} for seed, by in enumerate(wiggle)]


def table(*cells):
    rows = pd.DataFrame([row for cell in cells for row in cell])
    return rows.assign(**{"train/accuracy": rows["test/accuracy"], "fit_s": 1.0, "trained_params": 650, "words": "arch=mlp"})


def verdict(start, rows):
    """Of the claim whose name starts so, and on how many numbers it stands."""
    (claim,) = [claim for claim in STUDY.claims if claim.name.startswith(start)]
    own = rows[rows["arm"] == claim.arm].dropna(axis=1, how="all") if claim.arm else rows
    finding = claim.check(own)
    return str(finding.verdict), finding.n


def laws(dense=(80.0, 90.0, 94.0), others=(94.0, 95.0, 96.0, 97.5), wiggle=WIGGLE):
    cells = [runs("laws", DENSE, a, wiggle, **{"arch.width": n}) for n, a in zip((100, 400, 1600), dense, strict=True)]
    kinds = zip((UNIFORM, FIELDS, DIFFERENCES, BOTH), others, strict=True)
    return table(*cells, *(runs("laws", law, a, **{"arch.width": 1600}) for law, a in kinds))


ORDER = ["an ELM is the better", "receptive fields beat", "class differences beat", "both together are best"]


def test_the_order_of_the_laws_on_constructed_numbers():
    assert [verdict(name, laws()) for name in ORDER] == [("holds", 3)] * 4
    turned = laws((94.0, 90.0, 95.0), (97.5, 94.0, 94.5, 96.0))
    assert [verdict(name, turned) for name in ORDER] == [("fails", 3)] * 4
    wild = laws((89.0, 90.0, 95.5), (94.0, 95.0, 96.0, 96.5), (-3, 0, 3))
    assert [verdict(name, wild)[0] for name in ORDER] == ["holds", *["undecided"] * 3]


def test_the_order_of_the_laws_is_undecided_where_one_has_no_run():
    rows = laws()
    assert verdict("both together", rows[rows["init"] != "uniform"]) == ("undecided", 0)
    assert verdict("receptive fields", rows[rows["init"] != "receptive_fields"]) == ("undecided", 0)
    assert verdict("an ELM", rows[rows["arch.width"] == 1600]) == ("undecided", 0)


@pytest.mark.parametrize(
    ("start", "arm", "settings", "holds", "fails"),
    [
        ("both, 1,600", "published", {"arch.width": 1600}, 97.9, 97.2),
        ("both, 8,000", "published", {"arch.width": 8000}, 98.9, 98.6),
        ("ML-ELM 784", "ml_elm", {"arch.widths": "[700,15000]"}, 98.96, 98.7),
        ("ELM-LRF on", "norb", {"init": "orthogonal"}, 96.6, 96.3),
        ("1,600 whitened", "patches", WHITENED | {"arch.width": 1600}, 79.1, 74.8),
        ("2,048 nearest", "neighbours", {"arch.width": 2048}, 78.3, 77.7),
    ],
)
def test_published_numbers_hold_fail_and_are_undecided_without_their_size(start, arm, settings, holds, fails):
    wide = (-2.0, 0.0, 2.0)
    assert verdict(start, table(runs(arm, settings, holds, (-0.01, 0, 0.01)))) == ("holds", 3)
    assert verdict(start, table(runs(arm, settings, fails, (-0.01, 0, 0.01)))) == ("fails", 3)
    assert verdict(start, table(runs(arm, settings, holds, wide))) == ("undecided", 3)
    other = settings | {"arch.width": 200, "arch.widths": "[700,1600]", "init": "gaussian"}
    assert verdict(start, table(runs(arm, other, holds))) == ("undecided", 0)


def test_orthogonal_filters_are_compared_seed_by_seed():
    def filters(orthogonal):
        return table(
            runs("norb", {"init": "orthogonal"}, orthogonal, (-1, 0, 1.1)), runs("norb", {"init": "gaussian"}, 96, (-1, 0, 1))
        )

    assert verdict("orthogonal filters", filters(96.5)) == ("holds", 3)
    assert verdict("orthogonal filters", filters(95.5)) == ("fails", 3)
    assert verdict("orthogonal filters", filters(96)) == ("undecided", 3)


def test_a_layer_below_is_compared_with_the_same_last_layer():
    def rows(accuracy):
        return pd.concat([laws(), table(runs("ml_elm", {"arch.widths": "[700,1600]"}, accuracy))], ignore_index=True)

    assert verdict("a layer learnt", rows(97.0)) == ("holds", 3)
    assert verdict("a layer learnt", rows(93.0)) == ("fails", 3)
    assert verdict("a layer learnt", laws()) == ("undecided", 0)


def test_seconds_are_a_ratio():
    rows = table(runs("seconds", {"arch.width": 400}, 95))
    assert verdict("the closed form", rows.assign(**{"twin fit_s": [10, 11, 12]})) == ("holds", 3)
    assert verdict("the closed form", rows.assign(**{"twin fit_s": [0.5, 0.6, 0.7]})) == ("fails", 3)
    assert verdict("the closed form", rows) == ("undecided", 0)


def deep(arm, accuracies, law="he", norm="batch"):
    pairs = zip((8, 20, 44), accuracies, strict=True)
    return [row for n, a in pairs for row in runs(arm, {"init": law, "arch.norm": norm}, a, **{"arch.depth": n})]


def test_depth_on_constructed_numbers():
    falling = table(deep("vgg", (30, 20, 15)), deep("resnet", (30, 28, 25)), deep("plain", (30, 20, 10)))
    names = [f"a last layer alone gets worse with the depth of {what}" for what in ("VGG", "a residual", "a plain")]
    assert [verdict(name, falling) for name in [*names, "a residual network"]] == [("holds", 3)] * 4
    rising = table(deep("vgg", (15, 20, 30)), deep("resnet", (25, 28, 30)), deep("plain", (10, 20, 30)))
    assert [verdict(name, rising) for name in [*names, "a residual network"]] == [("fails", 3)] * 4
    assert [verdict(name, falling[falling["arch.depth"] > 8]) for name in names] == [("undecided", 0)] * 3


def test_laws_at_the_greatest_depth_on_constructed_numbers():
    def tanh(delta, he):
        own = [deep("tanh", (30, 20, delta), "delta_orthogonal", "none"), deep("tanh", (40, 40, he), "he", "none")]
        return table(*own)

    assert verdict("delta-orthogonal", tanh(25, 15)) == ("holds", 3)
    assert verdict("delta-orthogonal", tanh(15, 25)) == ("fails", 3)

    def vgg(without, with_norm):
        kinds = ("he", "glorot", "orthogonal", "delta_orthogonal")
        pairs = {"none": without, "batch": with_norm}
        return table(
            *(deep("vgg", (40, 40, a), k, norm) for norm, all_ in pairs.items() for k, a in zip(kinds, all_, strict=True))
        )

    assert verdict("with batch norm", vgg((24, 15, 20, 10), (20, 19, 18, 20))) == ("holds", 3)
    assert verdict("with batch norm", vgg((20, 19, 18, 20), (24, 15, 20, 10))) == ("fails", 3)
    assert verdict("with batch norm", vgg((24, 15, 20, 10), (20, 19, 18, 20)).query("init != 'glorot'")) == ("undecided", 0)


def patch_runs(n, whitened=79.0, raw=73.0, white=78.0, white_random=73.0):
    numbers = {
        "whitened": (WHITENED, whitened),
        "raw": (PATCHES, raw),
        "white": (WHITE, white),
        "random": (WHITE_RANDOM, white_random),
    }
    return table(*(runs("patches", settings | {"arch.width": n}, a) for settings, a in numbers.values()))


def test_patches_on_constructed_numbers():
    names = ["patches of the data", "and at 1,600 filters by 4", "whitening helps", "and at 1,600 filters by 5"]
    assert [verdict(name, patch_runs(1600)) for name in names] == [("holds", 3)] * 4
    close = patch_runs(1600, whitened=77.5, white=76.0)
    assert [verdict(name, close)[0] for name in names] == ["holds", "fails", "holds", "fails"]
    few = [("holds", 3), ("undecided", 0)] * 2
    assert [verdict(name, patch_runs(200)) for name in names] == few
    sizes = [runs("patches", WHITENED | {"arch.width": n}, a) for n, a in {50: 50, 100: 52, 200: 54}.items()]
    assert verdict("twice as many", table(*sizes)) == ("holds", 3)
    assert verdict("twice as many", table(*sizes, runs("patches", WHITENED | {"arch.width": 400}, 53))) == ("fails", 3)


def test_tables_have_the_published_numbers_beside_ours():
    hidden = TABLES["summary"](laws())
    theirs = hidden[hidden["n"].isna()].set_index("hidden units")["test accuracy %"].to_dict()
    assert theirs == {1600: 97.7, 8000: 98.9, 15000: 99.03}
    assert summary_words(hidden)["test accuracy % ± 95 %"].tolist()[-4:] == ["97.50 ± 0.12", "97.7", "98.9", "99.03"]
    ours = hidden[hidden["input weights"] == "both"].iloc[0]
    assert (ours["test accuracy %"], ours["test error %"], ours["n"]) == (pytest.approx(97.5), pytest.approx(2.5), 3)
    both = table(*(runs("published", BOTH | {"arch.width": n}, 97) for n in (1600, 8000, 3200)))
    assert TABLES["published"](both)["published"].tolist()[:2] == [97.7, 98.9]
    assert math.isnan(TABLES["published"](both)["published"].iloc[2])
    found = TABLES["patches"](patch_runs(1600))
    points = found[found["n"].isna()].set_index(["filters", "number"])["test accuracy %"]
    assert points["nearest, published (ablation)"].to_dict() == {512: 78.5, 1024: 80.45, 2048: 82.7, 4096: 83.75}
    assert points["nearest, published"].to_dict() == {2048: 82.3, 16384: 85.6}
    assert found[found["n"].isna() & found["number"].isna()]["test accuracy %"].tolist() == [79.1, 78.6]
    assert summary_words(found)["number"].tolist()[-3:] == ["2048", "16384", "-"]
    norb = table(*(runs("norb", {"init": law, "data": "norb"}, 97) for law in ("orthogonal", "gaussian")))
    assert TABLES["norb"](norb)["published"].tolist() == [97.26, 95.99]


def test_the_figure_of_hidden_units_has_plain_numbers_at_its_axes():
    (axes,) = [axes for axes in STUDY.plan.figures if axes.file == "hidden_units"]
    picture = lines(TABLES["summary"](laws()), axes)
    picture.canvas.draw()
    (ax,) = picture.axes
    assert {"100", "1000", "10000"} <= {label.get_text() for label in ax.get_xticklabels()}
    assert not any(label.get_text() for label in ax.get_xticklabels(minor=True))  # more than two decades
    assert {"2", "5", "20"} <= {label.get_text() for label in ax.get_yticklabels(minor=True)}


def test_the_names_of_laws_and_filters_are_those_of_the_plan():
    plan = wanted(STUDY.plan, True, ROOT / "nothing")
    assert len(plan.runs) == 365
    assert len({spec.key for spec in plan.specs}) == 362
    assert not plan.left_out
    laws = {(a.spec.init.part, getattr(a.spec.init, "inside", "-")) for a in plan.runs if a.arm.name == "laws"}
    filters = {(a.spec.init.part, a.spec.data.scaling) for a in plan.runs if a.arm.name == "patches"}
    assert laws == {("gaussian", "-"), ("uniform", "-"), ("class_differences", "-")} | {
        ("receptive_fields", inside) for inside in ("gaussian", "class_differences")
    }
    assert filters == {("whitened_patches", "standardise")} | {
        (law, scaling) for law in ("patches", "gaussian") for scaling in ("standardise", "zca")
    }


def test_the_full_plan_has_the_runs_on_record():
    plan = wanted(STUDY.plan, False, ROOT / "nothing")
    assert len(plan.runs) == 543
    assert plan.left_out == {"norb": "6 runs on data=norb, which is not on disk"}
    lines = (ROOT / "results" / "elm" / "runs.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in lines} <= {spec.key for spec in plan.specs}
