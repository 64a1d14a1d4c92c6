"""The files that tell the processes of a run where its nameserver is, and let them in.

JSON, readable by its owner only, written beside its final name and moved there, so that a reader finds either nothing
or all of it. One lies in the directory that the run's processes share, if there is such a directory, and one in the
folder that the operating system keeps for what a user's processes tell each other.
"""

from __future__ import annotations

import getpass
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.errors import CredentialsError, InvalidArgumentError, LogError

__all__ = [
    "check_folder",
    "check_run_id",
    "check_shared_directory",
    "credentials_path",
    "is_open_to_others",
    "make_runtime_folder",
    "read_credentials",
    "read_secret",
    "runtime_folders",
    "runtime_path",
    "write_credentials",
]

_SECRET_FIELDS = ("authority", "certificate", "key")

_MAX_BYTES = 1024 * 1024
"""No credentials file is larger."""


def check_run_id(run_id: object) -> str:
    """The run's name as text.

    Raises:
        InvalidArgumentError: it is None or empty, or cannot be part of a file name.

    Example:
        >>> check_run_id(7)
        '7'
    """
    if run_id is None:
        raise InvalidArgumentError(
            "run_id", None, "must be given: workers, nameserver and storage find the run by it",
            "only an optimizer with a backend that has its own workers, and without a storage, needs none",
        )  # fmt: skip
    text = str(run_id)
    if not text.strip() or any(forbidden in text for forbidden in "/\\\0\n"):
        raise InvalidArgumentError(
            "run_id",
            run_id,
            "must be part of a file name: not empty, without slash or line break",
            "use letters, digits, '.', '_' and '-'",
        )
    return text


def check_shared_directory(working_directory: str | os.PathLike[str]) -> Path:
    """The directory through which the processes of a run meet.

    Raises:
        InvalidArgumentError: it does not exist.
    """
    path = Path(working_directory)
    if not path.is_dir():
        raise InvalidArgumentError(
            "working_directory",
            str(working_directory),
            "must be an existing directory that all processes share",
            "create it, or correct the path",
        )
    return path


def credentials_path(working_directory: str | os.PathLike[str], run_id: object) -> Path:
    return Path(working_directory) / f"HPB_run_{run_id}_pyro.json"


def runtime_path(folder: Path, run_id: str, port: int) -> Path:
    """Beside those of other runs, and of other nameservers of a run of the same name."""
    return folder / f"HPB_run_{run_id}_{port}.json"


def runtime_folders() -> list[Path]:
    """Where this user's processes look for secrets; not every process of a user is told of the same."""
    user = str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
    system = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}"
    return [Path(system) / "hpbandster_ng", Path(tempfile.gettempdir()) / f"hpbandster_ng-{user}"]


def make_runtime_folder() -> Path:
    """The first of :func:`runtime_folders` that there is or that can be made, with mode 0700.

    Raises:
        CredentialsError: it is another user's, others may enter it, or it is no directory but a link to one.
        OSError: none can be made.
    """
    *others, last = runtime_folders()
    for folder in others:
        try:
            return _made(folder)
        except OSError as error:
            if isinstance(error, CredentialsError):
                raise
    return _made(last)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    check_folder(folder)
    return folder


def check_folder(folder: Path) -> None:
    """Refuse a folder in which others could read or replace a secret.

    Raises:
        CredentialsError: it is one.
        OSError: it is not there, or where this user may not look.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or is_open_to_others(found):
        raise CredentialsError(
            f"the folder {folder} is not safe for secrets: it must be a directory of this user's with mode 0700; "
            "remove it, or set the environment variable XDG_RUNTIME_DIR to a directory of your own"
        )


def write_credentials(path: Path, host: str, port: int, secret: Secret | None = None) -> None:
    """Put the address and the secret there, atomically and with mode 0600."""
    content: dict[str, Any] = {"host": host, "port": port}
    if secret is not None:
        content.update({field: getattr(secret, field) for field in _SECRET_FIELDS})
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            json.dump(content, handle)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_credentials(path: Path) -> tuple[str, int]:
    """The address in a credentials file.

    Raises:
        FileNotFoundError: it is not there (yet).
        LogError: it holds something else.
        CredentialsError: it is another user's.
    """
    content, _ = _read(path)
    return content["host"], content["port"]


def read_secret(path: Path, port: int | None = None) -> Secret | None:
    """The secret in a credentials file; None if it has none.

    Args:
        port: that of the nameserver which the secret is for; with another one in the file, there is none.

    Raises:
        FileNotFoundError: the file is not there (yet).
        LogError: it holds something else.
        CredentialsError: it is another user's, or others may read or replace it.
    """
    content, found = _read(path)
    if port not in (None, content["port"]) or not content.keys() & set(_SECRET_FIELDS):
        return None
    fields = [str(content.get(field)) for field in _SECRET_FIELDS]
    if not all(field.startswith("-----BEGIN ") and field.isascii() for field in fields):
        raise LogError(f"{path} is no credentials file: its certificates are none; remove it and start anew")
    if is_open_to_others(found):
        raise CredentialsError(
            f"the secret in {path} is not safe: the file must be this user's, with mode 0600; if nobody has "
            "read it, make it so: chmod 600; otherwise remove it and start the nameserver anew"
        )
    return Secret(*fields)


def _read(path: Path) -> tuple[dict[str, Any], os.stat_result]:
    """What is in the file, and whose it is."""
    try:
        with open(path, "rb", opener=_opened) as handle:
            found = os.fstat(handle.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("it is no file")
            content = json.loads(handle.read(_MAX_BYTES))
        host, port = content["host"], content["port"]
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise CredentialsError(
            f"this user may not read {path}: all processes of a run must be the same user's; start this one as the "
            "user of the nameserver"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise LogError(f"{path} is no credentials file: {error}; remove it and start the nameserver anew") from error
    if not isinstance(host, str) or type(port) is not int or not 0 < port < 65536:
        raise LogError(f"{path} is no credentials file: host={host!r}, port={port!r}; remove it and start anew")
    return content, found


def _opened(path: str, flags: int) -> int:
    """Follow no link, and wait for nobody who writes to a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def is_open_to_others(found: os.stat_result) -> bool:
    """Whether what is there is another user's, or others may enter, read or write it."""
    if not hasattr(os, "geteuid"):
        return False
    return found.st_uid != os.geteuid() or bool(stat.S_IMODE(found.st_mode) & 0o077)
