"""Bring your own Keras model: KerasClassifier and KerasRegressor."""

import inspect
import pickle
import sys
import warnings
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import partial
from numbers import Integral

import keras
import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skdl import _checks as checks
from skdl import _outputs as outputs
from skdl._base import ShownPredictions, unchanged_on_failure
from skdl._callbacks import EpochCallback
from skdl._exclusions import add_exclusions, carry_over, take_exclusions
from skdl._pipelines import warn_if_raw
from skdl._routing import camel_case, check_names
from skdl._scikeras import (
    BaseWrapper,
    ClassifierLabelEncoder,
    RegressorTargetEncoder,
    metric_name,
    route_params,
    unflatten_params,
)
from skdl._streams import Stream, is_stream, read_whole
from skdl._targets import (
    check_same_classes,
    check_same_labels,
    warn_of_absent_classes,
    warn_of_one_hot,
)
from skdl.training._architecture import (
    compile_settings,
    copy_keras,
    keras_seeds_from,
    plain_metric_names,
)

__all__ = ["KerasClassifier", "KerasRegressor"]

# Arguments of keras.Model.fit that this module sees to itself.
_OWN_FIT_ARGUMENTS = {
    "batch_size",
    "callbacks",
    "epochs",
    "initial_epoch",
    "sample_weight",
    "shuffle",
    "validation_batch_size",
    "validation_data",
    "validation_split",
    "verbose",
}
_DEFAULT_BATCH = 32  # keras.Model.fit's


