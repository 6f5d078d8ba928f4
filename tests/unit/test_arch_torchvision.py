"""Families of torchvision's models, cut into units: as many parameters as published, and the same outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from randfeat.arch import Torchvision
from randfeat.errors import ConfigError
from randfeat.network import Role, norm_layers, roles
from randfeat.typing import Task
from tests.zoo import TASKS, build

UNITS = {  # the side of the images here, and how many units
    "densenet121": (32, 8),
    "efficientnet_b0": (32, 9),
    "regnet_y_400mf": (32, 5),
    "shufflenet_v2_x0_5": (32, 18),
    "googlenet": (32, 12),
    "mobilenet_v2": (32, 19),
    "mnasnet0_5": (32, 10),
    "vit_b_32": (64, 13),
    "resnet18": (32, 9),
    "mobilenet_v3_small": (32, 14),
    "swin_t": (64, 8),
    "convnext_tiny": (64, 8),
}


def test_units_of_torchvision_are_named_after_the_modules_they_begin_with():
    names = build("torchvision", TASKS["32"]).unit_names
    assert names == ["conv1", *(f"layer{s}_{k}" for s in range(1, 5) for k in range(2))]


def test_norm_layers_that_torchvision_defines_itself_are_norm_layers():
    net = build("torchvision", Task((3, 32, 32), 5), name="convnext_tiny")
    assert len(norm_layers(net)) == 23  # one in each of 18 blocks, after the stem, before 3 halvings and the head
    assert roles(net)["features_0.features.0.1.weight"] is Role.GAIN


def filled(path: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Numbers that keep a signal's size: entries of variance 2 / fan-in, gains and variances about 1, shifts about 0."""
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    bound = (6 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.1
    centre = float(tensor.ndim == 1 and path.endswith(("weight", "var")))
    return torch.empty(tensor.shape).uniform_(centre - bound, centre + bound, generator=generator)


@pytest.mark.parametrize(("name", "n_units"), [("vgg11_bn", 10), ("convnext_tiny", 8), ("resnet50", 17), ("vit_b_16", 13)])
def test_a_model_has_its_published_number_of_parameters(name, n_units):
    from torchvision import models

    net = Torchvision(name=name).build(Task((3, 224, 224), 1000))
    published = models.get_model_weights(name).DEFAULT.meta["num_params"]
    assert (sum(tensor.numel() for tensor in net.parameters()), len(net.unit_names)) == (published, n_units)


@pytest.mark.parametrize("name", list(UNITS))
def test_a_model_in_units_has_its_published_size_and_computes_what_torchvision_s_does(name):
    from torchvision import models

    side, n_units = UNITS[name]
    task = Task((3, side, side), 1000)
    net = Torchvision(name=name).build(task)
    assert len(net.unit_names) == n_units
    fewer = 768 * ((224 // 32) ** 2 - (side // 32) ** 2) if name == "vit_b_32" else 0  # positions of patches
    published = models.get_model_weights(name).DEFAULT.meta["num_params"]
    assert sum(tensor.numel() for tensor in net.parameters()) == published - fewer
    settings = {"googlenet": {"aux_logits": False, "init_weights": False}, "vit_b_32": {"image_size": side}}.get(name, {})
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        theirs = models.get_model(name, **settings).eval()
    generator = torch.Generator().manual_seed(0)
    state = {path: filled(path, tensor, generator) for path, tensor in theirs.state_dict().items()}
    head = next(reversed([path for path, module in theirs.named_modules() if isinstance(module, nn.Linear)]))
    weights = {path: state[path.replace("head.", f".{head}.").partition(".")[2]] for path in net.state_dict()}
    assert len(weights) == len(state)
    x = torch.randn(2, *task.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = functional_call(theirs, state, (x,))
        torch.testing.assert_close(functional_call(net.eval(), weights, (x,)), expected)
    assert float((expected[0] - expected[1]).abs().max()) > 1e-4  # ten times the tolerance


def test_a_vision_transformer_is_built_for_the_size_of_the_images():
    net = Torchvision(name="vit_b_16").build(Task((1, 32, 32), 3))
    assert net.unit_names[:2] == ["rgb", "stem"]
    assert {name: tensor.shape[1] for name, tensor in net.named_parameters() if "pos_embedding" in name} == {
        "stem.encoder.pos_embedding": 2 * 2 + 1
    }


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("vit_h_14", (64, 64), "images of 64x64: Input shape indivisible by patch size. Use data.resize=224."),
        ("vit_b_32", (32, 64), "images of 32x64: it needs square images. Use data.resize=64 or data.resize=224."),
        (
            "alexnet",
            (32, 32),
            "images of 32x32: Given input size: (256x1x1). Calculated output size: (256x0x0). Output size is too small. "
            "Use data.resize=64 or data.resize=224.",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused_with_sizes_that_would(name, shape, message):
    with pytest.raises(ConfigError) as caught:
        Torchvision(name=name).build(Task((3, *shape), 3))
    assert str(caught.value) == f"arch.name={name} does not take {message}"


def test_the_scores_of_a_squeezenet_are_the_means_of_its_last_convolution_s_maps():
    from torchvision import models

    net = Torchvision(name="squeezenet1_1").build(Task((3, 48, 48), 7))
    assert sum(t.numel() for t in Torchvision(name="squeezenet1_1").build(Task((3, 64, 64), 1000)).parameters()) == 1_235_496
    theirs = models.squeezenet1_1(num_classes=7).eval()
    state = theirs.state_dict()
    names = {f"{path.partition('.')[2]}": path for path in net.state_dict() if not path.startswith("head.")}
    weights = {names[path]: tensor for path, tensor in state.items() if path in names}
    weights |= {"head.weight": state["classifier.1.weight"].flatten(1), "head.bias": state["classifier.1.bias"]}
    assert len(weights) == len(state)
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs.classifier[1](theirs.features(x)).mean((2, 3))
        torch.testing.assert_close(functional_call(net.eval(), weights, (x,)), expected)
    assert float((expected[0] - expected[1]).abs().max()) > 1e-4
