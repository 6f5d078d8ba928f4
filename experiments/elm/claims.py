"""How far random hidden weights go: hidden units, laws of input weights, depth, patches. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, cells, within

ACC = "test/accuracy"
MCDONNELL = "McDonnell et al. 2015"
KASUN = "Kasun et al. 2013, table of the authors' slides"
LRF = "Huang et al. 2015"
COATES = "Coates and Ng 2011, by a secondary source"
THIRY = "Thiry et al. 2021, authors' repository"
OPEN = "an open question; the direction was set before the runs"
XIAO = "after Xiao et al. 2018: a depth scale without end"
DENSE, UNIFORM, FIELDS, DIFFERENCES, BOTH = "dense Gaussian", "dense uniform", "fields", "differences", "both"
LAWS = {
    ("gaussian", "-"): DENSE,
    ("uniform", "-"): UNIFORM,
    ("receptive_fields", "gaussian"): FIELDS,
    ("class_differences", "-"): DIFFERENCES,
    ("receptive_fields", "class_differences"): BOTH,
}
FILTERS = {
    ("whitened_patches", "standardise"): "patches, whitened",
    ("patches", "standardise"): "patches",
    ("gaussian", "standardise"): "Gaussian",
    ("patches", "zca"): "patches, whitened images",
    ("gaussian", "zca"): "Gaussian, whitened images",
}
WHITENED, RAW, RANDOM, WHITE, WHITE_RANDOM = FILTERS.values()
NEAREST = "nearest patches, whitened"
RF_POINTS = [("both, published", 1600, 97.7), ("both, published", 8000, 98.9)]
ML_POINTS = [("ML-ELM, published", 15000, 99.03)]
PATCH_POINTS = [
    ("Coates and Ng, published", math.nan, 79.1),
    *(("nearest, published (ablation)", n, best) for n, best in {512: 78.5, 1024: 80.45, 2048: 82.7, 4096: 83.75}.items()),
    *(("nearest, published", n, best) for n, best in {2048: 82.3, 16384: 85.6}.items()),
    ("nearest, Gaussian, published", math.nan, 78.6),
]


def column(rows, name):
    """A setting; a dash where a run's parts do not have it."""
    return rows[name].fillna("-") if name in rows else pd.Series("-", rows.index)


def named(rows, names, *columns):
    """What some settings together are called."""
    return pd.Series([names.get(key, "-") for key in zip(*(column(rows, name) for name in columns), strict=True)], rows.index)


def with_laws(rows):
    """Runs with the name of their law of input weights."""
    return rows.assign(law=named(rows, LAWS, "init", "init.inside"))


def with_filters(rows):
    """Runs of patches with the name of what their filters are."""
    names = named(rows, FILTERS, "init", "data.scaling").where(rows["arm"] == "patches", NEAREST)
    return rows.assign(filters=names)[rows["arm"].isin(["patches", "neighbours"])]


def by_seed(rows, name, values):
    """Test accuracies, a row per seed, a column for each of the values; missing where there is no run."""
    if name not in rows or not len(rows):
        return pd.DataFrame(columns=list(values), dtype=float)
    wide = rows.pivot_table(index="seeds.weights", columns=name, values=ACC, aggfunc="first", dropna=False)
    return wide.reindex(columns=list(values))


def steps(wide):
    """The least of the differences from each column to the next, a number per seed."""
    return wide.diff(axis=1).iloc[:, 1:].min(axis=1, skipna=False)


def grows(rows, name):
    """Whether accuracy grows from each value of a setting to the next."""
    values = sorted(set(rows[name])) if name in rows else []
    return within(steps(by_seed(rows, name, values)) if len(values) > 1 else [], low=0)


def laws_at(rows, width=1600):
    """Test accuracies of the laws at one number of hidden units, a row per seed."""
    return by_seed(with_laws(rows)[column(rows, "arch.width") == width], "law", LAWS.values())


def both_best(rows):
    """Both together, less the best of the others."""
    wide = laws_at(rows)
    return within(wide[BOTH] - wide[[DENSE, UNIFORM, FIELDS, DIFFERENCES]].max(axis=1, skipna=False), low=0)


def ml_beats_plain(rows):
    """ML-ELM less the dense Gaussian ELM of as many units in the last layer, by seed."""
    stacked = by_seed(rows[rows["arm"] == "ml_elm"], "arch.widths", ["[700,1600]"])["[700,1600]"]
    return within(stacked - laws_at(rows[rows["arm"] == "laws"])[DENSE], low=0)


