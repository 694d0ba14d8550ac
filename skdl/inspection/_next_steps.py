"""What to try after a verdict: changes of parameters, the most promising first."""

import numpy as np

from skdl._utils._nested import find_network, last_prefix
from skdl.estimators._base import BaseNetwork
from skdl.estimators._defaults import SOME_ROWS, resolve
from skdl.estimators._optimizer_parameters import without_effect
from skdl.estimators._parameters import expand_hidden_sizes

__all__ = ["find_next_steps"]

_MORE_DATA = "more rows to train on"
_BETTER_FEATURES = "features that say more about the target"
_SCALES = {
    "features": "scaled features, for example by StandardScaler",
    "targets": (
        "scaled targets: TransformedTargetRegressor(..., transformer=StandardScaler())"
    ),
}


def find_next_steps(estimator, verdict, learned, scales=(), resolved=(), n_epochs=None):
    """Return what to try.

    Parameters
    ----------
    estimator : estimator
        A network, or a pipeline that ends in one.
    verdict : str
        The verdict of the diagnosis.
    learned : bool
        Whether it does better on the training rows than a constant prediction.
    scales : collection of {"features", "targets"}
        Which of them are far from mean 0 and deviation 1 when they reach the network.
    resolved : dict of str to number
        The values that its fit used for the parameters that are "auto".
    n_epochs : int or None, default=None
        The epochs that it ran; fewer than it may run if it stopped early.

    Returns
    -------
    steps : dict of dict
        Named changes of parameters.
    advice : list of str
        What else, in words.
    """
    network = _Network(estimator, resolved, n_epochs)
    steps, advice = _BY_VERDICT[verdict](network)
    if verdict != "diverging" and verdict != "fine" and not learned:
        steps = [*network.rates(0.1, 10), *steps]
    if verdict != "fine":
        advice = [_SCALES[name] for name in scales] + advice
    return network.prefixed(steps), advice


def _for_high_bias(network):
    steps = [
        *network.capacity(),
        *network.without_regularization(),
        *network.normalization(),
        *network.adam(),
        *network.longer(2),
    ]
    return steps, [_BETTER_FEATURES]


def _for_high_variance(network):
    steps = [
        *network.augmentation(),
        *network.more_dropout(),
        *network.more_l2(),
        *network.early_stopping(),
        *network.narrower(),
    ]
    return steps, [_MORE_DATA]


def _for_both(network):
    wider = network.capacity()[:1]
    dropout = network.more_dropout()
    both = [
        ("more units and more dropout", {**w, **d})
        for _, w in wider
        for _, d in dropout
    ]
    steps = [
        *both,
        *network.normalization(),
        *network.augmentation(),
        *wider,
        *network.more_l2(),
    ]
    return steps, [_MORE_DATA, _BETTER_FEATURES]


def _for_still_learning(network):
    return [*network.longer(3), *network.rates(3), *network.adam()], []


def _for_diverging(network):
    steps = [*network.rates(0.1, 0.01), *network.adam(), *network.normalization()]
    return steps, []


def _for_fine(network):
    return [], []


_BY_VERDICT = {
    "high bias": _for_high_bias,
    "high variance": _for_high_variance,
    "high bias and high variance": _for_both,
    "still learning": _for_still_learning,
    "diverging": _for_diverging,
    "fine": _for_fine,
}


