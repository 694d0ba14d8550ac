"""``skdl.export_onnx``: write a fitted estimator as one ONNX graph."""

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from skdl._utils._nested import is_network
from skdl._utils._sklearn import BaseSearchCV, FrozenEstimator
from skdl.estimators._base import BaseNetwork
from skdl.nn._onnx_graph import FLOAT, OPSETS, Graph
from skdl.saving._onnx_columns import (
    Imputed,
    Joined,
    declare_imputed,
    declare_joined,
    join_inputs,
    rewrite,
    write_imputed,
    write_joined,
)
from skdl.saving._onnx_inner import inverse_of, threshold_of
from skdl.saving._onnx_layers import write_keras_model, write_network
from skdl.saving._onnx_outputs import (
    has_quantiles,
    has_several_labels,
    is_flat,
    name_outputs,
    plain_classes,
    predicts_doubles,
    units_of,
    write_labels,
    write_margins,
    write_numbers,
    write_probabilities,
)
from skdl.saving._onnx_probe import make_probe, needs_double, text_columns
from skdl.saving._onnx_rows import feed_table
from skdl.saving._onnx_table import (
    check_table,
    declare_table,
    used_columns,
    write_table,
)
from skdl.tables._encoder import TableEncoder

__all__ = ["export_onnx"]

_TOLERANCE = 1e-3


def export_onnx(estimator: Any, path: Any) -> None:
    """Write a fitted network, or an estimator around one, as one ONNX graph.

    If the estimator was fitted on a frame, the graph has one input for each column that
    a step takes, with the name of the column and the shape (n_samples, 1): a tensor of
    strings for a column of text, where "" is a missing one, else of floats. If it was
    fitted on an array, the input is ``X``, of shape (n_samples, n_features) or the
    shape of images. The floats have single precision, or double precision if a scaler
    shows that single floats can't tell the values apart. A classifier has the outputs
    ``label`` and ``probabilities``, a regressor ``prediction``, and beside it
    ``quantiles`` if it has learned several. They are equal to those of ``predict``,
    ``predict_proba`` and ``predict_quantiles`` up to about 1e-5 (of a regressor: in
    deviations of its targets), if the floats are precise enough for the features.
    Predictions are single floats, too, or double ones if the targets lie farther from 0
    than 10,000 of their deviations. Behind an exponential errors are relative.

    Before the graph is written, it is compared with the estimator on rows like those of
    the training, as far as the steps know these: the first scaler, encoder or
    discretizer of a column.

    Parameters
    ----------
    estimator : estimator
        A fitted network, pipeline that ends in one, or search (its best estimator is
        exported), or a ``FixedThresholdClassifier``, ``TunedThresholdClassifierCV`` or
        ``TransformedTargetRegressor`` around one. The steps before the network must be
        transformers that skl2onnx supports: scalers, imputers, encoders,
        ``ColumnTransformer``, PCA, polynomial features and many more. A wrapped Keras
        model must be a chain of dense, convolutional, pooling and normalization layers.
    path : str or path
        The file to write.

    Raises
    ------
    ValueError
        If a part can't be exported (the message names it), or if the outputs of the
        graph differ from those of the estimator. Nothing is written then.
    ImportError
        If the extra ``skdl[onnx]`` is not installed.

    See Also
    --------
    save : To keep an estimator for scikit-learn.

    Examples
    --------
    >>> import tempfile
    >>> import onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import skdl
    >>> X, y = load_iris(return_X_y=True)
    >>> network = skdl.MLPClassifier(epochs=2, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skdl.export_onnx(pipeline, f"{folder}/iris.onnx")
    ...     session = onnxruntime.InferenceSession(f"{folder}/iris.onnx")
    >>> labels, probabilities = session.run(None, {"X": X.astype("float32")})
    >>> bool((labels == pipeline.predict(X)).all())
    True
    """
    check_is_fitted(estimator)
    estimator = _inside_searches(estimator)
    steps = _steps_of(estimator)
    first = steps[0][1]
    names = getattr(getattr(first, "network", first), "feature_names_in_", None)
    for step in steps:
        _check_no_tables(*step)
    if names is not None and not isinstance(first, (ColumnTransformer, TableEncoder)):
        steps.insert(0, ("columns", Joined(len(names))))
    steps = [_as_array_of_numbers(step, k) for k, step in enumerate(steps)]
    whole = Pipeline([(f"step{k}", step) for k, (_, step) in enumerate(steps)])
    if is_classifier(steps[-1][1].network):
        plain_classes(steps[-1][1].network)  # raises if a graph has no type for them
    double = needs_double(whole)
    failure = None
    for is_double in (True,) if double else (False, True):
        try:
            model = _convert(whole, steps, names, is_double)
            worst = _compare(model, estimator, whole, names, is_double)
        except ValueError as error:
            # In single precision perhaps for categories that it can't tell apart.
            failure = failure or error
            continue
        if worst <= _TOLERANCE:
            Path(path).write_bytes(model.SerializeToString())
            return
    if failure is not None:
        raise failure
    raise ValueError(
        f"export_onnx: the output of the graph differs by {worst:.2g} from that of the "
        "estimator, even in double precision. Nothing is written: look for a step that "
        "ONNX computes in another way."
    )


