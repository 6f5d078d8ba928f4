"""What is known of a study's runs besides their numbers: how many, on what, how long, when, and by which code."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from randfeat.errors import ResultsError
from randfeat.files import replaced
from randfeat.study.reproduce import Outcome

FILE = "facts.json"


@dataclass(frozen=True)
class Facts:
    """Beside the records, for the index of all studies.

    Attributes:
        study: its name.
        size: ``full`` or ``quick``.
        command: makes the folder.
        runs: on record, the twins among them.
        probes: on record.
        wanted: runs and probes that the study stands on.
        seeds: the largest number of seeds of one network.
        seconds: of all runs and probes together.
        hardware: with device and threads, each kind once.
        versions: of randfeat, torch and Python.
        date: of the last record; empty where there is none.
        commit: of the code that wrote the tables; empty where it is not in a repository.
    """

    study: str
    size: str
    command: str
    runs: int = 0
    probes: int = 0
    wanted: int = 0
    seeds: int = 0
    seconds: float = 0.0
    hardware: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    date: str = ""
    commit: str = ""


def facts(outcome: Outcome, command: str, quick: bool) -> Facts:
    """Those of an outcome."""
    records = outcome.records
    return Facts(
        study=outcome.study.name,
        size="quick" if quick else "full",
        command=command,
        runs=len(outcome.runs),
        probes=len(outcome.probes),
        wanted=outcome.wanted.n_runs + len(outcome.wanted.probes),
        seeds=len({record.spec.get("seeds", {}).get("weights") for record in records}),
        seconds=round(sum(record.cost.get("total_s", 0.0) for record in records), 1),
        hardware=_each(_hardware(record.environment) for record in records),
        versions=_each(
            f"randfeat {record.version}, torch {record.environment.get('torch', '-')}, "
            f"Python {record.environment.get('python', '-')}"
            for record in records
        ),
        date=max((record.written for record in records), default="")[:10],
        commit=commit(),
    )


def write(given: Facts, folder: Path) -> None:
    """Write them as JSON.

    Raises:
        ResultsError: the file cannot be written.
    """
    with replaced(folder / FILE) as path:
        path.write_text(json.dumps(dataclasses.asdict(given), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Facts:
    """Those that lie in a folder.

    Raises:
        ResultsError: the file is no such thing.
    """
    path = folder / FILE
    try:
        known = Facts(**json.loads(path.read_text(encoding="utf-8")))
        texts = [known.study, known.command, known.date, known.commit, *_listed(known.hardware), *_listed(known.versions)]
        counts = [known.runs, known.probes, known.wanted, known.seeds]
        if known.size not in ("full", "quick") or not all(isinstance(text, str) for text in texts):
            raise ValueError("its size is neither full nor quick, or a word is none")
        if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts):
            raise ValueError("a count is no whole number")
        return known
    except (OSError, ValueError, TypeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}. randfeat reproduce STUDY --check writes it anew.") from error


def _listed(words: object) -> list[object]:
    if not isinstance(words, list):
        raise ValueError(f"{words!r} is no list")
    return words


def commit() -> str:
    """The commit that the package is checked out at."""
    asked = ["git", "-C", str(Path(__file__).parent), "log", "-1", "--format=%h", "--", ".."]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _hardware(environment: dict[str, str | int]) -> str:
    device, threads = environment.get("device", "-"), environment.get("threads", "-")
    return f"{environment.get('hardware', '-')} ({device}, threads: {threads})"


def _each(words: Iterable[str]) -> list[str]:
    return sorted(set(words))
