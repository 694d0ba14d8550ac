"""OptunaSearchCV: a search over hyperparameters that is an Optuna study."""

import time
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.trial import TrialState
from sklearn.utils import get_tags

from skdl._utils._candidates import make_candidate
from skdl._utils._hints import NamesWithHints
from skdl._utils._scorers import is_multimetric
from skdl._utils._site import LinkedToSite
from skdl._utils._sklearn import BaseSearchCV, Interval, StrOptions, with_callbacks
from skdl._utils._tasks import SearchTasks
from skdl.inspection._tracking import open_tracker
from skdl.model_selection._board import Board
from skdl.model_selection._plan import (
    as_unfinished,
    find_unfinished,
    fingerprint_of,
    make_samplers,
    open_planned,
    plan_search,
)
from skdl.model_selection._preview import Preview, take_preview
from skdl.model_selection._progress import SearchLine
from skdl.model_selection._queue import TrialQueue, counts
from skdl.model_selection._results import (
    STATES,
    check_completed,
    complete_only,
    make_results,
    pareto_optimal,
    warn_of_failures,
)
from skdl.model_selection._runner import Runner
from skdl.model_selection._study import open_storage

__all__ = ["OptunaSearchCV"]


class OptunaSearchCV(LinkedToSite, BaseSearchCV, metaclass=NamesWithHints):
    """Search over hyperparameters with cross-validation, as an Optuna study.

    It can replace ``RandomizedSearchCV``. A sampler learns from the finished trials; a
    pruner stops trials that fall behind after some epoch, even if the network is the
    last step of a pipeline; and with a ``storage`` the study can be stopped at any
    time, resumed later, watched in a dashboard while it runs, and shared by several
    processes.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune: a network, a pipeline that ends in one, or any other
        estimator. Give it a ``random_state`` to get the same study again.
    param_distributions : dict, list of dict or callable
        A dict from names of parameters (``"mlpclassifier__dropout"`` in a pipeline) to
        Optuna distributions, frozen distributions of ``scipy.stats``, or lists of
        values. With a list of such dicts, each trial uses one of them. A function takes
        an ``optuna.Trial`` and returns a dict of parameters, for a space in which one
        parameter decides whether another exists. ``default_space`` returns a space for
        a network.
    n_trials : int, default=50
        Total number of trials of the study, 1 or more. A resumed study runs those that
        are missing. Pruned and failed trials count; trials whose process was killed
        are run again.
    timeout : float, default=None
        Seconds after which no trial is begun; None sets no limit.
    scoring : str, callable, list, tuple or dict, default=None
        As in ``RandomizedSearchCV``. With several scores the study maximizes the one
        that ``refit`` names, or else the first; another one may be NaN.
    cv : int, splitter or iterable, default=None
        The folds, as in ``RandomizedSearchCV``; all trials have the same. None is five
        folds, stratified for a classifier.
    n_jobs : int, default=None
        How many trials run at a time, in threads; -1 is one for each core, None is 1.
    refit : bool, str or callable, default=True
        Whether, by which score, or by which function of ``cv_results_`` the best
        candidate is chosen and fitted to all rows.
    sampler : optuna.samplers.BaseSampler, default=None
        Proposes parameters; it is copied. None is ``TPESampler``, seeded from
        ``random_state``.
    pruner : optuna.pruners.BasePruner, default=None
        Stops trials that fall behind; it is copied. After a scored epoch, the mean of
        the scores of the finished folds and of the current one is reported to it, at
        the step ``fold * epochs + epoch``. None is ``RacingPruner()`` for a network,
        and no pruning for other estimators, which report no epochs.
        ``optuna.pruners.NopPruner()`` never prunes.
    storage : str, path or optuna.storages.BaseStorage, default=None
        Where the study is kept: a database URL such as ``"sqlite:///study.db"``, the
        path of a journal file, or a storage of Optuna. None keeps it in memory.
    study_name : str, default=None
        The name of the study; None makes one from the data, the space and the settings,
        so that the same search finds its study again.
    resume : bool or "auto", default="auto"
        Whether the study must exist already (True), must not exist (False), or either.
    error_score : "raise" or float, default=nan
        The score of a trial that failed, in ``cv_results_``; it never ranks above one
        that did not. ``"raise"`` ends the search with the error.
    return_train_score : bool, default=False
        Whether the training rows are scored, too.
    random_state : int, RandomState instance or None, default=None
        Seeds the default sampler. The same seed and ``n_jobs=1`` give the same study
        again, even if it was stopped and resumed.
    directions : list of {"maximize", "minimize"}, default=None
        One for each score of ``scoring``, in its order: the study then has several
        objectives, and ``best_trials_`` holds the trials that no other trial beats in
        all of them. No trial is pruned, as pruning needs a single objective. ``refit``
        must be the name of a score, a function or False. None maximizes one score.
    enqueue : list of dict, default=None
        Parameters to try first, in the form of ``best_params_`` (where the space is a
        function, in that of ``study_.best_params``: by the names that it suggests);
        parameters that a dict leaves out are drawn.
    callbacks : list of callable, default=None
        Called with the study and each trial that has ended, like those of
        ``optuna.Study.optimize``; ``study.stop()`` ends the search.
    tracking : {"mlflow"} or None, default=None
        Where each trial, and the best candidate once it is fitted, is logged.
        ``"mlflow"`` uses MLflow's tracking URI and experiment if they are set, else the
        SQLite file ``mlflow.db`` and the experiment ``skdl``; it needs the extra
        ``skdl[mlflow]``.
    verbose : int, default=0
        If above 0, show a progress bar.

    Attributes
    ----------
    study_ : optuna.Study
        The study. Each trial has the attributes ``scores`` (of its folds), ``seconds``
        and, of a network, ``epochs`` and ``curves`` (the scores after epochs of each
        fold).
    cv_results_ : dict of str to ndarray of shape (n_trials,)
        As in ``RandomizedSearchCV``, with the additional columns ``trial_number``,
        ``trial_state`` (``"complete"``, ``"pruned"`` or ``"failed"``) and ``n_epochs``;
        with constraints also ``feasible``, with several objectives also
        ``pareto_optimal``. Infeasible trials rank after feasible ones.
    best_trials_ : list of optuna.trial.FrozenTrial
        With several objectives: those that no other trial beats in all of them.
    best_estimator_ : estimator
        The best candidate, fitted to all rows; not with ``refit=False``.
    best_params_ : dict
        Its parameters.
    best_score_ : float
        Its mean score over the folds; not if ``refit`` is a function.
    best_index_ : int
        Where it stands in ``cv_results_``.
    classes_ : ndarray of shape (n_classes,)
        The labels, of a classifier.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.
    scorer_ : callable or dict of str to callable
        The scorer, or the scorers.
    multimetric_ : bool
        Whether there are several.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds of the last fit.

    References
    ----------
    Akiba, Sano, Yanase, Ohta and Koyama, "Optuna: A Next-generation Hyperparameter
    Optimization Framework" (2019).

    Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization"
    (2011), for the default sampler.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdl import MLPClassifier
    >>> from skdl.model_selection import OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    >>> space = {
    ...     "mlpclassifier__learning_rate": loguniform(1e-3, 1e-1),
    ...     "mlpclassifier__dropout": [0.0, 0.2, 0.4],
    ... }
    >>> search = OptunaSearchCV(pipeline, space, n_trials=5, cv=3, random_state=0)
    >>> print(search.fit(X, y).best_score_ > 0.9)
    True
    """

    _documented_in = "skdl.model_selection"

    # scikit-learn's checks want constraints of exactly the parameters of the class.
    _parameter_constraints = {
        name: constraint
        for name, constraint in BaseSearchCV._parameter_constraints.items()
        if name != "pre_dispatch"
    } | {
        "param_distributions": "no_validation",
        "n_trials": [Interval(Integral, 1, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "sampler": [BaseSampler, None],
        "pruner": [BasePruner, None],
        "storage": "no_validation",
        "study_name": [str, None],
        "resume": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "directions": [list, tuple, None],
        "enqueue": [list, tuple, None],
        "callbacks": [list, tuple, None],
        "tracking": [StrOptions({"mlflow"}), None],
    }
    # The storage in memory of a search that was ended before its time, and what was
    # searched: the next fit goes on with it if it is the same search.
    _unfinished = None

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_trials: int = 50,
        timeout: float | None = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        sampler: Any = None,
        pruner: Any = None,
        storage: Any = None,
        study_name: str | None = None,
        resume: bool | str = "auto",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        directions: Any = None,
        enqueue: Any = None,
        callbacks: Any = None,
        tracking: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.n_trials = n_trials
        self.timeout = timeout
        self.scoring = scoring
        self.cv = cv
        self.n_jobs = n_jobs
        self.refit = refit
        self.sampler = sampler
        self.pruner = pruner
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state
        self.directions = directions
        self.enqueue = enqueue
        self.callbacks = callbacks
        self.tracking = tracking
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags = deepcopy(get_tags(self.estimator).target_tags)
        tags.array_api_support = False  # the fingerprint needs NumPy, pandas or SciPy
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Run the trials that the study lacks, and fit the best candidate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The labels, or the numbers to predict.
        **params : dict of str to object
            Parameters for ``fit`` of the estimator (such as ``sample_weight``), the
            splitter (``groups``) and the scorer.

        Returns
        -------
        self
            The fitted search.

        Raises
        ------
        TypeError, ValueError
            If a parameter, the space or the data can't be used, if the study is one of
            another search, or if no trial was completed.
        ConnectionError
            If the storage can't be used.
        """
        plan = plan_search(self, X, y, params)
        tracker = open_tracker(self.tracking)
        study, tasks = self._run_trials(plan, tracker)
        self._keep_study(study)  # whatever comes, nothing of it is lost
        trials = _counted(study)
        check_completed(trials)
        warn_of_failures(trials)
        best = []
        if self.directions:
            best = pareto_optimal(trials, plan.setting.directions)
        results = make_results(
            trials,
            plan.space,
            len(plan.setting.splits),
            self.return_train_score,
            # The study may hold failed trials of a search with another error_score.
            np.nan if self.error_score == "raise" else self.error_score,
            plan.setting.directions,
            {trial.number for trial in best},
        )
        # This fit may fail, too: the attributes of an earlier one stay until it ends.
        found = self._find_best(results, plan, tasks)
        self._unfinished = None
        tasks.end()
        for name in [name for name in vars(self) if _is_of_a_fit(name)]:
            delattr(self, name)  # of an earlier fit, which may have had others
        for name, value in found.items():
            setattr(self, name, value)
        if self.directions:
            self.best_trials_ = deepcopy(best)  # a storage in memory holds these
        self.study_ = study
        self.cv_results_ = results
        self.n_splits_ = len(plan.setting.splits)
        self.scorer_ = getattr(plan.setting.scorer, "_scorers", plan.setting.scorer)
        if self.refit is not False:
            known = {"refit_seconds": self.refit_time_}
            if "best_score_" in found:
                known["best_score"] = self.best_score_
            tracker.log_best(study.study_name, self.best_estimator_, known)
        return self

    @with_callbacks
    def run_trials(self, X: Any, y: Any = None, **params: Any) -> dict[str, int]:
        """Run the missing trials of the study, without fitting the best candidate.

        This is what a worker does: ``python -m skdl.worker``.

        Parameters
        ----------
        X, y, **params : object
            As in ``fit``.

        Returns
        -------
        dict of str to int
            The number of trials that are ``"complete"``, ``"pruned"`` and ``"failed"``.
        """
        plan = plan_search(self, X, y, params)
        study, tasks = self._run_trials(plan, open_tracker(self.tracking))
        tasks.end()
        trials = _counted(study)
        warn_of_failures(trials)
        states = [trial.state for trial in trials]
        return {name: states.count(state) for state, name in STATES.items()}

    def preview(self, X: Any, y: Any = None, **params: Any) -> Preview:
        """Time one candidate, and estimate the cost of the search.

        It fits one fold of one random candidate twice, since the first fit may have to
        compile the network. Nothing is written to the storage.

        Parameters
        ----------
        X, y, **params : object
            As in ``fit``.

        Returns
        -------
        Preview
            An estimate with ``fits``, ``minutes`` and ``memory`` (in MB), which prints
            as a sentence. Other candidates may cost several times more or less, and
            pruning is not taken into account.
        """
        plan = plan_search(self, X, y, params)
        return take_preview(plan.setting, plan.space, self.n_trials, plan.n_threads)

    def _run_trials(self, plan, tracker):
        """Run the trials that the study lacks; return the study, and the tasks."""
        setting = plan.setting
        enqueued = [plan.space.encode(params) for params in self.enqueue or ()]
        fingerprint = fingerprint_of(self, plan)
        storage = find_unfinished(self, fingerprint) or open_storage(self.storage)
        study = open_planned(self, plan, storage, fingerprint)
        done = _counted(study)
        for trial in done:
            plan.space.recall(trial)  # raises if a function has changed
        for params in enqueued:
            study.enqueue_trial(params, skip_if_exists=True)
        # Without anything to draw, all trials would be the same.
        n_trials = self.n_trials if plan.space.draw_example() else 1
        queue = TrialQueue(
            study,
            storage,
            n_trials,
            self.timeout,
            make_samplers(self),
            plan.space,
            enqueued,
        )
        data = {"X": setting.X, "y": setting.y, "metadata": setting.fit_params}
        n_fits = max(0, n_trials - len(done)) * len(setting.splits)
        tasks = SearchTasks(self, data, n_fits, self.refit is not False)
        line = SearchLine(n_trials, self.verbose > 0)
        board = None
        if not isinstance(plan.pruner, NopPruner):
            board = Board(plan.pruner, study.study_name)
        unchanged = self.estimator.get_params(deep=True)

        def log(number, params, outcome, state):
            name = f"{study.study_name}: trial {number}"
            tracker.log_trial(name, {**unchanged, **params}, outcome, STATES[state])

        check, callbacks = self._check_outcome, self.callbacks or ()
        runner = Runner(queue, setting, board, tasks, line, check, log, callbacks)
        tasks.begin()
        line.begin(done)
        try:
            runner.run(plan.n_threads)
        except BaseException as error:  # Ctrl-C, too, or an error of a callback
            # With "raise" the next fit must raise the error of a candidate again.
            if self.error_score != "raise" or isinstance(error, KeyboardInterrupt):
                self._keep_study(study)
                self._unfinished = as_unfinished(self, storage, fingerprint)
            raise
        finally:
            line.end()
        tasks.end_fits()
        if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            # Until the best is fitted: whatever ends that, the next fit goes on.
            self._unfinished = as_unfinished(self, storage, fingerprint)
        return study, tasks

    def _keep_study(self, study):
        """Keep the study of a fit that may fail, unless a fit has succeeded before."""
        if not self.__sklearn_is_fitted__():
            self.study_ = study

    def __sklearn_is_fitted__(self):
        # A first search that was ended before its time has a study_, and no results.
        return hasattr(self, "cv_results_")

    def _check_outcome(self, outcome):
        """Raise if an outcome ends the search: its error, or a wrong ``refit``."""
        if outcome.exception is not None and self.error_score == "raise":
            raise outcome.exception
        scores = outcome.scores
        if callable(self.scoring) and scores and self._is_multimetric(scores):
            self._check_refit_for_multimetric(scores)

    def _is_multimetric(self, names):
        """Return whether there are several scores; of a function, its names show it."""
        return list(names) != ["score"] or is_multimetric(self._get_scorers()[0])

    def _find_best(self, results, plan, tasks):
        """Fit the best candidate; return the attributes that describe it."""
        names = [n.removeprefix("rank_test_") for n in results if n.startswith("rank_")]
        several = self._is_multimetric(names)
        metric = plan.setting.objective if several else "score"
        found = {"multimetric_": several}
        if self.refit is False and several:
            return found
        if callable(self.refit):
            part, places = complete_only(results)
            best = int(places[self._select_best_index(self.refit, metric, part)])
        else:
            best = self._select_best_index(self.refit, metric, results)
        found["best_index_"] = best
        found["best_params_"] = results["params"][best]
        if not callable(self.refit):
            found["best_score_"] = results[f"mean_test_{metric}"][best]
        if self.refit is False:
            return found
        setting = plan.setting
        candidate = make_candidate(self.estimator, found["best_params_"])
        start = time.perf_counter()
        with tasks.refit(candidate):
            targets = () if setting.y is None else (setting.y,)
            candidate.fit(setting.X, *targets, **setting.fit_params)
        found["refit_time_"] = time.perf_counter() - start
        found["best_estimator_"] = candidate
        if hasattr(candidate, "feature_names_in_"):
            found["feature_names_in_"] = candidate.feature_names_in_
        return found


def _is_of_a_fit(name):
    return name.endswith("_") and not name.startswith("_")


def _counted(study):
    return [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
