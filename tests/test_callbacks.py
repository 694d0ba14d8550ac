try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:  # scikit-learn before 1.9
    ProgressBar = ScoringMonitor = None

import keras
import numpy as np
import pytest

from skdl import MLPClassifier, MLPRegressor
from skdl.training._cache import programs
from skdl.training._keras_callbacks import has_batch_hooks
from tests.conftest import equal_weights

needs_callbacks = pytest.mark.skipif(
    ProgressBar is None, reason="scikit-learn has callbacks from 1.9"
)


def network(**params):
    plain = {"hidden_layer_sizes": 8, "epochs": 4, "dropout": 0.0, "random_state": 0}
    return MLPClassifier(**{**plain, **params})


class Diary(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.lines = []

    def set_model(self, model):
        super().set_model(model)
        if model is not None:
            self.lines.append("set_model")

    def on_train_begin(self, logs=None):
        self.lines.append("train")

    def on_epoch_begin(self, epoch, logs=None):
        self.lines.append(f"begin {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.lines.append(f"end {epoch} {sorted(logs)}")
        self.predicted = self.model.predict(np.ones((1, 4)), verbose=0)
        if epoch == 2:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.lines.append("done")


class Batches(keras.callbacks.Callback):
    count = 0

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1


def test_keras_callbacks_get_the_epoch_hooks_and_stop_the_training(iris):
    diary = Diary()
    model = network(callbacks=[diary]).fit(*iris)
    logs = "['accuracy', 'loss']"
    assert model.callbacks_[0].lines == [
        "set_model",
        "train",
        *(line for k in range(3) for line in (f"begin {k}", f"end {k} {logs}")),
        "done",
    ]
    assert model.n_iter_ == 3
    assert diary.lines == []
    assert diary is model.callbacks[0]
    np.testing.assert_allclose(
        model.callbacks_[0].predicted, model.predict_proba(np.ones((1, 4))), atol=1e-6
    )


def test_keras_early_stopping_and_rate_scheduler_take_effect(iris):
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=10, patience=1, restore_best_weights=True
    )
    slow = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-9)
    model = network(callbacks=[stop, slow]).fit(*iris)
    assert model.n_iter_ == 2
    losses = network(callbacks=[slow], batch_size=-1).fit(*iris).history_["loss"]
    assert losses[0] == pytest.approx(losses[-1], rel=1e-5)


def test_a_callback_may_change_the_weights(iris):
    class Zero(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([0 * w for w in self.model.get_weights()])

    model = network(callbacks=[Zero()]).fit(*iris)
    np.testing.assert_allclose(model.predict_proba(iris[0][:1]), 1 / 3)


WEIGHTS = "a.weights.h5"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Diary(), False),
        (Batches(), True),
        (keras.callbacks.EarlyStopping(), False),
        (keras.callbacks.TerminateOnNaN(), True),
        # A whole model has an optimizer, whose states Keras' own fit keeps.
        (keras.callbacks.ModelCheckpoint("a.keras"), True),
        (
            keras.callbacks.ModelCheckpoint("a.weights.h5", save_weights_only=True),
            False,
        ),
        (keras.callbacks.SwapEMAWeights(swap_on_epoch=True), True),
        (keras.callbacks.ModelCheckpoint("a.keras", save_freq=5), True),
        (keras.callbacks.LambdaCallback(on_predict_batch_end=print), False),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), False),
        (keras.callbacks.LambdaCallback(on_train_batch_end=print), True),
    ],
)
def test_batch_hooks_are_recognized(found, expected):
    assert has_batch_hooks([found]) is expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize(
    "params",
    [
        dict(),
        dict(l2=1e-2, l1=1e-3, optimizer="sgd", momentum=0.9),
        dict(learning_rate_schedule="one_cycle", batch_norm=True),
    ],
)
def test_keras_own_fit_gives_the_weights_of_the_compiled_program(kind, params):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((70, 4)).astype(np.float32)
    y = {
        "binary": X[:, 0] > 0,
        "multiclass": np.digitize(X[:, 0], [-0.5, 0.5]),
        "multilabel": (X[:, :3] > 0).astype(int),
        "regression": 100 * X[:, :2] + 50,
    }[kind]
    estimator = MLPRegressor if kind == "regression" else MLPClassifier
    common = dict(
        hidden_layer_sizes=8, dropout=0.0, epochs=3, batch_size=16, random_state=0
    )
    weight = rng.uniform(0.5, 2, 70)
    data = dict(X=X, y=y, sample_weight=weight, X_val=X[:20], y_val=y[:20])
    compiled = estimator(**common, **params).fit(**data)
    by_keras = estimator(**common, **params, callbacks=[Batches()]).fit(**data)
    assert by_keras.callbacks_[0].count == 3 * 5
    for ours, theirs in zip(compiled._weights, by_keras._weights, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=2e-4)
    assert compiled.history_.keys() == by_keras.history_.keys()
    for name, values in compiled.history_.items():
        np.testing.assert_allclose(
            by_keras.history_[name], values, rtol=2e-3, atol=2e-4
        )


