"""What is released: contents, versions, and the workflows that do it."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

import skdl
from tests.check_distribution import faults_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text())
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("git") or not (ROOT / ".git").exists(), reason="no repository"
)
def test_sdist_and_wheel_are_whole_and_built_alike_twice(tmp_path):
    files, faults = faults_of(tmp_path)
    assert faults == []
    assert all(file.stat().st_size < 3e6 for file in files)


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == skdl.__version__
    released = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert released == skdl.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    assert citation["repository-code"] == PROJECT["urls"]["Source"]


def pythons():
    """Return the minor versions of Python that the project says it runs on."""
    lowest, above = re.fullmatch(
        r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]
    ).groups()
    return [f"3.{minor}" for minor in range(int(lowest), int(above))]


def test_the_versions_of_python_are_the_same_everywhere():
    said = [c.split(":: ")[-1] for c in PROJECT["classifiers"] if ":: 3." in c]
    assert said == pythons()
    matrix = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == pythons()
    for name in ("README.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text()
        assert f"Python {pythons()[0]} to {pythons()[-1]}" in text, name
    site = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())
    assert site["build"]["tools"]["python"] in pythons()
    used = set()
    for workflow in WORKFLOWS.values():
        used |= set(re.findall(r"'python-version': '([\d.]+)'", str(workflow)))
    assert used
    assert used <= set(pythons())


def test_the_lowest_versions_of_the_changelog_are_those_of_the_project():
    lowest = dict(
        re.match(r"([\w-]+)>=([\d.]+)", line).groups()
        for line in PROJECT["dependencies"]
    )
    text = (ROOT / "CHANGELOG.md").read_text()
    for name, said in {
        "scikit-learn": r"scikit-learn ([\d.]+)",
        "keras": r"Keras ([\d.]+)",
        "tensorflow": r"TensorFlow ([\d.]+)",
    }.items():
        # The first mention is that of the newest release that speaks of it.
        parts = re.search(said, text)[1].split(".")
        assert lowest[name].split(".")[: len(parts)] == parts, name


def commands():
    """Return every line that a workflow runs in a shell."""
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                for line in step.get("run", "").splitlines():
                    yield name, line.strip()


def test_workflows_run_what_the_makefile_has():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    lines = list(commands())
    assert len(lines) >= 5
    for name, line in lines:
        words = re.fullmatch(r"make ([\w -]+?)( [A-Z]+=\S+)*", line)
        assert words, f"{name}: {line}"
        assert set(words[1].split()) <= targets, f"{name}: {line}"
    said = re.findall(r"`make ([\w-]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert set(said) <= targets


def test_a_release_is_published_without_a_password_and_with_attestations():
    publish = WORKFLOWS["release.yml"]["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    (step,) = [s for s in publish["steps"] if "pypi-publish" in s.get("uses", "")]
    assert step["with"]["attestations"] is True
    assert "password" not in step["with"]


def requirements(lines):
    """Return names and ranges, however they are written."""
    return {
        (re.match(r"[\w.-]+", line)[0].lower().replace("_", "-"), specifiers_of(line))
        for line in lines
    }


def specifiers_of(line):
    return re.sub(r"^[\w.-]+(\[[\w,]+\])?", "", line.split(";")[0]).replace(" ", "")


def test_the_lock_file_is_that_of_the_project():
    locked = tomllib.loads((ROOT / "uv.lock").read_text())
    assert locked["requires-python"].replace(" ", "") == PROJECT["requires-python"]
    (own,) = [p for p in locked["package"] if p["name"] == "skdl"]
    metadata = own["metadata"]
    said = {
        (each["name"], each.get("specifier", ""))
        for each in metadata["requires-dist"]
        if "extra ==" not in each.get("marker", "")
    }
    assert said == requirements(PROJECT["dependencies"])
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for name, lines in groups.items():
        plain = [line for line in lines if isinstance(line, str)]
        said = {
            (e["name"], e.get("specifier", "")) for e in metadata["requires-dev"][name]
        }
        assert requirements(plain) <= said, name


def test_every_file_has_a_licence_that_is_an_spdx_name():
    assert PROJECT["license"] == "BSD-3-Clause"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")
