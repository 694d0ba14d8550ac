"""Sparse rows: the weights are bit for bit those of dense rows."""

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skdl import CNNClassifier, MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV
from tests.conftest import equal_weights


@pytest.fixture(scope="module")
def rows():
    X = sparse.random(300, 40, 0.1, random_state=0, format="csr")
    y = (X @ np.random.RandomState(0).standard_normal(40) > 0).astype(int)
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array]
)
@pytest.mark.parametrize(
    "params",
    [
        dict(),
        dict(early_stopping=True, batch_norm=True),
        dict(optimizer="nadam", input_dropout=0.2),
        dict(batch_size=-1, l1=1e-4),
    ],
)
def test_sparse_rows_are_dense_rows(rows, kind, params):
    X, y = rows
    network = MLPClassifier(8, epochs=4, random_state=0, **params)
    dense = MLPClassifier(8, epochs=4, random_state=0, **params).fit(X.toarray(), y)
    found = network.fit(kind(X), y)
    assert equal_weights(found, dense)
    assert found.history_ == dense.history_
    np.testing.assert_array_equal(
        found.predict_proba(kind(X)), dense.predict_proba(X.toarray())
    )


def test_weights_validation_and_empty_rows_are_the_same(rows):
    X, y = rows
    X = sparse.vstack([sparse.csr_matrix((3, 40)), X]).tocsr()
    y, weight = np.r_[0, 1, 0, y], np.r_[0.0, np.linspace(0.5, 1, len(y) + 2)]
    network = MLPRegressor(8, epochs=4, random_state=0)
    found = network.fit(X, 1.0 * y, weight, X_val=X[:50], y_val=y[:50])
    history = found.history_
    D = X.toarray()
    expected = network.fit(D, 1.0 * y, weight, X_val=D[:50], y_val=y[:50])
    assert history == expected.history_


def test_a_column_with_many_categories_does_not_break_a_pipeline():
    rng = np.random.default_rng(0)
    X = np.array([f"word {k}" for k in rng.integers(0, 60, 400)])[:, np.newaxis]
    y = np.array([int(row[0][5:]) % 2 for row in X])
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [0]), sparse_threshold=1.0
    )
    assert sparse.issparse(encoder.fit_transform(X))
    network = MLPClassifier(16, epochs=60, random_state=0)
    pipeline = make_pipeline(encoder, network).fit(X, y)
    assert pipeline.score(X, y) > 0.95
    search = OptunaSearchCV(
        pipeline, {"mlpclassifier__dropout": [0.1]}, n_trials=1, cv=2, random_state=0
    ).fit(X, y)
    curve = search.study_.trials[0].user_attrs["curves"][0]
    assert len(curve) >= 5
    assert max(map(int, curve)) == 59


def test_what_needs_dense_rows_says_so(rows):
    with pytest.raises(ValueError, match="sparse, and a callback wants to see each"):
        MLPClassifier(4, callbacks=[keras.callbacks.TerminateOnNaN()]).fit(*rows)
    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=10)
    assert MLPClassifier(4, callbacks=[stop]).fit(*rows).n_iter_ == 2
    with pytest.raises((TypeError, ValueError), match="parse"):
        CNNClassifier(4, image_shape=(5, 8, 1)).fit(*rows)
