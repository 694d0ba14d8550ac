"""Pruners, and pruning in a study of one's own."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier, MLPRegressor
from skdl.model_selection import OptunaSearchCV, PruningCallback, RacingPruner
from skdl.training._cache import programs

# The racing pruner


def steps_of(curve, every):
    """Return each of so many steps of a curve, with its value."""
    return [*enumerate(curve)][every - 1 :: every]


def study_of(curves, direction="maximize", every=1, **params):
    """Return a study whose trials are complete, with their curves."""
    study = optuna.create_study(direction=direction, pruner=RacingPruner(**params))
    for curve in curves:
        values = dict(steps_of(curve, every))
        study.add_trial(create_trial(value=curve[-1], intermediate_values=values))
    return study


def pruned_at(study, curve, every=1):
    """Return the step after which a new trial is pruned, or None."""
    trial = study.ask()
    for step, value in steps_of(curve, every):
        trial.report(value, step)
        if trial.should_prune():
            return step
    return None


BEST = np.linspace(0.5, 0.9, 20)
# At half of the way the others are 0.1 behind, and have lost 0.05 of it at the end.
OTHERS = [BEST - np.linspace(0.15, 0.05, 20) for _ in range(4)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trial_that_cannot_make_up_its_gap_is_pruned(sign):
    direction = "maximize" if sign == 1 else "minimize"
    study = study_of([sign * c for c in (BEST, *OTHERS)], direction)
    # What others gained from step s on: 0.1 * (19 - s) / 19. A gap of 0.05 can be made
    # up until step 9; then four steps in a row, 10 to 13, are too far behind.
    assert pruned_at(study, sign * (BEST - 0.05)) == 13
    assert pruned_at(study, sign * (BEST - 0.2)) == 3
    assert pruned_at(study, sign * (BEST - 0.001)) is None
    assert pruned_at(study, sign * (BEST + 0.05)) is None


def test_margin_patience_and_startup_do_what_they_say():
    curves = (BEST, *OTHERS)
    assert pruned_at(study_of(curves, margin=0.5), BEST - 0.04) == 7
    assert pruned_at(study_of(curves, patience=1), BEST - 0.05) == 10
    assert pruned_at(study_of(curves, n_startup_trials=6), BEST - 0.2) is None


@pytest.mark.parametrize(("every", "of_others"), [(1, 4), (2, 4), (4, 2), (4, 1)])
def test_trials_are_compared_at_the_steps_that_they_have_in_common(every, of_others):
    study = study_of((BEST, *OTHERS), every=of_others)
    assert pruned_at(study, BEST - 0.05, every) == 11  # the first of 10 to 13
    assert pruned_at(study, BEST - 0.2, every) == 3
    assert pruned_at(study, BEST + 0.05, every) is None


def test_nobody_is_stopped_on_the_home_stretch():
    late = np.where(np.arange(20) < 17, BEST, 0.0)
    assert pruned_at(study_of((BEST, *OTHERS), patience=1), late) == 17
    late[17] = BEST[17]
    assert pruned_at(study_of((BEST, *OTHERS), patience=1), late) is None


@pytest.mark.parametrize(
    "params", [{"margin": 0}, {"patience": 0}, {"n_startup_trials": 1}, {"margin": "a"}]
)
def test_a_parameter_out_of_range_is_named(params):
    ((name, value),) = params.items()
    with pytest.raises(
        ValueError, match=f"{name}={value!r} must be an? (number|integer) > "
    ):
        RacingPruner(**params)


# A study of one's own


def objective(data, make, monitor="val_accuracy", **fit_params):
    def run(trial):
        rate = trial.suggest_categorical("learning_rate", [1e-6, 0.02])
        callback = PruningCallback(trial, monitor)
        make(rate, callback).fit(*data, **fit_params)
        return 1.0

    return run


def network(rate, callback, kind=MLPClassifier, **params):
    plain = dict(hidden_layer_sizes=8, epochs=8, early_stopping=True, patience=99)
    return kind(
        **{**plain, **params}, learning_rate=rate, callbacks=[callback], random_state=0
    )


@pytest.mark.parametrize(
    "make",
    [
        network,
        lambda *args: make_pipeline(StandardScaler(), network(*args)),
        lambda *args: clone(make_pipeline(StandardScaler(), network(*args))),
    ],
    ids=["alone", "in a pipeline", "in a clone"],
)
def test_the_callback_prunes_at_an_epoch(iris, make):
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.ThresholdPruner(lower=0.55, n_warmup_steps=4),
    )
    study.optimize(objective(iris, make), n_trials=6)
    for trial in study.trials:
        slow = trial.params["learning_rate"] == 1e-6
        assert trial.state == (TrialState.PRUNED if slow else TrialState.COMPLETE)
        assert len(trial.intermediate_values) == (5 if slow else 8)
    assert {trial.state for trial in study.trials} == {
        TrialState.PRUNED,
        TrialState.COMPLETE,
    }


def test_the_callback_reports_the_history(iris):
    study = optuna.create_study(direction="minimize")
    trial = study.ask()
    fitted = network(0.02, PruningCallback(trial, "loss")).fit(*iris)
    assert list(study.trials[0].intermediate_values.values()) == pytest.approx(
        fitted.history_["loss"]
    )


def test_no_keras_model_is_made_for_it(iris, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a Keras model was made")

    monkeypatch.setattr("skdl.training._network_learner.make_model", refuse)
    trial = optuna.create_study(direction="maximize").ask()
    network(0.02, PruningCallback(trial)).fit(*iris)


def test_a_pruned_fit_leaves_its_program_for_the_next(iris):
    programs.clear()
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=2.0)
    )
    study.optimize(objective(iris, network), n_trials=4)
    assert {trial.state for trial in study.trials} == {TrialState.PRUNED}
    assert len(programs) == 1


def test_a_score_that_the_fit_does_not_have_is_named(iris):
    trial = optuna.create_study(direction="maximize").ask()
    message = r"no score 'val_accuracy'.*\['accuracy', 'loss'\]"
    with pytest.raises(ValueError, match=message):
        network(0.02, PruningCallback(trial), early_stopping=False).fit(*iris)


def test_the_networks_of_an_ensemble_are_refused(iris):
    trial = optuna.create_study(direction="maximize").ask()
    with pytest.raises(ValueError, match="PruningCallback can't follow the networks"):
        network(0.02, PruningCallback(trial), n_ensemble=2).fit(*iris)


@pytest.mark.parametrize(
    ("monitor", "direction"), [("val_loss", "maximize"), ("val_accuracy", "minimize")]
)
def test_a_study_of_the_other_direction_is_refused(iris, monitor, direction):
    trial = optuna.create_study(direction=direction).ask()
    with pytest.raises(ValueError, match="needs a study with direction="):
        network(0.02, PruningCallback(trial, monitor)).fit(*iris)


def test_a_fixed_trial_has_no_study(diabetes):
    trial = optuna.trial.FixedTrial({})
    callback = PruningCallback(trial, "val_r2")
    network(0.02, callback, kind=MLPRegressor).fit(*diabetes)


# The default pruner of a search


def test_a_default_search_prunes_and_finds_what_it_finds_unpruned(digits):
    X, y = digits[0][:600], digits[1][:600]
    space = {"learning_rate": [1e-5, 1e-4, 1e-3, 1e-2]}
    plain = MLPClassifier(16, epochs=10, random_state=0)

    def run(pruner):
        search = OptunaSearchCV(
            plain, space, n_trials=16, cv=3, pruner=pruner, random_state=0
        )
        return search.fit(X, y)

    pruned, whole = run(None), run(optuna.pruners.NopPruner())
    assert pruned.best_params_ == whole.best_params_
    assert pruned.best_score_ == whole.best_score_
    epochs = pruned.cv_results_["n_epochs"].sum(), whole.cv_results_["n_epochs"].sum()
    assert epochs[0] < 0.8 * epochs[1]


def test_a_fold_that_ends_early_reports_its_score_at_its_last_step(iris):
    seen = {}

    class Watcher(optuna.pruners.BasePruner):
        def __deepcopy__(self, memo):
            return self

        def prune(self, study, trial):
            seen.update(trial.intermediate_values)
            return False

    early = MLPClassifier(
        8,
        epochs=50,
        early_stopping=True,
        patience=2,
        learning_rate=0.05,
        random_state=0,
    )
    search = OptunaSearchCV(
        early, {"dropout": [0.1]}, n_trials=1, cv=3, pruner=Watcher()
    )
    trial = search.fit(*iris).study_.trials[0]
    (scores,) = trial.user_attrs["scores"]["test"].values()
    assert max(trial.user_attrs["epochs"]["run"]) < 50
    for fold in range(3):
        assert seen[50 * fold + 49] == pytest.approx(np.mean(scores[: fold + 1]))


@pytest.mark.parametrize("name", ["margin", "patience", "n_startup_trials"])
@pytest.mark.parametrize("value", [True, 0, "1"])
def test_parameters_of_the_race_are_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r} must be an? "):
        RacingPruner(**{name: value})


def test_a_callback_knows_which_scores_are_better_if_they_are_high(iris):
    def objective(trial):
        network = MLPClassifier(
            4, epochs=2, early_stopping=True, monitor="neg_log_loss", random_state=0
        )
        network.set_params(callbacks=[PruningCallback(trial, "val_neg_log_loss")])
        return max(network.fit(*iris).history_["val_neg_log_loss"])

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=1)
    assert study.best_value < 0
    with pytest.raises(ValueError, match="needs a study with direction='maximize'"):
        optuna.create_study().optimize(objective, n_trials=1)
    several = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(ValueError, match="several objectives, and Optuna prunes by"):
        several.optimize(objective, n_trials=1)
    with pytest.raises(ValueError, match="trial=3 must be the optuna.Trial"):
        objective(3)
