"""Saxe's study: the paper's digitised points give its numbers, and every claim about runs can hold, fail and be undecided."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from randfeat.study import rank_correlation
from randfeat.study.folder import load
from randfeat.study.wanted import wanted

STUDY = load("saxe2011_random_weights")
CHECKS = {claim.name: claim.check for claim in STUDY.claims}
MAKE = {table.file: table.make for table in STUDY.tables}
GRID = [(k, p, s) for k in (4, 8, 12, 16) for p in (3, 5, 9) for s in (1, 2)]
SHARED, NEARLY = "shared filters are better than another at each place", "and in nearly every architecture"
PIXELS, LEAST = "random features are far above the pixels themselves", "and in every architecture above them"
RANKS, TOP = (
    "random and trained accuracy rank architectures alike",
    "the best trained architecture is among the three best random ones",
)
HELPS, CROSSING = (
    "training helps even the architecture that gains least by it",
    "a random network is above another's trained one",
)
FAST, CHOSEN = "random weights are ten times as fast as training", "random weights choose a good candidate of two layers"
DEEP = "the ranks agree for deep networks"


def row(arm, seed, accuracy, trained=math.nan, **more):
    ours = {"test/accuracy": accuracy, "twin test/accuracy": trained, "total_s": 1.0, "twin total_s": 12.0}
    return {"arm": arm, "seeds.weights": seed, "status": "ok", "arch": "saxe", **ours, **more}


def one_layer(kernel, pool, stride):
    return {"arch.kernels": f"[{kernel}]", "arch.pools": f"[{pool}]", "arch.strides": f"[{stride}]"}


def runs(seeds=3, noise=0.1, above_local=2.0, above_raw=10.0, turned=1, trained=20.0, fast=12.0):
    """Random nets a point apart, each of them ``trained`` points above when it is trained, in the same order or ``turned``."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        for i, net in enumerate(GRID):
            wobble = noise * rng.standard_normal(3)
            best = 30 + trained + (i if turned == 1 else len(GRID) - i) + wobble[1]
            rows += [
                row("shared", seed, 30 + i + wobble[0], best, **one_layer(*net)) | {"twin total_s": fast},
                row("local", seed, 30 + i - above_local + wobble[2], **one_layer(*net)),
            ]
        rows.append(row("raw", seed, 30 - above_raw, **one_layer(8, 5, 1)))
    return pd.DataFrame(rows)


def two_layers(rank=1, swing=0.1, seeds=3):
    """Eight candidates a point apart; with ``swing`` more so for even seeds, less so for odd ones."""
    nets = [{"arch.kernels": f"[{k},3]", "arch.pools": "[3,2]", "arch.strides": "[1,1]"} for k in range(4, 12)]
    return pd.DataFrame(
        row("search", seed, 0.0, 50 + i + swing * (-1) ** seed * (i - 3.5), **{"val/accuracy": 40 + rank * i}, **net)
        for seed in range(seeds)
        for i, net in enumerate(nets)
    )


def laws(less=0.0, noise=0.2):
    rng = np.random.default_rng(2)
    means = {"gaussian": 40.0, "uniform": 40 - less, "laplace": 40 + less}
    return pd.DataFrame(
        row("laws", seed, mean + noise * rng.standard_normal(), init=law, **one_layer(kernel, 3, 2))
        for law, mean in means.items()
        for kernel in (4, 8, 16)
        for seed in range(5)
    )


def verdict(name, rows):
    return str(CHECKS[name](rows).verdict)


ONE_LAYER = [SHARED, NEARLY, PIXELS, LEAST, RANKS, TOP, HELPS, CROSSING, FAST]


