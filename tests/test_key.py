"""The identity of a run: a hash of the typed settings that differ from their default, and nothing else."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from randfeat.registry import FAMILIES, part_class, part_names
from randfeat.spec import RunSpec, Seeds

GOLDEN = Path(__file__).parent / "golden" / "defaults.json"
HOW = """a default has changed, or a setting has come or gone.
A new setting whose default means what was done before: run `python tests/test_key.py`, which writes tests/golden/defaults.json.
A changed default gives old keys a new meaning: records made before it would be taken for results of the new one. Give the
setting a new name instead, or say in CHANGELOG.md that results made before are void."""

PARTS = {
    "data": {"part": "digits"},
    "arch": {"part": "mlp"},
    "init": {"part": "he"},
    "subset": {"part": "last"},
    "solver": {"part": "ridge"},
}


def defaults():
    parts = {family: {name: part_class(family, name)().settings() for name in part_names(family)} for family in FAMILIES}
    return parts | {"seeds": Seeds().settings()}


def with_settings(**settings):
    return RunSpec.from_mapping({family: PARTS[family] | settings.get(family, {}) for family in PARTS})


def test_every_default_is_the_one_that_old_keys_stand_for():
    assert json.loads(GOLDEN.read_text()) == defaults(), HOW


def test_known_keys_stay():
    assert with_settings().key == "4a966037b94c"
    assert with_settings(arch={"width": 64}, init={"gain": 1}).key == "02b5cb194899"


def test_a_default_written_out_changes_nothing():
    assert with_settings(arch={"width": 1000, "depth": 1}).key == with_settings().key


@given(st.permutations(sorted(PARTS)), st.integers(1, 50))
def test_the_key_does_not_depend_on_order_nor_on_int_or_float(order, gain):
    mapping = {family: PARTS[family] for family in order}
    as_int = RunSpec.from_mapping(mapping | {"init": {"part": "he", "gain": gain}})
    as_float = RunSpec.from_mapping(mapping | {"init": {"gain": float(gain), "part": "he"}})
    assert as_int.key == as_float.key
    assert RunSpec.from_mapping(json.loads(json.dumps(as_int.to_mapping()))) == as_float


def test_every_seed_and_the_precision_count():
    base = RunSpec.from_mapping(PARTS)
    others = [RunSpec.from_mapping(PARTS | {"seeds": {name: 1}}).key for name in ("data", "weights", "subset", "order")]
    others.append(RunSpec.from_mapping(PARTS | {"precision": "float64"}).key)
    assert len({base.key, *others}) == 6


def test_the_twin_s_solver_is_no_part_of_the_key():
    assert RunSpec.from_mapping(PARTS | {"twin": {"part": "adam", "epochs": 3}}).key == with_settings().key


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(defaults(), indent=1, sort_keys=True) + "\n")
