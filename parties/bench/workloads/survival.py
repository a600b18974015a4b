"""Survival of patients with hidden times: Kaplan-Meier curves of two groups, and the log-rank test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.survival import kaplan_meier, logrank

_DAYS, _POINTS = 3650, 20


class KaplanMeier(Workload):
    """Curves of two groups at 20 points, and the log-rank test, of times in days: from shared rows to the numbers that
    a study would open. The error is that of survival and of expected events, relative to 1 and to all events."""

    unit = "patients"
    default = 10_000
    largest = 1 << 20
    tolerance = 1e-6

    @property
    def elements(self) -> int:
        return (_POINTS + 8) * self.size

    async def prepare(self) -> None:
        half = _DAYS // 2
        self.time = seeded("time", (self.size,), half) + half
        self.event = (seeded("event", (self.size,), 4) > -2).astype(np.int64)
        self.group = (seeded("group", (self.size,), 1) > 0).astype(np.int64)
        self.columns = [
            await self.share(owner, clear, bound, "int")
            for owner, (clear, bound) in enumerate([(self.time, 2 * half), (self.event, 1), (self.group, 1)])
        ]

    async def timed(self) -> Handle:
        time, event, group = self.columns
        curves = kaplan_meier(time, event, by=group, grid=self._grid).parts
        test = logrank(time, event, group).parts
        self.expected = test["expected"]
        self.logarithms = curves["survival"]
        results: list[SecretArray] = [*curves.values(), *test.values()]
        await self.run.settle(*[part.handle for part in results])
        return max((part.handle for part in results), key=lambda handle: handle.depth)

    @property
    def _grid(self) -> list[int]:
        return [_DAYS * (k + 1) // _POINTS for k in range(_POINTS)]

    async def error(self, result: Handle) -> float:
        opened = np.ldexp((await self.opened(self.logarithms.handle)).astype(np.float64), -self.logarithms.frac)
        expected = np.ldexp((await self.opened(self.expected.handle)).astype(np.float64), -self.expected.frac)
        curves = [self._curve(self.group == side) for side in (0, 1)]
        apart = largest_of((expected - self._expected()) / max(int(self.event.sum()), 1))
        return max(largest_of(np.exp(opened) - np.stack(curves)), apart)

    def _curve(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        time, event = self.time[chosen], self.event[chosen]
        times, place = np.unique(time, return_inverse=True)
        dead = np.bincount(place, event, len(times))
        at_risk = len(time) - np.searchsorted(np.sort(time), times)
        survival = np.concatenate([[1.0], np.cumprod(1 - dead / at_risk)])
        return np.asarray(survival[np.searchsorted(times, self._grid, side="right")], np.float64)

    def _expected(self) -> float:
        times, place = np.unique(self.time, return_inverse=True)
        dead = np.bincount(place, self.event, len(times))
        at_risk = self.size - np.searchsorted(np.sort(self.time), times)
        none = np.sort(self.time[self.group == 0])
        return float((dead * (len(none) - np.searchsorted(none, times)) / at_risk).sum())
