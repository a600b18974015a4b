"""How long each phase of a run takes."""

from __future__ import annotations

from time import perf_counter


class Laps:
    """Seconds by phase, from `started` (perf_counter()) on.

    The end of a lap names its phase and begins the next lap. A phase may have several laps.
    """

    def __init__(self, started: float | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._started = perf_counter() if started is None else started

    def end(self, phase: str) -> None:
        """End the lap: it belongs to this phase."""
        now = perf_counter()
        self.add(phase, now - self._started)
        self._started = now

    def add(self, phase: str, seconds: float) -> None:
        """Add to a phase seconds that were measured elsewhere."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
