"""``diagnose``: the verdict on networks of which it is known."""

import keras
import matplotlib
import numpy as np
import pytest
import scipy.sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.model_selection import GroupKFold, KFold, train_test_split
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

from skdl import (
    CNNClassifier,
    CNNRegressor,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularRegressor,
)
from skdl.inspection import Diagnosis, _diagnosis, _next_steps, compare, diagnose
from skdl.inspection._diagnosis import _judge
from skdl.inspection._next_steps import find_next_steps
from skdl.inspection._trained_run import TrainedRun
from tests.keras_models import build_classifier, build_regressor

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def noisy(digits):
    """Digits, of which a quarter have labels drawn at random."""
    X, y = digits
    rng = np.random.default_rng(0)
    return X, np.where(rng.random(len(y)) < 0.25, rng.integers(0, 10, len(y)), y)


def network(units=(100, 100), **params):
    plain = dict(epochs=40, dropout=0.0, l2=0.0)
    return MLPClassifier(units, **{**plain, **params})


def test_a_network_of_one_unit_has_high_bias(digits):
    found = diagnose(network(1, learning_rate=0.01, epochs=60), *digits, random_state=0)
    assert found.verdict == "high bias"
    assert found.numbers["bias"] > 0.3
    assert abs(found.numbers["variance"]) < 0.1
    assert list(found.next_steps.values())[:2] == [
        {"hidden_layer_sizes": (2,)},
        {"hidden_layer_sizes": (1, 1)},
    ]


def test_a_network_that_learns_wrong_labels_by_heart_has_high_variance(noisy):
    found = diagnose(network((200, 200), epochs=60), *noisy, random_state=0)
    assert found.verdict == "high variance"
    assert found.numbers["train_score"] > 0.99
    assert found.numbers["variance"] > 0.2
    assert found.next_steps["more dropout"] == {"dropout": 0.3}
    assert "more rows to train on" in found.advice


def test_a_small_network_on_few_wrong_labels_has_both(noisy):
    X, y = noisy
    small = network(3, epochs=300, learning_rate=0.01)
    found = diagnose(small, X[:400], y[:400], random_state=0)
    assert found.verdict == "high bias and high variance"
    first = next(iter(found.next_steps.values()))
    assert first == {"hidden_layer_sizes": (6,), "dropout": 0.3}


def test_a_network_that_does_what_can_be_expected_is_fine(digits, noisy):
    found = diagnose(MLPClassifier(epochs=30), *digits, random_state=1)
    assert found.verdict == "fine"
    assert found.numbers["val_score"] > 0.97
    assert (found.next_steps, found.advice) == ({}, [])
    small = network(16)
    assert diagnose(small, *noisy, random_state=0).verdict == "high bias"
    known = diagnose(small, *noisy, target_score=0.77, random_state=0)
    assert known.verdict == "fine"
    assert known.numbers["bias"] == pytest.approx(0.77 - known.numbers["train_score"])


def test_a_network_that_was_stopped_early_is_still_learning(digits):
    slow = network(epochs=5, learning_rate=3e-4)
    found = diagnose(slow, *digits, random_state=0)
    assert found.verdict == "still learning"
    assert found.next_steps["3 times the epochs"] == {"epochs": 15}
    assert found.next_steps["learning rate times 3"] == {"learning_rate": 9e-4}


@pytest.mark.filterwarnings("ignore:learning_rate=.* is large")
@pytest.mark.parametrize("rate", [10.0, 1e6])
def test_a_rate_that_is_far_too_high_diverges(digits, rate):
    wild = network(optimizer="sgd", learning_rate=rate)
    found = diagnose(wild, *digits, random_state=0)
    assert found.verdict == "diverging"
    assert found.numbers["final_loss"] == np.inf
    assert next(iter(found.next_steps.values())) == {"learning_rate": rate / 10}
    with pytest.raises(ValueError, match="there are no curves"):
        found.plot()


def test_a_loss_that_rises_diverges_too():
    run = TrainedRun("it", "", 0, 0, {"score": 0.5}, {"score": 0.5}, 1.0, 1.0, 80, 20)
    run.history = {"loss": [1.0, 2.0, 3.0, 4.0], "val_accuracy": [0.4, 0.5, 0.5, 0.5]}
    found = Diagnosis(run, 1.0, 0.1, network())
    assert found.numbers["final_loss"] == 4
    assert found.verdict == "diverging"


