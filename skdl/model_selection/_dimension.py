"""One dimension of a search space: a parameter, and the values that it may have."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from scipy.stats import rv_continuous, rv_discrete

from skdl._utils._description import describe, without_addresses

__all__ = ["Dimension", "choose", "is_number", "make_dimension", "plain"]

# What storages keep.
_KEPT_TYPES = (bool, int, float, str, type(None))


class Dimension:
    """One parameter: what Optuna suggests for it, and the value that this stands for.

    Parameters
    ----------
    name : str
        Name of the parameter.
    distribution : optuna.distributions.BaseDistribution
        Distribution of what Optuna suggests.
    code : object, default=None
        Its ``decode`` turns a suggestion into the value, its ``encode`` does the
        reverse; None if both are the same.
    label : str, default=None
        The name in the study, if it is not that of the parameter.
    """

    def __init__(self, name, distribution, code=None, label=None):
        self.name = name
        self.label = label or name
        self._distribution = distribution
        self._code = code

    def suggest(self, trial):
        """Return the value of a trial."""
        found = _suggest(trial, self.label, self._distribution)
        return found if self._code is None else self._code.decode(found)

    def encode(self, value):
        """Return what stands for a value in the study."""
        # Storages write JSON, which has no numbers of NumPy.
        value = plain(value)
        found = value if self._code is None else self._code.encode(value)
        inside = found is not None
        if not isinstance(self._distribution, CategoricalDistribution):
            inside = is_number(found)
            inside = inside and self._distribution._contains(float(found))
        elif self._code is None:
            choices = self._distribution.choices
            inside = isinstance(found, _KEPT_TYPES) and found in choices
        if not inside:
            raise ValueError(
                f"enqueue has {self.name}={value!r}, which is not in the space: "
                f"{self._distribution}."
            )
        return found

    @property
    def labels(self):
        """The labels by which a study keeps the values; () if it keeps the values."""
        is_labelled = isinstance(self._code, _Labels)
        return self._distribution.choices if is_labelled else ()

    def describe(self):
        """Return the distribution as text."""
        text = f"{self.label}: {distribution_to_json(self._distribution)}"
        return text + getattr(self._code, "text", "")


class _Labels:
    """Values that a study keeps by a label: it keeps only plain, distinct values.

    Parameters
    ----------
    labels : list of str
        The labels, all different.
    values : list
        The value of each label.
    """

    def __init__(self, labels, values):
        self._pairs = list(zip(labels, values))
        self.decode = dict(self._pairs).__getitem__
        # A label is short, and two values may have the same in two processes.
        self.text = f" {describe(values)}"

    def encode(self, value):
        """Return the label of a value, or None."""
        # A clone holds copies; and 1, 1.0 and True are equal, but three values.
        text = describe(value)
        same = [label for label, known in self._pairs if known is value] + [
            label
            for label, known in self._pairs
            if type(known) is type(value) and describe(known) == text
        ]
        return same[0] if same else None


class _Quantiles:
    """Values of a distribution of SciPy, which a study keeps by their quantiles.

    Parameters
    ----------
    frozen : scipy.stats distribution
        The distribution.
    is_whole : bool
        Whether its values are whole numbers.
    """

    def __init__(self, frozen, is_whole):
        self._frozen = frozen
        self._is_whole = is_whole
        self.text = f" {_distribution_name(frozen)}"

    def decode(self, quantile):
        """Return the value at a quantile."""
        value = self._frozen.ppf(quantile).item()
        # ppf gives floats, and parameters such as widths must be integers.
        return round(value) if self._is_whole else value

    def encode(self, value):
        """Return the quantile of a value, or None."""
        quantile = float(self._frozen.cdf(value))
        # Beyond the last value the quantile is 1, too.
        return quantile if np.isclose(self.decode(quantile), value) else None


def is_number(value):
    """Return whether a value is a real number, and no bool."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _distribution_name(frozen):
    """Return the name of a distribution and what it was made with."""
    dist = getattr(frozen, "dist", frozen)
    held = [getattr(frozen, name, None) for name in ("args", "kwds")]
    # Histograms and tables of probabilities keep their numbers here, not in args.
    held += [getattr(dist, name, None) for name in ("_hpdf", "_hbins", "xk", "pk")]
    return f"{getattr(dist, 'name', type(dist).__name__)} {describe(held)}"


