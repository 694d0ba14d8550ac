"""Fingerprints: whether two searches, or two comparisons, are the same."""

from skdl._utils._description import (
    CHANGES_NOTHING,
    describe,
    describe_requests,
    digest_of,
    hash_data,
    shape_text,
)

__all__ = ["Fingerprint", "describe_data", "describe_estimator", "take_fingerprint"]

# Tells which parameters differ; the digest beside it tells whether any do.
_PARAMETERS = "parameters"
_LONGEST = 80


class Fingerprint(dict):
    """The fingerprint of a search: short texts by subject.

    ``"parameters"`` has those of the estimator, to name the ones that differ.
    """

    def differences(self, other):
        """Return what differs, in words."""
        subjects = dict.fromkeys([*self, *other])
        found = []
        for name in subjects:
            if name == _PARAMETERS or self.get(name) == other.get(name):
                continue
            single = []
            if name == "estimator" and _PARAMETERS in other:
                single = _differing(self.get(_PARAMETERS, {}), other[_PARAMETERS])
            found += single or [
                f"{name} ({other.get(name, 'none')} in the study, "
                f"{self.get(name, 'none')} here)"
            ]
        return found

    def short(self):
        """Return eight characters that stand for all of it."""
        items = sorted(item for item in self.items() if item[0] != _PARAMETERS)
        return digest_of(repr(items).encode())[:8]


def _differing(here, there):
    return [
        f"{name} {there.get(name, 'none')} in the study, {here.get(name, 'none')} here"
        for name in dict.fromkeys([*here, *there])
        if here.get(name) != there.get(name)
    ]


def take_fingerprint(estimator, space, scoring, folds, data):
    """Return the fingerprint of a search.

    Parameters
    ----------
    estimator : estimator
        What is tuned.
    space : DictSpace or FunctionSpace
        What is searched.
    scoring : object
        The parameter ``scoring``.
    folds : list of tuple of ndarray
        Rows to train and to test on.
    data : dict
        X, y and the other arguments of ``fit``, by name.
    """
    rows = [hash_data(part).encode() for fold in folds for part in fold]
    return Fingerprint(
        **describe_data(data),
        folds=f"{len(folds)} folds {digest_of(*rows)}",
        space=digest_of(space.describe().encode()),
        scoring=describe(scoring),
        # A trial that doesn't search a parameter has that of the estimator.
        **describe_estimator(estimator, without=space.searched_by_all()),
    )


def describe_estimator(estimator, without=()):
    """Return the class of an estimator, and its parameters except some."""
    params = estimator.get_params(deep=True)
    # Those that are parameters themselves have theirs among these.
    listed = frozenset(map(id, params.values()))
    settings = {
        name: describe(value, listed)
        for name, value in params.items()
        if name not in without and name.split("__")[-1] not in CHANGES_NOTHING
    }
    for name, value in {"": estimator, **params}.items():
        if text := describe_requests(value):
            settings[f"metadata of {name or 'the estimator'}"] = text
    digest = digest_of(repr(sorted(settings.items())).encode())
    return {
        "estimator": f"{type(estimator).__name__} {digest}",
        _PARAMETERS: {name: _shorten(text) for name, text in settings.items()},
    }


def _shorten(text):
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 20]}... {digest_of(text.encode())}"


def describe_data(data):
    """Return shape and digest of each of some arrays or frames, by name."""
    return {
        name: f"{shape_text(value)}{hash_data(value)}"
        for name, value in data.items()
        if value is not None
    }
