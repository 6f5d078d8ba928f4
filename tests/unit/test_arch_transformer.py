"""The transformer of sequences: against loops, against torch's own layers, and what positions and the mask are for."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from randfeat.arch.attention import Attention
from randfeat.errors import ConfigError
from randfeat.init import draw
from randfeat.model import fresh_buffers
from randfeat.network import Role, roles
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((7, 2), 3)
EACH = Task((7, 2), 3, (7,))
WIDTH, HEADS, HIDDEN = 12, 3, 24
KINDS = ("sinusoidal", "learned", "none")


def net_of(task=TASK, **settings):
    return make_part("arch", {"part": "transformer", "width": WIDTH, "heads": HEADS} | settings).build(task).eval()


def numbers(net):
    """Numbers for every tensor: gains near 1, all else independent and of order one tenth to one."""
    generator = torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(t.shape, generator=generator, dtype=torch.float64) for name, t in net.named_parameters()}
    gains = [role is Role.GAIN for role in roles(net).values()]
    return {name: 1 + t / 5 if gain else t / 3 for (name, t), gain in zip(drawn.items(), gains, strict=True)}


def called(net, w, x):
    return functional_call(net, {**w, **fresh_buffers(net, torch.device("cpu"), torch.float64)}, (x,))


def sequences(n=3, shape=TASK.shape):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def normed(x, w, name):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-6).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(x, w, name, scale, causal):
    """Row by row, head by head, query by query; a causal one has the keys up to its own."""
    d, joined = WIDTH // HEADS, torch.empty_like(x)
    for row, steps in enumerate(x):
        q, k, v = (linear(steps, w, f"{name}.{part}") for part in "qkv")
        for h in range(HEADS):
            own = slice(h * d, (h + 1) * d)
            for t, query in enumerate(q[:, own]):
                seen = t + 1 if causal else len(steps)
                weights = torch.exp(k[:seen, own] @ query / (math.sqrt(d) if scale else 1))
                joined[row, t, own] = weights @ v[:seen, own] / weights.sum()
    return linear(joined, w, f"{name}.out")


def table(kind, w):
    """(steps, width): what is added for the position."""
    if kind == "sinusoidal":
        waves = [[(t / 10000 ** (i // 2 * 2 / WIDTH), i) for i in range(WIDTH)] for t in range(TASK.shape[0])]
        numbers = [[math.cos(phase) if i % 2 else math.sin(phase) for phase, i in row] for row in waves]
        return torch.tensor(numbers, dtype=torch.float32).double()
    return w["stem.positions.table"][0] if kind == "learned" else 0


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "none"])
def test_the_scores_are_the_formula(positions, causal, scale):
    net = net_of(positions=positions, causal=causal, scale=scale, mlp_ratio=1.5, activation="tanh")
    w = numbers(net)
    z = linear(sequences(), w, "stem.linear") + table(positions, w)
    for k in (1, 2):
        z = z + attention(normed(z, w, f"block{k}.norm1"), w, f"block{k}.attention", scale, causal)
        hidden = torch.tanh(linear(normed(z, w, f"block{k}.norm2"), w, f"block{k}.mlp.linear1"))
        z = z + linear(hidden, w, f"block{k}.mlp.linear2")
    expected = linear(normed(z, w, "norm")[:, -1], w, "head")
    torch.testing.assert_close(called(net, w, sequences()), expected, rtol=1e-10, atol=1e-10)
    assert w["block1.mlp.linear1.weight"].shape == (18, 12)


def of_theirs(layer):
    """The tensors of torch's attention by the names of ours."""
    state, found = layer.state_dict(), {}
    for leaf in ("weight", "bias"):
        found |= {f"{part}.{leaf}": t for part, t in zip("qkv", state[f"in_proj_{leaf}"].chunk(3), strict=True)}
        found[f"out.{leaf}"] = state[f"out_proj.{leaf}"]
    return found