def _suggest(trial, name, distribution):
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    low, high = distribution.low, distribution.high
    step, log = distribution.step, distribution.log
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, low, high, step=step, log=log)
    return trial.suggest_float(name, low, high, step=step, log=log)


def make_dimension(name, found):
    """Return the dimension of a parameter.

    Parameters
    ----------
    name : str
        Name of the parameter.
    found : distribution or sequence
        Of Optuna, of SciPy, or the values.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or empty.
    """
    if not isinstance(name, str):
        raise TypeError(f"param_distributions: the name {name!r} must be a string.")
    if isinstance(found, CategoricalDistribution):
        return choose(name, found.choices)
    if isinstance(found, (FloatDistribution, IntDistribution)):
        return Dimension(name, found)
    if _is_distribution(found):
        return _from_scipy(name, found)
    is_text = isinstance(found, (str, bytes))
    if isinstance(found, (Sequence, np.ndarray)) and not is_text:
        return choose(name, list(found))
    hint = ""
    if isinstance(found, BaseDistribution):
        hint = " This kind of Optuna distribution is deprecated."
    elif hasattr(found, "rvs"):
        hint = " It has rvs, but is not frozen: a study needs its ppf and support."
    raise TypeError(
        f"param_distributions[{name!r}]={found!r} is not a distribution: give a list "
        "of values, a frozen distribution of scipy.stats such as loguniform(1e-4, "
        f"1e-1), or optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True).{hint}"
    )


def choose(name, values):
    """Return the dimension of a parameter that is one of some values."""
    if not values:
        raise ValueError(
            f"param_distributions[{name!r}] is an empty list: give at least one value."
        )
    values = [*map(plain, values)]
    is_plain = all(isinstance(value, _KEPT_TYPES) for value in values)
    if is_plain and not _has_equals(values):
        return Dimension(name, CategoricalDistribution(values))
    # A storage keeps plain values only and can't tell 1 from 1.0, so other values are
    # chosen by a label.
    labels = [_one_line(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [f"{k}: {label}" for k, label in enumerate(labels)]
    return Dimension(name, CategoricalDistribution(labels), _Labels(labels, values))


def plain(value):
    """Return a number of NumPy's as one of Python's; dates stay what they are."""
    is_date = isinstance(value, (np.datetime64, np.timedelta64))
    return value.item() if isinstance(value, np.generic) and not is_date else value


def _has_equals(values):
    return any(value in values[:k] for k, value in enumerate(values))


def _is_distribution(found):
    """Return whether something is a distribution of SciPy that needs no shape."""
    if isinstance(found, (rv_continuous, rv_discrete)):
        return found.numargs == 0
    return all(hasattr(found, name) for name in ("dist", "ppf", "cdf", "support"))


def _one_line(value):
    # Choices must be the same in each process, and an address in a repr is not.
    text = getattr(value, "__qualname__", None) or without_addresses(repr(value))
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


def _from_scipy(name, frozen):
    low, high = (float(end) for end in frozen.support())
    dist = getattr(frozen, "dist", frozen)
    kind = getattr(dist, "name", None)
    if kind == "uniform":
        return Dimension(name, FloatDistribution(low, high))
    # With a loc it is no longer uniform in the logarithm.
    is_log = kind in ("loguniform", "reciprocal")
    if is_log and np.isclose(frozen.median(), np.sqrt(low * high)):
        return Dimension(name, FloatDistribution(low, high, log=True))
    if kind == "randint":
        # support() ends at the largest value, where randint's argument is one above.
        return Dimension(name, IntDistribution(int(low), int(high)))
    # Any other distribution is searched along its quantiles. The quantile 0 of a
    # discrete one lies below its support.
    is_discrete = isinstance(dist, rv_discrete)
    edge = np.finfo(float).eps
    quantiles = FloatDistribution(
        0.0 if np.isfinite(low) and not is_discrete else edge,
        1.0 if np.isfinite(high) else 1 - edge,
    )
    points = np.asarray(getattr(dist, "xk", 0))  # of a table of probabilities
    is_whole = is_discrete and bool((points == np.round(points)).all())
    code = _Quantiles(frozen, is_whole)
    return Dimension(name, quantiles, code, label=f"{name} (quantile)")
