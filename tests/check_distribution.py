"""Build what is released, and try it: ``python -m tests.check_distribution``.

The sdist and the wheel are built twice and compared, checked by twine, and left in
``dist/``. The fast tests run from the unpacked sdist, some from the wheel, installed in
an environment of its own.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What the wheel is tried by: all that a user touches first.
TRIED = ["tests/test_mlp.py", "tests/saving", "tests/test_without_tensorflow.py"]
FAST = ["-m", "pytest", "--quiet", "-m", "not slow"]


def build(folder, source=ROOT):
    """Build sdist and wheel; return their paths."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder]
    subprocess.run([*command, source], check=True, capture_output=True)
    (sdist,) = Path(folder).glob("*.tar.gz")
    (wheel,) = Path(folder).glob("*.whl")
    return sdist, wheel


def names_in_sdist(sdist):
    """Return the files of an sdist, without the folder that holds them."""
    with tarfile.open(sdist) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


def names_in_wheel(wheel):
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def faults_of(folder):
    """Build twice in a folder; return the files, and what is wrong with them."""
    first, second = (build(Path(folder) / name) for name in ("first", "second"))
    faults = [
        f"{one.name} is another one when it is built again"
        for one, two in zip(first, second, strict=True)
        if one.name != two.name or not filecmp.cmp(one, two, shallow=False)
    ]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *first],
        capture_output=True,
        text=True,
    )
    if checked.returncode:
        faults.append(checked.stdout + checked.stderr)
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "skdl").rglob("*")
        if path.suffix in (".py", ".typed")
    }
    packed = {name for name in names_in_wheel(first[1]) if name.startswith("skdl/")}
    faults += [f"the wheel has {name}" for name in sorted(packed - sources)]
    faults += [f"the wheel lacks {name}" for name in sorted(sources - packed)]
    wanted = tracked_files()
    sent = names_in_sdist(first[0]) - {"PKG-INFO"}
    faults += [f"the sdist lacks {name}" for name in sorted(wanted - sent)]
    faults += [f"the sdist has {name}" for name in sorted(sent - wanted)]
    return first, faults


def tracked_files():
    """Return the files under version control, without what only CI uses."""
    command = ["git", "ls-files"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = {name for name in done.stdout.splitlines() if (ROOT / name).exists()}
    return {name for name in names if not name.startswith(".ci/")}


def try_sdist(sdist, folder):
    """Run the fast tests of an sdist, with the packages of this environment."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = Path(folder).iterdir()
    subprocess.run([sys.executable, *FAST], cwd=unpacked, check=True)


def try_wheel(wheel, folder):
    """Run tests in a new environment that has the wheel, and no source beside them."""
    folder = Path(folder)
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True
    )
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, wheel, "--group", "test"], cwd=ROOT, check=True)
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    where = "import skdl; print(skdl.__file__)"
    done = subprocess.run(
        [python, "-c", where], cwd=folder, check=True, capture_output=True, text=True
    )
    assert "site-packages" in done.stdout, done.stdout
    subprocess.run([python, *FAST, *TRIED], cwd=folder, env=environment, check=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        files, faults = faults_of(folder)
        if faults:
            print("\n".join(faults))
            return 1
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, ROOT / "dist")
            print(f"dist/{file.name}: {file.stat().st_size / 1e6:.2f} MB")
        for name, trial, file in zip(
            ("sdist", "wheel"), (try_sdist, try_wheel), files, strict=True
        ):
            (Path(folder) / name).mkdir()
            trial(file, Path(folder) / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
