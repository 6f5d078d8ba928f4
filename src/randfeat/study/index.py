"""The index of all studies on record: what held, what failed, what is undecided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from randfeat.claims import Verdict
from randfeat.errors import ResultsError
from randfeat.files import replaced
from randfeat.study import facts
from randfeat.study.facts import Facts
from randfeat.study.pages import pipe

BEGIN, END = "<!-- studies -->", "<!-- /studies -->"
"""Between these lines of a README the index is put."""


def index(results: Path) -> pd.DataFrame:
    """A line per folder with a study: claims held, failed and undecided, what they stand on.

    Raises:
        ResultsError: a folder is damaged.
    """
    lines = []
    for path in sorted(results.glob(f"*/{facts.FILE}")):
        known = facts.read(path.parent)
        try:
            verdicts = pd.read_csv(path.parent / "claims.csv")["verdict"].map(Verdict).value_counts()
        except (OSError, KeyError, ValueError) as error:
            raise ResultsError(f"{path.parent / 'claims.csv'} cannot be read: {error}.") from error
        lines.append(
            {
                "study": f"[{known.study}]({path.parent.name}/README.md)",
                "size": known.size,
                "held": int(verdicts.get("holds", 0)),
                "failed": int(verdicts.get("fails", 0)),
                "undecided": int(verdicts.get("undecided", 0)),
                "runs": _of(known),
                "n": f"{known.seeds:,}",
                "hardware": "; ".join(known.hardware) or "-",
                "date": known.date or "-",
                "commit": known.commit or "-",
            }
        )
    return pd.DataFrame(lines)


def _of(known: Facts) -> str:
    """``387 + 9 probes``, ``7 of 543``."""
    runs, probes = known.runs, known.probes
    there = " + ".join(filter(None, [f"{runs:,}" if runs else "", f"{probes:,} probes" if probes else ""]))
    return there + (f" of {known.wanted:,}" if runs + probes < known.wanted else "") if there else "not run yet"


SIZES = {"full": "Full size", "quick": "Quick: few seeds, small networks, parts of the data"}


def by_size(table: pd.DataFrame, level: str = "##") -> str:
    """A table for the studies of full size and one for the quick ones; the two are no numbers of one thing."""
    parts = {name: table[table["size"] == size].drop(columns="size") for size, name in SIZES.items()}
    return "\n\n".join(f"{level} {name}\n\n{pipe(part, part)}" for name, part in parts.items() if len(part))


def page(table: pd.DataFrame) -> str:
    """``results/README.md``."""
    return f"""\
# Studies on record

Claims that held, failed and are undecided; n is the largest number of seeds; the commit is that of the code that wrote the
tables. `randfeat reproduce --index` writes this page.

{by_size(table)}
"""


def write(results: Path, readme: Path | None) -> int:
    """Write the index into ``results/README.md``, and into a README beside ``results`` that has a place for it.

    Returns:
        How many studies it has.

    Raises:
        ResultsError: a file is damaged, or cannot be written.
    """
    table = index(results)
    if table.empty:
        raise ResultsError(f"there is no study in {results}. randfeat reproduce STUDY makes one.")
    try:
        text = readme.read_text(encoding="utf-8") if readme is not None and readme.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{readme} cannot be read: {error}.") from error
    with replaced(results / "README.md") as path:
        path.write_text(page(table), encoding="utf-8")
    if END in text.partition(BEGIN)[2]:
        assert readme is not None
        with replaced(readme) as path:
            path.write_text(filled(text, table, results.name), encoding="utf-8")
    return len(table)


def filled(text: str, table: pd.DataFrame, folder: str) -> str:
    """A README with the index between its marks."""
    short = table.assign(study=table["study"].str.replace("](", f"]({folder}/", regex=False))
    before, _, rest = text.partition(BEGIN)
    tables = by_size(short.drop(columns=["hardware", "commit"]), "###")
    return f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}"
