"""Several networks that one fit trains, and whose predictions are averaged."""

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdl
from skdl import CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV
from skdl.nn._links import average_logits
from tests.conftest import equal_weights

PARAMS = dict(hidden_layer_sizes=8, epochs=4, n_ensemble=3, random_state=0)


def test_each_member_is_the_fit_with_its_seed_bit_for_bit(iris):
    X, y = iris
    ensemble = MLPClassifier(**PARAMS).fit(X, y)
    assert len(ensemble.estimators_) == 3
    for member in ensemble.estimators_:
        assert isinstance(member.random_state, int)
        assert equal_weights(member, clone(member).fit(X, y))
        assert member.n_ensemble == 1
    assert not equal_weights(*ensemble.estimators_[:2])


def test_members_stop_for_themselves_on_the_same_rows(digits):
    X, y = digits
    held = dict(X_val=X[1200:], y_val=y[1200:])
    params = dict(early_stopping=True, patience=1, epochs=25, learning_rate=0.02)
    ensemble = MLPClassifier(**PARAMS | params).fit(X[:1200], y[:1200], **held)
    for member in ensemble.estimators_:
        assert equal_weights(member, clone(member).fit(X[:1200], y[:1200], **held))
    lengths = [member.n_iter_ for member in ensemble.estimators_]
    assert len(set(lengths)) > 1
    assert ensemble.n_iter_ == max(lengths) == len(ensemble.history_["val_loss"])


@pytest.mark.parametrize("restore", [True, False])
def test_a_member_that_has_ended_counts_with_the_epoch_that_it_kept(digits, restore):
    X, y = digits
    params = dict(epochs=30, patience=2, early_stopping=True, learning_rate=0.02)
    params["restore_best_weights"] = restore
    model = MLPClassifier(16, n_ensemble=3, random_state=1, **params)
    model.fit(X[:300], y[:300])
    members = model.estimators_
    assert len({member.n_iter_ for member in members}) > 1
    for name, means in model.history_.items():
        last = [
            member.history_[name][
                member.best_epoch_ - 1
                if restore and member.n_iter_ < model.n_iter_
                else -1
            ]
            for member in members
        ]
        assert means[-1] == pytest.approx(np.mean(last))


def test_a_part_that_is_split_off_is_that_of_all_members(iris):
    params = PARAMS | dict(early_stopping=True, validation_fraction=0.5)
    seen = Seen()
    ensemble = MLPClassifier(**params, monitor=seen).fit(*iris)
    assert len(ensemble.estimators_) == 3
    assert len(set(seen.labels)) == 1


class Seen:
    """A scorer that keeps the labels that it is given."""

    __name__ = "seen"

    def __init__(self):
        self.labels = []

    def __deepcopy__(self, memo):
        return self

    def __call__(self, estimator, X, y):
        self.labels.append(y.tobytes())
        return estimator.score(X, y)


def test_probabilities_are_averaged(iris):
    X, y = iris
    ensemble = MLPClassifier(**PARAMS).fit(X, y)
    mean = np.mean([each.predict_proba(X) for each in ensemble.estimators_], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X), mean, atol=1e-12)
    np.testing.assert_allclose(ensemble.predict_log_proba(X), np.log(mean), atol=1e-9)
    np.testing.assert_array_equal(ensemble.predict(X), mean.argmax(axis=1))
    two = MLPClassifier(**PARAMS).fit(X, y > 0)
    mean = np.mean([each.predict_proba(X) for each in two.estimators_], axis=0)
    np.testing.assert_allclose(two.predict_proba(X), mean, atol=1e-12)
    np.testing.assert_allclose(
        two.decision_function(X), np.log(mean[:, 1] / mean[:, 0]), atol=1e-9
    )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    ],
)
def test_predictions_are_averaged(diabetes, params):
    X, y = diabetes
    ensemble = MLPRegressor(**PARAMS, **params).fit(X, y)
    mean = np.mean([each.predict(X) for each in ensemble.estimators_], axis=0)
    np.testing.assert_allclose(ensemble.predict(X), mean, rtol=1e-9)
    if params.get("loss") == "quantile":
        quantiles = [each.predict_quantiles(X) for each in ensemble.estimators_]
        found = ensemble.predict_quantiles(X)
        np.testing.assert_allclose(found, np.mean(quantiles, axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    "params",
    [{}, {"loss": "focal"}, {"loss": "ordinal"}, {"label_smoothing": 0.1}],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_everything_of_a_classifier_is_that_of_the_mean(
    iris, tmp_path, params, n_classes
):
    X, y = iris[0], np.minimum(iris[1], n_classes - 1)
    _check_everything(MLPClassifier(**PARAMS, **params).fit(X, y), X, tmp_path)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "quantile"])
