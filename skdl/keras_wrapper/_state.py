"""How a wrapped model is pickled, saved and cloned."""

import pickle
from contextlib import contextmanager
from typing import Any

import keras
from sklearn.base import clone

from skdl._utils._exclusions import add_exclusions, carry_over, take_exclusions
from skdl._utils._keras_objects import (
    compile_settings,
    copy_keras,
    copy_variable_settings,
)
from skdl._utils._lost_settings import refuse_lost_settings
from skdl.keras_wrapper._scikeras import BaseWrapper
from skdl.training._model_key import LEARNING_LAYERS

__all__ = ["KeptModel", "build_optimizer", "copy_model", "weights_kept"]


class KeptModel(BaseWrapper):
    """Pickles a wrapper with its weights; the model is then built anew."""

    model: Any
    _built: keras.Model
    _built_with: dict  # the parameters that the model was built with

    def __getstate__(self):
        state = dict(super().__getstate__())
        dropped = ("_observer", "_fit_callbacks", "_predict_callbacks", "_trained_by")
        for name in dropped:
            state.pop(name, None)
        for name in ("model", "build_fn"):
            if isinstance(state[name], keras.Model):
                build_optimizer(state[name])
        model = state.pop("_built", None)
        if model is not None:
            optimizer: Any = getattr(model, "optimizer", None)
            has_states = optimizer is not None and optimizer.built
            state["_kept"] = (
                model.get_build_config(),
                [v.numpy() for v in model.variables],
                [v.numpy() for v in optimizer.variables] if has_states else [],
            )
        return add_exclusions(state)

    def __setstate__(self, state):
        state = take_exclusions(state)
        kept = state.pop("_kept", None)
        super().__setstate__(state)
        if kept is None:
            return
        build_config, variables, states = kept
        # Its parameters may have changed since it was built.
        params = self.get_params(deep=False)
        for name in params:
            del self.__dict__[name]
        self.__dict__.update(self._built_with)
        self._built = model = self._build_keras_model()
        # A Sequential without Input, for one, has no variables before.
        if build_config and not model.built:
            model.build_from_config(build_config)
        self._ensure_compiled_model()
        self.__dict__.update(params)
        self._initialize_callbacks()
        _set_values(model.variables, variables)
        # The kept states are this optimizer's: the next partial_fit goes on with them.
        self._trained_by = model.optimizer
        _set_states(model, states)

    def _restore(self, state):
        """Set a state whose ``_kept`` is a model, and which has no function."""
        model = state.pop("_kept")
        if not isinstance(model, keras.Model):
            raise ValueError(f"The file holds {type(model).__name__} as a Keras model.")
        # Nothing uses the parameters of the function that had built it any more.
        own = {name for name in state.pop("_user_params", ()) if "__" not in name}
        kept = {
            name: value
            for name, value in state.items()
            if name not in own and not name.startswith("model__")
        }
        self.__dict__.update(kept, _fit_callbacks=[], _predict_callbacks=[])
        if self.model is None:
            self.model = _Architecture(model, compiled=not self._compiles)
        self._built = copy_model(model)
        self._built_with = self.get_params(deep=False)
        # The next partial_fit goes on with the states that the file has.
        _set_states(self._built, [v.numpy() for v in model.optimizer.variables])
        self._trained_by = self._built.optimizer

    def __sklearn_clone__(self):
        # A model that was given is never changed, so the clones share it.
        params = self.get_params(deep=False)
        for name in ("loss", "metrics"):
            refuse_lost_settings(name, params[name])
        shared = {
            name: value
            for name, value in params.items()
            if isinstance(value, (keras.Model, _Architecture))
        }
        others = {k: clone(v, safe=False) for k, v in params.items() if k not in shared}
        cloned = type(self)(**others, **shared)
        if hasattr(self, "_metadata_request"):
            cloned._metadata_request = clone(self._metadata_request, safe=False)
        return carry_over(self, cloned)


class _Architecture:
    """The build function of a wrapper that was loaded: its model, with new weights.

    What is frozen, and what layers have learned from data, stays.

    Parameters
    ----------
    model : keras.Model
        The model to build again.
    compiled : bool
        Whether the function that had built it compiled it.
    """

    def __init__(self, model, compiled):
        self._model, self._compiled = model, compiled

    def __call__(self):
        model = self._model
        # The new weights come from `fresh`, and all else from a copy of the model.
        fresh = type(model).from_config(model.get_config())
        if not fresh.built:
            fresh.build_from_config(model.get_build_config())
        built = copy_model(model, compiled=self._compiled)
        # A layer comes after those that hold it, and has the last word.
        is_kept = {
            id(variable): _keeps(layer, variable)
            for layer in built._flatten_layers()
            for variable in layer.variables
        }
        for variable, new in zip(built.variables, fresh.variables, strict=True):
            if not is_kept[id(variable)]:
                variable.assign(new.value)
        return built

    def __repr__(self):
        return f"<{self._model.name} with new weights>"


def _keeps(layer, variable):
    """Return whether a variable is the same in each fit."""
    if not layer.trainable or _has_learned(layer):
        return True
    # Moving statistics, and the states of random numbers, are not trained either.
    learns = variable.trainable or isinstance(layer, keras.layers.BatchNormalization)
    return not learns and "float" in variable.dtype


def _set_states(model, states):
    if states:
        model.optimizer.build(model.trainable_variables)
        _set_values(model.optimizer.variables, states)


def _set_values(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextmanager
def weights_kept(model):
    """Restore a model, if there is one, and its optimizer, if the block fails."""
    if model is None or not model.built:
        yield
        return
    optimizer = model.optimizer
    variables = [*model.variables, *optimizer.variables]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    except BaseException:
        if model.optimizer is not optimizer:
            model.compile(**compile_settings(model, optimizer))
        _set_values(variables, before)
        raise


def copy_model(model, *, compiled=True):
    """Return a copy of a model with its weights, and an optimizer of its own."""
    # Keras does not clone subclassed models, nor what layers have learned outside of
    # their weights: these go through a pickle.
    learned = any(map(_has_learned, model._flatten_layers()))
    if type(model).__module__.startswith("keras.") and model.built and not learned:
        try:
            copied = keras.models.clone_model(model)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "The model can't be copied, since Keras can't make each of its layers "
                "again: give the function that builds it, or name functions that are "
                "lambdas in a layer."
            ) from error
        copied.set_weights(model.get_weights())
    else:
        copied = pickle.loads(pickle.dumps(model))
    copied.compiled = False  # both may have copied the compilation too
    copy_variable_settings(model, copied)
    if model.compiled and compiled:
        optimizer = copy_keras(model.optimizer)
        copied.compile(**compile_settings(model, optimizer))
    return copied


def _has_learned(layer):
    return any(kind.__name__ in LEARNING_LAYERS for kind in type(layer).__mro__)


def build_optimizer(model, n_steps=0):
    """Build the optimizer of a compiled model: Keras can't load it without."""
    if model.built and model.compiled and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
        if hasattr(model.optimizer.iterations, "assign"):  # not while it accumulates
            model.optimizer.iterations.assign(n_steps)
