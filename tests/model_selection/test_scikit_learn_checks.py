"""scikit-learn's own checks of an estimator, over the search."""

import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdl.model_selection import OptunaSearchCV

# Not of SciPy: its repr, and with it the name of a test, has an address.
C = FloatDistribution(0.1, 1.0, log=True)
SETTINGS = dict(n_trials=2, cv=2, random_state=0, error_score="raise")


@pytest.mark.slow
# scikit-learn's own cast of targets that are NaN, before it refuses them.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@parametrize_with_checks(
    [
        OptunaSearchCV(LogisticRegression(), {"C": C}, **SETTINGS),
        OptunaSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **SETTINGS),
    ]
)
def test_scikit_learns_estimator_checks(estimator, check):
    check(estimator)
