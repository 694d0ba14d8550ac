"""What is learned from held-back rows: a temperature, and intervals."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.metrics import log_loss
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.preprocessing import StandardScaler

import skdl
from benchmarks._tables import CLASSES, NUMBERS, load_table
from skdl import CNNClassifier, MLPClassifier, MLPRegressor, TabularRegressor
from skdl.estimators._conformal import conformal_width

PARAMS = dict(hidden_layer_sizes=16, epochs=30, early_stopping=True, random_state=0)


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 20))
    return X, (X[:, 0] + 2 * rng.standard_normal(600) > 0).astype(int)


def overfitted(X, y, **params):
    """Return a network that is far too sure, validated on rows of its own."""
    network = MLPClassifier(
        100,
        dropout=0.0,
        l2=0.0,
        learning_rate=0.01,
        epochs=40,
        random_state=0,
        **params,
    )
    return network.fit(X[:300], y[:300], X_val=X[300:450], y_val=y[300:450])


def test_a_temperature_makes_a_sure_network_less_sure(noisy):
    X, y = noisy
    plain, cooled = overfitted(X, y), overfitted(X, y, temperature=True)
    assert cooled.temperature_ > 1.2
    np.testing.assert_allclose(
        cooled.decision_function(X) * cooled.temperature_,
        plain.decision_function(X),
        rtol=1e-4,
        atol=1e-5,
    )
    before, after = (
        log_loss(y[450:], each.predict_proba(X[450:])) for each in (plain, cooled)
    )
    assert after < 0.9 * before
    assert (plain.predict(X) == cooled.predict(X)).all()
    assert not hasattr(plain, "temperature_")


@pytest.mark.parametrize("kind", ["several classes", "several labels"])
def test_the_temperature_has_the_least_loss_of_held_back_rows(noisy, kind):
    X, y = noisy
    several = kind == "several labels"
    y = np.c_[y, X[:, 1] > 0].astype(int) if several else y + (X[:, 1] > 1)
    plain, cooled = overfitted(X, y), overfitted(X, y, temperature=True)
    probabilities = plain.predict_proba(X[300:450])
    found = cooled.temperature_

    def penalized(temperature):
        # A prior of deviation 0.1 on the logarithm, spread over the 150 rows.
        prior = (np.log(temperature) / 0.1) ** 2 / 2 / 150
        if several:
            logits = logit(np.clip(probabilities, 1e-12, 1 - 1e-12)) / temperature
            losses = np.logaddexp(0, -logits * (2 * y[300:450] - 1))
            return losses.mean() + prior
        powers = probabilities ** (1 / temperature)
        powers /= powers.sum(axis=1, keepdims=True)
        return log_loss(y[300:450], powers) + prior

    around = [penalized(found * factor) for factor in (0.97, 1.0, 1.03)]
    assert min(around) == around[1]


def test_everything_of_the_network_has_the_temperature(noisy, tmp_path):
    X, y = noisy
    network = overfitted(X, y, temperature=True)
    expected = network.predict_proba(X)
    found = network.model_.predict(X, verbose=0)[:, 0]
    np.testing.assert_allclose(found, expected[:, 1], atol=1e-6)
    skdl.save(network, tmp_path / "a.skdl")
    loaded = skdl.load(tmp_path / "a.skdl")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.temperature_ == network.temperature_
    skdl.export_onnx(network, tmp_path / "a.onnx")  # it compares the outputs


def test_resumed_training_goes_on_from_the_weights_without_a_temperature(noisy):
    X, y = noisy
    cooled = overfitted(X, y, temperature=True)
    plain = overfitted(X, y)
    for network in (cooled, plain):
        network.set_params(
            warm_start=True, temperature=False, epochs=1, learning_rate=1e-12
        )
        network.fit(X[:300], y[:300])
    for one, other in zip(cooled._weights, plain._weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert not hasattr(cooled, "temperature_")


def test_images_have_a_temperature_too(digits):
    X, y = digits
    network = CNNClassifier(
        (4,), epochs=3, early_stopping=True, temperature=True, random_state=0
    ).fit(X[:500], y[:500])
    assert network.temperature_ > 0
    shares = network.model_.predict(X[:9].reshape(-1, 64), verbose=0)
    np.testing.assert_allclose(network.predict_proba(X[:9]), shares, atol=1e-5)


def test_a_temperature_needs_rows_and_one_number(iris):
    with pytest.raises(ValueError, match="temperature=True needs rows that are held"):
        MLPClassifier(temperature=True).fit(*iris)
    with pytest.raises(ValueError, match="partial_fit has none: set temperature=False"):
        MLPClassifier(temperature=True).partial_fit(*iris, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="can't be combined with loss='ordinal'"):
        MLPClassifier(temperature=True, loss="ordinal", early_stopping=True).fit(*iris)


@pytest.mark.slow
def test_a_temperature_improves_the_log_loss_of_six_tables():
    gains = {}
    for table in CLASSES:
        X, y = load_table(*table)
        splits = StratifiedShuffleSplit(4, test_size=0.4, random_state=0).split(X, y)
        losses = []
        for seed, (train, test) in enumerate(splits):
            scaler = StandardScaler().fit(X[train])
            losses.append([])
            for temperature in (False, True):
                network = MLPClassifier(
                    early_stopping=True, temperature=temperature, random_state=seed
                ).fit(scaler.transform(X[train]), y[train])
                shares = network.predict_proba(scaler.transform(X[test]))
                losses[-1].append(log_loss(y[test], shares))
        plain, cooled = np.mean(losses, axis=0)
        gains[table[0]] = 1 - cooled / plain
    assert np.mean([*gains.values()]) > 0, gains
    assert min(gains.values()) > -0.005, gains


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "table"),
    [("squared_error", table) for table in NUMBERS] + [("quantile", NUMBERS[0])],
    ids=lambda part: part if isinstance(part, str) else part[0],
)
def test_intervals_cover_what_they_say_in_50_splits(loss, table):
    X, y = load_table(*table)
    found = []
    splits = ShuffleSplit(50, test_size=0.4, random_state=0).split(X)
    for seed, (train, test) in enumerate(splits):
        scaler = StandardScaler().fit(X[train])
        network = MLPRegressor(
            16,
            loss=loss,
            quantile=[0.1, 0.9],
            epochs=20,
            early_stopping=True,
            validation_fraction=0.25,
            random_state=seed,
        ).fit(scaler.transform(X[train]), y[train])
        low, high = network.predict_interval(scaler.transform(X[test]), 0.8).T
        found.append(np.mean((low <= y[test]) & (y[test] <= high)))
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)


def test_an_interval_is_the_prediction_and_a_residual(diabetes):
    X, y = diabetes
    network = MLPRegressor(**PARAMS).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    residuals = np.sort(np.abs(y[300:] - network.predict(X[300:])))
    # 0.9 of 142 rows and the new one: 128.7, so the 129th.
    low, high = network.predict_interval(X, 0.9).T
    np.testing.assert_allclose(high - network.predict(X), residuals[128])
    np.testing.assert_allclose(network.predict(X) - low, residuals[128])


@pytest.mark.parametrize(
    ("loss", "unit"), [("poisson", np.sqrt), ("gamma", np.asarray)]
)
def test_behind_a_log_link_the_width_grows_with_the_prediction(diabetes, loss, unit):
    X, y = diabetes
    network = MLPRegressor(loss=loss, **PARAMS).fit(X, y)
    predicted = network.predict(X)
    low, high = network.predict_interval(X).T
    widths = (high - predicted) / unit(predicted)
    np.testing.assert_allclose(widths, widths[0])
    assert (low >= 0).all()


def test_quantiles_are_moved_alike_and_never_cross(diabetes):
    X, y = diabetes
    network = MLPRegressor(loss="quantile", quantile=[0.1, 0.5, 0.9], **PARAMS)
    network.fit(X, y)
    first, _, last = network.predict_quantiles(X).T
    low, high = network.predict_interval(X, 0.9).T
    np.testing.assert_allclose(first - low, high - last)
    narrow = network.predict_interval(X, 0.01)
    assert (narrow[:, 0] <= narrow[:, 1]).all()


def test_each_of_several_targets_has_its_interval(diabetes):
    X, y = diabetes
    both = np.c_[y, 100 * X[:, 0]]
    network = MLPRegressor(**PARAMS).fit(X, both)
    found = network.predict_interval(X)
    assert found.shape == (442, 2, 2)
    inside = (found[:, :, 0] <= both) & (both <= found[:, :, 1])
    assert (inside.mean(axis=0) > 0.8).all()


def test_weights_of_the_held_back_rows_count():
    residuals = np.arange(100.0)[:, np.newaxis]
    assert conformal_width(residuals, None, 0.5)[0] == 50
    heavy = np.where(np.arange(100) < 50, 1.0, 3.0)
    assert conformal_width(residuals, heavy, 0.5)[0] == pytest.approx(67, abs=1)


def test_a_saved_network_keeps_its_intervals(diabetes, tmp_path):
    X, y = diabetes
    network = MLPRegressor(**PARAMS).fit(X, y)
    skdl.save(network, tmp_path / "a.skdl")
    found = skdl.load(tmp_path / "a.skdl").predict_interval(X, 0.7)
    np.testing.assert_array_equal(found, network.predict_interval(X, 0.7))


def test_bad_coverage_is_refused(diabetes):
    X, y = diabetes
    network = MLPRegressor(**PARAMS).fit(X, y)
    for coverage in (0, 1, 1.5, True, "most", None):
        with pytest.raises(ValueError, match=r"coverage=.* must be a float in \(0, 1"):
            network.predict_interval(X, coverage)
    with pytest.raises(ValueError, match=r"more rows than the 45 .* at most 0.978"):
        network.predict_interval(X, 0.99)
    network.set_params(early_stopping=False).fit(X, y)
    with pytest.raises(ValueError, match="needs rows that the fit has held back"):
        network.predict_interval(X)


def test_rows_of_weight_zero_are_not_held_back(iris, diabetes):
    X, y = diabetes
    weight = np.zeros(142)
    weight[:20] = 1
    network = MLPRegressor((4,), epochs=5, random_state=0)
    network.fit(
        X[:300], y[:300], X_val=X[300:], y_val=y[300:], sample_weight_val=weight
    )
    with pytest.raises(ValueError, match="more rows than the 20"):
        network.predict_interval(X[:1], 0.97)
    X, y = iris
    rows, others = np.arange(0, 150, 2), np.arange(1, 150, 2)
    weight = (np.arange(75) < 50).astype(float)
    settings = dict(hidden_layer_sizes=(4,), epochs=5, temperature=True, random_state=0)
    part = others[:50]
    few = MLPClassifier(**settings).fit(X[rows], y[rows], X_val=X[part], y_val=y[part])
    all_rows = MLPClassifier(**settings).fit(
        X[rows], y[rows], X_val=X[others], y_val=y[others], sample_weight_val=weight
    )
    assert all_rows.temperature_ == pytest.approx(few.temperature_, rel=1e-5)


def test_rows_that_several_networks_hold_back_count_once(diabetes):
    X, y = diabetes
    params = dict(hidden_layer_sizes=4, epochs=3, n_bins=4, random_state=0)
    network = TabularRegressor(n_ensemble=4, **params)
    network.fit(X[:40], y[:40], validation_groups=np.arange(40) // 20)
    assert len(network._residuals) == 40
    first, second = network.estimators_[:2]
    held_back = np.concatenate([m._residuals for m in (first, second)])
    assert len(held_back) == 40
    # With two networks each fold is that of one of them.
    pair = TabularRegressor(n_ensemble=2, **params)
    pair.fit(X[:40], y[:40], validation_groups=np.arange(40) // 20)
    single = [member._residuals for member in pair.estimators_]
    np.testing.assert_allclose(pair._residuals, np.concatenate(single), rtol=1e-6)
    few = TabularRegressor(n_ensemble=8, **params).fit(X[:5], y[:5])
    with pytest.raises(ValueError, match="0.83"):
        few.predict_interval(X[:1], 0.88)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_the_interval_of_an_infinite_prediction_is_all_that_is_possible(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    network = MLPRegressor(
        8, activation="relu", loss=loss, epochs=30, learning_rate=0.02, random_state=0
    ).fit(X, np.exp(X[:, 0]), X_val=X, y_val=np.exp(X[:, 0]))
    far = np.array([[1e6, 0.0]])
    assert np.isinf(network.predict(far)).all()
    assert network.predict_interval(far, 0.8).tolist() == [[0.0, np.inf]]
