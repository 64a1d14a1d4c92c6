"""Events as text and back.

A record is what one ``append`` adds: a JSON object on one line,
``{"version": 1, "events": [{"event": "WorkerJoined", "at": 0.5, "worker": "w"}, ...]}``. Which fields an event has
stands in one table below; values are written as :mod:`hpbandster_ng.engine.plain_json` writes them, so that ``jq`` and
every JSON reader can look into a log. A record is read strictly: all fields, no other, of the right types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hpbandster_ng.engine import plain_json
from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    EndRequest,
    Event,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import LogError, NotPlainError

__all__ = ["VERSION", "decode", "encode"]

VERSION = 1
"""Of the format of a record; a record of another version is refused."""


class _Mismatch(Exception):
    """The text does not hold what is expected there."""


class _Form(NamedTuple):
    """How a field is written as JSON, and read from it; reading raises :class:`_Mismatch`."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _typed(rule: str, *types: type) -> _Form:
    """A value that JSON has, of one of these types exactly: ``True`` is no number."""
    kinds = frozenset(types)

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise _Mismatch(f"must be {rule}, not {_shown(value)}")
        return value

    return _Form(lambda value: value, read)


def _record(kind: type, fields: Mapping[str, _Form], later: frozenset[str] = frozenset()) -> _Form:
    """A frozen record, written as an object of its fields.

    Args:
        later: fields that an earlier release did not write.
    """
    writers = [(name, form.write) for name, form in fields.items()]
    readers = [(name, form.read) for name, form in fields.items()]
    needed = fields.keys() - later

    def write(value: Any) -> dict[str, Any]:
        return {name: write_field(getattr(value, name)) for name, write_field in writers}

    def read(value: Any) -> Any:
        if type(value) is not dict or not needed <= value.keys() <= fields.keys():
            raise _Mismatch(f"must be an object with the fields {', '.join(fields)}, not {_shown(value)}")
        arguments = {}
        for name, read_field in readers:
            if name not in value:
                continue
            try:
                arguments[name] = read_field(value[name])
            except _Mismatch as error:
                raise _Mismatch(f"{name} {error}") from None
        return kind(**arguments)

    return _Form(write, read)


def _read_config_id(value: Any) -> tuple[int, ...]:
    if type(value) is list and len(value) == 3:
        iteration, stage, index = value
        if type(iteration) is int and type(stage) is int and type(index) is int:
            return iteration, stage, index
    raise _Mismatch(f"must be a list of three whole numbers, not {_shown(value)}")


