"""Refused connections: counted by address and reason, and shown at most once a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

#: So many pairs of address and reason are counted one by one; further ones are counted together.
_MOST_PAIRS = 1000
_SHOW_S = 1.0


class Strangers:
    """Refused connections of one session."""

    def __init__(self, status: Callable[[str], None]) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._status = status
        self._unshown: Counter[tuple[str, str]] = Counter()
        self._shown = float("-inf")

    def refused(self, address: str, reason: str) -> None:
        """Count a refused connection."""
        pair = (address, reason)
        if pair not in self.counts and len(self.counts) >= _MOST_PAIRS:
            pair = ("other addresses", "various reasons")
        self.counts[pair] += 1
        self._unshown[pair] += 1

    def show(self, now: float, *, last: bool = False) -> None:
        """Write a status line for each new refusal, if the last lines were written long enough ago."""
        if not self._unshown or (now - self._shown < _SHOW_S and not last):
            return
        self._shown = now
        for address, reason in list(self._unshown)[:5]:
            total = self.counts[address, reason]
            plural = "s" if total > 1 else ""
            self._status(f"refused {total} connection{plural} from {address}: {reason}")
        self._unshown.clear()
