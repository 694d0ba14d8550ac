"""A study of one's own, with pruning
==================================

An Optuna study of one's own, with pruning at epochs: PruningCallback.

OptunaSearchCV is a study over folds behind scikit-learn's interface. Where you want the
objective in your own hands, write it, and give the network a PruningCallback.
"""

import argparse

import optuna
import sklearn
from _quiet import import_tensorflow
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier
from skdl.model_selection import PruningCallback, RacingPruner


def make_objective(X, y, epochs, seed):
    """Return the objective: what a trial is, and its value."""
    X_fit, X_val, y_fit, y_val = train_test_split(X, y, stratify=y, random_state=seed)

    def objective(trial):
        n_layers = trial.suggest_int("n_layers", 1, 3)
        network = MLPClassifier(
            hidden_layer_sizes=[
                trial.suggest_int(f"units_{k}", 16, 128, log=True)
                for k in range(n_layers)
            ],
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
            epochs=epochs,
            callbacks=[PruningCallback(trial)],
            random_state=seed,
        ).set_fit_request(X_val=True, y_val=True)
        # X_val goes through the scaler on its way to the network.
        pipeline = make_pipeline(StandardScaler(), network, transform_input=["X_val"])
        pipeline.fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
        return pipeline.score(X_val, y_val)

    return objective


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=40, help="default: 40")
    parser.add_argument("--epochs", type=int, default=20, help="default: 20")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    options = parser.parse_args(arguments)
    import_tensorflow()
    sklearn.set_config(enable_metadata_routing=True)  # brings X_val to the network
    X, y = load_digits(return_X_y=True)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        pruner=RacingPruner(),
    )
    objective = make_objective(X, y, options.epochs, options.seed)
    study.optimize(objective, n_trials=options.trials)
    states = [trial.state.name.lower() for trial in study.trials]
    print(f"{states.count('complete')} complete, {states.count('pruned')} pruned")
    print(f"Best: {study.best_value:.4f} with {study.best_params}")


if __name__ == "__main__":
    main()
