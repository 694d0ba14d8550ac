"""The base class of the wrapped Keras models: what happens during one fit."""

import sys
from contextlib import nullcontext
from typing import Any, Self
from weakref import ref

import keras
import numpy as np
from sklearn.base import is_classifier

import skdl.nn._backend  # noqa: F401
from skdl._utils._attributes import unchanged_on_failure
from skdl._utils._numbers import draw_seed, refuse_times
from skdl._utils._observer import Observer, ShownPredictions
from skdl._utils._pipelines import warn_if_raw, warn_of_raw_targets
from skdl._utils._site import LinkedToSite
from skdl._utils._validation_part import check_groups
from skdl.keras_wrapper._arguments import (
    check_choices,
    check_count,
    choose_batch_size,
    fit_arguments,
    keras_arguments,
)
from skdl.keras_wrapper._build import BuiltModel
from skdl.keras_wrapper._callbacks import (
    check_keras_callbacks,
    copy_callbacks,
    flatten_callbacks,
    make_callbacks,
)
from skdl.keras_wrapper._history import grown_history, warn_of_first_loss
from skdl.keras_wrapper._input import (
    arrays_kept,
    check_weight_shape,
    join_validation,
    unknown_labels_named,
)
from skdl.keras_wrapper._prediction import PredictingModel
from skdl.keras_wrapper._routing import check_names
from skdl.keras_wrapper._scikeras import route_params
from skdl.keras_wrapper._state import KeptModel, build_optimizer, weights_kept
from skdl.keras_wrapper._streams import Stream, is_stream

__all__ = ["BaseKeras"]


