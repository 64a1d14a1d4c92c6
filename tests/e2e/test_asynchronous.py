"""Asynchronous successive halving on workers in real processes."""

from __future__ import annotations

import ConfigSpace
import pytest

from hpbandster_ng.engine.events import EndJob, QueueJob
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.optimizers.asha import ASHA
from tests.waiting import LIMIT

pytestmark = pytest.mark.e2e


def test_two_workers_share_the_budget_and_configurations_go_on(nameserver, start_worker, log, stack):
    start_worker()
    start_worker()
    space = ConfigSpace.ConfigurationSpace({"kind": ["fine", "raises", "float32"]})
    master = ASHA(
        space,
        min_budget=1,
        max_budget=9,
        run_id="e2e",
        nameserver=nameserver.host,
        nameserver_port=nameserver.port,
        observers=[log],
        worker_timeout=LIMIT,
        seed=1,
    )
    stack.enter_context(master)
    for total_budget in (20, 30):
        before = len(log)
        result = master.run(min_n_workers=2, total_budget=total_budget)
        assert total_budget - 9 < sum(event.job.budget for event in log[before:] if isinstance(event, QueueJob))
    assert sum(run.budget for run in result.get_all_runs()) <= 50
    assert {run.budget for run in result.get_all_runs()} == {1, 3, 9}
    reports = [event.report for event in log.of(EndJob)]
    assert len({report.worker_name for report in reports}) == 2
    assert {report.outcome.state for report in reports} == {OutcomeState.SUCCEEDED, OutcomeState.FAILED}
    assert {report.job.config["kind"] for report in reports if report.job.budget > 1} <= {"fine", "float32"}
