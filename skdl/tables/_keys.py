"""What a category is known by, whatever type it comes in."""

import re
from decimal import Decimal
from numbers import Real

import numpy as np

__all__ = ["number_key", "is_missing", "key_of", "spellings_of", "text_of"]


def is_missing(value):
    if value is None or isinstance(value, str):
        return value is None
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    try:
        return bool(value != value)
    except (ArithmeticError, TypeError, ValueError):
        return False


def key_of(value):
    """Return a category as plain data: a string or a number."""
    if is_missing(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (Real, Decimal)):
        return number_key(value)
    return text_of(value)


def number_key(value):
    """Return a category that is a number so that any type of it is the same."""
    number = float(value)
    if number.is_integer():
        return int(value)  # beyond 2**53 as well
    return float(np.float32(number))


_NUMBER = r"(-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf))"
_INTERVAL = re.compile(rf"([\[(]){_NUMBER}, {_NUMBER}([\])])")
_MIDNIGHT = " 00:00:00"  # pandas writes it for a date, and into no file
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def text_of(value):
    if isinstance(value, str):
        text = str.__str__(value)  # a member of an enumeration has another one
        written = _INTERVAL.fullmatch(text) if text[:1] in ("(", "[") else None
        if written is None:
            day = text.removesuffix(_MIDNIGHT)
            return day if _DAY.fullmatch(day) else text
        left, *ends, right = written.groups()
        return f"{left}{float(ends[0])!r}, {float(ends[1])!r}{right}"
    if not hasattr(value, "closed"):
        return str(value).removesuffix(_MIDNIGHT)
    # pandas writes the ends of an interval as integers or floats, as it happens, and
    # so does a file that it was written to.
    ends = [
        repr(float(end)) if isinstance(end, Real) else str(end)
        for end in (value.left, value.right)
    ]
    left = "[" if value.closed in ("left", "both") else "("
    right = "]" if value.closed in ("right", "both") else ")"
    return f"{left}{ends[0]}, {ends[1]}{right}"


def spellings_of(text):
    """Return the texts by which a category is known, of those that pandas writes.

    Parameters
    ----------
    text : str
        What ``text_of`` returns.
    """
    if _DAY.fullmatch(text):
        return [text, text + _MIDNIGHT]
    written = _INTERVAL.fullmatch(text)
    if written is None:
        return [text]
    left, *ends, right = written.groups()
    lows, highs = (
        [end, end.removesuffix(".0")] if end.endswith(".0") else [end] for end in ends
    )
    return [f"{left}{low}, {high}{right}" for low in lows for high in highs]