def test_a_network_that_has_learned_nothing_tries_other_rates_first(digits):
    X, y = digits
    dead = network(activation="relu", optimizer="sgd", learning_rate=1.0)
    found = diagnose(dead, 30 * X, y, random_state=0)
    assert found.numbers["train_score"] < 0.15
    assert found.verdict == "high bias"
    assert list(found.next_steps)[:2] == [
        "learning rate times 0.1",
        "learning rate times 10",
    ]


def test_compare_takes_the_next_steps_of_a_pipeline(digits):
    pipeline = make_pipeline(StandardScaler(), network(1, epochs=10))
    found = diagnose(pipeline, *digits, random_state=0)
    steps = {"as it is": {}, **found.next_steps}
    frame = compare(pipeline, steps, *digits, random_state=0).frame()
    assert frame.loc["twice as many units", "n_parameters"] > frame.iloc[0].n_parameters
    assert not frame["val_score"].isna().any()


@pytest.mark.parametrize(
    "verdict",
    [
        "high bias",
        "high variance",
        "high bias and high variance",
        "fine",
        "still learning",
        "diverging",
    ],
)
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(()),
        MLPClassifier((8, 4), dropout=[0.1, 0.2], l1=0.1, optimizer="sgd"),
        MLPRegressor(dropout=0.65, batch_norm=True, early_stopping=True),
        CNNClassifier(conv_dropout=0.2, augmentation=None),
        KerasClassifier(build_classifier, loss="sparse_categorical_crossentropy"),
    ],
)
def test_every_next_step_is_one_that_the_network_takes(estimator, verdict):
    for learned in (True, False):
        steps, _ = _diagnosis.find_next_steps(estimator, verdict, learned)
        for changes in steps.values():
            before = estimator.get_params()
            assert any(before[name] != value for name, value in changes.items())
            changed = type(estimator)(**{**before, **changes})
            if hasattr(changed, "_check_parameters"):
                changed._check_parameters()
                if not isinstance(changed, CNNClassifier):
                    changed._dropout_rates()


@pytest.mark.parametrize(
    ("estimator", "without"),
    [
        (MLPClassifier(()), {"dropout", "normalization"}),
        (CNNClassifier(hidden_layer_sizes=()), {"dropout", "normalization"}),
        (
            TabularRegressor(optimizer=keras.optimizers.Adam(0.01)),
            {"weight_decay", "learning_rate"},
        ),
        (
            MLPClassifier(
                learning_rate_schedule=keras.optimizers.schedules.CosineDecay(0.01, 9)
            ),
            {"learning_rate"},
        ),
    ],
    ids=["no hidden layer", "none of a CNN", "an optimizer", "a schedule of Keras"],
)
def test_no_next_step_is_one_that_changes_nothing(estimator, without):
    for verdict in _next_steps._BY_VERDICT:
        steps, _ = find_next_steps(estimator, verdict, learned=False)
        changed = {name for changes in steps.values() for name in changes}
        assert not changed & without, verdict


def test_a_fit_that_stopped_early_needs_no_more_epochs():
    settings = (TabularRegressor(), "high bias", True, (), ())
    assert "2 times the epochs" in find_next_steps(*settings, n_epochs=300)[0]
    assert "2 times the epochs" not in find_next_steps(*settings, n_epochs=30)[0]


def test_the_penalty_of_a_table_is_its_weight_decay():
    steps, _ = _diagnosis.find_next_steps(TabularRegressor(), "high bias", True)
    assert steps["no dropout and no penalty"]["weight_decay"] == 0
    steps, _ = _diagnosis.find_next_steps(TabularRegressor(), "high variance", True)
    assert steps["more weight decay"] == {"weight_decay": 0.5}


