"""The networks of the estimators: their graph, first weights and Keras model."""

import inspect
import math
from functools import partial

import keras
import tensorflow as tf

import skdl.nn._backend  # noqa: F401
from skdl.nn._convolution import add_convolutions, convolve

__all__ = [
    "BATCH_NORM",
    "PLAIN_LOSS",
    "build_model",
    "compile_for_training",
    "compile_model",
    "forward",
    "initial_weights",
    "make_initializer",
    "score_head",
]

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-3}

_AUTO_INITIALIZERS = {
    "relu": "he_uniform",
    "elu": "he_uniform",
    "gelu": "he_uniform",
    "swish": "he_uniform",
    "selu": "lecun_normal",
}


def forward(structure, weights, x, drop=None, track=None):
    """Return the logits of a batch, in a graph or eagerly.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    weights : sequence of tf.Tensor
        Its weights, in the order of ``structure.weights``.
    x : tf.Tensor of shape (n_samples, n_features)
        The batch.
    drop : callable or None
        ``drop(values, place)`` applies dropout: place 0 is the input, place k the
        output of the k-th hidden layer.
    track : callable or None
        ``track(layer, mean, variance)`` takes the statistics of the batch that
        normalize hidden layer ``layer``. None normalizes by the moving ones.

    Returns
    -------
    tf.Tensor of shape (n_samples, n_outputs)
        The logits.
    """
    activation = keras.activations.get(_keras_activation(structure.activation))
    values = iter(weights)

    def finish(x, values, layer, batch_norm):
        if batch_norm:
            statistics = [next(values) for _ in range(4)]
            x = _normalize(x, *statistics, track and partial(track, layer))
        else:
            x = _add_bias(x, next(values))
        return activation(x)

    if drop:
        x = drop(x, 0)
    if structure.n_blocks:
        x = convolve(structure, values, x, finish, drop)
    for layer in range(structure.n_blocks, structure.n_blocks + structure.depth):
        x = finish(tf.matmul(x, next(values)), values, layer, structure.batch_norm)
        if drop:
            x = drop(x, layer + 1)
    return _add_bias(tf.matmul(x, next(values)), next(values))


def _add_bias(x, bias):
    return x + bias if tf.executing_eagerly() else _add_bias_in_graph(x, bias)


@tf.custom_gradient
def _add_bias_in_graph(x, bias):
    """Add a bias, without ``BiasAdd``.

    TensorFlow would fuse that with the product before it into oneDNN's kernel, which
    compiles itself anew, and keeps what it compiled, for each width and batch size.
    """
    return x + bias, lambda slope: (slope, tf.raw_ops.BiasAddGrad(out_backprop=slope))


def _normalize(x, gamma, beta, mean, variance, track):
    if track is not None:
        normal, mean, variance = _normalize_batch(x, gamma, beta)
        track(mean, variance)
        return normal
    scale = gamma * tf.math.rsqrt(variance + BATCH_NORM["epsilon"])
    return (x - mean) * scale + beta


@tf.custom_gradient
def _normalize_batch(x, gamma, beta):
    """Normalize by the batch's own statistics, with few operations both ways.

    The formulas are those of Ioffe & Szegedy, "Batch normalization" (2015).
    """
    axes = list(range(x.shape.rank - 1))  # of an image, all its places too
    mean = tf.reduce_mean(x, axis=axes)
    centered = x - mean
    variance = tf.reduce_mean(tf.square(centered), axis=axes)
    inverse = tf.math.rsqrt(variance + BATCH_NORM["epsilon"])
    normal = centered * inverse

    def gradient(slope, *_):
        slope_beta = tf.reduce_sum(slope, axis=axes)
        slope_gamma = tf.reduce_sum(slope * normal, axis=axes)
        rows = tf.cast(tf.size(x) / tf.shape(x)[-1], x.dtype)
        shared = (slope_beta + normal * slope_gamma) / rows
        return gamma * inverse * (slope - shared), slope_gamma, slope_beta

    return (normal * gamma + beta, mean, variance), gradient


