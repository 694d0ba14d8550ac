"""docs/promises.md: each sentence has a test that exists."""

import ast
import re
import socket
from pathlib import Path

import numpy as np
import pytest

import skdl
from skdl.model_selection import OptunaSearchCV, default_space

ROOT = Path(__file__).resolve().parents[1]
PROMISES = re.findall(
    r"^\| (.+?) \| `(.+?)::(.+?)` \|$",
    (ROOT / "docs" / "promises.md").read_text(),
    re.MULTILINE,
)


def test_there_are_some_thirty_promises_each_said_once():
    assert 30 <= len(PROMISES) <= 45
    assert len({text for text, _, _ in PROMISES}) == len(PROMISES)


def can_fail(function):
    """Return whether a test asserts something, or runs what does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            checks = any(k.arg == "check" and k.value.value for k in node.keywords)
            if called in ("raises", "run_script") or called.startswith("assert_"):
                return True
            if called == "run" and checks:
                return True
    return False


@pytest.mark.parametrize(("text", "file", "name"), PROMISES)
def test_the_test_that_holds_a_promise_exists(text, file, name):
    tree = ast.parse((ROOT / file).read_text())
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    assert name in functions, text
    assert can_fail(functions[name]), text
    marks = [ast.unparse(mark) for mark in functions[name].decorator_list]
    marks += [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    # A fault that only Linux can be given is tested on Linux.
    skipped = [m for m in marks if re.search("skip|xfail", m) and "platform" not in m]
    assert skipped == [], text


@pytest.mark.parametrize(
    ("source", "expected"),
    [("assert True", False), ("'assert x'", False), ("assert x == 1", True)],
)
def test_a_test_that_asserts_nothing_is_seen(source, expected):
    assert can_fail(ast.parse(f"def test():\n    {source}").body[0]) is expected


def test_a_fit_a_search_and_a_file_open_no_connection(digits, tmp_path, monkeypatch):
    tried = []

    def refuse(*address):
        tried.append(address)
        raise OSError("no network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    X, y = (array[:200] for array in digits)
    network = skdl.MLPClassifier((8,), epochs=2, random_state=0)
    search = OptunaSearchCV(
        network, default_space(network), n_trials=2, cv=2, random_state=0
    ).fit(X, y)
    best = search.best_estimator_
    skdl.save(best, tmp_path / "best.skdl")
    loaded = skdl.load(tmp_path / "best.skdl")
    skdl.model_card(best, X, y, tmp_path / "card.md")
    np.testing.assert_array_equal(loaded.predict(X), best.predict(X))
    assert tried == []
