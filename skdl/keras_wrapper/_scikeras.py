"""SciKeras' protocol of building models, without its patches of Keras.

Everything from outside SciKeras' public interface is imported here.
"""

import keras

_PATCHED = {
    keras.Model: ("__reduce__", "__deepcopy__"),
    keras.losses.Loss: ("__reduce__",),
    keras.metrics.Metric: ("__reduce__",),
    keras.optimizers.Optimizer: ("__reduce__",),
}


def _import_unpatched():
    """Import SciKeras and undo its patches of Keras' classes, whoever imported it.

    Keras now pickles its objects itself, by methods of a base of these classes: with
    SciKeras' own methods deleted, Keras' are used again.
    """
    import scikeras.wrappers

    for kind, names in _PATCHED.items():
        for name in names:
            # vars: Keras' own methods are inherited, and must stay.
            module = getattr(vars(kind).get(name), "__module__", None) or ""
            if module.startswith("scikeras."):
                delattr(kind, name)
    return scikeras.wrappers.BaseWrapper


BaseWrapper = _import_unpatched()

from scikeras._utils import route_params, unflatten_params  # noqa: E402
from scikeras.utils import metric_name  # noqa: E402
from scikeras.utils.transformers import (  # noqa: E402
    ClassifierLabelEncoder,
    RegressorTargetEncoder,
    TargetReshaper,
)

__all__ = [
    "BaseWrapper",
    "ClassifierLabelEncoder",
    "RegressorTargetEncoder",
    "TargetReshaper",
    "metric_name",
    "route_params",
    "unflatten_params",
]
