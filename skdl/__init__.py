"""skdl: deep learning that feels like scikit-learn.

Importing this package imports neither TensorFlow nor Keras; a fit does.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time they are imported when they are first asked for
    from skdl import (
        baselines,
        datasets,
        inspection,
        losses,
        model_selection,
        preprocessing,
    )
    from skdl.estimators._cnn import CNNClassifier
    from skdl.estimators._cnn_regressor import CNNRegressor
    from skdl.estimators._mlp import MLPClassifier
    from skdl.estimators._mlp_regressor import MLPRegressor
    from skdl.estimators._tabular_classifier import TabularClassifier
    from skdl.estimators._tabular_regressor import TabularRegressor
    from skdl.inspection._model_card import model_card
    from skdl.keras_wrapper._classifier import KerasClassifier
    from skdl.keras_wrapper._regressor import KerasRegressor
    from skdl.saving import ModelFileError, load, save
    from skdl.saving._onnx import export_onnx

__version__ = "0.1.0"

_WHERE = {
    "CNNClassifier": "skdl.estimators._cnn",
    "CNNRegressor": "skdl.estimators._cnn_regressor",
    "KerasClassifier": "skdl.keras_wrapper._classifier",
    "KerasRegressor": "skdl.keras_wrapper._regressor",
    "MLPClassifier": "skdl.estimators._mlp",
    "MLPRegressor": "skdl.estimators._mlp_regressor",
    "ModelFileError": "skdl.saving",
    "TabularClassifier": "skdl.estimators._tabular_classifier",
    "TabularRegressor": "skdl.estimators._tabular_regressor",
    "baselines": "skdl",
    "datasets": "skdl",
    "export_onnx": "skdl.saving._onnx",
    "inspection": "skdl",
    "load": "skdl.saving",
    "losses": "skdl",
    "model_card": "skdl.inspection._model_card",
    "model_selection": "skdl",
    "preprocessing": "skdl",
    "save": "skdl.saving",
}

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "KerasClassifier",
    "KerasRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "ModelFileError",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "baselines",
    "datasets",
    "export_onnx",
    "inspection",
    "load",
    "losses",
    "model_card",
    "model_selection",
    "preprocessing",
    "save",
]


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module 'skdl' has no attribute {name!r}")
    where = _WHERE[name]
    try:
        if where == "skdl":
            return importlib.import_module(f"skdl.{name}")
        return getattr(importlib.import_module(where), name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"skdl.{name} needs {error.name}, which is not installed: pip install skdl "
            "installs all that it needs.",
            name=error.name,
        ) from error


def __dir__():
    return sorted(__all__)
