"""Pieces of Markdown pages."""

import importlib.metadata
import math
import platform
from numbers import Real

import numpy as np

__all__ = ["cell", "table", "version_section"]

_LIBRARIES = ("skdl", "scikit-learn", "tensorflow", "keras", "numpy", "pandas")


def table(rows, columns):
    """Return rows as a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell(c) for c in line)} |" for line in lines)


def cell(value):
    """Return a value as it stands in a table."""
    if isinstance(value, Real) and math.isnan(value):
        return "NaN"
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def version_section():
    """Return a section on the versions that are in use."""
    rows = [("Python", platform.python_version()), ("system", platform.platform())]
    for name in _LIBRARIES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue  # TensorFlow's other builds have other names
    return "## Versions\n\n" + table(rows, ("", ""))
