"""An Optuna study: search, watch, keep the best
=============================================

Tune a pipeline by an Optuna study: search, watch, look at it, save the best.

The digits, a StandardScaler and an MLPClassifier, searched over learning rate, dropout,
L2 and batch size with pruning. The study is kept in a file: interrupt it by Ctrl-C and
start it again, and it goes on. Writes study.db, optuna_study.png and
best_pipeline.skdl.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import optuna
import pandas as pd
from _quiet import import_tensorflow
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdl
from skdl import MLPClassifier
from skdl.model_selection import OptunaSearchCV, default_space


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--trials", type=int, default=50, help="of the study in all (default: 50)")
    add("--folds", type=int, default=5, help="folds (default: 5)")
    add("--jobs", type=int, default=1, help="trials at a time (default: 1)")
    add("--epochs", type=int, default=30, help="of each fit (default: 30)")
    add("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add(
        "--output",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder for what is written (default: results)",
    )
    return parser.parse_args(arguments)


def make_search(options, storage):
    """Return the search: a pipeline, a space for it, and where the study is kept."""
    pipeline = make_pipeline(
        StandardScaler(),
        MLPClassifier(epochs=options.epochs, random_state=options.seed),
    )
    return OptunaSearchCV(
        pipeline,
        default_space(pipeline),
        n_trials=options.trials,
        cv=options.folds,
        n_jobs=options.jobs,
        storage=storage,
        study_name="digits",
        random_state=options.seed,
        verbose=1,
    )


def print_trials(search):
    """Print what became of the trials, and the five best."""
    table = pd.DataFrame(search.cv_results_)
    states = table["trial_state"].value_counts()
    epochs = table["n_epochs"].sum(), table["n_epochs"].max() * len(table)
    print(
        f"\n{len(table)} trials: {', '.join(f'{n} {s}' for s, n in states.items())}; "
        f"{epochs[0]} epochs of the {epochs[1]} that they would take unpruned"
    )
    names = [name for name in table if name.startswith("param_")]
    best = table.sort_values("rank_test_score")[:5]
    best = best[["trial_number", "mean_test_score", *names]]
    best.columns = [name.removeprefix("param_").split("__")[-1] for name in best]
    print(best.to_string(index=False, float_format="{:.4g}".format))


def draw(study, path):
    """Draw the history of the study, the curves of its trials, and what mattered."""
    figure, (history, curves, importance) = plt.subplots(
        1, 3, figsize=(15, 4.2), layout="constrained"
    )
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    numbers = [trial.number for trial in complete]
    values = [trial.value for trial in complete]
    history.plot(numbers, values, "o", label="trial")
    best = np.maximum.accumulate(values)
    history.plot(numbers, best, drawstyle="steps-post", label="best so far")
    history.set(xlabel="trial", ylabel="mean accuracy of the folds", title="History")
    history.legend()
    for trial in study.trials:
        steps = sorted(trial.intermediate_values)
        pruned = trial.state == optuna.trial.TrialState.PRUNED
        curves.plot(
            steps,
            [trial.intermediate_values[step] for step in steps],
            color="tab:red" if pruned else "tab:blue",
            alpha=0.5,
            linewidth=1,
        )
    curves.plot([], color="tab:blue", label="complete")
    curves.plot([], color="tab:red", label="pruned")
    curves.set(xlabel="epoch, over the folds", ylabel="accuracy", title="Curves")
    curves.legend()
    shares = optuna.importance.get_param_importances(study)
    names = [name.split("__")[-1] for name in shares][::-1]
    importance.barh(names, list(shares.values())[::-1])
    importance.set(xlabel="share of the variance", title="What mattered (fANOVA)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments=None):
    options = parse_arguments(arguments)
    import_tensorflow()
    options.output.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{options.output / 'study.db'}"
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, stratify=y, random_state=options.seed
    )
    search = make_search(options, storage)
    print(f"Before it starts: {search.preview(X_train, y_train)}")
    print(f"See it while it runs: optuna-dashboard {storage} --host 127.0.0.1")
    search.fit(X_train, y_train)
    print_trials(search)

    picture = options.output / "optuna_study.png"
    draw(search.study_, picture)
    saved = options.output / "best_pipeline.skdl"
    skdl.save(search.best_estimator_, saved)
    loaded = skdl.load(saved)
    same = np.array_equal(loaded.predict(X_test), search.predict(X_test))
    print(
        f"\nBest on the folds: {search.best_score_:.4f}; on held-out rows, loaded from"
    )
    print(f"the file: {loaded.score(X_test, y_test):.4f} (same predictions: {same})")
    print(f"Study: {storage}\nPicture: {picture}\nBest pipeline: {saved}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted: start it again and it goes on") from None
