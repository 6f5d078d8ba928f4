"""Studies: a list of probes, and claims that a program checks. What a study's ``claims.py`` may use is exported here."""

from randfeat.claims import Claim, Finding, Verdict, judged, slope_within, within
from randfeat.report.statistics import interval

__all__ = ["Claim", "Finding", "Verdict", "interval", "judged", "slope_within", "within"]