def depths(rows, arm, law="he", norm="batch"):
    """Test accuracies by depth, a row per seed; None of fewer than three depths."""
    own = rows[(rows["arm"] == arm) & (column(rows, "init") == law) & (column(rows, "arch.norm") == norm)]
    found = sorted(set(rows.loc[rows["arm"] == arm, "arch.depth"])) if "arch.depth" in rows else []
    return by_seed(own, "arch.depth", found) if len(found) > 2 else None


def fall(rows, arm, law="he", norm="batch"):
    """By how much accuracy falls from the least depth to the greatest, a number per seed."""
    wide = depths(rows, arm, law, norm)
    return pd.Series(dtype=float) if wide is None else wide.iloc[:, 0] - wide.iloc[:, -1]


def deepest(rows, arm, law, norm):
    """Test accuracies at the greatest depth, a number per seed."""
    wide = depths(rows, arm, law, norm)
    return pd.Series(dtype=float) if wide is None else wide.iloc[:, -1]


def spread(rows, norm):
    """The best law less the worst at the greatest depth of VGG, a number per seed."""
    wide = pd.DataFrame({law: deepest(rows, "vgg", law, norm) for law in ("he", "glorot", "orthogonal", "delta_orthogonal")})
    return wide.max(axis=1, skipna=False) - wide.min(axis=1, skipna=False)


def patches_less(better, worse, width, low):
    """Whether the accuracy with some filters lies above that with others by so much, at one number of filters."""

    def check(rows):
        own = with_filters(rows)
        own = own[column(own, "arch.width") == width] if width else own[own["arch.width"] == at(own)]
        wide = by_seed(own, "filters", [better, worse])
        return within(wide[better] - wide[worse], low=low)

    return check


def at(rows):
    """The number of filters at which kinds of filters stand beside each other."""
    return rows.loc[rows["filters"] == RAW, "arch.width"].min()


def with_points(table, head, units, points):
    """A table with the paper's points below it, which have no n; a number of units that is not known is missing."""
    own = pd.DataFrame(points, columns=[head, units, "test accuracy %"])
    own[units] = pd.Series([n if math.isnan(n) else int(n) for n in own[units]], dtype=object)
    own["test error %"] = 100 - own["test accuracy %"]
    return pd.concat([table, own[[name for name in own if name in table]]], ignore_index=True)


MEANS = {ACC: "test accuracy %", "train/accuracy": "train accuracy %"}


def hidden(rows):
    """A line per law and number of hidden units, the paper's points below."""
    rows = with_laws(rows).assign(error=100 - rows[ACC])
    means = {ACC: "test accuracy %", "error": "test error %"}
    table = cells(rows, {"law": "input weights", "arch.width": "hidden units"}, means)
    return with_points(table, "input weights", "hidden units", [*RF_POINTS, *ML_POINTS])


def published(rows):
    """A line per number of hidden units beside the published number."""
    theirs = {n: best for _, n, best in RF_POINTS}
    return cells(rows, {"arch.width": "hidden units"}, MEANS, None, lambda row: theirs.get(row["arch.width"]))


def activations(rows):
    """A line per activation and penalty."""
    rows = rows.assign(penalty=rows["solver.penalty"].str.strip("[]"))
    return cells(rows, {"arch.activation": "activation", "penalty": "penalty"}, MEANS)


def stacked(rows):
    """The same for ML-ELM."""
    theirs = {"[700,15000]": 99.03}
    return cells(rows, {"arch.widths": "hidden units"}, MEANS, None, lambda row: theirs.get(row["arch.widths"]))


def seconds(rows):
    """Closed form beside the twin, every weight of which was trained."""
    means = {ACC: "test accuracy %", "fit_s": "fit s", f"twin {ACC}": "trained accuracy %", "twin fit_s": "twin fit s"}
    return cells(rows, {"arch.width": "hidden units", "trained_params": "trained"}, means)


def local_fields(rows):
    """A line per set and law; on NORB beside the published number."""
    theirs = {"orthogonal": 97.26, "gaussian": 95.99}
    by = {"data": "data", "init": "filters"}
    return cells(rows, by, MEANS, None, lambda row: theirs[row["init"]] if row["data"] == "norb" else None)


def by_depth(rows):
    """A line per norm, law and depth."""
    norms = column(rows, "arch.norm").map({"batch": "batch norm", "none": "no norm"})
    by = {"norm": "norm", "init": "law", "arch.depth": "depth"}
    return cells(rows.assign(norm=norms), by, MEANS, {"trained_params": "trained"})


def patches(rows):
    """A line per kind of filters and their number, the papers' points below."""
    table = cells(with_filters(rows), {"filters": "filters", "arch.width": "number"}, MEANS)
    return with_points(table, "filters", "number", PATCH_POINTS) if len(table) else table


