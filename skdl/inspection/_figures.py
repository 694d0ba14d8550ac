"""Where the displays draw."""

import importlib

__all__ = ["hidden_figure", "new_axes"]


def new_axes(n_rows, n_columns, size):
    """Return the axes of a new figure of pyplot, as an array of two dimensions.

    Raises
    ------
    ImportError
        If the extra ``skdl[plot]`` is not installed.
    """
    plt = _need("matplotlib.pyplot")
    _, axes = plt.subplots(
        n_rows, n_columns, figsize=size, layout="constrained", squeeze=False
    )
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


def _need(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            "A picture needs matplotlib: pip install skdl[plot]"
        ) from error
