"""Serving experiments whose database fails, and experiments that cannot be read."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext

import ConfigSpace
import pytest

from hpbandster_ng.engine.events import RunDescribed
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import LogError, StorageError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli import outage
from hpbandster_ng.interfaces.cli.serving import Service
from hpbandster_ng.optimizers import HyperBand
from tests.experiments.memory_logs import FailingLogs, broken

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
SETTINGS = {"min_budget": 1, "max_budget": 9, "n_iterations": 1, "seed": 1}


class UncertainLogs(FailingLogs):
    """Keeps what it is told to, and says once that it has not.

    Attributes:
        breaks: whether the next change does.
    """

    breaks = False

    @contextmanager
    def turn(self, *arguments):
        with super().turn(*arguments) as turn:
            yield turn
        self.perhaps_break()

    def end(self, *arguments):
        has_ended = super().end(*arguments)
        self.perhaps_break()
        return has_ended

    def perhaps_break(self):
        if self.breaks:
            self.breaks = False
            broken()


@pytest.fixture
def logs():
    return UncertainLogs()


@pytest.fixture(autouse=True)
def _try_again_at_once(monkeypatch):
    monkeypatch.setattr(outage, "_PAUSE", 0.001)


@pytest.fixture
def experiment(logs):
    with Experiment.create(logs, "first", SPACE, HyperBand, **SETTINGS) as experiment:
        yield experiment


def serve(logs, evaluate, chosen=None):
    service = Service(logs, chosen, lambda _: nullcontext(evaluate), "me", may_finish=lambda: False)
    return service.run(max_idle=0 if chosen is None else 1000, poll_interval=0.001)


def well(_):
    return Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": None})


def test_what_was_kept_though_the_database_failed_is_no_loss(logs, experiment, caplog):
    def evaluate(suggestion):
        logs.breaks = True
        return well(suggestion)

    assert serve(logs, evaluate, "first") == "experiment first is finished"
    assert experiment.progress.observed == {"succeeded": 13}
    assert "nothing was recorded" not in caplog.text
    assert caplog.text.count("this worker tries again for 300 seconds") == 13
    assert caplog.text.count("the database answers again") == 13


def test_what_others_observed_meanwhile_is_told(logs, experiment, caplog):
    def evaluate(suggestion):
        if not experiment.progress.observed:
            experiment.observe(suggestion, loss=0.25)
        return well(suggestion)

    serve(logs, evaluate, "first")
    assert caplog.text.count("nothing was recorded") == 1


def test_a_database_that_stays_away_ends_it_and_what_was_computed_is_told(logs, experiment, caplog, monkeypatch):
    monkeypatch.setattr(outage, "_LONGEST", 0.0)

    def evaluate(suggestion):
        logs.fails = broken
        return well(suggestion)

    with pytest.raises(StorageError, match="the disk is full"):
        serve(logs, evaluate, "first")
    logs.fails = lambda: None
    (suggestion,) = experiment.suggestions()
    (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told.startswith(f"what came of suggestion {suggestion.id} could not be recorded: ")
    assert "'loss': 0.5" in told


def test_one_of_all_that_cannot_be_read_stops_no_other(logs, experiment, caplog):
    logs.create("later", [RunDescribed(0.0, "later", {"format": 99, "name": "of tomorrow"})])
    assert serve(logs, well) == "there was nothing to evaluate for 0 seconds"
    assert experiment.progress.observed == {"succeeded": 13}
    assert caplog.text.count("experiment later is left to others: ") == 1
    with pytest.raises(LogError, match="its format is 99"):
        serve(logs, well, "later")


def test_one_of_all_whose_log_cannot_be_folded_stops_no_other(logs, experiment, caplog):
    with Experiment.create(logs, "damaged", SPACE, HyperBand, **SETTINGS) as damaged:
        damaged.suggest()
    with Experiment.create(logs, "second", SPACE, HyperBand, **SETTINGS) as other, other:
        other.suggest()
        foreign = other.records()[-1].events
    with logs.turn(damaged.id, 0) as turn:
        turn.append(foreign)
    assert serve(logs, well) is not None
    assert experiment.progress.observed == {"succeeded": 13}
    assert f"experiment {damaged.id} is left to others: " in caplog.text
