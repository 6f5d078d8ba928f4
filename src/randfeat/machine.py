"""What a record says of the machine that a run ran on."""

from __future__ import annotations

import platform
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


def processor() -> str:
    """The processor's name as it calls itself, or else its family (``x86_64``, ``arm64``)."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(errors="replace").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
