"""Keep a fitted estimator in one file that loads without running code from it."""

from skdl.saving._archive import ModelFileError
from skdl.saving._save import load, save

__all__ = ["ModelFileError", "load", "save"]
