"""SciKeras' protocol of building models, without what its import does to Keras.

All that SciKeras does not promise stands here.
"""

import sys

import keras

_PATCHED = {
    keras.Model: ("__reduce__", "__deepcopy__"),
    keras.losses.Loss: ("__reduce__",),
    keras.metrics.Metric: ("__reduce__",),
    keras.optimizers.Optimizer: ("__reduce__",),
}
_MISSING = object()


def _import_unpatched():
    """Import SciKeras; take back what it sets in Keras' classes if it is new here.

    Keras pickles its objects itself by now.
    """
    is_new = "scikeras" not in sys.modules
    before = {
        (kind, name): vars(kind).get(name, _MISSING)
        for kind, names in _PATCHED.items()
        for name in names
    }
    import scikeras.wrappers

    if is_new:
        for (kind, name), value in before.items():
            if value is not _MISSING:
                setattr(kind, name, value)
            elif name in vars(kind):
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
