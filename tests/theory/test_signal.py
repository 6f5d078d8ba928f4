"""What laws do to a signal, against theorems; the tolerance is four standard errors, taken from the draws themselves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from randfeat.init import draw
from randfeat.probe.jacobian import jacobian, jacobians
from randfeat.probe.kernels import kernels
from randfeat.probe.signal import signal
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

DEPTH, WIDTH, ROWS, SEEDS = 6, 256, 64, 64
STANDARD_ERRORS = 4


def mean_and_error(values):
    values = np.asarray(values, dtype=np.float64)
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


def gaussian_rows(n, size, seed=0):
    return torch.from_numpy(stream(seed, "rows").standard_normal((n, size), dtype=np.float32))


@pytest.mark.parametrize(
    ("law", "activation", "factor"),
    [
        ({"part": "gaussian"}, "identity", 1),
        ({"part": "uniform", "limit": "unit"}, "identity", 1),
        ({"part": "uniform", "limit": "rsqrt"}, "identity", 1 / 3),
        ({"part": "he"}, "relu", 1),
        ({"part": "he", "distribution": "uniform"}, "relu", 1),
        ({"part": "gaussian"}, "relu", 1 / 2),
    ],
)
def test_every_layer_multiplies_the_second_moment_by_the_law_s_variance_times_the_fan_in(law, activation, factor):
    """Over draws the second moment after l layers is exactly factor**l, whatever the width: LeCun 1998, He 2015 eq. 10."""
    net = make_part("arch", {"part": "mlp", "depth": DEPTH, "width": WIDTH, "activation": activation}).build(Task((WIDTH,), 2))
    x = gaussian_rows(ROWS, WIDTH)
    found = [signal(net, draw(make_part("init", law), net, seed), x) for seed in range(SEEDS)]
    for layer in range(1, DEPTH + 1):
        mean, error = mean_and_error([readings[f"growth/hidden{layer}"] / factor**layer for readings in found])
        assert abs(mean - 1) < STANDARD_ERRORS * error
        assert error < 0.03  # so that three percent per layer would show in the sixth


def fourth(n_0, widths):
    """E[Z**4] of an entry of the Jacobian for Gaussian He weights, with a ReLU on the output neuron too (cf. Hanin 2018)."""
    return 6 / n_0**2 * math.prod(1 + 5 / n for n in widths)


def entries(n_0, widths, n_nets):
    """Z of many networks, (n_nets, n_0): the Jacobian of the last hidden unit, a single neuron with a ReLU."""
    sizes = (*widths, 1)
    net = make_part("arch", {"part": "mlp", "widths": sizes}).build(Task((n_0,), 2))[:-1]
    he, x = make_part("init", {"part": "he"}), gaussian_rows(1, n_0)
    names = [name for name, _ in net.named_parameters() if name.endswith("weight")]
    biases = {name: torch.zeros(t.shape) for name, t in net.named_parameters() if name.endswith("bias")}

    def of_one(weights):
        *_, (unit, J) = jacobians(net, weights | biases, x, {}, 1)
        assert unit == "input"
        return J[0, 0]

    blocks, block = [], 10_000
    for k in range(n_nets // block):
        draws = {}
        for name, fan_in, fan_out in zip(names, (n_0, *sizes), sizes, strict=False):
            flat = he.weight((block * fan_out, fan_in), stream(k, name, *map(str, widths)))
            draws[name] = torch.from_numpy(flat).view(block, fan_out, fan_in)
        blocks.append(torch.func.vmap(of_one)(draws).double())
    return torch.cat(blocks).numpy()


@pytest.fixture(scope="module")
def draws():
    return {widths: entries(8, widths, 100_000) for widths in [(20, 20, 20), (10, 10, 40), (40, 40)]}


@pytest.mark.parametrize("widths", [(20, 20, 20), (10, 10, 40), (40, 40)])
def test_jacobian_entries_have_the_second_and_fourth_moment_of_the_theorem(draws, widths):
    """Sums of reciprocal widths of at most 0.3: beyond that the tail is too heavy for an average to be trusted."""
    assert sum(1 / n for n in widths) <= 0.3
    second, error = mean_and_error(np.square(draws[widths]).mean(1))
    assert abs(second - 1 / 8) < STANDARD_ERRORS * error
    assert error < 0.01 / 8
    moment, error = mean_and_error((draws[widths] ** 4).mean(1))
    assert abs(moment - fourth(8, widths)) < STANDARD_ERRORS * error
    assert error < 0.05 * fourth(8, widths)


def test_the_formula_gives_the_number_that_was_checked_by_two_hundred_times_as_many_draws():
    assert math.isclose(fourth(8, (20, 20, 20)), 0.1831, rel_tol=3e-4)


def test_the_fourth_moment_grows_with_the_sum_of_reciprocal_widths(draws):
    """log E[Z**4] rises from shape to shape as log prod(1 + 5/n) does, by more than the estimates' errors."""
    shapes = sorted(draws, key=lambda widths: sum(1 / n for n in widths))
    logs = []
    for widths in shapes:
        moment, error = mean_and_error((draws[widths] ** 4).mean(1))
        logs.append((math.log(moment), error / moment, math.log(fourth(8, widths))))
    for (low, low_error, low_exact), (high, high_error, high_exact) in pairwise(logs):
        error = math.hypot(low_error, high_error)
        assert high - low > 0
        assert abs((high - low) - (high_exact - low_exact)) < STANDARD_ERRORS * error


