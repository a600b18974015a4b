"""The common part of all workloads: seeded inputs, sharing, opening, and the comparison with the clear.

Inputs are a function of their name and shape, the same at all parties, so that each can check the result by itself.
Fixed point has 16 fraction bits before and after a product. Left out: clocks and processes (`party`, `run`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.labels import Streams
from mpc.machine.opening import open_to
from mpc.machine.operation import Handle
from mpc.machine.runtime import Runtime
from mpc.values.secret import SecretArray, Type

Integers = NDArray[np.int64]

FRAC = 16


def seeded(name: str, shape: tuple[int, ...], bound: int) -> Integers:
    """Integers from -bound to bound that look uniform; the same for the same arguments."""
    words = np.empty(shape, np.uint64)
    Streams(b"comity bench in.").fill(words.reshape(-1), name.encode(), b"clear")
    words %= np.uint64(2 * bound + 1)
    return words.view(np.int64) - bound


class Workload(ABC):
    """One workload of one size at one party: `prepare` once, then `timed` and `error` for each repetition."""

    #: What `size` counts, for people.
    unit: ClassVar[str] = "elements"
    default: ClassVar[int] = 1_000_000
    #: Largest size: the values in flight at once fit the memory budget of a measurement.
    largest: ClassVar[int] = 10_000_000
    #: The largest error of a right result if truncations are within one of the exact quotient; it is multiplied by the
    #: engine's `rounding`. A larger error fails the measurement.
    tolerance: ClassVar[float] = 0.0

    def __init__(self, run: Runtime, size: int) -> None:
        self.run = run
        self.size = size
        self.before = 0

    @property
    def elements(self) -> int:
        """The count of input and output numbers: memory is a multiple of it. 0 where memory does not follow from it."""
        return 0

    @abstractmethod
    async def prepare(self) -> None:
        """Share the inputs."""

    @abstractmethod
    async def timed(self) -> Handle:
        """The part that is measured."""

    @abstractmethod
    async def error(self, result: Handle) -> float:
        """Largest difference from the result in the clear (relative where the workload says so)."""

    def rounds(self, result: Handle) -> int:
        """Longest chain of dependent messages of the timed part."""
        return result.depth - self.before

    async def share(
        self, owner: int, clear: Integers, bound: int, type: Type = "fixed", frac: int = FRAC
    ) -> SecretArray:
        handle = self.input(owner, clear)
        await self.run.settle(handle)
        self.before = max(self.before, handle.depth)
        return SecretArray(self.run, handle, type=type, frac=0 if type == "int" else frac, bound=bound)

    def input(self, owner: int, clear: Integers) -> Handle:
        values = clear if self.run.index == owner else None
        return self.run.schedule("input", owner=owner, values=values, shape=clear.shape)

    async def opened(self, handle: Handle) -> Integers:
        opened = open_to(self.run, handle, range(self.run.parties))
        await self.run.settle(opened)
        raw: Any = opened.share
        return np.asarray(raw, np.int64)


def largest_of(difference: NDArray[Any]) -> float:
    """The largest magnitude; 0 for an empty array."""
    return float(np.abs(difference).max(initial=0))
