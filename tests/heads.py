"""Heads on features that a test gives."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from randfeat.registry import make_part
from randfeat.seeds import stream
from randfeat.solver import Problem
from randfeat.typing import Examples


def drawn(n=120, p=6, k=3, seed=0):
    """Features of unequal size and mean, and classes that overlap: a minimum well inside."""
    rng = np.random.default_rng(seed)
    phi = (rng.normal(size=(n, p)) + rng.normal(size=p)) * np.geomspace(0.1, 10, p)
    scores = phi @ (rng.normal(size=(p, k)) / np.geomspace(0.1, 10, p)[:, None]) + rng.normal(size=(n, k))
    return phi, (scores - scores.mean(0)).argmax(1)


def problem(x, y, x_val, y_val, n_classes, head=None):
    """A problem whose prefix does nothing; the head is of zeros in float32 unless another is given."""
    zero = {"head.weight": torch.zeros(n_classes, x.shape[1]), "head.bias": torch.zeros(n_classes)}
    return Problem(
        trained=zero if head is None else head,
        train=Examples(x, y),
        val=Examples(x_val, y_val),
        n_outputs=n_classes,
        augment=None,
        prepare=lambda rows: rows,
        logits=lambda w, z: F.linear(z, w["head.weight"], w["head.bias"]),
        train_mode=lambda: None,
        score_mode=lambda: None,
        order=stream(0, "order"),
        watch=lambda step: None,
    )


def head_problem(phi, y, n_classes):
    """The same without validation rows, in the precision of the features."""
    phi, y = torch.as_tensor(phi), torch.as_tensor(y)
    zero = {"head.weight": phi.new_zeros(n_classes, phi.shape[-1]), "head.bias": phi.new_zeros(n_classes)}
    return problem(phi, y, phi[:0], y[:0], n_classes, zero)


def fit(part, phi, y, n_classes=3, **settings):
    return make_part("solver", {"part": part, "tolerance": 1e-12} | settings).fit(head_problem(phi, y, n_classes))


def coefficients(fitted):
    """(P, K) and (K,), float64."""
    weight, bias = (fitted.trained[f"head.{name}"].numpy().astype(np.float64) for name in ("weight", "bias"))
    return weight.T, bias


def objective(part, beta, b, phi, y, penalty):
    """The documented formulas, one row and one class at a time as numpy writes them."""
    scores, truth = phi.astype(np.float64) @ beta + b, np.eye(len(b))[y]
    if part == "svm":
        return np.sum(np.maximum(0, 1 - (2 * truth - 1) * scores) ** 2) + penalty * (np.sum(beta**2) + np.sum(b**2))
    return np.sum(np.log(np.exp(scores).sum(1))) - np.sum(scores * truth) + penalty * np.sum(beta**2)
