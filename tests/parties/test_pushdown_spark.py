"""Aggregates that Spark computes (in local mode, where installed) are those that the party computes from the rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from mpc.tables import expressions as ex
from mpc.tables.aggregates import Aggregate, Count, Crosstab, Largest, Sum
from mpc.tables.moments import CrossMoments, Moments
from parties.data.dataset import open_dataset
from parties.data.source import Dataset
from tests.support.aggregating import (
    AGE,
    INCOME,
    NUMBER,
    SMOKER,
    VISITS,
    WARD,
    People,
    at,
    compare,
    people,
    streamed,
)  # fmt: skip

sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (the extra spark)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed"),
]


@pytest.fixture
def session(tmp_path) -> Iterator[object]:
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for key in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(key, "127.0.0.1")
    builder = builder.config("spark.sql.shuffle.partitions", "1").config("spark.sql.warehouse.dir", str(tmp_path / "w"))
    session = builder.getOrCreate()
    people(31, 3000).to_parquet(tmp_path / "people.parquet")
    session.read.parquet(str(tmp_path / "people.parquet")).write.saveAsTable("people")
    yield session
    session.stop()


def some() -> list[Aggregate]:
    old = ex.logical("|", ex.comparison(">", AGE, ex.public(60.3)), SMOKER)
    columns = [AGE, INCOME, VISITS]
    zeros, ones = np.zeros(3), np.ones(3)
    return [
        Count([AGE, SMOKER, WARD], old),
        Crosstab([WARD, SMOKER], [3, 2], ex.unary("not", old)),
        Sum([NUMBER]),
        Sum([INCOME], old),
        Largest(INCOME, [None, old]),
        Moments(columns, zeros, np.array([120.0, 1e9, 1000.0]), [None, old, None]),
        Moments([AGE] * 3, zeros, 120 * ones, [at(0), at(1), at(2, SMOKER)]),
        CrossMoments(columns, zeros, ones),
    ]


@pytest.mark.usefixtures("session")
def test_both_ways_are_equal(tmp_path):
    asked = open_dataset(Dataset("people", "pyspark://", "people"), People.schema)
    read = open_dataset(Dataset("people", str(tmp_path / "people.parquet")), People.schema)
    assert asked.check().describe() | {"file": ""} == read.check().describe() | {"file": ""}
    assert (asked.streamed, asked.apart) == ("", {})
    results = asked.aggregated(some())
    for aggregate, found, right in zip(some(), results, streamed(read, some()), strict=True):
        assert found is not None, asked.streamed
        compare(found, right, type(aggregate).__name__)
    shown = asked.explained(some())
    assert (shown.dialect, shown.pushed) == ("pyspark", 8)
    print("\n".join(shown.lines()))
