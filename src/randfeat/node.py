"""What is on a node of a Ray cluster: the room that it has for workers, and a worker with its news."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from randfeat.errors import RandfeatError, ResultsError
from randfeat.processes import Ready, seldom
from randfeat.run import Recall
from randfeat.typing import Weights
from randfeat.work import Event, Job


@dataclass(frozen=True)
class Needs:
    """What a worker needs of a node.

    Attributes:
        cpus: so many; a run has as many threads.
        gpus: 0, or the share of one GPU, at most 1.
    """

    cpus: int
    gpus: float

    def room(self, resources: Mapping[str, float]) -> int:
        """How many such workers a node with these resources (``CPU``, ``GPU``) holds; none has parts of two GPUs."""
        by_cpu = int(resources.get("CPU", 0) // self.cpus)
        if not self.gpus:
            return by_cpu
        return min(by_cpu, int(resources.get("GPU", 0)) * int(1 / self.gpus + 1e-9))


@dataclass(frozen=True)
class Folders:
    """Where a worker looks on its node: for the data sets, and for results, which only laws that start from a run need."""

    data: Path
    results: Path


def nodes() -> dict[str, dict[str, float]]:
    """The resources of each node that is alive."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}


class Bench:
    """Where jobs are done on a node: a worker in a thread, and its news until they are fetched. The class of the actors."""

    def __init__(self, needs: Needs, folders: Folders, seconds: float, stack: int | None) -> None:
        import ray
        import torch
        from threadpoolctl import threadpool_limits

        from randfeat.machine import share_memory
        from randfeat.work import Worker

        if needs.gpus and not torch.cuda.is_available():
            raise RandfeatError(f"torch finds no GPU on {platform.node()}. Use --gpus 0, or install torch with CUDA there")
        device = torch.device("cuda" if needs.gpus else "cpu")
        node = nodes()[ray.get_runtime_context().get_node_id()]
        share_memory(int(1 / needs.gpus + 1e-9) if needs.gpus else needs.room(node))
        torch.set_num_threads(needs.cpus)
        threadpool_limits(needs.cpus)
        self._worker = Worker(device, folders.data, recalling_there(folders), seconds, stack=stack)
        self._thread = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(needs.cpus,))
        self._doing: Future[None] | None = None
        self._news: SimpleQueue[Event | Ready] = SimpleQueue()
        self._news.put(Ready())

    def go_on(self, job: Job | None) -> list[Event | Ready]:
        """Begin a job, if there is one, and wait for news. ``Ready`` comes last, when there is nothing left to do."""
        if job is not None:
            self._doing = self._thread.submit(self._worker.do, job, seldom(self._news.put))
            self._doing.add_done_callback(lambda _: self._news.put(Ready()))
        news = [self._news.get()]
        while not self._news.empty():
            news.append(self._news.get())
        if isinstance(news[-1], Ready) and self._doing is not None:
            self._doing.result()  # raises what ended it, if anything did
        return news


def recalling_there(folders: Folders) -> Recall:
    """What gives the weights of runs on record, where the results folder is on this node."""
    from randfeat.store import Store
    from randfeat.sweep import recalling

    found = recalling(Store(folders.results), folders.data)

    def recall(key: str) -> Weights:
        if not folders.results.is_dir():
            raise ResultsError(f"it starts from run {key}, but {folders.results} is not on node {platform.node()}")
        return found(key)

    return recall