def test_everything_of_a_regressor_is_that_of_the_mean(diabetes, tmp_path, loss):
    X, y = diabetes
    _check_everything(MLPRegressor(**PARAMS, loss=loss).fit(X, y), X, tmp_path)


def test_several_labels_and_targets(iris, tmp_path):
    X, y = iris
    labels = np.c_[y == 0, y == 1].astype(int)
    _check_everything(MLPClassifier(**PARAMS).fit(X, labels), X, tmp_path)
    _check_everything(
        MLPRegressor(**PARAMS).fit(X[:, 1:], X[:, :2]), X[:, 1:], tmp_path
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [CNNClassifier, CNNRegressor])
def test_images(digits, tmp_path, kind):
    X, y = digits[0][:200], digits[1][:200]
    network = kind((4,), epochs=2, n_ensemble=2, random_state=0).fit(X, y)
    _check_everything(network, X, tmp_path)


def _check_everything(ensemble, X, folder):
    """Check that model, file, pickle and graph give the same predictions."""
    predict = getattr(ensemble, "predict_proba", ensemble.predict)(X)
    found = ensemble.model_.predict(X, verbose=0)
    if found.shape[1:] == (1,):
        predict_of_model = predict[:, 1] if predict.ndim == 2 else predict
        found = found[:, 0]
    else:
        predict_of_model = predict
    np.testing.assert_allclose(found, predict_of_model, rtol=1e-4, atol=1e-5)
    skdl.save(ensemble, folder / "a.skdl")
    for kept in (
        skdl.load(folder / "a.skdl"),
        pickle.loads(pickle.dumps(ensemble)),
    ):
        again = getattr(kept, "predict_proba", kept.predict)(X)
        np.testing.assert_array_equal(again, predict)
    skdl.export_onnx(ensemble, folder / "a.onnx")  # it compares the outputs


def test_the_model_is_compiled_and_can_be_evaluated(iris):
    X, y = iris
    ensemble = MLPClassifier(**PARAMS).fit(X, y)
    _, accuracy = ensemble.model_.evaluate(X, y, verbose=0)
    assert accuracy == pytest.approx(ensemble.score(X, y))
    assert (
        ensemble.model_.count_params()
        == 3 * ensemble.estimators_[0].model_.count_params()
    )


def test_logits_of_means_are_finite_where_probabilities_round_to_1():
    far = [np.array([[40.0, -40.0]]), np.array([[45.0, -35.0]])]
    for link in ("sigmoid", "softmax"):
        assert np.isfinite(average_logits(link, far)).all()
    assert average_logits("exponential", [np.array([[800.0]])])[0, 0] == 800


def test_partial_fit_trains_every_member(iris):
    X, y = iris
    ensemble = MLPClassifier(**PARAMS)
    for _ in range(3):
        ensemble.partial_fit(X, y, classes=[0, 1, 2])
    assert ensemble.n_iter_ == 3
    for member in ensemble.estimators_:
        assert member.n_iter_ == 3
        alone = clone(member)
        for _ in range(3):
            alone.partial_fit(X, y, classes=[0, 1, 2])
        assert equal_weights(member, alone)


