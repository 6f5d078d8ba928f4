"""The benchmarks of sweeps compare runs that are the same, and report nothing where they are not."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def timing(benchmark):
    return benchmark("timing")


def test_a_round_turns_around_and_nothing_is_timed_before_the_first_is_checked(timing):
    calls, checked = [], []

    def way(name, seconds):
        return lambda: calls.append(name) or SimpleNamespace(seconds=seconds.pop(0))

    ways = {"a": way("a", [5.0, 1.0, 2.0]), "b": way("b", [1.0, 9.0, 4.0])}
    first, taken = timing.compared(ways, lambda found: checked.append((list(found), len(calls))), 3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert checked == [(["a", "b"], 2)]
    assert first["a"].seconds == 5
    assert taken.seconds == {"a": [5, 1, 2], "b": [1, 9, 4]}
    assert taken.medians == {"a": 2, "b": 4}


def test_the_plain_script_solves_ridge_regression_with_an_intercept(benchmark):
    peer = benchmark("hydra_peer.train")
    draws = torch.Generator().manual_seed(0)
    phi_NP, y_N = torch.rand(40, 5, generator=draws), torch.arange(40) % 3
    head = peer.solve(peer.system(phi_NP, y_N), 0.7)
    true = Ridge(alpha=0.7).fit(phi_NP.double().numpy(), np.eye(3)[y_N])
    np.testing.assert_allclose(head.beta_PK, true.coef_.T, atol=1e-12)
    np.testing.assert_allclose(head.intercept_K, true.intercept_, atol=1e-12)
    right = true.predict(phi_NP.double().numpy()).argmax(1) == y_N.numpy()
    assert peer.accuracy(head, phi_NP, y_N) == pytest.approx(right.mean())


@pytest.mark.slow
def test_floor_runs_and_plain_script_agree_and_a_run_that_is_off_stops_the_report(benchmark, monkeypatch):
    shared, commands = benchmark("sweep_shared"), benchmark("commands")
    work = shared.Work("digits", Path(), None, shared.QUICK, 1)
    done = work.command().here()
    for way in ("run", "here"):
        monkeypatch.setattr(commands.Command, way, lambda command: done)
    ways = work.ways()
    found = {name: way() for name, way in ways.items()}
    assert list(found) == ["randfeat", "randfeat, 1 workers", "randfeat, here", "Hydra, basic", "Hydra, joblib", "floor"]
    cases = {(law, seed, penalty) for law in ("he", "orthogonal") for seed in (0, 1) for penalty in (1.0, 10.0)}
    assert all(set(done.accuracies) == cases for done in found.values())
    assert found["randfeat"].accuracies == pytest.approx(dict(found["floor"].accuracies), abs=1e-6)
    assert found["Hydra, basic"].accuracies == found["Hydra, joblib"].accuracies
    means = shared.check(found, 1e-6)
    he = [accuracy for case, accuracy in found["randfeat"].accuracies.items() if case[0] == "he"]
    assert means["he"]["ours"] == pytest.approx(np.mean(he))
    off = found["randfeat"].accuracies | {("he", 0, 1.0): 0.99}
    with pytest.raises(SystemExit, match="not those of the floor"):
        shared.check(found | {"randfeat": found["randfeat"]._replace(accuracies=off)}, 0.02)
    better = {case: accuracy + 0.9 for case, accuracy in found["Hydra, joblib"].accuracies.items()}
    with pytest.raises(SystemExit, match="mean test accuracies of Hydra, joblib with he differ"):
        shared.check(found | {"Hydra, joblib": found["Hydra, joblib"]._replace(accuracies=better)}, 0.02)


def test_tiny_runs_are_those_of_the_bare_loop_and_their_overhead_is_what_is_left(benchmark, tmp_path, monkeypatch, capsys):
    sweep = benchmark("sweep")
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["sweep.py", "--quick", "--only", "tiny", "--threads", "1", "--json", str(file)])
    sweep.main()
    figures = json.loads(file.read_text())
    tiny = figures["measured"]["tiny"]
    assert tiny["runs"] == 4
    beyond = tiny["medians"]["randfeat, here"] - tiny["medians"]["bare loop"]
    assert figures["ratios"]["overhead_ms"] == pytest.approx(1e3 * beyond / 4)
    assert 50 < tiny["resident_mib"]["1"] <= tiny["resident_mib"]["4"] < 5_000
    assert figures["goals"]["workers_speedup"] == pytest.approx(0.8)
    assert "tiny, 4 runs" in capsys.readouterr().out


def records(accuracies):
    return [SimpleNamespace(key=key, metrics={"test/accuracy": accuracy}) for key, accuracy in accuracies.items()]


def test_the_speed_up_of_workers_is_over_the_faster_single_process(benchmark, monkeypatch):
    workers, commands = benchmark("sweep_workers"), benchmark("commands")
    scores = {"a": 0.5, "b": 0.75}

    def run(command):
        seconds = 2.0 if command.flags else 6.0 if command.threads == 1 else 5.0
        return commands.Done(seconds, 1.0, records(scores))

    monkeypatch.setattr(workers.Command, "run", run)
    found = workers.measured(workers.QUICK, 4)
    assert found["ratios"] == {"workers_speedup": 2.5}
    assert found["accuracies"] == dict.fromkeys(found["medians"], 0.625)
    apart = {name: commands.Done(1.0, 1.0, records(scores)) for name in found["medians"]}
    apart["workers"] = commands.Done(1.0, 1.0, records(scores | {"b": 0.7500001}))
    with pytest.raises(SystemExit, match="workers do not leave the scores of one process"):
        workers.check(apart, 0.5)


def test_stacks_are_compared_on_a_gpu_alone_unless_another_device_is_named(benchmark, monkeypatch, capsys):
    stacks, commands = benchmark("stacks"), benchmark("commands")
    monkeypatch.setattr(sys, "argv", ["stacks.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    stacks.main()
    assert "nothing is measured" in capsys.readouterr().out
    seconds = {"auto": 1.0, "1": 9.0}

    def run(command):
        taken = 3.0 if "--workers" in command.flags else seconds[command.flags[1]]
        return commands.Done(taken, 0.1, records({"a": 0.5, "b": 0.5 + 0.001 * taken}))

    monkeypatch.setattr(stacks.Command, "run", run)
    sizes = stacks.QUICK
    found = stacks.measured(sizes, "lenet", torch.device("cpu"))
    assert found["ratios"] == {"one after another": 9.0, "4 processes": 3.0}
    assert found["apart"]["stacks"] == pytest.approx(-0.004)
    with pytest.raises(SystemExit, match="mean test accuracies differ"):
        stacks.measured(sizes._replace(apart=0.003), "lenet", torch.device("cpu"))


def test_a_command_that_fails_says_what_it_said(benchmark):
    commands = benchmark("commands")
    line = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(SystemExit, match=r"ended with code 1, nothing is timed\.\nno such thing"):
        commands.started(line, 1)


def test_the_memory_of_a_process_is_that_which_it_holds(benchmark):
    commands = benchmark("commands")
    code = "import sys; held = bytearray(b'x') * int(sys.argv[1]); print(flush=True); input()"
    held = {}
    for n_mib in (0, 200):
        line = [sys.executable, "-c", code, str(n_mib * 2**20)]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            held[n_mib] = commands.resident_mib(process.pid)
            process.communicate(b"\n")
    assert held[200] - held[0] == pytest.approx(200, abs=5)
    assert commands.resident_mib(process.pid) == 0
