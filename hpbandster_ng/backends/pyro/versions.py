"""The versions that the processes of a run should share, so that they understand each other."""

from __future__ import annotations

import platform
from importlib import metadata

from hpbandster_ng import __version__

__all__ = ["own_versions"]

_PACKAGES = ("ConfigSpace", "numpy", "Pyro4", "serpent")
"""What configurations are made of, and what carries them."""


def own_versions() -> dict[str, str]:
    """Those of this process.

    Example:
        >>> list(own_versions())
        ['hpbandster_ng', 'Python', 'ConfigSpace', 'numpy', 'Pyro4', 'serpent']
    """
    packages = {name: _installed(name) for name in _PACKAGES}
    return {"hpbandster_ng": __version__, "Python": platform.python_version(), **packages}


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # copied to where it is, and not installed
        return "unknown"
