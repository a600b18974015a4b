"""Random tables of one owner, and queries of all kinds over them, for both places where they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mpc import Category, Date, Flag, Integer, Key, Real, Table, Text
from mpc.tables import expressions
from mpc.tables.expressions import Expression
from mpc.tables.prepare import building
from mpc.tables.prepare.nodes import Aggregate, Query, Scan, Select
from mpc.tables.prepare.selecting import Frame
from mpc.tables.rows import MISSING
from mpc.tables.schema import CategoryColumn, IntegerColumn, Schema
from mpc.tables.source import source_column

#: A condition or a column, from the columns of a table.
Of = Callable[[Mapping[str, Expression]], Expression]
BIG = 1234567890123456789


class Tax(Table):
    person = Integer(0, 1 << 61)
    year = Integer(1990, 2030)
    income = Real(-1e5, 1e6, unit="EUR")
    paid = Integer(-(10**15), 10**15)
    ok = Flag()
    office = Category("north", "south", "west")


class People(Table):
    who = Integer(0, 1 << 61)
    year = Integer(1990, 2030)
    income = Real(-1e5, 1e6)
    office = Category("north", "south", "west")
    name = Text()
    tag = Key()
    born = Date("1900-01-01", "2020-12-31")


def scan(table: type[Table], name: str, most: int = 1 << 20) -> Scan:
    return Scan(Schema(name, table.schema.columns), most, name)


TAX, PEOPLE = scan(Tax, "tax"), scan(People, "people")


def columns(query: Query) -> dict[str, Expression]:
    """All columns of a query, as row-wise expressions."""
    return {column.name: source_column(column) for column in query.schema.columns}


def select(query: Query, where: Of | None = None, **more: Of) -> Select:
    """All columns and more of them, where a condition holds; conditions and columns are functions of the columns."""
    known = columns(query)
    made = {name: value(known) for name, value in more.items()}
    return building.select(query, None if where is None else where(known), known | made)


def above(name: str, limit: float) -> Of:
    return lambda known: expressions.comparison(">", known[name], expressions.public(limit))


def twice(name: str) -> Of:
    return lambda known: expressions.arithmetic("*", known[name], expressions.public(2))


def grouped(
    by: Sequence[str],
    *,
    where: Of | None = None,
    most_per_key: int | None = None,
    within: Mapping[str, tuple[float, float]] | None = None,
    of: Query = TAX,
    **asked: Any,
) -> Aggregate:
    return building.grouped(select(of, where), by, asked, most_per_key, within or {})


def frame(rng: np.random.Generator, table: type[Table], rows: int, *, missing: float = 0.15, keys: int = 12) -> Any:
    """Random rows with few different keys, and so with ties; missing values are None in the table."""

    def gaps(values: Iterable[Any]) -> list[Any]:
        return [None if rng.random() < missing else value for value in values]

    made: dict[str, list[Any]] = {}
    for column in table.schema.columns:
        if column.name in ("person", "who"):
            made[column.name] = [None if v is None else BIG + int(v) for v in gaps(rng.integers(0, keys, rows))]
        elif column.name == "year":
            made[column.name] = gaps([int(v) for v in rng.integers(2000, 2004, rows)])
        elif isinstance(column, IntegerColumn):
            wide = rng.integers(-(10**15), 10**15, rows)
            made[column.name] = gaps([int(v) for v in np.where(rng.random(rows) < 0.5, wide, wide % 3)])
        elif isinstance(column, CategoryColumn):
            made[column.name] = gaps([column.levels[v] for v in rng.integers(0, 3, rows)])
        elif column.name == "ok":
            made[column.name] = gaps([bool(v) for v in rng.integers(0, 2, rows)])
        elif column.name == "name":
            made[column.name] = gaps(["ABcé"[v] * 2 for v in rng.integers(0, 4, rows)])
        elif column.name == "tag":
            made[column.name] = gaps([f"k{v}" for v in rng.integers(0, keys, rows)])
        elif column.name == "born":
            made[column.name] = gaps([f"19{v}-02-03" for v in rng.integers(10, 14, rows)])
        else:
            made[column.name] = gaps([float(np.round(v, 1)) for v in rng.uniform(-1000, 1000, rows)])
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in made.items()})


def in_order(result: Frame) -> list[tuple[Any, ...]]:
    """The rows of a result, sorted: rows have no order."""
    names = list(result)
    table = [[None if v is None or v == MISSING or v != v else v for v in result[name].tolist()] for name in names]
    return sorted(zip(*table, strict=True), key=lambda row: [(value is None, str(value)) for value in row])


def same_rows(one: Frame, other: Frame) -> None:
    """Assert that two results have the same rows, real numbers within the rounding of a sum."""
    assert list(one) == list(other)
    left, right = in_order(one), in_order(other)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        for x, y in zip(a, b, strict=True):
            if isinstance(x, float) and isinstance(y, float):
                assert abs(x - y) <= 1e-9 * max(1, abs(x)), (a, b)
            else:
                assert x == y, (a, b)


MEASURES: dict[str, Any] = {
    "n": "count",
    "total": ("income", "sum"),
    "average": ("income", "mean"),
    "least": ("income", "min"),
    "most": ("income", "max"),
    "middle": ("income", "median"),
    "known": ("income", "count"),
    "different": ("income", "nunique"),
    "offices": ("office", "nunique"),
    "paid": ("paid", "sum"),
    "paid_mean": ("paid", "mean"),
    "paid_least": ("paid", "min"),
    "paid_most": ("paid", "max"),
    "paid_middle": ("paid", "median"),
    "some": ("ok", "any"),
    "every": ("ok", "all"),
    "how_many": ("ok", "sum"),
    "share": ("ok", "mean"),
    "begin": ("income", "first", "year"),
    "end": ("office", "last", "year"),
    "newest": ("year", "max"),
}


def queries() -> dict[str, Query]:
    """One query of each kind, by name."""
    by_person = building.ordered(select(TAX), ["person"], [("year", True)], 1)
    totals = grouped(["person"], most_per_key=100_000, total=("income", "sum"), n="count")
    both = [("person", "who")]
    return {
        "by person": grouped(["person"], most_per_key=1000, **MEASURES),
        "by person and year": grouped(["person", "year"], most_per_key=1000, **MEASURES),
        "by office": grouped(["office"], most_per_key=1000, **MEASURES),
        "by flag": grouped(["ok"], n="count"),
        "some rows": grouped(["person"], where=above("income", 0), n="count", total=("income", "sum")),
        "no rows": grouped(["person"], where=above("income", 1e6), n="count", total=("income", "sum")),
        "groups of groups": grouped(["n"], of=totals, where=above("total", 0), persons="count"),
        "latest": by_person,
        "first two": building.ordered(select(TAX), ["person", "office"], [("income", False)], 2),
        "different": building.ordered(select(TAX), ["person"], [], 1),
        "latest person": building.ordered(select(PEOPLE), ["tag"], [("born", True)], 1),
        "by tag and date": grouped(["tag", "born"], of=PEOPLE, n="count", known=("name", "count")),
        "keys of an office": grouped(["office"], of=PEOPLE, persons=("tag", "nunique"), known=("tag", "count")),
        "by tag": building.joined(
            select(grouped(["tag"], of=PEOPLE, n="count")), select(PEOPLE), "inner", [("tag", "tag")], "_of", None
        ),
        "head": building.ordered(select(TAX, twice=twice("income")), [], [("twice", True), ("year", False)], 5),
        "inner": building.joined(select(TAX), select(PEOPLE), "inner", both, "_right", 1 << 20),
        "left": building.joined(select(TAX), select(PEOPLE), "left", both, "_right", 1 << 20),
        "semi": building.joined(select(TAX, above("paid", 0)), select(PEOPLE), "semi", both, "_right", None),
        "anti": building.joined(select(TAX), select(PEOPLE, above("income", 0)), "anti", both, "_right", None),
        "two keys": building.joined(
            select(TAX), select(PEOPLE), "left", [*both, ("year", "year")], "_right", 1 << 20
        ),
        "joined groups": building.joined(
            select(totals), select(building.ordered(select(PEOPLE), ["who"], [("year", True)], 1)), "left", both,
            "_other", None,
        ),
        "itself": building.joined(select(totals), select(by_person), "inner", [("person", "person")], "_last", None),
    }  # fmt: skip
