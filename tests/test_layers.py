"""The import arrows: a module imports only what lies below it, and the verbs that read records never import torch."""

import ast
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "randfeat"
FAMILIES = {"data", "arch", "init", "subset", "solver", "probe"}
LAYER = {
    **dict.fromkeys(
        [
            "errors",
            "files",
            "typing",
            "seeds",
            "part",
            "registry",
            "metrics",
            "network",
            "row_gradients",
            "partial",
            "split",
            "model",
            "stacked",
            "places",
            "cost",
            "machine",
            "words",
            "products",
            "least_squares",
        ],
        0,
    ),
    **dict.fromkeys([*FAMILIES, "cases", "config", "menu"], 1),
    **dict.fromkeys(["spec", "record"], 2),
    **dict.fromkeys(["run", "store", "prefix", "shelf", "stackable", "stack", "spelling"], 3),
    **dict.fromkeys(["plan", "report", "work", "crew", "tail", "reservation", "states", "axes", "forecast", "pace"], 4),
    **dict.fromkeys(["sweep", "processes", "cluster", "node", "probing"], 5),
    **dict.fromkeys(["claims", "study"], 6),
    "cli": 7,
}


def imports(path):
    """The package's own top-level names that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in hidden:
            parts = node.module.split(".")
            if parts[0] == "randfeat" and len(parts) > 1:
                yield parts[1]


def test_every_module_has_a_layer():
    names = {path.relative_to(SRC).parts[0].removesuffix(".py") for path in SRC.rglob("*.py")} - {"__init__", "__main__"}
    assert names <= LAYER.keys()
    assert len(list(SRC.rglob("*.py"))) > 60


def test_imports_point_downward_and_families_never_see_each_other():
    wrong = []
    for path in SRC.rglob("*.py"):
        name = path.relative_to(SRC).parts[0].removesuffix(".py")
        if name.startswith("__"):
            continue
        for other in imports(path):
            if other == name:
                continue
            if LAYER[other] > LAYER[name] or {name, other} <= FAMILIES:
                wrong.append(f"{path.relative_to(SRC)} (layer {LAYER[name]}) imports {other} (layer {LAYER[other]})")
    assert not wrong, "imports must point downward:\n" + "\n".join(wrong)


def test_only_config_knows_hydra():
    users = [path.name for path in SRC.rglob("*.py") if "import hydra" in path.read_text() or "from hydra" in path.read_text()]
    assert users == ["config.py"]


def test_help_ls_table_and_diff_do_not_import_torch(tmp_path):
    code = (
        "import sys; from randfeat.cli import app\n"
        "for words in (['--help'], ['ls'], ['table', '--help'], ['diff', '--help'], ['probe', '--help'], ['reproduce']):\n"
        "    try: app(words, standalone_mode=False)\n"
        "    except SystemExit: pass\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stderr.strip() == "False"


def test_modules_and_functions_keep_their_budgets():
    """At most 300 lines a module and 40 a function, docstrings left out; two functions in a hundred may be longer."""
    long_modules, long_functions, n_functions = [], [], 0
    for path in SRC.rglob("*.py"):
        text = path.read_text()
        if len(text.splitlines()) > 300:
            long_modules.append(path.name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                n_functions += 1
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and node.end_lineno - body[0].lineno + 1 > 40:
                    long_functions.append(f"{path.name}:{node.name}")
    assert not long_modules
    assert len(long_functions) <= 0.02 * n_functions, long_functions
