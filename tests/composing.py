"""Hydra composes what the package's own conf files say by themselves once for a whole process."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from randfeat import config

hydra = config._hydra
alone: dict[tuple[Path, str], dict[str, Any]] = {}


def compose(folder: Path, config_name: str, overrides: list[str]) -> dict[str, Any]:
    """As ``config._hydra``. With words, or with conf files of a user's own, Hydra composes every time."""
    if overrides or folder != config.conf_folders()[-1]:
        return hydra(folder, config_name, overrides)
    if (folder, config_name) not in alone:
        alone[folder, config_name] = hydra(folder, config_name, [])
    return copy.deepcopy(alone[folder, config_name])
