"""One battery for every registered initialisation law."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch import nn
from torch.func import functional_call

from randfeat.errors import ConfigError
from randfeat.init import NOTHING, Sources, draw, fans
from randfeat.network import Network
from randfeat.registry import make_part, part_names
from randfeat.seeds import stream
from randfeat.typing import Examples

ELSEWHERE = ["from", "mixed", "pretrained"]  # what they give is drawn by others: tests/unit/test_init_{borrowed,mixed}.py
PARTS = [
    "class_differences",
    "elm_autoencoder",
    "kmeans_patches",
    "lsuv",
    "patches",
    "receptive_fields",
    "whitened_patches",
    "chrono",
    "delta_orthogonal",
    "echo_state",
    "gabor",
    "gaussian",
    "glorot",
    "he",
    "identity",
    "laplace",
    "lecun",
    "low_rank",
    "orthogonal",
    "rademacher",
    "signed_constant",
    "sinusoid",
    "sparse",
    "student_t",
    "ternary",
    "uniform",
]
DRAWN = [part for part in PARTS if part != "identity"]
FROM_INPUTS = {
    "class_differences",
    "elm_autoencoder",
    "kmeans_patches",
    "lsuv",
    "patches",
    "receptive_fields",
    "whitened_patches",
}
FROM_IMAGES = {"receptive_fields"}
GOLDEN = {
    "class_differences": [0.37484619, 0.09487931, -0.4079684, 0.82707316],
    "elm_autoencoder": [-1.8569719, -2.0919366, 1.0303299, -2.2753847],
    "kmeans_patches": [-0.2340633, -0.6490193, 0.18262924, 0.70045334],
    "lsuv": [0.28226173, -0.6737386, 0.43703502, -0.5624699],
    "patches": [-0.7666983, 0.04888838, 0.08308064, 0.63472927],
    "receptive_fields": [0.37484619, 0.09487931, -0.4079684, 0.82707316],  # class_differences, seen whole,
    "whitened_patches": [0.47463468, -0.7362994, -0.18408893, 0.44575366],
    "chrono": [0.27665177, -0.660348, 0.42834893, -0.55129081],  # orthogonal
    "delta_orthogonal": [0.27665177, -0.660348, 0.42834893, -0.55129081],
    "echo_state": [0.1029412, -0.15781999, 0.09396758, -0.2266843],  # lecun
    "gabor": [-0.14685097, 0.8386116, -0.47985598, -0.21190466],
    "gaussian": [0.1029412, -0.15781999, 0.09396758, -0.2266843],
    "glorot": [-0.61463642, -0.44046232, 0.29017985, -0.63200313],
    "he": [0.14558084, -0.22319116, 0.13289022, -0.32058001],
    "identity": [1, 0, 0, 0],
    "laplace": [-0.22832249, -0.40578118, -0.21934894, -0.4311626],
    "lecun": [0.1029412, -0.15781999, 0.09396758, -0.2266843],
    "low_rank": [0.15340453, -0.19576621, -0.042042777, 0.13182417],
    "orthogonal": [0.27665177, -0.660348, 0.42834893, -0.55129081],
    "rademacher": [-0.5, 0.5, -0.5, -0.5, -0.5, 0.5, -0.5, -0.5, -0.5, -0.5, -0.5, 0.5],
    "signed_constant": [
        -0.70710677,
        0.70710677,
        -0.70710677,
        -0.70710677,
        -0.70710677,
        0.70710677,
        -0.70710677,
        -0.70710677,
        -0.70710677,
        -0.70710677,
        -0.70710677,
        0.70710677,
    ],
    "sinusoid": [-0.7148723, -0.14147222, 0.6543141, 0.20203042],
    "sparse": [0.067286156, 0.038552713, 0.05940675, -0.14179967],
    "student_t": [0.037542891, -0.055292606, 0.051057864, -0.065316334],
    "ternary": [0.0, 0.0, 0.0, 0.0, 0.86602539, 0.86602539, 0.0, -0.86602539, 0.0, 0.86602539, 0.0, 0.86602539],
    "uniform": [-0.3319416, -0.23787683, 0.15671504, -0.34132069],
}


def law(part, **settings):
    return make_part("init", {"part": part} | settings)


def net_of(*widths):
    net = nn.Sequential(OrderedDict(flatten=nn.Flatten()))
    with torch.device("meta"):
        for k in range(len(widths) - 1):
            net.add_module(f"layer{k}", nn.Linear(widths[k], widths[k + 1]))
    return net


def sources(part, net, rows="rows"):
    """Constructed rows for the laws that look at rows; nothing at all for the others."""
    if part not in FROM_INPUTS:
        return NOTHING
    first = next(layer for layer in net if not isinstance(layer, nn.Flatten))
    shape = (first.in_channels, 5, 5) if isinstance(first, nn.Conv2d) else (first.in_features,)
    if part in FROM_IMAGES and len(shape) == 1:
        height = max(side for side in range(1, math.isqrt(*shape) + 1) if shape[0] % side == 0)
        shape = (1, height, shape[0] // height)
    x = torch.from_numpy(stream(0, rows).standard_normal((256, *shape)).astype(np.float32))
    y_N = torch.arange(256) % 3
    return Sources(lambda n: Examples(x[:n], y_N[:n]), NOTHING.recall, NOTHING.folder)


def drawn(part, net, seed):
    return draw(law(part), net, seed, sources(part, net))


def test_the_battery_covers_every_registered_part():
    assert part_names("init") == sorted([*PARTS, *ELSEWHERE])
    assert len(PARTS) == 26


@pytest.mark.parametrize("part", PARTS)
def test_the_seed_and_the_name_make_the_tensor(part):
    first, again, other = (drawn(part, net_of(20, 20, 20), seed) for seed in (0, 0, 1))
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name])
        assert tensor.dtype == torch.float32
        assert tensor.device.type == "cpu"
    assert (part in DRAWN) == (float((first["layer0.weight"] - other["layer0.weight"]).abs().max()) > 1e-2)
    assert (part in DRAWN) == (float((first["layer0.weight"] - first["layer1.weight"]).abs().max()) > 1e-2)


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
            with threadpool_limits(limits=n):
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


def test_lecun_s_law_is_gaussian_or_uniform():
    shape = (7, 3, 5, 5)
    for settings, twin in (({}, law("gaussian")), ({"distribution": "uniform"}, law("uniform", limit="unit"))):
        np.testing.assert_array_equal(
            law("lecun", **settings).weight(shape, stream(0, "w")), twin.weight(shape, stream(0, "w"))
        )


def test_rademacher_and_the_signed_constant_take_two_values():
    shape, fan_in, fan_out = (50, 2, 3, 3), 18, 450
    for part, settings, value in (
        ("rademacher", {"gain": 3}, 3 / math.sqrt(fan_in)),
        ("signed_constant", {}, math.sqrt(2 / fan_in)),
        ("signed_constant", {"fan": "out", "gain": 1}, math.sqrt(1 / fan_out)),
    ):
        w = law(part, **settings).weight(shape, stream(0, "w"))
        np.testing.assert_allclose(np.unique(w), [-value, value], rtol=1e-6)


def test_the_share_of_zeros_of_the_ternary_law_is_the_one_set():
    w = law("ternary", zeros=0.9, gain=2).weight((100, 200), stream(0, "w"))
    np.testing.assert_allclose(np.unique(w), [-2 / math.sqrt(20), 0, 2 / math.sqrt(20)], rtol=1e-6)
    assert abs((w == 0).mean() - 0.9) < 4 * math.sqrt(0.9 * 0.1 / w.size)
    assert abs((w > 0).mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / w.size)


@pytest.mark.parametrize(("connections", "n"), [(15, 15), (1, 1), (100, 72)])
def test_sparse_outputs_have_their_number_of_connections_in_places_of_their_own(connections, n):
    w = law("sparse", connections=connections).weight((2000, 8, 3, 3), stream(0, "w")).reshape(2000, -1)
    assert set((w != 0).sum(1).tolist()) == {n}
    share = n / 72
    assert np.abs((w != 0).mean(0) - share).max() <= 4.5 * math.sqrt(share * (1 - share) / 2000)


@pytest.mark.parametrize(("rank", "found"), [(1, 1), (5, 5), (100, 30)])
def test_low_rank_weights_have_that_rank(rank, found):
    w = law("low_rank", rank=rank).weight((30, 6, 3, 3), stream(0, "w")).reshape(30, -1)
    assert np.linalg.matrix_rank(w, tol=1e-4 * np.linalg.norm(w, 2)) == found


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 5), (5,)),
        (nn.Conv1d(4, 4, 5, padding=2), (4, 9)),
        (nn.Conv2d(4, 4, 3, padding=1), (4, 6, 7)),
        (nn.Conv2d(6, 6, 1, groups=3), (6, 6, 7)),
        (nn.Conv2d(6, 6, (3, 5), padding=(1, 2), groups=2), (6, 6, 7)),
        (nn.Conv2d(6, 6, 7, padding=3, groups=6), (6, 8, 8)),
    ],
)
def test_a_layer_drawn_as_the_identity_is_the_identity_times_gain(layer, shape):
    x = torch.from_numpy(stream(0, "x").standard_normal((2, *shape), dtype=np.float32))
    y = functional_call(layer, draw(law("identity", gain=3), layer, 0), (x,))
    torch.testing.assert_close(y, 3 * x, rtol=0, atol=0)


def test_the_identity_leaves_extra_outputs_zero_and_drops_extra_inputs():
    assert law("identity").weight((3, 2), stream(0, "w")).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert law("identity").weight((2, 3), stream(0, "w")).tolist() == [[1, 0, 0], [0, 1, 0]]
    by_group = draw(law("identity"), nn.Conv1d(4, 6, 1, groups=2), 0)["weight"][:, :, 0].tolist()
    assert by_group == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("groups", [1, 2])
def test_identity_kernels_are_those_of_torch_whatever_their_sides(groups):
    layer = nn.Conv2d(4, 6, (2, 5), groups=groups)
    assert torch.equal(draw(law("identity"), layer, 0)["weight"], nn.init.dirac_(torch.empty(layer.weight.shape), groups))


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize(
    ("layer", "centre"),
    [
        (nn.Linear(5, 9), ()),
        (nn.Linear(9, 5), ()),
        (nn.Conv1d(4, 7, 5), (2,)),
        (nn.Conv2d(6, 6, 1), (0, 0)),
        (nn.Conv2d(6, 12, (3, 5), groups=3), (1, 2)),
        (nn.Conv2d(6, 6, 3, groups=6), (1, 1)),
    ],
)
def test_delta_orthogonal_layers_are_zero_but_for_orthonormal_centres(layer, centre, gain):
    w = draw(law("delta_orthogonal", gain=gain), layer, 0)["weight"].double().numpy() / gain
    middle = w[(slice(None), slice(None), *centre)]
    np.testing.assert_allclose((middle**2).sum(), (w**2).sum(), rtol=1e-12)
    for matrix in np.split(middle, getattr(layer, "groups", 1)):
        gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6)


def test_groups_and_tokens_of_a_delta_orthogonal_network_are_drawn_one_by_one():
    w = draw(law("delta_orthogonal"), nn.Conv2d(6, 6, 1, groups=2), 0)["weight"][:, :, 0, 0]
    assert float((w[:3] - w[3:]).abs().max()) > 1e-2
    token = nn.Module()
    token.class_token = nn.Parameter(torch.empty(1, 1, 30))
    assert float(draw(law("delta_orthogonal"), token, 0)["class_token"].norm()) == pytest.approx(1, abs=1e-6)


NOT_SO = "init=delta_orthogonal needs convolutions with no fewer outputs than inputs and with kernels of odd side; not so: "
REFUSED = [
    ([nn.Conv2d(8, 4, 3)], "'0.weight' (4 outputs, 8 inputs)"),
    ([nn.Conv2d(8, 8, 3), nn.Conv2d(8, 12, 1, groups=2), nn.Conv1d(12, 6, 1, groups=2)], "'2.weight' (3 outputs, 6 inputs)"),
    ([nn.Conv2d(4, 8, (3, 2)), nn.Linear(8, 3)], "'0.weight' (kernel 3x2)"),
    ([nn.Conv1d(4, 3, 4), nn.Conv1d(3, 3, 4)], "'0.weight' (3 outputs, 4 inputs), '1.weight' (kernel 4)"),
    (
        [nn.Conv1d(n, n - 1, 1) for n in range(8, 2, -1)],
        "'0.weight' (7 outputs, 8 inputs), '1.weight' (6 outputs, 7 inputs), '2.weight' (5 outputs, 6 inputs), "
        "'3.weight' (4 outputs, 5 inputs) and 2 more",
    ),
]


@pytest.mark.parametrize(("layers", "named"), REFUSED)
def test_delta_orthogonal_names_the_convolutions_that_it_cannot_fill(layers, named):
    net = Network(*layers)
    with pytest.raises(ConfigError) as caught:
        law("delta_orthogonal").check(net, dict(net.named_parameters()))
    assert str(caught.value) == f"{NOT_SO}{named}. Use init=orthogonal, which takes any shape."


def test_delta_orthogonal_takes_linear_layers_of_any_shape_and_depthwise_convolutions():
    net = Network(nn.Conv2d(8, 8, 3, groups=8), nn.Linear(8, 30), nn.Linear(30, 3))
    law("delta_orthogonal").check(net, dict(net.named_parameters()))
    with pytest.raises(ConfigError, match=r"init\.branches=zero sets residual branches to zero, but this network has none"):
        law("delta_orthogonal", branches="zero").check(net, dict(net.named_parameters()))


def test_fans_count_the_kernel():
    assert (fans((6, 3, 5, 5)).fan_in, fans((6, 3, 5, 5)).fan_out) == (75, 150)
    assert (fans((7, 4)).fan_in, fans((7, 4)).fan_out) == (4, 7)


@pytest.mark.parametrize("part", PARTS)
def test_the_first_weights_of_seed_0_never_change(part):
    weights = drawn(part, net_of(4, 3), 0)["layer0.weight"]
    np.testing.assert_allclose(weights.flatten()[: len(GOLDEN[part])].tolist(), GOLDEN[part], atol=1e-6)
