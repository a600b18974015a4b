"""Aggregates that PostgreSQL computes are those that the party computes from the rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from parties.data.dataset import SourceRows, open_dataset
from parties.data.source import Dataset
from tests.support import postgres
from tests.support.aggregating import People, aggregates, check_equal, people, streamed

psycopg = pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed", exc_type=ImportError)
pytestmark = pytest.mark.slow

TABLE = """
create type ward as enum ('surgery', 'medicine', 'other');
create table people(age double precision, income numeric, number bigint, visits smallint, smoker boolean, ward ward);
create table words(age real, income text, number bigint, visits smallint, smoker text, ward varchar(20));
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a database with a table people, of the types that a register has, and a table words."""
    with postgres.server() as address:
        url = f"postgres://owner:s3cret@{address}/postgres"
        frame = people(21, 5000).astype(object)
        frame = frame.where(frame.notna(), None)
        with psycopg.connect(url.replace("postgres:", "postgresql:", 1), autocommit=True) as base:
            base.execute(TABLE)
            for table in ("people", "words"):
                with base.cursor().copy(f"copy {table} from stdin") as copy:
                    for row in frame.itertuples(index=False):
                        copy.write_row(row)
            base.execute("update people set age = 'NaN' where age is null and visits > 5")
        yield url


def rows_of(url: str, table: str = "people") -> SourceRows:
    rows = open_dataset(Dataset("people", url, table), People.schema)
    rows.check()
    return rows


def test_both_ways_are_equal(server):
    rows = rows_of(server)
    assert rows.apart == {}
    check_equal(rows, rows)


def test_the_check_counts_the_same(server):
    asked, read = (open_dataset(Dataset("people", server, "people"), People.schema) for _ in range(2))
    assert asked.check() == read.check(show_rows=1)
    assert (asked.streamed, read.streamed) == ("", "the numbers of rows are asked for")


def test_columns_in_text_are_read_by_the_party(server):
    rows = rows_of(server, "words")
    assert rows.apart == {"income": "column income: numbers in text"}
    made = aggregates()
    results = rows.aggregated(made)
    assert 10 < sum(result is None for result in results) < len(made) // 2
    known = [(a, r) for a, r in zip(aggregates(), results, strict=True) if r is not None]
    for (_, found), right in zip(known, streamed(rows, [a for a, _ in known]), strict=True):
        assert found.keys() == right.keys()
        for name in found.keys() & {"count", "counts", "missing", "n"}:
            np.testing.assert_array_equal(found[name], right[name])
