"""The user's own arrays: layouts, the fifth held out, what the key depends on, and the text of every error."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest
import torch

from randfeat.data import Npz
from randfeat.errors import ConfigError, DataError
from randfeat.typing import Task

CPU = torch.device("cpu")


def arrays(n=40, n_test=12):
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.standard_normal((n, 5)),
        "y_train": np.arange(n) % 3,
        "x_test": rng.standard_normal((n_test, 5)),
        "y_test": np.arange(n_test) % 3,
    }


def saved(tmp_path, **changes):
    """A good file with some arrays changed; None leaves one out."""
    file = tmp_path / "own.npz"
    np.savez(file, **{key: array for key, array in (arrays() | changes).items() if array is not None})
    return file


def test_vectors_are_read_as_float32(tmp_path):
    file = saved(tmp_path)
    assert Npz(path=str(file)).task == Task((5,), 3)
    raw = Npz(path=str(file)).read(tmp_path)
    assert torch.equal(raw.train.x, torch.from_numpy(arrays()["x_train"].astype(np.float32)))
    assert raw.test.y_N.tolist() == arrays()["y_test"].tolist()
    assert raw.test.y_N.dtype == torch.int64


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4", np.int32, ">i8", np.uint8])
def test_numbers_of_any_type_become_the_same_float32_vectors(dtype, tmp_path):
    x = np.random.default_rng(1).integers(0, 200, (40, 5))
    file = saved(tmp_path, x_train=x.astype(dtype))
    assert torch.equal(Npz(path=str(file)).read(tmp_path).train.x, torch.from_numpy(x.astype(np.float32)))


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW", "fortran"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_are_read_with_the_channels_first(layout, save, tmp_path):
    x = np.random.default_rng(2).integers(0, 256, (30, 1 if layout == "NHW" else 3, 8, 6)).astype(np.uint8)
    kept = {"NHW": x[:, 0], "NHWC": x.transpose(0, 2, 3, 1), "NCHW": x, "fortran": np.asfortranarray(x)}[layout]
    file = tmp_path / "images.npz"
    save(file, x_train=kept, y_train=np.arange(30, dtype=np.uint8) % 2, x_test=kept[:4], y_test=np.array([0, 1, 1, 0]))
    part = Npz(path=str(file))
    assert part.task == Task(x.shape[1:], 2)
    raw = part.read(tmp_path)
    assert torch.equal(raw.train.x, torch.from_numpy(x))
    assert torch.equal(raw.test.x, torch.from_numpy(x[:4]))


def test_without_a_test_set_a_fixed_stratified_fifth_is_held_out(tmp_path):
    file = saved(tmp_path, x_test=None, y_test=None)
    first, other = (Npz(path=str(file), scaling="none").load(seed, tmp_path, CPU) for seed in (0, 1))
    assert torch.equal(first.test.x, other.test.x)
    assert not torch.equal(first.train.x, other.train.x)
    assert torch.bincount(first.test.y_N).sum() == 8
    together = torch.cat([first.train.x, first.val.x, first.test.x])
    everything = torch.from_numpy(arrays()["x_train"].astype(np.float32))
    assert sorted(together.tolist()) == sorted(everything.tolist())


def test_the_task_is_known_without_reading_the_rows(tmp_path):
    file = tmp_path / "broken.npz"
    header, y = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (9, 3, 640, 480)})
    np.save(y, np.arange(9) % 4)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue())  # no rows follow
        archive.writestr("y_train.npy", y.getvalue())
    assert Npz(path=str(file)).task == Task((3, 640, 480), 4)
    with pytest.raises(DataError, match=r"cannot be read \(.*\)\. Make it again with numpy\.savez\.$"):
        Npz(path=str(file)).load(0, tmp_path, CPU)


def test_the_key_has_the_content_and_not_the_path(tmp_path):
    file = saved(tmp_path)
    identity = Npz(path=str(file), val_share=0.2).identity()
    (tmp_path / "elsewhere").mkdir()
    moved = file.rename(tmp_path / "elsewhere" / "renamed.npz")
    assert identity.keys() == {"part", "val_share", "content"}
    assert len(identity["content"]) == 12
    assert Npz(path=str(moved), val_share=0.2).identity() == identity
    changed = saved(tmp_path, y_test=(np.arange(12) + 1) % 3)
    assert Npz(path=str(changed), val_share=0.2).identity()["content"] != identity["content"]
    assert Npz(path=str(moved)).settings()["path"] == str(moved)


def test_the_key_notices_a_file_that_changes_in_place(tmp_path):
    file = saved(tmp_path)
    before = Npz(path=str(file)).identity()
    saved(tmp_path, y_test=(np.arange(12) + 1) % 3)
    os.utime(file, ns=(1, 1))
    assert Npz(path=str(file)).identity() != before


def test_without_a_path_it_says_how_to_give_one():
    assert Npz().identity() == {"part": "npz"}
    with pytest.raises(ConfigError, match=r"^data=npz needs a file: data\.path=FILE\.npz\.$"):
        _ = Npz().task


LAYOUTS = (
    "Use uint8 images of shape N,H,W or N,H,W,C or N,C,H,W with 1 or 3 channels, vectors of numbers of shape N,D, or sequences"
    " of numbers of shape N,T,C that are not uint8 (three axes of uint8 are images)."
)
ANSWERS = "Use whole numbers of shape N for classes, or floating-point ones of shape N or N,K for numbers; at least one row."
ERRORS = [
    ({"y_test": None}, "the arrays must be x_train, y_train and perhaps x_test, y_test; got x_test, x_train, y_train."),
    (
        {"x_val": np.arange(6.0).reshape(2, 3)},
        "the arrays must be x_train, y_train and perhaps x_test, y_test; got x_test, x_train, x_val, y_test, y_train.",
    ),
    ({"x_train": np.arange(40.0)}, f"x_train is float64 of shape (40,). {LAYOUTS}"),
    ({"x_train": np.linspace(0, 1, 1920).reshape(40, 3, 4, 4)}, f"x_train is float64 of shape (40, 3, 4, 4). {LAYOUTS}"),
    ({"x_train": np.zeros((40, 4, 0))}, f"x_train is float64 of shape (40, 4, 0). {LAYOUTS}"),
    ({"x_train": np.zeros((40, 2, 4, 4), np.uint8)}, f"x_train is uint8 of shape (40, 2, 4, 4). {LAYOUTS}"),
    ({"x_train": np.zeros((40, 0))}, f"x_train is float64 of shape (40, 0). {LAYOUTS}"),
    ({"x_train": np.full((40, 5), "a")}, f"x_train is <U1 of shape (40, 5). {LAYOUTS}"),
    (
        {"y_train": np.arange(40.0)},
        "y_train is float64 of shape (40,) but y_test int64 of shape (12,). Make both classes, or both numbers with as many"
        " columns.",
    ),
    (
        {"y_train": np.ones((40, 2)), "y_test": np.ones((12, 3))},
        "y_train is float64 of shape (40, 2) but y_test float64 of shape (12, 3). Make both classes, or both numbers with as"
        " many columns.",
    ),
    ({"y_train": np.zeros((40, 2, 2))}, f"y_train is float64 of shape (40, 2, 2). {ANSWERS}"),
    ({"y_train": np.full(40, "a")}, f"y_train is <U1 of shape (40,). {ANSWERS}"),
    (
        {"y_train": np.eye(40, dtype=int)},
        f"y_train is int64 of shape (40, 40). {ANSWERS}",
    ),
    (
        {"x_train": np.zeros((0, 5)), "y_train": np.zeros(0, int)},
        f"y_train is int64 of shape (0,). {ANSWERS}",
    ),
    ({"y_train": np.arange(40) % 3 - 1}, "y_train has the label -1. Number the classes 0, 1, 2, ..."),
    ({"y_train": np.arange(40) % 3 + 1}, "y_train has labels up to 3 but none is 0. Number them without gaps."),
    ({"y_train": np.arange(40) % 2 * 2}, "y_train has labels up to 2 but none is 1. Number them without gaps."),
    ({"y_train": np.arange(39) % 3}, "x_train has 40 rows but y_train has 39. Give every row one label."),
    ({"y_test": np.arange(13) % 3}, "x_test has 12 rows but y_test has 13. Give every row one label."),
    (
        {"x_test": np.linspace(0, 1, 48).reshape(12, 4)},
        "rows of x_train have shape (5,) but rows of x_test (4,). Make them equal.",
    ),
    (
        {"x_train": np.array([object(), 1] * 20)},
        "x_train holds Python objects, which are never read. Save an array of plain numbers.",
    ),
    (
        {"y_train": np.array([None, 1] * 20)},
        "y_train holds Python objects, which are never read. Save an array of plain numbers.",
    ),
]


@pytest.mark.parametrize(("changes", "text"), ERRORS)
def test_a_file_that_makes_no_sense_says_what_would(changes, text, tmp_path):
    file = saved(tmp_path, **changes)
    with pytest.raises(DataError) as error:
        Npz(path=str(file)).load(0, tmp_path, CPU)
    assert str(error.value) == f"data=npz: {file}: {text}"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("key", ["x_train", "x_test"])
def test_numbers_that_are_not_finite_are_refused(bad, key, tmp_path):
    x = arrays()[key]
    x[7, 2] = bad
    file = saved(tmp_path, **{key: x})
    with pytest.raises(DataError) as error:
        Npz(path=str(file)).load(0, tmp_path, CPU)
    text = "has NaN or infinite numbers (in float32). Leave those rows out or fill them in."
    assert str(error.value) == f"data=npz: {file}: {key} {text}"


def test_a_test_label_that_no_training_row_has_is_refused(tmp_path):
    file = saved(tmp_path, y_test=np.arange(12) % 4)
    with pytest.raises(DataError, match=r"^data=npz should have test labels from 0 to 2, got 0 to 3\.$"):
        Npz(path=str(file)).load(0, tmp_path, CPU)


def test_a_missing_file_is_an_error_for_the_task_and_for_the_key(tmp_path):
    part = Npz(path=str(tmp_path / "no.npz"))
    for ask in (lambda: part.task, part.identity, lambda: part.load(0, tmp_path, CPU)):
        with pytest.raises(DataError) as error:
            ask()
        text = "there is no such file. Give one with data.path=FILE.npz."
        assert str(error.value) == f"data=npz: {tmp_path / 'no.npz'}: {text}"


@pytest.mark.parametrize("content", [b"", b"not a zip file at all", b"\x93NUMPY\x01\x00"])
def test_another_kind_of_file_is_refused(content, tmp_path):
    file = tmp_path / "own.npz"
    file.write_bytes(content)
    with pytest.raises(DataError) as error:
        _ = Npz(path=str(file)).task
    assert str(error.value) == (
        f"data=npz: {file}: not an .npz file, or a truncated one. Make it with numpy.savez(FILE, x_train=..., ...)."
    )


def test_a_truncated_file_is_refused(tmp_path):
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"not an \.npz file, or a truncated one\."):
        _ = Npz(path=str(file)).task


def test_a_file_with_altered_bytes_is_refused(tmp_path):
    file = saved(tmp_path)
    content = bytearray(file.read_bytes())
    content[900] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read \(.*CRC.*\)\. Make it again with numpy\.savez\.$"):
        Npz(path=str(file)).load(0, tmp_path, CPU)


def test_members_that_are_no_arrays_are_refused(tmp_path):
    file = tmp_path / "own.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x_train.npy", "hello")
        archive.writestr("y_train.npy", "there")
    with pytest.raises(DataError, match=r"cannot be read \(.*\)\. Make it again with numpy\.savez\.$"):
        _ = Npz(path=str(file)).task


def test_labels_beside_a_name_without_npy_are_refused(tmp_path):
    file = tmp_path / "own.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x_train", "hello")
        archive.writestr("y_train", "there")
    with pytest.raises(DataError, match=r"cannot be read \(.*\)\. Make it again with numpy\.savez\.$"):
        _ = Npz(path=str(file)).task


@pytest.mark.parametrize("key", ["y_train", "y_test"])
def test_answers_that_are_not_finite_are_refused(key, tmp_path):
    y = {"y_train": np.linspace(0, 1, 40), "y_test": np.linspace(0, 1, 12)}
    y[key][3] = np.nan
    file = saved(tmp_path, **y)
    with pytest.raises(DataError) as error:
        Npz(path=str(file)).load(0, tmp_path, CPU)
    text = "has NaN or infinite numbers (in float32). Leave those rows out or fill them in."
    assert str(error.value) == f"data=npz: {file}: {key} {text}"


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.int8, np.uint16])
def test_numbers_with_three_axes_are_sequences_of_float32(dtype, tmp_path):
    x = np.random.default_rng(3).integers(0, 100, (40, 6, 3))
    file = saved(tmp_path, x_train=x.astype(dtype), x_test=x[:12].astype(dtype))
    part = Npz(path=str(file))
    assert part.task == Task((6, 3), 3)
    assert part.task.kind == "sequences"
    raw = part.read(tmp_path)
    assert raw.train.x.dtype == torch.float32
    assert raw.train.x.tolist() == x.tolist()
    assert raw.test.x.tolist() == x[:12].tolist()


def test_bytes_with_three_axes_stay_images_and_cannot_be_mixed_with_sequences(tmp_path):
    x = np.random.default_rng(3).integers(0, 100, (40, 6, 3)).astype(np.uint8)
    file = saved(tmp_path, x_train=x, x_test=x[:12].astype(np.float32))
    assert Npz(path=str(file)).task == Task((1, 6, 3), 3)
    with pytest.raises(DataError, match=r"rows of x_train have shape \(1, 6, 3\) but rows of x_test \(6, 3\)\. "):
        Npz(path=str(file)).load(0, tmp_path, CPU)


def test_one_long_sequence_s_channel_is_standardised_over_rows_and_steps(tmp_path):
    """0, 1, 2, ... n - 1 has the mean (n - 1) / 2 and the variance (n**2 - 1) / 12; the second channel is constant."""
    x = np.stack([np.arange(240.0).reshape(40, 6), np.full((40, 6), 7.0)], 2)
    data = Npz(path=str(saved(tmp_path, x_train=x, x_test=x[:12])), val_share=0).load(0, tmp_path, CPU)
    expected = (x[:12, :, 0] - 239 / 2) / np.sqrt((240**2 - 1) / 12)
    np.testing.assert_allclose(data.scale(data.test.x)[..., 0], expected, atol=1e-6)
    assert not data.scale(data.test.x)[..., 1].any()


@pytest.mark.parametrize(("shape", "dtype"), [((), np.float64), ((1,), np.float32), ((2,), np.float16), ((2,), ">f8")])
def test_floating_point_answers_are_numbers_in_their_own_units(shape, dtype, tmp_path):
    y = (np.random.default_rng(4).standard_normal((40, *shape)) * 50 + 300).astype(dtype)
    file = saved(tmp_path, y_train=y, y_test=y[:12])
    part = Npz(path=str(file))
    assert part.task == Task((5,), shape[0] if shape else 1, numbers=True)
    raw = part.read(tmp_path)
    assert raw.train.y_N.tolist() == y.astype(np.float32).reshape(40, -1).tolist()
    assert raw.test.y_N.tolist() == y[:12].astype(np.float32).reshape(12, -1).tolist()


def test_a_fifth_of_rows_with_numbers_is_held_out_like_any(tmp_path):
    y = np.arange(40.0)
    file = saved(tmp_path, x_test=None, y_test=None, y_train=y)
    data = Npz(path=str(file)).load(0, tmp_path, CPU)
    assert len(data.test) == 8
    together = torch.cat([data.train.y_N, data.val.y_N, data.test.y_N])
    assert sorted(together[:, 0].tolist()) == y.tolist()
    x = torch.from_numpy(arrays()["x_train"].astype(np.float32))
    assert torch.equal(data.test.x, x[data.test.y_N[:, 0].long()])


@pytest.mark.parametrize(("k", "dtype"), [(2, np.float32), (3, np.float64), (50, np.float64)])
def test_labels_of_a_floating_point_type_are_refused_and_of_shape_n_1_they_are_numbers(k, dtype, tmp_path):
    y = {f"y_{split}": (np.arange(n) % k).astype(dtype) for split, n in (("train", 100), ("test", 12))}
    x = np.zeros((100, 5))
    file = saved(tmp_path, x_train=x, **y)
    with pytest.raises(DataError) as error:
        _ = Npz(path=str(file)).task
    assert str(error.value) == (
        f"data=npz: {file}: y_train holds only the whole numbers 0 to {k - 1}, as {np.dtype(dtype)}. Save y_train and y_test as"
        " integers for classes, or of shape N,1 for numbers."
    )
    file = saved(tmp_path, x_train=x, **{key: labels[:, None] for key, labels in y.items()})
    assert Npz(path=str(file)).task == Task((5,), 1, numbers=True)


@pytest.mark.parametrize(
    "y",
    [np.arange(102) % 51, np.arange(60) % 31, np.arange(60) % 3 + 1, np.arange(60) % 3 / 2, np.arange(60) % 3 - 1],
)
def test_other_floating_point_answers_with_one_axis_are_numbers(y, tmp_path):
    file = saved(tmp_path, x_train=np.zeros((len(y), 5)), y_train=y.astype(float), y_test=np.arange(12.0))
    assert Npz(path=str(file)).task == Task((5,), 1, numbers=True)
