"""Hints: what a name or a value from elsewhere is called here."""

import difflib
import inspect
from abc import ABCMeta
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar, cast

__all__ = [
    "NamesWithHints",
    "find_other_name",
    "hint_at_name",
    "hint_at_value",
    "parameters_of",
    "with_hints",
]

# Names that other libraries have for a parameter.
_NETWORK_NAMES = {
    "alpha": "l2",
    "batch": "batch_size",
    "batch_norm": "normalization",
    "dropout_rate": "dropout",
    "eta0": "learning_rate",
    "hidden": "hidden_layer_sizes",
    "hidden_layers": "hidden_layer_sizes",
    "hidden_units": "hidden_layer_sizes",
    "init": "kernel_initializer",
    "initializer": "kernel_initializer",
    "learning_rate_init": "learning_rate",
    "lr": "learning_rate",
    "lr_scheduler": "learning_rate_schedule",
    "max_epochs": "epochs",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "n_iter": "epochs",
    "n_iter_no_change": "patience",
    "nb_epoch": "epochs",
    "nesterovs_momentum": "nesterov",
    "num_epochs": "epochs",
    "scoring": "monitor",
    "seed": "random_state",
    "solver": "optimizer",
    "tol": "min_delta",
    "units": "hidden_layer_sizes",
    "validation_split": "validation_fraction",
}
_SEARCH_NAMES = {
    "n_iter": "n_trials",
    "param_grid": "param_distributions",
    "search_spaces": "param_distributions",
    "trials": "n_trials",
}
_FIT_NAMES = {
    "eval_set": "X_val and y_val",
    "sample_weights": "sample_weight",
    "validation_data": "X_val and y_val",
    "X_valid": "X_val",
    "y_valid": "y_val",
}
# What differs beside the name.
_NOTES = {
    "alpha": " scikit-learn divides it by twice the number of rows: l2 is alpha / "
    "(2 n_samples).",
    "batch_norm": " batch_norm=True is normalization='batch'.",
}
_SENTENCES = {
    "validation_data": "Validation data go to fit, as X_val and y_val.",
    "pre_dispatch": "Trials are drawn one by one, so there is nothing to dispatch.",
}
_VALUES: dict[str, dict] = {
    "activation": {"linear": "identity", "logistic": "sigmoid"},
    "batch_size": {None: "auto", "all": -1, "full": -1},
    "optimizer": {"lbfgs": "adam", "momentum": "sgd"},
}


_Method = TypeVar("_Method", bound=Callable)


class NamesWithHints(ABCMeta):
    """A metaclass that answers unknown parameters with the name used here.

    Only a metaclass sees the call before Python refuses it; ``**kwargs`` in
    ``__init__`` would hide the signature that scikit-learn reads.
    """

    @property
    def __signature__(cls):
        """The signature of ``__init__``; Python would show that of ``__call__``."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args, **kwargs):
        """Make an instance."""
        # Not of the class, whose property above makes a new signature: searches clone.
        known = parameters_of(cls.__init__)  # type: ignore[misc]
        open_ended = any(p.kind == p.VAR_KEYWORD for p in known.values())
        for name in kwargs:
            if name not in known and not open_ended:
                hint = hint_at_name(name, list(known)[1:])
                raise TypeError(f"{cls.__name__} has no parameter {name!r}. {hint}")
        return super().__call__(*args, **kwargs)


@lru_cache(maxsize=512)
def parameters_of(function):
    """Return the parameters of a function by name, looked up once."""
    return inspect.signature(function).parameters


def with_hints(method: _Method) -> _Method:
    """Return a method that answers an unknown argument with the nearest name."""
    known = list(inspect.signature(method).parameters)[1:]

    @wraps(method)
    def hinted(self, *args, **kwargs):
        for name in kwargs:
            if name not in known:
                hint = hint_at_name(name, known)
                if name in parameters_of(type(self).__init__):
                    hint = f"It is a parameter: {type(self).__name__}({name}=...)."
                where = f"{type(self).__name__}.{method.__name__}"
                raise TypeError(f"{where} has no argument {name!r}. {hint}")
        return method(self, *args, **kwargs)

    return cast(_Method, hinted)


def hint_at_name(name, known):
    """Return a sentence that says what an unknown name is called here.

    Parameters
    ----------
    name : str
        The unknown name.
    known : list of str
        The names that exist.
    """
    for table in (_FIT_NAMES, _SEARCH_NAMES, _NETWORK_NAMES):
        found = table.get(name)
        if found is not None and set(found.split(" and ")) <= set(known):
            return f"It is called {found} here.{_NOTES.get(name, '')}"
    if name in _SENTENCES:
        return _SENTENCES[name]
    if name.startswith("module__"):
        return "A model of your own goes into KerasClassifier, with its parameters."
    # A misspelled name of another library counts as well.
    names = {other: other for other in known}
    names = {k: v for k, v in _NETWORK_NAMES.items() if v in known} | names
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return f"The nearest that it has is {names[near[0]]!r}." if near else "It has none."


def find_other_name(name):
    """Return what the parameter of another library is called here, or the name."""
    return _NETWORK_NAMES.get(name, name)


def hint_at_value(name, value, accepted):
    """Return a sentence that says which value is nearest to an unknown one, or "".

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        What was given.
    accepted : list of str
        The accepted strings, perhaps none.
    """
    try:
        found = _VALUES.get(name, {}).get(value)
    except TypeError:  # it can't be hashed
        return ""
    if found is None and isinstance(value, str) and accepted:
        lower = {word.lower(): word for word in accepted}
        near = difflib.get_close_matches(value.lower(), lower, n=1, cutoff=0.5)
        found = lower[near[0]] if near else None
    return "" if found is None else f"The nearest accepted value is {found!r}."
