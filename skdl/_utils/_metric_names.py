"""The names of metrics, as they would be in a new process."""

import re
from collections import Counter
from functools import cache

import keras

__all__ = ["METRICS", "metric_names", "plain_metric_names"]

# Where the settings of a compiled model have some.
METRICS = ("metrics", "weighted_metrics")


def metric_names(settings):
    """Return the plain name of each metric instance, by its id."""
    parts = keras.tree.flatten([settings[name] for name in METRICS])
    found = [part for part in parts if isinstance(part, keras.metrics.Metric)]
    plain = plain_metric_names(metric.name for metric in found)
    return {id(metric): plain[metric.name] for metric in found}


def plain_metric_names(names):
    """Return names of metrics as they would be in a new process, by their names.

    Keras numbers the metrics of a class as they are made (``auc_7``): here they are
    numbered for each model separately.
    """
    plain: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in names:
        base = re.sub(r"_\d+$", "", name)
        # A name that the user gave may end in a number, as "top_5" does.
        base = base if base in _names_of_classes() else name
        plain[name] = f"{base}_{counts[base]}" if counts[base] else base
        counts[base] += 1
    return plain


@cache
def _names_of_classes():
    """Return the names that Keras gives its metrics."""
    kinds = [k for k in vars(keras.metrics).values() if isinstance(k, type)]
    return {re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", k.__name__).lower() for k in kinds}
