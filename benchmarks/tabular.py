"""Contestants on real tables: ``python -m benchmarks.tabular``.

Each contestant is untouched, and fitted on three quarters of a table as it is. A row
of ``results/tabular/scores.csv`` is one fit; those that it has already are not
repeated, so that contestants of other environments (``pip install catboost lightgbm
pytabkit``) add theirs with ``--only``. ``--report`` shows the means. The development
half of the tables chose the design, and the test half reports it. ``--large`` times
a fit of 50,000 rows and 30 columns instead, on all cores.
"""

import argparse
import os
import time
import warnings
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from benchmarks._frames import load_frame, names_of
from benchmarks._measure import show

MISSING = "missing"


def prepared(frame):
    """Return a frame with its dates as days, for contestants that take none."""
    found = {}
    for name, column in frame.items():
        if "datetime" in str(column.dtype):
            since = column - pd.Timestamp(0, tz=column.dt.tz)
            column = since / pd.Timedelta(days=1)
        found[name] = column
    return pd.DataFrame(found)


def with_strings(frame, known=None):
    """Return a frame whose categories are strings, missing ones among them."""
    frame = prepared(frame)
    for name in frame.select_dtypes("category"):
        text = frame[name].astype(object).where(frame[name].notna(), MISSING)
        text = text.astype(str)
        if known is not None:
            text = text.where(text.isin(known[name].cat.categories), MISSING)
        frame[name] = text.astype("category")
    return frame


def careful(network):
    """Return a pipeline that scales, imputes and encodes, as a careful user's."""
    is_number = make_column_selector(dtype_include=["number", "bool"])
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
            is_number,
        ),
        (
            OneHotEncoder(handle_unknown="ignore", min_frequency=2, max_categories=100),
            make_column_selector(dtype_exclude=["number", "bool"]),
        ),
    )
    return make_pipeline(columns, network)


def scaled_target(regressor):
    """Return a regressor whose targets are scaled."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def boosting(is_class):
    """Return scikit-learn's boosted trees."""
    kind = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    return kind(random_state=0)


def linear(is_class):
    """Return a linear model in the careful pipeline."""
    return careful(LogisticRegression(max_iter=2_000) if is_class else Ridge())


def sklearn_mlp(is_class):
    """Return scikit-learn's network in the careful pipeline."""
    if is_class:
        return careful(MLPClassifier(random_state=0))
    return careful(scaled_target(MLPRegressor(random_state=0)))


def svm(is_class):
    """Return a support vector machine in the careful pipeline."""
    if is_class:
        return careful(SVC(probability=True, random_state=0))
    return careful(scaled_target(SVR()))


def skdl_mlp(is_class):
    """Return our plain network in the careful pipeline."""
    import skdl

    kind = skdl.MLPClassifier if is_class else skdl.MLPRegressor
    return careful(kind(random_state=0))


def tabular(is_class, **params):
    """Return what this benchmark is about."""
    import keras  # noqa: F401  with TensorFlow: no import is timed

    import skdl

    kind = skdl.TabularClassifier if is_class else skdl.TabularRegressor
    return kind(random_state=0, **params)


