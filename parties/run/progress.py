"""The progress that heartbeats report: that a party reads on, never how many rows it has read.

The rate at which an owner finishes batches of rows would disclose how many rows it has. So heartbeats report the public
count of finished operations, and only *that* reading goes on: the count grows by 1 with each heartbeat while rows are
read, until no batch has come for a lull. The lull is longer than the gaps between earlier batches, so slow batches do
not show one by one. Peers still see how long the reading takes, but the time of the owner's next message shows that
anyway. If reading stands still, heartbeats report no progress, and peers give up after `--stall`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from mpc.machine.party import Busy

#: Reading goes on while the last batch is younger than this, or than twice the longest gap so far.
LULL_S = 10.0


class Told:
    """The progress of one party. Called once for each heartbeat.

    public   finished operations and kernels: the same at all parties
    """

    def __init__(self, public: Callable[[], int], busy: Busy, clock: Callable[[], float] = monotonic) -> None:
        self._public = public
        self._busy = busy
        self._clock = clock
        self._beats = 0
        self._seen = 0
        self._last: float | None = None
        self._lull = LULL_S

    def __call__(self) -> int:
        if self._busy.reading:
            self._beats += self._goes_on(self._clock(), self._busy.read)
        else:
            self._last = None
        return self._public() + self._beats

    def _goes_on(self, now: float, read: int) -> bool:
        if self._last is None:
            self._last = now
        elif read != self._seen:
            self._lull = max(self._lull, 2 * (now - self._last))
            self._last = now
        self._seen = read
        return now - self._last < self._lull
