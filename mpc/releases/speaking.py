"""The lines that a script prints: a run executes the script several times, and shows its lines once.

Code that executes the script again holds its lines back with `held`; code that shows lines asks `holding` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Most lines that are kept; later lines are dropped.
_MOST = 1000
_holding: ContextVar[list[str] | None] = ContextVar("comity_speaking", default=None)


@contextmanager
def held() -> Iterator[list[str]]:
    """Inside, the lines that scripts print go into the list that this gives, and are not shown."""
    lines: list[str] = []
    token = _holding.set(lines)
    try:
        yield lines
    finally:
        _holding.reset(token)


def holding(lines: list[str]) -> bool:
    """Keep these lines if lines are held back, and tell whether they are."""
    kept = _holding.get()
    if kept is None:
        return False
    kept += lines[: _MOST - len(kept)]
    return True
