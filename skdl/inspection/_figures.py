"""Where the displays draw."""

import importlib

import numpy as np

__all__ = [
    "TRAINING",
    "draw_hidden",
    "hidden_figure",
    "name_axis",
    "take_axes",
    "tick_decades",
    "tick_epochs",
]

# The training curve in a legend: its loss is higher than it would be without dropout.
TRAINING = "training (dropout on)"


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
    # Not by pyplot, which keeps each figure until it is closed, for all threads.
    figure = _need("matplotlib.figure").Figure(figsize=size, layout="constrained")
    # No window, whatever the backend is.
    _need("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    return figure, figure.subplots(1, n_columns)


def draw_hidden(display):
    """Return a figure that is only saved, with a display that knows its layout."""
    figure, axes = hidden_figure(*display.layout())
    display.plot(axes)
    return figure


def name_axis(name, penalized):
    """Return how an axis names a score of the history."""
    if name != "loss" or penalized is None:
        return name
    return "loss, penalties included" if penalized else "loss, without penalties"


def tick_decades(axes):
    """Let a logarithmic axis have few labels, so that none stands on another."""
    ticker = _need("matplotlib.ticker")
    axes.xaxis.set_major_locator(ticker.LogLocator(numticks=4))
    # matplotlib labels minor ticks as well where an axis has one decade or less.
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())


def tick_epochs(axes):
    """Put the ticks of an epoch axis at whole numbers only, even with few epochs."""
    axes.xaxis.set_major_locator(_need("matplotlib.ticker").MaxNLocator(integer=True))
    low, high = axes.get_xlim()
    if high - low < 2:  # MaxNLocator divides what is shorter than its fewest ticks
        axes.set_xlim(min(low, 0.5), max(high, 2.5))


def _need(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            "A picture needs matplotlib: pip install skdl[plot]"
        ) from error
