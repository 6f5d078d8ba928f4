"""Convolve, square, pool: against loops, with shared filters and with one at every place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

from randfeat.arch import Saxe, conv_pool
from randfeat.errors import ConfigError
from randfeat.init import Sources, draw
from randfeat.network import layers
from randfeat.partial import PartlyTrained
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.split import split
from randfeat.typing import Examples, Task
from tests.reference import patch_codes
from tests.reference.local_layer import local_responses, squares_pooled

TASK = Task((2, 9, 11), 3)
X = stream(0, "x").standard_normal((3, 2, 9, 11))
ONE = {"widths": 5, "kernels": 3, "strides": 2, "pools": 2}
TWO = {"widths": (5, 4), "kernels": (3, 2), "strides": (2, 1), "pools": 2}
GREY = Task((1, 32, 32), 10)


def units(task=TASK, **settings):
    return Saxe(**settings).build(task)[:-1].eval()


def filters_of(net, seed=0):
    """Numbers for every weight, from a stream that is not the network's own."""
    return {name: stream(seed, name).standard_normal(tuple(tensor.shape)) for name, tensor in net.named_parameters()}


def tensors(filters):
    return {name: torch.tensor(array, requires_grad=True) for name, array in filters.items()}


def features(net, filters, x=X):
    with torch.no_grad():
        return functional_call(net, tensors(filters), (torch.from_numpy(x),)).numpy()


def same(found, expected):
    np.testing.assert_allclose(found, expected.reshape(len(found), -1), rtol=1e-11, atol=1e-11)


def responses(x, weight, kernel, stride, filters):
    if filters == "local":
        return local_responses(x, weight, kernel, stride)
    return patch_codes.responses(x, weight, 0, stride=stride)


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("filters", ["convolutional", "local"])
def test_a_layer_is_that_of_the_loops(filters, root):
    net = units(**ONE, pool_strides=3, filters=filters, root=root)
    drawn = filters_of(net)
    z = responses(X, drawn["layer1.conv.weight"], 3, 2, filters)
    same(features(net, drawn), squares_pooled(z, 2, 3, root))


@pytest.mark.parametrize("filters", ["convolutional", "local"])
def test_two_layers_are_one_after_the_other_and_blocks_of_rows_do_not_show(filters, monkeypatch):
    net = units(**TWO, filters=filters)
    drawn = filters_of(net)
    y = squares_pooled(responses(X, drawn["layer1.conv.weight"], 3, 2, filters), 2, 1, True)
    z = responses(y, drawn["layer2.conv.weight"], 2, 1, filters)
    for at_once in (2**20, 1):
        monkeypatch.setitem(conv_pool.AT_ONCE, "cpu", at_once)
        same(features(net, drawn), squares_pooled(z, 2, 1, True))


