"""Named random streams: (seed, purpose) -> a generator of its own, so that one draw never shifts another.

The streams are numpy's PCG64, seeded with 128 bits of SHA-256. They run on the CPU, in one thread, through no
vectorised special function: the same seed gives the same float32 numbers on every machine and for every device.
"""

from __future__ import annotations

import hashlib

import numpy as np

Stream = np.random.Generator


def stream(seed: int, *purpose: str) -> Stream:
    """The stream named by ``seed`` and ``purpose``, such as ``stream(0, "weights", "conv1.weight")``."""
    digest = hashlib.sha256("\0".join([str(seed), *purpose]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
