"""torchvision's classification models as chains of units, found by cutting the traced graph where one tensor passes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from randfeat.arch.base import AbstractArch
from randfeat.errors import ConfigError, did_you_mean
from randfeat.network import HEAD, NORMS, Network, check_answers, norm_layers, outline
from randfeat.registry import register
from randfeat.typing import Task, Weights

_BRANCH_ENDS = {"BasicBlock": "bn2", "Bottleneck": "bn3"}
"""The last layer of the residual branch in torchvision's residual blocks."""


@register("arch", "torchvision")
@dataclass(frozen=True, kw_only=True)
class Torchvision(AbstractArch):
    """Any of torchvision's classification models, by its name there.

    The model's graph is traced and cut wherever a single tensor passes from one of its modules to the next; each piece is
    a unit, named after the module it begins with (``layer1.0`` becomes ``layer1_0``). Norm layers and activations stay
    with the convolution above them. Images with one channel are repeated to three. A vision transformer is
    built for the size of the images, and auxiliary heads are left out. Weights are this project's own draws; nothing is
    downloaded. A SqueezeNet, whose scores are means over maps of what a 1x1 convolution and a ReLU give, has its head on the
    means of what that convolution sees: as many parameters, and the scores without the ReLU.

    See: torchvision.models.
    """

    name: str = "resnet18"

    def build(self, task: Task) -> Network:
        """See :meth:`AbstractArch.build`."""
        _, height, width = self.image_shape(task)
        try:
            return self._network(task)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ConfigError(
                f"arch.name={self.name} does not take images of {height}x{width}: {str(error).splitlines()[0].rstrip('!.')}. "
                f"Use {' or '.join(f'data.resize={side}' for side in self._sides(task))}."
            ) from None

    def _network(self, task: Task) -> Network:
        pieces = _cut(self.name, _model(self.name, task))
        net = Network()
        net.origin = self.name
        for name, unit in ({"rgb": Repeat(), **pieces} if task.shape[0] == 1 else pieces).items():
            net.add_module(name, unit)
        check_answers(outline(net, task.shape), task)
        return net.train()

    def _sides(self, task: Task) -> list[int]:
        """Which images it takes, of 64 pixels a side and of the published 224."""
        fits = []
        for side in (64, 224):
            with contextlib.suppress(RuntimeError, AssertionError, ValueError):
                self._network(dataclasses.replace(task, shape=(task.shape[0], side, side)))
                fits.append(side)
        return fits


class Repeat(nn.Module):
    """One channel three times."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, 3, H, W)."""
        return x.expand(-1, 3, -1, -1)


def _model(name: str, task: Task) -> nn.Module:
    """The model for images of this size, on the meta device but for its constants.

    Raises:
        AssertionError, ValueError: a vision transformer, whose table of positions is of one size, has none of this size.
    """
    from torchvision import models

    names = models.list_models(module=models)
    if name not in names:
        raise ConfigError(
            f"arch.name={name} is none of torchvision's classification models.{did_you_mean(name, names)} "
            "Try resnet18, vgg11_bn, densenet121 or vit_b_16."
        )
    settings: dict[str, Any] = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit_"):
        if task.shape[1] != task.shape[2]:
            raise ValueError("it needs square images")
        settings["image_size"] = task.shape[1]
    if name.startswith("maxvit_"):
        settings["input_size"] = task.shape[1:]
    build: Callable[..., nn.Module] = functools.partial(
        models.get_model, name, weights=None, num_classes=task.n_outputs, **settings
    )
    try:
        with torch.device("meta"):
            model = build()
        if name.startswith("squeezenet"):
            return _with_linear_head(model)
        if not _constants(model):
            return model
    except NotImplementedError:  # some models compute with their first weights while they are built
        pass
    with torch.random.fork_rng(devices=[]):
        model = build()
    constants = _constants(model)
    model.to("meta")
    for path, buffer in constants.items():
        module, _, leaf = path.rpartition(".")
        setattr(model.get_submodule(module), leaf, buffer)
    return model


