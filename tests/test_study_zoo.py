"""The study of all architectures: its networks have one size, and every claim can hold, fail and be undecided."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from randfeat.places import data_folder
from randfeat.registry import part_names
from randfeat.run import parameters
from randfeat.study.folder import load
from randfeat.study.wanted import wanted

STUDY = load("zoo_priors")
CHECKS = {claim.name: claim.check for claim in STUDY.claims}
MAKE = {table.file: table.make for table in STUDY.tables}
BUDGETS = {"digits": 80_000, "cifar": 100_000, "sequences": 20_000}
RANKS, HELPS = "digits: random and trained accuracy rank architectures alike", "digits: training helps even the architecture"
ABOVE, CHEAP = "digits: the best random network is above the inputs", "digits: random weights cost a fifth"
OF_DIGITS = [RANKS, HELPS, ABOVE, CHEAP]
PERCEPTRON, GRAPH, KEEPS = "CIFAR-10: random convolutions", "Cora: the graph", "Cora: a random graph network keeps"


def check(start, rows):
    """The finding of the one claim that begins so."""
    (found,) = [CHECKS[name](rows) for name in CHECKS if name.startswith(start)]
    return found


def verdict(start, rows):
    return str(check(start, rows).verdict)


def run(arm, seed, arch, random, trained=math.nan, **more):
    ours = {"test/accuracy": random, "twin test/accuracy": trained, "total_s": 1.0, "twin total_s": 8.0}
    return {"arm": arm, "seeds.weights": seed, "status": "ok", "arch": arch, "trained_params": 10.0, **ours, **more}


def images(arm="digits", turned=1, trained=10.0, inputs=60.0, seconds=8.0, perceptron=0.0, noise=0.1, seeds=3):
    """Ten networks a point apart, trained in the same order or ``turned``, and the inputs themselves."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        for i, arch in enumerate(["vit", "mlp", "vgg", "resnet", "wrn", "plain", "lenet", "saxe", "unet", "highway"]):
            drawn = 60 + i + (perceptron if arch == "mlp" else 0) + noise * rng.standard_normal()
            after = 60 + trained + (i if turned == 1 else 9 - i) + noise * rng.standard_normal()
            rows.append(run(arm, seed, arch, drawn, after, **{"trained_params": 100.0 - i, "twin total_s": seconds}))
        rows.append(run(f"{arm}_inputs", seed, "mlp", inputs))
    return pd.DataFrame(rows)


def papers(random=75.0, trained=79.0, without=58.0, seeds=3):
    return pd.DataFrame(
        run(
            "cora",
            seed,
            "gcn",
            (random if sees else 40.0) + 0.1 * seed,
            trained if sees else without,
            **{"arch.neighbours": str(sees).lower()},
        )
        for seed in range(seeds)
        for sees in (True, False)
    )


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
def test_the_networks_of_a_table_have_one_budget_of_parameters(quick):
    """And they are all architectures there are for their kind of row, but torchvision's in the quick study."""
    arms = {}
    for each in wanted(STUDY.plan, quick, data_folder(None)).runs:
        if each.arm.name in BUDGETS and each.spec.seeds.weights == 0:
            arms.setdefault(each.arm.name, []).append(each.spec)
    assert set(arms) == set(BUDGETS)
    for arm, specs in arms.items():
        budget = BUDGETS[arm] if quick or arm == "digits" else {"cifar": 350_000, "sequences": 100_000}[arm]
        found = [parameters(spec)["params"] for spec in specs]
        assert max(abs(n / budget - 1) for n in found) < 0.23
    sequences, graphs = {"gru", "lstm", "minimal_rnn", "relation", "rnn", "tcn", "transformer"}, {"gat", "gcn"}
    of_images = set(part_names("arch")) - sequences - graphs
    assert {spec.arch.part for spec in arms["cifar"]} == of_images - ({"torchvision"} if quick else set())
    assert {spec.arch.part for spec in arms["digits"]} == of_images - {"torchvision"}
    assert {spec.arch.part for spec in arms["sequences"]} == (sequences | {"mlp"}) - {"relation"}


def test_claims_about_images_hold_where_the_numbers_say_so():
    assert [verdict(name, images()) for name in OF_DIGITS] == ["holds"] * 4


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"turned": -1}, [RANKS]),
        ({"trained": -1.0}, [HELPS]),
        ({"inputs": 70.0}, [ABOVE]),
        ({"seconds": 4.0}, [CHEAP]),
    ],
)
def test_each_fails_where_they_say_the_contrary(changed, failing):
    assert [name for name in OF_DIGITS if verdict(name, images(**changed)) == "fails"] == failing


def test_a_single_seed_and_missing_runs_decide_nothing():
    assert {verdict(name, images(seeds=1)) for name in (HELPS, ABOVE, CHEAP)} == {"undecided"}
    assert {str(finding(images().iloc[:0]).verdict) for finding in CHECKS.values()} == {"undecided"}


def test_convolutions_are_compared_with_the_perceptron_and_nothing_else_without_them():
    rows = images("cifar", noise=0.0)
    assert check(PERCEPTRON, rows).estimate == pytest.approx(np.mean(range(2, 10)) - 1)  # without vit and mlp
    assert verdict(PERCEPTRON, images("cifar", perceptron=20.0)) == "fails"


@pytest.mark.parametrize(("random", "holds"), [(75.0, ("holds", "holds")), (60.0, ("fails", "fails"))])
def test_claims_about_a_graph(random, holds):
    assert (verdict(GRAPH, papers(random)), verdict(KEEPS, papers(random))) == holds
    assert check(GRAPH, papers()).estimate == pytest.approx(75.1 - 58)
    assert check(KEEPS, papers()).estimate == pytest.approx(100 * 75.1 / 79)


def test_the_tables_have_a_line_per_network_and_the_orders_are_spearman_s():
    rows = images()
    table = MAKE["digits"](rows).set_index("network")
    assert len(table) == 11
    assert table.loc["inputs themselves", "random %"] == 60
    assert table.loc["vgg", "kept %"] == pytest.approx(100 * 62 / 72, abs=0.3)
    assert set(MAKE["graphs"](papers())["network"]) == {"gcn", "gcn no graph"}
    orders = MAKE["orders"](rows).query("data == 'digits'").set_index("orders of")["rank correlation"]
    by_net = rows[rows["arm"] == "digits"].groupby("arch", sort=False)
    means = by_net[["test/accuracy", "twin test/accuracy", "trained_params"]].mean()
    assert orders.iloc[0] == pytest.approx(stats.spearmanr(means["test/accuracy"], means["twin test/accuracy"]).statistic)
    assert orders.iloc[1] == pytest.approx(-1)
