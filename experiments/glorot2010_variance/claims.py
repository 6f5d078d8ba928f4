"""By what factor a layer multiplies a signal and its gradient, law by law. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, interval, within

HE = "He et al. 2015, eq. 10"
GLOROT = "Glorot and Bengio 2010, section 4.2"


def hidden(frame):
    """The input and the hidden layers."""
    return frame[frame["unit"].eq("input") | frame["unit"].str.startswith("hidden")]


def ends(frame, activation, law):
    """A row per seed: factors per layer, forward from the input to the last hidden layer, backward from that to the first."""
    rows = hidden(frame)
    rows = rows[(rows["arch.activation"] == activation) & (rows["init"] == law)]
    return at(rows, rows["layer"].max())


def at(rows, layer):
    """Growth up to a layer and the factors per layer below it, a row per seed."""
    growth = rows.pivot(index="seeds.weights", columns="layer", values="growth")
    gradient = rows.pivot(index="seeds.weights", columns="layer", values="output_gradient")
    backward = (gradient[1] / gradient[layer]) ** (1 / (layer - 1)) if layer > 1 else gradient[1] * math.nan
    return pd.DataFrame({"growth": growth[layer], "forward": growth[layer] ** (1 / layer), "backward": backward})


def table(frame):
    """A line per activation, law and hidden layer."""
    lines = []
    for (activation, law), rows in hidden(frame).groupby(["arch.activation", "init"], sort=False):
        depth = int(rows["layer"].max())
        for layer in range(1, depth + 1):
            own = at(rows, layer)
            decades = interval(own["growth"].map(math.log10))
            line = {"activation": activation, "law": law, "depth": depth, "layer": layer}
            line |= {"log10 growth": decades.mean, "log10 growth ci95": decades.half_width}
            for name in ("forward", "backward"):
                factor = interval(own[name])
                line |= {f"factor {name}": factor.mean, f"factor {name} ci95": factor.half_width}
            lines.append({**line, "n": decades.n})
    return pd.DataFrame(lines)


def factor(activation, law, expected, share=0.1):
    """Whether the factor forward lies within a share of what is expected."""
    limits = expected * (1 - share), expected * (1 + share)
    return lambda frame: within(ends(frame, activation, law)["forward"], *limits)


def imbalance(frame, law):
    """Decades per layer by which the signal changes on its way up, plus those of the squared gradient on its way down."""
    found = ends(frame, "tanh", law)
    return found["forward"].map(math.log10).abs() + 2 * found["backward"].map(math.log10).abs()


TABLES = [Table("Summary", table)]

CLAIMS = [
    Claim(
        name="he keeps the second moment in ReLU nets",
        rule="factor per layer within 10 % of 1",
        source=HE,
        published="1 (theory)",
        check=factor("relu", "he", 1.0),
    ),
    Claim(
        name="variance 1/d halves it in ReLU nets",
        rule="factor per layer within 10 % of 1/2",
        source=HE,
        published="0.5 (theory)",
        check=factor("relu", "gaussian", 0.5),
    ),
    Claim(
        name="variance 1/d keeps it in linear nets",
        rule="factor per layer within 10 % of 1",
        source=GLOROT,
        published="1 (theory)",
        check=factor("identity", "gaussian", 1.0),
    ),
    Claim(
        name="uniform on ±1/sqrt(d) does not: it divides it by three in linear nets",
        rule="factor per layer within 10 % of 1/3",
        source=GLOROT,
        published="0.333 (theory)",
        check=factor("identity", "uniform", 1 / 3),
    ),
    Claim(
        name="and by six in ReLU nets",
        rule="factor per layer within 10 % of 1/6",
        source="both of them",
        published="0.167 (theory)",
        check=factor("relu", "uniform", 1 / 6),
    ),
    Claim(
        name="square orthogonal layers keep every length in linear nets",
        rule="factor per layer within 0.01 % of 1",
        source="Saxe et al. 2014",
        published="1 (exact)",
        check=factor("identity", "orthogonal", 1.0, share=1e-4),
    ),
    Claim(
        name="in tanh nets glorot balances forward and backward better than uniform",
        rule="|log10 factor forward| + |log10 squared factor backward|, uniform less glorot, paired by seed, is above 0",
        source=GLOROT,
        check=lambda frame: within(imbalance(frame, "uniform") - imbalance(frame, "glorot"), low=0),
    ),
]