def _with_linear_head(squeezenet: nn.Module) -> nn.Module:
    """The model with its last convolution, of 1x1, as a linear layer behind the mean over the map, and no ReLU after it."""
    n_outputs, n_maps, *_ = squeezenet.get_parameter("classifier.1.weight").shape
    layers = {
        "features": squeezenet.get_submodule("features"),
        "dropout": squeezenet.get_submodule("classifier.0"),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "classifier": nn.Linear(n_maps, n_outputs, device="meta"),
    }
    return nn.Sequential(OrderedDict(layers))


def _constants(model: nn.Module) -> Weights:
    """The buffers that are no statistics of a norm layer, such as the table of relative positions of a Swin transformer."""
    norms = norm_layers(model)
    return {path: buffer for path, buffer in model.named_buffers() if path.rpartition(".")[0] not in norms}


def _cut(name: str, model: nn.Module) -> dict[str, nn.Module]:
    """The traced model as named pieces, the head last. Tensors keep their paths inside a piece."""
    from torchvision.models.feature_extraction import NodePathTracer
    from torchvision.ops import StochasticDepth

    tracer = NodePathTracer(leaf_modules=[StochasticDepth, *NORMS])
    graph = tracer.trace(model)
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "get_attr", "output")]
    head = nodes[-1]
    if head.op != "call_module" or not isinstance(model.get_submodule(str(head.target)), nn.Linear):
        raise ConfigError(f"arch.name={name} does not end in a linear layer. Use another, such as arch.name=resnet18.")
    units = _units(model, nodes, [_name(model, tracer.node_to_qualname[node]) for node in nodes])
    units.pop(HEAD)
    pieces: dict[str, nn.Module] = {unit: _piece(model, members) for unit, members in units.items()}
    return pieces | {HEAD: model.get_submodule(str(head.target))}


def _piece(model: nn.Module, members: list[fx.Node]) -> fx.GraphModule:
    """A module of its own for some neighbouring nodes: the one tensor that comes in, the nodes, the last one's output."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    incoming = graph.placeholder("x")

    def copy(node: fx.Node) -> fx.Node:
        if node not in copies:
            own = node in members or node.op == "get_attr"
            copies[node] = graph.node_copy(node, copy) if own else incoming
        return copies[node]

    graph.output([copy(node) for node in members][-1])
    piece = fx.GraphModule(model, graph)
    for path, _ in piece.named_modules():  # tracing keeps paths and forgets what the blocks are
        if (end := _BRANCH_ENDS.get(type(model.get_submodule(path)).__name__)) and path:
            piece.get_submodule(path).branch_end = end  # type: ignore[assignment]
    return piece


def _units(model: nn.Module, nodes: list[fx.Node], names: list[str]) -> dict[str, list[fx.Node]]:
    """Unit name -> its nodes, in order: cut where the name changes and one tensor passes, then weightless pieces joined."""
    pieces: list[tuple[str, list[fx.Node]]] = []
    for k, (node, name) in enumerate(zip(nodes, names, strict=True)):
        is_head = node is nodes[-1]
        if k == 0 or is_head or (name != names[k - 1] and _passes_one(nodes, k)):
            pieces.append((HEAD if is_head else name, []))
        pieces[-1][1].append(node)
    units: dict[str, list[fx.Node]] = {}
    for name, members in pieces:
        if not units or (name not in units and any(_has_weights(model, node) for node in members)):
            units[name] = []
        next(reversed(units.values())).extend(members)
    return units


def _name(model: nn.Module, path: str) -> str:
    """``layer1_0`` for what lies inside ``layer1.0``: down to the first plain chain's members, else the first level."""
    parts = path.split(".")
    if not hasattr(model, parts[0]):
        return "stem"  # arithmetic in the model's own forward, before its first layer
    for depth in range(1, len(parts)):
        if isinstance(model.get_submodule(".".join(parts[:depth])), nn.Sequential):
            return "_".join(parts[: depth + 1])
    return parts[0]


def _has_weights(model: nn.Module, node: fx.Node) -> bool:
    if node.op != "call_module":
        return False
    module = model.get_submodule(str(node.target))
    return not isinstance(module, NORMS) and any(True for _ in module.parameters())


def _passes_one(nodes: list[fx.Node], k: int) -> bool:
    """Whether all that the nodes from k on use of what lies before is the output of one layer."""
    before = set(nodes[:k])
    sources = {source for node in nodes[k:] for source in node.all_input_nodes}
    return len(sources & before) == 1 and not any(source.op == "placeholder" for source in sources)
