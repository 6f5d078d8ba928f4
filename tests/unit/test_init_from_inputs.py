"""Laws that look at what a layer sees: what they are shown, and what they make of it."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from randfeat.errors import ConfigError
from randfeat.init import NOTHING, AbstractFromInputs, Sources, draw
from randfeat.init.from_inputs import Inputs, one_thread
from randfeat.init.whitened_patches import centred_and_root
from randfeat.init.windows import Windows
from randfeat.network import Network, norm_layers, slots
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Examples, Task

ARCHES = {
    "mlp": {"part": "mlp", "depth": 3, "width": 20, "norm": "batch"},
    "lenet": {"part": "lenet"},
    "vgg": {"part": "vgg", "depth": 11, "width": 3},
    "resnet": {"part": "resnet", "depth": 8, "width": 4},
    "wrn": {"part": "wrn", "depth": 10},
    "torchvision": {"part": "torchvision", "name": "resnet18"},
    "depthwise": {"part": "torchvision", "name": "mobilenet_v3_small"},
    "tokens": {"part": "torchvision", "name": "swin_v2_t"},
}
TASK = Task((3, 16, 16), 4)


def law(part, **settings):
    return make_part("init", {"part": part} | settings)


def normal(*shape, name="rows"):
    return torch.from_numpy(stream(0, name).standard_normal(shape).astype(np.float32))


def showing(x, y_N=None):
    """Sources with these rows and nothing else."""
    y_N = torch.arange(len(x)) % 4 if y_N is None else y_N
    return Sources(lambda n: Examples(x[:n], y_N[:n]), NOTHING.recall, NOTHING.folder)


def one_layer(layer):
    """A network of this layer alone."""
    with torch.device("meta"):
        return Network(OrderedDict(layer=layer()))


def filters(part, layer, x, y_N=None, seed=0, **settings):
    """The weight that the law gives a single layer that sees these rows, as (filters, d) in float64."""
    weight = draw(law(part, **settings), one_layer(layer), seed, showing(x, y_N))["layer.weight"]
    return weight.flatten(1).double().numpy()


def really(net, weights, x):
    """Layer name -> (input, output) in a plain forward pass of a copy with real numbers; norm layers use the rows'."""
    constants = {name: buffer for name, buffer in net.named_buffers() if not buffer.is_meta}
    real = net.to_empty(device="cpu").eval()
    real.load_state_dict(weights | constants, strict=False)
    for norm in norm_layers(real).values():
        norm.train()
    seen = {}

    def look(name):
        def hook(layer, args, output):
            seen[name] = args[0].clone(), output.clone()

        return hook

    for slot in slots(real):
        if isinstance(slot.layer, nn.Linear | nn.Conv2d) and slot.name.endswith("weight"):
            slot.layer.register_forward_hook(look(slot.name))
    with torch.no_grad():
        real(x)
    return seen


@dataclass(frozen=True, kw_only=True)
class Looking(AbstractFromInputs):
    """Writes down what it is shown, and gives Gaussian weights of variance 2 / d, and biases if it is to."""

    biases: bool = False

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "shown", {})

    def weight(self, shape, stream):
        return stream.standard_normal(shape) / math.sqrt(shape[-1])

    def refill(self, slot, drawn, inputs, stream):
        self.shown[slot.name] = inputs.x.clone()
        weight = torch.from_numpy(stream.standard_normal(slot.shape)) * math.sqrt(2 / math.prod(slot.shape[1:]))
        return {"weight": weight} | ({"bias": weight.flatten(1)[:, 0]} if self.biases else {})


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("arch", ARCHES)
def test_a_layer_is_shown_what_it_sees_in_a_plain_forward_pass_of_the_finished_network(arch, biases):
    task = Task((3, 32, 32), 4) if arch == "tokens" else TASK
    net, x, looking = make_part("arch", ARCHES[arch]).build(task), normal(6, *task.shape), Looking(biases=biases)
    weights = draw(looking, net, 0, showing(x))
    seen = really(net, weights, x)
    assert looking.shown.keys() == {name for name, (x_seen, _) in seen.items() if len(x_seen) == 6} - {"head.weight"}
    for name, shown in looking.shown.items():
        torch.testing.assert_close(shown, seen[name][0], rtol=1e-4, atol=1e-4 * float(shown.abs().max()))


