"""One battery for every registered initialisation law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from randfeat.init import NOTHING, Sources, draw, fans
from randfeat.registry import make_part, part_names
from randfeat.seeds import stream
from randfeat.typing import Examples

PARTS = [
    "class_differences",
    "gaussian",
    "glorot",
    "he",
    "kmeans_patches",
    "lsuv",
    "orthogonal",
    "patches",
    "uniform",
    "whitened_patches",
]
FROM_INPUTS = {"class_differences", "kmeans_patches", "lsuv", "patches", "whitened_patches"}
GOLDEN = {
    "class_differences": [0.37484619, 0.09487931, -0.4079684, 0.82707316],
    "gaussian": [0.1029412, -0.15781999, 0.09396758, -0.2266843],
    "glorot": [-0.61463642, -0.44046232, 0.29017985, -0.63200313],
    "he": [0.14558084, -0.22319116, 0.13289022, -0.32058001],
    "kmeans_patches": [-0.2340633, -0.6490193, 0.18262924, 0.70045334],
    "lsuv": [0.28226173, -0.6737386, 0.43703502, -0.5624699],
    "orthogonal": [0.27665177, -0.660348, 0.42834893, -0.55129081],
    "patches": [-0.7666983, 0.04888838, 0.08308064, 0.63472927],
    "uniform": [-0.3319416, -0.23787683, 0.15671504, -0.34132069],
    "whitened_patches": [0.47463468, -0.7362994, -0.18408893, 0.44575366],
}


def law(part, **settings):
    return make_part("init", {"part": part} | settings)


def net_of(*widths):
    net = nn.Sequential()
    with torch.device("meta"):
        for k in range(len(widths) - 1):
            net.add_module(f"layer{k}", nn.Linear(widths[k], widths[k + 1]))
    return net


def sources(part, net, rows="rows"):
    """Constructed rows for the laws that look at rows; nothing at all for the others."""
    if part not in FROM_INPUTS:
        return NOTHING
    first = next(iter(net))
    shape = (first.in_channels, 5, 5) if isinstance(first, nn.Conv2d) else (first.in_features,)
    x = torch.from_numpy(stream(0, rows).standard_normal((256, *shape)).astype(np.float32))
    y_N = torch.arange(256) % 3
    return Sources(lambda n: Examples(x[:n], y_N[:n]), NOTHING.recall, NOTHING.folder)


def drawn(part, net, seed):
    return draw(law(part), net, seed, sources(part, net))


def test_the_battery_covers_every_registered_part():
    assert part_names("init") == PARTS
    assert len(PARTS) == 10


@pytest.mark.parametrize("part", PARTS)
def test_the_seed_and_the_name_make_the_tensor(part):
    first, again, other = (drawn(part, net_of(20, 20, 20), seed) for seed in (0, 0, 1))
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name])
        assert tensor.dtype == torch.float32
        assert tensor.device.type == "cpu"
    assert float((first["layer0.weight"] - other["layer0.weight"]).abs().max()) > 1e-2
    assert float((first["layer0.weight"] - first["layer1.weight"]).abs().max()) > 1e-2


@pytest.mark.parametrize("part", sorted(FROM_INPUTS))
def test_laws_that_look_at_rows_give_other_weights_for_other_rows(part):
    net = net_of(9, 8)
    one, other = (draw(law(part), net, 0, sources(part, net, rows))["layer0.weight"] for rows in ("rows", "others"))
    assert float((one - other).abs().max()) > 1e-3


@pytest.mark.parametrize("part", PARTS)
def test_tensors_are_contiguous(part):
    assert all(tensor.is_contiguous() for tensor in drawn(part, net_of(20, 20), 0).values())


@pytest.mark.parametrize("part", PARTS)
def test_another_layer_shifts_no_tensor(part):
    small, large = drawn(part, net_of(9, 8), 3), drawn(part, net_of(9, 8, 7), 3)
    assert torch.equal(small["layer0.weight"], large["layer0.weight"])


@pytest.mark.parametrize("part", PARTS)
def test_the_number_of_threads_does_not_show(part):
    before, tensors = torch.get_num_threads(), []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            tensors.append(drawn(part, net_of(300, 200), 0)["layer0.weight"])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*tensors)


@pytest.mark.parametrize("part", PARTS)
def test_the_global_random_state_is_neither_used_nor_moved(part):
    torch.manual_seed(1)
    np.random.seed(1)
    state = torch.get_rng_state()
    first = drawn(part, net_of(9, 8), 0)
    assert torch.equal(state, torch.get_rng_state())
    np.random.seed(2)
    assert torch.equal(first["layer0.weight"], drawn(part, net_of(9, 8), 0)["layer0.weight"])


@pytest.mark.parametrize("part", PARTS)
def test_biases_are_zero_and_norm_layers_the_identity(part):
    with torch.device("meta"):
        layers = (nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.LayerNorm(3))
    weights = drawn(part, nn.Sequential(*layers), 0)
    assert weights["0.bias"].tolist() == [0, 0, 0]
    for k in (1, 2, 3):
        assert weights[f"{k}.weight"].tolist() == [1, 1, 1]
        assert weights[f"{k}.bias"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("part", "settings", "limit"),
    [
        ("uniform", {}, math.sqrt(1 / 18)),
        ("uniform", {"limit": "unit", "gain": 2}, 2 * math.sqrt(3 / 18)),
        ("glorot", {}, math.sqrt(6 / (18 + 450))),
        ("he", {"distribution": "uniform"}, math.sqrt(6 / 18)),
        ("he", {"distribution": "uniform", "fan": "out"}, math.sqrt(6 / 450)),
    ],
)
def test_uniform_laws_fill_their_interval_and_do_not_leave_it(part, settings, limit):
    w = law(part, **settings).weight((50, 2, 3, 3), stream(0, "w"))
    assert np.abs(w).max() <= limit * (1 + 1e-6)
    assert w.max() > 0.98 * limit
    assert w.min() < -0.98 * limit


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (7, 7), (4, 3, 3, 3), (40, 2, 3, 3)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal_rows_or_columns_are_orthonormal(shape, gain):
    w = law("orthogonal", gain=gain).weight(shape, stream(0, "w")).reshape(shape[0], -1).astype(np.float64) / gain
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6)


def test_fans_count_the_kernel():
    assert (fans((6, 3, 5, 5)).fan_in, fans((6, 3, 5, 5)).fan_out) == (75, 150)
    assert (fans((7, 4)).fan_in, fans((7, 4)).fan_out) == (4, 7)


@pytest.mark.parametrize("part", PARTS)
def test_the_first_weights_of_seed_0_never_change(part):
    weights = drawn(part, net_of(4, 3), 0)["layer0.weight"]
    np.testing.assert_allclose(weights.flatten()[:4].tolist(), GOLDEN[part], atol=1e-6)
