"""``import hpbandster`` resolved to this package, for code that cannot be edited.

::

    import hpbandster_ng.compat
    hpbandster_ng.compat.install()

    from hpbandster.optimizers import BOHB      # is hpbandster_ng.optimizers.BOHB
    result = pickle.load(file)                  # of a Result that the predecessor pickled
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

from hpbandster_ng.errors import HpbandsterError

__all__ = ["install"]

_THEIRS = "hpbandster"
_OURS = "hpbandster_ng"


def install() -> None:
    """From now on, in this process, every import of ``hpbandster`` and below gives our module of the same path.

    The modules are the same objects under both names. A predecessor that is installed, but not imported yet, is
    hidden. Calling it again changes nothing.

    Raises:
        HpbandsterError: the predecessor itself has been imported already.

    Example:
        >>> install()
        >>> import hpbandster.core.result
        >>> hpbandster.core.result.Result.__module__
        'hpbandster_ng.core.result'
    """
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    if _THEIRS in sys.modules:
        where = getattr(sys.modules[_THEIRS], "__file__", None)
        raise HpbandsterError(
            f"hpbandster itself has been imported already, from {where}; "
            "call hpbandster_ng.compat.install() before the first import of hpbandster"
        )
    sys.meta_path.insert(0, _AliasFinder())


class _AliasFinder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, dot, rest = fullname.partition(".")
        if package != _THEIRS or importlib.util.find_spec(_OURS + dot + rest) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _AliasLoader(_OURS + dot + rest))


class _AliasLoader(importlib.abc.Loader):
    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, _spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Put our module in the place of the empty one; the import system hands out what stands there."""
        sys.modules[module.__name__] = importlib.import_module(self.name)
