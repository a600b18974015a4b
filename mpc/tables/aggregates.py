"""What an owner computes over its own rows before anything is shared: counts and sums.

An aggregate collects batch after batch, so that a file is read once for all aggregates that a script asks for. Moments
are in `mpc.tables.moments`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from mpc.machine.digest import digest
from mpc.tables.expressions import Expression, Floats
from mpc.tables.rows import Values, absent
from mpc.untyped import JsonObject

#: Evaluates an expression for the current batch.
Evaluate = Callable[[Expression], Any]


class Aggregate(ABC):
    """One result over all rows of one owner."""

    #: Row condition: only rows where it is 1 take part (None: all).
    where: Expression | None = None
    #: Whether it may be asked of keys and texts: it shares no number of them, or numbers to be used in secret only.
    of_keys = False

    @abstractmethod
    def expressions(self) -> Sequence[Expression]:
        """What it evaluates, besides `where`."""

    @abstractmethod
    def settings(self) -> tuple[object, ...]:
        """The public numbers it works with, besides `expressions` and `where`."""

    @property
    def digest(self) -> bytes:
        """What is asked of every owner; the same at all parties that run the same script."""
        return digest((type(self).__name__, self.where, tuple(self.expressions()), self.settings()))

    @abstractmethod
    def update(self, evaluate: Evaluate, rows: int) -> None:
        """Take one batch of `rows` rows in."""

    @abstractmethod
    def collected(self) -> JsonObject:
        """What the batches gave, by name; a database may give the same in their place."""

    def finished(self, collected: JsonObject) -> JsonObject:
        """What an owner shares of what was collected, by whichever way."""
        return collected

    @final
    def result(self) -> JsonObject:
        """Named partial results of this owner: float64 arrays, or int64 ones of whole numbers."""
        return self.finished(self.collected())

    @property
    def work(self) -> float:
        """Seconds that its owner computes besides reading its rows, if these are as many as the script has room for; on
        an ordinary core. 0: too little to count."""
        return 0.0

    def _selected(self, evaluate: Evaluate, rows: int) -> NDArray[np.bool_]:
        if self.where is None:
            return np.ones(rows, np.bool_)
        return np.broadcast_to(evaluate(self.where) == 1.0, (rows,))


class Count(Aggregate):
    """Rows that fulfil the condition, and how many of them miss each expression. count: (), missing: (k,)"""

    of_keys = True

    def __init__(self, columns: Sequence[Expression] = (), where: Expression | None = None) -> None:
        self.where = where
        self.columns = columns
        self._count = 0.0
        self._missing = np.zeros(len(columns))

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        selected = self._selected(evaluate, rows)
        self._count += float(np.count_nonzero(selected))
        for k, column in enumerate(self.columns):
            self._missing[k] += np.count_nonzero(selected & absent(evaluate(column)))

    def collected(self) -> dict[str, Floats]:
        return {"count": np.asarray(self._count), "missing": self._missing}


class Crosstab(Aggregate):
    """Counts of rows by the levels of one or more categories; rows missing any of them are left out."""

    def __init__(self, categories: Sequence[Expression], sizes: Sequence[int], where: Expression | None = None) -> None:
        self.where = where
        self.categories = categories
        self.sizes = tuple(sizes)
        self._counts = np.zeros(int(np.prod(self.sizes)), np.int64)

    def expressions(self) -> Sequence[Expression]:
        return self.categories

    def settings(self) -> tuple[object, ...]:
        return self.sizes

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)
        cell = np.zeros(rows)
        for category, size in zip(self.categories, self.sizes, strict=True):
            cell = cell * size + np.broadcast_to(evaluate(category), (rows,))
        keep = keep & ~np.isnan(cell)
        self._counts += np.bincount(cell[keep].astype(np.int64), minlength=self._counts.size)

    def collected(self) -> dict[str, Floats]:
        return {"counts": self._counts.reshape(self.sizes).astype(np.float64)}


class Patterns(Aggregate):
    """Counts of rows by pattern: by the conditions, of several, that they fulfil.

    patterns: (k, conditions); a row with a missing value that shows none of them is left out. counts: (k,)
    """

    def __init__(
        self, flags: Sequence[Expression], patterns: NDArray[np.bool_], where: Expression | None = None
    ) -> None:
        self.where = where
        self.flags = flags
        self.patterns = patterns
        self._counts = np.zeros(len(patterns), np.int64)

    def expressions(self) -> Sequence[Expression]:
        return self.flags

    def settings(self) -> tuple[object, ...]:
        return (self.patterns,)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        shown = np.stack([np.broadcast_to(evaluate(flag) == 1.0, (rows,)) for flag in self.flags], axis=1)
        shown = shown[self._selected(evaluate, rows)]
        for k, pattern in enumerate(self.patterns):
            self._counts[k] += np.count_nonzero((shown == pattern).all(axis=1))

    def collected(self) -> dict[str, Floats]:
        return {"counts": self._counts.astype(np.float64)}


class Sum(Aggregate):
    """Per expression: sum of the valid rows. sum: (k,), count: (k,)"""

    def __init__(self, columns: Sequence[Expression], where: Expression | None = None) -> None:
        self.where = where
        self.columns = columns
        self._sum: list[float | int] = [0] * len(columns)
        self._count = np.zeros(len(columns))

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        selected = self._selected(evaluate, rows)
        for k, column in enumerate(self.columns):
            values = np.broadcast_to(evaluate(column), (rows,))
            keep = selected & ~absent(values)
            self._sum[k] += exact_sum(values[keep])
            self._count[k] += float(np.count_nonzero(keep))

    def collected(self) -> JsonObject:
        return {"sum": as_array(self._sum), "count": self._count}


class Largest(Aggregate):
    """Magnitudes of the valid rows of one column in several selections: their sum, and the two largest.

    total, first, second: (selections,); 0 where there are no rows
    """

    def __init__(self, column: Expression, wheres: Sequence[Expression | None]) -> None:
        self.column = column
        self.wheres = wheres
        self._total = np.zeros(len(wheres))
        self._largest = np.zeros((len(wheres), 2))

    def expressions(self) -> Sequence[Expression]:
        return [self.column, *(where for where in self.wheres if where is not None)]

    def settings(self) -> tuple[object, ...]:
        return (tuple(self.wheres),)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        values = np.broadcast_to(evaluate(self.column), (rows,))
        present = ~absent(values)
        for k, where in enumerate(self.wheres):
            chosen = present if where is None else present & np.broadcast_to(evaluate(where) == 1.0, (rows,))
            sizes = np.abs(np.asarray(values[chosen], np.float64))
            self._total[k] += sizes.sum()
            top = np.concatenate([self._largest[k], sizes])
            self._largest[k] = np.sort(np.partition(top, len(top) - 2)[-2:])[::-1]

    def collected(self) -> JsonObject:
        return {"total": self._total, "first": self._largest[:, 0], "second": self._largest[:, 1]}


def columns_of(aggregates: Sequence[Aggregate]) -> set[str]:
    """The source columns that aggregates need."""
    needed: set[str] = set()
    for aggregate in aggregates:
        for expression in aggregate.expressions():
            needed |= expression.columns()
        if aggregate.where is not None:
            needed |= aggregate.where.columns()
    return needed


def exact_sum(values: Values) -> float | int:
    """The sum of values without missing ones: exact for whole numbers, whatever their size."""
    if values.dtype != np.int64:
        return float(values.sum())
    whole = np.asarray(values, np.int64)
    return (int((whole >> 32).sum()) << 32) + int((whole & 0xFFFFFFFF).sum())


def as_array(sums: Sequence[float | int]) -> Values:
    """In int64 where all are whole numbers that fit, else in float64."""
    if all(isinstance(value, int) and abs(value) < 1 << 63 for value in sums):
        return np.asarray(sums, np.int64)
    return np.asarray([float(value) for value in sums], np.float64)
