"""Tables and figures of probes, from records whose numbers the test chooses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from randfeat.errors import ResultsError
from randfeat.probe.catalogue import MEASURES
from randfeat.report.figures import figure, save
from randfeat.report.formats import Format
from randfeat.report.pages import pages
from randfeat.report.probes import FACTOR, networks, readings, spread, table, words
from randfeat.report.render import rendered
from randfeat.report.statistics import interval
from tests.making import a_record, a_spec

UNITS = {"input": 0, "conv1": 1, "pool": 1, "conv2": 2, "head": 3}


def a_probe(init="he", seed=0, units=UNITS, kind="signal", **values):
    """A record whose metrics are given as ``growth=[...]``, a number for every unit, ``None`` for none."""
    layout = {f"place/{unit}": float(k) for k, unit in enumerate(units)} | {f"depth/{unit}": d for unit, d in units.items()}
    numbers = {f"{m}/{unit}": v for m, own in values.items() for unit, v in zip(units, own, strict=True) if v is not None}
    spec = a_spec(seed=seed, init={"part": init, "gain": 1.0}) | {"probe": {"kind": kind, "rows": 256}}
    return a_record(spec, metrics=layout | numbers)


def geometric(ratio, scale=1.0):
    """Values that every layer multiplies by ``ratio``; the pool doubles them and conv2 undoes that, the head is far off."""
    return [scale, ratio * scale, 2 * ratio * scale, ratio**2 * scale, 100 * scale]


def two_laws(n=3):
    return [
        a_probe(law, seed, growth=geometric(ratio * (1 + 0.1 * seed)))
        for law, ratio in (("he", 1.0), ("uniform", 0.25))
        for seed in range(n)
    ]


def test_networks_are_named_by_the_settings_that_differ():
    assert networks([a_probe("he"), a_probe("he", seed=3)]) == ["", ""]
    assert networks(two_laws(1)) == ["init=he", "init=uniform"]
    deep = a_probe("he")
    deep.spec["arch"] = deep.spec["arch"] | {"depth": 19}
    assert networks([a_probe("he"), deep, a_probe("glorot")]) == [
        "arch.depth=11 init=he",
        "arch.depth=19 init=he",
        "arch.depth=11 init=glorot",
    ]


def test_readings_hold_every_number_with_its_unit_its_place_and_its_depth():
    found = readings([a_probe(growth=geometric(0.5), mean=[None, 1.0, None, 2.0, 3.0])])
    assert len(found) == 8
    line = found[(found["unit"] == "conv2") & (found["measure"] == "mean")].iloc[0]
    assert (line["place"], line["depth"], line["value"], line["units"]) == (3, 2, 2.0, "input conv1 pool conv2 head")
    assert math.isnan(line["at"])


def test_the_points_of_a_curve_keep_where_they_lie():
    record = a_record(a_spec(), metrics={"place/input": 0.0, "power@0.0625/input": 3.0, "power@0/input": 2.0})
    found = readings([record])
    assert sorted(zip(found["at"], found["value"], strict=True)) == [(0, 2), (0.0625, 3)]
    assert list(table(found, "at").columns) == ["unit", "0", "0 ci95", "0 n", "0.0625", "0.0625 ci95", "0.0625 n"]


def test_a_table_has_a_line_per_unit_in_order_and_the_factor_per_layer_last():
    """Per layer: (value of conv2 / value of input) ** (1/2), whatever the pool and the head do; mean over seeds."""
    found = table(readings(two_laws()), "network")
    assert list(found["unit"]) == [*UNITS, FACTOR]
    ratios = [0.25, 0.275, 0.3]
    for unit, values in (("conv1", ratios), ("conv2", np.square(ratios)), (FACTOR, ratios)):
        line, expected = found[found["unit"] == unit].iloc[0], interval(values)
        assert line["init=uniform"] == pytest.approx(expected.mean)
        assert line["init=uniform ci95"] == pytest.approx(expected.half_width)
        assert line["init=uniform n"] == 3


def test_the_factor_begins_with_the_first_unit_that_has_a_number():
    record = a_probe(kind="gradients", weight_gradient=[None, 8.0, None, 2.0, 5.0])
    last = table(readings([record]), "measure").iloc[-1]
    assert (last["unit"], last["weight_gradient"]) == (FACTOR, 0.25)


def test_a_signal_that_is_lost_altogether_has_factor_zero_and_one_without_a_start_has_none():
    lost = a_probe(growth=[1.0, 1e-30, 1e-30, 0.0, 0.0])
    assert table(readings([lost]), "measure").iloc[-1]["growth"] == 0
    dead = table(readings([a_probe(growth=[0.0, 0.0, 0.0, 0.0, 0.0])]), "measure")
    assert list(dead["unit"]) == list(UNITS)


def test_measures_that_layers_do_not_multiply_have_no_factor():
    found = table(readings([a_probe(mean=[1.0, 2.0, 3.0, 4.0, 5.0])]), "measure")
    assert list(found["unit"]) == list(UNITS)


def test_a_number_that_overflowed_is_left_out_of_the_mean_and_counted():
    records = [a_probe(growth=geometric(1.0)), a_probe(seed=1, growth=[1.0, 3.0, math.nan, math.nan, math.nan])]
    shown = words(table(readings(records), "measure"))
    assert list(shown.columns) == ["unit", "growth"]
    assert shown["growth"][1] == "2.000 ± 12.706"
    assert shown["growth"][2] == "2 (1)"


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.9153, 0.1732, "0.915 ± 0.173"),
        (45.081, 29.476, "45.08 ± 29.48"),
        (131.62, 6.71, "131.6 ± 6.7"),
        (3.52e-15, 3.4e-15, "3.5e-15 ± 3e-15"),
        (-0.00123, 0.5, "-1.2e-3 ± 5e-1"),
        (2.0e5, 1.2e4, "2.0e5 ± 1e4"),
        (1.0, 0.0, "1 ± 0"),
        (0.0, 0.02, "0 ± 2e-2"),
        (0.25, math.nan, "0.25"),
        (math.nan, math.nan, "-"),
        (math.inf, math.nan, "inf"),
    ],
)
def test_numbers_of_any_size_take_little_room(mean, half, text):
    assert spread(mean, half) == text


def test_one_network_has_a_table_of_measures_and_several_have_one_for_each_measure():
    chosen = [MEASURES["growth"], MEASURES["mean"]]
    one = pages(readings([a_probe(growth=geometric(1.0), mean=[1.0, 2.0, 3.0, 4.0, 5.0])]), chosen)
    assert [list(words(page.table).columns) for page in one] == [["unit", "growth", "mean"]]
    assert one[0].title.splitlines()[-1] == "one seed"
    both = [a_probe(law, growth=geometric(1.0), mean=[1.0, 2.0, 3.0, 4.0, 5.0]) for law in ("he", "glorot")]
    several = pages(readings(both), chosen)
    assert [list(words(page.table).columns) for page in several] == [["unit", "init=he", "init=glorot"]] * 2
    assert [page.title.partition(":")[0] for page in several] == ["growth", "mean"]


def test_the_columns_come_in_the_order_asked_for():
    numbers = readings([a_probe(growth=geometric(1.0), mean=[1.0, 2.0, 3.0, 4.0, 5.0])])
    (page,) = pages(numbers, [MEASURES["mean"], MEASURES["growth"]])
    assert list(words(page.table).columns) == ["unit", "mean", "growth"]


def test_networks_with_other_units_have_a_table_of_their_own():
    other = a_probe("glorot", units={"input": 0, "fc": 1, "head": 2}, growth=[1.0, 2.0, 3.0])
    found = pages(readings([*two_laws(1), other]), [MEASURES["growth"]])
    assert [list(page.table["unit"]) for page in found] == [[*UNITS, FACTOR], ["input", "fc", "head", FACTOR]]


def test_n_stands_above_the_table_or_above_the_columns_where_they_differ():
    uneven = two_laws(3)[:-1]
    (page,) = pages(readings(two_laws(3)), [MEASURES["growth"]])
    assert page.title.endswith("n = 3 seeds")
    (page,) = pages(readings(uneven), [MEASURES["growth"]])
    assert list(words(page.table).columns) == ["unit", "init=he n=3", "init=uniform n=2"]


def test_a_table_of_four_laws_fits_eighty_columns_and_csv_keeps_every_digit():
    names = ["he", "glorot", "uniform", "orthogonal"]
    records = [a_probe(law, s, growth=geometric(1e-9 * (1 + s))) for law in names for s in range(3)]
    numbers = table(readings(records), "network")
    text = rendered(numbers, Format.RICH, words)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("conv1") == 1
    assert f"{interval([1e-9, 2e-9, 3e-9]).mean!r}" in rendered(numbers, Format.CSV, words)
    assert (
        rendered(numbers, Format.MD, words).splitlines()[0]
        == "| unit | init=he | init=glorot | init=uniform | init=orthogonal |"
    )


def test_a_figure_has_a_line_per_network_with_its_geometric_mean_and_band():
    ax = figure(readings(two_laws()), MEASURES["growth"]).axes[0]
    he, uniform = ax.get_lines()
    assert [line.get_label() for line in (he, uniform)] == ["init=he", "init=uniform"]
    logs = interval(np.log10([0.25, 0.275, 0.3]))
    assert uniform.get_ydata()[1] == pytest.approx(10**logs.mean)
    band = ax.collections[1].get_paths()[0].get_extents(None)
    assert band.ymax == pytest.approx(100)
    assert 10 ** (2 * (logs.mean - logs.half_width)) == pytest.approx(band.ymin)
    assert ax.get_yscale() == "log"
    assert ax.get_title() == "growth: geometric mean and 95 % interval, n = 3 seeds"
    assert [label.get_text() for label in ax.get_xticklabels()] == list(UNITS)
    assert ax.get_ylabel().startswith("second moment of the output")


def test_a_measure_that_layers_do_not_multiply_has_a_linear_axis_and_the_plain_mean():
    records = [a_probe(seed=s, mean=[s - 1.0, s + 1.0, 3.0, 4.0, 5.0]) for s in range(2)]
    ax = figure(readings(records), MEASURES["mean"]).axes[0]
    assert ax.get_yscale() == "linear"
    assert list(ax.get_lines()[0].get_ydata()) == [-0.5, 1.5, 3, 4, 5]
    assert ax.get_title() == "mean: mean and 95 % interval, n = 2 seeds"
    assert ax.get_legend() is None


def test_networks_with_other_units_are_aligned_by_the_share_of_their_depth():
    other = a_probe("glorot", units={"input": 0, "fc": 1, "head": 2}, growth=[1.0, 2.0, 3.0])
    ax = figure(readings([a_probe(growth=geometric(1.0)), other]), MEASURES["growth"]).axes[0]
    assert [list(line.get_xdata()) for line in ax.get_lines()] == [[0, 0.25, 0.5, 0.75, 1], [0, 0.5, 1]]
    assert ax.get_xlabel() == "depth, as a share of the units"


def test_filters_stand_in_no_order_and_are_not_joined():
    records = [
        a_record(a_spec(seed=s), metrics={"kernel_radius/one_15x15": 6.0 + s, "kernel_radius/seven_3x3": 3.0}) for s in range(2)
    ]
    ax = figure(readings(records), MEASURES["kernel_radius"]).axes[0]
    (container,) = ax.containers
    points, caps, _ = container.lines
    assert list(points.get_ydata()) == [6.5, 3.0]
    assert points.get_linestyle() == "None"
    assert caps[0].get_ydata()[0] == pytest.approx(6.5 - interval([6.0, 7.0]).half_width)
    assert ax.get_xlabel() == "filters"


def test_curves_have_a_panel_for_each_network_and_a_line_for_each_unit():
    metrics = {f"power@{f}/{unit}": 1.0 + f + k for f in (0, 0.25, 0.5) for k, unit in enumerate(("input", "conv1"))}
    layout = {"place/input": 0.0, "place/conv1": 1.0}
    records = [a_record(a_spec(init={"part": law}), metrics=metrics | layout) for law in ("he", "glorot")]
    picture = figure(readings(records), MEASURES["power"])
    assert [ax.get_title() for ax in picture.axes] == ["init=he", "init=glorot"]
    for ax in picture.axes:
        (first, second) = ax.get_lines()
        assert list(first.get_xdata()) == [0, 0.25, 0.5]
        np.testing.assert_allclose(second.get_ydata(), [2, 2.25, 2.5])
    assert picture.get_supxlabel() == "frequency, cycles per pixel"


def test_of_many_units_the_colour_is_the_depth(tmp_path):
    metrics = {f"power@{f}/u{k}": 1.0 + f + k for f in (0, 0.5) for k in range(7)} | {f"place/u{k}": float(k) for k in range(7)}
    picture = figure(readings([a_record(a_spec(), metrics=metrics)]), MEASURES["power"])
    save(picture, tmp_path / "new" / "power.png")
    assert (tmp_path / "new" / "power.png").read_bytes().startswith(b"\x89PNG")
    panel, bar = picture.axes
    assert len({line.get_color() for line in panel.get_lines()}) == 7
    assert [label.get_text() for label in bar.get_yticklabels()] == [f"u{k}" for k in range(7)]


def test_a_figure_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultsError, match=r"power\.png cannot be written"):
        save(figure(readings([a_probe(mean=[1.0, 2.0, 3.0, 4.0, 5.0])]), MEASURES["mean"]), tmp_path / "file" / "power.png")
