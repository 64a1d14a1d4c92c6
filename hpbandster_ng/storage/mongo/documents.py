"""What a database of MongoDB keeps of logs, and each change of it, as MongoDB is told it.

Five collections, made on the first use:

========================  =============================================================================================
``hpbandster_schema``     one document: the ``version`` of what is described here
``hpbandster_logs``       a document a log: ``_id`` (its name), ``key`` (another one when the name is used again),
                          ``count`` (of records), ``tail`` (the last of them, as texts), ``first`` (the number of its
                          first), ``bytes`` (of it), ``leases`` (each a ``holder`` and an ``until``), ``offers``
                          (texts), and the turn:
                          ``holder``, ``began``, ``until``, ``queue`` (who waits), ``pace`` (seconds a turn takes)
``hpbandster_log_texts``  a document for each older record: ``_id`` (``log``, a key, and ``number``) and ``text``
``hpbandster_runs``       a document a run: ``_id`` (its name), ``writer`` (a key of who may append), ``process`` (who
                          that is, in words) and ``until`` (when another one may take over)
``hpbandster_run_texts``  a document a record of a run: ``_id`` (``run``, its name, and ``number``, from 1), ``writer``
                          and ``text``
========================  =============================================================================================

A run has one writer; the other logs are shared by many processes, which take turns.

A single server changes one document at a time as a whole, and no more. So all that a turn changes stands in one: a step
adds the record, sets and ends leases, and gives the turn to who waits longest; it finds the caller as the holder, or
does nothing. The next turn begins while the last one waits until its record is kept: a server that crashes loses the
later one, or both, or none. A tail that has become long is copied to a collection of its own, and cut then.

A turn ends by the server's clock unless its holder prolongs it. So a holder that is killed, cut off or paused holds up
the others for some seconds, and can add nothing afterwards.

The writer of a run knows the number of its next record. Who takes over writes an empty record there: the two of them
cannot both have that number, and who comes second is no longer the writer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

__all__ = [
    "FIRST_VERSION",
    "FREE_RUN",
    "GLANCE",
    "HAND_OVER",
    "LOGS",
    "NEW_RUN",
    "PROLONGATION",
    "RUNS",
    "RUN_TEXTS",
    "SCHEMA",
    "SIZES",
    "TEXTS",
    "TURN_SECONDS",
    "VERSION",
    "addition",
    "between",
    "copy_of_tail",
    "cutting",
    "early_offer",
    "held",
    "if_held",
    "if_offered",
    "is_long",
    "new_log",
    "queueing",
    "reading",
    "reading_first",
    "renewal",
    "short_addition",
    "texts_of_run",
    "view",
    "withdrawal",
    "writing",
]

SCHEMA = "hpbandster_schema"
LOGS = "hpbandster_logs"
TEXTS = "hpbandster_log_texts"
RUNS = "hpbandster_runs"
RUN_TEXTS = "hpbandster_run_texts"

VERSION = 1
"""Of the collections; a database of another one is refused."""

TURN_SECONDS = 5.0
"""How long a turn lasts that nobody prolongs, and a run is held by a writer that is gone."""

FIRST_VERSION: dict[str, Any] = {"$setOnInsert": {"version": VERSION}}
"""Told where there is none yet."""

_TAIL_RECORDS = 64
_TAIL_BYTES = 65_536
_KEPT_RECORDS = 32
"""What stays of a tail that is cut for its records, so that who comes back after a while finds all that is new."""

_LONGEST_PACE = 0.05
"""Seconds; a turn that takes longer counts as this, so that few quick ones make up for it."""

_LONG_AGO = datetime.fromtimestamp(0, timezone.utc)

_Document = dict[str, Any]


def _from_now(seconds: float) -> _Document:
    """By the server's clock."""
    return {"$add": ["$$NOW", seconds * 1000]}


def _literal(value: object) -> _Document:
    """A value in an expression, whatever it looks like."""
    return {"$literal": value}


_IS_FREE = {"$lte": ["$until", "$$NOW"]}
"""Whether nobody has a turn."""

_IS_OFFERED = {"$gt": [{"$size": "$offers"}, 0]}

_NOT_BEFORE = {"$max": ["$began", "$$NOW"]}
"""When a turn begins: not before the last one, even if the server's clock is set back."""

_TOOK = {"$min": [_LONGEST_PACE, {"$divide": [{"$subtract": ["$$NOW", "$began"]}, 1000]}]}

_HANDED_OVER = {
    "pace": {"$add": [{"$multiply": ["$pace", 0.8]}, {"$multiply": [_TOOK, 0.2]}]},
    "holder": {"$ifNull": [{"$first": "$queue"}, None]},
    "began": _NOT_BEFORE,
    "until": {"$cond": [{"$eq": ["$queue", []]}, "$$NOW", _from_now(TURN_SECONDS)]},
    "queue": {"$slice": ["$queue", 1, 1_000_000]},
}

