"""Parts of another package, found by entry points: the law and the policy that docs/add-a-part.md shows, word for word."""

import re
import sys
from pathlib import Path

import pytest

from randfeat import registry

PAGE = Path(__file__).parents[1] / "docs/add-a-part.md"


@pytest.fixture
def randfeat(randfeat, tmp_path, monkeypatch):
    """The program where the modules ``my_laws`` and ``my_policies`` are installed, as pip would leave them."""
    law, policy = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    site = tmp_path / "site"
    about = site / "my_laws-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "my_laws.py").write_text(law)
    (site / "my_policies.py").write_text(policy)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-laws\nVersion: 1.0\n")
    points = "[randfeat.init]\ntriangular = my_laws:Triangular\n[randfeat.subset]\nevery_other = my_policies:EveryOther\n"
    (about / "entry_points.txt").write_text(points)
    for family in registry.FAMILIES:
        registry.part_names(family)  # imports the family's own parts
    monkeypatch.setattr(registry, "_parts", {family: dict(parts) for family, parts in registry._parts.items()})
    monkeypatch.syspath_prepend(site)
    registry.outside_parts.cache_clear()
    yield randfeat
    registry.outside_parts.cache_clear()
    for name in ("my_laws", "my_policies"):
        sys.modules.pop(name, None)


def test_a_law_of_another_package_is_listed_shown_run_and_scored_again(randfeat):
    listed = randfeat("ls", "init").stdout.splitlines()
    assert ["triangular", "from", "my_laws:Triangular"] in [line.split() for line in listed]
    words = ["conf=elm", "arch.width=30", "twin.epochs=1", "init=triangular", "init.gain=1.5"]
    shown = randfeat("show", *words)
    assert re.search(r"init=triangular.*gain=1.5 \*", shown.stdout, re.DOTALL), shown.stdout + shown.stderr
    done = randfeat("run", *words)
    assert done.returncode == 0, done.stderr
    key = done.stdout.split()[-1]
    again = randfeat("run", "--from", key)
    assert again.stdout.count("(the same)") == 6, again.stdout + again.stderr


def test_a_policy_of_another_package_is_listed_shown_run_and_a_member_of_combinations(randfeat):
    assert "every_other  from my_policies:EveryOther" in randfeat("ls", "subset").stdout.splitlines()
    shown = randfeat("show", "conf=wrn_fraction", "subset=every_other", "subset.start=2", "--tensors")
    trains = dict(re.findall(r"(\S+) +[x\d]+ +(?:weight|bias|gain|shift) +(\S+)", shown.stdout))
    assert {name.partition(".")[0] for name, words in trains.items() if words == "all"} == {"block1_1", "block3_1", "head"}
    words = [
        "conf=wrn_fraction",
        "subset=combination",
        'subset.of=["every_other(start=2)",fraction]',
        "subset.how=intersection",
    ]
    done = randfeat("run", *words, "solver.epochs=1", "data.n_train=100", "--no-twin")
    assert done.returncode == 0, done.stderr
    assert "6,570 of 77,562" in done.stdout


def test_a_mistake_in_it_is_a_mistake_like_any_other(randfeat):
    done = randfeat("run", "conf=elm", "init=triangular", "init.gian=1.5")
    assert (done.returncode, done.stderr) == (
        2,
        "error: init=triangular has no setting 'gian'. Did you mean 'gain'? Settings: bias, bias_std, branches, gain, gamma.\n",
    )
    unset = randfeat("run", "conf=elm", "init=triangula")
    assert "error: init=triangula is unknown. Did you mean 'triangular'?" in unset.stderr
