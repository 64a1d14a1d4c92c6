"""Functions of users, which processes of their own can import."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from hpbandster_ng.experiments import Experiment
from tests.waiting import wait_until


def quadratic(config, budget):
    return (config["x"] - 0.3) ** 2 + 0.1 / budget


def with_process(config, budget):
    return {"loss": quadratic(config, budget), "info": os.getpid()}


def hanging(config, budget):
    time.sleep(1000)


def dying(config, budget):
    if config["x"] > 0.5:
        os._exit(3)
    return quadratic(config, budget)


class Counted:
    """Counts its calls in a file, so that other processes count, too."""

    def __init__(self, path):
        self.path = Path(path)

    def __call__(self, config, budget):
        with self.path.open("a") as file:
            file.write(".")
        return quadratic(config, budget)

    @property
    def count(self):
        return len(self.path.read_text()) if self.path.exists() else 0


class Running:
    """Knows how many of its calls there are at a time, in all processes."""

    def __init__(self, directory):
        self.directory = Path(directory)

    def __call__(self, config, budget):
        own = self.directory / f"{os.getpid()}.running"
        own.touch()
        with (self.directory / "counts").open("a") as file:
            file.write(f"{len(list(self.directory.glob('*.running')))}\n")
        own.unlink()
        return quadratic(config, budget)

    @property
    def most_at_a_time(self):
        return max(map(int, (self.directory / "counts").read_text().split()))


class Held:
    """Goes on beyond the smallest budget when it is told to."""

    def __init__(self, go):
        self.go = Path(go)

    def __call__(self, config, budget):
        if budget > 1:
            self.go.with_name(f"held.{os.getpid()}").touch()
            wait_until(self.go.exists, "it may go on")
        return quadratic(config, budget)


def look(url, name):
    """What another process sees, as JSON."""
    with Experiment.open(url, name) as experiment:
        seen = {
            "observed": experiment.progress.observed,
            "open": [suggestion.budget for suggestion in experiment.suggestions()],
            "best": experiment.best().budget,
            "runs": len(experiment.result().get_all_runs()),
        }
    return json.dumps(seen)
