"""``skdl.model_card``: a page that describes a fitted model and how good it is."""

import time
from datetime import datetime
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PredictionErrorDisplay,
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from skdl._utils._candidates import count_weights
from skdl._utils._nested import find_fitted_network
from skdl._utils._sklearn import take_rows
from skdl.inspection._figures import draw_hidden, hidden_figure
from skdl.inspection._learning_curves import LearningCurvesDisplay
from skdl.inspection._markdown import cell, table, version_section

__all__ = ["model_card"]


def model_card(
    estimator: Any, X_test: Any, y_test: Any, path: Any = "model_card.md"
) -> Path:
    """Write a page about a fitted model: its data, parameters, scores and curves.

    Parameters
    ----------
    estimator : estimator
        A fitted search, pipeline, classifier or regressor. For a search, the scores of
        the folds are shown as well.
    X_test : array-like of shape (n_samples, n_features)
        Rows that were not used to fit or to choose the model.
    y_test : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or numbers.
    path : str or path, default="model_card.md"
        The Markdown file to write. The figures are saved beside it, and their names
        begin with its name.

    Returns
    -------
    pathlib.Path
        Path of the page.

    Raises
    ------
    ValueError
        If the estimator is neither a classifier nor a regressor, or y_test has several
        columns with more than two classes each.
    ImportError
        If the extra ``skdl[plot]`` is not installed.

    References
    ----------
    Mitchell et al., "Model cards for model reporting", FAT* (2019).

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> import skdl
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> network = skdl.MLPClassifier(epochs=20, random_state=0).fit(X_train, y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = skdl.model_card(network, X_test, y_test, f"{folder}/iris.md")
    ...     text = page.read_text()
    >>> "## Scores" in text
    True
    """
    check_is_fitted(estimator)
    if not (is_classifier(estimator) or is_regressor(estimator)):
        raise ValueError(
            f"model_card takes a classifier or a regressor, got {estimator!r}."
        )
    path = Path(path)
    if np.ndim(y_test) == 2 and np.shape(y_test)[1] == 1:
        y_test = np.asarray(y_test)[:, 0]
    is_class = is_classifier(estimator)
    if is_class and type_of_target(y_test) == "multiclass-multioutput":
        raise ValueError(
            "y_test has several columns with more than two classes each: write a card "
            "for each, with that column and its estimator (estimators_ of a "
            "MultiOutputClassifier)."
        )
    start = time.perf_counter()
    predicted = estimator.predict(X_test)
    seconds = time.perf_counter() - start
    path.parent.mkdir(parents=True, exist_ok=True)
    model = getattr(estimator, "best_estimator_", estimator)
    network = find_fitted_network(model)
    sections = [
        f"# {_title(model)}",
        f"Written on {datetime.now():%Y-%m-%d %H:%M}.",
        _data_section(estimator, X_test, y_test),
        _column_section(network),
        _model_section(model, network),
        _score_section(estimator, X_test, y_test, predicted),
        _search_section(estimator),
        _time_section(estimator, X_test, seconds),
        _prediction_section(estimator, y_test, predicted, path),
        _curves_section(network, path),
        version_section(),
    ]
    path.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return path


