"""Every measure of a probe on a network, or on numbers, whose answer was constructed or is computed the slow way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from randfeat.init import draw
from randfeat.model import fresh_buffers
from randfeat.network import Network, norm_layers
from randfeat.probe.distances import distances, pairwise, preserved
from randfeat.probe.features import effective_rank, features, participation_ratio, separability
from randfeat.probe.gradients import decades, gradient_histogram, gradient_norms
from randfeat.probe.gram import centred_gram, coordinates, eigenvalues
from randfeat.probe.jacobian import jacobian, jacobians
from randfeat.probe.kernels import composed, kernels, radius
from randfeat.probe.signal import constant_share, cosine, dead_share, moments, signal
from randfeat.probe.spectrum import mean_frequency, radial, spectrum
from randfeat.probe.walk import layout, walk
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

IMAGES = Task((2, 8, 8), 4)


def normal(*shape, seed=0):
    return torch.from_numpy(stream(seed, "test", *map(str, shape)).standard_normal(shape))


def network(part="vgg", task=IMAGES, init="he", **settings):
    net = make_part("arch", {"part": part} | settings).build(task)
    return net, {name: t.double() for name, t in draw(make_part("init", {"part": init}), net, 0).items()}


def linear_chain(*matrices):
    """A network of units without biases that multiply by these matrices, in this order, the last one its head."""
    net, weights = Network(), {}
    for k, matrix in enumerate(matrices):
        name = "head" if k == len(matrices) - 1 else f"layer{k + 1}"
        net.add_module(name, nn.Linear(matrix.shape[1], matrix.shape[0], bias=False, device="meta"))
        weights[f"{name}.weight"] = matrix
    return net, weights


# --- the walk


@pytest.mark.parametrize(("part", "settings"), [("vgg", {"width": 3}), ("resnet", {"depth": 8, "width": 3}), ("wrn", {})])
def test_a_walk_gives_what_the_network_cut_off_after_each_unit_gives(part, settings):
    net, weights = network(part, **settings)
    x = normal(5, *IMAGES.shape)
    seen = dict(walk(net, weights, x))
    assert list(seen) == ["input", *(name for name, _ in net.named_children())]
    for k, unit in enumerate(list(seen)[1:], start=1):
        below = net[:k]
        net.eval()
        for norm in norm_layers(below).values():
            norm.train()
        own = {name: weights[name] for name, _ in below.named_parameters()}
        expected = functional_call(below, own | fresh_buffers(below, x.device, x.dtype), (x,))
        torch.testing.assert_close(seen[unit], expected, rtol=1e-12, atol=1e-12)


def test_a_walk_records_the_statistics_of_the_rows_and_leaves_the_network_as_it_was():
    net, weights = network("mlp", Task((6,), 3), norm="batch", width=8)
    buffers, x = fresh_buffers(net, torch.device("cpu"), torch.float64), normal(40, 6)
    list(walk(net, weights, x, buffers))
    z = x @ weights["hidden1.linear.weight"].T
    torch.testing.assert_close(buffers["hidden1.norm.running_mean"], z.mean(0))
    torch.testing.assert_close(buffers["hidden1.norm.running_var"], z.var(0))
    assert net.get_submodule("hidden1.norm").momentum == 0.1
    assert not any(module.training for module in net.modules())


def test_units_that_work_in_place_change_nothing_above_them():
    """torchvision's resnets overwrite their inputs; the outputs that are kept must not see it."""
    net, weights = network("torchvision", Task((3, 32, 32), 4), name="resnet18")
    x = normal(2, 3, 32, 32)
    copies = [(unit, z, z.clone()) for unit, z in walk(net, weights, x)]
    assert all(torch.equal(z, copy) for _, z, copy in copies)