def test_a_bias_is_as_given_where_the_law_may_change_it_and_as_drawn_elsewhere():
    """Asked of the law itself, since a rule of init=mixed may leave it any of a layer's tensors."""
    net, sources = make_part("arch", ARCHES["mlp"]).build(Task((5,), 4)), showing(normal(40, 5))
    looking = Looking(biases=True, bias="normal")
    drawn = {slot.name: torch.from_numpy(looking.fill(slot, stream(0, slot.name))).float() for slot in slots(net)}
    every = [name for name in drawn if "linear" in name]
    fresh = looking.adapt(net, drawn, every, 0, sources)
    assert sorted(fresh) == sorted(every)
    for name in every:
        if name.endswith("bias"):
            torch.testing.assert_close(fresh[name], fresh[name.replace("bias", "weight")][:, 0], rtol=0, atol=0)
    left = looking.adapt(net, drawn, [name for name in every if name != "hidden1.linear.bias"], 0, sources)
    assert sorted(left) == sorted(set(every) - {"hidden1.linear.bias"})
    assert torch.equal(left["hidden1.linear.weight"], fresh["hidden1.linear.weight"])
    z = F.linear(normal(40, 5), left["hidden1.linear.weight"], drawn["hidden1.linear.bias"])
    expected = F.relu(F.batch_norm(z, None, None, training=True))
    torch.testing.assert_close(looking.shown["hidden2.linear.weight"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "seen"), [((1, 2, 3), (1, 2, 3)), ((6,), None)])
def test_the_layer_that_sees_the_images_of_the_data_and_no_other_is_told_their_shape(shape, seen):
    shapes = {}

    class Asking(Looking):
        def refill(self, slot, drawn, inputs, stream):
            shapes[slot.name] = inputs.image
            return super().refill(slot, drawn, inputs, stream)

    net = make_part("arch", {"part": "mlp", "widths": [6, 6]}).build(Task(shape, 4))
    draw(Asking(), net, 0, showing(normal(20, *shape)))
    assert shapes == {"hidden1.linear.weight": seen, "hidden2.linear.weight": None}


def test_nothing_is_computed_after_the_last_layer_that_is_filled():
    class Refusing(nn.Module):
        def forward(self, x):
            raise AssertionError("computed")

    with torch.device("meta"):
        net = Network(OrderedDict(first=nn.Sequential(nn.Linear(4, 3), Refusing())))
    looking = Looking()
    draw(looking, net, 0, showing(normal(6, 4)))
    assert list(looking.shown) == ["first.0.weight"]