class Rate(keras.callbacks.Callback):
    """Sets the learning rate once, in one of its hooks."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.set_rate)

    def set_rate(self, number, logs=None):
        if number == 1:
            self.model.optimizer.learning_rate = 0.25


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("schedule", [None, {"name": "step", "every": 2}])
def test_a_rate_that_a_callback_sets_is_taken_on_both_ways(iris, hook, schedule):
    def fit(*more):
        network = MLPClassifier(
            8,
            optimizer="sgd",
            learning_rate=0.5,
            learning_rate_schedule=schedule,
            dropout=0.0,
            epochs=4,
            random_state=0,
            callbacks=[Rate(hook), *more],
        )
        return network.fit(*iris)

    compiled, by_keras = fit(), fit(Batches())
    for ours, theirs in zip(compiled._weights, by_keras._weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("more", [(), (Batches(),)], ids=["compiled", "by Keras"])
def test_a_rate_beside_a_schedule_of_keras_is_refused(iris, more):
    decay = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    network = MLPClassifier(
        4,
        learning_rate_schedule=decay,
        epochs=4,
        callbacks=[Rate("on_epoch_end"), *more],
        random_state=0,
    )
    with pytest.raises(ValueError, match="A callback set the learning rate .*to 0.25"):
        network.fit(*iris)


def test_a_checkpoint_saves_the_epochs_of_a_compiled_fit(iris, tmp_path):
    path = tmp_path / "best.weights.h5"
    saver = keras.callbacks.ModelCheckpoint(
        path, monitor="val_loss", save_best_only=True, save_weights_only=True
    )
    network = MLPClassifier(
        8, early_stopping=True, epochs=8, callbacks=[saver], random_state=0
    )
    network.fit(*iris)
    assert network.best_epoch_ is not None
    # Early stopping restores the best epoch, whose weights the file has.
    saved = keras.models.clone_model(network.model_)
    saved.load_weights(path)
    np.testing.assert_allclose(
        saved.predict(iris[0], verbose=0), network.predict_proba(iris[0]), atol=1e-5
    )


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
def test_a_rate_that_is_set_at_a_batch_stays(iris, hook):
    seen = []

    class Diary(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    network = MLPClassifier(
        4, learning_rate=0.5, epochs=3, callbacks=[Rate(hook), Diary()], random_state=0
    )
    network.fit(*iris)
    assert seen == [0.25, 0.25, 0.25]


def test_early_stopping_works_in_keras_own_fit(iris):
    params = dict(early_stopping=True, patience=1, epochs=60, learning_rate=0.3)
    model = network(**params, callbacks=[Batches()]).fit(*iris)
    assert model.n_iter_ < 60


@needs_callbacks
def test_scikit_learn_callbacks_see_one_task_for_each_epoch(iris):
    monitor = ScoringMonitor(scoring="accuracy")
    model = network(epochs=6, learning_rate=0.02).set_callbacks(monitor).fit(*iris)
    table = monitor.get_logs().data_as_pandas
    epochs = table[table["task_name"] == "epoch"]
    assert len(epochs) == 6
    assert epochs["accuracy"].iloc[-1] == model.score(*iris)
    assert epochs["accuracy"].iloc[-1] > epochs["accuracy"].iloc[0]
    assert equal_weights(model, network(epochs=6, learning_rate=0.02).fit(*iris))


class Stop:
    def setup(self, estimator, context):
        self.epochs = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.epochs += context.task_name == "epoch"
        return self.epochs == 2


@needs_callbacks
def test_a_scikit_learn_callback_can_stop_the_training(iris):
    assert network().set_callbacks(Stop()).fit(*iris).n_iter_ == 2


@needs_callbacks
def test_progress_bars_go_through_search_and_pipeline(iris, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    search = GridSearchCV(
        make_pipeline(StandardScaler(), network()),
        {"mlpclassifier__dropout": [0.1, 0.2]},
        cv=2,
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*iris)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "MLPClassifier - fit" in shown


def test_an_interrupted_fit_changes_nothing_and_leaves_the_cache_usable(iris):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = network().fit(*iris)
    before = model.predict_proba(iris[0])
    n_programs = len(programs)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(*iris)
    np.testing.assert_array_equal(model.predict_proba(iris[0]), before)
    assert len(programs) == n_programs - 1
    fresh = network().fit(*iris)
    np.testing.assert_array_equal(fresh.predict_proba(iris[0]), before)
