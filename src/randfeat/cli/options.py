"""The flags that several verbs share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.errors import ConfigError

if TYPE_CHECKING:
    import torch

RESULTS = Path("results/local")
"""Where the runs are unless the user says otherwise."""

Words = Annotated[list[str] | None, typer.Argument(help="conf=NAME, family=PART, family.setting=VALUE.", metavar="WORDS...")]
DataDir = Annotated[Path | None, typer.Option(help="Where the data sets lie.", show_default="$RANDFEAT_DATA")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto: the GPU where there is one.")]
Results = Annotated[Path, typer.Option(help="Results folder.")]


def device_of(name: str) -> torch.device:
    """The device of that name, if it is there."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()
    except (RuntimeError, AssertionError):
        raise ConfigError(f"--device {name} is not there. Use --device cpu{_gpus()}.") from None
    return device


def _gpus() -> str:
    import torch

    return "".join(f", cuda:{k}" for k in range(torch.cuda.device_count()))
