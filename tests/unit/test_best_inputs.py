"""Best inputs of convolve-square-pool units: explicit matrices, filters whose answer is known, the picture, a study."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest
import torch

from randfeat.places import data_folder
from randfeat.probe import best_inputs as module
from randfeat.probe.best_inputs import best_input, best_inputs, measured, over_phases, placed, portraits, wave_of
from randfeat.probing import probe_missing
from randfeat.report.portraits import portrayed, signed
from randfeat.seeds import stream
from randfeat.store import Store
from randfeat.study.numbers import of_probes
from randfeat.study.plan import Plan, Probed, Size
from randfeat.study.wanted import wanted
from tests.reference import convolve_square_pool as slow

PHASES = np.linspace(0, math.pi, 1000, endpoint=False)


def drawn(name, shape):
    return torch.from_numpy(stream(0, "test", name).standard_normal(shape))


def wave_kernel(side, v, h):
    row, column = np.ogrid[:side, :side]
    return np.cos(2 * math.pi * (v * row + h * column) / side + 0.4)


@pytest.mark.parametrize("circular", [True, False])
def test_the_best_input_of_a_filter_is_the_top_eigenvector_of_the_explicit_matrix(circular):
    kernel = drawn("kernel", (3, 3)).numpy()
    explicit = slow.placed(kernel, 8, circular=circular).toarray()
    np.testing.assert_array_equal(placed(kernel, 8, circular=circular).toarray(), explicit)
    value, image = best_input(placed(kernel, 8, circular=circular))
    assert value == pytest.approx(np.linalg.eigvalsh(explicit.T @ explicit)[-1], rel=1e-12)
    assert slow.response(explicit, image) == pytest.approx(value, rel=1e-12)
    assert (image**2).sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("name", "n"), [("e", 8), ("d", 7)])
def test_every_measure_is_what_explicit_matrices_and_a_thousand_phases_say(name, n):
    kernel = drawn(name, (3, 3)).numpy()
    v, h = wave_of(kernel, n)
    around, within = (slow.placed(kernel, n, circular=circular).toarray() for circular in (True, False))
    top, valid = (np.linalg.eigvalsh(matrix.T @ matrix)[-1] for matrix in (around, within))
    waves = [slow.sinusoid(n, v, h, phase) for phase in PHASES]
    circle = [slow.response(around, wave) for wave in waves]
    line = [slow.response(within, wave) for wave in waves]
    assert max(line) > 1.01 * min(line)  # within the edges the phase matters
    assert over_phases(placed(kernel, n, circular=False), n, v, h) == pytest.approx((min(line), max(line)), rel=1e-4)
    found, square = measured(kernel, n), (kernel**2).sum()
    assert found["best_ratio"] == pytest.approx(min(circle) / top, rel=1e-10)
    assert found["best_energy"] == pytest.approx(1, abs=1e-10)
    assert found["best_spread"] < 1e-12
    gap = valid - max(line)
    expected = {
        "valid_response": valid / square,
        "valid_wave": max(line) / square,
        "valid_gap": gap / square,
        "valid_lost": gap / valid,
        "valid_bound": gap / (4 * 27 * square / n),
        "valid_border": gap / (top * (1 - ((n - 2) / n) ** 2)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("v", "h"), [(2, 1), (0, 3), (3, 3), (4, 1)])
def test_a_filter_that_is_a_sinusoid_as_large_as_the_image_answers_to_itself(v, h):
    """Around the edges its power is (64 / 2)**2 at +-(v, h) and zero elsewhere; within them it has one place."""
    kernel = wave_kernel(8, v, h)
    assert wave_of(kernel, 8) in ((v, h), (-v % 8, -h % 8))
    value, image = best_input(placed(kernel, 8, circular=True))
    assert value == pytest.approx(32**2)
    power = np.abs(np.fft.fft2(image)) ** 2
    assert power[v, h] == pytest.approx(power.sum() / 2)
    valid, best = best_input(placed(kernel, 8, circular=False))
    assert valid == pytest.approx((kernel**2).sum())
    assert abs((best * kernel).sum()) == pytest.approx(np.linalg.norm(kernel))
    assert measured(kernel, 8)["valid_gap"] == pytest.approx(0, abs=1e-12)


DELTA = np.eye(1, 9).reshape(3, 3)
CHECKS = (-1.0) ** np.add.outer(np.arange(6), np.arange(6))
NO_WAVE = {
    "delta": DELTA,
    "constant": np.ones((3, 3)),
    "alternating": CHECKS,
    "constant and alternating": CHECKS + 1,
    "two waves": wave_kernel(8, 1, 0) + wave_kernel(8, 0, 1),
    "zero": np.zeros((3, 3)),
    "infinite": np.full((3, 3), np.inf),
}


@pytest.mark.parametrize("name", list(NO_WAVE))
def test_filters_that_are_loudest_at_one_phase_or_at_several_frequencies_are_left_out(name):
    assert wave_of(NO_WAVE[name], 8) is None


def test_readings_are_the_worst_or_the_mean_over_the_filters_that_are_spoken_of(monkeypatch):
    monkeypatch.setattr(module, "SIZES", {3: (8, 9)})
    found = best_inputs(drawn)
    kernels = drawn("best_inputs3", (8, 1, 3, 3))[:, 0].numpy()
    kept = [kernel for kernel in kernels if wave_of(kernel, 8) and wave_of(kernel, 9)]
    assert 1 < len(kept) < 8
    for n in (8, 9):
        numbers = [measured(kernel, n) for kernel in kept]
        rules = {"best_energy": min, "best_ratio": min, "best_spread": max, "valid_bound": max, "valid_border": max}
        rules |= dict.fromkeys(["valid_response", "valid_wave", "valid_gap", "valid_lost"], fmean)
        own = {name: rule(each[name] for each in numbers) for name, rule in rules.items()}
        unit = {name.partition("/")[0]: value for name, value in found.items() if name.endswith(f"/3x3_on_{n}x{n}")}
        assert unit == {"best_left_out": 1 - len(kept) / 8, **own}


def test_of_a_law_of_points_the_theorem_does_not_speak():
    def points(name, shape):
        bank = torch.zeros(shape)
        bank[0, 0, 1, 2] = 3
        return bank

    found = best_inputs(points)
    assert {value for name, value in found.items() if name.startswith("best_left_out/")} == {1.0}
    assert all(math.isnan(value) for name, value in found.items() if not name.startswith("best_left_out/"))
    (portrait,) = portraits(points)  # of eight filters the others are zero
    assert portrait.wave is None
    np.testing.assert_allclose(portrait.amplitude, 3)


def test_scaling_a_filter_changes_no_measure():
    kernel = drawn("kernel", (3, 3)).numpy()
    assert measured(1e-6 * kernel, 8) == pytest.approx(measured(kernel, 8), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("n", [7, 20])
def test_the_picture_puts_rings_on_the_brightest_pixels_and_says_what_it_shows(n):
    assert [signed(k, n) for k in range(n)] == np.round(np.fft.fftfreq(n) * n).tolist()
    shown = portraits(drawn, n=n)
    picture = portrayed(shown, "init=test")
    assert picture.get_suptitle() == f"init=test: the first 6 of 8 filters, n = {n}"
    panels = picture.get_axes()
    assert len(panels) == 24
    rings = 0
    for portrait, head, ax in zip(shown, panels[:6], panels[6:12], strict=False):
        assert ("left out" in head.get_title()) == (portrait.wave is None)
        (image,) = ax.images
        values, (low, high, bottom, top) = image.get_array(), image.get_extent()
        assert (low, high) == (top, bottom)
        for line in ax.lines:
            h, v = line.get_xydata()[0]
            pixel = values[round((v - low) * n - 0.5), round((h - low) * n - 0.5)]
            assert pixel == pytest.approx(values.max())
            rings += 1
    assert rings == 2 * sum(portrait.wave is not None for portrait in shown[:6]) > 4


def test_a_study_reads_a_row_for_every_pair_of_filter_and_image(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SIZES", {3: (8, 16)})
    probed = Probed(["init=gaussian"], ["best_energy", "valid_lost"], units=["3x3_on_8x8", "3x3_on_16x16"])
    words = ["data=blobs", "data.rows=40", "data.test_rows=4", "arch=mlp", "arch.width=4"]
    plan = Plan("", "", "", Size(2), Size(2), [], words=words, probes=[probed], rows=4)
    asked = wanted(plan, False, data_folder(None)).probes
    made = probe_missing((spec for spec, _ in asked), Store(tmp_path, "probes"), torch.device("cpu"), data_folder(None))
    table = of_probes([(made[spec.key], how) for spec, how in asked])
    assert table[["seeds.weights", "unit"]].to_numpy().tolist() == [[k, unit] for k in (0, 1) for unit in probed.units]
    assert table["layer"].isna().all()
    assert (table["best_energy"] > 1 - 1e-6).all()
    lost = table.pivot(index="seeds.weights", columns="unit", values="valid_lost")
    assert (lost["3x3_on_16x16"] < lost["3x3_on_8x8"]).all()
