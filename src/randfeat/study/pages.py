"""What a study leaves for a reader: claims and summary as tables, the figure, and a README around them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from randfeat.claims import Claim, Finding
from randfeat.errors import ResultsError
from randfeat.report.comparison import left_out
from randfeat.report.figures import save
from randfeat.report.formats import Format
from randfeat.report.lines import lines
from randfeat.report.probes import spread
from randfeat.report.render import markdown, write
from randfeat.study.reproduce import Outcome

_RULE = """\
A claim holds if the whole 95 % interval lies within its limits, fails if none of it does, and is undecided otherwise. The
limits were written down before the runs. Published: a number in the paper or one that theory gives; a dash is neither."""


def claims_table(outcome: Outcome) -> pd.DataFrame:
    """A line per claim, its numbers unrounded."""
    return pd.DataFrame([_line(claim, finding) for claim, finding in outcome.findings])


def _line(claim: Claim, finding: Finding) -> dict[str, str | float]:
    return {
        "claim": claim.name,
        "verdict": str(finding.verdict),
        "estimate": finding.estimate,
        "estimate ci95": finding.half_width,
        "n": finding.n,
        "rule": claim.rule,
        "source": claim.source,
        "published": claim.published,
    }


def claims_words(table: pd.DataFrame) -> pd.DataFrame:
    """The same for people."""
    estimates = [_spread(mean, half) for mean, half in zip(table["estimate"], table["estimate ci95"], strict=True)]
    others = {name: [f"{n:,}" for n in table[name]] if name == "n" else table[name] for name in table}
    return pd.DataFrame({**others, "estimate": estimates}).rename(columns={"estimate": "estimate ± 95 %"})[
        ["claim", "verdict", "estimate ± 95 %", "n", "rule", "source", "published"]
    ]


def summary_words(table: pd.DataFrame) -> pd.DataFrame:
    """A summary for people: ``x`` with ``x ci95`` joined to one column, numbers to four digits."""
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    names = [name for name in table.columns if not name.endswith(" ci95")]
    return pd.DataFrame(
        {
            f"{name} ± 95 %" if f"{name} ci95" in table else name: [
                _spread(row[name], row[f"{name} ci95"]) if f"{name} ci95" in table else _cell(row[name]) for row in rows
            ]
            for name in names
        }
    )


def _spread(mean: float, half: float) -> str:
    """As :func:`spread`; an interval too small for its places is not shown as zero."""
    shown = spread(mean, half)
    return f"{shown.removesuffix(' ± 0.000')} ± {half:.0e}" if half > 0 and shown.endswith(" ± 0.000") else shown


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def write_all(outcome: Outcome, folder: Path, command: str, quick: bool) -> None:
    """``summary.csv``, ``claims.csv``, ``figure.png`` and ``README.md`` beside the records.

    Raises:
        ResultsError: a file cannot be written.
    """
    from rich.console import Console

    write(outcome.summary, Format.CSV, folder / "summary.csv", Console())
    write(claims_table(outcome), Format.CSV, folder / "claims.csv", Console())
    save(lines(outcome.summary, outcome.study.plan.figure), folder / "figure.png")
    path = folder / "README.md"
    try:
        path.write_text(page(outcome, folder, command, quick), encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from error


def page(outcome: Outcome, folder: Path, command: str, quick: bool) -> str:
    """The README, in Markdown."""
    plan = outcome.study.plan
    shown = outcome.summary.query(plan.shown) if plan.shown else outcome.summary
    part = f" (`summary.csv` has {len(outcome.summary)} lines; these are those with {plan.shown})" if plan.shown else ""
    blocks = [
        f"# {plan.title}",
        "**Quick: few seeds, small networks. For a look; the claims are meant for the full size.**" if quick else "",
        f"{plan.paper}.",
        plan.claimed,
        f"```\n{command}\n```",
        _facts(outcome, folder),
        "## Claims",
        _markdown(claims_words(claims_table(outcome)), claims_table(outcome)),
        _RULE,
        plan.notes,
        "## Summary",
        f"Mean ± 95 % interval over seeds{part}.",
        _markdown(summary_words(shown), shown),
        "![figure](figure.png)",
    ]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def _markdown(words: pd.DataFrame, table: pd.DataFrame) -> str:
    """A pipe table; text stands to the left, numbers to the right."""
    head, _, *lines = markdown(words).splitlines()
    numbers = {name for name in map(str, table.columns) if pd.api.types.is_numeric_dtype(table[name])}
    sides = ["---:" if str(name).removesuffix(" ± 95 %") in numbers else "---" for name in words]
    return "\n".join([head, "| " + " | ".join(sides) + " |", *lines])


def _facts(outcome: Outcome, folder: Path) -> str:
    records = outcome.records
    seconds = sum(record.cost.get("total_s", 0.0) for record in records)
    file = folder / "probes.jsonl"
    size = f", {file.stat().st_size / 2**20:.1f} MiB" if file.exists() else ""
    seeds = {record.spec["seeds"]["weights"] for record in records}
    facts = [
        f"{len(records):,} probes of random networks, up to {len(seeds):,} seeds each: {seconds:,.0f} s in all.",
        f"Hardware: {_all(_hardware(record.environment) for record in records)}.",
        f"Versions: randfeat {_all(record.version for record in records)}, "
        f"torch {_all(str(record.environment['torch']) for record in records)}, "
        f"Python {_all(str(record.environment['python']) for record in records)}.",
        f"`probes.jsonl` has a line for each probe{size}. It is not in the repository; the command makes it again.",
        left_out(records),
    ]
    return "\n".join(f"- {fact}" for fact in facts if fact)


def _hardware(environment: dict[str, str | int]) -> str:
    return f"{environment['hardware']} ({environment['device']}, threads: {environment['threads']})"


def _all(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))
