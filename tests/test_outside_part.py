"""Parts of another package, found by entry points: the law and the policy that docs/add-a-part.md shows, word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/add-a-part.md"


@pytest.fixture
def package(tmp_path):
    """A folder with installed modules ``my_laws`` and ``my_policies``, as pip would leave them."""
    law, policy = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "my_laws.py").write_text(law)
    (tmp_path / "my_policies.py").write_text(policy)
    about = tmp_path / "my_laws-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-laws\nVersion: 1.0\n")
    points = "[randfeat.init]\ntriangular = my_laws:Triangular\n[randfeat.subset]\nevery_other = my_policies:EveryOther\n"
    (about / "entry_points.txt").write_text(points)
    return tmp_path


def randfeat(*words, package):
    command = [sys.executable, "-m", "randfeat", *words]
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, cwd=package, env=env, check=False)


def test_a_law_of_another_package_is_listed_shown_run_and_scored_again(package):
    listed = randfeat("ls", "init", package=package).stdout.splitlines()
    assert ["triangular", "from", "my_laws:Triangular"] in [line.split() for line in listed]
    words = ["conf=elm", "arch.width=30", "twin.epochs=1", "init=triangular", "init.gain=1.5"]
    shown = randfeat("show", *words, package=package)
    assert re.search(r"init=triangular.*gain=1.5 \*", shown.stdout, re.DOTALL), shown.stdout + shown.stderr
    done = randfeat("run", *words, package=package)
    assert done.returncode == 0, done.stderr
    key = done.stdout.split()[-1]
    again = randfeat("run", "--from", key, package=package)
    assert again.stdout.count("(the same)") == 6, again.stdout + again.stderr


def test_a_policy_of_another_package_is_listed_shown_run_and_a_member_of_combinations(package):
    assert "every_other  from my_policies:EveryOther" in randfeat("ls", "subset", package=package).stdout.splitlines()
    shown = randfeat("show", "conf=wrn_fraction", "subset=every_other", "subset.start=2", "--tensors", package=package)
    trains = dict(re.findall(r"(\S+) +[x\d]+ +(?:weight|bias|gain|shift) +(\S+)", shown.stdout))
    assert {name.partition(".")[0] for name, words in trains.items() if words == "all"} == {"block1_1", "block3_1", "head"}
    words = [
        "conf=wrn_fraction",
        "subset=combination",
        'subset.of=["every_other(start=2)",fraction]',
        "subset.how=intersection",
    ]
    done = randfeat("run", *words, "solver.epochs=1", "data.n_train=100", "--no-twin", package=package)
    assert done.returncode == 0, done.stderr
    assert "6,570 of 77,562" in done.stdout


def test_a_mistake_in_it_is_a_mistake_like_any_other(package):
    done = randfeat("run", "conf=elm", "init=triangular", "init.gian=1.5", package=package)
    assert (done.returncode, done.stderr) == (
        2,
        "error: init=triangular has no setting 'gian'. Did you mean 'gain'? Settings: bias, bias_std, branches, gain, gamma.\n",
    )
    unset = randfeat("run", "conf=elm", "init=triangula", package=package)
    assert "error: init=triangula is unknown. Did you mean 'triangular'?" in unset.stderr
