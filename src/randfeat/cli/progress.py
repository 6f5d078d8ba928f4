"""What a person sees while runs run: one bar on a terminal, facts where asked for, nothing in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from randfeat.run import Run
from randfeat.solver import Step, Watch
from randfeat.spec import RunSpec


class Reporter:
    """One rich bar for the run in hand: epoch, loss, accuracy, time left."""

    def __init__(self, console: Console, *, quiet: bool, verbose: bool) -> None:
        self.console, self.verbose = console, verbose and not quiet
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

    def started(self, spec: RunSpec) -> Watch:
        """A run begins; gives what watches it."""
        title = f"{spec.arch.part} {spec.subset.part}"
        if self.verbose:
            self._say(f"{spec.key}  {title}: {spec.data.title()} {spec.init.title()} {spec.solver.title()} {spec.seeds}")
        if self._task is not None:
            self._progress.remove_task(self._task)
        task = self._task = self._progress.add_task(title, total=None, scores="")
        scores = ""

        def watch(step: Step) -> None:
            nonlocal scores
            if step.loss is not None:
                accuracy = "" if step.accuracy is None else f" val {100 * step.accuracy:.1f} %"
                scores = f"epoch {step.done:.0f}/{step.total:.0f} loss {step.loss:.3f}{accuracy}"
            self._progress.update(task, completed=step.done, total=step.total, scores=scores)

        return watch

    def finished(self, run: Run) -> None:
        """A run ends."""
        if self.verbose:
            record = run.record
            facts = {**record.metrics, **record.cost}
            self._say(f"{record.key}  {record.status}: " + ", ".join(f"{name} {value:,.6g}" for name, value in facts.items()))

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