class BaseKeras(BaseWrapper):
    """The life of a wrapped Keras model, shared by classifier and regressor.

    The protocol of building, compiling and routing is SciKeras'; data, seeds, training
    and prediction are ours.
    """

    _doc_link_module = "skdl"
    _doc_link_template = "https://skdl.readthedocs.io/en/latest/{estimator_name}.html"

    # Set by a fit: its model, where its random numbers come from, and what the next
    # fit goes on with.
    _built: keras.Model
    _seed: int
    _states: list | None = None
    _steps_done: int = 0
    _trained_by = None  # the optimizer that _states are of
    _built_with: dict  # the parameters that the model was built with
    # Set by a search while it fits: who sees the score of each epoch.
    _observer = None
    # SciKeras would set TensorFlow's global seed from it.
    _random_state = None

    def fit(
        self,
        X,
        y=None,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        validation_groups=None,
        validation_data=None,
        epochs=None,
        batch_size=None,
        callbacks=None,
        **kwargs,
    ):
        """Build the model and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or a data set
            The training data. A ``tf.data.Dataset`` or a ``keras.utils.PyDataset`` of
            batches holds the targets, and perhaps weights, too: ``y`` is then None.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The labels, or the numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. A row of weight zero is left out.
        X_val : array-like of shape (n_val, ...), default=None
            Data to validate on after each epoch. In a ``Pipeline`` with
            ``transform_input=["X_val"]`` it goes through the steps before.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Its labels or numbers.
        sample_weight_val : array-like of shape (n_val,), default=None
            Its weights; ``class_weight`` is none of them.
        validation_groups : array-like of shape (n_samples,), default=None
            Groups of rows: ``validation_split`` splits off whole groups.
        validation_data : tuple or data set, default=None
            ``(X_val, y_val)`` or ``(X_val, y_val, sample_weight_val)``, as Keras and
            SciKeras spell it. No pipeline transforms it.
        epochs : int, default=None
            Overrules the parameter of the estimator in this call.
        batch_size : int, default=None
            Overrules the parameter of the estimator in this call.
        callbacks : list of keras.callbacks.Callback, default=None
            More callbacks for this call. The fit works on copies: ``callbacks_`` has
            them.
        **kwargs : dict
            Other arguments of ``keras.Model.fit``, for this call. Searches take them
            as parameters of the estimator too: ``fit__shuffle=False``.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data can't be used, or the training diverges. The
            estimator is then what it was before.
        """
        arguments = {"batch_size": batch_size, "callbacks": callbacks}
        kwargs |= {k: value for k, value in arguments.items() if value is not None}
        kwargs.setdefault("initial_epoch", 0)
        if self.warm_start and self.initialized_:
            self._check_same_labels(y)
        if epochs is None:
            epochs = getattr(self, "fit__epochs", self.epochs)
        validation = _join_validation(
            (X_val, y_val, sample_weight_val), validation_data
        )
        if validation is not None:
            kwargs["validation_data"] = validation
            name = "validation_data" if X_val is None else "X_val"
            warn_if_raw(self, name)
        with unchanged_on_failure(self):
            self._fit(
                X,
                y,
                sample_weight=sample_weight,
                warm_start=self.warm_start,
                epochs=epochs,
                groups=validation_groups,
                **kwargs,
            )
        return self

    def partial_fit(self, X, y, sample_weight=None, **kwargs):
        """Train one epoch, going on from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, but ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self
            The fitted estimator.
        """
        with unchanged_on_failure(self):
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)

    def initialize(self, X, y=None):
        """Build the model and do not fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The data, for its shape.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, for their classes and shape.

        Returns
        -------
        self
            It can predict, with the first weights.
        """
        with unchanged_on_failure(self):
            check_names(self, self._find_build(), {})
            X, y = self._initialize(X, y)
            self._check_input(X)
            self._ensure_compiled_model()
            self._check_outputs(y)
            self._initialize_callbacks()
        return self

    def _fit(
        self,
        X,
        y,
        sample_weight,
        warm_start,
        epochs,
        initial_epoch,
        groups=None,
        **kwargs,
    ):
        going_on = warm_start and self.initialized_
        check_names(self, self._find_build(), kwargs)
        arguments = self._fit_arguments(kwargs)
        if is_stream(X):
            self._fit_stream(
                X, y, sample_weight, arguments, going_on, epochs, int(initial_epoch)
            )
            return
        if going_on:
            X, y = self._validate_data(X, y)
        else:
            X, y = self._initialize(X, y)
        self._check_input(X)
        self._ensure_compiled_model()
        self._check_outputs(y)
        weight_of_class = self._weigh_classes(y)
        groups = checks.check_groups(groups, X.shape[0])
        if sample_weight is not None:
            kept = np.asarray(sample_weight) != 0
            groups = groups if groups is None else groups[kept]
            X, y, sample_weight = self._validate_sample_weight(X, y, sample_weight)
        validation = arguments["validation_data"]
        if validation is None and self._observer is not None:
            validation = self._observer.find_validation()
        if validation is not None:
            validation = self._encode_validation(validation)
        elif arguments["validation_split"]:
            if not 0 < arguments["validation_split"] < 1:
                raise ValueError(
                    f"validation_split={arguments['validation_split']!r} must be in "
                    "[0, 1)."
                )
            share = arguments["validation_split"]
            parts = self._split(X, y, sample_weight, share, groups)
            (X, y, sample_weight), (X_val, y_val, weight_val) = parts
            validation = self._encode(X_val, y_val, weight_val)
        if weight_of_class is not None:
            weight = weight_of_class(y)
            if sample_weight is not None:
                weight = weight * sample_weight
            X, y, sample_weight = self._validate_sample_weight(X, y, weight)
        X, y, *_ = self._encode(X, y)
        self._check_model_compatibility(y)
        if not going_on or not hasattr(self, "history_") or initial_epoch == 0:
            self.history_ = {}
        with _weights_kept(self._built if going_on else None):
            self._train(
                X, y, sample_weight, validation, arguments, epochs, int(initial_epoch)
            )

    def _fit_stream(self, data, y, weight, arguments, going_on, epochs, first_epoch):
        """Fit to a data set of batches, which is gone over once before that."""
        if y is not None or weight is not None:
            raise ValueError(
                "X is a data set, whose batches hold the targets and the weights: "
                "leave y and sample_weight out."
            )
        if arguments["validation_split"]:
            raise ValueError(
                "validation_split takes no part of a data set: give X_val and y_val, "
                "or validation_data."
            )
        stream = Stream(data)
        if not going_on:
            self._initialize(stream.x, stream.y, n_rows=len(stream.x))
        _, y = self._validate_data(None, stream.y)
        self._check_input(stream.x)
        self._ensure_compiled_model()
        self._check_outputs(y)
        weigh = self._weigh_classes(y)
        validation = arguments["validation_data"]
        validation = validation and self._encode_validation(validation)

        def encode(x, y, weight):
            x, y = self._validate_data(x, y)
            if weigh is not None:
                weight = weigh(y) if weight is None else weight * weigh(y)
            return self._encode(x, y, weight)

        arguments |= {"steps_per_epoch": stream.n_batches}
        if not going_on or not hasattr(self, "history_") or first_epoch == 0:
            self.history_ = {}
        with _weights_kept(self._built if going_on else None):
            batches = stream.encoded(encode)
            self._train(batches, None, None, validation, arguments, epochs, first_epoch)

    def _train(self, X, y, weight, validation, arguments, n_epochs, first_epoch):
        """Do the training, and set what a fit sets."""
        from skdl.training._model_run import ModelJob, train_model

        if self._trained_by is not self._built.optimizer:
            self._states = None  # the model was compiled anew
        order_seed = np.random.SeedSequence([self._seed, self._steps_done])
        _check_count("epochs", n_epochs)
        batch_size = arguments["batch_size"]
        batch_size = _DEFAULT_BATCH if batch_size is None else batch_size
        if batch_size != -1:
            _check_count("batch_size", batch_size, ", or -1 for all rows")
        self._initialize_callbacks()
        # Copies: fits in several threads may be given the same objects.
        given = [deepcopy(callback) for callback in _flatten(arguments["callbacks"])]
        _check_callbacks("callbacks", given)
        callbacks = [*self._fit_callbacks, *given]
        job = ModelJob(
            model=self._built,
            X=X,
            y=y,
            weight=weight,
            validation=validation,
            batch_size=int(batch_size),
            n_epochs=n_epochs,
            first_epoch=first_epoch,
            first_step=self._steps_done,
            shuffle=bool(arguments["shuffle"]),
            callbacks=callbacks,
            seed=order_seed,
            states=self._states,
            keras_arguments={
                name: value
                for name, value in arguments.items()
                if name not in _OWN_FIT_ARGUMENTS and value is not None
            },
            watchers=self._watchers(n_epochs, arguments["verbose"]),
            keep_on_interrupt=self.on_interrupt == "keep" and self._observer is None,
        )
        if self._observer is not None:
            job.begin = partial(self._observer.begin, n_epochs)
        outcome = train_model(job)
        _warn_of_first_loss(outcome.history, job.y)
        self._states, self._steps_done = outcome.states, outcome.n_steps
        self._trained_by = self._built.optimizer
        self.fit_path_ = outcome.path
        for name, values in _named_as_history(outcome.history).items():
            self.history_.setdefault(name, []).extend(values)
        self.n_iter_ = len(self.history_.get("loss", ()))
        vars(self).pop("callbacks_", None)
        if callbacks:
            self.callbacks_ = callbacks

    def _check_input(self, X):
        """Check that a model which gets text begins with a layer that takes it."""
        if not _is_text(X):
            return
        inputs = getattr(self._built, "inputs", None)
        if inputs is None or any(part.dtype == "string" for part in inputs):
            return
        raise ValueError(
            f"X holds {X.dtype}, which are no numbers, and the model takes numbers. "
            "Encode it first, for example by OneHotEncoder in a pipeline; or let the "
            "model begin with keras.Input(shape, dtype='string') and TextVectorization "
            "or StringLookup."
        )

    def _check_outputs(self, y):
        """Check that the model's outputs fit the targets."""

    def _check_same_labels(self, y):
        """Check that a fit which goes on has the labels of the last."""

    def _weigh_classes(self, y):
        """Return what weighs rows by their labels, or None if all count alike."""
        return

    def _watchers(self, n_epochs, verbose):
        """Return what makes those who want to see each epoch."""

        def make(read):
            def take_weights():
                self._built.set_weights(read())
                return {}

            watchers = []
            if self._observer is not None and self._observer.wants_epochs:
                self._observer.find_rows(_refuse_rows)
                watchers.append(ShownPredictions(self, take_weights))
            if verbose:
                from skdl.training._progress import ProgressLine

                watchers.append(ProgressLine(type(self).__name__, n_epochs))
            return watchers

        return make

    def _fit_arguments(self, kwargs):
        """Return the arguments of ``keras.Model.fit``, the given ones last."""
        given = route_params(
            self.get_params(), destination="fit", pass_filter=self._fit_kwargs
        )
        arguments = {name: value for name, value in given.items() if "__" not in name}
        arguments.pop("callbacks", None)  # they are made by _initialize_callbacks
        unset = dict.fromkeys(_OWN_FIT_ARGUMENTS)
        return {**unset, **arguments, **kwargs}

    def _initialize(self, X, y=None, n_rows=None):
        """Take the kind of the data, and build the model.

        Of a data set X holds the first ``n_rows`` only, and y all targets.
        """
        if n_rows is None:
            X, y = self._validate_data(X, y, reset=True)
        else:
            self._validate_data(X, y[:n_rows], reset=True)
            _, y = self._validate_data(None, y, reset=True)
        self._seed = checks.draw_seed(self.random_state)
        self._states, self._steps_done = None, 0
        with _no_autologging():
            self.target_encoder_ = self.target_encoder.fit(y)
            vars(self).update(getattr(self.target_encoder_, "get_metadata", dict)())
            encoder = self.feature_encoder
            self.feature_encoder_ = encoder.fit(X)
        vars(self).update(getattr(encoder, "get_metadata", dict)())
        vars(self).pop("history_", None)
        self._built_with = self.get_params(deep=False)
        self._built = self._build_keras_model()
        return X, y

    def _find_build(self):
        """Return what builds the model, or None where a model is given."""
        is_model = isinstance(self._given_model(), keras.Model)
        return None if is_model else self._check_model_param()

    def _check_model_param(self):
        """Return what builds the model: SciKeras takes functions only."""
        given = self._given_model()
        known = inspect.isfunction(given) or isinstance(given, keras.Model)
        return super()._check_model_param() if known or not callable(given) else given

    def _given_model(self):
        return self.build_fn if self.model is None else self.model

    def _build_keras_model(self):
        from skdl.training._model_run import forget_kernels

        forget_kernels()
        given = self._given_model()
        seed = None if self.random_state is None else self._seed
        with keras_seeds_from(seed):
            if isinstance(given, keras.Model):
                return _copy_model(given)
            model = super()._build_keras_model()
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"What builds the model must return a keras.Model, got {model!r}."
            )
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and optimizer.built:
            model.optimizer = copy_keras(optimizer)  # it may have another model's
        return model

    def _get_compile_kwargs(self):
        loss, optimizer = self.loss, self.optimizer
        routed = route_params(self.get_params(), destination="loss", pass_filter=set())
        try:
            if routed and isinstance(loss, str):
                self.loss = getattr(keras.losses, camel_case(loss))
            if isinstance(optimizer, keras.optimizers.Optimizer):
                checks.check_copyable(optimizer)
                self.optimizer = copy_keras(optimizer)
            settings = super()._get_compile_kwargs()
        finally:
            self.loss, self.optimizer = loss, optimizer
        settings["metrics"] = keras.tree.map_structure(
            lambda metric: (
                copy_keras(metric)
                if isinstance(metric, keras.metrics.Metric)
                else metric
            ),
            settings["metrics"],
        )
        return settings

    def _initialize_callbacks(self):
        shared = self._make_callbacks("callbacks")
        self._fit_callbacks = shared + self._make_callbacks("fit__callbacks")
        predicting = shared + self._make_callbacks("predict__callbacks")
        self._predict_callbacks = [
            c for c in predicting if isinstance(c, keras.callbacks.Callback)
        ]

    def _make_callbacks(self, name):
        params = self.get_params()
        given = params.get(name)
        if given is None:
            return []
        settings = route_params(params, destination=name, pass_filter=set())
        made = unflatten_params(items=given, params=settings)
        found = _flatten(made)
        _check_callbacks(name, found)
        return found

    def score(self, X, y, sample_weight=None):
        """Return the score of the predictions: that of ``scorer``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their true labels or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        float
            The score; ``scorer`` takes the parameters ``score__...`` too.
        """
        settings = route_params(
            self.get_params(), destination="score", pass_filter=set()
        )
        if sample_weight is not None:
            settings["sample_weight"] = sample_weight
        return self.scorer(y, self.predict(X), **settings)

    @property
    def model_(self):
        """The fitted ``keras.Model``, compiled: an ordinary one."""
        if "_built" not in vars(self):
            raise AttributeError(
                f"This {type(self).__name__} is not fitted: no model_."
            )
        if "history_" in vars(self):
            _build_optimizer(self._built, self._steps_done)
        return self._built

    def _ensure_compiled_model(self):
        model = self._built
        if not model.compiled:
            model.compile(**self._get_compile_kwargs())
        if not getattr(model, "loss", None):
            raise ValueError(
                "The model has no loss: give loss= (for example "
                "'sparse_categorical_crossentropy'), or compile the model yourself."
            )

    def _check_model_compatibility(self, y):
        if getattr(self._built, "outputs", None) is not None:
            super()._check_model_compatibility(y)

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        if X is not None:
            X = validate_data(
                self, X, reset=reset, accept_sparse="csr", allow_nd=True, dtype=None
            )
            X = _as_numbers(X)
            if reset:
                self.X_dtype_, self.X_shape_ = X.dtype, X.shape
            elif X.shape[1:] != self.X_shape_[1:]:
                raise ValueError(
                    f"X has rows of shape {X.shape[1:]}, but {type(self).__name__} was "
                    f"fitted on rows of shape {self.X_shape_[1:]}."
                )
        if y is not None:
            dtype = "numeric" if y_numeric else None
            y = check_array(
                y,
                ensure_2d=False,
                allow_nd=True,
                dtype=dtype,
                input_name="y",
                estimator=self,
            )
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

    def _encode(self, X, y, weight=None):
        """Return the data as the model takes them, with weights if there are any."""
        encoded = self.feature_encoder_.transform(X), self.target_encoder_.transform(y)
        return encoded if weight is None else (*encoded, weight)

    def _encode_validation(self, validation):
        if is_stream(validation):
            validation = read_whole(validation)
        X, y, weight = (*validation, None)[:3]
        X, y = self._validate_data(X, y)
        if weight is not None:
            X, y, weight = self._validate_sample_weight(X, y, weight)
        return self._encode(X, y, weight)

    def _split(self, X, y, weight, share, groups):
        """Return the data in two parts, the second with the given share of the rows."""
        seed = np.random.SeedSequence(self._seed)
        try:
            rows = checks.split_validation(
                X.shape[0], self._stratify(y), share, seed, groups
            )
        except ValueError as error:
            raise ValueError(
                f"validation_split={share!r} can't take a part of each class: "
                f"{error.__cause__ or error} Give validation_data to fit instead."
            ) from error
        return [
            (X[some], y[some], None if weight is None else weight[some])
            for some in rows
        ]

    def _stratify(self, y):
        return None

    def _predict_raw(self, X, **kwargs):
        check_is_fitted(self)
        X, _ = self._validate_data(X)
        X = self.feature_encoder_.transform(X)
        arguments = route_params(
            self.get_params(),
            destination="predict",
            pass_filter=self._predict_kwargs,
            strict=True,
        )
        arguments.pop("callbacks", None)
        arguments = {**arguments, **kwargs}
        model = self._built
        is_plain = type(model).__module__.startswith("keras.")
        is_plain &= getattr(model, "inputs", None) is not None and all(
            tensor.shape[0] is None for tensor in model.inputs
        )
        is_array = isinstance(X, np.ndarray) or scipy.sparse.issparse(X)
        asked = self._predict_callbacks or arguments.get("steps") is not None
        if is_plain and is_array and not asked:
            from skdl.training._model_run import infer

            return infer(model, X)
        if arguments.get("batch_size") == -1:
            arguments["batch_size"] = _n_rows(X)
        arguments["verbose"] = 0
        return model.predict(X, callbacks=self._predict_callbacks, **arguments)

    def _mean_loss(self, X, y):
        """Return the loss of some rows as Keras means it, the penalties included."""
        from skdl.training._model_run import mean_loss

        X, y = self._encode(*self._validate_data(X, y))
        return mean_loss(self._built, X, y)

    def _given_names(self):
        """Return the names of the parameters that the class does not name itself."""
        routed = {name for name in self.get_params(deep=False) if "__" in name}
        return routed | set(getattr(self, "_user_params", ()))

    @property
    def initialized_(self):
        """Whether there is a model, fitted or with its first weights."""
        return "_built" in vars(self)

    def __sklearn_is_fitted__(self):
        return self.initialized_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        dropped = ("_observer", "_fit_callbacks", "_predict_callbacks", "_trained_by")
        for name in dropped:
            state.pop(name, None)
        for name in ("model", "build_fn"):
            if isinstance(state[name], keras.Model):
                _build_optimizer(state[name])
        model = state.pop("_built", None)
        if model is not None:
            optimizer = getattr(model, "optimizer", None)
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
        # It may have got other parameters since it was built.
        params = self.get_params(deep=False)
        for name in params:
            del vars(self)[name]
        vars(self).update(self._built_with)
        self._built = model = self._build_keras_model()
        if build_config and not model.built:
            model.build_from_config(build_config)
        self._ensure_compiled_model()
        vars(self).update(params)
        self._initialize_callbacks()
        for variable, value in zip(model.variables, variables, strict=True):
            variable.assign(value)
        self._trained_by = model.optimizer
        if states:
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(model.optimizer.variables, states):
                variable.assign(value)

    def _restore(self, state):
        """Take a state whose ``_kept`` is a model: it stands for what had built it."""
        model = state.pop("_kept")
        if not isinstance(model, keras.Model):
            raise ValueError(f"The file holds {type(model).__name__} as a Keras model.")
        # The parameters of the function that had built it have no taker any more.
        own = {name for name in state.pop("_user_params", ()) if "__" not in name}
        kept = {
            name: value
            for name, value in state.items()
            if name not in own and not name.startswith("model__")
        }
        vars(self).update(kept, _fit_callbacks=[], _predict_callbacks=[])
        self.model, self._built = model, _copy_model(model)
        self._built_with = self.get_params(deep=False)

    def __sklearn_clone__(self):
        # A model that was given is never changed, so the clones share it.
        params = self.get_params(deep=False)
        shared = {k: v for k, v in params.items() if isinstance(v, keras.Model)}
        others = {k: clone(v, safe=False) for k, v in params.items() if k not in shared}
        return carry_over(self, type(self)(**others, **shared))