def test_the_numbers_are_those_of_the_fit(iris):
    X, X_val, y, y_val = train_test_split(*iris, stratify=iris[1], random_state=0)
    found = diagnose(network(4), X, y, validation=(X_val, y_val), random_state=0)
    numbers = found.numbers
    assert numbers["bias"] + numbers["variance"] == pytest.approx(
        1 - numbers["val_score"]
    )
    share = numbers["val_score"]
    error = 2 * np.sqrt(share * (1 - share) / len(y_val))
    assert numbers["threshold"] == pytest.approx(max(0.02, error, 0.2 * (1 - share)))
    curve = found.history["val_accuracy"]
    assert numbers["progress"] == pytest.approx(
        np.mean(curve[-10:]) - np.mean(curve[-20:-10])
    )
    assert list(found.plot().lines_) == ["loss", "accuracy"]
    assert str(found).startswith(f"{found.verdict}: target_score 1, ")
    assert repr(found) == f"Diagnosis(verdict={found.verdict!r})"


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        # Train and validation errors of Ng (2018), chapter 21 and 22.
        ({"train_score": 0.99, "val_score": 0.89}, "high variance"),
        ({"train_score": 0.85, "val_score": 0.84}, "high bias"),
        ({"train_score": 0.85, "val_score": 0.70}, "high bias and high variance"),
        ({"train_score": 0.995, "val_score": 0.99}, "fine"),
        # The same errors where people err as often.
        ({"train_score": 0.85, "val_score": 0.84, "target_score": 0.86}, "fine"),
        ({"train_score": 0.85, "val_score": 0.84, "progress": 0.02}, "still learning"),
        ({"train_score": 0.85, "val_score": 0.84, "progress": 0.01}, "high bias"),
        ({"train_score": 0.99, "val_score": 0.99, "final_loss": 1.2}, "diverging"),
    ],
)
def test_the_rules_judge_as_their_source_does(numbers, verdict):
    known = {"target_score": 1.0, "progress": 0.0, "final_loss": 0.1, **numbers}
    known["bias"] = known["target_score"] - known["train_score"]
    known["variance"] = known["train_score"] - known["val_score"]
    distance = known["target_score"] - known["val_score"]
    known["threshold"] = max(_diagnosis.TOLERANCE, _diagnosis.GAP_SHARE * distance)
    assert _judge(known, 1.0) == verdict


def test_what_can_not_be_diagnosed_is_named(iris):
    with pytest.raises(TypeError, match="SVC is no network of skdl"):
        diagnose(SVC(), *iris)
    with pytest.raises(ValueError, match=r"target_score=95 must be a number up to 1"):
        diagnose(network(), *iris, target_score=95)
    with pytest.raises(ValueError, match="target_score='0.9'"):
        diagnose(network(), *iris, target_score="0.9")
    with pytest.raises(ValueError, match="epochs"):
        diagnose(network(epochs=0), *iris)
    with pytest.raises(ValueError, match="has 3 splits, and diagnose trains once"):
        diagnose(network(), *iris, validation=KFold(3))


def test_images_are_diagnosed(digits):
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)[:300] / 16
    small = CNNClassifier(2, hidden_layer_sizes=2, epochs=4, global_pooling="max")
    found = diagnose(small, images, y[:300], random_state=0)
    assert found.verdict == "high bias"
    filters = found.next_steps["twice as many filters"]
    assert filters == {"conv_filters": (4,)}


def test_an_error_that_falls_is_no_score_that_falls(diabetes):
    X, y = (part[:60] for part in diabetes)
    y = (y - y.mean()) / y.std()
    own = KerasRegressor(
        build_regressor,
        hidden=100,
        loss="mean_squared_error",
        optimizer="adam",
        optimizer__learning_rate=0.01,
        metrics=["mean_absolute_error"],
        epochs=200,
    )
    found = diagnose(own, X, y, random_state=0)
    assert found.numbers["variance"] > 0.3
    assert found.verdict == "high variance"
    assert found.numbers["progress"] < 0.1


def test_a_loss_below_zero_is_no_divergence():
    run = TrainedRun("it", "", 0, 0, {"score": 0.5}, {"score": 0.5}, 1.0, 1.0, 80, 20)
    run.history = {"loss": [-0.2, -0.9], "val_loss": [-0.2, -0.9]}
    found = Diagnosis(run, 1.0, 0.1, network())
    assert found.verdict == "high bias"


def test_names_of_the_users_own_are_left_alone():
    own = KerasClassifier(
        build_classifier, hidden_layer_sizes=(1,), l2=None, loss="mse", epochs=3
    )
    for verdict in ("high bias", "high variance", "high bias and high variance"):
        steps, _ = _diagnosis.find_next_steps(own, verdict, True)
        assert steps in ({}, {"2 times the epochs": {"epochs": 6}})
    rates = MLPClassifier((1, 1), dropout=np.array([0.1, 0.1]))
    assert _diagnosis.find_next_steps(rates, "high bias", True)[0]


# Against a constant, under any score


