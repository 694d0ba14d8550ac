"""Targets: how labels are encoded for a network, and decoded."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, column_or_1d

from skdl._utils._labels import (
    balanced_weights,
    check_same_classes,
    check_same_labels,
    labels_of,
    warn_of_absent_classes,
    warn_of_one_hot,
)

__all__ = ["make_class_target"]


def make_class_target(y, classes=None, *, partial=False, loss=None, setting=0.0):
    """Return the target of a classification, for its labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        One label for each row, or an indicator matrix of several.
    classes : array-like or None
        All labels, where ``y`` may hold only some of them.
    partial : bool, default=False
        Whether ``y`` may hold only some of the labels.
    loss : {"smooth", "focal", "ordinal", "own", None}, default=None
        What is minimized; None is the plain cross-entropy.
    setting : object, default=0.0
        The label smoothing, the gamma of the focal loss, the categories of an ordinal
        one in their order, or None, or a loss of the user's own.

    Raises
    ------
    ValueError
        If the labels are not classes, or all of one class.
    """
    is_plain = _are_integers(y)
    kind = "multiclass" if is_plain else type_of_target(y, input_name="y")
    if kind not in ("binary", "multiclass", "multilabel-indicator"):
        check_classification_targets(y)
    if kind == "multilabel-indicator":
        target = _LabelsTarget(y.shape[1]).with_loss(loss, setting)
        warn_of_one_hot(y, "several labels for each row, each present or not")
        return target
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y has several columns with more than two classes each, which is not "
            "supported. Use MultiOutputClassifier, or an indicator matrix of 0 and 1."
        )
    if partial and classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    encoder = LabelEncoder()
    if classes is not None:
        encoder.fit(_check_classes(classes))
    elif is_plain:
        encoder.classes_ = np.unique(y)  # as its fit does, which asks the same again
    else:
        encoder.fit(column_or_1d(y, warn=True))
    # It takes as long as all of this again, so it is asked only where it may say
    # something: that most rows have a label of their own.
    if classes is not None or 2 * len(encoder.classes_) >= len(y):
        check_classification_targets(y)
    if len(encoder.classes_) < 2:
        raise ValueError(
            f"y has only one class, {encoder.classes_[0]!r}: a classifier needs at "
            "least 2 classes among the rows of positive weight."
        )
    return _single_label_target(encoder, loss, setting)


def _are_integers(y):
    """Return whether labels are a row of integers.

    Of those nothing is asked: that takes a tenth of a small fit.
    """
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu"


def _check_classes(classes):
    """Return the labels that ``partial_fit`` was given, as an array."""
    labels = np.asarray(classes)
    if labels.ndim != 1:
        raise ValueError(
            "classes must be a list of all labels, such as [0, 1, 2], got an array of "
            f"shape {labels.shape}."
        )
    assert_all_finite(labels, input_name="classes")
    return labels


def _single_label_target(encoder, loss, setting):
    if loss == "ordinal":
        if len(encoder.classes_) > 2 or setting is not None:
            order = _find_order(encoder.classes_, setting)
        if len(encoder.classes_) > 2:
            return _OrdinalTarget(encoder, order)
        loss = None  # either order of two classes gives the same
    kind = _BinaryTarget if len(encoder.classes_) == 2 else _ClassTarget
    return kind(encoder).learning(loss, setting)


def _find_order(classes, categories):
    """Return the codes of the classes from the lowest to the highest."""
    labels = labels_of(classes)
    if categories is None:
        if classes.dtype.kind not in "biufmM":
            raise ValueError(
                f"loss='ordinal' needs an order of the classes, and y holds text, "
                f"{labels[:5]}: give them as categories=[...], in your order "
                "from the lowest to the highest."
            )
        return np.arange(len(classes))
    names = list(categories)
    if classes.dtype.kind in "mM":  # whatever their unit
        names = list(np.asarray(names).astype(classes.dtype))
    if len(set(names)) < len(names) or set(labels) - set(names):
        raise ValueError(
            f"categories={names!r} must name each class of y once: the classes are "
            f"{labels[:10]}."
        )
    codes = {label: code for code, label in enumerate(labels)}
    return np.array([codes[name] for name in names if name in codes])


class _LabelTarget:
    """What the targets of classifiers share."""

    head: str
    metric = "accuracy"
    scaling = None
    loss_settings = np.zeros(0, np.float32)
    n_quantiles = 1
    own_loss: Any = None
    order: Any = None  # of ordered classes: their codes from the lowest on

    def learning(self, loss, setting):
        """Set what is minimized; return the target."""
        if loss is not None:
            self.head = f"{loss}_{self.head}"
        if loss == "own":
            self.own_loss = setting
        elif loss is not None:
            self.loss_settings = np.array([setting], np.float32)
        return self

    def with_loss(self, loss, setting):
        """Return the target of the same labels that another loss learns."""
        raise NotImplementedError

    def log_probabilities(self, logits):
        """Return the logarithms of the probabilities of the classes."""
        raise NotImplementedError

    def to_metric(self, value):
        return value


class _SingleLabel(_LabelTarget):
    """What the targets with one label for each row share."""

    def __init__(self, encoder):
        self._encoder = encoder
        self.classes = encoder.classes_

    def with_loss(self, loss, setting):
        return _single_label_target(self._encoder, loss, setting)

    def weigh(self, encoded, weight, class_weight):
        """Return the weight that each row gets from its class."""
        codes = self._codes_of(encoded)
        if isinstance(class_weight, dict):
            return self._check_class_weight(class_weight)[codes]
        return balanced_weights(codes, weight)[codes]

    def _check_class_weight(self, class_weight):
        classes = labels_of(self.classes)
        if self.classes.dtype.kind in "mM":  # whatever their unit
            times = np.asarray([*class_weight]).astype(self.classes.dtype)
            class_weight = dict(zip(times, class_weight.values(), strict=True))
        warn_of_absent_classes(class_weight, classes)
        given = [class_weight.get(label, 1.0) for label in classes]
        # As objects: beside text, NumPy would make the numbers text.
        weights = np.array(given, dtype=object)
        if not all(isinstance(w, Real) and 0 <= float(w) < np.inf for w in weights):
            raise ValueError(
                f"class_weight={class_weight!r} must hold finite numbers >= 0."
            )
        if not weights.any():
            raise ValueError(f"class_weight={class_weight!r} has no weight above 0.")
        return weights.astype(np.float64)

    def codes(self, y, name):
        """Return the integer codes of the labels, counted from 0."""
        y = y if _are_integers(y) else column_or_1d(y, warn=True)
        kinds = {y.dtype.kind, self.classes.dtype.kind}
        are_times = kinds in ({"m"}, {"M"})  # NumPy compares those of other units
        if are_times or (y.dtype == self.classes.dtype and y.dtype != object):
            places = np.searchsorted(self.classes, y)
            places = np.minimum(places, len(self.classes) - 1)
            if (self.classes[places] == y).all():
                return places
        # Objects of several types can't be sorted, which np.unique does.
        found = y.tolist() if y.dtype == object else labels_of(np.unique(y))
        known = labels_of(self.classes)
        unknown = sorted(set(found) - set(known), key=str)
        if unknown:
            raise ValueError(
                f"{name} holds unknown labels: {unknown[:5]}; the classes are "
                f"{known[:10]}."
            )
        return self._encoder.transform(y)

    def losses(self, logits, encoded):
        rows = np.arange(len(encoded))
        return -self.log_probabilities(logits)[rows, self._codes_of(encoded)]

    def stratify(self, encoded):
        # As labels, since the errors of a split name them.
        return self.classes[self._codes_of(encoded)]

    def _codes_of(self, encoded):
        # Of two classes there is one column, 0.0 and 1.0.
        return encoded.reshape(-1).astype(int)

    def check_same(self, y, classes, *, partial):
        """Check that resumed training has the classes of the first fit."""
        if classes is not None:
            check_same_classes(self.classes, classes)
        if not partial:
            check_same_labels(self.classes, column_or_1d(y))


class _ClassTarget(_SingleLabel):
    """More than two classes: one logit for each."""

    head = "softmax"
    dtype = np.int32
    n_outputs = 1

    @property
    def n_logits(self):
        return len(self.classes)

    def encode(self, y, name="y"):
        return self.codes(y, name).astype(self.dtype)

    def decide(self, logits):
        return logits

    def probabilities(self, logits):
        # SciPy's softmax takes as long for one row as the whole network.
        shares = logits - logits.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def log_probabilities(self, logits):
        return log_softmax(logits, axis=1)

    def predict(self, logits):
        return self.classes[logits.argmax(axis=1)]


class _OrdinalTarget(_SingleLabel):
    """Ordered classes: one logit for each but the last, that of the classes up to it.

    Parameters
    ----------
    encoder : LabelEncoder
        Its classes are sorted, as scikit-learn expects them.
    order : ndarray of int, shape (n_classes,)
        Their codes from the lowest class to the highest.
    """

    head = "ordinal"
    dtype = np.int32
    n_outputs = 1

    def __init__(self, encoder, order):
        super().__init__(encoder)
        self.order = order
        self.n_logits = self.n_quantiles = len(order) - 1  # they all increase together

    @property
    def ranks(self):
        """The place of each class in the order."""
        return np.argsort(self.order)

    def encode(self, y, name="y"):
        return self.ranks[self.codes(y, name)].astype(self.dtype)

    def _codes_of(self, encoded):
        return self.order[encoded]

    def decide(self, logits):
        return self.log_probabilities(logits)

    def probabilities(self, logits):
        return np.exp(self.log_probabilities(logits))

    def log_probabilities(self, logits):
        # (n, classes - 1) -> (n, classes): the links around each class
        edges = [(0, 0), (1, 1)]
        links = np.pad(logits, edges, constant_values=(-np.inf, np.inf))
        lower, upper = links[:, :-1], links[:, 1:]
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)): the
        # difference of two numbers near 1 would leave nothing of the upper classes.
        between = np.maximum(-np.expm1(lower - upper), np.finfo(float).tiny)
        shares = log_expit(upper) + log_expit(-lower) + np.log(between)
        return shares[:, self.ranks]  # sorted as the classes are

    def predict(self, logits):
        return self.classes[self.log_probabilities(logits).argmax(axis=1)]


class _BinaryTarget(_SingleLabel):
    """Two classes: one logit, positive for the second."""

    head = "sigmoid"
    dtype = np.float32
    n_outputs = 1
    n_logits = 1

    def encode(self, y, name="y"):
        # (n,) -> (n, 1)
        return self.codes(y, name).astype(self.dtype)[:, np.newaxis]

    def decide(self, logits):
        # (n, 1) -> (n,)
        return logits[:, 0]

    def probabilities(self, logits):
        # (n, 1) -> (n, 2)
        return expit(np.hstack([-logits, logits]))

    def log_probabilities(self, logits):
        # 1 - sigmoid(z) = sigmoid(-z), whose logarithm is finite where 1 - p rounds to
        # 0.
        return log_expit(np.hstack([-logits, logits]))

    def predict(self, logits):
        return self.classes[(logits[:, 0] > 0).astype(int)]


class _LabelsTarget(_LabelTarget):
    """Several labels, each present or not: one logit for each."""

    head = "sigmoid"
    dtype = np.float32

    def __init__(self, n_labels):
        self.n_outputs = self.n_logits = n_labels
        self.classes = np.arange(n_labels)

    def with_loss(self, loss, setting):
        if loss == "ordinal":
            raise ValueError(
                "loss='ordinal' is for one label in each row, and y has several "
                "columns: give one column of ordered classes."
            )
        return _LabelsTarget(self.n_logits).learning(loss, setting)

    def stratify(self, encoded):
        return None

    def weigh(self, encoded, weight, class_weight):
        if isinstance(class_weight, dict):
            raise ValueError(
                f"class_weight={class_weight!r} must be 'balanced' or None where each "
                "row has several labels."
            )
        columns = encoded.T.astype(int)
        return np.prod([balanced_weights(c, weight)[c] for c in columns], axis=0)

    def check_same(self, y, classes, *, partial):
        """Do nothing: ``encode`` checks the columns."""

    def encode(self, y, name="y"):
        if y.shape[1:] != (self.n_logits,) or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{name} must be an indicator matrix of 0 and 1 with {self.n_logits} "
                f"columns, got an array of shape {y.shape}."
            )
        return y.astype(self.dtype)

    def decide(self, logits):
        return logits

    def probabilities(self, logits):
        return expit(logits)

    def log_probabilities(self, logits):
        return log_expit(logits)

    def losses(self, logits, encoded):
        return -log_expit(logits * (2 * encoded - 1)).mean(axis=1)

    def predict(self, logits):
        return (logits > 0).astype(int)
