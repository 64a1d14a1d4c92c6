from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.partial_dependence import partial_dependence
from hpbandster_ng.analysis.surrogate import fitted
from hpbandster_ng.errors import InvalidArgumentError

PARAMETERS = (
    Parameter("rate", lower=1e-4, upper=1.0, is_log=True),
    Parameter("layers", lower=1, upper=4, is_integer=True),
    Parameter.category("act", ["relu", "tanh", "none"]),
)


@pytest.fixture(scope="module")
def surrogate():
    rng = np.random.default_rng(0)
    rate, layers, act = rng.random(900), rng.integers(1, 5, 900), rng.integers(3, size=900)
    codes = np.column_stack([rate, PARAMETERS[1].encode(layers.tolist()), act])
    codes[:50, 0] = np.nan
    losses = 10 + 4 * rate + layers + np.where(act == 2, 3.0, 0.0)
    return fitted(PARAMETERS, codes, losses, rng)


def test_one_number_on_its_own_scale(surrogate):
    found = partial_dependence(surrogate, "rate", num_points=5)
    assert found.values[0] == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1, 1.0))
    assert np.diff(found.loss) == pytest.approx([1, 1, 1, 1], abs=0.3)
    assert found.loss[2] == pytest.approx(10 + 2 + 2.5 + 1, abs=0.3)
    assert found.spread.shape == (5,)
    assert (found.spread < 0.5).all()


def test_whole_numbers_and_categories_are_all_there(surrogate):
    layers = partial_dependence(surrogate, "layers")
    assert layers.values == ((1, 2, 3, 4),)
    assert np.diff(layers.loss) == pytest.approx([1, 1, 1], abs=0.2)
    act = partial_dependence(surrogate, "act")
    assert act.values == (("relu", "tanh", "none"),)
    assert act.loss - act.loss[0] == pytest.approx([0, 0, 3], abs=0.2)


def test_two(surrogate):
    found = partial_dependence(surrogate, "act", "rate", num_points=4)
    assert found.loss.shape == found.spread.shape == (3, 4)
    assert [each.name for each in found.parameters] == ["act", "rate"]
    assert found.loss[2] - found.loss[0] == pytest.approx([3] * 4, abs=0.4)


@pytest.mark.parametrize("names", [(), ("rate", "layers", "act"), ("rate", "rate"), ("width",)])
def test_other_names_are_refused(surrogate, names):
    with pytest.raises(InvalidArgumentError, match=r"must be one or two of \['rate', 'layers', 'act'\]"):
        partial_dependence(surrogate, *names)