def score_head(head, logits, y):
    """Return the losses and the metrics of a batch, and the slope of the losses.

    Parameters
    ----------
    head : {"softmax", "sigmoid", "identity"}
        Whose losses: cross-entropy of classes, cross-entropy of independent labels
        (their mean), or squared error (its mean over the targets).
    logits : tf.Tensor of shape (n_samples, n_outputs)
        What the network returned.
    y : tf.Tensor of shape (n_samples,) or (n_samples, n_outputs)
        Classes as int32, or labels or targets as float32.

    Returns
    -------
    losses, metrics : tf.Tensor of shape (n_samples,)
        The metric is 1 for a right row and 0 for a wrong one, or the squared error.
    slope : tf.Tensor of shape (n_samples, n_outputs)
        Derivatives of the losses with respect to the logits.
    """
    return _HEADS[head](logits, y)


def _score_softmax(logits, y):
    losses, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
        features=logits, labels=y
    )
    right = tf.raw_ops.InTopKV2(predictions=logits, targets=y, k=1)
    return losses, tf.cast(right, tf.float32), slope


def _score_sigmoid(logits, y):
    losses = tf.reduce_mean(tf.nn.softplus(logits) - logits * y, axis=1)
    right = tf.reduce_all((logits > 0) == (y > 0.5), axis=1)
    slope = (tf.math.sigmoid(logits) - y) / _width(y)
    return losses, tf.cast(right, tf.float32), slope


def _score_identity(logits, y):
    errors = logits - y
    losses = tf.reduce_mean(tf.square(errors), axis=1)
    return losses, losses, 2 * errors / _width(y)


def _width(y):
    return tf.cast(tf.shape(y)[1], tf.float32)


_HEADS = {
    "softmax": _score_softmax,
    "sigmoid": _score_sigmoid,
    "identity": _score_identity,
}


def initial_weights(structure, shapes, initializer, seed):
    """Draw the first weights of a network.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    shapes : sequence of tuple of int
        Of the kernel of each layer.
    initializer : str or dict
        ``"auto"``, or an initializer of Keras for the kernels. ``"auto"`` is He's for
        the relu family (He et al., 2015), LeCun's for selu (Klambauer et al., 2017) and
        Glorot's for the rest and the output (Glorot & Bengio, 2010).
    seed : np.random.SeedSequence
        Where the random numbers come from.

    Returns
    -------
    list of ndarray
        In the order of ``structure.weights``.
    """
    seeds = seed.generate_state(len(shapes))
    weights = []
    for layer, (names, shape) in enumerate(zip(structure.layers, shapes, strict=True)):
        name = initializer
        if initializer == "auto":
            hidden = layer < len(shapes) - 1
            name = _AUTO_INITIALIZERS.get(structure.activation) if hidden else None
        kernel = make_initializer(name or "glorot_uniform", int(seeds[layer] >> 1))
        weights.append(kernel(shape, dtype="float32").numpy())
        weights += [
            tf.fill([shape[-1]], _FIRST_VALUES.get(other, 0.0)).numpy()
            for other in names[1:]
        ]
    return weights


_FIRST_VALUES = {"gamma": 1.0, "moving_variance": 1.0}


def make_initializer(initializer, seed):
    """Return a Keras initializer.

    ``keras.initializers.get`` would draw its seed from Python's global random state.

    Parameters
    ----------
    initializer : str or dict
        Its Keras name, or a dict with the name under ``"name"`` and settings.
    seed : int
        Of its random numbers, if it has any.

    Raises
    ------
    TypeError, ValueError
        If Keras does not know the name, or it lacks a setting.
    """
    settings = {"name": initializer} if isinstance(initializer, str) else initializer
    settings = dict(settings)
    name = settings.pop("name", None)
    if "seed" in settings:
        raise ValueError("random_state seeds it, not a setting 'seed'")
    kind = getattr(keras.initializers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, keras.Initializer)):
        raise ValueError(f"no initializer is named {name!r}")
    if "seed" in inspect.signature(kind).parameters:
        settings["seed"] = seed
    return kind(**settings)


