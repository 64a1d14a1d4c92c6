"""Processes that share an experiment in a real database, and die."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import ConfigSpace as CS
import pytest

from hpbandster_ng.engine.events import EndJob, StartJob
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.optimizers import BOHB
from tests.e2e.conftest import spawn, stack
from tests.waiting import LIMIT, wait_until

__all__ = ["spawn", "stack"]

pytestmark = pytest.mark.slow

PROCESS = Path(__file__).parent / "process.py"
SPACE = CS.ConfigurationSpace({"x": (0.0, 1.0)})


@pytest.fixture
def experiment(url):
    settings = {"min_budget": 1, "max_budget": 9, "seed": 1, "n_iterations": 12, "lease": 2.0}
    with Experiment.create(url, "shared", SPACE, BOHB, **settings) as experiment:
        yield experiment


def told(process, word):
    """What a process said last, which a kill may have cut off."""
    lines = [line for line in process.output.splitlines() if line.endswith("}")]
    return [said[word] for said in map(json.loads, lines) if word in said]


def test_no_suggestion_is_given_twice_and_no_observation_is_lost(experiment, url, spawn, tmp_path):
    experiment.extend(60)
    gate = tmp_path / "gate"
    processes = [spawn(PROCESS, url, experiment.id, f"work {i}", gate) for i in range(8)]
    for process in processes:
        process.wait_for("began")
    gate.touch()
    for process in processes:
        assert process.end() == 0, process.output
    suggested = [each for process in processes for each in told(process, "suggested")]
    assert len(suggested) == len(set(suggested))
    assert sorted(suggested) == sorted(each for process in processes for each in told(process, "observed"))
    progress = experiment.progress
    assert progress.is_finished
    assert progress.observed == {"succeeded": len(suggested)}
    runs = Counter((run.config_id, run.budget) for run in experiment.result().get_all_runs())
    assert set(runs.values()) == {1}
    assert sum(bool(told(process, "observed")) for process in processes) > 4
    decided = [{type(event) for event in record.events} for record in experiment.records()]
    assert {StartJob} in decided  # who asked was given what somebody else had decided


def test_what_killed_processes_had_is_evaluated_by_others_and_every_job_ends_once(experiment, url, spawn):
    hanging = [spawn(PROCESS, url, experiment.id, "hang") for _ in range(3)]
    for process in hanging:
        process.wait_for("suggested")
    lost = [told(process, "suggested")[0] for process in hanging]
    assert {suggestion.id for suggestion in experiment.suggestions()} == set(lost)
    for process in hanging:
        process.popen.kill()
    working = [spawn(PROCESS, url, experiment.id, "work slowly") for _ in range(3)]
    for process in working[:2]:
        wait_until(lambda process=process: len(told(process, "observed")) > 5, "it works")
        process.popen.kill()
    assert working[2].end() == 0, working[2].output
    assert experiment.progress.is_finished
    events = [event for record in experiment.records() for event in record.events]
    ends = Counter(event.key for event in events if isinstance(event, EndJob))
    assert set(ends.values()) == {1}
    outcomes = {event.report.outcome.state for event in events if isinstance(event, EndJob)}
    assert outcomes == {OutcomeState.SUCCEEDED}
    again = [event for event in events if isinstance(event, StartJob) and event.attempt == 2]
    assert len(again) in range(3, 6)
    acknowledged = {each for process in working for each in told(process, "observed")}
    kept = {event.report.worker_name for event in events if isinstance(event, EndJob)}
    assert acknowledged <= kept
    assert not kept & set(lost)


def test_a_suggestion_of_a_process_that_lives_stays_its_own_however_long_it_takes(experiment, url, spawn):
    process = spawn(PROCESS, url, experiment.id, "hang")
    process.wait_for("suggested")
    (held,) = experiment.suggestions()
    others = [experiment.suggest() for _ in range(3)]
    for suggestion in others:
        experiment.observe(suggestion, loss=0.5)
    end = max(event.at for record in experiment.records() for event in record.events) + 2.5 * 2.0
    wait_until(lambda: _now(experiment) > end, "its lease would have ended twice")
    assert experiment.suggestions() == [held]
    assert held.attempt == 1
    process.popen.kill()
    wait_until(lambda: _offered_again(experiment, held), "it is offered again")


def _now(experiment):
    """By the clock of the database: each look is a suggestion that is given back."""
    suggestion = experiment.suggest(timeout=LIMIT)
    experiment.release(suggestion)
    return max(event.at for event in experiment.records()[-1].events)


def _offered_again(experiment, held):
    suggestion = experiment.suggest(timeout=LIMIT)
    is_again = suggestion.config_id == held.config_id and suggestion.attempt == 2
    experiment.release(suggestion)
    return is_again


CREATE = """
import sys, ConfigSpace
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Experiment
space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
print("ready", flush=True)
sys.stdin.readline()
try:
    Experiment.create(sys.argv[1], "at once", space, "HyperBand", min_budget=1, max_budget=9).close()
    print("created")
except InvalidArgumentError as error:
    print("taken" if error.parameter == "name" else error)
"""


def test_of_processes_that_create_the_same_experiment_at_the_same_moment_one_does(url):
    command = [sys.executable, "-c", CREATE, url]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        answers = sorted(process.communicate(timeout=LIMIT)[0] for process in processes)
    assert answers == ["created\n", "taken\n", "taken\n", "taken\n"]
    assert list(Experiment.names(url).values()) == ["at once"]
