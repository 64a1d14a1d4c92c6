"""Workers in the processes of a Dask cluster; the extra ``dask``."""

from __future__ import annotations

from hpbandster_ng.errors import MissingExtraError

try:
    import distributed  # noqa: F401
except ImportError as error:
    raise MissingExtraError("DaskBackend", "distributed", "dask") from error

from hpbandster_ng.backends.dask.backend import DaskBackend

__all__ = ["DaskBackend"]
