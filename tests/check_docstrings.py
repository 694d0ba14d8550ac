"""Check the docstrings of all that is public: ``python -m tests.check_docstrings``."""

import importlib
import inspect
import sys
import tomllib
from pathlib import Path

from numpydoc.validate import validate

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    "skdl",
    "skdl.baselines",
    "skdl.datasets",
    "skdl.inspection",
    "skdl.losses",
    "skdl.model_selection",
    "skdl.preprocessing",
]


def public_names():
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            found = getattr(importlib.import_module(module), name)
            if inspect.isfunction(found):
                yield f"{found.__module__}.{name}"
            elif inspect.isclass(found):
                path = f"{found.__module__}.{name}"
                yield path
                ours = [k for k in found.__mro__ if _is_documented(k.__module__)]
                for method in {name for kind in ours for name in vars(kind)}:
                    if not method.startswith("_"):
                        yield f"{path}.{method}"


def _is_documented(module):
    """Return whether a module has public classes, or what they inherit."""
    return module.startswith("skdl.") and not module.startswith("skdl._utils.")


def main():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    checks = settings["tool"]["numpydoc_validation"]["checks"]
    faults = [
        f"{name}: {code} {message}"
        for name in sorted(set(public_names()))
        for code, message in validate(name)["errors"]
        if code in checks
    ]
    print("\n".join(faults) or "docstrings: no faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
