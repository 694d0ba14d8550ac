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


@pytest.mark.parametrize(("text", "file", "name"), PROMISES)
def test_the_test_that_holds_a_promise_exists(text, file, name):
    functions = {
        node.name: node
        for node in ast.parse((ROOT / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert name in functions, text
    # It can fail, and nothing skips it.
    source = ast.unparse(functions[name])
    assert re.search(r"\bassert|pytest\.raises|run_script|check=True", source), text
    assert not re.search(r"mark\.(skip|xfail)|pytest\.(skip|xfail)", source), text


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
