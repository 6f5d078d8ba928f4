"""``randfeat sweep --dry-run``: what a sweep would do, what its runs would share and what they would cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from randfeat.axes import axes
from randfeat.errors import some
from randfeat.forecast import Experience
from randfeat.pace import in_words
from randfeat.plan import Plan, is_twin
from randfeat.spec import RunSpec


def print_plan(plan: Plan, asked: Sequence[RunSpec], experience: Experience, places: int) -> None:
    """Print a plan; nothing is run or written.

    Args:
        plan: what would be run.
        asked: the specs that the words describe, without the twins that go with them.
        experience: what earlier runs took.
        places: how many workers there would be.
    """
    console = Console()
    facts = [*_counts(plan), *_shared(plan, asked), *_costs(plan, experience, places)]
    _print_table(console, None, facts)
    if varied := axes(asked):
        console.print()
        _print_table(console, ("setting", "values"), _together(varied))
    console.print("\nNothing was run.", highlight=False)


def _counts(plan: Plan) -> Iterator[tuple[str, str]]:
    missing = plan.missing
    yield "runs", f"{len(plan.wanted):,}{_twins(plan.wanted)}"
    done = [spec for spec in plan.wanted if spec.key in plan.done]
    yield "on record", f"{len(done):,}{_twins(done)}"
    yield "to do", f"{len(missing):,}{_twins(missing)}"


def _shared(plan: Plan, asked: Sequence[RunSpec]) -> Iterator[tuple[str, str]]:
    """What is computed once for several runs: data, networks, twins."""
    missing = plan.missing
    yield "data sets", f"{len({(spec.data, spec.seeds.data) for spec in missing}):,} to load"
    drawn = {spec.network_key for spec in missing}
    shared = [n for group in plan.groups for n in group.sharers.values()]
    once = f"; the frozen units of {len(shared):,} computed once for {sum(shared):,} runs" if shared else ""
    yield "networks", f"{len(drawn):,} to draw{once}"
    wanted = {spec.key for spec in plan.wanted}
    beside = {spec.key: spec.twin.key for spec in asked if not is_twin(spec) and spec.twin.key in wanted}
    if beside:
        yield "twins", f"{len(set(beside.values())):,}, each trained once, for {len(beside):,} run{'s' * (len(beside) > 1)}"


def _costs(plan: Plan, experience: Experience, places: int) -> Iterator[tuple[str, str]]:
    workers = f"{places:,} worker{'s' * (places > 1)}"
    yield "groups", f"{len(plan.groups):,}, for {workers}"
    found = experience.forecast(plan.missing)
    if not plan.missing:
        return
    if found.n_unknown == len(plan.missing):
        yield "time, memory", "unknown; nothing like these runs is on record"
        return
    known = ((found.n_same, "from runs that differ in seeds only"), (found.n_alike, "from runs of the same parts"))
    how = ", ".join([f"{n:,} {words}" for n, words in known if n] + [f"{found.n_unknown:,} unknown"] * bool(found.n_unknown))
    yield "time", f"{'at least' if found.n_unknown else 'about'} {in_words(found.seconds / places)} ({how})"
    if not math.isnan(found.peak_mib):
        yield "memory", f"up to {found.peak_mib:,.0f} MiB for each worker"


def _together(varied: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Settings and their values; seeds of the same values in one line."""
    names: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, values in varied.items():
        names.setdefault(("seeds" if name.startswith("seeds.") else name, values), []).append(name)
    return [(", ".join(same), some(values)) for (_, values), same in names.items()]


def _twins(specs: Sequence[RunSpec]) -> str:
    n = sum(map(is_twin, specs))
    return f", {n:,} of them fully trained" if n else ""


def _print_table(console: Console, titles: tuple[str, str] | None, lines: Sequence[tuple[str, str]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=titles is not None)
    for title in titles or ("", ""):
        table.add_column(title, overflow="fold")
    for name, said in lines:
        table.add_row(Text(name), Text(said))
    console.print(table)
