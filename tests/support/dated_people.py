"""Rows with dates, and aggregates of dates, computed by the owner's database and by this party."""

from __future__ import annotations

import datetime

import numpy as np

from mpc import Date, Key, Real, Table
from mpc.tables import date_expressions as on
from mpc.tables import expressions as ex
from mpc.tables.aggregates import Count, Crosstab, Sum
from mpc.tables.bins import binned
from mpc.tables.dates import days_of
from mpc.tables.expressions import Expression
from parties.data.dataset import SourceRows, open_dataset
from parties.data.source import Dataset
from tests.support.aggregating import compare, streamed


class People(Table):
    born = Date("0001-01-01", "9999-12-30", missing=["9999-12-31", "never"])
    admitted = Date("1950-01-01", "2026-12-31")
    person = Key()
    cost = Real(0, 100)


BORN, ADMITTED = (
    Expression(type="date", low=c.low, high=c.high, column=c.name)
    for c in (People.schema["born"], People.schema["admitted"])
)
COST = Expression(type="real", low=0, high=100, column="cost")


def table(rows: int, seed: int) -> dict[str, list[datetime.date | str | float | None]]:
    """Random rows; births from the year 1 on, 29 February and a missing code among them."""
    random = np.random.default_rng(seed)
    born = [datetime.date.fromordinal(int(day)) for day in random.integers(1, 3652000, rows)]
    leap = [datetime.date(year, 2, 29) for year in (4, 1600, 1904, 1968, 2000, 2024)]
    born[: len(leap)] = leap
    born[6] = datetime.date(9999, 12, 31)
    start = datetime.date(1950, 1, 1).toordinal()
    admitted = [datetime.date.fromordinal(start + int(day)) for day in random.integers(0, 28000, rows)]
    admitted[:3] = [datetime.date(2023, 2, 28), datetime.date(2023, 3, 1), datetime.date(2024, 2, 29)]
    gone = random.random((2, rows)) < 0.1
    return {
        "born": [None if missing else day for day, missing in zip(born, gone[0], strict=True)],
        "admitted": [None if missing else day for day, missing in zip(admitted, gone[1], strict=True)],
        "person": [f"p{k}" for k in range(rows)],
        "cost": random.uniform(0, 100, rows).tolist(),
    }


def opened(dataset: Dataset) -> tuple[SourceRows, SourceRows]:
    """The dataset, with its database asked for aggregates, and read by this party."""
    pushed = open_dataset(dataset, People.schema, threads=2, pushed_from=0)
    read = open_dataset(dataset, People.schema, threads=2)
    assert pushed.check() == read.check()
    assert not pushed.streamed
    assert set(pushed.apart) == {"person"}
    return pushed, read


def asked() -> list[Count | Sum | Crosstab]:
    """Aggregates of every operation on dates."""
    before = ex.comparison("<", BORN, on.public_date(days_of("1970-01-01")))
    later = ex.comparison(">=", BORN, ADMITTED)
    days = on.date_arithmetic("-", ADMITTED, on.public_date(days_of("2000-01-01")))
    between = on.date_arithmetic("-", ADMITTED, BORN)
    shifted = on.date_arithmetic("+", ADMITTED, ex.public(30))
    age = on.age_at(BORN, on.public_date(days_of("2026-03-01")))
    then = on.age_at(BORN, ADMITTED)
    parts = [part(column) for part in (on.year, on.month, on.day) for column in (BORN, ADMITTED, shifted)]
    edges = tuple(days_of(day) for day in ("1950-01-01", "1999-12-31", "2026-12-31"))
    periods = binned(ADMITTED, edges, ("early", "late"))
    years = binned(on.year(ADMITTED), (1950, 1980, 2000, 2027), ("a", "b", "c"))
    return [
        Count([BORN, ADMITTED, *parts]),
        *(Count([BORN, COST], where) for where in (before, later, ex.unary("not", later), ex.unary("isna", BORN))),
        *(Sum([number], where) for number in (days, between, age, then, *parts) for where in (None, before)),
        Crosstab([periods, years], [2, 3]),
        Sum([COST], ex.comparison(">", shifted, on.public_date(days_of("1990-01-31")))),
    ]


def equal(dataset: Dataset) -> None:
    """Both ways give the same."""
    pushed, read = opened(dataset)
    aggregates, again = asked(), asked()
    for found, expected, what in zip(pushed.aggregated(aggregates), streamed(read, again), aggregates, strict=True):
        assert found is not None, what
        compare(found, expected, type(what).__name__)