def _refuse_labels_of_steps(model, y):
    outputs = getattr(model, "outputs", None)
    if outputs and len(outputs) == 1 and len(outputs[0].shape) > 2:
        raise ValueError(
            f"The model gives an array of shape {outputs[0].shape[1:]} for each row, "
            "as for a label of each time step; a classifier has one label, or one row "
            "of labels, for each row. Make each step a row, or bring a target_encoder "
            "of your own in a subclass (docs/keras.md has one)."
        )


def _gives_probabilities(estimator):
    """Return whether a classifier has probabilities; say why it has not."""
    fitted = vars(estimator).get("_built")
    loss = estimator.loss if fitted is None else fitted.loss
    if not outputs.is_hinge(loss):
        return True
    raise AttributeError(
        f"loss={loss!r} learns margins, which are no probabilities: take "
        "decision_function, CalibratedClassifierCV, or a cross-entropy as loss."
    )


class KerasClassifier(ClassifierMixin, BaseKeras):
    """A classifier around a Keras model that you build yourself.

    It takes what SciKeras' ``KerasClassifier`` takes: change the import, and it runs.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        What builds the model. A function gets the parameters that it names: its own
        (``hidden=64`` or ``model__hidden=64``), ``meta`` (a dict of what the data have
        given: ``n_features_in_``, ``X_shape_``, ``target_type_``, ``n_classes_``,
        ``n_outputs_``), ``compile_kwargs`` (optimizer, loss and metrics, ready for
        ``keras.Model.compile``) and ``params`` (all parameters). It returns the model,
        compiled or not. A ``keras.Model`` is copied with its weights for each fit. None
        calls the method ``_keras_build_fn`` of a subclass.
    build_fn : callable or keras.Model, default=None
        The old name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last fit.
    on_interrupt : {"raise", "keep"}, default="raise"
        What Ctrl-C does to a fit: nothing of it is kept, and the interrupt goes on; or
        the epochs that were done are kept, with a warning.
    random_state : int, RandomState or None, default=None
        An int gives the same weights, bit for bit, in each fit on one machine. No
        global random state is left changed.
    optimizer : str, class or keras.optimizers.Optimizer, default="rmsprop"
        The optimizer, for a model that is not compiled yet. A name or a class takes
        ``optimizer__learning_rate=0.01`` and the like; an instance is copied.
    loss : str, callable, class or keras.losses.Loss, default=None
        The loss, for a model that is not compiled yet; ``loss__label_smoothing=0.1``
        and the like go to its class.
    metrics : list or dict, default=None
        Keras metrics: names, instances, functions or classes.
    batch_size : int, default=None
        Rows of a step; None is 32, -1 takes all rows in one step.
    validation_batch_size : int, default=None
        Not used: validation rows are scored in pieces of a fitting size.
    verbose : int, default=0
        Whether to show a line of progress.
    callbacks : list, dict, class or keras.callbacks.Callback, default=None
        Keras callbacks, and ``PruningCallback``. Classes take ``callbacks__patience=5``
        and the like.
    validation_split : float, default=0.0
        Share of the rows to validate on after each epoch, in [0, 1), drawn at
        random and stratified by class.
    shuffle : bool, default=True
        Whether each epoch takes the rows in an order of its own.
    run_eagerly : bool, default=False
        Whether Keras runs the model step by step, to look into it.
    epochs : int, default=1
        How often to go over the data, from 1.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the training, as ``{class: weight}``; a class that is
        not named weighs 1, and one that y lacks is ignored. ``"balanced"`` makes the
        classes count alike. As in Keras, validation scores are not weighted by it.
    **kwargs : dict
        The function's own parameters, and those passed on: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``compile__``, ``callbacks__``,
        ``fit__``, ``predict__`` and ``score__`` with the name that the taker knows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_classes_ : int
        Number of classes.
    model_ : keras.Model
        The fitted model.
    history_ : dict of list
        Loss and metrics of each epoch, with validation data ``val_loss`` and so on too.
    n_iter_ : int
        Epochs that were run.
    fit_path_ : str
        Which way the training took, and why: ``"compiled: ..."`` or
        ``"keras.Model.fit: ..."``. Both give the same results.
    n_features_in_ : int
        Size of the second dimension of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where all of them are strings.
    n_outputs_ : int
        1; a target encoder of your own may say otherwise.
    n_outputs_expected_ : int
        Number of outputs that the model must have.
    target_encoder_, feature_encoder_ : transformer
        What encodes y and X; a subclass brings its own by the properties
        ``target_encoder`` and ``feature_encoder``.
    target_type_ : str
        Kind of target, from ``sklearn.utils.multiclass.type_of_target``.
    X_dtype_, y_dtype_ : numpy dtype
        Of the training data.
    X_shape_ : tuple of int
        Shape of the training data.
    y_ndim_ : int
        Number of dimensions of the targets.

    See Also
    --------
    MLPClassifier : A multilayer perceptron that needs no function.
    KerasRegressor : The same for numbers.

    Notes
    -----
    The protocol of building a model and of passing parameters on is that of SciKeras,
    by Adrian Garcia Badaracco and contributors.

    A model with one input and one output, made of Keras' own parts, is trained by a
    compiled program that fits of the same architecture share. Everything else (several
    inputs, classes and functions of your own, callbacks that see each batch) goes
    through ``keras.Model.fit``.

    After unpickling the model is built anew and gets its weights back, so what builds
    it must be importable.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdl import KerasClassifier
    >>> def build(hidden, meta):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(hidden, activation="relu"),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    >>> network = KerasClassifier(
    ...     build,
    ...     hidden=16,
    ...     loss="sparse_categorical_crossentropy",
    ...     optimizer="adam",
    ...     optimizer__learning_rate=0.01,
    ...     epochs=50,
    ...     random_state=0,
    ... )
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(cross_val_score(network, X, y, cv=3).mean() > 0.9)
    True
    """

    def __init__(
        self,
        model=None,
        *,
        build_fn=None,
        warm_start=False,
        on_interrupt="raise",
        random_state=None,
        optimizer="rmsprop",
        loss=None,
        metrics=None,
        batch_size=None,
        validation_batch_size=None,
        verbose=0,
        callbacks=None,
        validation_split=0.0,
        shuffle=True,
        run_eagerly=False,
        epochs=1,
        class_weight=None,
        **kwargs,
    ):
        super().__init__(
            model=model,
            build_fn=build_fn,
            warm_start=warm_start,
            random_state=random_state,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            batch_size=batch_size,
            validation_batch_size=validation_batch_size,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            shuffle=shuffle,
            run_eagerly=run_eagerly,
            epochs=epochs,
            **kwargs,
        )
        self.on_interrupt = on_interrupt
        self.class_weight = class_weight

    # Set by partial_fit: all the classes that there will be.
    _classes = None

    def partial_fit(self, X, y, classes=None, sample_weight=None, **kwargs):
        """Train one epoch, going on from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will come, for the first call; None takes those of ``y``.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, but ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self
            The fitted estimator.
        """
        if classes is not None and self.initialized_:
            check_same_classes(self.classes_, classes)
        self._classes = None if classes is None else np.unique(classes)
        try:
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)
        finally:
            self._classes = None

    def predict(self, X, **kwargs):
        """Return the most probable class, or the labels of probability above 0.5.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels from ``classes_``, or 0 and 1 for each of several labels. After a
            hinge loss the sign decides, or the largest output.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            model, encoder = self._built, self.target_encoder_
            if outputs.find_kind(model) == "margins":
                is_single = found.shape[1] == 1
                found = (found > 0).astype(np.float64) if is_single else found
            else:
                found = outputs.probabilities(found, model, encoder)
        return self.target_encoder_.inverse_transform(found)

    @available_if(_gives_probabilities)
    def predict_proba(self, X, **kwargs):
        """Return the probability of each class.

        Where the model ends in logits it is their sigmoid or softmax.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For labels of which a row may have several: of each label.

        Raises
        ------
        AttributeError
            After a hinge loss: it learns margins, which are no probabilities.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            return outputs.probabilities(found, self._built, self.target_encoder_)
        proba = self.target_encoder_.inverse_transform(found, return_proba=True)
        if isinstance(proba, np.ndarray) and proba.ndim < 2:
            # The encoder has squeezed it: (k,) or (n,) -> (n, k)
            proba = proba.reshape(len(found), -1)
        return proba

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X, **kwargs):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Finite also where a probability is too small for a number.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            return outputs.log_probabilities(found, self._built, self.target_encoder_)
        return np.log(self.predict_proba(X, **kwargs))

    def decision_function(self, X, **kwargs):
        """Return logits or margins: above 0, or the largest, wins.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column for each class or label; for two classes no columns, and above 0
            for the second. Of a model that ends in probabilities, their log-odds.

        Raises
        ------
        ValueError
            If the model has several outputs, or labels are encoded in a way of your
            own.
        """
        found = self._predict_raw(X, **kwargs)
        if not self._knows_outputs(found):
            raise ValueError(
                f"decision_function of {type(self).__name__} needs a model with one "
                "output of shape (n_samples, n_units), and its own target encoder."
            )
        return outputs.decide(found, self._built, self.target_encoder_)

    def _knows_outputs(self, found):
        """Return whether it is known what the outputs of the model are."""
        is_own = type(self.target_encoder_) is ClassifierLabelEncoder
        is_table = isinstance(found, np.ndarray) and found.ndim == 2
        return is_own and is_table and self.n_classes_ is not None

    def _check_outputs(self, y):
        if type(self.target_encoder_) is not ClassifierLabelEncoder:
            return
        _refuse_labels_of_steps(self._built, y)
        if self.target_encoder_._target_type == "multiclass-onehot":
            warn_of_one_hot(y, "one label of each row, predicted one-hot too")
        outputs.check_width(self._built, self.target_encoder_)
        encoder = outputs.adapt_encoder(self._built, self.target_encoder_)
        self.target_encoder_ = encoder

    def _check_same_labels(self, y):
        if self.classes_ is not None and np.ndim(y) == 1:
            check_same_labels(self.classes_, y)

    @property
    def target_encoder(self):
        """What encodes the labels, not fitted yet; a subclass may bring its own."""
        categories = "auto" if self._classes is None else [self._classes]
        return ClassifierLabelEncoder(loss=self.loss, categories=categories)

    score = BaseKeras.score  # before that of the mixin

    @staticmethod
    def scorer(y_true, y_pred, **kwargs):
        """Return the accuracy; a subclass may bring its own score.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True and predicted labels.
        **kwargs : dict
            ``sample_weight`` and the parameters ``score__...``.

        Returns
        -------
        float
            The score.
        """
        return accuracy_score(y_true, y_pred, **kwargs)

    @property
    def _fit_kwargs(self):
        # Keras counts classes from 0; here class_weight becomes a weight of rows.
        return BaseWrapper._fit_kwargs - {"class_weight"}

    def _weigh_classes(self, y):
        """Return what weighs rows by their labels; "balanced" counts those of y."""
        if self.class_weight is None:
            return None
        if y.ndim > 1 and y.shape[1] > 1:
            weights = compute_sample_weight(self.class_weight, y)
            found, places = np.unique(y, axis=0, return_index=True)
            known = {tuple(row): weights[k] for row, k in zip(found, places)}
            return lambda rows: np.array([known[tuple(row)] for row in rows])
        labels = np.unique(y)
        if isinstance(self.class_weight, dict):
            warn_of_absent_classes(self.class_weight, labels.tolist())
            given = [self.class_weight.get(label, 1.0) for label in labels.tolist()]
        else:
            given = compute_class_weight(
                self.class_weight, classes=labels, y=np.ravel(y)
            )
        given = np.asarray(given, np.float64)
        return lambda rows: given[np.searchsorted(labels, np.ravel(rows))]

    def _type_of_target(self, y):
        if y.ndim > 2:
            raise ValueError(
                f"y has {y.ndim} dimensions; a classifier takes 1, or 2 for several "
                "labels of each row. Make each step a row, or bring a target_encoder "
                "of your own in a subclass (docs/keras.md has one)."
            )
        found = type_of_target(y, input_name="y")
        if found.startswith("continuous"):
            raise ValueError(
                f"Unknown label type: {found}. For numbers use KerasRegressor."
            )
        if found == "binary" and self._classes is not None:
            return type_of_target(self._classes)
        return found

    def _stratify(self, y):
        return y if self.target_type_ in ("binary", "multiclass") else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class KerasRegressor(RegressorMixin, BaseKeras):
    """A regressor around a Keras model that you build yourself.

    It takes what SciKeras' ``KerasRegressor`` takes: change the import, and it runs.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        What builds the model. A function gets the parameters that it names: its own
        (``hidden=64`` or ``model__hidden=64``), ``meta`` (a dict of what the data have
        given: ``n_features_in_``, ``X_shape_``, ``target_type_``,
        ``n_outputs_``), ``compile_kwargs`` (optimizer, loss and metrics, ready for
        ``keras.Model.compile``) and ``params`` (all parameters). It returns the model,
        compiled or not. A ``keras.Model`` is copied with its weights for each fit. None
        calls the method ``_keras_build_fn`` of a subclass.
    build_fn : callable or keras.Model, default=None
        The old name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last fit.
    on_interrupt : {"raise", "keep"}, default="raise"
        What Ctrl-C does to a fit: nothing of it is kept, and the interrupt goes on; or
        the epochs that were done are kept, with a warning.
    random_state : int, RandomState or None, default=None
        An int gives the same weights, bit for bit, in each fit on one machine. No
        global random state is left changed.
    optimizer : str, class or keras.optimizers.Optimizer, default="rmsprop"
        The optimizer, for a model that is not compiled yet. A name or a class takes
        ``optimizer__learning_rate=0.01`` and the like; an instance is copied.
    loss : str, callable, class or keras.losses.Loss, default=None
        The loss, for a model that is not compiled yet; ``loss__delta=2.0``
        and the like go to its class.
    metrics : list or dict, default=None
        Keras metrics: names, instances, functions or classes.
    batch_size : int, default=None
        Rows of a step; None is 32, -1 takes all rows in one step.
    validation_batch_size : int, default=None
        Not used: validation rows are scored in pieces of a fitting size.
    verbose : int, default=0
        Whether to show a line of progress.
    callbacks : list, dict, class or keras.callbacks.Callback, default=None
        Keras callbacks, and ``PruningCallback``. Classes take ``callbacks__patience=5``
        and the like.
    validation_split : float, default=0.0
        Share of the rows to validate on after each epoch, in [0, 1), drawn at
        random.
    shuffle : bool, default=True
        Whether each epoch takes the rows in an order of its own.
    run_eagerly : bool, default=False
        Whether Keras runs the model step by step, to look into it.
    epochs : int, default=1
        How often to go over the data, from 1.
    **kwargs : dict
        The function's own parameters, and those passed on: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``compile__``, ``callbacks__``,
        ``fit__``, ``predict__`` and ``score__`` with the name that the taker knows.

    Attributes
    ----------
    model_ : keras.Model
        The fitted model.
    history_ : dict of list
        Loss and metrics of each epoch, with validation data ``val_loss`` and so on too.
    n_iter_ : int
        Epochs that were run.
    fit_path_ : str
        Which way the training took, and why: ``"compiled: ..."`` or
        ``"keras.Model.fit: ..."``. Both give the same results.
    n_features_in_ : int
        Size of the second dimension of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where all of them are strings.
    n_outputs_ : int
        Number of targets.
    n_outputs_expected_ : int
        Number of outputs that the model must have.
    target_encoder_, feature_encoder_ : transformer
        What encodes y and X; a subclass brings its own by the properties
        ``target_encoder`` and ``feature_encoder``.
    target_type_ : str
        Kind of target, from ``sklearn.utils.multiclass.type_of_target``.
    X_dtype_, y_dtype_ : numpy dtype
        Of the training data.
    X_shape_ : tuple of int
        Shape of the training data.
    y_ndim_ : int
        Number of dimensions of the targets.

    See Also
    --------
    MLPRegressor : A multilayer perceptron that needs no function.
    KerasClassifier : The same for classes.

    Notes
    -----
    The protocol of building a model and of passing parameters on is that of SciKeras,
    by Adrian Garcia Badaracco and contributors.

    A model with one input and one output, made of Keras' own parts, is trained by a
    compiled program that fits of the same architecture share. Everything else (several
    inputs, classes and functions of your own, callbacks that see each batch) goes
    through ``keras.Model.fit``.

    After unpickling the model is built anew and gets its weights back, so what builds
    it must be importable.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_diabetes
    >>> from skdl import KerasRegressor
    >>> def build(hidden, meta):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(hidden, activation="relu"),
    ...             keras.layers.Dense(meta["n_outputs_"]),
    ...         ]
    ...     )
    >>> network = KerasRegressor(
    ...     build,
    ...     hidden=16,
    ...     loss="mean_squared_error",
    ...     optimizer="adam",
    ...     optimizer__learning_rate=0.1,
    ...     epochs=50,
    ...     random_state=0,
    ... )
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network.fit(X, y).score(X, y) > 0.4
    True
    """

    def __init__(
        self,
        model=None,
        *,
        build_fn=None,
        warm_start=False,
        on_interrupt="raise",
        random_state=None,
        optimizer="rmsprop",
        loss=None,
        metrics=None,
        batch_size=None,
        validation_batch_size=None,
        verbose=0,
        callbacks=None,
        validation_split=0.0,
        shuffle=True,
        run_eagerly=False,
        epochs=1,
        **kwargs,
    ):
        super().__init__(
            model=model,
            build_fn=build_fn,
            warm_start=warm_start,
            random_state=random_state,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            batch_size=batch_size,
            validation_batch_size=validation_batch_size,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            shuffle=shuffle,
            run_eagerly=run_eagerly,
            epochs=epochs,
            **kwargs,
        )
        self.on_interrupt = on_interrupt

    @property
    def target_encoder(self):
        """What encodes the targets, not fitted yet; a subclass may bring its own."""
        return RegressorTargetEncoder()

    score = BaseKeras.score  # before that of the mixin

    @staticmethod
    def scorer(y_true, y_pred, **kwargs):
        """Return the coefficient of determination; a subclass may bring its own score.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True and predicted numbers.
        **kwargs : dict
            ``sample_weight`` and the parameters ``score__...``.

        Returns
        -------
        float
            The score.
        """
        if np.ndim(y_true) > 2:  # (n, ...) -> (n, k)
            y_true, y_pred = (np.reshape(y, (len(y), -1)) for y in (y_true, y_pred))
        return r2_score(y_true, y_pred, **kwargs)

    def predict(self, X, **kwargs):
        """Return the predicted numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With as many dimensions as the targets of the fit had.
        """
        numbers = super().predict(X, **kwargs)
        is_array = isinstance(numbers, np.ndarray)
        return numbers.astype(np.float64) if is_array else numbers

    def _type_of_target(self, y):
        return super()._type_of_target(y) if y.ndim < 3 else "continuous-multioutput"

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=True):
        return super()._validate_data(X, y, reset=reset, y_numeric=True)


