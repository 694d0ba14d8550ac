"""The parameter names that a wrapper accepts: its own, and those it passes on."""

import difflib
import inspect
from functools import cache

import keras

from skdl._utils._hints import find_other_name

__all__ = ["camel_case", "check_names"]

_BUILT_IN = {"meta", "compile_kwargs", "params"}


def check_names(estimator, build, fit_arguments):
    """Check that each routed parameter is accepted by its receiver.

    Parameters
    ----------
    estimator : BaseKeras
        Its parameters are checked.
    build : callable or None
        What builds the model; None where a model is given.
    fit_arguments : dict
        Arguments of ``fit`` besides the data.

    Raises
    ------
    ValueError
        If a name is unknown; the error shows it with the nearest known one.
    """
    params = estimator.get_params(deep=False)
    for kind in _MODULES:
        _check_identifiers(kind, params[kind])
    own = set(_find_signature(type(estimator).__init__))
    own |= set(params) - estimator._given_names()
    takers = {
        "model": _find_signature(build) - _BUILT_IN if build else set(),
        "compile": _find_signature(keras.Model.compile),
        "fit": _find_signature(keras.Model.fit) - {"x", "y"},
        "predict": _find_signature(keras.Model.predict) - {"x"},
        "optimizer": _signature_of(params["optimizer"], _optimizer_class),
        "loss": _signature_of(params["loss"], _loss_class),
        "metrics": _signature_of(params["metrics"], None),
        "callbacks": _signature_of(params["callbacks"], None),
        "score": _OPEN,
    }
    known = own | {
        f"{prefix}__{name}" for prefix, names in takers.items() for name in names
    }
    if build:
        known |= takers["model"]
    for name in params:
        prefix, _, rest = name.partition("__")
        is_known = name in known or f"{prefix}__{rest.split('__')[0]}" in known
        is_open = _OPEN_NAME in takers.get(prefix, ()) or (
            not rest and _OPEN_NAME in takers["model"]
        )
        if not (is_known or is_open):
            _refuse(estimator, "parameter", name, known)
    for name in set(fit_arguments) - takers["fit"]:
        _refuse(estimator, "argument of fit", name, takers["fit"])


_MODULES = {
    "optimizer": keras.optimizers,
    "loss": keras.losses,
    "metrics": keras.metrics,
}
# What Keras accepts as metrics beside the names of its module.
_SHORT_METRICS = {"acc", "accuracy", "ce", "crossentropy"}


def _check_identifiers(kind, given):
    """Check the names of optimizers, losses and metrics of Keras.

    Raises
    ------
    TypeError, ValueError
        The error shows the parameter, the name and the nearest known one.
    """
    if kind == "optimizer" and isinstance(given, dict):
        raise TypeError(
            f"optimizer={given!r} must be a name, a class or an instance: make one of "
            "a configuration by keras.optimizers.deserialize."
        )
    for part in keras.tree.flatten(given):
        if not isinstance(part, str) or (kind == "metrics" and part in _SHORT_METRICS):
            continue
        try:
            _class_of(kind, part)
        except TypeError as error:
            raise ValueError(
                f"{kind}={given!r}: {part!r} needs arguments ({error}): give an "
                f"instance, or the class and {kind}__... for them."
            ) from error
        except Exception as error:  # Keras raises many types
            # Some of its classes have no name that it knows.
            named = [n for n in vars(_MODULES[kind]) if n.lower() == part.lower()]
            hint = f"The nearest that it knows is {_nearest_identifier(kind, part)!r}."
            if named:
                hint = f"Give {_MODULES[kind].__name__}.{named[0]} itself."
            raise ValueError(
                f"{kind}={given!r}: Keras knows no {part!r} here. {hint}"
            ) from error


@cache
def _class_of(kind, name):
    # Making one takes time: once is enough. (What is unknown may be registered later,
    # and errors are not cached.)
    return type(_MODULES[kind].get(name))


def _nearest_identifier(kind, name):
    """Return the nearest name that Keras knows."""
    names = [*vars(_MODULES[kind])]
    if kind != "optimizer":
        # The functions, whose names are those in use.
        names = [each for each in names if each.islower()]
    known = {each.lower() for each in names} - {"deserialize", "get", "serialize"}
    known |= _SHORT_METRICS if kind == "metrics" else set()
    near = difflib.get_close_matches(name, known, n=len(known), cutoff=0.0)
    return next(each for each in near if _is_known(kind, each))


def _is_known(kind, name):
    try:
        _class_of(kind, name)
    except Exception:  # Keras raises many types
        return False
    return True


_OPEN_NAME = "**"
_OPEN = {_OPEN_NAME}


def _refuse(estimator, what, name, known):
    prefix, _, last = name.rpartition("__")
    last = find_other_name(last)
    # The same name behind another prefix, or that of another library.
    near = sorted(
        (n for n in known if n.split("__")[-1] == last),
        key=lambda n: (not n.startswith(prefix), n != last, "optimizer" not in n, n),
    )
    if not near:
        alike = sorted(
            n for n in known if _OPEN_NAME not in n and ("__" in n) == ("__" in name)
        )
        near = difflib.get_close_matches(name, alike, n=1, cutoff=0.0)
    raise ValueError(
        f"{type(estimator).__name__} has no {what} {name!r}. The nearest that it has "
        f"is {near[0]!r}."
    )


def _find_signature(function):
    """Return the names of the parameters of a callable; ``**`` if it takes any."""
    names = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind == parameter.VAR_KEYWORD:
            names.add(_OPEN_NAME)
        elif parameter.kind != parameter.VAR_POSITIONAL and parameter.name != "self":
            names.add(parameter.name)
    return names


def _signature_of(given, find):
    """Return the parameter names of what is given: a class, its name, or several."""
    if given is None:
        return set()
    if isinstance(given, dict):
        parts = {str(key): value for key, value in given.items()}
    elif isinstance(given, (list, tuple)):
        parts = {str(key): value for key, value in enumerate(given)}
    else:
        return _signature_of_one(given, find)
    return set(parts).union(*(_signature_of(part, find) for part in parts.values()))


def _signature_of_one(given, find):
    if isinstance(given, str):
        given = find(given) if find else None
    if not inspect.isclass(given):
        return set()  # an instance, or a function: it accepts no parameters
    names = set()
    # Without object, whose (*args, **kwargs) would accept every name.
    for kind in given.__mro__[:-1]:
        names |= _find_signature(kind.__init__)  # type: ignore[misc]
    # Keras' classes take **kwargs for their bases, and refuse what these don't know.
    is_own = given.__module__.startswith("keras.")
    return names - _OPEN if is_own else names


def _optimizer_class(name):
    return _class_of("optimizer", name)


def _loss_class(name):
    return getattr(keras.losses, camel_case(name), None)


def camel_case(name):
    """Return a snake-case name in camel case."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
