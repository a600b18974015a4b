"""What is measured: each workload shares seeded inputs, runs the timed part, and compares with the clear.

The timed part is written as the author of a scenario would write it, with operators on secret arrays. Inputs are a
function of the workload's name and size, the same at every party, so that each can check the result by itself.
Fixed point has 16 fraction bits before and after a product. Left out: clocks and processes (`party`, `run`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mpc.fixed import WIDTH
from mpc.labels import Streams
from mpc.runtime import Handle, Runtime
from mpc.secret import SecretArray, Type
from protocols.order import random_order

Integers = NDArray[np.int64]

FRAC = 16
#: A product's bound has so many bits, so that a product of two values with FRAC fraction bits is cut to FRAC again.
_PRODUCT = WIDTH + FRAC
_LEFT = 1 << 22
#: Operations between two awaits of `chain`.
_SETTLE = 10_000


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
    #: Largest size: what is held at once stays within the memory budget of a study.
    largest: ClassVar[int] = 1 << 22

    def __init__(self, run: Runtime, size: int) -> None:
        self.run = run
        self.size = size
        self.before = 0

    @abstractmethod
    async def prepare(self) -> None:
        """Share the inputs."""

    @abstractmethod
    async def timed(self) -> Handle:
        """What is measured."""

    @abstractmethod
    async def error(self, result: Handle) -> float:
        """Largest difference from the same in the clear."""

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
        found = self.run.schedule("open", handle, to=tuple(range(self.run.parties)))
        await self.run.settle(found)
        raw: Any = found.share
        return np.asarray(raw, np.int64)


class MultiplyInt(Workload):
    """Products of integers below 2^31, element by element."""

    async def prepare(self) -> None:
        bound = (1 << 31) - 1
        self.x_clear = seeded("x", (self.size,), bound)
        self.y_clear = seeded("y", (self.size,), bound)
        self.x = await self.share(0, self.x_clear, bound, "int")
        self.y = await self.share(1, self.y_clear, bound, "int")

    async def timed(self) -> Handle:
        z = self.x * self.y
        await self.run.settle(z.handle)
        return z.handle

    async def error(self, result: Handle) -> float:
        return _largest(await self.opened(result) - self.x_clear * self.y_clear)


class Multiply(Workload):
    """Products in fixed point, element by element."""

    async def prepare(self) -> None:
        left, right = factor_bounds(1)
        self.x_clear, self.y_clear = seeded("x", (self.size,), left), seeded("y", (self.size,), right)
        self.x, self.y = await self.share(0, self.x_clear, left), await self.share(1, self.y_clear, right)

    async def timed(self) -> Handle:
        z = self.x * self.y
        self.frac = z.frac
        await self.run.settle(z.handle)
        return z.handle

    async def error(self, result: Handle) -> float:
        return cut_error(await self.opened(result), self.x_clear * self.y_clear, self.frac)


class Matmul(Workload):
    """The product of two square matrices in fixed point; the size is their side."""

    unit = "rows and columns"
    default = 1_000
    largest = 1 << 11

    async def prepare(self) -> None:
        shape = (self.size, self.size)
        left, right = factor_bounds(self.size)
        self.x_clear, self.y_clear = seeded("x", shape, left), seeded("y", shape, right)
        # Exact: no partial sum has more than 45 bits.
        self.clear = (self.x_clear.astype(np.float64) @ self.y_clear.astype(np.float64)).astype(np.int64)
        self.x, self.y = await self.share(0, self.x_clear, left), await self.share(1, self.y_clear, right)

    async def timed(self) -> Handle:
        z = self.x @ self.y
        self.frac = z.frac
        await self.run.settle(z.handle)
        return z.handle

    async def error(self, result: Handle) -> float:
        return cut_error(await self.opened(result), self.clear, self.frac)


class Chain(Workload):
    """Products of scalars, each of which needs the one before it."""

    unit = "products"
    default = 1_000
    largest = 1_000_000

    async def prepare(self) -> None:
        # The bound of a product of any length is 1.
        self.x_clear, self.y_clear = np.asarray(1, np.int64), np.asarray(-1, np.int64)
        self.x, self.y = await self.share(0, self.x_clear, 1, "int"), await self.share(1, self.y_clear, 1, "int")

    async def timed(self) -> Handle:
        x, y = self.x, self.y
        for done in range(1, self.size + 1):
            x = x * y
            if done % _SETTLE == 0:
                await self.run.settle(x.handle)
        await self.run.settle(x.handle)
        return x.handle

    async def error(self, result: Handle) -> float:
        return _largest(await self.opened(result) - self.x_clear * self.y_clear ** (self.size % 2))


class Input(Workload):
    """Numbers that one party holds, from the clear to shared."""

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _LEFT)

    async def timed(self) -> Handle:
        x = self.input(0, self.clear)
        await self.run.settle(x)
        return x

    async def error(self, result: Handle) -> float:
        return _largest(await self.opened(result) - self.clear)


class Open(Workload):
    """Shared numbers, from shared to known to all three parties."""

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _LEFT)
        self.x = await self.share(0, self.clear, _LEFT)

    async def timed(self) -> Handle:
        opened = self.run.schedule("open", self.x.handle, to=tuple(range(self.run.parties)))
        await self.run.settle(opened)
        return opened

    async def error(self, result: Handle) -> float:
        opened: Any = result.share
        return _largest(opened - self.clear)


class Equal(Workload):
    """Whether two integers of 62 bits are equal, for half of them."""

    async def prepare(self) -> None:
        bound = (1 << 62) - 1
        self.x_clear = seeded("x", (self.size,), bound) | 1
        self.x_clear[::2] = 0
        self.x = await self.share(0, self.x_clear, bound, "int")

    async def timed(self) -> Handle:
        same = self.x == 0
        await self.run.settle(same.handle)
        return same.handle

    async def error(self, result: Handle) -> float:
        return _largest(await self.opened(result) - (self.x_clear == 0))


class Shuffle(Workload):
    """Rows of one number in a random order nobody knows."""

    unit = "rows"

    async def prepare(self) -> None:
        self.run.engine.prepare({"permutation"})
        self.clear = seeded("x", (self.size,), _LEFT)
        self.x = await self.share(0, self.clear, _LEFT)

    async def timed(self) -> Handle:
        mixed = random_order(self.run, self.size).apply(self.x)
        await self.run.settle(mixed.handle)
        return mixed.handle

    async def error(self, result: Handle) -> float:
        return _largest(np.sort(await self.opened(result)) - np.sort(self.clear))


class Sort(Workload):
    """A vector of integers sorted, the smallest first."""

    unit = "rows"
    default = 100_000
    bits: ClassVar[int] = 32

    async def prepare(self) -> None:
        self.run.engine.prepare({"sort_order"})
        bound = (1 << (self.bits - 1)) - 1
        self.clear = seeded("x", (self.size,), bound)
        self.x = await self.share(0, self.clear, bound, "int")

    async def timed(self) -> Handle:
        x = self.x.sort()
        await self.run.settle(x.handle)
        return x.handle

    async def error(self, result: Handle) -> float:
        return _largest(await self.opened(result) - np.sort(self.clear))


class Sort64(Sort):
    """As `sort_32`, with integers of 62 bits, the widest there are, and their sign."""

    bits = 63


class Quantile(Sort):
    """The exact median of integers of 32 bits."""

    async def timed(self) -> Handle:
        middle = self.x.median()
        self.frac = middle.frac
        await self.run.settle(middle.handle)
        return middle.handle

    async def error(self, result: Handle) -> float:
        middle = np.ldexp((await self.opened(result)).astype(np.float64), -self.frac)
        return float(np.abs(middle - np.median(self.clear)))


WORKLOADS: dict[str, type[Workload]] = {
    "multiply_int": MultiplyInt,
    "multiply": Multiply,
    "matmul": Matmul,
    "chain": Chain,
    "input": Input,
    "open": Open,
    "equal": Equal,
    "shuffle": Shuffle,
    "sort_32": Sort,
    "sort_64": Sort64,
    "quantile": Quantile,
}


def factor_bounds(terms: int) -> tuple[int, int]:
    """Bounds of two factors, such that a sum of `terms` products has just _PRODUCT bits."""
    return _LEFT, ((1 << _PRODUCT) - 1) // (_LEFT * terms)


def cut_error(raw: Integers, exact: Integers, frac: int) -> float:
    """Largest |raw / 2^frac - exact / 2^(2 FRAC)|, computed in integers."""
    return float(np.ldexp(_largest((raw << (2 * FRAC - frac)) - exact), -2 * FRAC))


def _largest(difference: Integers) -> float:
    return float(np.abs(difference).max(initial=0))
