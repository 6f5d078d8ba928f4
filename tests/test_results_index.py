"""The index of results is what the results say, in results/README.md and in README.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from randfeat.errors import ResultsError
from randfeat.study.folder import studies
from randfeat.study.index import filled, index, page, write

ROOT = Path(__file__).parents[1]
TABLE = index(ROOT / "results")


def test_the_index_is_up_to_date():
    assert (ROOT / "results/README.md").read_text() == page(TABLE), "randfeat reproduce --index"


def test_the_readme_has_the_same():
    text = (ROOT / "README.md").read_text()
    assert text == filled(text, TABLE, "results"), "randfeat reproduce --index"


def test_every_study_is_in_it_at_full_size():
    full = TABLE[TABLE["size"] == "full"]
    assert {name.split("]")[0].strip("[") for name in full["study"]} == {path.name for path in studies().values()}


def test_it_counts_the_verdicts_of_the_claims():
    for line in TABLE.to_dict("records"):
        folder = ROOT / "results" / line["study"].partition("(")[2].removesuffix("/README.md)")
        verdicts = (folder / "claims.csv").read_text().splitlines()[1:]
        counts = [sum(f",{verdict}," in row for row in verdicts) for verdict in ("holds", "fails", "undecided")]
        assert [line["held"], line["failed"], line["undecided"]] == counts
        assert all(
            f"| {claim} " in (folder / "README.md").read_text() for claim in pd.read_csv(folder / "claims.csv")["verdict"]
        )


def test_a_changed_verdict_makes_it_stale(tmp_path):
    name = "glorot2010_variance"
    shutil.copytree(ROOT / "results" / name, tmp_path / "results" / name)
    write(tmp_path / "results", tmp_path / "README.md")
    before = (tmp_path / "results/README.md").read_text()
    file = tmp_path / "results" / name / "claims.csv"
    file.write_text(file.read_text().replace(",holds,", ",fails,", 1))
    assert page(index(tmp_path / "results")) != before
    file.write_text(file.read_text().replace(",fails,", ",maybe,", 1))
    with pytest.raises(ResultsError, match="maybe"):
        index(tmp_path / "results")
    file.write_text("nothing\n")
    with pytest.raises(ResultsError, match=r"claims\.csv cannot be read"):
        index(tmp_path / "results")


def test_a_folder_without_studies_is_one_line(tmp_path, randfeat):
    done = randfeat("reproduce", "--index")
    assert (done.returncode, done.stderr) == (2, "error: there is no study in results. randfeat reproduce STUDY makes one.\n")
