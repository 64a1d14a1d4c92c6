"""Which runs there are: in a database, or in directories."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hpbandster_ng.errors import LogError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.dashboard.sources import (
    FolderSource,
    PickleSource,
    SharedLogSource,
    Source,
    StorageSource,
)
from hpbandster_ng.storage.base import FollowedStorage
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.legacy_json import CONFIGS, RESULTS
from hpbandster_ng.storage.urls import run_ids_of, shared_logs_of, storage_of

__all__ = ["Database", "Directories", "Entry", "Place", "directory_of_run"]

_JOURNAL = "journal"
_PICKLE = "results.pkl"
_MOST_DIRECTORIES = 2000


@dataclass(frozen=True)
class Entry:
    """A run that can be looked at.

    Attributes:
        key: names it in addresses.
        name: for people.
        kind: ``"run"``, ``"experiment"``, ``"journal"``, ``"folder"`` or ``"pickle"``.
        place: with the name, tells it from all others: its directory; ``"runs"`` or ``"experiments"`` of a database.
        open: makes what it is read from.
    """

    key: str
    name: str
    kind: str
    place: str
    open: Callable[[], Source]


class Place(Protocol):
    """Where runs are."""

    def entries(self) -> list[Entry]:
        """Those that there are now.

        Raises:
            HpbandsterError: the place cannot be read.
        """

    def close(self) -> None:
        """Let go of connections."""


class Database:
    """The runs and experiments of a database.

    Args:
        url: of it.
        run_id: only this run.
        experiment: only this experiment, by id or name.

    Raises:
        InvalidArgumentError, MissingExtraError: ``url`` is none, or needs an extra.
    """

    def __init__(self, url: str, run_id: str | None = None, experiment: str | None = None) -> None:
        self._url = url
        self._run_id = run_id
        self._experiment = experiment
        self._logs = shared_logs_of(url)

    def entries(self) -> list[Entry]:
        """Raises LogError: the run or experiment that was asked for is not there."""
        runs = [] if self._experiment is not None else run_ids_of(self._url)
        experiments = {} if self._run_id is not None else Experiment.names(self._logs)
        if self._run_id is not None:
            runs = [_chosen(self._run_id, runs, "run")]
        if self._experiment is not None:
            by_name = {name: identity for identity, name in experiments.items()}
            name = _chosen(self._experiment, [*by_name, *experiments], "experiment")
            identity = by_name.get(name, name)
            experiments = {identity: experiments[identity]}
        return [
            *(
                Entry(_key("run", name), name, "run", "runs", lambda name=name: self._source(name))  # type: ignore[misc]
                for name in runs
            ),
            *(
                Entry(
                    _key("experiment", identity),
                    name,
                    "experiment",
                    "experiments",
                    lambda identity=identity: SharedLogSource(self._logs, identity),  # type: ignore[misc]
                )
                for identity, name in experiments.items()
            ),
        ]

    def close(self) -> None:
        self._logs.close()

    def _source(self, run_id: str) -> Source:
        storage = storage_of(self._url, run_id)
        assert isinstance(storage, FollowedStorage)
        return StorageSource(storage)


class Directories:
    """Journals, folders of results and pickled results: in these directories, and one level below.

    Args:
        directories: at least one.
        run_id: only what is named so, or ``run_`` and so.
    """

    def __init__(self, directories: Iterable[Path], run_id: str | None = None) -> None:
        self._directories = [directory.absolute() for directory in directories]
        self._run_id = run_id

    def entries(self) -> list[Entry]:
        """Raises LogError: there is nothing to look at."""
        found = [entry for directory in self._directories for entry in _entries_of(directory)]
        if not found:
            named = ", ".join(map(str, self._directories))
            raise LogError(
                f"there is no run in {named}: neither a journal, nor {CONFIGS} and {RESULTS}, nor {_PICKLE}, there or "
                "one level below; give the directory of a run"
            )
        if self._run_id is not None:
            names = {entry.name.removeprefix("run_"): entry for entry in found}
            return [names[_chosen(self._run_id.removeprefix("run_"), [*names], "run")]]
        return found

    def close(self) -> None:
        """There is nothing to let go of."""


def directory_of_run(run_id: str) -> Path:
    """The journal of a run where scripts for clusters keep it, seen from the current directory.

    Raises:
        LogError: it is not there.
    """
    usual = [Path(f"run_{run_id}"), Path(f"hpbandster_ng_{run_id}", f"run_{run_id}"), Path(run_id)]
    for directory in usual:
        if (directory / _JOURNAL).is_file():
            return directory
    looked = ", ".join(map(str, usual))
    raise LogError(
        f"there is no run {run_id!r} here: none of {looked} is a directory with a journal; give --storage URL, or "
        "--directory"
    )


def _chosen(name: str, known: list[str], what: str) -> str:
    if name in known:
        return name
    like = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:10]
    way_out = f"did you mean {' or '.join(map(repr, like))}?" if like else "there is none at all"
    raise LogError(f"there is no {what} {name!r} here; {way_out}")


def _key(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind} {name}".encode(errors="surrogatepass")).hexdigest()[:12]


def _entries_of(directory: Path) -> list[Entry]:
    """The run in a directory, and those one level below, the newest first.

    Raises:
        LogError: it is no directory, or cannot be read.
    """
    try:
        below = [path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
        below.sort(key=lambda path: -path.stat().st_mtime)
    except OSError as error:
        raise LogError(f"{directory} cannot be read: {error.strerror or error}; give the directory of a run") from error
    found = (_entry_of(path) for path in [directory, *below[:_MOST_DIRECTORIES]])
    return [entry for entry in found if entry is not None]


def _entry_of(directory: Path) -> Entry | None:
    key = _key("directory", str(directory))
    if (directory / _JOURNAL).is_file():
        return Entry(key, directory.name, "journal", str(directory), lambda: StorageSource(JournalStorage(directory)))
    if (directory / RESULTS).is_file() or (directory / CONFIGS).is_file():
        return Entry(key, directory.name, "folder", str(directory), lambda: FolderSource(directory))
    if (directory / _PICKLE).is_file():
        return Entry(key, directory.name, "pickle", str(directory), lambda: PickleSource(directory / _PICKLE))
    return None
