"""Saves that are interrupted, or have no room, or come from two processes at once."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

import skdl
from skdl import MLPClassifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(iris):
    return [
        MLPClassifier((200, 200), epochs=1, random_state=seed).fit(*iris)
        for seed in (0, 1)
    ]


def same(one, other):
    return all(map(np.array_equal, one._weights, other._weights))


def test_a_full_disk_leaves_the_old_file(models, tmp_path):
    path = tmp_path / "model.skdl"
    skdl.save(models[0], path)
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in np.random.default_rng(0).integers(1, size, 25):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                skdl.save(models[1], path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert os.listdir(tmp_path) == [path.name]
        assert same(skdl.load(path), models[0])
    skdl.save(models[1], path)
    assert same(skdl.load(path), models[1])


SAVERS = """
import os, pickle, random, signal, sys, time
import skdl

path, pickled, job = sys.argv[1:]
models = pickle.loads(open(pickled, "rb").read())
skdl.save(models[0], path)

def saver(model):
    child = os.fork()
    if child == 0:
        while True:
            skdl.save(model, path)
    return child

def check():
    weights = skdl.load(path)._weights
    assert any(
        all((a == b).all() for a, b in zip(weights, model._weights)) for model in models
    )

random.seed(0)
if job == "kill":
    for k in range(50):
        child = saver(models[k % 2])
        time.sleep(random.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        check()
else:
    children = [saver(model) for model in models]
    for _ in range(200):
        check()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    check()
"""


@pytest.mark.parametrize("job", ["kill", "two"])
def test_a_save_is_whole_or_not_at_all(models, tmp_path, job):
    import pickle

    pickled = tmp_path / "models.pickle"
    pickled.write_bytes(pickle.dumps(models))
    path = tmp_path / "model.skdl"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAVERS, path, pickled, job],
        check=True,
        timeout=900,
    )
    assert any(same(skdl.load(path), model) for model in models)
