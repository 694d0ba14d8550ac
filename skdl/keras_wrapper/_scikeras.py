"""SciKeras' protocol of building models, without what its import does to Keras.

All that SciKeras does not promise stands here.
"""

import keras

_PATCHED = {
    keras.Model: ("__reduce__", "__deepcopy__"),
    keras.losses.Loss: ("__reduce__",),
    keras.metrics.Metric: ("__reduce__",),
    keras.optimizers.Optimizer: ("__reduce__",),
}


def _import_unpatched():
    """Import SciKeras; take back what it sets in Keras' classes, whoever imported it.

    Keras pickles its objects itself by now, by methods of a base of these classes: to
    delete SciKeras' own is to have Keras' again.
    """
    import scikeras.wrappers

    for kind, names in _PATCHED.items():
        for name in names:
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
