"""Aggregates of a table in both ways: by its database, and by this party from the rows in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mpc.tables import expressions as ex
from mpc.tables.aggregates import Aggregate, Count, Crosstab, Largest, Patterns, Sum, columns_of
from mpc.tables.bins import binned
from mpc.tables.conditions import fulfilled
from mpc.tables.expressions import Expression
from mpc.tables.filling import filled
from mpc.tables.moments import CrossMoments, Moments
from mpc.tables.rows import Rows, Values
from mpc.tables.schema import Category, Flag, Integer, Real, Table
from mpc.untyped import JsonObject
from parties.data.dataset import SourceRows


class People(Table):
    age = Real(0, 120, missing=["-1", "NA"])
    income = Real(-1e6, 1e9)
    number = Integer(-(2**61), 2**61, missing=["7"])
    visits = Integer(0, 1000)
    smoker = Flag()
    ward = Category("surgery", "medicine", "other", missing=["?"])


def people(seed: int, n: int, missing: float = 0.1) -> pd.DataFrame:
    """A random table: missing values, flags, categories, whole numbers up to 2^61, wide and repeated numbers."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.3, 60.3, rng.uniform(0, 120, n)),
            "income": np.where(rng.random(n) < 0.5, 0.1, rng.lognormal(8, 3, n).clip(0, 1e9)),
            "number": pd.array(rng.integers(-(2**61), 2**61, n, endpoint=True), "Int64"),
            "visits": pd.array(rng.geometric(0.1, n).clip(0, 1000), "Int32"),
            "smoker": pd.array(rng.random(n) < 0.3, "boolean"),
            "ward": pd.array(rng.choice(["surgery", "medicine", "other"], n, p=[0.6, 0.3, 0.1]), "string"),
        }
    )
    frame.loc[rng.random(n) < 0.05, "number"] = 2**60 + 1
    for name in frame:
        frame.loc[rng.random(n) < missing, name] = None
    return frame


def column(name: str) -> Expression:
    """A column of People as an expression."""
    declared = People.schema[name]
    kinds: Mapping[str, ex.Type] = {"RealColumn": "real", "IntegerColumn": "integer", "FlagColumn": "flag"}
    kind = kinds.get(type(declared).__name__, "category")
    levels = tuple(getattr(declared, "levels", ()))
    return Expression(type=kind, low=declared.low, high=declared.high, levels=levels, column=name)


AGE, INCOME, NUMBER, VISITS, SMOKER, WARD = map(column, People.schema.names)


def at(level: float, rest: Expression | None = None) -> Expression:
    """The rows of a ward."""
    where = ex.both(rest, ex.comparison("==", WARD, ex.public(float(level))))
    assert where is not None
    return where


def conditions() -> list[Expression]:
    """Conditions of every kind, over columns with missing values."""
    old = ex.comparison(">", AGE, ex.public(60.3))
    often = ex.comparison("<=", VISITS, ex.public(10.5))
    return [
        old,
        often,
        ex.comparison("==", NUMBER, ex.public(2**60 + 1)),
        ex.comparison("!=", WARD, ex.public(1.0)),
        ex.comparison("<", ex.arithmetic("/", INCOME, ex.public(7.0)), ex.arithmetic("*", AGE, AGE)),
        ex.logical("&", old, SMOKER),
        ex.unary("not", ex.logical("&", old, SMOKER)),
        ex.logical("|", SMOKER, often),
        ex.unary("not", ex.logical("|", SMOKER, often)),
        ex.logical("^", SMOKER, old),
        ex.logical("|", ex.unary("isna", AGE), ex.unary("isna", SMOKER)),
        ex.unary("not", ex.unary("isna", ex.logical("&", old, SMOKER))),
        ex.comparison("==", SMOKER, old),
        ex.comparison(">=", ex.unary("sqrt", AGE), ex.public(7.0)),
        filled(SMOKER, ex.public(1.0)),
        filled(SMOKER, old),
    ]


def numbers() -> list[Expression]:
    """Numbers of every kind."""
    whole = ex.arithmetic("-", ex.arithmetic("*", VISITS, ex.public(3)), ex.public(500))
    return [
        AGE,
        INCOME,
        VISITS,
        NUMBER,
        whole,
        ex.unary("absolute", whole),
        ex.unary("negative", NUMBER),
        ex.clipped(NUMBER, -5, 2**58),
        ex.clipped(INCOME, -np.inf, 1000.1),
        ex.clipped(AGE, 18, 65.5),
        ex.unary("absolute", ex.arithmetic("-", INCOME, AGE)),
        ex.unary("negative", ex.arithmetic("+", AGE, VISITS)),
        ex.arithmetic("/", AGE, ex.arithmetic("+", VISITS, ex.public(1.5))),
        ex.arithmetic("*", SMOKER, AGE),
        ex.arithmetic("*", SMOKER, VISITS),
        ex.unary("sqrt", AGE),
        ex.unary("log", ex.arithmetic("+", AGE, ex.public(0.7))),
        ex.unary("exp", ex.arithmetic("/", AGE, ex.public(10.0))),
        SMOKER,
        filled(AGE, ex.public(40.5)),
        filled(AGE, VISITS),
        filled(NUMBER, filled(VISITS, ex.public(7))),
    ]


