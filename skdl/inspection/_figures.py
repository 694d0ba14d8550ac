"""Where the displays draw."""

import importlib

import numpy as np

__all__ = ["draw_hidden", "hidden_figure", "take_axes"]


def _new_axes(n_rows, n_columns, size):
    plt = _need("matplotlib.pyplot")
    _, axes = plt.subplots(
        n_rows, n_columns, figsize=size, layout="constrained", squeeze=False
    )
    return axes


def take_axes(given, count, n_rows, n_columns, size):
    """Return the axes that were given, or those of a new figure, in one row.

    Raises
    ------
    ValueError
        If there are fewer than ``count``.
    ImportError
        If the extra ``skdl[plot]`` is not installed.
    """
    axes = np.ravel(_new_axes(n_rows, n_columns, size) if given is None else given)
    if len(axes) < count:
        raise ValueError(f"ax has {len(axes)} axes, and {count} are needed.")
    return axes


def hidden_figure(size, n_columns=1):
    """Return a figure that is only saved, and its axes; any thread may make one.

    Raises
    ------
    ImportError
        If the extra ``skdl[plot]`` is not installed.
    """
    figure = _need("matplotlib.figure").Figure(figsize=size, layout="constrained")
    # No window, whatever the backend is.
    _need("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    return figure, figure.subplots(1, n_columns)


def draw_hidden(display):
    """Return a figure that is only saved, with a display that knows its layout."""
    figure, axes = hidden_figure(*display.layout())
    display.plot(axes)
    return figure


def _need(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            "A picture needs matplotlib: pip install skdl[plot]"
        ) from error
