"""A run in Prometheus: how many runs, workers and jobs there are, and how good the best is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.events import EndJob, Event, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import CommunicationError, InvalidArgumentError, MissingExtraError

try:
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
except ImportError as error:
    raise MissingExtraError("PrometheusObserver", "prometheus_client", "prometheus") from error

__all__ = ["PrometheusObserver", "RunMetrics", "exposition", "families"]

_HOST = "127.0.0.1"
_LARGEST_PORT = 65535


class RunMetrics:
    """The metrics of one run, fed with the events of its log, in their order; :func:`families` shows them.

    =====================================================  =============================================================
    ``hpbandster_runs_total{state="succeeded"}``           runs that ended, by how
    ``hpbandster_run_seconds_total``                       what they took of workers
    ``hpbandster_workers_lost_total``                      workers that left, died or fell silent
    ``hpbandster_iterations_total``                        brackets begun
    ``hpbandster_workers``                                 that are there
    ``hpbandster_jobs{state="queued"}``, ``"running"``     that have not ended
    ``hpbandster_incumbent_loss``, ``_budget``             of the best run on the largest budget so far; absent before
    =====================================================  =============================================================

    All have a label ``run_id``, and those of the dashboard, which shows runs of several places, a label ``place``.

    Args:
        name: the label ``run_id``; by default what the log tells.
        place: where the run is kept, which tells runs of one name apart.

    Attributes:
        place: as given.

    Example:
        >>> from hpbandster_ng.engine.events import RunDescribed, WorkerJoined
        >>> metrics = RunMetrics()
        >>> metrics(RunDescribed(0.0, "first", {}))
        >>> metrics(WorkerJoined(1.0, "w"))
        >>> metrics.values()["workers"], metrics.values()["jobs"]
        ({'': 1}, {'queued': 0, 'running': 0})
    """

    def __init__(self, name: str | None = None, place: str | None = None) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._name = name
        self._standing = Standing()
        self._num_lost = 0
        self._seconds = 0.0

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._standing.handle(event)
            self._num_lost += isinstance(event, WorkerLost)
            if isinstance(event, EndJob) and event.report.started is not None:
                self._seconds += event.report.finished - event.report.started

    @property
    def run_id(self) -> str:
        return self._name or self._standing.run_id or ""

    def values(self) -> dict[str, dict[str, float]]:
        """By metric and state; the state is empty where a metric has none."""
        with self._lock:
            standing, best = self._standing, self._standing.incumbent
            return {
                "runs": {state.value.replace(" ", "_"): standing.ended[state] for state in OutcomeState},
                "seconds": {"": self._seconds},
                "workers_lost": {"": self._num_lost},
                "iterations": {"": standing.n_begun},
                "workers": {"": len(standing.workers)},
                "jobs": {"queued": len(standing.queued), "running": len(standing.running)},
                "incumbent_loss": {} if best is None or best.result is None else {"": best.result["loss"]},
                "incumbent_budget": {} if best is None else {"": best.job.budget},
            }


_FAMILIES = {
    "runs": (CounterMetricFamily, "hpbandster_runs", "Runs that ended."),
    "seconds": (CounterMetricFamily, "hpbandster_run_seconds", "Seconds that runs took of workers."),
    "workers_lost": (CounterMetricFamily, "hpbandster_workers_lost", "Workers that left, died or fell silent."),
    "iterations": (CounterMetricFamily, "hpbandster_iterations", "Brackets begun."),
    "workers": (GaugeMetricFamily, "hpbandster_workers", "Workers that are there."),
    "jobs": (GaugeMetricFamily, "hpbandster_jobs", "Jobs that have not ended."),
    "incumbent_loss": (GaugeMetricFamily, "hpbandster_incumbent_loss", "Lowest loss on the largest budget so far."),
    "incumbent_budget": (GaugeMetricFamily, "hpbandster_incumbent_budget", "The largest budget so far."),
}
_WITH_STATE = ("runs", "jobs")


def families(runs: Iterable[RunMetrics]) -> list[Any]:
    """What a collector of ``prometheus_client`` collects: each metric once, with the values of all these runs.

    Args:
        runs: no two of the same name and place.
    """
    values = [(metrics.run_id, metrics.place, metrics.values()) for metrics in runs]
    labels = ["run_id"] if all(place is None for _, place, _ in values) else ["run_id", "place"]
    told = [([run_id, place or ""][: len(labels)], by_name) for run_id, place, by_name in values]
    return [_family(name, labels, [(run, by_name[name]) for run, by_name in told]) for name in _FAMILIES]


def exposition(runs: Iterable[RunMetrics]) -> bytes:
    """What Prometheus is answered when it scrapes these runs."""
    registry, collector = CollectorRegistry(), _Collector()
    collector.runs.extend(runs)
    registry.register(collector)
    return generate_latest(registry)


def _family(name: str, labels: list[str], values: Sequence[tuple[list[str], Mapping[str, float]]]) -> Any:
    kind, full_name, text = _FAMILIES[name]
    family = kind(full_name, text, labels=[*labels, "state"] if name in _WITH_STATE else labels)
    for run, by_state in values:
        for state, value in by_state.items():
            family.add_metric([*run, state] if name in _WITH_STATE else run, value)
    return family


class _Collector:
    """The runs that one registry shows."""

    def __init__(self) -> None:
        self.runs: list[RunMetrics] = []
        self._lock = threading.Lock()

    def add(self, metrics: RunMetrics) -> None:
        """Show a run; does nothing if it is shown.

        Raises:
            InvalidArgumentError: another one of its name is.
        """
        with self._lock:
            if metrics in self.runs:
                return
            name = metrics.run_id
            if any(each.run_id == name for each in self.runs):
                raise InvalidArgumentError(
                    "run_id",
                    name,
                    "is shown by this registry already, of another run that is open",
                    "so nobody can scrape this one; give its PrometheusObserver a name= or a registry of its own",
                )
            self.runs.append(metrics)

    def remove(self, metrics: RunMetrics) -> None:
        """Show a run no more; does nothing if it is not shown."""
        with self._lock, contextlib.suppress(ValueError):
            self.runs.remove(metrics)

    def describe(self) -> Sequence[Any]:
        """Told when it is registered; with nothing, it is not asked to collect then."""
        return []

    def collect(self) -> Sequence[Any]:
        return families(list(self.runs))


_collectors: WeakKeyDictionary[Any, _Collector] = WeakKeyDictionary()
_collectors_lock = threading.Lock()


def _collector_of(registry: Any) -> _Collector:
    with _collectors_lock:
        if registry not in _collectors:
            _collectors[registry] = _Collector()
            registry.register(_collectors[registry])
        return _collectors[registry]


class PrometheusObserver:
    """Lets Prometheus scrape a run; an entry of ``observers``. Which metrics, says :class:`RunMetrics`.

    Args:
        port: where a server listens from the run's first event until the run is closed, on the loopback interface
            alone; 0 takes one that is free. None starts no server, for a ``registry`` that is served already.
        registry: of ``prometheus_client``, to which the metrics are added; one of its own by default.
        name: the label ``run_id``; by default the run's own. Two runs that are open in one registry need two names: of
            the second one, nothing is shown, and the log of the program says so.

    Attributes:
        port: the one that is listened at, while it is.

    Raises:
        InvalidArgumentError: ``port`` is no port, or ``name`` is empty.

    Example:
        >>> observer = PrometheusObserver(port=9464)
        >>> # bohb = BOHB(..., observers=[observer])
    """

    def __init__(self, port: int | None = None, registry: Any = None, name: str | None = None) -> None:
        self.port = None if port is None else check_whole("port", port, 0, "0 takes one that is free")
        if self.port is not None and self.port > _LARGEST_PORT:
            raise InvalidArgumentError("port", port, f"must be at most {_LARGEST_PORT}", "0 takes one that is free")
        given: object = name
        if given is not None and (not isinstance(given, str) or not given):
            raise InvalidArgumentError("name", given, "must be a text that is not empty", "None takes the run's run_id")
        self.registry = CollectorRegistry() if registry is None else registry
        self.metrics = RunMetrics(name)
        self._wanted = self.port
        self._server: Any = None

    def __call__(self, event: Event) -> None:
        self.metrics(event)
        self._serve()

    def replay(self, events: Sequence[Event]) -> None:
        """A counter goes on where it was."""
        for event in events:
            self.metrics(event)
        self._serve()

    def close(self) -> None:
        """Serve no more, and take the metrics out of the registry; a further event begins that again."""
        _collector_of(self.registry).remove(self.metrics)
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None

    def _serve(self) -> None:
        _collector_of(self.registry).add(self.metrics)
        if self._server is None and self._wanted is not None:
            try:
                self._server = start_http_server(self._wanted, addr=_HOST, registry=self.registry)
            except OSError as error:
                wanted, self._wanted = self._wanted, None
                raise CommunicationError(
                    f"port={wanted} cannot be listened at ({error}), so nobody can scrape this run; choose another one"
                ) from error
            self.port = self._server[0].server_port
