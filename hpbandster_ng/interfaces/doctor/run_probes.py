"""Probes of a run, as a worker on this machine would meet it: credentials, nameserver, master."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import Pyro4.errors

from hpbandster_ng.backends.pyro.access import Access
from hpbandster_ng.backends.pyro.certificates import time_left
from hpbandster_ng.backends.pyro.credentials import credentials_path, read_credentials, read_secret
from hpbandster_ng.backends.pyro.nameserver import dispatcher_name, locate_nameserver, lookup
from hpbandster_ng.backends.pyro.proxy import proxy_to
from hpbandster_ng.backends.pyro.settings import CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT
from hpbandster_ng.errors import CredentialsError, LogError, NameServerBusyError, NameServerError
from hpbandster_ng.interfaces.doctor.findings import (
    Contact,
    Credentials,
    Master,
    MissingCredentials,
    NotChecked,
    Reach,
    Runs,
    Unusable,
)

__all__ = ["ask_master", "ask_nameserver", "list_runs", "look_at_credentials"]


def list_runs(directory: Path) -> Runs | NotChecked:
    """Whose credentials lie there."""
    before, after = credentials_path("", "*").name.split("*")
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        return NotChecked(f"the directory cannot be read ({error.strerror})")
    return Runs(
        tuple(name[len(before) : -len(after)] for name in names if name.startswith(before) and name.endswith(after))
    )


def look_at_credentials(directory: Path, run_id: str) -> Credentials | MissingCredentials | Unusable:
    path = credentials_path(directory, run_id)
    try:
        host, port = read_credentials(path)
        secret = read_secret(path)
        if secret is None:
            return Credentials(host, port, None)
        secret.check()
        return Credentials(host, port, time_left(secret).total_seconds())
    except FileNotFoundError:
        return MissingCredentials()
    except (LogError, CredentialsError, ValueError) as error:
        return Unusable(str(error))


def ask_nameserver(credentials: Credentials, access: Access) -> tuple[Contact, Any | None]:
    """Ask it for the run's master.

    Returns:
        How that went, and the master's location; None if there is none.
    """
    contact = _knock(credentials.host, credentials.port)
    if contact.reach is not Reach.ANSWERS:
        return contact, None
    try:
        with locate_nameserver(contact.host, contact.port, 0, access) as nameserver:
            return contact, lookup(nameserver, dispatcher_name(access.run_id))
    except CredentialsError as error:
        return _failed(contact, Reach.STRANGER, error.__cause__ or error), None
    except NameServerBusyError:
        return replace(contact, reach=Reach.BUSY), None
    except NameServerError as error:
        return _failed(contact, Reach.MUTE, error.__cause__ or error), None


def ask_master(location: Any | None, access: Access) -> Master:
    """Ask it for its versions, with the credentials that were found before."""
    if location is None:
        return Master(None)
    contact = _knock(location.host, location.port)
    if contact.reach is not Reach.ANSWERS:
        return Master(contact)
    try:
        with proxy_to(location, HANDSHAKE_TIMEOUT, access.secret) as master:
            master.ping()
            return Master(contact, _versions(master))
    except Pyro4.errors.SecurityError as error:
        return Master(_failed(contact, Reach.STRANGER, error))
    except Pyro4.errors.TimeoutError:
        return Master(replace(contact, reach=Reach.BUSY))
    except (OSError, Pyro4.errors.PyroError) as error:
        return Master(_failed(contact, Reach.MUTE, error))


def _versions(master: Any) -> dict[str, str] | None:
    try:
        return {str(name): str(version) for name, version in master.versions().items()}
    except AttributeError:  # it is of a time when nobody asked
        return None


def _knock(host: str, port: int) -> Contact:
    """Connect, and say nothing."""
    peer = None
    try:
        peer = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][-1][0])
        with socket.create_connection((host, port), CONNECT_TIMEOUT) as connection:
            peer, by = (str(name[0]) for name in (connection.getpeername(), connection.getsockname()))
            return Contact(host, port, Reach.ANSWERS, peer, by)
    except (socket.gaierror, UnicodeError) as error:
        return Contact(host, port, Reach.UNKNOWN_NAME, detail=_told(error))
    except TimeoutError:
        return Contact(host, port, Reach.SILENT, peer)
    except ConnectionRefusedError:
        return Contact(host, port, Reach.REFUSED, peer)
    except OSError as error:
        return Contact(host, port, Reach.NO_ROUTE, peer, detail=_told(error))


def _failed(contact: Contact, reach: Reach, error: BaseException) -> Contact:
    return replace(contact, reach=reach, detail=_told(error))


def _told(error: BaseException) -> str:
    """What an error says, in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())
