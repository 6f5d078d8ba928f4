"""Every study of runs from its plan to its page, at a size of seconds: one run of each arm, on a hundred digits."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
import torch

from randfeat.places import data_folder
from randfeat.registry import make_part
from randfeat.run import run_one
from randfeat.store import Store
from randfeat.study.facts import facts
from randfeat.study.folder import load, load_plan, studies
from randfeat.study.pages import page, write_all
from randfeat.study.reproduce import on_record
from randfeat.study.wanted import wanted

OF_RUNS = [name for name, folder in studies().items() if load_plan(folder).arms]


def tiny(spec):
    """The same parts and settings for an epoch, on a few digits of the same size, or as sequences, or on a small graph."""
    task = spec.data.task
    few = {"part": "digits", "n_train": 100, "n_test": 30, "val_share": spec.data.val_share}
    if task.kind == "images":
        few |= {"resize": task.shape[-1]}
    if task.kind == "sequences":
        few |= {"part": "sequential_digits"}
    if task.kind == "graph":
        few = {"part": "karate"}
    solver = dataclasses.replace(spec.solver, epochs=1) if spec.solver.fits_everything else spec.solver
    return dataclasses.replace(spec, data=make_part("data", few), solver=solver)


def recorded(spec, as_spec):
    """The record of a tiny run under the name of the one that it stands for."""
    record = run_one(spec, torch.device("cpu"), data_folder(None)).record
    return dataclasses.replace(record, key=as_spec.key, twin=as_spec.twin.key, spec=as_spec.to_mapping())


def firsts(plan):
    """The first run of every arm."""
    return {each.arm.name: each for each in reversed(plan.runs)}.values()


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
@pytest.mark.parametrize("name", OF_RUNS)
def test_both_plans_of_a_study_compose_and_without_runs_nothing_is_decided(name, quick, tmp_path):
    study = load(name)
    outcome = on_record(study, wanted(study.plan, quick, data_folder(None)), tmp_path)
    assert {(str(finding.verdict), finding.n) for _, finding in outcome.findings} == {("undecided", 0)}
    assert "Not run yet" in page(outcome, facts(outcome, "randfeat reproduce", quick))


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_study_whose_first_runs_alone_are_there_has_a_page_and_decides_nothing(name, tmp_path):
    study = load(name)
    plan = wanted(study.plan, True, data_folder(None))
    store = Store(tmp_path)
    for each in firsts(plan):
        for spec in {each.spec.key: each.spec, each.spec.twin.key: each.spec.twin}.values() if each.arm.twins else [each.spec]:
            store.append(recorded(tiny(spec), spec))
    outcome = on_record(study, plan, tmp_path)
    assert {str(finding.verdict) for _, finding in outcome.findings} == {"undecided"}
    write_all(outcome, tmp_path, "randfeat reproduce", True)
    text = (tmp_path / "README.md").read_text()
    assert all(claim.name.replace("|", "\\|") in text for claim in study.claims)
    for table, numbers in outcome.tables:
        assert table.title in text
        assert set(numbers.get("n", pd.Series([1])).dropna()) <= {0, 1}
