"""Images that a classifier got wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import unique_labels

from skdl._utils._nested import find_fitted_network
from skdl._utils._numbers import is_count
from skdl.estimators._images import find_image_shape
from skdl.inspection._figures import take_axes

__all__ = ["MisclassifiedDisplay"]


class MisclassifiedDisplay:
    """Images that a classifier got wrong, with their true and predicted labels.

    Create it with ``from_estimator`` or ``from_predictions``.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or (n_images, height, width, c)
        Those that are shown, the most confident mistakes first.
    true, predicted : ndarray of shape (n_images,)
        Their labels.
    confidence : ndarray of shape (n_images,) or None
        The probability of the predicted label.
    n_wrong, n_samples : int
        How many images were misclassified, and how many there were in all.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each image, after ``plot``.
    figure_ : matplotlib Figure
        The figure that they are in.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import MisclassifiedDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier(epochs=2, random_state=0).fit(X[:900], y[:900])
    >>> display = MisclassifiedDisplay.from_estimator(network, X[900:], y[900:])
    >>> display.images.shape
    (16, 8, 8)
    """

    def __init__(
        self,
        images: Any,
        true: Any,
        predicted: Any,
        confidence: Any,
        n_wrong: Any,
        n_samples: Any,
    ) -> None:
        self.images = images
        self.true = true
        self.predicted = predicted
        self.confidence = confidence
        self.n_wrong = n_wrong
        self.n_samples = n_samples

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_images: int = 16,
        image_shape: Sequence[int] | None = None,
        ax: Any = None,
    ) -> MisclassifiedDisplay:
        """Predict images and draw the most confident mistakes.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier.
        X : ndarray of shape (n_samples, ...)
            Images, or flat rows.
        y : array-like of shape (n_samples,)
            Their labels.
        n_images : int, default=16
            How many are shown at most.
        image_shape : tuple of int or None, default=None
            Height, width and channels of flat rows; None uses the shape that the
            network was fitted with, or infers square images.
        ax : sequence of matplotlib Axes, default=None
            One for each image; None makes a figure.

        Returns
        -------
        MisclassifiedDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As ``from_predictions`` does.
        """
        if image_shape is None and np.ndim(X) == 2:
            network = find_fitted_network(estimator)
            image_shape = getattr(network, "image_shape_", None)
        y_pred = estimator.predict(X)
        confidence = None
        if hasattr(estimator, "predict_proba") and np.ndim(y_pred) == 1:
            places = np.searchsorted(estimator.classes_, y_pred)
            confidence = estimator.predict_proba(X)[np.arange(len(y_pred)), places]
        return cls.from_predictions(
            X,
            y,
            y_pred,
            confidence,
            n_images=n_images,
            image_shape=image_shape,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_pred: Any,
        confidence: Any = None,
        *,
        n_images: int = 16,
        image_shape: Sequence[int] | None = None,
        ax: Any = None,
    ) -> MisclassifiedDisplay:
        """Draw the most confident mistakes among predictions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Images, or flat rows.
        y_true, y_pred : array-like of shape (n_samples,)
            True and predicted labels.
        confidence : array-like of shape (n_samples,), default=None
            The probability of the predicted label.
        n_images : int, default=16
            How many are shown at most.
        image_shape : tuple of int or None, default=None
            Height, width and channels of flat rows; None infers squares.
        ax : sequence of matplotlib Axes, default=None
            One for each image; None makes a figure.

        Returns
        -------
        MisclassifiedDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the image shape is not that of X or can't be drawn, labels or confidence
            are not one for each image, or there are too few axes.
        """
        if not is_count(n_images):
            raise ValueError(f"n_images={n_images!r} must be an integer >= 1.")
        X = np.asarray(X)
        y_true, y_pred = _as_labels(y_true, "y_true"), _as_labels(y_pred, "y_pred")
        check_consistent_length(X, y_true, y_pred, confidence)
        unique_labels(y_true, y_pred)  # raises if strings and numbers are mixed
        shape = find_image_shape(X.shape, image_shape)
        if shape[2] not in (1, 3, 4):
            raise ValueError(
                f"The images have shape {shape} (height, width, channels): only images "
                "with 1, 3 or 4 channels can be drawn."
            )
        wrong = np.flatnonzero(y_true != y_pred)
        if confidence is not None:
            confidence = np.asarray(confidence)
            if confidence.ndim != 1:
                raise ValueError(
                    f"confidence has shape {confidence.shape}: give one number for "
                    "each image, as proba.max(axis=1)."
                )
            wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
        shown = wrong[:n_images]
        images = X[shown].reshape(-1, *shape)
        return cls(
            images[..., 0] if shape[2] == 1 else images,
            y_true[shown],
            y_pred[shown],
            None if confidence is None else confidence[shown],
            len(wrong),
            len(X),
        ).plot(ax)

    def plot(self, ax: Any = None) -> MisclassifiedDisplay:
        """Draw the images.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for each image; None makes a figure.

        Returns
        -------
        MisclassifiedDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are too few axes.
        """
        count = len(self.images)
        columns = max(1, min(4, count))
        rows = max(1, -(-count // columns))
        size = (2.1 * columns, 2.4 * rows + 0.4)
        axes = take_axes(ax, count, rows, columns, size)
        for number, one in enumerate(axes):
            one.set_axis_off()
            if number < count:
                self._draw(one, number)
        self.axes_, self.figure_ = axes[:count], axes[0].figure
        self.figure_.suptitle(f"{self.n_wrong} of {self.n_samples} images are wrong")
        return self

    def _draw(self, axes, number):
        image = self.images[number].astype(float)
        if image.shape[2:] == (4,):
            image = image[..., :3]  # the fourth is the opacity, and no colour
        low, high = image.min(), image.max()
        # imshow clips colours to 0 to 1, and scaled images have values on both sides of
        # 0. What is uniform is grey.
        image = (image - low) / (high - low) if high > low else np.full_like(image, 0.5)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        title = f"{self.predicted[number]}, not {self.true[number]}"
        if self.confidence is not None:
            title += f"\n({self.confidence[number]:.0%} sure)"
        axes.set_title(title, fontsize="small")


def _as_labels(y, name):
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"{name} has shape {y.shape}: give one label for each image.")
    return y
