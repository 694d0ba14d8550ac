"""The curves of several variants on shared axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdl.inspection._figures import TRAINING, name_axis, take_axes, tick_epochs

__all__ = ["ComparisonDisplay"]


class ComparisonDisplay:
    """The curves of several variants: validation solid, training dotted.

    Create it with ``from_comparison`` or ``from_histories``. If a variant has several
    runs, their mean is drawn, with a band of one standard deviation around the
    validation curve; if they ended at different epochs, up to the shortest.

    Parameters
    ----------
    histories : dict of list of dict
        Loss and metrics of each epoch, of each run of each variant.
    penalized : bool or None, default=None
        Whether the losses include penalties; the axis label says so. None leaves it
        out of the label.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for the loss, and one for each metric, after ``plot``.
    figure_ : matplotlib Figure
        The figure that they are in.
    lines_ : dict of dict of list
        The lines of each of them, by the names of the variants.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import ComparisonDisplay, compare
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare(MLPClassifier(epochs=5), {"l2": [0.0, 0.01]}, X, y)
    >>> display = ComparisonDisplay.from_comparison(comparison)
    >>> list(display.lines_["loss"])
    ['l2=0.0', 'l2=0.01']
    """

    def __init__(self, histories: Any, penalized: Any = None) -> None:
        self.histories = histories
        self.penalized = penalized

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: Any = None) -> ComparisonDisplay:
        """Draw the curves of a comparison.

        Parameters
        ----------
        comparison : Comparison
            The result of ``compare``.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If no variant is a network.
        """
        return cls(comparison.histories(), comparison.penalized).plot(ax=ax)

    @classmethod
    def from_histories(cls, histories: Any, *, ax: Any = None) -> ComparisonDisplay:
        """Draw the curves of histories.

        Parameters
        ----------
        histories : dict of list of dict
            Loss and metrics of each epoch, of each run of each variant.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are no histories, or a variant has no list of them.
        """
        if not all(isinstance(runs, (list, tuple)) for runs in histories.values()):
            raise ValueError(
                "histories must have a list of histories for each variant, one of each "
                "run: {'a': [history]}."
            )
        return cls(histories).plot(ax=ax)

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the loss and one for each metric; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are no histories, or too few axes.
        """
        size, count = self.layout()
        axes = take_axes(ax, count, 1, count, size)
        self.lines_ = {}
        for one, name in zip(axes, self._names()):
            self.lines_[name] = self._draw(one, name)
        self.axes_, self.figure_ = axes[:count], axes[0].figure
        self._add_legend()
        return self

    def _names(self):
        """Return the names of the loss and the metrics that have curves."""
        histories = [each for runs in self.histories.values() for each in runs]
        if not histories:
            raise ValueError("There are no curves: no variant is a network of skdl.")
        names = [name for history in histories for name in history]
        return list(dict.fromkeys(n for n in names if not n.startswith("val_")))

    def layout(self) -> tuple[tuple[float, float], int]:
        """Return the size of the figure and its number of axes.

        Returns
        -------
        size : tuple of float
            Its width and height in inches.
        n_axes : int
            Its number of axes, in one row.
        """
        n_axes = len(self._names())
        longest = max(map(len, self.histories))
        height = max(3.8, 0.22 * len(self.histories) + 0.8)
        return (4.2 * n_axes + 0.6 + 0.08 * longest, height), n_axes

    def _draw(self, axes, name):
        lines: dict[str, list] = {}
        colours = _take_colours(len(self.histories))
        for colour, (variant, runs) in zip(colours, self.histories.items()):
            lines[variant] = []
            for key, style in ((f"val_{name}", "-"), (name, ":")):
                curves = [history[key] for history in runs if key in history]
                if curves:
                    lines[variant] += _draw_curves(axes, curves, style, colour)
            if len(self.histories) > _MANY:
                for line in lines[variant][1:]:
                    line.set(alpha=0.4, linewidth=1)
        axes.set(xlabel="epoch", ylabel=name_axis(name, self.penalized))
        tick_epochs(axes)
        drawn = np.concatenate(
            [ln.get_ydata() for many in lines.values() for ln in many]
        )
        if name == "loss" and drawn.min() > 0 and drawn.max() > 50 * drawn.min():
            axes.set_yscale("log")
        elif len(self.histories) > _MANY:
            _look_at_the_ends(axes, lines)
        return lines

    def _add_legend(self):
        first = next(iter(self.lines_.values()))
        handles = [lines[0] for lines in first.values() if lines]
        names = [variant for variant, lines in first.items() if lines]
        axes = self.axes_[-1]
        axes.legend(
            [*handles, *(axes.plot([], [], style, color="grey")[0] for style in "-:")],
            [*names, "validation", TRAINING],
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
        )


# With more variants than this, whole curves would overlap.
_MANY = 5


def _look_at_the_ends(axes, lines):
    """Scale the axis to where the curves differ: ignore the first fifth of them."""
    late = [
        line.get_ydata()[len(line.get_ydata()) // 5 :]
        for many in lines.values()
        for line in many
    ]
    low, high = np.min(np.concatenate(late)), np.max(np.concatenate(late))
    margin = 0.05 * (high - low)
    if margin > 0:
        axes.set_ylim(low - margin, high + margin)


def _draw_curves(axes, curves, style, colour):
    """Draw the mean of some curves; of several validation curves also a band."""
    # Early stopping ends the runs of a variant after different numbers of epochs.
    length = min(map(len, curves))
    curves = np.array([curve[:length] for curve in curves])  # (n_runs, n_epochs)
    epochs = np.arange(1, length + 1)
    mean = curves.mean(axis=0)
    if len(curves) > 1 and style == "-":
        deviation = curves.std(axis=0, ddof=1)
        axes.fill_between(
            epochs, mean - deviation, mean + deviation, color=colour, alpha=0.15, lw=0
        )
    marker = "o" if length < 3 else None  # a line needs two points
    return axes.plot(epochs, mean, style, color=colour, marker=marker)


def _take_colours(count):
    """Return as many colours: of matplotlib's cycle of ten or, beyond, of a scale."""
    from matplotlib import colormaps

    if count <= 10:
        return [colormaps["tab10"](k) for k in range(count)]
    return [colormaps["turbo"](k / (count - 1)) for k in range(count)]
