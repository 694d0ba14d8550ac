"""What a value holds, as a text that is the same in each process."""

import dis
import hashlib
import inspect
import re
from contextlib import suppress
from datetime import date
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from skdl._utils._lost_settings import settings_of
from skdl._utils._scorers import scorer_parts
from skdl._utils._sklearn import plain_requests

__all__ = [
    "CHANGES_NOTHING",
    "describe",
    "describe_requests",
    "digest_of",
    "hash_data",
    "shape_text",
    "short_name",
    "without_addresses",
]

# Parameters of estimators that do not change the result of a fit.
CHANGES_NOTHING = {"memory", "n_jobs", "verbose"}
_PLAIN_TYPES = (bool, int, float, str, bytes, type(None))


def describe(value, listed=frozenset()):
    """Return a text that is the same for equal values, in any process.

    Parameters
    ----------
    value : object
        A parameter: plain data, a function, an estimator, a callback.
    listed : frozenset of int, default=frozenset()
        Of the estimators that are described separately, the ``id``: only their classes
        are named.
    """
    if hasattr(value, "get_params") and not isinstance(value, type):
        is_listed = id(value) in listed
        return type(value).__qualname__ if is_listed else _describe_estimator(value)
    if isinstance(value, np.ndarray):
        return hash_data(value)
    if isinstance(value, dict):
        pairs = [f"{key!r}: {describe(v, listed)}" for key, v in value.items()]
        return f"{{{', '.join(sorted(pairs))}}}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(describe(v, listed) for v in value)})"
    if isinstance(value, (set, frozenset)):
        # The order of a set of strings is another one in each process.
        return f"{{{', '.join(sorted(describe(v, listed) for v in value))}}}"
    if parts := scorer_parts(value):
        kind, requests = type(value).__qualname__, describe_requests(value)
        return f"{kind} {describe(parts, listed)}{requests}"
    if isinstance(value, np.random.RandomState):
        return f"RandomState {describe(value.get_state(legacy=False))}"
    if isinstance(value, np.random.Generator):
        return f"Generator {describe(value.bit_generator.state)}"
    if inspect.ismethod(value):
        holder = value.__self__
        return f"{_describe_function(value.__func__)} of {describe(holder, listed)}"
    if hasattr(value, "__code__"):
        return _describe_function(value)
    if isinstance(value, partial):
        parts = (value.func, value.args, value.keywords)
        return f"partial {', '.join(describe(part, listed) for part in parts)}"
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return hash_data(value)
    if hasattr(value, "get_config") and not isinstance(value, type):
        config = {k: v for k, v in value.get_config().items() if k != "name"}
        # Which the configurations of some losses leave out.
        settings = settings_of(value)
        beside = describe(settings) if settings else ""
        if hasattr(value, "get_weights"):  # a training begins with those of a model
            beside += hash_data(value.get_weights())
        # Keras numbers the names of layers as they are made: dense, dense_1.
        text = re.sub(r"_\d+'", "'", describe(config))
        return f"{type(value).__qualname__} {text}{beside}"
    text = repr(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if without_addresses(text) == text:
        return text
    return f"{without_addresses(text)} {_describe_held(value)}"


def _describe_held(value, depth=3):
    """Return the data that an object holds, without its address in memory."""
    held = {}
    for name, part in sorted(getattr(value, "__dict__", {}).items()):
        if hasattr(part, "__dict__") and not callable(part) and depth:
            kind = type(part).__qualname__
            held[name] = f"{kind} {_describe_held(part, depth - 1)}"
        elif isinstance(part, (*_PLAIN_TYPES, np.ndarray, np.generic)):
            held[name] = describe(part)
        elif isinstance(part, (list, tuple, set)):
            texts = [*map(_describe_cell, part)]
            held[name] = str(sorted(texts) if isinstance(part, set) else texts)
        elif isinstance(part, dict):
            held[name] = str({key: _describe_cell(v) for key, v in part.items()})
        elif hasattr(part, "__code__"):
            held[name] = describe(part)
    return str(held)


def _describe_cell(value):
    """Return the text of what is in a container; what that holds is not looked at."""
    if isinstance(value, np.ndarray):
        return hash_data(value)
    return without_addresses(repr(value))


def _describe_estimator(estimator):
    settings = {
        name: describe(value)
        for name, value in sorted(estimator.get_params(deep=False).items())
        if name not in CHANGES_NOTHING
    }
    return f"{type(estimator).__qualname__} {settings}{describe_requests(estimator)}"


def describe_requests(thing):
    """Return which metadata an estimator or a scorer was told to request, if it was."""
    requests = getattr(thing, "__dict__", {}).get("_metadata_request")
    return "" if requests is None else f" requests {plain_requests(requests)}"


def _describe_function(function, seen=()):
    """Return the name of a function, and a digest of its code and what it uses."""
    seen = (*seen, function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    held = []
    for value in (*cells, *_globals_of(function)):
        if hasattr(value, "__code__"):  # functions may hold each other
            known = any(value is other for other in seen)
            held.append("" if known else _describe_function(value, seen))
        else:
            held.append(describe(value))
    defaults = (function.__defaults__, function.__kwdefaults__)
    parts = (_describe_code(function.__code__), describe(defaults), held)
    return f"{function.__qualname__} {digest_of(repr(parts).encode())}"


def _globals_of(function):
    """Yield the constants, and the functions of its module, that a function reads."""
    around = function.__globals__
    read: dict[str, None] = {}
    written: set[str] = set()
    for step in _walk_steps(function.__code__):
        if step.opname == "LOAD_GLOBAL":
            read[step.argval] = None
        elif step.opname == "STORE_GLOBAL":
            written.add(step.argval)
    for name in read:
        value = around.get(name)
        # Functions of libraries change with their version, what is written with time.
        is_near = getattr(value, "__module__", None) == function.__module__
        is_helper = hasattr(value, "__code__") and is_near
        if is_helper or (_is_constant(value) and name not in written):
            yield value


def _walk_steps(code):
    """Yield the instructions of a code, and of the functions that are made in it."""
    yield from dis.get_instructions(code)
    for each in code.co_consts:
        if hasattr(each, "co_code"):
            yield from _walk_steps(each)


def _is_constant(value):
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return value is not None and isinstance(value, _PLAIN_TYPES)


def _describe_code(code):
    constants = [
        _describe_code(each) if hasattr(each, "co_code") else describe(each)
        for each in code.co_consts
    ]
    # Without file and lines: a function that only moves stays the same.
    return digest_of(code.co_code, repr((constants, code.co_names)).encode())


def short_name(value):
    """Return a short name of a value, the same in any process; not one for each."""
    text = repr(value)
    if without_addresses(text) == text:
        return text
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(short_name, value))}]"
    return getattr(value, "__name__", type(value).__name__)


