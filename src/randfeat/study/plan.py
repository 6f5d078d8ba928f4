"""What a study consists of: networks to probe, arms of runs, two sizes, figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from randfeat.cases import cases
from randfeat.errors import ConfigError
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
        arm: the name under which tables and claims find them.
    """

    words: list[str]
    measures: list[str]
    units: list[str] = field(default_factory=list)
    times: int = 1
    arm: str = ""

    def __post_init__(self) -> None:
        for name in ("words", "measures", "units"):
            _texts(name, getattr(self, name))
        _whole("times", self.times)
        if not isinstance(self.arm, str):
            raise ConfigError(f"arm must be a word, got {self.arm!r}.")
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
class Scale:
    """How large one arm is: further words, cases in place of its own, and its number of seeds where it has one of its own."""

    words: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    seeds: int | None = None

    def __post_init__(self) -> None:
        for name in ("words", "cases"):
            _texts(name, getattr(self, name))
        if self.cases:
            cases(self.cases)
        if self.seeds is not None:
            _whole("seeds", self.seeds)


@dataclass(frozen=True)
class Arm:
    """Some runs of a study, each beside its fully trained twin.

    Attributes:
        name: under which tables and claims find them.
        words: of the command line; a word may list several values.
        cases: further words, a case a line, as a recipe lists them under ``sweep``.
        twins: whether the fully trained twins are run too.
        optional: left out, and its claims undecided, where its data set is not on disk.
        full: what holds at the full size; None where the arm is not part of it.
        quick: the same at the quick size.
    """

    name: str
    words: list[str]
    cases: list[str] = field(default_factory=list)
    twins: bool = True
    optional: bool = False
    full: Scale | None = field(default_factory=Scale)
    quick: Scale | None = field(default_factory=Scale)

    def __post_init__(self) -> None:
        for name in ("words", "cases"):
            _texts(name, getattr(self, name))
        for name in ("twins", "optional"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false, got {getattr(self, name)!r}.")
        if not (isinstance(self.name, str) and self.name):
            raise ConfigError(f"name must be a word, got {self.name!r}.")
        if self.cases:
            cases(self.cases)


@dataclass(frozen=True)
class Plan:
    """What ``study.yaml`` says.

    Attributes:
        title: in one line.
        paper: authors and where it was published.
        claimed: what the paper claims, in a sentence.
        words: of all networks, probed or run.
        probes: which networks are probed, and what is measured.
        arms: what is run.
        full: the size that the claims are meant for.
        quick: a smaller one, of minutes on a CPU.
        figures: which columns of which tables are drawn.
        rows: training rows that probes look at.
        shown: which lines of a table a reader sees, as ``DataFrame.query`` has it; all where it is empty.
        notes: what a reader has to know to read the numbers.
    """

    title: str
    paper: str
    claimed: str
    full: Size
    quick: Size
    figures: list[Axes]
    words: list[str] = field(default_factory=list)
    probes: list[Probed] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)
    rows: int = 256
    shown: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        _texts("words", self.words)
        _whole("rows", self.rows)
        for name in ("title", "paper", "claimed", "shown", "notes"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} must be text, got {getattr(self, name)!r}.")
        if not (self.probes or self.arms):
            raise ConfigError("there is nothing to do: neither probes nor arms.")
        names = [arm.name for arm in self.arms]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"two arms have the name {min(twice)!r}.")

    def size(self, quick: bool) -> Size:
        """One of its two sizes."""
        return self.quick if quick else self.full


def _whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} must be a whole number >= 1, got {value!r}.")


def _texts(name: str, value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{name} must be a list of words, got {value!r}. Put a word with a comma in quotes.")
