"""Weights of which some rows train: the gradient is that of the whole, row for row, and no other row's is formed."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from randfeat.init import draw
from randfeat.model import Model
from randfeat.partial import PartlyTrained
from randfeat.registry import make_part
from randfeat.split import split
from randfeat.typing import Task

RUN, SCATTERED = torch.tensor([2, 3, 4]), torch.tensor([5, 0, 3])
PRODUCTS = {
    "plain": ((4, 3, 9, 8), (6, 3, 3, 3), {}),
    "stride": ((4, 3, 9, 8), (6, 3, 3, 3), {"stride": 2, "padding": 1}),
    "padding": ((4, 3, 9, 8), (6, 3, 3, 2), {"padding": (2, 0)}),
    "dilation": ((4, 3, 9, 8), (6, 3, 3, 3), {"dilation": (2, 1), "padding": 2, "stride": (1, 2)}),
    "same": ((4, 3, 9, 8), (6, 3, 3, 3), {"padding": "same", "dilation": 2}),
    "groups": ((4, 4, 9, 8), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    "one image": ((3, 9, 8), (6, 3, 3, 3), {"padding": 1}),
    "linear": ((7, 5), (6, 5), None),
    "sequences": ((4, 7, 5), (6, 5), None),
    "one row": ((5,), (6, 5), None),
}


def product(x, weight, bias, settings):
    return F.linear(x, weight, bias) if settings is None else F.conv2d(x, weight, bias, **settings)


def numbers(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def loss_of(y):
    """Unequal weights for all outputs, and a curvature, so that no two entries of a gradient are the same by symmetry."""
    return (y.double().square() * torch.linspace(0.5, 1.5, y.numel(), dtype=torch.float64).view(y.shape)).sum()


def gradients(x_shape, w_shape, settings, choices, *, x_trains=True, dtype=torch.float64):
    """Of x and of each tensor, by the layers' way; and with everything trained whole, the rows taken afterwards."""
    weights = {"weight": numbers(*w_shape, dtype=dtype), "bias": numbers(w_shape[0], dtype=dtype)}
    halves = split(weights, choices)
    x = numbers(*x_shape, dtype=dtype).requires_grad_(x_trains)
    trained = {name: tensor.clone().requires_grad_() for name, tensor in halves.trained.items()}
    merged = halves.merge_for_layers(trained)
    y = product(x, merged["weight"], merged["bias"], settings)
    loss_of(y).backward()
    found = {name: tensor.grad for name, tensor in trained.items()} | {"x": x.grad}
    x_twin, whole = x.detach().clone().requires_grad_(), {name: t.clone().requires_grad_() for name, t in weights.items()}
    y_twin = product(x_twin, whole["weight"], whole["bias"], settings)
    loss_of(y_twin).backward()
    expected = {name: whole[name].grad if choices[name] is True else whole[name].grad[choices[name]] for name in trained}
    return (y, found), (y_twin, expected | {"x": x_twin.grad})


@pytest.mark.parametrize("rows", [RUN, SCATTERED], ids=["run", "scattered"])
@pytest.mark.parametrize("bias", ["same", "other", "whole", "frozen"])
@pytest.mark.parametrize("kind", list(PRODUCTS))
def test_the_gradient_is_that_of_the_whole_tensor_row_for_row(kind, bias, rows):
    chosen = {"same": rows, "other": torch.tensor([1, 5]), "whole": True, "frozen": False}[bias]
    (y, found), (y_twin, expected) = gradients(*PRODUCTS[kind], {"weight": rows, "bias": chosen})
    assert torch.equal(y, y_twin)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"padding": (3, 1)}, {"dilation": (2, 1), "padding": (1, 0)}, {"stride": (1, 2)}])
