"""The last layer of a random VGG-11 in closed form, as one would write it with PyTorch and Hydra.

    python train.py --multirun law=he,orthogonal 'seed=range(0,3)' penalty=0.1,1,10

It knows nothing of the program it is compared with. Each job loads, builds, draws, computes features, solves, scores and
adds one line of JSON to ``out``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import hydra
import numpy as np
import torch
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import Tensor, nn

N_TEST = 360
"""Of the digits, the last rows."""
BATCH = 500
STAGES = ((1, 1), (1, 2), (2, 4), (2, 8), (2, 8))
"""Convolutions of a stage, and their channels over ``width``."""


class Rows(NamedTuple):
    x: Tensor
    y_N: Tensor


class System(NamedTuple):
    """Least squares on one-hot classes with an intercept, in float64."""

    gram_PP: Tensor
    cross_PK: Tensor
    mean_P: Tensor
    mean_K: Tensor


class Head(NamedTuple):
    beta_PK: Tensor
    intercept_K: Tensor


def load(data: str, folder: str, rows: str | None) -> tuple[Rows, Rows]:
    """Training and test rows; images standardised by channel on the training rows."""
    if data == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        x, y = np.round(digits.images * 255 / 16)[:, None], digits.target
        parts = [(x[:-N_TEST], y[:-N_TEST]), (x[-N_TEST:], y[-N_TEST:])]
    else:
        from torchvision.datasets import CIFAR10

        sets = [CIFAR10(folder, train=train) for train in (True, False)]
        parts = [(one.data.transpose(0, 3, 1, 2), np.array(one.targets)) for one in sets]
    if rows is not None:
        kept = np.load(rows)
        parts = [(x[kept[split]], y[kept[split]]) for (x, y), split in zip(parts, ("train", "test"), strict=True)]
    train, test = (Rows(torch.from_numpy(x).float() / 255, torch.from_numpy(y).long()) for x, y in parts)
    std, mean = torch.std_mean(train.x, (0, 2, 3), correction=0, keepdim=True)
    return train._replace(x=(train.x - mean) / std), test._replace(x=(test.x - mean) / std)


def network(channels: int, side: int, width: int) -> nn.Sequential:
    """VGG-11 without norm layers or head; a map of one pixel is not pooled."""
    layers: list[nn.Module] = []
    for n_convs, factor in STAGES:
        for _ in range(n_convs):
            layers += [nn.Conv2d(channels, width * factor, 3, padding=1), nn.ReLU()]
            channels = width * factor
        if side > 1:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    return nn.Sequential(*layers, nn.Flatten())


def draw(net: nn.Sequential, law: str, seed: int) -> None:
    torch.manual_seed(seed)
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu") if law == "he" else nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def features(net: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([net(batch) for batch in x.split(BATCH)])


def system(phi_NP: Tensor, y_N: Tensor) -> System:
    phi, y_NK = phi_NP.double(), F.one_hot(y_N).double()
    mean_P, mean_K = phi.mean(0), y_NK.mean(0)
    phi = phi - mean_P
    return System(phi.T @ phi, phi.T @ (y_NK - mean_K), mean_P, mean_K)


def solve(rows: System, penalty: float) -> Head:
    eye_PP = torch.eye(len(rows.gram_PP), dtype=torch.float64)
    beta_PK = torch.cholesky_solve(rows.cross_PK, torch.linalg.cholesky(rows.gram_PP + penalty * eye_PP))
    return Head(beta_PK, rows.mean_K - rows.mean_P @ beta_PK)


def accuracy(head: Head, phi_NP: Tensor, y_N: Tensor) -> float:
    scores_NK = phi_NP @ head.beta_PK.float() + head.intercept_K.float()
    return (scores_NK.argmax(1) == y_N).float().mean().item()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    torch.set_num_threads(cfg.threads)
    train, test = load(cfg.data, cfg.folder, cfg.rows)
    net = network(train.x.shape[1], train.x.shape[2], cfg.width)
    draw(net, cfg.law, cfg.seed)
    phi_train_NP, phi_test_NP = features(net, train.x), features(net, test.x)
    head = solve(system(phi_train_NP, train.y_N), cfg.penalty)
    line = {
        "law": cfg.law,
        "seed": cfg.seed,
        "penalty": cfg.penalty,
        "train/accuracy": accuracy(head, phi_train_NP, train.y_N),
        "test/accuracy": accuracy(head, phi_test_NP, test.y_N),
    }
    with Path(cfg.out).open("a") as lines:
        lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
