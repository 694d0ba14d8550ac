"""What is done with the outputs of a network: probabilities, labels, numbers."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skdl._utils._labels import labels_of
from skdl._utils._numbers import need_double
from skdl.estimators._base import BaseNetwork
from skdl.estimators._mixins import NetworkRegressor
from skdl.estimators._number_targets import has_log_link
from skdl.keras_wrapper._classifier import KerasClassifier
from skdl.keras_wrapper._output_kinds import find_kind
from skdl.nn._heads import HEADS
from skdl.nn._onnx_graph import DOUBLE, FLOAT
from skdl.nn._ordinal import Ordinal

__all__ = [
    "has_several_labels",
    "is_flat",
    "name_outputs",
    "output_names",
    "plain_classes",
    "predicts_doubles",
    "units_of",
    "write_labels",
    "write_margins",
    "write_numbers",
    "write_probabilities",
]


def plain_classes(network):
    """Return the classes in a type that ONNX has: int64, float32 or text.

    Raises
    ------
    ValueError
        If that type can't tell them apart.
    """
    classes = np.asarray(network.classes_)
    if classes.dtype.kind in "mM":
        raise ValueError(
            f"export_onnx: the classes {labels_of(classes)[:5]} are dates or "
            "durations, for which a graph has no type: fit on y.astype(str)."
        )
    if classes.dtype.kind not in "iuf":
        return classes
    kind: type = np.int64
    if classes.dtype.kind == "f":
        # Those that single floats leave out are whole numbers, or close to each other.
        is_large = (np.abs(classes) > 2**24).any() and (classes % 1 == 0).all()
        kind = np.int64 if is_large else np.float32
    with np.errstate(invalid="ignore"):
        found: np.ndarray = classes.astype(kind)
    is_same = found == classes if kind is np.int64 else np.isclose(found, classes)
    if not is_same.all() or len(np.unique(found)) < len(classes):
        raise ValueError(
            f"export_onnx: the classes {classes[:5].tolist()} need more digits than "
            f"{kind.__name__} has. Fit on other labels, such as str."
        )
    return found


def is_flat(regressor):
    """Return whether a regressor predicts one number for a row, without a column."""
    if isinstance(regressor, NetworkRegressor):
        return regressor._target.n_dimensions == 1
    return regressor.y_ndim_ == 1


def has_several_labels(classifier):
    """Return whether each row may have several labels."""
    if isinstance(classifier, BaseNetwork):
        return classifier.n_outputs_ > 1
    return classifier.target_type_ == "multilabel-indicator"


def has_quantiles(network):
    """Return whether a network has learned several quantiles together."""
    return isinstance(network, NetworkRegressor) and network._target.n_quantiles > 1


def output_names(network):
    """Return the names of a network's outputs, in their order."""
    if not is_classifier(network):
        return ("prediction", "quantiles")[: 1 + has_quantiles(network)]
    margins = isinstance(network, KerasClassifier) and (
        find_kind(network._built) == "margins"
    )
    return ("label",) if margins else ("label", "probabilities")


def name_outputs(scope, exported, inputs, custom_parsers=None):
    """Declare the operator of a network, with the names of its outputs."""
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator("Skdl_Exported", exported)
    operator.inputs.extend(inputs)
    for name in output_names(exported.network):
        operator.outputs.append(scope.declare_local_variable(name, FloatTensorType()))
    return operator.outputs


def units_of(network, after):
    """Return factor and offset of what a regressor predicts; None if there are none.

    That is so for a model of one's own, and after an exponential.
    """
    factor: Any = 1.0
    offset: Any = 0.0
    if isinstance(network, NetworkRegressor):
        if has_log_link(network._target.head):
            return None
        target: Any = network._target
        columns = target.predicted if target.n_quantiles > 1 else slice(None)
        factor, offset = (part[columns] for part in target.scaling)
    elif after is None:
        return None
    if after is None:
        return factor, offset
    if after.exponential:
        return None
    return factor * after.factor, offset * after.factor + after.offset


