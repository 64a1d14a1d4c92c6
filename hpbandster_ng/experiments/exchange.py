"""Reading what others did in an experiment, and deciding what follows from it, in turn with them."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hpbandster_ng.engine.events import Event
from hpbandster_ng.engine.suggestions import OpenJob
from hpbandster_ng.experiments.leases import LeaseKeeper
from hpbandster_ng.experiments.ledger import Ledger
from hpbandster_ng.experiments.specification import Specification
from hpbandster_ng.storage.shared import Ahead, Record, SharedLogs, Turn

__all__ = ["Exchange"]

_POLL = 0.1
"""Seconds between two looks whether anything was recorded."""

_LOOK_FOR_EXPIRED = 1.0
"""Seconds after which somebody's lease may have ended, though nothing was recorded."""


@dataclass
class _Decided:
    """What is to be recorded.

    Attributes:
        events: which the ledger has folded already.
        leases: that begin, in seconds by holder.
        ended: holders whose leases end.
    """

    events: list[Event] = field(default_factory=list)
    leases: dict[str, float] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)


class Exchange:
    """A process's side of an experiment; threads may share it.

    Args:
        logs: where the experiment's log is.
        specification: of the experiment.
    """

    def __init__(self, logs: SharedLogs, specification: Specification) -> None:
        self._logs = logs
        self._specification = specification
        self._id = specification.id
        self._lock = threading.RLock()
        self._ledger = Ledger(specification)
        self._keeper = LeaseKeeper(specification.lease, lambda leases: logs.renew(self._id, leases))

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """What is recorded by now; nobody changes it within the block."""
        records = self._logs.read(self._id, self._ledger.position)
        with self._lock:
            self._ledger.fold(records)
            yield self._ledger

    def change(
        self,
        check: Callable[[Ledger], None],
        decide: Callable[[Ledger, float], list[Event]],
        holder: str | None = None,
    ) -> None:
        """Record what is decided when all is known that others did.

        Args:
            check: raises what speaks against it.
            decide: gets the fold and the time, and returns events that it has folded.
            holder: of a suggestion, whose lease ends with this.
        """
        ended = [] if holder is None else [holder]
        self._take_turn(check, lambda ledger, turn: _Decided(decide(ledger, turn.at), ended=ended))
        for each in ended:
            self._keeper.give_up(each)

    def suggested(self, worker: str) -> OpenJob | None:
        """A job for this worker, if there is one; before, those come back whose holders' leases have ended."""
        holder = f"{worker}.{secrets.token_hex(6)}"
        given: list[OpenJob] = []

        def decide(ledger: Ledger, turn: Turn) -> _Decided:
            suggestions = ledger.suggestions
            decided = _Decided(ended=list(turn.expired))
            for lost in [holder for holder in turn.expired if holder in suggestions.holders]:
                decided.events += suggestions.take_back(turn.at, lost, "its lease has ended", is_lost=True)
            limit = self._specification.parallel_bandwidth
            if (limit is None or len(suggestions.holders) < limit) and suggestions.has_job(turn.at):
                decided.events += suggestions.give(turn.at, holder)
                if holder in suggestions.holders:
                    decided.leases[holder] = self._specification.lease
                    given.append(suggestions.job_of(holder))
            return decided

        self._take_turn(lambda _: None, decide)
        if not given:
            return None
        self._keeper.keep(holder)
        return given[-1]

    def has_news(self, give_up: float) -> bool:
        """Wait until there may be another answer to :meth:`suggested`; False if it is time to give up.

        Args:
            give_up: when, by the monotonic clock.
        """
        look = time.monotonic() + _LOOK_FOR_EXPIRED
        while True:
            now = time.monotonic()
            if now >= min(look, give_up):
                return now < give_up
            time.sleep(min(_POLL, give_up - now))
            if self._logs.read(self._id, self._ledger.position):
                return True

    def close(self) -> None:
        """Renew no leases any more, and let go of the database."""
        self._keeper.close()
        self._logs.close()

    def _take_turn(self, check: Callable[[Ledger], None], decide: Callable[[Ledger, Turn], _Decided]) -> None:
        while True:
            ledger, is_decided = self._ledger, False
            try:
                with self._logs.turn(self._id, ledger.position, self._fold_into(ledger)) as turn:
                    with self._lock:
                        if self._ledger is not ledger:
                            continue
                        ledger.fold(turn.records)
                        check(ledger)
                        is_decided = True
                        decided = decide(ledger, turn)
                    if decided.events:
                        record = turn.append(decided.events, decided.leases, decided.ended)
                        with self._lock:
                            ledger.note(record.number, record.events)
            except BaseException:
                if is_decided:
                    self._begin_anew(ledger)
                raise
            return

    def _fold_into(self, ledger: Ledger) -> Ahead:
        def fold(records: Sequence[Record]) -> None:
            with self._lock:
                ledger.fold(records)

        return fold

    def _begin_anew(self, spoilt: Ledger) -> None:
        """What was decided may not have been recorded: only the log knows."""
        with self._lock:
            if self._ledger is spoilt:
                self._ledger = Ledger(self._specification)