def test_the_same_filter_at_every_place_makes_a_convolution():
    net, local = units(**TWO), units(**TWO, filters="local")
    shared = filters_of(net)
    everywhere = {name: np.repeat(w, local.get_parameter(name).shape[0] // len(w), 0) for name, w in shared.items()}
    same(features(local, everywhere), features(net, shared))


@pytest.mark.parametrize("filters", ["convolutional", "local"])
def test_gradients_are_those_of_differences(filters):
    net = units(**TWO, filters=filters)
    named = tensors(filters_of(net))

    def scores(x, *weights):
        return functional_call(net, dict(zip(named, weights, strict=True)), (x,)).sum(1)

    x = torch.from_numpy(X[:1]).requires_grad_()
    assert torch.autograd.gradcheck(scores, (x, *named.values()), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("filters", ["convolutional", "local"])
def test_gradients_are_nothing_where_an_image_is(filters, dtype):
    """But for the second layer's filters, which see the root of the smallest number above zero."""
    net = units(**TWO, filters=filters)
    weights = {name: tensor.detach().to(dtype).requires_grad_() for name, tensor in tensors(filters_of(net)).items()}
    x = torch.zeros(2, *TASK.shape, dtype=dtype, requires_grad=True)
    functional_call(net, weights, (x,)).sum().backward()
    assert bool((x.grad == 0).all())
    assert bool((weights["layer1.conv.weight"].grad == 0).all())
    assert float(weights["layer2.conv.weight"].grad.abs().max()) < 1e3 * torch.finfo(dtype).tiny ** 0.5


@pytest.mark.parametrize("kernel", [4, 8, 12, 16])
@pytest.mark.parametrize("pool", [3, 5, 9])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_paper_s_24_networks_fit_grey_images_of_32x32(kernel, pool, stride):
    z = np.zeros((1, 1, 32, 32))[:, :, : 33 - kernel : stride, : 33 - kernel : stride]
    windows = patch_codes.pooled(z, pool, 1, 0, lambda window: window.sum(-1), 0).size
    for filters, rows in (("convolutional", 16), ("local", 16 * z.size)):
        net = Saxe(kernels=kernel, pools=pool, strides=stride, filters=filters).build(GREY)
        assert net.head.in_features == 16 * windows
        assert tuple(net.get_parameter("layer1.conv.weight").shape) == (rows, 1, kernel, kernel)


def test_laws_see_the_fan_in_of_one_filter():
    """The variance of n Gaussian numbers has a standard error of sqrt(2 / n) of itself."""
    net = Saxe(**TWO, filters="local").build(TASK)
    weights = draw(make_part("init", {"part": "gaussian"}), net, 0)
    for layer, fan_in in (("layer1", 2 * 9), ("layer2", 5 * 4)):
        w = weights[f"{layer}.conv.weight"].double()
        assert abs(float(w.square().mean()) * fan_in - 1) < 4 * np.sqrt(2 / w.numel())


def test_filters_of_patches_are_windows_of_the_rows():
    net = Saxe(**ONE, filters="local").build(TASK)
    x = torch.from_numpy(X).float()
    sources = Sources(rows=lambda n: Examples(x, torch.arange(3)), recall=dict, folder=None)
    w = draw(make_part("init", {"part": "patches", "layers": "first"}), net, 0, sources)["layer1.conv.weight"]
    seen = torch.from_numpy(np.concatenate([patch_codes.windows(image, 3, 1).reshape(-1, 18) for image in X]))
    seen = torch.nn.functional.normalize(seen - seen.mean(1, keepdim=True), dim=1)
    likeness = w.flatten(1).double() @ seen.T
    torch.testing.assert_close(likeness.amax(1), torch.ones(len(w), dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("filters", ["convolutional", "local"])
def test_rows_that_train_have_the_gradient_that_they_have_where_all_train(filters):
    net = units(**ONE, filters=filters)
    name, x = "layer1.conv.weight", torch.from_numpy(X)
    whole = tensors(filters_of(net))[name]
    functional_call(net, {name: whole}, (x,)).square().sum().backward()
    halves = split({name: whole.detach()}, {name: torch.tensor([1, 4])})
    trained = {name: halves.trained[name].requires_grad_()}
    merged = halves.merge_for_layers(trained)
    assert isinstance(merged[name], PartlyTrained)
    functional_call(net, merged, (x,)).square().sum().backward()
    torch.testing.assert_close(trained[name].grad, whole.grad[[1, 4]], rtol=1e-12, atol=1e-12)


def test_stacked_networks_give_what_each_gives_alone():
    net = units(**TWO, filters="local")
    alone = [filters_of(net, seed) for seed in range(3)]
    stacked = {name: torch.from_numpy(np.stack([each[name] for each in alone])) for name in alone[0]}
    found = vmap(lambda weights: functional_call(net, weights, (torch.from_numpy(X),)))(stacked)
    for k, filters in enumerate(alone):
        same(found[k].numpy(), features(net, filters))


def test_every_layer_is_a_layer_of_the_network():
    assert list(layers(Saxe(**TWO, filters="local").build(TASK))) == ["layer1.conv", "layer2.conv", "head"]


NEEDS = "arch=saxe with these kernels and pools needs images of {}x{} or more, but they are 9x11. "


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kernels": 10}, NEEDS.format(14, 14) + "Use data.resize=14, or arch.kernels=[4] arch.pools=[3]."),
        ({"strides": 3}, NEEDS.format(20, 20) + "Use data.resize=20."),
        ({"kernels": [3, 6], "pools": 3}, NEEDS.format(12, 12) + "Use data.resize=12."),
        (
            {"widths": [8, 8, 8], "kernels": [3, 3]},
            "arch.widths, arch.kernels, arch.strides, arch.pools and arch.pool_strides have 3, 2, 1, 1, 1 numbers. "
            "Use 3 in each, or one for all layers.",
        ),
        (
            {"pools": []},
            "arch.widths, arch.kernels, arch.strides, arch.pools and arch.pool_strides have 1, 1, 1, 0, 1 numbers. "
            "Use 1 in each, or one for all layers.",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(settings, text):
    with pytest.raises(ConfigError) as error:
        Saxe(**settings).build(TASK)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("settings", "side"),
    [({}, 12), ({"kernels": 4, "pools": 3}, 6), ({"kernels": [3, 2], "pools": [2, 3], "strides": 2, "pool_strides": 3}, 35)],
)
def test_the_size_that_is_asked_for_is_the_smallest_that_does(settings, side):
    assert Saxe(**settings).build(Task((1, side, side), 3)).head.in_features == 16
    with pytest.raises(ConfigError, match=f"needs images of {side}x{side} or more"):
        Saxe(**settings).build(Task((1, side - 1, side), 3))
