"""What other packages' optimizers share; ``make bench-peers`` runs the contract of each where it is installed."""

from pathlib import Path

import ConfigSpace
import pytest

from benchmarks.quality.optimizers import peers
from benchmarks.quality.peers._space import active, parents
from benchmarks.quality.peers._steps import Steps
from tests.benchmarks.peers_contract import space

NEEDS_CONFIGSPACE_1 = pytest.mark.skipif(
    not hasattr(ConfigSpace.ConfigurationSpace, "add"), reason="the other packages run with ConfigSpace 1 only"
)
REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_peer_is_installed_by_a_file_of_pins():
    folder = REPOSITORY / "benchmarks" / "quality" / "peers"
    assert (folder / "requirements.txt").exists()
    own = {path.stem.removeprefix("requirements-") for path in folder.glob("requirements-*.txt")}
    assert own <= set(peers())


@NEEDS_CONFIGSPACE_1
def test_what_is_inactive_is_dropped_and_what_is_unnamed_takes_its_default():
    values = {"x": 0.5, "n": 4.0, "method": "plain", "on": True, "rate": 0.1 + 1e-17, "units": 7}
    assert active(space(), values) == {"fixed": 3, "method": "plain", "n": 4, "on": True, "rate": 0.1, "x": 0.5}


def test_a_rounding_error_beyond_a_bound_is_forgiven():
    one = ConfigSpace.ConfigurationSpace({"n": (1, 5), "x": (0.25, 1.0)})
    assert active(one, {"n": 5.4, "x": 0.24999999999999997}) == {"n": 5, "x": 0.25}


@NEEDS_CONFIGSPACE_1
def test_parents_are_those_of_conditions_on_one_category():
    found = parents(space())
    assert {name: (parent.name, parent.values) for name, parent in found.items()} == {
        "units": ("method", frozenset({"deep.net", "wide"}))
    }


@pytest.mark.parametrize(
    ("budgets", "rungs"),
    [
        ((1, 52), [1.0, 3.0, 9.0, 27.0, 52.0]),
        ((3, 100), [3.0, 9.0, 27.0, 81.0, 100.0]),
        ((0.03, 1.0), [0.03, 0.09, 0.27, 0.81, 1.0]),
        ((5, 5), [5.0]),
    ],
)
def test_steps_count_budgets_and_end_at_the_full_one(budgets, rungs):
    steps = Steps.between(*budgets, resolution=100)
    assert [steps.budget(step, budgets[1]) for step in steps.geometric()] == pytest.approx(rungs)
