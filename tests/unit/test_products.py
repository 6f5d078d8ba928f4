"""Float32 products against float64: every way to form them, and the one that is taken."""

from __future__ import annotations

import pytest
import torch

from randfeat import products
from randfeat.products import ERROR, double, fastest, layers_by, one_dnn, plain, split_tf32


def drawn(seed=0):
    return torch.rand(3000, 300, generator=torch.Generator().manual_seed(seed))


def error(product):
    a, b = drawn(), drawn(1)
    true = a.double().T @ b.double()
    scale = torch.outer(a.double().norm(dim=0), b.double().norm(dim=0))
    return float(((product(a, b) - true).abs() / scale).max())


@pytest.mark.parametrize("product", [plain, double, split_tf32])
def test_products_stay_within_the_documented_error(product):
    assert error(product) <= ERROR


def test_so_does_the_one_that_is_taken():
    assert error(fastest(torch.device("cpu"))) <= ERROR


def test_a_product_of_bfloat16_is_not_within_the_documented_error():
    assert error(lambda a, b: (a.bfloat16().T @ b.bfloat16()).float()) > 100 * ERROR


def test_a_faster_product_that_rounds_is_refused(monkeypatch):
    def rounded(a, b):
        return torch.zeros(a.shape[1], b.shape[1])

    monkeypatch.setattr(products, "one_dnn", rounded)
    fastest.cache_clear()
    assert fastest(torch.device("cpu")) is plain
    fastest.cache_clear()


def test_the_halves_of_a_number_add_up_to_it_and_the_first_is_exact_in_tf32():
    x = drawn() * 1000
    high, low = products._halves(x)
    assert torch.equal(high + low, x)
    assert not (high.view(torch.int32) & (2**13 - 1)).any()
    assert float((low / x).abs().max()) < 2**-10


def test_torch_s_own_precision_comes_back():
    before = torch.get_float32_matmul_precision()
    one_dnn(drawn(), drawn())
    with layers_by(one_dnn):
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before