# What the network stands in


def _inside_searches(estimator):
    while isinstance(estimator, (BaseSearchCV, FrozenEstimator)):
        is_search = isinstance(estimator, BaseSearchCV)
        inner = estimator.best_estimator_ if is_search else estimator.estimator
        estimator = inner
    return estimator


def _steps_of(estimator, name="estimator", after=None):
    """Return named transformers, then the network with what is done to its outputs.

    Pipelines are flattened, also inside other estimators.
    """
    estimator = _inside_searches(estimator)
    if isinstance(estimator, Pipeline):
        before = [
            (n, rewrite(step))
            for n, step in estimator.steps[:-1]
            if hasattr(step, "fit")
        ]
        flat = [found for n, step in before for found in _flatten_steps(n, step)]
        last_name, last = estimator.steps[-1]
        return flat + _steps_of(last, last_name, after)
    if isinstance(estimator, (FixedThresholdClassifier, TunedThresholdClassifierCV)):
        return _steps_of(estimator.estimator_, name, threshold_of(estimator, name))
    if isinstance(estimator, TransformedTargetRegressor):
        return _steps_of(estimator.regressor_, name, inverse_of(estimator, name))
    if not is_network(estimator):
        raise ValueError(
            f"export_onnx: step {name!r} is a {type(estimator).__name__}, but the last "
            "step must be a network of skdl."
        )
    if not isinstance(estimator, BaseNetwork):
        return [(name, _Exported(estimator, after))]
    encoder = getattr(estimator, "_encoder", None)
    if encoder is None:
        return [(name, _Exported(copy(estimator), after))]
    return [("table", encoder), (name, _Exported(estimator._taking_rows(), after))]


def _as_array_of_numbers(named, place):
    """Return a named step; an encoder of tables after others takes what they give."""
    name, step = named
    if isinstance(step, TableEncoder):
        check_table(step, is_first=place == 0)
        if place:
            step = copy(step)
            step.__dict__.pop("feature_names_in_", None)
    return name, step


def _check_no_tables(name, step):
    """Refuse an encoder of tables inside a step."""
    inside = step.get_params(deep=True).values()
    if any(isinstance(part, TableEncoder) for part in inside):
        raise ValueError(
            f"export_onnx: the step {name!r} ({type(step).__name__}) holds a "
            "TableEncoder, which has an input for each of its columns: make it a step "
            "of the pipeline itself."
        )


def _flatten_steps(name, estimator):
    """Return the steps of nested pipelines, one after the other, with their names."""
    if not isinstance(estimator, Pipeline):
        return [(name, estimator)]
    steps = [(n, step) for n, step in estimator.steps if hasattr(step, "fit")]
    return [found for step in steps for found in _flatten_steps(*step)]


# The conversion


class _Exported(FunctionTransformer):
    """A network, and what is done to its outputs, as one step for skl2onnx.

    It is a class of our own, so that no converter of the user is overwritten.
    """

    def __init__(self, network: Any = None, after: Any = None) -> None:
        super().__init__()
        self.network = network
        self.after = after

    @property
    def n_features_in_(self) -> Any:
        return self.network.n_features_in_


