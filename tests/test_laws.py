"""Laws that hold for any data: hypothesis looks for data where they do not."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdl import MLPClassifier, MLPRegressor

quick = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
seeds = st.integers(0, 2**20)
estimators = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])


def data(seed, n=24):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 3))
    return rng, X, np.arange(n) % 3


def network(estimator, **params):
    plain = dict(hidden_layer_sizes=6, dropout=0.0, batch_size=-1, epochs=20)
    return estimator(**{**plain, **params}, random_state=0)


def output(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


@pytest.mark.slow
@estimators
@given(seed=seeds)
@quick
def test_weights_equal_repeated_rows_at_full_batch(estimator, seed):
    rng, X, y = data(seed)
    counts = rng.randint(0, 4, len(y))
    counts[:3] = 1
    weighted = network(estimator).fit(X, y, sample_weight=counts)
    repeated = network(estimator).fit(
        np.repeat(X, counts, axis=0), np.repeat(y, counts)
    )
    np.testing.assert_allclose(
        output(weighted, X), output(repeated, X), rtol=1e-4, atol=1e-4
    )


@estimators
@given(seed=seeds, batch_size=st.sampled_from([-1, 1, 7]))
@quick
def test_a_row_of_weight_zero_is_a_row_left_out(estimator, seed, batch_size):
    rng, X, y = data(seed)
    weight = rng.uniform(0.5, 2, len(y)) * (rng.uniform(size=len(y)) > 0.3)
    weight[:3] = 1
    params = dict(batch_size=batch_size, batch_norm=True, dropout=0.2, epochs=2)
    kept = weight > 0
    zero = network(estimator, **params).fit(X, y, weight)
    out = network(estimator, **params).fit(X[kept], y[kept], weight[kept])
    np.testing.assert_array_equal(output(zero, X), output(out, X))


@estimators
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
@quick
def test_only_the_proportions_of_the_weights_count(estimator, seed, factor):
    rng, X, y = data(seed)
    weight = rng.uniform(0.5, 2, len(y))
    first = network(estimator, epochs=5).fit(X, y, weight)
    second = network(estimator, epochs=5).fit(X, y, factor * weight)
    np.testing.assert_allclose(
        output(first, X), output(second, X), rtol=1e-4, atol=1e-4
    )


@estimators
@given(seed=seeds)
@quick
def test_predictions_follow_the_order_of_the_rows(estimator, seed):
    rng, X, y = data(seed)
    model = network(estimator, epochs=2).fit(X, y)
    order = rng.permutation(len(y))
    np.testing.assert_allclose(
        output(model, X)[order], output(model, X[order]), rtol=1e-9
    )


@given(seed=seeds, labels=st.permutations(["a", "b", "c"]))
@quick
def test_the_names_of_the_labels_only_order_the_columns(seed, labels):
    _, X, y = data(seed)
    names = np.array(labels)[y]
    model = network(MLPClassifier, epochs=3).fit(X, names)
    np.testing.assert_array_equal(model.classes_, ["a", "b", "c"])
    best = model.classes_[model.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(X), best)
    np.testing.assert_array_equal(
        model.predict(X), model.classes_[model.decision_function(X).argmax(axis=1)]
    )


@given(seed=seeds, factor=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
@quick
def test_a_regression_follows_the_units_of_its_target(seed, factor, offset):
    rng, X, _ = data(seed)
    y = rng.standard_normal(len(X))
    first = network(MLPRegressor, epochs=5).fit(X, y).predict(X)
    second = network(MLPRegressor, epochs=5).fit(X, factor * y + offset).predict(X)
    np.testing.assert_allclose(
        second, factor * first + offset, rtol=1e-3, atol=1e-3 * factor
    )
