"""A turn in a log of MongoDB, and how long to wait for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from hpbandster_ng.engine.events import Event
from hpbandster_ng.storage import mongo_documents as documents
from hpbandster_ng.storage.codec import encode
from hpbandster_ng.storage.shared import Offer, Record

__all__ = ["MongoTurn", "nap", "seconds"]

_SHORTEST_NAP = 0.0005
_LONGEST_NAP = 0.25


class MongoTurn:
    """What the caller sees of a turn, and what it wants to add."""

    def __init__(self, log: dict[str, Any], records: Sequence[Record]) -> None:
        self.at: float = seconds(log["began"])
        self.records = records
        self.expired: Sequence[str] = sorted(lease["holder"] for lease in log["expired"])
        self.count: int = log["count"]
        self.cut = documents.cut_of(log)
        self.change: dict[str, Any] = documents.HAND_OVER

    def append(
        self,
        events: Sequence[Event],
        leases: Mapping[str, float] = {},
        ended: Collection[str] = (),
        offers: Sequence[Offer] = (),
    ) -> Record:
        self.change = documents.addition(encode(events), leases, ended, list(map(encode, offers)), self.cut)
        return Record(self.count + 1, tuple(events))


def nap(ahead: int, pace: float, stuck: float) -> float:
    """Seconds until who waits looks again.

    All others wait until the next one notices its turn, and each look costs the server and this machine work. So the
    next one looks often, the others when most of the turns before theirs should have passed, and all of them
    less often the longer nothing moves.

    Args:
        ahead: how many wait before this one.
        pace: seconds that a turn takes.
        stuck: seconds since the queue was seen to move.
    """
    expected = (0.7 * ahead + 0.3) * pace if ahead else 0.1 * pace
    return min(_LONGEST_NAP, max(_SHORTEST_NAP, expected, 0.2 * stuck))


def seconds(at: datetime) -> float:
    """Unix seconds of a time that the server has told."""
    return at.replace(tzinfo=timezone.utc).timestamp()
