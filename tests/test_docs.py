"""The pages: code runs, links lead somewhere, every public name is there."""

import importlib
import re
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from numpydoc.docscrape import FunctionDoc

import skdl
from skdl.estimators._constraints import OPTIMIZERS
from skdl.estimators._mixins import LABEL_LOSSES
from skdl.estimators._number_targets import LOSS_HEADS
from skdl.nn._activations import ACTIVATIONS
from skdl.nn._heads import HEADS
from skdl.nn._normalization import NORMALIZATIONS
from skdl.training._schedules import SCHEDULES
from tests.check_docstrings import MODULES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WRITTEN_PAGES = [
    page
    for page in DOCS.rglob("*.md")
    if page.relative_to(DOCS).parts[0] not in ("_build", "gallery")
]


def blocks_of(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.M)


PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *WRITTEN_PAGES]
    if blocks_of(page)
)
# These take a second or two once TensorFlow is there.
FAST = {"docs/guide/losses.md", "docs/guide/tables.md", "docs/start.md"}
# What makes a page shorter.
SHORTER = {
    "docs/guide/scaling.md": {"n_trials=200": "n_trials=3", "n_iter=8": "n_iter=2"},
    "docs/guide/searching.md": {"n_trials=8": "n_trials=4", "n_trials=6": "n_trials=2"},
}

# What is true once the blocks of a page have run, and what they print.
CLAIMS = {
    "README.md": ["study.best_score_ > 0.9"],
    "docs/guide/comparing.md": ["comparison.frame().loc['SGD', 'p_value'] < 0.05"],
    "docs/guide/diagnosing.md": ["diagnosis.verdict == 'high bias'"],
    "docs/guide/averaging.md": ["averaged.score(X_test, y_test) > 0.93"],
    "docs/guide/images.md": ["pipeline.score(X_test, y_test) > 0.9"],
    "docs/guide/keras.md": [
        "search.best_score_ > 0.8",
        "search.best_estimator_[-1].fit_path_.startswith('compiled')",
    ],
    "docs/guide/losses.md": ["0.6 < inside < 0.95"],  # of 0.8; 111 rows
    "docs/guide/saving.md": ["loaded.score(X_test, y_test) > 0.9"],
    "docs/guide/scaling.md": [
        "len(search.study_.trials) == 3",
        "found.best_score_ > 0.9",
    ],
    "docs/guide/searching.md": ["search.best_score_ > 0.9"],
    "docs/guide/tables.md": [
        "model.score(X_test, y_test) > 0.9",
        "found.importances_mean[2] < min(found.importances_mean[:2])",  # the date
    ],
    "docs/guide/tracking.md": ["tracked.frame().loc['Adam', 'val_score'] > 0.9"],
    "docs/guide/uncertainty.md": ["0.65 < inside < 0.95"],  # of 0.8; 142 rows
    "docs/recipes/cluster.md": [
        "'4' in done.stdout",
        "len(search.study_.trials) == 4",
    ],
    "docs/recipes/images.md": ["pipeline.score(X_test, y_test) > 0.92"],
    "docs/recipes/imbalanced_classes.md": ["max(scores, key=scores.get) != 'plain'"],
    "docs/recipes/many_searches.md": ["len(best) == 4", "min(best.values()) > 0.85"],
    "docs/recipes/own_model.md": [
        "search.best_score_ > 0.8",
        "search.best_estimator_[-1].fit_path_.startswith('compiled')",
    ],
    "docs/recipes/serving.md": ["done.stdout.split()[-1] == 'False'"],
    "docs/start.md": [
        "model.score(X_test, y_test) > trees.score(numbers.loc[X_test.index], y_test)",
        "(served.predict(X_test) == model.predict(X_test)).all()",
    ],
}
WRITTEN = {
    "docs/guide/displays.md": [
        f"{name}.png" for name in ("learning_curves", "search", "wrong", "confusion")
    ],
    "docs/guide/images.md": ["curves.png"],
    "docs/guide/tracking.md": ["mlflow.db"],
    "docs/start.md": ["trips.skdl"],
}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page in FAST else [pytest.mark.slow])
        for page in PAGES
    ],
)
@pytest.mark.usefixtures("own_mlflow")  # a folder of its own, too
def test_the_python_blocks_of_a_page_run(page, tmp_path):
    matplotlib.use("Agg")
    names = {"__name__": "__main__"}
    shorter = SHORTER.get(page, {})
    assert all(before in (ROOT / page).read_text() for before in shorter)
    for block in blocks_of(ROOT / page):
        for before, after in shorter.items():
            block = block.replace(before, after)
        exec(compile(block, page, "exec"), names)
    plt.close("all")
    for claim in CLAIMS.get(page, []):
        assert eval(claim, names), claim
    for name in WRITTEN.get(page, []):
        assert (tmp_path / name).stat().st_size > 3_000, name


@pytest.mark.slow
def test_the_first_page_is_one_script_whose_time_is_shown(tmp_path, record_property):
    script = tmp_path / "start.py"
    script.write_text("\n".join(blocks_of(DOCS / "start.md")))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    record_property("docs/start.md, as one script", f"{seconds:.1f} s")
    assert done.returncode == 0, done.stderr
    assert "hidden_layer_sizes[1]=0 must be an integer >= 1" in done.stdout


def test_claims_are_about_pages_that_run():
    assert {*CLAIMS, *WRITTEN, *SHORTER, *FAST} <= set(PAGES)


