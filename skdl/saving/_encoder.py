"""Encode estimators as plain data: only classes and values of an allow-list.

A value is JSON as it is, or a list whose first element names its kind. Arrays are
members of the file.
"""

import importlib
import inspect
import math
import sys
from copy import copy

import numpy as np
import scipy.sparse
import sklearn.utils

from skdl._utils._nested import is_network
from skdl._utils._sklearn import plain_requests
from skdl.nn._augmentation import plain_settings
from skdl.nn._own_loss import is_registered_name
from skdl.saving._classes import (
    AUGMENTATIONS,
    CLASSES,
    MAX_COUNT,
    are_plain_settings,
    find_name,
)

__all__ = ["Encoder"]

# Attributes that a fit leaves for use in its own process only.
_DROPPED = {"callbacks_", "_built_with", "_observer", "_model", "_seen_columns"}
_REQUESTS = "_metadata_request"
_FLOATS = 16  # a list of more floats becomes an array


class Encoder:
    """Turns an estimator into plain data.

    Parameters
    ----------
    writer : Writer
        Takes the arrays.
    save_model : callable
        Returns the bytes of a Keras model.

    Attributes
    ----------
    classes : set of str
        The classes that were met.
    """

    def __init__(self, writer, save_model):
        self._writer = writer
        self._save_model = save_model
        self.classes = set()

    def encode(self, value, where):
        """Return a value as plain data.

        Parameters
        ----------
        value : object
            The value.
        where : str
            Where the value is in the estimator, for the error message.

        Raises
        ------
        ValueError
            If a file can't hold the value.
        """
        if value is None or isinstance(value, (bool, str)):
            return value
        # Exactly these: np.float64 is a float, and has to come back as it was.
        if type(value) in (int, float):
            return value if math.isfinite(value) else ["float", repr(value)]
        if isinstance(value, type) and issubclass(value, np.generic):
            return ["scalar_type", value.__name__]
        pandas = sys.modules.get("pandas")
        if pandas is not None and isinstance(value, pandas.Index):
            value = value.tolist()  # names of columns: what reads them takes a list
        for kinds, encode in self._encoders():
            if isinstance(value, kinds):
                return encode(value, where)
        return self._encode_object(value, where)

    def _encoders(self):
        return (
            (np.ndarray, self._encode_array),
            (np.generic, self._encode_scalar),
            (np.dtype, lambda value, _: ["dtype", value.str]),
            ((list, tuple, set, frozenset), self._encode_sequence),
            (sklearn.utils.Bunch, self._encode_object),
            (dict, self._encode_dict),
            (slice, self._encode_slice),
            ((scipy.sparse.sparray, scipy.sparse.spmatrix), self._encode_sparse),
        )

    def _encode_array(self, array, where):
        if array.dtype.kind in "biufcSUmM":
            return ["array", self._writer.add_array(array)]
        if array.dtype.kind != "O":
            self._refuse(array.dtype, where)
        values = [self.encode(value, where) for value in array.ravel().tolist()]
        return ["objects", list(array.shape), values]

    def _encode_scalar(self, value, where):
        if value.dtype.kind not in "biufSUmM":
            self._refuse(value, where)
        return ["scalar", self._writer.add_array(np.asarray(value))]

    def _encode_sequence(self, values, where):
        kind = type(values).__name__
        if kind not in ("list", "tuple", "set", "frozenset"):
            self._refuse(values, where)  # a named tuple, say
        if kind in ("set", "frozenset"):
            values = sorted(values, key=repr)  # the same set gives the same file
        elif len(values) > _FLOATS and all(type(value) is float for value in values):
            return [f"floats_{kind}", self._writer.add_array(np.array(values))]
        encoded = [self.encode(v, f"{where}[{k}]") for k, v in enumerate(values)]
        return [kind, encoded]

    def _encode_dict(self, values, where):
        # Pairs: keys of a JSON object are text, and those of class_weight are labels.
        pairs = [
            [self.encode(key, where), self.encode(value, f"{where}[{key!r}]")]
            for key, value in values.items()
        ]
        return ["dict", pairs]

    def _encode_slice(self, value, where):
        parts = (value.start, value.stop, value.step)
        return ["slice", [self.encode(part, where) for part in parts]]

    def _encode_sparse(self, matrix, where):
        csr = matrix.tocsr()
        parts = [csr.data, csr.indices, csr.indptr]
        array = isinstance(matrix, scipy.sparse.sparray)
        arrays = [self._writer.add_array(part) for part in parts]
        return ["csr", array, list(csr.shape), arrays]

    def _encode_object(self, value, where):
        if where.endswith("loss") and (name := _registered_name(value)):
            return name
        if isinstance(value, (type, np.ufunc)) or inspect.isroutine(value):
            name = find_name(value)
            found = name and ["function", name]
        else:
            name = find_name(type(value))
            encode = self._encode_instance if name in CLASSES else self._encode_keras
            known = name and not name.startswith("builtins.")
            found = known and encode(name, value, where)
        return found or self._refuse(value, where)

    def _encode_instance(self, name, value, where):
        self.classes.add(name)
        if type(value) is sklearn.utils.Bunch:
            state = dict(value)
        elif hasattr(value, "__getstate__"):
            state = value.__getstate__()
        else:
            state = vars(value)
        kept = {key: part for key, part in state.items() if key not in _DROPPED}
        models = {}
        if name in ("skdl.KerasClassifier", "skdl.KerasRegressor"):
            models = _take_models(value, kept)
        if is_network(value) and kept.get("estimators_"):
            kept["estimators_"] = [_as_told(m, value) for m in kept["estimators_"]]
        if _REQUESTS in kept:
            kept[_REQUESTS] = plain_requests(kept[_REQUESTS])
        encoded = [
            [key, self.encode(part, f"{where}.{key}")] for key, part in kept.items()
        ]
        for key, model in models.items():
            content = self._save_model(model)
            encoded.append([key, ["model", self._writer.add_model(content)]])
        return ["object", name, ["dict", encoded]]

    def _encode_keras(self, name, value, where):
        """Return an object of Keras as its class and its settings."""
        if name in AUGMENTATIONS:
            return ["keras", name, self.encode(plain_settings(value), where)]
        settings = value.get_config()
        for key, setting in settings.items():
            if isinstance(setting, list):
                settings[key] = [*setting]  # Keras tracks some lists by a class
        # get_config makes a dict of a schedule, which the decoder would refuse.
        if isinstance(settings.get("learning_rate"), dict):
            schedules = importlib.import_module("keras.optimizers.schedules")
            schedule = schedules.deserialize(settings["learning_rate"])
            settings["learning_rate"] = schedule
        if name.startswith("keras.metrics.") and not are_plain_settings(name, settings):
            raise ValueError(
                f"{where} is a {name} with settings that skdl.save can't save: lists "
                f"and numbers may be up to {MAX_COUNT:,}. Set fewer thresholds or "
                "classes, or use joblib.dump, whose files run code when loaded."
            )
        return ["keras", name, self.encode(settings, where)]

    def _refuse(self, value, where):
        kind = value if isinstance(value, type) else type(value)
        hint = "Remove it first"
        if "._names[" in where:
            hint = "Name the columns by texts before the fit: X.columns.astype(str)"
        if "callbacks" in where:
            hint = "Set callbacks=None first"
        if "_skl_callbacks" in where:
            hint = "Call set_callbacks() first, without any"
        if where.endswith("loss"):
            hint = (
                "Register it by @keras.saving.register_keras_serializable('package') "
                "first: then the file has its name"
            )
        if hasattr(value, "best_estimator_"):
            hint = "Save its best_estimator_"
        raise ValueError(
            f"{where} is a {kind.__module__}.{kind.__qualname__}, which skdl.save "
            "can't save: a file holds only data and objects of known classes. "
            f"{hint}, or use joblib.dump, whose files run code when they are loaded."
        )


def _as_told(member, whole):
    """Return a network of an ensemble without what was taken from the whole since."""
    told = copy(member)
    told.callbacks, told.monitor = whole.callbacks, whole.monitor
    return told


def _take_models(wrapper, state):
    """Take the Keras models out of the state of a wrapper, and return them by name."""
    keras = importlib.import_module("keras")
    given, models = wrapper._given_model(), {}
    # A function is code: the loaded estimator builds the same layers instead.
    state.update(model=None, build_fn=None)
    if isinstance(given, keras.Model):
        del state["model"]
        models["model"] = given
    if state.pop("_kept", None):
        models["_kept"] = wrapper.model_
    return models


def _registered_name(loss):
    """Return the name that a function is registered under with Keras, or None."""
    keras = sys.modules.get("keras")  # who has registered it has imported it
    if keras is None or not inspect.isroutine(loss):
        return None
    name = keras.saving.get_registered_name(loss)
    return name if is_registered_name(name) else None
