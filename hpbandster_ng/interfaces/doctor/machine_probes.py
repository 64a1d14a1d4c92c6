"""Probes of this machine: its network interface, its names, and the shared directory as it is seen from here."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import netifaces

from hpbandster_ng.backends.pyro.credentials import (
    credentials_path,
    is_open_to_others,
    read_credentials,
    write_credentials,
)
from hpbandster_ng.core.nameserver import nic_name_to_host
from hpbandster_ng.errors import InvalidArgumentError, LogError
from hpbandster_ng.interfaces.doctor.findings import Directory, Interface, Names, Unusable

__all__ = ["look_at_interface", "look_up_names", "try_directory"]

_REPLACEMENTS = 20
"""So many files replace each other while somebody reads."""

_MOUNTS = Path("/proc/self/mounts")
"""Where Linux tells what is mounted: a device, a folder and a type a line."""


def look_at_interface(name: str) -> Interface:
    host = None
    with contextlib.suppress(InvalidArgumentError):
        host = nic_name_to_host(name)
    state = None
    with contextlib.suppress(OSError):
        state = Path("/sys/class/net", name, "operstate").read_text().strip()
    return Interface(name, host, state, {each: _addresses(each) for each in netifaces.interfaces()})


def _addresses(interface: str) -> tuple[str, ...]:
    found = netifaces.ifaddresses(interface)
    return tuple(entry["addr"] for family in (netifaces.AF_INET, netifaces.AF_INET6) for entry in found.get(family, ()))


def look_up_names(host: str | None) -> Names:
    """Look up the host name and, unless it is None, the name of an address."""
    host_name = socket.gethostname()
    addresses: dict[str, None] = {}
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host_name, None, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    name = None
    if host is not None:
        with contextlib.suppress(OSError, UnicodeError):
            name = socket.gethostbyaddr(host)[0]
    return Names(host_name, tuple(addresses), name)


def try_directory(path: Path) -> Directory | Unusable:
    """Write files there, as a nameserver does, and remove them."""
    try:
        with tempfile.TemporaryDirectory(prefix=".hpbandster_ng-doctor-", dir=path) as folder:
            file = credentials_path(folder, "doctor")
            before = time.time()
            write_credentials(file, "localhost", 1)
            written = file.stat()
            after = time.time()
            return Directory(
                is_atomic=_is_atomic(file),
                is_private=not is_open_to_others(written),
                has_locks=_has_locks(file),
                clock_ahead=written.st_mtime - min(max(before, written.st_mtime), after),
                free_bytes=shutil.disk_usage(folder).free,
                file_system=_file_system(path),
            )
    except OSError as error:
        return Unusable(error.strerror or str(error), error.errno or 0)


def _is_atomic(path: Path) -> bool:
    """Replace the file again and again, and see whether somebody who reads it all the time always can."""
    is_over = threading.Event()
    has_missed = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            try:
                read_credentials(path)
            except (OSError, LogError):
                has_missed.set()
                return

    reader = threading.Thread(target=read, name="hpbandster-doctor-reader", daemon=True)
    reader.start()
    try:
        for number in range(_REPLACEMENTS):
            write_credentials(path, "localhost", 1 + number)
    finally:
        is_over.set()
        reader.join()
    return not has_missed.is_set()


def _has_locks(path: Path) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - only POSIX has it
    except ImportError:
        return False
    with path.open("rb+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _file_system(path: Path) -> str | None:
    """The type of what is mounted closest above a path."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return None
    folders = {_unescaped(folder): kind for _, folder, kind, *_ in mounts}  # a later one hides an earlier one
    return next(
        (folders[str(each)] for each in (path.resolve(), *path.resolve().parents) if str(each) in folders), None
    )


def _unescaped(text: str) -> str:
    """As Linux writes them, blanks and the like are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