def test_windows_that_are_not_square_have_the_gradient_of_the_whole_tensor(settings):
    (_, found), (_, expected) = gradients((4, 3, 9, 8), (6, 3, 2, 3), settings, {"weight": SCATTERED, "bias": RUN})
    torch.testing.assert_close(found["weight"], expected["weight"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["padding", "linear"])
def test_a_bias_trains_by_rows_on_a_frozen_weight(kind):
    (_, found), (_, expected) = gradients(*PRODUCTS[kind], {"weight": False, "bias": SCATTERED})
    torch.testing.assert_close(found["bias"], expected["bias"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["stride", "linear", "sequences"])
@pytest.mark.parametrize("x_trains", [True, False])
def test_multiply_adds_are_those_of_the_output_the_inputs_gradient_if_it_needs_one_and_the_trained_rows(kind, x_trains):
    """Three rows of six train: half of the weight gradient."""
    x_shape, w_shape, settings = PRODUCTS[kind]
    y = product(numbers(*x_shape), numbers(*w_shape), None, settings)
    with FlopCounterMode(display=False) as both:
        gradients_of_rows_alone(x_shape, w_shape, settings, x_trains)
    assert both.get_total_flops() == 2 * y.numel() * math.prod(w_shape[1:]) * (1 + x_trains + 0.5)


def gradients_of_rows_alone(x_shape, w_shape, settings, x_trains):
    halves = split({"weight": numbers(*w_shape)}, {"weight": SCATTERED})
    trained = {"weight": halves.trained["weight"].clone().requires_grad_()}
    x = numbers(*x_shape).requires_grad_(x_trains)
    product(x, halves.merge_for_layers(trained)["weight"], None, settings).sum().backward()


@pytest.mark.parametrize("kind", ["stride", "padding", "linear"])
def test_under_autocast_the_product_is_in_bfloat16_and_the_gradient_in_float32(kind):
    with torch.autocast("cpu", torch.bfloat16):
        (y, found), (y_twin, expected) = gradients(*PRODUCTS[kind], {"weight": RUN, "bias": RUN}, dtype=torch.float32)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, y_twin)
    for name in expected:
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], expected[name], rtol=2**-7, atol=2**-7 * float(expected[name].abs().max()))


def a_weight(rows=SCATTERED):
    """A 6 x 5 weight by the layers' way, its trained rows, and the same as one leaf."""
    weight = numbers(6, 5)
    halves = split({"weight": weight}, {"weight": rows})
    trained = halves.trained["weight"].clone().requires_grad_()
    return halves.merge_for_layers({"weight": trained})["weight"], trained, weight.clone().requires_grad_()


def test_every_other_operation_sees_an_ordinary_tensor_and_uses_add_up():
    partial, trained, whole = a_weight()
    x = numbers(7, 5)

    def uses(w):
        return (F.linear(x, w) + x @ w.T).sum() + torch.cat([w, 2 * w]).square().sum() + w.T[0].exp().sum() + w.shape[0]

    found, expected = uses(partial), uses(whole)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)
    found.backward()
    expected.backward()
    torch.testing.assert_close(trained.grad, whole.grad[SCATTERED], rtol=1e-12, atol=1e-12)


