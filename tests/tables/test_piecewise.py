"""Numbers as how far they fill bins."""

import numpy as np
import pytest

from skdl.preprocessing import PiecewiseLinearEncoder
from skdl.tables._piecewise import fill_bins, find_edges


def test_bins_hold_as_many_values_each():
    values = np.random.default_rng(0).exponential(size=1000)
    edges = find_edges(values, 10)
    counts, _ = np.histogram(values, edges)
    assert len(edges) == 11
    assert counts.min() == counts.max() == 100


def test_few_values_are_edges_themselves():
    assert find_edges(np.array([3.0, 1.0, 3.0, 7.0]), 4).tolist() == [1, 3, 7]


def test_many_equal_values_share_an_edge():
    values = np.concatenate([np.zeros(900), np.linspace(1, 2, 100)])
    edges = find_edges(values, 4)
    assert len(edges) == len(np.unique(edges)) == 2


def test_a_bin_is_filled_from_0_to_1():
    filled = fill_bins(np.array([-5.0, 0.5, 2.0, 9.0]), np.array([0.0, 1.0, 3.0]))
    assert filled.tolist() == [[0, 0], [0.5, 0], [1, 0.5], [1, 1]]


def test_a_linear_function_of_it_is_piecewise_linear():
    x = np.linspace(-1, 1, 400)[:, None]
    y = np.abs(x[:, 0])
    encoded = PiecewiseLinearEncoder(n_bins=2).fit_transform(x)
    weights, *_ = np.linalg.lstsq(np.c_[encoded, np.ones(400)], y, rcond=None)
    np.testing.assert_allclose(np.c_[encoded, np.ones(400)] @ weights, y, atol=0.01)


def test_columns_have_names():
    encoder = PiecewiseLinearEncoder(n_bins=2).fit([[0.0, 1], [1, 1], [2, 1]])
    assert encoder.get_feature_names_out().tolist() == ["x0_bin0", "x0_bin1"]
    assert encoder.get_feature_names_out(["age", "one"])[0] == "age_bin0"
    assert encoder.transform([[1.0, 5]]).tolist() == [[1, 0]]


@pytest.mark.parametrize("n_bins", [0, -1, 2.5, "many"])
def test_a_bad_number_of_bins_is_refused(n_bins):
    with pytest.raises(ValueError, match="'n_bins' parameter"):
        PiecewiseLinearEncoder(n_bins=n_bins).fit([[0.0], [1.0]])
