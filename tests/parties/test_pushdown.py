"""Aggregates that the owner's database computes are those that the party computes from the rows."""

from __future__ import annotations

import math
import sqlite3

import duckdb
import numpy as np
import pandas as pd
import pytest

from mpc.errors import DataError
from mpc.tables import expressions as ex
from mpc.tables.aggregates import Count, Sum
from mpc.tables.moments import Moments
from mpc.tables.sharing import Collect
from parties.data.dataset import open_dataset
from parties.data.pushdown import asking
from parties.data.source import Dataset
from tests.support.aggregating import AGE, INCOME, NUMBER, SMOKER, VISITS, WARD, People, check_equal, people


def both_ways(tmp_path, frame, kind="parquet", schema=None):
    path = tmp_path / f"people.{kind}"
    frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)
    dataset = Dataset("people", str(path), None, schema)
    pushed = open_dataset(dataset, People.schema, threads=2, pushed_from=0)
    read = open_dataset(dataset, People.schema, threads=2)
    assert pushed.check() == read.check()
    assert read.streamed
    return pushed, read


@pytest.fixture(params=["compensated sums", "sums in two parts"])
def sums(request, monkeypatch):
    """Both ways to sum floats; DuckDB can do both."""
    if request.param == "sums in two parts":
        monkeypatch.setattr(asking, "COMPENSATED", ())


SIZES = [(0, 0, 0.1), (1, 1, 0), (2, 7, 0.5), (3, 3000, 0.1), (4, 50, 1.0)]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "n", "missing"), SIZES)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.usefixtures("sums")
def test_both_ways_are_equal(tmp_path, seed, n, missing, kind):
    check_equal(*both_ways(tmp_path, people(seed, n, missing), kind))


@pytest.mark.usefixtures("sums")
def test_no_digits_are_lost_in_many_rows(tmp_path):
    """A million equal numbers, of which a plain sum loses five digits; and numbers of very different sizes."""
    n = 1_000_000
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"age": np.full(n, 0.1), "income": np.where(np.arange(n) % 1000 == 0, 1e9, 1e-3)})
    frame["number"], frame["visits"] = 2**61 - rng.integers(0, 3, n), 1
    frame["smoker"], frame["ward"] = rng.random(n) < 0.5, "other"
    pushed, _ = both_ways(tmp_path, frame)
    columns, ones = [AGE, INCOME, NUMBER], np.ones(3)
    asked = [Sum([AGE]), Sum([INCOME]), Sum([NUMBER]), Moments(columns, 0 * ones, ones, [None] * 3)]
    ages, incomes, whole, moments = pushed.aggregated(asked)
    assert ages["sum"] == pytest.approx(math.fsum(frame["age"]), rel=1e-15)
    assert incomes["sum"] == pytest.approx(math.fsum(frame["income"]), rel=1e-15)
    exact = sum(map(int, frame["number"]))
    assert whole["sum"] == float(exact)
    np.testing.assert_allclose(moments["mean"], [0.1, math.fsum(frame["income"]) / n, exact / n], rtol=1e-15)
    apart = frame["number"].to_numpy() - 2**61
    squares = [0.0, n * np.var(frame["income"].to_numpy()), n * np.var(apart)]
    np.testing.assert_allclose(moments["squares"], squares, rtol=1e-12, atol=1e-20)


DIRTY = """
on_invalid = "drop"
[columns.age]
type = "real"
low = 0
high = 120
missing = ["999", "unknown"]
[columns.income]
type = "real"
low = -1000000
high = 1000000000
[columns.number]
type = "integer"
low = -2305843009213693952
high = 2305843009213693952
[columns.visits]
type = "integer"
low = 0
high = 1000
from = "n_visits"
[columns.smoker]
type = "flag"
true = ["Ja"]
false = ["Nein"]
[columns.ward]
type = "category"
levels = ["surgery", "medicine", "other"]
recode = { s = "surgery", "2" = "medicine" }
"""


def dirty(n=2000):
    """A table with codes, words, other names of levels, and numbers out of range."""
    frame = people(6, n)
    rng = np.random.default_rng(7)
    frame.loc[rng.random(n) < 0.1, "age"] = 999
    frame.loc[rng.random(n) < 0.05, "age"] = 130.5
    frame.loc[rng.random(n) < 0.05, "visits"] = 1001
    frame["smoker"] = frame["smoker"].map({True: "Ja", False: "nein"})
    frame["ward"] = frame["ward"].map({"surgery": "s", "medicine": "2", "other": "other"})
    return frame.rename(columns={"visits": "n_visits"})


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_rows_that_do_not_fit_are_left_out_in_both_ways(tmp_path, kind):
    (tmp_path / "people.toml").write_text(DIRTY)
    pushed, read = both_ways(tmp_path, dirty(), kind, tmp_path / "people.toml")
    assert pushed.brought.dropped > 100
    check_equal(pushed, read)


