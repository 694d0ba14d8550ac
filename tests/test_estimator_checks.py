"""scikit-learn's own checks."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skdl import MLPClassifier, MLPRegressor

MINI_BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "asks for 1e-7: single precision, and mini-batches that fall differently where "
        "rows are repeated, can't give it; test_laws.py shows the law at full batch"
    )
}


@parametrize_with_checks(
    [MLPClassifier(), MLPRegressor()],
    expected_failed_checks=lambda estimator: MINI_BATCHES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
