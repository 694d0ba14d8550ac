"""What a target of each kind does, as protocols."""

from typing import Any, Protocol

import numpy as np

__all__ = ["LabelTarget", "NumberTarget", "Target"]


class Target(Protocol):
    """What the training and the estimators need from a target.

    Attributes
    ----------
    head : str
        What turns the logits into the output: a name in ``HEADS``.
    dtype : type
        Data type of the encoded targets.
    metric : str
        Name of the metric.
    classes : ndarray or None
        The labels.
    n_outputs, n_logits : int
        Columns of the target, and of the network's output.
    n_quantiles : int
        Columns of the network's output for each column of the target.
    loss_settings : ndarray of float32, shape (n_settings,)
        What the loss depends on beside targets and logits.
    own_loss : callable, str or None
        A loss of the user's own, or the name that Keras knows it by.
    """

    head: str
    dtype: type
    metric: str
    classes: np.ndarray | None
    n_outputs: int
    n_logits: int
    n_quantiles: int
    loss_settings: np.ndarray
    own_loss: Any

    @property
    def scaling(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Factor and offset from logits to outputs; None if they are the same."""

    def encode(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return the targets as the network learns them."""

    def to_metric(self, value: float) -> float:
        """Return the metric, computed from that of the head."""

    def stratify(self, encoded: np.ndarray) -> np.ndarray | None:
        """Return the labels to stratify a split by, or None."""

    def check_same(self, y: np.ndarray, classes: object, *, partial: bool) -> None:
        """Check that the targets of resumed training match those of the first fit."""

    def predict(self, logits: np.ndarray) -> np.ndarray:
        """Return the predictions in the terms of the user's targets."""


class NumberTarget(Target, Protocol):
    """What regressors additionally need from a target.

    Attributes
    ----------
    n_dimensions : int
        Number of dimensions of the targets as given.
    levels : tuple of float
        Levels of the quantiles; empty for another loss.
    variance : float
        Mean variance of the scaled targets.
    """

    n_dimensions: int
    levels: tuple
    variance: float

    @property
    def scaling(self) -> tuple[np.ndarray, np.ndarray]:
        """Factor and offset of the outputs."""

    def quantiles(self, logits: np.ndarray) -> np.ndarray:
        """Return the quantiles in the units of the targets."""

    def residuals(self, logits: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how far targets lie outside of what is predicted."""

    def interval(self, logits: np.ndarray, width: np.ndarray) -> np.ndarray:
        """Return the bounds of what is predicted, moved outwards by a width."""


class LabelTarget(Target, Protocol):
    """What classifiers additionally need from a target."""

    def weigh(
        self, encoded: np.ndarray, weight: np.ndarray | None, class_weight: object
    ) -> np.ndarray:
        """Return the weight that each row gets from its class."""

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """Return what ``decision_function`` returns."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes."""

    def log_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return their logarithms."""

    def losses(self, logits: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Return the cross-entropy of each row."""

    def with_loss(self, loss: str | None, setting: object) -> "LabelTarget":
        """Return the target of the same labels that another loss learns."""
