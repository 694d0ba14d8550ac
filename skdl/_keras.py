"""Bring your own Keras model: KerasClassifier and KerasRegressor."""

import pickle
from contextlib import contextmanager
from numbers import Integral

import keras
import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skdl import _checks as checks
from skdl._base import ShownPredictions, unchanged_on_failure
from skdl._callbacks import EpochCallback
from skdl._routing import camel_case, check_names
from skdl._scikeras import (
    BaseWrapper,
    ClassifierLabelEncoder,
    RegressorTargetEncoder,
    metric_name,
    route_params,
    unflatten_params,
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

    def fit(self, X, y, sample_weight=None, **kwargs):
        """Build the model and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels, or the numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. A row of weight zero is left out.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, for this call: ``validation_data=(X, y)``,
            ``epochs``, ``batch_size``, ``callbacks`` and the others. Searches take them
            as parameters of the estimator instead: ``fit__batch_size=32``.

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
        kwargs.setdefault("epochs", getattr(self, "fit__epochs", self.epochs))
        kwargs.setdefault("initial_epoch", 0)
        with unchanged_on_failure(self):
            self._fit(
                X, y, sample_weight=sample_weight, warm_start=self.warm_start, **kwargs
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
            self._initialize(X, y)
            self._ensure_compiled_model()
            self._initialize_callbacks()
        return self

    def _fit(self, X, y, sample_weight, warm_start, epochs, initial_epoch, **kwargs):
        going_on = warm_start and self.initialized_
        check_names(self, self._find_build(), kwargs)
        if going_on:
            X, y = self._validate_data(X, y)
        else:
            X, y = self._initialize(X, y)
        self._ensure_compiled_model()
        if sample_weight is not None:
            X, y, sample_weight = self._validate_sample_weight(X, y, sample_weight)
        arguments = self._fit_arguments(kwargs)
        validation = arguments["validation_data"]
        if validation is not None:
            validation = self._encode_validation(*validation)
        elif arguments["validation_split"]:
            if not 0 < arguments["validation_split"] < 1:
                raise ValueError(
                    f"validation_split={arguments['validation_split']!r} must be in "
                    "[0, 1)."
                )
            parts = self._split(X, y, sample_weight, arguments["validation_split"])
            (X, y, sample_weight), (X_val, y_val, weight_val) = parts
            validation = self._encode(X_val, y_val, weight_val)
        X, y, *_ = self._encode(X, y)
        self._check_model_compatibility(y)
        if not going_on or not hasattr(self, "history_") or initial_epoch == 0:
            self.history_ = {}
        with _weights_kept(self._built if going_on else None):
            self._train(
                X, y, sample_weight, validation, arguments, epochs, int(initial_epoch)
            )

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
        given = arguments["callbacks"]
        given = [given] if isinstance(given, keras.callbacks.Callback) else given
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
            callbacks=[*self._fit_callbacks, *(given or [])],
            seed=order_seed,
            states=self._states,
            keras_arguments={
                name: value
                for name, value in arguments.items()
                if name not in _OWN_FIT_ARGUMENTS and value is not None
            },
            watchers=self._watchers(n_epochs, arguments["verbose"]),
        )
        outcome = train_model(job)
        self._states, self._steps_done = outcome.states, outcome.n_steps
        self._trained_by = self._built.optimizer
        self.fit_path_ = outcome.path
        for name, values in _named_as_history(outcome.history).items():
            self.history_.setdefault(name, []).extend(values)
        self.n_iter_ = len(self.history_["loss"])

    def _watchers(self, n_epochs, verbose):
        """Return what makes those who want to see each epoch."""

        def make(read):
            def take_weights():
                self._built.set_weights(read())
                return {}

            watchers = []
            if self._observer is not None:
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

    def _initialize(self, X, y=None):
        X, y = self._validate_data(X, y, reset=True)
        self._seed = checks.draw_seed(self.random_state)
        self._states, self._steps_done = None, 0
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
        self._predict_callbacks = shared + self._make_callbacks("predict__callbacks")

    def _make_callbacks(self, name):
        params = self.get_params()
        given = params.get(name)
        if given is None:
            return []
        settings = route_params(params, destination=name, pass_filter=set())
        made = unflatten_params(items=given, params=settings)
        found = _flatten(made)
        for callback in found:
            if not isinstance(callback, (keras.callbacks.Callback, EpochCallback)):
                raise TypeError(
                    f"{name} must hold Keras callbacks or their classes, one or in a "
                    f"list or a dict, got {callback!r}."
                )
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
                y, ensure_2d=False, dtype=dtype, input_name="y", estimator=self
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

    def _encode_validation(self, X, y, weight=None):
        X, y = self._validate_data(X, y)
        if weight is not None:
            X, y, weight = self._validate_sample_weight(X, y, weight)
        return self._encode(X, y, weight)

    def _split(self, X, y, weight, share):
        """Return the data in two parts, the second with the given share of the rows."""
        seed = np.random.SeedSequence(self._seed)
        try:
            rows = checks.split_validation(X.shape[0], self._stratify(y), share, seed)
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
        return state

    def __setstate__(self, state):
        state = dict(state)
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
        return type(self)(**others, **shared)


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
        Weight of each class, as ``{class: weight}``; ``"balanced"`` makes the classes
        count alike.
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
        self.class_weight = class_weight

    # Set by partial_fit: all the classes that there will be.
    _classes = None

    def fit(self, X, y, sample_weight=None, **kwargs):
        """Build the model and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. A row of weight zero is left out.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, for this call: ``validation_data=(X, y)``,
            ``epochs``, ``batch_size``, ``callbacks`` and the others. Searches take them
            as parameters of the estimator instead: ``fit__batch_size=32``.

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
        weight = self._weigh(y, sample_weight)
        return super().fit(X, y, sample_weight=weight, **kwargs)

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
        self._classes = None if classes is None else np.unique(classes)
        try:
            weight = self._weigh(y, sample_weight)
            return super().partial_fit(X, y, sample_weight=weight, **kwargs)
        finally:
            self._classes = None

    def predict_proba(self, X, **kwargs):
        """Return the probability of each class.

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
        """
        outputs = self._predict_raw(X, **kwargs)
        proba = self.target_encoder_.inverse_transform(outputs, return_proba=True)
        if isinstance(proba, np.ndarray) and proba.ndim < 2:
            # The encoder has squeezed it: (k,) or (n,) -> (n, k)
            proba = proba.reshape(len(outputs), -1)
        return proba

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

    def _weigh(self, y, weight):
        """Return the weights of the rows, with those of their classes."""
        if self.class_weight is None:
            return weight
        check_consistent_length(y, weight)
        of_class = compute_sample_weight(self.class_weight, y)
        return of_class if weight is None else np.asarray(weight) * of_class

    def _type_of_target(self, y):
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


def _flatten(callbacks):
    """Return the callbacks of a callback, a list or a dict as one list."""
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
        raise type(error)(
            f"X holds {X.dtype}, which are no numbers ({error}). Encode it first, for "
            "example by OneHotEncoder in a pipeline."
        ) from error


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
    except ValueError:
        return name  # a metric of the user's own, or one with settings
    # It makes a_u_c of auc.
    return name if full.replace("_", "") == name.replace("_", "") else full
