"""A process that has imported everything and done nothing else; it forks drivers of sweeps, so that torch is imported once.

This file is also its program. A driver is the whole command line, from its words to its exit code, in a process of its own
that can be stopped or killed. Its workers come from a server of the same kind, as they do outside of tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path

PATIENCE_S = 120


class Nursery:
    """The process, seen from the tests. ``parts`` is a folder with parts from outside the package."""

    def __init__(self, parts: Path) -> None:
        path = os.pathsep.join(filter(None, [str(parts), os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, __file__], text=True, env=env, **pipes)
        self._ask()

    def _ask(self, **request):
        if request:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def compose(self, *words: str) -> None:
        """Make the runs that these words of a sweep describe, once for all drivers that are given them."""
        self._ask(compose=words)

    def start(self, folder: Path, *words: str, file_size: int | None = None) -> Driver:
        """``randfeat WORDS`` in this folder; no file of it may grow beyond ``file_size`` bytes."""
        return Driver(self._ask(folder=str(folder), words=words, file_size=file_size), folder, self)

    def run(self, folder: Path, *words: str, file_size: int | None = None) -> Driver:
        """The same, to its end."""
        driver = self.start(folder, *words, file_size=file_size)
        driver.wait()
        return driver

    def wait(self, pid: int) -> int:
        return self._ask(pid=pid)

    @property
    def workers(self) -> list[int]:
        """The workers that are alive, of whichever driver."""
        return children(self._ask(server=True))

    def no_workers_left(self) -> bool:
        """Whether all end within seconds of their driver."""
        return until(lambda: not self.workers)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


class Driver:
    """A command under way, then its exit code (negative: the signal that ended it) and what it printed."""

    def __init__(self, pid: int, folder: Path, nursery: Nursery) -> None:
        self.pid, self._folder, self._nursery = pid, folder, nursery
        self.code: int | None = None

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)  # it is not waited for yet, so the number is still its own

    def wait(self) -> int:
        self.code = self._nursery.wait(self.pid)
        return self.code

    @property
    def stdout(self) -> str:
        return (self._folder / f"{self.pid}.out").read_text()

    @property
    def stderr(self) -> str:
        return (self._folder / f"{self.pid}.err").read_text()


def children(pid: int) -> list[int]:
    """The living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def until(happened, seconds: float = PATIENCE_S) -> bool:
    """Whether it happens before patience ends."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def main() -> None:
    import composing
    import sklearn.datasets  # noqa: F401
    import torch._dynamo  # noqa: F401

    import randfeat.cli.progress
    import randfeat.plan
    import randfeat.processes
    import randfeat.report.comparison
    import randfeat.report.render
    from randfeat import config

    config._hydra = composing.compose
    for words in ([], ["conf=elm"], ["arch=mlp", "solver=sgd", "twin=adam"], ["solver=ridge"]):
        config.compose(words)  # what Hydra imports when it is used, and the parts alone
    known: dict[tuple[str, ...], list[randfeat.plan.RunSpec]] = {}
    specs_of = randfeat.plan.specs_of
    randfeat.plan.specs_of = lambda words, seeds=1: known.get(tuple(words)) or specs_of(words, seeds)
    forkserver.set_forkserver_preload(["randfeat.processes", "randfeat.sweep", "sklearn.datasets", "torch._dynamo"])
    forkserver.ensure_running()
    run_server = forkserver.ensure_running
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None  # it is no child of the drivers
    _answer(forkserver._forkserver._forkserver_pid)
    for line in sys.stdin:
        request = json.loads(line)
        if words := request.get("compose"):
            known[tuple(words)] = specs_of(words)
            _answer(len(known))
        elif request.get("server"):
            _answer(forkserver._forkserver._forkserver_pid)
        else:
            run_server()  # it ends where a driver is killed while it asks for a worker
            _answer(_waited(request["pid"]) if "pid" in request else _forked(**request))


def _answer(value: int) -> None:
    print(value, flush=True)


def _forked(folder: str, words: list[str], file_size: int | None) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(f"{os.getpid()}.{name}", os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    os._exit(_driven(words))


def _driven(words: list[str]) -> int:
    from randfeat.__main__ import main as randfeat

    sys.argv = ["randfeat", *words]
    try:
        randfeat()
    except SystemExit as left:
        return left.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _waited(pid: int) -> int:
    signal.alarm(PATIENCE_S)  # a driver that hangs fails its test, not the whole suite
    _, status = os.waitpid(pid, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