def test_a_unit_with_weights_is_a_layer_and_one_without_is_none():
    net, _ = network("wrn", depth=10)
    found = layout(net)
    assert found["place/input"] == found["depth/input"] == 0
    units = ["stem", "block1_1", "block2_1", "block3_1", "norm", "pool", "head"]
    assert [found[f"place/{unit}"] for unit in units] == [1, 2, 3, 4, 5, 6, 7]
    assert [found[f"depth/{unit}"] for unit in units] == [1, 2, 3, 4, 4, 4, 5]


# --- signal


def test_moments_are_those_of_all_numbers_together():
    z = 3 + 2 * normal(50, 4, 3)
    found = moments(z.float())
    flat = z.float().double().numpy()
    assert math.isclose(found["mean"], flat.mean(), rel_tol=1e-12)
    assert math.isclose(found["variance"], flat.var(), rel_tol=1e-12)
    assert math.isclose(found["moment"], (flat**2).mean(), rel_tol=1e-12)


def test_growth_is_the_product_of_squared_scales():
    net, weights = linear_chain(2 * torch.eye(4), 0.5 * torch.eye(4), 3 * torch.eye(4))
    found = signal(net, weights, normal(9, 4).float())
    assert [found[f"growth/{unit}"] for unit in ("input", "layer1", "layer2", "head")] == pytest.approx([1, 4, 1, 9])


def test_dead_and_constant_units_are_counted():
    """Of six hidden units two never fire and one always gives its bias."""
    net = make_part("arch", {"part": "mlp", "widths": [6]}).build(Task((3,), 2))
    weights = {name: torch.zeros(t.shape) for name, t in net.named_parameters()}
    weights["hidden1.linear.weight"][:3] = normal(3, 3).float()
    weights["hidden1.linear.bias"][:] = torch.tensor([5.0, 5.0, 5.0, -1.0, 0.0, 2.0])
    found = signal(net, weights, normal(20, 3).float().clamp(-0.5, 0.5))
    assert found["dead/hidden1"] == 2 / 6
    assert found["constant/hidden1"] == 3 / 6
    assert (found["dead/input"], found["dead/head"], found["constant/head"]) == (0, 1, 1)


def test_one_row_that_differs_is_enough_to_be_alive():
    z = torch.zeros(4, 2, 3)
    z[3, 1, 2] = 1
    assert dead_share(z) == constant_share(z) == 5 / 6


def test_cosine_is_the_mean_over_pairs():
    z = normal(12, 5)
    slow = [float(F.cosine_similarity(z[i], z[j], 0)) for i in range(12) for j in range(i)]
    assert math.isclose(cosine(z), np.mean(slow), rel_tol=1e-10)
    assert math.isclose(cosine(torch.cat([z, torch.zeros(3, 5)])), np.mean(slow), rel_tol=1e-10)
    assert math.isnan(cosine(torch.zeros(3, 5)))
    assert cosine(torch.eye(4)) == 0


