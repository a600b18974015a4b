"""Docstrings in pages that are made from them: what is set out in columns stays so, as in docs/reference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from reference import prose


class Columns(griffe.Extension):
    """Puts the parts of docstrings that are set out in columns between fences."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Of every object that is read."""
        if obj.docstring is not None:
            obj.docstring.value = "\n\n".join(prose(obj.docstring.value))
