"""The data of a wrapped model: checking, encoding and splitting them."""

from contextlib import contextmanager

import keras
import numpy as np
import scipy.sparse
from sklearn import config_context
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    validate_data,
)

from skdl._utils._labels import labels_of
from skdl._utils._numbers import as_numeric, refuse_negative, refuse_times
from skdl._utils._validation_part import split_validation
from skdl.keras_wrapper._scikeras import BaseWrapper
from skdl.keras_wrapper._streams import is_stream, read_whole

__all__ = [
    "CheckedData",
    "check_weight_shape",
    "count_rows",
    "join_validation",
    "unknown_labels_named",
]


@contextmanager
def unknown_labels_named(y, classes, name="y"):
    """Name the labels that an encoder of these classes refuses."""
    try:
        yield
    except ValueError as error:
        if "unknown categories" not in str(error).lower() or np.ndim(classes) != 1:
            raise
        unknown = np.setdiff1d(y, classes)
        raise ValueError(
            f"{name} holds unknown labels: {labels_of(unknown)[:10]}; the classes are "
            f"{labels_of(classes)[:20]}."
        ) from error


def arrays_kept():
    """Let encoders return arrays, also where scikit-learn is to make frames."""
    return config_context(transform_output="default")


class CheckedData(BaseWrapper):
    """Checks and encodes the data of a wrapper."""

    _built: keras.Model
    _seed: int

    def _check_input(self, X):
        """Check that a model for text begins with a layer that accepts text."""
        if not _is_text(X):
            return
        inputs = getattr(self._built, "inputs", None)
        if inputs is None or any(part.dtype == "string" for part in inputs):
            return
        raise ValueError(
            f"X holds {X.dtype}, which are not numbers, and the model takes numbers. "
            "Encode it first, for example by OneHotEncoder in a pipeline; or let the "
            "model begin with keras.Input(shape, dtype='string') and TextVectorization "
            "or StringLookup."
        )

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        if X is not None:
            refuse_times(X)
            # dtype=None: integers may be indices for an Embedding, and text stays text.
            X = validate_data(
                self, X, reset=reset, accept_sparse="csr", allow_nd=True, dtype=None
            )
            X = _as_model_input(X)
            if reset:
                self.X_dtype_, self.X_shape_ = X.dtype, X.shape
            # validate_data compares the second dimension only.
            elif X.shape[1:] != self.X_shape_[1:]:
                raise ValueError(
                    f"X has rows of shape {X.shape[1:]}, but {type(self).__name__} was "
                    f"fitted on rows of shape {self.X_shape_[1:]}."
                )
        if y is not None:
            if y_numeric:
                refuse_times(y, "y")
            dtype = "numeric" if y_numeric else None
            y = check_array(
                y,
                ensure_2d=False,
                allow_nd=True,
                dtype=dtype,
                input_name="y",
                estimator=self,
            )
            if y.dtype.kind == "f" and y.dtype.itemsize > 8:
                y = y.astype(np.float64)  # Keras has no long doubles
            if reset:
                self.target_type_ = self._type_of_target(y)
                self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
            elif y.ndim != self.y_ndim_:
                raise ValueError(
                    f"y has {y.ndim} dimensions, but {type(self).__name__} was fitted "
                    f"on {self.y_ndim_}."
                )
        elif reset:
            raise ValueError(
                f"requires y to be passed, but the target y is None: "
                f"{type(self).__name__} learns from labels or numbers."
            )
        if X is not None and y is not None:
            check_consistent_length(X, y)
        return X, y

    @staticmethod
    def _validate_sample_weight(X, y, sample_weight):
        refuse_times(sample_weight, "sample_weight")
        found = BaseWrapper._validate_sample_weight(X, y, sample_weight)
        refuse_negative(found[2], "sample_weight")
        return found

    def _encode(self, X, y, weight=None, *, y_name="y"):
        """Return the data as the model takes them, with weights if there are any."""
        classes = getattr(self, "classes_", None)
        with arrays_kept(), unknown_labels_named(y, classes, y_name):
            rows = self.feature_encoder_.transform(X)
            encoded = rows, self.target_encoder_.transform(y)
        return encoded if weight is None else (*encoded, weight)

    def _encode_validation(self, validation):
        if is_stream(validation):
            validation = read_whole(validation)
        is_tuple = isinstance(validation, (list, tuple))
        if not is_tuple or len(validation) not in (2, 3):
            found = f"{len(validation)} parts" if is_tuple else repr(validation)
            raise ValueError(
                "validation_data must be (X_val, y_val), or (X_val, y_val, "
                f"sample_weight_val), got {found[:80]}."
            )
        X, y, weight = (*validation, None)[:3]
        X, y = self._validate_data(X, y)
        if weight is not None:
            check_weight_shape(weight, X.shape[0], "sample_weight_val")
            X, y, weight = self._validate_sample_weight(X, y, weight)
        return self._encode(X, y, weight, y_name="y_val")

    def _split(self, X, y, weight, share, groups):
        """Return the data in two parts, the second with the given share of the rows."""
        seed = np.random.SeedSequence(self._seed)
        try:
            rows = split_validation(X.shape[0], self._stratify(y), share, seed, groups)
        except ValueError as error:
            raise ValueError(
                f"validation_split={share!r} can't split off rows of each class: "
                f"{error.__cause__ or error} Give validation_data to fit instead."
            ) from error
        return [
            (X[some], y[some], None if weight is None else weight[some])
            for some in rows
        ]

    def _stratify(self, y):
        return None


def check_weight_shape(weight, n_rows, name):
    """Check that there is one weight for each row, or one for all."""
    shape = np.asarray(weight).shape
    if shape not in ((), (n_rows,)):
        raise ValueError(
            f"{name} has the shape {shape}: give one number for each of the {n_rows} "
            "rows."
        )


def join_validation(separate, together):
    """Return the validation part, given by ``X_val`` and ``y_val`` or as a tuple."""
    X, y, weight = separate
    if all(part is None for part in separate):
        return together
    if together is not None:
        raise ValueError(
            "X_val and validation_data are two spellings of the same thing: give only "
            "one of them."
        )
    if X is None or y is None:
        raise ValueError("X_val and y_val belong together: give both of them, or none.")
    return (X, y) if weight is None else separate


def _as_model_input(X):
    """Return X with numbers where it holds objects or text."""
    if scipy.sparse.issparse(X) or X.dtype.kind in "iub":
        return X
    if X.dtype.kind == "f":
        is_long = X.dtype.itemsize > 8  # Keras has no long doubles
        return X.astype(np.float64) if is_long else X
    if X.dtype.kind in "mM":
        as_numeric(X)
    try:
        return X.astype(keras.config.floatx())
    except (TypeError, ValueError) as error:
        if _is_text(X):
            return X  # a model may begin with a layer that takes it
        raise type(error)(
            f"X holds {X.dtype}, which are not numbers ({error}). Encode it first, for "
            "example by OneHotEncoder in a pipeline."
        ) from error


def _is_text(X):
    """Return whether an array holds strings."""
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "OUT":
        return False
    return X.dtype.kind != "O" or all(isinstance(value, str) for value in X.ravel())


def count_rows(X):
    """Return the number of rows of an array, or of the first of several."""
    return keras.tree.flatten(X)[0].shape[0]
