"""What a look at a machine found, before anybody judges it. None of it is secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = [
    "Contact",
    "Credentials",
    "Directory",
    "Findings",
    "Interface",
    "Master",
    "MissingCredentials",
    "Names",
    "NoAnswer",
    "NotChecked",
    "Reach",
    "Runs",
    "Unusable",
]


@dataclass(frozen=True)
class NoAnswer:
    """A probe that did not come to its end.

    Attributes:
        has_hung: whether that took too long; otherwise it met what nobody foresaw.
    """

    reason: str
    has_hung: bool


@dataclass(frozen=True)
class NotChecked:
    """A probe that was not made, since it needs what another one did not find."""

    reason: str


@dataclass(frozen=True)
class Interface:
    """The network interface that was named.

    Attributes:
        host: the address that masters and nameservers take; None if there is no such interface, or no address.
        state: what Linux says, such as ``up`` or ``down``; None on other systems.
        addresses: of every interface of this machine, by its name.
    """

    name: str
    host: str | None
    state: str | None
    addresses: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Names:
    """What this machine's host name and the interface's address lead to.

    Attributes:
        addresses: of the host name; none if nobody knows it.
        name: of the interface's address; None if it has none.
    """

    host_name: str
    addresses: tuple[str, ...]
    name: str | None


@dataclass(frozen=True)
class Directory:
    """The shared directory, after files were written there.

    Attributes:
        is_atomic: whether a reader found the old file or the new one, whenever it looked, while one replaced another.
        is_private: whether a file that is for its owner only stays so.
        has_locks: whether a file can be locked.
        clock_ahead: seconds by which the file system's clock is ahead of this machine's.
        free_bytes: what this user may still write, quotas aside.
        file_system: its type, such as ``nfs4``; None where the system does not tell.
    """

    is_atomic: bool
    is_private: bool
    has_locks: bool
    clock_ahead: float
    free_bytes: int
    file_system: str | None


@dataclass(frozen=True)
class Unusable:
    """A directory, or credentials, which cannot be used.

    Attributes:
        code: of the operating system's error, as in ``errno``; 0 if it is none of those.
    """

    reason: str
    code: int = 0


@dataclass(frozen=True)
class Runs:
    """The runs with credentials in the shared directory."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class Credentials:
    """What a run's credentials file says.

    Attributes:
        host, port: of the nameserver.
        seconds_left: for which the certificate is good; None if the run is open to everybody and has none.
    """

    host: str
    port: int
    seconds_left: float | None


@dataclass(frozen=True)
class MissingCredentials:
    """There is no credentials file of the run."""


class Reach(str, Enum):
    """How far one gets with an address."""

    ANSWERS = "answers"
    UNKNOWN_NAME = "unknown name"
    REFUSED = "refused"
    SILENT = "silent"
    NO_ROUTE = "no route"
    BUSY = "accepts connections, and does not come to answer"
    MUTE = "accepts connections, and is not understood"
    STRANGER = "not of this run"


@dataclass(frozen=True)
class Contact:
    """A try to talk to the nameserver or to the master.

    Attributes:
        peer: the address that its name led to; None if to none.
        by: the address of this machine that the connection came from; None if there was no connection.
        detail: what the system or the other side said.
    """

    host: str
    port: int
    reach: Reach
    peer: str | None = None
    by: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Master:
    """What the nameserver knows of the run's master.

    Attributes:
        contact: None if no master has registered.
        versions: those of the master; None if it does not tell.
    """

    contact: Contact | None
    versions: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Findings:
    """All of it, in the order of the looks.

    Attributes:
        path: of the shared directory, as it was given.
        run_id: the run that was looked at; None if it is not clear which.
        is_asked_for: whether the user named that run.
        versions: those of this process.
    """

    path: str
    interface: Interface | NoAnswer
    names: Names | NoAnswer
    directory: Directory | Unusable | NoAnswer
    runs: Runs | NotChecked | NoAnswer
    run_id: str | None
    is_asked_for: bool
    credentials: Credentials | MissingCredentials | Unusable | NotChecked | NoAnswer
    nameserver: Contact | NotChecked | NoAnswer
    master: Master | NotChecked | NoAnswer
    versions: Mapping[str, str]
