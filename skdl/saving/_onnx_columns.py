"""Join and impute the columns before a network, by operators of our own."""

from copy import copy
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from skdl.nn._onnx_graph import DOUBLE, FLOAT, Graph

__all__ = [
    "Imputed",
    "Joined",
    "declare_imputed",
    "declare_joined",
    "has_text",
    "join_inputs",
    "rewrite",
    "write_imputed",
    "write_joined",
]


class Imputed(FunctionTransformer):
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
    def feature_names_in_(self):
        return self.imputer.feature_names_in_

    @property
    def kept_(self):
        """Columns that are not all missing."""
        return np.flatnonzero(~np.isnan(self.imputer.statistics_.astype(float)))

    @property
    def indicated_(self):
        """Columns that have a missing indicator."""
        return self.imputer.indicator_.features_ if self.imputer.add_indicator else []


class Joined(FunctionTransformer):
    """Stands for columns side by side: skl2onnx joins them in single floats."""

    def __init__(self, n_features_in_=0):
        super().__init__()
        self.n_features_in_ = n_features_in_


def _imputes_nan(imputer):
    # Constants are objects, whatever they are.
    numbers = all(isinstance(value, Real) for value in imputer.statistics_)
    missing = imputer.missing_values
    return numbers and isinstance(missing, float) and np.isnan(missing)


def rewrite(step):
    """Return a transformer as skl2onnx can write it."""
    if isinstance(step, SimpleImputer) and _imputes_nan(step):
        return Imputed(step)
    if isinstance(step, (OneHotEncoder, OrdinalEncoder, TargetEncoder)):
        return _with_empty_gaps(step)
    parts = {
        Pipeline: "steps",
        ColumnTransformer: "transformers_",
        FeatureUnion: "transformer_list",
    }
    for kind, name in parts.items():
        if isinstance(step, kind):
            found = copy(step)
            inner = [
                (n, rewrite(p), *more)
                for n, p, *more in getattr(step, name)
                if not more or not _is_empty(*more)
            ]
            setattr(found, name, inner)
            return found
    return step


def _is_empty(columns):
    """Return whether a selection has no columns: its transformer was never fitted."""
    if isinstance(columns, (str, Integral, slice)):
        return False
    return not (np.any(columns) if np.asarray(columns).dtype == bool else len(columns))


def has_text(values):
    """Return whether text is among the categories of a column."""
    return any(isinstance(value, str) for value in values)


def _with_empty_gaps(encoder):
    """Return an encoder whose missing text is "": a graph has no other word for it."""
    found = copy(encoder)
    found.given_categories_ = encoder.categories_
    found.categories_ = [_name_gaps(values) for values in encoder.categories_]
    return found


def _name_gaps(values):
    is_gap = pd.isna(values)
    if not has_text(values) or not is_gap.any():
        return values
    if "" in values:
        raise ValueError(
            "export_onnx: a column has the category '' beside missing values, which "
            "are '' in a graph: give one of them another name."
        )
    return np.array(["" if gap else v for v, gap in zip(values, is_gap)], object)


def join_inputs(graph, inputs):
    names = [variable.full_name for variable in inputs]
    return names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)


def declare_joined(operator):
    """Give columns side by side their type and shape."""
    first = operator.inputs[0]
    shape = [first.get_first_dimension(), operator.raw_operator.n_features_in_]
    operator.outputs[0].type = type(first.type)(shape)


def write_joined(scope, operator, container):
    """Write columns side by side."""
    names = [variable.full_name for variable in operator.inputs]
    output = operator.outputs[0].full_name
    Graph(scope, container).add("Concat", *names, output=output, axis=1)


def declare_imputed(operator):
    """Give what is imputed its type and shape."""
    imputed = operator.raw_operator
    n_columns = len(imputed.kept_) + len(imputed.indicated_)
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = type(operator.inputs[0].type)([rows, n_columns])


def write_imputed(scope, operator, container):
    """Write the operators that impute columns, and their missing indicators."""
    from skl2onnx.common.data_types import DoubleTensorType

    imputed, graph = operator.raw_operator, Graph(scope, container)
    double = isinstance(operator.outputs[0].type, DoubleTensorType)
    dtype, number = (np.float64, DOUBLE) if double else (np.float32, FLOAT)
    x = join_inputs(graph, operator.inputs)
    missing = graph.add("IsNaN", x)
    known = imputed.imputer.statistics_.astype(dtype)
    # A column that was all missing has nan here, and is left out in the next line.
    filled = graph.add("Where", missing, np.nan_to_num(known), x)
    parts = [graph.add("Gather", filled, np.int64(imputed.kept_), axis=1)]
    if len(imputed.indicated_):
        some = graph.add("Gather", missing, np.int64(imputed.indicated_), axis=1)
        parts.append(graph.add("Cast", some, to=number))
    graph.add("Concat", *parts, output=operator.outputs[0].full_name, axis=1)