def test_warm_start_goes_on_with_every_member(iris):
    X, y = iris
    ensemble = MLPClassifier(**PARAMS, warm_start=True).fit(X, y)
    before = [member.score(X, y) for member in ensemble.estimators_]
    ensemble.set_params(epochs=30).fit(X, y)
    after = [member.score(X, y) for member in ensemble.estimators_]
    assert np.mean(after) > np.mean(before)
    with pytest.raises(ValueError, match="n_ensemble was 3, got 2"):
        ensemble.set_params(n_ensemble=2).fit(X, y)
    assert len(ensemble.estimators_) == 3


def test_one_network_and_an_ensemble_follow_each_other(iris):
    X, y = iris
    network = MLPClassifier(**PARAMS).fit(X, y)
    network.set_params(n_ensemble=1).fit(X, y)
    assert not hasattr(network, "estimators_")
    alone = network.predict_proba(X)
    np.testing.assert_array_equal(clone(network).fit(X, y).predict_proba(X), alone)
    network.set_params(n_ensemble=2).fit(X, y)
    assert len(network.estimators_) == 2
    assert not hasattr(network, "_weights")


def test_one_network_after_an_ensemble_is_monitored_itself(iris):
    X, y = iris[0], (iris[1] > 0).astype(int)
    params = PARAMS | dict(early_stopping=True, monitor="roc_auc", epochs=6)
    network = MLPClassifier(**params).fit(X, y).set_params(n_ensemble=1).fit(X, y)
    assert network.validation_scores_ == clone(network).fit(X, y).validation_scores_


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_resuming_with_one_network_is_refused(iris, method):
    classes = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    network = MLPClassifier(**PARAMS, warm_start=True)
    getattr(network, method)(*iris, **classes)
    with pytest.raises(ValueError, match="n_ensemble was 3, got 1"):
        getattr(network.set_params(n_ensemble=1), method)(*iris)


def test_members_have_intervals_of_their_own(diabetes):
    X, y = diabetes
    network = MLPRegressor(**PARAMS | {"early_stopping": True})
    network.fit(X, y).fit(X, 1000 * y)
    widths = [
        np.diff(each.predict_interval(X[:1], 0.5)).item()
        for each in (network, *network.estimators_)
    ]
    assert min(widths) > 0.3 * max(widths)
    network.set_params(early_stopping=False).fit(X, y)
    with pytest.raises(ValueError, match="needs rows that the fit has held back"):
        network.estimators_[0].predict_interval(X)


def test_calibration_is_that_of_the_mean(diabetes):
    X, y = diabetes
    params = PARAMS | dict(epochs=20)
    held = dict(X_val=X[300:], y_val=y[300:])
    ensemble = MLPRegressor(**params).fit(X[:300], y[:300], **held)
    low, high = ensemble.predict_interval(X, 0.9).T
    residuals = np.sort(np.abs(y[300:] - ensemble.predict(X[300:])))
    np.testing.assert_allclose((high - low) / 2, residuals[128])
    labels = (y > 140).astype(int)
    held["y_val"] = labels[300:]
    classifier = MLPClassifier(**params, temperature=True)
    classifier.fit(X[:300], labels[:300], **held)
    members = classifier.estimators_
    assert {member.temperature_ for member in members} == {classifier.temperature_}
    mean = np.mean([member.predict_proba(X) for member in members], axis=0)
    np.testing.assert_allclose(classifier.predict_proba(X), mean, atol=1e-9)


def test_it_is_better_than_its_members(diabetes):
    X, y = diabetes
    ensemble = MLPRegressor(n_ensemble=6, random_state=0).fit(X[:250], y[:250])
    members = [each.score(X[250:], y[250:]) for each in ensemble.estimators_]
    assert ensemble.score(X[250:], y[250:]) > np.mean(members)


def test_searches_and_pipelines(iris):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), MLPClassifier(**PARAMS)),
        {"mlpclassifier__n_ensemble": [1, 2]},
        cv=2,
    ).fit(*iris)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
