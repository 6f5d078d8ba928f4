"""Where studies lie, and how one is read: a folder with ``study.yaml`` and ``claims.py``."""

from __future__ import annotations

import dataclasses
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from randfeat.claims import Claim
from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.report.lines import Axes
from randfeat.study.plan import Arm, Plan, Probed, Scale, Size
from randfeat.study.tables import Table


@dataclass(frozen=True)
class Study:
    """A plan with its tables and claims, all written down before any of it runs.

    Attributes:
        name: of its folder.
        plan: what is probed and run.
        tables: what a reader sees of the numbers.
        claims: checked on the same numbers.
    """

    name: str
    plan: Plan
    tables: list[Table]
    claims: list[Claim]


def study_folders() -> list[Path]:
    """Where studies are looked for, in this order: ``./experiments`` of the user, then the package's own."""
    package = Path(__file__).parents[1]
    own, checkout = package / "experiments", package.parents[1] / "experiments"
    return [Path("experiments"), own if own.is_dir() else checkout]


def studies() -> dict[str, Path]:
    """Name -> folder of every study."""
    found: dict[str, Path] = {}
    for folder in study_folders():
        for path in sorted(folder.glob("*/study.yaml")):
            found.setdefault(path.parent.name, path.parent)
    return found


def load(name: str) -> Study:
    """The study of this name.

    Raises:
        ConfigError: there is none, or its files do not make one.
    """
    known = studies()
    if name not in known:
        raise ConfigError(f"there is no study {name!r}.{did_you_mean(name, known)} Studies: {listing(known)}.")
    return load_folder(known[name])


def load_folder(folder: Path) -> Study:
    """The study that lies in a folder."""
    plan, file = load_plan(folder), folder / "claims.py"
    given = _names(file)
    for name, kind in {"TABLES": Table, "CLAIMS": Claim}.items():
        listed = given.get(name)
        if not (isinstance(listed, list) and listed and all(isinstance(each, kind) for each in listed)):
            raise ConfigError(f"{file} has no {name}. It gives the lists TABLES and CLAIMS.")
    study = Study(folder.name, plan, given["TABLES"], given["CLAIMS"])
    arms = {each.name for each in plan.arms} | {each.arm for each in plan.probes}
    for arm in (*(table.arm for table in study.tables), *(claim.arm for claim in study.claims)):
        if arm and arm not in arms:
            raise ConfigError(f"{file} names the arm {arm!r}, which study.yaml does not have. Arms: {listing(arms)}.")
    files = [table.file for table in study.tables]
    if len({*files}) < len(files):
        raise ConfigError(f"{file} has two tables of one file. Give each Table a file of its own.")
    for axes in plan.figures:
        if axes.table not in files:
            raise ConfigError(f"in {folder / 'study.yaml'}: a figure draws {axes.table!r}. Tables: {listing(files)}.")
    return study


def load_plan(folder: Path) -> Plan:
    """What the ``study.yaml`` of a folder says."""
    import yaml

    path = folder / "study.yaml"
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}.") from None
    try:
        given = _fields(Plan, mapping)
        parts: dict[str, Any] = {name: Size(**_fields(Size, given[name])) for name in ("full", "quick")}
        kinds: dict[str, Callable[[Any], Any]] = {
            "probes": lambda each: Probed(**_fields(Probed, each)),
            "arms": _arm,
            "figures": lambda each: Axes(**_fields(Axes, each)),
        }
        lists: dict[str, Any] = {
            name: [kind(each) for each in _list(name, given.get(name, []))] for name, kind in kinds.items()
        }
        given.update(**parts, **lists)
        return Plan(**given)
    except ConfigError as error:
        raise ConfigError(f"in {path}: {error}") from None


def _list(name: str, listed: Any) -> list[Any]:
    if not isinstance(listed, list):
        raise ConfigError(f"{name} must be a list.")
    return listed


def _arm(mapping: Any) -> Arm:
    given = _fields(Arm, mapping)
    for name in ("full", "quick"):
        if given.get(name) is not None:
            given[name] = Scale(**_fields(Scale, given[name]))
    return Arm(**given)


def _fields(kind: Any, mapping: Any) -> dict[str, Any]:
    """The mapping, if it has every field that has no default, and no other."""
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{mapping!r} is no mapping of {listing(each.name for each in dataclasses.fields(kind))}.")
    known = {each.name: each for each in dataclasses.fields(kind)}
    for name in mapping:
        if name not in known:
            raise ConfigError(f"there is no field {name!r}.{did_you_mean(str(name), known)} Fields: {listing(known)}.")
    needed = [name for name, each in known.items() if each.default is each.default_factory is dataclasses.MISSING]
    if lacking := [name for name in needed if name not in mapping]:
        raise ConfigError(f"{listing(lacking)} missing. Fields: {listing(known)}.")
    return dict(mapping)


def _names(path: Path) -> dict[str, Any]:
    """What a file of Python defines; nothing is written beside it."""
    try:
        return runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path} cannot be loaded: {type(error).__name__}: {error}.") from error
