"""What a run costs: seconds, and the most memory held."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from pathlib import Path

import torch


class Meter:
    """Counts from its making: ``seconds``, and ``peak_mib`` of the device (CUDA: allocated; CPU: resident in the process)."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
        else:
            _reset_peak()
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the start, all work on the device included."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - self._start

    @property
    def peak_mib(self) -> float:
        """The most memory held since the start, in MiB."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        return _peak_mib()


def _reset_peak() -> None:
    """Linux forgets a process's peak when asked to; elsewhere the peak is that of the whole process so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
