"""A user's model in double precision, for its predictions.

In single precision the last digits of a row's outputs depend on the rows beside it:
they decide how a product is cut into blocks. In double precision this affects only
digits that do not matter.
"""

import weakref
from dataclasses import dataclass

import keras
import numpy as np

from skdl._utils._keras_objects import keras_seeds_from
from skdl.nn._inference import DOUBLE_PRECISION_MULTIPLY_ADDS
from skdl.training._cache import programs
from skdl.training._model_key import (
    NotCompilable,
    describe_layers,
    multiply_adds_per_row,
    rows_at_once,
)

__all__ = ["predict_in_double"]

# To describe an architecture takes a millisecond, as long as to predict a row.
_keys: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def predict_in_double(model, X):
    """Return the outputs of a model in double precision, or None.

    Parameters
    ----------
    model : keras.Model
        Built.
    X : ndarray of shape (n_samples, ...)
        The rows.

    Returns
    -------
    ndarray of float64 or list of them, or None
        None where the model has parts that are not Keras' own, or is so large that
        double precision would cost much.
    """
    key = _find_key(model)
    if key is None:
        return None
    with programs.lend(key, lambda: _Twin(key, model)) as twin:
        twin.load(model)
        return twin.predict(X)


@dataclass(frozen=True)
class _TwinSpec:
    """What a twin is made for."""

    architecture: str


class _Twin:
    """A model of the same architecture in double precision.

    Parameters
    ----------
    spec : _TwinSpec
        What it is made for.
    model : keras.Model
        Of Keras' own parts, built.
    """

    def __init__(self, spec, model):
        self.spec = spec
        with keras_seeds_from(0):
            self._model = type(model).from_config(_doubled(model.get_config()))
        self._rows_at_once = rows_at_once(model)

    def load(self, model):
        """Load the variables of a model."""
        for variable, value in zip(self._model.variables, model.variables, strict=True):
            variable.assign(value.numpy())

    def predict(self, X):
        """Return the outputs."""
        parts = [
            self._model(X[start : start + self._rows_at_once], training=False)
            for start in range(0, max(len(X), 1), self._rows_at_once)
        ]
        return keras.tree.map_structure(
            lambda *some: np.concatenate([part.numpy() for part in some]), *parts
        )


def _find_key(model):
    # What a user may set in a layer of a built model.
    settings = [getattr(layer, "activation", None) for layer in model.layers]
    known, key = _keys.get(model, (None, None))
    if known != settings:
        try:
            found = _TwinSpec(describe_layers(model))
        except NotCompilable:
            found = None
        if multiply_adds_per_row(model) > DOUBLE_PRECISION_MULTIPLY_ADDS:
            found = None
        _keys[model] = settings, found
        key = found
    return key


def _doubled(config):
    """Return a configuration in which single floats are double floats."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": "float64"}}
        return {
            key: "float64" if key == "dtype" and value == "float32" else _doubled(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_doubled(value) for value in config)
    return config
