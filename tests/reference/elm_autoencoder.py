"""The decoder of a random autoencoder from its formula, by least squares with a row for each penalty."""

from __future__ import annotations

import numpy as np


def coded(x, W, b, slope, code):
    """(N, P): the codes of the rows."""
    z = slope * (x @ W.T + b)
    return 1 / (1 + np.exp(-z)) if code == "sigmoid" else z


def divergence(p, q):
    """Of a coin with chance p from one with chance q."""
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def penalties(h, penalty, scale):
    """The penalty of each code."""
    if scale == "one":
        return np.full(h.shape[1], penalty)
    products = h.T @ h
    apart = sum(divergence(0.05, mean) for mean in h.mean(0))
    return np.array([penalty * (max(row) + apart) for row in products])


def decoder(h, x, penalty, scale):
    """(P, D): each code's penalty is one more row, whose target is zero."""
    extra = np.diag(np.sqrt(penalties(h, penalty, scale)))
    rows, targets = np.concatenate([h, extra]), np.concatenate([x, np.zeros((h.shape[1], x.shape[1]))])
    return np.linalg.lstsq(rows, targets, rcond=None)[0]
