"""scikit-learn's own checks."""

from dataclasses import dataclass

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
    TabularClassifier,
    TabularRegressor,
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


@dataclass(frozen=True)
class AbsoluteError:
    def __call__(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


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


@pytest.mark.slow
@parametrize_with_checks(
    [
        MLPClassifier(n_ensemble=2),
        TabularClassifier(n_ensemble=3, epochs=30),
        TabularRegressor(n_ensemble=3, epochs=60),
        MLPRegressor(loss=AbsoluteError()),
    ],
    expected_failed_checks=lambda estimator: MINI_BATCHES,
)
def test_scikit_learn_check_of_options(estimator, check):
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
# it was made, and scikit-learn compares pickles before and after ``fit``. Objects and
# not functions: the repr of a function, and with it the name of a test, has an address.
@dataclass(frozen=True)
class QuickClassifier:
    rate: float

    def __call__(self, meta):
        optimizer = keras.optimizers.Adam(self.rate)
        return build_compiled_classifier(meta, {"optimizer": optimizer})


@dataclass(frozen=True)
class QuickRegressor:
    rate: float

    def __call__(self, meta):
        model = build_regressor(meta)
        model.compile(keras.optimizers.Adam(self.rate), "mse")
        return model


@pytest.mark.slow
@parametrize_with_checks(
    [
        KerasClassifier(
            QuickClassifier(0.02),
            epochs=30,
            random_state=0,
        ),
        KerasRegressor(
            QuickRegressor(0.05),
            epochs=60,
            random_state=0,
        ),
    ],
    expected_failed_checks=lambda estimator: OF_KERAS,
)
def test_scikit_learn_check_of_the_wrappers(estimator, check):
    check(estimator)