@contextmanager
def _weights_kept(model):
    """Give a model, if any, its variables back if the block fails."""
    if model is None or not model.built:
        yield
        return
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    except BaseException:
        for variable, value in zip(variables, before):
            variable.assign(value)
        raise


def _check_count(name, value, also=""):
    is_count = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_count or value < 1:
        raise ValueError(f"{name}={value!r} must be an int from 1{also}.")


def _refuse_rows(*part):
    raise ValueError("What is not skdl's own network is scored by its predictions.")


def _copy_model(model):
    """Return a copy of a model with its weights, and an optimizer of its own."""
    if type(model).__module__.startswith("keras.") and model.built:
        copied = keras.models.clone_model(model)
        copied.set_weights(model.get_weights())
    else:
        copied = pickle.loads(pickle.dumps(model))
    if model.compiled:
        optimizer = copy_keras(model.optimizer)
        copied.compile(**compile_settings(model, optimizer))
    return copied


def _build_optimizer(model, n_steps=0):
    """Give a compiled model its optimizer's states: Keras can't load it without."""
    if model.built and model.compiled and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
        if hasattr(model.optimizer.iterations, "assign"):  # not while it accumulates
            model.optimizer.iterations.assign(n_steps)


def _no_autologging():
    """Keep MLflow, if it logs what scikit-learn fits, from logging an encoder."""
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return nullcontext() if utils is None else utils.disable_autologging()


