"""Means, squares and products of an owner's own rows, in float64, before anything is shared.

Moments are centred about the batch's own mean and merged (Chan, Golub and LeVeque, 1983): no sum of squares about a
fixed point is ever formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.conditions import at_level
from mpc.tables.expressions import Expression, Floats
from mpc.tables.rows import Values, absent


class Moments(Aggregate):
    """Per column, over its own valid rows: count, mean and centred sum of squares, in units of (x - centre)/unit."""

    def __init__(
        self,
        columns: Sequence[Expression],
        centre: Floats,
        unit: Floats,
        wheres: Sequence[Expression | None],
    ) -> None:
        self.columns = columns
        self.wheres = wheres
        self.centre = centre
        self.unit = unit
        self._n = np.zeros(len(columns))
        self._mean = np.zeros(len(columns))
        self._squares = np.zeros(len(columns))
        self.single, self.by_level = _levels_of_columns(columns, wheres)

    def expressions(self) -> Sequence[Expression]:
        return [*self.columns, *(w for w in self.wheres if w is not None)]

    def settings(self) -> tuple[object, ...]:
        return self.centre, self.unit, tuple(self.wheres)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        for levels in self.by_level:
            self._update_levels(levels, evaluate, rows)
        for k in self.single:
            values = np.broadcast_to(evaluate(self.columns[k]), (rows,))
            keep = ~absent(values)
            where = self.wheres[k]
            if where is not None:
                keep &= evaluate(where) == 1.0
            if not keep.all():
                values = values[keep]
            if not values.size:
                continue
            scaled = shifted(values, self.centre[k]) / self.unit[k]
            n, mean = float(scaled.size), float(scaled.mean())
            centred = scaled - mean
            squares = float(np.dot(centred, centred))
            self._merge(np.asarray([k]), np.asarray([n]), np.asarray([mean]), np.asarray([squares]))

    def _update_levels(self, levels: Levels, evaluate: Evaluate, rows: int) -> None:
        """One column at several levels of one category: a pass over the rows, however many levels there are."""
        values = np.broadcast_to(evaluate(levels.column), (rows,))
        index = np.broadcast_to(evaluate(levels.category), (rows,))
        keep = ~absent(values) & ~np.isnan(index)
        if levels.rest is not None:
            keep &= evaluate(levels.rest) == 1.0
        place = levels.places[index[keep].astype(np.int64)]
        asked = place >= 0
        values, place = values[keep][asked], place[asked]
        first = levels.columns[0]  # all have the same centre and unit: they are the same column
        scaled = shifted(values, self.centre[first]) / self.unit[first]
        size = len(levels.columns)
        n = np.bincount(place, minlength=size).astype(np.float64)
        divisor = np.maximum(n, 1)
        mean = np.bincount(place, scaled, size) / divisor
        # Sequential sums lose more digits than pairwise ones: the mean of the differences corrects the mean.
        centred = scaled - mean[place]
        left = np.bincount(place, centred, size) / divisor
        centred -= left[place]
        filled = n > 0
        squares = np.asarray(np.bincount(place, centred * centred, size), np.float64)
        self._merge(levels.columns[filled], n[filled], (mean + left)[filled], squares[filled])

    def _merge(self, columns: NDArray[np.intp], n: Floats, mean: Floats, squares: Floats) -> None:
        """Add the moments of further rows to those of these columns."""
        before = self._n[columns]
        total = before + n
        delta = mean - self._mean[columns]
        self._squares[columns] += squares + delta * delta * before * n / total
        self._mean[columns] += delta * n / total
        self._n[columns] = total

    def collected(self) -> dict[str, Floats]:
        return {"n": self._n, "mean": self._mean, "sum": self._n * self._mean, "squares": self._squares}


@dataclass(frozen=True)
class Levels:
    """The same column under several conditions, each a level of one category.

    columns  the indices of these columns;  places  index of a level -> place in `columns`, -1: not asked for
    rest     the further condition that all of them have
    """

    column: Expression
    category: Expression
    rest: Expression | None
    columns: NDArray[np.intp]
    places: NDArray[np.intp]


def _levels_of_columns(
    columns: Sequence[Expression], wheres: Sequence[Expression | None]
) -> tuple[list[int], list[Levels]]:
    """Indices of columns that are read one by one, and groups of columns that are levels of one category."""
    members: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    parts: dict[tuple[int, int, int], tuple[Expression, Expression, Expression | None]] = {}
    for k, (column, where) in enumerate(zip(columns, wheres, strict=True)):
        if where is not None and (level := at_level(where)) is not None:
            category, index, rest = level
            key = (id(column), id(category), id(rest))
            members.setdefault(key, []).append((k, index))
            parts[key] = column, category, rest
    grouped = []
    single = set(range(len(columns)))
    for key, group in members.items():
        column, category, rest = parts[key]
        if len(group) < 2 or len({index for _, index in group}) < len(group):
            continue
        places = np.full(len(category.levels), -1, np.intp)
        places[[index for _, index in group]] = np.arange(len(group))
        grouped.append(Levels(column, category, rest, np.asarray([k for k, _ in group], np.intp), places))
        single -= {k for k, _ in group}
    return sorted(single), grouped


class CrossMoments(Aggregate):
    """Over the rows where all columns are valid: count (), mean (k,), centred cross-products (k, k)."""

    def __init__(
        self, columns: Sequence[Expression], centre: Floats, unit: Floats, where: Expression | None = None
    ) -> None:
        self.where = where
        self.columns = columns
        self.centre = centre
        self.unit = unit
        k = len(columns)
        self._n = 0.0
        self._mean = np.zeros(k)
        self._products = np.zeros((k, k))

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return self.centre, self.unit

    def update(self, evaluate: Evaluate, rows: int) -> None:
        block = np.empty((len(self.columns), rows))
        for k, column in enumerate(self.columns):
            block[k] = shifted(evaluate(column), self.centre[k])
        keep = self._selected(evaluate, rows) & ~np.isnan(block).any(axis=0)
        if not keep.all():
            block = block[:, keep]
        n = float(block.shape[1])
        if not n:
            return
        block /= self.unit[:, None]
        mean = block.mean(axis=1)
        block -= mean[:, None]
        total = self._n + n
        delta = mean - self._mean
        self._products += block @ block.T + np.outer(delta, delta) * (self._n * n / total)
        self._mean += delta * (n / total)
        self._n = total

    def collected(self) -> dict[str, Floats]:
        return {
            "n": np.asarray(self._n),
            "mean": self._mean,
            "sum": self._n * self._mean,
            "products": self._products,
        }


class WeightedMoments(Aggregate):
    """As `CrossMoments`, of rows with weights: count (), weight (), weighted mean (k,), weighted products (k, k).

    weight  not negative; a row without a weight does not count;  most  weights are shared in this unit
    """

    def __init__(
        self,
        columns: Sequence[Expression],
        weight: Expression,
        centre: Floats,
        unit: Floats,
        most: float,
        where: Expression | None = None,
    ) -> None:
        self.where = where
        self.columns = [*columns, weight]
        self.centre = centre
        self.unit = unit
        self.most = most
        k = len(columns)
        self._n = 0.0
        self._weight = 0.0
        self._mean = np.zeros(k)
        self._products = np.zeros((k, k))

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return self.centre, self.unit, self.most

    def update(self, evaluate: Evaluate, rows: int) -> None:
        block = np.empty((len(self.columns), rows))
        for k, column in enumerate(self.columns[:-1]):
            block[k] = shifted(evaluate(column), self.centre[k])
        block[-1] = shifted(evaluate(self.columns[-1]), 0.0)
        keep = self._selected(evaluate, rows) & ~np.isnan(block).any(axis=0)
        if not keep.all():
            block = block[:, keep]
        self._n += float(block.shape[1])
        weights = block[-1] / self.most
        weight = float(weights.sum())
        if not weight > 0:
            return
        block = block[:-1] / self.unit[:, None]
        mean = block @ weights / weight
        block -= mean[:, None]
        left = block @ weights / weight  # of the rounding of means
        block -= left[:, None]
        mean += left
        total = self._weight + weight
        delta = mean - self._mean
        self._products += (block * weights) @ block.T + np.outer(delta, delta) * (self._weight * weight / total)
        self._mean += delta * (weight / total)
        self._weight = total

    def collected(self) -> dict[str, Floats]:
        return {
            "n": np.asarray(self._n),
            "weight": np.asarray(self._weight),
            "mean": self._mean,
            "sum": self._weight * self._mean,
            "products": self._products,
        }


def shifted(values: Values, centre: float) -> Floats:
    """x - centre, NaN where there is no x; whole numbers are not rounded before the subtraction."""
    if values.dtype != np.int64:
        return np.asarray(values - centre, np.float64)
    gone, whole = absent(values), round(centre)
    apart = np.where(gone, whole, values) - whole
    return np.where(gone, np.nan, apart.astype(np.float64) - (centre - whole))
