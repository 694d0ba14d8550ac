import os

import pytest

from skdl.nn._structure import MLPStructure
from skdl.training._cache import ProgramCache
from skdl.training._network_step import NetworkSpec, NetworkStep
from skdl.training._optimizers import spec_for
from skdl.training._program import Program


def spec(activation="relu"):
    return NetworkSpec(
        structure=MLPStructure(1, activation, None, "softmax"),
        optimizer=spec_for("adam", 0.0, False),
        dropout=(),
        penalties=(False, False),
        weighted=False,
    )


def lend(cache, wanted):
    return cache.lend(wanted, lambda: Program(wanted, NetworkStep(wanted, None)))


def test_a_program_is_lent_to_one_borrower_at_a_time_and_comes_back():
    cache = ProgramCache()
    with lend(cache, spec()) as first:
        with lend(cache, spec()) as second:
            assert first is not second
        assert len(cache) == 1
    assert len(cache) == 2
    with lend(cache, spec()) as third:
        assert third in (first, second)


def test_the_number_of_idle_programs_is_bounded_and_the_oldest_goes():
    cache = ProgramCache(max_idle=2)
    for activation in ("relu", "tanh", "selu"):
        with lend(cache, spec(activation)):
            pass
    assert len(cache) == 2
    with lend(cache, spec("selu")) as kept, lend(cache, spec("relu")) as new:
        assert kept.spec == spec("selu")
        assert new.spec == spec("relu")
    assert len(cache) == 2


def test_a_program_whose_borrower_was_interrupted_is_dropped():
    cache = ProgramCache()
    with pytest.raises(KeyboardInterrupt), lend(cache, spec()):
        raise KeyboardInterrupt
    assert len(cache) == 0


def test_a_program_whose_borrower_raised_an_exception_comes_back():
    cache = ProgramCache()
    with pytest.raises(ValueError, match="pruned"), lend(cache, spec()) as lent:
        raise ValueError("pruned")
    with lend(cache, spec()) as again:
        assert again is lent


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_worker_raises_and_does_not_hang():
    cache = ProgramCache()
    with lend(cache, spec()):
        pass
    child = os.fork()
    if child == 0:
        try:
            with lend(cache, spec()):
                os._exit(1)
        except RuntimeError as error:
            os._exit(0 if "forked" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
