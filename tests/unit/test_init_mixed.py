"""Laws by the names of the tensors."""

from __future__ import annotations

import pytest
import torch

from randfeat.errors import ConfigError
from randfeat.init import Sources, draw
from randfeat.registry import make_part
from randfeat.typing import Examples, Task

NET = make_part("arch", {"part": "mlp", "depth": 3, "width": 6}).build(Task((5,), 3))


def law(*rules):
    return make_part("init", {"part": "mixed", "rules": list(rules)})


def checked(*rules):
    law(*rules).check(NET, dict(NET.named_parameters()))


def whole(words):
    return draw(make_part("init", words), NET, 4)


def test_a_tensor_is_the_one_that_its_law_draws_for_the_whole_network():
    mixed = draw(law("hidden1.*=orthogonal", "*2.linear.*=gaussian(gain=3, bias=normal)", "*=he"), NET, 4)
    expected = whole({"part": "he"})
    expected |= {name: t for name, t in whole({"part": "orthogonal"}).items() if name.startswith("hidden1")}
    gaussian = whole({"part": "gaussian", "gain": 3, "bias": "normal"})
    expected |= {name: t for name, t in gaussian.items() if name.startswith("hidden2")}
    assert mixed.keys() == expected.keys()
    assert all(torch.equal(mixed[name], tensor) for name, tensor in expected.items())
    assert bool(mixed["hidden2.linear.bias"].any())


def test_a_law_that_looks_at_data_adapts_its_own_tensors_alone():
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    rows = Sources(lambda n: Examples(x[:n], torch.arange(50) % 3), None, None)
    mixed = draw(law("hidden2.*=lsuv", "*=he"), NET, 4, rows)
    he = whole({"part": "he"})
    for name, tensor in mixed.items():
        assert torch.equal(tensor, he[name]) == (name != "hidden2.linear.weight")
    hidden = torch.relu(x @ mixed["hidden1.linear.weight"].T)
    assert float((hidden @ mixed["hidden2.linear.weight"].T).var()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (["conv*=he", "*=he"], "init.rules: 'conv*' decides about no tensor that is left. Tensors: hidden1.linear.weight, "),
        (["*=he", "head.*=glorot"], "init.rules: 'head.*' decides about no tensor that is left."),
        (["hidden*=he"], "init.rules say nothing about head.weight, head.bias. Add '*=he' at the end."),
        (["he"], "init.rules: 'he' must be PATTERN=LAW, as in '*=he' or 'block1*=gaussian(gain=2)'."),
        (["*=hee"], "in 'hee': init=hee is unknown. Did you mean 'he'?"),
        (["head.*=chrono", "*=he"], "init=chrono sets the biases of gates"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rules, message):
    with pytest.raises(ConfigError) as caught:
        checked(*rules)
    assert str(caught.value).startswith(message)


def test_delta_orthogonal_is_asked_about_its_own_layers_only():
    vgg = make_part("arch", {"part": "vgg", "width": 4, "hidden": 8}).build(Task((6, 8, 8), 3))
    names = dict(vgg.named_parameters())
    with pytest.raises(ConfigError, match=r"'block1_1.conv.weight' \(4 outputs, 6 inputs\)"):
        law("*=delta_orthogonal").check(vgg, names)
    law("block1_1.*=he", "*=delta_orthogonal").check(vgg, names)
