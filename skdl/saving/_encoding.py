"""Estimators as plain data, and back: only classes and values of an allow-list.

A value is JSON as it is, or a list whose first element names its kind. Arrays are
members of the file.
"""

import importlib
import inspect
import math

import numpy as np
import scipy.sparse
import sklearn.utils

from skdl._augmentation import AUGMENTERS, plain_settings
from skdl._checks import ACTIVATIONS
from skdl._structure import dense_shapes

__all__ = ["Decoder", "Encoder"]

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
        "ElasticNet Lasso LinearRegression LogisticRegression Ridge RidgeClassifier"
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
_NETWORKS = {
    "skdl.CNNClassifier",
    "skdl.CNNRegressor",
    "skdl.MLPClassifier",
    "skdl.MLPRegressor",
}
_SKDL = {
    "skdl": (
        "CNNClassifier CNNRegressor KerasClassifier KerasRegressor MLPClassifier "
        "MLPRegressor"
    ),
    "skdl._scikeras": "ClassifierLabelEncoder RegressorTargetEncoder TargetReshaper",
    "skdl._structure": "CNNStructure MLPStructure",
    "skdl.preprocessing": "ImageScaler ZCAWhitening",
    "skdl._targets": "_BinaryTarget _ClassTarget _LabelsTarget _RealTarget",
}
# Where each class may come from: what scikit-learn promises, not where it stands now.
CLASSES = {
    f"{module}.{name}": (module, name)
    for table in (_SKLEARN, _SKDL)
    for module, names in table.items()
    for name in names.split()
}
_FUNCTIONS = {
    "sklearn.feature_selection": ("chi2", "f_classif", "f_regression"),
    "numpy": None,  # its ufuncs
    "keras.layers": AUGMENTERS,
    "keras.losses": None,
    "keras.metrics": None,
    "keras.optimizers": None,
    "keras.optimizers.schedules": None,
}
_AUGMENTATIONS = {f"keras.layers.{name}" for name in AUGMENTERS}
# What a fit leaves behind for its own process.
_DROPPED = {"callbacks_", "_built_with", "_observer", "_model", "_seen_columns"}
# Metrics make tables as large as their settings say.
_MAX_COUNT = 1_000
_FLOATS = 16  # a list of more floats becomes an array


