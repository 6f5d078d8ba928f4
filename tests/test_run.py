"""One run from spec to record, and what it has to be: the same twice, frozen where frozen, scored again to the digit."""

import dataclasses
import io
import re
from collections import Counter

import numpy as np
import pytest
import torch

from randfeat.config import compose
from randfeat.errors import ConfigError, ResultsError
from randfeat.init import draw
from randfeat.model import Model
from randfeat.places import data_folder
from randfeat.record import Status
from randfeat.run import build, prepared, problem, run_one, score_again, weights_left
from randfeat.shelf import Shelf
from randfeat.solver import Sgd
from randfeat.spec import RunSpec
from randfeat.split import split
from randfeat.store import Store
from randfeat.sweep import View, run_missing, save

CPU = torch.device("cpu")
SMALL = ["data.n_train=200", "data.n_test=50"]


def spec_of(*words):
    return RunSpec.from_mapping(compose([*SMALL, *words]))


def run(spec):
    return run_one(spec, CPU, data_folder(None))


@pytest.mark.parametrize(
    "recipe", ["vgg_random", "elm", "elm_lrf", "random_patches", "patch_neighbours", "wrn_fraction", "bn_only"]
)
def test_two_runs_of_a_spec_give_the_same_metrics_to_the_last_digit(recipe):
    spec = spec_of(f"conf={recipe}", *(["solver.epochs=2"] if recipe in ("wrn_fraction", "bn_only") else []))
    first, second = run(spec), run(spec)
    assert first.record.metrics == second.record.metrics
    assert first.record.status == Status.OK
    assert {name: array.tobytes() for name, array in first.tensors.items()} == {
        name: array.tobytes() for name, array in second.tensors.items()
    }


