"""Random against trained, architecture by architecture, at one budget of parameters. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, cells, rank_correlation, within

SAXE = "Saxe et al. 2011"
RANDOM, TRAINED, HEAD = "test/accuracy", "twin test/accuracy", "trained_params"
NETWORK = ("arch.name", "arch.cell", "arch.neighbours")
WORDS = {"true": "", "false": "no graph"}
ARMS = {"digits": "digits", "cifar": "CIFAR-10", "sequences": "sequences"}
GRAPHS = ("cora", "citeseer", "pubmed", "karate")
VECTORS = ("mlp", "mixer", "vit")
SHARE = 90.0


def name(row):
    """What a network is called here: its architecture, and what tells it from another of that architecture."""
    own = [WORDS.get(row[key], row[key]) for key in NETWORK if not missing(row.get(key))]
    return " ".join([row["arch"], *own]).strip()


def missing(value):
    """Whether a cell is empty."""
    return value is None or value != value


def named(rows, arm):
    """The rows of an arm with the name of their network, and the share of the trained accuracy that random weights keep."""
    own = rows[rows["arm"] == arm]
    own = own.assign(net=[name(row) for row in own.to_dict("records")])
    return own.assign(kept=100 * own[RANDOM] / own[TRAINED]) if {RANDOM, TRAINED} <= set(own) else own


def wide(rows, arm, column=RANDOM):
    """A number of an arm: a line per seed, a column per network; empty where there is none."""
    own = named(rows, arm)
    if column not in own or own.empty:
        return pd.DataFrame(dtype=float)
    return own.pivot(index="seeds.weights", columns="net", values=column)


def over_nets(numbers):
    """The mean over networks, seed by seed; missing where one is."""
    return numbers.mean(axis=1, skipna=False)


def lowest(gaps):
    """Whether the gap of a network is above 0: of the lowest."""
    order = gaps.mean(skipna=False).sort_values(na_position="first").index
    return within(gaps[order[0]] if len(order) else [], low=0)


def ranks(arm):
    """Whether the means of random and of trained networks are in the same order."""
    return lambda rows: rank_correlation(*(wide(rows, arm, each).mean(skipna=False) for each in (RANDOM, TRAINED)), low=0)


def gained(rows, arm):
    """Trained less random, by seed and network."""
    return wide(rows, arm, TRAINED) - wide(rows, arm)


def cheaper(arm):
    """Seconds of all trained networks over those of all random ones, by seed."""

    def check(rows):
        trained_s, random_s = (wide(rows, arm, each).sum(axis=1, skipna=False) for each in ("twin total_s", "total_s"))
        return within(trained_s / random_s, low=5)

    return check


def above_inputs(rows, arm):
    """The best random network, by its mean, less a linear classifier on the inputs themselves."""
    drawn, inputs = wide(rows, arm), wide(rows, f"{arm}_inputs")
    if drawn.empty or inputs.empty or drawn.isna().to_numpy().any():
        return within([])
    return within(drawn[drawn.mean().idxmax()] - over_nets(inputs), low=0)


def convolutions_above(rows, arm):
    """Random networks of convolutions, the mean of them, less a random perceptron."""
    drawn = wide(rows, arm)
    if "mlp" not in drawn:
        return within([])
    return within(over_nets(drawn.drop(columns=[net for net in VECTORS if net in drawn])) - drawn["mlp"], low=0)


def graph_over_training(rows, arm="cora"):
    """A random network that knows the graph less a trained one that does not."""
    drawn, trained = wide(rows, arm), wide(rows, arm, TRAINED)
    if "gcn" not in drawn or "gcn no graph" not in trained:
        return within([])
    return within(drawn["gcn"] - trained["gcn no graph"], low=5)


def kept_on(arm, net):
    """The share of its trained accuracy that a random network keeps."""

    def check(rows):
        kept = wide(rows, arm, "kept")
        return within(kept.get(net, []), low=SHARE)

    return check


def networks(arms):
    """Makes the table of these arms: a line per network, and one for the inputs themselves."""

    def make(rows):
        means = {RANDOM: "random %", TRAINED: "trained %", "kept": "kept %"}
        facts = {"params": "parameters", HEAD: "head", "total_s": "random s", "twin total_s": "trained s"}
        of_inputs = {f"{arm}_inputs": arm for arm in arms}
        found = [named(rows, arm).assign(data=arm) for arm in arms]
        found += [named(rows, each).assign(data=arm, net="inputs themselves") for each, arm in of_inputs.items()]
        by = {"data": "data", "net": "network"} if len(arms) > 1 else {"net": "network"}
        return cells(pd.concat([own for own in found if len(own)]), by, means, facts)

    return make


def scatter(rows):
    """A line per network of every data set without a graph."""
    own = pd.concat([named(rows, arm).assign(data=data) for arm, data in ARMS.items()])
    return cells(own, {"data": "data", "net": "network"}, {RANDOM: "random %", TRAINED: "trained %"}) if len(own) else own


def orders(rows):
    """A line per pair of orders of the networks of an arm."""
    pairs = {
        "random and trained accuracy": (RANDOM, TRAINED),
        "parameters of the head and random accuracy": (HEAD, RANDOM),
        "parameters of the head and trained accuracy": (HEAD, TRAINED),
    }
    lines = []
    for arm, data in ARMS.items():
        for title, columns in pairs.items():
            found = rank_correlation(*(wide(rows, arm, each).mean(skipna=False) for each in columns))
            low, high = (math.nan, math.nan) if found.low is None else (found.low, found.high)
            lines.append(
                {
                    "data": data,
                    "orders of": title,
                    "rank correlation": found.estimate,
                    "from": low,
                    "to": high,
                    "networks": found.n,
                }
            )
    return pd.DataFrame(lines)


TABLES = [
    Table("Images: digits", networks(["digits"]), file="digits"),
    Table("Images: CIFAR-10", networks(["cifar"]), file="cifar"),
    Table("Sequences: digits, pixel by pixel", networks(["sequences"]), file="sequences"),
    Table("Graphs", networks(GRAPHS), file="graphs"),
    Table("All but graphs", scatter, file="scatter"),
    Table("Orders of the networks", orders, file="orders"),
]

CLAIMS = [
    *(
        Claim(
            name=f"{data}: random and trained accuracy rank architectures alike",
            rule="Spearman's rank correlation over architectures of mean random and mean trained accuracy above 0",
            source=f"{SAXE}, figure 4, for architectures of one kind",
            check=ranks(arm),
        )
        for arm, data in ARMS.items()
    ),
    *(
        Claim(
            name=f"{data}: training helps even the architecture that gains least by it",
            rule="trained less random above 0 in the lowest architecture",
            source=f"{SAXE}, section 4",
            published="always",
            check=lambda rows, arm=arm: lowest(gained(rows, arm)),
        )
        for arm, data in ARMS.items()
    ),
    *(
        Claim(
            name=f"{data}: the best random network is above the inputs themselves",
            rule="its accuracy less that of a linear classifier on the inputs above 0",
            source=f"{SAXE}, figure 4",
            check=lambda rows, arm=arm: above_inputs(rows, arm),
        )
        for arm, data in ARMS.items()
    ),
    *(
        Claim(
            name=f"{data}: random weights cost a fifth of training or less",
            rule="seconds of all trained runs over those of all random ones at least 5",
            source="own; Saxe et al. print 28 for other networks",
            check=cheaper(arm),
        )
        for arm, data in ARMS.items()
    ),
    Claim(
        name="CIFAR-10: random convolutions are better features than a random perceptron",
        rule="random accuracy, the mean over networks of convolutions, less that of the perceptron above 0",
        source="own",
        check=lambda rows: convolutions_above(rows, "cifar"),
    ),
    Claim(
        name="Cora: the graph is worth more than training",
        rule="a random graph network less a trained network without the graph at least 5 points",
        source="own",
        check=graph_over_training,
    ),
    Claim(
        name="Cora: a random graph network keeps nine tenths",
        rule=f"random over trained accuracy at least {SHARE:g} %",
        source="own",
        check=kept_on("cora", "gcn"),
    ),
]
