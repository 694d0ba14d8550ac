"""The network inside whatever holds it: pipelines, and estimators around one network.

Nothing here runs a step of a pipeline or a fit: the holders do that themselves, each
in its own way. A search only reaches the network inside while it is fitted.
"""

import sys
from copy import copy
from types import FrameType

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from skdl._utils._sklearn import BaseSearchCV, FrozenEstimator, is_routing_enabled

__all__ = [
    "being_fitted_in",
    "callers",
    "find_fitted_network",
    "find_network",
    "find_networks",
    "fit_prefix",
    "is_network",
    "last_prefix",
    "only_transforms",
    "let_interrupts_through",
    "pass_on",
    "say_what_holds",
    "strip_pipelines",
    "with_network",
]


class _Holder:
    """A kind of estimator that holds one other, which ``fit`` trains once.

    Parameters
    ----------
    inner, fitted : str
        Names of the parameter and of the attribute that ``fit`` sets.
    """

    def __init__(self, inner, fitted):
        self._inner = inner
        self._fitted = fitted

    def name(self, holder):
        """Return the name of the parameter."""
        return self._inner

    def inner(self, holder):
        """Return what is held, as it was given."""
        return getattr(holder, self._inner)

    def fitted(self, holder):
        """Return what is held, as it is fitted; None if it is not."""
        return getattr(holder, self._fitted, None)

    def replaced(self, holder, fitted):
        """Return a copy of a holder around another fitted estimator."""
        found = copy(holder)
        setattr(found, self._fitted, fitted)
        return found

    def pass_on(self, holder, X, y):
        """Return X and y as the estimator inside gets them."""
        return X, y


class _Pipeline(_Holder):
    """A pipeline of any class: its last step is fitted where it stands."""

    def __init__(self):
        super().__init__("steps", "steps")

    def name(self, holder):
        return holder.steps[-1][0]

    def inner(self, holder):
        return holder.steps[-1][1]

    fitted = inner

    def replaced(self, holder, fitted):
        found = copy(holder)
        found.steps = [*holder.steps[:-1], (holder.steps[-1][0], fitted)]
        return found

    def pass_on(self, holder, X, y):
        """Let the pipeline transform the rows: its samplers leave new rows as they are.

        "passthrough" takes the place of the network: without it, the last step might be
        a sampler.
        """
        before = self.replaced(holder, "passthrough")
        return (X if X is None else before.transform(X)), y


class _TargetTransformer(_Holder):
    """A TransformedTargetRegressor."""

    def pass_on(self, holder, X, y):
        if y is None:
            return X, y
        y = np.asarray(y)
        columns = y.reshape(-1, 1) if y.ndim == 1 else y
        found = holder.transformer_.transform(columns)
        # The regressor gets one column where that was fitted on one.
        flat = found.ndim == 2 and found.shape[1] == 1 and y.ndim == 1
        return X, found.ravel() if flat else found


_PIPELINE = _Pipeline()
# Those that fit one network once, so that its predictions after an epoch show what
# theirs would be.
_TRAINED = {
    Pipeline: _PIPELINE,
    TransformedTargetRegressor: _TargetTransformer("regressor", "regressor_"),
    FixedThresholdClassifier: _Holder("estimator", "estimator_"),
}
# Those that have one fitted network in the end, however many fits it took.
_FITTED = _TRAINED | {
    TunedThresholdClassifierCV: _Holder("estimator", "estimator_"),
    FrozenEstimator: _Holder("estimator", "estimator"),
    BaseSearchCV: _Holder("estimator", "best_estimator_"),
}


