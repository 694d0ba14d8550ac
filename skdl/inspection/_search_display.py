"""What a search has tried, and what came of it."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdl._utils._description import short_name, without_addresses
from skdl.inspection._figures import take_axes, tick_decades

__all__ = ["SearchDisplay"]


class SearchDisplay:
    """The scores of the candidates of a search, in order and over each parameter.

    Create it with ``from_estimator`` or ``from_results``. The best score is marked by a
    star; candidates without a score, such as pruned ones, by ticks at the bottom.

    Parameters
    ----------
    results : dict of str to array
        ``cv_results_`` of a search.
    score : str, default="score"
        Which score, if there are several.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for the scores in order, and one for each parameter that has two values or
        more, after ``plot``.
    figure_ : matplotlib Figure
        The figure that they are in.
    parameters_ : list of str
        The parameters that are drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdl import MLPClassifier
    >>> from skdl.inspection import SearchDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"learning_rate": [1e-3, 1e-2], "activation": ["relu", "tanh"]}
    >>> search = GridSearchCV(MLPClassifier(16, epochs=5), grid, cv=2).fit(X, y)
    >>> SearchDisplay.from_estimator(search).parameters_
    ['activation', 'learning_rate']
    """

    def __init__(self, results: Any, score: Any = "score") -> None:
        self.results = results
        self.score = score

    @classmethod
    def from_estimator(
        cls, search: Any, *, score: Any = None, ax: Any = None
    ) -> SearchDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : estimator
            ``OptunaSearchCV``, or a search of scikit-learn.
        score : str, default=None
            Which score, if there are several; None is the one that ``refit`` names.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        SearchDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it is no search, or has no such score.
        """
        check_is_fitted(search)
        results = getattr(search, "cv_results_", ())
        if "params" not in results:
            raise ValueError(
                f"{type(search).__name__} is not a search: it has no cv_results_ of "
                "candidates."
            )
        if score is None:
            several = getattr(search, "multimetric_", False)
            score = search.refit if several else "score"
            if not isinstance(score, str):
                raise ValueError(
                    f"The search has several scores and refit={score!r}: give score=, "
                    f"one of {[name[10:] for name in results if 'mean_test_' in name]}."
                )
        return cls.from_results(search.cv_results_, score=score, ax=ax)

    @classmethod
    def from_results(
        cls, results: Any, *, score: Any = "score", ax: Any = None
    ) -> SearchDisplay:
        """Draw the results of a search.

        Parameters
        ----------
        results : dict of str to array
            ``cv_results_``.
        score : str, default="score"
            Which score, if there are several.
        ax : sequence of matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        SearchDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such score, or no candidate has one.
        """
        return cls(results, score).plot(ax=ax)

    def plot(self, ax: Any = None) -> SearchDisplay:
        """Draw the scores.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the order and one for each parameter with two values or more; None
            makes a figure.

        Returns
        -------
        SearchDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no such score, no candidate has one, or there are too few axes.
        """
        scores = self._scores()
        self.parameters_ = self._varied(scores)
        count = 1 + len(self.parameters_)
        columns = min(count, 3)
        rows = -(-count // columns)
        axes = take_axes(ax, count, rows, columns, (4.2 * columns, 3.6 * rows))
        self._draw_order(axes[0], scores)
        for one, name in zip(axes[1:], self.parameters_):
            self._draw_parameter(one, name, scores)
        for one in axes[count:]:
            one.set_axis_off()
        self.axes_, self.figure_ = axes[:count], axes[0].figure
        return self

    def _scores(self):
        key = f"mean_test_{self.score}"
        if key not in self.results:
            known = [n[10:] for n in self.results if n.startswith("mean_test_")]
            raise ValueError(f"score={self.score!r} must be one of {known}.")
        scores = np.asarray(self.results[key], dtype=float)
        if np.isnan(scores).all():
            raise ValueError("No candidate has a score.")
        return scores

    def _is_minimized(self, scores):
        """Return whether the ranks of the candidates rise with their scores."""
        ranks = self.results.get(f"rank_test_{self.score}")
        # Others are ranked last, however good their scores are.
        known = ~np.isnan(scores) & self.results.get("feasible", True)
        known &= np.asarray(self.results.get("trial_state", "complete")) == "complete"
        if ranks is None or not known.any():
            return False
        order = np.flatnonzero(known)[np.argsort(np.asarray(ranks)[known])]
        return scores[order[0]] < scores[order[-1]]

    def _find_best(self, scores):
        ranks = self.results.get(f"rank_test_{self.score}")
        if ranks is None:
            return np.nanargmax(scores)
        return np.argmin(np.where(np.isnan(scores), np.inf, ranks))

    def _varied(self, scores):
        names = [name[6:] for name in self.results if name.startswith("param_")]
        # As text: values may be lists or estimators, which a set does not take or tell
        # apart.
        return [n for n in names if len(set(map(str, self._values(n, scores)))) > 1]

    def _values(self, name, scores):
        """Return the values of a parameter of all candidates with it and a score."""
        column = np.ma.asarray(self.results[f"param_{name}"])
        # The mask of a column without gaps is a single False: getmaskarray makes it an
        # array.
        return column.data[~np.ma.getmaskarray(column) & ~np.isnan(scores)]

    def _draw_order(self, axes, scores):
        order = np.arange(1, len(scores) + 1)
        axes.plot(order, scores, ".", color="C0", label="candidate")
        # fmax skips the NaN of a pruned candidate, which maximum would keep to the end.
        better = np.fmin if self._is_minimized(scores) else np.fmax
        best = better.accumulate(scores)
        axes.step(order, best, where="post", color="C1", label="best so far")
        missing = np.isnan(scores)
        if missing.any():
            _draw_missing(axes, order[missing], f"{missing.sum()} without a score")
        axes.set(
            xlabel="candidate",
            ylabel=f"mean of the folds: {self.score}",
            title=f"{len(scores)} candidates",
        )
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="best")

    def _draw_parameter(self, axes, name, scores):
        column = np.ma.asarray(self.results[f"param_{name}"])
        there = ~np.ma.getmaskarray(column)
        values = list(column.data[there])
        places = _place(axes, values)
        scored = ~np.isnan(scores[there])
        axes.plot(places[scored], scores[there][scored], ".", color="C0")
        if not scored.all():
            _draw_missing(axes, places[~scored], None)
        best = self._find_best(scores)
        if there[best]:
            axes.plot(places[there[:best].sum()], scores[best], "*", color="C1", ms=14)
        short = name.split("__")[-1]
        others = [n for n in self.parameters_ if n != name]
        is_clear = short not in [n.split("__")[-1] for n in others]
        axes.set(xlabel=short if is_clear else name, ylabel=self.score)


