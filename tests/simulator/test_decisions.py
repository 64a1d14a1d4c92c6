"""What is decided in virtual time is what is decided in real time, and what a fold of the log arrives at."""

from __future__ import annotations

import dataclasses
import math
import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    QueueJob,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.runtime.loop import Loop
from hpbandster_ng.simulator import SimulatedBackend, Workload
from hpbandster_ng.storage.memory import MemoryStorage
from tests.engine.driver import continued, digest, make_planner, of_type
from tests.simulator.problems import Slope

# Any workload


@st.composite
def workloads(draw):
    n_workers = draw(st.integers(1, 6))
    speed = st.sampled_from([0.5, 1.0, 1.0, 2.0, 3.0])
    return n_workers, Workload(
        speeds=draw(st.sampled_from([(), tuple(draw(speed) for _ in range(n_workers))])),
        straggling=draw(st.sampled_from([0.0, 0.3, 1.5])),
        crashes=draw(st.sampled_from([0.0, 0.01, 0.1])),
        repair=draw(st.sampled_from([0.0, 0.5, 20.0])),
        continues=draw(st.booleans()),
        cost=draw(st.sampled_from(["budget", "seconds"])),
    )


class Uneven(Slope):
    """Some evaluations fail, some raise, and seconds are not proportional to the budget."""

    def __call__(self, config, budget):
        if config["x"] > 0.9:
            raise RuntimeError("as told")
        return (math.nan if config["x"] < 0.1 else config["x"]), budget**0.5 + config["x"]


def simulated(crew, brackets, seed, max_time):
    backend = SimulatedBackend(Uneven(), crew[0], seed, crew[1])
    planner, storage = make_planner(brackets=brackets, seed=seed), MemoryStorage()
    Loop(planner, backend, storage, [], math.inf, backend.clock).run(3, max_time)
    return planner, list(storage.read())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    workloads(),
    st.sampled_from([hyperband_brackets(1, 9, 3), hyperband_brackets(1, 4, 2, "paper")]),
    st.integers(0, 3),
    st.sampled_from([None, 7.0, 30.0]),
)
def test_the_fold_of_a_simulated_log_is_the_live_planner(crew, brackets, seed, max_time):
    planner, log = simulated(crew, brackets, seed, max_time)
    assert planner.is_finished or max_time is not None
    folded = make_planner(brackets=brackets, seed=seed)
    folded.replay(log)
    assert digest(folded) == digest(planner)
    for cut in range(0, len(log), 1 + len(log) // 10):
        resumed = make_planner(brackets=brackets, seed=seed)
        resumed.replay(log[:cut])
        assert continued(resumed, log, cut) == log
    assert [event.at for event in log] == sorted(event.at for event in log)
    assert_every_attempt_ends_once(log)


def assert_every_attempt_ends_once(log):
    """Each by a report or by the loss of its worker, unless it still runs: what a backend promises."""
    running: dict[str, StartJob] = {}
    for event in log:
        match event:
            case StartJob(worker=worker):
                assert worker not in running
                running[worker] = event
            case JobFinished(worker=worker):
                start = running.pop(worker)
                assert (start.key, start.attempt) == (event.key, event.attempt)
            case WorkerLost(worker=worker):
                running.pop(worker, None)


# The same completions, once real and once not

SEED, N_WORKERS, N_ITERATIONS = 11, 3, 4


def loss(config, budget):
    if config["x"] > 0.8:
        return math.nan
    return (config["x"] - 0.3) ** 2 + 0.1 / budget


class Waiting(Worker):
    """Needs real time, less and more of it."""

    def compute(self, config_id, config, budget, working_directory):
        threading.Event().wait(0.002 * budget * (1 + 5 * config["x"]))
        return {"loss": loss(config, budget), "info": {}}


class Recorded(Slope):
    """An evaluation takes the time that it took in the run of this log."""

    def __init__(self, log):
        started = {event.key: event.at for event in of_type(log, StartJob)}
        configs = {event.job.key: event.job.config for event in of_type(log, QueueJob)}
        self.seconds = {
            (configs[event.key]["x"], event.budget): event.at - started[event.key]
            for event in of_type(log, JobFinished)
        }

    def __call__(self, config, budget):
        return loss(config, budget), self.seconds[config["x"], budget]


def bohb(**kwargs):
    settings = {"min_budget": 1, "max_budget": 9, "run_id": "twice", "seed": SEED, "min_points_in_model": 2}
    return BOHB(Slope().configspace(0), **settings, **kwargs)


def log_of(**kwargs):
    storage = MemoryStorage()
    with bohb(storage=storage, **kwargs) as optimizer:
        optimizer.run(N_ITERATIONS, min_n_workers=N_WORKERS)
        return list(storage.read())


def real_log():
    with NameServer("twice", port=0) as nameserver:
        workers = [Waiting("twice", nameserver_port=nameserver.port, id=f"{i}") for i in range(N_WORKERS)]
        for worker in workers:
            worker.run(background=True)
        log = log_of(nameserver_port=nameserver.port)
        for worker in workers:
            worker.shutdown()
    return log


def without_names(log):
    """The log in the run's own time, with workers numbered as they joined and failures without their tracebacks."""
    begin = next(event.at for event in log if isinstance(event, RunRequested))
    numbers = {event.worker: f"worker {i}" for i, event in enumerate(of_type(log, WorkerJoined))}
    return [_without_names(event, begin, numbers) for event in log]


def _without_names(event, begin, numbers):
    changes = {"at": 0.0 if isinstance(event, WorkerJoined | RunDescribed) else event.at - begin}
    if isinstance(event, WorkerJoined | StartJob | JobFinished):
        changes["worker"] = numbers[event.worker]
    if isinstance(event, JobFinished):
        changes["outcome"] = _without_error(event.outcome)
    if isinstance(event, EndJob):
        report = event.report
        changes["report"] = dataclasses.replace(
            report,
            outcome=_without_error(report.outcome),
            worker_name=numbers[report.worker_name],
            submitted=report.submitted - begin,
            started=report.started - begin,
            finished=report.finished - begin,
        )
    return dataclasses.replace(event, **changes)


def _without_error(outcome):
    return dataclasses.replace(outcome, error=None)


def test_a_simulated_and_a_real_run_with_the_same_completions_make_the_same_decisions():
    """Event by event, time stamps included: both logs tell the same story."""
    real = real_log()
    problem = Recorded(real)
    backend = SimulatedBackend(problem, N_WORKERS, SEED, Workload(cost="seconds", continues=False))
    imagined = log_of(backend=backend, clock=backend.clock)

    ends = of_type(real, EndJob)
    assert len(ends) > 30
    assert {end.report.outcome.state for end in ends} == {OutcomeState.SUCCEEDED, OutcomeState.INVALID}
    assert any(event.job.config_info["model_based_pick"] for event in of_type(real, QueueJob))
    queued = [event.job.key for event in of_type(real, QueueJob)]
    assert [end.key for end in ends] != queued, "the workers never overtook each other: nothing is shown"

    assert without_names(imagined) == without_names(real)
