"""The scenario with a protocol of its own that docs/writing-a-protocol.md shows."""

from __future__ import annotations

import re
from pathlib import Path

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "writing-a-protocol.md"


def squares_source() -> str:
    found = re.search(r"^```python\n# squares\.py\n(.*?)^```$", _DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    return found[1]


def write_squares(folder: Path) -> Path:
    path = folder / "squares.py"
    path.write_text(squares_source(), encoding="utf-8")
    return path
