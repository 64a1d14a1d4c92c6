"""Small helpers under the predecessor's import path."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.core.nameserver import NameServer, nic_name_to_host

__all__ = ["nic_name_to_host", "start_local_nameserver"]


def start_local_nameserver(
    host: str | None = None, port: int = 0, nic_name: str | None = None, run_id: Any = "local"
) -> tuple[str, int]:
    """Start a nameserver that lives as long as this process.

    Args:
        host: address to listen on; the loopback address by default.
        port: port to listen on; 0 for any free one.
        nic_name: network interface whose address to listen on, in place of ``host``.
        run_id: the run's name; its master and workers give the same.

    Returns:
        Host and port.

    Raises:
        NameServerError: the address is not of this machine, or the port is taken.

    Example:
        >>> start_local_nameserver(port=70000)
        Traceback (most recent call last):
        ...
        hpbandster_ng.errors.InvalidArgumentError: port=70000 must be a whole number from 0 to 65535; None means 9090
    """
    return NameServer(run_id, host=host, port=port, nic_name=nic_name).start()
