"""model_card: what stands on the page."""

import re
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdl
from skdl import MLPClassifier, MLPRegressor
from skdl.inspection import SearchDisplay


def card(estimator, X, y, tmp_path):
    page = skdl.model_card(estimator, X, y, tmp_path / "card.md")
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"!\[.*\]\((.*)\)", text):
        assert (tmp_path / name).stat().st_size > 5_000
    return text


def test_the_card_of_a_search_has_its_figures(digits, tmp_path):
    X_train, X_test, y_train, y_test = train_test_split(*digits, random_state=0)
    network = MLPClassifier(epochs=4, early_stopping=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    grid = {"mlpclassifier__dropout": [0.0, 0.3]}
    scoring = ["accuracy", "neg_log_loss"]
    search = GridSearchCV(pipeline, grid, cv=3, scoring=scoring, refit="accuracy")
    search.fit(X_train, y_train)
    text = card(search, X_test, y_test, tmp_path)
    accuracy = accuracy_score(y_test, search.predict(X_test))
    majority = np.bincount(y_test).max() / len(y_test)
    assert f"| accuracy | {accuracy:.4g} | {majority:.4g} |" in text
    best = search.best_index_
    deviation = search.cv_results_["std_test_accuracy"][best]
    assert f"| accuracy | {search.best_score_:.4g} ± {deviation:.2g} |" in text
    assert f"{search.cv_results_['split2_test_neg_log_loss'][best]:.4g} |" in text
    assert f"`mlpclassifier__dropout={search.best_params_.popitem()[1]:.4g}`" in text
    assert "| epochs run | 4 |" in text
    assert f"| rows held out | {len(y_test)} |" in text
    assert "![Confusion matrix](card_confusion_matrix.png)" in text
    assert "![Learning curves](card_learning_curves.png)" in text
    assert f"| scikit-learn | {sys.modules['sklearn'].__version__} |" in text


def test_the_card_of_a_regressor(diabetes, tmp_path):
    network = MLPRegressor(epochs=20, random_state=0).fit(*diabetes)
    text = card(network, *diabetes, tmp_path)
    score = r2_score(diabetes[1], network.predict(diabetes[0]))
    assert f"| R² | {score:.4g} | 0 |" in text
    assert "![Predicted and true](card_predicted_and_true.png)" in text
    assert "Scores over the folds" not in text


def test_the_card_of_several_labels_and_of_other_estimators(iris, tmp_path):
    X, y = iris
    several = np.stack([y > 0, y > 1], axis=1).astype(int)
    network = MLPClassifier(epochs=2, random_state=0).fit(X, several)
    assert "Confusion" not in card(network, X, several, tmp_path)
    text = card(LogisticRegression().fit(X, y), X, y, tmp_path)
    assert "# Model card: LogisticRegression" in text
    assert "Learning curves" not in text


def test_what_neither_classifies_nor_regresses_is_refused(iris, tmp_path):
    with pytest.raises(ValueError, match="classifier or a regressor, got PCA"):
        skdl.model_card(PCA().fit(iris[0]), *iris, tmp_path / "card.md")
    assert list(tmp_path.iterdir()) == []


def test_the_extra_is_named_where_it_is_missing(iris, tmp_path, monkeypatch):
    network = MLPClassifier(epochs=1).fit(*iris)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"skdl\[plot\]"):
        skdl.model_card(network, *iris, tmp_path / "card.md")


