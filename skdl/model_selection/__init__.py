"""Searches over hyperparameters: Optuna studies behind scikit-learn's interface."""

from skdl.model_selection._default_space import default_space
from skdl.model_selection._pruning import PruningCallback
from skdl.model_selection._racing import RacingPruner
from skdl.model_selection._search import OptunaSearchCV
from skdl.model_selection._split import train_val_test_split

__all__ = [
    "OptunaSearchCV",
    "PruningCallback",
    "RacingPruner",
    "default_space",
    "train_val_test_split",
]
