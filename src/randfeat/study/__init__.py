"""Studies: probes and runs, tables of them, and claims that a program checks. What a ``claims.py`` may use is exported here."""

from randfeat.claims import Claim, Finding, Verdict, judged, rank_correlation, slope_within, within
from randfeat.report.statistics import interval
from randfeat.study.tables import Table, cells

__all__ = [
    "Claim",
    "Finding",
    "Table",
    "Verdict",
    "cells",
    "interval",
    "judged",
    "rank_correlation",
    "slope_within",
    "within",
]