def test_the_api_reference_has_every_public_name_once():
    text = (DOCS / "api" / "index.md").read_text()
    module, found = "skdl", []
    for line in text.splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split(":: ")[1]
        elif re.fullmatch(r"   [\w.]+", line):
            found.append(f"{module}.{line.strip()}")
    public = {
        f"{module}.{name}"
        for module in MODULES
        for name in importlib.import_module(module).__all__
    }
    modules = {module for module in MODULES if module != "skdl"}
    expected = public - modules - {"skdl.__version__"} | {"skdl.worker.main"}
    assert sorted(found) == sorted(expected)


ESTIMATORS = [
    (skdl, "MLPClassifier", ()),
    (skdl, "TabularRegressor", ()),
    (skdl, "KerasClassifier", (print,)),
    (skdl.preprocessing, "TableEncoder", ()),
    (skdl.preprocessing, "PiecewiseLinearEncoder", ()),
    (skdl.preprocessing, "ImageScaler", ()),
    (skdl.model_selection, "OptunaSearchCV", (skdl.MLPClassifier(), {})),
]


@pytest.mark.parametrize(("module", "name", "arguments"), ESTIMATORS)
def test_a_view_links_to_a_page_only_where_a_site_is_configured(
    module, name, arguments, monkeypatch
):
    estimator = getattr(module, name)(*arguments)
    monkeypatch.delenv("SKDL_DOCS_URL", raising=False)
    assert name in estimator._repr_html_()
    assert f"{name}.html" not in estimator._repr_html_()
    monkeypatch.setenv("SKDL_DOCS_URL", "https://docs.example.org/skdl/")
    page = f"https://docs.example.org/skdl/api/generated/{module.__name__}.{name}.html"
    assert page in estimator._repr_html_()
    # A subclass of somebody else has no page there.
    own = type("Own", (type(estimator),), {"__module__": "own"})
    assert "Own.html" not in own(*arguments)._repr_html_()


def links_of(path):
    """Yield the targets of the links of a page that lead to other files."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            yield target.split("#")[0]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_of_the_pages_at_the_top_lead_to_files(name):
    targets = list(links_of(ROOT / name))
    assert [t for t in targets if not (ROOT / t).exists()] == []


def test_links_of_the_site_lead_to_pages():
    # Sphinx refuses broken ones, too; this one needs no build.
    generated = ("api/generated/", "gallery/")
    broken = [
        (page.name, target)
        for page in WRITTEN_PAGES
        for target in links_of(page)
        if not any(part in target for part in generated)
        and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_is_on_the_site():
    listed = set()
    for page in WRITTEN_PAGES:
        for tree in re.findall(
            r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL
        ):
            for line in tree.splitlines():
                if line and not line.startswith(":"):
                    listed.add((page.parent / line).resolve())
    pages = {page.with_suffix("") for page in WRITTEN_PAGES}
    own = {DOCS / "index"}
    assert pages - own <= listed


def test_text_that_names_a_page_names_one_that_exists():
    named = [
        (path.name, page)
        for folder in ("skdl", "tests", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for page in re.findall(r"\bdocs/[\w/]+\.md\b", path.read_text())
        if not (ROOT / page).exists()
    ]
    named += [
        (name, page)
        for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
        for page in re.findall(r"\bdocs/[\w/]+\.md\b", (ROOT / name).read_text())
        if not (ROOT / page).exists()
    ]
    assert named == []


def test_the_page_of_training_has_all_names_and_defaults():
    text = (DOCS / "guide" / "training.md").read_text()
    rows = dict(
        re.findall(r"^\| `(?:\")?(\w+)(?:\")?`[^|]*\| (.*?) \|", text, re.MULTILINE)
    )
    for parameter, known in {
        "activation": ACTIVATIONS,
        "normalization": NORMALIZATIONS,
        "optimizer": OPTIMIZERS,
    }.items():
        assert set(re.findall(r'"(\w+)"', rows[parameter])) == set(known)
    for name, kind in SCHEDULES.items():
        defaults = dict(re.findall(r"`(\w+)=([\d.]+)`", rows[name]))
        assert {k: float(v) for k, v in defaults.items()} == kind.defaults


ESTIMATORS = [
    getattr(skdl, kind + task)
    for kind in ("MLP", "CNN", "Tabular")
    for task in ("Classifier", "Regressor")
]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_docstring_of_an_estimator_has_the_names_of_its_parameters(kind):
    losses = LABEL_LOSSES if hasattr(kind, "predict_proba") else LOSS_HEADS
    described = FunctionDoc(kind)["Parameters"]
    described = {entry.name: [entry.type, *entry.desc] for entry in described}
    for parameter, known in {
        "activation": ACTIVATIONS,
        "normalization": NORMALIZATIONS,
        "optimizer": OPTIMIZERS,
        "learning_rate_schedule": SCHEDULES,
        "loss": losses,
    }.items():
        named = re.findall(r'"(\w+)"', "\n".join(described[parameter]))
        assert set(known) - {"own"} <= set(named), parameter


def test_each_loss_has_a_line_in_its_page():
    text = (DOCS / "guide" / "losses.md").read_text()
    lines = re.findall(r'^\| `"(\w+)"`', text, re.MULTILINE)
    assert {*lines} == {*LABEL_LOSSES, *LOSS_HEADS} - {"own"}


def test_each_head_has_a_line_in_the_file_format():
    text = (DOCS / "file_format.md").read_text()
    lines = re.findall(r'^\| (`"\w+"`(?:, `"\w+"`)*) \|', text, re.MULTILINE)
    assert {*re.findall(r"\w+", " ".join(lines))} == set(HEADS)
