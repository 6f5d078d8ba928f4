"""What a person sees while runs run: one bar on a terminal, facts where asked for, nothing in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from randfeat.record import Record
from randfeat.run import Run
from randfeat.solver import Step
from randfeat.spec import RunSpec
from randfeat.sweep import View

Then = Callable[[Record, list[dict[str, float]]], None]
"""What else becomes of a finished run's record and curve."""


class Reporter(View):
    """One rich bar for the run in hand: epoch, loss, accuracy, time left."""

    def __init__(self, console: Console, *, quiet: bool, verbose: bool, then: Then) -> None:
        self.console, self.verbose, self.then = console, verbose and not quiet, then
        shown = console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not shown)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._progress.stop()

    def started(self, spec: RunSpec) -> None:
        """See :class:`randfeat.sweep.View`."""
        title = f"{spec.arch.part} {spec.subset.part}"
        if self.verbose:
            self._say(f"{spec.key}  {title}: {spec.data.title()} {spec.init.title()} {spec.solver.title()} {spec.seeds}")
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(title, total=None, scores="")

    def stepped(self, spec: RunSpec, step: Step) -> None:
        """See :class:`randfeat.sweep.View`."""
        assert self._task is not None
        self._progress.update(self._task, completed=step.done, total=step.total)
        if step.loss is not None:
            self._progress.update(self._task, scores=scores(step, step.loss))

    def finished(self, spec: RunSpec, run: Run) -> None:
        """See :class:`randfeat.sweep.View`."""
        self.then(run.record, run.curve)
        if self.verbose:
            record = run.record
            facts = {**record.metrics, **record.cost}
            self._say(f"{record.key}  {record.status}: " + ", ".join(f"{name} {value:,.6g}" for name, value in facts.items()))

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def scores(step: Step, loss: float) -> str:
    """``epoch 3/30 loss 0.123 val 91.2 %``."""
    accuracy = "" if step.accuracy is None else f" val {100 * step.accuracy:.1f} %"
    return f"epoch {step.done:.0f}/{step.total:.0f} loss {loss:.3f}{accuracy}"