class _Network:
    """The parameters of a network, and their changes; none that it does not have.

    Each method returns a list of names and changes, empty if the network lacks the
    parameter, or has the change already.
    """

    def __init__(self, estimator, resolved=(), n_epochs=None):
        self._prefix = last_prefix(estimator)
        network = find_network(estimator)
        self._params = network.get_params(deep=False)
        self._params |= dict(resolved) or resolve(network, self._params, SOME_ROWS)
        self._without_effect, self._epochs_name = set(), "epochs"
        if isinstance(network, BaseNetwork):
            self._without_effect = without_effect(self._params)
        else:  # a model whose names are the user's
            # What is given with a prefix counts, where it is given.
            name = "fit__epochs" if "fit__epochs" in self._params else "epochs"
            self._epochs_name = name
            self._params = {"epochs": self._params[name]}

        self._has_stopped = bool(n_epochs) and n_epochs < self._params["epochs"]

    def prefixed(self, steps):
        return {
            name: {self._prefix + key: value for key, value in changes.items()}
            for name, changes in dict(steps).items()
        }

    def capacity(self):
        steps = []
        if "conv_filters" in self._params:
            filters = expand_hidden_sizes(self._params["conv_filters"])
            change = {"conv_filters": tuple(2 * width for width in filters)}
            steps.append(("twice as many filters", change))
        if "hidden_layer_sizes" in self._params:
            sizes = expand_hidden_sizes(self._params["hidden_layer_sizes"])
            wider = tuple(2 * width for width in sizes)
            deeper = (*sizes, sizes[-1] if sizes else 64)
            steps += [("twice as many units", {"hidden_layer_sizes": wider})] * bool(
                sizes
            )
            # Rates given for each layer are too few for one layer more.
            if np.ndim(self._params["dropout"]) == 0:
                steps.append(("one more layer", {"hidden_layer_sizes": deeper}))
        return steps

    def narrower(self):
        if "hidden_layer_sizes" not in self._params:
            return []
        sizes = expand_hidden_sizes(self._params["hidden_layer_sizes"])
        half = tuple(max(1, width // 2) for width in sizes)
        return [("half as many units", {"hidden_layer_sizes": half})] * (
            half != tuple(sizes)
        )

    def without_regularization(self):
        names = ["input_dropout", "conv_dropout", "l1", "l2"]
        if self._has_hidden:
            names.append("dropout")
        if "weight_decay" not in self._without_effect:
            names.append("weight_decay")
        change = {name: 0.0 for name in names if self._positive(name)}
        return [("no dropout and no penalty", change)] if change else []

    def normalization(self):
        change: dict = {}
        is_plain = self._has_hidden and not self._params.get("batch_norm")
        if is_plain and self._params.get("normalization", "unknown") is None:
            change["normalization"] = "batch"
        if self._params.get("conv_batch_norm") is False:
            change["conv_batch_norm"] = True
        return [("batch normalization", change)] if change else []

    def more_dropout(self):
        rate = self._params.get("dropout")
        if rate is None or np.ndim(rate) > 0 or not self._has_hidden:
            return []
        # Rounded, since the step is printed: 0.4 + 0.2 is 0.6000000000000001.
        higher = 0.3 if rate < 0.2 else min(0.7, round(rate + 0.2, 6))
        return [("more dropout", {"dropout": higher})] if higher > rate else []

    def more_l2(self):
        if "l2" not in self._params:
            return []
        decay = self._params.get("weight_decay")
        if decay and "weight_decay" not in self._without_effect:
            return [("more weight decay", {"weight_decay": 10 * decay})]
        return [("more L2", {"l2": 10 * self._params["l2"] or 1e-4})]

    def augmentation(self):
        if self._params.get("augmentation", ()) is not None:
            return []
        return [("shifted images", {"augmentation": {"shift": 0.1}})]

    def early_stopping(self):
        if self._params.get("early_stopping") is not False:
            return []
        return [("early stopping", {"early_stopping": True})]

    def longer(self, factor):
        if self._has_stopped:
            return []
        return [
            (
                f"{factor} times the epochs",
                {self._epochs_name: factor * self._params["epochs"]},
            )
        ]

    def adam(self):
        optimizer = self._params.get("optimizer")
        if not isinstance(optimizer, str) or optimizer.startswith("adam"):
            return []
        return [("Adam", {"optimizer": "adam", "learning_rate": 0.001})]

    def rates(self, *factors):
        rate = self._params.get("learning_rate")
        if rate is None or "learning_rate" in self._without_effect:
            return []
        return [
            (
                f"learning rate times {factor:g}",
                {"learning_rate": float(f"{rate * factor:.3g}")},
            )
            for factor in factors
        ]

    @property
    def _has_hidden(self):
        sizes = self._params.get("hidden_layer_sizes")
        return sizes is not None and bool(expand_hidden_sizes(sizes))

    def _positive(self, name):
        value = self._params.get(name)
        return value is not None and np.max(value, initial=0) > 0
