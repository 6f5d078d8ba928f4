"""The benchmark of deep networks runs at a toy size and finds what it says that it measures."""

import pytest

from tests.test_benchmarks import figures


@pytest.mark.slow
def test_deep_compares_two_backward_passes_that_agree(tmp_path):
    found = figures(tmp_path, "deep.py")
    deepest = found["measured"]["420"]
    assert deepest["segments"]["loss"] == deepest["one piece"]["loss"]
    assert found["ratios"]["memory"] > 1
    assert found["ratios"]["seconds"] == deepest["segments"]["seconds"] / deepest["one piece"]["seconds"] < 5
