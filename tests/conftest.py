"""What every test runs under."""

import os
import sys
from typing import NamedTuple

import pytest
from hypothesis import settings

from randfeat import config
from tests import composing
from tests.nursery import Nursery

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores: one thread each, and in what they start
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("randfeat", deadline=None, derandomize=True)  # a busy machine is no failure, and no run is a lottery
settings.load_profile("randfeat")


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session", autouse=True)
def recipes_alone_are_composed_once():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(config, "_hydra", composing.compose)
        yield


@pytest.fixture
def randfeat(tmp_path, monkeypatch, capsys):
    """Runs the program in this process, in an empty folder: torch is imported once for all, and keeps its threads."""
    import torch

    from randfeat.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    threads = torch.get_num_threads()

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["randfeat", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return Done(left.value.code, *capsys.readouterr())

    yield call
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory):
    """Forks whole programs from a process that has imported everything; they know ``arch=hostile``."""
    parts = tmp_path_factory.mktemp("parts")
    about = parts / "hostile-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[randfeat.arch]\nhostile = hostile:Hostile\n")  # in tests/hostile.py
    nursery = Nursery(parts)
    yield nursery
    nursery.close()