@pytest.mark.parametrize(
    ("entry", "column"),
    [("12 ", "age"), ("1,5", "age"), ("1e3x", "income"), ("9007199254740993.0", "number"), ("surgery ", "ward"),
     ("jA", "smoker"), ("9" * 19, "number")],
)  # fmt: skip
def test_entries_that_only_our_reader_can_tell_leave_their_column_to_it(tmp_path, entry, column):
    frame = people(8, 100).astype(object)
    frame.loc[17, column] = entry
    (tmp_path / "people.toml").write_text(DIRTY.replace('from = "n_visits"', ""))
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    dataset = Dataset("people", str(path), None, tmp_path / "people.toml")
    pushed, read = (open_dataset(dataset, People.schema, pushed_from=least) for least in (0, None))
    assert pushed.check() == read.check()
    assert pushed.apart[column] == f"column {column}: 1 entries are in a form that only this party reads"
    by_name = {"age": AGE, "income": INCOME, "number": NUMBER, "ward": WARD, "smoker": SMOKER}
    counted = [Count([VISITS]), Count([by_name[column]])]
    results = pushed.aggregated(counted)
    if pushed.brought.dropped:
        assert "rows are left out" in pushed.streamed
        assert results == [None, None]
    else:
        assert results[0]["count"] == 100
        assert results[1] is None


def test_what_sql_does_not_say_is_read(tmp_path):
    pushed, _ = both_ways(tmp_path, people(9, 100))
    log = ex.unary("log", ex.arithmetic("+", AGE, ex.public(1)))
    of_log = Count((), ex.comparison(">", log, ex.public(3)))
    assert pushed.aggregated([of_log, Count(), Collect([AGE], 100, "people", None)])[::2] == [None, None]


def test_small_files_are_read(tmp_path):
    people(10, 10).to_csv(tmp_path / "people.csv", index=False)
    rows = open_dataset(Dataset("people", str(tmp_path / "people.csv")), People.schema)
    rows.check()
    assert "below 16,777,216 reading is as quick" in rows.streamed
    assert rows.aggregated([Count()]) == [None]


def test_a_changed_file_ends_the_run(tmp_path):
    pushed, _ = both_ways(tmp_path, people(11, 100))
    people(12, 100).to_parquet(tmp_path / "people.parquet")
    with pytest.raises(DataError, match="has changed since it was checked"):
        pushed.aggregated([Count()])


@pytest.mark.parametrize("change", ["insert into people select * from people limit 1", "update people set age = 300"])
def test_a_changed_table_of_a_database_ends_the_run(tmp_path, change):
    path = tmp_path / "base.duckdb"
    with duckdb.connect(str(path)) as base:
        base.register("frame", people(13, 100))
        base.execute("create table people as select * from frame")
    rows = open_dataset(Dataset("people", f"duckdb://{path}", "people"), People.schema, pushed_from=0)
    assert rows.check().rows == 100
    assert rows.streamed == ""
    assert rows.aggregated([Count()])[0]["count"] == 100
    with duckdb.connect(str(path)) as base:
        base.execute(change)
    with pytest.raises(DataError, match="has changed since it was checked"):
        rows.aggregated([Count([AGE])])


def test_several_files_are_one_table(tmp_path):
    frame = people(14, 1000)
    for k in range(3):
        frame[k * 300 : (k + 1) * 300 if k < 2 else None].to_csv(tmp_path / f"part{k}.csv", index=False)
    dataset = Dataset("people", str(tmp_path / "part*.csv"))
    pushed, read = (open_dataset(dataset, People.schema, pushed_from=least) for least in (0, None))
    assert pushed.check() == read.check()
    check_equal(pushed, read)


def test_sqlite_is_read(tmp_path):
    with sqlite3.connect(tmp_path / "base.sqlite") as base:
        people(15, 10).astype(object).to_sql("people", base, index=False)
    rows = open_dataset(Dataset("people", f"sqlite://{tmp_path}/base.sqlite", "people"), People.schema, pushed_from=0)
    rows.check()
    assert rows.streamed == "SQLite keeps any kind of value in any column"
