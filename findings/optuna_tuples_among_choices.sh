#!/usr/bin/env bash
# suggest_categorical takes tuples as choices, such as the widths of layers, and Optuna
# warns that a storage may not keep them. One would guess that they work on every storage,
# or on none that is a file. With Optuna 5.0 a study goes on with them in a journal file,
# whose trials then have lists in the place of the tuples; in SQLite the first process runs
# all its trials, and the first trial of the next process is refused, since the choices that
# it has read, lists, are not the choices that it is asked for. It matters for studies that
# are stopped and resumed: what fails is not the run that was tested. Names as choices, and
# a dict that holds the tuples, work everywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "optuna==5.0.0" "sqlalchemy==2.0.43"
cat > "$folder/run.py" <<'PYTHON'
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.CRITICAL)
kind, path = sys.argv[1:]
storage = f"sqlite:///{path}" if kind == "sqlite" else JournalStorage(JournalFileBackend(path))
study = optuna.create_study(study_name="widths", storage=storage, load_if_exists=True)


def objective(trial):
    return float(sum(trial.suggest_categorical("widths", [(64,), (64, 32)])))


try:
    study.optimize(objective, n_trials=3)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")
else:
    first = study.get_trials()[0].params["widths"]
    print(f"{len(study.trials)} trials, the first with {type(first).__name__}")
PYTHON
run() { "$folder/venv/bin/python" -W ignore "$folder/run.py" "$1" "$folder/$1"; }
"$folder/venv/bin/python" -c "import optuna; print('optuna', optuna.__version__)"
for kind in journal sqlite; do
    first=$(run "$kind")
    second=$(run "$kind")
    echo "$kind, first process: $first"
    echo "$kind, second process: $second"
    [ "$first" = "3 trials, the first with list" ]
    case $kind in
        journal) [ "$second" = "6 trials, the first with list" ] ;;
        sqlite) [[ "$second" == "ValueError: "*"does not support dynamic value space." ]] ;;
    esac
done
