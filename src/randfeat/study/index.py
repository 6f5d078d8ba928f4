"""The index of all studies on record: what held, what failed, what is undecided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from randfeat.errors import ResultsError
from randfeat.files import replaced
from randfeat.report.render import markdown
from randfeat.study import facts

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
            verdicts = pd.read_csv(path.parent / "claims.csv")["verdict"].value_counts()
        except (OSError, KeyError, ValueError) as error:
            raise ResultsError(f"{path.parent / 'claims.csv'} cannot be read: {error}.") from error
        lines.append(
            {
                "study": f"[{known.study}]({path.parent.name}/README.md)",
                "size": known.size,
                "held": int(verdicts.get("holds", 0)),
                "failed": int(verdicts.get("fails", 0)),
                "undecided": int(verdicts.get("undecided", 0)),
                "runs": _of(known.runs, known.probes),
                "n": f"{known.seeds:,}",
                "hardware": "; ".join(known.hardware) or "-",
                "date": known.date or "-",
                "commit": known.commit or "-",
            }
        )
    return pd.DataFrame(lines)


def _of(runs: int, probes: int) -> str:
    return " + ".join(filter(None, [f"{runs:,}" if runs else "", f"{probes:,} probes" if probes else ""])) or "not run yet"


def page(table: pd.DataFrame) -> str:
    """``results/README.md``."""
    return f"""\
# Studies on record

{markdown(table)}

Claims held, failed and undecided; n is the largest number of seeds. Full and quick sizes are never in one table: each study's
own README says what a size is. `randfeat reproduce --index` writes this page.
"""


def write(results: Path, readme: Path) -> int:
    """Write the index into ``results/README.md``, and into a README that has a place for it; how many studies it has.

    Raises:
        ResultsError: a file is damaged, or cannot be written.
    """
    table = index(results)
    if table.empty:
        raise ResultsError(f"there is no study in {results}. randfeat reproduce STUDY makes one.")
    with replaced(results / "README.md") as path:
        path.write_text(page(table), encoding="utf-8")
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if BEGIN in text and END in text:
        with replaced(readme) as path:
            path.write_text(filled(text, table, results.name), encoding="utf-8")
    return len(table)


def filled(text: str, table: pd.DataFrame, folder: str) -> str:
    """A README with the index between its marks."""
    short = table.assign(study=table["study"].str.replace("](", f"]({folder}/", regex=False))
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{markdown(short.drop(columns=['hardware', 'commit']))}\n{END}{rest.partition(END)[2]}"
