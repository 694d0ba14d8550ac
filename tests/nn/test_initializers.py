import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdl.nn._initializers import draw_kernel, make_initializer


@pytest.mark.parametrize("initializer", ["he_uniform", "glorot_uniform"])
@pytest.mark.parametrize("shape", [(7, 5), (1, 1), (3, 2, 4, 6)])
@pytest.mark.parametrize("seed", [0, 12345, 2**31 - 3, 2**31 - 2, 2**31 - 1])
def test_uniform_kernels_are_those_of_keras(initializer, shape, seed):
    drawn = draw_kernel(initializer, seed, shape)
    expected = make_initializer(initializer, seed)(shape, dtype="float32").numpy()
    assert drawn.dtype == np.float32
    assert_array_equal(drawn, expected)
