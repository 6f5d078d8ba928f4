"""One convolution, encoded and pooled, beside loops over windows; and the networks that papers made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch.func import functional_call

from randfeat.arch import ConvPool, conv_pool
from randfeat.arch.pool import Pool
from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task
from tests.reference import patch_codes

TASK = Task((2, 9, 11), 3)
X = stream(0, "x").standard_normal((3, 2, 9, 11))
FILTERS = stream(0, "filters").standard_normal((5, 2, 3, 3))
BIAS = stream(0, "bias").standard_normal(5)
PLAIN = {"width": 5, "kernel": 3, "code": "identity", "pool": "none", "bias": False}


def tensors(filters=FILTERS, biases=None):
    named = {"conv1.conv.weight": filters} | ({} if biases is None else {"conv1.conv.bias": biases})
    return {name: torch.tensor(array, requires_grad=True) for name, array in named.items()}


def unit(task=TASK, **settings):
    return ConvPool(**settings).build(task)[:1].eval()


def features(x=X, filters=FILTERS, biases=None, **settings):
    """What the head sees: (N, P)."""
    net = unit(Task(x.shape[1:], 3), **settings)
    with torch.no_grad():
        return functional_call(net, tensors(filters, biases), (torch.from_numpy(x),)).numpy()


def same(found, expected):
    np.testing.assert_allclose(found, expected.reshape(len(found), -1), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("contrast", [None, 0.3])
@pytest.mark.parametrize(("stride", "padding", "mode"), [(1, 0, "zeros"), (2, 1, "zeros"), (3, 2, "zeros"), (1, 3, "reflect")])
def test_responses_are_those_of_the_windows_one_by_one(contrast, stride, padding, mode):
    settings = {"stride": stride, "padding": padding, "contrast": contrast}
    expected = patch_codes.responses(X, FILTERS, BIAS, **settings, mode="constant" if mode == "zeros" else mode)
    same(features(biases=BIAS, **PLAIN | {"bias": True, "padding_mode": mode}, **settings), expected)


def test_contrast_takes_away_what_is_added_to_an_image_or_multiplies_it():
    same(features(7 * X + 300, **PLAIN, contrast=1e-12), features(**PLAIN, contrast=1e-12))


def test_in_float32_the_variance_survives_a_brightness_a_thousand_times_the_contrast():
    net, x = unit(**PLAIN, contrast=0.01), torch.from_numpy(X).float()
    weights = {name: tensor.float() for name, tensor in tensors().items()}
    shifted = functional_call(net, weights, (x + 1024,))
    torch.testing.assert_close(shifted, functional_call(net, weights, (x,)), rtol=0, atol=2e-3)  # X + 1024 rounds X by 6e-5


@pytest.mark.parametrize("code", ["soft_threshold", "nearest", "relu"])
def test_blocks_of_rows_do_not_show(monkeypatch, code):
    settings = PLAIN | {"code": code, "pool": "average", "contrast": 0.1}
    whole = features(**settings)
    monkeypatch.setitem(conv_pool.AT_ONCE, "cpu", 1)
    same(features(**settings), whole)


# Pools


def root(values):
    return np.sqrt((values**2).sum(-1))


@pytest.mark.parametrize(
    ("kind", "number"),
    [("average", lambda v: v.mean(-1)), ("sum", lambda v: v.sum(-1)), ("root", root), ("max", lambda v: v.max(-1))],
)
@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 0), (5, 1, 2)])
def test_a_pool_takes_its_number_of_every_window(kind, number, size, stride, padding):
    outside = -np.inf if kind == "max" else 0
    z = stream(0, "maps").standard_normal((2, 3, 7, 8))
    found = Pool(kind, (size, size), (stride, stride), padding)(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(found, patch_codes.pooled(z, size, stride, padding, number, outside), rtol=1e-12, atol=1e-12)


def test_a_grid_of_two_takes_windows_of_equal_size_that_share_the_middle_of_a_side_of_odd_length():
    maps = patch_codes.responses(X, FILTERS, 0)[..., :8]
    assert maps.shape[2:] == (7, 8)
    found = features(X[..., :10], **PLAIN | {"pool": "average", "grid": 2}).reshape(3, 5, 2, 2)
    np.testing.assert_allclose(found[..., 0, 1], maps[..., :4, 4:].mean((2, 3)))
    np.testing.assert_allclose(found[..., 1, 0], maps[..., 3:, :4].mean((2, 3)))


def test_the_gradient_of_a_root_is_that_of_a_norm_and_nothing_where_all_is_zero():
    z = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    z[0, 0] = torch.tensor([[3.0, 4.0], [12.0, 0.0]])
    z.requires_grad_()
    y = Pool("root", (2, 2), (2, 2), 0)(z)
    y.sum().backward()
    assert y.flatten().tolist() == pytest.approx([13, 0], abs=1e-150)
    expected = [3 / 13, 4 / 13, 12 / 13, 0, 0, 0, 0, 0]
    assert z.grad.flatten().tolist() == pytest.approx(expected, rel=1e-14, abs=0)


# Codes


def test_two_sided_codes_of_a_soft_threshold():
    z = patch_codes.responses(X, FILTERS, BIAS)
    settings = PLAIN | {"bias": True, "code": "soft_threshold", "threshold": 0.7, "two_sided": True}
    same(features(biases=BIAS, **settings), np.concatenate([np.maximum(0, z - 0.7), np.maximum(0, -z - 0.7)], 1))


def test_the_nearest_are_the_nearest_neighbours_among_filters_of_one_norm():
    filters = stream(0, "more").standard_normal((20, 2, 3, 3))
    filters /= np.linalg.norm(filters.reshape(20, -1), axis=1).reshape(20, 1, 1, 1)
    settings = PLAIN | {"width": 20, "code": "nearest", "share": 0.37}
    found = features(filters=filters, **settings).reshape(3, 20, 7, 9)
    seen = np.stack([patch_codes.windows(image, 3, 1) for image in X])
    for sign, codes in ((1, found), (-1, features(filters=filters, **settings, two_sided=True).reshape(3, 40, 7, 9)[:, 20:])):
        neighbours = NearestNeighbors(n_neighbors=7, algorithm="brute").fit(sign * filters.reshape(20, -1))
        expected = neighbours.kneighbors_graph(seen.reshape(-1, 18)).toarray().reshape(3, 7, 9, 20)
        np.testing.assert_array_equal(codes, np.moveaxis(expected, -1, 1))


@pytest.mark.parametrize(("share", "ones"), [(0.01, 1), (0.4, 2), (0.59, 2), (0.6, 3), (1.0, 5)])
def test_the_share_of_the_nearest_is_the_whole_part_and_one_at_least(share, ones):
    codes = features(**PLAIN | {"code": "nearest", "share": share}).reshape(3, 5, 7, 9)
    assert set(np.unique(codes)) <= {0, 1}
    assert (codes.sum(1) == ones).all()


def gradient(**settings):
    weights = tensors()
    functional_call(unit(**PLAIN | {"pool": "average"} | settings), weights, (torch.from_numpy(X),)).square().sum().backward()
    return weights["conv1.conv.weight"].grad


@pytest.mark.parametrize("code", ["nearest", "sign"])
def test_backwards_a_step_passes_for_what_its_docstring_says(code):
    """d sum(pool(step)**2) = 2 pool(step) d pool(slope_of)."""
    weights, twin = tensors(), {"nearest": "identity", "sign": "hard_tanh"}[code]
    codes = torch.from_numpy(features(**PLAIN | {"pool": "average", "code": code}))
    smooth = functional_call(unit(**PLAIN | {"pool": "average", "code": twin}), weights, (torch.from_numpy(X),))
    (2 * codes * smooth).sum().backward()
    torch.testing.assert_close(gradient(code=code), weights["conv1.conv.weight"].grad, rtol=1e-12, atol=1e-12)


def test_windows_without_contrast_give_finite_responses():
    """Their variance, a difference of squares, may come out below zero by rounding."""
    x = torch.zeros(1, *TASK.shape)
    x[..., :5] = 1000 / 3
    weights = {name: tensor.float() for name, tensor in tensors().items()}
    assert bool(functional_call(unit(**PLAIN, contrast=1e-9), weights, (x,)).isfinite().all())


def test_gradients_are_finite_where_an_image_is_constant():
    x = torch.zeros(2, *TASK.shape, dtype=torch.float64)
    for code, pool in (("identity", "root"), ("nearest", "average"), ("sign", "max"), ("abs", "root")):
        weights = tensors()
        y = functional_call(unit(**PLAIN | {"code": code, "pool": pool, "contrast": 1e-6}), weights, (x,))
        y.sum().backward()
        assert bool(weights["conv1.conv.weight"].grad.isfinite().all())


# Published networks


def test_elm_lrf_is_its_formula():
    """Root of the sum of squares over |i - p| <= e, |j - q| <= e of a valid convolution, with zeros outside."""
    found = features(**PLAIN | {"pool": "root", "pool_size": 5, "pool_stride": 1, "pool_padding": 2}).reshape(3, 5, 7, 9)
    c = patch_codes.responses(X, FILTERS, 0)
    h = np.zeros_like(c)
    for p in range(7):
        for q in range(9):
            near = c[:, :, max(0, p - 2) : p + 3, max(0, q - 2) : q + 3]
            h[:, :, p, q] = np.sqrt((near**2).sum((2, 3)))
    np.testing.assert_allclose(found, h, rtol=1e-12)


def test_elm_lrf_on_norb_has_its_40368_features():
    settings = {"width": 48, "kernel": 4, "pool": "root", "pool_size": 7, "pool_stride": 1, "pool_padding": 3}
    assert ConvPool(**settings).build(Task((2, 32, 32), 5)).head.in_features == 40_368


@pytest.mark.parametrize(("n_filters", "kernel"), [(12, 4), (32, 4), (48, 4), (48, 6)])
def test_orthogonal_filters_are_those_of_elm_lrf(n_filters, kernel):
    """r^2 c x K with orthonormal columns, or rows where there are more filters than numbers in a window."""
    net = ConvPool(width=n_filters, kernel=kernel, bias=False).build(Task((2, 16, 16), 5))
    a = draw(make_part("init", {"part": "orthogonal"}), net, 0)["conv1.conv.weight"].double().flatten(1).T
    product = a.T @ a if n_filters <= 2 * kernel**2 else a @ a.T
    torch.testing.assert_close(product, torch.eye(len(product), dtype=torch.float64), rtol=0, atol=1e-6)


def test_saxe_s_square_and_sum():
    found = features(**PLAIN | {"code": "square", "stride": 2, "pool": "sum", "pool_size": 3, "pool_stride": 1})
    squares = patch_codes.responses(X, FILTERS, 0, stride=2) ** 2
    same(found, patch_codes.pooled(squares, 3, 1, 0, lambda v: v.sum(-1), 0))


def test_coates_and_ng_s_features_are_four_for_each_side_of_each_patch():
    arch = ConvPool(width=1600, kernel=6, code="soft_threshold", two_sided=True, grid=2, bias=False)
    assert arch.build(Task((3, 32, 32), 10)).head.in_features == 4 * 2 * 1600


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kernel": 10}, "arch=conv_pool needs images of 10x10 or more, but they are 9x11. Use data.resize=10."),
        (
            {"padding": 9, "padding_mode": "reflect"},
            "arch=conv_pool needs images of 10x10 or more, but they are 9x11. Use data.resize=10.",
        ),
        (
            {"pool_size": 6},
            "arch.pool_size=6 is larger than the map of 5x7. Use arch.pool_size=5, or arch.grid=1 for the whole map.",
        ),
        (
            {"pool_padding": 2, "pool_size": 3},
            "arch.pool_padding=2 is more than half a window of 3. Use arch.pool_padding=1.",
        ),
        ({"grid": 6}, "arch.grid=6 is more than the map of 5x7 has. Use arch.grid=5."),
        (
            {"grid": 2, "pool_stride": 1},
            "arch.grid places the windows. Leave out arch.pool_size, arch.pool_stride and arch.pool_padding.",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(settings, text):
    with pytest.raises(ConfigError) as error:
        ConvPool(**settings).build(TASK)
    assert str(error.value) == text
