"""What every part is: a frozen dataclass whose settings are typed, ranged and checked when it is made."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from randfeat.errors import ConfigError, did_you_mean, listing


def setting(
    default: Any,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """A dataclass field with a default and the range that it has to lie in."""
    bounds = {">=": ge, ">": gt, "<=": le, "<": lt}
    return dataclasses.field(
        default=default, metadata={"bounds": {sign: bound for sign, bound in bounds.items() if bound is not None}}
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One choice of a family, with its settings. Making it checks types and ranges; nothing else happens then.

    Subclasses are frozen dataclasses whose fields all have defaults, registered with :func:`randfeat.registry.register`.
    Allowed field types: int, float, bool, str, Literal, ``tuple[X, ...]`` and ``X | None``.

    Raises:
        ConfigError: a value has the wrong type or lies out of range.
    """

    family: ClassVar[str] = ""
    part: ClassVar[str] = ""

    def __post_init__(self) -> None:
        hints = _hints(type(self))  # type: ignore[arg-type]  # mypy takes a class for its instances
        for field in dataclasses.fields(self):
            label = f"{self.family}.{field.name}" if self.family else field.name
            value = checked(label, getattr(self, field.name), hints[field.name], field.metadata.get("bounds", {}))
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The part with these settings; an unknown one is refused with a suggestion."""
        known = [field.name for field in dataclasses.fields(cls)]
        for word in settings:
            if word not in known:
                have = f"Settings: {listing(known)}." if known else "It has no settings."
                raise ConfigError(f"{cls.title()} has no setting {word!r}.{did_you_mean(word, known)} {have}")
        return cls(**settings)

    @classmethod
    def title(cls) -> str:
        """The words that pick this part, as in ``arch=vgg``."""
        return f"{cls.family}={cls.part}" if cls.part else cls.family or cls.__name__.lower()

    def settings(self) -> dict[str, Any]:
        """Every setting as JSON has it (tuples become lists), the part's own name under ``part`` first."""
        name = {"part": self.part} if self.part else {}
        return name | {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def identity(self) -> dict[str, Any]:
        """What the run's key is made of: the part's name, and the settings that differ from their default."""
        name = {"part": self.part} if self.part else {}
        changed = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        return name | {setting: plain(value) for setting, value in changed.items()}


@functools.cache
def _hints(cls: type[Part]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def plain(value: Any) -> Any:
    """A setting's value as JSON has it."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def checked(label: str, value: Any, hint: Any, bounds: Mapping[str, float]) -> Any:
    """``value`` as the declared type, or a ConfigError that says what would work."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (inner,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
        return None if value is None else checked(label, value, inner, bounds)
    if typing.get_origin(hint) is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(checked(label, item, typing.get_args(hint)[0], bounds) for item in items)
    if typing.get_origin(hint) is Literal:
        return _one_of(label, value, typing.get_args(hint))
    return _in_range(label, _typed(label, value, hint, bounds), hint, bounds)


def _one_of(label: str, value: Any, options: tuple[Any, ...]) -> Any:
    if value not in options:
        names = [str(option) for option in options]
        raise ConfigError(f"{label} must be one of {', '.join(names)}, got {value!r}.{did_you_mean(str(value), names)}")
    return options[options.index(value)]  # 11 where 11.0 was given


def _typed(label: str, value: Any, hint: type, bounds: Mapping[str, float]) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int and number and math.isfinite(value) and value == int(value):
        return int(value)
    if hint is float and number and math.isfinite(value):
        return float(value)
    if hint is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # subset.block=3
    if (hint is bool and isinstance(value, bool)) or (hint is str and isinstance(value, str)):
        return value
    raise ConfigError(f"{label} must be {_described(hint, bounds)}, got {value!r}.")


def _in_range(label: str, value: Any, hint: type, bounds: Mapping[str, float]) -> Any:
    inside = {
        ">=": lambda b: value >= b,
        ">": lambda b: value > b,
        "<=": lambda b: value <= b,
        "<": lambda b: value < b,
    }
    if not all(inside[sign](bound) for sign, bound in bounds.items()):
        raise ConfigError(f"{label} must be {_described(hint, bounds)}, got {value!r}.")
    return value


def _described(hint: type, bounds: Mapping[str, float]) -> str:
    noun = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]
    limits = " and ".join(f"{sign} {bound}" for sign, bound in bounds.items())
    return f"{noun} {limits}".strip()
