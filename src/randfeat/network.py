"""What a network looks like: a chain of named units and a last linear layer, the head.

Every architecture has this form; branches live inside a unit. From it follow, for all of them alike: "first", "middle",
"block k" and "last"; the frozen prefix, whose output never changes; and the features that a closed-form head sees.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn
from torch.func import functional_call

from randfeat.errors import ConfigError, did_you_mean, some
from randfeat.typing import Kind, Task

SMALL = 2**21
"""A network of so many weights is computed on two inputs in no time."""

HEAD = "head"
INPUT = "input"
"""What stands for the rows themselves where units are named."""

ANSWERING: dict[Kind, tuple[str, ...]] = {
    "vectors": ("mlp",),
    "images": ("autoencoder", "unet"),
    "sequences": ("gru", "lstm", "minimal_rnn", "rnn", "tcn", "transformer"),
    "graph": ("gat", "gcn"),
}
"""Architectures that give as many answers as rows of a kind may have."""

SCORING: dict[Kind, tuple[str, ...]] = ANSWERING | {
    "images": ("mlp", "resnet", "vgg"),
    "sequences": (*ANSWERING["sequences"], "mlp"),
}
"""Usual ones where a row has one answer."""

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.modules.instancenorm._InstanceNorm)


class Network(nn.Sequential):
    """Named units in order, the child called ``head`` last. Lives on the meta device: shapes, no numbers.

    A slice of a network, ``net[:3]``, is a network whose tensors keep their names. It is called through
    :func:`torch.func.functional_call` with weights from outside, so the module itself holds nothing that a run changes
    but the train/eval switches of its layers.
    """

    origin: str = ""
    """The published model that it was cut from, by its name in torchvision; empty for others."""

    @property
    def unit_names(self) -> list[str]:
        """The names of the units, the head left out."""
        return [name for name, _ in self.named_children() if name != HEAD]


def chain(units: Mapping[str, nn.Module], task: Task) -> Network:
    """The network of these units, with a head for the task's outputs on whatever the last unit gives.

    The units must already lie on the meta device, and the last one must give P features for each answer: (N, *answers, P).

    Raises:
        ConfigError: the units give another number of answers.
    """
    features = outline(nn.Sequential(*units.values()), task.shape)
    check_answers(features, task)
    head = nn.Linear(features[-1], task.n_outputs, device="meta")
    net = Network()
    for name, unit in {**units, HEAD: head}.items():
        net.add_module(name, unit)
    return net


def check_answers(given: torch.Size, task: Task) -> None:
    """Nothing, where the shape (N, *answers, ...) of what a network gives has the answers that the data ask for.

    Raises:
        ConfigError: it has others; says what gives these.
    """
    answers = tuple(given[1:-1])
    if answers != task.answers:
        raise ConfigError(
            f"the data ask for {_times(task.answers)} for each row, and this network gives {_times(answers)}. "
            f"Use {fitting(task)}."
        )


def fitting(task: Task) -> str:
    """Architectures for a task, as words."""
    *names, last = (f"arch={name}" for name in sorted((ANSWERING if task.answers else SCORING)[task.kind]))
    return f"{', '.join(names)} or {last}" if names else last


def _times(answers: tuple[int, ...]) -> str:
    return f"{'x'.join(map(str, answers))} answers" if answers else "one answer"


def cut(net: Network, at: str, task: Task, word: str) -> Network:
    """The network up to the unit or block ``at``, or ``input`` for none of it, with a new head on its flattened output.

    Args:
        net: shares its units with what is returned.
        at: a unit, or a block for its last unit.
        task: what the network was built for.
        word: the setting that names the unit, for the message.

    Raises:
        ConfigError: there is no such unit; says which there are.
    """
    ends = {name: name for name in net.unit_names} | {block: units[-1] for block, units in blocks(net).items()}
    if at != INPUT and at not in ends:
        near = did_you_mean(at, [INPUT, *ends])
        raise ConfigError(f"{word}={at} is no unit of this network.{near} Units: {some([INPUT, *net.unit_names])}.")
    names = [] if at == INPUT else net.unit_names[: net.unit_names.index(ends[at]) + 1]
    units = {name: net.get_submodule(name) for name in names}
    if outline(nn.Sequential(*units.values()), task.shape)[1:-1] != task.answers:
        if task.answers:
            raise ConfigError(
                f"{word}={at} does not give the {_times(task.answers)} for each row that the data ask for. "
                f"Units that do: {some(_giving(net, task))}."
            )
        units["flatten"] = nn.Flatten()
    part = chain(units, task)
    part.origin = net.origin
    return part


def _giving(net: Network, task: Task) -> list[str]:
    """The units whose output has the answers that the task asks for."""
    shape, found = task.shape, []
    for name in net.unit_names:
        shape = tuple(outline(net.get_submodule(name), shape)[1:])
        if shape[:-1] == task.answers:
            found.append(name)
    return found


def outline(module: nn.Module, shape: tuple[int, ...], rows: int = 2) -> torch.Size:
    """The shape of what a module on the meta device gives for inputs of a shape. Its constant buffers may be real.

    A small one is computed with zeros for weights: to compute on the meta device torch first loads its compiler, for a second.
    """
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    device = "cpu" if sum(tensor.numel() for tensor in tensors.values()) <= SMALL else "meta"
    there = {name: _zeros(tensor, device) for name, tensor in tensors.items()}
    with torch.no_grad(), torch.device(device):
        y: Tensor = functional_call(module.eval(), there, (torch.zeros(rows, *shape),))
    return y.shape


def _zeros(tensor: Tensor, device: str) -> Tensor:
    return torch.zeros(tensor.shape, dtype=tensor.dtype, device=device) if tensor.is_meta else tensor.to(device)


def connect(net: nn.Module, edges: Tensor) -> None:
    """Give the edges (2, E) of the data's graph to every layer that has a buffer ``edges`` for them.

    Each gets a copy: a tensor that two layers share has one name only in ``named_buffers``, and a slice of the network may
    begin after it.
    """
    for module in net.modules():
        if "edges" in dict(module.named_buffers(recurse=False)):
            module.register_buffer("edges", edges.clone())


def blocks(net: Network) -> dict[str, list[str]]:
    """Block name -> names of its units, in order, for all units with weights; the head left out.

    Units called ``block2_1``, ``block2_2``, ... make up ``block2``; every other unit is a block by itself.
    """
    groups: dict[str, list[str]] = {}
    for name in net.unit_names:
        if any(True for _ in net.get_submodule(name).parameters()):
            match = re.fullmatch(r"(\w*\d)_\d+", name)
            groups.setdefault(match.group(1) if match else name, []).append(name)
    return groups


def unit_of(tensor_name: str) -> str:
    """The unit that a tensor belongs to: ``block1_1`` for ``block1_1.conv.weight``."""
    return tensor_name.partition(".")[0]


def first_of(net: nn.Module, names: Collection[str]) -> int:
    """How many children, head included, come before the first of these; all, where there is none of them."""
    return next((k for k, (name, _) in enumerate(net.named_children()) if name in names), len(list(net.children())))


def norm_layers(net: nn.Module) -> dict[str, nn.Module]:
    """Name -> layer, for every normalisation layer (batch, layer, group, instance, RMS)."""
    return {name: module for name, module in net.named_modules() if isinstance(module, NORMS)}


class Role(Enum):
    """What a tensor does in its layer; initialisation laws and subset policies speak of roles, not of names."""

    WEIGHT = "weight"  # a matrix or a filter bank, one row per output
    BIAS = "bias"  # one number added per output
    GAIN = "gain"  # one factor per channel: a norm layer's weight, or a layer scale
    SHIFT = "shift"  # a norm layer's bias
    TOKEN = "token"  # numbers beside the data that have no rows: a class token, a table of positions


@dataclass(frozen=True)
class Slot:
    """A parameter of a network, before it has numbers.

    Attributes:
        name: its path in the network, ``block1_1.conv.weight``.
        shape: of the tensor.
        role: what it does in its layer.
        layer: the layer that it belongs to.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    layer: nn.Module


