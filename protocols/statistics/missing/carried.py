"""Values carried forward over columns of the same row."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray
from mpc.untyped import Anything


def locf(columns: Sequence[PrivateArray]) -> list[PrivateArray]:
    """Columns of the same rows in the order of time, each with the last value before it where it has none (last
    observation carried forward). Values before the first observation stay missing.

    columns  of one table whose rows stay with their owners: locf([t.week_4, t.week_8, t.week_12])

    Opens       nothing: each owner carries the values of its own rows. Of shared rows carry before `share`
    Missing     where all columns up to this one are
    Protection  of a release about a column: the rows without a value of its own must be none or enough, and those with
                one, also among the rows that take a value from a column before
    Bias        it takes a participant who leaves for one who does not change. Estimates are biased in either direction
                even where values are missing completely at random, and standard errors are too small. Use it where a
                protocol demands it, beside `multiple_imputation`
    Raises      ShapeError for anything but columns of one table that have values in common
    Equals      pandas' `frame.ffill(axis=1)`
    Source      Molenberghs and others, Biostatistics 5 (2004); Molnar, Hutton and Fergusson, CMAJ 179 (2008); National
                Research Council, The Prevention and Treatment of Missing Data in Clinical Trials (2010), chapter 4; van
                Buuren, Flexible Imputation of Missing Data (2nd ed., 2018), 1.3.6
    """
    listed: list[Anything] = list(columns) if isinstance(columns, list | tuple) else [None]
    if not listed:
        raise ShapeError("locf: no columns; expected those of several visits, such as [table.week_4, table.week_8]")
    if not all(isinstance(column, PrivateArray) for column in listed):
        raise ShapeError(f"locf: {columns!r}; a list of columns is wanted, whose rows stay with their owners")
    carried = [listed[0]]
    for column in listed[1:]:
        filled = column.fillna(carried[-1])
        carried.append(PrivateArray(column.source, filled.expression, f"{column.name}, carried forward", filled.where))
    return carried