def lightgbm(is_class):
    """Return LightGBM."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if is_class else lightgbm.LGBMRegressor
    return kind(verbose=-1, random_state=0)


def catboost(is_class):
    """Return CatBoost; its columns of categories are set when it is fitted."""
    import catboost

    kind = catboost.CatBoostClassifier if is_class else catboost.CatBoostRegressor
    return kind(verbose=0, random_seed=0, allow_writing_files=False)


def realmlp(is_class):
    """Return RealMLP with its tuned defaults."""
    import pytabkit

    kind = "RealMLP_TD_Classifier" if is_class else "RealMLP_TD_Regressor"
    return getattr(pytabkit, kind)(device="cpu", random_state=0, verbosity=0)


def tabm(is_class):
    """Return TabM with its defaults."""
    import pytabkit

    kind = "TabM_D_Classifier" if is_class else "TabM_D_Regressor"
    return getattr(pytabkit, kind)(device="cpu", random_state=0, verbosity=0)


CONTESTANTS = {
    "Tabular": tabular,
    "HistGradientBoosting": boosting,
    "linear": linear,
    "sklearn MLP": sklearn_mlp,
    "SVM": svm,
    "skdl MLP": skdl_mlp,
    "LightGBM": lightgbm,
    "CatBoost": catboost,
    "RealMLP-TD": realmlp,
    "TabM-D": tabm,
}


class Waves(TransformerMixin, BaseEstimator):
    """Adds waves of the numbers of a frame: their sines at fixed random frequencies.

    What the embedding of Gorishniy et al. (2022) begins with; there the frequencies are
    learned.

    Parameters
    ----------
    n_waves : int
        Sines, and cosines, for each column.
    scale : float
        Standard deviation of the frequencies, per standard deviation of the column.
    """

    def __init__(self, n_waves=8, scale=0.3):
        self.n_waves = n_waves
        self.scale = scale

    def fit(self, X, y=None):
        """Scale the columns, and draw the frequencies."""
        numbers = X.select_dtypes("number")
        self.columns_ = [*numbers]
        self.scaler_ = make_pipeline(
            SimpleImputer(strategy="median"),
            QuantileTransformer(output_distribution="normal", random_state=0),
        ).fit(numbers)
        shape = (len(self.columns_), self.n_waves)
        self.rates_ = np.random.default_rng(0).normal(0, self.scale, shape)
        return self

    def transform(self, X):
        """Return the frame with the waves, as further columns."""
        scaled = self.scaler_.transform(X[self.columns_])
        angles = 2 * np.pi * scaled[:, :, None] * self.rates_  # (n, columns, waves)
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=2)
        waves = waves.reshape(len(X), -1)
        names = [f"wave {k}" for k in range(waves.shape[1])]
        return pd.concat([X, pd.DataFrame(waves, X.index, names)], axis=1)


def periodic(is_class, scale):
    """Return the network for tables with waves in the place of its bins."""
    return make_pipeline(Waves(scale=scale), tabular(is_class, n_bins=0))


# Each part of the design left out, or done in another way.
ABLATION = {
    "without bins": {"n_bins": 0},
    "32 bins": {"n_bins": 32},
    "one network": {"n_ensemble": 1},
    "four networks": {"n_ensemble": 4},
    "weight decay of 0.05": {"weight_decay": 0.05, "l2": 0.0},
    "l2 of the MLPs": {"weight_decay": 0.0, "l2": "auto"},
    "without dropout": {"dropout": 0.0},
    "relu": {"activation": "relu"},
    "layer normalization": {"normalization": "layer"},
    "patience of 10": {"patience": 10},
}
CONTESTANTS |= {name: partial(tabular, **params) for name, params in ABLATION.items()}
# Others were tried and not taken; only classifiers smooth labels.
TRIED = {
    "label smoothing of 0.05": partial(tabular, label_smoothing=0.05),
    "label smoothing of 0.1": partial(tabular, label_smoothing=0.1),
    "waves of 0.1 for bins": partial(periodic, scale=0.1),
    "waves of 0.3 for bins": partial(periodic, scale=0.3),
}
CONTESTANTS |= TRIED
# Those that take the frame in a form of their own.
OF_STRINGS = {"CatBoost", "RealMLP-TD", "TabM-D"}
# Their cost grows with the square of the rows.
MOST_ROWS_OF_SVM = 10_000


def fit_one(name, X, X_test, y, is_class):
    """Return a fitted contestant, the rows to predict, and the seconds of the fit."""
    arguments = {}
    if name == "HistGradientBoosting":
        X, X_test = few_categories(X, X_test)
    elif name in OF_STRINGS:
        X = with_strings(X)
        X_test = with_strings(X_test, X)
        texts = [*X.select_dtypes("category")]
        key = "cat_features" if name == "CatBoost" else "cat_col_names"
        arguments[key] = texts
        if name != "CatBoost":
            for column in X.columns.difference(texts):
                middle = X[column].median()
                X[column] = X[column].fillna(middle).astype(float)
                X_test[column] = X_test[column].fillna(middle).astype(float)
    elif name not in {"Tabular", *ABLATION, *TRIED}:
        X, X_test = prepared(X), prepared(X_test)
    if name == "LightGBM":
        for column in X.select_dtypes("category"):
            known = X[column].cat.categories
            X_test[column] = X_test[column].cat.set_categories(known)
        X, X_test = (f.set_axis(range(f.shape[1]), axis=1) for f in (X, X_test))
    model = CONTESTANTS[name](is_class)
    start = time.perf_counter()
    model.fit(X, y, **arguments)
    return model, X_test, time.perf_counter() - start


def few_categories(X, X_test):
    """Return frames whose columns have at most 200 categories, as trees take them."""
    X, X_test = prepared(X), prepared(X_test)
    for name in X.select_dtypes("category"):
        known = X[name].value_counts().index[:200].tolist()
        X[name] = X[name].cat.set_categories(known)
        X_test[name] = X_test[name].cat.set_categories(known)
    return X, X_test


def run(half, name, split, contestant):
    """Return the scores of one contestant on one split of a table."""
    frame, y, is_class = load_frame(name, half)
    X, X_test, y, y_test = train_test_split(
        frame, y, random_state=split, stratify=y if is_class else None
    )
    found = {"half": half, "table": name, "split": split, "contestant": contestant}
    found |= {"rows": len(X), "columns": X.shape[1]}
    if contestant == "SVM" and len(X) > MOST_ROWS_OF_SVM:
        return found
    model, X_test, found["seconds"] = fit_one(contestant, X, X_test, y, is_class)
    return found | scores_of(model, X_test, y_test, is_class)


def scores_of(model, X_test, y_test, is_class):
    """Return the scores of a fitted model on rows that it has not seen."""
    predicted = np.ravel(model.predict(X_test))
    if not is_class:
        return {"r2": r2_score(y_test, predicted)}
    probabilities = np.clip(model.predict_proba(X_test), 1e-7, 1)
    return {
        "accuracy": accuracy_score(y_test, predicted),
        "log_loss": log_loss(y_test, probabilities, labels=model.classes_),
    }


def read_rows(path):
    """Return the rows that a file has already; make its folder where it has none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def report(scores, folder):
    """Show the means over the tables, the mean ranks, and the score of each table."""
    # A choice of tables may be of one kind only.
    kept = ["contestant", "table", "accuracy", "log_loss", "r2", "seconds"]
    done = scores.reindex(columns=kept).groupby(["contestant", "table"]).mean()
    order = done["r2"].fillna(-done["log_loss"]).unstack("contestant")
    # A mean over other tables can't be compared.
    everywhere = order.columns[order.notna().all()]
    means = done.groupby("contestant").mean().loc[everywhere]
    means["median seconds"] = done["seconds"].groupby("contestant").median()
    means["mean rank"] = order[everywhere].rank(axis=1, ascending=False).mean()
    columns = ["accuracy", "log_loss", "r2", "mean rank", "median seconds"]
    means = means[columns].sort_values("mean rank")
    show(f"Means: over {len(order)} tables", means, folder)
    best_first = [*means.index, *order.columns.difference(means.index)]
    for score in ("log_loss", "r2"):
        table = done[score].unstack("contestant").dropna(how="all")
        show(f"{score} of each table", table[best_first], folder)


