"""Random against trained accuracy, architecture by architecture. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, cells, rank_correlation, slope_within, within

PAPER = "Saxe et al. 2011"
RANDOM, TRAINED = "test/accuracy", "twin test/accuracy"
SHAPE = ("arch", "arch.kernels", "arch.pools", "arch.strides", "arch.depth", "arch.width", "arch.widen")
LISTS = ("arch.kernels", "arch.pools", "arch.strides")
WHOSE = "paper, 11 nets (digitised)"
FIGURE_4 = [  # trained, random; CIFAR-10 in grey
    (40.88, 35.79),
    (46.18, 36.41),
    (49.16, 36.45),
    (50.83, 35.19),
    (55.9, 39.39),
    (57.1, 46.4),
    (57.5, 46.5),
    (58.81, 48.55),
    (59.16, 46.44),
    (59.4, 53.25),
    (59.45, 48.05),
]
BEST = {("4", "3", "1"): 53.2}
PIXELS = 28.2


def shape(row):
    """The network of a row in a few words: what an architecture is called here."""
    own = [row.get(name) for name in SHAPE]
    given = [each for each in own if not (each is None or each != each)]
    return " ".join(each if isinstance(each, str) else f"{each:g}" for each in given)


def bare(rows):
    """Lists of a number for each layer without their brackets."""
    return rows.assign(**{name: rows[name].str.strip("[]") for name in LISTS})


def named(rows, arm):
    """The rows of an arm, with the name of their network."""
    own = rows[rows["arm"] == arm]
    return own.assign(net=[shape(row) for row in own.to_dict("records")])


def wide(rows, arm, column=RANDOM, **where):
    """A number of an arm: a line per seed, a column per network; empty where there is none."""
    own = named(rows, arm)
    for name, value in where.items():
        own = own[own[name] == value]
    if column not in own or own.empty:
        return pd.DataFrame(dtype=float)
    return own.pivot(index="seeds.weights", columns="net", values=column)


def over_nets(numbers):
    """The mean over networks, seed by seed; missing where one is."""
    return numbers.mean(axis=1, skipna=False)


def above_pixels(rows, arm="shared", raw="raw"):
    """Random features less the pixels themselves, by seed and network."""
    return wide(rows, arm).sub(over_nets(wide(rows, raw)), axis=0)


def lowest(gaps, but=0):
    """Whether the gap of a network is above 0: of the lowest, or of the lowest after leaving ``but`` of them out."""
    order = gaps.mean(skipna=False).sort_values(na_position="first").index
    return within(gaps[order[but]] if len(order) > but else [], low=0)


def shared_less_local(rows, arm="shared", local="local"):
    """Shared filters less another at each place, by seed and network."""
    return wide(rows, arm) - wide(rows, local)


def all_but_two_of_eleven(gaps):
    """Whether at least nine of eleven networks have a gap above 0, or as large a share of another number."""
    return lowest(gaps, but=2 * gaps.shape[1] // 11)


def ranks(low, arm):
    """Whether the means of random and of trained networks are in the same order."""
    return lambda rows: rank_correlation(*(wide(rows, arm, each).mean(skipna=False) for each in (RANDOM, TRAINED)), low=low)


def top_three(rows):
    """The best trained network among the three best random ones, less the best of the others."""
    trained, order = wide(rows, "shared", TRAINED), wide(rows, "shared").mean(skipna=False).sort_values().index
    if trained.shape[1] < 4:
        return within([])
    first, other = (trained[trained[list(names)].mean(skipna=False).idxmax()] for names in (order[-3:], order[:-3]))
    return within(first - other, low=0)


def crossing(rows):
    """The best random network, less another one's trained accuracy: the lowest."""
    drawn, trained = wide(rows, "shared"), wide(rows, "shared", TRAINED)
    if trained.shape[1] < 2:
        return within([])
    best = drawn.mean().idxmax()
    return within(drawn[best] - trained[trained.drop(columns=best).mean().idxmin()], low=0)


def crossings(rows):
    """The share of ordered pairs of networks in which one's random accuracy is above the other's trained one, by seed."""
    drawn, trained = wide(rows, "shared"), wide(rows, "shared", TRAINED)
    above = pd.DataFrame({(a, b): drawn[a] > trained[b] for a in drawn for b in trained if a != b})
    return 100 * above.mean(axis=1)


def crossers(rows):
    """The share of networks whose random accuracy is above the trained one of at least one other, by seed."""
    drawn, trained = wide(rows, "shared"), wide(rows, "shared", TRAINED)
    above = pd.DataFrame({net: drawn[net] > trained.drop(columns=net).min(axis=1) for net in drawn})
    return 100 * above.mean(axis=1)