@pytest.fixture
def drawn():
    """Torch's own draws, the same in every test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("causal", [True, False])
def test_attention_computes_what_torch_s_does_with_its_mask(drawn, causal):
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double().eval()
    for tensor in theirs.parameters():
        nn.init.normal_(tensor, std=0.5)
    mask = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None
    x = sequences(3, (9, WIDTH))
    with torch.no_grad():
        expected, weights = theirs(x, x, x, attn_mask=mask)
        found = functional_call(Attention(WIDTH, HEADS, scale=True, causal=causal), of_theirs(theirs), (x,))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert float(weights.triu(1).max()) == 0 if causal else float(weights.triu(1).max()) > 0.1


@pytest.mark.parametrize("causal", [True, False])
def test_blocks_compute_what_torch_s_encoder_does_with_norms_in_front(drawn, causal):
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, 0.0, F.gelu, 1e-6, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH, eps=1e-6), enable_nested_tensor=False).double()
    for tensor in theirs.parameters():
        nn.init.normal_(tensor, std=0.5)
    net = net_of(EACH, mlp_ratio=HIDDEN / WIDTH, causal=causal, positions="none")
    w = numbers(net) | {f"norm.{leaf}": tensor for leaf, tensor in theirs.norm.state_dict().items()}
    for k, block in enumerate(theirs.layers, start=1):
        w |= {f"block{k}.attention.{name}": tensor for name, tensor in of_theirs(block.self_attn).items()}
        for ours, name in {"norm1": "norm1", "norm2": "norm2", "mlp.linear1": "linear1", "mlp.linear2": "linear2"}.items():
            w |= {f"block{k}.{ours}.{leaf}": tensor for leaf, tensor in block.get_submodule(name).state_dict().items()}
    mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64) if causal else None
    with torch.no_grad():
        expected = linear(theirs(linear(sequences(), w, "stem.linear"), mask=mask), w, "head")
        torch.testing.assert_close(called(net, w, sequences()), expected, rtol=1e-10, atol=1e-10)
    assert sum(t.numel() for name, t in w.items() if name.startswith(("block", "norm"))) == sum(
        t.numel() for t in theirs.parameters()
    )


def test_a_block_of_the_published_width_has_as_many_parameters_as_torch_s():
    net = net_of(width=512, heads=8, depth=1)
    with torch.device("meta"):
        theirs = nn.TransformerEncoderLayer(512, 8, 2048)
    assert n_parameters(net.get_submodule("block1")) == n_parameters(theirs) == 3_152_384


def test_in_the_sizes_of_gpt_2_it_has_as_many_parameters_as_its_layers():
    """A block: 4 width**2 + 4 width of the attention, 8 width**2 + 5 width of the perceptron, 2 norms of 2 width."""
    net = net_of(Task((1024, 1), 2), depth=12, width=768, heads=12, positions="learned")
    stem, positions, norm, head = 2 * 768, 1024 * 768, 2 * 768, 2 * 768 + 2
    assert n_parameters(net.get_submodule("block1")) == 12 * 768**2 + 13 * 768
    assert n_parameters(net) == stem + positions + 12 * (12 * 768**2 + 13 * 768) + norm + head


def n_parameters(module):
    return sum(tensor.numel() for tensor in module.parameters())


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"positions": "none", "causal": False}, True),
        ({"positions": "none"}, False),
        ({"causal": False}, False),
        ({"positions": "learned", "causal": False}, False),
    ],
)
def test_without_mask_and_positions_the_answers_move_with_the_steps_and_else_they_do_not(settings, same):
    net, order = net_of(EACH, **settings), [3, 0, 6, 2, 5, 1, 4]
    w, x = numbers(net), sequences()
    difference = (called(net, w, x[:, order]) - called(net, w, x)[:, order]).abs().max()
    assert (float(difference) < 1e-11) == same
    assert same or float(difference) > 1e-3


@pytest.mark.parametrize("width", [12, 7])
def test_the_product_of_two_positions_depends_on_their_distance_alone(width):
    net = net_of(Task((40, 1), 2), width=width, heads=1)
    positions = dict(net.named_buffers())["stem.positions.table"].double()
    assert positions.shape == (40, width)
    even = width // 2 * 2
    products = positions[:, :even] @ positions[:, :even].T
    for distance in range(40):
        of_waves = sum(math.cos(distance / 10000 ** (i / width)) for i in range(0, even, 2))
        assert products.diagonal(distance).tolist() == pytest.approx([of_waves] * (40 - distance), abs=1e-5)


def test_only_learned_positions_are_parameters_and_no_weights():
    tokens = {kind: [name for name, role in roles(net_of(positions=kind)).items() if role is Role.TOKEN] for kind in KINDS}
    assert tokens == {"sinusoidal": [], "learned": ["stem.positions.table"], "none": []}
    assert {kind: [name for name, _ in net_of(positions=kind).named_buffers()] for kind in KINDS} == {
        "sinusoidal": ["stem.positions.table"],
        "learned": [],
        "none": [],
    }


def test_blocks_start_as_the_identity_where_the_law_says_so():
    net = net_of()
    weights = draw(make_part("init", {"part": "he", "branches": "zero"}), net, 0)
    x = sequences(2, (7, WIDTH)).float()
    for k in (1, 2):
        block = {name.removeprefix(f"block{k}."): t for name, t in weights.items() if name.startswith(f"block{k}.")}
        assert torch.equal(functional_call(net.get_submodule(f"block{k}"), block, (x,)), x)


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(ConfigError) as refusal:
        net_of(width=64, heads=3)
    assert str(refusal.value) == (
        "arch.width of a transformer must be a multiple of arch.heads, got 64 and 3. Use arch.heads=2, or arch.width=63."
    )
