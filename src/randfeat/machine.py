"""The machine that a run runs on: what a record says of it, and the memory that it has left."""

from __future__ import annotations

import functools
import math
import platform
import re
from pathlib import Path

import torch


def environment(device: torch.device) -> dict[str, str | int]:
    """Versions, the device and its name, and the threads that torch uses on the CPU."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device.type,
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
    }


@functools.cache
def processor() -> str:
    """The processor's name as it calls itself, or else its family (``x86_64``, ``arm64``)."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(errors="replace").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


_sharers = 1


def share_memory(n: int) -> None:
    """From now on this process keeps what :func:`fits` in its share of the memory, there being ``n`` like it."""
    global _sharers
    _sharers = n


def fits(n_bytes: float, device: torch.device) -> bool:
    """Whether what could be computed anew may be kept: if it takes at most half of this process's share of what is left."""
    return n_bytes <= memory_left(device) / (2 * _sharers)


def memory_left(device: torch.device) -> float:
    """Bytes that can still be allocated: what the driver and torch's cache have free, or what the system says; else inf."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    left = _number_after("MemAvailable:", Path("/proc/meminfo")) * 1024
    limit, used = (_number_after("", Path(f"/sys/fs/cgroup/memory.{name}")) for name in ("max", "current"))
    return min(left, limit - used if math.isfinite(limit + used) else math.inf)


def _number_after(word: str, facts: Path) -> float:
    """The first number after a word in a file of the system's; inf where there is none."""
    text = facts.read_text() if facts.exists() else ""
    found = re.search(rf"{word}\s*(\d+)", text)
    return float(found[1]) if found else math.inf
