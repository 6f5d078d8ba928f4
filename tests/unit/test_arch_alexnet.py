"""The AlexNets: against torchvision's, and the pools that small images leave out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from randfeat.typing import Task
from tests.zoo import build


def test_the_alexnet_for_imagenet_has_torchvision_s_layers():
    from torchvision.models import alexnet

    def leaves(net):
        found = [repr(module).replace("inplace=True", "") for module in net.modules() if not list(module.children())]
        return [text for text in found if not text.startswith("Flatten")]

    with torch.device("meta"):
        theirs = alexnet()
    assert leaves(build("alexnet", Task((3, 224, 224), 1000), form="imagenet")) == leaves(theirs)


@pytest.mark.parametrize(("side", "pools", "features"), [(32, 3, 256), (28, 2, 256), (8, 1, 256), (64, 3, 4 * 256)])
def test_the_alexnet_for_small_images_leaves_out_pools_of_single_pixels(side, pools, features):
    net = build("alexnet", Task((3, side, side), 10))
    assert sum(isinstance(module, nn.MaxPool2d) for module in net.modules()) == pools
    assert net.head.in_features == features
