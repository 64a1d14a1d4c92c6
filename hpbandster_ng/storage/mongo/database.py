"""A database of MongoDB: how it is reached and checked, and what is said when it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pymongo
from bson.errors import BSONError
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from hpbandster_ng.errors import InvalidArgumentError, LogError, StorageError
from hpbandster_ng.storage.mongo import documents

__all__ = ["Client", "Database", "Document", "Documents"]

_TIMEOUTS = {"serverSelectionTimeoutMS": 10_000, "connectTimeoutMS": 10_000, "socketTimeoutMS": 30_000}
"""A server that does not answer is noticed after so many milliseconds, unless the url sets these otherwise."""

_KEPT = WriteConcern(w="majority", j=True, wtimeout=30_000)
"""What was written so outlives a crash of the server, and in a replica set the loss of its primary."""

Document = dict[str, Any]
Documents = Collection[Document]


class Database:
    """What a url names.

    Attributes:
        shown: the url without password and options.

    Raises:
        InvalidArgumentError: ``url`` is none, or names no database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._name, self.shown = _checked(url)

    def client(self) -> Client:
        return Client(self._url, self._name)

    def check(self, client: Client) -> bool:
        """Whether it was used before.

        Raises:
            LogError: it was made by a later version of this package.
            PyMongoError: it cannot be reached.
        """
        schema = client.kept(documents.SCHEMA).find_one({"_id": "schema"})
        if schema is not None and schema.get("version") != documents.VERSION:
            raise LogError(
                f"{self.shown} has version {schema.get('version')} of the collections of hpbandster_ng, and this "
                f"release uses {documents.VERSION}; use the release that made it, or a later one"
            )
        return schema is not None

    @contextlib.contextmanager
    def failures(self, what: str, name: str | None = None) -> Iterator[None]:
        """Report what fails in the block.

        Args:
            what: is done, as a participle.
            name: of what it is done to, which names the database, too.
        """
        try:
            yield
        except (PyMongoError, BSONError) as error:
            raise StorageError(
                f"{name or self.shown} cannot be {what}: {_reason(error)}; what was recorded before is kept: mend the "
                "database or the url, and try again"
            ) from error


class Client:
    """The collections of a database, as one process reaches them."""

    def __init__(self, url: str, database: str) -> None:
        options: dict[str, Any] = {name: n for name, n in _TIMEOUTS.items() if f"{name}=".lower() not in url.lower()}
        self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(url, connect=False, **options)
        primary = self._client.get_database(database, read_preference=ReadPreference.PRIMARY)
        self._place = primary.with_options(write_concern=WriteConcern(w=1))
        self._kept = primary.with_options(write_concern=_KEPT, read_concern=ReadConcern("majority"))

    def place(self, name: str) -> Documents:
        """A collection whose changes may be lost in a crash."""
        return self._place[name]

    def kept(self, name: str) -> Documents:
        """A collection whose changes are kept by a majority, as is what is read of it."""
        return self._kept[name]

    def make(self) -> None:
        """Tell the version, where there is none yet."""
        self.kept(documents.SCHEMA).update_one({"_id": "schema"}, documents.FIRST_VERSION, upsert=True)

    def close(self) -> None:
        self._client.close()


def _reason(error: Exception) -> str:
    """In one short line, without what the driver and the server tell of themselves and of the data."""
    text = error.details.get("errmsg") if isinstance(error, OperationFailure) and error.details else None
    text = str(text or error).partition(" (configured timeouts")[0].partition(" to execute command ")[0]
    return " ".join(text.split())[:300].rstrip(".")


def _checked(url: str) -> tuple[str, str]:
    """The name of the database, and the url without password and options.

    Raises:
        InvalidArgumentError: it is none.
    """
    way_out = "use mongodb://USER:PASSWORD@HOST:PORT/DATABASE, with what is special in them written as %XX"
    scheme, _, rest = url.partition("://")
    if scheme == "mongodb+srv":  # the options are checked with those that its server adds, when it is asked
        url = f"mongodb://{rest.partition('?')[0]}"
    try:
        parsed = parse_uri(url)
    except (PyMongoError, ValueError) as error:
        reason = "" if "@" in url else f" ({error})"  # it may quote what it takes for a port, and is a password
        raise InvalidArgumentError(
            "storage", f"{scheme}:...", f"must be the url of a MongoDB database{reason}", way_out
        ) from None
    user = f"{quote(parsed['username'])}:***@" if parsed["username"] else ""
    hosts = rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
    shown = f"{scheme}://{user}{hosts}/{parsed['database'] or ''}"
    if not parsed["database"] or parsed["collection"]:
        raise InvalidArgumentError("storage", shown, "must name a database, and no collection", way_out)
    return parsed["database"], shown
