"""What last-layer runs of random networks compute, and nothing else: plain torch, one process, no records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from hydra_peer.train import Rows, accuracy, features, solve, system
from torch import Tensor, nn

from randfeat.init import draw
from randfeat.spec import RunSpec


def accuracies(nets: Iterable[nn.Module], train: Rows, test: Rows, penalties: Sequence[float]) -> Iterator[float]:
    """Of the test rows, network by network and penalty by penalty; features and their products once for each network.

    The training rows are scored, too, as in a run.
    """
    for net in nets:
        phi_train_NP, phi_test_NP = features(net, train.x), features(net, test.x)
        rows = system(phi_train_NP, train.y_N)
        for penalty in penalties:
            head = solve(rows, penalty)
            accuracy(head, phi_train_NP, train.y_N)
            yield accuracy(head, phi_test_NP, test.y_N)


def filled(net: nn.Module, spec: RunSpec) -> nn.Module:
    """A plain network with the weights that a run draws, in the order of its tensors; it has no head."""
    drawn: list[Tensor] = list(draw(spec.init, spec.network(), spec.seeds.weights).values())
    with torch.no_grad():
        for own, tensor in zip(net.parameters(), drawn, strict=False):
            own.copy_(tensor)
    return net