def test_of_all_ways_to_share_neurons_among_three_layers_equal_widths_have_the_smallest_fourth_moment(draws):
    ways = [(a, b, 60 - a - b) for a in range(1, 59) for b in range(1, 60 - a)]
    assert min(ways, key=lambda widths: fourth(8, widths)) == (20, 20, 20)
    equal, unequal = (draws[widths] ** 4 for widths in [(20, 20, 20), (10, 10, 40)])
    (low, low_error), (high, high_error) = (mean_and_error(z.mean(1)) for z in (equal, unequal))
    assert high - low > 2 * math.hypot(low_error, high_error)


def test_all_singular_values_of_a_linear_net_with_square_orthogonal_layers_are_one():
    """Saxe et al., ICLR 2014: dynamical isometry, at every depth."""
    net = make_part("arch", {"part": "mlp", "depth": 30, "width": 24, "activation": "identity"}).build(Task((24,), 6))
    weights = {name: t.double() for name, t in draw(make_part("init", {"part": "orthogonal"}), net, 0).items()}
    readings = jacobian(net, weights, gaussian_rows(8, 24).double())
    for unit in ("input", "hidden1", "hidden17", "hidden30"):
        for measure in ("singular_square", "singular_largest", "singular_smallest", "condition"):
            assert math.isclose(readings[f"{measure}/{unit}"], 1, abs_tol=1e-5)
        assert math.isclose(readings[f"jacobian_square/{unit}"], 1 / 24, rel_tol=1e-5)


def test_a_gaussian_linear_net_is_no_isometry():
    net = make_part("arch", {"part": "mlp", "depth": 30, "width": 24, "activation": "identity"}).build(Task((24,), 6))
    readings = jacobian(net, draw(make_part("init", {"part": "gaussian"}), net, 0), gaussian_rows(8, 24))
    assert readings["condition/input"] > 100 * readings["condition/hidden30"]


def test_a_chain_of_small_filters_has_half_the_radius_of_a_large_one():
    """Squared entries spread as a 15x15 square, and as seven 3x3 squares convolved: 112/3 and 28/3 pixels squared."""
    law, found = make_part("init", {"part": "gaussian"}), {"one_15x15": [], "seven_3x3": []}
    for seed in range(40):
        readings = kernels(lambda name, shape, seed=seed: torch.from_numpy(law.weight(shape, stream(seed, name))))
        for unit in found:
            found[unit].append(readings[f"kernel_radius/{unit}"] ** 2)
    for unit, exact in (("one_15x15", 112 / 3), ("seven_3x3", 28 / 3)):
        mean, error = mean_and_error(found[unit])
        assert abs(mean - exact) < STANDARD_ERRORS * error
        assert error < 0.02 * exact