def without_addresses(text):
    """Return a text without the memory addresses in it."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def shape_text(value):
    shape = getattr(value, "shape", None)
    if isinstance(value, list):
        with suppress(ValueError):  # rows of several lengths
            shape = np.shape(value)
    return f"{' x '.join(map(str, shape))} " if shape else ""


def hash_data(value):
    """Return a digest of data: arrays, frames, and whatever else estimators take."""
    try:
        return _hash_table(value)
    except (TypeError, ValueError):  # cells that are lists, rows of several lengths
        return digest_of(*_walk_values(value))


def _hash_table(value):
    if isinstance(value, (pd.DataFrame, pd.Series)):
        rows = pd.util.hash_pandas_object(value, index=False).to_numpy()
        return digest_of(rows.tobytes(), *_describe_columns(value))
    if sparse.issparse(value):
        value = value.tocoo()
        parts = (value.data, value.row, value.col)
        return digest_of(*(np.ascontiguousarray(part).tobytes() for part in parts))
    if isinstance(value, (list, tuple)) and not all(map(_is_cell, value)):
        raise TypeError("what is in it has to be looked at")
    array, columns = np.asarray(value), _describe_columns(value)
    if array.dtype.kind in "mM":
        # NumPy gives no buffer of dates.
        unit, array = array.dtype.str.encode(), array.astype(np.int64)
        return digest_of(unit, np.ascontiguousarray(array).data, *columns)
    if array.dtype.kind in "OUST":
        if not all(map(_is_cell, array.ravel())):
            raise TypeError("what is in it has to be looked at")
        # By values: the bytes of objects are addresses, those of text depend on its
        # width.
        rows = pd.util.hash_array(array.astype(object).ravel(), categorize=False)
        return digest_of(rows.tobytes(), *columns)
    kind = str(array.dtype).encode()
    return digest_of(kind, np.ascontiguousarray(array).data, *columns)


def _describe_columns(value):
    """Return the names of the columns of a frame, and their types; else nothing."""
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        names, types = list(value.columns), list(value.dtypes)
    elif hasattr(value, "dtype") and hasattr(value, "name"):  # a series
        names, types = [value.name], [value.dtype]
    else:
        return []
    return [repr(names).encode(), repr([*map(_describe_type, types)]).encode()]


def _describe_type(kind):
    if isinstance(kind, pd.CategoricalDtype):  # whose order is that of the codes
        return f"{kind.ordered} {describe(list(kind.categories))}"
    # A parquet file, which a worker may read, makes one of the other.
    if isinstance(kind, pd.StringDtype) or kind == np.dtype(object):
        return "text"
    return repr(kind)


def _is_cell(value):
    """Return whether an element is identified by its text alone."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_cell, value))
    return value is pd.NA or isinstance(value, (*_PLAIN_TYPES, np.generic, date))


def _walk_values(value):
    """Yield digests of what a structure holds, and of how it is built."""
    yield type(value).__qualname__.encode()
    if isinstance(value, (pd.DataFrame, pd.Series)):
        yield from _describe_columns(value)
        value = value.to_numpy(dtype=object)
    if isinstance(value, dict):
        for key, part in value.items():
            yield repr(key).encode()
            yield hash_data(part).encode()
    elif isinstance(value, (list, tuple, np.ndarray)):
        for part in value:
            is_data = isinstance(part, (list, tuple, dict, np.ndarray, pd.DataFrame))
            yield (hash_data(part) if is_data else describe(part)).encode()
    elif hasattr(value, "element_spec"):  # a tf.data.Dataset: a stream, which ends once
        yield repr((value.element_spec, int(value.cardinality()))).encode()
    else:
        yield describe(value).encode()


def digest_of(*parts):
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