def test_zeroed_branches_are_zero_in_what_later_layers_see_and_stay_so():
    net, x, looking = make_part("arch", ARCHES["wrn"]).build(TASK), normal(6, *TASK.shape), Looking(branches="zero")
    weights = draw(looking, net, 0, showing(x))
    ends = {name: weights[name] for name in weights if name.endswith("conv2.weight")}
    assert len(ends) == 3
    assert not any(tensor.any() for tensor in ends.values())
    assert looking.shown.keys().isdisjoint(ends)
    stem = F.conv2d(x, weights["stem.weight"], padding=1)
    a = F.relu(F.batch_norm(stem, None, None, training=True))
    shortcut = F.conv2d(a, weights["block1_1.shortcut.weight"]) if "block1_1.shortcut.weight" in weights else stem
    b = F.relu(F.batch_norm(shortcut, None, None, training=True))
    torch.testing.assert_close(looking.shown["block2_1.conv1.weight"], b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", ["patches", "lsuv"])
def test_the_first_layer_alone_is_filled_and_the_others_are_as_drawn(part):
    net, sources = make_part("arch", ARCHES["mlp"]).build(Task((5,), 4)), showing(normal(40, 5))
    one = law(part, layers="first")
    weights, everything = draw(one, net, 0, sources), draw(law(part), net, 0, sources)
    for name in ("hidden2.linear.weight", "hidden3.linear.weight", "head.weight"):
        plain = torch.from_numpy(one.weight(tuple(weights[name].shape), stream(0, "weights", name)))
        assert torch.equal(weights[name], plain)
        assert torch.equal(weights[name], everything[name]) == (name == "head.weight" and part == "patches")
    assert torch.equal(weights["hidden1.linear.weight"], everything["hidden1.linear.weight"])


@pytest.mark.parametrize("part", ["class_differences", "kmeans_patches", "lsuv", "patches", "whitened_patches"])
@pytest.mark.parametrize("arch", ["mlp", "lenet", "vgg", "resnet", "wrn"])
def test_threads_show_in_no_layer_and_their_number_is_left_as_it_was(part, arch):
    net, sources = make_part("arch", ARCHES[arch]).build(TASK), showing(normal(150, *TASK.shape))
    before, weights = torch.get_num_threads(), []
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            with threadpool_limits(limits=n):
                weights.append(draw(law(part), net, 0, sources))
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_one_thread_is_one_in_every_library_and_none_keeps_it():
    with threadpool_limits(limits=3):
        with one_thread():
            within = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
        after = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert set(within.values()) == {1}
    assert set(after.values()) == {3}


# LSUV


def variances(net, weights, x):
    return {name: float(output.var(correction=0)) for name, (_, output) in really(net, weights, x).items()}


@pytest.mark.parametrize("arch", ["mlp", "vgg"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bias", ["zero", "normal"])
def test_lsuv_gives_every_layer_of_a_deep_network_an_output_of_variance_1(arch, activation, bias):
    settings = {"mlp": {"depth": 15, "width": 50, "norm": "none"}, "vgg": {"depth": 11, "width": 4, "norm": "none"}}[arch]
    task = Task((30,), 4) if arch == "mlp" else Task((3, 8, 8), 4)
    x = 3 * normal(300, *task.shape)

    def build():
        return make_part("arch", {"part": arch, "activation": activation} | settings).build(task)

    orthogonal = variances(build(), draw(law("orthogonal", bias=bias), build(), 0), x)
    assert sum(abs(variance - 1) > 0.3 for variance in orthogonal.values()) > 5
    lsuv = variances(build(), draw(law("lsuv", bias=bias), build(), 0, showing(x)), x)
    assert "head.weight" in lsuv
    assert len(lsuv) == (16 if arch == "mlp" else 9)
    assert max(abs(variance - 1) for variance in lsuv.values()) < 0.01


def test_lsuv_scales_an_orthonormal_weight():
    w = filters("lsuv", lambda: nn.Linear(20, 8), 5 * normal(200, 20))
    gram = w @ w.T
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(8), atol=1e-6)
    assert gram[0, 0] == pytest.approx(1 / 25, rel=0.1)


def test_lsuv_stops_when_its_divisions_are_used_up():
    """Biases of variance 4 cannot be scaled away: each division by the deviation, 2 or more, only shrinks the weight."""
    x = normal(200, 20)
    once, twice = (
        filters("lsuv", lambda: nn.Linear(20, 80), x, bias="normal", bias_std=2, iterations=n).ravel() for n in (1, 2)
    )
    ratio = twice @ once / (once @ once)
    np.testing.assert_allclose(twice, ratio * once, rtol=1e-5)
    assert 0.3 < ratio < 0.6


# Windows


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((2, 7, 6), {"kernel_size": 3}),
        ((2, 7, 6), {"kernel_size": (2, 4), "padding": 1, "stride": 2}),
        ((4, 9, 9), {"kernel_size": 3, "dilation": (2, 3), "padding": 5}),
        ((6, 5, 5), {"kernel_size": 3, "groups": 3, "padding": 1}),
    ],
)
def test_windows_are_those_of_unfold_within_the_map(shape, settings):
    x = normal(5, *shape)
    net = one_layer(lambda: nn.Conv2d(shape[0], 12, **settings))
    slot = slots(net)[0]
    unfolded = F.unfold(x, settings["kernel_size"], dilation=settings.get("dilation", 1)).mT
    groups = settings.get("groups", 1)
    for group in range(groups):
        windows = Windows(slot, Inputs(x, torch.arange(5)), group)
        d = unfolded.shape[2] // groups
        assert windows.n_places == unfolded.shape[1]
        everything = windows.at(torch.arange(len(windows)))
        assert torch.equal(everything, unfolded[..., group * d : (group + 1) * d].flatten(0, 1).double())
        assert bool((windows.inside(torch.arange(len(windows))) == 1).all())


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_a_map_smaller_than_the_kernel_is_padded_along_the_axis_where_it_is(mode):
    x = normal(4, 2, 5, 2)
    slot = slots(one_layer(lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode=mode)))[0]
    windows = Windows(slot, Inputs(x, torch.arange(4)))
    padded = F.pad(x, (1, 1, 0, 0), mode="constant" if mode == "zeros" else mode)
    index = torch.arange(len(windows))
    assert torch.equal(windows.at(index), F.unfold(padded, 3).mT.flatten(0, 1).double())
    inside = F.pad(torch.ones(4, 2, 5, 2), (1, 1, 0, 0)) if mode == "zeros" else torch.ones(4, 2, 5, 4)
    assert torch.equal(windows.inside(index), F.unfold(inside, 3).mT.flatten(0, 1).double())


