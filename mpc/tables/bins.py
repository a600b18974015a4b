"""Bins of numbers: their edges, their labels, and the category that they make of a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.seen import SeenText, like, shown, unknown
from mpc.suggestions import wrong
from mpc.tables import whole
from mpc.tables.expressions import WHOLE, Expression, Floats
from mpc.tables.schema import Limit


def binned(a: Expression, edges: tuple[float, ...], labels: tuple[str, ...]) -> Expression:
    """The index of the bin; the last bin includes its upper edge, values outside of all bins are missing."""
    bounds = np.asarray(edges)

    def function(x: Floats) -> Floats:
        return bin_of(bounds, x)

    place = whole.bins(edges) if a.type in WHOLE else function
    return Expression(
        type="category",
        low=0,
        high=len(labels) - 1,
        levels=labels,
        function=place,
        arguments=(a,),
        text=f"{a.text} in {len(labels)} bins",
        edges=edges,
        operation="bin",
        symbol="" if edges[0] <= a.low and a.high <= edges[-1] and not unknown(edges[0], edges[-1]) else "cut",
    )


def bin_of(edges: Sequence[float] | Floats, x: Floats) -> Floats:
    """The index of the bin [edge, next edge) of each number (the last one includes its upper edge); NaN outside."""
    bounds = np.asarray(edges)
    index = np.searchsorted(bounds, x, side="right") - 1.0
    index = np.where(x == bounds[-1], len(bounds) - 2.0, index)
    outside = (index < 0) | (index > len(bounds) - 2) | np.isnan(x)
    return np.where(outside, np.nan, index)


def edges_of(name: str, edges: Sequence[Limit], *, exact: bool) -> tuple[float, ...]:
    """Bin edges as numbers; with `exact`, whole ones stay integers. Raises ShapeError for anything else, such as a
    number of bins."""
    array = np.asarray(edges, dtype=object)
    if array.ndim != 1 or not all(isinstance(edge, int | float | np.number) for edge in array):
        raise ShapeError(
            f"{name}: bins are given by their edges, such as [0, 18, 65, 120] or np.linspace(0, 120, 11)"
            f"{wrong(*array.reshape(-1))}"
        )
    return tuple(
        like(int(edge) if exact and isinstance(edge, int | np.integer) else float(edge), edge) for edge in array
    )


def _edge(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def bin_label(low: float, high: float) -> str:
    """The label of a bin."""
    label = f"{_edge(low)} to {_edge(high)}"
    return SeenText(label, f"{shown(low, _edge)} to {shown(high, _edge)}") if unknown(low, high) else label
