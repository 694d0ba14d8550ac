"""The losses of classifiers: smoothed labels and the focal loss."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import check_estimator

import skdl
from skdl import CNNClassifier, MLPClassifier
from skdl.model_selection import OptunaSearchCV
from skdl.nn._heads import HEADS

LOSSES = [
    dict(loss="cross_entropy"),
    dict(label_smoothing=0.2),
    dict(loss="focal", focal_gamma=1.5),
]
NAMES = ["plain", "smooth", "focal"]


@pytest.fixture(scope="module")
def three():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def problems(three):
    """Return two classes, three classes, and two independent labels."""
    X, y = three
    return {
        "two": (X, (y > 0).astype(int)),
        "three": (X, y),
        "labels": (X, np.column_stack([y > 0, X[:, 0] > 0]).astype(int)),
    }


KINDS = ["two", "three", "labels"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in HEADS
        if name.endswith(("max", "moid")) and not name.startswith("own")
    ],
)
@pytest.mark.parametrize("setting", [0.0, 0.3, 2.0])
def test_the_gradient_is_that_of_the_losses(name, setting):
    if name.startswith("smooth") and setting >= 1:
        setting = 0.99
    rng = np.random.default_rng(0)
    logits = tf.constant(3 * rng.standard_normal((60, 4)), tf.float32)
    head = HEADS[name]
    if head.takes_codes:
        y = tf.constant(rng.integers(0, 4, 60), tf.int32)
    else:
        y = tf.constant(rng.integers(0, 2, (60, 4)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses, right, gradient = head.score(logits, y, tf.constant([setting]))
    assert_allclose(gradient, tape.gradient(losses, logits), rtol=1e-4, atol=1e-5)
    assert set(np.unique(right)) <= {0, 1}


def losses_in_numpy(probabilities, y, settings):
    """Return the mean loss from probabilities, by its formula."""
    if y.ndim == 1:
        shares = np.eye(probabilities.shape[1])[y]
        logs = np.log(probabilities)
        p = (shares * probabilities).sum(axis=1)
    else:
        logs = None
        p = np.where(y == 1, probabilities, 1 - probabilities)
    smoothing = settings.get("label_smoothing", 0.0)
    if smoothing and logs is not None:
        smooth = shares * (1 - smoothing) + smoothing / shares.shape[1]
        return -(smooth * logs).sum(axis=1).mean()
    if smoothing:
        smooth = y * (1 - smoothing) + smoothing / 2
        logs = np.log(probabilities), np.log(1 - probabilities)
        return -(smooth * logs[0] + (1 - smooth) * logs[1]).mean()
    gamma = settings.get("focal_gamma", 0.0)
    return -((1 - p) ** gamma * np.log(p)).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", LOSSES, ids=NAMES)
def test_the_loss_in_the_history_is_its_formula(problems, kind, settings):
    X, y = problems[kind]
    network = MLPClassifier(8, epochs=5, random_state=0, **settings)
    network.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    expected = losses_in_numpy(network.predict_proba(X[1::2]), y[1::2], settings)
    assert network.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)
    assert network._mean_loss(X[1::2], y[1::2]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", LOSSES, ids=NAMES)
def test_keras_onnx_and_files_give_the_same(problems, kind, settings, tmp_path):
    X, y = problems[kind]
    network = MLPClassifier(8, epochs=5, random_state=0, **settings).fit(X, y)
    expected = network.predict_proba(X)
    X_single = X.astype(np.float32)
    in_keras = network.model_.predict(X_single, verbose=0)
    columns = expected[:, 1:] if kind == "two" else expected
    assert_allclose(in_keras, columns, atol=1e-5)
    encoded = y.reshape(len(y), -1).astype(np.float32)
    loss = network.model_.evaluate(X_single, encoded, verbose=0)[0]
    # Keras adds the penalty of the kernels.
    kernels = network._weights[::2]
    penalty = network.resolved_["l2"] * sum((k**2).sum() for k in kernels)
    plain = losses_in_numpy(expected, y, settings)
    assert loss - penalty == pytest.approx(plain, rel=1e-3)
    skdl.save(network, tmp_path / "model.skdl")
    loaded = skdl.load(tmp_path / "model.skdl")
    assert_array_equal(loaded.predict_proba(X), expected)
    skdl.export_onnx(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(["probabilities"], {"X": X_single})[0]
    assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", LOSSES[1:], ids=NAMES[1:])
def test_keras_trains_it_to_the_same_history(problems, kind, settings):
    from keras.callbacks import Callback

    class SeesBatches(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    X, y = problems[kind]
    plain = dict(hidden_layer_sizes=8, dropout=0.0, epochs=3, random_state=0)
    ours, keras_fit = (
        MLPClassifier(callbacks=callbacks, **plain, **settings).fit(X, y)
        for callbacks in (None, [SeesBatches()])
    )
    for name, values in ours.history_.items():
        assert_allclose(keras_fit.history_[name], values, rtol=2e-3, atol=1e-5)


def test_a_linear_network_is_a_logistic_regression(three):
    X, y = three
    network = MLPClassifier(
        (),
        l2=0.01,
        batch_size=-1,
        epochs=3_000,
        learning_rate=0.05,
        learning_rate_schedule="cosine",
        random_state=0,
    ).fit(X, y)
    # l2 * sum(w^2) beside a mean of losses is w^2 / 2 beside C times their sum.
    peer = LogisticRegression(C=1 / (2 * 0.01 * len(y)), tol=1e-8, max_iter=1_000)
    expected = peer.fit(X, y).predict_proba(X)
    assert_allclose(network.predict_proba(X), expected, atol=1e-4)


def test_smoothed_labels_and_a_focal_loss_are_less_sure(three):
    X, y = three
    sure, *others = (
        MLPClassifier(32, epochs=200, l2=0.0, random_state=0, **settings)
        .fit(X, y)
        .predict_proba(X)
        .max(axis=1)
        .mean()
        for settings in LOSSES
    )
    assert max(others) < sure - 0.02


def test_a_search_by_log_loss_scores_probabilities(three):
    X, y = three
    network = MLPClassifier(8, epochs=4, random_state=0, label_smoothing=0.3)
    search = OptunaSearchCV(
        network,
        {"label_smoothing": [0.3]},
        n_trials=1,
        cv=2,
        scoring="neg_log_loss",
        random_state=0,
    ).fit(X, y)
    expected = cross_val_score(network, X, y, cv=2, scoring="neg_log_loss")
    assert search.best_score_ == pytest.approx(expected.mean(), rel=1e-5)
    for value in search.study_.trials[0].intermediate_values.values():
        assert value < -log_loss(y, np.full((150, 3), 1 / 3)) + 2


def test_settings_flow_in_and_compile_nothing(three):
    X, y = three
    from skdl.training._cache import programs

    programs.clear()
    for smoothing in (0.1, 0.2, 0.3):
        MLPClassifier(4, epochs=1, label_smoothing=smoothing).fit(X, y)
    assert len(programs) == 1


def test_images_have_the_losses_too(three):
    X, y = three
    images = X.reshape(-1, 2, 2)
    for settings in LOSSES[1:]:
        network = CNNClassifier(4, epochs=2, **settings).fit(images, y)
        assert network.predict_proba(images).shape == (150, 3)


def test_a_resumed_fit_keeps_its_loss(three):
    X, y = three
    network = MLPClassifier(4, epochs=1, warm_start=True, label_smoothing=0.1)
    network.fit(X, y).fit(X, y)
    with pytest.raises(ValueError, match="needs the loss of the last fit"):
        network.set_params(label_smoothing=0.2).fit(X, y)
    with pytest.raises(ValueError, match="'smooth_softmax'.*got 'focal_softmax'"):
        network.set_params(label_smoothing=0.0, loss="focal").fit(X, y)


def test_a_resumed_fit_keeps_the_order_of_its_classes(three):
    X, y = three
    network = MLPClassifier(
        4, epochs=1, warm_start=True, loss="ordinal", categories=[1, 0, 2]
    )
    network.fit(X, y).fit(X, y)
    with pytest.raises(
        ValueError, match=r"\[1, 0, 2\], got 'ordinal' with \[0, 1, 2\]"
    ):
        network.set_params(categories=None).fit(X, y)
    with pytest.raises(ValueError, match="'ordinal'.*got 'softmax'"):
        network.set_params(loss="cross_entropy").fit(X, y)
    plain = MLPClassifier(4, epochs=1, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="'softmax'.*got 'ordinal'"):
        plain.set_params(loss="ordinal", categories=[1, 0, 2]).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(loss="hinge"), "loss='hinge' is not known"),
        (dict(label_smoothing=1.0), "'label_smoothing' parameter"),
        (dict(focal_gamma=-1.0), "'focal_gamma' parameter"),
        (dict(loss="focal", label_smoothing=0.1), "has no effect with loss='focal'"),
        (dict(categories=[0, 1, 2]), "has no effect with loss='cross_entropy'"),
    ],
)
def test_a_bad_setting_is_named_before_anything_is_trained(three, settings, message):
    network = MLPClassifier(**settings)
    with pytest.raises(ValueError, match=message):
        network.fit(*three)
    assert not hasattr(network, "history_")


def make_grades(n_rows, n_grades=5):
    """Return features, and grades that a hidden number falls into."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 6))
    hidden = X @ rng.standard_normal(6) + 1.5 * rng.standard_normal(n_rows)
    edges = np.quantile(hidden, np.linspace(0, 1, n_grades + 1)[1:-1])
    return X, np.searchsorted(edges, hidden)