TABLES = [
    Table("Hidden units and input weights, MNIST", hidden, "laws"),
    Table("Published sizes: class differences in receptive fields, MNIST", published, "published", "published"),
    Table(
        "Activation and penalty, class differences in receptive fields, MNIST",
        activations,
        "activation",
        "activation",
    ),
    Table("Stacked autoencoders (ML-ELM), MNIST", stacked, "ml_elm", "ml_elm"),
    Table("Seconds beside the trained twin, MNIST", seconds, "seconds", "seconds"),
    Table("Local receptive fields (ELM-LRF), small NORB in stereo", local_fields, "norb", "norb"),
    Table("Local receptive fields (ELM-LRF), MNIST and CIFAR-10 in grey", local_fields, "fields", "fields"),
    Table("The last layer alone on VGG, CIFAR-10", by_depth, "vgg", "vgg"),
    Table("The last layer alone on residual networks, CIFAR-10", by_depth, "resnet", "resnet"),
    Table("The last layer alone on plain networks with ReLU, CIFAR-10", by_depth, "plain", "plain"),
    Table("The last layer alone on plain networks with tanh, CIFAR-10", by_depth, "tanh", "tanh"),
    Table("Patches and random filters, CIFAR-10", patches, "", "patches"),
]


def beats(better, worse):
    """Whether one law of input weights beats another at 1,600 hidden units, by seed."""

    def check(rows):
        wide = laws_at(rows)
        return within(wide[better] - wide[worse], low=0)

    return check


def number(name, value, low, high):
    """Whether the mean test accuracy of the runs with a setting lies between two limits."""
    return lambda rows: within(by_seed(rows, name, [value])[value], low, high)


def time_ratio(rows):
    """Seconds of training everything over those of the closed form, the mean over numbers of units, seed by seed."""
    if "twin fit_s" not in rows:
        return within([])
    ratios = rows.assign(ratio=rows["twin fit_s"] / rows["fit_s"])
    by_seed = ratios.pivot(index="seeds.weights", columns="arch.width", values="ratio")
    return within(by_seed.mean(axis=1, skipna=False), low=1)


def norb(rows):
    """A row per seed, a column per law."""
    return by_seed(rows, "init", ["orthogonal", "gaussian"])


def whitened_1600(rows):
    """Accuracies of 1,600 whitened patches."""
    own = with_filters(rows)
    return number("arch.width", 1600, 75, 80)(own[own["filters"] == WHITENED])


