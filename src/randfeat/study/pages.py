"""What a study leaves for a reader: claims and tables, figures, and a README around them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from randfeat.claims import Claim, Finding
from randfeat.errors import ConfigError, did_you_mean, listing
from randfeat.files import replaced
from randfeat.report.comparison import left_out
from randfeat.report.figures import save
from randfeat.report.formats import Format
from randfeat.report.lines import Axes, lines
from randfeat.report.probes import spread
from randfeat.report.render import markdown, write
from randfeat.study import facts
from randfeat.study.facts import Facts
from randfeat.study.reproduce import Outcome
from randfeat.study.tables import WORDS, Table

_RULE = """\
A claim holds if the whole 95 % interval lies within its limits, fails if none of it does, and is undecided otherwise, also
while runs of it are missing (n = 0: all of them). The limits were written down before the runs. Published: a number in the
paper or one that theory gives; a dash is neither."""


def claims_table(outcome: Outcome) -> pd.DataFrame:
    """A line per claim, its numbers unrounded."""
    return pd.DataFrame([_line(claim, finding) for claim, finding in outcome.findings])


def _line(claim: Claim, finding: Finding) -> dict[str, str | float]:
    return {
        "claim": claim.name,
        "verdict": str(finding.verdict),
        "estimate": finding.estimate,
        "low": finding.low,
        "high": finding.high,
        "n": finding.n,
        "rule": claim.rule,
        "source": claim.source,
        "published": claim.published,
    }


def claims_words(table: pd.DataFrame) -> pd.DataFrame:
    """The same for people."""
    estimates = [_estimate(*ends) for ends in zip(table["estimate"], table["low"], table["high"], strict=True)]
    others = {name: [f"{n:,}" for n in table[name]] if name == "n" else table[name] for name in table}
    return pd.DataFrame({**others, "estimate": estimates}).rename(columns={"estimate": "estimate ± 95 %"})[
        ["claim", "verdict", "estimate ± 95 %", "n", "rule", "source", "published"]
    ]


def _estimate(mean: float, low: float, high: float) -> str:
    """``1.2 ± 0.1``, or where the interval is lopsided ``0.88 (0.60 to 0.97)``."""
    if math.isnan(low) or math.isclose(mean - low, high - mean, rel_tol=1e-6, abs_tol=1e-12):
        return _spread(mean, (high - low) / 2)
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


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
    """As :func:`spread`, to four digits without an interval; one too small for its places is not shown as zero."""
    if math.isnan(half):
        return _cell(mean)
    shown = spread(mean, half)
    return f"{shown.removesuffix(' ± 0.000')} ± {half:.0e}" if half > 0 and shown.endswith(" ± 0.000") else shown


def _cell(value: object) -> str:
    """A number to four digits, a large one whole and with commas."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"
    return str(value)


def write_all(outcome: Outcome, folder: Path, command: str, quick: bool) -> None:
    """``claims.csv``, a file for each table and each figure, ``facts.json`` and ``README.md`` beside the records.

    Raises:
        ResultsError: a file cannot be written.
    """
    from rich.console import Console

    known = facts.facts(outcome, command, quick)
    text = page(outcome, known)
    pictures = [(axes.file, lines(numbers, axes)) for axes, numbers in _drawn(outcome)]
    for table, numbers in outcome.tables:
        write(numbers, Format.CSV, folder / f"{table.file}.csv", Console())
    write(claims_table(outcome), Format.CSV, folder / "claims.csv", Console())
    for file, picture in pictures:
        save(picture, folder / f"{file}.png")
    facts.write(known, folder)
    with replaced(folder / "README.md") as path:
        path.write_text(text, encoding="utf-8")


def _drawn(outcome: Outcome) -> Iterator[tuple[Axes, pd.DataFrame]]:
    """The figures for which there are numbers."""
    numbers = {table.file: own for table, own in outcome.tables}
    for axes in outcome.study.plan.figures:
        own = numbers.get(axes.table)
        if own is None:
            continue
        if lacking := sorted({axes.x, axes.y, axes.line, axes.panel, axes.law} - {""} - set(own)):
            raise ConfigError(
                f"the figure {axes.file} of {outcome.study.name} draws {lacking[0]!r}, which table {axes.table} does not have."
                f"{did_you_mean(lacking[0], map(str, own))} Columns: {listing(map(str, own))}."
            )
        if not own[[axes.x, axes.y]].dropna().empty:
            yield axes, own