def _read_state(value: Any) -> OutcomeState:
    try:
        return OutcomeState(value)
    except ValueError:
        raise _Mismatch(
            f"must be one of {', '.join(repr(state.value) for state in OutcomeState)}, not {_shown(value)}"
        ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


_TEXT = _typed("a string", str)
_TEXT_OR_NONE = _typed("a string or null", str, type(None))
_WHOLE = _typed("a whole number", int)
_WHOLE_OR_NONE = _typed("a whole number or null", int, type(None))
_NUMBER = _typed("a number", int, float)
_NUMBER_OR_NONE = _typed("a number or null", int, float, type(None))
_TRUTH = _typed("true or false", bool)
_VALUES = _typed("an object", dict)
_VALUES_OR_NONE = _typed("an object or null", dict, type(None))
_INFO = _Form(dict, _VALUES.read)
_CONFIG_ID = _Form(list, _read_config_id)
_STATE = _Form(lambda state: state.value, _read_state)

_OUTCOME = _record(Outcome, {"state": _STATE, "result": _VALUES_OR_NONE, "error": _TEXT_OR_NONE})
_JOB = _record(Job, {"config_id": _CONFIG_ID, "budget": _NUMBER, "config": _VALUES, "config_info": _INFO})
_REPORT = _record(
    JobReport,
    {
        "job": _JOB,
        "outcome": _OUTCOME,
        "worker_name": _TEXT_OR_NONE,
        "submitted": _NUMBER,
        "started": _NUMBER_OR_NONE,
        "finished": _NUMBER,
    },
)
_ATTEMPT = {"config_id": _CONFIG_ID, "budget": _NUMBER, "attempt": _WHOLE, "worker": _TEXT}

_FIELDS: dict[type[Event], dict[str, _Form]] = {
    RunDescribed: {"run_id": _TEXT, "description": _VALUES},
    RunResumed: {},
    RunRequested: {
        "n_iterations": _WHOLE,
        "deadline": _NUMBER_OR_NONE,
        "total_budget": _NUMBER_OR_NONE,
        "is_open_ended": _TRUTH,
        "call": _WHOLE,
        "iteration_kwargs": _VALUES,
        "planned_runs": _WHOLE_OR_NONE,
        "planned_budget": _NUMBER_OR_NONE,
    },
    RunCancelled: {"reason": _TEXT},
    WorkerJoined: {"worker": _TEXT},
    WorkerLost: {"worker": _TEXT, "reason": _TEXT, "handed_back": _TRUTH},
    JobFinished: {**_ATTEMPT, "outcome": _OUTCOME},
    OpenIteration: {"iteration": _WHOLE},
    QueueJob: {"job": _JOB},
    StartJob: {**_ATTEMPT, "time_limit": _NUMBER_OR_NONE, "previous_budget": _NUMBER_OR_NONE},
    EndJob: {"report": _REPORT},
    Eliminate: {"config_id": _CONFIG_ID},
    EndRequest: {},
}
"""Every kind of event that is kept, and its fields besides ``at``."""

_LATER: dict[type[Event], frozenset[str]] = {RunRequested: frozenset({"planned_runs", "planned_budget"})}

_FORMS = {
    kind: _record(kind, {"at": _NUMBER, **fields}, _LATER.get(kind, frozenset())) for kind, fields in _FIELDS.items()
}
_KINDS = {kind.__name__: kind for kind in _FIELDS}


def encode(events: Sequence[Event]) -> str:
    """Events as one line of text.

    Raises:
        NotPlainError: an event is of a kind that is never kept, or holds what has no text form.

    Example:
        >>> text = encode([WorkerJoined(0.5, "w")])
        >>> text
        '{"version":1,"events":[{"event":"WorkerJoined","at":0.5,"worker":"w"}]}'
        >>> decode(text, "the log")
        [WorkerJoined(at=0.5, worker='w')]
    """
    return f'{{"version":{VERSION},"events":[{",".join(map(_encoded, events))}]}}'


def decode(text: str, where: str) -> list[Event]:
    """What :func:`encode` was given.

    Args:
        text: the record.
        where: begins the message of an error, such as ``"run/journal, byte 70,"``.

    Raises:
        LogError: it was not written by :func:`encode`, or by that of another version.
    """
    try:
        record = plain_json.loads(text)
        return [_read_event(number, item) for number, item in enumerate(_events_of(record), start=1)]
    except (_Mismatch, ValueError) as error:
        raise LogError(f"{where} is no record of a run's log: {error}") from error


def _encoded(event: Event) -> str:
    form = _FORMS.get(type(event))
    if form is None:
        raise NotPlainError(f"{event} cannot be logged: events of type {type(event).__name__} are never kept")
    try:
        return plain_json.dumps({"event": type(event).__name__, **form.write(event)})
    except (TypeError, ValueError, RecursionError) as error:
        raise NotPlainError(
            f"{type(event).__name__} cannot be logged: {error}; convert its values to numbers, strings, lists or dicts"
        ) from error


def _events_of(record: Any) -> list[Any]:
    if type(record) is not dict or type(record.get("version")) is not int:
        raise _Mismatch(f"it must be an object with a version, not {_shown(record)}")
    if record["version"] != VERSION:
        raise _Mismatch(
            f"its format has version {record['version']}, and this release reads {VERSION}; use the release that wrote "
            "it, or a later one"
        )
    if record.keys() != {"version", "events"} or type(record["events"]) is not list:
        raise _Mismatch(f"it must have a list of events, not {_shown(record)}")
    return record["events"]


def _read_event(number: int, item: Any) -> Event:
    name = item.get("event") if type(item) is dict else None
    kind = _KINDS.get(name) if type(name) is str else None
    if kind is None:
        raise _Mismatch(f"event {number} must be of one of the kinds {', '.join(_KINDS)}, not {_shown(item)}")
    del item["event"]
    try:
        event: Event = _FORMS[kind].read(item)
    except _Mismatch as error:
        raise _Mismatch(f"event {number}, a {kind.__name__}, {error}") from None
    return event
