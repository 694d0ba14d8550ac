"""Targets of regressors: how numbers are scaled for a network and its loss."""

import warnings
from typing import Any

import numpy as np

from skdl.nn._heads import HEADS

__all__ = ["LOSS_HEADS", "has_log_link", "make_real_target"]

# The losses of regressors, and the names of their heads.
LOSS_HEADS = {
    "squared_error": "identity",
    "absolute_error": "absolute_error",
    "huber": "huber",
    "poisson": "poisson",
    "gamma": "gamma",
    "quantile": "quantile",
    "own": "own_identity",
}
# In deviations: of seven digits of a single float three are left.
_FAR_FROM_ZERO = 1e4
# Relative to the mean: less is what the rounding of it leaves of a constant.
_LEAST_DEVIATION = 1e-12
# In deviations: a Huber loss with a smaller delta is the absolute error.
_LEAST_DELTA = 1e-6
# Below it floats lose digits.
_SMALLEST_SQUARE = 1e-290


def has_log_link(head):
    """Return whether the logits of a head are logarithms of what it predicts."""
    return HEADS[head].activation == "exponential"


def make_real_target(
    y, weight, loss="squared_error", *, delta=None, levels=(), own=None
):
    """Return the target of a regression, for its numbers and the rows' weights.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The numbers.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    loss : str, default="squared_error"
        A name in ``LOSS_HEADS``.
    delta : float or None, default=None
        Where a Huber loss becomes linear, in units of ``y``.
    levels : tuple of float, default=()
        Levels of the quantiles to learn.
    own : callable, str or None, default=None
        A loss of the user's own, for ``loss="own"``.

    Raises
    ------
    ValueError
        If ``y`` holds anything other than finite numbers, or numbers that the loss does
        not take.
    """
    columns = _as_targets(y, "y").reshape(len(y), -1)
    head = LOSS_HEADS[loss]
    if has_log_link(head):
        _check_signs(columns, "y", head)
        # With a log link a factor is an offset of the logits, so the loss stays what it
        # is; a shift would change it.
        means = np.average(columns, axis=0, weights=weight)
        if not means.all():
            where = f" in column {int(np.argmin(means))}" if y.ndim > 1 else ""
            raise ValueError(f"y must have a positive mean{where} for loss={loss!r}.")
        spread = np.average((columns / means - 1) ** 2, axis=0, weights=weight)
        # 1 for a constant target, of whose mean rounding leaves a little: the metric
        # divides by it.
        variances = np.where(spread > _LEAST_DEVIATION**2, spread, 1.0)
        target = _RealTarget(y.ndim, np.zeros_like(means), means, head)
        target.variance = float(variances.mean())
        target._balance = target.variance / variances
        return target
    with np.errstate(over="ignore", invalid="ignore"):
        offset = np.average(columns, axis=0, weights=weight)
        spread = np.average((columns - offset) ** 2, axis=0, weights=weight)
    _check_squares(columns, spread)
    factor = np.sqrt(spread)
    tiny = _LEAST_DEVIATION * np.abs(offset)
    # A constant target has no spread: it is predicted up to a 1, or up to its size.
    size = np.where(offset == 0, 1.0, np.minimum(np.abs(offset), 1.0))
    factor = np.where(factor > tiny, factor, size)
    target = _RealTarget(y.ndim, offset, factor, head, delta=delta, levels=levels)
    if own is not None:
        target.own_loss = own
        _warn_of_offset(offset, factor)
    return target


def _warn_of_offset(offset, factor):
    sizes = np.abs(offset) / factor
    if sizes.max() > _FAR_FROM_ZERO:
        k = int(sizes.argmax())
        warnings.warn(
            f"y has mean {offset[k]:g} and standard deviation {factor[k]:g}: in single "
            "precision, in which your loss gets targets and predictions, few digits of "
            "their difference are left. Subtract the mean from y.",
            UserWarning,
            stacklevel=2,
        )


def _check_squares(columns, spread):
    """Check that a float can hold the squares of the deviations."""
    is_small = (spread < _SMALLEST_SQUARE) & (np.ptp(columns, axis=0) > 0)
    if np.isfinite(spread).all() and not is_small.any():
        return
    raise ValueError(
        f"y holds numbers from {columns.min():g} to {columns.max():g}, and no float "
        "holds the squares of their deviations: divide or multiply y by a factor."
    )


def _check_signs(columns, name, head):
    if (columns < 0).any() or (head == "gamma" and not columns.all()):
        accepted = "positive" if head == "gamma" else "0 or positive"
        raise ValueError(
            f"{name} holds {columns.min():g}, but for loss={head!r} all targets must "
            f"be {accepted}: use another loss, or shift the targets."
        )


def _as_targets(y, name):
    try:
        numbers = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        # scikit-learn's checks accept an error for a y of objects only with these
        # words.
        raise ValueError(
            f"Unknown label type: {name} holds {y.dtype}, and a regression needs "
            f"numbers ({error}). For labels use a classifier."
        ) from error
    # Dates, and real parts of complex numbers, become floats without an error.
    if y.dtype.kind in "cmM" or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must hold finite real numbers, got {y.dtype}.")
    return numbers


