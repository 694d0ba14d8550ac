"""The convolutional networks: CNNClassifier and CNNRegressor."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skdl._utils._sklearn import HasMethods, StrOptions
from skdl.estimators import _images as images
from skdl.estimators._base import BaseNetwork
from skdl.estimators._constraints import COUNT, SHARE
from skdl.estimators._mixins import NetworkClassifier
from skdl.estimators._parameters import (
    choose_normalization,
    expand_dropout,
    expand_hidden_sizes,
)
from skdl.nn._augmentation import plain_augmentation
from skdl.nn._structure import CNNStructure

__all__ = [
    "CNNClassifier",
    "CNN_ACTIVATION",
    "CNN_BATCH",
    "CNN_CONSTRAINTS",
    "CNN_DROPOUT",
    "CNN_EPOCHS",
    "CNN_FILTERS",
    "CNN_HIDDEN",
    "CNN_L2",
    "CNN_LEARNING_RATE",
    "Convolutional",
]

# A small network of the usual shape: docs/benchmarks/images.md has its scores.
CNN_FILTERS = (32, 64, 64)
CNN_HIDDEN = (128,)
CNN_ACTIVATION = "relu"
CNN_DROPOUT = 0.2
CNN_L2 = 0.0
CNN_LEARNING_RATE = 0.001
CNN_BATCH = 64
CNN_EPOCHS = 30
POOLINGS = ("max", "average")


CNN_CONSTRAINTS = {
    "conv_filters": [COUNT, "array-like"],
    "kernel_size": [COUNT, "array-like"],
    "pooling": [StrOptions(set(POOLINGS)), COUNT, None],
    "conv_batch_norm": ["boolean"],
    "conv_dropout": [SHARE, "array-like"],
    "global_pooling": [StrOptions(set(POOLINGS)), None],
    "augmentation": [dict, list, tuple, HasMethods(["get_config"]), None],
    "image_shape": ["array-like", None],
}


class Convolutional(BaseNetwork):
    """The layers of a convolutional network, and images as rows."""

    _kernel_dimensions = 4

    conv_filters: Any
    kernel_size: Any
    pooling: Any
    conv_batch_norm: bool
    conv_dropout: Any
    global_pooling: str | None
    augmentation: Any
    image_shape: Any
    hidden_layer_sizes: Any
    activation: str
    batch_norm: bool
    normalization: str | None
    dropout: Any
    input_dropout: float
    # Set by a fit.
    image_shape_: tuple[int, int, int]
    _flat: bool

    def _make_structure(self, target):
        # A resumed fit keeps the shape of the images: another one is refused.
        images.check_given_shape(self.image_shape, self.image_shape_)
        filters = self._filters()
        hidden = expand_hidden_sizes(self.hidden_layer_sizes)
        pooling, pool_size = self.pooling, 2
        if not isinstance(pooling, (str, type(None))):
            pooling, pool_size = "max", int(pooling)
        structure = CNNStructure(
            depth=len(hidden),
            activation=self.activation,
            normalization=choose_normalization(self.normalization, self.batch_norm),
            head=target.head,
            n_quantiles=target.n_quantiles,
            image_shape=self.image_shape_,
            kernel_sizes=images.expand_kernel_size(self.kernel_size, len(filters)),
            pooling=pooling,
            pool_size=pool_size,
            conv_batch_norm=bool(self.conv_batch_norm),
            global_pooling=self.global_pooling,
            augmentation=plain_augmentation(self.augmentation, self.image_shape_),
        )
        return structure, [*filters, *hidden, target.n_logits]

    def _dropout_rates(self):
        n_blocks = len(self._filters())
        blocks = expand_dropout(self.conv_dropout, n_blocks, "conv_dropout")
        n_hidden = len(expand_hidden_sizes(self.hidden_layer_sizes))
        hidden = expand_dropout(self.dropout, n_hidden)
        return [float(self.input_dropout), *blocks, *hidden]

    def _filters(self):
        filters = expand_hidden_sizes(self.conv_filters, "conv_filters")
        if not filters:
            raise ValueError(
                f"conv_filters={self.conv_filters!r} must have at least one number: "
                "without convolutions, use MLPClassifier or MLPRegressor."
            )
        return filters

    def _as_rows(self, X, *, reset=False, name="X"):
        X = X if hasattr(X, "shape") else np.asarray(X)
        shape = X.shape
        is_image = len(shape) in (3, 4)
        if reset:
            found = images.find_image_shape(shape, self.image_shape)
            # Set before all is checked: a fit that fails takes back whatever it has
            # set.
            self.image_shape_, self._flat = found, not is_image
        images.check_same_images(self, shape, name)
        if not is_image:
            return X
        # (n, h, w) or (n, h, w, c) -> (n, h * w * c)
        return np.reshape(np.asarray(X), (shape[0], math.prod(shape[1:])))

    def _input_shape(self):
        return None if self._flat else self.image_shape_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class CNNClassifier(Convolutional, NetworkClassifier):
    """A convolutional network that classifies images, trained through TensorFlow.

    It takes binary, multiclass and multilabel targets with any labels. The output is a
    softmax over the classes, or a sigmoid for two classes and for each of several
    labels; the loss is the cross-entropy.

    Parameters
    ----------
    conv_filters : int or sequence of int, default=(32, 64, 64)
        Number of filters of each convolution, at least 1. Each is followed by its
        normalization, activation, pooling and dropout.
    kernel_size : int or sequence of int, default=3
        Side of the kernels in pixels, at least 1: one for all convolutions, or one for
        each. Images are padded with zeros, so that their size is kept.
    pooling : "max", "average", int or None, default="max"
        Pooling after each convolution: the largest or the mean value of each square of
        2 by 2 pixels; an int takes the largest value of squares of that
        side, None pools nothing.
    conv_batch_norm : bool, default=False
        Whether to normalize each convolution over the batch and all positions, before
        its activation (Ioffe & Szegedy, 2015).
    conv_dropout : float or sequence of float, default=0.0
        Share of the values after each pooling that a step drops, at most 255 / 256.
    global_pooling : "max", "average" or None, default=None
        How each filter is reduced to one number for the dense layers (Lin et al.,
        2014); None passes on the values of all positions.
    augmentation : dict, keras.layers.Layer, list of them or None, default=None
        How images are changed at random, in training only: ``{"flip": "horizontal"}``
        (or ``"vertical"``, ``"horizontal_and_vertical"``), ``"shift": 0.1`` (share of
        the sides), ``"crop": 4`` (pixels: as if padded and cropped), ``"rotation": 10``
        (degrees either way), ``"zoom": 0.1`` (share), ``"contrast": 0.2`` (share),
        ``"noise": 0.05`` (standard deviation, at most 1), in the order given. Pixels
        from outside the image are 0. Or Keras' own random layers.
    image_shape : tuple of int or None, default=None
        Height, width and channels of the images in flat rows. None infers
        squares of one channel or else of three, and treats other rows as images of
        height 1.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Number of units of each dense hidden layer, at least 1; empty for no layer.
    activation : str, default="relu"
        Activation of all hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``,
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
        What normalizes each dense hidden layer before its activation: ``"batch"`` over
        the rows of the batch (Ioffe & Szegedy, 2015), ``"layer"`` over the values of
        each row (Ba et al., 2016).
    dropout : float or sequence of float, default=0.2
        Share of the units of each dense hidden layer that a step drops, at
        most 255 / 256: one for all layers, or one for each (Srivastava et al., 2014).
    input_dropout : float, default=0.0
        The same for the pixels.
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
    l2 : float, default=0.0
        Penalty, at least 0: ``l2 * sum(w**2)`` over the kernels is added to the loss,
        as in Keras.
    weight_decay : float or None, default=None
        Decoupled decay, at least 0: a step takes ``learning_rate * weight_decay`` of
        each kernel away, whatever the optimizer (Loshchilov & Hutter, 2019). None is
        0.004 for ``"adamw"``, as in Keras, and 0 for the others. An optimizer that is
        an instance has its own.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        ``"sgd"``, ``"adam"``, ``"adamw"``, ``"rmsprop"``, ``"adagrad"``,
        ``"adadelta"``, ``"adamax"``, ``"nadam"``, ``"lion"``, or an instance with
        settings of its own. An instance is not changed.
    learning_rate : float, default=0.001
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
    batch_size : int, default=64
        Rows per batch, at least 1; -1 takes all rows as one batch.
    epochs : int, default=30
        Number of passes over the data, at least 1.
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
    image_shape_ : tuple of int
        Height, width and channels of an image, given or inferred.
    n_features_in_ : int
        Number of pixels times channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if all of them are strings.
    n_outputs_ : int
        1, or the number of labels of a multilabel target.
    n_iter_ : int
        Number of epochs that were run.
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
    model_ : keras.Model
        The fitted network as an ordinary Keras model.
    callbacks_ : list
        The copies of ``callbacks`` that the fit has worked on, if there were any; of an
        ensemble each of ``estimators_`` has its own.

    See Also
    --------
    CNNRegressor : The same network for numbers.
    MLPClassifier : A network for features that are not images.

    Notes
    -----
    X has images of shape (n_samples, height, width) or (n_samples, height, width,
    channels), or flat rows (n_samples, n_features), so that it may follow a
    ``StandardScaler``. Networks learn best from pixels of mean 0 and standard
    deviation 1.

    References
    ----------
    Goodfellow, Bengio & Courville, "Deep Learning", MIT Press (2016), chapter 9.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdl import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> network = CNNClassifier((16, 32), epochs=10, random_state=0)
    >>> network.fit(X_train, y_train).image_shape_
    (8, 8, 1)
    >>> network.score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints = NetworkClassifier._parameter_constraints | CNN_CONSTRAINTS

    def __init__(
        self,
        conv_filters: int | Sequence[int] = CNN_FILTERS,
        *,
        kernel_size: int | Sequence[int] = 3,
        pooling: str | int | None = "max",
        conv_batch_norm: bool = False,
        conv_dropout: float | Sequence[float] = 0.0,
        global_pooling: str | None = None,
        augmentation: Any = None,
        image_shape: Sequence[int] | None = None,
        hidden_layer_sizes: int | Sequence[int] = CNN_HIDDEN,
        activation: str = CNN_ACTIVATION,
        kernel_initializer: str | dict = "auto",
        batch_norm: bool = False,
        normalization: str | None = None,
        dropout: float | Sequence[float] = CNN_DROPOUT,
        input_dropout: float = 0.0,
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        categories: Sequence | None = None,
        l1: float = 0.0,
        l2: float | str = CNN_L2,
        weight_decay: float | None = None,
        optimizer: Any = "adam",
        learning_rate: float = CNN_LEARNING_RATE,
        learning_rate_schedule: Any = None,
        warmup: float = 0,
        ema: float | None = None,
        swa_start: float | None = None,
        momentum: float = 0.0,
        nesterov: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        batch_size: Any = CNN_BATCH,
        epochs: int | str = CNN_EPOCHS,
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
        self.conv_filters = conv_filters
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.conv_batch_norm = conv_batch_norm
        self.conv_dropout = conv_dropout
        self.global_pooling = global_pooling
        self.augmentation = augmentation
        self.image_shape = image_shape
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