class Encoder:
    """Turns an estimator into plain data.

    Parameters
    ----------
    writer : Writer
        Takes the arrays.
    save_model : callable
        Returns the bytes of a Keras model.

    Attributes
    ----------
    classes : set of str
        The classes that were met.
    """

    def __init__(self, writer, save_model):
        self._writer = writer
        self._save_model = save_model
        self.classes = set()

    def encode(self, value, where):
        """Return a value as plain data.

        Parameters
        ----------
        value : object
            The value.
        where : str
            How its user knows it, for the error.

        Raises
        ------
        ValueError
            If a file can't keep it.
        """
        if value is None or isinstance(value, (bool, str)):
            return value
        if type(value) in (int, float):
            return value if math.isfinite(value) else ["float", repr(value)]
        if isinstance(value, type) and issubclass(value, np.generic):
            return ["scalar_type", value.__name__]
        for kinds, encode in self._encoders():
            if isinstance(value, kinds):
                return encode(value, where)
        return self._encode_object(value, where)

    def _encoders(self):
        return (
            (np.ndarray, self._encode_array),
            (np.generic, self._encode_scalar),
            (np.dtype, lambda value, _: ["dtype", value.str]),
            ((list, tuple, set, frozenset), self._encode_sequence),
            (sklearn.utils.Bunch, self._encode_object),
            (dict, self._encode_dict),
            (slice, self._encode_slice),
            ((scipy.sparse.sparray, scipy.sparse.spmatrix), self._encode_sparse),
        )

    def _encode_array(self, array, where):
        if array.dtype.kind in "biufcSU":
            return ["array", self._writer.add_array(array)]
        if array.dtype.kind != "O":
            self._refuse(array.dtype, where)
        values = [self.encode(value, where) for value in array.ravel().tolist()]
        return ["objects", list(array.shape), values]

    def _encode_scalar(self, value, where):
        if value.dtype.kind not in "biufSU":
            self._refuse(value, where)
        return ["scalar", self._writer.add_array(np.asarray(value))]

    def _encode_sequence(self, values, where):
        kind = type(values).__name__
        if kind not in ("list", "tuple", "set", "frozenset"):
            self._refuse(values, where)  # a named tuple, say
        if kind in ("set", "frozenset"):
            values = sorted(values, key=repr)  # the same set gives the same file
        elif len(values) > _FLOATS and all(type(value) is float for value in values):
            return [f"floats_{kind}", self._writer.add_array(np.array(values))]
        encoded = [self.encode(v, f"{where}[{k}]") for k, v in enumerate(values)]
        return [kind, encoded]

    def _encode_dict(self, values, where):
        pairs = [
            [self.encode(key, where), self.encode(value, f"{where}[{key!r}]")]
            for key, value in values.items()
        ]
        return ["dict", pairs]

    def _encode_slice(self, value, where):
        parts = (value.start, value.stop, value.step)
        return ["slice", [self.encode(part, where) for part in parts]]

    def _encode_sparse(self, matrix, where):
        csr = matrix.tocsr()
        parts = [csr.data, csr.indices, csr.indptr]
        array = isinstance(matrix, scipy.sparse.sparray)
        arrays = [self._writer.add_array(part) for part in parts]
        return ["csr", array, list(csr.shape), arrays]

    def _encode_object(self, value, where):
        if isinstance(value, (type, np.ufunc)) or inspect.isroutine(value):
            name = _find_name(value)
            found = name and ["function", name]
        else:
            name = _find_name(type(value))
            encode = self._encode_instance if name in CLASSES else self._encode_keras
            found = name and encode(name, value, where)
        return found or self._refuse(value, where)

    def _encode_instance(self, name, value, where):
        self.classes.add(name)
        if type(value) is sklearn.utils.Bunch:
            state = dict(value)
        elif hasattr(value, "__getstate__"):
            state = value.__getstate__()
        else:
            state = vars(value)
        kept = {key: part for key, part in state.items() if key not in _DROPPED}
        model = None
        if name in ("skdl.KerasClassifier", "skdl.KerasRegressor"):
            kept.update(model=None, build_fn=None)
            if kept.pop("_kept", None):
                model = self._writer.add_model(self._save_model(value.model_))
        encoded = [
            [key, self.encode(part, f"{where}.{key}")] for key, part in kept.items()
        ]
        if model is not None:
            encoded.append(["_kept", ["model", model]])
        return ["object", name, ["dict", encoded]]

    def _encode_keras(self, name, value, where):
        """Return an object of Keras as its class and its settings."""
        if name in _AUGMENTATIONS:
            return ["keras", name, self.encode(plain_settings(value), where)]
        settings = value.get_config()
        if isinstance(settings.get("learning_rate"), dict):
            schedules = importlib.import_module("keras.optimizers.schedules")
            schedule = schedules.deserialize(settings["learning_rate"])
            settings["learning_rate"] = schedule
        return ["keras", name, self.encode(settings, where)]

    def _refuse(self, value, where):
        kind = value if isinstance(value, type) else type(value)
        hint = "Take it out first"
        if "callbacks" in where:
            hint = "Set callbacks=None first"
        if hasattr(value, "best_estimator_"):
            hint = "Save its best_estimator_"
        raise ValueError(
            f"{where} is a {kind.__module__}.{kind.__qualname__}, which a file of "
            f"skdl can't keep: it holds data, and objects of known classes. {hint}, or "
            "use joblib.dump, whose files run code when they are loaded."
        )


def _find_name(thing):
    """Return the public name of an allowed class or function, or None."""
    if isinstance(thing, np.ufunc):
        return f"numpy.{thing.__name__}" if hasattr(np, thing.__name__) else None
    name = getattr(thing, "__name__", "")
    for path in (f"{module}.{name}" for module in (*_SKLEARN, *_SKDL)):
        if path in CLASSES and _find(path) is thing:
            return path
    for module, names in _FUNCTIONS.items():
        if module == "numpy" or (names and name not in names):
            continue
        if _is_defined_in(thing, module) and _public(module, name) is thing:
            return f"{module}.{name}"
    return None


