"""A table on the terminal, in a document or in a file that another program reads."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from randfeat.errors import ConfigError, ResultsError
from randfeat.report.formats import Format
from randfeat.report.frame import is_setting
from randfeat.report.human import human

_FOLDED = 24
"""Numbers of more characters than this may be folded, as labels may; shorter ones stay whole."""

_SHOWN = 500
"""Lines of a table on a terminal, which takes a second for them and minutes for ten thousand."""

Words = Callable[[pd.DataFrame], pd.DataFrame]
"""A table of numbers -> the same in words."""

_LABELS = {"", "metric", "setting", "unit"}
"""Columns that are no settings and yet say what their line is about."""


def format_of(format: Format | None, output: Path | None) -> Format:
    """The format asked for, else the one that the file's name says, else rich.

    Raises:
        ConfigError: a name that says csv or parquet, which are read again, and another format.
    """
    named = {"tex": "latex"}.get(word := output.suffix.removeprefix(".").lower(), word) if output else ""
    if format is None:
        return Format(named) if named in set(Format) else Format.RICH
    if named in (Format.CSV, Format.PARQUET) and format != named:
        raise ConfigError(f"--output {output} is no name for --format {format}. Leave --format out, or change the name.")
    return format


def write(table: pd.DataFrame, format: Format, output: Path | None, console: Console, words: Words = human) -> None:
    """Print a summary, or write it to ``output``.

    Args:
        table: unrounded numbers.
        format: ``csv`` and ``parquet`` hold them as they are, the others in words.
        output: a file, or None for the console.
        console: where to print.
        words: what makes a table of words of one of numbers.

    Raises:
        ConfigError: parquet without a file to write to, or a package is missing.
        ResultsError: the file cannot be written.
    """
    if format is Format.RICH and output is None:
        show(words(table), console, "--format csv")
        return
    if format is not Format.PARQUET and output is None:
        out(rendered(table, format, words).rstrip("\n"), console)
        return
    if output is None:
        raise ConfigError("--format parquet is not text. Say where to write it: --output FILE.parquet")
    content = _parquet(table) if format is Format.PARQUET else rendered(table, format, words).encode()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)
    except OSError as error:
        raise ResultsError(f"{output} cannot be written: {error.strerror}.") from error


def rendered(table: pd.DataFrame, format: Format, words: Words = human) -> str:
    """A summary as text in any format but parquet; ``rich`` is laid out for 80 columns."""
    if format is Format.CSV:
        return table.to_csv(index=False, lineterminator="\n")
    said = words(table)
    if format is Format.MD:
        return markdown(said)
    if format is Format.HTML:
        return said.to_html(index=False, border=0) + "\n"
    if format is Format.LATEX:
        _need("jinja2", format)
        columns = "".join("l" if _is_label(name) else "r" for name in said.columns)
        return said.to_latex(index=False, escape=True, column_format=columns).replace("±", r"$\pm$")
    page = io.StringIO()
    show(said, Console(file=page, width=80, force_terminal=False))
    return page.getvalue()


def read(path: Path) -> pd.DataFrame:
    """A table that :func:`write` made, from its ``.csv`` or ``.parquet`` file, digit for digit.

    Raises:
        ConfigError: pyarrow is missing.
        ResultsError: the file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            _need("pyarrow", Format.PARQUET)
            return pd.read_parquet(path)
        return pd.read_csv(path, engine="python", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error


def out(text: str, console: Console) -> None:
    """Print text as it is, which rich would take apart line by line: seconds for the half million of a large difference."""
    print(text, file=console.file, flush=True)


def markdown(words: pd.DataFrame) -> str:
    """A table of words as a pipe table; columns that hold numbers are set to the right."""
    rule = ["---" if _is_label(name) else "---:" for name in words.columns]
    lines = [list(words.columns), rule, *words.to_numpy().tolist()]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def show(words: pd.DataFrame, console: Console, whole: str = "") -> None:
    """Print a table of words so that no number is cut.

    Where it is too wide the headers are broken between words; where it still is, the columns that do not fit follow
    below, beside the labels (the settings) again. Where ``whole`` says how to get all lines only the first 500 are
    shown, and said to be.
    """
    if whole and len(words) > _SHOWN:
        show(words.head(_SHOWN), console)
        console.print(f"the first {_SHOWN:,} of {len(words):,} lines. All of them: {whole}", markup=False, highlight=False)
        return
    labels = [name for name in words.columns if _is_label(name)]
    rest = [name for name in words.columns if name not in labels]
    while rest:
        taken = len(rest)
        while taken > 1 and not _fits(words[[*labels, *rest[:taken]]], console):
            taken -= 1
        console.print(_laid_out(words[[*labels, *rest[:taken]]], console))
        rest = rest[taken:]
        if rest:
            console.print()


def _is_label(name: str) -> bool:
    """Whether a column says what its line is about; ``arch.depth=2`` heads numbers."""
    return (is_setting(name) and "=" not in name) or name in _LABELS


def _fits(words: pd.DataFrame, console: Console) -> bool:
    return _width(_table(_widest(words), broken=True), console).minimum <= console.width


def _laid_out(words: pd.DataFrame, console: Console) -> Table:
    whole = _table(words, broken=False)
    narrow = _table(_widest(words), broken=False)
    return whole if _width(narrow, console).maximum <= console.width else _table(words, broken=True)


def _widest(words: pd.DataFrame) -> pd.DataFrame:
    """A few lines that take the same room as all: of every column those with the longest cell and with the longest word."""
    sizes = (len, cell_len, lambda cell: max(map(cell_len, cell.split()), default=0))
    cells = [words[name].tolist() for name in words.columns] if len(words) else []
    return words.iloc[sorted({int(np.argmax([*map(size, column)])) for column in cells for size in sizes})]


def _width(table: Table, console: Console) -> Measurement:
    """What the table would take if the terminal were endless; rich cuts every answer to the terminal's width."""
    return Measurement.get(console, console.options.update_width(100_000), table)


def _table(words: pd.DataFrame, broken: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in words.columns:
        title = re.sub(r" (?=[a-z±])", "\n", name) if broken else name
        longest = max(map(len, [*title.split("\n"), *words[name]]))
        whole = longest <= _FOLDED and not _is_label(name)
        table.add_column(
            Text(title),
            justify="left" if _is_label(name) else "right",
            vertical="bottom",
            overflow="fold",
            min_width=longest if whole else None,
            no_wrap=whole,
        )
    for line in words.to_numpy().tolist():
        table.add_row(*map(Text, line))
    return table


def _parquet(table: pd.DataFrame) -> bytes:
    _need("pyarrow", Format.PARQUET)
    file = io.BytesIO()
    table.to_parquet(file, engine="pyarrow", index=False)
    return file.getvalue()


def _need(package: str, format: Format) -> None:
    """Refuse in one line where an optional package is not installed."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(f"{format} needs {package}. Install it with: pip install 'randfeat[tables]'") from error
