"""What a run is read from: a storage, a shared log, a folder of results, or a pickled result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError
from hpbandster_ng.interfaces.dashboard.recorded import events_of
from hpbandster_ng.interfaces.dashboard.view import RunView
from hpbandster_ng.storage.base import FollowedStorage, News, news_since
from hpbandster_ng.storage.legacy_json import CONFIGS, RESULTS, read_log
from hpbandster_ng.storage.shared import Record, SharedLogs

__all__ = ["FolderSource", "PickleSource", "SharedLogSource", "Source", "StorageSource"]


class Source(Protocol):
    """Where the events of one run come from.

    Attributes:
        is_read_whole: whether all is read again when something is new.
    """

    is_read_whole: bool

    def new_view(self) -> RunView:
        """What they are folded into."""

    def read_on(self, bookmark: object) -> News:
        """What is new since the bookmark was taken; see :meth:`FollowedStorage.read_on`."""


class StorageSource:
    """The log of a run of one master."""

    is_read_whole = False

    def __init__(self, storage: FollowedStorage) -> None:
        self._storage = storage

    def new_view(self) -> RunView:
        return RunView()

    def read_on(self, bookmark: object) -> News:
        return self._storage.read_on(bookmark)


class SharedLogSource:
    """The log of an experiment; the bookmark is the last record that was read.

    Args:
        logs: the place of it.
        identity: of the experiment.
    """

    is_read_whole = False

    def __init__(self, logs: SharedLogs, identity: str) -> None:
        self._logs = logs
        self._identity = identity

    def new_view(self) -> RunView:
        return RunView(is_experiment=True)

    def read_on(self, bookmark: object) -> News:
        return news_since(
            bookmark if isinstance(bookmark, Record) else None,  # it may be of one that was deleted and created again
            lambda first: self._logs.read(self._identity, first - 1),
            lambda records: [event for record in records for event in record.events],
        )


class _FileSource:
    """Files that are read as a whole whenever one of them has changed."""

    is_read_whole = True

    def __init__(self, paths: tuple[Path, ...], read: Callable[[], Iterator[Event]]) -> None:
        self._paths = paths
        self._read = read

    def new_view(self) -> RunView:
        return RunView(is_recorded=True)

    def read_on(self, bookmark: object) -> News:
        stamp = tuple(_stamp_of(path) for path in self._paths)
        if not any(stamp):
            return News((), None, True)
        if stamp == bookmark:
            return News((), bookmark, False)
        return News(self._read(), stamp, True)


class FolderSource(_FileSource):
    """``configs.json`` and ``results.json``, ours or the predecessor's."""

    def __init__(self, directory: Path) -> None:
        paths = tuple(directory / name for name in (RESULTS, CONFIGS))
        super().__init__(paths, lambda: events_of(directory.name, *read_log(directory)))


class PickleSource(_FileSource):
    """A pickled ``Result``, ours or the predecessor's; its times are seconds since the start already."""

    def __init__(self, path: Path) -> None:
        super().__init__((path,), self._of_pickle)
        self._path = path

    def _of_pickle(self) -> Iterator[Event]:
        result = Result.from_pickle(self._path)
        return events_of(self._path.stem, result.data, {**result.HB_config, "time_ref": None})


def _stamp_of(path: Path) -> tuple[int, int] | None:
    """When a file was changed last, and how large it is; None if it is not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}; check its permissions") from error
    return status.st_mtime_ns, status.st_size