PAIRED = "paired by seed, is above 0"
CLAIMS = [
    Claim(
        name="an ELM is the better the more hidden units it has",
        rule=f"dense Gaussian weights, the least step from one number of units to the next, {PAIRED}",
        source=MCDONNELL,
        check=lambda rows: grows(with_laws(rows)[lambda own: own["law"] == DENSE], "arch.width"),
        arm="laws",
    ),
    Claim(
        name="receptive fields beat dense weights",
        rule=f"accuracy at 1,600 units, fields less dense Gaussian, {PAIRED}",
        source=f"{MCDONNELL}, abstract",
        check=beats(FIELDS, DENSE),
        arm="laws",
    ),
    Claim(
        name="class differences beat dense weights",
        rule=f"accuracy at 1,600 units, differences less dense Gaussian, {PAIRED}",
        source=f"{MCDONNELL}, abstract",
        check=beats(DIFFERENCES, DENSE),
        arm="laws",
    ),
    Claim(
        name="both together are best",
        rule=f"accuracy at 1,600 units, both less the best of the other four, {PAIRED}",
        source=f"{MCDONNELL}, abstract",
        check=both_best,
        arm="laws",
    ),
    Claim(
        name="both, 1,600 units: 97.7 %",
        rule="within 0.3 points of 97.7 %",
        source=f"{MCDONNELL}, comment in the authors' code",
        published="about 97.7",
        check=number("arch.width", 1600, 97.4, 98.0),
        arm="published",
    ),
    Claim(
        name="both, 8,000 units: 98.9 %",
        rule="within 0.15 points of 98.9 %",
        source=f"{MCDONNELL}, comment in the authors' code",
        published="98.8 to 99.0",
        check=number("arch.width", 8000, 98.75, 99.05),
        arm="published",
    ),
    Claim(
        name="ML-ELM 784-700-15000: 99.03 %",
        rule="within 0.2 points of 99.03 %",
        source=KASUN,
        published="99.03",
        check=number("arch.widths", "[700,15000]", 98.83, 99.23),
        arm="ml_elm",
    ),
    Claim(
        name="a layer learnt by an autoencoder below helps",
        rule=f"accuracy of ML-ELM 784-700-1600 less that of 1,600 dense Gaussian units, {PAIRED}",
        source="direction after Kasun et al. 2013",
        check=ml_beats_plain,
    ),
    Claim(
        name="the closed form takes less time than training everything",
        rule="seconds of the twin's fit over those of the closed form, its features among them, the mean over widths, above 1",
        source="direction after Huang et al. 2006",
        check=time_ratio,
        arm="seconds",
    ),
    Claim(
        name="ELM-LRF on small NORB: 97.26 %",
        rule="orthogonal filters, within 0.8 points of 97.26 % (an error of 2.74 %)",
        source=f"{LRF}, by a secondary source",
        published="97.26",
        check=lambda rows: within(norb(rows)["orthogonal"], 96.46, 98.06),
        arm="norb",
    ),
    Claim(
        name="orthogonal filters beat Gaussian ones on small NORB",
        rule=f"accuracy of orthogonal less Gaussian filters, {PAIRED}",
        source=f"{LRF}, by a secondary source",
        published="+1.27",
        check=lambda rows: within(norb(rows)["orthogonal"] - norb(rows)["gaussian"], low=0),
        arm="norb",
    ),
    *(
        Claim(
            name=f"a last layer alone gets worse with the depth of {what}",
            rule=f"he, batch norm: accuracy at the least depth less that at the greatest, {PAIRED}",
            source=OPEN,
            check=lambda rows, arm=arm: within(fall(rows, arm), low=0),
            arm=arm,
        )
        for arm, what in {"vgg": "VGG", "resnet": "a residual network", "plain": "a plain network"}.items()
    ),
    Claim(
        name="a residual network loses less by depth than a plain one",
        rule=f"he, batch norm, layers 8 to 44 (full: 110): loss from least to greatest depth, plain less residual, {PAIRED}",
        source=OPEN,
        check=lambda rows: within(fall(rows, "plain") - fall(rows, "resnet"), low=0),
    ),
    Claim(
        name="delta-orthogonal kernels carry a deep tanh network further than He's",
        rule=f"no norm, greatest depth: accuracy of delta_orthogonal less he, {PAIRED}",
        source=XIAO,
        check=lambda rows: within(
            deepest(rows, "tanh", "delta_orthogonal", "none") - deepest(rows, "tanh", "he", "none"), low=0
        ),
        arm="tanh",
    ),
    Claim(
        name="with batch norm the law matters less",
        rule=f"VGG, greatest depth: best less worst of four laws, without norm less with it, {PAIRED}",
        source=OPEN,
        check=lambda rows: within(spread(rows, "none") - spread(rows, "batch"), low=0),
        arm="vgg",
    ),
    Claim(
        name="patches of the data beat Gaussian filters",
        rule=f"images whitened, as many filters of each: accuracy of patches less Gaussian, {PAIRED}",
        source="Coates and Ng 2011 and Thiry et al. 2021, direction",
        check=patches_less(WHITE, WHITE_RANDOM, None, 0),
    ),
    Claim(
        name="and at 1,600 filters by 4 points",
        rule="images whitened: accuracy of patches less Gaussian, paired by seed, is above 4 points",
        source="Thiry et al. 2021, by a secondary source",
        published="82.7 for patches, 78.6 for Gaussian ones",
        check=patches_less(WHITE, WHITE_RANDOM, 1600, 4),
    ),
    Claim(
        name="whitening helps",
        rule=f"accuracy of whitened patches less patches, as many of each, {PAIRED}",
        source=f"{THIRY}, direction",
        check=patches_less(WHITENED, RAW, None, 0),
    ),
    Claim(
        name="and at 1,600 filters by 5 points",
        rule="accuracy of whitened patches less patches, paired by seed, is above 5 points",
        source=THIRY,
        published="66.95 to 82.7 (regulariser 10 to 0.001)",
        check=patches_less(WHITENED, RAW, 1600, 5),
    ),
    Claim(
        name="twice as many patches are better",
        rule=f"whitened patches, the least step from one number to the next, {PAIRED}",
        source=f"{THIRY}, direction",
        published="+1.1 to +2.3 points",
        check=lambda rows: grows(with_filters(rows)[lambda own: own["filters"] == WHITENED], "arch.width"),
    ),
    Claim(
        name="1,600 whitened patches reach 75 to 80 %",
        rule="soft threshold, quadrants, ridge: accuracy within 75 and 80 %",
        source=COATES,
        published="79.1 (how many is not confirmed)",
        check=whitened_1600,
    ),
    Claim(
        name="2,048 nearest patches in closed form reach 78 %",
        rule="quadrants, ridge: accuracy above 78 %",
        source=THIRY,
        published="82.3 (by gradient steps)",
        check=number("arch.width", 2048, 78, math.inf),
        arm="neighbours",
    ),
]
