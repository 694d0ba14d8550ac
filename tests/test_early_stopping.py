"""Early stopping by any score, and what is told of it."""

import keras
import numpy as np
import pytest
from sklearn.metrics import make_scorer, median_absolute_error, roc_auc_score

import skdl
from skdl import CNNClassifier, MLPClassifier, MLPRegressor

PARAMS = dict(
    hidden_layer_sizes=8,
    epochs=12,
    early_stopping=True,
    validation_fraction=0.3,
    patience=12,
    random_state=0,
)


def auc(estimator, X, y):
    return roc_auc_score(y, estimator.predict_proba(X)[:, 1])


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6))
    return X, (X[:, 0] + rng.standard_normal(300) > 0).astype(int)


def test_the_loss_is_monitored_unless_told(iris):
    network = MLPClassifier(**PARAMS).fit(*iris)
    losses = network.history_["val_loss"]
    assert network.best_epoch_ == np.argmin(losses) + 1
    assert network.validation_scores_ == network.history_["val_accuracy"]
    assert network.best_score_ == network.validation_scores_[network.best_epoch_ - 1]
    assert network.loss_curve_ == network.history_["loss"]


@pytest.mark.parametrize(
    ("kind", "metric"), [(MLPClassifier, "accuracy"), (MLPRegressor, "r2")]
)
def test_the_score_is_that_of_the_program(iris, kind, metric):
    network = kind(monitor="score", **PARAMS).fit(*iris)
    scores = network.history_[f"val_{metric}"]
    assert set(network.history_) == {"loss", metric, "val_loss", f"val_{metric}"}
    assert network.best_epoch_ == np.argmax(scores) + 1
    assert network.best_score_ == max(scores)


@pytest.mark.parametrize(
    ("kind", "name"), [(MLPClassifier, "accuracy"), (MLPRegressor, "r2")]
)
def test_a_scorer_that_the_program_has_is_not_computed_again(iris, kind, name):
    by_scorer = kind(monitor=name, **PARAMS).fit(*iris)
    in_program = kind(monitor="score", **PARAMS).fit(*iris)
    assert by_scorer.history_ == in_program.history_
    assert by_scorer.best_epoch_ == in_program.best_epoch_


AUC = make_scorer(roc_auc_score, response_method="predict_proba")


@pytest.mark.parametrize("monitor", ["roc_auc", auc, AUC])
def test_a_scorer_is_computed_from_the_predictions_of_each_epoch(noisy, monitor):
    X, y = noisy
    network = MLPClassifier(monitor=monitor, **PARAMS)
    network.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    name = monitor if isinstance(monitor, str) else "auc"
    name = "roc_auc_score" if name == "auc" and monitor is not auc else name
    scores = network.history_[f"val_{name}"]
    assert len(scores) == network.n_iter_ == 12
    assert network.validation_scores_ == scores
    assert network.best_epoch_ == np.argmax(scores) + 1
    # The best weights are those that are kept.
    found = MLPClassifier.predict_proba(network, X[200:])[:, 1]
    assert (
        network.best_score_
        == max(scores)
        == pytest.approx(roc_auc_score(y[200:], found))
    )


def test_patience_counts_the_epochs_of_the_monitored_score(noisy):
    scores = iter([0.1, 0.5, 0.4, 0.45, 0.5, 0.9])
    params = {**PARAMS, "monitor": lambda *_: next(scores), "patience": 3}
    network = MLPClassifier(**params).fit(*noisy)
    assert (network.best_epoch_, network.n_iter_) == (2, 5)
    assert network.validation_scores_ == [0.1, 0.5, 0.4, 0.45, 0.5]


def test_a_change_below_min_delta_is_no_improvement(noisy):
    params = {**PARAMS, "min_delta": 0.5, "patience": 4}
    network = MLPClassifier(monitor="roc_auc", **params).fit(*noisy)
    assert network.best_epoch_ == 1
    assert network.n_iter_ == 5


def test_weights_of_the_validation_rows_count(noisy):
    X, y = noisy
    weight = np.random.default_rng(1).uniform(0.1, 3, 100)
    network = MLPClassifier(monitor="roc_auc", **PARAMS)
    network.fit(
        X[:200], y[:200], X_val=X[200:], y_val=y[200:], sample_weight_val=weight
    )
    found = network.predict_proba(X[200:])[:, 1]
    expected = roc_auc_score(y[200:], found, sample_weight=weight)
    assert network.best_score_ == pytest.approx(expected)


def test_a_score_that_takes_no_weights_gets_none(noisy):
    network = MLPClassifier(monitor="adjusted_rand_score", **PARAMS)
    network.fit(*noisy, sample_weight=np.random.default_rng(0).uniform(1, 2, 300))
    assert np.isfinite(network.best_score_)


