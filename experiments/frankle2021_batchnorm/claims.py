"""What training the norm layers alone reaches, by depth, beside other parts. Limits were set before the runs."""

from randfeat.study import Claim, Table, cells, within

PAPER = "Frankle et al. 2021, Figure 2"
BN, BOTH, SHORTCUT, ALL, ONE, WIDER, LONG = (
    "BN",
    "BN + shortcut + output",
    "shortcut + output",
    "all",
    "BN, gamma = 1",
    "BN, wider",
    "BN, 160 epochs",
)
TEST, SMALL = "test/accuracy", "gamma/small"
DEPTHS = {
    BN: {14: 47.8, 32: 57.6, 56: 62.9, 110: 69.7},
    BOTH: {14: 63.2, 32: 66.7, 56: 71.1, 110: 74.7},
    SHORTCUT: {14: 49.0, 32: 45.7, 56: 42.5, 110: 19.1},
    ALL: {14: 90.5, 32: 92.3, 56: 93.2, 110: 93.4},
    LONG: {14: 47.8},
}
"""Digitised test accuracies of the paper, 160 epochs, five seeds."""
WIDTHS = {32: 53.4, 64: 59.6}
"""The same of BN alone at 14 layers, by width."""
MEANS = {
    TEST: "test accuracy %",
    "train/accuracy": "train accuracy %",
    SMALL: "gamma small",
}


def published(row):
    """The paper's number for a cell."""
    if row["arm"] == WIDER:
        return WIDTHS.get(row["arch.width"])
    return DEPTHS.get(row["arm"], {}).get(row["arch.depth"])


def lines(rows):
    """A line per trained part, depth, width and length of training."""
    by = {"arm": "trained", "arch.depth": "depth", "arch.width": "width", "solver.epochs": "epochs"}
    table = cells(rows, by, MEANS, {"trained_params": "parameters", "params": "of"}, published)
    return table.astype({name: "Int64" for name in ("parameters", "of") if name in table})


def by_depth(rows):
    """The lines of the paper's width."""
    return lines(rows[rows["arch.width"] == 16])


def seeds(rows, arm, depth, column=TEST, width=16):
    """One number per seed of an arm's network."""
    own = rows[(rows["arm"] == arm) & (rows["arch.depth"] == depth) & (rows["arch.width"] == width)]
    return own.set_index("seeds.weights").reindex(columns=[column])[column]


def size(rows, arm):
    """Trained parameters of an arm's runs, one per depth and seed."""
    own = rows[rows["arm"] == arm]
    return own.set_index(["arch.depth", "seeds.weights"])["trained_params"]


def off_formula(rows):
    """By how much the count of BN parameters differs from 448 n + 224 at 6n + 2 layers."""
    n = (rows["arch.depth"] - 2) / 6
    return rows["trained_params"] - 448 * n - 224


def first(rows, arm, other, depth):
    """By how much one arm is better than another at one depth."""
    return seeds(rows, arm, depth) - seeds(rows, other, depth)


def deeper(rows, arm, depth, shallow):
    """By how much a deeper network of an arm is better than a shallower one."""
    return seeds(rows, arm, depth) - seeds(rows, arm, shallow)


def rises(shallow, depth):
    """The claim that BN alone is better in the deeper network."""
    step = DEPTHS[BN][depth] - DEPTHS[BN][shallow]
    return Claim(
        name=f"BN alone: {depth} layers are better than {shallow}",
        rule="the difference in test accuracy, paired by seed, is above 0",
        source=PAPER,
        published=f"{step:+.1f} points (digitised)",
        check=lambda rows: within(deeper(rows, BN, depth, shallow), low=0),
    )


def falls(depth):
    """The claim that shortcuts and output alone are worse in the deeper network."""
    step = DEPTHS[SHORTCUT][depth] - DEPTHS[SHORTCUT][14]
    return Claim(
        name=f"shortcut + output alone: {depth} layers are worse than 14",
        rule="the difference in test accuracy, paired by seed, is below 0",
        source=PAPER,
        published=f"{step:+.1f} points (digitised)",
        check=lambda rows: within(deeper(rows, SHORTCUT, depth, 14), high=0),
    )


