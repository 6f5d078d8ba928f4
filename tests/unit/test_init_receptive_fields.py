"""Random rectangles, what fills them, and thresholds half way between two rows."""

from __future__ import annotations

import itertools
import math
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from randfeat.config import compose
from randfeat.errors import ConfigError
from randfeat.init import NOTHING, Sources, draw
from randfeat.init.rectangles import rectangles
from randfeat.network import Network, slots
from randfeat.places import data_folder
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.seeds import stream
from randfeat.spec import RunSpec
from randfeat.typing import Examples, Task


def law(part="receptive_fields", **settings):
    return make_part("init", {"part": part} | settings)


def normal(*shape, name="rows"):
    return torch.from_numpy(stream(0, name).standard_normal(shape).astype(np.float32))


def net_of(x, *widths):
    return make_part("arch", {"part": "mlp", "widths": widths}).build(Task(tuple(x.shape[1:]), 3))


def drawn(law, net, x, y_N=None, seed=0):
    """The tensors that the law gives the network for these rows, in float64."""
    y_N = torch.arange(len(x)) % 3 if y_N is None else y_N
    weights = draw(law, net, seed, Sources(lambda n: Examples(x[:n], y_N[:n]), NOTHING.recall, NOTHING.folder))
    return {name: tensor.double().numpy() for name, tensor in weights.items()}


def hidden(x, n, y_N=None, **settings):
    """Weight and bias of n hidden units that see the images x."""
    weights = drawn(law(**settings), net_of(x, n), x, y_N)
    return weights["hidden1.linear.weight"], weights["hidden1.linear.bias"]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def pair_of(w, x_ND, y_N):
    """The rows a and b of different classes to whose difference, where w is not zero, w is parallel; they must be one pair."""
    pairs = [(a, b) for a, b in itertools.permutations(range(len(x_ND)), 2) if y_N[a] != y_N[b]]
    differences = np.stack([(x_ND[a] - x_ND[b]) * (w != 0) for a, b in pairs])
    (found,) = np.flatnonzero(unit(differences) @ unit(w) > 1 - 1e-6)
    return x_ND[pairs[found][0]], x_ND[pairs[found][1]]


# Rectangles


def allowed(sides, borders, min_area):
    """Every allowed rectangle, by trying all: first row, end, first column, end."""
    (height, width), (down, across) = sides, borders
    return {
        (top, bottom, left, right)
        for top, bottom in itertools.combinations(range(down, height - down + 1), 2)
        for left, right in itertools.combinations(range(across, width - across + 1), 2)
        if (bottom - top) * (right - left) >= min_area
    }


def corners(mask):
    """First row, end, first column, end of a mask that is one full rectangle."""
    (rows,), (columns,) = mask.any(1).nonzero(), mask.any(0).nonzero()
    assert mask.sum() == len(rows) * len(columns) == (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


@pytest.mark.parametrize(
    ("sides", "borders", "min_area"), [((6, 5), (1, 0), 5), ((4, 7), (0, 2), 1), ((5, 5), (1, 1), 9), ((1, 6), (0, 0), 2)]
)
def test_every_allowed_rectangle_is_drawn_and_as_often_as_any_other(sides, borders, min_area):
    everything, n = allowed(sides, borders, min_area), 20_000
    masks = rectangles(sides, borders, min_area, n, stream(0, "rectangles")).numpy()
    counts = Counter(corners(mask) for mask in masks)
    assert counts.keys() == everything
    chance = 1 / len(everything)
    assert max(abs(count / n - chance) for count in counts.values()) <= 4.5 * math.sqrt(chance * (1 - chance) / n)


def test_a_rectangle_that_can_not_be_large_enough_is_all_within_the_border():
    masks = rectangles((8, 8), (3, 3), 10, 50, stream(0, "rectangles"))
    assert {corners(mask.numpy()) for mask in masks} == {(3, 5, 3, 5)}


# Fields


def test_filters_of_an_image_are_gaussian_inside_a_rectangle_that_all_channels_share():
    x, n = normal(20, 2, 6, 9), 4000
    w, bias = hidden(x, n, inside="gaussian", border=1, min_area=4, gain=3)
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 3, rtol=1e-6)
    seen = w.reshape(n, 2, 6, 9) != 0
    assert (seen[:, 0] == seen[:, 1]).all()
    assert {corners(mask) for mask in seen[:, 0]} == allowed((6, 9), (1, 1), 4)
    assert not bias.any()
    area = 2 * seen[:, 0].sum((1, 2))
    scaled = (w * np.sqrt(area)[:, None] / 3)[seen.reshape(n, -1)]
    assert abs(scaled.mean()) < 4 / math.sqrt(len(scaled))
    first = scaled[np.r_[0, area.cumsum()[:-1]]]
    kurtosis = 3 * (area / (area + 2)).mean()  # one coordinate of a uniform direction in d dimensions: 3 d / (d + 2)
    fourth = first**4
    assert abs(fourth.mean() - kurtosis) < 4 * fourth.std() / math.sqrt(n)


