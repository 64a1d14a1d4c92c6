"""Reading what others did in an experiment, and deciding what follows from it, in turn with them."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hpbandster_ng.engine.events import Event
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.engine.suggestions import OpenJob
from hpbandster_ng.experiments.leases import LeaseKeeper
from hpbandster_ng.experiments.ledger import Ledger, worker_of
from hpbandster_ng.experiments.specification import Specification
from hpbandster_ng.storage.shared import Ahead, Offer, OfferedError, Record, SharedLogs, Turn

__all__ = ["Exchange"]

_POLL = 0.1
"""Seconds between two looks whether anything was recorded."""

_MANY = 4
"""From so many others on, who decides does so for them, too."""

_FRESH = 1.0
"""Seconds after which what was decided for others is not taken any more, before it is seen what has happened since."""

_BEHIND = 4
"""Whoever is behind by more than so many times the stock leaves the deciding to others, who need to read less."""

_STOCK_SECONDS = 0.02
"""How long others may be held up by what is decided for them."""

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
        self._own: dict[str, OpenJob] = {}
        self._stock = 0
        self._has_offers = self._is_stale = False
        self._is_behind = True
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
            self._forget(each)

    def end(self, holder: str, outcome: Outcome) -> bool:
        """Record how an evaluation of this process ended, whatever others did; False if that cannot be without a turn.

        Raises:
            NotPlainError: the outcome cannot be kept.
        """
        job = self._own.get(holder)
        if job is None or not self._logs.end(self._id, holder, lambda at: [job.ended(max(at, job.start.at), outcome)]):
            return False
        self._forget(holder)
        return True

    def suggested(self, worker: str) -> OpenJob | None:
        """A job for this worker, if there is one."""
        holder = f"{worker}.{secrets.token_hex(6)}"
        job = self._taken(holder) if self._has_offers else None
        while job is None:
            try:
                job = self._decided(worker, holder)
                break
            except OfferedError:
                job = self._taken(holder)
        if job is not None:
            self._own[holder] = job
            self._keeper.keep(holder)
        return job

    def _taken(self, holder: str) -> OpenJob | None:
        """A job that somebody else has decided upon just now, if there is one."""

        def events(offer: Offer, at: float) -> list[Event]:
            self._is_stale = at - offer[-1].at > _FRESH
            return [] if self._is_stale else [OpenJob.taken(offer, at, holder).start]

        taken = self._logs.take(self._id, holder, self._specification.lease, events)
        self._has_offers = taken is not None
        if taken is None:
            return None
        self._is_behind = True
        if taken.left < self._stock / 2 and taken.number - self._ledger.position < _BEHIND * self._stock:
            self._restock(worker_of(holder))
        return OpenJob.taken(taken.offer, taken.at, holder)

    def _restock(self, worker: str) -> None:
        def decide(ledger: Ledger, turn: Turn) -> _Decided:
            decided = self._without_lost(ledger, turn)
            decided.events += self._stocked(worker, ledger, turn)
            return decided

        self._take_turn(lambda _: None, decide)

    def _stocked(self, worker: str, ledger: Ledger, turn: Turn) -> list[Event]:
        """Decide for others, if many of them are asking: they need not know what has happened, and this process does.

        As much is decided as was asked for in the last moments.
        """
        recent = ledger.recent_workers(turn.at)
        is_limited = self._specification.parallel_bandwidth is not None
        self._stock = 0 if is_limited or len({*recent} - {worker}) < _MANY else len(recent)
        events: list[Event] = []
        give_up = time.monotonic() + _STOCK_SECONDS
        while ledger.suggestions.num_waiting < self._stock and time.monotonic() < give_up:
            more = ledger.suggestions.stock(turn.at, ledger.suggestions.num_waiting + 1)
            if not more:
                break
            events += more
        return events

    def _decided(self, worker: str, holder: str) -> OpenJob | None:
        """A job that is decided upon in a turn."""
        given: list[OpenJob] = []

        def decide(ledger: Ledger, turn: Turn) -> _Decided:
            suggestions = ledger.suggestions
            decided = self._without_lost(ledger, turn)
            limit = self._specification.parallel_bandwidth
            if (limit is None or len(suggestions.holders) < limit) and suggestions.has_job(turn.at):
                decided.events += suggestions.give(turn.at, holder)
                if holder in suggestions.holders:
                    decided.leases[holder] = self._specification.lease
                    given.append(suggestions.job_of(holder))
            decided.events += self._stocked(worker, ledger, turn)
            return decided

        self._take_turn(lambda _: None, decide, unless_offered=not self._is_stale)
        return given[-1] if given else None

    def _without_lost(self, ledger: Ledger, turn: Turn) -> _Decided:
        """Those jobs come back whose holders' leases have ended."""
        decided = _Decided(ended=list(turn.expired))
        for lost in [holder for holder in turn.expired if holder in ledger.suggestions.holders]:
            decided.events += ledger.suggestions.take_back(turn.at, lost, "its lease has ended", is_lost=True)
        return decided

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

    def _take_turn(
        self,
        check: Callable[[Ledger], None],
        decide: Callable[[Ledger, Turn], _Decided],
        unless_offered: bool = False,
    ) -> None:
        if self._is_behind:  # so that nobody waits for all that is to be read
            with self.ledger():
                self._is_behind = False
        while True:
            ledger, is_decided = self._ledger, False
            try:
                with self._logs.turn(self._id, ledger.position, self._fold_into(ledger), unless_offered) as turn:
                    with self._lock:
                        if self._ledger is not ledger:
                            continue
                        ledger.fold(turn.records)
                        check(ledger)
                        is_decided = True
                        decided = decide(ledger, turn)
                        offers = ledger.suggestions.offers(turn.at) if self._stock else []
                        self._has_offers, self._is_stale = bool(offers), False
                    if decided.events:
                        record = turn.append(decided.events, decided.leases, decided.ended, offers)
                        with self._lock:
                            ledger.note(record.number, record.events)
            except BaseException:
                if is_decided:
                    self._begin_anew(ledger)
                raise
            return

    def _forget(self, holder: str) -> None:
        self._own.pop(holder, None)
        self._keeper.give_up(holder)

    def _fold_into(self, ledger: Ledger) -> Ahead:
        def fold(records: Sequence[Record]) -> None:
            with self._lock:
                ledger.fold(records)

        return fold

    def _begin_anew(self, spoilt: Ledger) -> None:
        """What was decided may not have been recorded: only the log knows."""
        with self._lock:
            if self._ledger is spoilt:
                self._ledger, self._is_behind = Ledger(self._specification), True
