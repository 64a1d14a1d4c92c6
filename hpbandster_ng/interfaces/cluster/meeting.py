"""What the tasks of a run know of each other: a note in the shared directory, and who answers there."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.credentials import credentials_path, read_credentials, read_secret
from hpbandster_ng.backends.pyro.nameserver import locate_nameserver
from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT
from hpbandster_ng.errors import CommunicationError, CredentialsError, LogError

__all__ = ["Note", "has_journal", "is_barred", "lets_in", "listens", "read_note", "since", "write_note"]

_NAME = "master.json"


@dataclass(frozen=True)
class Note:
    """What the master's task says of itself.

    Attributes:
        task: its name.
        exit_code: with which the script has ended, for good; None while it runs or may be started again.
    """

    task: str
    exit_code: int | None = None


def write_note(directory: Path, note: Note) -> None:
    """Put it there, in one go; the next one replaces it."""
    temporary = directory / f".{_NAME}.{socket.gethostname()}.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(note)), encoding="utf-8")
    temporary.replace(directory / _NAME)


def read_note(directory: Path) -> Note | None:
    """The latest note; None if there was no master yet.

    Example:
        >>> import tempfile
        >>> directory = Path(tempfile.mkdtemp())
        >>> write_note(directory, Note("4711_1", 0))
        >>> read_note(directory)
        Note(task='4711_1', exit_code=0)
    """
    try:
        return Note(**json.loads((directory / _NAME).read_text(encoding="utf-8")))
    except (
        OSError,
        ValueError,
        TypeError,
    ):  # over a network, a file that is being replaced may be stale
        return None


def has_journal(directory: Path) -> bool:
    """Whether a run is kept there, or one folder below, so that it can go on."""
    return any(directory.glob("journal")) or any(directory.glob("*/journal"))


def lets_in(directory: Path, run_id: str) -> bool:
    """Whether the nameserver of the credentials file answers, and this process is one of its run."""
    path = credentials_path(directory, run_id)
    try:
        host, port = read_credentials(path)
        access = Access(run_id, directory, insecure=read_secret(path) is None)
        locate_nameserver(host, port, 0, access)._pyroRelease()
    except (FileNotFoundError, LogError, CommunicationError):  # gone, or somebody else is there by now
        return False
    return True


def since(directory: Path, run_id: str) -> int | None:
    """When the nameserver of the credentials file was started, in nanoseconds of the file system's clock."""
    try:
        return credentials_path(directory, run_id).stat().st_mtime_ns
    except OSError:
        return None


def is_barred(directory: Path, run_id: str) -> bool:
    """Whether there is a credentials file that this process may not use: another user's, or one that is not safe."""
    try:
        read_secret(credentials_path(directory, run_id))
    except CredentialsError:
        return True
    except (FileNotFoundError, LogError):
        pass
    return False


def listens(directory: Path, run_id: str) -> bool:
    """Whether anybody is where the nameserver should be, which costs it nothing to tell."""
    try:
        socket.create_connection(read_credentials(credentials_path(directory, run_id)), CONNECT_TIMEOUT).close()
    except (OSError, LogError):  # a CredentialsError is an OSError, too
        return False
    return True
