"""The displays."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    ValidationCurveDisplay,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import CNNClassifier, MLPClassifier
from skdl.inspection import (
    ComparisonDisplay,
    LearningCurvesDisplay,
    MisclassifiedDisplay,
    SearchDisplay,
    compare,
)
from skdl.model_selection import OptunaSearchCV

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def test_the_curves_are_those_of_the_history(iris):
    network = MLPClassifier(epochs=5, early_stopping=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    search = GridSearchCV(pipeline, {"mlpclassifier__l2": [0.0]}, cv=2).fit(*iris)
    display = LearningCurvesDisplay.from_estimator(search)
    history = search.best_estimator_[-1].history_
    for name, (training, validation) in display.lines_.items():
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(training.get_ydata(), history[name])
        np.testing.assert_array_equal(validation.get_ydata(), history[f"val_{name}"])
    labels = [axes.get_ylabel() for axes in display.axes_]
    assert labels == ["loss, without penalties", "accuracy"]
    assert display.axes_[0].get_xlabel() == "epoch"


def test_the_curves_go_where_they_are_told(iris):
    network = MLPClassifier(epochs=1, random_state=0).fit(*iris)
    figure, axes = plt.subplots(1, 2)
    display = LearningCurvesDisplay.from_estimator(network, ax=axes)
    assert display.figure_ is figure
    assert len(display.lines_["loss"]) == 1
    assert display.lines_["loss"][0].get_marker() == "o"
    with pytest.raises(ValueError, match="ax has 1 axes"):
        LearningCurvesDisplay.from_history(network.history_, ax=axes[0])


def test_an_estimator_without_epochs_is_refused(iris):
    with pytest.raises(ValueError, match="PCA has no fitted network"):
        LearningCurvesDisplay.from_estimator(PCA().fit(iris[0]))


def test_mistakes_are_shown_the_surest_first(digits):
    X, y = digits
    network = MLPClassifier(epochs=2, random_state=0).fit(X[:900], y[:900])
    display = MisclassifiedDisplay.from_estimator(network, X[900:], y[900:], n_images=6)
    predicted, proba = network.predict(X[900:]), network.predict_proba(X[900:])
    assert display.n_wrong == (predicted != y[900:]).sum()
    assert display.images.shape == (6, 8, 8)
    assert (display.true != display.predicted).all()
    wrong = proba[predicted != y[900:]].max(axis=1)
    np.testing.assert_allclose(display.confidence, np.sort(wrong)[::-1][:6])
    title = display.axes_[0].get_title()
    assert title.startswith(f"{display.predicted[0]}, not {display.true[0]}\n(")
    total = display.figure_.get_suptitle()
    assert total == f"{display.n_wrong} of {len(y) - 900} images are wrong"


def test_colours_no_mistakes_and_too_few_axes():
    X = np.random.default_rng(0).random((5, 4, 4, 3))
    display = MisclassifiedDisplay.from_predictions(X, [0, 1, 1, 0, 0], [1] * 5)
    assert display.images.shape == (3, 4, 4, 3)
    assert display.confidence is None
    right = MisclassifiedDisplay.from_predictions(X, [1] * 5, [1] * 5)
    assert len(right.axes_) == 0
    with pytest.raises(ValueError, match="ax has 1 axes, and 3 are needed"):
        display.plot(ax=plt.subplots()[1])


@pytest.mark.slow
def test_the_confidence_is_that_of_the_predicted_label(digits):
    X, y = digits
    network = MLPClassifier(4, epochs=2, random_state=0).fit(X[:900], y[:900] > 4)
    shy = FixedThresholdClassifier(FrozenEstimator(network), threshold=0.02)
    shy.fit(X[:900], y[:900] > 4)
    display = MisclassifiedDisplay.from_estimator(
        shy, X[900:], y[900:] > 4, n_images=10**6
    )
    proba, predicted = network.predict_proba(X[900:]), shy.predict(X[900:])
    wrong = predicted != (y[900:] > 4)
    expected = proba[wrong, predicted[wrong].astype(int)]
    np.testing.assert_allclose(display.confidence, np.sort(expected)[::-1])
    assert display.confidence.min() < 0.5


def test_rows_are_drawn_in_the_shape_that_the_network_knows(digits):
    X, y = digits
    network = CNNClassifier((2,), image_shape=(4, 16), epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network).fit(X[:300], y[:300])
    display = MisclassifiedDisplay.from_estimator(pipeline, X[300:400], y[300:400])
    assert display.images.shape[1:] == (4, 16)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_true": [0, 1]}, "inconsistent numbers of samples"),
        ({"y_true": np.eye(5)}, r"y_true has shape \(5, 5\): give one label"),
        ({"y_true": list("abcde")}, "Mix of label input types"),
        ({"n_images": -1}, "n_images=-1 must be an integer >= 1"),
        ({"X": np.zeros((5, 3, 8, 7))}, r"\(3, 8, 7\).*1, 3 or 4 channels can be"),
    ],
)
def test_what_can_not_be_drawn_is_named(changed, message):
    given = {"X": np.zeros((5, 8, 8)), "y_true": np.arange(5), "y_pred": np.ones(5)}
    with pytest.raises(ValueError, match=message):
        MisclassifiedDisplay.from_predictions(**{**given, **changed})


def test_labels_may_be_a_column():
    y = pd.DataFrame({"label": [1, 1, 0]})
    display = MisclassifiedDisplay.from_predictions(np.zeros((3, 4, 4)), y, [1, 0, 0])
    assert display.n_wrong == 1


def test_a_comparison_draws_the_mean_of_its_runs(iris):
    found = compare(
        MLPClassifier(8, epochs=4),
        {"a": {}, "longer": {"epochs": 6}},
        *iris,
        repeats=2,
        random_state=0,
    )
    display = found.plot()
    histories = found.histories()
    for name, by_variant in display.lines_.items():
        for variant, (validation, training) in by_variant.items():
            for line, key in ((validation, f"val_{name}"), (training, name)):
                mean = np.mean([h[key] for h in histories[variant]], axis=0)
                np.testing.assert_allclose(line.get_ydata(), mean)
    assert len(display.lines_["loss"]["longer"][0].get_xdata()) == 6
    labels = [text.get_text() for text in display.axes_[-1].get_legend().get_texts()]
    assert labels == ["a", "longer", "validation", "training (dropout on)"]
    with pytest.raises(ValueError, match="ax has 1 axes"):
        found.plot(ax=plt.subplots()[1])


def test_many_variants_have_colours_of_their_own_and_wide_losses_a_log_scale():
    histories = {
        str(k): [{"loss": [1000.0, 1.0], "val_loss": [10.0, 2.0 + k]}]
        for k in range(12)
    }
    display = ComparisonDisplay.from_histories(histories)
    colours = {str(lines[0].get_color()) for lines in display.lines_["loss"].values()}
    assert len(colours) == 12
    assert display.axes_[0].get_yscale() == "log"


def test_a_search_shows_its_candidates_and_the_best(iris):
    grid = {"learning_rate": [1e-6, 1e-2, 1e-1], "activation": ["tanh", "relu"]}
    search = GridSearchCV(MLPClassifier(8, epochs=8, random_state=0), grid, cv=2)
    display = SearchDisplay.from_estimator(search.fit(*iris))
    assert display.parameters_ == ["activation", "learning_rate"]
    order, activations, rates = display.axes_
    assert order.get_title() == "6 candidates"
    scores = search.cv_results_["mean_test_score"]
    candidates, best = order.get_lines()
    np.testing.assert_array_equal(candidates.get_ydata(), scores)
    assert best.get_ydata()[-1] == search.best_score_
    assert [t.get_text() for t in activations.get_xticklabels()] == ["relu", "tanh"]
    # A few values stand side by side, each with its tick.
    ticks = [tick.get_text() for tick in rates.get_xticklabels()]
    assert ticks == ["1e-06", "0.01", "0.1"]
    star = rates.get_lines()[-1]
    assert ticks[star.get_xdata()[0]] == str(search.best_params_["learning_rate"])
    assert star.get_ydata()[0] == search.best_score_


def test_many_values_of_a_parameter_have_an_axis_of_numbers():
    rates = np.geomspace(1e-4, 1e-1, 12)
    results = {"param_rate": rates, "mean_test_score": np.linspace(0.5, 0.6, 12)}
    display = SearchDisplay.from_results(results)
    (_, axes) = display.axes_
    assert axes.get_xscale() == "log"
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    shown = [x for x in axes.get_xticks() if low <= x <= high]
    assert 2 <= len(shown) <= 4
    assert not any(t.get_text() for t in axes.get_xticklabels(minor=True))
    np.testing.assert_array_equal(axes.get_lines()[0].get_xdata(), rates)


def labels_of(axes):
    return [tick.get_text() for tick in axes.get_xticklabels()]


def test_numbers_beside_others_keep_their_order():
    results = {
        "param_depth": np.array([None, 2, 16, 4, 32, 8], dtype=object),
        "mean_test_score": np.linspace(0.5, 0.6, 6),
    }
    (_, axes) = SearchDisplay.from_results(results).axes_
    assert labels_of(axes) == ["2", "4", "8", "16", "32", "None"]
    assert axes.get_lines()[0].get_xdata().tolist() == [5, 0, 3, 1, 4, 2]


def test_a_few_drawn_numbers_have_an_axis_of_numbers():
    rates = np.array([0.00021265602296388533, 0.03, 0.004])
    results = {"param_rate": rates, "mean_test_score": np.linspace(0.5, 0.6, 3)}
    (_, axes) = SearchDisplay.from_results(results).axes_
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.get_lines()[0].get_xdata(), rates)


def test_labels_are_short_and_names_are_told_apart():
    models = [StandardScaler(with_std=False), object(), "a" * 40]
    results = {
        "param_pca__n_components": np.array([1, 2, 3]),
        "param_other__n_components": np.array([1, 2, 4]),
        "param_scaler": np.array(models, dtype=object),
        "mean_test_score": np.linspace(0.5, 0.6, 3),
    }
    (_, *axes) = SearchDisplay.from_results(results).axes_
    assert [one.get_xlabel() for one in axes] == [
        "pca__n_components",
        "other__n_components",
        "scaler",
    ]
    labels = labels_of(axes[-1])
    assert all(len(label) <= 24 for label in labels)
    assert "object" in labels
    assert not any("0x" in label for label in labels)


def test_pruned_trials_are_strokes_at_the_foot(iris):
    search = OptunaSearchCV(
        MLPClassifier(8, epochs=6, random_state=0),
        {"learning_rate": [1e-6, 1e-5, 1e-2], "l2": [0.0, 0.1]},
        n_trials=4,
        cv=2,
        random_state=0,
    ).fit(*iris)
    results = dict(search.cv_results_)
    results["mean_test_score"] = np.array([0.5, np.nan, 0.7, 0.6])
    display = SearchDisplay.from_results(results)
    names = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert names == ["candidate", "best so far", "1 without a score"]
    scored, strokes, _ = display.axes_[1].get_lines()
    assert len(scored.get_xdata()) == 3
    assert strokes.get_marker() == "|"
    assert len(strokes.get_xdata()) == 1


@pytest.mark.parametrize(
    ("colours", "shown"),
    [
        (np.full((4, 4), 255), 0.5),
        (np.full((4, 4, 4), [128, 128, 128, 255]), 0.5),
        (np.tile([[0.0, 1.0], [2.0, 4.0]], (2, 2)), None),
    ],
)
def test_uniform_images_are_grey_and_opacity_is_no_colour(colours, shown):
    display = MisclassifiedDisplay.from_predictions(colours[np.newaxis], [0], [1])
    drawn = display.axes_[0].get_images()[0].get_array()
    assert drawn.shape[2:] in ((), (3,))
    if shown is not None:
        np.testing.assert_array_equal(drawn, shown)
    else:
        np.testing.assert_allclose(drawn, colours / 4)


def test_what_displays_can_not_draw_is_named(digits):
    X, y = digits
    proba = np.full((len(y), 10), 0.1)
    with pytest.raises(ValueError, match=r"confidence has shape .*proba.max"):
        MisclassifiedDisplay.from_predictions(X, y, y[::-1], proba)
    with pytest.raises(ValueError, match="image_shape=8 must be"):
        MisclassifiedDisplay.from_predictions(X, y, y[::-1], image_shape=8)
    with pytest.raises(ValueError, match="must have a list of histories"):
        ComparisonDisplay.from_histories({"a": {"loss": [1, 2]}})


def test_what_is_no_search_or_has_no_score_is_refused(iris):
    with pytest.raises(ValueError, match="PCA is not a search"):
        SearchDisplay.from_estimator(PCA().fit(iris[0]))
    results = {"mean_test_score": [np.nan], "param_a": [1]}
    with pytest.raises(ValueError, match="No candidate has a score"):
        SearchDisplay.from_results(results)
    with pytest.raises(ValueError, match=r"score='f1' must be one of \['score'\]"):
        SearchDisplay.from_results(results, score="f1")
    several = GridSearchCV(
        LogisticRegression(),
        {"C": [1, 2]},
        scoring=["accuracy", "f1_macro"],
        refit=False,
    )
    with pytest.raises(
        ValueError, match=r"give score=, one of \['accuracy', 'f1_macro'\]"
    ):
        SearchDisplay.from_estimator(several.fit(*iris))
    assert len(SearchDisplay.from_estimator(several, score="accuracy").axes_) == 2


def test_histories_without_epochs_are_refused():
    with pytest.raises(ValueError, match="The history has no epochs"):
        LearningCurvesDisplay.from_history({})
    for empty in ({}, {"a": []}):
        with pytest.raises(ValueError, match="There are no curves"):
            ComparisonDisplay.from_histories(empty)


def test_a_grid_of_several_parts_shows_where_a_parameter_was_set(iris):
    grid = [{"l2": [0.0, 0.1]}, {"dropout": [0.0, 0.5]}]
    search = GridSearchCV(MLPClassifier(8, epochs=2, random_state=0), grid, cv=2)
    display = SearchDisplay.from_estimator(search.fit(*iris))
    assert [len(axes.get_lines()[0].get_xdata()) for axes in display.axes_[1:]] == [
        2,
        2,
    ]
    with pytest.raises(ValueError, match="and 3 are needed"):
        display.plot(ax=plt.subplots()[1])


def test_scikit_learns_displays_take_our_networks(iris):
    X, y = iris
    network = MLPClassifier(8, epochs=8, learning_rate=0.02, random_state=0)
    boundary = DecisionBoundaryDisplay.from_estimator(
        clone(network).fit(X[:, :2], y), X[:, :2], grid_resolution=5
    )
    assert boundary.response.shape[:2] == (5, 5)
    curve = ValidationCurveDisplay.from_estimator(
        network, X, y, param_name="learning_rate", param_range=[1e-6, 0.02], cv=3
    )
    low, high = curve.test_scores.mean(axis=1)
    assert high > low + 0.2
    matrix = ConfusionMatrixDisplay.from_estimator(clone(network).fit(X, y), X, y)
    assert matrix.confusion_matrix.sum() == 150


def test_a_parameter_of_unscored_candidates_only_is_not_drawn(iris):
    grid = {"l2": [0.0, 0.1]}
    search = GridSearchCV(
        MLPClassifier(8, epochs=2, random_state=0),
        grid,
        cv=2,
        scoring="accuracy",
        refit="accuracy",
    ).fit(*iris)
    results = dict(search.cv_results_)
    assert SearchDisplay.from_estimator(search).parameters_ == ["l2"]
    results["param_l1"] = np.ma.array([1.0, 2.0], mask=[False, False])
    results["mean_test_score"] = np.array([0.5, np.nan])
    assert SearchDisplay.from_results(results).parameters_ == []


def test_a_score_that_is_minimized_falls_to_its_best():
    results = {
        "params": [{"C": c} for c in (1, 2, 3, 4)],
        "param_C": np.ma.array([1, 2, 3, 4]),
        "mean_test_score": np.array([49.0, 61.0, np.nan, 44.0]),
        "rank_test_score": np.array([2, 3, 4, 1]),
    }
    order, axes = SearchDisplay.from_results(results).axes_
    best = order.get_lines()[1].get_ydata()
    np.testing.assert_array_equal(best, [49, 49, 49, 44])
    (star,) = [line for line in axes.get_lines() if line.get_marker() == "*"]
    assert star.get_ydata() == [44]


@pytest.mark.parametrize("column", ["feasible", "trial_state"])
def test_candidates_that_are_ranked_last_do_not_turn_the_score(column):
    works = [True, True, False, False, False]
    if column == "trial_state":
        works = ["complete" if each else "failed" for each in works]
    results = {
        "params": [{"C": c} for c in range(5)],
        "param_C": np.ma.array(range(5)),
        "mean_test_score": np.array([0.5, 0.6, 0.8, 0.9, 0.85]),
        "rank_test_score": np.array([2, 1, 5, 3, 4]),
        column: np.array(works),
    }
    order, axes = SearchDisplay.from_results(results).axes_
    best = order.get_lines()[1].get_ydata()
    np.testing.assert_array_equal(best, [0.5, 0.6, 0.8, 0.9, 0.9])
    (star,) = [line for line in axes.get_lines() if line.get_marker() == "*"]
    assert star.get_ydata() == [0.6]


def test_epochs_without_a_metric_of_each_class_are_drawn_over():
    scores = [np.full(3, 0.5), np.full(3, 0.6), np.full(3, np.nan)]
    history = {"loss": [3.0, 2.0, 1.0], "val_f1_score": scores}
    display = LearningCurvesDisplay.from_history(history)
    assert [axes.get_ylabel() for axes in display.axes_] == ["loss"]


def test_an_epoch_between_gaps_is_seen():
    history = {"loss": [3.0, 2.0, 1.5, 1.2], "val_loss": [3.1, np.nan, 2.0, np.nan]}
    (axes,) = LearningCurvesDisplay.from_history(history).axes_
    training, validation = axes.get_lines()
    assert training.get_marker() == "None"
    assert validation.get_marker() == "o"
