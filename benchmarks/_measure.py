"""Measure contestants in turn and print a table of medians and ratios."""

import datetime
import os
import platform
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

MODULES = {"scikit-learn": "sklearn"}
_WRITTEN: set[Path] = set()


def seconds(function):
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternate(contestants, rounds):
    """Return the seconds of each contestant in each round, A B C A B C ..."""
    times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, function in contestants.items():
            times[name].append(seconds(function))
    return times


def table(times, ours):
    """Return medians, and how many times slower than ``ours`` each one is.

    The ratio is the median of the rounds' ratios: it holds when the machine's speed
    drifts.
    """
    rows = {
        name: {
            "median_s": np.median(values),
            "min_s": np.min(values),
            "max_s": np.max(values),
            f"times {ours}": np.median(np.divide(values, times[ours])),
        }
        for name, values in times.items()
    }
    return pd.DataFrame(rows).T


def show(title, frame, output):
    """Print a table and write it as CSV, beside the machine that it was measured on."""
    print(f"\n## {title}\n{frame.to_string(float_format='{:.4g}'.format)}", flush=True)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "_" for c in title.split(":")[0].lower())
    file = (folder / f"{name}.csv").resolve()
    if file in _WRITTEN:
        raise ValueError(f"Two tables of one run have the name {name!r}.")
    _WRITTEN.add(file)
    frame.to_csv(file, float_format="%.4g")
    machine().to_csv(folder / "machine.csv", index=False)


def machine():
    """Return a table of one row: the day, the machine and the versions."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    cores = len(os.sched_getaffinity(0)) if models else os.cpu_count()
    names = [n for n in ("tensorflow", "scikit-learn") if find_spec(MODULES.get(n, n))]
    versions = [f"{name} {version(name)}" for name in names]
    row = {
        "date": f"{datetime.date.today()}",
        "processor": models[0] if models else platform.processor(),
        "cores": cores,
        "Python": platform.python_version(),
        "versions": ", ".join(versions),
    }
    return pd.DataFrame([row])
