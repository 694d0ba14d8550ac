"""What a type checker sees of the package."""

import importlib
import inspect
import json
import subprocess
import sys

import pytest

from tests.check_docstrings import MODULES, ROOT

# A user's file: of each line that is an error or reveals something, what mypy and
# pyright say of it.
USER_FILE = {
    "from skdl import KerasClassifier, MLPClassifier, load": None,
    "from skdl.inspection import compare": None,
    "from skdl.model_selection import OptunaSearchCV": None,
    "network = MLPClassifier((10,), dropout=0.1)": None,
    "reveal_type(network)": ("skdl.estimators._mlp.MLPClassifier", "MLPClassifier"),
    "MLPClassifier(hiden=3)": (
        'Unexpected keyword argument "hiden"',
        'No parameter named "hiden"',
    ),
    "MLPClassifier(dropout='much')": (
        'Argument "dropout" to "MLPClassifier" has',
        'cannot be assigned to parameter "dropout"',
    ),
    "reveal_type(network.fit([[1.0]], [0]))": (
        "skdl.estimators._mlp.MLPClassifier",
        'is "MLPClassifier"',
    ),
    "reveal_type(network.predict([[1.0]]))": ("ndarray", "ndarray"),
    "KerasClassifier(print, hidden=3)": None,
    "search = OptunaSearchCV(network, {}, n_trials=3)": None,
    "reveal_type(search)": (
        "skdl.model_selection._search.OptunaSearchCV",
        'is "OptunaSearchCV"',
    ),
    "reveal_type(compare(network, {}, [], []))": (
        "_comparison.Comparison",
        'is "Comparison"',
    ),
}


def public_callables():
    """Yield the names of all that a user calls, and what it is."""
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            found = getattr(importlib.import_module(module), name)
            if inspect.isfunction(found):
                yield name, found
            elif inspect.isclass(found):
                for method, defined in inspect.getmembers(found, inspect.isfunction):
                    is_ours = defined.__module__.startswith("skdl.")
                    if is_ours and (method == "__init__" or not method.startswith("_")):
                        yield f"{name}.{method}", defined


def test_all_that_a_user_calls_is_annotated():
    lacking = []
    for name, function in public_callables():
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.name != "self"]
        bare = [p.name for p in parameters if p.annotation is p.empty]
        if signature.return_annotation is signature.empty:
            bare.append("return")
        if bare:
            lacking.append(f"{name}: {', '.join(bare)}")
    assert lacking == []


def check_what_is_said(said, checker):
    """Compare what a checker said of lines, by their numbers, with what it should."""
    for number, (code, expected) in enumerate(USER_FILE.items(), 1):
        if expected is None:
            assert number not in said, (code, said.get(number))
        else:
            assert expected[checker] in said[number], (code, said[number])


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "user.py"
    path.write_text("\n".join(USER_FILE) + "\n")
    return path


@pytest.mark.slow
def test_a_users_file_is_understood_by_mypy(user_file):
    # With the settings of `make check`, whose cache it then shares.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(user_file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Found 2 errors" in done.stdout, done.stdout + done.stderr
    said = {}
    for line in done.stdout.splitlines():
        if "user.py:" in line and "defined in" not in line:
            said.setdefault(int(line.split("user.py:")[1].split(":")[0]), line)
    check_what_is_said(said, 0)


@pytest.mark.slow
def test_a_users_file_is_understood_by_pyright(user_file):
    # basedpyright is pyright as a wheel; in "standard" mode it says what pyright says.
    config = user_file.with_name("pyrightconfig.json")
    config.write_text('{"typeCheckingMode": "standard"}')
    done = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--outputjson"),
            *("--pythonpath", sys.executable, "--project", str(config)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["errorCount"] == 2, report
    said = {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in report["generalDiagnostics"]
    }
    check_what_is_said(said, 1)
