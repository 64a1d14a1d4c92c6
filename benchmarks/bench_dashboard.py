"""The dashboard on a run of 100,000 runs: the first picture, a tick with one new run, bytes, and memory."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    Event,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
)
from hpbandster_ng.engine.records import ConfigId, Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.interfaces.dashboard.desk import Desk
from hpbandster_ng.interfaces.dashboard.places import Directories
from hpbandster_ng.interfaces.dashboard.server import DashboardServer
from hpbandster_ng.storage.journal import JournalStorage

NUM_RUNS = 100_000
NUM_WORKERS = 64
ROUNDS = 5
CHROMIUM = "/usr/bin/chromium"
LIMIT = 300.0
MEBIBYTE = 2**20
SCRATCH = Path(__file__).resolve().parents[1] / ".bench"
"""On a disk, as the system's folder for temporary files may not be."""

PARTS = ("losses", "brackets", "curves", "coordinates", "table", "correlation", "model", "workers", "errors")
VIEWS = (
    *("overview", "losses", "brackets", "curves", "coordinates", "configurations", "correlation", "model", "workers"),
    "errors",
)


def events_of_runs(num_runs: int, num_workers: int = NUM_WORKERS, seed: int = 0) -> Iterator[Event]:
    """The log of Hyperband's brackets on workers that are always busy; one in fifty runs fails."""
    rng = np.random.default_rng(seed)
    yield RunDescribed(0.0, "long", {"optimizer": "BOHB", "eta": 3, "min_budget": 1.0, "max_budget": 81.0})
    yield RunRequested(0.0, num_runs)
    free = [0.0] * num_workers
    for worker in range(num_workers):
        yield WorkerJoined(0.0, f"node{worker:03}")
    brackets = hyperband_brackets(1, 81, 3)
    count = iteration = 0
    while count < num_runs:
        bracket = brackets[iteration % len(brackets)]
        yield OpenIteration(min(free), iteration)
        members = [new_job((iteration, 0, i), bracket.budgets[0], rng) for i in range(bracket.num_configs[0])]
        for rung, budget in enumerate(bracket.budgets):
            kept = []
            for job in members:
                count += 1
                at = min(free)
                worker = free.index(at)
                free[worker] = at + budget * (0.5 + rng.random())
                yield from life_of(Job(job.config_id, budget, job.config, job.config_info), worker, at, free[worker])
                kept.append(job)
            size = bracket.num_configs[rung + 1] if rung + 1 < len(bracket.budgets) else 0
            ranked = sorted(kept, key=lambda job: loss_of(job.config, budget))
            members = ranked[:size]
            yield from (Eliminate(max(free), job.config_id) for job in ranked[size:] if size)
        iteration += 1


def new_job(config_id: ConfigId, budget: float, rng: np.random.Generator) -> Job:
    config = {f"x{i}": float(rng.random()) for i in range(5)} | {"kind": ["relu", "tanh", "elu"][rng.integers(3)]}
    return Job(config_id, budget, config, {"model_based_pick": bool(rng.random() < 0.7)})


def loss_of(config: dict[str, Any], budget: float) -> float:
    return sum((config[f"x{i}"] - 0.3) ** 2 for i in range(5)) + 1 / math.sqrt(budget)


def life_of(job: Job, worker: int, started: float, finished: float) -> Iterator[Event]:
    name = f"node{worker:03}"
    is_failure = hash((job.config_id, job.budget)) % 50 == 0
    error = f"Traceback:\n  ...\nValueError: loss is nan at step {hash(job.config_id) % 1000}"
    outcome = (
        Outcome(OutcomeState.FAILED, None, error)
        if is_failure
        else Outcome(OutcomeState.SUCCEEDED, {"loss": loss_of(job.config, job.budget), "info": {}})
    )
    yield QueueJob(started, job)
    yield StartJob(started, *job.key, 1, name)
    yield JobFinished(finished, *job.key, 1, name, outcome)
    yield EndJob(finished, JobReport(job, outcome, name, started, started, finished))


