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
    """

    def decorate(found):
        name = f"{found.__module__}.{found.__qualname__}"
        message = (
            f"{found.__qualname__} is deprecated since skdl {since} and goes with "
            f"{_removal(since)}. {instead}"
        )
        if inspect.isclass(found):
            found.__init__ = _warning(  # type: ignore[method-assign]
                found.__init__, message
            )
            decorated = found
        else:
            decorated = _warning(found, message)
        note = f".. deprecated:: {since}\n    {instead}"
        summary, _, rest = (inspect.getdoc(found) or "").partition("\n")
        decorated.__doc__ = f"{summary}\n\n{note}\n{rest}"
        _SINCE[name] = since
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
        warnings.warn(message, FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    return warned


def _removal(since):
    major, minor = _key(since)
    return f"{major}.{minor + OVERDUE_AFTER}"


def _key(version):
    return tuple(int(part) for part in version.split(".")[:2])
