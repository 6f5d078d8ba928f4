"""A crew of processes on this machine, each with its share of the threads and, where there are GPUs, one of them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import forkserver, get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from randfeat.crew import PAUSE, AbstractCrew, Desk
from randfeat.errors import RandfeatError
from randfeat.work import Event, Job, Lost, Stepped, Tell

STEPS_A_SECOND = 4
"""A worker tells no more often how far a fit has come."""

STILLBORN = 3
"""So many processes may end at one place, one after another, before they are ready."""


@dataclass(frozen=True)
class Place:
    """What a worker is started with.

    Attributes:
        device: ``cpu``, ``cuda:0``, ...
        threads: of the CPU.
        sharers: workers that keep things in the same memory.
        folder: where the data sets lie.
        results: the results folder, for laws that start from a run on record.
        seconds: from one saved state of a fit to the next.
    """

    device: str
    threads: int
    sharers: int
    folder: Path
    results: Path
    seconds: float


@dataclass(frozen=True)
class Ready:
    """A worker waits for a job."""


class Processes(AbstractCrew):
    """Workers in processes of their own. One that ends, however it ends, takes nothing but its run in hand with it.

    They are forked from a server that has imported torch and done nothing else, where the system can; else each imports it.
    They end when the process that started them does, also by ``kill -9``.

    Args:
        places: one for each worker.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        context = get_context(method)
        context.set_forkserver_preload(["randfeat.processes", "randfeat.sweep", "torch._dynamo"])
        self._seats = [_Seat(place, context) for place in places]

    @property
    def places(self) -> int:
        """See :meth:`AbstractCrew.places`."""
        return len(self._seats)

    def work(self, desk: Desk) -> None:
        """See :meth:`AbstractCrew.work`.

        Raises:
            RandfeatError: no worker comes up.
        """
        if "forkserver" in get_all_start_methods():
            _start_server()
        try:
            while not desk.done:
                for seat in self._seats:
                    if seat.job is None and (job := desk.give()):
                        seat.take(job)
                pipes = {seat.pipe: seat for seat in self._seats if seat.pipe is not None}
                for pipe in wait(list(pipes), PAUSE):
                    for event in pipes[pipe].hear():  # type: ignore[index]
                        desk.tell(event)
        finally:
            for seat in self._seats:
                seat.end()


def _start_server() -> None:
    """Start the server that workers are forked from, deaf to Ctrl-C from its first moment."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


class _Seat:
    """A place, and the process at it: none before its first job, and after it has ended."""

    def __init__(self, place: Place, context: BaseContext) -> None:
        self.place, self.context = place, context
        self.job: Job | None = None
        self.pipe: Connection | None = None
        self._process: BaseProcess | None = None
        self._is_up = False
        self._stillborn = 0

    def take(self, job: Job) -> None:
        """Begin a job: at once, or as soon as there is a process to do it."""
        self.job = job
        if self.pipe is None:
            self.pipe, there = self.context.Pipe()
            self._is_up = False
            self._process = self.context.Process(target=serve, args=(there, self.place), daemon=True)  # type: ignore[attr-defined]
            self._process.start()
            there.close()
        else:
            self._send()

    def hear(self) -> list[Event]:
        """The next message, or that nobody is there any more."""
        assert self.pipe is not None
        try:
            message: Event | Ready = self.pipe.recv()
        except (EOFError, OSError):
            return self._gone()
        if not isinstance(message, Ready):
            return [message]
        if self._is_up:
            self.job = None
        else:
            self._is_up, self._stillborn = True, 0
            self._send()
        return []

    def end(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.pid is not None:
            self._process.kill()
            self._process.join()
        if self.pipe is not None:
            self.pipe.close()
        self._process = self.pipe = None

    def _send(self) -> None:
        assert self.pipe is not None
        with contextlib.suppress(OSError):  # it is gone, which the next look at the pipe tells
            self.pipe.send(self.job)

    def _gone(self) -> list[Event]:
        assert self._process is not None
        self._process.join()
        code = self._process.exitcode or 0
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self.end()
        if not self._is_up:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise RandfeatError(f"a worker {ended} before it could begin, {STILLBORN} times. Try it without --workers.")
        job, self.job = self.job, None
        return [Lost(job, ended)] if job else []


def serve(pipe: Connection, place: Place) -> None:
    """The life of a worker: jobs come in by the pipe, and word of them goes out by it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it, which ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import torch
    from threadpoolctl import threadpool_limits

    from randfeat.machine import share_memory
    from randfeat.store import Store
    from randfeat.sweep import recalling
    from randfeat.work import Worker

    torch.set_num_threads(place.threads)
    share_memory(place.sharers)
    recall = recalling(Store(place.results), place.folder)
    worker = Worker(torch.device(place.device), place.folder, recall, place.seconds)
    with threadpool_limits(place.threads):
        pipe.send(Ready())
        while True:
            worker.do(pipe.recv(), seldom(pipe.send))
            pipe.send(Ready())


def seldom(tell: Tell) -> Tell:
    """``tell``, with the steps of fits no more often than ``STEPS_A_SECOND``; the latest scores go with the next."""
    last, scored = 0.0, {}

    def told(event: Event) -> None:
        nonlocal last
        if isinstance(event, Stepped):
            if event.step.loss is not None:
                scored[event.key] = event.step
            if time.monotonic() - last < 1 / STEPS_A_SECOND:
                return
            last = time.monotonic()
            if latest := scored.get(event.key):
                step = replace(event.step, loss=latest.loss, accuracy=latest.accuracy)
                event = replace(event, step=step)
        tell(event)

    return told


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
