"""Activations by their formulas, and the kernels and steps that their docstrings promise."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.special import erf, expit
from torch.func import functional_call

from randfeat.arch import Mlp
from randfeat.arch.activation import ACTIVATIONS, Activation
from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.typing import Task

X = np.array([-3.0, -1.2, -0.4, 0.0, 0.3, 0.9, 2.5])
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU: Klambauer et al. 2017
FORMULAS = {
    "relu": np.maximum(0, X),
    "tanh": np.tanh(X),
    "sigmoid": expit(X),
    "gelu": X * (1 + erf(X / np.sqrt(2))) / 2,
    "identity": X,
    "leaky_relu": np.where(X > 0, X, 0.01 * X),
    "elu": np.where(X > 0, X, np.expm1(X)),
    "selu": SCALE * np.where(X > 0, X, ALPHA * np.expm1(X)),
    "silu": X * expit(X),
    "softplus": np.logaddexp(0, X),
    "hard_tanh": X.clip(-1, 1),
    "sin": np.sin(X),
    "cos": np.cos(X),
    "sign": np.sign(X),
    "gaussian": np.exp(-(X**2)),
    "square": X**2,
    "abs": np.abs(X),
}


def test_the_names_of_the_setting_are_those_of_the_table():
    assert list(get_args(Activation)) == list(ACTIVATIONS) == list(FORMULAS)


@pytest.mark.parametrize("name", list(FORMULAS))
def test_an_activation_is_its_formula(name):
    np.testing.assert_allclose(ACTIVATIONS[name]()(torch.from_numpy(X)).numpy(), FORMULAS[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", list(FORMULAS))
@pytest.mark.parametrize("part", ["mlp", "lenet", "vgg", "conv_pool"])
def test_every_architecture_with_the_setting_takes_it(part, name):
    arch = make_part("arch", {"part": part, "code" if part == "conv_pool" else "activation": name, "width": 4})
    found = {type(module) for module in arch.build(Task((1, 16, 16), 3)).modules()}
    assert ACTIVATIONS[name] in found


def test_the_gradient_of_a_sign_is_that_of_hard_tanh():
    x = torch.tensor([-1.5, -0.4, 0.0, 0.6, 3.0], dtype=torch.float64, requires_grad=True)
    ACTIVATIONS["sign"]()(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_cosines_of_gaussian_weights_and_uniform_phases_give_the_gaussian_kernel():
    """2 phi phi' / P tends to exp(-g**2 |x - x'|**2 / (2 D)); the standard error of an entry is at most 1 / sqrt(P)."""
    width, d, gain = 40_000, 6, 2.0
    net = Mlp(width=width, activation="cos").build(Task((d,), 2))[:2].eval()
    law = make_part("init", {"part": "gaussian", "gain": gain, "bias": "uniform", "bias_std": np.pi / np.sqrt(3)})
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((5, d)).astype(np.float32))
    phi_NP = functional_call(net, draw(law, net, 0), (x,)).double()
    found = 2 * phi_NP @ phi_NP.T / width
    expected = torch.exp(-(gain**2) / (2 * d) * torch.cdist(x, x).double() ** 2)
    assert expected.min() < 0.2
    torch.testing.assert_close(found, expected, rtol=0, atol=4 / np.sqrt(width))