def test_the_card_begins_with_what_somebody_has_chosen(iris, tmp_path):
    network = MLPClassifier(8, epochs=3, dropout=0.25, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    grid = {"mlpclassifier__l2": [0.0, 0.1]}
    text = card(GridSearchCV(pipeline, grid, cv=2).fit(*iris), *iris, tmp_path)
    names = re.findall(r"^\| (mlpclassifier__\S+) \|", text, re.MULTILINE)
    chosen = {"hidden_layer_sizes", "epochs", "dropout", "random_state", "l2"}
    first = {name.removeprefix("mlpclassifier__") for name in names[: len(chosen)]}
    assert first == chosen
    assert "| mlpclassifier__dropout | 0.25 | 0.1 |" in text
    # The only score of the search has its name.
    assert re.search(r"^\| accuracy \| [\d.]+ ± [\d.]+ \|", text, re.MULTILINE)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_the_card_has_the_area_under_the_curve_and_writes_nan(binary, iris, tmp_path):
    network = MLPClassifier(8, epochs=3, random_state=0)
    text = card(network.fit(*binary), *binary, tmp_path)
    area = roc_auc_score(binary[1], network.predict_proba(binary[0])[:, 1])
    assert f"| area under the ROC curve | {area:.4g} | 0.5 |" in text
    X, y = iris
    text = card(network.fit(X, y), X[:100], y[:100], tmp_path)
    assert "| area under the ROC curve | NaN | 0.5 |" in text


def test_the_constants_of_a_card_are_the_best_ones(diabetes, iris, tmp_path):
    X, y = diabetes[0], np.exp(diabetes[1] / 50)
    network = MLPRegressor(8, epochs=2, random_state=0).fit(X, y)
    text = card(network, X, y[:, np.newaxis], tmp_path / "of" / "numbers")
    best = np.abs(y - np.median(y)).mean()
    assert re.search(rf"mean absolute error \| \S+ \| {best:.4g} \|", text)
    assert re.search(rf"squared error \| \S+ \| {y.std():.4g} \|", text)
    X, y = iris
    several = np.stack([y > 0, y > 0, y > 1], axis=1).astype(int)
    network = MLPClassifier(8, epochs=2, random_state=0).fit(X, several)
    text = card(network, X, several, tmp_path)
    all_labels = f1_score(several, np.ones_like(several), average="macro")
    assert re.search(r"\| accuracy \| \S+ \| 0.3333 \|", text)
    assert re.search(rf"mean of the classes \| \S+ \| {all_labels:.4g} \|", text)


def test_a_class_that_the_model_does_not_know_is_counted(iris, tmp_path):
    X, y = iris
    network = MLPClassifier(8, epochs=3, random_state=0).fit(X[:100], y[:100])
    text = card(network, X, y[:, np.newaxis], tmp_path)
    assert "| log loss | NaN | NaN |" in text
    assert "| rows of each class | 0: 50, 1: 50, 2: 50 |" in text
    assert "predicting one of them alone, ms" in text


def test_results_that_are_no_search_s_are_left_out(binary, tmp_path):
    tuned = TunedThresholdClassifierCV(
        MLPClassifier(8, epochs=3, random_state=0), cv=2, store_cv_results=True
    )
    text = card(tuned.fit(*binary), *binary, tmp_path)
    assert "Scores over the folds" not in text
    with pytest.raises(ValueError, match="is not a search: it has no cv_results_ of"):
        SearchDisplay.from_estimator(tuned)
    scoring = ["accuracy", "f1"]
    grid = {"epochs": [1, 2]}
    network = MLPClassifier(8, random_state=0)
    search = GridSearchCV(network, grid, cv=2, scoring=scoring, refit=False)
    search.fit(*binary)
    with pytest.raises(ValueError, match=r"refit=False: give score=.*'accuracy', 'f1'"):
        SearchDisplay.from_estimator(search)


def test_classes_are_named_as_they_are(iris, tmp_path):
    X, y = iris
    names = np.array(["accuracy", "below avg", "macro avg"])[y]
    model = LogisticRegression(max_iter=500).fit(X, names)
    page = skdl.model_card(model, X, names, tmp_path / "a b.md")
    text = page.read_text(encoding="utf-8")
    assert all(f"| {name} | " in text for name in set(names))
    assert "](a%20b_confusion_matrix.png)" in text
    assert (tmp_path / "a b_confusion_matrix.png").exists()


def test_classes_that_are_numbers_are_written_out(iris, tmp_path):
    X, y = iris
    labels = 10001.0 + y
    model = LogisticRegression(max_iter=500).fit(X, labels)
    text = skdl.model_card(model, X, labels, tmp_path / "card.md").read_text()
    assert all(f"| {label} | " in text for label in (10001.0, 10002.0, 10003.0))


def test_several_targets_of_several_classes_are_refused(digits, tmp_path):
    X, y = digits
    Y = np.c_[y, y % 3][:200]
    model = MultiOutputClassifier(LogisticRegression(max_iter=50)).fit(X[:200], Y)
    with pytest.raises(ValueError, match="y_test has several columns with more than"):
        skdl.model_card(model, X[:200], Y, tmp_path / "card.md")
    assert not [*tmp_path.iterdir()]
