"""What a worker does: the runs of a group one after another, with word of each; the same wherever the worker is."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from randfeat.errors import DataError
from randfeat.plan import Group
from randfeat.record import Status
from randfeat.run import Recall, Run, new_record, parameters, run_one
from randfeat.shelf import Shelf
from randfeat.solver import Fitted, Step, Timed
from randfeat.spec import RunSpec
from randfeat.stack import run_stack, stack_size

HALVINGS = 3
"""How often rows are passed in halves of the blocks before, where memory does not suffice."""


@dataclass(frozen=True)
class Job:
    """A group, and the states that interrupted fits of it left, by key."""

    group: Group
    states: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """A run begins."""

    key: str


@dataclass(frozen=True)
class Stepped:
    """A fit has come this far."""

    key: str
    step: Step


@dataclass(frozen=True)
class Saved:
    """What a fit would go on from if it were interrupted now."""

    key: str
    state: bytes


@dataclass(frozen=True)
class Finished:
    """A run has ended, well or not."""

    run: Run


@dataclass(frozen=True)
class Refused:
    """A data set is missing or malformed; the run that wanted it, failed."""

    run: Run


@dataclass(frozen=True)
class Lost:
    """The worker that had this job is gone; ``ended`` says how."""

    job: Job
    ended: str


Event = Started | Stepped | Saved | Finished | Refused | Lost
Tell = Callable[[Event], None]


class Worker:
    """Does jobs in this process. What runs share stays from one job to the next.

    Args:
        device: where to compute.
        folder: where the data sets lie.
        recall: gives the weights of runs on record, to laws that start from one.
        seconds: from one saved state of a fit to the next.
        stack: so many runs of a stack train together; None: as many as the memory holds.
        strict: an error stops the work; else the run that raised it is on record with it.
    """

    def __init__(
        self,
        device: torch.device,
        folder: Path,
        recall: Recall,
        seconds: float,
        *,
        stack: int | None = None,
        strict: bool = False,
    ) -> None:
        self.device, self.folder, self.recall, self.seconds = device, folder, recall, seconds
        self.stack, self.strict, self.shelf = stack, strict, Shelf()

    def do(self, job: Job, tell: Tell) -> None:
        """Do what a job asks for."""
        self.shelf.share(job.group.shared)
        alone = list(job.group.specs)
        if job.group.stacked:
            alone = [spec for spec in alone if spec.key in job.states]
            alone += self._stacks([spec for spec in job.group.specs if spec.key not in job.states], tell)
        for spec in alone:
            tell(Started(spec.key))
            try:
                tell(Finished(self._run(spec, job.states.get(spec.key), tell)))
            except DataError as error:
                if self.strict:
                    raise
                tell(Refused(failed(spec, self.device, Status.FAILED, str(error))))

    def _stacks(self, specs: list[RunSpec], tell: Tell) -> list[RunSpec]:
        """Train stacks of these runs, smaller ones where memory does not suffice; gives those that have to train alone."""
        try:
            size = stack_size(specs[0], self.device, self.stack) if specs else 0
        except Exception:
            return specs  # alone, each says what is wrong with it
        while len(specs) > 1 and size > 1:
            stack = specs[:size]
            for spec in stack:
                tell(Started(spec.key))
            try:
                watches = [lambda step, key=spec.key: tell(Stepped(key, step)) for spec in stack]
                runs = run_stack(stack, self.device, self.folder, watches, self.recall, self.shelf)
            except Exception as error:
                if not memory_was_short(error):
                    return specs
                size = len(stack) // 2
                self._let_go()
                continue
            for run in runs:
                tell(Finished(run))
            specs = specs[size:]
        return specs

    def _run(self, spec: RunSpec, state: bytes | None, tell: Tell) -> Run:
        """The run; with less at once where memory does not suffice, and at last a record that says so."""
        checkpoint = Timed(self.seconds, lambda: state, lambda state: tell(Saved(spec.key, state)))
        reason = ""
        for halvings in range(HALVINGS + 1):
            try:
                run = run_one(
                    spec,
                    self.device,
                    self.folder,
                    lambda step: tell(Stepped(spec.key, step)),
                    self.recall,
                    self.shelf,
                    checkpoint,
                    pieces=2**halvings,
                )
            except (DataError, KeyboardInterrupt):
                raise
            except BaseException as error:  # whatever a part throws ends its run, not the sweep
                if not memory_was_short(error):
                    if self.strict:
                        raise
                    return failed(spec, self.device, Status.FAILED, _in_words(error))
                reason = _first_line(error) or "not enough memory"
            else:
                if run.record.status != Status.OUT_OF_MEMORY:
                    return run
                reason = run.record.reason
            self._let_go()
        return failed(spec, self.device, Status.OUT_OF_MEMORY, reason)

    def _let_go(self) -> None:
        self.shelf.clear()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def failed(spec: RunSpec, device: torch.device, status: Status, reason: str) -> Run:
    """A run without scores."""
    return Run(new_record(spec, device, Fitted({}, status, reason), {}, parameters(spec)), [], {})


def memory_was_short(error: BaseException | None) -> bool:
    """Whether an error, or one that it came of, says so: torch has one of its own on CUDA and words on the CPU.

    Python and numpy raise MemoryError; torch makes another error of it where it writes to a Python object.
    """
    if error is None:
        return False
    says_so = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in _text(error)
    return says_so or memory_was_short(error.__cause__ or error.__context__)


def _in_words(error: BaseException) -> str:
    line = _first_line(error)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _first_line(error: BaseException) -> str:
    return _text(error).strip().partition("\n")[0]


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of someone's own, which cannot even say what it is
        return ""
