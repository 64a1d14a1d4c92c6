"""Logs in a database: SQLite for one machine, PostgreSQL for many, each with any number of logs.

Four tables, made on the first use:

======================  ===============================================================================================
``hpbandster_runs``     ``run`` (the log's name), ``writer`` (who may append) and ``records`` (how many there are),
                        which are empty and 0 if the log is ``shared``: written by many processes in turn
``hpbandster_records``  ``run``, ``number`` (from 1), ``text``: one ``append``, see :mod:`hpbandster_ng.storage.codec`
``hpbandster_leases``   ``run``, ``holder``, ``ends`` (in unix seconds), of shared logs
``hpbandster_schema``   ``version`` of these tables; older ones are migrated when they are first opened for writing
======================  ===============================================================================================
"""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import sqlalchemy  # noqa: F401 - whoever needs it below says so by its own import
except ImportError as error:
    raise MissingExtraError("A log in a database", "SQLAlchemy", "sql") from error

from hpbandster_ng.storage.sql.run_log import SQLStorage, run_ids
from hpbandster_ng.storage.sql.shared_logs import SQLSharedLogs

__all__ = ["SQLSharedLogs", "SQLStorage", "run_ids"]
