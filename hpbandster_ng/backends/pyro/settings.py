"""How Pyro4 is set up, in one place: its settings are global to the process."""

from __future__ import annotations

import Pyro4

from hpbandster_ng.errors import InvalidArgumentError

__all__ = [
    "CALL_TIMEOUT",
    "CONNECT_TIMEOUT",
    "ESCAPED",
    "HANDSHAKE_TIMEOUT",
    "LOST_AFTER",
    "MAX_MESSAGE_BYTES",
    "PATIENCE",
    "PATIENCE_WITH_BUSY",
    "apply_settings",
    "check_max_message_bytes",
    "pyro_location",
]

CONNECT_TIMEOUT = 3.0
"""Seconds that it may take to reach the machine of a nameserver or dispatcher."""

PATIENCE = 6.0
"""Seconds for which masters and workers look for a nameserver that they have never seen."""

PATIENCE_WITH_BUSY = 30.0
"""The same, if somebody listens there who does not come to answer: an array of a thousand workers starts at once."""

LOST_AFTER = 600.0
"""Seconds for which a worker looks for a nameserver that it has lost, unless a user says otherwise."""

CALL_TIMEOUT = 30.0
"""Seconds after which a remote call, or a silent connection that belongs to nobody, is given up."""

HANDSHAKE_TIMEOUT = 10.0
"""Seconds within which both ends of a new connection must have shown that they belong to the run."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""What one result may weigh, unless a user says otherwise."""

ESCAPED = 3
"""So many times larger a text may become on its way, since the serializer writes it with escapes."""

_SMALLEST_LIMIT = 64 * 1024

_LARGEST_LIMIT = (2**31 - 1) // ESCAPED

_MAX_CONNECTIONS = 8192


def apply_settings() -> None:
    """Give every socket a time limit, accept one safe serializer, and make room for one connection a worker."""
    config = Pyro4.config
    config.COMMTIMEOUT = CALL_TIMEOUT
    config.SERVERTYPE = "thread"
    config.THREADPOOL_SIZE = _MAX_CONNECTIONS
    config.SERIALIZER = "serpent"
    config.SERIALIZERS_ACCEPTED = {"serpent"}
    config.SOCK_NODELAY = True
    config.PREFER_IP_VERSION = 0
    config.MAX_MESSAGE_SIZE = 2**31 - 1  # the largest there is: each connection has a limit of its own


def check_max_message_bytes(value: object) -> int:
    """A limit for messages.

    Raises:
        InvalidArgumentError: it is no whole number, or too small or large for what is sent.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not _SMALLEST_LIMIT <= value <= _LARGEST_LIMIT:
        raise InvalidArgumentError(
            "max_message_bytes",
            value,
            f"must be a whole number from {_SMALLEST_LIMIT} to {_LARGEST_LIMIT}",
            f"{MAX_MESSAGE_BYTES} is the default; master and workers give the same",
        )
    return value


def pyro_location(name: str, host: str, port: int) -> str:
    """The address of a remote object, with brackets around an IPv6 address.

    Example:
        >>> pyro_location("Pyro.NameServer", "::1", 9090)
        'PYRO:Pyro.NameServer@[::1]:9090'
    """
    return f"PYRO:{name}@[{host}]:{port}" if ":" in host else f"PYRO:{name}@{host}:{port}"
