"""The multilayer perceptron: its layers, and MLPClassifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdl._utils._sklearn import StrOptions
from skdl.estimators._base import BaseNetwork
from skdl.estimators._constraints import BATCH, COUNT, FACTOR
from skdl.estimators._defaults import AUTO
from skdl.estimators._mixins import NetworkClassifier
from skdl.estimators._parameters import (
    choose_normalization,
    expand_dropout,
    expand_hidden_sizes,
)
from skdl.nn._structure import MLPStructure

__all__ = [
    "ACTIVATION",
    "DROPOUT",
    "HIDDEN",
    "LEARNING_RATE",
    "MLP_CONSTRAINTS",
    "MLPClassifier",
    "Perceptron",
]

# The defaults that were chosen by measurement: docs/defaults.md has the table, and
# `python -m benchmarks.defaults` measures it again.
HIDDEN = (100, 50)
ACTIVATION = "swish"
DROPOUT = 0.1
LEARNING_RATE = 0.002

MLP_CONSTRAINTS = {
    "l2": [FACTOR, StrOptions({AUTO})],
    "batch_size": [*BATCH, StrOptions({AUTO})],
    "epochs": [COUNT, StrOptions({AUTO})],
}


class Perceptron(BaseNetwork):
    """The layers of a multilayer perceptron."""

    hidden_layer_sizes: Any
    activation: str
    batch_norm: bool
    normalization: str | None
    dropout: Any
    input_dropout: float

    def _make_structure(self, target):
        hidden = expand_hidden_sizes(self.hidden_layer_sizes)
        structure = MLPStructure(
            depth=len(hidden),
            activation=self.activation,
            normalization=choose_normalization(self.normalization, self.batch_norm),
            head=target.head,
            n_quantiles=target.n_quantiles,
        )
        return structure, [*hidden, target.n_logits]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernel of each layer, as scikit-learn's networks name them: views."""
        return self._weights_named("kernel")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The bias of each layer, or what its normalization adds: views."""
        return self._weights_named("bias", "beta")

    def _weights_named(self, *names):
        check_is_fitted(self)
        if len(self._members) > 1:
            raise AttributeError(
                "An ensemble has the weights of several networks: those of the first "
                "are estimators_[0].coefs_ and estimators_[0].intercepts_."
            )
        pairs = zip(self._network.weights, self._weights, strict=True)
        return [weight for name, weight in pairs if name in names]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _dropout_rates(self):
        n_hidden = len(expand_hidden_sizes(self.hidden_layer_sizes))
        hidden = expand_dropout(self.dropout, n_hidden)
        return [float(self.input_dropout), *hidden]


class MLPClassifier(Perceptron, NetworkClassifier):
    """A multilayer perceptron that classifies, trained through TensorFlow.

    It takes binary, multiclass and multilabel targets with any labels. The output is a
    softmax over the classes, or a sigmoid for two classes and for each of several
    labels; the loss is the cross-entropy.

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
    batch_norm : bool, default=False
        The old spelling of ``normalization="batch"``.
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
    learning_rate : float, default=0.002
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
        Number of passes over the data, at least 1. ``"auto"`` is 100 up to 20,000 rows,
        and ``2_000_000 / n_samples`` above, but at least 5.
    early_stopping : bool, default=False
        Whether to stop when the monitored validation score no longer improves.
    monitor : str or callable, default="loss"
        What is monitored: ``"loss"``, ``"score"`` (the accuracy), or a name of
        ``sklearn.metrics.get_scorer_names()`` or a scorer, computed from the
        predictions after each epoch; larger is better for all but the loss.
    validation_fraction : float, default=0.1
        Share of the rows that ``early_stopping`` splits off to validate on, in (0, 1);
        stratified by class and drawn at random. Not used where ``fit`` gets ``X_val``.
    patience : int, default=10
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
    n_ensemble : int, default=1
        How many networks of different seeds one fit trains, at least 1: their
        probabilities are averaged (Lakshminarayanan et al., 2017).
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

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if all of them are strings.
    n_outputs_ : int
        1, or the number of labels of a multilabel target.
    n_iter_ : int
        Number of epochs that were run.
    resolved_ : dict of str to number
        The values used for the parameters that are ``"auto"``.
    history_ : dict of list
        For each epoch: ``loss`` and ``accuracy`` of its steps, with dropout on; with
        validation data ``val_loss`` and ``val_accuracy`` too. The losses exclude
        the penalties. ``partial_fit`` appends to it, with NaN for the validation.
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
        The kernel and the bias of each layer of one network, as views.
    model_ : keras.Model
        The fitted network as an ordinary Keras model.
    callbacks_ : list
        The copies of ``callbacks`` that the fit has worked on, if there were any; of an
        ensemble each of ``estimators_`` has its own.

    See Also
    --------
    MLPRegressor : The same network for numbers.
    sklearn.neural_network.MLPClassifier : A network without dropout or normalization.

    Notes
    -----
    Networks learn best from features of mean 0 and standard deviation 1: put a
    ``StandardScaler`` in front.

    References
    ----------
    Goodfellow, Bengio & Courville, "Deep Learning", MIT Press (2016), chapter 6.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdl import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    _parameter_constraints = NetworkClassifier._parameter_constraints | MLP_CONSTRAINTS

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = HIDDEN,
        *,
        activation: str = ACTIVATION,
        kernel_initializer: str | dict = "auto",
        batch_norm: bool = False,
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
        learning_rate: float = LEARNING_RATE,
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
        early_stopping: bool = False,
        monitor: Any = "loss",
        validation_fraction: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
        temperature: bool = False,
        class_weight: dict | str | None = None,
        n_ensemble: int = 1,
        warm_start: bool = False,
        on_interrupt: str = "raise",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.batch_norm = batch_norm
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
