"""Weights from elsewhere: of another run, and published ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from randfeat.errors import ConfigError, DataError
from randfeat.init import Sources, draw
from randfeat.registry import make_part
from randfeat.typing import Task

KEY = "0123456789ab"
NET = make_part("arch", {"part": "mlp", "depth": 3, "width": 6}).build(Task((5,), 3))
THEIRS = draw(make_part("init", {"part": "gaussian", "bias": "normal"}), NET, 9)
BELOW = {"hidden1.linear.weight", "hidden1.linear.bias"}


def law(part="from", **settings):
    return make_part("init", {"part": part, **({"run": KEY} if part == "from" else {}), **settings})


def drawn(seed=0, **settings):
    return draw(law(**settings), NET, seed, Sources(None, {KEY: THEIRS}.__getitem__, Path()))


def test_all_of_another_run_is_its_weights_to_the_bit():
    assert {name for name, tensor in drawn().items() if torch.equal(tensor, THEIRS[name])} == THEIRS.keys()


@pytest.mark.parametrize(("keep", "borrowed"), [("below", BELOW), ("above", THEIRS.keys() - BELOW)])
def test_below_and_above_a_block_share_the_network_between_them(keep, borrowed):
    weights, own = drawn(keep=keep, block=2), draw(make_part("init", {"part": "he"}), NET, 0)
    for name, tensor in weights.items():
        assert torch.equal(tensor, (THEIRS if name in borrowed else own)[name]), name


@pytest.mark.parametrize("shuffle", ["entries", "rows"])
def test_shuffled_weights_are_the_same_numbers_in_another_place(shuffle):
    weights = drawn(shuffle=shuffle)
    for name, theirs in THEIRS.items():
        assert torch.equal(weights[name].flatten().sort().values, theirs.flatten().sort().values)
    moved, theirs = weights["hidden2.linear.weight"], THEIRS["hidden2.linear.weight"]
    assert not torch.equal(moved, theirs)
    assert torch.equal(moved[moved[:, 0].argsort()], theirs[theirs[:, 0].argsort()]) == (shuffle == "rows")
    assert not torch.equal(drawn(1, shuffle=shuffle)["hidden2.linear.weight"], moved)


def test_a_run_of_another_shape_is_refused_with_the_tensors_that_do_not_fit():
    wider = make_part("arch", {"part": "mlp", "depth": 3, "width": 7}).build(Task((5,), 3))
    with pytest.raises(ConfigError, match=r"has no hidden1.linear.weight \(7, 5\), .* and 3 more. Use the same arch"):
        draw(law(), wider, 0, Sources(None, {KEY: THEIRS}.__getitem__, Path()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"run": "abc"}, "init=from needs init.run=KEY, 12 digits of a run in the results folder, got 'abc'."),
        ({"keep": "below", "block": 4}, "init.block=4 is none of the 3 blocks: hidden1, hidden2, hidden3."),
    ],
)
def test_from_says_what_it_needs(settings, message):
    with pytest.raises(ConfigError) as caught:
        law(**settings).check(NET, dict(NET.named_parameters()))
    assert message in str(caught.value)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A data folder with weights of torchvision's resnet18 under the name and for the digest of the published file."""
    from torchvision import models

    monkeypatch.setattr("randfeat.init.pretrained.sha256", lambda path: "f37072fd")
    torch.manual_seed(3)
    state = models.resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18-f37072fd.pth")
    return tmp_path, state


def resnet(n_classes=1000):
    return make_part("arch", {"part": "torchvision"}).build(Task((3, 32, 32), n_classes))


def test_published_weights_go_to_the_tensors_of_their_names(published):
    folder, state = published
    weights = draw(law("pretrained", head="published"), resnet(), 0, Sources(None, None, folder))
    assert torch.equal(weights["conv1.conv1.weight"], state["conv1.weight"])
    assert torch.equal(weights["layer2_0.layer2.0.downsample.0.weight"], state["layer2.0.downsample.0.weight"])
    assert torch.equal(weights["head.bias"], state["fc.bias"])
    assert sum(tensor.numel() for tensor in weights.values()) == 11_689_512


def test_the_head_is_drawn_for_other_classes_and_refused_where_it_does_not_fit(published):
    folder, state = published
    weights = draw(law("pretrained"), resnet(10), 0, Sources(None, None, folder))
    assert torch.equal(weights["layer1_1.layer1.1.conv2.weight"], state["layer1.1.conv2.weight"])
    assert weights["head.weight"].shape == (10, 512)
    with pytest.raises(ConfigError, match=r"it has no head.weight \(10, 512\), head.bias \(10,\)"):
        draw(law("pretrained", head="published"), resnet(10), 0, Sources(None, None, folder))


def test_another_file_under_the_published_name_is_refused(tmp_path):
    for content in ({"a": torch.zeros(3)}, [1, 2], {"fc.weight": torch.zeros(1000, 512)}):
        torch.save(content, tmp_path / "resnet18-f37072fd.pth")
        with pytest.raises(DataError, match=r"is not the published file, whose SHA-256 begins with f37072fd."):
            draw(law("pretrained"), resnet(), 0, Sources(None, None, tmp_path))


def test_a_file_that_is_no_state_or_holds_code_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return print, ("executed",)

    for content in ({"conv1.weight": Harm()}, None):
        path = tmp_path / "resnet18-f37072fd.pth"
        path.write_bytes(b"torn") if content is None else torch.save(content, path)
        with pytest.raises(DataError, match=r"resnet18-f37072fd.pth cannot be read: truncated or altered. Delete it."):
            draw(law("pretrained"), resnet(), 0, Sources(None, None, tmp_path))
