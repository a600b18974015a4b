"""Functions of fixed-point numbers with 16 fraction bits, over ranges that scenarios have.

A vector is computed in blocks, one after the other: a function's memory while it runs is many times its argument.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray, concatenate
from parties.bench.workloads.base import FRAC, Integers, Workload, largest_of, seeded
from protocols.numeric import sigmoid, softmax

Reals = NDArray[np.float64]

_ONE = 1 << FRAC


def between(name: str, shape: tuple[int, ...], low: float, high: float) -> Integers:
    """Raw numbers with FRAC fraction bits from `low` to `high`; the first two are these limits."""
    least, most = int(np.ceil(low * _ONE)), int(np.floor(high * _ONE))
    half = (most - least + 1) // 2
    raw = np.clip(seeded(name, shape, half) + half + least, least, most)
    raw.reshape(-1)[:2] = [least, most][: raw.size]
    return raw


class Elementwise(Workload):
    """One function of one vector, element by element."""

    default = 100_000
    #: Elements of a block.
    block: ClassVar[int] = 1 << 17
    #: Least and largest argument.
    low: ClassVar[float]
    high: ClassVar[float]

    @property
    def elements(self) -> int:
        return 2 * self.size

    @property
    def arguments(self) -> tuple[SecretArray, ...]:
        return (self.x,)

    @abstractmethod
    def function(self, *arguments: SecretArray) -> SecretArray:
        """The measured function of one block."""

    @abstractmethod
    def difference(self, found: Reals) -> Reals:
        """Errors of all elements."""

    async def prepare(self) -> None:
        self.x_clear = between("x", self.shape, self.low, self.high)
        bound = int(max(abs(self.low), abs(self.high)) * _ONE)
        self.x = await self.share(0, self.x_clear, bound)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)

    async def timed(self) -> Handle:
        self.deepest, parts = 0, []
        for start in range(0, self.size, self.block):
            part = self.function(*[x[start : start + self.block] for x in self.arguments])
            handles = [part.handle] + ([] if part.valid is None else [part.valid.handle])
            await self.run.settle(*handles)
            self.deepest += max(handle.depth for handle in handles) - self.before
            parts.append(part)
        self.result = parts[0] if len(parts) == 1 else concatenate(parts)
        await self.run.settle(self.result.handle)
        return self.result.handle

    def rounds(self, result: Handle) -> int:
        return self.deepest

    async def error(self, result: Handle) -> float:
        values = np.ldexp((await self.opened(result)).astype(np.float64), -self.result.frac)
        if self.result.valid is not None and not np.all(await self.opened(self.result.valid.handle)):
            return np.inf
        return largest_of(self.difference(values))


class Divide(Elementwise):
    """Quotients of numbers from -1,000 to 1,000 and divisors from 1/100 to 1,000. The error is relative to the largest
    quotient, 100,000."""

    low, high = -1000.0, 1000.0
    tolerance = 2.0**-14

    @property
    def elements(self) -> int:
        return 3 * self.size

    @property
    def arguments(self) -> tuple[SecretArray, ...]:
        return self.x, self.y

    async def prepare(self) -> None:
        await super().prepare()
        self.y_clear = between("y", self.shape, 0.01, 1000.0)
        self.y = await self.share(1, self.y_clear, 1000 * _ONE)

    def function(self, *arguments: SecretArray) -> SecretArray:
        x, y = arguments
        return x / y

    def difference(self, found: Reals) -> Reals:
        return np.asarray((found - self.x_clear / self.y_clear) / 1e5)


class _Function(Elementwise):
    """A function with its counterpart in the clear."""

    @abstractmethod
    def clear(self, x: Reals) -> Reals:
        """The same function in the clear."""

    def difference(self, found: Reals) -> Reals:
        exact = self.clear(np.ldexp(self.x_clear.astype(np.float64), -FRAC))
        return self.scaled(found - exact, exact)

    def scaled(self, difference: Reals, exact: Reals) -> Reals:
        return difference


class Sqrt(_Function):
    """Square roots of numbers from 0.01 to 1,000."""

    low, high = 0.01, 1000.0
    tolerance = 2.0**-FRAC

    def clear(self, x: Reals) -> Reals:
        return np.sqrt(x)

    def function(self, *arguments: SecretArray) -> SecretArray:
        return arguments[0].sqrt()


class Log(_Function):
    """Natural logarithms of numbers from 0.01 to 1,000."""

    low, high = 0.01, 1000.0
    tolerance = 2.0**-FRAC

    def clear(self, x: Reals) -> Reals:
        return np.log(x)

    def function(self, *arguments: SecretArray) -> SecretArray:
        return arguments[0].log()


class Exp(_Function):
    """Exponentials of numbers from -12 to 5. The error is absolute for numbers up to 0, and relative above."""

    low, high = -12.0, 5.0
    tolerance = 2.0**-13

    def clear(self, x: Reals) -> Reals:
        return np.exp(x)

    def function(self, *arguments: SecretArray) -> SecretArray:
        return arguments[0].exp()

    def scaled(self, difference: Reals, exact: Reals) -> Reals:
        return difference / np.maximum(exact, 1.0)


class Sigmoid(_Function):
    """Sigmoids of numbers from -8 to 8."""

    low, high = -8.0, 8.0
    tolerance = 3e-4

    def clear(self, x: Reals) -> Reals:
        return 1 / (1 + np.exp(-x))

    def function(self, *arguments: SecretArray) -> SecretArray:
        return sigmoid(arguments[0])


class Softmax(_Function):
    """Softmax of rows of ten numbers from -8 to 8."""

    unit = "rows of 10"
    default = 10_000
    largest = 1_000_000
    block = 1 << 14
    low, high = -8.0, 8.0
    tolerance = 2.0**-FRAC

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, 10)

    @property
    def elements(self) -> int:
        return 20 * self.size

    def function(self, *arguments: SecretArray) -> SecretArray:
        return softmax(arguments[0])

    def clear(self, x: Reals) -> Reals:
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
