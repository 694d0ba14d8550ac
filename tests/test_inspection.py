"""The displays."""

import matplotlib
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier
from skdl.inspection import LearningCurvesDisplay, MisclassifiedDisplay

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
    assert [axes.get_ylabel() for axes in display.axes_] == ["loss", "accuracy"]
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
    with pytest.raises(ValueError, match="PCA has no history_"):
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
    with pytest.raises(ValueError, match="axes has 1 axes for 3 images"):
        display.plot(plt.subplots()[1])
