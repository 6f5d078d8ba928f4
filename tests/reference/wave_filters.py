"""A wave filter pixel by pixel, from its numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np


def wave_filter(sides, frequency, phase, width, norm):
    """Of a kernel with these sides: a sinusoid under a Gaussian envelope that sums to zero, scaled to a norm."""
    places = list(itertools.product(*(range(side) for side in sides)))
    centred = [[place[axis] - (side - 1) / 2 for axis, side in enumerate(sides)] for place in places]
    waves = [math.cos(2 * math.pi * sum(f * x for f, x in zip(frequency, point, strict=True)) + phase) for point in centred]
    envelope = [math.exp(-sum(x * x for x in point) / (2 * width**2)) for point in centred]
    mean = sum(e * w for e, w in zip(envelope, waves, strict=True)) / sum(envelope)
    values = [e * (w - mean) for e, w in zip(envelope, waves, strict=True)]
    length = math.sqrt(sum(value**2 for value in values))
    return np.reshape([norm * value / length for value in values], sides)
