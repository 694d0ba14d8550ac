"""The curves of one fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdl._utils._nested import find_fitted_network
from skdl.estimators._base import BaseNetwork
from skdl.inspection._figures import TRAINING, name_axis, take_axes, tick_epochs

__all__ = ["LearningCurvesDisplay"]


class LearningCurvesDisplay:
    """The scores of each epoch of a fit, on the training and the validation data.

    Create it with ``from_estimator`` or ``from_history``.

    Parameters
    ----------
    history : dict of list
        Loss and metrics of each epoch; the names of those on the validation data begin
        with ``val_``.
    penalized : bool or None, default=None
        Whether the losses include penalties; the axis label says so. None leaves it
        out of the label.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for the loss, and one for each metric, after ``plot``.
    figure_ : matplotlib Figure
        The figure that they are in.
    lines_ : dict of list
        The lines of each of them.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the size of the data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import LearningCurvesDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(epochs=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = LearningCurvesDisplay.from_estimator(network)
    >>> list(display.lines_)
    ['loss', 'accuracy']
    """

    def __init__(self, history: Any, penalized: Any = None) -> None:
        # A metric may have one value per class, which makes no curve.
        self.history = {k: v for k, v in history.items() if np.ndim(v) == 1}
        self.penalized = penalized

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> LearningCurvesDisplay:
        """Draw the curves of a fitted network.

        Parameters
        ----------
        estimator : estimator
            A network of skdl, or a pipeline, search or another estimator around one.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        LearningCurvesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator has no ``history_``.
        """
        check_is_fitted(estimator)
        network = find_fitted_network(estimator)
        if not getattr(network, "history_", None):
            raise ValueError(
                f"{type(estimator).__name__} has no fitted network of skdl inside, or "
                "several: LearningCurvesDisplay shows the epochs of one."
            )
        penalized = not isinstance(network, BaseNetwork)
        return cls(network.history_, penalized).plot(ax=ax)

    @classmethod
    def from_history(cls, history: Any, *, ax: Any = None) -> LearningCurvesDisplay:
        """Draw the curves of a history.

        Parameters
        ----------
        history : dict of list
            Loss and metrics of each epoch.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        LearningCurvesDisplay
            The display, drawn.
        """
        return cls(history).plot(ax=ax)

    def plot(self, ax: Any = None) -> LearningCurvesDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the loss and one for each metric; None makes a figure.

        Returns
        -------
        LearningCurvesDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no history, or there are too few axes.
        """
        size, count = self.layout()
        axes = take_axes(ax, count, 1, count, size)
        self.lines_ = {}
        for one, name in zip(axes, self._names()):
            self.lines_[name] = self._draw(one, name)
        self.axes_, self.figure_ = axes[:count], axes[0].figure
        return self

    def layout(self) -> tuple[tuple[float, float], int]:
        """Return the size of the figure and its number of axes.

        Returns
        -------
        size : tuple of float
            Its width and height in inches.
        n_axes : int
            Its number of axes, in one row.
        """
        n_axes = len(self._names())
        return (4.5 * n_axes, 3.8), n_axes

    def _names(self):
        """Return the names of the loss and the metrics that have curves."""
        names = [name for name in self.history if not name.startswith("val_")]
        if not names:
            raise ValueError("The history has no epochs.")
        return names

    def _draw(self, axes, name):
        lines = []
        for label, key in ((TRAINING, name), ("validation", f"val_{name}")):
            if key in self.history:
                values = self.history[key]
                # A line needs two epochs: one between gaps would not be seen.
                is_short = len(values) < 3 or np.isnan(values).any()
                marker = "o" if is_short else None
                epochs = np.arange(1, len(values) + 1)
                lines += axes.plot(epochs, values, label=label, marker=marker)
        axes.set(xlabel="epoch", ylabel=name_axis(name, self.penalized))
        tick_epochs(axes)
        axes.legend()
        return lines
