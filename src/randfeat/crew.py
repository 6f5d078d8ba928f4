"""Who does the jobs of a sweep: the contract, and the crew of one in this process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Protocol

from randfeat.work import Event, Job, Worker

PAUSE = 0.5
"""Seconds between two looks at a desk that has nothing to give but is not done."""


class Desk(Protocol):
    """Where a crew gets its jobs and tells what becomes of them."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do, nor under way."""

    def give(self) -> Job | None:
        """The next job; None where there is none at the moment."""

    def tell(self, event: Event) -> None:
        """Take in what has happened."""


class AbstractCrew(ABC):
    """Some workers."""

    @property
    @abstractmethod
    def places(self) -> int:
        """How many jobs it does at a time."""

    @abstractmethod
    def work(self, desk: Desk) -> None:
        """Do jobs until the desk is done. All events are told in this thread, in the order in which a worker made them."""


class Here(AbstractCrew):
    """Alone in the process that hands out the jobs."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    @property
    def places(self) -> int:
        """See :meth:`AbstractCrew.places`."""
        return 1

    def work(self, desk: Desk) -> None:
        """See :meth:`AbstractCrew.work`."""
        while not desk.done:
            if job := desk.give():
                self.worker.do(job, desk.tell)
            else:
                time.sleep(PAUSE)
