"""What a person sees of a sweep: a live page on a terminal, else now and then a line."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from randfeat.cli.page import page
from randfeat.cli.tally import Tally
from randfeat.forecast import Experience
from randfeat.pace import Pace, in_words
from randfeat.plan import Plan
from randfeat.record import Record, Status
from randfeat.run import Run
from randfeat.solver import Step
from randfeat.spec import RunSpec
from randfeat.sweep import View

LOOKS_A_SECOND = 4
"""The page is drawn anew so often, in a thread of its own, whatever happens in between."""

LINE_S = 10.0
"""Seconds from one line to the next where there is no terminal; a failure has its line at once."""


class Board(View):
    """A live page: an overall bar with the time left, a bar for each run in hand, last results, the best one, failures.

    Where the console is no terminal: a line every ten seconds, one for each failure, and one for the end.

    Args:
        console: where to show it.
        experience: what earlier runs took.
        quiet: show nothing.
        verbose: facts about every run, in a line each.
    """

    def __init__(self, console: Console, experience: Experience, *, quiet: bool, verbose: bool) -> None:
        self.console, self.verbose = console, verbose and not quiet
        self.tally: Tally | None = None
        self._experience, self._lock = experience, threading.Lock()
        self._lines = not (quiet or console.is_terminal)
        self._live = Live(
            console=console, refresh_per_second=LOOKS_A_SECOND, transient=True, get_renderable=self._page, redirect_stdout=False
        )
        self._shown = console.is_terminal and not quiet
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._live.stop()
        if self._lines and error is None and self.tally is not None and self.tally.now + self.tally.elsewhere:
            self._say(self.tally.sentence())

    def ended(self) -> str:
        """``21 runs, 9 of them from before, 12 done now in 35 s``."""
        tally = self._of()
        others = f", {tally.elsewhere:,} by another process" if tally.elsewhere else ""
        took = in_words(time.monotonic() - self._began)
        return f"{tally.n:,} runs, {tally.before:,} of them from before, {tally.now:,} done now{others}, in {took}."

    def interrupted(self) -> str:
        """What is on record when someone stops the sweep."""
        if self.tally is None:
            return "interrupted before the first run."
        done, under_way = self.tally.done, len(self.tally.hands)
        return (
            f"interrupted; {done:,} run{'s are' if done != 1 else ' is'} on record, {under_way:,} "
            f"{'were' if under_way != 1 else 'was'} under way; the same words go on from there."
        )

    def planned(self, plan: Plan) -> None:
        """See :class:`randfeat.sweep.View`."""
        self.tally = Tally(plan, Pace(plan.missing, self._experience, time.monotonic))
        if self._shown:
            self._live.start()

    def started(self, spec: RunSpec) -> None:
        """See :class:`randfeat.sweep.View`."""
        with self._lock:
            self._of().started(spec)

    def stepped(self, spec: RunSpec, step: Step) -> None:
        """See :class:`randfeat.sweep.View`."""
        with self._lock:
            self._of().stepped(spec, step)
        self._now_and_then()

    def finished(self, spec: RunSpec, run: Run) -> None:
        """See :class:`randfeat.sweep.View`."""
        with self._lock:
            self._of().finished(spec, run.record)
        self._tell(spec, run.record)

    def elsewhere(self, spec: RunSpec, record: Record) -> None:
        """See :class:`randfeat.sweep.View`."""
        with self._lock:
            self._of().done_elsewhere(spec, record)
        self._tell(spec, record)

    def lost(self, spec: RunSpec, ended: str) -> None:
        """See :class:`randfeat.sweep.View`."""
        with self._lock:
            self._of().lost_worker(spec)
        if self._lines or self.verbose:
            self._say(f"a worker {ended}, with {self._of().name(spec)} in hand")

    def _of(self) -> Tally:
        assert self.tally is not None
        return self.tally

    def _tell(self, spec: RunSpec, record: Record) -> None:
        if self.verbose:
            facts = {**record.metrics, **record.cost}
            said = ", ".join([f"{name} {value:,.6g}" for name, value in facts.items()] + [record.reason] * bool(record.reason))
            self._say(f"{record.key}  {self._of().name(spec)}: {record.status}: {said}")
        elif self._lines and record.status is not Status.OK:
            self._say(f"{record.key}  {self._of().name(spec)}: {record.status}: {record.reason}")
        self._now_and_then()

    def _now_and_then(self) -> None:
        if self._lines and time.monotonic() - self._said >= LINE_S:
            self._said = time.monotonic()
            self._say(self._of().sentence())

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _page(self) -> RenderableType:
        with self._lock:
            return "" if self.tally is None else page(self.tally)