def test_the_ordinal_loss_is_minus_the_log_of_the_probability():
    X, y = make_grades(300)
    network = MLPClassifier(8, loss="ordinal", epochs=5, random_state=0)
    network.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    probabilities = network.predict_proba(X[1::2])
    assert (probabilities > 0).all()
    assert_allclose(probabilities.sum(axis=1), 1)
    expected = log_loss(y[1::2], probabilities)
    assert network.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)
    right = np.mean(network.predict(X[1::2]) == y[1::2])
    assert network.history_["val_accuracy"][-1] == pytest.approx(right)


def test_far_classes_of_both_ends_keep_their_probabilities():
    X, y = make_grades(60, 4)
    target = MLPClassifier(8, loss="ordinal", epochs=1).fit(X, y)._target
    links = np.array([[40.0, 41.5, 45.0], [800.0, 801.0, 803.0]])
    found = target.log_probabilities(links)
    # 1 - sigmoid(b) is exp(-b) there: that of all classes above the link b
    expected = -links + np.log1p(-np.exp(-np.diff(links, append=np.inf)))
    assert_allclose(found[:, 1:], expected, rtol=1e-12)
    assert_allclose(target.log_probabilities(-links[:, ::-1]), found[:, ::-1])
    assert_allclose(target.probabilities(links), np.exp(found))
    assert target.predict(links).tolist() == [0, 0]


