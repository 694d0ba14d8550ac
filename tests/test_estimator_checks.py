"""scikit-learn's own checks."""

import keras
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdl import (
    CNNClassifier,
    CNNRegressor,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
)
from tests.keras_models import build_compiled_classifier, build_regressor

_WHY = (
    "asks for 1e-7: single precision, and mini-batches that fall differently where "
    "rows are repeated, can't give it; test_laws.py shows the law at full batch"
)
MINI_BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": _WHY,
    "check_sample_weight_equivalence_on_sparse_data": _WHY,
}


@pytest.mark.slow
@parametrize_with_checks(
    [
        MLPClassifier(),
        MLPRegressor(),
        CNNClassifier(),
        CNNRegressor(),
    ],
    expected_failed_checks=lambda estimator: MINI_BATCHES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


MINI_BATCHES_OF_KERAS = (
    "Keras divides the weighted losses of a batch by its number of rows, and mini-"
    "batches fall differently where rows are repeated"
)
OF_KERAS = {
    "check_estimator_tags_renamed": (
        "SciKeras' BaseWrapper defines _more_tags for scikit-learn before 1.6; ours "
        "defines __sklearn_tags__"
    ),
    "check_sample_weight_equivalence_on_dense_data": MINI_BATCHES_OF_KERAS,
    "check_sample_weight_equivalence_on_sparse_data": MINI_BATCHES_OF_KERAS,
}


# An optimizer among the parameters would not do: its pickle holds the second at which
# it was made, and scikit-learn compares pickles before and after ``fit``.
def build_quick_classifier(meta):
    return build_compiled_classifier(meta, {"optimizer": keras.optimizers.Adam(0.02)})


def build_quick_regressor(meta):
    model = build_regressor(meta)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


@pytest.mark.slow
@parametrize_with_checks(
    [
        KerasClassifier(
            build_quick_classifier,
            epochs=30,
            random_state=0,
        ),
        KerasRegressor(
            build_quick_regressor,
            epochs=60,
            random_state=0,
        ),
    ],
    expected_failed_checks=lambda estimator: OF_KERAS,
)
def test_scikit_learn_check_of_the_wrappers(estimator, check):
    check(estimator)
