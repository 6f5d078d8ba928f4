"""What can be measured of a network that is not trained: every measure by name, and the settings that its probe has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.part import Part, setting

ProbeName = Literal[
    "signal", "gradients", "histogram", "jacobian", "features", "distances", "spectrum", "kernels", "best_inputs"
]

OF_A_LAW = ("kernels", "best_inputs")
"""Probes of the filters that a law draws; they do not look at the architecture, nor at rows."""


@dataclass(frozen=True, kw_only=True)
class Probe(Part):
    """One kind of measurement; what it measures is made, recorded and found again as a whole.

    Settings:
        kind: what is measured.
        rows: training rows that are looked at, the first of their shuffled order; all of them where there are fewer.
    """

    kind: ProbeName = "signal"
    rows: int = setting(256, ge=2)


Probe.family = "probe"


@dataclass(frozen=True)
class Measure:
    """A number for every unit.

    Attributes:
        name: as in ``--measure`` and in the metrics ``name/unit``.
        probe: the kind of measurement that gives it.
        words: what it is, for the head of a table and the axis of a figure.
        factor: whether it is a size that layers multiply: shown on a logarithmic axis and, but for curves, with its factor
            per layer.
        curve: what ``at`` means in ``name@at/unit``, with its unit; empty for a single number.
        usual: shown unless the user chooses.
    """

    name: str
    probe: ProbeName
    words: str
    factor: bool = False
    curve: str = ""
    usual: bool = False


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("growth", "signal", "second moment of the output over that of the input", factor=True, usual=True),
        Measure("moment", "signal", "second moment of the output", factor=True),
        Measure("variance", "signal", "variance of the output", factor=True, usual=True),
        Measure("mean", "signal", "mean of the output", usual=True),
        Measure("dead", "signal", "share of outputs that are zero on every row", usual=True),
        Measure("constant", "signal", "share of outputs that are the same on every row"),
        Measure("cosine", "signal", "mean cosine of two rows", usual=True),
        Measure("weight_gradient", "gradients", "norm of the loss gradient of a unit's weights", factor=True, usual=True),
        Measure("output_gradient", "gradients", "norm of the loss gradient of a unit's output", factor=True, usual=True),
        Measure("histogram", "histogram", "entries of the weight gradient by size", factor=True, curve="log10 of the size"),
        Measure("jacobian_square", "jacobian", "mean square entry of d scores / d output", factor=True),
        Measure("jacobian_fourth", "jacobian", "mean fourth power of the entries of d scores / d output", factor=True),
        Measure("singular_square", "jacobian", "mean square singular value of d scores / d output", factor=True),
        Measure("singular_largest", "jacobian", "largest singular value of d scores / d output", factor=True),
        Measure("singular_smallest", "jacobian", "smallest singular value of d scores / d output", factor=True),
        Measure("condition", "jacobian", "largest over smallest singular value of d scores / d output", factor=True),
        Measure("rank", "features", "effective rank of the output, exp of the entropy of the spectrum", usual=True),
        Measure("participation", "features", "participation ratio of the output's covariance"),
        Measure("separability", "features", "accuracy of a linear classifier on held-out rows", usual=True),
        Measure("distance_pearson", "distances", "correlation of the rows' distances with those of the input"),
        Measure("distance_spearman", "distances", "rank correlation of the rows' distances with those of the input"),
        Measure("distance_ratio", "distances", "mean log of the rows' distances over those of the input"),
        Measure("frequency", "spectrum", "mean spatial frequency of the maps, cycles per pixel"),
        Measure("power", "spectrum", "power of the maps, white noise = 1", factor=True, curve="frequency, cycles per pixel"),
        Measure("kernel_frequency", "kernels", "mean spatial frequency of the filters, cycles per pixel"),
        Measure("kernel_peak", "kernels", "share of a filter's power at its strongest frequency"),
        Measure("kernel_radius", "kernels", "root mean square radius of the filters, pixels"),
        Measure("kernel_power", "kernels", "power of the filters, white noise = 1", curve="frequency, cycles per pixel"),
        Measure("best_left_out", "best_inputs", "share of filters of which the theorem does not speak"),
        Measure("best_energy", "best_inputs", "least share of a best input's power at the filter's loudest frequency"),
        Measure("best_ratio", "best_inputs", "least response of the sinusoid over the top eigenvalue"),
        Measure("best_spread", "best_inputs", "largest spread of the sinusoid's response over phases, relative"),
        Measure("valid_response", "best_inputs", "top eigenvalue within the edges over |f|^2"),
        Measure("valid_wave", "best_inputs", "response of the sinusoid within the edges over |f|^2"),
        Measure("valid_gap", "best_inputs", "top eigenvalue less response of the sinusoid, over |f|^2"),
        Measure("valid_lost", "best_inputs", "share of the top eigenvalue that the sinusoid lacks"),
        Measure("valid_bound", "best_inputs", "largest gap over K/n, K = 4 k^3 |f|^2"),
        Measure("valid_border", "best_inputs", "largest gap over what the edges take of the loudest power"),
    )
}


def measures(names: Iterable[str]) -> list[Measure]:
    """The measures of these names, in their order; the name of a probe stands for all that it gives, ``all`` for everything.

    Raises:
        ConfigError: there is no such measure.
    """
    probes = {measure.probe for measure in MEASURES.values()}
    found: dict[str, Measure] = {}
    for name in names:
        if name in MEASURES:
            found[name] = MEASURES[name]
            continue
        if name not in {*probes, "all"}:
            known = [*MEASURES, *probes, "all"]
            raise ConfigError(f"there is no measure {name!r}.{did_you_mean(name, known)} Measures: {listing(MEASURES)}.")
        found |= {measure.name: measure for measure in MEASURES.values() if name in ("all", measure.probe)}
    return list(found.values())
