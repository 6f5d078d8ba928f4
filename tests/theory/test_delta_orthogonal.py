"""A delta-orthogonal convolution is an isometry (Xiao et al. 2018); a Gaussian one of the same variance is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from randfeat.init import draw
from randfeat.registry import make_part
from randfeat.seeds import stream

LAYERS = [
    (lambda mode: nn.Conv2d(4, 4, 3, padding=1, padding_mode=mode), (4, 6, 5)),
    (lambda mode: nn.Conv2d(3, 7, 5, padding=2, padding_mode=mode), (3, 6, 6)),
    (lambda mode: nn.Conv2d(6, 12, 3, padding=1, groups=3, padding_mode=mode), (6, 4, 5)),
    (lambda mode: nn.Conv1d(5, 8, 7, padding=3, padding_mode=mode), (5, 11)),
]


def weights_of(part, layer):
    return draw(make_part("init", {"part": part}), layer, 0)


def linear_map(layer, weights, shape):
    """The layer as a matrix, column by column: what it makes of every unit vector."""
    size = int(np.prod(shape))
    columns = functional_call(
        layer, {name: w.double() for name, w in weights.items()}, (torch.eye(size).double().view(size, *shape),)
    )
    return columns.reshape(size, -1).T.numpy()


@pytest.mark.parametrize("mode", ["circular", "zeros"])
@pytest.mark.parametrize(("build", "shape"), LAYERS)
def test_all_singular_values_of_the_linear_map_are_one(build, shape, mode):
    layer = build(mode)
    values = np.linalg.svd(linear_map(layer, weights_of("delta_orthogonal", layer), shape), compute_uv=False)
    assert len(values) == np.prod(shape)
    np.testing.assert_allclose(values, 1, atol=1e-5)


def test_those_of_a_gaussian_and_of_an_orthogonal_kernel_are_not():
    build, shape = LAYERS[0]
    for part in ("gaussian", "orthogonal"):
        values = np.linalg.svd(linear_map(build("circular"), weights_of(part, build("circular")), shape), compute_uv=False)
        assert values.max() / values.min() > 2


@pytest.mark.parametrize(("build", "shape"), LAYERS)
def test_the_norm_of_an_image_is_kept_to_one_part_in_a_hundred_thousand(build, shape):
    layer = build("circular")
    x = torch.from_numpy(stream(0, "x").standard_normal((20, *shape), dtype=np.float32))
    y = functional_call(layer, weights_of("delta_orthogonal", layer), (x,))
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-5, atol=0)


def test_a_thousand_layers_keep_the_norm():
    """In float32, to a thousand roundings of one part in ten million."""
    law = make_part("init", {"part": "delta_orthogonal"})
    x = y = torch.from_numpy(stream(0, "x").standard_normal((1, 8, 8, 8), dtype=np.float32))
    for k in range(1000):
        w = torch.from_numpy(law.weight((8, 8, 3, 3), stream(k, "w")))
        y = F.conv2d(F.pad(y, (1, 1, 1, 1), mode="circular"), w)
    assert abs(float(y.norm() / x.norm()) - 1) < 1e-4