# Patches


def centred_and_scaled(window, gain=1.0):
    centred = np.asarray(window, dtype=np.float64).ravel()
    centred = centred - centred.mean()
    return gain * centred / np.linalg.norm(centred)


def assert_same_rows(found, expected, atol=1e-6):
    """The same rows in any order, each as often."""
    assert found.shape == expected.shape
    distance = np.abs(found[:, None] - expected[None]).max(2)
    pairs = distance.argmin(1)
    assert sorted(pairs) == list(range(len(expected)))
    np.testing.assert_allclose(found, expected[pairs], atol=atol)


def test_patches_of_a_known_image_are_all_its_patches_each_once():
    image = np.arange(16.0).reshape(4, 4) ** 2
    images = np.stack([image, np.sin(image), np.cos(image)])
    windows = [img[i : i + 2, j : j + 3] for img in images for i in range(3) for j in range(2)]
    expected = np.stack([centred_and_scaled(window, gain=1.5) for window in windows])
    x = torch.from_numpy(images).float()[:, None]
    found = filters("patches", lambda: nn.Conv2d(1, 18, (2, 3), padding=1, stride=2), x, gain=1.5)
    assert_same_rows(found, expected)
    np.testing.assert_allclose((found**2).mean(1), 1.5**2 / 6, rtol=1e-6)


def test_patches_of_a_linear_layer_are_rows_and_of_tokens_tokens():
    x = normal(10, 7)
    assert_same_rows(filters("patches", lambda: nn.Linear(7, 10), x), np.stack([centred_and_scaled(row) for row in x]))
    tokens = x.reshape(2, 5, 7)
    assert_same_rows(filters("patches", lambda: nn.Linear(7, 10), tokens), np.stack([centred_and_scaled(row) for row in x]))


def test_constant_patches_are_passed_over_and_the_others_come_again_in_turn():
    x = torch.zeros(3, 1, 6, 6) + torch.tensor([0.0, 1.0, 7.3]).view(-1, 1, 1, 1)
    x[1, 0, 0, 0], x[2, 0, 5, 5] = 2.0, -4.0
    corners = np.stack([centred_and_scaled([1, 0, 0, 0]), centred_and_scaled([0, 0, 0, -1])])
    found = filters("patches", lambda: nn.Conv2d(1, 7, 2), x)
    assert_same_rows(found[:2], corners)
    np.testing.assert_array_equal(found[2:], found[[0, 1, 0, 1, 0]])


def test_of_a_map_smaller_than_the_kernel_the_mean_is_taken_within_the_map():
    x = normal(6, 3, 1, 1)
    found = filters("patches", lambda: nn.Conv2d(3, 6, 3, padding=1), x).reshape(6, 3, 3, 3)
    assert_same_rows(found[:, :, 1, 1], np.stack([centred_and_scaled(row) for row in x]))
    found[:, :, 1, 1] = 0
    assert not found.any()


