"""Ranks and their tests, against the tables and the example of Demsar (JMLR 2006)."""

import doctest
import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.quality import pictures, statistics
from benchmarks.quality.statistics import critical_difference, friedman, mean_ranks

# The areas under the curve of four classifiers on fourteen data sets: his table 6, a column a classifier.
C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957]
C45_M = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978]
C45_CF = [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614, 0.9751, 0.946]
C45_M_CF = [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970]
REGRETS = 1 - np.array([C45, C45_M, C45_CF, C45_M_CF])


def test_the_ranks_of_the_papers_example():
    assert mean_ranks(REGRETS).round(3).tolist() == [3.143, 2.000, 2.893, 1.964]


def test_friedmans_test_of_the_papers_example():
    """He states 9.28 without the correction for ties: four optimizers once, and two optimizers three times."""
    corrected = 9.28 / (1 - ((4**3 - 4) + 3 * (2**3 - 2)) / (14 * 4 * (4**2 - 1)))
    assert friedman(REGRETS) == pytest.approx(stats.chi2.sf(corrected, df=3), rel=1e-2)


# q of his table 5 (a), times the root of k (k + 1) / (6 N)
@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_quantiles_of_the_papers_table(k, q):
    assert critical_difference(k, 30) == pytest.approx(q * math.sqrt(k * (k + 1) / 180), abs=1e-3)


def test_two_optimizers_or_one_problem_tell_nothing():
    assert math.isnan(friedman(REGRETS[:2]))
    assert math.isnan(friedman(REGRETS[:, :1]))


def test_optimizers_that_are_all_alike_differ_by_luck_for_certain():
    assert friedman(np.ones((3, 5))) == 1.0


@pytest.mark.parametrize("module", [statistics, pictures])
def test_the_examples_in_the_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