def deep_not_wide(depth, width):
    """The claim that depth serves BN alone better than width, where both have about as many parameters."""
    counts = 448 * (depth - 2) // 6 + 224, 1120 * width // 16
    step = DEPTHS[BN][depth] - WIDTHS[width]
    return Claim(
        name=f"BN alone: depth {depth} ({counts[0]:,} parameters) is better than depth 14 at width {width} ({counts[1]:,})",
        rule="the difference in test accuracy, paired by seed, is above 0",
        source=PAPER,
        published=f"{step:+.1f} points (digitised)",
        check=lambda rows: within(seeds(rows, BN, depth) - seeds(rows, WIDER, 14, width=width), low=0),
    )


def switched_off(depth, theirs):
    """The claim that BN alone leaves more gains near zero than training everything does."""
    return Claim(
        name=f"BN alone leaves more gains below 0.01 than training everything, at {depth} layers",
        rule="the difference in the share of gains below 0.01, paired by seed, is above 0",
        source="Frankle et al. 2021, numbers from a secondary text",
        published=theirs,
        check=lambda rows: within(seeds(rows, BN, depth, SMALL) - seeds(rows, ALL, depth, SMALL), low=0),
    )


def no_overfit(depth):
    """The claim that BN alone does not fit the training rows much better than others."""
    return Claim(
        name=f"BN alone does not overfit at {depth} layers",
        rule="training less test accuracy is below 2 points",
        source="Frankle et al. 2021",
        check=lambda rows: within(seeds(rows, BN, depth, "train/accuracy") - seeds(rows, BN, depth), high=2),
    )


TABLES = [Table("By depth", by_depth), Table("By parameters", lines, file="parameters")]

CLAIMS = [
    Claim(
        name="BN alone, 14 layers, 160 epochs: 47.8 %",
        rule="test accuracy within 4 points of 47.8",
        source=PAPER,
        published="47.8 (digitised); replications 46.0 and 46.7",
        check=lambda rows: within(seeds(rows, LONG, 14), 43.8, 51.8),
    ),
    Claim(
        name="the norm layers of 6n + 2 layers have 448 n + 224 parameters",
        rule="the count less the formula is 0 at every depth",
        source="by counting",
        published="0 (exact)",
        check=lambda rows: within(off_formula(rows), 0, 0),
        arm=BN,
    ),
    Claim(
        name="shortcuts and output have 2,560 + 650 parameters besides",
        rule="trained parameters with them less those of BN alone are 3,210 at every depth",
        source="by counting",
        published="3,210 (exact)",
        check=lambda rows: within(size(rows, BOTH) - size(rows, BN), 3210, 3210),
    ),
    Claim(
        name="the norm layers have less than 1 % of the parameters",
        rule="their share, in per cent, of 14 layers, where it is largest, is below 1",
        source="by counting",
        published="0.64 % (exact)",
        check=lambda rows: within(100 * seeds(rows, BN, 14, "trained_params") / seeds(rows, BN, 14, "params"), high=1),
    ),
    rises(14, 32),
    rises(32, 56),
    rises(56, 110),
    deep_not_wide(32, 32),
    deep_not_wide(56, 64),
    falls(56),
    falls(110),
    Claim(
        name="BN alone is better than shortcut + output at 32 layers, with fewer parameters (2,464 and 3,210)",
        rule="the difference in test accuracy, paired by seed, is above 0",
        source=PAPER,
        published="+11.9 points (digitised)",
        check=lambda rows: within(first(rows, BN, SHORTCUT, 32), low=0),
    ),
    Claim(
        name="BN + shortcut + output is better than BN alone at 14 layers",
        rule="the difference in test accuracy, paired by seed, is above 0",
        source=PAPER,
        published="+15.4 points (digitised)",
        check=lambda rows: within(first(rows, BOTH, BN, 14), low=0),
    ),
    switched_off(56, "-"),
    switched_off(110, "27 % and 9 %"),
    no_overfit(56),
    no_overfit(110),
]