_LEFT = {**_HANDED_OVER, "holder": None, "until": "$$NOW", "queue": []}
"""Where there are offers, hardly anybody waits for a turn; who does comes back."""

HAND_OVER: _Document = {"$set": _HANDED_OVER}
"""Give the turn to who waits longest."""

PROLONGATION: _Document = {"$set": {"until": _from_now(TURN_SECONDS)}}


def new_log(name: str, key: object, text: str) -> _Document:
    """A log of one record."""
    turn: _Document = {"holder": None, "began": _LONG_AGO, "until": _LONG_AGO, "pace": 0.0, "queue": []}
    tail = {"count": 1, "first": 1, "tail": [text], "bytes": len(text)}
    return {"_id": name, "key": key, **tail, "leases": [], "offers": [], **turn}


GLANCE: _Document = dict.fromkeys(("holder", "queue", "pace"), True)
"""What is asked for of a log to see whose turn it is; about half the work of a view."""


def view(after: int, token: object) -> _Document:
    """What is asked for of a log to take a turn: the records beyond a number, and in that token's turn the rest."""
    expired = {"$filter": {"input": "$leases", "cond": {"$lte": ["$$this.until", "$$NOW"]}}}
    return {
        **GLANCE,
        **reading(after),
        "began": True,
        "now": "$$NOW",
        "num_offers": {"$size": "$offers"},
        "expired": {"$cond": [{"$eq": ["$holder", token]}, expired, []]},
        "has_ended": _IS_FREE,
    }


def reading(after: int) -> _Document:
    """What is asked for of a log to read it: the records of its tail beyond a number."""
    tail = {"$slice": ["$tail", {"$subtract": [after, "$count"]}]}
    has_more = {"$gt": ["$count", after]}
    return {"key": True, "count": True, "first": True, "tail": {"$cond": [has_more, tail, []]}}


def reading_first() -> _Document:
    """What is asked for of a log to read its first record, if that is in the tail still."""
    return {"key": True, "count": {"$literal": 1}, "first": True, "tail": {"$slice": ["$tail", 1]}}


def queueing(token: object, unless_offered: bool) -> _Document:
    """Take the turn if it is free, or else wait in the queue; or neither, where offers will do.

    A turn that ended by itself ends the queue, too: who is alive comes back to it, and the dead are gone at once.
    """
    is_known = {"$in": [token, {"$concatArrays": ["$queue", ["$holder"]]}]}
    queue = {"$cond": [is_known, "$queue", {"$concatArrays": ["$queue", [token]]}]}
    changes: _Document = {
        "holder": {"$cond": [_IS_FREE, token, "$holder"]},
        "began": {"$cond": [_IS_FREE, _NOT_BEFORE, "$began"]},
        "until": {"$cond": [_IS_FREE, _from_now(TURN_SECONDS), "$until"]},
        "queue": {"$cond": [_IS_FREE, [], queue]},
    }
    if unless_offered:
        changes = {name: {"$cond": [_IS_OFFERED, f"${name}", change]} for name, change in changes.items()}
    return {"$set": changes}


def addition(text: str, leases: Mapping[str, float], ended: Collection[str], offers: Sequence[str]) -> _Document:
    """Add a record in a turn, set and end leases, replace the offers, and hand over."""
    handed_over = _LEFT if offers else _HANDED_OVER
    return {"$set": {**_added(text, leases, ended), "offers": _literal(list(offers)), **handed_over}}


def early_offer(place: int) -> _Document:
    """What is asked for of a log to take an offer: the one at that place, counted round and round."""
    count = {"$size": "$offers"}
    offer = {"$arrayElemAt": ["$offers", {"$mod": [place, count]}]}
    left = {"$subtract": [count, 1]}
    return {"offer": {"$cond": [_IS_OFFERED, offer, None]}, "left": left, "at": "$$NOW"}


SIZES: _Document = dict.fromkeys(("key", "count", "first", "bytes"), True)
"""What is asked for of a log that has grown."""


def held(holder: str) -> _Document:
    """What is asked for of a log to see why a lease cannot be ended: it is not there, or others are in the way."""
    return {"is_held": {"$in": [_literal(holder), "$leases.holder"]}, "queue": True}


def if_offered(name: str, offer: str) -> _Document:
    """The log, if nobody has a turn, and that offer is there."""
    return {"_id": name, "offers": {"$eq": offer}, "$expr": _IS_FREE}


def if_held(name: str, holder: str) -> _Document:
    """The log, if nobody has a turn, and that holder a lease."""
    return {"_id": name, "leases.holder": holder, "$expr": _IS_FREE}


