"""Layers that are decoders of random autoencoders: against the formula, and where the answer is known."""

from __future__ import annotations

import itertools
from collections import OrderedDict

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from torch import nn

from randfeat.config import compose
from randfeat.errors import ConfigError
from randfeat.init import NOTHING, Sources, codes, draw, elm_autoencoder
from randfeat.init.from_inputs import one_thread
from randfeat.init.orthogonal import frame
from randfeat.network import Network
from randfeat.places import data_folder
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.seeds import stream
from randfeat.spec import RunSpec
from randfeat.typing import Examples, Task
from tests.reference import elm_autoencoder as slow


def law(**settings):
    return make_part("init", {"part": "elm_autoencoder"} | settings)


def rows(n, d):
    """Correlated, with means of their own."""
    return stream(0, "rows").standard_normal((n, d)) @ stream(0, "mix").standard_normal((d, d)) + np.arange(d)


def showing(x_ND):
    x = torch.from_numpy(np.asarray(x_ND, np.float32))
    return Sources(lambda n: Examples(x[:n], torch.arange(len(x))[:n] % 3), NOTHING.recall, NOTHING.folder)


def network(*widths):
    layers = OrderedDict()
    with torch.device("meta"):
        for k, (d, p) in enumerate(itertools.pairwise(widths)):
            layers[f"layer{k}"] = nn.Sequential(nn.Linear(d, p), nn.Sigmoid())
    return Network(layers)


def weights(x_ND, *widths, **settings):
    """The weights of linear layers with sigmoids between them, in their order, in float64."""
    drawn = draw(law(**settings), network(*widths), 0, showing(x_ND))
    return [tensor.double().numpy() for name, tensor in drawn.items() if name.endswith("weight")]


def codes_of(x_ND, p, slope=1.0, code="sigmoid", layer=0):
    """The codes that the law draws for that layer with seed 0, from its stream."""
    source = stream(0, "weights", f"layer{layer}.0.weight", "inputs")
    W, b = frame(p, x_ND.shape[1], source), frame(p, 1, source)[:, 0]
    return slow.coded(x_ND, W, b, slope, code)


