"""Slow, obvious twins of what the data family does: one row, one pixel at a time."""

from __future__ import annotations

import numpy as np


def flip_and_crop(x, flip, crop_pad, draws):
    """Image by image: pad with zeros, cut, mirror."""
    n, channels, height, width = x.shape
    flips = draws.integers(0, 2, n)
    tops, lefts = draws.integers(0, 2 * crop_pad + 1, (2, n))
    out = []
    for image, mirrored, top, left in zip(x, flips, tops, lefts, strict=True):
        canvas = np.zeros((channels, height + 2 * crop_pad, width + 2 * crop_pad), np.uint8)
        canvas[:, crop_pad : crop_pad + height, crop_pad : crop_pad + width] = image
        cut = canvas[:, top : top + height, left : left + width]
        out.append(cut[:, :, ::-1] if flip and mirrored else cut)
    return np.stack(out)


def standardised(train, x):
    """Column by column (vectors) or channel by channel (images, sequences) of the rows as 0..1 numbers, in float64."""
    train, x = (rows / 255 if rows.dtype == np.uint8 else rows.astype(np.float64) for rows in (train, x))
    out = np.empty_like(x)
    last = x.ndim == 3
    for c in range(x.shape[-1 if last else 1]):
        at = (..., c) if last else (slice(None), c)
        values = train[at]
        deviation = 1.0 if values.min() == values.max() else np.sqrt(np.mean((values - values.mean()) ** 2))
        out[at] = (x[at] - values.mean()) / deviation
    return out


def whitened(train, x, epsilon):
    """numpy's covariance and singular vectors of the standardised rows, flattened."""
    z_train, z = (standardised(train, rows).reshape(len(rows), -1) for rows in (train, x))
    cov = np.cov(z_train.T, bias=True)
    U, s, _ = np.linalg.svd(cov)
    W = U @ np.diag(1 / np.sqrt(s + epsilon)) @ U.T
    return ((z - z_train.mean(0)) @ W).reshape(x.shape)


def grey(x):
    """Pixel by pixel, ITU-R BT.601, rounded half up."""
    n, _, height, width = x.shape
    out = np.empty((n, 1, height, width), np.uint8)
    for i in range(n):
        for row in range(height):
            for column in range(width):
                red, green, blue = (int(value) for value in x[i, :, row, column])
                out[i, 0, row, column] = int(0.299 * red + 0.587 * green + 0.114 * blue + 0.5 + 1e-9)
    return out


def shrunk(line, side):
    """One line of pixels, shorter: each new pixel is the mean of the old ones under a triangle around its centre."""
    ratio = len(line) / side
    out = []
    for j in range(side):
        centre = (j + 0.5) * ratio
        weights = np.array([max(0.0, 1 - abs((i + 0.5 - centre) / ratio)) for i in range(len(line))])
        out.append((weights * line).sum() / weights.sum())
    return np.array(out)


def blobs(n, dim, n_classes, distance, draws):
    """Row by row: a standard normal vector, moved along the axis of its class."""
    rows, labels = [], []
    for i in range(n):
        row = draws.standard_normal(dim)
        row[i % n_classes] += distance
        rows.append(row)
        labels.append(i % n_classes)
    return np.array(rows, np.float32), np.array(labels)


def copied(x, y, length, items, symbols):
    """Whether every row is what the copy task asks for, read step by step: symbols, pause, marker, blanks; and the pauses."""
    blank, marker, pauses = symbols, symbols + 1, []
    for row, answers in zip(x, y, strict=True):
        assert sorted(set(row.ravel().tolist())) == [0, 255]
        steps = []
        for step in row:
            (channel,) = (c for c, value in enumerate(step) if value)
            steps.append(channel)
        assert steps[-items - 1 :] == [marker] + [blank] * items
        assert steps.count(marker) == 1
        places = [t for t, symbol in enumerate(steps) if symbol < symbols]
        assert places == list(range(places[0], places[0] + items))
        assert [steps[t] for t in places] == list(answers)
        pauses.append(steps.index(marker) - places[-1])
        assert len(steps) == length + 2 * items
    return pauses


def summed(x):
    """Row by row, step by step: the sum of the numbers that are marked, and where the marks are."""
    sums, marks = [], []
    for row in x:
        sums.append(sum(float(number) for number, mark in row if mark == 1))
        marks.append([t for t, (_, mark) in enumerate(row) if mark == 1])
        assert all(mark in (0, 1) for _, mark in row)
    return np.array(sums), marks


def before(row, n_symbols):
    """Of a row of one-hot steps, step by step: the last symbol that differs from the present one; and each symbol's steps."""
    present, earlier, answers, spans = -1, -1, [], []
    for step in row:
        (channel,) = (c for c, value in enumerate(step) if value)
        if channel in (present, n_symbols):  # again, or a blank
            spans[-1] += 1
        else:
            present, earlier = channel, present
            spans.append(1)
        answers.append(earlier)
    return answers, spans
