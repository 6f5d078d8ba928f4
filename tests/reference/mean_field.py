"""Signals in infinitely wide random networks (Poole et al. 2016; Schoenholz et al. 2017), by Gauss-Hermite quadrature.

A layer is h = W phi(h') + b with independent entries: W of variance w / fan-in, b of variance b. Its numbers are Gaussian
with variance q, and q follows from the layer below.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def gaussian_mean(f, q):
    """E f(sqrt(q) z) for a standard normal z."""
    return float(WEIGHTS @ f(math.sqrt(q) * NODES)) / math.sqrt(2 * math.pi)


def next_variance(q, w, b):
    """V(q) = w E tanh(sqrt(q) z)**2 + b."""
    return w * gaussian_mean(lambda h: np.tanh(h) ** 2, q) + b


def fixed_variance(w, b):
    """q* = V(q*), for b > 0: V - q changes its sign once."""
    return brentq(lambda q: next_variance(q, w, b) - q, 1e-12, 10 * (w + b), xtol=1e-15)


def chi(q, w):
    """chi_1 = w E tanh'(sqrt(q) z)**2: by how much a layer multiplies the square of a small perturbation or gradient."""
    return w * gaussian_mean(lambda h: (1 - np.tanh(h) ** 2) ** 2, q)
