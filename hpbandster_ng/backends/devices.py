"""Which device belongs to which worker."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["VISIBLE_DEVICES", "device_of", "visible_devices"]

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"


def device_of(devices: Sequence[str], id: Any) -> str:  # noqa: A002 - the worker's argument
    """The device of the worker with this number; more workers than devices share them in turn.

    Raises:
        InvalidArgumentError: there is no device, or several and no number.

    Example:
        >>> [device_of(["cuda:0", "cuda:1"], id) for id in (0, 1, 2)]
        ['cuda:0', 'cuda:1', 'cuda:0']
    """
    if isinstance(devices, str) or not devices or not all(isinstance(device, str) for device in devices):
        raise InvalidArgumentError(
            "devices", devices, "must be a list of at least one name", 'such as ["cuda:0", "cuda:1"]'
        )
    if len(devices) == 1:
        return devices[0]
    if not re.fullmatch("[0-9]+", str(id)):
        raise InvalidArgumentError(
            "id", id, f"must be a whole number where there are {len(devices)} devices",
            "give the workers of a machine id=0, id=1, ...: each takes the device of its number",
        )  # fmt: skip
    return devices[int(id) % len(devices)]


def visible_devices(device: str, environment: Mapping[str, str]) -> str:
    """What ``CUDA_VISIBLE_DEVICES`` must be for a process that is to see one device only.

    Args:
        device: ``"cuda:1"`` is the second of those that this process sees; ``"cpu"`` hides all; anything else, such as
            the name of a device or several numbers, is taken as it is.
        environment: of this process; a cluster may have chosen among the machine's devices already.

    Raises:
        InvalidArgumentError: this process does not see so many devices.

    Example:
        >>> visible_devices("cuda:1", {}), visible_devices("cuda:1", {"CUDA_VISIBLE_DEVICES": "4,7"})
        ('1', '7')
    """
    if device == "cpu":
        return ""
    number = re.fullmatch("cuda:([0-9]+)", device)
    if number is None:
        return device
    seen = environment.get(VISIBLE_DEVICES)
    if seen is None:
        return number[1]
    names = [name.strip() for name in seen.split(",") if name.strip()]
    if int(number[1]) >= len(names):
        raise InvalidArgumentError(
            "devices", device, f"is not among the {len(names)} that {VISIBLE_DEVICES}={seen!r} leaves",
            "cuda:0 is the first of these",
        )  # fmt: skip
    return names[int(number[1])]