def build_model(
    structure, weights, *, dropout, l1, l2, scaling=None, seed=0, input_shape=None
):
    """Build the ordinary Keras model of a network.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    weights : list of ndarray
        Its weights.
    dropout : sequence of float
        Rates of dropout after the input and after each hidden layer.
    l1, l2 : float
        Penalties on the kernels.
    scaling : tuple of ndarray or None
        Factor and offset of each output, for a head in other units than the target.
    seed : int, default=0
        Of the random numbers of dropout.
    input_shape : tuple of int or None
        Shape of a row; None is flat.

    Returns
    -------
    keras.Model
        Not compiled.
    """
    layers = keras.layers
    kernels = [
        w for w, name in zip(weights, structure.weights) if name.endswith("kernel")
    ]
    blocks, dense = kernels[: structure.n_blocks], kernels[structure.n_blocks :]
    regularizer = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    activation = _keras_activation(structure.activation)
    flat = (math.prod(structure.image_shape),) if blocks else (weights[0].shape[0],)
    x = inputs = keras.Input(input_shape or flat, name="features")
    if dropout[0]:
        x = layers.Dropout(dropout[0], seed=seed, name="input_dropout")(x)
    if blocks:
        x = add_convolutions(
            structure,
            x,
            [kernel.shape[-1] for kernel in blocks],
            activation=activation,
            batch_norm=BATCH_NORM,
            dropout=dropout[1:],
            regularizer=regularizer,
            seed=seed,
        )
    for index, kernel in enumerate(dense):
        last = index == structure.depth
        normal = structure.batch_norm and not last
        x = layers.Dense(
            kernel.shape[1],
            use_bias=not normal,
            kernel_initializer="zeros",
            kernel_regularizer=regularizer,
            name="output" if last else f"dense_{index + 1}",
        )(x)
        if last:
            break
        if normal:
            x = layers.BatchNormalization(**BATCH_NORM, name=f"norm_{index + 1}")(x)
        x = layers.Activation(activation, name=f"{activation}_{index + 1}")(x)
        rate = dropout[len(blocks) + index + 1]
        if rate:
            x = layers.Dropout(
                rate, seed=seed + index + 1, name=f"dropout_{index + 1}"
            )(x)
    if structure.head != "identity":
        x = layers.Activation(structure.head, name=structure.head)(x)
    if scaling is not None:
        factor, offset = (part.tolist() for part in scaling)
        x = layers.Rescaling(factor, offset, name="target_units")(x)
    kind = "cnn" if blocks else "mlp"
    model = keras.Model(inputs, x, name=f"{kind}_{structure.head}")
    model.set_weights(weights)
    return model


def _keras_activation(name):
    return "linear" if name == "identity" else name


# The loss without penalties, as the programs report it: Keras adds them to its own.
PLAIN_LOSS = "loss_without_penalties"
_LOSSES = {
    "softmax": "sparse_categorical_crossentropy",
    "sigmoid": "binary_crossentropy",
    "identity": "mean_squared_error",
}


def compile_model(model, head, optimizer):
    """Compile a model with the loss and the metric that Keras has for its head.

    Parameters
    ----------
    model : keras.Model
        It returns probabilities, or numbers in the units of the target.
    head : {"softmax", "sigmoid", "identity"}
        What makes its output.
    optimizer : keras.optimizers.Optimizer
        Not built yet.
    """
    model.compile(
        optimizer=optimizer,
        loss=_LOSSES[head],
        metrics=[
            keras.metrics.R2Score(name="r2") if head == "identity" else "accuracy"
        ],
        jit_compile=False,
    )


def compile_for_training(model, head, target):
    """Compile a model anew, with the loss and the metric of the compiled programs.

    Parameters
    ----------
    model : keras.Model
        Compiled; it keeps its optimizer.
    head : {"softmax", "sigmoid", "identity"}
        What makes its output.
    target : object
        Its ``scaling`` and ``metric``: the loss of a regression is that of the
        outputs before they were scaled.
    """
    factor, offset = target.scaling or (1.0, 0.0)

    def squared_error(y_true, y_pred):
        outputs = (y_pred - offset) / factor
        return keras.ops.mean(keras.ops.square(outputs - y_true), axis=-1)

    def r2(y_true, y_pred):
        return 1 - squared_error(y_true, y_pred)

    def accuracy(y_true, y_pred):
        if head == "softmax":
            labels = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), y_true.dtype)
            right = labels == keras.ops.reshape(y_true, (-1,))
        else:
            right = keras.ops.all((y_pred > 0.5) == (y_true > 0.5), axis=-1)
        return keras.ops.cast(right, "float32")

    metric = r2 if head == "identity" else accuracy
    counted = keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
    counted._direction = "up"  # as in Keras' own, for callbacks that monitor it
    loss = squared_error if head == "identity" else keras.losses.get(_LOSSES[head])
    known = model.get_compile_config()
    model.compile(
        optimizer=model.optimizer,
        loss=loss,
        weighted_metrics=[counted, keras.metrics.MeanMetricWrapper(loss, PLAIN_LOSS)],
        jit_compile=False,
    )
    # A callback may save the model: its file names what Keras knows, not these.
    model.get_compile_config = lambda: known