@pytest.fixture(scope="module")
def rare():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 5))
    y = (X[:, 0] + 0.3 * rng.normal(size=1000) > 1.8).astype(int)
    return X, y


def test_the_share_of_the_majority_is_what_a_constant_reaches(rare):
    found = diagnose(network(epochs=40), *rare, random_state=0)
    share = 1 - rare[1].mean()
    assert found.numbers["constant_score"] == pytest.approx(share, abs=0.01)
    assert found.numbers["train_score"] > share + 0.01
    # It has learned: no other rates, and no scaling, are the first thing to try.
    assert not any("learning rate" in name for name in found.next_steps)
    assert not any("StandardScaler" in text for text in found.advice)


@pytest.mark.parametrize(
    ("scoring", "constant", "target"),
    [("balanced_accuracy", 0.5, 1.0), ("neg_log_loss", None, 0.0), ("f1", None, 1.0)],
)
def test_another_score_is_judged_by_its_own_constant_and_target(
    rare, scoring, constant, target
):
    found = diagnose(network(epochs=20), *rare, scoring=scoring, random_state=0)
    assert found.numbers["target_score"] == target
    if constant is not None:
        assert found.numbers["constant_score"] == constant
    assert found.numbers["train_score"] > found.numbers["constant_score"]


def test_scaled_features_are_advised_where_nothing_scales_them(rare):
    X, y = rare
    dead = network(activation="relu", optimizer="sgd", learning_rate=1.0, epochs=3)
    raw = diagnose(dead, 300 * X, y, random_state=0)
    assert any("StandardScaler" in text for text in raw.advice)
    union = FeatureUnion([("scaled", StandardScaler())])
    scaled = diagnose(make_pipeline(union, dead), 300 * X, y, random_state=0)
    assert not any("StandardScaler" in text for text in scaled.advice)


@pytest.mark.filterwarnings("ignore:The loss of the first epoch")
def test_scaled_targets_are_advised_for_a_wrapped_regression(diabetes):
    def build(meta):
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])

    X, y = diabetes
    own = KerasRegressor(build, loss="mse", epochs=5)
    raw = diagnose(own, X, 1000 * y, random_state=0)
    assert raw.advice[0].startswith("scaled targets: TransformedTargetRegressor")
    inside = TransformedTargetRegressor(own, transformer=StandardScaler())
    scaled = diagnose(inside, X, 1000 * y, random_state=0)
    assert not any("scaled targets" in text for text in scaled.advice)


def test_groups_weights_and_one_split_are_taken(rare):
    X, y = rare
    groups = np.arange(1000) // 10
    split = [(np.arange(0, 1000, 2), np.arange(1, 1000, 2))]
    settings = dict(sample_weight=1.0 + y, random_state=0)
    for given in (dict(groups=groups), dict(validation=split)):
        assert diagnose(network(epochs=3), X, y, **given, **settings).verdict
    with pytest.raises(ValueError, match=r"scoring=\['f1'\] must be one score"):
        diagnose(network(), X, y, scoring=["f1"])
    with pytest.raises(ValueError, match="has 3 splits.*with groups="):
        diagnose(network(), X, y, validation=GroupKFold(3), groups=groups)


def test_a_diagnosis_shows_itself_in_a_notebook(rare):
    found = diagnose(network(epochs=3), *rare, random_state=0)
    html = found._repr_html_()
    assert f"<b>{found.verdict}</b>" in html
    assert "constant_score" in html
    assert html.count("<li>") == len(found.next_steps) + len(found.advice)


@pytest.mark.parametrize(
    ("network", "change"),
    [
        (MLPRegressor(), {"normalization": "batch"}),
        (MLPRegressor(normalization="layer"), None),
        (MLPRegressor(batch_norm=True), None),
        (TabularRegressor(), {"normalization": "batch"}),
        (CNNRegressor(), {"normalization": "batch", "conv_batch_norm": True}),
        (CNNRegressor(normalization="batch"), {"conv_batch_norm": True}),
    ],
)
def test_normalization_is_proposed_where_there_is_none(network, change):
    steps, _ = find_next_steps(network, "high bias", learned=True)
    assert steps.get("batch normalization") == change


