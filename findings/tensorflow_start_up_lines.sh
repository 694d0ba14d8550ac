#!/usr/bin/env bash
# TF_CPP_MIN_LOG_LEVEL=3 is the known way to a quiet TensorFlow: it is to silence information,
# warnings and errors of its C++ code, and for years it did so from the import on. One would
# guess that it still does. With 2.21 it silences what comes later, but not what is written
# while the libraries are loaded: a warning that log messages come before InitializeLog, and
# information about oneDNN and missing GPU drivers, of each of the two libraries that hold
# them, go to stderr whatever the variable says; so do Python's logging settings and absl's.
# It matters for every command-line tool whose output is read by people or parsed, and for
# tests that compare stderr: the only way out is to redirect the descriptor during the import.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "tensorflow-cpu==2.21.0" "keras==3.15.1" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import sys
from importlib.metadata import version

print("tensorflow-cpu", version("tensorflow-cpu"))
lines = {}
for level in ("unset", "0", "1", "2", "3"):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if level != "unset":
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    done = subprocess.run(
        [sys.executable, "-c", "import tensorflow"],
        env=environment, capture_output=True, text=True, check=True,
    )
    lines[level] = done.stderr.splitlines()
    severities = sorted({line[0] for line in lines[level] if line[1:5].isdigit()})
    print(f"TF_CPP_MIN_LOG_LEVEL {level}: {len(lines[level])} lines, severities {severities}")
print(*[line[:100] for line in lines["3"]], sep="\n")
# At level 3 only fatal errors should be left; information is still written.
assert any(line.startswith("I0000") for line in lines["3"]), "level 3 is quiet again"
assert any("InitializeLog" in line for line in lines["3"])
PYTHON
