"""A part of another package, found by its entry point: the law that docs/add-a-part.md shows, word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/add-a-part.md"


@pytest.fixture
def package(tmp_path):
    """A folder with an installed package ``my_laws``, as pip would leave it."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    (tmp_path / "my_laws.py").write_text(code)
    about = tmp_path / "my_laws-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-laws\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[randfeat.init]\ntriangular = my_laws:Triangular\n")
    return tmp_path


def randfeat(*words, package):
    command = [sys.executable, "-m", "randfeat", *words]
    env = {**os.environ, "PYTHONPATH": str(package), "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, cwd=package, env=env, check=False)


def test_a_law_of_another_package_is_listed_shown_run_and_scored_again(package):
    listed = randfeat("ls", "init", package=package).stdout.splitlines()
    assert "triangular  from my_laws:Triangular" in listed
    words = ["conf=elm", "arch.width=30", "twin.epochs=1", "init=triangular", "init.gain=1.5"]
    shown = randfeat("show", *words, package=package)
    assert re.search(r"init=triangular.*\n(.*\n){1,5}.* gain=1.5 \*", shown.stdout), shown.stdout + shown.stderr
    done = randfeat("run", *words, package=package)
    assert done.returncode == 0, done.stderr
    key = done.stdout.split()[-1]
    again = randfeat("run", "--from", key, package=package)
    assert again.stdout.count("(the same)") == 6, again.stdout + again.stderr


def test_a_mistake_in_it_is_a_mistake_like_any_other(package):
    done = randfeat("run", "conf=elm", "init=triangular", "init.gian=1.5", package=package)
    assert done.returncode == 2
    assert done.stderr.startswith("error: init=triangular has no setting 'gian'. Did you mean 'gain'? Settings: bias, ")
    unset = randfeat("run", "conf=elm", "init=triangula", package=package)
    assert "error: init=triangula is unknown. Did you mean 'triangular'?" in unset.stderr
