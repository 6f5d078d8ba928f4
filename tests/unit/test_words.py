"""Parts in words: what they say, and what is refused."""

from __future__ import annotations

import pytest

from randfeat.errors import ConfigError
from randfeat.registry import make_part
from randfeat.words import part_from_words


@pytest.mark.parametrize(
    ("family", "words", "settings"),
    [
        ("subset", "last", {"part": "last"}),
        ("subset", " last ( ) ", {"part": "last"}),
        ("subset", "fraction(fraction=2e-1, rows=drawn)", {"part": "fraction", "fraction": 0.2, "rows": "drawn"}),
        ("subset", "fraction(count=null)", {"part": "fraction"}),
        ("subset", "layer(layer=2)", {"part": "layer", "layer": "2"}),
        ("subset", "layer(layer='block1_1.conv1')", {"part": "layer", "layer": "block1_1.conv1"}),
        ("subset", 'patterns(rules=["a,(=train", *=freeze])', {"part": "patterns", "rules": ["a,(=train", "*=freeze"]}),
        (
            "subset",
            "combination(of=[combination(of=[first, last]), fraction(count=1)], how=union)",
            {"part": "combination", "of": ["combination(of=[first, last])", "fraction(count=1)"]},
        ),
        ("init", "he(fan=in, gain=2, branches=zero)", {"part": "he", "fan": "in", "gain": 2, "branches": "zero"}),
        ("solver", "sgd(nesterov=false)", {"part": "sgd", "nesterov": False}),
    ],
)
def test_words_make_the_part_that_the_settings_make(family, words, settings):
    assert part_from_words(family, words) == make_part(family, settings)


FORM = "does not describe a part. Write NAME or NAME(setting=value, ...)."


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", f"'' {FORM}"),
        ("first last", f"'first last' {FORM}"),
        ("fraction(count=1", f"'fraction(count=1' {FORM}"),
        ("block(2)", "in 'block(2)': '2' is no setting=value, or is given twice."),
        ("block(block=1, block=2)", "in 'block(block=1, block=2)': 'block=2' is no setting=value, or is given twice."),
        ("fraction(count=x)", "in 'fraction(count=x)': subset.count must be a whole number >= 1, got 'x'."),
        ("block(blok=2)", "in 'block(blok=2)': subset=block has no setting 'blok'. Did you mean 'block'? Settings: block, "),
        ("lasst", "in 'lasst': subset=lasst is unknown. Did you mean 'last'? Parts: all, "),
        ("block(part=all)", "in 'block(part=all)': subset=block has no setting 'part'."),
    ],
)
def test_words_that_mean_nothing_are_refused_in_one_line(words, text):
    with pytest.raises(ConfigError) as error:
        part_from_words("subset", words)
    assert str(error.value).startswith(text)
    assert "\n" not in str(error.value)
