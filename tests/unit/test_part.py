"""Settings: typed, ranged, suggested, and back from JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randfeat.errors import ConfigError
from randfeat.registry import make_part
from randfeat.solver import Sgd


@pytest.mark.parametrize(
    ("family", "words", "text"),
    [
        ("arch", {"part": "mlp", "width": "x"}, "arch.width must be a whole number >= 1, got 'x'."),
        ("arch", {"part": "mlp", "width": 1.5}, "arch.width must be a whole number >= 1, got 1.5."),
        ("arch", {"part": "mlp", "width": True}, "arch.width must be a whole number >= 1, got True."),
        ("arch", {"part": "wrn", "dropout": 1}, "arch.dropout must be a number >= 0 and < 1, got 1.0."),
        ("solver", {"part": "sgd", "nesterov": 1}, "solver.nesterov must be true or false, got 1."),
        (
            "arch",
            {"part": "mlp", "widht": 3},
            "arch=mlp has no setting 'widht'. Did you mean 'width'? Settings: activation, depth, norm, width, widths.",
        ),
        (
            "init",
            {"part": "he", "fan": "inn"},
            "init.fan must be one of in, out, got 'inn'. Did you mean 'in'?",
        ),
    ],
)
def test_a_wrong_setting_is_an_error_that_says_what_would_work(family, words, text):
    with pytest.raises(ConfigError) as error:
        make_part(family, words)
    assert str(error.value) == text


@given(
    epochs=st.integers(1, 10**6),
    lr=st.floats(1e-300, 1e300),
    milestones=st.lists(st.floats(0.01, 0.99), max_size=4),
    keep=st.sampled_from(["last", "best"]),
    nesterov=st.booleans(),
)
def test_settings_go_through_json_and_come_back(**settings):
    part = Sgd.from_settings(settings)
    words = json.loads(json.dumps(part.settings()))
    assert make_part("solver", words) == part
    assert {name: words[name] for name in settings} == settings


def test_a_whole_number_is_text_where_text_is_asked_for():
    assert make_part("subset", {"part": "block", "block": 2}) == make_part("subset", {"part": "block", "block": "2"})
    with pytest.raises(ConfigError, match=r"subset\.block must be text, got 2\.5\."):
        make_part("subset", {"part": "block", "block": 2.5})
