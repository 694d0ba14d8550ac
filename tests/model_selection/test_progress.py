"""What a search shows while it runs, and before."""

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:  # scikit-learn before 1.9
    ProgressBar = ScoringMonitor = None

import re

import psutil
import pytest
from optuna.pruners import NopPruner, ThresholdPruner
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdl import MLPClassifier
from skdl.model_selection import OptunaSearchCV, _preview
from tests.model_selection.light import make_data, make_search

needs_callbacks = pytest.mark.skipif(
    ProgressBar is None, reason="scikit-learn has callbacks from 1.9"
)


def search(space=None, **params):
    steps = make_pipeline(StandardScaler(), MLPClassifier(8, epochs=4, random_state=0))
    space = space or {"mlpclassifier__dropout": [0.1, 0.2]}
    plain = dict(n_trials=3, cv=2, random_state=0, pruner=NopPruner())
    return OptunaSearchCV(steps, space, **{**plain, **params})


def last_line(text):
    return [line for line in re.split(r"[\r\n]", text) if line.strip()][-1]


def test_one_line_shows_how_the_search_stands(iris, capsys):
    space = {
        "mlpclassifier__learning_rate": [0.05, 1e-7],
        "mlpclassifier__hidden_layer_sizes": [(8,), (-1,)],
    }
    shown = search(
        space,
        pruner=ThresholdPruner(lower=0.6, n_warmup_steps=3),
        n_trials=12,
        random_state=1,
        verbose=1,
    )
    with pytest.warns(FitFailedWarning):
        shown.fit(*iris)
    line = last_line(capsys.readouterr().err)
    states = list(shown.cv_results_["trial_state"])
    assert min(map(states.count, ("complete", "pruned", "failed"))) > 0
    assert re.fullmatch(
        rf"OptunaSearchCV: 12/12 trials, {states.count('pruned')} pruned, "
        rf"{states.count('failed')} failed, best {shown.best_score_:.4g} "
        r"\[00:\d\d gone, 00:00 left\]\s*",
        line,
    )


def test_the_line_counts_one_trial_where_there_is_nothing_to_draw(iris, capsys):
    shown = search(verbose=1).set_params(param_distributions={}).fit(*iris)
    assert len(shown.cv_results_["params"]) == 1
    assert last_line(capsys.readouterr().err).startswith("OptunaSearchCV: 1/1 trials")


def test_a_search_that_goes_on_shows_what_it_has(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/study.db"
    make_search(url, 3).fit(*make_data())
    again = make_search(url, 3, verbose=1).fit(*make_data())
    line = last_line(capsys.readouterr().err)
    assert line.startswith(
        f"OptunaSearchCV: 3/3 trials, 0 pruned, 0 failed, best {again.best_score_:.4g} "
    )


def test_a_search_is_silent_by_default(iris, capsys):
    search().fit(*iris)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_callback_of_the_network_sees_each_epoch_of_each_fold(iris, n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    shown = search(n_jobs=n_jobs)
    shown.estimator[-1].set_callbacks(monitor)
    shown.fit(*iris)
    tables = [log.data_as_pandas for log in monitor.get_logs(select="all")]
    epochs = [(table["task_name"] == "epoch").sum() for table in tables]
    assert sum(epochs) == (3 * 2 + 1) * 4  # trials, folds, the refit; epochs


class Tree:
    """A callback of scikit-learn that notes the tasks it sees."""

    max_propagation_depth = None

    def __init__(self):
        self.ended = []

    def setup(self, estimator, context):
        self.ended.clear()

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        path, node = [], context
        while node is not None:
            path.append(node.source_task_name or node.task_name)
            node = node.parent
        self.ended.append("/".join(reversed(path)))

    def teardown(self, estimator, context):
        self.ended.append("teardown")


@needs_callbacks
def test_the_tasks_are_nested_from_the_search_to_the_epoch(iris):
    tree = Tree()
    search(n_trials=2).set_callbacks(tree).fit(*iris)
    fold = "fit/search/candidate-split-evaluation"
    epochs = [path for path in tree.ended if path.endswith("/epoch")]
    assert len(epochs) == 2 * 2 * 4 + 4  # trials, folds and epochs; and the refit
    assert sum(path.startswith(fold) for path in epochs) == 16
    assert sum("refit-with-best-params" in path for path in epochs) == 4
    assert tree.ended.count(fold) == 4
    assert tree.ended[-2:] == ["fit", "teardown"]


@needs_callbacks
def test_a_progress_bar_runs_to_its_end(iris, capsys):
    search(n_trials=2).set_callbacks(ProgressBar()).fit(*iris)
    assert "100%" in capsys.readouterr().out


@needs_callbacks
def test_callbacks_are_taken_down_when_a_search_fails(iris):
    tree = Tree()
    broken = search({"mlpclassifier__hidden_layer_sizes": [(-1,)]}).set_callbacks(tree)
    with pytest.raises(ValueError, match="None of the 3 trials"):
        broken.fit(*iris)
    assert tree.ended[-1] == "teardown"


def test_a_preview_counts_and_extrapolates(iris, monkeypatch):
    times = iter([3.0, 0.6])
    monkeypatch.setattr(_preview, "_time_fold", lambda *_: next(times))
    monkeypatch.setattr(_preview.joblib, "cpu_count", lambda: 2)
    preview = search(n_trials=10, cv=5, n_jobs=4).preview(*iris)
    assert preview.fits == 50
    # What the first fit took longer, for two programs; 50 fits of 0.6 s, two at a time.
    assert preview.minutes == pytest.approx((2 * 2.4 + 15) / 60)
    assert str(preview).startswith("50 fits, about 20 seconds and ")
    assert "This is an estimate from one candidate drawn at random" in str(preview)


def test_a_preview_is_near_the_truth_and_touches_nothing(iris, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    shown = search(storage=url, n_trials=8, cv=5)
    preview = shown.preview(*iris)
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(shown, "study_")
    shown.fit(*iris)
    fits = shown.cv_results_["mean_fit_time"].sum() * 5
    assert preview.fits == 40
    assert 0.1 * fits < 60 * preview.minutes < 20 * fits
    resident = psutil.Process().memory_info().rss / 2**20
    assert 0.5 * resident < preview.memory < 2 * resident
    assert shown.set_params(n_jobs=8).preview(*iris).memory >= preview.memory


def test_a_preview_refuses_what_the_search_refuses(iris):
    with pytest.raises(TypeError, match="must be a dict of distributions"):
        OptunaSearchCV(MLPClassifier(), []).preview(*iris)