@pytest.mark.parametrize(("side", "border"), [(28, 3), (32, 3), (19, 2), (8, 0)])
def test_the_border_of_the_paper_is_in_proportion_to_the_side(side, border):
    w, _ = hidden(normal(10, 1, side, side), 800)
    ever = (w.reshape(-1, side, side) != 0).any(0)
    assert corners(ever) == (border, side - border, border, side - border)


def test_inside_is_the_difference_of_two_rows_and_the_threshold_lies_half_way_between_them():
    """So the unit gives the first row what it gives the second with the other sign: half their distance there, times gain."""
    x, y_N = normal(9, 1, 5, 5) + 1, torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2])
    w, bias = hidden(x, 200, y_N, thresholds="half_way", min_area=6, gain=2)
    x_ND = x.flatten(1).double().numpy()
    assert {corners(mask) for mask in w.reshape(-1, 5, 5) != 0} <= allowed((5, 5), (0, 0), 6)
    for unit_w, unit_bias in zip(w, bias, strict=True):
        a, b = pair_of(unit_w, x_ND, y_N)
        distance = np.linalg.norm((a - b) * (unit_w != 0))
        np.testing.assert_allclose([a @ unit_w + unit_bias, b @ unit_w + unit_bias], [distance, -distance], rtol=1e-5)


@pytest.mark.parametrize("inside", ["gaussian", "class_images"])
def test_other_filters_have_thresholds_half_way_between_two_rows_of_different_classes(inside):
    x, y_N = normal(7, 1, 4, 4) + 1, torch.tensor([0, 0, 1, 1, 1, 2, 2])
    x_ND = x.flatten(1).double().numpy()
    middles = np.stack([(x_ND[a] + x_ND[b]) / 2 for a, b in itertools.combinations(range(7), 2) if y_N[a] != y_N[b]])
    w, bias = hidden(x, 300, y_N, inside=inside, thresholds="half_way")
    response = np.abs(w @ middles.T + bias[:, None])
    np.testing.assert_allclose(response.min(1), 0, atol=1e-5)
    assert set(response.argmin(1)) == set(range(len(middles)))


def test_inside_is_a_sum_of_the_images_of_one_class_with_random_signs_and_classes_are_as_likely_as_they_have_rows():
    x, y_N, n = normal(9, 1, 4, 5), torch.tensor([0] * 2 + [1] * 3 + [2] * 4), 2000
    w, _ = hidden(x, n, y_N, inside="class_images", min_area=8)
    x_ND, of_class, signs_seen = x.flatten(1).double().numpy(), np.full(n, -1), set()
    mask = w != 0
    for k, size in enumerate((2, 3, 4)):
        for signs in itertools.product((-1, 1), repeat=size):
            expected = unit((np.array(signs) @ x_ND[y_N.numpy() == k]) * mask)
            same = (np.abs(w - expected) < 1e-5).all(1)
            of_class[same] = k
            signs_seen |= {signs} if same.any() else set()
    share = np.bincount(of_class, minlength=3) / n
    expected = np.array([2, 3, 4]) / 9
    np.testing.assert_array_less(np.abs(share - expected), 4 * np.sqrt(expected * (1 - expected) / n))
    assert len(signs_seen) == 4 + 8 + 16