def cheaper(rows):
    """Seconds of all trained networks over those of all random ones, by seed."""
    seconds = [wide(rows, "shared", name).sum(axis=1, skipna=False) for name in ("twin total_s", "total_s")]
    return within(seconds[0] / seconds[1], low=10)


def law(name):
    """A law less the Gaussian one, the mean over networks."""
    return lambda rows: within(
        over_nets(wide(rows, "laws", init=name)) - over_nets(wide(rows, "laws", init="gaussian")), -1.7, 1.7
    )


def choices(rows):
    """Trained accuracy and seconds, by seed, of the candidate that random weights choose and of others."""
    drawn, trained = wide(rows, "search", "val/accuracy"), wide(rows, "search", TRAINED)
    random_s, trained_s = (wide(rows, "search", name) for name in ("total_s", "twin total_s"))
    if trained.empty or drawn.isna().to_numpy().any() or trained.isna().to_numpy().any():
        return {}
    chosen = drawn.idxmax(axis=1)
    picked = [pd.Series({seed: table.at[seed, net] for seed, net in chosen.items()}) for table in (trained, trained_s)]
    return {
        "chosen by random weights": (picked[0], random_s.sum(axis=1) + picked[1]),
        "mean of all": (trained.mean(axis=1), trained_s.mean(axis=1)),
        "first of the list": (trained.iloc[:, 0], trained_s.iloc[:, 0]),
        "best on the test rows": (trained.max(axis=1), trained_s.sum(axis=1)),
    }


def chosen_above_mean(rows):
    """The chosen candidate, trained, less the mean of all, trained."""
    found = choices(rows)
    return within(found["chosen by random weights"][0] - found["mean of all"][0] if found else [], low=0)


def worst_of_all(measure, rule):
    """The worst value of a measure over all sides of filters and images, by seed."""
    return lambda rows: getattr(rows.groupby("seeds.weights")[measure], rule)()


def falls(rows):
    """Whether what the best sinusoid lacks falls with the side n of the image: its exponent, as a power of n."""
    own = rows[rows["unit"].str.startswith("6x6_")]
    gaps = own.assign(n=own["unit"].map(side)).pivot(index="seeds.weights", columns="n", values="valid_gap")
    return slope_within([math.log(n) for n in gaps], gaps, high=0)


def side(unit):
    """80 of ``6x6_on_80x80``."""
    return int(unit.rsplit("x", 1)[1])


def summary(rows):
    """A line per architecture, and the paper's points."""
    local = wide(rows, "local")
    own = named(rows, "shared")
    seeds_nets = zip(own["seeds.weights"], own["net"], strict=True)
    own = own.assign(
        whose="here",
        local=[local.at[key] if key[0] in local.index and key[1] in local else math.nan for key in seeds_nets],
    )
    own = own.assign(shared=own[RANDOM] - own["local"], gained=own[TRAINED] - own[RANDOM])
    lines = cells(
        bare(own),
        {"whose": "whose", "arch.kernels": "kernel", "arch.pools": "pool", "arch.strides": "stride"},
        {
            RANDOM: "random %",
            "local": "local %",
            "shared": "random - local",
            TRAINED: "trained %",
            "gained": "trained - random",
        },
        {"total_s": "random s", "twin total_s": "trained s"},
        lambda row: BEST.get((row["arch.kernels"], row["arch.pools"], row["arch.strides"])),
    )
    theirs = pd.DataFrame(FIGURE_4, columns=["trained %", "random %"])
    theirs = theirs.assign(**{"trained - random": theirs["trained %"] - theirs["random %"], "whose": WHOSE})
    return pd.concat([lines, theirs.assign(kernel="-", pool="-", stride="-")], ignore_index=True)


def pairs(rows):
    """What all architectures have in common, a line each."""
    table = [
        ("mean of random, %", over_nets(wide(rows, "shared")), "42.9 (digitised)"),
        ("mean of trained, %", over_nets(wide(rows, "shared", TRAINED)), "54.0 (digitised)"),
        ("pixels themselves, %", over_nets(wide(rows, "raw")), f"{PIXELS}"),
        ("pairs in which one's random net is above another's trained one, %", crossings(rows), "12.7 (digitised)"),
        ("architectures whose random net is above some other's trained one, %", crossers(rows), "54.5 (digitised)"),
    ]
    lines = []
    for name, numbers, published in table:
        found = within(numbers)
        line = {"number": name, "value": found.estimate, "value ci95": found.high - found.estimate}
        lines.append(line | {"published": published, "n": found.n})
    return pd.DataFrame(lines)


