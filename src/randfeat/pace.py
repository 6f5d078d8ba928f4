"""How long a sweep will still take, judging by what it has done and by earlier runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from randfeat.forecast import Experience, kind_of
from randfeat.solver import Step
from randfeat.spec import RunSpec

Kind = tuple[str, ...]


def in_words(seconds: float) -> str:
    """``40 s``, ``4 min``, ``3.5 h``, ``2.1 days``."""
    for size, unit, digits in ((86_400, "days", 1), (3_600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "1 s"


class Pace:
    """The time that is left: the seconds that the missing runs are expected to take, over those done a second so far.

    A run of which nothing is on record is expected to take the mean of the runs of its kind that have ended by now, else what
    those of its kind on record took, else the mean of all that have ended. A fit that says how far it has come is expected to
    go on at its rate. What runs in hand have taken counts as done, so workers side by side need no mention.

    Args:
        missing: what is to be run.
        experience: what earlier runs took.
        clock: seconds from any moment.
    """

    def __init__(self, missing: Iterable[RunSpec], experience: Experience, clock: Callable[[], float]) -> None:
        self._experience, self._clock = experience, clock
        self._due: dict[str, tuple[float | None, Kind]] = {
            spec.key: (experience.same_s(spec), kind_of(spec)) for spec in missing
        }
        self._known_s = sum(seconds for seconds, _ in self._due.values() if seconds is not None)
        self._unknown = Counter(kind for seconds, kind in self._due.values() if seconds is None)
        self._n: Counter[Kind] = Counter()
        self._seconds: dict[Kind, float] = defaultdict(float)
        self._hands: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._since: float | None = None
        self._done_s = 0.0

    def begun(self, key: str) -> None:
        """A run begins, for the first time or again."""
        self._hands[key] = self._clock()
        self._since = self._hands[key] if self._since is None else self._since

    def stepped(self, key: str, step: Step) -> None:
        """Its fit has come this far."""
        self._shares[key] = step.done / step.total if step.total else 0.0

    def lost(self, key: str) -> None:
        """It is no longer in hand, and is to be done anew."""
        self._hands.pop(key, None)
        self._shares.pop(key, None)

    def ended(self, key: str) -> None:
        """It need not be run any more; if it was in hand, it has been done here."""
        began = self._hands.get(key)
        self.lost(key)
        seconds, kind = self._due.pop(key)
        if seconds is None:
            self._unknown[kind] -= 1
        else:
            self._known_s -= seconds
        if began is not None:
            credit = self._clock() - began if seconds is None else seconds
            self._done_s += credit
            self._n[kind] += 1
            self._seconds[kind] += credit

    def left(self) -> float | None:
        """Seconds until all is done; None where nothing tells."""
        if self._since is None:
            return None
        now = self._clock()
        missing_s, done_s = self._known_s, self._done_s
        for kind, n in self._unknown.items():
            each = self._expected(kind)
            if each is None and n > sum(self._due[key][1] == kind for key in self._shares):
                return None
            missing_s += n * (each or 0.0)
        for key, began in self._hands.items():
            spent, (known, kind) = now - began, self._due[key]
            guess = (known if known is not None else self._expected(kind)) or 0.0
            share = self._shares.get(key, 0.0)
            missing_s += (spent / share if share else max(guess, spent)) - spent - guess
            done_s += spent
        return max(0.0, missing_s) * (now - self._since) / done_s if done_s > 0 else None

    def _expected(self, kind: Kind) -> float | None:
        if n := self._n[kind]:
            return self._seconds[kind] / n
        if (alike := self._experience.alike_s(kind)) is not None:
            return alike
        n = sum(self._n.values())
        return sum(self._seconds.values()) / n if n else None
