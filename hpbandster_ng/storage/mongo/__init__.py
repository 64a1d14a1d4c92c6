"""Logs in MongoDB, on one server as well as on a replica set.

What is kept there, and each change of it, stands in :mod:`hpbandster_ng.storage.mongo.documents`.
"""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import pymongo  # noqa: F401 - whoever needs it below says so by its own import
except ImportError as error:
    raise MissingExtraError("A log in MongoDB", "pymongo", "mongo") from error

from hpbandster_ng.storage.mongo.run_log import MongoStorage, run_ids
from hpbandster_ng.storage.mongo.shared_logs import MongoSharedLogs

__all__ = ["MongoSharedLogs", "MongoStorage", "run_ids"]