def aggregates() -> list[Aggregate]:
    """Aggregates of every kind, those that SQL leaves out not among them."""
    wheres = conditions()
    columns = numbers()
    ages = binned(AGE, (0.0, 18.0, 60.3, 70.0), ("young", "grown", "old"))
    visits = binned(VISITS, (0, 10.5, 1000), ("few", "many"))
    fine = binned(INCOME, tuple(np.linspace(-1e6, 1e9, 50)), tuple(map(str, range(49))))
    made: list[Aggregate] = [Count(), Count(columns), Crosstab([fine, SMOKER], [49, 2])]
    made += [Count([AGE, NUMBER, SMOKER, WARD], where) for where in wheres]
    made += [Crosstab([WARD, SMOKER], [3, 2], where) for where in (None, wheres[0])]
    made += [Crosstab([ages, visits, WARD], [3, 2, 3], wheres[7])]
    flags = [fulfilled(where) for where in (wheres[0], wheres[1], SMOKER)]
    patterns = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], np.bool_)
    made += [Patterns(flags, patterns), Patterns(flags, patterns[2:5], wheres[10])]
    many = [fulfilled(where) for where in wheres[:6]]
    made.append(Patterns(many, (np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.bool_)))
    made += [Sum([c], where) for c in columns for where in (None, wheres[7])]
    made += [Crosstab([filled(WARD, ex.public(2)), SMOKER], [3, 2]), Sum([AGE, VISITS])]
    made += [Largest(c, [None, wheres[0], SMOKER]) for c in (AGE, INCOME, NUMBER, VISITS)]
    k = len(columns)
    centre = np.array([(c.low + c.high) / 2 for c in columns])
    unit = np.array([(c.high - c.low) / 2 for c in columns])
    made.append(Moments(columns, centre, unit, [None] * k))
    made.append(Moments(columns, centre, unit, [wheres[1]] * k))
    for c in (AGE, NUMBER):
        middle, half = np.full(4, (c.low + c.high) / 2), np.full(4, (c.high - c.low) / 2)
        made.append(Moments([c] * 4, middle, half, [at(0), at(1), at(2), SMOKER]))
        made.append(Moments([c] * 2, middle[:2], half[:2], [at(2, SMOKER), at(0, SMOKER)]))
    few = [0, 1, 2, 3, 12, 18]
    made.append(CrossMoments([columns[i] for i in few], centre[few], unit[few]))
    made.append(CrossMoments([columns[i] for i in few[:2]], centre[few[:2]], unit[few[:2]], wheres[5]))
    return made


def streamed(rows: Rows, asked: Sequence[Aggregate]) -> list[JsonObject]:
    """As the local pass does, batch after batch."""
    with np.errstate(all="ignore"):
        for batch in rows.batches(sorted(columns_of(asked))):
            memo: dict[int, Values] = {}
            for aggregate in asked:
                aggregate.update(lambda e, b=batch, m=memo: e.evaluate(b, m), len(next(iter(batch.values()))))  # type: ignore[misc]
    return [aggregate.result() for aggregate in asked]


def compare(found: JsonObject, expected: JsonObject, what: str) -> None:
    """Counts and whole numbers are equal; other numbers to 1e-12 of the largest that go into them."""
    assert found.keys() == expected.keys(), what
    for name, right in expected.items():
        left = np.asarray(found[name])
        assert left.shape == right.shape, (what, name)
        if name in ("count", "missing", "counts", "n", "first", "second") or right.dtype == np.int64:
            np.testing.assert_array_equal(left, right, f"{what}: {name}")
        elif name in ("mean", "sum") and "n" in expected:  # in units of the range: up to 1 a row
            rows = np.maximum(np.asarray(expected["n"]), 1) if name == "sum" else 1.0
            np.testing.assert_allclose(left / rows, right / rows, rtol=1e-12, atol=1e-12, err_msg=f"{what}: {name}")
        elif name == "products":
            size = np.sqrt(np.outer(np.diag(right), np.diag(right)))
            assert (np.abs(left - right) <= 1e-12 * size + 1e-300).all(), (what, name, left, right)
        else:
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12, err_msg=f"{what}: {name}")


def check_equal(pushed: SourceRows, read: SourceRows) -> None:
    """All aggregates, by the database of `pushed` and from the rows of `read`."""
    assert pushed.streamed == ""
    results, expected = pushed.aggregated(aggregates()), streamed(read, aggregates())
    for aggregate, found, right in zip(aggregates(), results, expected, strict=True):
        assert found is not None, (aggregate, pushed.streamed)
        compare(found, right, f"{type(aggregate).__name__} {aggregate.where}")
