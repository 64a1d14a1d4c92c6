"""Logs of runs to be looked at: one of a real optimizer, and one that a stranger has written."""

from __future__ import annotations

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.optimizers import BOHB, RandomSearch
from hpbandster_ng.storage.journal import JournalStorage

SPACE = ConfigSpace.ConfigurationSpace({"kind": ["relu", "tanh"], "lr": (1e-4, 1.0), "x": (0.0, 1.0)})

HOSTILE = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>'


def compute(config, budget, **_):
    """Fails for one configuration in four."""
    if config["x"] > 0.75:
        raise ValueError(f"x is {config['x']:.3f}, which is too much")
    return {"loss": (config["x"] - 0.3) ** 2 + 0.1 / budget, "info": {"epochs": int(budget)}}


def run_bohb(storage, folder, n_iterations=3, compute=compute, **settings):
    """A real run, on budgets 1, 3 and 9; returns its result."""
    backend = InProcessBackend(compute, str(folder))
    settings = {"min_budget": 1, "max_budget": 9, "seed": 0, "min_points_in_model": 6, **settings}
    with BOHB(SPACE, run_id="first", backend=backend, storage=storage, working_directory=folder, **settings) as bohb:
        return bohb.run(n_iterations=n_iterations)


METRICS = [
    {"name": "accuracy", "objective": "maximize"},
    {"name": "latency"},
    {"name": "memory", "strategy": "constraint", "threshold": 0.8},
]


def observe_experiment(url, name, metrics, num):
    """A real experiment, on one budget, in which the first hyperparameter trades one metric against another."""
    settings = {"min_budget": 9, "max_budget": 9, "n_iterations": num, "seed": 0}
    experiment = Experiment.create(url, name, SPACE, RandomSearch, metrics=metrics, **settings)
    while (suggestion := experiment.suggest()) is not None:
        x, lr = suggestion.config["x"], suggestion.config["lr"]
        values = {"accuracy": 1 - (1 - x) ** 2 - lr / 4, "latency": x + lr / 8, "size": abs(lr - x), "memory": x}
        experiment.observe(suggestion, metrics={each["name"]: values[each["name"]] for each in metrics})
    front = experiment.pareto_front()
    experiment.close()
    return front


def job(index=0, budget=1.0, iteration=0, **config):
    return Job((iteration, 0, index), budget, config or {"x": 0.5}, {"model_based_pick": False})


def success(loss, info=None):
    return Outcome(OutcomeState.SUCCEEDED, {"loss": loss, "info": info})


def ended(job, outcome, worker="w", started=1.0, finished=2.0):
    return EndJob(finished, JobReport(job, outcome, worker, started, started, finished))


def life(job, outcome, worker="w", started=1.0, finished=2.0):
    """All that a log tells of a job that goes well, or fails at once."""
    return [
        QueueJob(started, job),
        StartJob(started, *job.key, 1, worker),
        JobFinished(finished, *job.key, 1, worker, outcome),
        ended(job, outcome, worker, started, finished),
    ]


def hostile_events():
    """Every text in it is a page of its own."""
    events = [
        RunDescribed(0.0, HOSTILE, {"optimizer": HOSTILE, HOSTILE: HOSTILE}),
        RunRequested(0.0, 1),
        WorkerJoined(0.0, HOSTILE),
        OpenIteration(0.0, 0),
    ]
    for index in range(12):
        config = {HOSTILE: index / 10, "kind": [HOSTILE, "b"][index % 2]}
        each = Job((0, 0, index), 1.0, config, {"model_based_pick": bool(index % 2), HOSTILE: HOSTILE})
        failure = Outcome(OutcomeState.FAILED, None, f"Traceback\n{HOSTILE}")
        outcome = failure if index == 3 else success(float(index), {HOSTILE: HOSTILE})
        events += life(each, outcome, HOSTILE, float(index), index + 0.5)
    return [*events, WorkerLost(13.0, HOSTILE, HOSTILE)]


def write(directory, events):
    storage = JournalStorage(directory)
    storage.open()
    storage.append(events)
    storage.close()
