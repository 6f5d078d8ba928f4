"""One battery for every registered data set, on small files in the official formats."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from randfeat.data import AbstractData
from randfeat.errors import ConfigError
from randfeat.registry import make_part, part_names
from randfeat.seeds import stream
from randfeat.typing import Task
from tests.reference import data_files, data_twins

CPU = torch.device("cpu")
PARTS = [
    "adding",
    "blobs",
    "cifar10",
    "cifar100",
    "copy",
    "digits",
    "fashion_mnist",
    "imagefolder",
    "kmnist",
    "mnist",
    "norb",
    "npz",
    "previous",
    "relations",
    "sequential_digits",
    "sequential_mnist",
    "stl10",
    "svhn",
]
GRAPHS = ["karate", "planetoid"]
"""One row, the same in every split: tests/unit/test_data_graph.py has what holds for them."""
SEED = 5


class Case(NamedTuple):
    """A set on disk, and what its files hold."""

    name: str
    own: dict[str, object]
    folder: Path
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def kind(self) -> str:
        return {2: "vectors", 3: "sequences", 4: "images"}[self.x_train.ndim]

    @property
    def task(self) -> Task:
        """The answers are numbers where they are fractions, and several for a row where they have an axis of their own."""
        shape, answers = self.x_train.shape[1:], self.y_train.shape[1:]
        if self.y_train.dtype.kind == "f":
            return Task(shape, answers[-1], answers[:-1], numbers=True)
        return Task(shape, self.y_train.max() + 1, answers)

    def part(self, **settings: object) -> AbstractData:
        return make_part("data", {"part": self.name} | self.own | settings)

    def load(self, seed=SEED, **settings):
        return self.part(**settings).load(seed, self.folder, CPU)


@pytest.fixture(scope="module", params=PARTS)
def case(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    makers = {
        "adding": _adding,
        "blobs": _blobs,
        "copy": _copy,
        "digits": _digits,
        "imagefolder": _imagefolder,
        "npz": _npz,
        "previous": _previous,
        "relations": _relations,
        "sequential_digits": _digits,
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "norb":
            x_train, y_train, x_test, y_test = data_files.write_norb(folder, monkeypatch)
            own, arrays = {}, (x_train[:, :1], y_train, x_test[:, :1], y_test)
        elif request.param in makers:
            own, arrays = makers[request.param](folder)
        else:
            own, arrays = {}, data_files.write(request.param, folder, monkeypatch)
        if request.param.startswith("sequential"):
            arrays = _pixel_by_pixel(*arrays)
        yield Case(request.param, own, folder, *arrays)


def _blobs(folder):
    own = {"n_classes": 4, "dim": 7, "distance": 1.5, "rows": 90, "test_rows": 50, "draw": 3}
    train, test = (
        data_twins.blobs(n, 7, 4, 1.5, stream(3, "data", "blobs", split)) for n, split in ((90, "train"), (50, "test"))
    )
    return own, (*train, *test)


def _digits(folder):
    digits = load_digits()
    x = np.round(digits.images * 255 / 16).astype(np.uint8)[:, None]
    return {}, (x[:1437], digits.target[:1437], x[1437:], digits.target[1437:])


def _pixel_by_pixel(x_train, y_train, x_test, y_test):
    x_train, x_test = (np.stack([[[grey] for line in image[0] for grey in line] for image in x]) for x in (x_train, x_test))
    return x_train, y_train, x_test, y_test


def _adding(folder):
    return _own_rows({"length": 9, "rows": 90, "test_rows": 50, "draw": 3}, "adding")


def _copy(folder):
    return _own_rows({"length": 5, "items": 3, "symbols": 4, "rows": 90, "test_rows": 50, "draw": 3}, "copy")


def _previous(folder):
    return _own_rows({"length": 9, "symbols": 4, "variable": True, "rows": 90, "test_rows": 50, "draw": 3}, "previous")


def _relations(folder):
    return _own_rows({"objects": 3, "rows": 90, "test_rows": 50, "draw": 3}, "relations")


def _own_rows(own, name):
    """What these rows have to be is checked row by row where the part is tested by itself."""
    raw = make_part("data", {"part": name} | own).read(Path())
    return own, tuple(each.numpy() for split in (raw.train, raw.test) for each in (split.x, split.y_N))


def _npz(folder):
    arrays = data_files.known("npz")
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez(folder / "own.npz", **dict(zip(keys, arrays, strict=True)))
    return {"path": str(folder / "own.npz")}, arrays


def _imagefolder(folder):
    x_train, y_train, x_test, y_test = data_files.known("imagefolder")
    train = data_files.write_folder(folder / "train", x_train, y_train)
    test = data_files.write_folder(folder / "test", x_test, y_test)
    return {"path": str(folder)}, (x_train[train], y_train[train], x_test[test], y_test[test])


def rows(examples_or_x, y=None):
    """The rows as bytes with their answers, to be compared as sets and lists."""
    x, y = (examples_or_x.x, examples_or_x.y_N) if y is None else (examples_or_x, y)
    return [(np.asarray(row).tobytes(), tuple(np.ravel(k).tolist())) for row, k in zip(x, y, strict=True)]


def test_the_battery_covers_every_registered_part():
    assert part_names("data") == sorted([*PARTS, *GRAPHS])
    assert len(PARTS) == 18


def test_read_gives_the_rows_of_the_files_in_their_order(case):
    raw = case.part().read(case.folder)
    assert rows(raw.train) == rows(case.x_train, case.y_train)
    assert rows(raw.test) == rows(case.x_test, case.y_test)


def test_the_task_is_the_shape_and_the_answers_of_the_rows(case):
    data = case.load()
    assert data.task == case.part().task == case.task
    assert data.task.kind == case.kind
    for examples in (data.train, data.val, data.test):
        assert examples.x.shape[1:] == data.task.shape
        assert examples.x.dtype == (torch.float32 if case.name in ("adding", "blobs", "relations") else torch.uint8)
        assert examples.y_N.dtype == (torch.float32 if case.name == "adding" else torch.int64)


def test_train_and_val_are_the_training_rows_each_once(case):
    data = case.load(val_share=0.25)
    assert sorted(rows(data.train) + rows(data.val)) == sorted(rows(case.x_train, case.y_train))
    assert len(data.val) == round(0.25 * len(case.y_train))
    assert rows(data.test) == rows(case.x_test, case.y_test)


def test_no_validation_rows_where_the_share_is_zero(case):
    data = case.load(val_share=0)
    assert len(data.val) == 0
    assert sorted(rows(data.train)) == sorted(rows(case.x_train, case.y_train))


def test_every_draw_has_each_class_in_proportion(case):
    if case.y_train.ndim > 1:
        pytest.skip("a row is not of one class")
    data = case.load(n_train=len(case.y_train) // 2, n_test=len(case.y_test) // 2, val_share=0.3)
    n_classes = data.task.n_outputs
    kept = torch.cat([data.train.y_N, data.val.y_N])
    for drawn, all_labels in ((kept, case.y_train), (data.val.y_N, kept), (data.test.y_N, case.y_test)):
        fair = np.bincount(all_labels, minlength=n_classes) * len(drawn) / len(all_labels)
        assert np.abs(np.bincount(drawn, minlength=n_classes) - fair).max() < 1


def test_the_same_seed_gives_the_same_rows_in_the_same_order(case):
    first, again = (case.load(n_train=40, n_test=8) for _ in range(2))
    for split in ("train", "val", "test"):
        assert rows(getattr(first, split)) == rows(getattr(again, split))
    assert torch.equal(first.scale(first.val.x), again.scale(again.val.x))


def test_another_seed_gives_other_rows_but_the_same_test_set(case):
    first, other = case.load(seed=0), case.load(seed=1)
    assert set(rows(first.val)) != set(rows(other.val))
    assert rows(first.train) != rows(other.train)
    assert rows(first.test) == rows(other.test)
    assert rows(case.load(seed=0, n_test=8).test) != rows(case.load(seed=1, n_test=8).test)


def test_the_order_of_the_training_rows_is_mixed(case):
    data = case.load(val_share=0)
    assert rows(data.train) != rows(case.x_train, case.y_train)
    places = {row: place for place, row in enumerate(rows(case.x_train, case.y_train))}
    quarter = [places[row] for row in rows(data.train)[: len(data.train) // 4]]
    assert max(quarter) > len(places) / 2 > min(quarter)
    assert case.y_train.ndim > 1 or len(data.train.y_N[: len(quarter)].unique()) > data.task.n_outputs / 2


def test_the_scale_is_fitted_on_the_rows_that_train_and_on_no_others(case):
    data = case.load(val_share=0.5, scaling="standardise")
    for x in (data.train.x, data.val.x, data.test.x):
        expected = data_twins.standardised(data.train.x.numpy(), x.numpy())
        scaled = data.scale(x)
        assert scaled.dtype == torch.float32
        np.testing.assert_allclose(scaled, expected, atol=2e-5)


def test_training_rows_have_mean_zero_and_variance_one(case):
    data = case.load(scaling="standardise")
    axes = {"vectors": (0,), "sequences": (0, 1), "images": (0, 2, 3)}[case.kind]
    z = data.scale(data.train.x).double()
    varies = (data.train.x.amax(axes) != data.train.x.amin(axes)).double()
    assert torch.allclose(z.mean(axes), torch.zeros(1, dtype=torch.float64), atol=1e-5)
    assert torch.allclose(z.var(axes, correction=0), varies, atol=1e-4)


def test_scaling_none_is_the_rows_themselves(case):
    data = case.load(scaling="none")
    as_numbers = case.x_test.astype(np.float32) / (255 if case.x_test.dtype == np.uint8 else 1)
    np.testing.assert_allclose(data.scale(data.test.x), as_numbers, rtol=1e-6)


def test_rows_are_scaled_one_by_one(case):
    data = case.load()
    assert torch.equal(data.scale(data.test.x)[3:5], data.scale(data.test.x[3:5]))


def test_augmenting_is_off_unless_asked_for(case):
    assert case.load().augment is None


def test_augmented_batches_equal_the_slow_twin(case):
    if case.kind != "images":
        pytest.skip("only images can be flipped or cropped")
    x = case.load(flip=True, crop_pad=3).train.x[:32]
    augment = case.load(flip=True, crop_pad=3).augment
    expected = data_twins.flip_and_crop(x.numpy(), True, 3, stream(1, "order"))
    assert augment(x, stream(1, "order")).numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("split", ["train", "test"])
def test_more_rows_than_there_are_is_an_error_that_says_how_many_there_are(case, split):
    there_are = len(getattr(case, f"y_{split}"))
    with pytest.raises(ConfigError) as error:
        case.load(**{f"n_{split}": there_are + 1})
    assert str(error.value) == (
        f"data.n_{split}={there_are + 1} is more than the {there_are} {split} rows of data={case.name}."
    )


def test_grey_and_small_images_change_the_task_and_the_rows_alike(case):
    if case.kind != "images":
        pytest.skip("other rows have no size and no colours")
    data = case.load(grayscale=True, resize=6)
    assert data.task == Task((1, 6, 6), case.y_train.max() + 1)
    for examples in (data.train, data.val, data.test):
        assert examples.x.shape[1:] == (1, 6, 6)
        assert examples.x.dtype == torch.uint8
    few = case.x_test[:3]
    grey = few if few.shape[1] == 1 else data_twins.grey(few)
    expected = np.apply_along_axis(data_twins.shrunk, 3, np.apply_along_axis(data_twins.shrunk, 2, grey, 6), 6)
    np.testing.assert_allclose(data.test.x[:3], expected, atol=0.51)


def test_settings_for_images_are_refused_where_the_rows_are_none(case):
    if case.kind == "images":
        pytest.skip("these are for images")
    n, *channels = case.x_train.shape[1:]
    what = f"sequences of {n} steps of {channels[0]} numbers" if channels else f"vectors of {n} numbers"
    with pytest.raises(ConfigError) as error:
        case.load(flip=True, resize=8)
    assert str(error.value) == (
        f"data={case.name} has {what}, no images for data.flip, data.resize. Leave that out, or use images such as data=digits."
    )


def test_the_input_that_is_asked_for_is_the_scaled_row_channels_last(case):
    data, plain = (case.load(val_share=0.5, scaling="standardise", target=target) for target in ("input", "class"))
    places = {"vectors": (), "sequences": case.x_train.shape[1:2], "images": case.x_train.shape[2:]}[case.kind]
    channels = case.x_train.shape[2 if case.kind == "sequences" else 1]
    assert data.task == case.part(target="input").task == Task(case.x_train.shape[1:], channels, places, numbers=True)
    for split in ("train", "val", "test"):
        given, known = getattr(data, split), getattr(plain, split)
        assert torch.equal(given.x, known.x)
        expected = data_twins.standardised(plain.train.x.numpy(), known.x.numpy())
        expected = expected.transpose(0, 2, 3, 1) if case.kind == "images" else expected
        assert given.y_N.dtype == torch.float32
        np.testing.assert_allclose(given.y_N, expected, atol=2e-5)