def _convert(whole, steps, names, double):
    """Return the ONNX model."""
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError(
            "export_onnx needs skl2onnx: pip install skdl[onnx]"
        ) from error
    _register(skl2onnx)
    inputs = _declare_inputs(whole, names, double)
    for name, step in steps[:-1]:
        if names is None:
            _convert_one(skl2onnx, step, f"step {name!r}", double)
    model = _run(skl2onnx, whole, "the pipeline", inputs)
    return _name_inputs(model, [name for name, _ in inputs])


def _name_inputs(model, names):
    """Return the model with inputs of these names: skl2onnx makes others of some."""
    outputs = {each.name for each in model.graph.output}
    taken = sorted(outputs & set(names))
    if taken:
        raise ValueError(
            f"export_onnx: the columns {taken} have the names of outputs of the graph: "
            "rename them."
        )
    new = {old.name: name for old, name in zip(model.graph.input, names, strict=True)}
    for each in model.graph.input:
        each.name = new[each.name]
    used = set()
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        used.update(node.input)
    for each in [each for each in model.graph.input if each.name not in used]:
        model.graph.input.remove(each)  # a column that no step takes
    return model


def _convert_one(skl2onnx, step, what, double):
    """Convert a step alone, so that the error names it."""
    kind = _float_type(double)([None, getattr(step, "n_features_in_", None)])
    _run(skl2onnx, step, what, [("X", kind)])


def _run(skl2onnx, estimator, what, inputs):
    try:
        return skl2onnx.convert_sklearn(
            estimator, initial_types=inputs, target_opset=OPSETS
        )
    except Exception as error:  # skl2onnx raises what its parts raise
        raise ValueError(
            f"export_onnx: {what} ({type(estimator).__name__}) can't be exported: "
            f"{error}"
        ) from error


def _float_type(double):
    from skl2onnx.common import data_types as types

    return types.DoubleTensorType if double else types.FloatTensorType


def _declare_inputs(whole, names, double):
    """Return names and types of the inputs."""
    from skl2onnx.common.data_types import StringTensorType

    kind = _float_type(double)
    if names is None:
        return [("X", kind(_shape_of_rows(whole)))]
    texts, first = text_columns(whole, names), whole.steps[0][1]
    if isinstance(first, TableEncoder):
        names = used_columns(first)
    return [
        (str(name), (StringTensorType if name in texts else kind)([None, 1]))
        for name in names
    ]


def _shape_of_rows(whole):
    first = whole.steps[0][1]
    if isinstance(first, _Exported):
        network = first.network
        if isinstance(network, BaseNetwork):
            image = network._input_shape()
            return [None, *image] if image else [None, network.n_features_in_]
        return [None, *network.X_shape_[1:]]
    return [None, first.n_features_in_]


def _register(skl2onnx):
    """Tell skl2onnx how our parts are written."""
    for kind, declare, write in (
        (_Exported, _declare_outputs, _write_exported),
        (Imputed, declare_imputed, write_imputed),
        (Joined, declare_joined, write_joined),
        (TableEncoder, declare_table, write_table),
    ):
        skl2onnx.update_registered_converter(
            kind,
            f"Skdl{kind.__name__}",
            declare,
            write,
            parser=name_outputs if kind is _Exported else None,
            overwrite=True,
        )


def _declare_outputs(operator):
    """Give the outputs of a network their types and shapes."""
    from skl2onnx.common import data_types as types

    network = operator.raw_operator.network
    rows = operator.inputs[0].get_first_dimension()
    classes = getattr(network, "classes_", None)
    if classes is None:
        shape = [rows] if is_flat(network) else [rows, network.n_outputs_]
        double = predicts_doubles(network, operator.raw_operator.after)
        kind = types.DoubleTensorType if double else types.FloatTensorType
        operator.outputs[0].type = kind(shape)
        if has_quantiles(network):
            each = [*shape, network._target.n_quantiles]
            operator.outputs[1].type = kind(each)
        return
    kinds = {"U": types.StringTensorType, "O": types.StringTensorType}
    kinds |= {"f": types.FloatTensorType, "b": types.BooleanTensorType}
    kind = kinds.get(plain_classes(network).dtype.kind, types.Int64TensorType)
    several = [rows, len(classes)] if has_several_labels(network) else [rows]
    operator.outputs[0].type = kind(several)
    if len(operator.outputs) > 1:
        operator.outputs[1].type = types.FloatTensorType([rows, len(classes)])


