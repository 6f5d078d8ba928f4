"""A sweep under way, drawn on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from randfeat.cli.progress import scores
from randfeat.cli.tally import SPLITS, Hand, Tally
from randfeat.record import Record, Status

HANDS = 8
"""So many runs in hand have a bar."""


def page(tally: Tally) -> RenderableType:
    """The state of a sweep on at most 80 columns and as few lines as there are workers, and ten."""
    hands = list(tally.hands.values())
    lines: list[RenderableType] = [_row(Text(tally.sentence()), ProgressBar(tally.n, tally.done, width=20))]
    lines += [_hand(tally, hand) for hand in hands[:HANDS]]
    lines += [Text(f"and {len(hands) - HANDS} more in hand")] if len(hands) > HANDS else []
    lines += [_result("last", tally.name(spec), outcome(record)) for spec, record in reversed(tally.latest)]
    if tally.best is not None:
        split, accuracy, spec = tally.best
        lines.append(_result("best", tally.name(spec), f"{split} {100 * accuracy:.2f} %"))
    if tally.failure is not None:
        spec, record = tally.failure
        lines.append(_result(f"{sum(tally.failed.values())} not ok", f"{tally.name(spec)}: {record.reason}", record.status))
    return Group(*lines)


def outcome(record: Record) -> str:
    """``val 91.20 % in 3.1 s``, or how it failed."""
    if record.status is not Status.OK:
        return str(record.status)
    split = next((split for split in SPLITS if f"{split}/accuracy" in record.metrics), None)
    score = "no score" if split is None else f"{split} {100 * record.metrics[f'{split}/accuracy']:.2f} %"
    return f"{score} in {record.cost.get('total_s', 0):.2g} s"


def _hand(tally: Tally, hand: Hand) -> Table:
    step = hand.step
    bar = ProgressBar(width=10, pulse=True) if step is None else ProgressBar(step.total, step.done, width=10)
    return _row(Text(f"  {tally.name(hand.spec)}"), bar, "" if step is None or step.loss is None else scores(step, step.loss))


def _result(word: str, name: str, said: str) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    grid.add_column(no_wrap=True, justify="right")
    grid.add_row(Text(word, style="dim"), Text(name), Text(said))
    return grid


def _row(title: Text, bar: ProgressBar, said: str = "") -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column()
    grid.add_row(title, Text(said), bar)
    return grid
