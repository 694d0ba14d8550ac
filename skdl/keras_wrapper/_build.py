"""How a wrapper gets its model: building, copying and compiling it."""

import inspect
from contextlib import suppress
from typing import Any

import keras
from sklearn.base import is_regressor

from skdl._utils._description import describe
from skdl._utils._exclusions import check_copyable
from skdl._utils._keras_objects import compile_settings, copy_keras, keras_seeds_from
from skdl._utils._lost_settings import refuse_lost_settings
from skdl.keras_wrapper._routing import camel_case
from skdl.keras_wrapper._scikeras import BaseWrapper, route_params
from skdl.keras_wrapper._state import copy_model
from skdl.training._cache import check_process

__all__ = ["BuiltModel"]

# Parameters, and prefixes of them, that a model is built and compiled with.
_OF_THE_MODEL = {
    "build_fn",
    "compile",
    "loss",
    "metrics",
    "model",
    "optimizer",
    "run_eagerly",
}
# Those that each fit reads anew, also where the function that builds takes them.
_OF_A_FIT = {*inspect.signature(BaseWrapper.__init__).parameters} - _OF_THE_MODEL


class BuiltModel(BaseWrapper):
    """Builds and compiles the model of a wrapper, following SciKeras' protocol."""

    loss: Any
    optimizer: Any
    _built: keras.Model
    _built_with: dict  # the parameters that the model was built with
    _compiles = False  # whether the model was compiled here, not by its function
    _seed: int

    def _find_build(self):
        """Return the callable that builds the model; None if a model is given."""
        is_model = isinstance(self._given_model(), keras.Model)
        return None if is_model else self._check_model_param()

    def _check_model_param(self):
        """Return the callable that builds the model; SciKeras wants functions."""
        given = self._given_model()
        if given is None and not hasattr(self, "_keras_build_fn"):
            raise ValueError(
                f"{type(self).__name__} has no model: give model=, a function that "
                "returns a keras.Model, or such a model."
            )
        known = inspect.isfunction(given) or isinstance(given, keras.Model)
        return super()._check_model_param() if known or not callable(given) else given

    def _given_model(self):
        return self.build_fn if self.model is None else self.model

    def _build_keras_model(self):
        from skdl.training._inference import forget_kernels

        check_process()
        forget_kernels()
        given = self._given_model()
        with self._own_seeds():
            if isinstance(given, keras.Model):
                return copy_model(given)
            model = super()._build_keras_model()
        if not isinstance(model, keras.Model):
            raise TypeError(
                "The function that builds the model must return a keras.Model, got "
                f"{model!r}."
            )
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and optimizer.built:
            model.optimizer = copy_keras(optimizer)  # it may be another model's
        return model

    def _own_seeds(self):
        return keras_seeds_from(None if self.random_state is None else self._seed)

    def _show_rows(self, X):
        """Let a model that learns its inputs from rows make its weights of our seed."""
        if self._built.built:
            return
        from skdl.training._tensors import take_batch

        # What is wrong with the model or the rows is said by what comes next.
        with self._own_seeds(), suppress(Exception):
            self._built(take_batch(X, slice(0, 1)), training=False)

    def _get_compile_kwargs(self):
        # SciKeras reads both from the parameters: they are exchanged while it does.
        loss, optimizer = self.loss, self.optimizer
        refuse_lost_settings("loss", loss)
        refuse_lost_settings("metrics", self.metrics)
        routed = route_params(self.get_params(), destination="loss", pass_filter=set())
        try:
            if routed and isinstance(loss, str):
                # SciKeras makes a function of the name; only a class takes settings.
                self.loss = getattr(keras.losses, camel_case(loss))
            if isinstance(optimizer, keras.optimizers.Optimizer):
                check_copyable(optimizer)
                self.optimizer = copy_keras(optimizer)
            settings = super()._get_compile_kwargs()
        finally:
            self.loss, self.optimizer = loss, optimizer
        # Metrics keep sums: fits in several threads must not share them.
        settings["metrics"] = keras.tree.map_structure(
            lambda metric: (
                copy_keras(metric)
                if isinstance(metric, keras.metrics.Metric)
                else metric
            ),
            settings["metrics"],
        )
        return settings

    def _ensure_compiled_model(self):
        model = self._built
        if not model.compiled:
            model.compile(**self._get_compile_kwargs())
        if model.optimizer is None:
            raise ValueError(
                "The model has no optimizer: give optimizer= (for example 'adam'), or "
                "compile it with one."
            )
        if not getattr(model, "loss", None):
            usual = "mse" if is_regressor(self) else "sparse_categorical_crossentropy"
            raise ValueError(
                f"The model has no loss: give loss= (for example {usual!r}), or "
                "compile the model yourself."
            )

    def _follow_params(self):
        """Give a model that is trained on the optimizer that the parameters now name.

        Raises
        ------
        ValueError
            If another parameter of the model or of its compilation has changed.
        """
        changed = self._changed_params()
        fixed = [name for name in changed if name.split("__")[0] != "optimizer"]
        if changed and not self._compiles:
            fixed = [*changed]
        if fixed:
            name = fixed[0]
            before = self._built_with.get(name, "not set")
            raise ValueError(
                f"{name} has changed since the model was built ({before!r}, now "
                f"{changed[name]!r}), and this call trains that model on. Set it back, "
                "or clone the estimator, or fit with warm_start=False, to start "
                "afresh; model_.compile compiles the present model anew."
            )
        if not changed:
            return
        if [*changed] == ["optimizer__learning_rate"]:
            # The same optimizer: it keeps its moments.
            self._built.optimizer.learning_rate = changed["optimizer__learning_rate"]
        else:
            optimizer = self._get_compile_kwargs()["optimizer"]
            self._built.compile(**compile_settings(self._built, optimizer))
        self._built_with = {**self._built_with, **changed}

    def _changed_params(self):
        """Return the parameters of the model that are no longer those it has."""
        build = self._find_build()
        named = set(inspect.signature(build).parameters) if build else set()
        named -= _OF_A_FIT
        found = {}
        for name, value in self.get_params(deep=False).items():
            if name.split("__")[0] not in _OF_THE_MODEL and name not in named:
                continue
            before = self._built_with.get(name)
            if value is not before and describe(value) != describe(before):
                found[name] = value
        return found

    def _check_model_compatibility(self, y):
        # SciKeras counts the outputs, which a subclassed model does not have.
        if getattr(self._built, "outputs", None) is not None:
            super()._check_model_compatibility(y)

    def _check_rows(self, X):
        """Check that the model takes rows of the shape of X."""
        inputs = [*(getattr(self._built, "inputs", None) or ())]
        if len(inputs) != 1 or not hasattr(X, "shape"):
            return
        wanted, found = tuple(inputs[0].shape[1:]), tuple(X.shape[1:])
        fits = all(w in (None, n) for w, n in zip(wanted, found))
        if len(wanted) == len(found) and not fits:
            raise ValueError(
                f"The model takes rows of shape {wanted}, and X has rows of shape "
                f"{found}: build it for them, meta['X_shape_'] and "
                "meta['n_features_in_'] say what they are."
            )