def _write_exported(scope, operator, container):
    """Write the operators of a network, and what is done with its outputs."""
    graph = Graph(scope, container)
    network, after = operator.raw_operator.network, operator.raw_operator.after
    x = join_inputs(graph, operator.inputs)
    x = graph.add("Cast", x, to=FLOAT)  # single floats: the network computes in them
    names = [variable.full_name for variable in operator.outputs]
    if isinstance(network, BaseNetwork):
        logits = write_network(graph, network, x)
    else:
        logits = write_keras_model(graph, network._built, x)
    if not is_classifier(network):
        write_numbers(graph, network, logits, after, *names)
        return
    if len(names) == 1:
        write_margins(graph, network, logits, names[0])
        return
    write_probabilities(graph, network, logits, names[1])
    write_labels(graph, network, after, *names)


# The comparison


def _compare(model, estimator, whole, names, double):
    """Return how much graph and estimator differ on rows like those of the fit."""
    rows = _find_rows(estimator, whole, names)
    first = whole.steps[0][1]
    if names is None:
        feed = {"X": rows.astype(np.float64 if double else np.float32)}
    elif isinstance(first, TableEncoder):
        feed = feed_table(first, rows, double)
    else:
        feed = {str(name): _as_input(rows[name], double) for name in names}
    used = {each.name for each in model.graph.input}
    found = _evaluate(model, {name: feed[name] for name in feed if name in used})
    last = whole.steps[-1][1].network
    if not is_classifier(last):
        # (n,) or (n, n_outputs) -> (n, n_outputs)
        expected = np.asarray(estimator.predict(rows), float).reshape(len(rows), -1)
        differences = np.abs(np.reshape(found[0], expected.shape) - expected)
        return float((differences / _sizes_of(expected, whole.steps[-1][1])).max())
    if len(found) == 1:
        # Only labels: one of 50 that differs is above the tolerance.
        return float(np.mean(found[0] != estimator.predict(rows)))
    return float(np.abs(found[1] - estimator.predict_proba(rows)).max())


def _sizes_of(expected, exported):
    """Return for each output of a regressor how large a difference of 1 is."""
    units = units_of(exported.network, exported.after)
    if predicts_doubles(exported.network, exported.after) and units is None:
        sizes = np.ptp(expected, axis=0)
    elif units is None:  # single floats have about seven digits
        sizes = np.abs(expected).max(axis=0)
    else:
        factor, offset = units
        sizes = np.maximum(np.abs(factor), np.abs(expected - offset).max(axis=0))
    return np.maximum(sizes, np.finfo(float).tiny)


def _find_rows(estimator, whole, names):
    """Return rows like those of the fit, with gaps if the estimator takes them."""
    for gaps in (True, False):  # beside an imputer something else may get its columns
        rows = make_probe(whole, names, _shape_of_rows(whole), gaps=gaps)
        try:
            estimator.predict(rows)
        except ValueError as error:
            refused = error
        else:
            return rows
    raise ValueError(
        "export_onnx: the graph can't be compared with the estimator, which refuses "
        f"rows that were made from what its steps know: {refused}"
    ) from refused


def _evaluate(model, feed):
    """Return the outputs of a graph, by ONNX Runtime or ONNX's reference evaluator."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run(None, feed)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString())
    except Exception as error:  # its errors have no common base
        raise ValueError(
            f"export_onnx: ONNX Runtime can't load the graph: {error}"
        ) from error
    try:
        return session.run(None, feed)
    except Exception as error:
        raise ValueError(
            f"export_onnx: the graph fails on rows like those of the training: {error}"
        ) from error


def _as_input(column, double):
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64 if double else np.float32)
    else:  # text, where the empty string stands for a missing one
        values = column.astype(object).where(column.notna(), "").to_numpy()
    return values.reshape(-1, 1)
