"""Every architecture in one row: what it is built with in tests, what it takes, and what is expected of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from randfeat.init import draw
from randfeat.model import Model
from randfeat.network import HEAD, Network, connect
from randfeat.registry import make_part
from randfeat.split import Selection, split
from randfeat.typing import Task, Weights

TASKS = {
    "8": Task((1, 8, 8), 4),
    "28": Task((1, 28, 28), 7),
    "32": Task((3, 32, 32), 10),
    "rebuilt": Task((3, 8, 8), 3, (8, 8), numbers=True),
    "vectors": Task((20,), 5),
    "steps": Task((12, 3), 5),
    "each step": Task((12, 3), 5, (4,)),
    "graph": Task((6, 5), 3, (6,), is_graph=True),
}
EDGES = torch.tensor([[0, 1, 1, 2, 2, 0, 2, 3, 3, 4], [1, 0, 2, 1, 0, 2, 3, 2, 4, 3]])
"""Of the task ``graph``: a triangle 0 1 2 with the tail 2 3 4, and a node by itself."""

IMAGES = ("8", "28", "32")
STEPS = ("steps", "each step")
NO_NORM = {"norm": "subset=norm trains norm layers, but this network has none. "}
FEW = ("data.n_train=100", "data.n_test=40")
COPIED = ("data=copy", "data.length=3", "data.items=2", *FEW)
SLOW = ("data=sequential_digits", *FEW)
ONE_BLOCK = {"middle": "subset=middle needs two blocks or more below the head, but there is: "}


@dataclass(frozen=True)
class Row:
    """An architecture in the tests.

    Attributes:
        units: names of its units on the first of its tasks.
        settings: small ones.
        tasks: those of ``TASKS`` that it takes; it refuses the others.
        refuses: subset policy -> how the sentence begins that says why its network has nothing for it.
        alone: a word of what torch says of a training step of stacked runs; empty where they train in a stack.
        words: for `randfeat run`, little data that it takes.
    """

    units: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = IMAGES
    refuses: dict[str, str] = field(default_factory=dict)
    alone: str = ""
    words: tuple[str, ...] = FEW


def numbered(name: str, n: int) -> list[str]:
    """The name with the numbers from 1 to n."""
    return [f"{name}{k}" for k in range(1, n + 1)]


ZOO = {
    "alexnet": Row([*numbered("conv", 5), "flatten"], {"width": 8}, refuses=NO_NORM),
    "autoencoder": Row(
        ["encoder1", "encoder2", "code"],
        {"width": 4, "bottleneck": 6},
        tasks=(*IMAGES, "rebuilt"),
        refuses=NO_NORM,
    ),
    "conv_pool": Row(
        ["conv1"],
        {"width": 6, "contrast": 0.1, "two_sided": True, "pool": "root", "norm": "batch"},
        refuses=ONE_BLOCK,
    ),
    "densenet": Row(
        ["stem", "block1_1", "transition1", "block2_1", "transition2", "block3_1", "norm", "pool"],
        {"depth": 10, "growth": 4},
    ),
    "gat": Row(["layer1", "attend"], {"width": 8, "heads": 2}, tasks=("graph",), refuses=NO_NORM, words=("data=karate",)),
    "gcn": Row(["layer1", "propagate"], {"width": 8}, tasks=("graph",), refuses=NO_NORM | ONE_BLOCK, words=("data=karate",)),
    "gru": Row(["layer1", "readout"], {"width": 6}, tasks=STEPS, refuses=NO_NORM | ONE_BLOCK, words=COPIED),
    "highway": Row(
        ["stem", "block1_1", "block1_2", "pool1", "block2_1", "pool2", "block3_1", "pool3", "flatten"],
        {"form": "convolutional", "depth": 4, "width": 6, "activation": "tanh", "norm": "batch"},
    ),
    "inception": Row(
        ["stem", *numbered("block1_", 2), "pool1", *numbered("block2_", 5), "pool2", *numbered("block3_", 2), "pool"],
        {"width": 8},
    ),
    "lenet": Row(["conv1", "conv2", "fc1", "fc2"], tasks=("28", "32"), refuses=NO_NORM, words=("data.resize=12", *FEW)),
    "lstm": Row(["layer1", "readout"], {"width": 6}, tasks=STEPS, refuses=NO_NORM | ONE_BLOCK, words=COPIED),
    "minimal_rnn": Row(["layer1", "readout"], {"width": 6}, tasks=STEPS, refuses=NO_NORM | ONE_BLOCK, words=SLOW),
    "mixer": Row(["patches", "block1", "block2", "norm", "pool"], {"depth": 2, "width": 12}),
    "mlp": Row(
        ["flatten", "hidden1", "hidden2"],
        {"depth": 2, "width": 30, "norm": "batch"},
        tasks=("vectors", *IMAGES, "steps"),
    ),
    "plain": Row(
        ["stem", "down1", "down2", "block1_1", "block1_2", "block2_1", "block2_2", "block3_1", "pool"],
        {"depth": 5, "width": 8, "padding": "circular", "halve": "max"},
        refuses=NO_NORM,
    ),
    "relation": Row(
        ["pairs", "g1", "pool", "f1"],
        {"width": 6, "g_depth": 1},
        tasks=("steps",),
        refuses=NO_NORM,
        words=("data=relations", *FEW),
    ),
    "resnet": Row(["stem", "block1_1", "block2_1", "block3_1", "pool"], {"depth": 8, "width": 4}),
    "rnn": Row(["layer1", "readout"], {"width": 6, "cell": "gated"}, tasks=STEPS, refuses=NO_NORM | ONE_BLOCK, words=SLOW),
    "saxe": Row(["layer1", "layer2"], {"widths": [3, 4], "kernels": 3, "pools": 2, "filters": "local"}, refuses=NO_NORM),
    "tcn": Row(
        ["stem", *numbered("block", 3), "skips", "readout"],
        {"width": 6, "depth": 3, "skip": 4, "norm": "batch"},
        tasks=STEPS,
        words=SLOW,
    ),
    "torchvision": Row(
        ["rgb", "conv1_0", *(f"stage{s}_{k}" for s, n in ((2, 4), (3, 8), (4, 4)) for k in range(n)), "conv5_0"],
        {"name": "shufflenet_v2_x0_5"},
    ),
    "transformer": Row(
        ["stem", "block1", "block2", "norm", "readout"],
        {"width": 6, "depth": 2, "heads": 2, "positions": "learned"},
        tasks=STEPS,
        words=SLOW,
    ),
    "unet": Row(
        ["contract1", "contract2", "bottom", "flatten"],
        {"width": 4, "norm": "batch"},
        tasks=(*IMAGES, "rebuilt"),
    ),
    "vgg": Row(
        [f"block{name}" for name in ("1_1", "2_1", "3_1", "3_2", "4_1", "4_2", "5_1", "5_2")] + ["flatten", "fc1", "fc2"],
        {"width": 4, "hidden": 12},
    ),
    "vit": Row(["patches", "block1", "block2", "norm", "pool"], {"depth": 2, "width": 12, "heads": 3}),
    "wrn": Row(
        ["stem", "block1_1", "block2_1", "block3_1", "norm", "pool"], {"depth": 10, "dropout": 0.3}, alone="random operation"
    ),
}
CASES = [(name, task) for name, row in ZOO.items() for task in row.tasks]
"""Every architecture on every task that it takes."""


def build(part: str, task: Task, **settings: Any) -> Network:
    """A network of these settings; of a graph, its edges are those of ``EDGES``."""
    net = make_part("arch", {"part": part} | settings).build(task)
    if task.is_graph:
        connect(net, EDGES)
    return net


@functools.cache
def built(name: str, task: str) -> Network:
    """The network of a row, which no test changes."""
    return build(name, TASKS[task], **ZOO[name].settings)


def weights_of(net: Network, init: str = "he", dtype: torch.dtype = torch.float32, seed: int = 0, **settings: Any) -> Weights:
    """Its weights, drawn under a law."""
    law = make_part("init", {"part": init} | settings)
    return {name: tensor.to(dtype) for name, tensor in draw(law, net, seed).items()}


def model_of(net: Network, weights: Weights, selection: Selection | None = None) -> Model:
    """The network with these weights; the head alone trains unless a selection says what does."""
    selection = selection or {name: name.startswith(f"{HEAD}.") for name in weights}
    return Model(net, split(weights, selection), "auto", lambda x: x, "float32")


def inputs(task: Task, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal rows."""
    return torch.randn(n, *task.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def scores_of(model: Model, x: Tensor) -> Tensor:
    """What a run would score."""
    return model.scores(model.weights.trained, [model.prefix(x)])


def n_parameters(net: nn.Module) -> int:
    """Of a network, or of a layer."""
    return sum(tensor.numel() for tensor in net.parameters())
