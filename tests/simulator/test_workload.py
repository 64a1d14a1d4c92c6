from __future__ import annotations

import math

import numpy as np
import pytest

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.simulator import Workload


def test_by_default_a_job_takes_its_additional_budget_and_nothing_goes_wrong():
    workload = Workload()
    assert (workload.speeds, workload.straggling, workload.crashes, workload.repair) == ((), 0.0, 0.0, 0.0)
    assert (workload.continues, workload.cost) == (True, "budget")


def test_numbers_become_plain_and_equal_workloads_are_equal():
    workload = Workload(speeds=np.array([1, 2]), straggling=np.float64(0.5), crashes=1)
    assert workload == Workload(speeds=(1.0, 2.0), straggling=0.5, crashes=1.0)
    assert {type(speed) for speed in workload.speeds} == {float}
    assert hash(workload) == hash(Workload(speeds=[1, 2], straggling=0.5, crashes=1))


NO_NUMBERS = [-1, math.nan, math.inf, True, None, "1"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        *[(field, value, field) for field in ("straggling", "crashes", "repair") for value in NO_NUMBERS],
        *[("speeds", [1.0, value], r"speeds\[1\]") for value in [*NO_NUMBERS, 0]],
        *[("speeds", value, "speeds") for value in (2.0, None, "12", {1.0})],
        *[("continues", value, "continues") for value in (1, None, "yes")],
        *[("cost", value, "cost") for value in ("minutes", None, True)],
    ],
)
def test_bad_fields_are_one_error_that_names_them(field, value, named):
    with pytest.raises(InvalidArgumentError, match=f"^{named}="):
        Workload(**{field: value})
