"""What an owner computes over its own rows, in float64, before anything is shared.

An aggregate collects batch after batch, so that a file is read once however many aggregates a script asks for.
Moments are centred about the batch's own mean and merged (Chan, Golub and LeVeque, 1983): no sum of squares about a
fixed point is ever formed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.digest import digest
from mpc.tables.expressions import Expression, Floats, at_level
from mpc.tables.rows import Values, absent

#: Evaluates an expression for the current batch.
Evaluate = Callable[[Expression], Any]


class Aggregate(ABC):
    """One result over all rows of one owner."""

    #: Row condition: only rows where it is 1 take part (None: all).
    where: Expression | None = None

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
    def result(self) -> dict[str, Any]:
        """Named partial results of this owner: float64 arrays, or int64 ones of whole numbers."""

    def _selected(self, evaluate: Evaluate, rows: int) -> NDArray[np.bool_]:
        if self.where is None:
            return np.ones(rows, np.bool_)
        return np.broadcast_to(evaluate(self.where) == 1.0, (rows,))


class Count(Aggregate):
    """Rows that fulfil the condition, and how many of them miss each expression. count: (), missing: (k,)"""

    def __init__(self, columns: Sequence[Expression] = (), where: Expression | None = None) -> None:
        self.where = where
        self._columns = columns
        self._count = 0.0
        self._missing = np.zeros(len(columns))

    def expressions(self) -> Sequence[Expression]:
        return self._columns

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        selected = self._selected(evaluate, rows)
        self._count += float(np.count_nonzero(selected))
        for k, column in enumerate(self._columns):
            self._missing[k] += np.count_nonzero(selected & absent(evaluate(column)))

    def result(self) -> dict[str, Floats]:
        return {"count": np.asarray(self._count), "missing": self._missing}


class Moments(Aggregate):
    """Per column, over its own valid rows: count, mean and centred sum of squares, in units of (x - centre)/unit."""

    def __init__(
        self,
        columns: Sequence[Expression],
        centre: Floats,
        unit: Floats,
        wheres: Sequence[Expression | None],
    ) -> None:
        self._columns = columns
        self._wheres = wheres
        self._centre = centre
        self._unit = unit
        self._n = np.zeros(len(columns))
        self._mean = np.zeros(len(columns))
        self._squares = np.zeros(len(columns))
        self._single, self._by_level = _levels_of_columns(columns, wheres)

    def expressions(self) -> Sequence[Expression]:
        return [*self._columns, *(w for w in self._wheres if w is not None)]

    def settings(self) -> tuple[object, ...]:
        return self._centre, self._unit, tuple(self._wheres)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        for levels in self._by_level:
            self._update_levels(levels, evaluate, rows)
        for k in self._single:
            values = np.broadcast_to(evaluate(self._columns[k]), (rows,))
            keep = ~absent(values)
            where = self._wheres[k]
            if where is not None:
                keep &= evaluate(where) == 1.0
            if not keep.all():
                values = values[keep]
            if not values.size:
                continue
            scaled = shifted(values, self._centre[k]) / self._unit[k]
            n, mean = float(scaled.size), float(scaled.mean())
            centred = scaled - mean
            squares = float(np.dot(centred, centred))
            self._merge(np.asarray([k]), np.asarray([n]), np.asarray([mean]), np.asarray([squares]))

    def _update_levels(self, levels: _Levels, evaluate: Evaluate, rows: int) -> None:
        """One column at several levels of one category: a pass over the rows, however many levels there are."""
        values = np.broadcast_to(evaluate(levels.column), (rows,))
        index = np.broadcast_to(evaluate(levels.category), (rows,))
        keep = ~absent(values) & ~np.isnan(index)
        if levels.rest is not None:
            keep &= evaluate(levels.rest) == 1.0
        place = levels.places[index[keep].astype(np.int64)]
        asked = place >= 0
        values, place = values[keep][asked], place[asked]
        first = levels.columns[0]  # all have one centre and unit: they are one column
        scaled = shifted(values, self._centre[first]) / self._unit[first]
        size = len(levels.columns)
        n = np.bincount(place, minlength=size).astype(np.float64)
        filled = np.maximum(n, 1)
        mean = np.bincount(place, scaled, size) / filled
        # Sums in a row lose more digits than pairwise ones: what is left of the differences is put back.
        centred = scaled - mean[place]
        left = np.bincount(place, centred, size) / filled
        centred -= left[place]
        some = n > 0
        squares = np.asarray(np.bincount(place, centred * centred, size), np.float64)
        self._merge(levels.columns[some], n[some], (mean + left)[some], squares[some])

    def _merge(self, columns: NDArray[np.intp], n: Floats, mean: Floats, squares: Floats) -> None:
        """Take in the moments of more rows of some columns."""
        before = self._n[columns]
        total = before + n
        delta = mean - self._mean[columns]
        self._squares[columns] += squares + delta * delta * before * n / total
        self._mean[columns] += delta * n / total
        self._n[columns] = total

    def result(self) -> dict[str, Floats]:
        return {"n": self._n, "mean": self._mean, "sum": self._n * self._mean, "squares": self._squares}


@dataclass(frozen=True)
class _Levels:
    """Columns that are one column where a category has one level or another.

    columns  their places;  places  index of a level -> place in `columns`, -1 where it is not asked for
    rest     the condition that all of them have besides
    """

    column: Expression
    category: Expression
    rest: Expression | None
    columns: NDArray[np.intp]
    places: NDArray[np.intp]


def _levels_of_columns(
    columns: Sequence[Expression], wheres: Sequence[Expression | None]
) -> tuple[list[int], list[_Levels]]:
    """Places of columns that are read one by one, and those that are levels of one category."""
    found: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    parts: dict[tuple[int, int, int], tuple[Expression, Expression, Expression | None]] = {}
    for k, (column, where) in enumerate(zip(columns, wheres, strict=True)):
        if where is not None and (level := at_level(where)) is not None:
            category, index, rest = level
            key = (id(column), id(category), id(rest))
            found.setdefault(key, []).append((k, index))
            parts[key] = column, category, rest
    grouped = []
    single = set(range(len(columns)))
    for key, several in found.items():
        column, category, rest = parts[key]
        if len(several) < 2 or len({index for _, index in several}) < len(several):
            continue
        places = np.full(len(category.levels), -1, np.intp)
        places[[index for _, index in several]] = np.arange(len(several))
        grouped.append(_Levels(column, category, rest, np.asarray([k for k, _ in several], np.intp), places))
        single -= {k for k, _ in several}
    return sorted(single), grouped


class CrossMoments(Aggregate):
    """Over the rows where all columns are valid: count (), mean (k,), centred cross-products (k, k)."""

    def __init__(
        self, columns: Sequence[Expression], centre: Floats, unit: Floats, where: Expression | None = None
    ) -> None:
        self.where = where
        self._columns = columns
        self._centre = centre
        self._unit = unit
        k = len(columns)
        self._n = 0.0
        self._mean = np.zeros(k)
        self._products = np.zeros((k, k))

    def expressions(self) -> Sequence[Expression]:
        return self._columns

    def settings(self) -> tuple[object, ...]:
        return self._centre, self._unit

    def update(self, evaluate: Evaluate, rows: int) -> None:
        block = np.empty((len(self._columns), rows))
        for k, column in enumerate(self._columns):
            block[k] = shifted(evaluate(column), self._centre[k])
        keep = self._selected(evaluate, rows) & ~np.isnan(block).any(axis=0)
        if not keep.all():
            block = block[:, keep]
        n = float(block.shape[1])
        if not n:
            return
        block /= self._unit[:, None]
        mean = block.mean(axis=1)
        block -= mean[:, None]
        total = self._n + n
        delta = mean - self._mean
        self._products += block @ block.T + np.outer(delta, delta) * (self._n * n / total)
        self._mean += delta * (n / total)
        self._n = total

    def result(self) -> dict[str, Floats]:
        return {
            "n": np.asarray(self._n),
            "mean": self._mean,
            "sum": self._n * self._mean,
            "products": self._products,
        }


class Crosstab(Aggregate):
    """Counts of rows by the levels of one or more categories; rows missing any of them are left out."""

    def __init__(self, categories: Sequence[Expression], sizes: Sequence[int], where: Expression | None = None) -> None:
        self.where = where
        self._categories = categories
        self._sizes = tuple(sizes)
        self._counts = np.zeros(int(np.prod(self._sizes)), np.int64)

    def expressions(self) -> Sequence[Expression]:
        return self._categories

    def settings(self) -> tuple[object, ...]:
        return self._sizes

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)
        cell = np.zeros(rows)
        for category, size in zip(self._categories, self._sizes, strict=True):
            cell = cell * size + np.broadcast_to(evaluate(category), (rows,))
        keep = keep & ~np.isnan(cell)
        self._counts += np.bincount(cell[keep].astype(np.int64), minlength=self._counts.size)

    def result(self) -> dict[str, Floats]:
        return {"counts": self._counts.reshape(self._sizes).astype(np.float64)}


class Patterns(Aggregate):
    """Counts of rows by which of several conditions they fulfil, for the patterns that a row can show.

    patterns: (k, conditions); a row that shows none of them, since something is missing, is left out. counts: (k,)
    """

    def __init__(
        self, flags: Sequence[Expression], patterns: NDArray[np.bool_], where: Expression | None = None
    ) -> None:
        self.where = where
        self._flags = flags
        self._patterns = patterns
        self._counts = np.zeros(len(patterns), np.int64)

    def expressions(self) -> Sequence[Expression]:
        return self._flags

    def settings(self) -> tuple[object, ...]:
        return (self._patterns,)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        shown = np.stack([np.broadcast_to(evaluate(flag) == 1.0, (rows,)) for flag in self._flags], axis=1)
        shown = shown[self._selected(evaluate, rows)]
        for k, pattern in enumerate(self._patterns):
            self._counts[k] += np.count_nonzero((shown == pattern).all(axis=1))

    def result(self) -> dict[str, Floats]:
        return {"counts": self._counts.astype(np.float64)}


class Sum(Aggregate):
    """Per expression: sum of the valid rows. sum: (k,), count: (k,)"""

    def __init__(self, columns: Sequence[Expression], where: Expression | None = None) -> None:
        self.where = where
        self._columns = columns
        self._sum: list[float | int] = [0] * len(columns)
        self._count = np.zeros(len(columns))

    def expressions(self) -> Sequence[Expression]:
        return self._columns

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        selected = self._selected(evaluate, rows)
        for k, column in enumerate(self._columns):
            values = np.broadcast_to(evaluate(column), (rows,))
            keep = selected & ~absent(values)
            self._sum[k] += exact_sum(values[keep])
            self._count[k] += float(np.count_nonzero(keep))

    def result(self) -> dict[str, Any]:
        return {"sum": _as_array(self._sum), "count": self._count}


class Largest(Aggregate):
    """Magnitudes of the valid rows of one column in several selections: their sum, and the two largest.

    total, first, second: (selections,); 0 where there are no rows
    """

    def __init__(self, column: Expression, wheres: Sequence[Expression | None]) -> None:
        self._column = column
        self._wheres = wheres
        self._total = np.zeros(len(wheres))
        self._largest = np.zeros((len(wheres), 2))

    def expressions(self) -> Sequence[Expression]:
        return [self._column, *(where for where in self._wheres if where is not None)]

    def settings(self) -> tuple[object, ...]:
        return (tuple(self._wheres),)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        values = np.broadcast_to(evaluate(self._column), (rows,))
        there = ~absent(values)
        for k, where in enumerate(self._wheres):
            chosen = there if where is None else there & np.broadcast_to(evaluate(where) == 1.0, (rows,))
            sizes = np.abs(np.asarray(values[chosen], np.float64))
            self._total[k] += sizes.sum()
            top = np.concatenate([self._largest[k], sizes])
            self._largest[k] = np.sort(np.partition(top, len(top) - 2)[-2:])[::-1]

    def result(self) -> dict[str, Any]:
        return {"total": self._total, "first": self._largest[:, 0], "second": self._largest[:, 1]}


def shifted(values: Values, centre: float) -> Floats:
    """x - centre, NaN where there is no x; whole numbers are not rounded before the subtraction."""
    if values.dtype != np.int64:
        return np.asarray(values - centre, np.float64)
    gone, whole = absent(values), round(centre)
    apart = np.where(gone, whole, values) - whole
    return np.where(gone, np.nan, apart.astype(np.float64) - (centre - whole))


def exact_sum(values: Values) -> float | int:
    """The sum of values without missing ones: exact for whole numbers, whatever their size."""
    if values.dtype != np.int64:
        return float(values.sum())
    whole = np.asarray(values, np.int64)
    return (int((whole >> 32).sum()) << 32) + int((whole & 0xFFFFFFFF).sum())


def _as_array(sums: list[float | int]) -> Values:
    """In int64 where all are whole numbers that fit."""
    if all(isinstance(one, int) and abs(one) < 1 << 63 for one in sums):
        return np.asarray(sums, np.int64)
    return np.asarray([float(one) for one in sums], np.float64)
