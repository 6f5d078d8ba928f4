"""What tables and differences can be written as."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The formats of a table. ``csv`` and ``parquet`` keep every digit; the others are for people."""

    RICH = "rich"
    MD = "md"
    CSV = "csv"
    LATEX = "latex"
    HTML = "html"
    PARQUET = "parquet"


class DiffFormat(StrEnum):
    """The formats of a difference. ``json`` keeps every digit; the others are for people."""

    RICH = "rich"
    MD = "md"
    JSON = "json"


class TextFormat(StrEnum):
    """The formats of tables that are printed one after another. ``csv`` keeps every digit; the others are for people."""

    RICH = "rich"
    MD = "md"
    CSV = "csv"
    LATEX = "latex"
    HTML = "html"
