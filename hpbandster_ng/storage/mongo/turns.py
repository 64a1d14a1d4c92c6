"""A turn in a log of MongoDB, and how long to wait for it."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import NotPlainError
from hpbandster_ng.storage.codec import encode
from hpbandster_ng.storage.mongo import documents
from hpbandster_ng.storage.shared import Offer, Record

__all__ = ["TRIES", "MongoTurn", "encoded", "nap", "seconds", "short_nap"]

TRIES = 20
"""To change a log without a turn, before one is taken."""

_LARGEST = 4_000_000
"""Bytes of a record; a document has up to 16 MiB, and may hold more than one for a moment."""

_SHORTEST_NAP = 0.0005
_LONGEST_NAP = 0.25


class MongoTurn:
    """What the caller sees of a turn, and what it wants to add."""

    def __init__(self, log: dict[str, Any], records: Sequence[Record]) -> None:
        self.at: float = seconds(log["began"])
        self.records = records
        self.expired: Sequence[str] = sorted(lease["holder"] for lease in log["expired"])
        self.count: int = log["count"]
        self.change: dict[str, Any] = documents.HAND_OVER

    def append(
        self,
        events: Sequence[Event],
        leases: Mapping[str, float] = {},
        ended: Collection[str] = (),
        offers: Sequence[Offer] = (),
    ) -> Record:
        self.change = documents.addition(encoded(events), leases, ended, list(map(encode, offers)))
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


def short_nap() -> float:
    """Seconds until another try to change a log that somebody has a turn in, or that others change as often."""
    return random.random() * 0.004


def encoded(events: Sequence[Event]) -> str:
    """Events as the text of a record.

    Raises:
        NotPlainError: one holds a value that has no text form, or they are more than a document of MongoDB can hold.
    """
    text = encode(events)
    if (size := len(text.encode())) > _LARGEST:
        raise NotPlainError(
            f"a record of {size:,} bytes is too large for a document of MongoDB; the limit is {_LARGEST:,}: keep what "
            "is large in a file, and its path in the result"
        )
    return text


def seconds(at: datetime) -> float:
    """Unix seconds of a time that the server has told."""
    return at.replace(tzinfo=timezone.utc).timestamp()
