"""Releases as a document, and how terminal and report show it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from parties.report import page as report


def document(releases: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    organizations = {"county": {"roles": ["recipient"]}}
    cost = {"rounds": 0, "bytes_sent": 0, "seconds": 0.0}
    content = {"scenario": "survival", "study": "", "organizations": organizations, "cost": cost}
    return {**content, "releases": releases, "kinds": kinds}


def shown(content: dict[str, Any], *, unicode: bool = True) -> tuple[str, str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8" if unicode else "ascii", errors="replace")
    console = Console(width=100, file=out)
    report.show(content, console)
    out.flush()
    out.seek(0)
    return out.read(), report.html(content)