def test_a_study_prunes_no_epochs_of_an_ensemble(iris, tmp_path):
    import optuna

    search = OptunaSearchCV(
        MLPClassifier(**PARAMS),
        {"learning_rate": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True)},
        n_trials=3,
        cv=2,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=0),
        random_state=0,
    ).fit(*iris)
    assert len(search.best_estimator_.estimators_) == 3
    assert search.study_.trials[-1].state.is_finished()
    # The members have kept nothing of the search's callbacks.
    skdl.save(search.best_estimator_, tmp_path / "best.skdl")
    again = skdl.load(tmp_path / "best.skdl")
    np.testing.assert_array_equal(again.predict(iris[0]), search.predict(iris[0]))


def test_frames_and_feature_names(iris):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(iris[0], columns=list("abcd"))
    ensemble = MLPClassifier(**PARAMS).fit(frame, iris[1])
    np.testing.assert_array_equal(ensemble.predict(frame), ensemble.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        ensemble.predict(frame[["b", "a", "c", "d"]])


def test_a_member_that_fails_fails_the_fit_and_nothing_is_changed(iris):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("no")

    ensemble = MLPClassifier(**PARAMS).fit(*iris)
    before = ensemble.predict_proba(iris[0])
    ensemble.set_params(callbacks=[Fails()])
    with pytest.raises(RuntimeError, match="no"):
        ensemble.fit(*iris)
    np.testing.assert_array_equal(ensemble.predict_proba(iris[0]), before)


class Interrupts(keras.callbacks.Callback):
    """Raises KeyboardInterrupt in the first epoch of the last member that begins."""

    begun = 0

    def __deepcopy__(self, memo):
        return type(self)()

    def on_epoch_end(self, epoch, logs=None):
        type(self).begun += epoch == 0
        if type(self).begun == 3:
            raise KeyboardInterrupt


def test_an_interrupt_leaves_the_ensemble_as_it_was(iris):
    Interrupts.begun = 0
    ensemble = MLPClassifier(**PARAMS, callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(*iris)
    with pytest.raises(NotFittedError):
        ensemble.predict(iris[0])


def test_an_interrupt_keeps_the_members_that_have_ended(iris):
    Interrupts.begun = 0
    ensemble = MLPClassifier(**PARAMS, callbacks=[Interrupts()], on_interrupt="keep")
    with pytest.warns(UserWarning, match="of 3 networks are kept"):
        ensemble.fit(*iris)
    assert 1 <= len(ensemble.estimators_) < 3
    assert np.isfinite(ensemble.predict_proba(iris[0])).all()


def test_a_line_shows_the_epochs_of_all_members(iris, capsys, monkeypatch):
    MLPClassifier(**PARAMS, verbose=1).fit(*iris)
    assert "12/12 epochs" in capsys.readouterr().out


def test_the_model_card_and_the_html_view(iris, tmp_path):
    ensemble = MLPClassifier(**PARAMS).fit(*iris)
    card = skdl.model_card(ensemble, *iris, tmp_path / "card.md").read_text()
    assert str(3 * (4 * 8 + 8 + 8 * 3 + 3)) in card.replace(",", "")
    assert "n_ensemble" in ensemble._repr_html_()
    assert ensemble._model is None


def test_a_damaged_file_of_an_ensemble_is_refused(iris, tmp_path):
    ensemble = MLPClassifier(**PARAMS).fit(*iris)
    ensemble.estimators_[1] = MLPClassifier(16, epochs=1).fit(iris[0], iris[1] > 0)
    skdl.save(ensemble, tmp_path / "a.skdl")
    with pytest.raises(skdl.ModelFileError, match="networks of the ensemble"):
        skdl.load(tmp_path / "a.skdl")


@pytest.mark.parametrize("value", [0, 2.5, True, None])
def test_bad_numbers_of_networks_are_refused(iris, value):
    with pytest.raises(ValueError, match="n_ensemble"):
        MLPClassifier(n_ensemble=value).fit(*iris)
