"""The encoding of a table as operators: one input for each of its columns."""

import numpy as np

from skdl._utils._numbers import LARGE_OFFSET, need_double
from skdl.nn._onnx_graph import DOUBLE, FLOAT, Graph
from skdl.tables._encodings import (
    CLIP,
    DAYS_OF_A_WEEK,
    DAYS_OF_A_YEAR,
    FARTHEST,
    FIRST_DAY,
    CategoryEncoding,
    DateEncoding,
    NumberEncoding,
)
from skdl.tables._keys import spellings_of
from skdl.tables._reading import MOST_EXACT

__all__ = [
    "MISSING_TEXT",
    "check_table",
    "declare_table",
    "table_needs_double",
    "text_columns_of",
    "used_columns",
    "used_encodings",
    "write_table",
]

# What stands for a missing string: a tensor of strings has no other.
MISSING_TEXT = ""
# From here on single floats leave out integers.
_MOST_EXACT_SINGLE = 2**24


def text_columns_of(encoder):
    """Return the names of the columns of strings."""
    return {
        name
        for name, encoding in used_encodings(encoder)
        if isinstance(encoding, CategoryEncoding) and encoding.is_text
    }


def table_needs_double(encoder):
    """Return whether single floats can't tell the values of a column apart."""
    for _, encoding in used_encodings(encoder):
        if isinstance(encoding, DateEncoding):
            return True
        if isinstance(encoding, NumberEncoding) and _is_fine(encoding):
            return True
        if _largest_category(encoding) >= _MOST_EXACT_SINGLE:
            return True
    return False


def _largest_category(encoding):
    """Return the largest absolute value of categories that are numbers, or 0."""
    if not isinstance(encoding, CategoryEncoding) or encoding.is_text:
        return 0
    return max(map(abs, encoding.categories), default=0)


def _is_fine(encoding):
    low, high = encoding.edges[:-1], encoding.edges[1:]
    sizes = np.maximum(np.abs(low), np.abs(high))
    return (
        need_double(encoding.scale, encoding.center)
        or (high - low < sizes / LARGE_OFFSET).any()
    )


def used_encodings(encoder):
    """Return the columns that are used, by name, and how each is encoded."""
    names = getattr(encoder, "feature_names_in_", range(encoder.n_features_in_))
    return [(names[k], encoder._encodings[k]) for k in encoder._wanted]


def used_columns(encoder):
    """Return the names of the columns that are inputs of the graph."""
    return [name for name, _ in used_encodings(encoder)]


