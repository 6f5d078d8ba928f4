"""One large filter beside a chain of 3x3 filters with the same receptive field."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from randfeat.arch import Vgg
from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.network import Network
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((2, 33, 33), 3)


def drawn(net: Network) -> dict[str, torch.Tensor]:
    return {name: tensor.double() for name, tensor in draw(make_part("init", {"part": "gaussian"}), net, 0).items()}


def unpooled(arch: Vgg) -> Network:
    """The convolutions of an architecture of one stage, without its pool."""
    net = arch.build(TASK)[:-2]
    del net[-1].pool
    return net


def receptive_field(net: Network) -> tuple[int, int]:
    """Rows and columns of the input that the middle of the map depends on, from the gradient of every sum of maps."""
    x = torch.rand(1, *TASK.shape, dtype=torch.float64, requires_grad=True)
    y = functional_call(net.eval(), drawn(net), (x,))
    (y[0, :, y.shape[2] // 2, y.shape[3] // 2] ** 2).sum().backward()
    seen = x.grad[0].abs().sum(0) > 0
    return int(seen.any(1).sum()), int(seen.any(0).sum())


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_one_filter_sees_what_a_chain_of_filters_sees(k):
    for filters in ("chain", "one"):
        net = unpooled(Vgg(stages=(k,), filters=filters, width=4, norm="none", activation="tanh"))
        assert len(net) == (k if filters == "chain" else 1)
        assert receptive_field(net) == (2 * k + 1, 2 * k + 1)


@pytest.mark.parametrize("depth", [11, 16])
def test_every_stage_of_a_published_depth_becomes_one_filter(depth):
    net = Vgg(depth=depth, filters="one", width=2).build(Task((3, 32, 32), 3))
    kernels = [module.kernel_size for name, module in net.named_modules() if name.endswith("conv")]
    assert kernels == [(side, side) for side in {11: (3, 3, 5, 5, 5), 16: (5, 5, 7, 7, 7)}[depth]]
    assert net.unit_names == [f"block{s}_1" for s in range(1, 6)] + ["flatten"]


def test_a_linear_chain_computes_what_the_filter_composed_of_it_does():
    """Away from the border. What the chain makes of a single point is the composed filter, mirrored."""
    k = 3
    chain, one = (
        unpooled(Vgg(stages=(k,), filters=filters, width=5, norm="none", activation="identity")) for filters in ("chain", "one")
    )
    weights = drawn(chain)
    composed = torch.eye(2, dtype=torch.float64)[:, :, None, None]  # a point in each map of the input
    for j in range(1, k + 1):
        composed = F.conv2d(composed, weights[f"block1_{j}.conv.weight"], padding=2)
    filters = composed.transpose(0, 1).flip(2, 3)
    x = torch.randn(2, *TASK.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = functional_call(chain, weights, (x,))
    z = functional_call(
        one, {"block1_1.conv.weight": filters, "block1_1.conv.bias": torch.zeros_like(filters[:, 0, 0, 0])}, (x,)
    )
    inside = (..., slice(k - 1, 1 - k), slice(k - 1, 1 - k))
    torch.testing.assert_close(y[inside], z[inside], rtol=1e-10, atol=1e-10)
    assert float((y - z)[..., k - 2, :].abs().min()) > 1e-6


def test_stages_replace_the_depth():
    net = Vgg(stages=(2, 1), width=3).build(TASK)
    assert net.unit_names == ["block1_1", "block1_2", "block2_1", "flatten"]
    assert net.head.in_features == 6 * 8 * 8
    published = Vgg(stages=(1, 1, 2, 2, 2)).build(TASK)
    assert [*published.state_dict()] == [*Vgg().build(TASK).state_dict()]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": ()}, "arch.stages=[] has no convolution. Give how many each stage has, such as arch.stages=[2,2,2]."),
        ({"stages": (2,), "depth": 13}, "arch.stages gives the depth. Leave out arch.depth."),
    ],
)
def test_stages_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        Vgg(**settings).build(TASK)
    assert str(caught.value) == message
