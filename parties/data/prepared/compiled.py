"""One node of a query as an Ibis expression over the tables that it is computed from.

In a database a missing value is NULL. Columns have the names c0, c1, … in the order of `all_physical`, since databases
differ in which names they take, and whether "A" is "a".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mpc.tables.prepare.nodes import Aggregate, Join, Measure, Ordered, Query
from mpc.tables.prepare.selecting import Kind, all_physical, kind_of, physical
from mpc.tables.schema import Column

#: An Ibis table or column; Ibis is imported when it is used.
Ibis = Any
#: The column of a group's number of rows, where it is checked.
ROWS = "rows"


def places(query: Query) -> dict[str, str]:
    """The columns of a batch -> their names in the database."""
    return {name: f"c{k}" for k, name in enumerate(all_physical(query))}


def types(query: Query) -> dict[str, Kind]:
    """The columns in the database -> their types."""
    columns = (column for column in query.schema.columns for _ in physical(column))
    return {f"c{k}": kind_of(column) for k, column in enumerate(columns)}


def aggregate(query: Aggregate, table: Ibis) -> Ibis:
    """One row for each key. Measures are as they come, before they are checked and have the type of their column."""
    at, into = places(query.source), places(query)
    here, there = query.schema, query.source.schema
    by = {
        into[new]: at[name]
        for column in query.by
        for new, name in zip(physical(here[column]), physical(there[column]), strict=True)
    }
    keyed = table.filter([table[name].notnull() for name in by.values()])
    made = {into[m.result.name]: _measure(m, at, keyed) for m in query.measures}
    if query.most_per_key is not None:
        made[ROWS] = keyed.count()
    return keyed.group_by([keyed[name].name(new) for new, name in by.items()]).aggregate(**made)


def _measure(measure: Measure, at: dict[str, str], table: Ibis) -> Ibis:
    import ibis

    if measure.statistic == "rows":
        return table.count()
    column = table[at[measure.column]]
    real = column.cast("float64")
    if measure.order:
        by = table[at[measure.order]]
        first = ibis.desc(by) if measure.statistic == "last" else ibis.asc(by)
        return column.first(where=column.notnull() & by.notnull(), order_by=[first, ibis.asc(column)])
    made = {
        "count": column.count, "sum": lambda: column.sum().fill_null(0), "mean": real.mean, "min": column.min,
        "max": column.max, "median": real.median, "nunique": column.nunique,
        "any": lambda: column.max().fill_null(0), "all": lambda: column.min().fill_null(1),
    }  # fmt: skip
    return made[measure.statistic]()


def joined(query: Join, left: Ibis, right: Ibis) -> Ibis:
    """Rows of both tables that have the same key, one more than are allowed at most."""
    here, there = places(query.left), places(query.right)
    other = right.select(**{f"r{name}": right[name] for name in there.values()})
    same = [
        left[here[a]] == other[f"r{there[b]}"]
        for one, two in query.on
        for a, b in zip(physical(query.left.schema[one]), physical(query.right.schema[two]), strict=True)
    ]
    both = left.join(other, same, how=query.how)
    if query.how in ("semi", "anti"):
        return both.select(*here.values())
    into = places(query)
    chosen = {into[name]: both[here[name]] for name in here}
    for name, new in query.taken:
        for a, b in zip(physical(query.right.schema[name]), physical(query.schema[new]), strict=True):
            chosen[into[b]] = both[f"r{there[a]}"]
    return both.select(**chosen).limit(query.most + 1)


def stacked(tables: Sequence[Ibis]) -> Ibis:
    """The rows of tables with the same columns, one table after the other."""
    import ibis

    return ibis.union(*tables) if len(tables) > 1 else tables[0]


def ordered(query: Ordered, table: Ibis) -> Ibis:
    """The first rows of each key, or of the table."""
    import ibis

    at = places(query)

    def of(column: Column) -> list[Ibis]:
        return [table[at[name]] for name in physical(column)]

    order = [
        (ibis.desc if down else ibis.asc)(key, nulls_first=False)
        for name, down in query.order
        for key in of(query.schema[name])
    ]
    if not query.per:
        return table.order_by(order).limit(query.first)
    per = [key for name in query.per for key in of(query.schema[name])]
    rank = ibis.row_number().over(ibis.window(group_by=per, order_by=order))
    keyed = table.filter([key.notnull() for key in per])
    return keyed.mutate(rank=rank).filter(lambda t: t["rank"] < query.first).select(*at.values())
