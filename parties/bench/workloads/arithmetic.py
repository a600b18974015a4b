"""Products: element by element, of matrices, and one after the other."""

from __future__ import annotations

import numpy as np

from mpc.machine.operation import Handle
from mpc.values.fixed import WIDTH
from parties.bench.workloads.base import FRAC, Integers, Workload, largest_of, seeded

#: The bits of a product's bound, so that a product of two values with FRAC fraction bits is cut to FRAC again.
_PRODUCT = WIDTH + FRAC
_LEFT = 1 << 22
#: Operations between two awaits of `chain`.
_SETTLE = 10_000


class MultiplyInt(Workload):
    """Products of integers below 2^31, element by element."""

    @property
    def elements(self) -> int:
        return 3 * self.size

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
        return largest_of(await self.opened(result) - self.x_clear * self.y_clear)


class Multiply(Workload):
    """Products in fixed point, element by element."""

    tolerance = 2.0**-FRAC

    @property
    def elements(self) -> int:
        return 3 * self.size

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


class Dot(Workload):
    """One dot product of two vectors of numbers from -1 to 1 in fixed point. The error is relative to the largest
    result there could be, the number of terms."""

    unit = "terms"
    tolerance = 2.0**-28

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        bound = 1 << FRAC
        self.x_clear, self.y_clear = seeded("x", (self.size,), bound), seeded("y", (self.size,), bound)
        self.x, self.y = await self.share(0, self.x_clear, bound), await self.share(1, self.y_clear, bound)

    async def timed(self) -> Handle:
        z = self.x @ self.y
        self.frac = z.frac
        await self.run.settle(z.handle)
        return z.handle

    async def error(self, result: Handle) -> float:
        exact = np.asarray(self.x_clear @ self.y_clear)
        return cut_error(await self.opened(result), exact, self.frac) / self.size


class Matmul(Workload):
    """The product of two square matrices in fixed point; the size is their side."""

    unit = "rows and columns"
    default = 1_000
    largest = 1 << 11
    tolerance = 2.0**-FRAC

    @property
    def elements(self) -> int:
        return 3 * self.size**2

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
    """Products of scalars, each of which needs the product before it."""

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
        return largest_of(await self.opened(result) - self.x_clear * self.y_clear ** (self.size % 2))


def factor_bounds(terms: int) -> tuple[int, int]:
    """Bounds of two factors, such that a sum of `terms` products has just _PRODUCT bits."""
    return _LEFT, ((1 << _PRODUCT) - 1) // (_LEFT * terms)


def cut_error(raw: Integers, exact: Integers, frac: int) -> float:
    """Largest |raw / 2^frac - exact / 2^(2 FRAC)|, computed in integers."""
    return float(np.ldexp(largest_of((raw << (2 * FRAC - frac)) - exact), -2 * FRAC))
