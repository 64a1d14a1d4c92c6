"""A worker's class that does not end in time."""

from __future__ import annotations

import os
import signal
import threading

import ConfigSpace
import pytest

from hpbandster_ng.core.worker import Worker
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli import serve_database as module


class Stubborn(Worker):
    """Is told to end, and waits for ever."""

    def compute(self, **_):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()


@pytest.mark.slow
def test_who_does_not_end_in_time_hands_its_job_back(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "_GRACE", 1.1)  # a signal that comes again within a second is the same one
    url = f"sqlite:///{tmp_path}/e.db"
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with Experiment.create(url, "e", space, "HyperBand", min_budget=1, max_budget=9, n_iterations=1) as experiment:
        module.serve_database(Stubborn, "Stubborn", {}, url, working_directory=str(tmp_path))
        assert "was ended by SIGTERM" in caplog.text
        assert (experiment.progress.open, experiment.progress.observed) == (0, {})
        assert experiment.suggest().attempt == 2