def test_inputs_come_closer_in_a_relu_net_as_the_arc_cosine_map_says():
    """Cho and Saul 2009: orthogonal rows have cosine 1/pi after one wide He layer, 0.4946 after two."""
    net, weights = network("mlp", Task((32,), 2), widths=[4000, 4000])
    found = signal(net, weights, torch.eye(32).double())

    def after(c):
        return (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi

    assert found["cosine/hidden1"] == pytest.approx(after(0), abs=0.01)
    assert found["cosine/hidden2"] == pytest.approx(after(after(0)), abs=0.02)


# --- gradients


def test_gradient_norms_are_those_of_backpropagation_row_by_row():
    net, weights = network("mlp", Task((5,), 3), depth=2, width=7, activation="tanh")
    x, y_N = normal(6, 5), torch.tensor([0, 1, 2, 0, 1, 1])
    found = gradient_norms(net, weights, x, y_N)
    leaves = {name: t.clone().requires_grad_() for name, t in weights.items()}
    F.cross_entropy(functional_call(net, leaves, (x,)), y_N).backward()
    own = [leaves[f"hidden2.linear.{kind}"].grad.norm() for kind in ("weight", "bias")]
    assert found["weight_gradient/hidden2"] == pytest.approx(math.hypot(*own))
    squares = []
    for row, label in zip(x, y_N, strict=True):
        z = row.clone().requires_grad_()
        F.cross_entropy(functional_call(net, weights, (z[None],)), label[None]).backward()
        squares.append(float(z.grad.square().sum()))
    assert found["output_gradient/input"] == pytest.approx(math.sqrt(np.mean(squares)))
    assert "weight_gradient/flatten" not in found
    assert found["output_gradient/flatten"] == found["output_gradient/input"]


def test_a_layer_that_does_not_see_the_loss_has_gradient_zero():
    net, weights = network("mlp", Task((5,), 3))
    weights["head.weight"] *= 0
    found = gradient_norms(net, weights, normal(6, 5), torch.tensor([0, 1, 2, 0, 1, 1]))
    assert found["weight_gradient/hidden1"] == 0 < found["weight_gradient/head"]


def test_entries_fall_into_their_decades():
    entries = torch.tensor([0.0, 1e-13, -2e-12, 0.011, -0.099, 0.1, 1.0, 9.9, 10.0, -99.0, 100.0, 1e30, math.nan])
    found = {k: count for k, count in decades(entries).items() if count}
    assert found == {-13: 2, -12: 1, -2: 2, -1: 1, 0: 2, 1: 2, 2: 2}


def test_a_histogram_counts_every_entry_of_a_unit_s_weights():
    net, weights = network(width=2)
    found = gradient_histogram(net, weights, normal(8, *IMAGES.shape), torch.arange(8) % 4)
    for unit in ("block1_1", "head"):
        own = sum(t.numel() for name, t in weights.items() if name.startswith(f"{unit}."))
        assert sum(value for name, value in found.items() if name.endswith(f"/{unit}")) == own


# --- Jacobian


def test_the_jacobian_of_a_linear_chain_is_the_product_of_what_lies_above():
    A, B, C = normal(5, 4), normal(6, 5), normal(3, 6)
    net, weights = linear_chain(A, B, C)
    found = dict(jacobians(net, weights, normal(2, 4), {}, 3))
    for unit, expected in (("input", C @ B @ A), ("layer1", C @ B), ("layer2", C), ("head", torch.eye(3).double())):
        torch.testing.assert_close(found[unit], expected.expand(2, -1, -1))
    readings, s = jacobian(net, weights, normal(2, 4)), torch.linalg.svdvals(C @ B @ A)
    assert readings["jacobian_square/input"] == pytest.approx(float((C @ B @ A).square().mean()))
    assert readings["jacobian_fourth/input"] == pytest.approx(float((C @ B @ A).pow(4).mean()))
    assert readings["singular_square/input"] == pytest.approx(float(s.square().mean()))
    assert readings["singular_largest/input"] == pytest.approx(float(s[0]))
    assert readings["singular_smallest/input"] == pytest.approx(float(s[-1]))
    assert readings["condition/input"] == pytest.approx(float(s[0] / s[-1]))


@pytest.mark.parametrize(("part", "settings"), [("vgg", {"width": 3}), ("resnet", {"depth": 8, "width": 2})])
def test_the_jacobian_is_torch_s_own_with_the_statistics_of_the_rows_held_fixed(part, settings):
    net, weights = network(part, **settings)
    x = normal(6, *IMAGES.shape)
    buffers = fresh_buffers(net, x.device, x.dtype)
    list(walk(net, weights, x, buffers))
    *_, (unit, J) = jacobians(net, weights, x, buffers, 4)
    net.eval()
    slow = [
        torch.autograd.functional.jacobian(lambda z: functional_call(net, weights | buffers, (z[None],))[0], row) for row in x
    ]
    assert unit == "input"
    torch.testing.assert_close(J, torch.stack(slow).flatten(2), rtol=1e-8, atol=1e-10)


def test_of_more_scores_than_are_looked_at_the_first_count():
    net, weights = linear_chain(normal(5, 4), normal(6, 5), normal(3, 6))
    whole, some = (dict(jacobians(net, weights, normal(2, 4), {}, n))["input"] for n in (3, 2))
    assert torch.equal(some, whole[:, :2])
    assert not torch.equal(some, whole[:, 1:])


def test_an_overflowing_jacobian_has_no_numbers():
    net, weights = linear_chain(torch.full((3, 3), 1e30), torch.full((3, 3), 1e30))
    assert math.isnan(jacobian(net, weights, normal(2, 3).float())["singular_largest/input"])


# --- features and distances


def with_covariance(values, n=40, d=7):
    """Rows whose covariance (divided by n) has exactly these eigenvalues, and d - len(values) zeros; any mean."""
    centred = normal(n, len(values)) - normal(n, len(values)).mean(0)
    frame, _ = torch.linalg.qr(centred)
    turn, _ = torch.linalg.qr(normal(d, d, seed=1))
    spread = frame * (n * torch.tensor(values, dtype=torch.float64)).sqrt()
    return spread @ turn[:, : len(values)].T + normal(d, seed=2)


def test_effective_rank_and_participation_of_a_constructed_covariance():
    """Shares 1/2, 1/4, 1/8, 1/8 have an entropy of 1.75 bits; (4+2+1+1)**2 / (16+4+1+1) = 64/22."""
    values = eigenvalues(centred_gram(with_covariance([4.0, 2.0, 1.0, 1.0])))
    np.testing.assert_allclose(values[-4:], [1, 1, 2, 4], rtol=1e-9)
    assert effective_rank(values) == pytest.approx(2**1.75, rel=1e-6)
    assert participation_ratio(values) == pytest.approx(64 / 22, rel=1e-6)


def test_rows_that_are_all_the_same_have_rank_zero():
    values = eigenvalues(centred_gram(torch.ones(5, 3)))
    assert effective_rank(values) == participation_ratio(values) == 0


def test_coordinates_have_the_distances_of_the_rows():
    z = normal(9, 30)
    gram = centred_gram(z)
    np.testing.assert_allclose(pairwise(gram), torch.pdist(z).numpy(), rtol=1e-10)
    np.testing.assert_allclose(pairwise(coordinates(gram) @ coordinates(gram).T), torch.pdist(z).numpy(), rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_separability_is_one_where_a_line_parts_the_classes_whatever_the_scale(scale):
    y_N = torch.arange(200) % 2
    z = normal(200, 30)
    z[:, 0] += 20.0 * y_N
    assert separability(centred_gram(scale * z), y_N.numpy()) == 1


def test_separability_of_labels_by_chance_is_chance():
    """The accuracy on 1,000 held-out rows has a standard error of 0.016."""
    y_N = stream(0, "labels").integers(0, 2, 2000)
    assert separability(centred_gram(normal(2000, 10)), y_N) == pytest.approx(0.5, abs=4 * 0.016)


def test_the_first_half_of_the_rows_needs_two_classes():
    assert math.isnan(separability(centred_gram(normal(6, 2)), np.array([1, 1, 1, 0, 0, 0])))


def test_features_of_the_input_and_of_a_map_that_keeps_one_direction():
    direction = normal(1, 6)
    net, weights = linear_chain(direction.T @ direction, normal(2, 6))
    found = features(net, weights, normal(60, 6), torch.arange(60) % 2)
    assert found["rank/layer1"] == pytest.approx(1, abs=1e-6)
    assert found["participation/layer1"] == pytest.approx(1, abs=1e-6)
    assert 5 < found["rank/input"] <= 6


def test_an_orthogonal_map_keeps_all_distances():
    turn, _ = torch.linalg.qr(normal(10, 10))
    net, weights = linear_chain(3 * turn, normal(2, 10))
    found = distances(net, weights, normal(30, 10))
    assert found["distance_pearson/layer1"] == pytest.approx(1, abs=1e-12)
    assert found["distance_spearman/layer1"] == pytest.approx(1, abs=1e-12)
    assert found["distance_ratio/layer1"] == pytest.approx(math.log(3), abs=1e-12)
    assert found["distance_ratio/input"] == 0
    assert found["distance_pearson/head"] < 0.9


def test_distances_that_keep_their_order_alone_have_rank_correlation_one():
    before = np.array([1.0, 2.0, 3.0, 4.0])
    found = preserved(before, np.exp(before))
    assert found["distance_spearman"] == 1
    assert found["distance_pearson"] == pytest.approx(np.corrcoef(before, np.exp(before))[0, 1])
    assert found["distance_ratio"] == pytest.approx((before - np.log(before)).mean())
    flat = preserved(before, np.zeros(4))
    assert all(math.isnan(value) for value in flat.values())


# --- spectra and kernels


def sinusoid(v, h, n=16):
    row, column = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    return torch.cos(2 * math.pi * (v * row + h * column) / n + 0.3).double()


@pytest.mark.parametrize(("v", "h"), [(3, 0), (0, 5), (3, 4), (8, 8)])
def test_the_spectrum_of_a_sinusoid_lies_on_its_ring_alone(v, h):
    net = Network()
    net.add_module("head", nn.Flatten())
    found = spectrum(net, {}, sinusoid(v, h)[None, None])
    length = math.hypot(v, h) / 16
    ring = f"power@{round(16 * length) / 16:g}/input"
    others = [value for name, value in found.items() if name.startswith("power@") and name != ring]
    lengths = [round(math.hypot(a, b)) for a in range(-8, 8) for b in range(-8, 8)]
    assert found[ring] == pytest.approx(255 / lengths.count(round(16 * length)))
    assert max(others) < 1e-10
    assert found["frequency/input"] == pytest.approx(length)


def test_white_noise_has_power_one_on_every_ring_and_the_sum_of_a_map_is_ring_zero():
    power = torch.fft.fft2(normal(4000, 8, 8)).abs().square().mean(0)
    found = radial(power)
    assert all(value == pytest.approx(1, abs=4 * math.sqrt(2 / 4000)) for value in found.values())
    flat = radial(torch.fft.fft2(normal(10, 8, 8) + 5).abs().square().mean(0))
    assert flat["power@0"] > 100
    lengths = [math.hypot(a, b) / 8 for a in range(-4, 4) for b in range(-4, 4)]
    assert mean_frequency(power) == pytest.approx(sum(lengths) / 63, abs=0.005)


def test_a_kernel_composed_of_layers_is_what_the_layers_do_to_a_point():
    filters = [normal(4, 2, 3, 3), normal(3, 4, 5, 5), normal(2, 3, 3, 3)]
    kernel = composed(filters)
    assert kernel.shape == (2, 2, 9, 9)
    for channel in range(2):
        z = torch.zeros(1, 2, 17, 17).double()
        z[0, channel, 8, 8] = 1
        for bank in filters:
            z = F.conv2d(z, bank, padding=bank.shape[-1] // 2)
        torch.testing.assert_close(kernel[:, channel].flip(1, 2), z[0, :, 4:13, 4:13])


def test_kernels_of_points_and_of_rings_have_known_radii_and_peaks():
    point = torch.zeros(1, 15, 15).double()
    point[0, 7, 7] = 3
    assert radius(point) == 0
    corner = torch.zeros(1, 15, 15).double()
    corner[0, 0, 0] = -2
    assert radius(corner) == pytest.approx(7 * math.sqrt(2))

    def draw_points(name, shape):
        bank = torch.zeros(shape)
        bank[..., shape[-1] // 2, shape[-1] // 2] = 1
        return bank

    found = kernels(draw_points)
    for unit in ("one_15x15", "seven_3x3"):
        assert found[f"kernel_radius/{unit}"] == pytest.approx(0, abs=1e-6)
        assert found[f"kernel_peak/{unit}"] == pytest.approx(2 / 225)
        assert found[f"kernel_power@0.5/{unit}"] == pytest.approx(1)
