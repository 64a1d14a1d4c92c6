"""How a process gets into a run: it finds the run's secret by the run's name, or says that the run is open."""

from __future__ import annotations

import warnings
from pathlib import Path

from hpbandster_ng.backends.pyro.credentials import (
    check_folder,
    credentials_path,
    read_secret,
    runtime_folders,
    runtime_path,
)
from hpbandster_ng.backends.pyro.secret import Secret
from hpbandster_ng.errors import MissingCredentialsError

__all__ = ["Access", "warn_of_insecurity"]


class Access:
    """The right of this process to be in a run.

    Args:
        run_id: the run.
        directory: where to look for a credentials file first, before the user's own folders.
        insecure: whether the run is open to everybody, and has no secret.

    Attributes:
        secret: what :meth:`look` has found last; None before, and for an open run.
    """

    def __init__(self, run_id: str, directory: Path | None = None, insecure: bool = False) -> None:
        self.run_id = run_id
        self.directory = directory
        self.insecure = insecure
        self.secret: Secret | None = None

    def look(self, port: int) -> Secret | None:
        """Look for the secret, which a nameserver that was started anew may have replaced.

        Args:
            port: where the nameserver listens.

        Returns:
            The secret. What was found before, if it is gone. None if the run is open.

        Raises:
            MissingCredentialsError: there is none, nor has there been.
            CredentialsError: others may read or replace it.
            LogError: what is there is no credentials file.
        """
        if self.insecure:
            return None
        paths = [runtime_path(folder, self.run_id, port) for folder in runtime_folders()]
        if self.directory is not None:
            paths.insert(0, credentials_path(self.directory, self.run_id))
        found = next((secret for path in paths if (secret := self._read(path, port)) is not None), self.secret)
        if found is None:
            raise MissingCredentialsError(
                f"there are no credentials of run_id={self.run_id!r} in any of {', '.join(map(str, paths))}"
            )
        if found != self.secret:
            self.secret = found
        return self.secret

    def _read(self, path: Path, port: int) -> Secret | None:
        try:
            if path.parent != self.directory:
                check_folder(path.parent)
            return read_secret(path, port)
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # su keeps the XDG_RUNTIME_DIR of another user
            return None


def warn_of_insecurity() -> None:
    """Say what ``insecure=True`` means; Python shows the same warning of the same place once."""
    warnings.warn(
        "insecure=True: whoever reaches the ports of this run can take its jobs, hand in results and stop it; leave it "
        "out, and only who has the run's credentials can",
        RuntimeWarning,
        stacklevel=1,
    )
