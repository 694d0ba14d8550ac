"""What works where TensorFlow and Keras can't be imported: all but training."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdl
from skdl import CNNClassifier, MLPClassifier, MLPRegressor, TabularClassifier

ROOT = Path(__file__).resolve().parents[1]

# Begins each script below: TensorFlow and Keras can't be found, and what was saved is
# loaded.
PREPARE = """
import sys

class NoKeras:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "scikeras"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoKeras())

import joblib, pickle
import numpy as np
import skdl
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

X, y = load_iris(return_X_y=True)
X_numbers, y_numbers = load_diabetes(return_X_y=True)
classifier = joblib.load("classifier.joblib")
regressor = skdl.load("regressor.skdl")
expected = np.load("expected.npz")
"""

USES = {
    "predict": """
assert np.array_equal(classifier.predict(X), expected["labels"])
np.testing.assert_allclose(regressor.predict(X_numbers), expected["numbers"], 1e-6)
""",
    "predict_proba": """
probabilities = classifier.predict_proba(X)
np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-6)
logarithms = classifier.predict_log_proba(X)
np.testing.assert_allclose(logarithms, np.log(probabilities))
""",
    "decision_function": """
assert (classifier.decision_function(X).argmax(1) == expected["labels"]).all()
""",
    "score": """
assert classifier.score(X, y) == np.mean(expected["labels"] == y)
assert regressor.score(X_numbers, y_numbers) > 0.3
""",
    "pickle": """
copied = pickle.loads(pickle.dumps(classifier))
assert np.array_equal(copied.predict(X), expected["labels"])
""",
    "save and load": """
skdl.save(classifier, "again.skdl")
assert np.array_equal(skdl.load("again.skdl").predict(X), expected["labels"])
""",
    "parameters": """
assert classifier[-1].get_params()["epochs"] == 30
assert clone(classifier)[-1].epochs == 30
assert classifier[-1].set_params(dropout=0.5).dropout == 0.5
assert len(classifier[-1].history_["val_loss"]) == classifier[-1].n_iter_
""",
    "views": """
assert "MLPClassifier" in repr(classifier)
assert "StandardScaler" in classifier._repr_html_()
""",
    "displays": """
import matplotlib
matplotlib.use("agg")
from skdl.inspection import LearningCurvesDisplay
assert LearningCurvesDisplay.from_estimator(classifier[-1]).figure_ is not None
""",
    "a model card": """
card = skdl.model_card(classifier, X, y, "card.md").read_text()
assert "MLPClassifier" in card
""",
    "small and large images": """
for images in (joblib.load("small.joblib"), skdl.load("large.skdl")):
    found = images.predict_proba(expected["digits"])
    name = f"images_{images.conv_filters}"
    np.testing.assert_allclose(found, expected[name], atol=2e-6)
    assert len(images.predict(expected["digits"])) == len(expected["digits"])
""",
    "rows of a table": """
table = skdl.load("table.skdl")
rows = [[1.5, "red", None], [None, "blue", True], [0.0, "purple", False]]
np.testing.assert_array_equal(table.predict_proba(rows), expected["table"])
""",
    "a frame": """
import pandas as pd
found = table.predict_proba(pd.DataFrame(rows))
np.testing.assert_array_equal(found, expected["table"])
assert table.columns_["kind"].tolist() == ["number", "category", "boolean"]
""",
    "permutation importance": """
from sklearn.inspection import permutation_importance
found = permutation_importance(classifier, X, y, n_repeats=2, random_state=0)
assert found.importances_mean.max() > 0.1
""",
    "calibration": """
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
found = CalibratedClassifierCV(FrozenEstimator(classifier)).fit(X, y)
np.testing.assert_allclose(found.predict_proba(X).sum(axis=1), 1)
""",
    "what needs Keras says so": """
for purpose, use in (
    ("build model_", lambda: classifier[-1].model_),
    ("fit a network", lambda: clone(classifier).fit(X, y)),
):
    try:
        use()
    except ImportError as error:
        assert f"To {purpose}, skdl needs Keras and TensorFlow" in str(error), error
    else:
        raise AssertionError(purpose)
""",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the folder of a saved classifier and a saved regressor."""
    folder = tmp_path_factory.mktemp("saved")
    X, y = load_iris(return_X_y=True)
    classifier = make_pipeline(
        StandardScaler(),
        MLPClassifier((16, 8), epochs=30, early_stopping=True, random_state=0),
    ).fit(X, y)
    numbers, targets = load_diabetes(return_X_y=True)
    regressor = make_pipeline(
        StandardScaler(),
        MLPRegressor(16, normalization="batch", epochs=30, random_state=0),
    ).fit(numbers, targets)
    joblib.dump(classifier, folder / "classifier.joblib")
    skdl.save(regressor, folder / "regressor.skdl")
    scaled = [
        model[0].transform(rows)
        for model, rows in zip((classifier, regressor), (X, numbers), strict=True)
    ]
    probabilities = classifier[-1].model_.predict(scaled[0], verbose=0)
    digits, names = load_digits(return_X_y=True)
    digits = digits[:200] / 16
    small, large = (
        CNNClassifier(filters, epochs=2, random_state=0).fit(digits, names[:200])
        for filters in (8, 256)
    )
    joblib.dump(small, folder / "small.joblib")
    skdl.save(large, folder / "large.skdl")
    rows = [[0.0, "red", True], [1.0, "blue", None], [None, "red", False]] * 20
    table = TabularClassifier(epochs=3, n_ensemble=2, random_state=0)
    skdl.save(table.fit(rows, [0, 1, 1] * 20), folder / "table.skdl")
    new = [[1.5, "red", None], [None, "blue", True], [0.0, "purple", False]]
    np.savez(
        folder / "expected.npz",
        table=table.predict_proba(new),
        probabilities=probabilities,
        labels=probabilities.argmax(axis=1),
        numbers=regressor[-1].model_.predict(scaled[1], verbose=0)[:, 0],
        digits=digits,
        images_8=small.model_.predict(digits, verbose=0),
        images_256=large.model_.predict(digits, verbose=0),
    )
    return folder


def run_script(python, folder, script):
    done = subprocess.run(
        [python, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_that_is_no_training_works_without_tensorflow(saved):
    script = PREPARE
    for name, use in USES.items():
        script += f"print({name!r}, file=sys.stderr)\n{use}"
    script += "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    run_script(sys.executable, saved, script)


@pytest.mark.slow
def test_five_packages_are_enough_to_load_and_predict(saved, tmp_path):
    builder = venv.EnvBuilder(with_pip=True)
    builder.create(tmp_path / "small")
    python = tmp_path / "small" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    packages = ["numpy", "scipy", "scikit-learn", "joblib", "narwhals"]
    versions = [f"{name}=={version(name)}" for name in packages]
    subprocess.run([*install, *versions], check=True)
    subprocess.run([*install, "--no-deps", str(ROOT)], check=True)
    uses = "predict", "predict_proba", "score", "pickle", "save and load", "views"
    uses = (*uses, "small and large images", "rows of a table")
    uses = [USES[name] for name in uses]
    run_script(python, saved, PREPARE + "".join(uses))