def slots(net: nn.Module) -> list[Slot]:
    """Every parameter of the network, in its order."""
    return [
        Slot(f"{prefix}.{name}" if prefix else name, tuple(tensor.shape), _role(module, tensor), module)
        for prefix, module in net.named_modules()
        for name, tensor in module.named_parameters(recurse=False)
    ]


def roles(net: nn.Module) -> dict[str, Role]:
    """Tensor name -> role, for every parameter of the network in its order."""
    return {slot.name: slot.role for slot in slots(net)}


def bias_of(weight: str) -> str:
    """The name that the bias beside a weight has where there is one: ``conv.bias``, ``in_proj_bias``."""
    return weight.removesuffix("weight") + "bias"


def layers(net: Network) -> dict[str, list[str]]:
    """Layer name -> its weight and, where it has one, its bias: every linear or convolutional layer in order, the head last.

    The inner projection of an attention, which is no module of its own, is the layer ``in_proj`` there.
    """
    all_roles = roles(net)
    weights = [name for name, role in all_roles.items() if role is Role.WEIGHT and name.endswith("weight")]
    return {
        weight.removesuffix("weight").rstrip("._"): [name for name in (weight, bias_of(weight)) if name in all_roles]
        for weight in weights
    }


def _role(module: nn.Module, tensor: nn.Parameter) -> Role:
    if isinstance(module, NORMS):
        return Role.GAIN if tensor is module.weight else Role.SHIFT
    if tensor.ndim == 1:
        return Role.BIAS
    if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
        return Role.WEIGHT
    if tensor.numel() == tensor.shape[0]:
        return Role.GAIN
    return Role.TOKEN if tensor.shape[0] == 1 else Role.WEIGHT
