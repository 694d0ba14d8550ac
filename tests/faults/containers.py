"""X and y in many containers: the same rows, each time in another one."""

import numpy as np
import pandas as pd
import polars
import scipy.sparse


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _memmap(array, folder):
    file = np.memmap(folder / "rows.bin", array.dtype, "w+", shape=array.shape)
    file[:] = array
    file.flush()
    return np.memmap(folder / "rows.bin", array.dtype, "r", shape=array.shape)


def _unaligned(array):
    buffer = np.empty(array.nbytes + 1, np.uint8)
    moved = buffer[1:].view(array.dtype).reshape(array.shape)
    moved[:] = array
    return moved


def _masked(array):
    return np.ma.masked_array(array, mask=np.zeros_like(array, bool))


def _frame(X):
    return pd.DataFrame(X, columns=list("abcd"))


def _with_missing(X):
    frame = _frame(X).astype("Float64")
    frame.iloc[0, 0] = pd.NA
    return frame


# Each takes rows of small whole numbers, as float64, and a folder.
ROWS = {
    "Fortran order": lambda X, _: np.asfortranarray(X),
    "non-contiguous": lambda X, _: np.repeat(X, 2, axis=1)[:, ::2],
    "negative strides": lambda X, _: X[::-1].copy()[::-1],
    "read-only": lambda X, _: _read_only(X),
    "memory map": _memmap,
    "unaligned": lambda X, _: _unaligned(X),
    "masked array": lambda X, _: _masked(X),
    "float16": lambda X, _: X.astype(np.float16),
    "float32": lambda X, _: X.astype(np.float32),
    "long double": lambda X, _: X.astype(np.longdouble),
    "int8": lambda X, _: X.astype(np.int8),
    "uint8": lambda X, _: X.astype(np.uint8),
    "int64": lambda X, _: X.astype(np.int64),
    "uint64": lambda X, _: X.astype(np.uint64),
    "boolean": lambda X, _: X > 2,
    "big-endian": lambda X, _: X.astype(">f8"),
    "object, of numbers": lambda X, _: X.astype(object),
    "text, of numbers": lambda X, _: X.astype(str),
    "text, of words": lambda X, _: np.where(X > 2, "big", "small"),
    "complex": lambda X, _: X + 0j,
    "dates": lambda X, _: X.astype(int).astype("M8[s]"),
    "lists": lambda X, _: X.tolist(),
    "pandas": lambda X, _: _frame(X),
    "pandas, nullable": lambda X, _: _frame(X).astype("Float64"),
    "pandas, nullable, with a gap": lambda X, _: _with_missing(X),
    "pandas, text of numbers": lambda X, _: _frame(X).astype("string"),
    "pandas, text of words": lambda X, _: _frame(np.where(X > 2, "big", "small")),
    "pandas, categories": lambda X, _: _frame(X).astype("category"),
    "polars": lambda X, _: polars.DataFrame(_frame(X).to_dict("list")),
    "sparse": lambda X, _: scipy.sparse.csr_array(X),
}
# Each takes the numbers of three classes, as int64, and a folder.
TARGETS = {
    "column": lambda y, _: y[:, np.newaxis],
    "read-only": lambda y, _: _read_only(y),
    "memory map": _memmap,
    "non-contiguous": lambda y, _: np.repeat(y, 2)[::2],
    "float16": lambda y, _: y.astype(np.float16),
    "float64": lambda y, _: y.astype(np.float64),
    "uint8": lambda y, _: y.astype(np.uint8),
    "boolean": lambda y, _: y > 0,
    "big-endian": lambda y, _: y.astype(">i4"),
    "object, of numbers": lambda y, _: y.astype(object),
    "text": lambda y, _: np.array(["a", "b", "c"])[y],
    "object, of words": lambda y, _: np.array(["a", "b", "c"], dtype=object)[y],
    "numbers and words": lambda y, _: np.array([0, "b", "c"], dtype=object)[y],
    "fractions": lambda y, _: y + 0.5,
    "with a gap": lambda y, _: np.where(y > 0, y, np.nan),
    "dates": lambda y, _: y.astype("M8[D]"),
    "complex": lambda y, _: y + 0j,
    "lists": lambda y, _: y.tolist(),
    "pandas": lambda y, _: pd.Series(y),
    "pandas, nullable": lambda y, _: pd.Series(y).astype("Int64"),
    "pandas, text": lambda y, _: pd.Series(np.array(["a", "b", "c"])[y]),
    "pandas, categories": lambda y, _: pd.Series(y).astype("category"),
    "polars": lambda y, _: polars.Series(y),
    "sparse": lambda y, _: scipy.sparse.csr_array(y[:, np.newaxis]),
}
