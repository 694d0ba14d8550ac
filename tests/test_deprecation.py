"""How public names are retired."""

import importlib
import pkgutil
import warnings

import pytest
from sklearn.base import clone

import skdl
from skdl._utils import _deprecation
from skdl._utils._deprecation import deprecated, overdue


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(_deprecation, "_SINCE", {})


@pytest.mark.usefixtures("registry")
def test_what_is_deprecated_warns_until_it_is_overdue():
    @deprecated(since="0.2", instead="Call new.")
    def old(a, *, b=1):
        """Add two numbers.

        Parameters
        ----------
        a, b : int
            Numbers.
        """
        return a + b

    with pytest.warns(FutureWarning) as caught:
        assert old(1, b=2) == 3
    expected = "deprecated since skdl 0.2 and goes with 0.4. Call new."
    assert str(caught[0].message).endswith(expected)
    assert caught[0].filename == __file__
    assert ".. deprecated:: 0.2\n    Call new.\n\nParameters" in old.__doc__
    assert [overdue(v) for v in ("0.2.0", "0.3.7")] == [[], []]
    for version in ("0.4.0", "0.10.0", "1.0.0"):
        (name,) = overdue(version)
        assert name.endswith(".old")


@pytest.mark.usefixtures("registry")
def test_a_class_warns_when_an_object_is_made():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        @deprecated(since="1.9", instead="Take New.")
        class Old:
            """An old class."""

            def __init__(self, size):
                self.size = size

    with pytest.warns(FutureWarning, match=r"Old is deprecated .* goes with 1\.11"):
        assert Old(3).size == 3


@pytest.mark.usefixtures("registry")
def test_an_estimator_warns_where_it_is_made_and_is_cloned():
    @deprecated(since="0.2", instead="Take MLPClassifier.")
    class Old(skdl.MLPClassifier):
        """An old network."""

        def __init__(self, hidden_layer_sizes=(3,), *, epochs=2):
            super().__init__(hidden_layer_sizes, epochs=epochs)

    with pytest.warns(FutureWarning, match="Old is deprecated") as caught:
        network = Old(epochs=5)
    assert caught[0].filename == __file__
    with pytest.warns(FutureWarning, match="Old is deprecated"):
        assert clone(network).epochs == 5


@pytest.mark.parametrize(
    "what", [property(len), classmethod(len), type("NoInit", (), {}), 3]
)
def test_what_it_cannot_decorate_is_refused(what):
    with pytest.raises(TypeError, match="deprecated takes a function, or a class"):
        deprecated(since="0.2", instead="Nothing.")(what)


def test_nothing_that_is_overdue_is_still_there():
    for module in pkgutil.walk_packages(skdl.__path__, "skdl."):
        importlib.import_module(module.name)
    assert overdue(skdl.__version__) == []
