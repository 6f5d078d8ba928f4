"""A study as its folder describes it: ``study.yaml``, and ``claims.py`` beside it."""

from __future__ import annotations

import dataclasses
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from randfeat.claims import Claim
from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.probe.catalogue import measures
from randfeat.report.lines import Axes


@dataclass(frozen=True)
class Probed:
    """Some networks, and what is measured of them.

    Attributes:
        words: of the command line; a word may list several values.
        measures: names as ``randfeat probe --measure`` has them.
        units: those looked at; all where there are none named.
        times: so many times the seeds of the others, where a number needs more of them.
    """

    words: list[str]
    measures: list[str]
    units: list[str] = field(default_factory=list)
    times: int = 1

    def __post_init__(self) -> None:
        for name in ("words", "measures", "units"):
            _texts(name, getattr(self, name))
        _whole("times", self.times)
        measures(self.measures)


@dataclass(frozen=True)
class Size:
    """How large a study is: the number of seeds, and words that hold for all of its networks."""

    seeds: int
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _whole("seeds", self.seeds)
        _texts("words", self.words)


@dataclass(frozen=True)
class Plan:
    """What ``study.yaml`` says.

    Attributes:
        title: in one line.
        paper: authors and where it was published.
        claimed: what the paper claims, in a sentence.
        words: of all networks.
        probes: which networks, and what is measured.
        full: the size that the claims are meant for.
        quick: a smaller one.
        figure: which columns of the summary are drawn.
        rows: training rows that are looked at.
        shown: which lines of the summary a reader sees, as ``DataFrame.query`` has it; all where it is empty.
        notes: what a reader has to know to read the numbers.
    """

    title: str
    paper: str
    claimed: str
    probes: list[Probed]
    full: Size
    quick: Size
    figure: Axes
    words: list[str] = field(default_factory=list)
    rows: int = 256
    shown: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        _texts("words", self.words)
        _whole("rows", self.rows)


@dataclass(frozen=True)
class Study:
    """A plan with its claims, both written down before any of it runs.

    Attributes:
        name: of its folder.
        plan: what is probed.
        table: the numbers of all networks, see :func:`randfeat.study.reproduce.numbers` -> the summary.
        claims: checked on the same numbers.
    """

    name: str
    plan: Plan
    table: Callable[[pd.DataFrame], pd.DataFrame]
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
    given = _names(folder / "claims.py")
    missing = [name for name in ("table", "CLAIMS") if name not in given]
    if missing:
        raise ConfigError(f"{folder / 'claims.py'} has no {missing[0]}. It gives table(frame) and the list CLAIMS.")
    return Study(folder.name, load_plan(folder), given["table"], list(given["CLAIMS"]))


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
        kinds = {"full": Size, "quick": Size, "figure": Axes}
        parts: dict[str, Any] = {name: kind(**_fields(kind, given[name])) for name, kind in kinds.items()}
        if not isinstance(given["probes"], list):
            raise ConfigError("probes must be a list.")
        parts["probes"] = [Probed(**_fields(Probed, each)) for each in given["probes"]]
        return Plan(**{**given, **parts})
    except ConfigError as error:
        raise ConfigError(f"in {path}: {error}") from None


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


def _whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} must be a whole number >= 1, got {value!r}.")


def _texts(name: str, value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{name} must be a list of words, got {value!r}. Put a word with a comma in quotes.")


def _names(path: Path) -> dict[str, Any]:
    """What a file of Python defines; nothing is written beside it."""
    try:
        return runpy.run_path(str(path))
    except Exception as error:
        raise ConfigError(f"{path} cannot be loaded: {type(error).__name__}: {error}.") from error
