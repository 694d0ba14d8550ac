"""The reports done again: each script runs from end to end on small data."""

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = pytest.mark.slow


@contextmanager
def the_study(name):
    matplotlib.use("Agg")
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))
        plt.close("all")


def run(name, tmp_path, capsys, *arguments):
    """Run a study; return what it printed."""
    with the_study(name) as study:
        study.main(["--quick", "--output", str(tmp_path / "results"), *arguments])
    return capsys.readouterr().out


def table(tmp_path, title):
    folder = tmp_path / "results" / title
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "## Settings" in (folder / "report.md").read_text()
    return pd.read_csv(folder / "comparison.csv", index_col=0)


def test_batches_and_optimizers(tmp_path, capsys):
    printed = run("study_1_batches_and_optimizers", tmp_path, capsys)
    assert "digits: 400 images to train on" in printed
    sizes = table(tmp_path, "size_of_the_batch")
    assert sizes["epochs"].tolist() == [2, 2, 40]
    assert sizes.loc["1 row", "val_score"] > sizes.loc["128 rows", "val_score"]
    momentum = table(tmp_path, "decay_and_momentum")["train_loss"]
    assert momentum["momentum 0.9"] < momentum["plain"]
    assert momentum["decay 1e-6"] != momentum["plain"]
    assert len(table(tmp_path, "optimizers")) == 3


def test_regularization(tmp_path, capsys):
    printed = run("study_2_regularization", tmp_path, capsys)
    assert "Random search: 0." in printed
    assert "3 fits" in printed
    assert table(tmp_path, "regularization").loc["early stopping", "epochs"] == 10
    picture = tmp_path / "results" / "regularization_search.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("own_mlflow")
def test_bias_and_variance(tmp_path, capsys):
    printed = run("study_3_bias_and_variance", tmp_path, capsys)
    assert "Try next:" in printed
    assert "Best: " in printed
    assert "Test accuracy: 0." in printed
    assert len(table(tmp_path, "remedies")) == 6
    assert (tmp_path / "mlflow.db").exists()


def test_mistakes(tmp_path, capsys):
    printed = run("study_4_mistakes", tmp_path, capsys)
    assert "precision    recall  f1-score" in printed
    assert "test loss " in printed
    assert len(table(tmp_path, "six_layers")) == 7
    for name in ("mistakes.png", "confusion.png"):
        assert (tmp_path / "results" / name).stat().st_size > 10_000


def test_circles(tmp_path, capsys):
    printed = run("study_5_circles", tmp_path, capsys)
    assert "SVM rbf" in printed
    assert table(tmp_path, "learning_rate")["p_value"].notna().sum() == 4
    for name in ("circles_mlp.png", "circles_svm.png"):
        assert (tmp_path / "results" / name).stat().st_size > 10_000


def test_the_cnn_ladder_on_colours_goes_on_where_it_was(tmp_path, capsys):
    rng = np.random.default_rng(0)
    images = {
        f"x_{part}": rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
        for part, n in (("train", 60), ("test", 30))
    }
    labels = {
        f"y_{part}": np.arange(n, dtype=np.uint8) % 10
        for part, n in (("train", 60), ("test", 30))
    }
    file = tmp_path / "cifar10.npz"
    np.savez(file, **images, **labels)
    arguments = ("study_6_cnn_ladder", tmp_path, capsys, "--data-file", str(file))
    printed = run(*arguments)
    assert "cifar10: 60 images to train on, 30 to test" in printed
    ladder = table(tmp_path, "cnn_ladder")
    assert list(ladder.index)[0] == "plain"
    assert len(ladder) == 7
    assert (ladder["val_top5"] >= ladder["val_top1"]).all()
    runs = list((tmp_path / "results" / "cnn_ladder" / "runs").glob("run-*.json"))
    runs[0].unlink()
    times = [os.stat(path).st_mtime_ns for path in runs[1:]]
    run(*arguments)
    assert runs[0].exists()
    assert [os.stat(path).st_mtime_ns for path in runs[1:]] == times


def test_vanishing_gradients(tmp_path, capsys):
    printed = run("study_7_vanishing_gradients", tmp_path, capsys)
    assert "Gradients of a compiled step against NumPy" in printed
    assert len(table(tmp_path, "first_weights_tanh")) == 4
    picture = tmp_path / "results" / "vanishing_gradients.png"
    assert picture.stat().st_size > 20_000


def test_first_weights_keep_or_lose_the_gradient(digits):
    from skdl import MLPClassifier

    X, y = digits
    with the_study("study_7_vanishing_gradients") as study:
        network = MLPClassifier((64,) * 10, activation="tanh", random_state=0)
        first = {
            name: study.measure_layers(
                network.set_params(kernel_initializer=initializer), X[:200], y[:200]
            ).loc[1, "gradient"]
            for name, initializer in study.INITIALIZERS.items()
        }
    assert first["small (0.01)"] < 1e-8
    assert first["large (1)"] > 100
    assert 0.05 < first["Glorot"] < 20


def test_the_gradients_of_a_compiled_step_are_those_of_backpropagation(digits):
    X, y = digits
    with the_study("study_7_vanishing_gradients") as study:
        errors = study.check_gradients(X[:500].astype(float), y[:500], seed=0)
    assert set(errors) == {"tanh", "sigmoid", "relu"}
    assert max(errors.values()) < 1e-5


def test_a_set_that_is_not_there_is_named(tmp_path, capsys):
    with (
        the_study("study_2_regularization") as study,
        pytest.raises(SystemExit, match=r"--data cifar10: .*gone\.npz"),
    ):
        study.main(["--data-file", "gone.npz", "--output", str(tmp_path)])
    with the_study("study_2_regularization") as study, pytest.raises(SystemExit):
        study.main(["--epochs", "0", "--output", str(tmp_path)])
    assert "--epochs 0: it must be 1 or more" in capsys.readouterr().err
    with the_study("study_2_regularization") as study, pytest.raises(SystemExit):
        study.main(["--rows", "5", "--output", str(tmp_path)])
    assert "--rows 5: it must be 100 or more" in capsys.readouterr().err
