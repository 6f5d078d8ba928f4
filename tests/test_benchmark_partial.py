"""The benchmarks run, count what they say they count, and time nothing that is wrong."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def partial_training(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("partial_training")


def a_case(partial_training, folder, subset):
    images = folder / "images.npz"
    partial_training.cases.random_images(images, 64, 10, partial_training.QUICK.side)
    return partial_training.case(partial_training.QUICK, "resnet", subset, images, torch.device("cpu"))


def test_partial_training_writes_a_share_for_every_subset(partial_training, tmp_path, monkeypatch, capsys):
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["partial_training.py", "--quick", "--arch", "resnet", "--json", str(file)])
    partial_training.main()
    figures = json.loads(file.read_text())
    assert list(figures["ratios"]) == ["resnet/last", "resnet/middle", "resnet/fraction"]
    seconds = {subset: row["ours"] for subset, row in figures["measured"]["resnet"].items()}
    assert figures["ratios"]["resnet/last"] == seconds["last"] / seconds["full"]
    assert figures["environment"]["threads"] == torch.get_num_threads()
    assert figures["command"].endswith(f"--json {file}")
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 80


def test_the_floor_of_the_last_layer_is_its_own_products_and_that_of_a_fraction_nearly_70_percent(partial_training, tmp_path):
    """ResNet-8 at 16 x 16: multiply-adds of the convolutions by hand; the stem needs no gradient of its input."""
    maps = 16 * 16 * 16 * 9
    stem, stage1 = maps * 3, 2 * maps * 16
    stage2, stage3 = (maps * 16 / 2 + maps * 16 + maps * 16 / 18 for _ in range(2))
    above, head = stage1 + stage2 + stage3, 64 * 10
    count = partial_training.multiply_adds
    assert count(a_case(partial_training, tmp_path, "full")) == 2 * stem + 3 * above + 3 * head
    assert count(a_case(partial_training, tmp_path, "last")) == 2 * head
    rows = {16: 1 / 16, 32: 3 / 32, 64: 6 / 64}
    fraction = stem * (1 + rows[16]) + stage1 * (2 + rows[16]) + stage2 * (2 + rows[32]) + stage3 * (2 + rows[64]) + 3 * head
    assert count(a_case(partial_training, tmp_path, "fraction")) == fraction


def test_ways_that_end_apart_are_not_timed(partial_training, tmp_path, monkeypatch):
    case = a_case(partial_training, tmp_path, "fraction")
    assert partial_training.deviation(case) < 1e-3
    monkeypatch.setattr(partial_training, "plain_loop", lambda case, epochs: case.model.weights.merge)
    with pytest.raises(SystemExit, match="nothing is timed"):
        partial_training.deviation(case)
