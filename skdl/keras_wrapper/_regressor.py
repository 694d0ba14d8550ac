"""KerasRegressor: a regressor around a Keras model of the user's own."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skdl.keras_wrapper._base import BaseKeras
from skdl.keras_wrapper._scikeras import (
    RegressorTargetEncoder,
)

__all__ = ["KerasRegressor"]


class KerasRegressor(RegressorMixin, BaseKeras):
    """A regressor around a Keras model that you build yourself.

    It accepts what SciKeras' ``KerasRegressor`` accepts: only the import changes.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        A function that builds the model, or a model. The function gets the parameters
        that it names: its own (``hidden=64`` or ``model__hidden=64``), ``meta`` (a dict
        that describes the data: ``n_features_in_``, ``X_shape_``, ``target_type_``,
        ``n_outputs_``), ``compile_kwargs`` (optimizer, loss and metrics, ready for
        ``keras.Model.compile``) and ``params`` (all parameters). It returns the model,
        compiled or not. A ``keras.Model`` is copied with its weights for each fit. None
        calls the method ``_keras_build_fn`` of a subclass.
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
        The loss, for a model that is not compiled yet; ``loss__delta=2.0``
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
        random.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    run_eagerly : bool, default=False
        Whether Keras runs the model eagerly, for debugging.
    epochs : int, default=1
        Number of passes over the data, at least 1.
    **kwargs : dict
        The function's own parameters, and those passed on: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``compile__``, ``callbacks__``,
        ``fit__``, ``predict__`` and ``score__``, each followed by a parameter's name.

    Attributes
    ----------
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
        Number of targets.
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

    Unpickling builds the model anew and restores its weights, so the function that
    builds it must be importable.

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

    @property
    def target_encoder(self) -> Any:
        """The encoder of the targets, not fitted yet; a subclass may have its own."""
        return RegressorTargetEncoder()

    score = BaseKeras.score  # before that of the mixin

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Return the coefficient of determination; a subclass may have its own score.

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

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
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
        if y.ndim > 2:
            return "continuous-multioutput"
        if y.ndim == 1 or y.shape[1] == 1:
            # With the rows repeated three times, which are of the same type,
            # scikit-learn 1.7 does not warn that whole numbers look like too many
            # classes. Wide targets may be as large as X, and are left as they are.
            y = np.concatenate([y, y, y])
        return super()._type_of_target(y)

    def _check_outputs(self, y):
        if type(self.target_encoder_) is not RegressorTargetEncoder:
            return
        outputs = [*(getattr(self._built, "outputs", None) or ())]
        n_targets = 1 if np.ndim(y) == 1 else np.shape(y)[1]
        if len(outputs) != 1 or len(outputs[0].shape) != 2 or np.ndim(y) > 2:
            return
        if outputs[0].shape[-1] != n_targets:
            raise ValueError(
                f"The model has {outputs[0].shape[-1]} outputs, and y has {n_targets} "
                f"targets for each row: its last layer needs {n_targets} units, "
                "meta['n_outputs_']."
            )

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=True):
        return super()._validate_data(X, y, reset=reset, y_numeric=True)