# A parameter of at most so many values, each of so few characters, has a tick for each.
_MOST_TICKS = 8
_LONGEST_NUMBER = 8
_LONGEST_LABEL = 24


def _place(axes, values):
    """Return where values stand on an axis of their own, which gets its scale."""
    different = {str(value): value for value in values}
    numbers = [v for v in different.values() if _is_number(v)]
    are_drawn = any(len(str(number)) > _LONGEST_NUMBER for number in numbers)
    if len(numbers) == len(different) and (len(numbers) > _MOST_TICKS or are_drawn):
        places = np.array(values, dtype=float)
        if places.min() > 0 and places.max() > 20 * places.min():
            axes.set_xscale("log")
            tick_decades(axes)
        return places
    # Numbers in their order, and then all else.
    order = [*map(str, sorted(numbers))]
    order += sorted(different.keys() - set(order))
    labels = [_label(different[text]) for text in order]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    if max(map(len, labels)) * len(labels) > 30:
        axes.tick_params("x", labelrotation=90)
    return np.array([order.index(str(value)) for value in values])


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _label(value):
    text = str(value)
    if without_addresses(text) != text:
        text = short_name(value)
    text = " ".join(text.split())
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[: _LONGEST_LABEL - 3]}..."


def _draw_missing(axes, places, label):
    """Mark candidates without a score at the foot of an axis."""
    foot = np.full(len(places), 0.02)
    # x in units of the data, y as a share of the height of the axes.
    style = dict(color="grey", ms=8, label=label, transform=axes.get_xaxis_transform())
    axes.plot(places, foot, "|", **style)