def test_a_filter_of_a_grouped_convolution_is_a_patch_of_its_channels_and_of_dead_ones_as_drawn():
    x = normal(50, 6, 3, 3)
    x[:, 2:4] = 0.7
    found = filters("patches", lambda: nn.Conv2d(6, 150, 3, groups=3, padding=1), x)
    for rows, channels in ((found[:50], x[:, :2]), (found[100:], x[:, 4:])):
        assert_same_rows(rows, np.stack([centred_and_scaled(row) for row in channels]))
    gaussian = law("patches").weight((150, 2, 3, 3), stream(0, "weights", "layer.weight")).reshape(150, 18)
    np.testing.assert_array_equal(found[50:100], gaussian[50:100].astype(np.float64))


# Class differences


def test_a_class_difference_is_one_row_less_another_of_another_class():
    """Row k is the k-th unit vector, so a filter says which two rows it is made of: positive at one, negative at the other."""
    y_N = torch.tensor([0] * 10 + [1] * 30 + [2] * 20)
    n = 3000
    found = filters("class_differences", lambda: nn.Linear(60, n), torch.eye(60), y_N, gain=2)
    a, b = found.argmax(1), found.argmin(1)
    expected = np.zeros((n, 60))
    expected[np.arange(n), a], expected[np.arange(n), b] = math.sqrt(2), -math.sqrt(2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    classes = y_N.numpy()
    assert (classes[a] != classes[b]).all()
    from_a, from_b = np.bincount(classes[a], minlength=3) / n, np.bincount(classes[b], minlength=3) / n
    of_class = np.array([10, 30, 20]) / 60
    of_others = [sum(of_class[j] * of_class[k] / (1 - of_class[j]) for j in range(3) if j != k) for k in range(3)]
    np.testing.assert_array_less(np.abs(from_a - of_class), 4 * np.sqrt(of_class / n))
    np.testing.assert_array_less(np.abs(from_b - of_others), 4 * np.sqrt(np.array(of_others) / n))


def test_the_two_ends_of_a_class_difference_lie_at_the_same_place():
    """Row k lights channel k with a brightness that says the place: only at one place do a and b weigh the same."""
    x = torch.zeros(8, 8, 3, 3)
    for k in range(8):
        x[k, k] = torch.arange(1, 10).view(3, 3)
    found = np.sort(filters("class_differences", lambda: nn.Conv2d(8, 200, 1), x), axis=1)
    np.testing.assert_allclose(found[:, -1], math.sqrt(1 / 2), atol=1e-6)
    np.testing.assert_allclose(found[:, 0], -math.sqrt(1 / 2), atol=1e-6)


def test_pairs_that_do_not_differ_are_passed_over():
    """All rows agree but for one pixel of the last, so all 1x1 differences but those at that pixel are zero."""
    x = normal(1, 2, 3, 3).repeat(4, 1, 1, 1)
    x[3, :, 2, 2] += torch.tensor([3.0, 4.0])
    found = filters("class_differences", lambda: nn.Conv2d(2, 30, 1), x)
    np.testing.assert_allclose(np.abs(found), np.tile([0.6, 0.8], (30, 1)), atol=1e-6)


# k-means


def test_the_centroids_of_well_separated_clusters_are_their_means():
    centres, which = normal(6, 40, name="centres"), torch.arange(180) % 6
    x = 10 * centres[which] + 0.5 * normal(180, 40)
    x_ND = np.stack([centred_and_scaled(row) for row in x])
    means = np.stack([x_ND[which == k].mean(0) for k in range(6)])
    expected = 3 * means / np.linalg.norm(means, axis=1, keepdims=True)
    for seed in range(3):
        assert_same_rows(filters("kmeans_patches", lambda: nn.Linear(40, 6), x, seed=seed, gain=3), expected)


def test_k_means_clusters_the_channels_of_each_group():
    """Group 0 sees three kinds of patches, group 1 three others; 2x2 images, so that a row is a patch."""
    kinds = normal(2, 3, 4, name="kinds")
    which = torch.from_numpy(stream(0, "which").integers(3, size=(100, 2)))
    x = torch.stack([kinds[g][which[:, g]] for g in range(2)], dim=1).reshape(100, 2, 2, 2)
    found = filters("kmeans_patches", lambda: nn.Conv2d(2, 6, 2, groups=2), x + 1e-4 * normal(100, 2, 2, 2))
    for g in range(2):
        expected = np.stack([centred_and_scaled(kind) for kind in kinds[g]])
        assert_same_rows(found[3 * g : 3 * g + 3], expected, atol=1e-3)


# Whitening


@pytest.mark.parametrize("n_rows", [500, 12])
def test_whitened_rows_have_the_identity_for_their_covariance(n_rows):
    """On as many dimensions as the rows fill: all 20, or the 11 that 12 rows less their mean span."""
    x = torch.from_numpy(stream(0, "rows").standard_normal((n_rows, 20)) @ stream(0, "mix").standard_normal((20, 20)) + 5)
    centred, root = centred_and_root(x, 1e-12)
    z = root(centred).numpy()
    covariance = z.T @ z / n_rows
    if n_rows == 500:
        np.testing.assert_allclose(covariance, np.eye(20), atol=1e-6)
    else:
        np.testing.assert_allclose(np.linalg.eigvalsh(covariance), [0] * 9 + [1] * 11, atol=1e-6)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("n_rows", [60, 15])
def test_whitened_patches_are_the_patches_times_the_damped_root_of_the_inverse_covariance(power, n_rows):
    from scipy.linalg import sqrtm

    x = normal(n_rows, 20) @ normal(20, 20, name="mix")
    p_ND = np.stack([centred_and_scaled(row) for row in x])
    cov = np.cov(p_ND.T, bias=True)
    inverse = np.linalg.inv(cov + 0.3 * np.trace(cov) / 20 * np.eye(20))
    root = sqrtm(inverse).real
    expected = (p_ND - p_ND.mean(0)) @ root
    expected *= 2 / np.linalg.norm(expected, axis=1, keepdims=True)
    if power == 2:  # the response is that of this filter to the window times the root
        expected = expected @ root / np.sqrt(20)
    found = filters("whitened_patches", lambda: nn.Linear(20, n_rows), x, epsilon=0.3, power=power, gain=2)
    assert_same_rows(found, expected, atol=1e-5)


# What cannot be done


@pytest.mark.parametrize(
    ("part", "x", "y_N", "message"),
    [
        (
            "kmeans_patches",
            normal(3, 4)[[0, 1, 2, 2, 1, 0]],
            None,
            "init=kmeans_patches makes 5 filters of 'layer.weight' the centres of as many clusters, but finds only 3 different "
            "patches. Use a larger init.rows, init.layers=first, or init=patches.",
        ),
        (
            "class_differences",
            normal(6, 4),
            torch.full((6,), 3),
            "init=class_differences needs rows of two classes, but the 6 training rows that it looks at are all of class 3. "
            "Use a larger init.rows, or init=patches.",
        ),
        (
            "lsuv",
            normal(1, 4),
            None,
            "init=lsuv looks at two training rows or more, and there is 1. Use init=he.",
        ),
        (
            "patches",
            normal(1, 4).repeat(6, 1),
            None,
            "the layer of 'layer.weight' sees the same in all 6 rows, so init=patches cannot fill it. "
            "Use init.layers=first, or init=he.",
        ),
        (
            "whitened_patches",
            normal(6, 4) / torch.tensor([1.0, 1, 1, 0]),
            None,
            "the layer of 'layer.weight' sees numbers that are not finite, so init=whitened_patches cannot fill it. "
            "Use init.layers=first, or init=he.",
        ),
    ],
)
def test_errors_name_the_tensor_and_what_would_work(part, x, y_N, message):
    with pytest.raises(ConfigError) as caught:
        filters(part, lambda: nn.Linear(4, 5), x, y_N)
    assert str(caught.value) == message
