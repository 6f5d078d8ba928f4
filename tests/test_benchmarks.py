"""Each benchmark runs at a toy size and finds what it says that it measures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def figures(tmp_path, script, *words):
    written = tmp_path / "figures.json"
    command = [sys.executable, str(BENCHMARKS / script), "--quick", "--json", str(written), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return json.loads(written.read_text())


def test_closed_form_compares_systems_that_agree(tmp_path):
    found = figures(tmp_path, "closed_form.py", "--threads", "1")
    assert {"peer_with_penalty_choice", "peer_one_penalty", "sklearn_memory", "over_floor"} == found["ratios"].keys()
    assert all(ratio > 0 for ratio in found["ratios"].values())
    assert all(pool["num_threads"] == 1 for pool in found["thread_pools"])
    for one in found["measured"].values():
        systems = one["systems"]
        alike = [name for name in systems if systems[name]["penalty"] == 1]
        assert {"randfeat", "scikit-learn RidgeClassifier", "loop, numpy and scipy", "loop, torch"} <= set(alike)
        apart = max(abs(systems[name]["accuracy"] - systems["randfeat"]["accuracy"]) for name in alike)
        assert apart <= 0.002  # of 1,000 rows two
        assert systems["randfeat"]["accuracy"] > 0.5
        assert systems["randfeat"]["seconds"] > one["floor"]["gram"]
    wide = found["measured"]["100"]["systems"]
    assert found["ratios"]["sklearn_memory"] == pytest.approx(
        wide["scikit-learn RidgeClassifier"]["extra_mib"] / wide["randfeat"]["extra_mib"]
    )


def test_on_gpu_measures_stages_and_training_on_a_cpu(tmp_path):
    found = figures(tmp_path, "on_gpu.py", "--device", "cpu")
    assert {"matrix_rate", "resnet", "wrn"} == found["ratios"].keys()
    patches = found["random_patches"]
    assert patches["features"] == 64  # 8 maps, two sides, four quadrants
    assert patches["status"] == "ok"
    assert all(patches["seconds"][stage] > 0 for stage in ("features", "factorisation", "scoring", "fit, all together"))
    assert patches["train/accuracy"] > 0.2  # noise of ten classes, but 64 features of 200 rows
    assert found["ratios"]["wrn"] == found["training"]["wrn"]["ours"] / found["training"]["wrn"]["plain"]


@pytest.mark.slow
def test_big_tables_measures_a_cache_that_changes_nothing(tmp_path):
    found = figures(tmp_path, "big_tables.py")
    (measured,) = found["measured"].values()
    assert (measured["groups"], measured["runs"]) == (40, 2400)
    assert measured["cache_mib"] < measured["mib"] / 5
    assert {"table, no cache yet", "table", "table, 500 runs later", "diff"} <= measured["seconds"].keys()
    assert found["ratios"]["cache"] == measured["seconds"]["table, no cache yet"] / measured["seconds"]["table"]
