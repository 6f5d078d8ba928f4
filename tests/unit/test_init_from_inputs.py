"""Laws that look at what a layer sees: what they are shown, and what they make of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits
from torch import nn

from randfeat.errors import ConfigError
from randfeat.init import NOTHING, AbstractFromInputs, Sources, draw
from randfeat.init.whitened_patches import whitened
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
    "tokens": {"part": "torchvision", "name": "swin_t"},
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
    """A network of this layer and a head that is never reached."""
    with torch.device("meta"):
        net = Network()
        net.add_module("layer", layer())
        net.add_module("head", nn.Linear(1, 2))
    return net


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
    """Writes down what it is shown, and gives Gaussian weights of variance 2 / d."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "shown", {})

    def weight(self, shape, stream):
        return stream.standard_normal(shape) / math.sqrt(shape[-1])

    def refill(self, slot, drawn, inputs, stream):
        self.shown[slot.name] = inputs.x.clone()
        return torch.from_numpy(stream.standard_normal(slot.shape)) * math.sqrt(2 / math.prod(slot.shape[1:]))


@pytest.mark.parametrize("arch", ARCHES)
def test_a_layer_is_shown_what_it_sees_in_a_plain_forward_pass_of_the_finished_network(arch):
    task = Task((3, 32, 32), 4) if arch == "tokens" else TASK
    net, x, looking = make_part("arch", ARCHES[arch]).build(task), normal(6, *task.shape), Looking()
    weights = draw(looking, net, 0, showing(x))
    seen = really(net, weights, x)
    assert looking.shown.keys() == seen.keys() - {"head.weight"}
    for name, shown in looking.shown.items():
        torch.testing.assert_close(shown, seen[name][0], rtol=1e-4, atol=1e-4 * float(shown.abs().max()))
