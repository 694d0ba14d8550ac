"""Plain data as estimators again: the way back from ``_encoder``."""

import inspect
from typing import Any

import numpy as np
import scipy.sparse
import sklearn.utils

from skdl._utils._needed import keras_needed
from skdl._utils._sklearn import make_requests
from skdl.nn._activations import ACTIVATIONS
from skdl.nn._heads import HEADS
from skdl.nn._normalization import NORMALIZATIONS
from skdl.saving._classes import (
    AUGMENTATIONS,
    CLASSES,
    NETWORKS,
    are_plain_settings,
    find_class,
    find_function,
)

__all__ = ["Decoder"]


class Decoder:
    """Turns plain data into an estimator again.

    Parameters
    ----------
    reader : Reader
        Gives the arrays.
    load_model : callable
        Takes the bytes of a Keras model and returns it.
    """

    def __init__(self, reader, load_model):
        self._reader = reader
        self._load_model = load_model
        self._decoders = {
            "array": self._reader.array,
            "csr": self._decode_sparse,
            "dict": self._decode_dict,
            "dtype": self._decode_dtype,
            "float": self._decode_float,
            "floats_list": lambda name: self._reader.array(name).tolist(),
            "floats_tuple": lambda name: tuple(self._reader.array(name).tolist()),
            "frozenset": lambda values: frozenset(self._decode_all(values)),
            "function": find_function,
            "keras": self._decode_keras,
            "list": self._decode_all,
            "model": lambda name: self._load_model(self._reader.model(name)),
            "object": self._decode_object,
            "objects": self._decode_objects,
            "scalar": lambda name: self._reader.array(name)[()],
            "scalar_type": self._decode_scalar_type,
            "set": lambda values: set(self._decode_all(values)),
            "slice": lambda parts: slice(*self._decode_all(parts)),
            "tuple": lambda values: tuple(self._decode_all(values)),
        }

    def decode(self, value):
        """Return the object that plain data describe.

        Raises
        ------
        ValueError
            If they describe nothing that is allowed.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if (
            not isinstance(value, list)
            or value[:1] == []
            or value[0] not in (self._decoders)
        ):
            raise ValueError(
                f"The file holds {str(value)[:80]!r}, which is of no known kind."
            )
        return self._decoders[value[0]](*value[1:])

    def _decode_all(self, values):
        return [self.decode(value) for value in values]

    def _decode_dict(self, pairs):
        return {self.decode(key): self.decode(value) for key, value in pairs}

    def _decode_dtype(self, text):
        dtype = np.dtype(text)
        if dtype.hasobject and text != "|O":
            raise ValueError(f"The file holds the dtype {text!r}: it is not allowed.")
        return dtype

    def _decode_scalar_type(self, name):
        kind = getattr(np, name)
        if not isinstance(kind, type) or not issubclass(kind, np.generic):
            raise ValueError(f"The file holds the type {name!r}: it is not allowed.")
        return kind

    def _decode_float(self, text):
        if text not in ("nan", "inf", "-inf"):
            raise ValueError(
                f"The file holds {text!r} as a number: it must be nan, inf or -inf."
            )
        return float(text)

    def _decode_objects(self, shape, values):
        # np.array would make another dimension of values that are lists.
        array = np.empty(len(values), dtype=object)
        array[:] = self._decode_all(values)
        return array.reshape(shape)

    def _decode_sparse(self, array, shape, names):
        kind = scipy.sparse.csr_array if array else scipy.sparse.csr_matrix
        matrix = kind(tuple(self._reader.array(name) for name in names), shape=shape)
        # SciPy's compiled code trusts the indices: forged ones would point outside.
        matrix.check_format(full_check=True)
        return matrix

    def _decode_keras(self, path, settings):
        with keras_needed(f"load an estimator that has a {path}"):
            kind: Any = find_function(path)
            import keras

        schedule = keras.optimizers.schedules.LearningRateSchedule
        kinds: tuple = (keras.Optimizer, keras.Loss, keras.Metric, schedule)
        if path in AUGMENTATIONS:
            kinds = (keras.layers.Layer,)
        if not inspect.isclass(kind) or not issubclass(kind, kinds):
            raise ValueError(f"The file makes a {path!r}, which is not allowed.")
        settings = self.decode(settings)
        if not are_plain_settings(path, settings, schedule):
            raise ValueError(
                f"The file makes a {path!r} with the settings {str(settings)[:200]}, "
                "which are not allowed."
            )
        return kind.from_config(settings)  # type: ignore[attr-defined]

    def _decode_object(self, name, state):
        if name not in CLASSES:
            raise ValueError(f"The file holds a {name!r}, which is not allowed.")
        kind = find_class(name)
        state = self.decode(state)
        if not isinstance(state, dict) or not all(
            isinstance(key, str) and not key.startswith("__") for key in state
        ):
            raise ValueError(
                f"The file holds a {name!r} with the state {str(state)[:80]!r}: it is "
                "not allowed."
            )
        # Its __setstate__ ignores the state.
        if kind is sklearn.utils.Bunch:
            return kind(**state)
        found = kind.__new__(kind)
        requests = state.pop("_metadata_request", None)
        if "_kept" in state:
            found._restore(state)
        elif hasattr(found, "__setstate__"):
            found.__setstate__(state)
        else:
            vars(found).update(state)
        if requests is not None:
            found._metadata_request = make_requests(found, requests)
        if name in NETWORKS:
            check_network(found)
        return found


def check_network(estimator):
    """Check that the weights of a fitted network are finite and have matching shapes.

    Raises
    ------
    ValueError
        If not.
    """
    state = vars(estimator)
    if "history_" not in state:
        return  # it is not fitted
    network, target = state["_network"], state["_target"]
    _check_residuals(state.get("_residuals"), target)
    if "estimators_" in state:
        _check_members(estimator)
        return
    weights = state["_weights"]
    if type(weights) is not list:
        raise ValueError("The weights of the network are not a list.")
    # First: `network.weights` is as long as the depth in the file says.
    check_structure(network, len(weights))
    if len(network.weights) != len(weights):
        raise ValueError("The network has the wrong number of weights.")
    for name, weight in zip(network.weights, weights):
        if weight.dtype != np.float32 or not np.isfinite(weight).all():
            raise ValueError(f"A {name} of the network must be finite float32 numbers.")
    order = getattr(target, "order", None)
    if order is not None and sorted(order.tolist()) != [*range(len(target.classes))]:
        raise ValueError("The order of the classes does not name each of them once.")
    if network.n_quantiles != target.n_quantiles:
        raise ValueError("The number of quantiles does not match the target.")
    if network.head != target.head:
        raise ValueError(f"The head {network.head!r} does not match the target.")
    rates = state.get("_rates")
    n_rates = network.n_blocks + network.depth + 1
    if rates and (len(rates) != n_rates or not all(0 <= rate < 1 for rate in rates)):
        raise ValueError(f"The network has wrong dropout rates: {rates}.")
    widths = network.widths_of(weights)
    plan = network.plan(estimator._n_inputs(), widths)
    expected = [tuple(shape) for shapes in plan.weight_shapes for shape in shapes]
    found = [weight.shape for weight in weights]
    if found != expected or widths[-1] != target.n_logits:
        raise ValueError(f"The weights of the network have wrong shapes: {found}.")


def _check_members(estimator):
    members = estimator.estimators_
    is_same = type(members) is list and all(
        type(member) is type(estimator)
        and "estimators_" not in vars(member)
        and vars(member).get("_network") == estimator._network
        and member._target.n_logits == estimator._target.n_logits
        for member in members
    )
    if not is_same or not members:
        raise ValueError("The networks of the ensemble do not match it.")


def _check_residuals(residuals, target):
    if residuals is None:
        return
    if residuals.ndim != 2 or residuals.shape[1] != target.n_outputs:
        raise ValueError(f"The residuals have the wrong shape {residuals.shape}.")
    # Those of infinite predictions are infinite.
    if residuals.dtype != np.float64 or not (residuals > -np.inf).all():
        raise ValueError("The residuals must be float64 numbers.")


def check_structure(structure, n_weights):
    """Check that a structure is plausible for its weights, and has known parts.

    Raises
    ------
    ValueError
        If not. The network must not be built then.
    """
    depth = structure.depth
    if type(depth) is not int or not 0 <= depth < n_weights:
        raise ValueError("The network has the wrong number of weights.")
    if structure.n_blocks >= n_weights:
        raise ValueError("The network has the wrong number of weights.")
    if structure.activation not in ACTIVATIONS or structure.head not in HEADS:
        raise ValueError(
            f"The network has activation {structure.activation!r} and head "
            f"{structure.head!r}."
        )
    if structure.normalization not in {None, *NORMALIZATIONS}:
        raise ValueError(
            f"The network has the normalization {structure.normalization!r}."
        )
