"""Families of torchvision's models, cut into units: as many parameters as published, and the same outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from randfeat.arch import Torchvision
from randfeat.errors import ConfigError
from randfeat.typing import Task

UNITS = {  # the side of the images here, and how many units
    "densenet121": (32, 8),
    "efficientnet_b0": (32, 9),
    "regnet_y_400mf": (32, 5),
    "shufflenet_v2_x0_5": (32, 18),
    "googlenet": (32, 12),
    "mobilenet_v2": (32, 19),
    "mnasnet0_5": (32, 10),
    "vit_b_32": (64, 13),
}


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
