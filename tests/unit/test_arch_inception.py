"""GoogLeNet: torchvision's, layer by layer and number by number, and the small form beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, vmap

from randfeat.arch import Inception
from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.network import blocks, layers
from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.typing import Task

IMAGENET = Task((3, 224, 224), 1000)
CIFAR = Task((3, 32, 32), 10)


def inputs(*shape):
    return torch.from_numpy(stream(0, "x").standard_normal(shape))


def drawn(net, seed=0):
    return {name: tensor.double() for name, tensor in draw(make_part("init", {"part": "he"}), net, seed).items()}


def leaves(net):
    found = [module for module in net.modules() if not list(module.children())]
    return [module for module in found if not isinstance(module, nn.ReLU | nn.Dropout | nn.Flatten | nn.Identity)]


def text(layer):
    """The layer's settings, without what changes nothing here: epsilons, and rounding up at stride 1."""
    if isinstance(layer, nn.MaxPool2d) and layer.stride == 1:
        layer.ceil_mode = False
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return "average"
    return repr(layer).replace("eps=0.001", "eps=1e-05")


def googlenet():
    from torchvision.models import googlenet

    return googlenet(aux_logits=False, init_weights=False)


def test_the_form_for_imagenet_has_torchvision_s_layers():
    with torch.device("meta"):
        theirs = googlenet()
    ours = Inception(form="imagenet").build(IMAGENET)
    assert list(map(text, leaves(ours))) == list(map(text, leaves(theirs)))


def test_the_form_for_imagenet_computes_what_torchvision_s_does():
    theirs = googlenet().double().eval()
    ours = Inception(form="imagenet").build(IMAGENET).eval()
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.001
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    x = inputs(2, 3, 40, 33)
    with torch.no_grad():
        torch.testing.assert_close(functional_call(ours, state, (x,)), theirs(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kernel", "side"), [(None, 5), (5, 5), (3, 3)])
def test_a_unit_is_its_four_branches_side_by_side(kernel, side):
    unit = Inception(width=8, kernel=kernel, norm="none", activation="tanh").build(CIFAR).get_submodule("block1_1")
    w, x = drawn(unit), inputs(2, 24, 6, 7)

    def conv(y, name, padding=0):
        return torch.tanh(F.conv2d(y, w[f"{name}.conv.weight"], w[f"{name}.conv.bias"], padding=padding))

    high = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf))
    branches = [
        conv(x, "branch1"),
        conv(conv(x, "branch2.0"), "branch2.1", 1),
        conv(conv(x, "branch3.0"), "branch3.1", side // 2),
        conv(high.unfold(2, 3, 1).unfold(3, 3, 1).amax((4, 5)), "branch4.1"),
    ]
    assert w["branch3.1.conv.weight"].shape[2:] == (side, side)
    assert [y.shape[1] for y in branches] == [8, 16, 4, 4]
    torch.testing.assert_close(functional_call(unit, w, (x,)), torch.cat(branches, 1), rtol=1e-12, atol=1e-12)


def test_the_maps_are_in_proportion_to_the_width_and_never_none():
    assert Inception().build(CIFAR).head.in_features == 1024 * 16 // 64
    assert Inception(form="imagenet").build(IMAGENET).head.in_features == 1024
    assert Inception(width=2).build(CIFAR).head.in_features == 12 + 12 + 4 + 4
    narrow = Inception(width=1).build(CIFAR)
    assert narrow.get_submodule("block1_1.branch3.1.conv").out_channels == 1  # 32 / 64 of a map


def test_a_block_has_the_units_of_the_paper_and_a_unit_six_layers():
    small, large = Inception(width=4).build(CIFAR), Inception(form="imagenet").build(IMAGENET)
    first, second, third = ([f"block{b}_{k}" for k in range(1, n + 1)] for b, n in ((1, 2), (2, 5), (3, 2)))
    rest = [*first, "pool1", *second, "pool2", *third, "pool"]
    assert small.unit_names == ["stem", *rest]
    assert large.unit_names == ["conv1", "conv2", "conv3", *rest]
    assert list(blocks(large).values())[3:] == [first, second, third]
    assert (len(layers(small)), len(layers(large))) == (1 + 9 * 6 + 1, 3 + 9 * 6 + 1)


def test_stacked_runs_agree_with_single_ones():
    net, x = Inception(width=4, norm="none").build(CIFAR).eval(), inputs(2, 3, 8, 8)
    runs = [drawn(net, seed) for seed in (0, 1)]
    stacked = {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
    together = vmap(lambda weights: functional_call(net, weights, (x,)))(stacked)
    singles = torch.stack([functional_call(net, run, (x,)) for run in runs])
    torch.testing.assert_close(together, singles, rtol=1e-10, atol=1e-10)
    assert float((singles[0] - singles[1]).abs().max()) > 1e-3


def test_the_smallest_image_of_the_form_for_imagenet_is_the_one_the_error_names():
    part = Inception(form="imagenet", width=4)
    with pytest.raises(ConfigError) as error:
        part.build(Task((3, 14, 20), 2))
    assert str(error.value) == "arch=inception needs images of 15x15 or more, but they are 14x20. Use data.resize=15."
    assert part.build(Task((3, 15, 15), 2)).head.in_features == 64