def write(directory: Path, events: Iterator[Event]) -> None:
    storage = JournalStorage(directory)
    storage.open()
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == 1000:
            storage.append(batch)
            batch = []
    storage.append(batch)
    storage.close()


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[JournalStorage]:
    """A journal that is open for more; a long one is compacted when it is opened."""
    storage = JournalStorage(directory)
    storage.open()
    try:
        yield storage
    finally:
        storage.close()


class Client:
    """Asks a dashboard, as its page does."""

    def __init__(self, address: str) -> None:
        self.base, _, self.token = address.partition("/?token=")
        self.key = json.loads(self.get("api/runs"))["runs"][0]["key"]

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(f"{self.base}/{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            return bytes(response.read())

    def overview(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(f"api/runs/{self.key}/overview"))
        return found

    def wait_until_read(self) -> float:
        """Seconds until the log was read to its end."""
        begin = time.perf_counter()
        while self.overview()["phase"] == "reading":
            time.sleep(0.5)
        return time.perf_counter() - begin


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[DashboardServer]:
    with Desk(Directories([directory])) as desk, DashboardServer(desk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.is_serving:
                time.sleep(0.01)
            yield server
        finally:
            server.stop()
            thread.join()


def seconds_to_tick(client: Client, storage: JournalStorage, number: int) -> float:
    """From an event in the journal to the overview that tells it."""
    overview = client.overview()["data"]
    before, at = overview["configurations"], overview["elapsed"]
    job = new_job((100_000 + number, 0, 0), 1.0, np.random.default_rng(number))
    begin = time.perf_counter()
    storage.append([OpenIteration(at, 100_000 + number), *life_of(job, 0, at, at + 1.0)])
    while client.overview()["data"]["configurations"] == before:
        time.sleep(0.01)
    return time.perf_counter() - begin


def seconds_to_picture(address: str) -> dict[str, float]:
    """From the address to each view, drawn, in a browser; the first includes the page with all that it loads."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        begin = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("main[data-version] .tiles")
        found["first"] = time.perf_counter() - begin
        base = page.url.rpartition("/")[0]
        for view in VIEWS:
            page.evaluate("delete document.getElementById('content').dataset.version")
            begin = time.perf_counter()
            page.goto(f"{base}/{view}")
            page.wait_for_selector("main[data-version]")
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found[view] = time.perf_counter() - begin
        browser.close()
    return found


def main() -> int:
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        directory = Path(folder)
        write(directory, events_of_runs(NUM_RUNS))
        with writing(directory) as storage, serving(directory) as server:
            before = psutil.Process().memory_info().rss
            client = Client(server.address)
            read = client.wait_until_read()
            memory = (psutil.Process().memory_info().rss - before) / MEBIBYTE
            parts = {}
            for part in PARTS:
                begin = time.perf_counter()
                parts[part] = len(client.get(f"api/runs/{client.key}/{part}")), time.perf_counter() - begin
            pictures = seconds_to_picture(server.address) if Path(CHROMIUM).exists() else {}
            tick = statistics.median(seconds_to_tick(client, storage, number) for number in range(ROUNDS))
    largest, bytes_sent = max(((size, part) for part, (size, _) in parts.items()), key=lambda each: each[0]), 400_000
    slowest = max(((seconds, part) for part, (_, seconds) in parts.items()), key=lambda each: each[0])
    rows = [
        (f"a log of {NUM_RUNS:,} runs is read in", read, "s", math.inf),
        ("memory of the server for it", memory, "MiB", 600.0),
        (f"the largest answer ({largest[1]})", largest[0] / 1000, "kB", bytes_sent / 1000),
        (f"the slowest answer ({slowest[1]})", slowest[0], "s", 1.0),
        ("a new run is shown after", tick, "s", 1.0),
        *((f"in Chromium: {view}", seconds, "s", 1.0) for view, seconds in pictures.items()),
    ]
    for what, value, unit, bar in rows:
        mark = "" if math.isinf(bar) else f"< {bar:g} {unit}"
        print(f"{what:45} {value:>12.2f} {unit:<4}{mark:>12}  {'ok' if value < bar else 'MISSED'}")
    return 0 if all(value < bar for _, value, _, bar in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