def short_addition(
    text: str, leases: Mapping[str, float], ended: Collection[str], taken: str | None = None
) -> _Document:
    """Add a record without a turn, set and end leases, and remove the offer that is taken.

    A turn that has ended by itself is over for good then: its holder does not know of this record.
    """
    offers = {"$filter": {"input": "$offers", "cond": {"$ne": ["$$this", _literal(taken)]}}}
    return {"$set": {**_added(text, leases, ended), "offers": offers, "holder": None}}


def _added(text: str, leases: Mapping[str, float], ended: Collection[str]) -> _Document:
    gone = {"$in": ["$$this.holder", _literal([*leases, *ended])]}
    others = {"$filter": {"input": "$leases", "cond": {"$not": gone}}}
    return {
        "count": {"$add": ["$count", 1]},
        "tail": {"$concatArrays": ["$tail", [_literal(text)]]},
        "bytes": {"$add": ["$bytes", len(text)]},
        "leases": {"$concatArrays": [others, _leases(leases)]},
    }


def is_long(log: _Document) -> bool:
    """Whether the tail is to be copied and cut now; not each time, since others do that, too."""
    length: int = log["count"] - log["first"]
    is_heavy: bool = log["bytes"] > _TAIL_BYTES
    return is_heavy or (length >= _TAIL_RECORDS and length % _KEPT_RECORDS == 0)


def cutting(log: _Document) -> tuple[_Document, _Document]:
    """The log, if its tail begins where it did; and the change that cuts it. What was added since it was copied stays.

    Args:
        log: its :data:`SIZES` before it was copied.
    """
    first = max(log["first"], log["count"] - _KEPT_RECORDS + 1 if log["bytes"] <= _TAIL_BYTES else log["count"])
    kept = {"$slice": ["$tail", first - log["first"], 1_000_000]}
    change = {"$set": {"first": first, "tail": kept, "bytes": {"$bsonSize": {"tail": kept}}}}
    return {"_id": log["_id"], "first": log["first"], "key": log["key"]}, change


def withdrawal(token: object) -> list[_Document]:
    """End the turn of a token, or its wait."""
    others = {"$filter": {"input": "$queue", "cond": {"$ne": ["$$this", token]}}}
    is_mine = {"$eq": ["$holder", token]}
    handed_over = {field: {"$cond": [is_mine, value, f"${field}"]} for field, value in _HANDED_OVER.items()}
    return [{"$set": {"queue": others}}, {"$set": handed_over}]


def copy_of_tail(name: str) -> list[_Document]:
    """Copy the tail of a log; what is there already is the same."""
    return [
        {"$match": {"_id": name}},
        {"$unwind": {"path": "$tail", "includeArrayIndex": "index"}},
        {"$project": {"_id": {"log": "$key", "number": {"$add": ["$first", "$index"]}}, "text": "$tail"}},
        {"$merge": {"into": TEXTS, "whenMatched": "keepExisting"}},
    ]


def renewal(leases: Mapping[str, float]) -> tuple[_Document, _Document]:
    """The change that renews leases, and the view of who had one."""
    cases = [
        {"case": {"$eq": ["$$this.holder", _literal(holder)]}, "then": lease}
        for holder, lease in zip(leases, _leases(leases), strict=True)
    ]
    renewed = {"$map": {"input": "$leases", "in": {"$switch": {"branches": cases, "default": "$$this"}}}}
    found = {"$setIntersection": ["$leases.holder", _literal([*leases])]}
    return {"$set": {"leases": renewed}}, {"found": found}


def between(key: object, after: int, before: int) -> _Document:
    """Which older records have a number between two."""
    return {"$gt": {"log": key, "number": after}, "$lt": {"log": key, "number": before}}


def _leases(leases: Mapping[str, float]) -> list[_Document]:
    return [{"holder": _literal(holder), "until": _from_now(seconds)} for holder, seconds in leases.items()]


NEW_RUN: _Document = {"$setOnInsert": {"writer": None, "process": "", "until": _LONG_AGO}}
"""Told where there is none yet."""

FREE_RUN: _Document = {"$set": {"until": _LONG_AGO}}


def writing(writer: object, process: str) -> _Document:
    """Become the writer of a run, if no other one holds it; what is held for too long was so by another clock."""
    is_free = {"$or": [_IS_FREE, {"$gt": ["$until", _from_now(TURN_SECONDS)]}]}
    mine = {"writer": writer, "process": _literal(process), "until": _from_now(TURN_SECONDS)}
    return {"$set": {name: {"$cond": [is_free, value, f"${name}"]} for name, value in mine.items()}}


def texts_of_run(run: str, after: int = 0) -> _Document:
    """Which records are those of a run, beyond the one of that number."""
    return {"$gt": {"run": run, "number": after}, "$lt": {"run": run, "number": math.inf}}