def predicts_doubles(network, after):
    """Return whether single floats can't tell the predictions of a regressor apart."""
    is_ours = isinstance(network, NetworkRegressor)
    if is_ours and has_log_link(network._target.head):
        return need_double(np.sqrt(network._target.variance), 1.0)  # of the mean
    if after is not None and after.exponential:
        factor, offset = units_of(network, after._replace(exponential=None))
        # Of what the exponential gives the deviation is relative.
        return need_double(factor, np.maximum(np.abs(offset), 1.0))
    units = units_of(network, after)
    return units is not None and need_double(*units)


def write_numbers(graph, network, x, after, output, quantiles=None):
    """Write the predictions of a regressor, in the units of its targets."""
    number: type = np.float32
    doubles = predicts_doubles(network, after)
    is_shifted = after is not None and after.exponential == "expm1"
    if doubles or is_shifted:  # exp(x) - 1 of a small x has few digits
        number, x = np.float64, graph.add("Cast", x, to=DOUBLE)
    if isinstance(network, NetworkRegressor):
        if has_log_link(network._target.head):
            x = graph.add("Exp", x)
        factor, offset = (number(part) for part in network._target.scaling)
        x = graph.add("Add", graph.add("Mul", x, factor), offset)
    if after is not None:
        x = graph.add("Mul", x, number(after.factor))
        x = graph.add("Add", x, number(after.offset))
        if after.exponential:
            x = graph.add("Exp", x)
        if after.exponential == "expm1":
            x = graph.add("Sub", x, number(1))
    if number is np.float64 and not doubles:
        x = graph.add("Cast", x, to=FLOAT)
    shape = [-1] if is_flat(network) else [-1, network.n_outputs_]
    if quantiles is not None:
        target = network._target
        each = np.array([*shape, target.n_quantiles])
        graph.add("Reshape", x, each, output=quantiles)
        columns = np.arange(target.n_logits)[target.predicted]
        x = graph.add("Gather", x, columns, axis=1)
    graph.add("Reshape", x, np.array(shape), output=output)


def write_probabilities(graph, network, x, output):
    """Write the probabilities of all classes, or of each label."""
    several = has_several_labels(network)
    if isinstance(network, BaseNetwork) and network._target.head == "ordinal":
        target: Any = network._target
        shares = Ordinal().write_onnx(graph, x)
        graph.add("Gather", shares, target.ranks, output=output, axis=1)
        return
    if isinstance(network, BaseNetwork):
        is_logits = True
        each = HEADS[network._target.head].activation == "sigmoid"
    else:
        is_logits = find_kind(network._built) == "logits"
        each = several or network._built.outputs[0].shape[1] == 1
    if several or not each:
        if is_logits:
            kind, settings = ("Sigmoid", {}) if each else ("Softmax", {"axis": 1})
            graph.add(kind, x, output=output, **settings)
        else:
            # The axes are an input since opset 13.
            total = graph.add("ReduceSum", x, np.array([1]), keepdims=1)
            graph.add(*(("Identity", x) if each else ("Div", x, total)), output=output)
        return
    second = graph.add("Sigmoid", x) if is_logits else x
    first = graph.add("Sigmoid", graph.add("Neg", x)) if is_logits else None
    first = first or graph.add("Sub", np.float32(1), x)
    graph.add("Concat", first, second, output=output, axis=1)


def write_labels(graph, network, after, label, probabilities):
    """Write the classes that the probabilities, or a threshold, decide for."""
    if has_several_labels(network):
        there = graph.add("Greater", probabilities, np.float32(0.5))
        graph.add("Cast", there, output=label, to=7)  # int64
        return
    if after is None:
        codes = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    else:
        column = np.array([after.positive])
        share = graph.add("Gather", probabilities, column, axis=1)
        above = graph.add("GreaterOrEqual", share, np.float32(after.threshold))
        flat = graph.add("Reshape", graph.add("Cast", above, to=7), np.array([-1]))
        order = np.array([1 - after.positive, after.positive])
        codes = graph.add("Gather", order, flat)
    graph.add("Gather", plain_classes(network), codes, output=label)


def write_margins(graph, network, x, label):
    """Write the classes that margins decide for, as after a hinge loss."""
    if network._built.outputs[0].shape[1] == 1:
        above = graph.add("Greater", x, np.float32(0))
        codes = graph.add("Reshape", graph.add("Cast", above, to=7), np.array([-1]))
    else:
        codes = graph.add("ArgMax", x, axis=1, keepdims=0)
    graph.add("Gather", plain_classes(network), codes, output=label)
