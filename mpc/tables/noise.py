"""Random numbers beside private rows: an owner draws one for each row, and nobody else can know it.

They are needed where values are imputed. A row has the same number in every reading: it follows from a key that the
owner draws for the run, the name of the noise, and the place of the row in the source. A source that gives its rows in
another order the next time gives them each other's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.machine.digest import digest
from mpc.machine.labels import Streams
from mpc.tables.expressions import Expression
from mpc.tables.rows import Floats
from mpc.untyped import Opaque

#: In a batch: draws the noise of its rows, by name.
DRAW = "\0noise"
#: No normal number is farther from 0: 2^-54 is the least uniform one, and sqrt(2 * 54 * log 2) < 8.66.
FARTHEST = 8.66
#: Rows whose numbers are drawn together.
_CHUNK = 1 << 14


class Noise(Expression):
    """A standard normal number for each row; with `uniform`, one between 0 and 1."""

    def __init__(self, name: str, *, uniform: bool = False) -> None:
        super().__init__(
            type="real",
            low=0.0 if uniform else -FARTHEST,
            high=1.0 if uniform else FARTHEST,
            column=f"{'uniform' if uniform else 'normal'} noise {name}",
            text="noise",
        )

    def columns(self) -> frozenset[str]:
        """None: no source has it."""
        return frozenset()

    def evaluate(self, batch: Mapping[str, Opaque], memo: dict[int, Opaque]) -> Opaque:
        if id(self) not in memo:
            memo[id(self)] = batch[DRAW](self.column)
        return memo[id(self)]


def noisy(a: Expression) -> bool:
    """Whether an expression is made from noise."""
    return isinstance(a, Noise) or any(noisy(argument) for argument in a.arguments)


def without_noise(a: Expression) -> Expression:
    """The expression with a column's own values alone, where noise fills it."""
    if not noisy(a):
        return a
    if a.operation == "fill" and noisy(a.arguments[1]):
        return without_noise(a.arguments[0])
    return Expression(
        type=a.type,
        low=a.low,
        high=a.high,
        levels=a.levels,
        column=a.column,
        function=a.function,
        arguments=tuple(map(without_noise, a.arguments)),
        text=a.text,
        clip=a.clip,
        symbol=a.symbol,
        edges=a.edges,
        operation=a.operation,
    )


class Noises:
    """The noise of one owner's rows of one table.

    key  of 16 bytes, which only the owner has
    """

    def __init__(self, key: bytes) -> None:
        self._streams = Streams(key)

    def draw(self, name: str, start: int, rows: int) -> Floats:
        """The numbers of rows from place `start` on."""
        first, last = start // _CHUNK, (start + max(rows, 1) - 1) // _CHUNK
        words = np.concatenate([self._words(name, chunk) for chunk in range(first, last + 1)])
        words = words[start - first * _CHUNK :][:rows]
        uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        if name.startswith("uniform"):
            return uniform[:, 0]
        return np.asarray(np.sqrt(-2 * np.log(uniform[:, 0])) * np.cos(2 * np.pi * uniform[:, 1]), np.float64)

    def _words(self, name: str, chunk: int) -> Any:
        words = np.empty((_CHUNK, 2), np.uint64)
        self._streams.fill(words, digest(name), b"rows", chunk)
        return words
