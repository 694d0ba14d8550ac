"""Identify a user's Keras model, and tell whether it can be compiled."""

import json

import keras
import numpy as np

import skdl.nn._backend  # noqa: F401
from skdl._utils._exclusions import find_exclusions, has_single_exclusions
from skdl._utils._keras_objects import is_own
from skdl._utils._lost_settings import settings_of
from skdl._utils._metric_names import metric_names

__all__ = [
    "LEARNING_LAYERS",
    "NotCompilable",
    "describe_architecture",
    "describe_layers",
    "has_sparse_gradients",
    "rows_at_once",
    "multiply_adds_per_row",
]

# What these learn from data is not kept in variables, so it can't be loaded.
LEARNING_LAYERS = {
    "Discretization",
    "FeatureSpace",
    "IntegerLookup",
    "Normalization",
    "StringLookup",
    "TextVectorization",
}
_PLAIN_CLASSES = {"__keras_tensor__", "__tuple__"}
_VALUES_OF_A_LAYER = 2**22


class NotCompilable(Exception):
    """Says why a model can't be trained by a compiled program."""


def describe_architecture(model):
    """Return a text that identifies an architecture, with its loss and metrics.

    Names and seeds of layers do not count: a function that builds the same model twice
    gives it other ones each time.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.

    Returns
    -------
    str

    Raises
    ------
    NotCompilable
        If some part of the model is not Keras' own, or can't be rebuilt or loaded.
    """
    layers = describe_layers(model)
    if not is_own(type(model.optimizer)):
        name = type(model.optimizer).__name__
        raise NotCompilable(f"{name} is an optimizer of your own")
    if has_single_exclusions(model.optimizer) or find_exclusions(model.optimizer):
        raise NotCompilable("the optimizer excludes variables from weight decay")
    if "learning_rate" not in _config_of(model.optimizer):
        name = type(model.optimizer).__name__
        raise NotCompilable(f"{name} wraps another optimizer")
    # The optimizer has a key of its own, without its rate, which flows in.
    settings = {**model._compile_config.config, "optimizer": None}
    if settings.pop("run_eagerly"):
        raise NotCompilable("the model was compiled with run_eagerly=True")
    names = metric_names(settings)
    settings = keras.tree.map_structure(
        lambda part: _describe_part(part, names), settings
    )
    others = [_describe_variables(model), settings]
    return f"[{layers}, {json.dumps(others, sort_keys=True)}]"


def describe_layers(model):
    """Return a text that identifies the layers of a model.

    Parameters
    ----------
    model : keras.Model
        Built.

    Returns
    -------
    str

    Raises
    ------
    NotCompilable
        If some layer is not Keras' own, or can't be rebuilt or loaded.
    """
    kind = type(model)
    if not is_own(kind):
        raise NotCompilable(f"{kind.__name__} is a model class of your own")
    for what in ("inputs", "outputs"):
        found = getattr(model, what, None)
        if found is None:
            raise NotCompilable(f"{kind.__name__} has no fixed {what}")
        if len(found) != 1:
            raise NotCompilable(f"the model has {len(found)} {what}")
    return json.dumps(_renamed(_plain_config(_config_of(model)), {}), sort_keys=True)


def _describe_variables(model):
    """Return as plain data what may be set in each variable beside its layer."""
    found = []
    for variable in model.variables:
        parts = [getattr(variable, name) for name in ("constraint", "regularizer")]
        settings = [
            part and _plain_config(keras.saving.serialize_keras_object(part))
            for part in parts
        ]
        found.append([variable.trainable, *settings])
    return found


def has_sparse_gradients(architecture):
    """Return whether a described model has a layer that looks up rows.

    Its gradients may be slices, which only Keras' optimizers take as they are.
    """
    return '"Embedding"' in architecture


def _config_of(thing):
    """Return the configuration of a model, or refuse it."""
    try:
        return thing.get_config()
    except Exception as error:  # a custom layer may raise anything
        raise NotCompilable(f"a layer has no configuration ({error})") from error