def test_claims_about_one_layer_hold_where_the_numbers_say_so():
    assert [verdict(name, runs()) for name in ONE_LAYER] == ["holds"] * 9


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"above_local": -1.0}, [SHARED, NEARLY]),
        ({"above_raw": -20.0}, [PIXELS, LEAST]),
        ({"above_raw": -6.0}, [PIXELS, LEAST]),  # the mean architecture is 11.5 above the lowest
        ({"turned": -1}, [RANKS, TOP, HELPS]),
        ({"trained": -5.0}, [HELPS]),
        ({"trained": 40.0}, [CROSSING]),
        ({"fast": 9.0}, [FAST]),
    ],
)
def test_each_fails_where_they_say_the_contrary(changed, failing):
    assert [name for name in ONE_LAYER if verdict(name, runs(**changed)) == "fails"] == failing


def test_the_difference_of_pixels_is_that_of_the_mean_and_of_the_lowest_architecture():
    rows = runs(noise=0.0, above_raw=-4.0)
    assert CHECKS[PIXELS](rows).estimate == pytest.approx(11.5 - 4)
    assert CHECKS[LEAST](rows).estimate == pytest.approx(-4)


def test_noise_and_a_single_seed_decide_nothing():
    noisy = runs(noise=60.0)
    assert [verdict(name, noisy) for name in (SHARED, NEARLY, TOP, HELPS)] == ["undecided"] * 4
    alone = runs(seeds=1)
    assert {verdict(name, alone) for name in ONE_LAYER if name != RANKS} == {"undecided"}


def test_a_run_that_is_not_ok_leaves_its_seed_out():
    rows = runs()
    rows.loc[rows.index[[0, 1]], ["test/accuracy", "twin test/accuracy", "total_s"]] = math.nan
    assert {CHECKS[name](rows).n for name in (SHARED, PIXELS, FAST)} == {2}


def test_shared_filters_may_lose_in_two_of_eleven():
    rows = runs(noise=0.01)
    worse = {4: "holds", 5: "fails"}  # of 24, 2/11 are 4.4
    for n, expected in worse.items():
        nets = [one_layer(*net)["arch.kernels"] + one_layer(*net)["arch.pools"] + str(net[2]) for net in GRID[:n]]
        name = rows["arch.kernels"] + rows["arch.pools"] + rows["arch.strides"].str.strip("[]")
        lost = rows["test/accuracy"].where(~(name.isin(nets) & (rows["arm"] == "local")), rows["test/accuracy"] + 5)
        assert verdict(NEARLY, rows.assign(**{"test/accuracy": lost})) == expected


def paper():
    """The paper's points as if they were runs of three seeds."""
    points = MAKE["summary"](runs()).query("whose != 'here'")
    return points, pd.DataFrame(
        row("shared", seed, drawn, trained, **one_layer(*net))
        for seed in range(3)
        for net, drawn, trained in zip(GRID, points["random %"], points["trained %"], strict=False)
    )


def test_the_papers_points_have_its_statistics():
    points, rows = paper()
    x, y = points["random %"], points["trained %"]
    assert len(points) == 11
    assert stats.pearsonr(x, y).statistic == pytest.approx(0.854, abs=5e-4)
    assert stats.spearmanr(x, y).statistic == pytest.approx(0.882, abs=5e-4)
    assert stats.kendalltau(x, y).statistic == pytest.approx(0.745, abs=5e-4)
    assert points["trained - random"].mean() == pytest.approx(11.1, abs=0.05)
    ours = CHECKS[RANKS](rows)
    assert (ours.estimate, str(ours.verdict)) == (pytest.approx(0.882, abs=5e-4), "undecided")  # 11 points: from 0.55
    assert ours == rank_correlation(x, y, low=0.6)
    assert CHECKS[TOP](rows).estimate == pytest.approx(59.45 - 59.16)
    assert CHECKS[CROSSING](rows).estimate == pytest.approx(53.25 - 40.88)
    pairs = MAKE["pairs"](rows).set_index("number")["value"]
    assert pairs.iloc[3] == pytest.approx(100 * 14 / 110)
    assert pairs.iloc[0] == pytest.approx(x.mean())
    published = [float(text.removesuffix(" (digitised)")) for text in MAKE["pairs"](rows)["published"]]
    assert published == pytest.approx([x.mean(), y.mean(), 28.2, 100 * 14 / 110, 100 * 6 / 11], abs=0.05)
    assert pairs.iloc[4] == pytest.approx(100 * 6 / 11)


