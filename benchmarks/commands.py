"""The program as a user starts it, a command with a results folder of its own; or its verb in this process."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from randfeat.record import Record, Status
from randfeat.store import Store

POLL_S = 0.02
SAID = 2000
"""The last letters of what a failed command said."""


class Done(NamedTuple):
    """Seconds of a command, and of the same command again, which finds nothing left to do; the records of the first."""

    seconds: float
    again: float
    records: list[Record]


@dataclass(frozen=True)
class Command:
    """``randfeat sweep WORDS...`` without twins.

    Attributes:
        words: what to run, lists among them.
        threads: of torch, in all workers together.
        flags: others, such as ``--workers 4``.
        data: the data folder.
    """

    words: Sequence[str]
    threads: int
    flags: Sequence[str] = ()
    data: Path = Path()

    def run(self) -> Done:
        """In a process of its own, start-up and table included."""
        with fresh() as results:
            first, again = (started(self._line(results), self.threads) for _ in range(2))
            return Done(first, again, finished(results))

    def here(self) -> Done:
        """In this process, which should have imported everything: see :func:`warm_up`."""
        from randfeat.cli import app

        def verb() -> float:
            start = time.perf_counter()
            app(self._line(results)[3:], standalone_mode=False)
            return time.perf_counter() - start

        with fresh() as results, contextlib.redirect_stdout(io.StringIO()):
            first, again = verb(), verb()
            return Done(first, again, finished(results))

    def resident_mib(self, after: Sequence[int]) -> dict[int, float]:
        """MiB that its process holds once so many runs are on record, at the latest when it ends; as Linux has it.

        Raises:
            SystemExit: the command fails.
        """
        held: dict[int, float] = {}
        last = 0.0
        with fresh() as results:
            line, file = self._line(results), Store(results).file
            process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env=environment(self.threads))
            while process.poll() is None:
                n_runs, last = n_lines(file), resident_mib(process.pid) or last
                held |= {n: last for n in after if n <= n_runs and n not in held}
                time.sleep(POLL_S)
        if process.returncode:
            raise SystemExit(f"{' '.join(line)} ended with code {process.returncode}, nothing is measured.")
        return dict.fromkeys(after, last) | held

    def _line(self, results: Path) -> list[str]:
        own = ["--no-twin", "--quiet", "--threads", str(self.threads), "--data-dir", str(self.data), "--results", str(results)]
        return [sys.executable, "-m", "randfeat", "sweep", *self.words, *own, *self.flags]


def warm_up(threads: int) -> None:
    """One small run in this process, so that later ones import nothing."""
    Command(["data.n_train=100", "data.val_share=0", "arch=mlp", "arch.width=2", "solver.penalty=1"], threads).here()


@contextlib.contextmanager
def fresh() -> Iterator[Path]:
    """An empty results folder, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def finished(results: Path) -> list[Record]:
    """The records of a folder.

    Raises:
        SystemExit: one is of a run that failed.
    """
    records = Store(results).records()
    if failed := [record for record in records if record.status != Status.OK]:
        raise SystemExit(f"{len(failed)} of {len(records)} runs failed, nothing is timed: {failed[0].reason}")
    return records


def started(line: Sequence[str], threads: int) -> float:
    """Seconds until a command ends.

    Raises:
        SystemExit: it fails; says what it said.
    """
    start = time.perf_counter()
    done = subprocess.run(line, capture_output=True, text=True, env=environment(threads))
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(line)} ended with code {done.returncode}, nothing is timed.\n{done.stderr[-SAID:]}")
    return taken


def environment(threads: int) -> dict[str, str]:
    """This process's, with so many threads for every library."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads)}


def n_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def resident_mib(pid: int) -> float:
    """0 where the process has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
