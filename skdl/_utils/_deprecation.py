"""How a public name is retired: ``docs/deprecations.md``."""

import functools
import inspect
import warnings

__all__ = ["OVERDUE_AFTER", "deprecated", "overdue"]

# Minor releases in which a deprecated name still works.
OVERDUE_AFTER = 2
_SINCE: dict[str, str] = {}


def deprecated(*, since, instead):
    """Return a decorator that lets a function, a method or a class warn of its end.

    Of a property, a class method or a static method, decorate the function inside.

    Parameters
    ----------
    since : str
        The release that deprecates it, such as ``"0.2"``.
    instead : str
        What to do instead, as a sentence.

    Returns
    -------
    callable
        The decorator. A class warns when an object of it is made.

    Raises
    ------
    TypeError
        If it decorates something else, or a class without an ``__init__`` of its own.
    """

    def decorate(found):
        is_class = inspect.isclass(found)
        function = vars(found).get("__init__") if is_class else found
        if not inspect.isfunction(function):
            raise TypeError(
                f"deprecated takes a function, or a class with an __init__ of its own, "
                f"got {found!r}."
            )
        message = (
            f"{found.__qualname__} is deprecated since skdl {since} and goes with "
            f"{_removal(since)}. {instead}"
        )
        warned = _warning(function, message)
        if is_class:
            found.__init__ = warned  # type: ignore[method-assign]
        decorated = found if is_class else warned
        note = f".. deprecated:: {since}\n    {instead}"
        summary, _, rest = (inspect.getdoc(found) or "").partition("\n")
        decorated.__doc__ = f"{summary}\n\n{note}\n{rest}"
        _SINCE[f"{found.__module__}.{found.__qualname__}"] = since
        return decorated

    return decorate


def overdue(version):
    """Return the names that a release of this version may no longer have.

    Parameters
    ----------
    version : str
        Such as ``"0.4.0"``.

    Returns
    -------
    list of str
        Their modules and names.
    """
    return [
        name for name, since in _SINCE.items() if _key(_removal(since)) <= _key(version)
    ]


def _warning(function, message):
    @functools.wraps(function)
    def warned(*args, **kwargs):
        # An object of ours is made by a metaclass, which is one call more.
        is_init = function.__name__ == "__init__"
        is_ours = is_init and type(type(args[0])).__call__ is not type.__call__
        warnings.warn(message, FutureWarning, stacklevel=3 if is_ours else 2)
        return function(*args, **kwargs)

    return warned


def _removal(since):
    major, minor = _key(since)
    return f"{major}.{minor + OVERDUE_AFTER}"


def _key(version):
    return tuple(int(part) for part in version.split(".")[:2])