def callers():
    """Yield the object and the name of each method that runs, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_locals.get("self"), frame.f_code.co_name
        frame = frame.f_back


def being_fitted_in(estimator):
    """Return what an estimator, whose ``fit`` runs now, is fitting; None if unknown.

    Some holders show the clone that they fit only when its fit has ended; until then
    only the call stack shows it.
    """
    found = None
    for caller, method in callers():
        if caller is estimator:
            return found
        if isinstance(caller, BaseEstimator) and "fit" in method:
            found = caller
    return None


def is_network(estimator):
    """Return whether an estimator is a network of skdl, ours or a wrapped model."""
    return hasattr(type(estimator), "_observer")


def _innermost(estimator, holders, inner):
    return [estimator, *_walk_holders(estimator, holders, inner)][-1]


def find_network(estimator):
    """Return the network that a fit of the estimator trains once, or None.

    Parameters
    ----------
    estimator : estimator
        Not fitted: the network itself, a pipeline that ends in one, or a
        ``TransformedTargetRegressor`` or ``FixedThresholdClassifier`` around one.
    """
    last = _innermost(estimator, _TRAINED, "inner")
    return last if is_network(last) else None


def find_fitted_network(estimator):
    """Return the network in a fitted estimator, or None.

    It may also stand in a fitted search, a ``TunedThresholdClassifierCV`` or a
    ``FrozenEstimator``.
    """
    last = _innermost(estimator, _FITTED, "fitted")
    return last if is_network(last) else None


def find_networks(estimator):
    """Return all networks among the parameters of an estimator, however deep."""
    if is_network(estimator):
        return [estimator]
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return []
    inside = estimator.get_params(deep=True).values()
    return [part for part in inside if is_network(part)]


def let_interrupts_through(candidate, estimator):
    """Let Ctrl-C end the whole fit of a candidate that trains several networks.

    With ``on_interrupt="keep"`` it would end one of them, and the fit look finished. (A
    single network has an observer, and raises.)

    Parameters
    ----------
    candidate : estimator
        A clone: its networks are changed.
    estimator : estimator
        What it is a clone of. What both hold, in a ``FrozenEstimator``, is not fitted.
    """
    if find_network(candidate) is not None:
        return
    shared = [*map(id, find_networks(estimator))]
    for network in find_networks(candidate):
        if id(network) not in shared:
            network.on_interrupt = "raise"


def say_what_holds(estimator):
    """Return in words why no single fit of a network is found in an estimator."""
    last = _innermost(estimator, _TRAINED, "inner")
    kind = type(last).__name__
    if find_networks(last):
        return (
            f"{kind} fits the network inside it more than once, or among others: only "
            "in a Pipeline, a TransformedTargetRegressor or a "
            "FixedThresholdClassifier do its epochs show what the whole will do"
        )
    return f"{kind} is no network of skdl and does not hold one"


def last_prefix(estimator):
    """Return the prefix of the names of the network's parameters."""
    prefix = ""
    for part in _walk_holders(estimator, _TRAINED, "inner"):
        holder = _holder_of(part, _TRAINED)
        if holder is not None:
            prefix += f"{holder.name(part)}__"
    return prefix


def fit_prefix(estimator):
    """Return the prefix of the names of the arguments of the network's ``fit``.

    Only pipelines need the name of the step, and not under metadata routing.
    """
    prefix = ""
    while isinstance(estimator, Pipeline) and not is_routing_enabled():
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix


def with_network(estimator, network):
    """Return a copy of a fitted estimator with another network in it."""
    holder = _holder_of(estimator, _TRAINED)
    if holder is None:
        return network
    inner = _live(holder, estimator)
    return holder.replaced(estimator, with_network(inner, network))


def pass_on(estimator, X, y):
    """Return X and y as the network inside an estimator gets them.

    The parts before the network are fitted.
    """
    holder = _holder_of(estimator, _TRAINED)
    while holder is not None:
        X, y = holder.pass_on(estimator, X, y)
        estimator = _live(holder, estimator)
        holder = _holder_of(estimator, _TRAINED)
    return X, y


def _live(holder, estimator):
    """Return the estimator inside another, during its fit or after it."""
    found = being_fitted_in(estimator)
    if found is None or isinstance(estimator, Pipeline):
        found = holder.fitted(estimator)
    return holder.inner(estimator) if found is None else found


def strip_pipelines(estimator, X):
    """Return the last step of the outermost pipelines, and the rows it gets."""
    while isinstance(estimator, Pipeline):
        X, _ = _PIPELINE.pass_on(estimator, X, None)
        estimator = _PIPELINE.inner(estimator)
    return estimator, X


def only_transforms(estimator):
    """Return whether the predictions of the network are those of the whole."""
    *holders, _ = _walk_holders(estimator, _TRAINED, "inner")
    return all(isinstance(part, Pipeline) for part in holders)


def _walk_holders(estimator, holders, which):
    """Yield an estimator, what it holds, and so on."""
    while estimator is not None:
        yield estimator
        holder = _holder_of(estimator, holders)
        if holder is None:
            return
        estimator = getattr(holder, which)(estimator)


def _holder_of(estimator, holders):
    for kind, holder in holders.items():
        if isinstance(estimator, kind):
            return holder
    return None