@pytest.mark.parametrize("inside", ["class_differences", "class_images"])
def test_a_rectangle_in_which_nothing_shows_is_drawn_anew(inside):
    """All images are blank but for one pixel, so each rectangle holds it and a filter is that pixel."""
    x = torch.zeros(30, 1, 6, 6)
    x[:, 0, 1, 4] = torch.arange(1.0, 31.0)
    w, _ = hidden(x, 100, inside=inside, min_area=4)
    np.testing.assert_allclose(np.abs(w.reshape(100, 6, 6)[:, 1, 4]), 1, rtol=1e-6)


def test_a_layer_above_has_the_whole_of_its_input_for_a_field():
    x = normal(9, 1, 4, 5)
    weights = drawn(law(min_area=4), net_of(x, 40, 40), x)
    z = np.maximum(x.flatten(1).double().numpy() @ weights["hidden1.linear.weight"].T, 0)
    for w in weights["hidden2.linear.weight"]:
        a, b = pair_of(w, z, np.arange(9) % 3)
        np.testing.assert_array_equal(w == 0, a == b)
    assert (weights["hidden1.linear.weight"] == 0).any()


@pytest.mark.parametrize("inside", ["class_differences", "class_images"])
def test_the_number_of_threads_shows_in_no_field(inside):
    x, weights = normal(400, 1, 20, 20), []
    for n in (1, 3):
        with threadpool_limits(limits=n):
            weights.append(hidden(x, 200, inside=inside, thresholds="half_way"))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_published_thresholds_have_the_other_sign_and_are_those_of_filters_of_norm_1():
    x, y_N = normal(8, 1, 5, 5) + 1, torch.arange(8) % 3
    w, half_way = hidden(x, 60, y_N, thresholds="half_way", gain=3)
    same, published = hidden(x, 60, y_N, thresholds="published", gain=3)
    np.testing.assert_array_equal(w, same)
    np.testing.assert_allclose(published, -half_way / 3, rtol=1e-5)
    assert np.abs(published).max() > 1


def test_the_first_rectangles_never_change():
    masks = rectangles((28, 28), (3, 3), 10, 3, stream(0, "rectangles")).numpy()
    assert [corners(mask) for mask in masks] == [(3, 10, 12, 15), (14, 24, 16, 23), (11, 21, 14, 15)]


# Thresholds without fields


def test_a_class_difference_has_its_threshold_half_way_between_its_rows():
    """Row k is k + 1 at place k and zero elsewhere, so a filter says which two rows it is made of."""
    x, y_N = torch.diag(torch.arange(1.0, 21.0)), torch.arange(20) % 4
    weights = drawn(law("class_differences", thresholds="half_way", gain=2), net_of(x, 300), x, y_N)
    w, bias = weights["hidden1.linear.weight"], weights["hidden1.linear.bias"]
    a, b = w.argmax(1), w.argmin(1)
    distance = np.hypot(a + 1, b + 1)
    np.testing.assert_allclose(w[np.arange(300), a] * (a + 1) + bias, distance, rtol=1e-5)
    np.testing.assert_allclose(w[np.arange(300), b] * (b + 1) + bias, -distance, rtol=1e-5)
    assert np.abs(bias).max() > 1


def test_the_threshold_of_a_convolution_lies_between_two_windows_and_dead_channels_keep_the_bias_that_was_drawn():
    with torch.device("meta"):
        net = Network(OrderedDict(layer=nn.Conv2d(4, 60, 1, groups=2)))
    x, y_N = normal(5, 4, 2, 2), torch.tensor([0, 0, 1, 1, 2])
    x[:, 2:] = 0.7
    half_way = law("class_differences", thresholds="half_way", bias="normal")
    weights = drawn(half_way, net, x, y_N)
    seen = x[:, :2].flatten(2).permute(2, 0, 1).double().numpy()
    for w, bias in zip(weights["layer.weight"][:30].reshape(30, 2), weights["layer.bias"][:30], strict=True):
        response = seen @ w + bias
        opposite = [
            response[place, a] == pytest.approx(-response[place, b], abs=1e-5)
            and response[place, a] == pytest.approx(np.linalg.norm(seen[place, a] - seen[place, b]) / 2, abs=1e-5)
            for place in range(4)
            for a, b in itertools.permutations(range(5), 2)
            if y_N[a] != y_N[b]
        ]
        assert sum(opposite) == 1
    as_drawn = half_way.fill(next(slot for slot in slots(net) if slot.name == "layer.bias"), stream(0, "weights", "layer.bias"))
    np.testing.assert_allclose(weights["layer.bias"][30:], as_drawn[30:], rtol=1e-6)


