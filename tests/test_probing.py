"""Probes as records: what their key holds, that none is made twice, and that tables of runs never see them."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from randfeat import probing
from randfeat.config import compose
from randfeat.errors import ConfigError, ResultsError
from randfeat.places import data_folder
from randfeat.probe.catalogue import MEASURES, Probe, measures
from randfeat.probing import PROBES, ProbeSpec, probe_missing
from randfeat.record import Record, Status
from randfeat.registry import part_names
from randfeat.store import Store

CPU = torch.device("cpu")
SMALL = ["conf=elm", "arch.width=20", "data.n_train=200"]
STEPS = ["data=copy", "data.length=6", "data.items=3", "data.symbols=4", "data.rows=200", "data.test_rows=30"]
PER_ARCH = {
    "alexnet": ["arch.width=4", "data.resize=32"],
    "autoencoder": ["arch.width=4"],
    "gat": ["data=karate", "data.n_train=null"],
    "gcn": ["data=karate", "data.n_train=null"],
    "gru": STEPS,
    "lstm": STEPS,
    "minimal_rnn": STEPS,
    "relation": ["data=relations", "data.objects=3", "data.rows=200", "data.test_rows=30"],
    "rnn": STEPS,
    "tcn": STEPS,
    "transformer": STEPS,
    "unet": ["arch.width=4"],
    "densenet": ["arch.depth=10", "arch.growth=4"],
    "plain": ["arch.depth=4", "arch.width=6"],
    "highway": ["arch.depth=3", "arch.width=9"],
    "inception": ["arch.width=4"],
    "conv_pool": ["arch.width=4"],
    "lenet": ["data.resize=12"],
    "mixer": ["arch.depth=2", "arch.width=8"],
    "mlp": ["arch.depth=2", "arch.width=9", "arch.norm=batch"],
    "resnet": ["arch.depth=8", "arch.width=4"],
    "saxe": ["arch.widths=4", "arch.kernels=3", "arch.pools=2"],
    "torchvision": ["arch.name=mobilenet_v3_small", "data.resize=32", "data.grayscale=true"],
    "vgg": ["arch.width=4"],
    "vit": ["arch.depth=2", "arch.width=8"],
    "wrn": ["arch.depth=10", "arch.dropout=0.3"],
}


def spec(*words, base=SMALL, **probe):
    return ProbeSpec.from_mapping(compose([*base, *words]), Probe(**{"rows": 32, **probe}))


def probe_all(specs, folder, **settings):
    return probe_missing(specs, Store(folder, "probes"), CPU, data_folder(None), **settings)


def test_what_is_trained_and_how_is_not_in_the_key_and_all_else_is():
    base = spec()
    same = ["subset=all", "solver=sgd"], ["solver.penalty=1"], ["seeds.subset=3", "seeds.order=4"], ["twin=sgd"]
    assert {spec(*words).key for words in same} == {base.key}
    others = [
        spec(word)
        for word in ("data.n_train=100", "arch.width=21", "init=glorot", "seeds.data=1", "seeds.weights=1", "precision=float64")
    ]
    others += [spec(rows=33), spec(kind="features"), base.with_seed(2)]
    assert len({each.key for each in (base, *others)}) == 1 + len(others)
    assert base.with_seed(2) == spec("seeds.weights=2")


def test_known_keys_stay():
    assert spec().key == "8577da3d50f4"
    assert spec("init.gain=1", rows=256, kind="jacobian").key == "8446f87475ad"


def test_words_about_training_are_checked_all_the_same():
    with pytest.raises(ConfigError, match=r"subset=last has no setting 'foo'\."):
        spec("subset=last", "+subset.foo=3")
    with pytest.raises(ConfigError, match="mixed precision"):
        spec("precision=mixed")
    assert spec("subset=middle", "data.val_share=0").arch == spec().arch  # a run could not be made of this


def test_a_probe_on_record_is_not_made_again_unless_forced(tmp_path):
    specs = [spec(kind=kind) for kind in ("signal", "features")]
    first = probe_all(specs, tmp_path)
    again = probe_all(specs, tmp_path)
    assert {key: record.written for key, record in again.items()} == {key: record.written for key, record in first.items()}
    assert again == first
    forced = probe_all(specs, tmp_path, force=True)
    assert all(forced[key].written > first[key].written and forced[key].metrics == first[key].metrics for key in first)
    assert len((tmp_path / "probes.jsonl").read_text().splitlines()) == 4


def test_a_record_says_what_was_probed_and_is_no_run(tmp_path):
    (record,) = probe_all([spec("subset=all", "solver=sgd")], tmp_path).values()
    assert (record.status, record.key, record.twin) == (Status.OK, spec().key, spec().key)
    assert sorted(record.spec) == ["arch", "data", "init", "precision", "probe", "seeds"]
    assert record.spec["probe"] == {"kind": "signal", "rows": 32}
    assert record.spec["seeds"] == {"data": 0, "weights": 0}
    assert record.cost["rows"] == 32
    assert Record.from_line((tmp_path / "probes.jsonl").read_text().strip()) == record
    assert Store(tmp_path).records() == []
    with pytest.raises(ResultsError, match="no results"):
        Store(tmp_path).some_records()


def test_fewer_rows_than_asked_for_are_all_that_there_are(tmp_path):
    (record,) = probe_all([spec(rows=10_000)], tmp_path).values()
    assert record.cost["rows"] == 180


@pytest.mark.parametrize("kind", list(PROBES))
def test_the_catalogue_lists_exactly_what_a_probe_gives(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("randfeat.probe.best_inputs.SIZES", {3: (8,)})
    (record,) = probe_all([spec("arch=vgg", "arch.width=4", kind=kind)], tmp_path).values()
    given = {name.partition("/")[0] for name in record.metrics} - {"place", "depth"}
    listed = {measure.name: bool(measure.curve) for measure in MEASURES.values() if measure.probe == kind}
    assert {name.partition("@")[0]: "@" in name for name in given} == listed


def test_the_catalogue_has_its_size():
    assert len(PROBES) == 9
    assert len(MEASURES) == 38
    assert {measure.probe for measure in MEASURES.values()} == set(PROBES)


@pytest.mark.parametrize("part", part_names("arch"))
def test_every_architecture_can_be_probed(part, tmp_path):
    one = spec(f"arch={part}", *PER_ARCH[part], base=["data.n_train=200"])
    of_kinds = {"signal": "growth", "gradients": "output_gradient", "jacobian": "singular_largest"}
    if one.data.part != "karate":  # one row, and these are about several
        of_kinds |= {"features": "rank", "distances": "distance_ratio"}
    records = probe_all([one.of(Probe(kind=kind, rows=24)) for kind in of_kinds], tmp_path).values()
    for record, measure in zip(records, of_kinds.values(), strict=True):
        values = [record.metrics[f"{measure}/{unit}"] for unit in one.unit_names]
        assert all(map(math.isfinite, values))
        assert len(set(values)) > 2


def test_the_same_numbers_come_out_alone_and_among_others(tmp_path):
    specs = [spec(f"init={law}", kind=kind) for law in ("he", "uniform") for kind in ("signal", "jacobian", "features")]
    together = probe_all(specs, tmp_path / "together")
    for each in specs:
        alone = probe_all([each], tmp_path / each.key)
        assert alone[each.key].metrics == together[each.key].metrics


def test_float64_agrees_with_float32(tmp_path):
    words = ["arch=vgg", "arch.width=4", "arch.norm=none"]
    single, double = (
        probe_all([spec(*words, f"precision={precision}")], tmp_path).popitem()[1].metrics
        for precision in ("float32", "float64")
    )
    single, double = ({name: m[name] for name in m if name.startswith("growth")} for m in (single, double))
    assert single == pytest.approx(double, rel=1e-4)
    assert single != double


def test_a_probe_that_lacks_memory_leaves_a_record_and_is_tried_again(tmp_path, monkeypatch):
    def short(subject):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")

    with monkeypatch.context() as patch:
        patch.setattr(probing, "PROBES", {**PROBES, "signal": short})
        (record,) = probe_all([spec()], tmp_path).values()
        assert (record.status, record.metrics) == (Status.OUT_OF_MEMORY, {})
        assert "can't allocate memory" in record.reason
    (record,) = probe_all([spec()], tmp_path).values()
    assert record.status is Status.OK


def test_other_errors_are_not_hidden(tmp_path, monkeypatch):
    def broken(subject):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(probing, "PROBES", {**PROBES, "signal": broken})
    with pytest.raises(RuntimeError, match="shapes do not match"):
        probe_all([spec()], tmp_path)


def test_measures_are_found_by_name_by_probe_and_all_together():
    assert [measure.name for measure in measures(["rank", "growth", "rank"])] == ["rank", "growth"]
    assert [measure.name for measure in measures(["spectrum"])] == ["frequency", "power"]
    assert len(measures(["all"])) == 38
    with pytest.raises(ConfigError) as caught:
        measures(["growt"])
    assert str(caught.value).startswith(
        "there is no measure 'growt'. Did you mean 'growth'? Measures: best_energy, best_left_out,"
    )


def test_the_rows_are_part_of_the_settings():
    assert dataclasses.asdict(Probe()) == {"kind": "signal", "rows": 256}
    with pytest.raises(ConfigError, match=r"probe\.rows must be a whole number >= 2, got 1\."):
        Probe(rows=1)


def test_stores_of_one_folder_do_not_see_each_other(tmp_path):
    probe_all([spec()], tmp_path)
    other = Store(tmp_path, "probes")
    assert other.file == Path(tmp_path) / "probes.jsonl"
    assert list(other.finished()) == [spec().key]
