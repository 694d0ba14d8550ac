"""optuna-dashboard shows a study of a search, in a real browser."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from optuna.pruners import ThresholdPruner
from scipy.stats import loguniform
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from skdl import MLPClassifier
from skdl.model_selection import OptunaSearchCV
from tests.conftest import skip_without

PICTURES = Path(__file__).resolve().parents[1] / "results"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory, iris):
    """The address of a dashboard, and a search whose study it shows."""
    url = f"sqlite:///{tmp_path_factory.mktemp('dashboard')}/study.db"
    space = {"learning_rate": loguniform(1e-3, 1e-1), "dropout": [0.0, 0.2, 0.4]}
    network = MLPClassifier(8, epochs=12, random_state=0)
    search = OptunaSearchCV(
        network,
        space,
        n_trials=6,
        cv=3,
        random_state=0,
        storage=url,
        study_name="irises",
        pruner=ThresholdPruner(lower=-1.0),  # it is shown each epoch, and prunes none
    )
    search.fit(*iris)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [program, url, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(address)
        yield address, search
    finally:
        process.terminate()
        process.wait(600)


def wait_until_it_answers(address):
    for _ in range(6000):
        try:
            return urlopen(address, timeout=60).close()
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the dashboard does not answer")


@pytest.fixture(scope="module")
def browser(request):
    driver = shutil.which("chromedriver")
    skip_without(request.config, "Chromium's driver", driver is not None)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1400,2600",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield driver
    driver.quit()


def wait_for(browser, what, seconds=600):
    return WebDriverWait(browser, seconds).until(lambda _: what())


def read_plot(browser, name):
    """Return the traces of a plot: for each its name, and its points."""
    return browser.execute_script(
        """const plot = document.getElementById(arguments[0]);
        return (plot && plot.data || []).map(
            trace => [trace.name, Array.from(trace.x || []), Array.from(trace.y || [])]
        );""",
        name,
    )


def read_history(browser, n_trials):
    """Return the values in the plot of the history, once it has all the trials."""
    traces = read_plot(browser, "plot-history")
    return [
        y for name, x, y in traces if x == list(range(n_trials)) and len(set(y)) > 2
    ]


@pytest.mark.slow
def test_the_dashboard_shows_study_history_and_curves(dashboard, browser, iris):
    address, search = dashboard
    study = search.study_
    values = [trial.value for trial in study.trials]
    browser.get(address)
    wait_for(browser, lambda: study.study_name in browser.page_source)
    browser.find_element(By.PARTIAL_LINK_TEXT, study.study_name).click()

    wait_for(browser, lambda: read_history(browser, len(values)))
    assert read_history(browser, len(values)) == [pytest.approx(values)]

    curves = wait_for(browser, lambda: read_plot(browser, "graph-intermediate-values"))
    assert [name.strip() for name, *_ in curves] == [f"trial #{k}" for k in range(6)]
    for (_, steps, scores), trial in zip(curves, study.trials):
        reported = sorted(trial.intermediate_values.items())
        assert [tuple(point) for point in zip(steps, scores)] == reported
        assert len(steps) >= 10
        assert steps[-1] == 35  # the last of three folds of 12 epochs
        assert scores[-1] == pytest.approx(trial.value)

    PICTURES.mkdir(exist_ok=True)
    wait_for(browser, lambda: "trial #5" in browser.page_source)
    browser.save_screenshot(str(PICTURES / "dashboard.png"))
    assert (PICTURES / "dashboard.png").stat().st_size > 50_000

    # The page is open while the search goes on; it shows the new trials by itself.
    search.set_params(n_trials=8).fit(*iris)
    wait_for(browser, lambda: read_history(browser, 8))
    values = [trial.value for trial in search.study_.trials]
    assert read_history(browser, 8) == [pytest.approx(values)]


@pytest.mark.slow
def test_the_dashboard_shows_what_a_trial_keeps(dashboard, browser):
    address, search = dashboard
    browser.get(f"{address}/dashboard/studies/1/trials?numbers=0")
    wait_for(browser, lambda: "curves" in browser.page_source)
    text = browser.find_element(By.TAG_NAME, "body").text
    for name in ("curves", "epochs", "scores", "seconds"):
        assert name in text
    assert f"{search.study_.trials[0].params['learning_rate']:.6f}"[:7] in text
