"""The honest baseline: support vector machines, tuned on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdl._utils._scorers import asks_for_probabilities
from skdl.inspection._figures import take_axes

__all__ = ["SVMStudy", "svm_baseline", "svm_study"]


def svm_baseline(
    *,
    kernels: Sequence[str] = ("linear", "poly", "rbf"),
    C: Sequence[float] = (0.1, 1.0, 10.0, 100.0),
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
) -> GridSearchCV:
    """Return a search for the best support vector machine.

    Parameters
    ----------
    kernels : str or sequence of str, default=("linear", "poly", "rbf")
        Kernels to try.
    C : float or sequence of float, default=(0.1, 1.0, 10.0, 100.0)
        Inverse strengths of the regularization to try, above 0.
    scoring : str, callable or None, default=None
        As in ``GridSearchCV``; None is the accuracy.
    cv : int, splitter or None, default=None
        The folds: give those of the network's search.
    n_jobs : int or None, default=None
        Fits that run at the same time.

    Returns
    -------
    GridSearchCV
        Over a pipeline of ``StandardScaler`` and ``SVC``, not fitted. Where ``scoring``
        needs probabilities, as ``"neg_log_loss"`` does, the ``SVC`` stands in a
        ``CalibratedClassifierCV``, which makes them of its scores.

    References
    ----------
    Cortes & Vapnik, "Support-vector networks", Machine Learning 20 (1995). Platt,
    "Probabilistic outputs for support vector machines", Advances in Large Margin
    Classifiers (1999).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl.baselines import svm_baseline
    >>> X, y = load_iris(return_X_y=True)
    >>> search = svm_baseline(cv=5).fit(X, y)
    >>> bool(search.best_score_ > 0.95)
    True
    """
    machine: Any = SVC()
    if asks_for_probabilities(check_scoring(machine, scoring)):
        machine = CalibratedClassifierCV(machine, ensemble=False)
    pipeline = make_pipeline(StandardScaler(), machine)
    prefix = _prefix_of_svc(pipeline)
    return GridSearchCV(
        pipeline,
        {f"{prefix}kernel": _as_list(kernels), f"{prefix}C": _as_list(C)},
        scoring=scoring,
        cv=cv,
        n_jobs=n_jobs,
    )


def _prefix_of_svc(pipeline):
    """Return what stands before the parameters of the machine in a pipeline."""
    name, step = pipeline.steps[-1]
    return f"{name}__" if isinstance(step, SVC) else f"{name}__estimator__"


def _as_list(values):
    alone = isinstance(values, str) or not np.iterable(values)
    return [values] if alone else list(values)


def svm_study(
    X: Any,
    y: Any,
    *,
    kernels: Sequence[str] = ("linear", "poly", "sigmoid", "rbf"),
    C: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0),
    scoring: Any = None,
    cv: Any = 5,
    n_jobs: int | None = None,
) -> SVMStudy:
    """Compare the kernels of support vector machines over a sweep of C.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows.
    y : array-like of shape (n_samples,)
        Their labels.
    kernels : str or sequence of str, default=("linear", "poly", "sigmoid", "rbf")
        Kernels to compare.
    C : float or sequence of float, default=(0.01, 0.1, 1.0, 10.0, 100.0)
        Inverse strengths of the regularization, above 0.
    scoring : str, callable or None, default=None
        As in ``GridSearchCV``; None is the accuracy.
    cv : int, splitter or None, default=5
        The folds.
    n_jobs : int or None, default=None
        Fits that run at the same time.

    Returns
    -------
    SVMStudy
        A table, and pictures.

    Raises
    ------
    ValueError
        If X has no flat rows, there are several scores, or all fits fail.

    References
    ----------
    Cortes & Vapnik, "Support-vector networks", Machine Learning 20 (1995).

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from skdl.baselines import svm_study
    >>> X, y = make_circles(200, noise=0.1, factor=0.5, random_state=0)
    >>> study = svm_study(X, y, C=(0.1, 1.0))
    >>> study.frame().groupby("kernel")["val_score"].max().idxmax()
    'rbf'
    """
    if np.ndim(X) != 2:
        raise ValueError(
            f"X has {np.ndim(X)} dimensions: a support vector machine takes flat rows. "
            "Give X.reshape(len(X), -1)."
        )
    if isinstance(scoring, (list, tuple, set, dict)):
        raise ValueError(
            f"scoring={scoring!r} must be one score: a name, a function or None. For "
            "several use svm_baseline."
        )
    search = svm_baseline(kernels=kernels, C=C, scoring=scoring, cv=cv, n_jobs=n_jobs)
    # No refit of the best of all: plot fits the best of each kernel.
    search.set_params(return_train_score=True, refit=False)
    search.fit(X, y)
    found, prefix = search.cv_results_, _prefix_of_svc(search.estimator)
    frame = pd.DataFrame(
        {
            "kernel": np.asarray(found[f"param_{prefix}kernel"], dtype=str),
            "C": np.asarray(found[f"param_{prefix}C"], dtype=float),
            "train_score": found["mean_train_score"],
            "val_score": found["mean_test_score"],
            "val_score_std": found["std_test_score"],
            "seconds": found["mean_fit_time"],
        }
    )
    return SVMStudy(frame, search.estimator, X, y)


class SVMStudy:
    """The result of ``svm_study``.

    Parameters
    ----------
    results : pandas.DataFrame
        A row for each kernel and C.
    estimator : Pipeline
        ``StandardScaler`` and ``SVC``, as of ``svm_baseline``.
    X, y : array-like
        The data.
    """

    def __init__(self, results: Any, estimator: Any, X: Any, y: Any) -> None:
        self.results = results
        self.estimator = estimator
        self.X = X
        self.y = y

    def frame(self) -> pd.DataFrame:
        """Return the table.

        Returns
        -------
        pandas.DataFrame
            With the columns ``kernel``, ``C``, ``train_score``, ``val_score`` and
            ``seconds`` of a fit (means over the folds), and ``val_score_std`` (the
            standard deviation over the folds).
        """
        return self.results.copy()

    def best(self) -> pd.DataFrame:
        """Return the best C of each kernel.

        Returns
        -------
        pandas.DataFrame
            One row for each kernel that has a score, the best first.
        """
        # The scores of a kernel that fails are NaN, of which pandas 3 takes no idxmax.
        scored = self.results.dropna(subset="val_score")
        rows = scored.groupby("kernel", sort=False)["val_score"].idxmax()
        return scored.loc[rows].sort_values("val_score", ascending=False)

    def plot(self, ax: Any = None) -> np.ndarray:
        """Draw the scores over C and, of two features, the decision boundaries.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for the scores and, where X has two columns, one for each kernel; None
            makes a figure.

        Returns
        -------
        ndarray of matplotlib Axes
            The axes of the plots.

        Raises
        ------
        ValueError
            If there are too few axes.
        """
        best = self.best()
        flat = np.shape(self.X)[1] == 2
        count = 1 + flat * len(best)
        columns = min(count, 3)
        rows = -(-count // columns)
        size = (4.2 * columns, 3.7 * rows)
        axes = take_axes(ax, count, rows, columns, size)
        for kernel, rows in self.results.sort_values("C").groupby("kernel", sort=False):
            axes[0].errorbar(
                rows["C"],
                rows["val_score"],
                rows["val_score_std"],
                label=kernel,
                capsize=3,
            )
        axes[0].set(xscale="log", xlabel="C", ylabel="score (mean of the folds)")
        axes[0].legend()
        if flat:
            for one, (_, row) in zip(axes[1:], best.iterrows()):
                self._draw_boundary(one, row)
        for one in axes[count:]:
            one.set_axis_off()
        return axes[:count]

    def _draw_boundary(self, axes, row):
        from matplotlib.colors import ListedColormap  # an extra

        X, y = np.asarray(self.X), np.asarray(self.y)
        prefix = _prefix_of_svc(self.estimator)
        params = {f"{prefix}{name}": row[name] for name in ("kernel", "C")}
        model = clone(self.estimator).set_params(**params).fit(X, y)
        display = DecisionBoundaryDisplay.from_estimator(
            model, X, response_method="predict", alpha=0.3, ax=axes
        )
        # Three classes or more have colours of their own since scikit-learn 1.9.
        colors = getattr(display, "multiclass_colors_", None)
        palette = None if colors is None else ListedColormap(colors)
        # Labels may be words, which scatter would take for names of colours.
        codes = np.unique(y, return_inverse=True)[1]
        axes.scatter(*X.T, c=codes, cmap=palette, s=10, edgecolors="k", linewidths=0.3)
        axes.set_title(f"{row['kernel']}, C={row['C']:g}: {row['val_score']:.3f}")