def test_published_numbers_stand_in_their_lines_alone():
    table = MAKE["summary"](runs())
    ((line,),) = [table.dropna(subset="published")[["kernel", "pool", "stride", "published"]].to_numpy().tolist()]
    assert line == ["4", "3", "1", 53.2]
    assert (table[table["whose"] == "here"]["random - local"]).mean() == pytest.approx(2, abs=0.1)


def test_claims_about_laws_candidates_and_deep_networks():
    for law in ("uniform", "laplace"):
        name = f"a {law} law does as well as a Gaussian one"
        cases = [laws(), laws(less=3.0), laws(noise=9.0)]
        assert [verdict(name, rows) for rows in cases] == ["holds", "fails", "undecided"]
    assert [verdict(CHOSEN, rows) for rows in (two_layers(), two_layers(-1), two_layers(swing=5.0))] == [
        "holds",
        "fails",
        "undecided",
    ]
    assert CHECKS[CHOSEN](two_layers(swing=0.0)).estimate == pytest.approx(57 - 53.5)
    seconds = MAKE["search"](two_layers()).set_index("choice")["s in all"]
    assert seconds.to_dict() == {
        "chosen by random weights": 8 + 12,
        "mean of all": 12,
        "first of the list": 12,
        "best on the test rows": 8 * 12,
    }
    net = [{"arch": "vgg", "arch.width": float(k)} for k in range(10)]
    for order, expected in ((1, "holds"), (-1, "fails")):
        rows = pd.DataFrame(row("deep", s, 20 + i, 50 + order * i) | own for s in range(3) for i, own in enumerate(net))
        assert verdict(DEEP, rows) == expected
        assert MAKE["deep"](rows)["network"].to_list() == [f"vgg {k}" for k in range(10)]


def theorem(energy=1.0, spread=0.0, bound=0.1, power=-0.5):
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "arm": "theorem",
            "seeds.weights": seed,
            "unit": f"6x6_on_{n}x{n}",
            "best_left_out": 0.1,
            "best_energy": energy,
            "best_spread": spread,
            "valid_bound": bound,
            "valid_gap": n**power * (1 + 0.01 * rng.standard_normal()),
            "valid_lost": 0.3,
        }
        for seed in range(5)
        for n in (10, 14, 20, 28, 40, 56, 80)
    )


def test_claims_about_the_theorem():
    names = [claim.name for claim in STUDY.claims if claim.arm == "theorem"]
    assert [verdict(name, theorem()) for name in names] == ["holds"] * 4
    assert [verdict(name, theorem(0.99, 0.01, 1.1, 0.5)) for name in names] == ["fails"] * 4
    assert CHECKS[names[3]](theorem()).estimate == pytest.approx(-0.5, abs=0.01)
    assert MAKE["theorem"](theorem())["bound"].to_list() == [864 / n for n in (10, 14, 20, 28, 40, 56, 80)]


def test_both_sizes_have_the_grid_and_norb_waits_for_its_files():
    nowhere = Path("nowhere")
    for quick, counts in ((True, 33), (False, 57)):
        plan = wanted(STUDY.plan, quick, nowhere)
        arms = pd.Series([each.arm.name for each in plan.runs]).value_counts().to_dict()
        fixed = {"shared": 72, "local": 72, "laws": 45, "search": 24, "raw": 3}
        assert {name: arms[name] for name in fixed} == fixed
        assert (arms["deep"], arms["svm"]) == (counts, 18 if quick else 21)
        assert sorted(plan.left_out) == ([] if quick else ["norb", "norb_local", "norb_raw"])
        widths = {each.spec.arch.widths for each in plan.runs if each.arm.name in ("shared", "local", "laws", "svm")}
        assert widths == {(16,) if quick else (48,)}
