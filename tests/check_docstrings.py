"""Check the docstrings of all that is public: ``python -m tests.check_docstrings``."""

import importlib
import inspect
import sys
import tomllib
from pathlib import Path

from numpydoc.validate import validate

ROOT = Path(__file__).resolve().parents[1]
MODULES = ["skdl", "skdl.baselines", "skdl.datasets", "skdl.model_selection"]


def public_names():
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            found = getattr(importlib.import_module(module), name)
            if inspect.isfunction(found):
                yield f"{found.__module__}.{name}"
            elif inspect.isclass(found):
                path = f"{found.__module__}.{name}"
                yield path
                for method in vars(found) | vars(found.__mro__[2]):
                    if not method.startswith("_"):
                        yield f"{path}.{method}"


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
