"""TabularClassifier: a data frame in, classes out."""

from collections.abc import Sequence
from typing import Any

from skdl.estimators._mixins import NetworkClassifier
from skdl.estimators._mlp import ACTIVATION, DROPOUT, HIDDEN
from skdl.estimators._tabular import (
    LEARNING_RATE_OF_TABLES,
    N_ENSEMBLE,
    PATIENCE,
    TABULAR_CONSTRAINTS,
    Tabular,
)
from skdl.tables._encoder import MOST_CATEGORIES, N_BINS

__all__ = ["TabularClassifier"]


class TabularClassifier(Tabular, NetworkClassifier):
    """An ensemble of networks that classifies the rows of a table as it is.

    ``fit`` takes a data frame of pandas or polars, or an array, with columns of
    numbers, booleans, categories, strings, dates and durations, and gaps in any of
    them. Numbers are scaled and encoded piecewise-linearly, categories get indicators
    (``TableEncoder``); then eight networks of ``MLPClassifier`` are trained, each
    validated on another eighth of the rows, and their probabilities averaged.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100, 50)
        Number of units of each hidden layer, at least 1. The empty sequence gives a
        linear model.
    activation : str, default="swish"
        Activation of the hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``,
        ``"elu"``, ``"gelu"``, ``"selu"``, ``"swish"`` (also named ``"silu"``),
        ``"mish"``, ``"leaky_relu"`` (slope 0.2), ``"softplus"``, ``"hard_swish"`` or
        ``"identity"``.
    kernel_initializer : str or dict, default="auto"
        ``"auto"`` (He et al., 2015, for the relu and the swish family; Klambauer et
        al., 2017, for selu; Glorot & Bengio, 2010, for saturating ones and the output)
        or the Keras name of an initializer, or a dict of its name and settings, as
        ``{"name": "random_normal", "stddev": 0.01}``; ``random_state`` seeds it.
    normalization : {"batch", "layer", None}, default=None
        What normalizes each hidden layer before its activation: ``"batch"`` over
        the rows of the batch (Ioffe & Szegedy, 2015), ``"layer"`` over the values of
        each row (Ba et al., 2016).
    dropout : float or sequence of float, default=0.1
        Share of the units of each hidden layer that a step drops, at most
        255 / 256: one for all layers, or one for each (Srivastava et al., 2014).
    input_dropout : float, default=0.0
        The same for the features.
    loss : str or callable, default="cross_entropy"
        What is minimized, averaged over the rows: ``"cross_entropy"``, ``"focal"``,
        ``"ordinal"``, or a function of your own. ``"focal"`` counts rows less that are
        right already (Lin et al., 2017). ``"ordinal"`` is the cross-entropy of ordered
        classes, by cumulative links (McCullagh, 1980). A function ``loss(y_true,
        y_pred)`` of ``keras.ops`` takes the codes of the classes and the probabilities,
        as Keras gives them, and returns a loss for each row.
    label_smoothing : float, default=0.0
        Share of each label, in [0, 1), that the cross-entropy gives to all classes
        alike (Szegedy et al., 2016).
    focal_gamma : float, default=2.0
        Exponent of the focal loss, at least 0: 0 is the cross-entropy.
    categories : sequence or None, default=None
        The classes from the lowest to the highest, for ``loss="ordinal"``; None is the
        order of numbers.
    l1 : float, default=0.0
        Penalty, at least 0: ``l1 * sum(abs(w))`` over the kernels is added to the loss.
    l2 : float or "auto", default="auto"
        Penalty, at least 0: ``l2 * sum(w**2)`` over the kernels is added to the loss,
        as in Keras. The loss is a mean over rows and the penalty is not, so what is
        right for few rows is too much for many (scikit-learn divides its ``alpha`` by
        ``n_samples``): ``"auto"`` is 0.001 up to 2,000 rows, and ``0.001 * (2000 /
        n_samples) ** 1.5`` above, the best of what was measured.
    weight_decay : float or None, default=None
        Decoupled decay, at least 0: a step takes ``learning_rate * weight_decay`` of
        each kernel away, whatever the optimizer (Loshchilov & Hutter, 2019). None is
        0.004 for ``"adamw"``, as in Keras, and 0 for the others. An optimizer that is
        an instance has its own.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        ``"sgd"``, ``"adam"``, ``"adamw"``, ``"rmsprop"``, ``"adagrad"``,
        ``"adadelta"``, ``"adamax"``, ``"nadam"``, ``"lion"``, or an instance with
        settings of its own. An instance is not changed.
    learning_rate : float, default=0.004
        Step size of the optimizer, above 0: where the schedule starts, or the highest
        one of ``"one_cycle"``. A schedule of Keras has its own.
    learning_rate_schedule : None, str, dict or callable, default=None
        None keeps the rate. A name is ``"step"``, ``"exponential"``, ``"inverse_time"``
        (the classic ``decay``), ``"cosine"`` (Loshchilov & Hutter, 2017),
        ``"one_cycle"`` (Smith, 2018) or ``"plateau"``. With settings, a dict:
        ``{"name": "step", "drop": 0.5, "every": 10}`` (epochs),
        ``{"name": "exponential", "rate": 0.95}`` (for each epoch),
        ``{"name": "inverse_time", "decay": 1e-4}`` (for each step),
        ``{"name": "cosine", "final": 0.0}`` (a share of the rate),
        ``{"name": "one_cycle", "warmup": 0.3, "start": 0.04, "final": 1e-4}`` (shares),
        ``{"name": "plateau", "factor": 0.5, "patience": 5, "min_delta": 1e-4,
        "lowest": 0.0}``. Or a ``keras.optimizers.schedules.LearningRateSchedule``.
    warmup : int or float, default=0
        Steps in which the learning rate rises from 0 to what the schedule says, or, as
        a float in [0, 1), their share of all steps (Goyal et al., 2017).
    ema : float or None, default=None
        Momentum, in [0, 1), of a moving average of the weights over the steps, which
        is validated and kept in the place of the last weights (Polyak & Juditsky,
        1992); 0.99 averages about the last hundred steps.
    swa_start : float or None, default=None
        Share of the epochs, in [0, 1), after which the weights at the end of each
        epoch are averaged, validated and kept (Izmailov et al., 2018).
    momentum : float, default=0.0
        Momentum of ``"sgd"`` and ``"rmsprop"``, in [0, 1); the others do not use it.
    nesterov : bool, default=False
        Whether ``"sgd"`` uses Nesterov momentum.
    clipnorm : float or None, default=None
        Largest norm of the gradient of one weight array, above 0; a larger gradient is
        scaled down to it. At most one of the three clip parameters may be given.
    clipvalue : float or None, default=None
        Largest absolute value of each element of the gradient, above 0.
    global_clipnorm : float or None, default=None
        Largest norm of the gradients of all weights together, above 0 (Pascanu et al.,
        2013).
    batch_size : int or "auto", default="auto"
        Rows per batch, at least 1; -1 takes all rows as one batch. ``"auto"`` is 64 up
        to 10,000 rows, 128 up to 40,000, and 256 above.
    epochs : int or "auto", default="auto"
        Most passes over the data, at least 1; training stops early. ``"auto"`` is 300
        up to 13,000 rows, and ``4_000_000 / n_samples`` above, but at least 20.
    early_stopping : bool, default=True
        Whether to stop when the monitored validation score no longer improves. Each of
        several networks is validated on another fold of the rows, unless ``fit`` gets
        ``X_val``.
    monitor : str or callable, default="loss"
        What is monitored: ``"loss"``, ``"score"`` (the accuracy), or a name of
        ``sklearn.metrics.get_scorer_names()`` or a scorer, computed from the
        predictions after each epoch; larger is better for all but the loss.
    validation_fraction : float, default=0.1
        Share of the rows, in (0, 1), that one network alone (``n_ensemble=1``) is
        validated on; of several, each is validated on ``1 / n_ensemble``.
    patience : int, default=20
        Epochs without an improvement after which training stops.
    min_delta : float, default=0.0
        Change of the monitored score that counts as an improvement, at least 0.
    restore_best_weights : bool, default=True
        Whether early stopping restores the weights of the best epoch.
    temperature : bool, default=False
        Whether the logits are divided by a number that fits the probabilities to the
        rows held back (Guo et al., 2017): those of ``early_stopping``, or ``X_val``.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, as ``{class: weight}``; ``"balanced"`` gives all
        classes the same total weight, and is the only one for several labels of a row.
        The rows that a fit holds back are weighted alike, ``X_val`` is not.
    n_ensemble : int, default=8
        How many networks one fit trains, at least 1: their probabilities are
        averaged (Lakshminarayanan et al., 2017).
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit.
    on_interrupt : {"raise", "keep"}, default="raise"
        What Ctrl-C does to a fit: ``"raise"`` discards it and raises
        ``KeyboardInterrupt``; ``"keep"`` keeps the completed epochs, with a warning.
    callbacks : list of keras.callbacks.Callback, default=None
        Keras callbacks. Each fit works on its own copies.
    verbose : int, default=0
        Whether to show a line of progress.
    random_state : int, RandomState or None, default=None
        An int gives the same weights, bit for bit, in each fit on one machine.
    n_bins : int or "auto", default="auto"
        The most bins of a number, at least 0 (``PiecewiseLinearEncoder``; Gorishniy et
        al., 2022). ``"auto"`` is the cube root of the number of rows, 6 at least and
        16 at most.
    max_categories : int, default=100
        The most categories of a column that have an indicator of their own, at least 1.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Names or indices (or a mask) of columns to treat as categories beside those
        whose type says so: strings and the categorical types of pandas and polars.
    numerical_features : array-like or None, default=None
        Names or indices of columns of strings or categories to treat as numbers.
    drop_features : array-like or None, default=None
        Names or indices of columns to leave out.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    columns_ : DataFrame
        What was made of each column: its kind, how many categories it had, the share
        that is missing, the encoding, and how many numbers that are.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if all of them are strings.
    n_outputs_ : int
        1, or the number of labels of a multilabel target.
    n_iter_ : int
        Number of epochs that were run.
    resolved_ : dict of str to number
        The values used for the parameters that are ``"auto"``.
    history_ : dict of list
        For each epoch: ``loss`` and ``accuracy`` of its steps, with dropout on; with
        validation data ``val_loss`` and ``val_accuracy`` too. The losses exclude
        the penalties.
    temperature_ : float
        With ``temperature=True`` what the logits are divided by.
    estimators_ : list of estimator
        With ``n_ensemble`` above 1 its networks, each fitted; ``history_`` is then
        their mean: one that has ended counts with the epoch that it kept.
    loss_curve_ : list of float
        The ``loss`` of each epoch.
    validation_scores_ : list of float or None
        The accuracy, or the score that ``monitor`` names, of the validation part after
        each epoch; None without one.
    best_epoch_ : int or None
        The epoch whose weights early stopping found best, counted from 1; None without
        it. The networks of an ensemble have one each.
    best_score_ : float or None
        The validation score of that epoch; None if ``best_epoch_`` is None.
    coefs_, intercepts_ : list of ndarray of float32
        With ``n_ensemble=1``, the kernel and the bias of each layer, as views.
    model_ : keras.Model
        The fitted network as an ordinary Keras model.
    callbacks_ : list
        The copies of ``callbacks`` that the fit has worked on, if there were any; of an
        ensemble each of ``estimators_`` has its own.

    See Also
    --------
    TabularRegressor : The same for numbers.
    MLPClassifier : One of its networks, on numbers.
    skdl.preprocessing.TableEncoder : What is done with the columns.
    sklearn.ensemble.HistGradientBoostingClassifier : Trees with the same interface.

    References
    ----------
    Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS (2022); Holzmüller, Grinsztajn & Steinwart, "Better by default",
    NeurIPS (2024); Breiman, "Bagging predictors", Machine Learning 24 (1996).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skdl import TabularClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({
    ...     "size": rng.normal(size=200),
    ...     "color": rng.choice(["red", "green", None], 200),
    ... })
    >>> y = np.where((X["size"] > 0) & (X["color"] == "red"), "buy", "leave")
    >>> model = TabularClassifier(random_state=0).fit(X, y)
    >>> model.columns_["kind"].tolist()
    ['number', 'category']
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints = (
        NetworkClassifier._parameter_constraints | TABULAR_CONSTRAINTS
    )

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = HIDDEN,
        *,
        activation: str = ACTIVATION,
        kernel_initializer: str | dict = "auto",
        normalization: str | None = None,
        dropout: float | Sequence[float] = DROPOUT,
        input_dropout: float = 0.0,
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        categories: Sequence | None = None,
        l1: float = 0.0,
        l2: float | str = "auto",
        weight_decay: float | None = None,
        optimizer: Any = "adam",
        learning_rate: float = LEARNING_RATE_OF_TABLES,
        learning_rate_schedule: Any = None,
        warmup: float = 0,
        ema: float | None = None,
        swa_start: float | None = None,
        momentum: float = 0.0,
        nesterov: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        batch_size: Any = "auto",
        epochs: int | str = "auto",
        early_stopping: bool = True,
        monitor: Any = "loss",
        validation_fraction: float = 0.1,
        patience: int = PATIENCE,
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
        temperature: bool = False,
        class_weight: dict | str | None = None,
        n_ensemble: int = N_ENSEMBLE,
        warm_start: bool = False,
        on_interrupt: str = "raise",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        n_bins: int | str = N_BINS,
        max_categories: int = MOST_CATEGORIES,
        categorical_features: Any = "from_dtype",
        numerical_features: Sequence | None = None,
        drop_features: Sequence | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.normalization = normalization
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.categories = categories
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.warmup = warmup
        self.ema = ema
        self.swa_start = swa_start
        self.momentum = momentum
        self.nesterov = nesterov
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best_weights = restore_best_weights
        self.temperature = temperature
        self.class_weight = class_weight
        self.n_ensemble = n_ensemble
        self.warm_start = warm_start
        self.on_interrupt = on_interrupt
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
        self.n_bins = n_bins
        self.max_categories = max_categories
        self.categorical_features = categorical_features
        self.numerical_features = numerical_features
        self.drop_features = drop_features
