"""A crew on a Ray cluster: workers come and go with its nodes, and what they find out comes back to the process that asks."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any

from randfeat.crew import PAUSE, AbstractCrew, Desk
from randfeat.errors import ConfigError, RandfeatError
from randfeat.node import Bench, Folders, Needs, nodes
from randfeat.processes import STILLBORN, Ready
from randfeat.work import Event, Job, Lost

LOOK_S = 2.0
"""Seconds between two looks at the nodes of the cluster."""

KNOCK_S = 5.0
"""Seconds without an answer after which an address is given up."""

IN_A_HURRY = {
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_py_gcs_connect_timeout_s": "3",
    "RAY_gcs_rpc_server_connect_timeout_s": "2",
}
"""What keeps Ray from asking for minutes at an address where something answers, but no cluster."""


class Cluster(AbstractCrew):
    """Workers on the nodes of a Ray cluster, as many as there is room for; a worker that is lost takes nothing with it.

    Each is an actor, which keeps what runs share from one job to the next. Ray repeats nothing: what an actor had in hand when
    it ended, or its node, is handed out anew. Another worker takes the place as soon as the cluster has room for it.

    Args:
        address: ``local`` starts Ray on this machine; ``auto``, ``host:port`` and ``ray://host:port`` join a cluster.
        cpus: for each worker.
        gpus: for each worker, see :class:`Needs`. None: one where the cluster has any, else 0.
        size: CPUs that a local Ray has. None: as many as the machine.
        folders: on every node.
        seconds: from one saved state of a fit to the next.
        stack: so many runs train together; None: as many as the memory holds.

    Raises:
        ConfigError: Ray is not installed, no cluster answers, or none of its nodes has what a worker needs.
    """

    def __init__(
        self,
        address: str,
        cpus: int,
        gpus: float | None,
        size: int | None,
        folders: Folders,
        seconds: float,
        stack: int | None = None,
    ) -> None:
        _join(address, size)
        if gpus is None:
            gpus = float(any(node.get("GPU", 0) for node in nodes().values()))
        self._needs, self._bench = Needs(cpus, gpus), (folders, seconds, stack)
        self._seats: list[_Seat] = []
        self._waiting: deque[Job] = deque()
        self._looked, self._room, self._stillborn = time.monotonic(), self.places, 0
        if not self._room:
            have = ", ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes().values())
            _leave()
            raise ConfigError(f"no node of --ray {address} has room for --cpus {cpus} --gpus {gpus:g}. They have {have}.")

    @property
    def places(self) -> int:
        """See :meth:`AbstractCrew.places`. It changes with the nodes."""
        return sum(map(self._needs.room, nodes().values()))

    def work(self, desk: Desk) -> None:
        """See :meth:`AbstractCrew.work`.

        Raises:
            RandfeatError: no worker comes up.
        """
        try:
            while not desk.done:
                self._hand_out(desk)
                for seat in self._with_news():
                    for event in self._hear(seat):
                        desk.tell(event)
        finally:
            for seat in self._seats:
                seat.end()
            _leave()

    def _hand_out(self, desk: Desk) -> None:
        """Jobs for whoever has none; and where there is room, a new seat for each that has to wait."""
        for seat in self._seats:
            if seat.is_free and (job := self._waiting.popleft() if self._waiting else desk.give()):
                seat.take(job)
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked, self._room = time.monotonic(), self.places
        while len(self._seats) < self._room:
            if len(self._waiting) <= sum(not seat.is_up for seat in self._seats):
                if (job := desk.give()) is None:
                    break
                self._waiting.append(job)
            self._seats.append(_Seat(self._needs, *self._bench))

    def _with_news(self) -> list[_Seat]:
        import ray

        calls = {seat.call: seat for seat in self._seats if not seat.is_free}
        if not calls:
            time.sleep(PAUSE)
            return []
        ray.wait(list(calls), timeout=PAUSE)
        ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
        return [calls[call] for call in ready]

    def _hear(self, seat: _Seat) -> list[Event]:
        try:
            events = seat.hear()
        except _GoneError as gone:
            self._seats.remove(seat)
            self._stillborn += not seat.is_up
            if self._stillborn >= STILLBORN:
                raise RandfeatError(f"a worker on Ray {gone} before it could begin, {STILLBORN} times in a row.") from None
            return [Lost(seat.job, str(gone))] if seat.job else []
        self._stillborn = 0
        return events


class _GoneError(Exception):
    """There is no worker any more; the text says how it ended."""


class _Seat:
    """A place, and the actor at it. It is free when it has come up and has no job."""

    def __init__(self, needs: Needs, folders: Folders, seconds: float, stack: int | None) -> None:
        import ray

        self.job: Job | None = None
        self.is_up = False
        actor: Any = ray.remote(Bench)
        options = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_restarts": 0, "max_task_retries": 0}
        self._bench = actor.options(**options, scheduling_strategy="SPREAD").remote(needs, folders, seconds, stack)
        self.call = self._bench.go_on.remote(None)

    @property
    def is_free(self) -> bool:
        """Whether it can take a job."""
        return self.is_up and self.job is None

    def take(self, job: Job) -> None:
        """Begin a job."""
        self.job = job
        self.call = self._bench.go_on.remote(job)

    def hear(self) -> list[Event]:
        """What has happened since.

        Raises:
            RandfeatError: a worker cannot be on that node at all; says why.
        """
        import ray

        try:
            messages: list[Event | Ready] = ray.get(self.call)
        except ray.exceptions.RayError as error:
            self.end()
            if getattr(error, "actor_init_failed", False):
                raise RandfeatError(f"a worker on Ray cannot begin: {_last_line(error)}.") from None
            raise _GoneError(_ended(error)) from None
        self.is_up = True
        if isinstance(messages[-1], Ready):
            self.job = None
        else:
            self.call = self._bench.go_on.remote(None)
        return [message for message in messages if not isinstance(message, Ready)]

    def end(self) -> None:
        """Leave no actor behind, nor one that merely could not be reached."""
        import ray

        with suppress(ray.exceptions.RayError):
            ray.kill(self._bench)


def _join(address: str, size: int | None) -> None:
    """Start Ray here, or find the cluster; quietly."""
    if address != "local":
        _knock(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        for name, value in IN_A_HURRY.items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ConfigError("--ray needs Ray. Install it with: pip install 'randfeat[ray]', or use --workers N.") from None
    alone: dict[str, Any] = {"num_cpus": size, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **alone)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        token = " If that Ray asks for a token, set RAY_AUTH_MODE=token." if isinstance(error, ConnectionError) else ""
        raise ConfigError(f"--ray {address}: {reason}.{token} Use --ray local, auto, HOST:PORT or ray://HOST:PORT.") from None
    ray._private.worker._worker_logs_enabled = False  # else it prints deaths on stdout


def _knock(address: str) -> None:
    """Whether anybody is there, which Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address and not (host and port.isdecimal()):
        raise ConfigError(f"--ray {address} is no address. Use --ray local, auto, HOST:PORT or ray://HOST:PORT.")
    if not address:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()
    except (OSError, OverflowError):
        raise ConfigError(
            f"--ray: nobody answers at {address}. Use --ray local, or the address that ray start printed."
        ) from None


def _leave() -> None:
    import ray

    ray.shutdown()


def _ended(error: Exception) -> str:
    """How a worker ended, by what Ray says of it."""
    if "OutOfMemory" in type(error).__name__ or "memory monitor" in str(error):
        return "was ended by Ray, for memory was short"
    if "Unavailable" in type(error).__name__:
        return "could not be reached"
    if "node has died" in str(error) or "node was terminated" in str(error):
        return "went with its node"
    return "was killed" if "died" in str(error) else f"ended with {_last_line(error)}"


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip().rstrip(".")