def test_weights_are_the_same_with_more_threads_and_after_another_run():
    spec = spec_of("conf=vgg_random", "init=orthogonal", "arch.width=16")
    before = draw(spec.init, spec.network(), 3)
    run(spec_of("conf=elm", "arch.width=20"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        after = draw(spec.init, spec.network(), 3)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_precision_does_not_change_the_weights():
    spec = spec_of("conf=elm", "arch.width=20")
    data = spec.data.load(0, data_folder(None), CPU)
    models = [build(dataclasses.replace(spec, precision=p), data, CPU) for p in ("float32", "float64", "mixed")]
    drawn = [model.weights.frozen["hidden1.linear.weight"] for model in models]
    assert drawn[1].dtype == torch.float64
    assert torch.equal(drawn[0].double(), drawn[1])
    assert torch.equal(drawn[0], drawn[2])


def test_the_ridge_head_equals_scikit_learn_s_on_the_same_features():
    from sklearn.linear_model import Ridge

    spec = spec_of("conf=elm", "arch.width=64", "solver.penalty=3", "precision=float64")
    data = spec.data.load(0, data_folder(None), CPU)
    model = build(spec, data, CPU)
    phi = model.prefix(data.train.x).numpy()
    reference = Ridge(alpha=3).fit(phi, np.eye(10)[data.train.y_N.numpy()])
    tensors = run(spec).tensors
    np.testing.assert_allclose(tensors["head.weight"], reference.coef_, atol=1e-8)
    np.testing.assert_allclose(tensors["head.bias"], reference.intercept_, atol=1e-8)


def test_a_known_answer_is_reached():
    """Clouds around orthogonal axes: a linear head on the inputs comes close to the best possible accuracy."""
    words = ["data=blobs", "data.rows=4000", "data.test_rows=4000", "arch=mlp", "arch.width=300", "data.n_train=null"]
    spec = RunSpec.from_mapping(compose(words))
    reached = run(spec).record.metrics["test/accuracy"]
    best = spec.data.bayes_accuracy
    assert best - 0.04 < reached < best + 4 * (best * (1 - best) / 4000) ** 0.5


def test_frozen_tensors_and_their_statistics_do_not_move():
    spec = spec_of("conf=wrn_fraction", "subset=middle", "solver.epochs=2", "solver.weight_decay=0.1")
    tensors = run(spec).tensors
    data = spec.data.load(0, data_folder(None), CPU)
    model = build(spec, data, CPU)
    Shelf().record_statistics(model, data.train.x)
    trained = {name for name in tensors if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert {name.partition("_")[0] for name in trained} == {"block2"}
    for name, buffer in model.buffers.items():
        same = np.array_equal(buffer.numpy(), tensors[name])
        assert same == (not name.startswith("block2") or "tracked" in name), name


def test_what_is_frozen_of_a_tensor_is_as_drawn_to_the_bit_after_training():
    words = ["conf=wrn_fraction", "solver.epochs=2", "solver.weight_decay=0.1", "subset=combination", "subset.how=intersection"]
    spec = spec_of(*words, 'subset.of=["weights(share=0.3)","fraction(fraction=0.5, rows=drawn)"]')
    drawn, result = draw(spec.init, spec.network(), spec.seeds.weights), run(spec)
    left = weights_left(spec, result.tensors, data_folder(None), None)
    trained = split(left, spec.subset.select(spec.network(), spec.seeds.subset)).trained
    moved = {name: int((left[name] != drawn[name]).sum()) for name in drawn}
    assert moved == {name: trained[name].numel() if name in trained else 0 for name in drawn}
    assert 0 < moved["block2_1.conv1.weight"] < drawn["block2_1.conv1.weight"].numel() / 2


def test_all_blocks_beginning_at_once_is_training_everything_to_the_last_digit():
    words = ["conf=wrn_fraction", "solver.epochs=2", "solver.weight_decay=0.01", "arch.dropout=0.2"]
    everything = run(spec_of(*words, "subset=all"))
    at_once = run(spec_of(*words, "subset=order", "subset.until=0"))
    assert at_once.record.metrics == everything.record.metrics
    assert {name: array.tobytes() for name, array in at_once.tensors.items()} == {
        name: array.tobytes() for name, array in everything.tensors.items()
    }
    later = run(spec_of(*words, "subset=order"))
    assert later.record.cost["trained_params"] == everything.record.cost["trained_params"]
    assert later.record.metrics != everything.record.metrics


def test_frozen_prefix_kept_or_computed_again_gives_the_same_fit(monkeypatch):
    spec = spec_of("conf=elm", "solver=sgd", "solver.epochs=3", "arch.width=50", "precision=float64")
    kept = run(spec).record.metrics
    monkeypatch.setattr("randfeat.prefix.fits", lambda n_bytes, device: False)
    streamed = run(spec).record.metrics
    for name, value in kept.items():
        assert streamed[name] == pytest.approx(value, abs=1e-9)


def seen_by(spec, shelf=None):
    data = spec.data.load(0, data_folder(None), CPU)
    model = build(spec, data, CPU)
    return problem(spec, model, data, prepared(spec, model, data, shelf or Shelf()), lambda step: None)


def test_with_augmentation_nothing_is_kept():
    seen = seen_by(spec_of("conf=lenet_random", "solver=sgd", "data.flip=true"))
    assert seen.train.x.dtype == torch.uint8
    assert seen.augment is not None


def test_a_head_alone_keeps_no_features_and_one_that_others_share_does():
    spec = spec_of("conf=lenet_random")
    assert seen_by(spec).train.x.dtype == torch.uint8
    assert seen_by(spec, Shelf([spec.network_key])).train.x.shape[1:] == (84,)


def test_runs_that_share_a_network_give_what_they_give_alone_and_compute_its_units_once(monkeypatch):
    """Heads at two depths, a block and the head by gradients: every unit sees the rows of each split once."""
    base = ["arch=vgg", "arch.width=4", "data.n_train=300", "data.n_test=100", "twin=sgd", "twin.epochs=1"]
    words = [[], ["solver.choose=leave_one_out"], ["solver.at=block2"], ["subset=middle", "solver=sgd", "solver.epochs=2"]]
    specs = sorted((spec_of(*base, *each) for each in words), key=lambda spec: spec.n_frozen)
    assert [spec.n_frozen for spec in specs] == [2, 3, 9, 9]
    alone = [run(spec) for spec in specs]
    n_train, n_all = len(seen_by(specs[0]).train), 400
    rows = Counter()
    prefix = Model.prefix

    def counted(model, x, done=0):
        if len(x) > 1:
            rows.update(dict.fromkeys(model.units_below[done:], len(x)))
        return prefix(model, x, done)

    monkeypatch.setattr(Model, "prefix", counted)
    shelf = Shelf([specs[0].network_key])
    for spec, before in zip(specs, alone, strict=True):
        shared = run_one(spec, CPU, data_folder(None), shelf=shelf)
        assert shared.record.metrics == before.record.metrics
        assert all(np.array_equal(shared.tensors[name], array) for name, array in before.tensors.items())
    assert rows["block1_1"] == rows["block2_1"] == n_train + n_all  # for the statistics, and for the outputs
    assert rows["block5_2"] == n_all


def test_a_run_that_diverges_is_a_record_with_its_epoch():
    result = run(spec_of("conf=elm", "subset=all", "solver=sgd", "solver.lr=1e30", "arch.width=30"))
    assert result.record.status == Status.NON_FINITE
    assert "in epoch" in result.record.reason
    assert result.record.metrics == {}
    assert result.record.finished


def test_a_singular_system_is_a_record():
    result = run(spec_of("conf=elm", "solver.penalty=0", "arch.width=500"))
    assert (result.record.status, result.record.metrics) == (Status.SINGULAR, {})


def test_saved_tensors_score_again_to_the_same_number(tmp_path):
    for words in (
        ["conf=vgg_random", "arch.width=16"],
        ["conf=wrn_fraction", "solver.epochs=2"],
        ["conf=wrn_fraction", "solver.epochs=2", "subset=weights", "subset.frozen=zero", "seeds.subset=3"],
        ["conf=elm", "subset=none", "solver=sgd"],
        ["conf=vgg_random", "arch.width=4", "init=kmeans_patches"],
        ["conf=wrn_fraction", "solver.epochs=1", "init=lsuv"],
    ):
        spec = spec_of(*words)
        result = run(spec)
        store = Store(tmp_path)
        store.prepare()
        save(result, store)
        tensors, _ = store.load_tensors(spec.key)
        again = score_again(RunSpec.from_mapping(store.find(spec.key).spec), tensors, CPU, data_folder(None))
        assert again == {name: value for name, value in result.record.metrics.items() if not name.startswith("chosen/")}


def test_scores_that_are_not_finite_are_no_scores():
    result = run(spec_of("conf=elm", "arch.width=20", "subset=none", "solver=sgd", "init.gain=1e30"))
    assert (result.record.status, result.record.metrics) == (Status.NON_FINITE, {})
    assert result.record.reason == "the final scores were not finite"


@pytest.mark.parametrize("words", [["data.n_train=1", "data.val_share=0", "solver.penalty=1"], ["solver.batch_size=1"]])
def test_a_batch_of_one_row_under_batch_norm_is_refused_in_words(words):
    own = words if "solver.penalty=1" in words else ["subset=all", "solver=sgd", "data.n_train=20", *words]
    spec = RunSpec.from_mapping(compose(["arch.width=2", *own]))
    with pytest.raises(ConfigError, match="a batch norm needs two rows or more in every batch"):
        run(spec)


def test_no_batch_is_left_with_a_single_row_by_the_cut():
    spec = RunSpec.from_mapping(
        compose(["arch.width=2", "subset=all", "solver=sgd", "solver.epochs=1", "solver.batch_size=2", "data.n_train=21"])
    )
    assert run(spec).record.status == Status.OK


def test_another_twin_takes_the_place_of_the_old_one_on_record(tmp_path):
    store = Store(tmp_path)
    for epochs in (1, 2):
        spec = spec_of("conf=elm", "arch.width=20", f"twin.epochs={epochs}")
        run_missing([spec, spec.twin], store, CPU, data_folder(None))
        assert store.find(spec.key).twin == spec.twin.key
    assert len(store.records()) == 3


@pytest.mark.parametrize("folder", ["tensors", "curves"])
def test_a_run_whose_files_cannot_be_written_is_on_record_all_the_same(tmp_path, folder):
    spec = spec_of("conf=elm", "arch.width=20", "subset=all", "solver=sgd", "solver.epochs=1")
    (tmp_path / folder).write_text("in the way")
    store = Store(tmp_path)
    with pytest.raises(ResultsError, match="cannot be written"):
        run_missing([spec], store, CPU, data_folder(None))
    record = store.find(spec.key)
    assert (record.status, record.finished, record.metrics["test/accuracy"] > 0) == (Status.FAILED, False, True)
    assert "cannot be written" in record.reason


def test_what_is_on_record_is_not_run_again_and_a_twin_is_shared(tmp_path):
    last = spec_of("conf=elm", "arch.width=20", "twin.epochs=1")
    other = spec_of("conf=elm", "arch.width=20", "twin.epochs=1", "solver.penalty=5")
    assert last.twin.key == other.twin.key
    ran = []

    class Listening(View):
        def finished(self, spec, run):
            ran.append(spec.key)

    store = Store(tmp_path)
    for _ in range(2):
        run_missing([last, last.twin, other, other.twin], store, CPU, data_folder(None), view=Listening())
    assert ran == [last.key, other.key, last.twin.key]
    run_missing([last], store, CPU, data_folder(None), force=True, view=Listening())
    assert ran[3:] == [last.key]


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(10**13),
        lambda: np.empty(10**15),
        lambda: _raise(torch.OutOfMemoryError("CUDA ...")),
        lambda: torch.save(torch.ones(10**6), Full()),
    ],
)
def test_not_enough_memory_is_a_record_that_is_tried_again(tmp_path, monkeypatch, allocate):
    spec = spec_of("conf=elm", "arch.width=20")
    monkeypatch.setattr("randfeat.work.run_one", lambda *args, **settings: allocate())
    records = run_missing([spec], Store(tmp_path), CPU, data_folder(None))
    assert records[spec.key].status == Status.OUT_OF_MEMORY
    assert re.search("allocate|CUDA|unexpected pos", records[spec.key].reason)
    monkeypatch.undo()
    assert run_missing([spec], Store(tmp_path), CPU, data_folder(None))[spec.key].status == Status.OK


def _raise(error):
    raise error


class Full(io.BytesIO):
    """A buffer for which there is no memory; what torch raises where it writes to it says nothing of that."""

    def write(self, data):
        if len(data) > 10**6:
            raise MemoryError
        return super().write(data)


def test_keep_best_scores_the_best_epoch():
    spec = spec_of("conf=elm", "subset=all", "solver=sgd", "solver.keep=best", "solver.epochs=4", "arch.width=30")
    result = run(spec)
    best = max(result.curve, key=lambda row: row["val/accuracy"])
    assert result.record.metrics["chosen/epoch"] == best["epoch"]
    assert result.record.metrics["val/accuracy"] == best["val/accuracy"]


def test_a_twin_is_the_same_start_fully_trained():
    spec = spec_of("conf=wrn_fraction", "seeds.weights=4", "seeds.subset=9", "subset.rows=drawn")
    assert (spec.twin.seeds.weights, spec.twin.seeds.subset) == (4, 0)
    assert spec.twin.solver == Sgd()
    assert spec.with_seed(2).seeds.weights == 6
    assert spec.with_seed(2).seeds.data == 0


@pytest.mark.parametrize(
    "words", [["conf=elm", "arch.width=30"], ["conf=wrn_fraction"], ["conf=lenet_random", "subset=middle"]]
)
def test_rows_that_pass_in_pieces_give_the_same_numbers(words):
    """A step adds up the gradients of its pieces; under a batch norm that looks at its batch it is not cut."""
    fit = ["subset=all"] if "subset=middle" not in words else []
    spec = spec_of(*words, *fit, "solver=sgd", "solver.epochs=2", "solver.batch_size=50", "precision=float64")
    whole, cut = (run_one(spec, CPU, data_folder(None), pieces=pieces) for pieces in (1, 4))
    assert cut.record.metrics == pytest.approx(whole.record.metrics, abs=1e-9)


def test_a_step_in_pieces_holds_no_more_rows_at_once_than_a_piece(monkeypatch):
    spec = spec_of("conf=elm", "arch.width=20", "subset=all", "solver=sgd", "solver.epochs=1", "solver.batch_size=60")
    most = []
    suffix = Model.suffix

    def counted(model, trained, z):
        if torch.is_grad_enabled():
            most.append(len(z))
        return suffix(model, trained, z)

    monkeypatch.setattr(Model, "suffix", counted)
    run_one(spec, CPU, data_folder(None), pieces=4)
    assert max(most) == 15
    assert sum(most) == 180


def test_the_share_of_small_gains_counts_those_that_start_and_stay_at_zero():
    words = ["arch=resnet", "arch.depth=8", "arch.width=4", "subset=norm", "init.branches=zero", "solver=sgd"]
    metrics = run(spec_of(*words, "solver.epochs=1", "solver.lr=1e-5")).record.metrics
    n_branch_ends, n_gains = 4 + 8 + 16, 4 + 2 * (4 + 8 + 16) + 8 + 16
    assert metrics["gamma/small"] == pytest.approx(n_branch_ends / n_gains)
    assert "gamma/small" not in run(spec_of("arch=mlp", "arch.width=8")).record.metrics
