"""The wheel, installed into an environment that has only its dependencies, runs from any folder."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_carries_its_recipes_and_runs_anywhere(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(install, check=True, capture_output=True)
    where = [python, "-c", "import randfeat; print(randfeat.__file__)"]
    assert str(site) in subprocess.run(where, check=True, capture_output=True, text=True).stdout
    run = [tmp_path / "env" / "bin" / "randfeat", "run", "conf=elm", "arch.width=20", "twin.epochs=1"]
    done = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "fully trained" in done.stdout
    assert (tmp_path / "results/local/runs.jsonl").is_file()
    listed = subprocess.run([*run[:1], "reproduce"], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert [line.split()[0] for line in listed.splitlines()] == sorted(
        path.parent.name for path in ROOT.glob("experiments/*/study.yaml")
    )
