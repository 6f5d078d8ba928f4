"""The study of norm layers: its plans, the paper's numbers in its tables, its claims on constructed numbers."""

import math
import shlex
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from randfeat.arch.resnet import Resnet
from randfeat.config import compose
from randfeat.run import parameters
from randfeat.spec import RunSpec
from randfeat.split import n_trained
from randfeat.study.folder import load
from randfeat.study.wanted import spelled, wanted
from randfeat.subset.simple import Norm
from randfeat.typing import Task

STUDY = load("frankle2021_batchnorm")
BN, BOTH, SHORTCUT, ALL = "BN", "BN + shortcut + output", "shortcut + output", "all"
PAPER = {
    BN: {14: 47.8, 32: 57.6, 56: 62.9, 110: 69.7},
    BOTH: {14: 63.2, 32: 66.7, 56: 71.1, 110: 74.7},
    SHORTCUT: {14: 49.0, 32: 45.7, 56: 42.5, 110: 19.1},
    ALL: {14: 90.5, 32: 92.3, 56: 93.2, 110: 93.4},
    "BN, gamma = 1": {14: 50.0, 32: 50.0, 56: 50.0, 110: 50.0},
    "BN, 160 epochs": {14: 47.8},
}
PARAMS = {14: 175_258, 32: 466_906, 56: 855_770, 110: 1_730_714, 218: 3_480_602, 866: 13_979_930}


def row(arm, depth, seed, accuracy, width=16, **others):
    n = (depth - 2) // 6
    norm = 448 * n + 224
    trained = {BOTH: norm + 3210, SHORTCUT: 3210, ALL: PARAMS[depth]}.get(arm, norm * width // 16)
    settings = {"arm": arm, "arch.depth": depth, "arch.width": width, "seeds.weights": seed, "solver.epochs": 15}
    scores = {"test/accuracy": accuracy, "train/accuracy": accuracy + 1, "gamma/small": 0.27 if arm == BN else 0.09}
    facts = {"trained_params": trained, "params": PARAMS[depth], "status": "ok", "words": f"{arm} {depth}"}
    return settings | scores | facts | others


def numbers(noise=0.1, seeds=3, change=lambda line: line):
    """Rows as the paper has them, a little apart from seed to seed; ``change`` alters each."""
    rows = []
    for seed in range(seeds):
        apart = noise * (-1) ** seed
        rows += [row(arm, d, seed, x + (d + 1) / 16 * apart) for arm, by in PAPER.items() for d, x in by.items()]
        rows += [row("BN, wider", 14, seed, x + apart, width=w) for w, x in {32: 53.4, 64: 59.6}.items()]
    return pd.DataFrame([change(each) for each in rows])


def verdicts(frame):
    found = {}
    for claim in STUDY.claims:
        own = frame[frame["arm"] == claim.arm] if claim.arm else frame
        found[claim.name] = str(claim.check(own).verdict)
    return found


def turned(line):
    """The opposite of the paper: the better is the worse, gains near zero elsewhere, training rows known by heart."""
    worse = {"test/accuracy": 100 - line["test/accuracy"], "train/accuracy": 109 - line["test/accuracy"]}
    return line | worse | {"gamma/small": 0.36 - line["gamma/small"], "trained_params": line["trained_params"] + 1}


def test_every_claim_holds_on_the_papers_numbers_and_fails_on_their_opposite():
    assert len(STUDY.claims) == 17
    assert set(verdicts(numbers()).values()) == {"holds"}
    opposite = verdicts(numbers(change=turned))
    assert {name for name, verdict in opposite.items() if verdict != "fails"} == {
        "shortcuts and output have 2,560 + 650 parameters besides",
        "the norm layers have less than 1 % of the parameters",
    }


def test_counts_that_are_off_by_one_fail():
    off = verdicts(numbers(change=lambda line: line | {"trained_params": line["trained_params"] + (line["arm"] == BOTH)}))
    assert Counter(off.values()) == {"holds": 16, "fails": 1}
    large = verdicts(numbers(change=lambda line: line | {"params": 90 * line["trained_params"]}))
    assert large["the norm layers have less than 1 % of the parameters"] == "fails"


def test_wide_scatter_and_a_single_seed_decide_nothing_but_counts():
    exact = {claim.name for claim in STUDY.claims if claim.source == "by counting"}
    wide = verdicts(numbers(noise=60.0))
    undecided = {name for name, verdict in wide.items() if verdict == "undecided"}
    assert {"BN alone, 14 layers, 160 epochs: 47.8 %", "BN alone: 32 layers are better than 14"} <= undecided
    assert not exact & undecided
    alone = verdicts(numbers(seeds=1))
    assert {name for name, verdict in alone.items() if verdict != "undecided"} <= exact


def test_where_a_depth_was_not_run_its_claims_are_undecided_and_the_others_stand():
    frame = numbers()
    there = frame[(frame["arch.depth"] < 110) & (frame["arch.width"] < 64) & (frame["arm"] != "BN, 160 epochs")]
    found = verdicts(there)
    assert Counter(found.values()) == {"holds": 11, "undecided": 6}
    assert found["BN alone: 56 layers are better than 32"] == "holds"
    assert found["BN alone: 110 layers are better than 56"] == "undecided"


def test_the_tables_have_the_papers_numbers_and_none_where_it_has_none():
    depth, parameters = (table.make(numbers()) for table in STUDY.tables)
    shown = {(line["trained"], line["depth"]): line["published"] for line in depth.to_dict("records")}
    for arm, by in PAPER.items():
        for layers, theirs in by.items():
            assert math.isnan(shown[arm, layers]) if "gamma" in arm else shown[arm, layers] == theirs
    assert set(depth["width"]) == {16}
    wide = parameters[parameters["width"] > 16]
    assert wide[["width", "parameters", "published"]].to_numpy().tolist() == [[32, 2240, 53.4], [64, 4480, 59.6]]


@pytest.mark.parametrize(("quick", "n_runs", "n_specs"), [(True, 42, 42), (False, 60, 60)])
def test_both_sizes_compose_and_each_network_counts_what_the_formula_says(quick, n_runs, n_specs):
    asked = wanted(STUDY.plan, quick, Path("nowhere"))
    assert (len(asked.runs), len({spec.key for spec in asked.specs})) == (n_runs, n_specs)
    for arm, first in {(each.arm.name, each.first) for each in asked.runs}:
        n, width = (first.arch.depth - 2) // 6, first.arch.width // 16
        counted = parameters(first)
        expected = {BOTH: 448 * n + 224 + 2560 + 650, SHORTCUT: 2560 + 650, ALL: counted["params"]}
        assert counted["trained_params"] == expected.get(arm, (448 * n + 224) * width)
    (one, *_) = [each for each in asked.runs if each.arm.name == BOTH]
    ((key, words),) = spelled([one]).items()
    assert RunSpec.from_mapping(compose(shlex.split(words))).key == key  # as a shell takes them


@pytest.mark.parametrize("depth", PARAMS)
def test_norm_layers_have_448_n_plus_224_parameters(depth):
    net = Resnet(depth=depth).build(Task((3, 32, 32), 10))
    shapes = {name: tensor.shape for name, tensor in net.named_parameters()}
    trained = n_trained(Norm().select(net, 0), shapes)
    assert sum(trained.values()) == 448 * (depth - 2) // 6 + 224
    assert sum(shape.numel() for shape in shapes.values()) == PARAMS[depth]
