"""Sweeps on Ray: the numbers of any other way of running, also where workers and nodes go away; what cannot be asked of it."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import torch

from randfeat.cluster import Cluster
from randfeat.crew import Here
from randfeat.errors import ConfigError, ResultsError
from randfeat.node import Folders, Needs, recalling_there
from randfeat.plan import specs_of
from randfeat.processes import Place, Processes
from randfeat.store import Store
from randfeat.sweep import View, carry_out, recalling
from randfeat.work import Worker

ONE = ["conf=elm", "arch.width=20"]
WORDS = ["conf=elm", "arch.width=100", "subset=all", "solver=adam", "solver.epochs=12", "init=he,glorot"]
DEATHS = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 2}
FOLDER = Path("no/data")


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes on this machine, with a CPU each."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'randfeat[ray]'")
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes()
    nodes.add_node(num_cpus=1, include_dashboard=False, _system_config=DEATHS)
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def workers_of(node):
    """The processes of a node that do jobs."""
    (raylet,) = node.all_processes["raylet"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            name = (process / "cmdline").read_text()
        except OSError:
            continue
        if parent == raylet.process.pid and name.startswith("ray::Bench"):
            yield int(process.name)


class Saboteur(View):
    """Kills the worker of the first node after a run, and the second node after three."""

    def __init__(self, nodes):
        self.nodes, self.n_finished, self.ends, self.killed = nodes, 0, [], []

    def finished(self, spec, run):
        self.n_finished += 1
        if self.n_finished == 1:
            self.killed = list(workers_of(self.nodes.head_node))
            for process in self.killed:
                os.kill(process, signal.SIGKILL)
        if self.n_finished == 3:
            (second,) = self.nodes.worker_nodes
            self.nodes.remove_node(second, allow_graceful=False)

    def lost(self, spec, ended):
        self.ends.append(ended)


def cluster(nodes, results, cpus=1):
    return Cluster(nodes.address, cpus, None, None, Folders(FOLDER, results), 0.2)


def metrics(records):
    return {key: record.metrics for key, record in records.items()}


def test_a_cluster_without_room_for_a_worker_says_what_it_has(nodes, tmp_path):
    with pytest.raises(
        ConfigError, match=r"has room for --cpus 2 --gpus 0\. They have 1 CPUs and 0 GPUs, 1 CPUs and 0 GPUs\.$"
    ):
        cluster(nodes, tmp_path, cpus=2)


def test_a_law_that_starts_from_a_run_fails_where_the_results_are_not_on_the_node(tmp_path):
    with pytest.raises(ResultsError, match=r"it starts from run 0123456789ab, but .*/nowhere is not on node "):
        recalling_there(Folders(FOLDER, tmp_path / "nowhere"))("0123456789ab")


def test_a_sweep_outlives_a_worker_and_a_node_with_the_numbers_of_an_undisturbed_one(nodes, tmp_path, one_thread, capfd):
    specs = [*specs_of(WORDS, seeds=4), *specs_of([*ONE, "solver.penalty=1,10"])]
    alone, pair, ray = (Store(tmp_path / name) for name in ("alone", "pair", "ray"))
    wanted = metrics(carry_out(specs, alone, Here(Worker(torch.device("cpu"), FOLDER, recalling(alone, FOLDER), 60))))
    place = Place("cpu", 1, 2, FOLDER, pair.folder, 60)
    assert metrics(carry_out(specs, pair, Processes([place, place]))) == wanted

    view, crew = Saboteur(nodes), cluster(nodes, ray.folder)
    assert crew.places == 2
    records = carry_out(specs, ray, crew, view=view)
    assert len(view.killed) == 1
    assert sorted(view.ends) == ["was killed", "went with its node"]
    assert metrics(records) == wanted
    keys = [json.loads(line)["key"] for line in ray.file.read_text().splitlines()]
    assert sorted(keys) == sorted(spec.key for spec in specs)
    assert all(record.environment["threads"] == 1 for record in records.values())
    assert not (ray.folder / "states").exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "room"),
    [
        (1, 0.0, {"CPU": 4.0}, 4),
        (3, 0.0, {"CPU": 8.0, "GPU": 1.0}, 2),
        (1, 1.0, {"CPU": 8.0, "GPU": 2.0}, 2),
        (1, 0.3, {"CPU": 8.0, "GPU": 2.0}, 6),
        (1, 0.1, {"CPU": 64.0, "GPU": 1.0}, 10),
        (2, 0.25, {"CPU": 6.0, "GPU": 1.0}, 3),
        (1, 0.7, {"CPU": 8.0, "GPU": 3.0}, 3),
        (1, 0.5, {"CPU": 8.0}, 0),
        (1, 0.0, {}, 0),
    ],
)
def test_how_many_workers_a_node_has_room_for(cpus, gpus, node, room):
    assert Needs(cpus, gpus).room(node) == room


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ray", "local", "--workers", "2"], "--workers and --ray are two ways of running"),
        (["--cpus", "2"], "--cpus and --gpus are for workers on Ray"),
        (["--ray", "local", "--per-gpu", "4"], "--per-gpu is for --workers. With --ray use --gpus 0.25."),
        (["--ray", "local", "--device", "cuda:1"], "--device cuda:1 cannot be asked of Ray"),
        (["--ray", "local", "--device", "cpu", "--gpus", "0.5"], "--device cpu contradicts --gpus 0.5"),
        (["--ray", "10.0.0.1:6379", "--threads", "4"], "With --ray 10.0.0.1:6379 use --cpus, for each."),
        (["--ray", "127.0.0.1:1"], "--ray: nobody answers at 127.0.0.1:1."),
        (["--ray", "ray://127.0.0.1:1"], "--ray: nobody answers at ray://127.0.0.1:1."),
        (["--ray", "nonsense"], "--ray nonsense is no address. Use --ray local, auto, HOST:PORT"),
    ],
)
def test_what_cannot_be_asked_of_ray_is_told_in_one_line(randfeat, words, message):
    if words[-1] == "nonsense":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'randfeat[ray]'")
    done = randfeat("sweep", *ONE, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_without_ray_the_error_says_how_to_install_it(randfeat, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = randfeat("sweep", *ONE, "--ray", "local")
    assert done.returncode == 2
    assert done.stderr == "error: --ray needs Ray. Install it with: pip install 'randfeat[ray]', or use --workers N.\n"
