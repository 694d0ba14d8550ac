"""svm_study."""

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import make_circles
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import cross_val_score

from skdl.baselines import svm_baseline, svm_study

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(scope="module")
def circles():
    return make_circles(200, noise=0.1, factor=0.5, random_state=0)


def test_the_table_has_what_cross_validation_gives(circles):
    study = svm_study(*circles, C=(0.1, 10.0), cv=3)
    frame = study.frame()
    assert len(frame) == 8
    for _, row in frame.iterrows():
        model = study.estimator.set_params(svc__kernel=row["kernel"], svc__C=row["C"])
        scores = cross_val_score(model, *circles, cv=3)
        assert row["val_score"] == pytest.approx(scores.mean())
        assert row["val_score_std"] == pytest.approx(scores.std())
    best = study.best()
    assert best["kernel"].iloc[0] == "rbf"
    assert best["kernel"].is_unique
    assert best["val_score"].max() == frame["val_score"].max()


@pytest.mark.parametrize(
    "scoring", ["neg_log_loss", "roc_auc_ovr", ["neg_brier_score", "accuracy"]]
)
def test_scores_of_probabilities(iris, scoring):
    refit = "accuracy" if isinstance(scoring, list) else True
    search = svm_baseline(kernels="rbf", C=[1.0, 10.0], scoring=scoring, cv=3)
    search.set_params(refit=refit).fit(*iris)
    model = search.best_estimator_
    assert np.isfinite(search.best_score_)
    best_c = search.best_params_["calibratedclassifiercv__estimator__C"]
    assert best_c == model[-1].estimator.C
    np.testing.assert_allclose(model.predict_proba(iris[0]).sum(axis=1), 1)


def test_a_study_of_probabilities(circles):
    study = svm_study(
        *circles, kernels=("linear", "rbf"), C=1.0, scoring="neg_log_loss"
    )
    rbf, linear = study.best().itertuples()
    assert (rbf.kernel, linear.kernel) == ("rbf", "linear")
    assert -0.4 < rbf.val_score < 0
    assert linear.val_score == pytest.approx(-np.log(2), abs=0.1)
    assert len(study.plot()) == 3
    plt.close("all")


def test_two_features_have_boundaries_and_more_have_none(circles, iris):
    axes = svm_study(*circles, kernels=("linear", "rbf"), C=(1.0, 2.0)).plot()
    assert len(axes) == 3
    assert axes[1].get_title().startswith("rbf, C=")
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == [
        "linear",
        "rbf",
    ]
    assert len(svm_study(*iris, kernels=("linear",), C=(1.0,)).plot()) == 1
    with pytest.raises(ValueError, match="ax has 1 axes, and 3 are needed"):
        svm_study(*circles, kernels=("linear", "rbf"), C=1.0).plot(ax=plt.subplots()[1])
    plt.close("all")


def test_labels_may_be_words(circles):
    X, y = circles
    axes = svm_study(X, np.array(["in", "out"])[y], kernels=("rbf",), C=(1.0,)).plot()
    assert len(axes) == 2
    plt.close("all")


def test_points_have_the_colours_of_their_regions(iris):
    X, y = iris
    axes = svm_study(X[:, 2:], y, kernels="rbf", C=1.0).plot()
    contours, points = axes[1].collections
    regions = contours.cmap(contours.norm([0, 1, 2]))[:, :3]
    shown = points.to_rgba([0, 1, 2])[:, :3]
    np.testing.assert_allclose(regions, shown, atol=0.02)
    plt.close("all")


def test_the_curve_goes_from_small_to_large_and_a_kernel_that_fails_has_none(circles):
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        study = svm_study(*circles, kernels=("rbf", "cubic"), C=(10, 0.1, 1.0))
    assert study.best()["kernel"].tolist() == ["rbf"]
    axes = study.plot()
    assert axes[0].containers[0].lines[0].get_xdata().tolist() == [0.1, 1, 10]
    plt.close("all")


def test_images_are_refused():
    with pytest.raises(ValueError, match="takes flat rows"):
        svm_study(np.zeros((8, 4, 4)), np.arange(8) % 2)


def test_a_study_has_one_score(iris):
    with pytest.raises(ValueError, match="must be one score"):
        svm_study(*iris, scoring=["accuracy", "roc_auc_ovr"])