class _RealTarget:
    """Numbers, scaled: to mean 0 and deviation 1; with a log link, to mean 1."""

    dtype = np.float32
    metric = "r2"
    classes = None
    # What the first saved files lack.
    head = "identity"
    delta = None
    levels: tuple = ()
    variance = 1.0
    own_loss = None
    _balance: Any = 1.0

    def __init__(self, n_dimensions, offset, factor, head, *, delta=None, levels=()):
        self.n_dimensions = n_dimensions
        self._offset = offset
        self._factor = factor
        self.n_outputs = len(offset)
        self.n_logits = self.n_outputs * max(1, len(levels))
        if head != "identity":
            self.head, self.delta, self.levels = head, delta, tuple(levels)

    @property
    def n_quantiles(self):
        """Columns of the network's output for each column of the target."""
        return max(1, len(self.levels))

    @property
    def scaling(self):
        """Factor and offset of each logit, or of its exponential."""
        parts = self._factor, self._offset
        # (outputs,) -> (outputs * levels,): the levels of an output stand side by side.
        return tuple(np.repeat(part, self.n_quantiles) for part in parts)

    @property
    def loss_settings(self):
        """What the loss is told of each column: delta, weight in R2, or level."""
        if self.own_loss is not None:
            return np.concatenate(self.scaling).astype(np.float32)
        if self.head == "huber":
            return np.maximum(self.delta / self._factor, _LEAST_DELTA, dtype=np.float32)
        if has_log_link(self.head):
            return np.float32(self._balance * np.ones(self.n_outputs))
        return np.tile(self.levels, self.n_outputs).astype(np.float32)

    @property
    def predicted(self):
        """The columns that ``predict`` returns: the level nearest to the median."""
        # Of two that are as near, the first, which rounding does not see: 0.1 and 0.9.
        nearest = int(np.argmin(np.round(np.abs(self.loss_settings - 0.5), 6)))
        return slice(nearest, None, len(self.levels))

    def to_metric(self, value):
        return 1 - value / self.variance

    def stratify(self, encoded):
        return None

    def check_same(self, y, classes, *, partial):
        """Do nothing: ``encode`` checks the columns."""

    def encode(self, y, name="y"):
        # (n,) or (n, k) -> (n, k)
        columns = y.reshape(len(y), -1)
        if y.ndim != self.n_dimensions or columns.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has shape {y.shape}; the training targets had "
                f"{self.n_outputs} columns and {self.n_dimensions} dimension(s)."
            )
        columns = _as_targets(columns, name)
        if has_log_link(self.head):
            _check_signs(columns, name, self.head)
        # Rounded to single precision at the end: before, a large offset would take the
        # digits.
        scaled = ((columns - self._offset) / self._factor).astype(self.dtype)
        if len(self.levels) < 2:
            return scaled
        return np.repeat(scaled, len(self.levels), axis=1)

    def predict(self, logits):
        values = self._values(logits)
        if len(self.levels) > 1:
            values = values[:, self.predicted]  # (n, outputs * levels) -> (n, outputs)
        return values if self.n_dimensions == 2 else values[:, 0]

    def quantiles(self, logits):
        """Return the quantiles, in the order of the levels."""
        # (n, outputs * levels) -> (n, levels) or (n, outputs, levels)
        values = self._values(logits).reshape(len(logits), -1, len(self.levels))
        return values if self.n_dimensions == 2 else values[:, 0]

    def residuals(self, logits, y):
        """Return how far targets lie outside of what is predicted, negative inside."""
        y = y.astype(np.float64).reshape(len(y), -1)
        low, high, unit = self._bounds(logits)
        with np.errstate(over="ignore", invalid="ignore"):
            distances = np.maximum(low - y, y - high) / unit
        # An infinite prediction, of a log link, is as far away as can be.
        return np.where(np.isfinite(distances), distances, np.inf)

    def interval(self, logits, width):
        """Return the bounds of what is predicted, moved outwards by a width."""
        low, high, unit = self._bounds(logits)
        with np.errstate(invalid="ignore"):
            low, high = low - width * unit, high + width * unit
        if has_log_link(self.head):
            # Of an infinite prediction: all that is possible.
            low = np.where(np.isnan(low), 0.0, np.maximum(low, 0))
        # A negative width may move them past each other: then both are in the middle.
        middle = (low + high) / 2
        bounds = np.stack([np.minimum(low, middle), np.maximum(high, middle)], axis=2)
        return bounds if self.n_dimensions == 2 else bounds[:, 0]

    def _bounds(self, logits):
        """Return the lower and the upper prediction, and the unit of distances."""
        values = self._values(logits)
        if len(self.levels) > 1:
            # (n, outputs * levels) -> (n, outputs, levels)
            values = values.reshape(len(values), -1, len(self.levels))
            return values[:, :, 0], values[:, :, -1], 1.0
        # The deviation that the loss assumes, up to a factor.
        unit = np.ones_like(values)
        if has_log_link(self.head):
            unit = np.sqrt(values) if self.head == "poisson" else values
        return values, values, np.maximum(unit, np.finfo(float).tiny)

    def _values(self, logits):
        factor, offset = self.scaling
        if has_log_link(self.head):
            # Beyond the range of floats it is infinite, as in Keras.
            with np.errstate(over="ignore"):
                logits = np.exp(logits)
        return logits * factor + offset
