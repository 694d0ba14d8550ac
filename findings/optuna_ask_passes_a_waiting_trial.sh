#!/usr/bin/env bash
# Study.enqueue_trial says that the parameters are used by the next trial, and one would
# guess that `ask` makes a new trial only where none waits. With several processes on one
# study it does not: `ask` reads the waiting trials once and tries to take one after the
# other. If another process takes the last of that list first, it makes a new trial, also
# where trials were enqueued in the meantime: it does not look again. They stay behind
# and, where a number of trials was asked for and is reached, wait for ever, with nothing
# said. It matters to whoever hands out trials through the queue, so that each has an
# owner or given parameters: he has to look for what was left when the study is full.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "optuna==5.0.0" "numpy==2.4.6"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import optuna
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Shared(optuna.storages.InMemoryStorage):
    """A storage in which others get a turn before a trial is taken."""

    others = None

    def set_trial_state_values(self, trial_id, state, values=None):
        turn, self.others = self.others, None
        if state == TrialState.RUNNING and turn is not None:
            turn()
        return super().set_trial_state_values(trial_id, state, values)


storage = Shared()
ours = optuna.create_study(storage=storage, study_name="shared")
another = optuna.load_study(storage=storage, study_name="shared")
ours.enqueue_trial({"x": 1.0})


def turn():
    """What another process does meanwhile: it takes one trial, and enqueues one."""
    another.ask()
    another.enqueue_trial({"x": 2.0})


storage.others = turn
asked = ours.ask()
trials = ours.get_trials()
print("optuna", optuna.__version__)
for trial in trials:
    whose = "ours" if trial.number == asked.number else "not ours"
    fixed = trial.system_attrs.get("fixed_params")
    print(f"trial {trial.number}: {trial.state.name}, enqueued with {fixed}, {whose}")
waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
assert waiting == [1], "ask takes the trial that waits now"
assert asked.number == 2
assert asked.suggest_float("x", -10.0, 0.0) < 1
print("ask made a new trial, and trial 1 waits")
PYTHON
