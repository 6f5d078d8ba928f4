"""Words to a plain mapping, by Hydra. The only module that knows Hydra."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from randfeat.cases import cases
from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.menu import DATA_OF, choices, conf_folders, recipes
from randfeat.registry import FAMILIES, outside_parts

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

GROUPS = {**{family: family for family in FAMILIES}, "twin": "solver"}
"""Word -> the conf folder that its choices lie in. ``twin=adam`` picks the solver of the fully trained twin."""

CASES = "sweep"
"""The key under which a recipe lists cases, each of them words."""

MOST = 100_000
"""So many combinations one command takes at most."""

GROUP_WORDS = {"twin": "solver@twin"}
"""What Hydra calls a word that is no family."""


def compose(words: Iterable[str]) -> dict[str, Any]:
    """The mapping that these words describe.

    ``conf=NAME`` picks a recipe, ``family=NAME`` a part, ``family.setting=value`` a setting. What a recipe sets for a part
    goes with that part: where another is picked, it starts from its own defaults.

    Raises:
        ConfigError: a word that Hydra cannot read, an unknown recipe or part, a conf file that is no YAML, a recipe that
            lists several cases.
    """
    words = list(words)
    if _cases(recipe := _recipe(words)):
        raise ConfigError(f"conf={recipe} lists several runs. Use it with randfeat sweep or probe, or take another recipe.")
    return _composed(words)


def mappings(words: Iterable[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Every combination of :func:`combinations`, with its mapping.

    Hydra composes once for each choice of recipe and parts; where combinations differ in values alone, they are put in place.

    Raises:
        ConfigError: as :func:`compose` and :func:`combinations`.
    """
    composed: dict[tuple[str, ...], dict[str, Any]] = {}
    by_hand = not _interpolated()
    for choice in combinations(words):
        values = {word: value for word in choice if (value := _value(word)) is not None}
        shape = tuple(values[word][0] if word in values else word for word in choice)
        if shape in composed:
            mapping = copy.deepcopy(composed[shape])
            for key, value in values.values():
                _put(mapping, key.split("."), value)
        else:
            mapping = _composed(choice)
            if by_hand:
                composed[shape] = copy.deepcopy(mapping)
        yield choice, mapping


def _composed(words: list[str]) -> dict[str, Any]:
    recipe, groups, values = _sorted(words)
    with _one_folder() as folder:
        base = _hydra(folder, recipe, [])
        if (collection := recipe.rpartition("/")[0]) in base:
            raise ConfigError(f"conf={recipe} describes a part named {collection}. Make its first line '# @package _global_'.")
        if recipe == "default" and base["data"]["part"] == "digits" and groups.get("arch") in DATA_OF:
            groups.setdefault("data", DATA_OF[str(groups["arch"])])
        picked = [f"{GROUP_WORDS.get(word, word)}={name}" for word, name in groups.items() if name is not None]
        mapping = _hydra(folder, recipe, [*picked, *(f"++{text}" for text in values.values())])
        for word, name in groups.items():
            if name is None:
                mapping[word] = None
            elif (base.get(word) or {}).get("part") != name:
                typed = {key.partition(".")[2] for key in values if key.startswith(f"{word}.")}
                given = {key: value for key, value in (mapping[word] or {}).items() if key in typed}
                mapping[word] = {**_part(folder, GROUPS[word], name), **given}
    mapping.pop(CASES, None)
    return mapping


