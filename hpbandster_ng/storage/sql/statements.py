"""What is said to a database that shared logs are in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hpbandster_ng.storage.sql.database import LEASES, OFFERS, RECORDS, RUNS
from hpbandster_ng.storage.sql.sessions import Statement

_LOG = sa.bindparam("log", type_=sa.Text)
_AFTER = sa.bindparam("after", type_=sa.Integer)
_NOW = {
    "sqlite": sa.bindparam("now", type_=sa.Double),
    "postgresql": sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double),
}
"""By the database's kind: the clock of the machine that it is on."""

NAMES = sa.select(RUNS.c.run).where(RUNS.c.shared)
IS_SHARED = sa.select(RUNS.c.shared).where(RUNS.c.run == _LOG)
NEW = (
    sa.select(RECORDS.c.number, RECORDS.c.text)
    .join(RUNS, RUNS.c.run == RECORDS.c.run)
    .where(RUNS.c.run == _LOG, RUNS.c.shared, RECORDS.c.number > _AFTER)
    .order_by(RECORDS.c.number)
)
HEAD = (
    sa.select(RECORDS.c.number, RECORDS.c.text)
    .join(RUNS, RUNS.c.run == RECORDS.c.run)
    .where(RUNS.c.run == _LOG, RUNS.c.shared, RECORDS.c.number == sa.literal_column("1"))
)

COUNTED, ADDED, EXPIRED, OFFERED = "0", "1", "2", "3"


def _constant(text: str) -> sa.ColumnElement[Any]:
    return sa.literal_column(text)


_LAST = sa.select(sa.func.max(RECORDS.c.number)).where(RECORDS.c.run == _LOG).scalar_subquery()
_NUM_OFFERS = sa.select(sa.func.count()).select_from(OFFERS).where(OFFERS.c.run == _LOG).scalar_subquery()


def _state(now: sa.ColumnElement[float]) -> Statement:
    """All that a turn begins with, in one answer: rows of a kind, a number, a text and a time."""
    count, new, expired, offered, nothing = map(_constant, (COUNTED, ADDED, EXPIRED, OFFERED, "NULL"))
    return sa.union_all(
        sa.select(count, _LAST, nothing, now).where(RUNS.c.run == _LOG, RUNS.c.shared),
        sa.select(offered, _NUM_OFFERS, nothing, nothing),
        sa.select(new, RECORDS.c.number, RECORDS.c.text, nothing).where(
            RECORDS.c.run == _LOG, RECORDS.c.number > _AFTER
        ),
        sa.select(expired, _constant("0"), LEASES.c.holder, nothing).where(LEASES.c.run == _LOG, LEASES.c.ends <= now),
    )


STATE = {kind: _state(now) for kind, now in _NOW.items()}
EARLY_OFFER = {
    kind: sa.select(now, OFFERS.c.number, OFFERS.c.text, _NUM_OFFERS)
    .where(OFFERS.c.run == _LOG)
    .order_by(OFFERS.c.number)
    .limit(_constant("1"))
    .offset(
        sa.bindparam("skipped", type_=sa.Integer)
        % sa.case((_constant("0") < _NUM_OFFERS, _NUM_OFFERS), else_=_constant("1"))
    )
    for kind, now in _NOW.items()
}
HOLDERS = {kind: sa.select(LEASES.c.holder, now).where(LEASES.c.run == _LOG) for kind, now in _NOW.items()}

ADD_LOG = sa.insert(RUNS)
ADD_RECORD = sa.insert(RECORDS)
ADD_LEASE = sa.text(
    f"INSERT INTO {LEASES.name} (run, holder, ends) VALUES (:log, :whom, :until) "  # noqa: S608 - a constant
    "ON CONFLICT (run, holder) DO UPDATE SET ends = excluded.ends"
)
ADD_OFFER = sa.insert(OFFERS)
REMOVE_OFFERS = sa.delete(OFFERS).where(OFFERS.c.run == _LOG)
_THIS_LEASE = sa.and_(LEASES.c.run == _LOG, LEASES.c.holder == sa.bindparam("whom", type_=sa.Text))
RENEW_LEASE = sa.update(LEASES).values(ends=sa.bindparam("until")).where(_THIS_LEASE)
END_LEASE = sa.delete(LEASES).where(_THIS_LEASE)
DELETE = [sa.delete(table).where(table.c.run == _LOG) for table in (LEASES, OFFERS, RECORDS, RUNS)]

_REMOVE_OFFER = sa.delete(OFFERS).where(
    OFFERS.c.run == _LOG,
    OFFERS.c.number == sa.bindparam("place", type_=sa.Integer),
    OFFERS.c.text == sa.bindparam("offer", type_=sa.Text),
)


def _new_record(log: sa.ColumnElement[str]) -> sa.Insert:
    number = _LAST + sa.literal_column("1")
    values = sa.select(log, number, sa.bindparam("text", type_=sa.Text))
    return sa.insert(RECORDS).from_select(["run", "number", "text"], values)


def _new_lease(log: sa.ColumnElement[str], now: sa.ColumnElement[float]) -> sa.Insert:
    until = now + sa.bindparam("seconds", type_=sa.Double)
    return sa.insert(LEASES).from_select(
        ["run", "holder", "ends"], sa.select(log, sa.bindparam("whom", type_=sa.Text), until)
    )


def _at_once(removal: sa.Delete, with_lease: bool) -> Statement:
    """One statement: what was removed has a record added, and a lease begun."""
    gone = removal.returning(removal.table.c.run).cte("gone")
    added = _new_record(gone.c.run).returning(RECORDS.c.number)
    lease = _new_lease(gone.c.run, _NOW["postgresql"]).cte("lease")
    return added.add_cte(lease) if with_lease else added


TAKE: dict[str, tuple[Statement, ...]] = {
    "sqlite": (_REMOVE_OFFER, _new_record(_LOG), _new_lease(_LOG, _NOW["sqlite"]), sa.select(_LAST)),
    "postgresql": (_at_once(_REMOVE_OFFER, with_lease=True),),
}
END: dict[str, tuple[Statement, ...]] = {
    "sqlite": (END_LEASE, _new_record(_LOG), sa.select(_LAST)),
    "postgresql": (_at_once(END_LEASE, with_lease=False),),
}
"""What is done without a turn; unless the first statement removes something, nothing is. The last tells the number."""