@pytest.mark.parametrize("scale", ["one", "published"])
@pytest.mark.parametrize("p", [4, 11])
def test_a_layer_is_gain_times_the_decoder_of_its_formula(p, scale):
    x = rows(90, 7).astype(np.float32).astype(np.float64)
    (weight,) = weights(x, 7, p, penalty=0.3, slope=0.8, scale=scale, gain=0.7)
    expected = 0.7 * slow.decoder(codes_of(x, p, slope=0.8), x, 0.3, scale)
    np.testing.assert_allclose(weight, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_the_next_layer_decodes_what_the_finished_one_gives():
    x = rows(90, 7).astype(np.float32).astype(np.float64)
    first, second = weights(x, 7, 5, 12, penalty=0.01)
    z = 1 / (1 + np.exp(-x @ first.T))
    expected = slow.decoder(codes_of(z, 12, layer=1), z, 0.01, "one")
    np.testing.assert_allclose(second, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_linear_codes_more_than_inputs_are_decoded_without_loss():
    x = rows(60, 5)
    (weight,) = weights(x, 5, 8, penalty=1e-7, code="linear")
    np.testing.assert_allclose(codes_of(x, 8, code="linear") @ weight, x, atol=1e-5)


@pytest.mark.parametrize("slope", [1.0, 0.3])
def test_a_square_layer_of_linear_codes_is_the_very_rotation_that_coded(slope):
    x = rows(60, 6)
    (weight,) = weights(x, 6, 6, code="linear", slope=slope, gain=2)
    W = frame(6, 6, stream(0, "weights", "layer0.0.weight", "inputs"))
    np.testing.assert_allclose(weight, 2 * W, atol=1e-5)


def test_a_square_layer_of_sigmoids_is_the_procrustes_rotation_of_centred_codes():
    x = rows(60, 6).astype(np.float32).astype(np.float64)
    (weight,) = weights(x, 6, 6, penalty=1e9)
    h = codes_of(x, 6)
    expected, _ = orthogonal_procrustes(h - h.mean(0), x - x.mean(0))
    np.testing.assert_allclose(weight, expected, atol=1e-6)
    np.testing.assert_allclose(weight @ weight.T, np.eye(6), atol=1e-6)


@pytest.mark.parametrize("scale", ["one", "published"])
def test_what_a_layer_gives_is_the_same_when_its_inputs_and_the_codes_are_turned_alike(monkeypatch, scale):
    """So a rotation between two layers, all that a square one without an activation is, does nothing but by chance."""
    x, turn = rows(90, 7), frame(7, 7, stream(0, "turn"))
    (plain,) = weights(x, 7, 12, penalty=0.3, scale=scale)
    monkeypatch.setattr(elm_autoencoder, "frame", lambda p, d, s: frame(p, d, s) @ turn.T if d == 7 else frame(p, d, s))
    (turned,) = weights(x @ turn.T, 7, 12, penalty=0.3, scale=scale)
    assert np.abs(turned - plain).max() > 0.1 * np.abs(plain).max()
    np.testing.assert_allclose(turned @ turn, plain, atol=1e-5 * np.abs(plain).max())


def test_rows_seen_twice_are_rows_seen_once_with_half_the_penalty():
    x = rows(40, 5)
    once, twice = weights(x, 5, 9, penalty=1)[0], weights(np.concatenate([x, x]), 5, 9, penalty=2)[0]
    np.testing.assert_allclose(twice, once, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("square", [False, True])
def test_sums_over_blocks_and_tiles_are_those_over_all_rows_at_once(monkeypatch, square):
    monkeypatch.setattr(codes, "NUMBERS", 90)
    monkeypatch.setattr(codes, "TILE", 4)
    x, W = rows(50, 3), stream(0, "W").standard_normal((10, 3))
    h = np.tanh(x @ W.T)
    with one_thread():
        sums = codes.summed(x, 10, lambda x_BD, part: np.tanh(x_BD @ W[part].T), 2, gram=not square)
    np.testing.assert_allclose(sums.cross_PD, h.T @ x, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(sums.h_P, h.sum(0), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(sums.x_D, x.sum(0), rtol=1e-12)
    expected = np.zeros((0, 0)) if square else np.triu(h.T @ h)
    np.testing.assert_allclose(np.triu(sums.gram_PP), expected, rtol=1e-12, atol=1e-10)


def test_neither_threads_nor_tiles_nor_blocks_show(monkeypatch):
    """Threads not to the last bit, the others but for rounding."""
    x, before, found = rows(300, 20), torch.get_num_threads(), []
    whole = weights(x, 20, 70, 20, 20)
    monkeypatch.setattr(codes, "NUMBERS", 70 * 32)
    monkeypatch.setattr(codes, "TILE", 16)
    try:
        for threads in (1, 3, 3):
            torch.set_num_threads(threads)
            found.append(weights(x, 20, 70, 20, 20))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, three, again, at_once in zip(*found, whole, strict=True):
        np.testing.assert_array_equal(one, three)
        np.testing.assert_array_equal(three, again)
        np.testing.assert_allclose(one, at_once, rtol=1e-4, atol=1e-5 * np.abs(at_once).max())


def test_biases_stay_as_drawn_and_the_head_is_orthonormal():
    net = make_part("arch", {"part": "mlp", "widths": [9]}).build(Task((6,), 4))
    one = law(bias="normal")
    drawn, gaussian = draw(one, net, 0, showing(rows(50, 6))), draw(make_part("init", {"part": "he", "bias": "normal"}), net, 0)
    assert torch.equal(drawn["hidden1.linear.bias"], gaussian["hidden1.linear.bias"])
    head = drawn["head.weight"].double().numpy()
    np.testing.assert_allclose(head @ head.T, np.eye(4), atol=1e-6)


def test_the_recipe_has_the_published_settings_and_learns_the_built_in_digits():
    spec = RunSpec.from_mapping(compose(["conf=ml_elm"]))
    assert spec.init.rules[:2] == (
        "hidden1*=elm_autoencoder(rows=60000, scale=published, penalty=10, slope=0.8, gain=0.7)",
        "hidden*=elm_autoencoder(rows=60000, scale=published, penalty=1e-4, slope=0.9)",
    )
    assert (spec.data.scaling, spec.solver.penalty, spec.arch.activation) == ("rows", (1e-8,), "sigmoid")
    metrics = run_one(spec, torch.device("cpu"), data_folder(None)).record.metrics
    assert metrics["train/accuracy"] > 0.95
    assert metrics["test/accuracy"] > 0.85


def refusal(action):
    with pytest.raises(ConfigError) as caught:
        action()
    return str(caught.value)


def test_convolutions_that_it_would_fill_are_refused_and_those_of_another_law_are_not():
    net = make_part("arch", {"part": "lenet"}).build(Task((1, 16, 16), 4))
    names = dict(net.named_parameters())
    convolutions = [name for name in names if name.startswith("conv") and name.endswith("weight")]
    assert refusal(lambda: law().check(net, names)) == (
        f"init=elm_autoencoder fills linear layers, not convolutions: {', '.join(convolutions)}. "
        "Use arch=mlp, or init=mixed with another law for them."
    )
    law().check(net, [name for name in names if name not in convolutions])


def test_what_has_no_answer_is_refused(monkeypatch):
    assert refusal(lambda: law(scale="published", code="linear")) == (
        "init.scale=published needs codes from 0 to 1. Use init.code=sigmoid, or init.scale=one."
    )
    assert refusal(lambda: weights(rows(5, 3), 3, 30, penalty=1e-300)) == (
        "the autoencoder of 'layer0.0.weight' has no unique solution with init.penalty=1e-300. Use a larger one."
    )
    monkeypatch.setattr(elm_autoencoder, "memory_left", lambda device: 2**29)
    assert refusal(lambda: weights(rows(5, 3), 3, 8000)) == (
        "the autoencoder of 'layer0.0.weight' needs 0.6 GiB for its 8,000 codes, and 0.5 are free. Use a narrower layer."
    )