def test_a_second_derivative_is_refused_and_not_wrong():
    partial, trained, _ = a_weight()
    (gradient,) = torch.autograd.grad(F.linear(numbers(7, 5), partial).square().sum(), trained, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_without_a_gradient_to_form_layers_get_ordinary_tensors():
    halves = split({"weight": numbers(6, 5)}, {"weight": RUN})
    with torch.no_grad():
        assert not isinstance(halves.merge_for_layers({"weight": numbers(3, 5).requires_grad_()})["weight"], PartlyTrained)
    assert not isinstance(halves.merge_for_layers(halves.trained)["weight"], PartlyTrained)


ARCHES = {
    "densenet": {"part": "densenet", "depth": 10, "growth": 10},
    "highway": {"part": "highway", "form": "convolutional", "depth": 3, "width": 10, "norm": "batch"},
    "inception": {"part": "inception", "width": 16},
    "lenet": {"part": "lenet"},
    "mixer": {"part": "mixer", "depth": 2, "width": 10},
    "mlp": {"part": "mlp", "width": 20, "depth": 2, "norm": "batch"},
    "plain": {"part": "plain", "depth": 2, "width": 10, "padding": "circular"},
    "resnet": {"part": "resnet", "depth": 8, "width": 10},
    "resnet without norm": {"part": "resnet", "depth": 8, "width": 10, "norm": "none"},
    "vgg": {"part": "vgg", "width": 10, "hidden": 12},
    "vit": {"part": "vit", "depth": 2, "width": 12},
    "grouped": {"part": "torchvision", "name": "mobilenet_v3_small"},
}


SIDE = {"lenet": 32, "grouped": 32}


def model(arch, subset, precision="float64", statistics="auto"):
    side = SIDE.get(arch, 8)
    net = make_part("arch", ARCHES[arch]).build(Task((3, side, side), 4))
    drawn = draw(make_part("init", {"part": "he"}), net, 0).items()
    weights = {name: tensor.to(getattr(torch, precision)) for name, tensor in drawn}
    chosen = make_part("subset", subset).select(net, 0)
    return Model(net, split(weights, chosen), statistics, lambda x: x, precision), numbers(6, 3, side, side)


def leaves(m):
    return {name: tensor.clone().requires_grad_() for name, tensor in m.weights.trained.items()}


@pytest.mark.parametrize("rows", ["first", "drawn"])
@pytest.mark.parametrize("arch", list(ARCHES))
def test_a_networks_gradient_is_that_of_the_whole_network_row_for_row(arch, rows):
    gradients, places = [], {}
    for subset in ({"part": "fraction", "fraction": 0.3, "rows": rows}, {"part": "all"}):
        m, x = model(arch, subset)
        m.train_mode()
        trained = leaves(m)
        torch.manual_seed(0)
        F.cross_entropy(m.suffix(trained, m.prefix(x)), torch.arange(6) % 4).backward()
        gradients.append({name: tensor.grad for name, tensor in trained.items()})
        places |= m.weights.places
    found, whole = gradients
    expected = {name: whole[name][places[name].where] if name in places else whole[name] for name in found}
    largest = max(float(tensor.abs().max()) for tensor in whole.values())
    assert sum(found[name].numel() for name in places) < 0.4 * sum(whole[name].numel() for name in places)
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-12 * largest)


@pytest.mark.parametrize(("arch", "subset"), [("vgg", "middle"), ("resnet", "middle"), ("resnet", "last"), ("mlp", "all")])
def test_no_gradient_is_formed_below_the_first_trained_unit(arch, subset):
    m, x = model(arch, {"part": subset})
    needs, trained = {}, leaves(m)
    for name, unit in m.net.named_children():
        unit.register_forward_hook(
            lambda _, inputs, y, name=name: needs.update({name: (inputs[0].requires_grad, y.requires_grad)})
        )
    m.train_mode()
    m.suffix(trained, m.prefix(x))
    names = list(needs)
    first = names[m.first]
    assert names[: m.first] == [name for name in names if needs[name] == (False, False)]
    assert needs[first] == (False, True)
    assert all(needs[name] == (True, True) for name in names[m.first + 1 :])


@pytest.mark.parametrize("rows", ["first", "drawn"])
def test_frozen_rows_of_convolutions_are_the_same_to_the_bit_after_a_hundred_steps_with_decay_and_momentum(rows):
    m, x = model("vgg", {"part": "fraction", "rows": rows}, "float32")
    trained, before = leaves(m), m.weights.merge()
    optimizer = torch.optim.SGD(trained.values(), lr=0.01, momentum=0.9, weight_decay=0.1)
    m.train_mode()
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(m.suffix(trained, m.prefix(x.float())), torch.arange(6) % 4).backward()
        optimizer.step()
    after = m.weights.merge(trained)
    assert len(m.weights.places) == 20  # the weight and the bias of eight convolutions and two linear layers
    for name, place in m.weights.places.items():
        frozen = torch.ones(len(before[name]), dtype=torch.bool).index_fill(0, place.where, False)
        assert torch.equal(after[name][frozen], before[name][frozen])
        if name.endswith("weight"):
            assert not torch.equal(after[name][~frozen], before[name][~frozen])
