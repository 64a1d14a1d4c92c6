"""What the documentation shows as code: the blocks between fences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages"]

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(
    r"^ *(?P<fence>`{3,}|:{3,})(?P<language>[^`\n]*)\n(?P<text>.*?)^ *(?P=fence)$", flags=re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        page: the name of its file, below the folder of the project.
        line: the one of its fence, from 1 on.
        language: what stands behind the fence.
    """

    page: str
    line: int
    language: str
    text: str


def pages() -> list[Path]:
    """Every page that people read: the documentation, and what stands beside it in the repository."""
    built = ROOT / "docs" / "_build"
    docs = [path for path in (ROOT / "docs").rglob("*.md") if built not in path.parents]
    others = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")]
    return sorted([*docs, *others])


def blocks(page: str | Path, language: str | None = None) -> list[Block]:
    """The blocks of a page, in their order.

    Args:
        page: such as ``"docs/dask.md"``.
        language: of those that are wanted; all by default.
    """
    path = ROOT / page
    found = _blocks(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    return [block for block in found if language in (None, block.language)]


def _blocks(page: str, text: str) -> Iterator[Block]:
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match["language"].strip(), match["text"])
