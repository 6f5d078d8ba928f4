"""What runs will take: medians of runs like them; and the time that is left while a clock of our own runs."""

import math
from dataclasses import replace

import pytest

from randfeat.forecast import Experience
from randfeat.pace import Pace, in_words
from randfeat.plan import specs_of
from randfeat.record import Status
from randfeat.solver import Step
from tests.making import a_record


@pytest.fixture(scope="module")
def specs():
    """Four seeds of a head, then four of a wider one, then a gradient fit."""
    words = ["arch=mlp", "data.n_train=100"]
    return (
        specs_of([*words, "arch.width=10"], 4)
        + specs_of([*words, "arch.width=20"], 4)
        + specs_of([*words, "subset=all", "solver=sgd"])
    )


def a_record_of(spec, seconds, mib=1.0, status=Status.OK):
    cost = {"total_s": seconds, "peak_mib": mib}
    return a_record(spec.to_mapping(), key=spec.key, twin=spec.twin.key, status=status, cost=cost)


def test_runs_take_the_median_of_those_with_other_seeds_else_the_mean_of_the_same_parts(specs):
    records = [a_record_of(spec, seconds, seconds) for spec, seconds in zip(specs[:3], (1, 2, 30), strict=True)]
    records += [a_record_of(specs[3], 1e6, 1e6, Status.FAILED), a_record_of(specs[3], math.nan)]
    found = Experience(records).forecast([specs[3], *specs[4:6], specs[8]])
    assert (found.n_same, found.n_alike, found.n_unknown) == (1, 2, 1)
    assert (found.seconds, found.peak_mib) == (2 + 2 * 11, 30)


def test_a_precision_of_its_own_is_no_other_seed(specs):
    experience = Experience([a_record_of(specs[0], 5)])
    assert experience.same_s(specs[1]) == 5
    assert experience.same_s(replace(specs[1], precision="float64")) is None


def test_nothing_on_record_is_nothing_known(specs):
    found = Experience().forecast(specs)
    assert (found.seconds, found.n_unknown) == (0, 9)
    assert math.isnan(found.peak_mib)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def paced(specs, records=()):
    clock = Clock()
    return Pace(specs, Experience(records), clock), clock


def test_one_after_another_the_rest_takes_as_long_as_what_was_done(specs):
    pace, clock = paced(specs[:4])
    assert pace.left() is None
    for spec in specs[:2]:
        pace.begun(spec.key)
        clock.now += 10
        pace.ended(spec.key)
    assert pace.left() == 20
    pace.begun(specs[2].key)
    clock.now += 4
    assert pace.left() == 16


def test_two_workers_need_half_the_time(specs):
    pace, clock = paced(specs[:4])
    for spec in specs[:2]:
        pace.begun(spec.key)
    clock.now = 10
    for spec in specs[:2]:
        pace.ended(spec.key)
    assert pace.left() == 10


def test_runs_of_unlike_cost_are_weighed_by_what_is_on_record(specs):
    pace, clock = paced(specs, [a_record_of(specs[0], 1), a_record_of(specs[8], 100)])
    for spec in specs[:4]:
        pace.begun(spec.key)
        clock.now += 2  # half as fast as on record
        pace.ended(spec.key)
    assert pace.left() == pytest.approx(2 * (4 * 1 + 100))


def test_a_fit_says_how_far_it_has_come(specs):
    pace, clock = paced(specs[8:])
    pace.begun(specs[8].key)
    clock.now = 10
    pace.stepped(specs[8].key, Step(2, 10))
    assert pace.left() == pytest.approx(40)


def test_a_run_done_elsewhere_or_lost_with_its_worker_is_no_work_of_ours(specs):
    pace, clock = paced(specs[:4])
    pace.begun(specs[0].key)
    clock.now = 10
    pace.ended(specs[0].key)
    pace.ended(specs[1].key)
    pace.begun(specs[2].key)
    pace.lost(specs[2].key)
    assert pace.left() == 20


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (100, "2 min"), (3600, "60 min"), (9000, "2.5 h"), (200_000, "2.3 days")],
)
def test_a_time_in_words(seconds, words):
    assert in_words(seconds) == words