def loss(estimator, X, y):
    return estimator.score(X, y)


def test_a_score_that_is_called_loss_leaves_the_loss_alone(noisy):
    network = MLPClassifier(monitor=loss, **PARAMS).fit(*noisy)
    plain = MLPClassifier(**PARAMS).fit(*noisy)
    assert network.history_["val_loss"] == plain.history_["val_loss"]
    scores = network.history_["val_loss_score"]
    assert scores == pytest.approx(network.history_["val_accuracy"])


def test_the_targets_are_those_of_the_user(diabetes):
    X, y = diabetes
    y = 1000 * y
    network = MLPRegressor(monitor="neg_median_absolute_error", **PARAMS)
    network.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    expected = -median_absolute_error(y[300:], network.predict(X[300:]))
    assert network.best_score_ == pytest.approx(expected)


def test_frames_sparse_rows_images_and_text_labels(iris, digits):
    pandas = pytest.importorskip("pandas")
    from scipy import sparse

    names = np.array(["a", "b", "c"])[iris[1]]
    params = {**PARAMS, "monitor": "f1_macro", "epochs": 3}
    frame = pandas.DataFrame(iris[0], columns=list("pqrs"))
    dense = MLPClassifier(**params).fit(frame, names)
    rows = MLPClassifier(**params).fit(sparse.csr_matrix(iris[0]), names)
    assert dense.best_score_ == pytest.approx(rows.best_score_)
    images = digits[0][:300].reshape(-1, 8, 8)
    network = CNNClassifier(
        (4,), early_stopping=True, monitor="f1_macro", epochs=2, random_state=0
    )
    network.fit(images, digits[1][:300])
    assert len(network.history_["val_f1_macro"]) == 2


def test_keras_way_monitors_the_same(noisy):
    class SeesBatches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    params = {**PARAMS, "monitor": "roc_auc", "dropout": 0.0}
    ours = MLPClassifier(**params).fit(*noisy)
    theirs = MLPClassifier(callbacks=[SeesBatches()], **params).fit(*noisy)
    assert ours.best_epoch_ == theirs.best_epoch_
    np.testing.assert_allclose(
        ours.validation_scores_, theirs.validation_scores_, atol=1e-4
    )


def test_without_a_validation_part_there_is_no_score(iris):
    network = MLPClassifier(8, epochs=2, monitor="roc_auc_ovr").fit(*iris)
    assert network.validation_scores_ is None
    assert network.best_score_ is None
    assert network.best_epoch_ is None
    network.fit(*iris, X_val=iris[0], y_val=iris[1])
    assert len(network.validation_scores_) == 2
    assert network.best_epoch_ is None  # nothing stops early


def test_a_refit_forgets_the_best_epoch(iris):
    network = MLPClassifier(**PARAMS).fit(*iris)
    network.set_params(early_stopping=False).fit(*iris)
    assert network.best_epoch_ is None


def test_an_unfitted_network_has_no_curve():
    for name in ("loss_curve_", "validation_scores_", "best_score_", "best_epoch_"):
        assert not hasattr(MLPClassifier(), name)


def test_a_saved_network_keeps_its_best_score(noisy, tmp_path):
    network = MLPClassifier(monitor="roc_auc", **PARAMS).fit(*noisy)
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    assert loaded.best_score_ == network.best_score_
    assert loaded.validation_scores_ == network.validation_scores_


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("roc_acu", r"monitor='roc_acu' is not known.*nearest.*'roc_auc'"),
        ("Loss", r"monitor='Loss' is not known.*'loss'"),
        (3, "'monitor' parameter"),
        (lambda estimator, X, y: np.nan, "gave nan on the validation part"),
        ("roc_auc", "monitor='roc_auc' failed on the validation part: multi_class"),
        (lambda estimator, X, y: "bad", "failed on the validation part: could not"),
        (dict, "is a class: give a scorer"),
    ],
)
def test_bad_monitors_are_refused(iris, monitor, message):
    network = MLPClassifier(**{**PARAMS, "monitor": monitor})
    with pytest.raises(ValueError, match=message):
        network.fit(*iris)
    assert not hasattr(network, "history_")


def test_a_loss_that_no_epoch_has_is_told(diabetes):
    X, y = diabetes
    X_val = X.copy()
    X_val[0] = 1e25
    network = MLPRegressor((4,), early_stopping=True, patience=2, random_state=0)
    with pytest.warns(UserWarning, match="val_loss was inf in all epochs"):
        network.fit(X, y, X_val=X_val, y_val=y)
    assert network.best_epoch_ is None