def _put(mapping: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        mapping = mapping[name]
    mapping[path[-1]] = copy.deepcopy(value)


@functools.lru_cache(maxsize=4096)
def _value(word: str) -> tuple[str, Any] | None:
    """The key and the value of a word that sets a plain one; None for other words, and where Hydra would look for more."""
    override = _parsed(word)
    key, value = override.key_or_group, override.value()
    plain = not isinstance(value, dict) and "${" not in word and value != "???"
    is_setting = not (override.is_delete() or override.is_sweep_override() or override.package or key in ("conf", *GROUPS))
    return (key, value) if plain and is_setting else None


def _interpolated() -> bool:
    """Whether a conf file refers to other values, so that Hydra has to look at every combination."""
    files = [path for folder in conf_folders() for path in folder.rglob("*.yaml")]
    return any(b"${" in path.read_bytes() for path in files)


@contextlib.contextmanager
def _one_folder() -> Iterator[Path]:
    """The conf folder to compose from: the package's, or where the user has one a copy of it under the user's own files."""
    *mine, builtin = conf_folders()
    if not mine:
        yield builtin
        return
    with tempfile.TemporaryDirectory() as name:
        for source in (builtin, *mine):
            for path in source.rglob("*.yaml"):
                target = Path(name) / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        yield Path(name)


def combinations(words: Iterable[str]) -> list[list[str]]:
    """Every choice of one value for each word that lists several, the last word's values changing first.

    A list is in Hydra's own grammar: ``init=he,glorot``, ``arch.depth=range(1,5)``, ``arch.width=choice(8,16)``,
    ``init=glob(*)`` for all parts of a family that match. A recipe may list cases of its own under ``sweep``: each is words,
    and stands before the words given, which win over it.

    Raises:
        ConfigError: a word that Hydra cannot read, a range of numbers without a step, which has no list, an empty list, more
            than ``MOST`` combinations, or cases that are not words.
    """
    cases_of = functools.cache(_cases)
    return [
        [*case, *choice] for choice in _product(words) for own in cases_of(_recipe(choice)) or [[]] for case in _product(own)
    ]


def _product(words: Iterable[str]) -> Iterator[list[str]]:
    found = list(map(_alternatives, words))
    if (n := math.prod(map(len, found))) > MOST:
        raise ConfigError(f"these words make {n:,} combinations, and {MOST:,} is the most. List fewer values.")
    return map(list, itertools.product(*found))


def _recipe(words: Iterable[str]) -> str:
    """The recipe that the words name."""
    return next((word.removeprefix("conf=") for word in words if word.startswith("conf=")), "default")


def _cases(recipe: str) -> list[list[str]]:
    """The words of each case that a recipe lists under ``sweep``; nothing where it lists none."""
    with _one_folder() as folder:
        path = folder / f"{recipe}.yaml"
        if not path.is_file() or CASES not in path.read_text(encoding="utf-8", errors="replace"):
            return []
        listed = _hydra(folder, recipe, []).get(CASES)
    try:
        return cases(listed)
    except ConfigError as error:
        raise ConfigError(f"conf={recipe}: {error}") from None


def _alternatives(word: str) -> list[str]:
    """The words that ``word`` stands for; itself where it gives one value."""
    from hydra.core.override_parser.types import Glob

    override = _parsed(word)
    key = override.get_key_element()
    value: Any = override.value()
    if isinstance(value, Glob):
        found = value.filter(_matching(key, value.include))
        if not found:
            raise ConfigError(f"{word!r} matches no part. glob() is for conf and the families, as in init=glob(*).")
        return [f"{key}={name}" for name in found]
    if not override.is_sweep_override():
        return [word]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{word!r} has no list of values. Use {key}=range(START,STOP,STEP) or {key}=A,B.")
    listed = list(itertools.islice(override.sweep_string_iterator(), MOST + 1))
    if not 0 < len(listed) <= MOST:
        raise ConfigError(f"{word!r} lists {f'more than {MOST:,} values' if listed else 'no value'}. List 1 to {MOST:,}.")
    return [f"{key}={value}" for value in listed]


def _matching(key: str, patterns: list[str]) -> list[str]:
    """What glob() chooses from; recipes of a collection where a pattern has a slash: ``conf=glob(published/resnet_*)``."""
    if key == "conf":
        return [name for name in recipes() if "/" not in name or any("/" in pattern for pattern in patterns)]
    return list(choices(GROUPS[key])) if key in GROUPS else []


def _parsed(word: str) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        raise ConfigError(f"{word!r} is not a word like arch=vgg or arch.width=16.{_quotes(word)}") from None


def _sorted(words: Iterable[str]) -> tuple[str, dict[str, str | None], dict[str, str]]:
    """The recipe, group -> choice, and key -> ``key=value`` of the settings."""
    named: dict[str, str] = {}
    groups: dict[str, str | None] = {}
    values: dict[str, str] = {}
    for word in words:
        override = _parsed(word)
        key, value = override.key_or_group, override.value()
        if override.is_delete() or override.is_sweep_override():
            raise ConfigError(f"{word!r} does not describe one run. Give every setting one value, such as arch.width=16.")
        if override.package or not key or key.partition(".")[0] in ("hydra", CASES):
            raise ConfigError(f"{word!r} is not a word like arch=vgg or arch.width=16.")
        if key in named:
            raise ConfigError("conf is given twice. Leave one of them out.")
        if key == "conf":
            named[key] = _one_of("conf", str(value), recipes())
        elif key == "twin" and value is None:
            groups[key] = None
        elif key in GROUPS:
            groups[key] = _one_of(key, str(value), choices(GROUPS[key]))
        else:
            values[key] = word.lstrip("+")
    return named.get("conf", "default"), groups, values


def _quotes(word: str) -> str:
    """What to do about text that Hydra reads as more than text."""
    key, _, value = word.partition("=")
    if not any(sign in value for sign in "()=*"):
        return ""
    return f" Text with brackets, stars or = needs double quotes, and the whole word single ones: '{key}=[\"...\"]'."


def _one_of(word: str, name: str, options: dict[str, str]) -> str:
    if name in options:
        return name
    noun = "Recipes" if word == "conf" else "Parts"
    home = [option for option in options if option.endswith(f"/{name}")]
    near = f" Did you mean {home[0]!r}?" if home else did_you_mean(name, options)
    plain = [option for option in options if "/" not in option]
    collected = sorted({option.partition("/")[0] for option in options} - set(plain))
    listed = ", ".join([listing(plain), *(f"{folder}/NAME (randfeat ls {folder})" for folder in collected)])
    raise ConfigError(f"{word}={name} is unknown.{near} {noun}: {listed}.")


def _part(folder: Path, group: str, name: str) -> dict[str, Any]:
    """A part's own conf file; a part of another package may have none and then starts from its class's defaults."""
    if not (folder / group / f"{name}.yaml").is_file():
        return {"part": name}
    part: dict[str, Any] = _hydra(folder, f"{group}/{name}", [])[group]
    return part


def _hydra(folder: Path, config_name: str, overrides: list[str]) -> dict[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    for family in FAMILIES:
        for name in outside_parts(family):
            ConfigStore.instance().store(group=family, name=name, node={"part": name})
    try:
        with warnings.catch_warnings(), initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            warnings.simplefilter("ignore")  # a recipe without _self_
            config = hydra_compose(config_name, overrides=overrides)
        mapping: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    except RecursionError:
        raise ConfigError(f"conf={config_name} includes itself. Take it out of its own defaults.") from None
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        cause = " ".join(str(error.__cause__ or error).replace(f"{folder.resolve()}/", "conf/").split())
        raise ConfigError(f"conf={config_name} and these words do not make a configuration: {cause}") from None
    return mapping
