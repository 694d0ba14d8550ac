"""The honest baseline: a support vector machine, tuned on the same folds."""

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

__all__ = ["svm_baseline"]


def svm_baseline(
    *,
    kernels=("linear", "poly", "rbf"),
    C=(0.1, 1.0, 10.0, 100.0),
    scoring=None,
    cv=None,
    n_jobs=None,
):
    """Return a search for the best support vector machine.

    Parameters
    ----------
    kernels : sequence of str, default=("linear", "poly", "rbf")
        Kernels to try.
    C : sequence of float, default=(0.1, 1.0, 10.0, 100.0)
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
        Over a pipeline of ``StandardScaler`` and ``SVC``, not fitted.

    References
    ----------
    Cortes & Vapnik, "Support-vector networks", Machine Learning 20 (1995).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdl.baselines import svm_baseline
    >>> X, y = load_iris(return_X_y=True)
    >>> search = svm_baseline(cv=5).fit(X, y)
    >>> bool(search.best_score_ > 0.95)
    True
    """
    return GridSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__kernel": list(kernels), "svc__C": list(C)},
        scoring=scoring,
        cv=cv,
        n_jobs=n_jobs,
    )
