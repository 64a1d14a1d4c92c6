"""Search spaces as text and back, in ConfigSpace's own format."""

from __future__ import annotations

import io
import json
from typing import Any

from hpbandster_ng.errors import LogError

__all__ = ["space_as_json", "space_from_json"]


def space_as_json(configspace: Any) -> str:
    """The search space as text.

    Example:
        >>> import ConfigSpace
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> space_from_json(space_as_json(space)) == space
        True
    """
    if hasattr(configspace, "to_json"):
        buffer = io.StringIO()
        configspace.to_json(buffer)
        return buffer.getvalue()
    from ConfigSpace.read_and_write import json as writer  # noqa: PLC0415 - only ConfigSpace 0.7 needs it, or has it

    return str(writer.write(configspace))


def space_from_json(text: str) -> Any:
    """The search space that :func:`space_as_json` wrote.

    Raises:
        LogError: it was written by another ConfigSpace, which this one cannot read.
    """
    import ConfigSpace  # noqa: PLC0415 - it is slow to load, and most logs are read without it

    try:
        if hasattr(ConfigSpace.ConfigurationSpace, "from_serialized_dict"):
            return ConfigSpace.ConfigurationSpace.from_serialized_dict(json.loads(text))
        from ConfigSpace.read_and_write import json as reader  # noqa: PLC0415 - as above

        return reader.read(text)
    except Exception as error:
        raise LogError(
            f"the search space cannot be read by ConfigSpace {ConfigSpace.__version__} ({type(error).__name__}: "
            f"{error}); use the version that wrote it, as its python_module_version says"
        ) from error
