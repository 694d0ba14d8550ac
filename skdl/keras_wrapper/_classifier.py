"""KerasClassifier: a classifier around a Keras model of the user's own."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from skdl._utils._labels import (
    balanced_weights,
    check_same_classes,
    check_same_labels,
    labels_of,
    refuse_balanced_parts,
    warn_of_absent_classes,
    warn_of_one_hot,
)
from skdl._utils._numbers import refuse_negative
from skdl.keras_wrapper._base import BaseKeras
from skdl.keras_wrapper._output_encoder import adapt_encoder, check_width
from skdl.keras_wrapper._output_kinds import find_kind, is_hinge
from skdl.keras_wrapper._outputs import decide, log_probabilities, probabilities
from skdl.keras_wrapper._scikeras import BaseWrapper, ClassifierLabelEncoder

__all__ = ["KerasClassifier"]


def _refuse_labels_of_steps(model, y):
    outputs = getattr(model, "outputs", None)
    if outputs and len(outputs) == 1 and len(outputs[0].shape) > 2:
        raise ValueError(
            f"The model gives an array of shape {outputs[0].shape[1:]} for each row, "
            "as for a label of each time step; a classifier has one label, or one row "
            "of labels, for each row. Make each step a row, or define your own "
            "target_encoder in a subclass (docs/guide/keras.md has one)."
        )


def _gives_probabilities(estimator):
    """Return whether a classifier has probabilities; raise the reason if not."""
    # A function may compile its model with another loss than the parameter.
    fitted = vars(estimator).get("_built")
    loss = estimator.loss if fitted is None else fitted.loss
    if not is_hinge(loss):
        return True
    raise AttributeError(
        f"loss={loss!r} learns margins, which are not probabilities: use "
        "decision_function, CalibratedClassifierCV, or a cross-entropy as loss."
    )


class KerasClassifier(ClassifierMixin, BaseKeras):
    """A classifier around a Keras model that you build yourself.

    It accepts what SciKeras' ``KerasClassifier`` accepts: only the import changes.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        A function that builds the model, or a model. The function gets the parameters
        that it names: its own (``hidden=64`` or ``model__hidden=64``), ``meta`` (a dict
        that describes the data: ``n_features_in_``, ``X_shape_``, ``target_type_``,
        ``n_classes_``, ``n_outputs_``), ``compile_kwargs`` (optimizer, loss and
        metrics, ready for ``keras.Model.compile``) and ``params`` (all parameters). It
        returns the model, compiled or not. A ``keras.Model`` is copied with its weights
        for each fit. None calls the method ``_keras_build_fn`` of a subclass.
    build_fn : callable or keras.Model, default=None
        The old name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit.
    on_interrupt : {"raise", "keep"}, default="raise"
        What Ctrl-C does to a fit: ``"raise"`` discards it and raises
        ``KeyboardInterrupt``; ``"keep"`` keeps the completed epochs, with a warning.
    random_state : int, RandomState or None, default=None
        An int gives the same weights, bit for bit, in each fit on one machine. No
        global random state is changed.
    optimizer : str, class or keras.optimizers.Optimizer, default="rmsprop"
        The optimizer, for a model that is not compiled yet. A name or a class takes
        ``optimizer__learning_rate=0.01`` and the like; an instance is copied.
    loss : str, callable, class or keras.losses.Loss, default=None
        The loss, for a model that is not compiled yet; ``loss__label_smoothing=0.1``
        and the like go to its class.
    metrics : list or dict, default=None
        Keras metrics: names, instances, functions or classes.
    batch_size : int, default=None
        Rows per batch; None is 32, -1 takes all rows as one batch.
    validation_batch_size : int, default=None
        Not used: of arrays ``batch_size`` is, where a loss depends on the whole batch.
    verbose : int or "auto", default=0
        Whether to show a line of progress; 0 is no.
    callbacks : list, dict, class or keras.callbacks.Callback, default=None
        Keras callbacks, and ``PruningCallback``. Classes take ``callbacks__patience=5``
        and the like.
    validation_split : float, default=0.0
        Share of the rows to validate on after each epoch, in [0, 1), drawn at
        random and stratified by class.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    run_eagerly : bool, default=False
        Whether Keras runs the model eagerly, for debugging.
    epochs : int, default=1
        Number of passes over the data, at least 1.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the training, as ``{class: weight}``; a class that is
        not named has weight 1, and one that is not in y is ignored. ``"balanced"``
        gives all classes the same total weight. As in Keras, validation scores are not
        weighted by it.
    **kwargs : dict
        The function's own parameters, and those passed on: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``compile__``, ``callbacks__``,
        ``fit__``, ``predict__`` and ``score__``, each followed by a parameter's name.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_classes_ : int
        Number of classes.
    model_ : keras.Model
        The fitted model.
    history_ : dict of list
        Loss and metrics of each epoch, with validation data ``val_loss`` and so on too;
        NaN for the epochs without such data that ``partial_fit`` adds.
    n_iter_ : int
        Number of epochs that were run.
    fit_path_ : str
        How the model was trained, and why: ``"compiled: ..."`` or
        ``"keras.Model.fit: ..."``. Both give the same results.
    n_features_in_ : int
        Size of the second dimension of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where all of them are strings.
    n_outputs_ : int
        1, unless your own target encoder sets another number.
    n_outputs_expected_ : int
        Number of output layers that the model must have, SciKeras' name.
    target_encoder_, feature_encoder_ : transformer
        They encode y and X; a subclass provides its own through the properties
        ``target_encoder`` and ``feature_encoder``.
    target_type_ : str
        Kind of target, from ``sklearn.utils.multiclass.type_of_target``.
    X_dtype_, y_dtype_ : numpy dtype
        Data types of the training data.
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

    Unpickling builds the model anew and restores its weights, so the function that
    builds it must be importable.

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
        model: Any = None,
        *,
        build_fn: Any = None,
        warm_start: bool = False,
        on_interrupt: str = "raise",
        random_state: Any = None,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        batch_size: Any = None,
        validation_batch_size: Any = None,
        verbose: int = 0,
        callbacks: Any = None,
        validation_split: Any = 0.0,
        shuffle: Any = True,
        run_eagerly: Any = False,
        epochs: int | str = 1,
        class_weight: dict | str | None = None,
        **kwargs: Any,
    ) -> None:
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

    # Set by partial_fit: all classes that will ever occur.
    _classes = None

    # scikit-learn has the classes third, and only for classifiers.
    def partial_fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Train one epoch, continuing from the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur, for the first call; None: those of ``y``.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        **kwargs : dict
            Arguments of ``keras.Model.fit`` except ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self
            The fitted estimator.
        """
        refuse_balanced_parts(self.class_weight)
        if classes is not None and self.initialized_:
            check_same_classes(self.classes_, classes)
        # OrdinalEncoder refuses numbers that are not sorted as categories.
        self._classes = None if classes is None else np.unique(classes)
        try:
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)
        finally:
            self._classes = None

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
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
            Labels from ``classes_``, or 0 and 1 for each of several labels. With a
            hinge loss, the sign or the largest output decides.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            model, encoder = self._built, self.target_encoder_
            if find_kind(model) == "margins":
                is_single = found.shape[1] == 1
                # (n, 1): the encoder reads one column as that of the second class.
                found = (found > 0).astype(np.float64) if is_single else found
            else:
                found = probabilities(found, model, encoder)
        return self.target_encoder_.inverse_transform(found)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Return the probability of each class.

        If the model returns logits, it is their sigmoid or softmax.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For a multilabel target, the probability of each label.

        Raises
        ------
        AttributeError
            If the loss is a hinge loss: it learns margins, not probabilities.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            return probabilities(found, self._built, self.target_encoder_)
        proba = self.target_encoder_.inverse_transform(found, return_proba=True)
        if isinstance(proba, np.ndarray) and proba.ndim < 2:
            # The encoder has squeezed it: (k,) or (n,) -> (n, k)
            proba = proba.reshape(len(found), -1)
        return proba

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
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
            Finite even where a probability is too small for a float.
        """
        found = self._predict_raw(X, **kwargs)
        if self._knows_outputs(found):
            return log_probabilities(found, self._built, self.target_encoder_)
        return np.log(self.predict_proba(X, **kwargs))

    def decision_function(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Return logits or margins: the sign or the largest value decides.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, for this call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column for each class or label; for two classes a flat array, positive
            for the second class. If the model returns probabilities: their
            log-odds, or the logarithms of those of a softmax.

        Raises
        ------
        ValueError
            If the model has several outputs, or your own encoder encodes the labels.
        """
        found = self._predict_raw(X, **kwargs)
        if not self._knows_outputs(found):
            raise ValueError(
                f"decision_function of {type(self).__name__} needs a model with one "
                "output of shape (n_samples, n_units), and the default target encoder."
            )
        return decide(found, self._built, self.target_encoder_)

    def _knows_outputs(self, found):
        """Return whether the meaning of the model's outputs is known."""
        is_own = type(self.target_encoder_) is ClassifierLabelEncoder
        is_table = isinstance(found, np.ndarray) and found.ndim == 2
        return is_own and is_table and self.n_classes_ is not None

    def _check_outputs(self, y):
        if type(self.target_encoder_) is not ClassifierLabelEncoder:
            return
        _refuse_labels_of_steps(self._built, y)
        if self.target_encoder_._target_type == "multiclass-onehot":
            warn_of_one_hot(y, "one label for each row, predicted one-hot too")
        check_width(self._built, self.target_encoder_)
        encoder = adapt_encoder(self._built, self.target_encoder_)
        self.target_encoder_ = encoder

    def _check_same_labels(self, y):
        if self.classes_ is not None and np.ndim(y) == 1:
            check_same_labels(self.classes_, y)

    @property
    def target_encoder(self) -> Any:
        """The encoder of the labels, not fitted yet; a subclass may have its own."""
        categories = "auto" if self._classes is None else [self._classes]
        return ClassifierLabelEncoder(loss=self.loss, categories=categories)

    score = BaseKeras.score  # before that of the mixin

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Return the accuracy; a subclass may define its own score.

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

    def _weigh_classes(self, y, weight=None):
        """Return a function from labels to row weights; "balanced" is that of y."""
        if self.class_weight is None:
            return None
        kind = getattr(self.target_encoder_, "_target_type", None)
        if kind == "multiclass-onehot" and y.ndim > 1:
            weigh = self._weigh_classes(y.argmax(axis=1), weight)
            return lambda rows: weigh(rows.argmax(axis=1))
        if y.ndim > 1 and y.shape[1] > 1:
            if self.class_weight == "balanced":
                columns = [np.unique(c, return_inverse=True)[1] for c in y.T]
                shares = [balanced_weights(c, weight)[c] for c in columns]
                weights = np.prod(shares, axis=0)
            else:
                weights = compute_sample_weight(self.class_weight, y)
            found, places = np.unique(y, axis=0, return_index=True)
            known = {tuple(row): weights[k] for row, k in zip(found, places)}
            return lambda rows: np.array([known[tuple(row)] for row in rows])
        labels = np.unique(y)
        if isinstance(self.class_weight, dict):
            known = labels_of(labels)
            warn_of_absent_classes(self.class_weight, known)
            given = [self.class_weight.get(label, 1.0) for label in known]
            weights = np.array(given, np.float64)
            refuse_negative(weights, "class_weight")
        elif self.class_weight == "balanced" and weight is not None:
            weights = balanced_weights(np.searchsorted(labels, np.ravel(y)), weight)
        else:
            weights = compute_class_weight(
                self.class_weight, classes=labels, y=np.ravel(y)
            )
        return lambda rows: weights[np.searchsorted(labels, np.ravel(rows))]

    def _type_of_target(self, y):
        if y.ndim > 2:
            raise ValueError(
                f"y has {y.ndim} dimensions; a classifier takes 1, or 2 for several "
                "labels of each row. Make each step a row, or define your own "
                "target_encoder in a subclass (docs/guide/keras.md has one)."
            )
        found = type_of_target(y, input_name="y")
        if found.startswith("continuous"):
            raise ValueError(
                f"Unknown label type: {found}. For numbers use KerasRegressor."
            )
        # The first batch may show only two of several classes.
        if found == "binary" and self._classes is not None:
            return type_of_target(self._classes)
        return found

    def _stratify(self, y):
        return y if self.target_type_ in ("binary", "multiclass") else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
