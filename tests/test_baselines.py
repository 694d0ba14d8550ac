"""svm_study."""

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import make_circles
from sklearn.model_selection import cross_val_score

from skdl.baselines import svm_study

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


def test_two_features_have_boundaries_and_more_have_none(circles, iris):
    axes = svm_study(*circles, kernels=("linear", "rbf"), C=(1.0, 2.0)).plot()
    assert len(axes) == 3
    assert axes[1].get_title().startswith("rbf, C=")
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == [
        "linear",
        "rbf",
    ]
    assert len(svm_study(*iris, kernels=("linear",), C=(1.0,)).plot()) == 1
    with pytest.raises(ValueError, match="axes has 1 axes, and 3 are needed"):
        svm_study(*circles, kernels=("linear", "rbf"), C=(1.0,)).plot(plt.subplots()[1])
    plt.close("all")


def test_labels_may_be_words(circles):
    X, y = circles
    axes = svm_study(X, np.array(["in", "out"])[y], kernels=("rbf",), C=(1.0,)).plot()
    assert len(axes) == 2
    plt.close("all")
