"""As many images of 28x28 as wanted, from the 1,797 digits that come with scikit-learn; the same at every call."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_digits

from randfeat.data.digits import N_TEST
from randfeat.seeds import Stream, stream

SIDE, SHIFT, NOISE = 28, 2, 0.15


def enlarged_digits(n_train: int, n_test: int) -> dict[str, np.ndarray]:
    """``x_train``, ``y_train``, ``x_test``, ``y_test``: float32 vectors of 784, grey values from 0 to 1 and noise.

    A row is a digit drawn at random, enlarged, shifted by up to 2 pixels each way, plus normal noise of deviation 0.15. No
    digit of a test row is one of a training row.
    """
    digits = load_digits()
    small = torch.from_numpy(digits.images / 16).float()[:, None]
    large = F.pad(F.interpolate(small, size=(SIDE, SIDE), mode="bilinear"), (SHIFT,) * 4)[:, 0].numpy()
    arrays: dict[str, np.ndarray] = {}
    for split, n, kept in (("train", n_train, slice(None, -N_TEST)), ("test", n_test, slice(-N_TEST, None))):
        draws = stream(0, "enlarged_digits", split)
        classes = digits.target[kept]
        rows = draws.integers(len(classes), size=n)
        arrays[f"x_{split}"] = shifted(large[kept], rows, draws)
        arrays[f"y_{split}"] = classes[rows]
    return arrays


def shifted(images: np.ndarray, rows: np.ndarray, draws: Stream) -> np.ndarray:
    """(n, 784): these rows of the padded images, each cut out at a random place, plus noise."""
    windows = sliding_window_view(images, (SIDE, SIDE), axis=(1, 2))
    down, right = draws.integers(2 * SHIFT + 1, size=(2, len(rows)))
    noise_ND = draws.standard_normal((len(rows), SIDE**2), dtype=np.float32) * np.float32(NOISE)
    return windows[rows, down, right].reshape(len(rows), -1) + noise_ND
