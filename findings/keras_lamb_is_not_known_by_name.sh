#!/usr/bin/env bash
# Keras lists its optimizers in keras.optimizers, and takes each by its name: "adam",
# "muon", "schedulefreeadamw". One would guess that this holds for all of them, and that
# an optimizer which can't be made from its configuration is an error. Lamb is left out of
# the table of names: compile(optimizer="lamb") is refused, and keras.optimizers.deserialize
# of what keras.optimizers.serialize wrote of it returns the text "Lamb", not an optimizer,
# without a word. Four functions that keras.metrics lists, huber among them, have no name
# either. It matters where names or configurations come from a file or a search space: a
# list of the module's classes is no list of names, and the text goes on to whatever uses
# the optimizer next.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "keras==3.15.1" "tensorflow==2.21.0" "numpy==2.4.6"
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import keras


def is_known(module, name):
    try:
        module.get(name)
    except ValueError:
        return False
    return True


print("keras", keras.__version__)
optimizers = keras.optimizers
bases = {"LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap"}
kinds = [kind for kind in vars(optimizers).values() if isinstance(kind, type)]
names = sorted(kind.__name__ for kind in kinds if kind.__name__ not in bases)
unknown = [name for name in names if not is_known(optimizers, name.lower())]
print(f"{len(names)} optimizers, not known by their names: {unknown}")
assert unknown == ["Lamb"]

for kind in (optimizers.Adam, optimizers.Lamb):
    written = optimizers.serialize(kind(0.01))
    print(f"{kind.__name__}, written and read: {optimizers.deserialize(written)!r}"[:70])
assert optimizers.deserialize(optimizers.serialize(optimizers.Lamb(0.01))) == "Lamb"

functions = sorted(
    name
    for name, value in vars(keras.metrics).items()
    if name.islower() and name not in ("get", "serialize", "deserialize")
    and callable(value) and not name.startswith("_")
)
unknown = [name for name in functions if not is_known(keras.metrics, name)]
print(f"{len(functions)} functions of keras.metrics, not known by name: {unknown}")
assert {"binary_focal_crossentropy", "huber", "log_cosh"} <= set(unknown)
PYTHON
