"""Every architecture through the door that users take: a run beside its twin, and what `show` prints of it."""

from __future__ import annotations

import json
import math

import pytest

from randfeat.spec import RunSpec
from randfeat.stackable import stack_key
from randfeat.store import Store
from tests.zoo import ZOO

QUICK = ["solver.penalty=1", "twin=sgd", "twin.epochs=1"]


def words(name):
    """The least with which `randfeat` takes an architecture."""
    settings = (f"arch.{key}={json.dumps(value).replace(' ', '')}" for key, value in ZOO[name].settings.items())
    return [f"arch={name}", *settings, *ZOO[name].words]


@pytest.mark.parametrize("name", list(ZOO))
def test_every_architecture_runs_with_random_weights_and_fully_trained(name, tmp_path, randfeat):
    """The head fitted in closed form knows of the training rows more than guessing does, or than their mean."""
    done = randfeat("run", *words(name), *QUICK, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fully trained" in done.stdout
    run, twin = Store(tmp_path / "results/local").records()
    assert (run.twin, twin.twin) == (twin.key, twin.key)
    assert (run.status, twin.status) == ("ok", "ok")
    assert all(math.isfinite(value) for value in [*run.metrics.values(), *twin.metrics.values()])
    spec = RunSpec.from_mapping(run.spec)
    head = dict(spec.network().head.named_parameters())
    assert run.cost["trained_params"] == sum(tensor.numel() for tensor in head.values())
    assert twin.cost["trained_params"] == twin.cost["params"] == run.cost["params"]
    task = spec.data.task
    assert run.metrics["train/explained"] > 0 if task.numbers else run.metrics["train/accuracy"] > 1.5 / task.n_outputs
    if not (task.answers or task.numbers):
        assert (stack_key(spec.twin) is None) == bool(ZOO[name].alone)


@pytest.mark.parametrize("name", list(ZOO))
def test_show_prints_the_units_of_every_architecture(name, randfeat):
    done = randfeat("show", *words(name))
    assert (done.returncode, done.stderr) == (0, "")
    table = done.stdout.partition("MFLOPs")[2].partition("total")[0]
    first = [line.split("│")[1].strip() for line in table.splitlines() if "│" in line]
    assert [word for word in first if word] == [*ZOO[name].units, "head"]
