"""Connections that were refused: counted by address and reason, shown at most once a second, never in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

#: Different (address, reason) pairs that are told apart; more are counted together.
_PLACES = 1000
_SHOW_S = 1.0


class Strangers:
    """Refused connections of one session."""

    def __init__(self, status: Callable[[str], None]) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._status = status
        self._unshown: Counter[tuple[str, str]] = Counter()
        self._shown = float("-inf")

    def refused(self, address: str, reason: str) -> None:
        """Count one."""
        place = (address, reason)
        if place not in self.counts and len(self.counts) >= _PLACES:
            place = ("other addresses", "various reasons")
        self.counts[place] += 1
        self._unshown[place] += 1

    def show(self, now: float, *, last: bool = False) -> None:
        """Give the status line of what is new, if it is time."""
        if not self._unshown or (now - self._shown < _SHOW_S and not last):
            return
        self._shown = now
        for address, reason in list(self._unshown)[:5]:
            total = self.counts[address, reason]
            plural = "s" if total > 1 else ""
            self._status(f"refused {total} connection{plural} from {address}: {reason}")
        self._unshown.clear()