def laws(rows):
    """A line per law and network."""
    own = named(rows, "laws")
    normal = wide(rows, "laws", init="gaussian")
    keys = zip(own["seeds.weights"], own["net"], strict=True)
    own = own.assign(less=own[RANDOM] - pd.Series([normal.at[key] for key in keys], index=own.index))
    by = {"init": "law", "arch.kernels": "kernel", "arch.pools": "pool", "arch.strides": "stride"}
    return cells(bare(own), by, {RANDOM: "random %", "less": "less Gaussian"})


def heads(rows):
    """The paper's classifier beside least squares, on the same features."""
    own = named(rows, "svm")
    raw = own["solver.at"].eq("input") if "solver.at" in own else pd.Series(False, index=own.index)
    ridge = {
        (arm, net, seed): value
        for arm in ("raw", "shared")
        for net, column in wide(rows, arm).items()
        for seed, value in column.items()
    }
    keys = zip(raw.map({True: "raw", False: "shared"}), own["net"], own["seeds.weights"], strict=True)
    own = own.assign(
        features=own["net"].mask(raw, "pixels"),
        ridge=[ridge.get(key, math.nan) for key in keys],
        c=1 / (2 * own["chosen/penalty"]),
    )
    means = {RANDOM: "svm %", "ridge": "ridge %"}
    facts = {"c": "mean C", "fit_s": "svm fit s"}
    return cells(own, {"features": "features"}, means, facts, lambda row: PIXELS if row["features"] == "pixels" else None)


def candidates(rows):
    """A line per two-layer network."""
    own = bare(named(rows, "search"))
    one = own.assign(**{name: own[name].str.split(",").str[0] for name in LISTS})
    first = "kernel " + one["arch.kernels"] + ", stride " + one["arch.strides"] + ", pool " + one["arch.pools"]
    means = {"val/accuracy": "random val %", RANDOM: "random %", TRAINED: "trained %"}
    seconds = {"total_s": "random s", "twin total_s": "trained s"}
    return cells(own.assign(layer=first), {"layer": "layer 1"}, means, seconds)


def search(rows):
    """What choosing by random weights gains, and costs."""
    lines = []
    for name, (accuracy, seconds) in choices(rows).items():
        found = within(accuracy)
        line = {"choice": name, "trained %": found.estimate, "trained % ci95": found.high - found.estimate}
        lines.append(line | {"s in all": seconds.mean(), "n": found.n})
    return pd.DataFrame(lines)


def deep(rows):
    """A line per deep network."""
    own = named(rows, "deep")
    own = own.assign(gained=own[TRAINED] - own[RANDOM])
    means = {RANDOM: "random %", TRAINED: "trained %", "gained": "trained - random"}
    facts = {"params": "parameters", "total_s": "random s", "twin total_s": "trained s"}
    return cells(own, {"arch": "family", "net": "network"}, means, facts)


def theorem(rows):
    """A line per side of the image, for filters of 6x6."""
    own = rows[rows["unit"].str.startswith("6x6_")]
    own = own.assign(
        n_side=own["unit"].map(side),
        lost=100 * own["valid_lost"],
        missing=1 - own["best_energy"],
        out=100 * own["best_left_out"],
    )
    means = {"valid_gap": "gap / norm^2", "lost": "gap, % of the most"}
    lines = cells(
        own, {"n_side": "n side"}, means, {"missing": "1 - energy", "best_spread": "spread over phases", "out": "left out %"}
    )
    return lines.assign(bound=4 * 6**3 / lines["n side"])


TABLES = [
    Table("Architectures of one layer", summary),
    Table("One layer, over all architectures", pairs, file="pairs"),
    Table("Laws", laws, "laws", "laws"),
    Table("Classifiers", heads, file="heads"),
    Table("Two layers: candidates", candidates, "search", "candidates"),
    Table("Two layers: what random weights choose", search, "search", "search"),
    Table("Deep networks", deep, "deep", "deep"),
    Table("The optimal input, filters of 6x6", theorem, "theorem", "theorem"),
]