def test_the_gradient_of_the_ordinal_loss_is_that_of_the_losses():
    rng = np.random.default_rng(0)
    logits = tf.constant(np.sort(3 * rng.standard_normal((60, 4))), tf.float32)
    y = tf.constant(rng.integers(0, 5, 60), tf.int32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses, _, gradient = HEADS["ordinal"].score(logits, y, tf.constant([0.0]))
    assert_allclose(gradient, tape.gradient(losses, logits), rtol=1e-3, atol=1e-4)


def test_ordered_classes_are_missed_by_less_than_by_the_cross_entropy():
    misses = {"ordinal": [], "cross_entropy": []}
    X, y = make_grades(2_200, 10)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(2_200)
        train, test = order[:150], order[150:]
        for loss, found in misses.items():
            network = MLPClassifier(32, loss=loss, epochs=60, random_state=seed)
            predicted = network.fit(X[train], y[train]).predict(X[test])
            found.append(np.abs(predicted - y[test]).mean())
    assert np.mean(misses["ordinal"]) < np.mean(misses["cross_entropy"]) - 0.1, misses


def test_text_is_ordered_by_its_categories(tmp_path):
    X, y = make_grades(300, 3)
    names = np.array(["low", "middle", "high"])
    by_number = MLPClassifier(8, loss="ordinal", epochs=5, random_state=0).fit(X, y)
    network = MLPClassifier(
        8, loss="ordinal", categories=names, epochs=5, random_state=0
    ).fit(X, names[y])
    assert network.classes_.tolist() == ["high", "low", "middle"]
    expected = by_number.predict_proba(X)
    assert_allclose(network.predict_proba(X), expected[:, [2, 0, 1]])
    assert_array_equal(network.predict(X), names[by_number.predict(X)])
    single = X.astype(np.float32)
    in_keras = network.model_.predict(single, verbose=0)
    assert_allclose(in_keras, network.predict_proba(X), atol=1e-5)
    skdl.save(network, tmp_path / "model.skdl")
    loaded = skdl.load(tmp_path / "model.skdl")
    assert_array_equal(loaded.predict_proba(X), network.predict_proba(X))
    skdl.export_onnx(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    label, found = session.run(None, {"X": single})
    assert_allclose(found, network.predict_proba(X), atol=1e-5)
    assert (label == network.predict(X)).all()
    weighted = MLPClassifier(
        8,
        loss="ordinal",
        categories=names,
        class_weight={"high": 5.0},
        epochs=5,
        random_state=0,
        early_stopping=True,
    ).fit(X, names[y])
    assert np.mean(weighted.predict(X) == "high") > np.mean(y == 2)


def test_two_ordered_classes_are_two_classes(three):
    X, y = three
    plain, ordinal = (
        MLPClassifier(4, loss=loss, epochs=3, random_state=0).fit(X, y > 0)
        for loss in ("cross_entropy", "ordinal")
    )
    assert_array_equal(plain.predict_proba(X), ordinal.predict_proba(X))
    assert ordinal.set_params(warm_start=True).fit(X, y > 0).n_iter_ == 3


@pytest.mark.parametrize(
    ("y", "categories", "message"),
    [
        (["a", "b", "c"], None, "y holds text, \\['a', 'b', 'c'\\]"),
        (["a", "b", "c"], ["a", "b"], "must name each class of y once"),
        (["a", "b", "c"], ["a", "b", "c", "c"], "must name each class of y once"),
    ],
)
def test_classes_without_an_order_are_named(three, y, categories, message):
    y = np.repeat(y, 50)
    network = MLPClassifier(4, loss="ordinal", categories=categories, epochs=1)
    with pytest.raises(ValueError, match=message):
        network.fit(three[0], y)
    with pytest.raises(ValueError, match="for one label in each row"):
        network.fit(three[0], np.ones((150, 2), int))


@pytest.mark.slow
def test_scikit_learn_accepts_the_loss_of_ordered_classes():
    skipped = {
        "check_sample_weight_equivalence_on_dense_data": "as of the cross-entropy",
        "check_sample_weight_equivalence_on_sparse_data": "as of the cross-entropy",
        "check_classifiers_classes": "text has no order without categories",
    }
    network = MLPClassifier(random_state=0, loss="ordinal")
    check_estimator(network, expected_failed_checks=skipped)


# The checks in which a loss takes part; the others are about what is around it.
CHECKS = [
    checks.check_classifiers_classes,
    checks.check_classifiers_one_label_sample_weights,
    checks.check_classifiers_train,
    checks.check_fit_check_is_fitted,
    checks.check_fit_idempotent,
    checks.check_methods_subset_invariance,
    checks.check_sample_weights_shape,
]


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("settings", LOSSES[1:], ids=str)
def test_scikit_learn_accepts_each_loss(settings, check):
    check("MLPClassifier", MLPClassifier(random_state=0, **settings))


@pytest.mark.parametrize("n_ensemble", [1, 2])
@pytest.mark.parametrize("names", [[2, 1, 0], ["low", "mid", "high"]])
def test_model_has_the_outputs_of_ordered_classes_where_classes_has_them(
    iris, tmp_path, names, n_ensemble
):
    X, y = iris
    labels = np.array(names[::-1])[y]
    network = MLPClassifier(
        (8,),
        loss="ordinal",
        categories=names,
        n_ensemble=n_ensemble,
        learning_rate=0.02,
        epochs=20,
        random_state=0,
    ).fit(X, labels)
    expected = network.predict_proba(X)
    assert_allclose(network.model_.predict(X, verbose=0), expected, atol=2e-6)
    codes = np.searchsorted(network.classes_, labels)
    _, accuracy = network.model_.evaluate(X, codes, verbose=0)
    assert accuracy == pytest.approx(network.score(X, labels), abs=1e-6)
    network.model_.save(tmp_path / "model.keras")
    saved = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(saved.predict(X, verbose=0), expected, atol=2e-6)


def test_ordered_classes_train_alike_by_keras(iris):
    X, y = iris
    settings = dict(
        hidden_layer_sizes=(8,),
        loss="ordinal",
        categories=[1, 2, 0],
        dropout=0.0,
        epochs=3,
        random_state=0,
    )
    compiled = MLPClassifier(**settings).fit(X, y)

    class Batches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    by_keras = MLPClassifier(**settings, callbacks=[Batches()]).fit(X, y)
    assert_allclose(by_keras.predict_proba(X), compiled.predict_proba(X), atol=1e-5)


def test_categories_of_two_classes_are_checked_too(iris):
    X, y = iris
    with pytest.raises(ValueError, match="must name each class of y once"):
        MLPClassifier(loss="ordinal", categories=["zz"]).fit(X[:100], y[:100])


def test_dates_are_labels_whatever_their_unit(iris):
    X, y = iris
    days = np.arange("2026-01-01", "2026-01-04", dtype="M8[D]")
    labels = days.astype("M8[ns]")[y]
    settings = dict(hidden_layer_sizes=(8,), epochs=20, random_state=0)
    weights = {0: 1.0, 1: 1.0, 2: 0.1}
    by_code = MLPClassifier(class_weight=weights, **settings).fit(X, y)
    by_day = {days[code]: weight for code, weight in weights.items()}
    by_date = MLPClassifier(class_weight=by_day, **settings).fit(X, labels)
    assert_array_equal(by_date.predict_proba(X), by_code.predict_proba(X))
    expected = MLPClassifier(loss="ordinal", **settings).fit(X, y).predict_proba(X)
    for categories in (None, list(days), days):
        ordered = MLPClassifier(loss="ordinal", categories=categories, **settings)
        assert_array_equal(ordered.fit(X, labels).predict_proba(X), expected)
    part = MLPClassifier(random_state=0).partial_fit(X, labels, np.unique(labels))
    part.partial_fit(X, days[y], classes=days)
    warm = MLPClassifier(warm_start=True, **settings).fit(X, labels)
    assert warm.fit(X, days[y]).score(X, labels) > 0.5
    with pytest.raises(ValueError, match="unknown labels: .*2026-01-11.*2026-01-01"):
        part.partial_fit(X, days[y] + 10)