def time_large(folder):
    """Show the seconds of a fit on a large table that is made up."""
    X, y = make_classification(60_000, 30, n_informative=10, random_state=0)
    frame = pd.DataFrame(X).add_prefix("x")
    X, X_test, y, y_test = train_test_split(frame, y, test_size=10_000, random_state=0)
    rows = []
    for name in ("Tabular", "sklearn MLP", "HistGradientBoosting"):
        model, taken, seconds = fit_one(name, X, X_test, y, is_class=True)
        rows.append((name, seconds, model.score(taken, y_test)))
    table = pd.DataFrame(rows, columns=["contestant", "seconds", "accuracy"])
    show("A large table", table.set_index("contestant"), folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["development", "test"], default="test")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--only", default="", help="names of contestants, by commas")
    parser.add_argument("--tables", default="", help="names of tables, by commas")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--output", default="results/tabular/scores.csv")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = Path(options.output)
    if options.large:
        time_large(path.parent)
        return
    rows = read_rows(path)
    known = {(r["half"], r["table"], r["split"], r["contestant"]) for r in rows}
    contestants = [c for c in options.only.split(",") if c] or [*CONTESTANTS][:6]
    if options.ablation:
        contestants = ["Tabular", *ABLATION]
    tables = [t for t in options.tables.split(",") if t] or names_of(options.half)
    work = [
        (options.half, name, split, contestant)
        for split in range(options.splits)
        for name in tables
        for contestant in contestants
    ]
    for each in work if not options.report else []:
        if each in known:
            continue
        rows.append(run(*each))
        print(*[f"{v:.4g}" if isinstance(v, float) else v for v in rows[-1].values()])
        pd.DataFrame(rows).to_csv(path, index=False)
    found = pd.DataFrame(rows)
    report(found[found["half"] == options.half], path.parent)


if __name__ == "__main__":
    main()
