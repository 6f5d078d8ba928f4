"""What a sweep has come to so far: counts, runs in hand, last and best results, failures."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

from randfeat.axes import added_twins, axes, label
from randfeat.pace import Pace, in_words
from randfeat.plan import Plan
from randfeat.record import Record, Status
from randfeat.solver import Step
from randfeat.spec import RunSpec

LATEST = 3
"""So many of the last results are kept."""

SPLITS = ("val", "train")
"""What results are compared by: validation rows, else training rows. The test rows choose nothing."""


@dataclass(frozen=True)
class Hand:
    """A run in hand, how far its fit has come, and its latest scores."""

    spec: RunSpec
    step: Step | None = None


class Tally:
    """The state of a sweep. Taking in an event costs microseconds; words are made when someone looks.

    Args:
        plan: what is to be run.
        pace: tells how long it will still take.
    """

    def __init__(self, plan: Plan, pace: Pace) -> None:
        self.n, self.pace = len(plan.wanted), pace
        self.before, self.now, self.elsewhere, self.lost = len(plan.done), 0, 0, 0
        self.hands: dict[str, Hand] = {}
        self.latest: deque[tuple[RunSpec, Record]] = deque(maxlen=LATEST)
        self.failed: Counter[Status] = Counter()
        self.failure: tuple[RunSpec, Record] | None = None
        self._best: dict[str, tuple[float, RunSpec]] = {}
        self._twins = added_twins(plan.wanted)
        self._axes = list(axes(spec for spec in plan.wanted if spec.key not in self._twins))
        for spec in plan.wanted:
            if spec.key in plan.done:
                self._judge(spec, plan.done[spec.key])

    @property
    def done(self) -> int:
        """How many runs are on record."""
        return self.before + self.now + self.elsewhere

    @property
    def best(self) -> tuple[str, float, RunSpec] | None:
        """The split by which results are compared, the best accuracy on it and its run; fully trained twins take no part."""
        return next(((split, *self._best[split]) for split in SPLITS if split in self._best), None)

    def started(self, spec: RunSpec) -> None:
        """A run begins."""
        self.hands[spec.key] = Hand(spec)
        self.pace.begun(spec.key)

    def stepped(self, spec: RunSpec, step: Step) -> None:
        """Its fit has come this far."""
        before = self.hands[spec.key].step
        if step.loss is None and before is not None:
            step = replace(step, loss=before.loss, accuracy=before.accuracy)
        self.hands[spec.key] = Hand(spec, step)
        self.pace.stepped(spec.key, step)

    def finished(self, spec: RunSpec, record: Record) -> None:
        """It has ended here."""
        self.now += 1
        self._ended(spec, record)

    def done_elsewhere(self, spec: RunSpec, record: Record) -> None:
        """Another process has done it."""
        self.elsewhere += 1
        self._ended(spec, record)

    def lost_worker(self, spec: RunSpec) -> None:
        """Its worker is gone."""
        self.lost += 1
        self.hands.pop(spec.key, None)
        self.pace.lost(spec.key)

    def name(self, spec: RunSpec) -> str:
        """A run by the settings in which runs differ; where none do, by its architecture and what trains."""
        return label(spec, self._axes, spec.key in self._twins) or f"{spec.arch.part} {spec.subset.part}"

    def sentence(self) -> str:
        """``37/480 done, 2 failed, about 4 min left``."""
        words = [f"{self.done}/{self.n} done"]
        words += [f"{self.elsewhere} of them by another process"] if self.elsewhere else []
        words += [f"{n} {status.replace('_', ' ')}" for status, n in self.failed.items()]
        words += [f"{self.lost} worker{'s' * (self.lost > 1)} lost"] if self.lost else []
        left = self.pace.left() if self.done < self.n else None
        return ", ".join([*words, *([f"about {in_words(left)} left"] if left is not None else [])])

    def _ended(self, spec: RunSpec, record: Record) -> None:
        self.hands.pop(spec.key, None)
        self.pace.ended(spec.key)
        self.latest.append((spec, record))
        self._judge(spec, record)

    def _judge(self, spec: RunSpec, record: Record) -> None:
        if record.status is not Status.OK:
            self.failed[record.status] += 1
            self.failure = spec, record
        elif spec.key not in self._twins:
            for split in SPLITS:
                accuracy = record.metrics.get(f"{split}/accuracy")
                if accuracy is not None and (split not in self._best or accuracy > self._best[split][0]):
                    self._best[split] = accuracy, spec
