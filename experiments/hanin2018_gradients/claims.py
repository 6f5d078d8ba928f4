"""Moments of the input-output Jacobian's entries against their exact values. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, interval, slope_within, within

SOURCE = "after Hanin 2018; exact for Gaussian weights"
EQUAL, UNEVEN = "[60,60,60]", ("[20,80,80]", "[84,12,84]", "[120,40,20]")
SMALL = "[20,20,20]"
LAW = ("[60]", "[60,60]", EQUAL, "[60,60,60,60]", "[60,60,60,60,60,60]", "[60,60,60,60,60,60,60,60]", *UNEVEN)


def widths(shape):
    """``[20,80,80]`` as numbers."""
    return [int(n) for n in shape.strip("[]").split(",")]


def exponent(shape):
    """The log of the product of (1 + 5/n_j)."""
    return sum(math.log1p(5 / n) for n in widths(shape))


def ratios(frame):
    """Moments with a ReLU on the scores, half of those measured, over the exact values."""
    n_0 = frame["data.dim"]
    grown = frame["arch.widths"].map(exponent).map(math.exp)
    return frame.assign(
        square=frame["jacobian_square"] / 2 * n_0,
        fourth=frame["jacobian_fourth"] / 2 * n_0**2 / 6 / grown,
        relative=frame["jacobian_fourth"] / 2 * n_0**2 / 6,
    )


def by_seed(frame, column, shapes):
    """A row per seed that all the shapes have, a column per shape."""
    wide = ratios(frame).pivot(index="seeds.weights", columns="arch.widths", values=column)
    return wide.reindex(columns=list(shapes)).dropna()


def table(frame):
    """A line per shape: beta, and the two moments beside their exact values."""
    lines = []
    for shape, rows in ratios(frame).groupby("arch.widths", sort=False):
        n = widths(shape)
        means = {name: interval(rows[name]) for name in ("square", "relative", "fourth")}
        lines.append(
            {
                "shape": shape,
                "n_0": int(rows["data.dim"].iloc[0]),
                "neurons": sum(n),
                "sum 1/n": sum(1 / each for each in n),
                "sum log(1 + 5/n)": exponent(shape),
                "E[Z^2] n_0": means["square"].mean,
                "E[Z^2] n_0 ci95": means["square"].half_width,
                "E[Z^4] n_0^2 / 6": means["relative"].mean,
                "E[Z^4] n_0^2 / 6 ci95": means["relative"].half_width,
                "exact": math.exp(exponent(shape)),
                "E[Z^4] / exact": means["fourth"].mean,
                "E[Z^4] / exact ci95": means["fourth"].half_width,
                "n": means["relative"].n,
            }
        )
    return pd.DataFrame(lines)


def small(frame, column, scale):
    """The narrow network's moment, by seed, from its ratio to the exact value."""
    return by_seed(frame, column, [SMALL])[SMALL] * scale


def exceeds(shape):
    """E[Z^4] of an uneven shape less that of equal widths, over the exact value of the latter, seed by seed."""

    def check(frame):
        pairs = by_seed(frame, "relative", [EQUAL, shape])
        return within((pairs[shape] - pairs[EQUAL]) / math.exp(exponent(EQUAL)), low=0)

    return check


FOURTH = 6 / 8**2 * math.exp(exponent(SMALL))

TABLES = [Table("Summary", table)]

CLAIMS = [
    Claim(
        name="E[Z^2] = 1/8 at n_0 = 8, widths 20, 20, 20",
        rule="E[Z^2] within 5 % of 0.125",
        source=SOURCE,
        published="0.125 (exact)",
        check=lambda frame: within(small(frame, "square", 1 / 8), 0.95 / 8, 1.05 / 8),
    ),
    Claim(
        name="E[Z^2] = 1/n_0 whatever the shape",
        rule="E[Z^2] n_0, averaged over the nine shapes with n_0 = 32, within 5 % of 1",
        source=SOURCE,
        published="1 (exact)",
        check=lambda frame: within(by_seed(frame, "square", LAW).mean(axis=1), 0.95, 1.05),
    ),
    Claim(
        name="E[Z^4] of the formula at n_0 = 8, widths 20, 20, 20",
        rule="E[Z^4] within 10 % of 6/n_0^2 prod(1 + 5/n_j) = 0.1831",
        source=SOURCE,
        published="0.1831 (exact)",
        check=lambda frame: within(small(frame, "fourth", FOURTH), 0.9 * FOURTH, 1.1 * FOURTH),
    ),
    Claim(
        name="E[Z^4] of the formula whatever the shape",
        rule="E[Z^4] over its exact value, averaged over the nine shapes with n_0 = 32, within 10 % of 1",
        source=SOURCE,
        published="1 (exact)",
        check=lambda frame: within(by_seed(frame, "fourth", LAW).mean(axis=1), 0.9, 1.1),
    ),
    Claim(
        name="log E[Z^4] grows as sum log(1 + 5/n_j)",
        rule="the slope over the nine shapes with n_0 = 32 within 5 % of 1",
        source=SOURCE,
        published="1 (exact)",
        check=lambda frame: slope_within([exponent(shape) for shape in LAW], by_seed(frame, "relative", LAW), 0.95, 1.05),
    ),
    *(
        Claim(
            name=f"of 180 neurons in three layers, equal widths have a smaller E[Z^4] than {shape[1:-1].replace(',', ', ')}",
            rule="the difference, paired by seed, over the exact value at equal widths, is above 0",
            source="after Hanin 2018: equal widths make the sum of 1/n_j least",
            published=f"{math.exp(exponent(shape) - exponent(EQUAL)) - 1:+.3f} (exact)",
            check=exceeds(shape),
        )
        for shape in UNEVEN
    ),
]
