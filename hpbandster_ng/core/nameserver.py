"""Where the processes of a run find each other."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import netifaces

from hpbandster_ng.backends.pyro.access import Access, warn_of_insecurity
from hpbandster_ng.backends.pyro.certificates import mint, time_left
from hpbandster_ng.backends.pyro.credentials import (
    check_run_id,
    check_shared_directory,
    credentials_path,
    make_runtime_folder,
    read_credentials,
    read_secret,
    runtime_path,
    write_credentials,
)
from hpbandster_ng.backends.pyro.nameserver import NameServerThread, check_port, locate_nameserver
from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.errors import CredentialsError, InvalidArgumentError, LogError, MasterExistsError, NameServerError

__all__ = ["NameServer", "nic_name_to_host"]

_Self = TypeVar("_Self", bound="NameServer")

_LONG_ENOUGH = timedelta(days=15)
"""A nameserver that is started anew goes on with a secret that is good for so long."""


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
    """A nameserver in a thread of this process, for one run, which it closes to all who do not belong to it.

    A start makes a secret of the run, good for 30 days, and puts it where other processes of the same user find it by
    the run's name; in the shared directory, too, if there is one. A start after a crash goes on with the secret that is
    there, so that workers and a master that lived on are let in.

    Args:
        run_id: the run's name; all its processes give the same.
        working_directory: a directory that the run's processes share; the credentials file is written there, so that
            workers find the nameserver by ``load_nameserver_credentials``.
        host: address to listen on; the loopback address by default.
        port: port to listen on; 0 for any free one, None for 9090.
        nic_name: network interface whose address to listen on, in place of ``host``.
        insecure: whether to do without a secret: whoever reaches the nameserver can use it. Master and workers must
            say the same.

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
        insecure: bool = False,
    ) -> None:
        self.run_id = check_run_id(run_id)
        self.dir = None if working_directory is None else check_shared_directory(working_directory)
        self.host = host or (nic_name_to_host(nic_name) if nic_name is not None else "127.0.0.1")
        self.port = check_port(port, "port")
        self.insecure = insecure
        self._files: list[Path] = []
        self._server: NameServerThread | None = None

    def start(self) -> tuple[str, int]:
        """Listen, and write the credentials files.

        Returns:
            Host and port.

        Raises:
            NameServerError: the address is not of this machine, the port is taken, or a file cannot be written.
            CredentialsError: the folder for the user's secrets is open to others.
            MasterExistsError: the credentials file is that of a living nameserver.
        """
        if self._server is not None:
            return self.host, self.port
        self._refuse_living()
        if self.insecure:
            warn_of_insecurity()
        self._server = NameServerThread(self.host, self.port)
        try:
            self.host, self.port = self._server.listen()
            self._server.serve(self._publish())  # in this order: who is answered finds credentials that are in force
        except BaseException:
            self.shutdown()
            raise
        return self.host, self.port

    def _publish(self) -> Secret | None:
        """Write where the run is, and what lets one in."""
        self._files = [] if self.dir is None else [credentials_path(self.dir, self.run_id)]
        secret = None
        if not self.insecure:
            self._files.append(runtime_path(_runtime_folder(), self.run_id, self.port))
            secret = self._kept_secret() or mint()
        for path in self._files:
            try:
                write_credentials(path, self.host, self.port, secret)
            except OSError as error:
                where = f"working_directory={str(self.dir)!r}" if path.parent == self.dir else str(path.parent)
                raise NameServerError(
                    f"cannot write the credentials file into {where}: {error}; make it writable, or choose another "
                    "directory"
                ) from error
        return secret

    def _kept_secret(self) -> Secret | None:
        """That of an earlier nameserver of the run, if it is good for long enough and was safe."""
        for path in self._files:
            with contextlib.suppress(FileNotFoundError, LogError, CredentialsError, ValueError):
                secret = read_secret(path)
                if secret is not None and time_left(secret) > _LONG_ENOUGH:
                    secret.check()
                    return secret
        return None

    def shutdown(self) -> None:
        """Stop listening and remove the credentials files, unless they are another's by now; may be called twice."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server = None
        for path in self._files:
            with contextlib.suppress(FileNotFoundError, LogError, CredentialsError):
                if read_credentials(path) == (self.host, self.port):
                    path.unlink()

    def _refuse_living(self) -> None:
        """Two nameservers of one run would part its workers between two masters."""
        if self.dir is None:
            return
        path = credentials_path(self.dir, self.run_id)
        try:
            host, port = read_credentials(path)
            access = Access(self.run_id, self.dir, insecure=read_secret(path) is None)
            locate_nameserver(host, port, 0, access)._pyroRelease()
        except (FileNotFoundError, LogError, NameServerError, CredentialsError):
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


def _runtime_folder() -> Path:
    try:
        return make_runtime_folder()
    except CredentialsError:
        raise
    except OSError as error:
        raise NameServerError(
            f"cannot make a folder for the run's secret: {error}; set the environment variable XDG_RUNTIME_DIR to a "
            "directory of your own"
        ) from error