def declare_table(operator):
    """Give the encoded columns their type and shape."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    first = operator.inputs[0]
    double = any(isinstance(v.type, DoubleTensorType) for v in operator.inputs)
    shape = [first.get_first_dimension(), operator.raw_operator.n_outputs_]
    kind = DoubleTensorType if double else FloatTensorType
    operator.outputs[0].type = kind(shape)


def write_table(scope, operator, container):
    """Write the operators that encode the columns."""
    from skl2onnx.common.data_types import DoubleTensorType

    encoder, graph = operator.raw_operator, Graph(scope, container)
    double = isinstance(operator.outputs[0].type, DoubleTensorType)
    names = [variable.full_name for variable in operator.inputs]
    if not hasattr(encoder, "feature_names_in_"):
        # An array: (n, n_features) -> (n, 1) for each
        whole = names[0]
        names = [
            graph.add("Gather", whole, np.array([k], np.int64), axis=1)
            for k in encoder._wanted
        ]
    texts = text_columns_of(encoder)
    parts = []
    for (name, encoding), x in zip(used_encodings(encoder), names, strict=True):
        parts += _write_one(graph, encoding, x, name in texts, double)
    output = operator.outputs[0].full_name
    if len(parts) == 1:
        graph.add("Identity", *parts, output=output)
    else:
        graph.add("Concat", *parts, output=output, axis=1)


def _write_one(graph, encoding, x, is_text, double):
    number = (np.float64, DOUBLE) if double else (np.float32, FLOAT)
    if isinstance(encoding, CategoryEncoding):
        return _write_category(graph, encoding, x, is_text, number)
    if isinstance(encoding, DateEncoding):
        return _write_date(graph, encoding, x, number)
    missing, known = _fill_gaps(graph, encoding, x, number[0])
    return _write_known(graph, encoding, missing, known, number)


def _fill_gaps(graph, encoding, x, dtype):
    missing = graph.add("IsNaN", x)
    return missing, graph.add("Where", missing, dtype(encoding.center), x)


def _write_known(graph, encoding, missing, known, number):
    dtype, code = number
    shifted = graph.add("Sub", known, dtype(encoding.center))
    scaled = graph.add("Div", shifted, dtype(encoding.scale))
    scaled = graph.add("Clip", scaled, dtype(-FARTHEST), dtype(FARTHEST))
    share = graph.add("Div", scaled, dtype(CLIP))
    square = graph.add("Add", graph.add("Mul", share, share), dtype(1))
    parts = [graph.add("Div", scaled, graph.add("Sqrt", square))]
    if encoding.n_bins:
        # (n, 1) -> (n, n_bins)
        edges = encoding.edges.astype(dtype)
        above = graph.add("Sub", known, edges[None, :-1])
        filled = graph.add("Div", above, np.diff(encoding.edges).astype(dtype)[None])
        parts.append(graph.add("Clip", filled, dtype(0), dtype(1)))
    if encoding.missing:
        parts.append(graph.add("Cast", missing, to=code))
    return parts


def _write_date(graph, encoding, x, number):
    dtype, code = number
    missing, known = _fill_gaps(graph, encoding.time, x, dtype)
    parts = _write_known(graph, encoding.time, missing, known, number)
    parts += _write_circle(graph, known, dtype(DAYS_OF_A_YEAR), dtype)
    day = graph.add("Add", graph.add("Floor", known), dtype(FIRST_DAY))
    week = graph.add("Floor", graph.add("Div", day, dtype(DAYS_OF_A_WEEK)))
    day = graph.add("Sub", day, graph.add("Mul", week, dtype(DAYS_OF_A_WEEK)))
    day = graph.add("Cast", day, to=7)  # 64-bit integers
    is_day = graph.add("Equal", day, np.arange(DAYS_OF_A_WEEK, dtype=np.int64)[None])
    parts.append(graph.add("Cast", is_day, to=code))
    if encoding.has_hours:
        parts += _write_circle(graph, known, dtype(1), dtype)
    return parts


def _write_circle(graph, known, period, dtype):
    turns = graph.add("Div", known, period)
    turns = graph.add("Sub", turns, graph.add("Floor", turns))
    # Runtimes have sines of single floats only.
    angle = graph.add("Cast", graph.add("Mul", turns, dtype(2 * np.pi)), to=FLOAT)
    code = DOUBLE if dtype is np.float64 else FLOAT
    return [
        graph.add("Cast", graph.add(kind, angle), to=code) for kind in ("Sin", "Cos")
    ]


def check_table(encoder, is_first=True):
    """Check that the inputs of a graph can hold what the columns hold.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted.
    is_first : bool
        Whether no other step comes before it.

    Raises
    ------
    ValueError
        If a column of an array is no number, one has both gaps and empty strings, or
        categories are integers that doubles can't tell apart.
    """
    texts = text_columns_of(encoder)
    times = {
        name
        for name, encoding in used_encodings(encoder)
        if isinstance(encoding, DateEncoding) or encoding.kind == "duration"
    }
    is_frame = is_first and hasattr(encoder, "feature_names_in_")
    if (texts or times) and not is_frame:
        raise ValueError(
            f"export_onnx: columns {sorted(texts | times)} hold strings, dates or "
            "durations, but an array, or what another step gives, is one tensor of "
            "numbers in a graph: fit on a data frame whose columns have names, with "
            "the encoding of the table as the first step."
        )
    for name, encoding in used_encodings(encoder):
        if not isinstance(encoding, CategoryEncoding):
            continue
        if _largest_category(encoding) > MOST_EXACT:
            raise ValueError(
                f"export_onnx: column {name!r} holds categories beyond 2**53, which a "
                "tensor of doubles can't tell apart. Make strings of them."
            )
        if encoding.missing and encoding.has_empty:
            raise ValueError(
                f"export_onnx: column {name!r} holds gaps and empty strings, which are "
                "one and the same in a tensor of strings. Fit on a table where the "
                "empty strings are missing or have another name."
            )


def _round_fractions(graph, x):
    """Round doubles to single floats, where they are no integers, as categories are."""
    single = graph.add("Cast", graph.add("Cast", x, to=FLOAT), to=DOUBLE)
    is_whole = graph.add("Equal", x, graph.add("Floor", x))
    return graph.add("Where", is_whole, x, single)


def _write_category(graph, encoding, x, is_text, number):
    dtype, code = number
    n_known = len(encoding.categories)
    if is_text:
        places = {
            text: place
            for place, category in enumerate(encoding.categories)
            for text in spellings_of(str(category))
        }
        if not encoding.has_empty:
            places[MISSING_TEXT] = n_known + 1
        place = graph.add_lookup(x, [*places], [*places.values()], default=n_known)
    else:
        known = np.array([float(c) for c in encoding.categories], dtype)
        if code == DOUBLE:
            x = _round_fractions(graph, x)
        # (n, 1) -> (n, n_categories), and the place of the one that is equal
        equal = graph.add("Cast", graph.add("Equal", x, known[None]), to=7)
        before = np.arange(-n_known, 0, dtype=np.int64)[None]
        place = graph.add("Mul", equal, before)
        place = graph.add("ReduceSum", place, np.array([1], np.int64), keepdims=1)
        place = graph.add("Add", place, np.array([n_known], np.int64))
        missing = graph.add("Cast", graph.add("IsNaN", x), to=7)
        place = graph.add("Add", place, missing)
    parts = []
    if encoding.is_binary:
        table = np.array([1, -1, 0, 0], dtype)
        parts.append(graph.add("Gather", table, place, axis=0))
    else:
        indicators = np.arange(n_known + encoding.has_rest, dtype=np.int64)[None]
        parts.append(graph.add("Cast", graph.add("Equal", place, indicators), to=code))
    if encoding.missing:
        is_missing = graph.add("Equal", place, np.array([[n_known + 1]], np.int64))
        parts.append(graph.add("Cast", is_missing, to=code))
    return parts