def _join_validation(separate, together):
    """Return the validation part, given by ``X_val`` and ``y_val`` or as a tuple."""
    X, y, weight = separate
    if all(part is None for part in separate):
        return together
    if together is not None:
        raise ValueError(
            "X_val and validation_data are two spellings of the same: give one of them."
        )
    if X is None or y is None:
        raise ValueError("X_val and y_val belong together: give both of them, or none.")
    return (X, y) if weight is None else separate


LARGE_LOSS = 1e5


def _warn_of_first_loss(history, y):
    """Warn of a loss that shows targets or features on a scale of their own."""
    first = history.get("loss", [0.0])[0]
    if first <= LARGE_LOSS:
        return
    scale = ""
    if isinstance(y, np.ndarray) and y.dtype.kind in "iuf":
        scale = f" of targets of mean {y.mean():.3g} and deviation {y.std():.3g}"
    warnings.warn(
        f"The loss of the first epoch is {first:.3g}{scale}: a network learns such a "
        "thing slowly, or not at all. Bring features and targets to mean 0 and "
        "deviation 1: make_pipeline(StandardScaler(), network), and "
        "TransformedTargetRegressor(network, transformer=StandardScaler()).",
        UserWarning,
        stacklevel=2,
    )


def _check_callbacks(name, callbacks):
    for callback in callbacks:
        if not isinstance(callback, (keras.callbacks.Callback, EpochCallback)):
            raise TypeError(
                f"{name} must hold Keras callbacks or their classes, one or in a list "
                f"or a dict, got {callback!r}."
            )


