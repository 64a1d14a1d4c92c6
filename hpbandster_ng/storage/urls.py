"""What a user may pass as ``storage``, made a storage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.storage.base import Storage
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.shared import SharedLogs

__all__ = ["logs_closed_on_error", "run_ids_of", "shared_logs_of", "storage_of"]

_JOURNAL = "journal:"
_DATABASES = ("sqlite", "postgresql")
_MONGODB = "mongodb"


def storage_of(value: object, run_id: str) -> Storage:
    """The storage that a user means.

    Args:
        value: a storage, which is returned as it is; or ``"journal:DIRECTORY"``, ``"sqlite:///FILE"``,
            ``"postgresql://USER:PASSWORD@HOST/DATABASE"`` or ``"mongodb://HOST:PORT/DATABASE"``.
        run_id: the run's name; databases hold many runs, a journal's directory holds one.

    Raises:
        InvalidArgumentError: it is none of these.
        MissingExtraError: it is a database, whose extra is not installed.

    Example:
        >>> storage_of("journal:run", "first").directory.name
        'run'
        >>> storage_of("run.log", "first")
        Traceback (most recent call last):
        hpbandster_ng.errors.InvalidArgumentError: storage='run.log' must be a Storage, or the url of one; use \
journal:DIRECTORY, sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, or mongodb://HOST:PORT/DATABASE
    """
    if isinstance(value, Storage) and not isinstance(value, type):
        return value
    if isinstance(value, str):
        if value.startswith(_JOURNAL) and value != _JOURNAL:
            return JournalStorage(value[len(_JOURNAL) :])
        if value.startswith(_DATABASES) and ":" in value:
            from hpbandster_ng.storage.sql import SQLStorage  # noqa: PLC0415 - an extra

            return SQLStorage(value, run_id)
        if value.startswith(_MONGODB) and ":" in value:
            from hpbandster_ng.storage.mongo import MongoStorage  # noqa: PLC0415 - an extra

            return MongoStorage(value, run_id)
    scheme, separator, _ = value.partition("://") if isinstance(value, str) else ("", "", "")
    raise InvalidArgumentError(
        "storage",
        f"{scheme}://..." if separator else value,  # the rest may hold a password
        "must be a Storage, or the url of one",
        "use journal:DIRECTORY, sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, or "
        "mongodb://HOST:PORT/DATABASE",
    )


def run_ids_of(url: str) -> list[str]:
    """The runs of a database, in ascending order.

    Args:
        url: ``"sqlite:///FILE"``, ``"postgresql://USER:PASSWORD@HOST/DATABASE"`` or ``"mongodb://HOST:PORT/DATABASE"``.

    Raises:
        InvalidArgumentError: it is none of these.
        MissingExtraError: the extra of that database is not installed.
        StorageError: the database cannot be reached or read.
        LogError: it was made by a later release.
    """
    if url.startswith(_DATABASES) and ":" in url:
        from hpbandster_ng.storage.sql import run_ids  # noqa: PLC0415 - an extra

        return run_ids(url)
    if url.startswith(_MONGODB) and ":" in url:
        from hpbandster_ng.storage.mongo import run_ids  # noqa: PLC0415 - an extra

        return run_ids(url)
    raise _no_database(url)


def shared_logs_of(value: SharedLogs | str) -> SharedLogs:
    """The place of shared logs that a user means.

    Args:
        value: an object, which is returned as it is; or ``"sqlite:///FILE"``,
            ``"postgresql://USER:PASSWORD@HOST/DATABASE"`` or ``"mongodb://HOST:PORT/DATABASE"``.

    Raises:
        InvalidArgumentError: it is none of these.
        MissingExtraError: the extra of that database is not installed.
    """
    if not isinstance(value, str):
        return value
    scheme, separator, _ = value.partition(":")
    if separator and scheme.startswith(_DATABASES):
        from hpbandster_ng.storage.sql import SQLSharedLogs  # noqa: PLC0415 - an extra

        return SQLSharedLogs(value)
    if separator and scheme.startswith(_MONGODB):
        from hpbandster_ng.storage.mongo import MongoSharedLogs  # noqa: PLC0415 - an extra

        return MongoSharedLogs(value)
    raise _no_database(value)


def _no_database(value: str) -> InvalidArgumentError:
    scheme, separator, _ = value.partition(":")
    return InvalidArgumentError(
        "storage",
        f"{scheme}:..." if separator else value,  # the rest may hold a password
        "must be the url of a database",
        "use sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, or mongodb://HOST:PORT/DATABASE; a journal "
        "is for a run, which one process writes",
    )


@contextlib.contextmanager
def logs_closed_on_error(value: SharedLogs | str, closes_always: bool = False) -> Iterator[SharedLogs]:
    """The place that a user means; what is made of a url here is closed, unless the block has made use of it.

    Args:
        value: see :func:`shared_logs_of`.
        closes_always: also if the block raises nothing.
    """
    logs = shared_logs_of(value)
    is_kept = False
    try:
        yield logs
        is_kept = not closes_always
    finally:
        if isinstance(value, str) and not is_kept:
            logs.close()
