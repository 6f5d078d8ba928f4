"""Standardising and whitening against numpy, and where they are delicate."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from randfeat.data import Blobs, Digits
from randfeat.data.scale import as_float, each_standardised, fit_standardised, fit_whitened
from randfeat.errors import ConfigError
from tests.reference import data_twins

CPU = torch.device("cpu")


def correlated_vectors(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.standard_normal((n, 6)) @ rng.standard_normal((6, 6)) + 3).astype(np.float32))


def colourful_images(n=300, seed=0):
    rng = np.random.default_rng(seed)
    smooth = rng.standard_normal((n, 3, 1, 1)) * 40 + rng.standard_normal((n, 3, 4, 4)) * 20 + 120
    return torch.from_numpy(smooth.clip(0, 255).astype(np.uint8))


def noisy_sequences(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.standard_normal((n, 5, 3)) * [1, 10, 0.1] + [3, -40, 0]).astype(np.float32))


def sequences_of_bytes(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.standard_normal((n, 5, 2)) * [40, 10] + [120, 30]).clip(0, 255).astype(np.uint8))


ALL = [correlated_vectors, colourful_images, noisy_sequences, sequences_of_bytes]


@pytest.mark.parametrize("make", ALL)
def test_standardising_equals_the_slow_twin(make):
    train, other = make(seed=0), make(seed=1)
    expected = data_twins.standardised(train.numpy(), other.numpy())
    np.testing.assert_allclose(fit_standardised(train, CPU)(other), expected, atol=1e-5)


@pytest.mark.parametrize("make", ALL)
def test_rows_that_are_standardised_one_by_one_equal_scipy_s_scores_and_constant_ones_are_zero(make):
    x = make()
    x[3] = 77
    expected = scipy.stats.zscore(np.delete(x.numpy().reshape(len(x), -1).astype(np.float64), 3, 0), axis=1)
    found = each_standardised(x).flatten(1).numpy()
    np.testing.assert_allclose(np.delete(found, 3, 0), expected, atol=1e-5)
    assert not found[3].any()
    np.testing.assert_array_equal(each_standardised(x[5:6]).flatten(1).numpy(), found[5:6])


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 10.0])
def test_whitening_equals_the_slow_twin(make, epsilon):
    train, other = make(seed=0), make(seed=1)
    expected = data_twins.whitened(train.numpy(), other.numpy(), epsilon)
    np.testing.assert_allclose(fit_whitened(train, epsilon, CPU)(other), expected, atol=1e-4)


@pytest.mark.parametrize("make", ALL)
def test_whitened_training_rows_are_uncorrelated_with_variance_one(make):
    train = make()
    z_ND = fit_whitened(train, 1e-7, CPU)(train).flatten(1).double()
    np.testing.assert_allclose(z_ND.mean(0), np.zeros(z_ND.shape[1]), atol=1e-4)
    np.testing.assert_allclose(np.cov(z_ND.T, bias=True), np.eye(z_ND.shape[1]), atol=1e-3)


def test_epsilon_damps_each_eigenvalue_s_to_s_over_s_plus_epsilon():
    train = correlated_vectors()
    before = np.linalg.eigvalsh(np.cov(data_twins.standardised(train.numpy(), train.numpy()).T, bias=True))
    after = np.linalg.eigvalsh(np.cov(fit_whitened(train, 0.5, CPU)(train).double().T, bias=True))
    np.testing.assert_allclose(after, before / (before + 0.5), atol=1e-5)


def test_whitening_survives_more_columns_than_rows_and_constant_columns():
    train = colourful_images(n=5)
    train[:, 1] = 77
    z = fit_whitened(train, 0.1, CPU)(train)
    assert torch.isfinite(z).all()
    assert z[:, 1].abs().max() < 1e-5


@pytest.mark.parametrize("value", [0.1, 1e-8, 3e7])
def test_a_constant_column_is_centred_and_divided_by_one(value):
    train = correlated_vectors(n=777)
    train[:, 2] = value
    scale = fit_standardised(train, CPU)
    other = train[:2].clone()
    other[:, 2] += 2
    assert torch.equal(scale(train)[:, 2], torch.zeros(777))
    assert torch.equal(scale(other)[:, 2], other[:, 2] - train[:2, 2])


def test_a_constant_channel_is_centred_and_divided_by_one():
    train = colourful_images()
    train[:, 2] = 51
    assert fit_standardised(train, CPU)(train)[:, 2].abs().max() == 0


@pytest.mark.parametrize("make", [noisy_sequences, sequences_of_bytes])
def test_the_channels_of_sequences_have_mean_0_and_variance_1_over_rows_and_steps_and_a_constant_one_is_zero(make):
    train = make()
    train[..., 1] = 77
    z = fit_standardised(train, CPU)(train).double()
    assert z[..., 1].abs().max() == 0
    assert z[..., 0].mean().abs() < 1e-5
    assert (z[..., 0].var(correction=0) - 1).abs() < 1e-5
    steps_T = z[..., 0].mean(0)
    assert steps_T.abs().max() > 1e-3  # all steps together, not each


def test_steps_share_their_channel_s_scale():
    """0, 1, ..., 9 over the steps of each row: the mean 4.5 and the variance (10**2 - 1) / 12, whatever the type."""
    steps_T = torch.arange(10)
    for train in (steps_T.float().expand(3, 10)[..., None], steps_T.to(torch.uint8).expand(3, 10)[..., None]):
        expected = (steps_T - 4.5) / np.sqrt(99 / 12)
        np.testing.assert_allclose(fit_standardised(train, CPU)(train)[1, :, 0], expected, atol=1e-6)


def test_a_single_row_is_its_own_mean():
    assert fit_standardised(correlated_vectors(n=1), CPU)(correlated_vectors(n=1)).abs().max() == 0


def test_scaled_rows_are_float32_whatever_the_default_type():
    train = colourful_images()
    torch.set_default_dtype(torch.float64)
    try:
        scales = (as_float, fit_standardised(train, CPU), fit_whitened(train, 0.1, CPU))
        types = [scale(train).dtype for scale in scales]
    finally:
        torch.set_default_dtype(torch.float32)
    assert types == [torch.float32] * 3


def test_a_data_set_whitens_with_its_own_epsilon_on_its_training_rows(tmp_path):
    data = Digits(scaling="zca", zca_epsilon=0.3, val_share=0.2).load(0, tmp_path, CPU)
    expected = data_twins.whitened(data.train.x.numpy(), data.test.x.numpy(), 0.3)
    np.testing.assert_allclose(data.scale(data.test.x), expected, atol=1e-4)


def test_whitening_too_many_inputs_is_refused_before_memory_runs_out():
    with pytest.raises(ConfigError) as error:
        fit_whitened(torch.zeros(2, 3, 96, 96, dtype=torch.uint8), 0.1, CPU)
    assert str(error.value) == (
        "data.scaling=zca is for at most 12288 inputs, and these rows have 27648."
        " Use data.resize to make the images smaller, or data.scaling=standardise."
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_data_set_is_the_same_on_another_device(tmp_path):
    here, there = (Blobs(scaling="zca").load(0, tmp_path, torch.device(name)) for name in ("cpu", "cuda"))
    assert torch.equal(here.train.x, there.train.x.cpu())
    assert torch.allclose(here.scale(here.train.x), there.scale(there.train.x).cpu(), atol=1e-5)
