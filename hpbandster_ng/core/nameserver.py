"""Where the processes of a run find each other."""

from __future__ import annotations

import contextlib
import os
from typing import Any, TypeVar

import netifaces

from hpbandster_ng.backends.pyro.credentials import (
    check_run_id,
    check_shared_directory,
    credentials_path,
    read_credentials,
    write_credentials,
)
from hpbandster_ng.backends.pyro.nameserver import NameServerThread, check_port, locate_nameserver
from hpbandster_ng.errors import InvalidArgumentError, LogError, MasterExistsError, NameServerError

__all__ = ["NameServer", "nic_name_to_host"]

_Self = TypeVar("_Self", bound="NameServer")


def nic_name_to_host(nic_name: str) -> str:
    """The IPv4 address of a network interface; its IPv6 address if it has no other.

    Raises:
        InvalidArgumentError: there is no such interface (the message lists those there are), or it has no address.

    Example:
        >>> nic_name_to_host("lo")
        '127.0.0.1'
    """
    interfaces = netifaces.interfaces()
    if nic_name not in interfaces:
        raise InvalidArgumentError(
            "nic_name", nic_name, "must be a network interface of this machine", f"it has: {', '.join(interfaces)}"
        )
    addresses = netifaces.ifaddresses(nic_name)
    for family in (netifaces.AF_INET, netifaces.AF_INET6):
        for entry in addresses.get(family, ()):
            return str(entry["addr"])
    raise InvalidArgumentError("nic_name", nic_name, "must have an address", f"choose one of: {', '.join(interfaces)}")


class NameServer:
    """A nameserver in a thread of this process, for one run.

    Args:
        run_id: the run's name; all its processes give the same.
        working_directory: a directory that the run's processes share; the credentials file is written there, so that
            workers find the nameserver by ``load_nameserver_credentials``.
        host: address to listen on; the loopback address by default.
        port: port to listen on; 0 for any free one, None for 9090.
        nic_name: network interface whose address to listen on, in place of ``host``.

    Raises:
        InvalidArgumentError: the run_id has a slash, the directory is missing, or interface or port do not exist.

    Example:
        >>> with NameServer(run_id="example", port=0) as nameserver:
        ...     nameserver.host
        '127.0.0.1'
    """

    def __init__(
        self,
        run_id: Any,
        working_directory: str | os.PathLike[str] | None = None,
        host: str | None = None,
        port: int | None = 0,
        nic_name: str | None = None,
    ) -> None:
        self.run_id = check_run_id(run_id)
        self.dir = None if working_directory is None else check_shared_directory(working_directory)
        self.host = host or (nic_name_to_host(nic_name) if nic_name is not None else "127.0.0.1")
        self.port = check_port(port, "port")
        self._server: NameServerThread | None = None

    def start(self) -> tuple[str, int]:
        """Listen, and write the credentials file if there is a shared directory.

        Returns:
            Host and port.

        Raises:
            NameServerError: the address is not of this machine, the port is taken, or the file cannot be written.
            MasterExistsError: the credentials file is that of a living nameserver.
        """
        if self._server is not None:
            return self.host, self.port
        self._refuse_living()
        server = NameServerThread(self.host, self.port)
        self.host, self.port = server.start()
        self._server = server
        if self.dir is not None:
            try:
                write_credentials(credentials_path(self.dir, self.run_id), self.host, self.port)
            except OSError as error:
                self.shutdown()
                raise NameServerError(
                    f"cannot write the credentials file into working_directory={str(self.dir)!r}: {error}; make it "
                    "writable, or choose another directory"
                ) from error
        return self.host, self.port

    def shutdown(self) -> None:
        """Stop listening and remove the credentials file, unless it is another's by now; may be called twice."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server = None
        if self.dir is not None:
            path = credentials_path(self.dir, self.run_id)
            with contextlib.suppress(FileNotFoundError, LogError):
                if read_credentials(path) == (self.host, self.port):
                    path.unlink()

    def _refuse_living(self) -> None:
        """Two nameservers of one run would part its workers between two masters."""
        if self.dir is None:
            return
        path = credentials_path(self.dir, self.run_id)
        try:
            host, port = read_credentials(path)
            locate_nameserver(host, port, patience=0)._pyroRelease()
        except (FileNotFoundError, LogError, NameServerError):
            return
        raise MasterExistsError(
            f"run_id={self.run_id!r} has a living nameserver already, at {host}:{port} as {path} says; end that run, "
            "choose another run_id, or remove the file if it is left over"
        )

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