# The recipe


def test_the_recipe_has_the_published_settings_and_runs_on_the_built_in_digits():
    spec = RunSpec.from_mapping(compose(["conf=rf_elm", "data=mnist"]))
    assert (spec.data.scaling, spec.data.val_share, spec.arch.width, spec.arch.activation) == ("none", 0, 1600, "sigmoid")
    assert (spec.init.rows, spec.init.gain, spec.init.inside) == (60000, 2, "class_differences")
    words = ["conf=rf_elm", "data=digits", "data.scaling=none", "data.val_share=0", "arch.width=60"]
    run = run_one(RunSpec.from_mapping(compose(words)), torch.device("cpu"), data_folder(None))
    assert run.record.metrics["test/accuracy"] > 0.8


# What cannot be done


@pytest.mark.parametrize(
    ("arch", "settings", "message"),
    [
        (
            {"part": "lenet"},
            {},
            "init=receptive_fields is for the first layer of the network, which has to be a linear one on the image. "
            "Use arch=mlp; for convolutions init=class_differences or init=patches.",
        ),
        (
            {"part": "mlp"},
            {"part": "mixed", "rules": ["head*=receptive_fields(thresholds=published)", "*=he"]},
            "init=receptive_fields is for the first layer of the network, which has to be a linear one on the image. "
            "Use arch=mlp; for convolutions init=class_differences or init=patches.",
        ),
        (
            {"part": "resnet", "depth": 8},
            {"part": "class_differences", "thresholds": "half_way", "layers": "first"},
            "init.thresholds=half_way sets biases, but there is none for it beside stem.0.weight. Use init.thresholds=none.",
        ),
        (
            {"part": "mlp"},
            {"part": "mixed", "rules": ["hidden1*weight=receptive_fields(thresholds=half_way)", "*=he"]},
            "init.thresholds=half_way sets biases, but there is none for it beside hidden1.linear.weight. "
            "Use init.thresholds=none.",
        ),
    ],
)
def test_a_network_that_the_law_cannot_fill_is_refused(arch, settings, message):
    net = make_part("arch", arch).build(Task((1, 28, 28), 3))
    with pytest.raises(ConfigError) as caught:
        make_part("init", {"part": "receptive_fields"} | settings).check(net, dict(net.named_parameters()))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (
            normal(6, 4),
            {},
            "init=receptive_fields needs images, but a row of these data has 4 numbers. Use init=class_differences.",
        ),
        (
            normal(6, 5, 2),
            {},
            "init=receptive_fields needs images, but a row of these data has 5 x 2 numbers. Use init=class_differences.",
        ),
        (
            normal(6, 1, 9, 6),
            {"border": 3},
            "init.border=3 leaves nothing of the 9x6 images that the layer of 'hidden1.linear.weight' sees. "
            "Use init.border=2 or less.",
        ),
    ],
)
def test_rows_that_the_law_cannot_use_are_refused(x, settings, message):
    with pytest.raises(ConfigError) as caught:
        hidden(x, 5, **settings)
    assert str(caught.value) == message


def test_rows_of_one_class_are_refused():
    with pytest.raises(ConfigError) as caught:
        hidden(normal(6, 1, 4, 4), 5, torch.full((6,), 3))
    assert str(caught.value) == (
        "init=receptive_fields needs rows of two classes, but the 6 training rows that it looks at are all of class 3. "
        "Use a larger init.rows, or init=patches."
    )