def test_weights_count_in_the_constant_and_in_the_standard_error():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    weight = np.where(rng.random(300) < 0.9, 0.01, 10.0)
    y = np.where(weight > 1, 50, 0) + X[:, 0]
    split = [(np.arange(200), np.arange(200, 300))]
    settings = dict(validation=split, sample_weight=weight, random_state=0)
    found = diagnose(MLPRegressor(8, epochs=5), X, y, **settings)
    mean = np.average(y[:200], weights=weight[:200])
    best = r2_score(y[200:], np.full(100, mean), sample_weight=weight[200:])
    assert found.numbers["constant_score"] == pytest.approx(best, abs=1e-3)
    labels = (X[:, 0] > 0).astype(int)
    for scoring in (None, "accuracy", make_scorer(accuracy_score)):
        numbers = diagnose(
            MLPClassifier(8, epochs=2), X, labels, scoring=scoring, **settings
        ).numbers
        n_rows = weight[200:].sum() ** 2 / (weight[200:] ** 2).sum()
        share = numbers["val_score"]
        error = 2 * np.sqrt(share * (1 - share) / n_rows)
        assert numbers["threshold"] == pytest.approx(
            max(0.02, error, 0.2 * (1 - share))
        )


@pytest.mark.parametrize("factor", [1, 1e-4])
def test_the_unit_of_the_target_decides_nothing(diabetes, factor):
    X, y = diabetes
    scoring, target = "neg_root_mean_squared_error", -50 * factor
    model = MLPRegressor(16, epochs=40, learning_rate=1e-3)
    found = diagnose(
        model, X, y * factor, scoring=scoring, target_score=target, random_state=0
    )
    assert found.verdict == "still learning"
    # Of no history there is this score: the share by which the loss fell tells of it.
    losses, distance = found.history["val_loss"], target - found.numbers["val_score"]
    before, last = np.mean(losses[20:30]), np.mean(losses[30:])
    progress = pytest.approx((before - last) / before * distance)
    assert found.numbers["progress"] == progress


def test_the_progress_is_that_of_the_score_where_the_history_has_it(rare):
    scoring = "balanced_accuracy"
    model = network(monitor=scoring, early_stopping=True, patience=100, epochs=8)
    found = diagnose(model, *rare, scoring=scoring, random_state=0)
    scores = found.history[f"val_{scoring}"]
    progress = np.mean(scores[-2:]) - np.mean(scores[-4:-2])
    assert found.numbers["progress"] == pytest.approx(progress)


def test_the_best_constant_of_several_labels_and_of_many_classes():
    X, Y = make_multilabel_classification(400, n_classes=3, random_state=0)
    part = (X[:100], Y[:100])
    found = diagnose(network(4, epochs=1), X / 10, Y, validation=part)
    _, counts = np.unique(Y[:100], axis=0, return_counts=True)
    assert found.numbers["constant_score"] == counts.max() / 100
    y = np.arange(300) % 30
    y_val = np.array([25] * 15 + [1] * 5)
    found = diagnose(
        network(4, epochs=1), np.eye(30)[y], y, validation=(np.eye(30)[y_val], y_val)
    )
    assert found.numbers["constant_score"] == 0.75


def test_the_epochs_that_count_are_the_ones_that_are_changed(digits):
    model = make_pipeline(
        StandardScaler(),
        KerasClassifier(
            build_classifier,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            fit__epochs=3,
        ),
    )
    steps, _ = find_next_steps(model, "still learning", True, (), {}, 3)
    assert {"kerasclassifier__fit__epochs": 9} in steps.values()


def test_small_features_are_scaled_and_tables_scale_themselves(digits):
    X, y = digits
    advised = "scaled features, for example by StandardScaler"
    for factor, is_advised in ((1e-5, True), (1.0, False)):
        found = diagnose(network(4, epochs=1), X * factor, y, random_state=0)
        assert (advised in found.advice) == is_advised
    # Many words in each text, and a row of length 1.
    rng = np.random.default_rng(0)
    counts = rng.random((60, 2_000)) * (rng.random((60, 2_000)) < 0.2)
    words = normalize(scipy.sparse.csr_matrix(counts))
    for rows in (words, words.toarray()):
        found = diagnose(network(4, epochs=1), rows, np.arange(60) % 2, random_state=0)
        assert advised not in found.advice
    assert not _diagnosis._is_odd(scipy.sparse.csr_array((5, 5)))
    table = TabularRegressor(epochs=1, n_ensemble=1)
    found = diagnose(table, 1e6 * X[:300, :5], 1.0 * y[:300], random_state=0)
    assert advised not in found.advice