CLAIMS = [
    Claim(
        name="shared filters are better than another at each place",
        rule="random accuracy of shared less local filters, the mean over architectures, above 0",
        source=f"{PAPER}, text",
        published="+1.5 ± 0.93",
        check=lambda rows: within(over_nets(shared_less_local(rows)), low=0),
    ),
    Claim(
        name="and in nearly every architecture",
        rule="the difference above 0 in 9 of 11 architectures: that of the lowest once 2 of 11 are left out",
        source=f"{PAPER}, figure 3",
        published="11 of 11 on NORB",
        check=lambda rows: all_but_two_of_eleven(shared_less_local(rows)),
    ),
    Claim(
        name="random features are far above the pixels themselves",
        rule="random less pixels, the mean over architectures, at least 7 points",
        source=f"{PAPER}, figure 4 (digitised) and text",
        published="+14.7 (digitised)",
        check=lambda rows: within(over_nets(above_pixels(rows)), low=7),
    ),
    Claim(
        name="and in every architecture above them",
        rule="random less pixels above 0 in the lowest architecture",
        source=f"{PAPER}, figure 4 (digitised) and text",
        published="+7.0 (digitised)",
        check=lambda rows: lowest(above_pixels(rows)),
    ),
    Claim(
        name="random and trained accuracy rank architectures alike",
        rule="Spearman's rank correlation over architectures of mean random and mean trained accuracy at least 0.6",
        source=f"{PAPER}, figure 4 (digitised)",
        published="0.88 (digitised)",
        check=ranks(0.6, "shared"),
    ),
    Claim(
        name="the best trained architecture is among the three best random ones",
        rule="its accuracy less that of the best of the others, both trained and best by their means, above 0",
        source=f"{PAPER}, figure 4 (digitised)",
        published="+0.3 (digitised)",
        check=top_three,
    ),
    Claim(
        name="training helps even the architecture that gains least by it",
        rule="trained less random above 0 in the lowest architecture",
        source=f"{PAPER}, section 4",
        published="always",
        check=lambda rows: lowest(wide(rows, "shared", TRAINED) - wide(rows, "shared")),
    ),
    Claim(
        name="a random network is above another's trained one",
        rule="the best random network less the lowest trained one of another architecture above 0",
        source=f"{PAPER}; workshop version 2010",
        published="53.2 - 50.9",
        check=crossing,
    ),
    *(
        Claim(
            name=f"a {name} law does as well as a Gaussian one",
            rule="the difference, the mean over architectures, within ± 1.7, the widest interval printed (of a trained one)",
            source=f"{PAPER}, section 4",
            published="equal",
            check=law(name),
            arm="laws",
        )
        for name in ("uniform", "laplace")
    ),
    Claim(
        name="random weights are ten times as fast as training",
        rule="seconds of all trained runs over those of all random ones at least 10",
        source=f"{PAPER}, table 1 (pretraining included)",
        published="28",
        check=cheaper,
    ),
    Claim(
        name="random weights choose a good candidate of two layers",
        rule="the candidate best on validation rows with random weights, trained, less the mean of all, trained, above 0",
        source=f"{PAPER}, section 5",
        published="70.6 to 73.1",
        check=chosen_above_mean,
        arm="search",
    ),
    Claim(
        name="the ranks agree for deep networks",
        rule="Spearman's rank correlation over networks of mean random and mean trained accuracy above 0",
        source="beyond the paper",
        check=ranks(0, "deep"),
        arm="deep",
    ),
    Claim(
        name="around the edges the best input is the sinusoid at the filter's loudest frequency",
        rule="the least share of its power there, over filters and images, at least 1 - 1e-6",
        source=f"{PAPER}, theorem 2.1",
        published="1 (exact)",
        check=lambda rows: within(worst_of_all("best_energy", "min")(rows), low=1 - 1e-6),
        arm="theorem",
    ),
    Claim(
        name="at any phase",
        rule="the largest relative spread of the response over phases at most 1e-6",
        source=f"{PAPER}, theorem 2.1",
        published="0 (exact)",
        check=lambda rows: within(worst_of_all("best_spread", "max")(rows), high=1e-6),
        arm="theorem",
    ),
    Claim(
        name="within the edges a sinusoid lacks at most K/n",
        rule="the largest difference to the best input over 4 k^3 norm^2 / n, over filters and images, at most 1",
        source=f"{PAPER}, theorem 2.2",
        published="at most 1",
        check=lambda rows: within(worst_of_all("valid_bound", "max")(rows), high=1),
        arm="theorem",
    ),
    Claim(
        name="and less in larger images, all in all",
        rule="for 6x6 filters and n from 10 to 80 the exponent of the difference over norm^2, as a power of n, below 0",
        source=f"{PAPER}, theorem 2.2",
        check=falls,
        arm="theorem",
    ),
    Claim(
        name="NORB: shared filters are better by 3 points",
        rule="random accuracy of shared less local filters, the mean over architectures, at least 3",
        source=f"{PAPER}, figure 3",
        published="+3.8 ± 0.29",
        check=lambda rows: within(over_nets(shared_less_local(rows, "norb", "norb_local")), low=3),
    ),
    Claim(
        name="NORB: random features are far above the pixels themselves",
        rule="random less pixels, the mean over architectures, at least 7 points",
        source=f"{PAPER}, text; figure 4 (digitised)",
        published="+14.6 (digitised)",
        check=lambda rows: within(over_nets(above_pixels(rows, "norb", "norb_raw")), low=7),
    ),
]
