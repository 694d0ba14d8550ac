"""What a comparison keeps of one training."""

from dataclasses import asdict, dataclass, field

import numpy as np

__all__ = ["TrainedRun"]

# The names of metrics that are accuracy or R², ours and Keras'.
_SCORE_NAMES = (
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "r2",
    "r2_score",
)
# Those of an output that has a name end so; these are others.
_OTHER_SCORES = ("balanced", "top_")


@dataclass
class TrainedRun:
    """The result of one run of one variant.

    Parameters
    ----------
    variant : str
        Its name.
    params : str
        The parameters that it changes, as text.
    repeat, fold : int
        Which repeat and which split, counted from 0.
    train_scores, val_scores : dict of float
        Scores of the fitted estimator on both parts, by name.
    train_loss, val_loss : float or None
        For a network, the loss as in ``history`` but with dropout off; for other
        estimators, the mean cross-entropy or squared error.
    n_train, n_val : int
        Numbers of rows.
    seconds : float
        Duration of the fit.
    n_epochs : int or None
        For a network, the number of epochs that were run.
    n_parameters : int or None
        For a network, the number of weights.
    history : dict of list of float
        For a network, the loss and the metrics of each epoch.
    error : str
        Why the fit failed, if it did.
    diverged : bool
        Whether it failed because its numbers became NaN or infinite.
    penalized : bool
        Whether its losses include penalties, as those of a wrapped Keras model do.
    resolved : dict of str to number
        The values that the fit used for the parameters that are ``"auto"``.
    """

    variant: str
    params: str
    repeat: int
    fold: int
    train_scores: dict = field(default_factory=dict)
    val_scores: dict = field(default_factory=dict)
    train_loss: float | None = None
    val_loss: float | None = None
    n_train: int = 0
    n_val: int = 0
    seconds: float = 0.0
    n_epochs: int | None = None
    n_parameters: int | None = None
    history: dict = field(default_factory=dict)
    error: str = ""
    diverged: bool = False
    penalized: bool = False
    resolved: dict = field(default_factory=dict)

    @property
    def key(self):
        """The key that identifies this run within a comparison."""
        return self.variant, self.params, self.repeat, self.fold

    def epochs_to(self, score):
        """Return after how many epochs the validation metric reached it, or None."""
        reached = np.flatnonzero(np.asarray(self.validation_metric()) >= score)
        return int(reached[0]) + 1 if len(reached) else None

    def validation_metric(self):
        """Return accuracy or R² of the validation part after each epoch, or nothing."""
        found = {
            name.removeprefix("val_"): values
            for name, values in self.history.items()
            if name.startswith("val_") and not any(n in name for n in _OTHER_SCORES)
        }
        for name in _SCORE_NAMES:
            if name in found:
                return found[name]
        endings = tuple(f"_{name}" for name in _SCORE_NAMES)
        return next((found[name] for name in found if name.endswith(endings)), [])

    def to_dict(self):
        """Return plain data."""
        return asdict(self)
