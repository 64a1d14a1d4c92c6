"""The runs that are open on the dashboard, and answers about them."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hpbandster_ng.errors import HpbandsterError, LogError
from hpbandster_ng.integrations.prometheus import exposition
from hpbandster_ng.interfaces.dashboard.follower import Condition, Follower
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.payloads.brackets import brackets
from hpbandster_ng.interfaces.dashboard.payloads.comparison import comparison, side_of
from hpbandster_ng.interfaces.dashboard.payloads.coordinates import coordinates
from hpbandster_ng.interfaces.dashboard.payloads.curves import curves
from hpbandster_ng.interfaces.dashboard.payloads.errors import errors
from hpbandster_ng.interfaces.dashboard.payloads.importance import evidence_of, found_in
from hpbandster_ng.interfaces.dashboard.payloads.losses import losses
from hpbandster_ng.interfaces.dashboard.payloads.overview import overview
from hpbandster_ng.interfaces.dashboard.payloads.pareto import pareto
from hpbandster_ng.interfaces.dashboard.payloads.statistics import correlation, model_against_random
from hpbandster_ng.interfaces.dashboard.payloads.table import configuration, table
from hpbandster_ng.interfaces.dashboard.payloads.timelines import timelines
from hpbandster_ng.interfaces.dashboard.places import Entry, Place
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["Desk", "UnknownError", "WrongQuestionError"]

_Self = TypeVar("_Self", bound="Desk")
_Query = Mapping[str, str]
_Answer = dict[str, Any] | None

_LIST_SECONDS = 2.0
"""For so long, the list of runs is not asked for again."""

_MOST_MEASURED = 20
"""Runs of a place that are opened because their metrics are asked for."""

_MOST_KEPT = 24
"""Answers of a run that are kept until it changes."""


class UnknownError(Exception):
    """There is no such run, configuration or part."""


class WrongQuestionError(Exception):
    """A parameter of a question is no number, or not one that can be."""


def _number(query: _Query, name: str) -> float | None:
    if name not in query:
        return None
    try:
        return float(query[name])
    except ValueError:
        raise WrongQuestionError(f"{name} must be a number.") from None


def _whole(query: _Query, name: str, default: int | None = None) -> int | None:
    value = _number(query, name)
    if value is None:
        return default
    if not abs(value) < 1e15:
        raise WrongQuestionError(f"{name} must be a whole number.")
    return int(value)


def _table(view: RunView, query: _Query) -> _Answer:
    return table(
        view,
        sort=query.get("sort", "loss"),
        descending=query.get("descending") == "1",
        first=_whole(query, "first", 0) or 0,
        count=_whole(query, "count", 50) or 50,
        typed=query.get("filter", "")[:200],
        hide_failed=query.get("hide_failed") == "1",
    )


def _configuration(view: RunView, query: _Query) -> _Answer:
    config_id = shown.parsed_id(query.get("id", ""))
    return None if config_id is None else configuration(view, config_id)


_PARTS: dict[str, Callable[[RunView, _Query], _Answer]] = {
    "losses": lambda view, _: losses(view),
    "pareto": lambda view, query: pareto(view, query.get("first"), query.get("second")),
    "brackets": lambda view, query: brackets(view, _whole(query, "last")),
    "curves": lambda view, query: curves(view, _whole(query, "iteration")),
    "coordinates": lambda view, query: coordinates(view, _number(query, "budget")),
    "table": _table,
    "configuration": _configuration,
    "correlation": lambda view, _: correlation(view),
    "model": lambda view, _: model_against_random(view),
    "workers": lambda view, query: timelines(
        view, _number(query, "begin"), _number(query, "end"), _whole(query, "first", 0) or 0
    ),
    "errors": lambda view, _: errors(view),
}
"""What can be asked of a run, besides the overview, which changes with the time."""


class Desk:
    """Opens runs when they are asked for, and keeps them; as a context manager, it closes them.

    Args:
        place: where the runs are.
        clock: unix seconds.
    """

    def __init__(self, place: Place, clock: Callable[[], float] = time.time) -> None:
        self._place = place
        self._clock = clock
        self._lock = threading.Lock()
        self._followers: dict[str, Follower] = {}
        self._entries: dict[str, Entry] = {}
        self._listed = -_LIST_SECONDS
        self._analysing = threading.Lock()
        self._importances: dict[str, dict[str, Any]] = {}
        self._kept: dict[tuple[Any, ...], tuple[str, bytes]] = {}

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            followers = list(self._followers.values())
        for follower in followers:
            follower.close()
        self._place.close()

    def entries(self) -> list[Entry]:
        """The runs of the place; those of the last look, where it cannot be read for a moment."""
        if time.monotonic() - self._listed > _LIST_SECONDS:
            self._listed = time.monotonic()
            try:
                self._entries = {entry.key: entry for entry in self._place.entries()}
            except HpbandsterError:
                if not self._entries:
                    raise
        return list(self._entries.values())

    def follower(self, key: str) -> Follower:
        """The one of a run; made when it is asked for first.

        Raises:
            UnknownError: there is no such run.
        """
        if key not in self._entries:
            self.entries()
        with self._lock:
            follower = self._followers.get(key)
            if follower is None:
                if key not in self._entries:
                    raise UnknownError("There is no such run here.")
                entry = self._entries[key]
                follower = self._followers[key] = Follower(entry.open(), entry.name, entry.place)
                follower.start()
        follower.touch()
        return follower

    def check(self, seconds: float) -> None:
        """Find out whether the only run of a place can be read; of several, each tells when it is opened.

        Raises:
            HpbandsterError: it cannot, or there is none.
        """
        entries = self.entries()
        if len(entries) != 1:
            return
        follower = self.follower(entries[0].key)
        if follower.wait_for_first_look(seconds) and follower.condition.phase == "trouble":
            raise LogError(follower.condition.message)

    def listed(self) -> bytes:
        """The runs, and what is known of those that were opened."""
        rows = []
        for entry in self.entries():
            follower = self._followers.get(entry.key)
            row: dict[str, Any] = {"key": entry.key, "name": shown.text(entry.name), "kind": entry.kind}
            if follower is not None:
                row["summary"] = follower.look(lambda view: _summary(view, self._clock()))
            rows.append(row)
        return _as_json({"runs": rows})

    def answer(self, key: str, part: str, query: _Query) -> bytes:
        """One part of a run, as JSON with the version and the condition of the view.

        Raises:
            UnknownError: there is no such run, part or configuration.
            WrongQuestionError: the query cannot be.
        """
        follower = self.follower(key)
        version = follower.version
        if part == "overview":
            data: _Answer = follower.look(lambda view: overview(view, self._clock()))
            return _as_json({"version": version, **_told(follower.condition), "data": data})
        if part == "importance":
            return self._importance(key, follower)
        if part not in _PARTS:
            raise UnknownError("There is no such part of a run.")
        question = key, part, tuple(sorted((name, value) for name, value in query.items() if name != "token"))
        kept = self._kept.get(question)
        if kept is not None and kept[0] == version:
            return kept[1]
        data = follower.look(lambda view: _PARTS[part](view, query))
        if data is None:
            raise UnknownError("There is no such configuration in this run.")
        answer = _as_json({"version": version, **_told(follower.condition), "data": data})
        with self._lock:
            self._kept.pop(question, None)
            self._kept[question] = version, answer
            while len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return answer

    def _importance(self, key: str, follower: Follower) -> bytes:
        """Takes a second or two, in which the view may go on; and is done anew for a tenth more runs."""
        evidence = follower.look(evidence_of)
        with self._analysing:
            known = self._importances.get(key)
            if known is None or not 0.9 * len(evidence.runs) <= known["num_runs"] <= len(evidence.runs):
                known = self._importances[key] = found_in(evidence)
        return _as_json({"version": follower.version, **_told(follower.condition), "data": known})

    def compared(self, first: str, second: str) -> bytes:
        """Two runs beside each other.

        Raises:
            UnknownError: one of them is not there.
        """
        sides, versions = [], []
        for key in (first, second):
            follower = self.follower(key)
            versions.append(follower.version)
            sides.append(follower.look(lambda view: side_of(view, self._clock())))
        return _as_json({"version": " ".join(versions), "data": comparison(*sides)})

    def metrics(self) -> bytes:
        """The runs that are open, and, of a place with few, all others, for Prometheus."""
        entries = self.entries()
        keys = [entry.key for entry in entries if entry.key in self._followers or len(entries) <= _MOST_MEASURED]
        return exposition(self.follower(key).metrics for key in keys)


def _summary(view: RunView, now: float) -> dict[str, Any]:
    kept = ("state", "optimizer", "began", "last_event", "iterations", "configurations", "incumbent", "counts")
    whole = overview(view, now)
    return {name: whole[name] for name in kept}


def _told(condition: Condition) -> dict[str, str]:
    return {"phase": condition.phase, "message": condition.message}


def _as_json(value: Any) -> bytes:
    """Compact; what is no finite number is null."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
