"""Save a fitted estimator to a file that runs no code when it is loaded."""

from skdl.saving._archive import ModelFileError
from skdl.saving._save import load, save

__all__ = ["ModelFileError", "load", "save"]
