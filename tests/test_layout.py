"""The layout of the package: which way imports run, and what stands twice."""

import ast
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
# Each may import what stands above it, and itself.
LAYERS = [
    {"_utils"},
    {"tables"},
    {"nn"},
    {"training"},
    {"estimators", "keras_wrapper"},
    {"inspection", "losses", "saving", "preprocessing"},
    {"model_selection", "baselines", "datasets"},
    {"worker"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


@cache
def modules():
    """Return the syntax trees of all modules by name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(
            path.read_text()
        )
        for path in (ROOT / "skdl").rglob("*.py")
    }


def imported(tree):
    """Yield the modules of the package that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("skdl."))
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "skdl":
            for alias in node.names:
                path = f"{node.module}.{alias.name}"
                yield path if path in modules() else node.module


def names_of(tree):
    """Yield the names that a module defines."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
            found = {part.id for part in parts if isinstance(part, ast.Name)}
            yield from found - {"__all__"}


def test_only_what_is_public_stands_flat():
    flat = {path.stem for path in (ROOT / "skdl").glob("*.py")}
    public = {"baselines", "datasets", "losses", "preprocessing", "worker"}
    assert flat == {"__init__", *public}


def test_imports_run_down():
    wrong = []
    for name, tree in modules().items():
        if name == "skdl.__init__":
            continue  # it names what is public, and imports that lazily
        package = name.split(".")[1]
        for path in imported(tree):
            other = path.split(".")[1] if path != "skdl" else package
            if other != package and RANK[other] >= RANK[package]:
                wrong.append(f"{name} imports {path}")
    assert wrong == []


def test_no_imports_go_in_a_circle():
    graph = {
        name: {path for path in imported(tree) if path in modules()} - {name}
        for name, tree in modules().items()
    }
    TopologicalSorter(graph).prepare()


def test_no_name_of_a_module_stands_twice():
    where = defaultdict(list)
    for name, tree in modules().items():
        for defined in names_of(tree):
            where[defined].append(name)
    twice = {name: paths for name, paths in where.items() if len(paths) > 1}
    assert twice == {}


def test_files_are_short():
    lengths = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in (ROOT / "skdl").rglob("*.py")
    }
    assert {path: n for path, n in lengths.items() if n > 500} == {}
    assert median(lengths.values()) <= 130
