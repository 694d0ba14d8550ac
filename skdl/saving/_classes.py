"""The classes and functions that a file may hold, and their names in a file.

A class of scikit-learn, or a public one of ours, has its public name. A private one has
a fixed name that does not change when the class moves.
"""

import importlib
import math

import numpy as np

from skdl.nn._augmentation import AUGMENTERS

__all__ = [
    "AUGMENTATIONS",
    "CLASSES",
    "MAX_COUNT",
    "NETWORKS",
    "are_plain_settings",
    "find_class",
    "find_function",
    "find_name",
]

_SKLEARN = {
    "sklearn.compose": (
        "ColumnTransformer TransformedTargetRegressor make_column_selector"
    ),
    "sklearn.decomposition": "PCA TruncatedSVD",
    "sklearn.ensemble": (
        "StackingClassifier StackingRegressor VotingClassifier VotingRegressor"
    ),
    "sklearn.feature_selection": "SelectKBest SelectPercentile VarianceThreshold",
    "sklearn.impute": "MissingIndicator SimpleImputer",
    "sklearn.frozen": "FrozenEstimator",
    "sklearn.linear_model": (
        "ElasticNet Lasso LinearRegression LogisticRegression Ridge RidgeCV "
        "RidgeClassifier"
    ),
    "sklearn.model_selection": "FixedThresholdClassifier",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing": (
        "Binarizer FunctionTransformer KBinsDiscretizer LabelBinarizer LabelEncoder "
        "MaxAbsScaler MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder "
        "OrdinalEncoder PolynomialFeatures PowerTransformer QuantileTransformer "
        "RobustScaler StandardScaler TargetEncoder"
    ),
    "sklearn.utils": "Bunch",
}
NETWORKS = {
    "skdl.CNNClassifier",
    "skdl.CNNRegressor",
    "skdl.MLPClassifier",
    "skdl.MLPRegressor",
    "skdl.TabularClassifier",
    "skdl.TabularRegressor",
}
_PUBLIC = {
    "skdl": (
        "CNNClassifier CNNRegressor KerasClassifier KerasRegressor MLPClassifier "
        "MLPRegressor TabularClassifier TabularRegressor"
    ),
    "skdl.preprocessing": (
        "ImageScaler PiecewiseLinearEncoder TableEncoder ZCAWhitening"
    ),
}
_PRIVATE = {
    "binary_target": ("skdl.estimators._targets", "_BinaryTarget"),
    "class_target": ("skdl.estimators._targets", "_ClassTarget"),
    "labels_target": ("skdl.estimators._targets", "_LabelsTarget"),
    "ordinal_target": ("skdl.estimators._targets", "_OrdinalTarget"),
    "real_target": ("skdl.estimators._number_targets", "_RealTarget"),
    "CNN": ("skdl.nn._structure", "CNNStructure"),
    "MLP": ("skdl.nn._structure", "MLPStructure"),
    "number_encoding": ("skdl.tables._encodings", "NumberEncoding"),
    "category_encoding": ("skdl.tables._encodings", "CategoryEncoding"),
    "date_encoding": ("skdl.tables._encodings", "DateEncoding"),
    "left_out": ("skdl.tables._encodings", "LeftOut"),
    "label_encoder": ("skdl.keras_wrapper._scikeras", "ClassifierLabelEncoder"),
    "target_encoder": ("skdl.keras_wrapper._scikeras", "RegressorTargetEncoder"),
    "target_reshaper": ("skdl.keras_wrapper._scikeras", "TargetReshaper"),
}
# Where each class may come from: what scikit-learn promises, not where it stands now.
CLASSES = {
    f"{module}.{name}": (module, name)
    for table in (_SKLEARN, _PUBLIC)
    for module, names in table.items()
    for name in names.split()
} | _PRIVATE
_FUNCTIONS = {
    "builtins": ("bool", "float", "int", "object", "str"),
    "sklearn.feature_selection": ("chi2", "f_classif", "f_regression"),
    "numpy": None,  # its ufuncs
    "keras.layers": AUGMENTERS,
    "keras.losses": None,
    "keras.metrics": None,
    "keras.optimizers": None,
    "keras.optimizers.schedules": None,
}
# Metrics make tables as large as their settings say.
MAX_COUNT = 1_000
AUGMENTATIONS = {f"keras.layers.{name}" for name in AUGMENTERS}


def find_name(thing):
    """Return the name that a file has for a class or function, or None."""
    if isinstance(thing, np.ufunc):
        return f"numpy.{thing.__name__}" if hasattr(np, thing.__name__) else None
    name = getattr(thing, "__name__", "")
    for known, (_, attribute) in CLASSES.items():
        if attribute == name and find_class(known) is thing:
            return known
    for module, names in _FUNCTIONS.items():
        if module == "numpy" or (names and name not in names):
            continue
        if _is_defined_in(thing, module) and _public(module, name) is thing:
            return f"{module}.{name}"
    return None


def find_class(name):
    """Return the class that a file has a name for.

    Raises
    ------
    KeyError
        If there is none.
    """
    module, attribute = CLASSES[name]
    return getattr(importlib.import_module(module), attribute)


def find_function(path):
    """Return the class or function that a file has a name for.

    Raises
    ------
    ValueError
        If a file may not hold it.
    """
    if path in CLASSES:
        return find_class(path)
    module, _, name = str(path).rpartition(".")
    # A module that is not in the table is never imported.
    names = _FUNCTIONS.get(module, ())
    allowed = names is None or name in names
    found = _public(module, name) if allowed and not name.startswith("_") else None
    if module == "numpy" and not isinstance(found, np.ufunc):
        found = None
    # NumPy's ufuncs say where they are from only since NumPy 2.
    own = isinstance(found, np.ufunc) or _is_defined_in(found, module)
    if not callable(found) or not own:
        raise ValueError(f"The file asks for {path!r}, which is not allowed.")
    return found


def _is_defined_in(thing, path):
    package = path.split(".")[0]
    return (getattr(thing, "__module__", "") or "").split(".")[0] == package


def _public(module, name):
    return getattr(importlib.import_module(module), name, None)


def are_plain_settings(name, settings, schedule=()):
    """Return whether the settings of a Keras object are data of a plausible size.

    Parameters
    ----------
    name : str
        Of its class, as a file has it.
    settings : dict
        Its settings.
    schedule : type or tuple of type
        What may be among them beside plain data.
    """
    limit = MAX_COUNT if name.startswith("keras.metrics.") else math.inf
    return all(_is_plain(setting, schedule, limit) for setting in settings.values())


def _is_plain(value, schedule, limit):
    if isinstance(value, (list, tuple)):
        return len(value) <= limit and all(_is_plain(v, (), limit) for v in value)
    if type(value) is int:
        return abs(value) <= limit
    return isinstance(value, (type(None), bool, float, str, schedule))
