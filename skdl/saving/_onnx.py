"""``skdl.export_onnx``: what is fitted, as one ONNX graph."""

from copy import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from skdl._utils._nested import is_network
from skdl._utils._sklearn import BaseSearchCV, FrozenEstimator, find_positive_label
from skdl.estimators._base import BaseNetwork
from skdl.estimators._mixins import NetworkRegressor
from skdl.keras_wrapper import _outputs
from skdl.keras_wrapper._classifier import KerasClassifier
from skdl.saving._onnx_layers import OPSETS, Graph, write_keras_model, write_network
from skdl.saving._onnx_probe import make_probe, needs_double, text_columns

__all__ = ["export_onnx"]

_TOLERANCE = 1e-3


def export_onnx(estimator, path):
    """Write a fitted network, or what holds one, as one ONNX graph.

    What was fitted on a frame has one input for each column, named as the column, of
    shape (n_samples, 1): a tensor of strings for columns of text, else of floats. What
    was fitted on an array takes ``X``, of shape (n_samples, n_features), or that of
    images. The floats are single, and double where a scaler shows that single floats
    can't tell the values apart. A classifier gives ``label`` and ``probabilities``, a
    regressor ``prediction``: what ``predict`` and ``predict_proba`` return, to 1e-5
    where the floats tell the features apart that well.

    The graph is compared with the estimator, on rows as the training had them, before
    it is written.

    Parameters
    ----------
    estimator : estimator
        Fitted: a network, a pipeline that ends in one, a search (its best estimator is
        exported), a ``FixedThresholdClassifier``, ``TunedThresholdClassifierCV`` or
        ``TransformedTargetRegressor`` around one. The steps before the network are
        transformers that skl2onnx knows: scalers, imputers, encoders,
        ``ColumnTransformer``, PCA, polynomial features and many more. A wrapped Keras
        model is a chain of dense, convolutional, pooling and normalizing layers.
    path : str or path
        Where.

    Raises
    ------
    ValueError
        If a part can't be exported: its name is in the message. Or if the graph does
        not give what the estimator gives. Nothing is written.
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
    if names is not None and not isinstance(first, ColumnTransformer):
        steps.insert(0, ("columns", _Joined(len(names))))
    whole = Pipeline([(f"step{k}", step) for k, (_, step) in enumerate(steps)])
    double = needs_double(whole)
    for is_double in (True,) if double else (False, True):
        model = _convert(whole, steps, names, is_double)
        worst = _compare(model, estimator, whole, names, is_double)
        if worst <= _TOLERANCE:
            Path(path).write_bytes(model.SerializeToString())
            return
    raise ValueError(
        f"export_onnx: what the graph gives differs by {worst:.2g} from what the "
        "estimator gives, also in double precision. Nothing is written: look for a "
        "step that ONNX computes in another way."
    )


# What the network stands in


def _inside_searches(estimator):
    while isinstance(estimator, (BaseSearchCV, FrozenEstimator)):
        is_search = isinstance(estimator, BaseSearchCV)
        inner = estimator.best_estimator_ if is_search else estimator.estimator
        estimator = inner
    return estimator


def _steps_of(estimator, name="estimator", after=None):
    """Return names and transformers, and at the end the network with what follows.

    Pipelines are taken apart, whatever they stand in: the network at the end becomes a
    copy that knows what is done with its outputs.
    """
    estimator = _inside_searches(estimator)
    if isinstance(estimator, Pipeline):
        before = [
            (n, _rewrite(step))
            for n, step in estimator.steps[:-1]
            if hasattr(step, "fit")
        ]
        flat = [found for n, step in before for found in _flatten_steps(n, step)]
        last_name, last = estimator.steps[-1]
        return flat + _steps_of(last, last_name, after)
    if isinstance(estimator, (FixedThresholdClassifier, TunedThresholdClassifierCV)):
        return _steps_of(estimator.estimator_, name, _threshold_of(estimator, name))
    if isinstance(estimator, TransformedTargetRegressor):
        return _steps_of(estimator.regressor_, name, _inverse_of(estimator, name))
    if not is_network(estimator):
        raise ValueError(
            f"export_onnx: step {name!r} is a {type(estimator).__name__}, and the last "
            "one must be a network of skdl."
        )
    network = copy(estimator) if isinstance(estimator, BaseNetwork) else estimator
    return [(name, _Exported(network, after))]


def _flatten_steps(name, estimator):
    """Return the steps of nested pipelines, one after the other, with their names."""
    if not isinstance(estimator, Pipeline):
        return [(name, estimator)]
    steps = [(n, step) for n, step in estimator.steps if hasattr(step, "fit")]
    return [found for step in steps for found in _flatten_steps(*step)]


class _Threshold(NamedTuple):
    """The positive class and from which probability it is predicted."""

    positive: int
    threshold: float


class _Inverse(NamedTuple):
    """``exponential(factor * x + offset)`` with or without the exponential."""

    factor: float
    offset: float
    exponential: str | None


def _threshold_of(estimator, name):
    if estimator.response_method == "decision_function":
        raise ValueError(
            f"export_onnx: step {name!r} has a threshold of the decision function; "
            "give it response_method='predict_proba'."
        )
    threshold = getattr(estimator, "best_threshold_", None)
    if threshold is None:
        threshold = 0.5 if estimator.threshold == "auto" else estimator.threshold
    label = find_positive_label(estimator)
    classes = estimator.classes_.tolist()
    return _Threshold(1 if label is None else classes.index(label), float(threshold))


_EXPONENTIALS = {"exp": np.exp, "expm1": np.expm1}


def _inverse_of(estimator, name):
    """Return what a TransformedTargetRegressor does with the predictions."""
    probe = np.array([[0.0], [1.0], [2.0], [5.0]])
    try:
        found = np.asarray(estimator.transformer_.inverse_transform(probe)).ravel()
    except ValueError as error:
        raise ValueError(
            f"export_onnx: step {name!r} transforms several targets, and one can be "
            f"exported ({error})."
        ) from error
    for exponential, function, inverse in (
        (None, np.array, np.array),
        ("exp", np.exp, np.log),
        ("expm1", np.expm1, np.log1p),
    ):
        # Solve the first two for the factor and the offset, and look at the others.
        with np.errstate(all="ignore"):
            straight = inverse(found)
            factor, offset = straight[1] - straight[0], straight[0]
            expected = function(factor * probe.ravel() + offset)
        if np.allclose(expected, found, rtol=1e-9, atol=1e-12):
            return _Inverse(float(factor), float(offset), exponential)
    raise ValueError(
        f"export_onnx: step {name!r} transforms its targets back by "
        f"{estimator.transformer_!r}; a scaler, exp and expm1 can be exported."
    )


# A step that skl2onnx would write wrongly


class _Imputed(FunctionTransformer):
    """Stands for a SimpleImputer of numbers.

    skl2onnx forgets its indicators, and no runtime imputes double floats.
    """

    def __init__(self, imputer=None):
        super().__init__()
        self.imputer = imputer

    @property
    def n_features_in_(self):
        return self.imputer.n_features_in_

    @property
    def kept_(self):
        """Columns that are not all missing."""
        return np.flatnonzero(~np.isnan(self.imputer.statistics_.astype(float)))

    @property
    def indicated_(self):
        """Columns of which it is said which values were missing."""
        return self.imputer.indicator_.features_ if self.imputer.add_indicator else []


class _Joined(FunctionTransformer):
    """Stands for columns side by side: skl2onnx joins them in single floats."""

    def __init__(self, n_features_in_=0):
        super().__init__()
        self.n_features_in_ = n_features_in_


def _imputes_nan(imputer):
    numbers = imputer.statistics_.dtype.kind == "f"
    missing = imputer.missing_values
    return numbers and isinstance(missing, float) and np.isnan(missing)


def _rewrite(step):
    """Return a transformer as skl2onnx can write it."""
    if isinstance(step, SimpleImputer) and _imputes_nan(step):
        return _Imputed(step)
    parts = {
        Pipeline: "steps",
        ColumnTransformer: "transformers_",
        FeatureUnion: "transformer_list",
    }
    for kind, name in parts.items():
        if isinstance(step, kind):
            found = copy(step)
            inner = [(n, _rewrite(p), *more) for n, p, *more in getattr(step, name)]
            setattr(found, name, inner)
            return found
    return step


# The conversion


class _Exported(FunctionTransformer):
    """A network with what is done with its outputs, as skl2onnx is to see it.

    A class of our own, so that no converter of the user's is overwritten.
    """

    def __init__(self, network=None, after=None):
        super().__init__()
        self.network = network
        self.after = after

    @property
    def n_features_in_(self):
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
    return _run(skl2onnx, whole, "the pipeline", inputs)


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
    texts = text_columns(whole)
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
        (_Imputed, _declare_imputed, _write_imputed),
        (_Joined, _declare_joined, _write_joined),
    ):
        skl2onnx.update_registered_converter(
            kind,
            f"Skdl{kind.__name__}",
            declare,
            write,
            parser=_name_outputs if kind is _Exported else None,
            overwrite=True,
        )


def _name_outputs(scope, exported, inputs, custom_parsers=None):
    """Declare the operator of a network, with the names of its outputs."""
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator("Skdl_Exported", exported)
    operator.inputs.extend(inputs)
    for name in _output_names(exported.network):
        operator.outputs.append(scope.declare_local_variable(name, FloatTensorType()))
    return operator.outputs


def _output_names(network):
    if not is_classifier(network):
        return ("prediction",)
    margins = isinstance(network, KerasClassifier) and (
        _outputs.find_kind(network._built) == "margins"
    )
    return ("label",) if margins else ("label", "probabilities")


def _declare_outputs(operator):
    """Give the outputs of a network their types and shapes."""
    from skl2onnx.common import data_types as types

    network = operator.raw_operator.network
    rows = operator.inputs[0].get_first_dimension()
    classes = getattr(network, "classes_", None)
    if classes is None:
        shape = [rows] if _is_flat(network) else [rows, network.n_outputs_]
        operator.outputs[0].type = types.FloatTensorType(shape)
        return
    kinds = {"U": types.StringTensorType, "O": types.StringTensorType}
    kinds |= {"f": types.FloatTensorType, "b": types.BooleanTensorType}
    kind = kinds.get(np.asarray(classes).dtype.kind, types.Int64TensorType)
    several = [rows, len(classes)] if _has_several_labels(network) else [rows]
    operator.outputs[0].type = kind(several)
    if len(operator.outputs) > 1:
        operator.outputs[1].type = types.FloatTensorType([rows, len(classes)])


def _is_flat(regressor):
    if isinstance(regressor, NetworkRegressor):
        return regressor._target.n_dimensions == 1
    return regressor.y_ndim_ == 1


def _has_several_labels(classifier):
    if isinstance(classifier, BaseNetwork):
        return classifier.n_outputs_ > 1
    return classifier.target_type_ == "multilabel-indicator"


def _write_exported(scope, operator, container):
    """Write the operators of a network, and what is done with its outputs."""
    graph = Graph(scope, container)
    network, after = operator.raw_operator.network, operator.raw_operator.after
    x = _join_inputs(graph, operator.inputs)
    x = graph.add("Cast", x, to=1)  # single floats: the network computes in them
    names = [variable.full_name for variable in operator.outputs]
    if isinstance(network, BaseNetwork):
        logits = write_network(graph, network, x)
    else:
        logits = write_keras_model(graph, network._built, x)
    if not is_classifier(network):
        _write_numbers(graph, network, logits, after, names[0])
        return
    if len(names) == 1:
        _write_margins(graph, network, logits, names[0])
        return
    _write_probabilities(graph, network, logits, names[1])
    _write_labels(graph, network, after, *names)


def _join_inputs(graph, inputs):
    names = [variable.full_name for variable in inputs]
    return names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)


def _write_numbers(graph, network, x, after, output):
    if isinstance(network, NetworkRegressor):
        factor, offset = (np.float32(part) for part in network._target.scaling)
        x = graph.add("Add", graph.add("Mul", x, factor), offset)
    if after is not None:
        x = graph.add("Mul", x, np.float32(after.factor))
        x = graph.add("Add", x, np.float32(after.offset))
        if after.exponential:
            x = graph.add("Exp", x)
        if after.exponential == "expm1":
            x = graph.add("Sub", x, np.float32(1))
    shape = np.array([-1] if _is_flat(network) else [-1, network.n_outputs_])
    graph.add("Reshape", x, shape, output=output)


def _write_probabilities(graph, network, x, output):
    several = _has_several_labels(network)
    if isinstance(network, BaseNetwork):
        is_logits, each = True, network._target.head == "sigmoid"
    else:
        is_logits = _outputs.find_kind(network._built) == "logits"
        each = several or network._built.outputs[0].shape[1] == 1
    if several or not each:
        if is_logits:
            kind, settings = ("Sigmoid", {}) if each else ("Softmax", {"axis": 1})
            graph.add(kind, x, output=output, **settings)
        else:
            total = graph.add("ReduceSum", x, np.array([1]), keepdims=1)
            graph.add(*(("Identity", x) if each else ("Div", x, total)), output=output)
        return
    second = graph.add("Sigmoid", x) if is_logits else x
    first = graph.add("Sigmoid", graph.add("Neg", x)) if is_logits else None
    first = first or graph.add("Sub", np.float32(1), x)
    graph.add("Concat", first, second, output=output, axis=1)


def _write_labels(graph, network, after, label, probabilities):
    if _has_several_labels(network):
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
    graph.add("Gather", _plain_classes(network), codes, output=label)


def _write_margins(graph, network, x, label):
    if network._built.outputs[0].shape[1] == 1:
        above = graph.add("Greater", x, np.float32(0))
        codes = graph.add("Reshape", graph.add("Cast", above, to=7), np.array([-1]))
    else:
        codes = graph.add("ArgMax", x, axis=1, keepdims=0)
    graph.add("Gather", _plain_classes(network), codes, output=label)


def _plain_classes(network):
    classes = np.asarray(network.classes_)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes.astype(np.float32) if classes.dtype.kind == "f" else classes


def _declare_joined(operator):
    """Give columns side by side their type and shape."""
    first = operator.inputs[0]
    shape = [first.get_first_dimension(), operator.raw_operator.n_features_in_]
    operator.outputs[0].type = type(first.type)(shape)


def _write_joined(scope, operator, container):
    """Write columns side by side."""
    names = [variable.full_name for variable in operator.inputs]
    output = operator.outputs[0].full_name
    Graph(scope, container).add("Concat", *names, output=output, axis=1)


def _declare_imputed(operator):
    """Give what is imputed its type and shape."""
    imputed = operator.raw_operator
    n_columns = len(imputed.kept_) + len(imputed.indicated_)
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = type(operator.inputs[0].type)([rows, n_columns])


def _write_imputed(scope, operator, container):
    """Write the values where there are any, and which of them are missing."""
    from skl2onnx.common.data_types import DoubleTensorType

    imputed, graph = operator.raw_operator, Graph(scope, container)
    double = isinstance(operator.outputs[0].type, DoubleTensorType)
    dtype, number = (np.float64, 11) if double else (np.float32, 1)
    x = _join_inputs(graph, operator.inputs)
    missing = graph.add("IsNaN", x)
    known = imputed.imputer.statistics_.astype(dtype)
    filled = graph.add("Where", missing, np.nan_to_num(known), x)
    parts = [graph.add("Gather", filled, np.int64(imputed.kept_), axis=1)]
    if len(imputed.indicated_):
        some = graph.add("Gather", missing, np.int64(imputed.indicated_), axis=1)
        parts.append(graph.add("Cast", some, to=number))
    graph.add("Concat", *parts, output=operator.outputs[0].full_name, axis=1)


# The comparison


def _compare(model, estimator, whole, names, double):
    """Return how far the graph is from the estimator on rows like those of the fit."""
    rows = make_probe(whole, names, _shape_of_rows(whole))
    if names is None:
        feed = {"X": rows.astype(np.float64 if double else np.float32)}
    else:
        feed = {str(name): _as_input(rows[name], double) for name in names}
    found = _evaluate(model, feed)
    last = whole.steps[-1][1].network
    if not is_classifier(last):
        expected = np.asarray(estimator.predict(rows), dtype=float)
        size = max(1.0, float(np.abs(expected).max()))
        return (
            float(np.abs(np.reshape(found[0], expected.shape) - expected).max()) / size
        )
    if len(found) == 1:
        return float(np.mean(found[0] != estimator.predict(rows)))
    return float(np.abs(found[1] - estimator.predict_proba(rows)).max())


def _evaluate(model, feed):
    """Return the outputs of a graph: by a runtime, or by ONNX' own reference."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run(None, feed)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString())
    except Exception as error:  # its errors have no common base
        raise ValueError(f"export_onnx: no runtime takes the graph: {error}") from error
    return session.run(None, feed)


def _as_input(column, double):
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64 if double else np.float32)
    else:
        values = column.to_numpy(object)
    return values.reshape(-1, 1)
