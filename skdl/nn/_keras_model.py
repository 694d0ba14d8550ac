"""The ordinary Keras model of a network."""

from contextlib import contextmanager

from skdl._utils._numbers import need_double
from skdl.nn._backend import keras
from skdl.nn._heads import HEADS, PLAIN_LOSS, find_head
from skdl.nn._layer import KerasSettings

__all__ = ["build_model", "compile_for_training", "compile_model"]


@contextmanager
def _single_floats():
    """Make layers of single floats, whatever the global policy is.

    Networks are trained, and predict, in the same precision wherever they are.
    """
    policy = keras.config.dtype_policy()
    if policy.name == "float32":
        yield
        return
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


@_single_floats()
def build_model(
    structure,
    plan,
    weights,
    *,
    rates,
    l1,
    l2,
    scaling=None,
    ranks=None,
    seed=0,
    input_shape=None,
):
    """Build the ordinary Keras model of a network.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    plan : Plan
        Its sizes.
    weights : list of ndarray
        Its weights.
    rates : sequence of float
        Rates of dropout after the input and after each hidden layer.
    l1, l2 : float
        Penalties on the kernels.
    scaling : tuple of ndarray or None
        Factor and offset of each output, for a head in other units than the target.
    ranks : sequence of int or None
        The places of the classes among the outputs of the head, where they are ordered
        otherwise than they are to be returned.
    seed : int, default=0
        Seed of the random numbers of dropout.
    input_shape : tuple of int or None
        Shape of a row; None is flat.

    Returns
    -------
    keras.Model
        Not compiled.
    """
    regularizer = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    settings = KerasSettings(rates, regularizer, seed)
    x = inputs = keras.Input(input_shape or (plan.widths[0],), name="features")
    for layer, width in zip(structure.layers, plan.layer_widths, strict=True):
        x = layer.add_to_keras(x, width, settings)
    x = HEADS[structure.head].finish_keras(x)
    if ranks is not None:
        x = keras.ops.take(x, ranks, axis=1)
    if scaling is not None:
        x = _in_target_units(x, *scaling)
    kind = "cnn" if structure.n_blocks else "mlp"
    model = keras.Model(inputs, x, name=f"{kind}_{structure.head}")
    # The layers were made with zeros, which cost nothing to draw.
    model.set_weights(weights)
    return model


def _in_target_units(x, factor, offset):
    if not need_double(factor, offset):
        factor, offset = factor.tolist(), offset.tolist()
        return keras.layers.Rescaling(factor, offset, name="target_units")(x)
    # Of a list Keras makes single floats first, whatever the type of the layer.
    name, dtype = "target_units", "float64"
    return keras.layers.Rescaling(factor, offset, name=name, dtype=dtype)(x)


def compile_model(model, target, optimizer):
    """Compile a model with the loss and the metric that Keras has for its head.

    Parameters
    ----------
    model : keras.Model
        It returns probabilities, or numbers in the units of the target.
    target : Target
        What it has learned.
    optimizer : keras.optimizers.Optimizer
        Not built yet.
    """
    head = find_head(target.head, target.own_loss, target.n_logits)
    model.compile(
        optimizer=optimizer,
        loss=head.public_loss(target),
        metrics=head.public_metrics(target),
        jit_compile=False,
    )


def compile_for_training(model, target):
    """Compile a model anew, with the loss and the metric of the compiled programs.

    Parameters
    ----------
    model : keras.Model
        Compiled; it keeps its optimizer.
    target : Target
        The loss of a regression is that of its scaled targets.
    """
    head = find_head(target.head, target.own_loss, target.n_logits)
    loss, metric = head.training_loss(target), head.training_metric(target)
    counted = keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
    counted._direction = "up"  # as in Keras' own, for callbacks that monitor it
    known = model.get_compile_config()
    model.compile(
        optimizer=model.optimizer,
        loss=loss,
        # Keras' `metrics` would leave the weights of rows out.
        weighted_metrics=[counted, keras.metrics.MeanMetricWrapper(loss, PLAIN_LOSS)],
        jit_compile=False,
    )
    # A callback may save the model: the file must name losses that Keras knows.
    model.get_compile_config = lambda: known