def _title(model):
    steps = (
        [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    )
    return "Model card: " + " and ".join(
        step if isinstance(step, str) else type(step).__name__ for step in steps
    )


def _shorten_values(values, most=20):
    values = [str(value) for value in values]
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def _data_section(estimator, X_test, y_test):
    rows = [("rows held out", np.shape(X_test)[0])]
    for name, attribute in (("features", "n_features_in_"), ("outputs", "n_outputs_")):
        if hasattr(_best(estimator), attribute):
            rows.append((name, getattr(_best(estimator), attribute)))
    if hasattr(estimator, "feature_names_in_"):
        rows.append(
            ("names of the features", _shorten_values(estimator.feature_names_in_))
        )
    if is_classifier(estimator) and np.ndim(y_test) == 1:
        labels, counts = np.unique(np.asarray(y_test), return_counts=True)
        shares = [f"{label}: {n}" for label, n in zip(labels, counts)]
        rows.append(("rows of each class", _shorten_values(shares)))
    return "## Data\n\n" + table(rows, ("", ""))


def _column_section(network):
    """Return what a network of tables has made of each column, or nothing."""
    columns = getattr(network, "columns_", None)
    if columns is None:
        return ""
    rows = [
        (name, row["kind"], f"{row['missing']:.1%}", row["encoding"])
        for name, row in columns.iterrows()
    ]
    return "## Columns\n\n" + table(rows, ("column", "kind", "missing", "encoding"))


def _best(estimator):
    return getattr(estimator, "best_estimator_", estimator)


def _model_section(model, network):
    defaults = _defaults(model)
    rows = [
        (name, value, defaults.get(name, ""))
        for name, value in model.get_params(deep=True).items()
        if not hasattr(value, "get_params") and name not in ("steps", "memory")
    ]
    # Those that somebody has chosen stand first.
    rows.sort(key=lambda row: str(row[1]) == str(row[2]))
    text = "## Parameters\n\n" + table(rows, ("parameter", "value", "default"))
    facts = []
    if hasattr(network, "n_iter_") and np.ndim(network.n_iter_) == 0:
        facts.append(("epochs run", network.n_iter_))
    if hasattr(network, "_members") or hasattr(network, "model_"):
        facts.append(("weights of the network", count_weights(network)))
    return f"{text}\n\n{table(facts, ('', ''))}" if facts else text


def _defaults(model, prefix=""):
    """Return the default of each parameter of a model and of what it holds."""
    found = {}
    for name, parameter in signature(type(model).__init__).parameters.items():
        if parameter.default is not parameter.empty:
            found[prefix + name] = parameter.default
    # Deep, since only so a pipeline names its steps; what they hold is for the
    # recursion.
    for name, value in model.get_params(deep=True).items():
        if hasattr(value, "get_params") and "__" not in name:
            found |= _defaults(value, f"{prefix}{name}__")
    return found


def _score_section(estimator, X_test, y_test, predicted):
    title = "## Scores on the rows held out\n\n"
    columns = ("score", "value", "of the best constant prediction")
    y = np.asarray(y_test)
    if is_regressor(estimator):
        mean, median = y.mean(axis=0), np.median(y, axis=0)
        return title + table(
            [
                (name, score(y, predicted), score(y, np.full(y.shape, constant)))
                for name, score, constant in (
                    ("R²", r2_score, mean),
                    ("mean absolute error", mean_absolute_error, median),
                    ("root of the mean squared error", root_mean_squared_error, mean),
                )
            ],
            columns,
        )
    one_label = y.ndim == 1
    axis = None if one_label else 0
    kinds, counts = np.unique(y, axis=axis, return_counts=True)
    commonest = kinds[counts.argmax()]
    macro = partial(f1_score, average="macro", zero_division=0)
    scores = [
        ("accuracy", accuracy_score, commonest),
        # F1 counts what is found: of several labels, all of them is the best constant.
        ("F1, mean of the classes", macro, commonest if one_label else 1),
    ]
    if one_label:
        scores.append(("balanced accuracy", balanced_accuracy_score, commonest))
    rows = [
        (name, score(y, predicted), score(y, np.full(y.shape, constant, y.dtype)))
        for name, score, constant in scores
    ]
    if one_label and hasattr(estimator, "predict_proba"):
        rows += _probability_rows(estimator, X_test, y_test)
    text = title + table(rows, columns)
    labels = unique_labels(y_test, predicted)
    parts = precision_recall_fscore_support(
        y_test, predicted, labels=labels, zero_division=0
    )
    names = map(str, labels.tolist())
    rows = [*zip(names, *(part.tolist() for part in parts), strict=True)]
    header = ("class", "precision", "recall", "F1", "rows")
    return f"{text}\n\n{table(rows, header)}"


def _probability_rows(estimator, X_test, y_test):
    """Return the scores of the probabilities; NaN where one is not defined."""
    proba, labels = estimator.predict_proba(X_test), estimator.classes_
    shares = [np.mean(np.asarray(y_test) == label) for label in labels]
    constant = np.tile(shares, (len(proba), 1))
    area = loss = constant_loss = np.nan
    if np.isin(np.asarray(y_test), labels).all():  # else it is infinite
        loss = log_loss(y_test, proba, labels=labels)
        constant_loss = log_loss(y_test, constant, labels=labels)
    if set(np.unique(y_test)) == set(labels):  # else it is not defined
        scores = proba[:, 1] if len(labels) == 2 else proba
        area = roc_auc_score(y_test, scores, multi_class="ovr")
    return [
        ("area under the ROC curve", area, 0.5),
        ("log loss", loss, constant_loss),
    ]


def _search_section(estimator):
    if not hasattr(estimator, "best_index_") or not hasattr(estimator, "cv_results_"):
        return None
    results, best = estimator.cv_results_, estimator.best_index_
    names = [name[10:] for name in results if name.startswith("mean_test_")]
    rows = []
    for name in names:
        folds = [
            results[f"split{k}_test_{name}"][best] for k in range(estimator.n_splits_)
        ]
        spread = ", ".join(cell(float(fold)) for fold in folds)
        mean, deviation = (results[f"{s}_test_{name}"][best] for s in ("mean", "std"))
        shown = _score_name(estimator) if name == "score" else name
        rows.append((shown, f"{mean:.4g} ± {deviation:.2g}", spread))
    header = ("score", "mean ± deviation", "folds")
    params = ", ".join(f"`{k}={cell(v)}`" for k, v in estimator.best_params_.items())
    return (
        f"## Scores over the folds\n\n{type(estimator).__name__}, "
        f"{len(results['params'])} candidates; the best: {params}.\n\n"
        + table(rows, header)
    )


def _score_name(search):
    """Return what the only score of a search is called."""
    scoring = search.scoring
    if isinstance(scoring, str):
        return scoring
    if scoring is None:
        return "accuracy" if is_classifier(search) else "R²"
    return getattr(scoring, "__name__", "score")


def _time_section(estimator, X_test, seconds):
    row = take_rows(X_test, np.arange(1))
    start = time.perf_counter()
    estimator.predict(row)
    rows = [
        ("predicting the rows held out, s", seconds),
        ("predicting one of them alone, ms", 1e3 * (time.perf_counter() - start)),
    ]
    # Tuned thresholds, and some linear models, have results of another kind.
    if hasattr(estimator, "cv_results_") and hasattr(estimator, "best_index_"):
        spent = estimator.cv_results_["mean_fit_time"]
        rows.append(
            ("fitting one fold of the best candidate, s", _at(estimator, spent))
        )
    if hasattr(estimator, "refit_time_"):
        rows.append(("fitting on all rows, s", estimator.refit_time_))
    return "## Time\n\n" + table(rows, ("", ""))


def _at(search, values):
    return float(values[search.best_index_])


def _prediction_section(estimator, y_test, predicted, path):
    if np.ndim(y_test) > 1 and np.shape(y_test)[1] > 1:
        return None
    figure, axes = hidden_figure((6, 5.5))
    if is_regressor(estimator):
        title = "Predicted and true"
        PredictionErrorDisplay.from_predictions(
            y_test, predicted, kind="actual_vs_predicted", ax=axes
        )
    else:
        title = "Confusion matrix"
        shown = ConfusionMatrixDisplay.from_predictions(
            y_test,
            predicted,
            normalize="true",
            values_format=".2f",
            xticks_rotation="vertical",
            include_values=len(estimator.classes_) <= 20,
            ax=axes,
        )
        axes.set(xlabel="predicted class", ylabel="true class (rows sum to 1)")
        # Else the colours span the shares that occur, and no two cards can be compared.
        shown.im_.set_clim(0, 1)
    return f"## {title}\n\n{_save(figure, path, title)}"


def _curves_section(network, path):
    history = getattr(network, "history_", None)
    if not history:
        return None
    figure = draw_hidden(LearningCurvesDisplay(history))
    return f"## Learning curves\n\n{_save(figure, path, 'Learning curves')}"


def _save(figure, path, title):
    """Save a figure beside the page; return the line that shows it."""
    name = f"{path.stem}_{title.lower().replace(' ', '_')}.png"
    figure.savefig(path.with_name(name), dpi=110)
    return f"![{title}]({quote(name)})"
