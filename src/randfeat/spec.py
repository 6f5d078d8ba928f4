"""RunSpec: what a run is a function of. Five parts, four seeds and a precision; typed, frozen, checked when it is made."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from randfeat.arch import AbstractArch
from randfeat.data import AbstractData
from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.init import AbstractInit
from randfeat.model import Precision
from randfeat.network import Network, first_of, unit_of
from randfeat.part import Part, checked, setting
from randfeat.registry import FAMILIES, make_part, setting_names
from randfeat.solver import AbstractSolver, Sgd
from randfeat.split import Selection
from randfeat.subset import AbstractSubset, All
from randfeat.typing import Task


@dataclass(frozen=True, kw_only=True)
class Seeds(Part):
    """The seeds of a run's four kinds of draws; each varies by itself.

    data: rows kept and held out. weights: initial weights. subset: rows that train, where a policy draws them. order: the
    order of the rows in training, augmentation and dropout.
    """

    data: int = setting(0, ge=0)
    weights: int = setting(0, ge=0)
    subset: int = setting(0, ge=0)
    order: int = setting(0, ge=0)


Seeds.family = "seeds"


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """A run, before it is run.

    ``twin_solver`` is the solver of the fully trained twin where it is not this run's own; it is no setting of the run
    itself, so it is not in the key. A fully trained run draws no subset: its ``seeds.subset`` is 0 whatever was given.

    Raises:
        ConfigError: the parts do not fit together; says which, and what would.
    """

    data: AbstractData
    arch: AbstractArch
    init: AbstractInit
    subset: AbstractSubset
    solver: AbstractSolver
    seeds: Seeds = Seeds()
    precision: Precision = "float32"
    twin_solver: AbstractSolver | None = None

    def __post_init__(self) -> None:
        checked("precision", self.precision, Precision, {})
        if isinstance(self.subset, All):
            object.__setattr__(self, "seeds", dataclasses.replace(self.seeds, subset=0))
        if self.twin_solver is not None and not self.twin_solver.fits_everything:
            raise ConfigError(f"twin={self.twin_solver.part} cannot train a whole network. Use twin=sgd or twin=adam.")
        if self.solver.needs_validation and self.data.val_share == 0:
            raise ConfigError(
                f"{self.solver.title()} chooses on validation rows, but data.val_share=0 keeps none. "
                f"Use data.val_share=0.1, or {self.solver.without_choice}."
            )
        self.solver.check_task(self.data.task)
        self.init.check(self.network(), dict(self.network().named_parameters()))
        self.solver.check(self.selection, self.subset.begins(self.network(), self.seeds.subset), self.subset.part)

    def network(self) -> Network:
        """What is run of the architecture built for the data, on the meta device."""
        return self.solver.network(_network(self.arch, self.data.task), self.data.task)

    @property
    def selection(self) -> Selection:
        """What of every tensor trains."""
        return _selection(self.subset, self.network(), self.seeds.subset)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> RunSpec:
        """The spec that ``{"data": {"part": ...}, ..., "seeds": {...}, "precision": ..., "twin": ...}`` describes."""
        known = [*FAMILIES, "seeds", "precision", "twin"]
        for word in mapping:
            if word not in known:
                raise ConfigError(f"there is no setting {word!r}.{_meant(word, known)} Settings: {listing(known)}.")
        for word in (*FAMILIES, "seeds", "twin"):
            if not isinstance(mapping.get(word) or {}, Mapping):
                raise ConfigError(f"{word}={mapping[word]} gives no setting. Use {word}.SETTING=VALUE{_example(word)}.")
        parts = {family: make_part(family, mapping.get(family) or {}) for family in FAMILIES}
        twin = mapping.get("twin")
        if twin and "part" not in twin:
            raise ConfigError("twin has settings but no solver. Use twin=sgd or twin=adam.")
        return cls(
            **cast(dict[str, Any], parts),
            seeds=Seeds.from_settings(mapping.get("seeds") or {}),
            precision=mapping.get("precision", "float32"),
            twin_solver=None if twin is None else _twin_solver(twin),
        )

    def to_mapping(self) -> dict[str, Any]:
        """The whole spec as JSON has it; :meth:`from_mapping` undoes it."""
        return {
            **{family: getattr(self, family).settings() for family in FAMILIES},
            "twin": None if self.twin_solver is None else self.twin_solver.settings(),
            "seeds": self.seeds.settings(),
            "precision": self.precision,
        }

    @functools.cached_property
    def key(self) -> str:
        """12 hexadecimal digits of SHA-256 over the spec's canonical JSON, settings at their default left out."""
        identity: dict[str, Any] = {family: getattr(self, family).identity() for family in FAMILIES}
        return hashed(identity | {"seeds": self.seeds.identity(), "precision": self.precision})

    @functools.cached_property
    def network_key(self) -> str:
        """The same over what the data and the network as drawn are a function of; runs with one of these share both."""
        identity: dict[str, Any] = {family: getattr(self, family).identity() for family in ("data", "arch", "init")}
        return hashed(identity | {"seeds": [self.seeds.data, self.seeds.weights], "precision": self.precision})

    @functools.cached_property
    def n_frozen(self) -> int:
        """How many units come before the first in which something trains."""
        return first_of(self.network(), {unit_of(name) for name, choice in self.selection.items() if choice is not False})

    @functools.cached_property
    def twin(self) -> RunSpec:
        """The fully trained run on the same data, architecture, law and seeds. A fully trained run is its own twin."""
        if isinstance(self.subset, All):
            return self
        solver = self.twin_solver or (self.solver if self.solver.fits_everything else Sgd())
        return dataclasses.replace(self, subset=All(), solver=solver, twin_solver=None)

    def with_seed(self, k: int) -> RunSpec:
        """The k-th repetition: the seeds of weights, subset and order raised by k, the same data."""
        raised = {name: getattr(self.seeds, name) + k for name in ("weights", "subset", "order")}
        return dataclasses.replace(self, seeds=dataclasses.replace(self.seeds, **raised))


def hashed(identity: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of SHA-256 over canonical JSON."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _twin_solver(settings: Mapping[str, Any]) -> AbstractSolver:
    try:
        return cast(AbstractSolver, make_part("solver", settings))
    except ConfigError as error:
        raise ConfigError(str(error).replace("solver", "twin")) from None


def _meant(word: str, known: list[str]) -> str:
    """The word that was meant: one of the spec's own, or a setting of one of the parts."""
    own = did_you_mean(word, known)
    dotted = {name: f"{family}.{name}" for family in FAMILIES for name in setting_names(family)}
    near = did_you_mean(word, dotted)
    return own or re.sub("'(.*)'", lambda match: f"'{dotted[match[1]]}'", near)


def _example(word: str) -> str:
    return ", as in seeds.weights=3, or --seeds 3 for three of them" if word == "seeds" else ""


@functools.lru_cache(maxsize=4)
def _selection(subset: AbstractSubset, net: Network, seed: int) -> Selection:
    return subset.select(net, seed)


@functools.lru_cache(maxsize=32)
def _network(arch: AbstractArch, task: Task) -> Network:
    try:
        return arch.build(task)
    except RuntimeError as error:
        if not any(words in str(error) for words in ("overflow", "allocate memory", "enough memory")):
            raise
        raise ConfigError(f"{arch.title()} with these settings has tensors larger than any memory. Use smaller ones.") from None
