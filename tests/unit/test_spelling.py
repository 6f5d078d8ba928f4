"""A spec in words, and the words back to the spec; in what runs differ."""

import shlex

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from randfeat.axes import axes, label
from randfeat.config import _parsed, choices, compose, mappings
from randfeat.plan import specs_of, with_twins
from randfeat.spec import RunSpec
from randfeat.spelling import word, words_of

ODD = st.text(st.sampled_from("ab'\"\\,[](){}$ =*:~?\n\t#é0-1%@"), max_size=8)


@given(st.lists(st.one_of(ODD, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)), min_size=2))
@example(["\\${a}", "${b}", "\\", "\\'", '\\"', "null", "True", "1e3", "nan", "?", "", "a,b", "[a]", "a: b", "é"])
def test_a_value_in_a_word_is_read_as_the_same_value(values):
    read = OmegaConf.create({"key": _parsed(f"key={word(values)}").value()})
    assert OmegaConf.to_container(read, resolve=True) == {"key": values}


def same(spec, words):
    found = RunSpec.from_mapping(compose(words))
    return (found.key, found.twin.key) == (spec.key, spec.twin.key)


@pytest.mark.parametrize("recipe", sorted(choices()))
def test_the_words_of_every_recipe_compose_to_it_without_the_recipe(recipe):
    _, mapping = list(mappings([f"conf={recipe}"]))[-1]
    spec = RunSpec.from_mapping(mapping)
    words = words_of(spec)
    assert not any(word.startswith("conf=") for word in words)
    assert same(spec, words)


SPELLED = [
    ([], []),
    (["conf=vgg_random", "arch=mlp", "arch.width=1000"], ["arch=mlp", "twin=sgd"]),
    (["conf=elm", "twin=null", "precision=float64", "seeds.order=3"], ["arch=mlp", "seeds.order=3", "precision=float64"]),
    (["solver.penalty=[1,2.5]", "init.gain=0.1"], ["init.gain=0.1", "solver.penalty=[1,2.5]"]),
    (
        ["subset=combination", 'subset.of=["fraction(fraction=0.2, rows=drawn)","layer(layer=3)"]', "solver=adam", "twin=sgd"],
        [
            "subset=combination",
            "solver=adam",
            "twin=sgd",
            'subset.of=["fraction(fraction=0.2, rows=drawn)","layer(layer=3)"]',
        ],
    ),
    (
        ["subset=patterns", 'subset.rules=["h*.*=train","*=freeze"]', "data.n_train=100"],
        ["subset=patterns", "data.n_train=100", 'subset.rules=["h*.*=train","*=freeze"]'],
    ),
]


@pytest.mark.parametrize(("given", "words"), SPELLED)
def test_what_is_as_by_default_is_left_out(given, words):
    spec = RunSpec.from_mapping(compose(given))
    assert words_of(spec) == words
    assert same(spec, shlex.split(shlex.join(words)))


def test_the_user_s_own_defaults_are_no_longer_left_out(tmp_path, monkeypatch):
    spec = RunSpec.from_mapping(compose(["arch.width=16"]))
    (tmp_path / "conf/arch").mkdir(parents=True)
    (tmp_path / "conf/arch/vgg.yaml").write_text("# Narrow.\npart: vgg\nwidth: 16\nnorm: none\n")
    monkeypatch.chdir(tmp_path)
    assert words_of(spec) == ["arch.norm=batch"]
    assert same(spec, words_of(spec))


def test_a_path_with_signs_that_hydra_and_the_shell_read_comes_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = """${x} "a", 'b'[1]\\=(c).npz"""
    rng = np.random.default_rng(0)
    np.savez(
        name, **{f"{k}_{s}": v for s in ("train", "test") for k, v in (("x", rng.normal(size=(9, 3))), ("y", np.arange(9) % 2))}
    )
    usual = compose(["data=npz", "arch=mlp", "data.path=x"])
    spec = RunSpec.from_mapping(usual | {"data": usual["data"] | {"path": name}})
    assert same(spec, shlex.split(shlex.join(words_of(spec))))


def test_axes_are_the_settings_that_differ_within_a_part():
    specs = specs_of(["arch=mlp,vgg", "init=he,glorot", "solver.penalty=1,[1,10]"], seeds=2)
    varied = axes(specs)
    assert varied == {
        "arch": ("mlp", "vgg"),
        "init": ("he", "glorot"),
        "solver.penalty": ("1", "[1,10]"),
        **{f"seeds.{name}": ("0", "1") for name in ("weights", "subset", "order")},
    }
    assert label(specs[-1], varied, twin=False) == "arch=vgg init=glorot solver.penalty=[1,10] seed 1"
    assert label(specs[-1].twin, varied, twin=True) == "twin arch=vgg init=glorot seed 1"
    assert axes(specs[:1]) == {}
    assert set(axes(with_twins(specs[:1]))) == {"subset", "solver"}