class BaseKeras(LinkedToSite, KeptModel, PredictingModel, BuiltModel):
    """The base class of the wrapped Keras models: what happens during one fit.

    Building, compiling and routing follow the protocol of SciKeras; data, seeds,
    training and prediction are ours.
    """

    # Set by a fit: its model, its seed, and the state that the next fit resumes from.
    _built: keras.Model
    _seed: int
    _states: list | None = None
    _states_of: str | None = None
    _steps_done: int = 0
    _trained_by = None  # the optimizer that _states belong to
    # Set by a search while it fits: it sees the score of each epoch.
    _observer: Observer | None = None
    # SciKeras would set TensorFlow's global seed from it.
    _random_state = None

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        validation_groups: Any = None,
        validation_data: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Self:
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
            ``transform_input=["X_val"]`` the earlier steps transform it.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            The labels or numbers of the validation set.
        sample_weight_val : array-like of shape (n_val,), default=None
            The weights of its rows; ``class_weight`` does not apply to them.
        validation_groups : array-like of shape (n_samples,), default=None
            Groups of rows: ``validation_split`` splits off whole groups.
        validation_data : tuple or data set, default=None
            ``(X_val, y_val)`` or ``(X_val, y_val, sample_weight_val)``, as in Keras
            and SciKeras. A pipeline does not transform it.
        epochs : int, default=None
            Overrides the parameter of the estimator in this call.
        batch_size : int, default=None
            Overrides the parameter of the estimator in this call.
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
            estimator is then unchanged.
        """
        arguments = {"batch_size": batch_size, "callbacks": callbacks}
        kwargs |= {k: value for k, value in arguments.items() if value is not None}
        kwargs.setdefault("initial_epoch", 0)
        if self.warm_start and self.initialized_:
            self._check_same_labels(y)
        if epochs is None:
            # SciKeras' order: the call, then fit__epochs, then epochs.
            epochs = getattr(self, "fit__epochs", self.epochs)
        validation = join_validation((X_val, y_val, sample_weight_val), validation_data)
        if validation is not None:
            kwargs["validation_data"] = validation
            name = "validation_data" if X_val is None else "X_val"
            warn_if_raw(self, name)
            warn_of_raw_targets(self, y, y_val)
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

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any
    ) -> Self:
        """Train one epoch, continuing from the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        **kwargs : dict
            Arguments of ``keras.Model.fit`` except ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self
            The fitted estimator.
        """
        with unchanged_on_failure(self):
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)

    def initialize(self, X: Any, y: Any = None) -> Self:
        """Build the model without fitting it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The data, for its shape.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, for their classes and shape.

        Returns
        -------
        self
            The estimator, which can predict with its initial weights.
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
        resuming = warm_start and self.initialized_
        check_names(self, self._find_build(), kwargs)
        arguments = fit_arguments(self, kwargs)
        if is_stream(X):
            self._fit_stream(
                X, y, sample_weight, arguments, resuming, epochs, int(initial_epoch)
            )
            return
        if resuming:
            X, y = self._validate_data(X, y)
        else:
            X, y = self._initialize(X, y)
        self._check_input(X)
        self._ensure_compiled_model()
        self._check_outputs(y)
        groups = check_groups(groups, X.shape[0])
        if sample_weight is not None:
            refuse_times(sample_weight, "sample_weight")
            check_weight_shape(sample_weight, X.shape[0], "sample_weight")
            # _validate_sample_weight drops the rows of weight 0, but knows no groups.
            kept = np.broadcast_to(np.asarray(sample_weight) != 0, X.shape[:1])
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
        # After the split: as in Keras, class weights do not count in val_loss.
        weigh = self._weigh_classes(y, sample_weight)
        if weigh is not None:
            weight = weigh(y)
            if sample_weight is not None:
                weight = weight * sample_weight
            X, y, sample_weight = self._validate_sample_weight(X, y, weight)
        X, y, *_ = self._encode(X, y)
        self._check_rows(X)
        self._check_model_compatibility(y)
        if not resuming or not hasattr(self, "history_") or initial_epoch == 0:
            self.history_ = {}
        # A model that goes on is changed in place; a new one is dropped by a failure.
        with weights_kept(self._built if resuming else None):
            self._train(
                X, y, sample_weight, validation, arguments, epochs, int(initial_epoch)
            )

    def _fit_stream(self, data, y, weight, arguments, resuming, epochs, first_epoch):
        """Fit to a data set of batches, after one pass over it for its targets."""
        if y is not None or weight is not None:
            raise ValueError(
                "X is a data set, whose batches hold the targets and the weights: "
                "leave y and sample_weight out."
            )
        if arguments["validation_split"]:
            raise ValueError(
                "validation_split can't be used with a data set: give X_val and y_val, "
                "or validation_data."
            )
        stream = Stream(data)
        if not resuming:
            self._initialize(stream.x, stream.y, n_rows=len(stream.x))
        _, y = self._validate_data(None, stream.y)
        self._check_input(stream.x)
        self._ensure_compiled_model()
        self._check_outputs(y)
        weigh = self._weigh_classes(y, stream.weight)
        validation = arguments["validation_data"]
        validation = validation and self._encode_validation(validation)

        def encode(x, y, weight):
            x, y = self._validate_data(x, y)
            if weigh is not None:
                weight = weigh(y) if weight is None else weight * weigh(y)
            return self._encode(x, y, weight)

        # `encoded` yields batches without end: this is what ends an epoch.
        arguments |= {"steps_per_epoch": stream.n_batches}
        if not resuming or not hasattr(self, "history_") or first_epoch == 0:
            self.history_ = {}
        with weights_kept(self._built if resuming else None):
            batches = stream.encoded(encode)
            self._train(batches, None, None, validation, arguments, epochs, first_epoch)

    def _train(self, X, y, weight, validation, arguments, n_epochs, first_epoch):
        """Train the model, and set the fitted attributes."""
        from skdl.training._job import Job, Part
        from skdl.training._learned import WrappedModel
        from skdl.training._run import Run

        self._follow_params()
        if self._trained_by is not self._built.optimizer:
            self._states = None  # the model was compiled anew
        order_seed = np.random.SeedSequence([self._seed, self._steps_done])
        check_count("epochs", n_epochs)
        check_choices(self, arguments)
        batch_size = choose_batch_size(arguments)
        self._initialize_callbacks()
        given = flatten_callbacks(arguments["callbacks"])
        check_keras_callbacks("callbacks", given)
        # Fits in several threads may be given the same objects.
        callbacks = copy_callbacks([*self._fit_callbacks, *given])
        job = Job(
            WrappedModel(self._built, keras_arguments(arguments)),
            Part(X, None, y, weight),
            n_epochs,
            batch_size,
            callbacks=callbacks,
            seed=order_seed,
            shuffle=bool(arguments["shuffle"]),
            states=self._states,
            states_of=self._states_of,
            first_step=self._steps_done,
            first_epoch=first_epoch,
            keep_states=True,
            # A search must see Ctrl-C, not a fold that looks finished.
            keep_on_interrupt=self.on_interrupt == "keep" and self._observer is None,
        )
        if validation is not None:
            X_val, y_val, weight_val = (*validation, None)[:3]
            job.validation = Part(X_val, None, y_val, weight_val)
        run = Run(job)
        if self._observer is not None:
            self._observe(self._observer, job, run)
        if arguments["verbose"]:
            from skdl._utils._progress_line import ProgressLine

            job.watchers.append(ProgressLine(type(self).__name__, n_epochs))
        outcome = run.train()
        warn_of_first_loss(outcome.history, y)
        self._states, self._states_of = outcome.states, outcome.states_of
        self._steps_done = outcome.n_steps
        self._trained_by = self._built.optimizer
        self.fit_path_ = outcome.path
        self.__dict__.update(grown_history(self.history_, outcome.history))
        self.__dict__.pop("callbacks_", None)
        if callbacks:
            self.callbacks_ = callbacks

    def _check_outputs(self, y):
        """Check that the model's outputs fit the targets."""

    def _check_same_labels(self, y):
        """Check that a resumed fit has the labels of the last fit."""

    def _weigh_classes(self, y, weight=None):
        """Return a function from labels to row weights; None if all are equal."""
        return

    def _observe(self, observer, job, run):
        """Let an observer see the epochs of a run."""

        running: Any = ref(run)  # the run holds the rows, and its watchers

        def take_weights(weights):
            self._built.set_weights(weights)
            return grown_history(self.history_, running().recorder.history)

        observer.begin(job.n_epochs, run.steps_per_epoch, run.multiply_adds)
        if observer.wants_epochs:
            # No row is scored in the loop; but here a search passes its test rows
            # through the fitted transformers.
            observer.find_rows(_refuse_rows)
            job.watchers.append(ShownPredictions(self, take_weights))

    def _initialize(self, X, y=None, n_rows=None):
        """Record the type of the data, and build the model.

        For a data set, X holds only its first ``n_rows`` rows, and y all targets.
        """
        if n_rows is None:
            X, y = self._validate_data(X, y, reset=True)
        else:
            # In two calls: X is only the first batch, which may lack some classes.
            self._validate_data(X, y[:n_rows], reset=True)
            _, y = self._validate_data(None, y, reset=True)
        self._seed = draw_seed(self.random_state)
        self._states, self._steps_done = None, 0
        with _no_autologging(), arrays_kept():
            with unknown_labels_named(y, getattr(self, "_classes", None)):
                self.target_encoder_ = self.target_encoder.fit(y)
            self.__dict__.update(getattr(self.target_encoder_, "get_metadata", dict)())
            # The property makes a new encoder, not fitted, each time: one is kept.
            encoder = self.feature_encoder
            self.feature_encoder_ = encoder.fit(X)
        self.__dict__.update(getattr(encoder, "get_metadata", dict)())
        self.__dict__.pop("history_", None)
        self._built_with = self.get_params(deep=False)
        self._built = self._build_keras_model()
        self._compiles = not self._built.compiled
        if not self._built.built:
            few = keras.tree.map_structure(lambda part: part[:1], X)
            with arrays_kept():
                few = self.feature_encoder_.transform(few)
            self._show_rows(few)
        return X, y

    def _initialize_callbacks(self):
        shared = make_callbacks(self, "callbacks")
        self._fit_callbacks = shared + make_callbacks(self, "fit__callbacks")
        predicting = shared + make_callbacks(self, "predict__callbacks")
        self._predict_callbacks = [
            c for c in predicting if isinstance(c, keras.callbacks.Callback)
        ]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of the predictions, computed by ``scorer``.

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
        if not is_classifier(self):
            refuse_times(y, "y")
        settings = route_params(
            self.get_params(), destination="score", pass_filter=set()
        )
        if sample_weight is not None:
            settings["sample_weight"] = sample_weight
        return self.scorer(y, self.predict(X), **settings)

    @property
    def model_(self) -> Any:
        """The fitted ``keras.Model``: ordinary and compiled."""
        if "_built" not in self.__dict__:
            # The only error that `hasattr` and scikit-learn's HTML view forgive.
            raise AttributeError(
                f"This {type(self).__name__} is not fitted: no model_."
            )
        if "history_" in self.__dict__:
            # One that was compiled since begins with its first step.
            trained = self._trained_by is self._built.optimizer
            build_optimizer(self._built, self._steps_done if trained else 0)
        return self._built

    def _given_names(self):
        """Return the names of the parameters that the class does not name itself."""
        routed = {name for name in self.get_params(deep=False) if "__" in name}
        return routed | set(getattr(self, "_user_params", ()))

    @property
    def initialized_(self) -> bool:
        """Whether there is a model, fitted or with its initial weights."""
        return "_built" in self.__dict__

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


def _refuse_rows(*part):
    raise ValueError("What is not skdl's own network is scored by its predictions.")


def _no_autologging():
    """Keep MLflow, if it logs what scikit-learn fits, from logging an encoder."""
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return nullcontext() if utils is None else utils.disable_autologging()
