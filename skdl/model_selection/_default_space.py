"""A sensible space to start from, for each estimator of skdl."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.base import is_regressor

from skdl._utils._nested import find_network, last_prefix, say_what_holds
from skdl.estimators._base import BaseNetwork
from skdl.estimators._optimizer_parameters import without_effect

__all__ = ["default_space"]

# On which scale the penalty of a network of tables is searched.
_L2_RANGE = FloatDistribution(1e-6, 1e-2, log=True)
_WEIGHT_DECAY_RANGE = FloatDistribution(1e-3, 0.5, log=True)


def default_space(estimator: Any) -> dict[str, BaseDistribution]:
    """Return a space to search for an estimator of skdl.

    Parameters
    ----------
    estimator : estimator
        A network of skdl, or a pipeline or another estimator around one.

    Returns
    -------
    dict of str to optuna.distributions.BaseDistribution
        Distributions by the names of the parameters, for ``OptunaSearchCV``: learning
        rate 1e-4 to 1e-1 and l2 1e-6 to 1e-2 (both log-uniform), dropout 0 to 0.5,
        and batch sizes of 16 to 256; of a convolutional network also conv_dropout 0 to
        0.3; of a network of tables also 4 to 64 bins of each number, with learning
        rates of 1e-3 to 2e-2 and batch sizes from 32 only, and of its regressor the
        weight decay (1e-3 to 0.5, log-uniform) in the place of l2. The learning rate is
        left out if the optimizer is an instance or the schedule one of Keras, which
        have their own.

    Raises
    ------
    TypeError
        If it is any other estimator, or a class.

    References
    ----------
    The ranges follow Bengio, "Practical recommendations for gradient-based training of
    deep architectures" (2012).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdl import MLPClassifier
    >>> from skdl.model_selection import default_space
    >>> list(default_space(MLPClassifier()))
    ['learning_rate', 'dropout', 'l2', 'batch_size']
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier())
    >>> next(iter(default_space(pipeline)))
    'mlpclassifier__learning_rate'
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class: give an instance, "
            f"{estimator.__name__}()."
        )
    network = find_network(estimator)
    if not isinstance(network, BaseNetwork):
        what = say_what_holds(estimator)
        if network is not None:
            what = (
                f"the parameters of {type(network).__name__} are those of its own model"
            )
        raise TypeError(
            f"There is no default space: {what}. Write a space as a dict of "
            "distributions."
        )
    space: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "l2": _L2_RANGE,
        "batch_size": CategoricalDistribution([16, 32, 64, 128, 256]),
    }
    if hasattr(network, "n_bins"):
        space = _space_of_tables(network)
    if hasattr(network, "conv_dropout"):
        space["conv_dropout"] = FloatDistribution(0.0, 0.3)
    own = without_effect(network.get_params(deep=False))
    space = {name: space[name] for name in space if name not in own}
    prefix = last_prefix(estimator)
    return {prefix + name: distribution for name, distribution in space.items()}


def _space_of_tables(network):
    # The default of each is what was better on real tables.
    penalty = (
        {"weight_decay": _WEIGHT_DECAY_RANGE}
        if is_regressor(network)
        else {"l2": _L2_RANGE}
    )
    return {
        "learning_rate": FloatDistribution(1e-3, 2e-2, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        **penalty,
        "n_bins": IntDistribution(4, 64, log=True),
        "batch_size": CategoricalDistribution([32, 64, 128, 256]),
    }
