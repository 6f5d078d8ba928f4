"""What there is to say: the recipes and parts in the conf folders, each with its one-line description."""

from __future__ import annotations

from pathlib import Path

from randfeat.registry import FAMILIES, outside_parts

DATA_OF = {
    **dict.fromkeys(("gru", "lstm", "minimal_rnn", "rnn", "tcn", "transformer"), "sequential_digits"),
    **dict.fromkeys(("gat", "gcn"), "karate"),
    "relation": "relations",
}
"""Architecture that takes no images -> the built-in data that it is run on where none are named."""


def conf_folders() -> list[Path]:
    """Where recipes and parts are looked for, in this order: ``./conf`` of the user, then the package's own."""
    own, checkout = Path(__file__).parent / "conf", Path(__file__).parents[2] / "conf"
    builtin = own if own.is_dir() else checkout
    mine = Path("conf")
    return [mine, builtin] if mine.is_dir() and mine.resolve() != builtin.resolve() else [builtin]


def choices(group: str = "") -> dict[str, str]:
    """Name -> one-line description, of a family's parts, a collection's recipes or (without a group) all other recipes."""
    found: dict[str, str] = {}
    for folder in conf_folders():
        for path in sorted((folder / group).glob("*.yaml")):
            found.setdefault(path.stem, description(path))
    outside = outside_parts(group) if group in FAMILIES else {}
    return found | {name: f"from {point.value}" for name, point in outside.items() if name not in found}


def collections() -> list[str]:
    """Folders of recipes in the conf folders, in alphabetical order: ``conf=published/wrn_28_10`` is one of ``published``."""
    found = {path.parent.name for folder in conf_folders() for path in folder.glob("*/*.yaml")}
    return sorted(found - set(FAMILIES))


def recipes() -> dict[str, str]:
    """What ``conf=`` may be -> its one-line description; those of collections come last."""
    collected = {f"{folder}/{name}": text for folder in collections() for name, text in choices(folder).items()}
    return choices() | collected


def description(path: Path) -> str:
    """The first line of a conf file, a comment that says what it is; the line before it may say a package to Hydra."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return next((line.lstrip("#").strip() for line in lines if not line.startswith("# @")), "")