def _is_defined_in(thing, path):
    package = path.split(".")[0]
    return (getattr(thing, "__module__", "") or "").split(".")[0] == package


def _find(path):
    module, name = CLASSES[path]
    return getattr(importlib.import_module(module), name)


def _public(module, name):
    return getattr(importlib.import_module(module), name, None)


class Decoder:
    """Turns plain data into an estimator again.

    Parameters
    ----------
    reader : Reader
        Gives the arrays.
    load_model : callable
        Takes the bytes of a Keras model and returns it.
    """

    def __init__(self, reader, load_model):
        self._reader = reader
        self._load_model = load_model
        self._decoders = {
            "array": self._reader.array,
            "csr": self._decode_sparse,
            "dict": self._decode_dict,
            "dtype": self._decode_dtype,
            "float": self._decode_float,
            "floats_list": lambda name: self._reader.array(name).tolist(),
            "floats_tuple": lambda name: tuple(self._reader.array(name).tolist()),
            "frozenset": lambda values: frozenset(self._decode_all(values)),
            "function": self._decode_function,
            "keras": self._decode_keras,
            "list": self._decode_all,
            "model": lambda name: self._load_model(self._reader.model(name)),
            "object": self._decode_object,
            "objects": self._decode_objects,
            "scalar": lambda name: self._reader.array(name)[()],
            "scalar_type": self._decode_scalar_type,
            "set": lambda values: set(self._decode_all(values)),
            "slice": lambda parts: slice(*self._decode_all(parts)),
            "tuple": lambda values: tuple(self._decode_all(values)),
        }

    def decode(self, value):
        """Return what plain data stand for.

        Raises
        ------
        ValueError
            If they stand for nothing that is allowed.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if (
            not isinstance(value, list)
            or value[:1] == []
            or value[0] not in (self._decoders)
        ):
            raise ValueError(f"The file holds {str(value)[:80]!r}, of no known kind.")
        return self._decoders[value[0]](*value[1:])

    def _decode_all(self, values):
        return [self.decode(value) for value in values]

    def _decode_dict(self, pairs):
        return {self.decode(key): self.decode(value) for key, value in pairs}

    def _decode_dtype(self, text):
        dtype = np.dtype(text)
        if dtype.hasobject and text != "|O":
            raise ValueError(f"The file holds the dtype {text!r}.")
        return dtype

    def _decode_scalar_type(self, name):
        kind = getattr(np, name)
        if not isinstance(kind, type) or not issubclass(kind, np.generic):
            raise ValueError(f"The file holds the type {name!r}.")
        return kind

    def _decode_float(self, text):
        if text not in ("nan", "inf", "-inf"):
            raise ValueError(f"The file holds {text!r} as a number.")
        return float(text)

    def _decode_objects(self, shape, values):
        array = np.empty(len(values), dtype=object)
        array[:] = self._decode_all(values)
        return array.reshape(shape)

    def _decode_sparse(self, array, shape, names):
        kind = scipy.sparse.csr_array if array else scipy.sparse.csr_matrix
        matrix = kind(tuple(self._reader.array(name) for name in names), shape=shape)
        matrix.check_format(full_check=True)
        return matrix

    def _decode_function(self, path):
        module, _, name = str(path).rpartition(".")
        names = _FUNCTIONS.get(module, ())
        allowed = names is None or name in names
        if path in CLASSES:
            return _find(path)
        found = _public(module, name) if allowed and not name.startswith("_") else None
        if module == "numpy" and not isinstance(found, np.ufunc):
            found = None
        # NumPy's ufuncs say where they are from only since NumPy 2.
        own = isinstance(found, np.ufunc) or _is_defined_in(found, module)
        if not callable(found) or not own:
            raise ValueError(f"The file asks for {path!r}, which is not allowed.")
        return found

    def _decode_keras(self, path, settings):
        kind = self._decode_function(path)
        import keras

        schedule = keras.optimizers.schedules.LearningRateSchedule
        kinds = (keras.Optimizer, keras.Loss, keras.Metric, schedule)
        if path in _AUGMENTATIONS:
            kinds = (keras.layers.Layer,)
        if not isinstance(kind, type) or not issubclass(kind, kinds):
            raise ValueError(f"The file makes a {path!r}, which is not allowed.")
        settings = self.decode(settings)
        limit = _MAX_COUNT if path.startswith("keras.metrics.") else math.inf
        if not all(_is_plain(part, schedule, limit) for part in settings.values()):
            raise ValueError(f"The file makes a {path!r} of {str(settings)[:200]}.")
        return kind.from_config(settings)

    def _decode_object(self, name, state):
        if name not in CLASSES:
            raise ValueError(f"The file holds a {name!r}, which is not allowed.")
        kind = _find(name)
        state = self.decode(state)
        if not isinstance(state, dict) or not all(
            isinstance(key, str) and not key.startswith("__") for key in state
        ):
            raise ValueError(f"The file holds a {name!r} of {str(state)[:80]!r}.")
        if kind is sklearn.utils.Bunch:
            return kind(**state)
        found = kind.__new__(kind)
        if "_kept" in state:
            found._restore(state)
        elif hasattr(found, "__setstate__"):
            found.__setstate__(state)
        else:
            vars(found).update(state)
        if name in _NETWORKS:
            check_network(found)
        return found


def _is_plain(value, schedule, limit):
    """Return whether a setting of a Keras object is data, and no large number."""
    if isinstance(value, (list, tuple)):
        return len(value) <= limit and all(_is_plain(v, (), limit) for v in value)
    if type(value) is int:
        return abs(value) <= limit
    return isinstance(value, (type(None), bool, float, str, schedule))


def check_network(estimator):
    """Check that the weights of a fitted network are finite and fit together.

    Raises
    ------
    ValueError
        If they don't.
    """
    state = vars(estimator)
    if "history_" not in state:
        return  # it is not fitted
    network, weights, target = (
        state[f"_{n}"] for n in ("network", "weights", "target")
    )
    counts = type(weights) is list and 0 <= network.depth < len(weights)
    if not counts or network.n_blocks >= len(weights):
        raise ValueError("The network has another number of weights.")
    if len(network.weights) != len(weights):
        raise ValueError("The network has another number of weights.")
    for name, weight in zip(network.weights, weights):
        if weight.dtype != np.float32 or not np.isfinite(weight).all():
            raise ValueError(f"A {name} of the network is not finite single floats.")
    if network.activation not in ACTIVATIONS or network.head != target.head:
        raise ValueError(
            f"The network has activation {network.activation!r} and head "
            f"{network.head!r}."
        )
    rates = state.get("_rates")
    n_rates = network.n_blocks + network.depth + 1
    if rates and (len(rates) != n_rates or not all(0 <= rate < 1 for rate in rates)):
        raise ValueError(f"The network has the rates {rates} of dropout.")
    found = [weight.shape for weight in weights]
    if found != _shapes_of(network, weights, state["n_features_in_"], target.n_logits):
        raise ValueError(f"The weights of the network have shapes {found}.")


def _shapes_of(network, weights, n_features, n_logits):
    """Return the shapes that the weights of a network must have."""
    widths = [kernel.shape[-1] for kernel in network.kernels_of(weights)]
    filters, hidden = widths[: network.n_blocks], widths[network.n_blocks : -1]
    kernels = []
    if filters:
        if math.prod(network.image_shape) != n_features:
            return None
        kernels = network.conv_shapes(filters)
        n_features = network.n_found(filters)
    kernels += dense_shapes([n_features, *hidden, n_logits])
    return [
        tuple(shape) if name.endswith("kernel") else (shape[-1],)
        for names, shape in zip(network.layers, kernels)
        for name in names
    ]
