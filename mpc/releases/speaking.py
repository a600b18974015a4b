"""What a script prints: it is executed several times for one run, and is heard once.

Whoever executes it once more keeps its text back with `held`; whoever shows its text asks `holding` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Lines that are kept; more are dropped.
_MOST = 1000
_holding: ContextVar[list[str] | None] = ContextVar("comity_speaking", default=None)


@contextmanager
def held() -> Iterator[list[str]]:
    """Inside, what scripts print is kept in the list that this gives, and not shown."""
    lines: list[str] = []
    token = _holding.set(lines)
    try:
        yield lines
    finally:
        _holding.reset(token)


def holding(lines: list[str]) -> bool:
    """Whether these lines are kept back, as they are then."""
    kept = _holding.get()
    if kept is None:
        return False
    kept += lines[: _MOST - len(kept)]
    return True