def _describe_part(part, names):
    """Return a loss, a metric or another setting of ``compile`` as plain data."""
    if part is None or isinstance(part, (str, bool, int, float)):
        return part
    if callable(part) and hasattr(part, "__qualname__"):
        if not is_own(part):
            raise NotCompilable(f"{part.__qualname__} is a function of your own")
        return part.__qualname__
    if not is_own(type(part)):
        raise NotCompilable(f"{type(part).__name__} is a class of your own")
    if getattr(part, "reduction", "sum") in ("none", None):
        raise NotCompilable("the loss is not reduced to a number")
    described = _plain_config(keras.saving.serialize_keras_object(part))
    if id(part) in names:
        described["config"]["name"] = names[id(part)]
    # Which the configurations of some losses leave out.
    described["settings"] = {k: repr(v) for k, v in settings_of(part).items()}
    return json.dumps(described)


def _plain_config(config):
    """Return a configuration as plain data; refuse what is not Keras' own."""
    if isinstance(config, dict):
        _check_own(config)
        return {str(key): _plain_config(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_plain_config(value) for value in config]
    if config is None or isinstance(config, (str, bool, int, float)):
        return config
    raise NotCompilable(f"a setting of the model is a {type(config).__name__}")


def _check_own(config):
    name = config.get("class_name")
    code = config.get("value")
    if name is None and isinstance(code, (list, tuple)) and isinstance(code[0], str):
        raise NotCompilable("an activation is a lambda function of your own")
    if not isinstance(name, str) or name in _PLAIN_CLASSES:
        return
    settings = config.get("config")
    if name in ("function", "__lambda__", "Lambda"):
        raise NotCompilable(f"{settings!r} is a function of your own")
    module = config.get("module") or ""
    own = module == "builtins" or module.split(".")[0] == "keras"
    if not own:
        raise NotCompilable(f"{name} is a class of your own")
    if name in LEARNING_LAYERS:
        raise NotCompilable(f"{name} keeps what it has learned outside its weights")
    if name == "DTypePolicy" and settings.get("name") != "float32":
        raise NotCompilable(f"a layer computes in {settings.get('name')}")
    if isinstance(settings, dict) and settings.get("stateful"):
        raise NotCompilable(f"{name} is stateful")


_REFERENCES = ("keras_history", "input_layers", "output_layers", "inbound_nodes")


def _renamed(config, names, refers=False):
    """Return a configuration whose layers are numbered, not named, and have no seed."""
    if isinstance(config, dict):
        return {
            key: _renamed(value, names, refers or key in ("name", *_REFERENCES))
            for key, value in config.items()
            if key != "seed"
        }
    if isinstance(config, list):
        return [_renamed(value, names, refers) for value in config]
    if refers and isinstance(config, str):
        return names.setdefault(config, len(names))
    return config


def multiply_adds_per_row(model):
    """Return the approximate multiply-adds of the model for one row."""
    return sum(map(_work_of, _leaves(model)))


def _work_of(layer):
    if isinstance(layer, keras.layers.Embedding):
        return 0
    kernels = [w.shape for w in layer.weights if len(w.shape) > 1]
    positions = max(_positions(layer, "input"), _positions(layer, "output"))
    return positions * sum(int(np.prod(shape)) for shape in kernels)


def _positions(layer, side):
    """Return the number of places at which a layer applies its weights."""
    shape = _layer_shape(layer, side)
    # (m, places ..., channels); an open length is None, and counts as one place.
    return int(np.prod([n or 1 for n in shape[1:-1]]))


def _layer_shape(layer, side):
    try:
        found = getattr(layer, side)
    except (AttributeError, ValueError):  # it was called several times, or never
        return ()
    return getattr(found, "shape", ())


def _leaves(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def rows_at_once(model):
    """Return the number of rows whose largest layer or input takes some megabytes."""
    shapes = [_layer_shape(layer, "output") for layer in _leaves(model)]
    # Sparse rows, which are made dense, may be wider than any layer.
    shapes += [tensor.shape for tensor in getattr(model, "inputs", None) or ()]
    widths = [int(np.prod([n or 1 for n in shape[1:]])) for shape in shapes]
    return int(np.clip(_VALUES_OF_A_LAYER // max(widths, default=1), 16, 8_192))
