"""The network of tables: what TabularClassifier and TabularRegressor share."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_X_y

from skdl._utils._sklearn import take_rows
from skdl._utils._validation_part import deal_folds
from skdl.estimators._mlp import MLP_CONSTRAINTS, Perceptron
from skdl.tables._encoder import TABLE_CONSTRAINTS, TableEncoder
from skdl.tables._reading import as_table

__all__ = [
    "LEARNING_RATE_OF_TABLES",
    "N_ENSEMBLE",
    "PATIENCE",
    "TABULAR_CONSTRAINTS",
    "WEIGHT_DECAY",
    "Tabular",
]

# Chosen by measurement: docs/benchmarks/tables.md has the ablation.
N_ENSEMBLE = 8
LEARNING_RATE_OF_TABLES = 0.004
WEIGHT_DECAY = 0.05  # of regressors; classifiers do better with the penalty of MLPs
PATIENCE = 20

TABULAR_CONSTRAINTS = MLP_CONSTRAINTS | TABLE_CONSTRAINTS


class Tabular(Perceptron):
    """A perceptron on the encoded columns of a table.

    The networks of its ensemble are each validated on another fold of the rows, so
    that none of them is lost to the training.
    """

    n_bins: int | str
    max_categories: int
    categorical_features: Any
    numerical_features: Any
    drop_features: Any
    # Perceptron reads it; here `normalization` alone is a parameter.
    batch_norm = False

    # Set by a fit.
    _encoder: TableEncoder | None = None

    @property
    def columns_(self) -> Any:
        """What was made of each column, as a data frame."""
        if self._encoder is None:
            raise AttributeError(
                f"This {type(self).__name__} has no columns_ before fit has seen a "
                "table."
            )
        return self._encoder.columns_

    def _check_fits_partially(self):
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: how columns are encoded, and "
            "which rows each network is validated on, is learned from all rows at "
            "once. Use fit, or a fitted TableEncoder and an MLPClassifier or "
            "MLPRegressor, whose partial_fit takes some rows at a time."
        )

    # The way of the data

    def _training_rows(self, X, weight, *, reset):
        if not reset:
            self._check_same_encoding(self._encoder)
            return self._as_rows(X)
        table = as_table(X)
        params = {name: getattr(self, name) for name in TABLE_CONSTRAINTS}
        encoder = TableEncoder(**params)
        # A row of weight 0 is as if it were not there. Other weights are checked later.
        kept, given = np.arange(table.shape[0]), np.asarray(weight)
        if given.shape == kept.shape:
            kept = np.flatnonzero(given)
        is_part = 0 < len(kept) < table.shape[0]
        encoder.fit(take_rows(table, kept) if is_part else table)
        if not encoder.n_outputs_:
            n_rows = table.shape[0]
            reasons = encoder.columns_["encoding"].to_dict()
            raise ValueError(
                f"No column of X is left to learn from (n_samples = {n_rows}): "
                f"{reasons}."
            )
        self._encoder = encoder
        self.n_features_in_ = encoder.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_
        return encoder._encode(table)

    def _check_same_encoding(self, encoder):
        """Refuse to resume with other parameters of the encoding."""
        then = encoder.get_params()
        for name in TABLE_CONSTRAINTS:
            now = getattr(self, name)
            if _as_plain(then[name]) != _as_plain(now):
                raise ValueError(
                    f"A resumed fit encodes the columns as the last fit did: its "
                    f"{name} was {then[name]!r}, got {now!r}. Set warm_start=False, or "
                    "clone the estimator, to begin anew."
                )

    def _as_rows(self, X, *, reset=False, name="X"):
        if self._encoder is None:
            return super()._as_rows(X, name=name)
        try:
            return self._encoder._encode(X, self)
        except (TypeError, ValueError) as error:
            if name == "X":
                raise
            raise type(error)(f"{name}: {error}") from error

    def _logits(self, X):
        if self._encoder is None:
            return super()._logits(X)
        parts = self._encoder._encode_parts(X, self)
        return np.concatenate([self._logits_of(rows) for rows in parts])

    def _validate(self, X, y, *, reset):
        return check_X_y(X, y, multi_output=True, dtype=None, estimator=self)

    def _shown_rows(self, given, rows):
        return given

    def _monitored(self, part, *, is_plain):
        if is_plain:  # the table need not be encoded after each epoch
            return super()._monitored(part, is_plain=is_plain)
        rows = part.shown if part.rows is None else take_rows(part.shown, part.rows)
        return self, rows

    def _taking_rows(self):
        shown = super()._taking_rows()
        shown.n_features_in_, shown._encoder = self._n_inputs(), None
        return shown

    def _n_inputs(self):
        return self._encoder.n_outputs_ if self._encoder else self.n_features_in_

    def _split_validation(self, job, seed, groups):
        if self.n_ensemble == 1:
            super()._split_validation(job, seed, groups)
            return
        part = job.train
        n_rows = len(part.y)
        if groups is not None and part.rows is not None:
            groups = groups[part.rows]
        labels = job.learner.target.stratify(part.y)
        for fold in deal_folds(n_rows, labels, self.n_ensemble, seed, groups):
            is_held_back = np.zeros(n_rows, bool)
            is_held_back[fold] = True
            train = part.take(np.flatnonzero(~is_held_back))
            job.folds.append((train, part.take(fold)))

    # One encoder for all networks, in memory and in a file

    def __getstate__(self):
        state = super().__getstate__()
        if "estimators_" in state:
            state["estimators_"] = [m._taking_rows() for m in state["estimators_"]]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        learned = ("_encoder", "n_features_in_", "feature_names_in_")
        for member in vars(self).get("estimators_", ()):
            vars(member).update({k: v for k, v in vars(self).items() if k in learned})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _as_plain(given):
    """Return a list of names in the place of any container of them."""
    is_list = hasattr(given, "__iter__") and not isinstance(given, str)
    return [*given] if is_list else given