def page(outcome: Outcome, known: Facts) -> str:
    """The README, in Markdown."""
    plan = outcome.study.plan
    quick, claims = known.size == "quick", claims_table(outcome)
    blocks = [
        f"# {plan.title}{' (quick)' if quick else ''}",
        "**Quick: few seeds, small networks. For a look; the claims are meant for the full size.**" if quick else "",
        f"{plan.paper}.",
        plan.claimed,
        f"```\n{known.command}\n```",
        _facts(outcome, known),
        "## Claims",
        pipe(claims_words(claims), claims),
        _RULE,
        plan.notes,
        *(block for table, numbers in outcome.tables for block in _section(outcome, table, numbers)),
    ]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def _section(outcome: Outcome, table: Table, numbers: pd.DataFrame) -> list[str]:
    """A table with its figures, and the words that make a line of it again."""
    shown = outcome.study.plan.shown if table.file == "summary" else ""
    try:
        own = (numbers.query(shown) if shown else numbers).drop(columns=WORDS, errors="ignore")
    except Exception as error:
        raise ConfigError(f"shown of {outcome.study.name} cannot be asked of its table: {error}.") from error
    part = f" `{table.file}.csv` has {len(numbers)} lines; these are those with {shown}." if shown else ""
    again = _again(outcome, table, numbers)
    pictures = [f"![{axes.file}]({axes.file}.png)" for axes, _ in _drawn(outcome) if axes.table == table.file]
    return [
        f"## {table.title}",
        f"Mean ± 95 % interval over seeds.{part}",
        pipe(summary_words(own), own),
        again,
        *pictures,
    ]


def _again(outcome: Outcome, table: Table, numbers: pd.DataFrame) -> str:
    """The words that make a line, or the networks of a table of probes, once more."""
    if WORDS in numbers:
        return (
            f"The first line again: `randfeat sweep {numbers[WORDS].iloc[0]} --seeds {_seeds(outcome, numbers)}`. "
            f"The words of the others are in `{table.file}.csv`."
        )
    plan = outcome.study.plan
    commands = [
        f"`randfeat probe {shlex.join([*plan.words, *outcome.wanted.size.words, *probed.words])} "
        f"--measure {','.join(probed.measures)} --rows {plan.rows} --seeds {outcome.wanted.size.seeds * probed.times}`"
        for probed in plan.probes
        if probed.arm == table.arm
    ]
    return f"Its networks again: {'; '.join(commands)}." if commands else ""


def _seeds(outcome: Outcome, numbers: pd.DataFrame) -> int:
    """Of a table's first line."""
    return max(1, int(numbers["n"].iloc[0])) if "n" in numbers else outcome.wanted.size.seeds


def pipe(words: pd.DataFrame, table: pd.DataFrame) -> str:
    """A pipe table; text stands to the left, numbers to the right."""
    head, _, *lines = markdown(words).splitlines()
    numbers = {name for name in map(str, table.columns) if pd.api.types.is_numeric_dtype(table[name])}
    sides = ["---:" if str(name).removesuffix(" ± 95 %") in numbers else "---" for name in words]
    return "\n".join([head, "| " + " | ".join(sides) + " |", *lines])


def _facts(outcome: Outcome, known: Facts) -> str:
    """What it took, in a list."""
    n_runs = outcome.wanted.n_runs
    listed = [
        f"{known.runs:,} of {n_runs:,} runs" if 0 < known.runs < n_runs else f"{known.runs:,} runs" if known.runs else "",
        f"{known.probes:,} probes of random networks" if known.probes else "",
    ]
    lines = [
        f"{' and '.join(filter(None, listed))}, up to {known.seeds:,} seeds each: {known.seconds:,.0f} s in all, "
        f"the last on {known.date}."
        if known.date
        else "Not run yet: every claim is undecided.",
        f"Hardware: {'; '.join(known.hardware)}." if known.hardware else "",
        f"Versions: {'; '.join(known.versions)}." if known.versions else "",
        "`probes.jsonl` has a line for each probe. Where it is large it is not in the repository; the command makes it again."
        if known.probes
        else "",
        *(f"Left out: {arm}, {why}." for arm, why in outcome.wanted.left_out.items()),
        left_out(outcome.records),
    ]
    return "\n".join(f"- {line}" for line in lines if line)