def _flatten(callbacks):
    """Return the callbacks of a callback, a list or a dict as one list."""
    if callbacks is None:
        return []
    if isinstance(callbacks, dict):
        callbacks = list(callbacks.values())
    if not isinstance(callbacks, (list, tuple)):
        return [callbacks]
    return [found for part in callbacks for found in _flatten(part)]


def _as_numbers(X):
    """Return X with numbers where it holds objects or text."""
    if scipy.sparse.issparse(X) or X.dtype.kind in "iub":
        return X
    if X.dtype.kind == "f":
        is_long = X.dtype.itemsize > 8  # Keras knows no long doubles
        return X.astype(np.float64) if is_long else X
    if X.dtype.kind in "mM":
        checks.as_numeric(X)
    try:
        return X.astype(keras.config.floatx())
    except (TypeError, ValueError) as error:
        if _is_text(X):
            return X  # a model may begin with a layer that takes it
        raise type(error)(
            f"X holds {X.dtype}, which are no numbers ({error}). Encode it first, for "
            "example by OneHotEncoder in a pipeline."
        ) from error


def _is_text(X):
    """Return whether an array holds strings."""
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "OUT":
        return False
    return X.dtype.kind != "O" or all(isinstance(value, str) for value in X.ravel())


def _n_rows(X):
    """Return the number of rows of an array, or of the first of several."""
    return keras.tree.flatten(X)[0].shape[0]


def _named_as_history(scores):
    """Return scores under the full names of their metrics, as SciKeras has them."""
    plain = plain_metric_names(name for name in scores if not name.startswith("val_"))
    return {
        f"val_{plain.get(name[4:], name[4:])}"
        if name.startswith("val_")
        else _full_name(plain[name]): values
        for name, values in scores.items()
    }


def _full_name(name):
    if name == "loss":
        return name
    try:
        full = metric_name(name)
    except (TypeError, ValueError):
        return name  # a metric of the user's own, or one with settings
    # It makes a_u_c of auc.
    return name if full.replace("_", "") == name.replace("_", "") else full
