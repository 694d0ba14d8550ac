"""The common parts of the classifiers, and those of the regressors."""

from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from skdl._utils._labels import refuse_balanced_parts
from skdl._utils._sklearn import StrOptions
from skdl.estimators._base import BaseNetwork, can_fit_partially
from skdl.estimators._calibration import HeldBack, find_temperature, scaled_output
from skdl.estimators._conformal import conformal_width
from skdl.estimators._constraints import FACTOR, LEVEL, POSITIVE, SHARE
from skdl.estimators._number_targets import LOSS_HEADS, make_real_target
from skdl.estimators._parameters import check_loss, expand_levels, is_own_loss
from skdl.estimators._protocols import LabelTarget, NumberTarget
from skdl.estimators._targets import make_class_target
from skdl.nn._heads import HEADS

__all__ = ["LABEL_LOSSES", "NetworkClassifier", "NetworkRegressor"]

LABEL_LOSSES = ("cross_entropy", "focal", "ordinal")


class NetworkClassifier(ClassifierMixin, BaseNetwork):
    """A network that classifies; a subclass defines its layers."""

    _parameter_constraints = BaseNetwork._parameter_constraints | {
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "loss": [str, callable],
        "categories": ["array-like", None],
        "label_smoothing": [SHARE],
        "focal_gamma": [FACTOR],
        "temperature": ["boolean"],
    }

    loss: Any
    label_smoothing: float
    focal_gamma: float
    categories: Any
    temperature: bool
    temperature_: float
    _target: LabelTarget

    @available_if(can_fit_partially)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train one epoch on some rows, continuing from the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur. The first call needs them, unless y is an
            indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, beside those of the calls before, too.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If the parameters or the data can't be used.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. If multilabel, the probability of each label.
        """
        logits = self._logits(X)
        return self._target.probabilities(logits)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; finite even where a probability is too small
            for a float.
        """
        logits = self._logits(X)
        return self._target.log_probabilities(logits)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits: the input of the softmax or the sigmoid.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column for each class or label; for two classes a flat array, positive
            for the second class.
        """
        logits = self._logits(X)
        return self._target.decide(logits)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class, or the labels of probability above 0.5.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels from ``classes_``, or 0 and 1 for each of several labels.
        """
        logits = self._logits(X)
        return self._target.predict(logits)

    def _make_target(self, y, weight, classes, *, partial):
        loss, setting = self._choose_loss()
        return make_class_target(
            y, classes, partial=partial, loss=loss, setting=setting
        )

    def _choose_loss(self):
        """Return how the loss differs from the cross-entropy, or None, and by what."""
        if is_own_loss(self.loss):
            return "own", self.loss
        if self.loss == "focal":
            return "focal", self.focal_gamma
        if self.loss == "ordinal":
            return "ordinal", self.categories
        if self.label_smoothing:
            return "smooth", self.label_smoothing
        return None, 0.0

    @property
    def _has_plain_loss(self):
        return self._choose_loss()[0] is None

    def _check_parameters(self):
        super()._check_parameters()
        check_loss(self.loss, LABEL_LOSSES)
        if self.label_smoothing and self.loss != "cross_entropy":
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r} has no effect with "
                f"loss={self.loss!r}: set it to 0, or loss='cross_entropy'."
            )
        if self.categories is not None and self.loss != "ordinal":
            raise ValueError(
                f"categories={self.categories!r} has no effect with "
                f"loss={self.loss!r}: leave it out, or set loss='ordinal'."
            )
        if self.temperature and self.loss == "ordinal":
            raise ValueError(
                "temperature=True can't be combined with loss='ordinal': set "
                "temperature=False, or another loss."
            )

    def _check_partial(self):
        super()._check_partial()
        if self.temperature:
            raise ValueError(
                "temperature=True needs rows that are held back, and partial_fit has "
                "none: set temperature=False."
            )

    def _check_held_back(self, job):
        if self.temperature and job.validation is None and not job.folds:
            raise ValueError(
                "temperature=True needs rows that are held back: set "
                "early_stopping=True, or give fit X_val and y_val."
            )

    def _calibrate(self, job):
        networks = {id(network): network for network in (self, *self._members)}
        for network in networks.values():
            vars(network).pop("temperature_", None)
        if not self.temperature:
            return
        held_back, link = HeldBack(self, job), HEADS[self._target.head].link
        part = held_back.part

        def mean_loss(temperature):
            losses = self._target.losses(held_back.whole(link, temperature), part.y)
            return np.average(losses, weights=part.weight)

        found = find_temperature(mean_loss, len(part.y))
        for network in networks.values():
            network.temperature_ = found
        for member in self._members:
            member._weights = scaled_output(member._weights, found)

    def _trained_weights(self):
        before = getattr(self, "temperature_", 1.0)
        return (
            self._weights if before == 1 else scaled_output(self._weights, 1 / before)
        )

    def _check_same_target(self, target):
        now = target.with_loss(*self._choose_loss())
        before, after = (
            (
                each.head,
                each.own_loss or each.loss_settings.tolist(),
                np.array(each.order).tolist(),
            )
            for each in (target, now)
        )
        if before != after:
            raise ValueError(
                f"A resumed fit needs the loss of the last fit, {before[0]!r} with "
                f"{before[1] or before[2]}, got {after[0]!r} with "
                f"{after[1] or after[2]}. Set warm_start=False, or clone the "
                "estimator, to start afresh."
            )

    def _weigh_classes(self, target, part, *, partial):
        if self.class_weight is None:
            return part
        if partial:
            refuse_balanced_parts(self.class_weight)
        weight = target.weigh(part.y, part.weight, self.class_weight)
        if part.weight is not None:
            weight = part.weight * weight
        if not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no row with a weight above "
                "0: y holds only classes of weight 0."
            )
        return part.weighted(weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.loss != "ordinal"
        return tags


def _learns_quantiles(regressor):
    target = vars(regressor).get("_target")
    learns = regressor.loss == "quantile" if target is None else len(target.levels) > 0
    if not learns:
        # available_if turns it into a missing method, so that hasattr is False.
        raise AttributeError(
            "Another loss learns no quantiles: set loss='quantile', and quantile to "
            "their levels, then fit."
        )
    return True


class NetworkRegressor(RegressorMixin, BaseNetwork):
    """A network that predicts numbers; a subclass defines its layers."""

    _parameter_constraints = BaseNetwork._parameter_constraints | {
        "loss": [str, callable],
        "huber_delta": [POSITIVE],
        "quantile": [LEVEL, "array-like"],
    }

    loss: Any
    huber_delta: float
    quantile: Any
    _target: NumberTarget
    # Of the rows that were held back.
    _residuals: np.ndarray | None = None
    _residual_weight: np.ndarray | None = None

    @available_if(can_fit_partially)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on some rows, continuing from the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets. Those of the first call decide how targets are scaled.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, beside those of the calls before, too.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If the parameters or the data can't be used.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With as many dimensions as the targets of the fit had.
        """
        logits = self._logits(X)
        return self._target.predict(logits)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Return intervals that hold a share of the targets of new rows.

        They are split-conformal: as wide as the targets that the fit has held back to
        validate on ask for. Of a network of several quantiles the outermost ones are
        widened or narrowed alike (Romano et al., 2019); with a log link the width grows
        with the prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        coverage : float, default=0.9
            The share of the targets, in (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, 2)
            The lower and the upper end; of shape (n_samples, n_outputs, 2) where the
            targets of the fit had two dimensions. Each output is covered for itself.

        Raises
        ------
        ValueError
            If the fit has held no rows back, or too few for the coverage.

        References
        ----------
        Papadopoulos et al., "Inductive confidence machines for regression", ECML
        (2002); Romano, Patterson & Candes, "Conformalized quantile regression", NeurIPS
        (2019).
        """
        is_number = isinstance(coverage, Real) and not isinstance(coverage, bool)
        if not is_number or not 0 < coverage < 1:
            raise ValueError(f"coverage={coverage!r} must be a float in (0, 1).")
        logits = self._logits(X)
        if self._residuals is None:
            raise ValueError(
                "predict_interval needs rows that the fit has held back: set "
                "early_stopping=True, or give fit X_val and y_val."
            )
        width = conformal_width(self._residuals, self._residual_weight, float(coverage))
        return self._target.interval(logits, width)

    @available_if(_learns_quantiles)
    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Return the quantiles that ``loss="quantile"`` has learned.

        They never cross: the network computes the distances between them, which are
        positive.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles)
            In the order of ``quantile``; of shape (n_samples, n_outputs, n_quantiles)
            where the targets of the fit had two dimensions.
        """
        logits = self._logits(X)
        return self._target.quantiles(logits)

    def _make_target(self, y, weight, classes, *, partial):
        if is_own_loss(self.loss):
            return make_real_target(y, weight, "own", own=self.loss)
        if self.loss != "quantile":
            delta = self.huber_delta if self.loss == "huber" else None
            return make_real_target(y, weight, self.loss, delta=delta)
        levels = expand_levels(self.quantile)
        return make_real_target(y, weight, self.loss, levels=levels)

    def _check_parameters(self):
        super()._check_parameters()
        check_loss(self.loss, [name for name in LOSS_HEADS if name != "own"])
        expand_levels(self.quantile)

    def _check_same_target(self, target):
        # Only the losses are compared, so any targets do; each loss takes positive
        # ones.
        now = self._make_target(np.ones(2), None, None, partial=False)
        for name in ("head", "delta", "levels", "own_loss"):
            before, after = getattr(target, name), getattr(now, name)
            if before != after:
                raise ValueError(
                    f"A resumed fit needs the loss of the last fit: its {name} was "
                    f"{before!r}, got {after!r}. Set warm_start=False, or clone the "
                    "estimator, to start afresh."
                )

    def _weigh_classes(self, target, part, *, partial):
        return part

    def _calibrate(self, job):
        self._residuals = self._residual_weight = None
        if job.validation is None and not job.folds:
            return
        held_back, link = HeldBack(self, job), HEADS[self._target.head].link
        known = [*zip(self._members, held_back.parts, held_back.logits, strict=True)]
        known.append((self, held_back.part, held_back.whole(link)))
        for network, part, logits in known:
            network._residuals = self._target.residuals(logits, part.given)
            network._residual_weight = part.weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
