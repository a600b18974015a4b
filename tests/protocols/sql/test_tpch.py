"""Queries of TPC-H over tables of three organizations: the answers are DuckDB's."""

import pytest

from tests.support import tpch
from tests.support.sql import answer, differences, duckdb_answer
from tests.support.tpch_queries import QUERIES

TABLES = tpch.made()
ROWS = {name: len(frame) for name, frame in TABLES.items()}


@pytest.mark.parametrize("number", QUERIES)
def test_the_answer_is_duckdbs(number):
    wanted = duckdb_answer(QUERIES[number], TABLES)
    assert wanted
    assert not all(cell is None for row in wanted for cell in row)
    found = answer(QUERIES[number], tpch.scenario(), tpch.brought(TABLES), rows=ROWS, unique=tpch.UNIQUE)
    assert not differences(found, wanted, ordered="ORDER BY" in QUERIES[number], relative=1e-5)


@pytest.mark.parametrize("number", [5, 6, 12, 13, 14])
def test_the_answer_is_duckdbs_on_shares(number):
    tables = tpch.made(customers=8, orders=16, parts=8, suppliers=5)
    rows = {name: len(frame) for name, frame in tables.items()}
    wanted = duckdb_answer(QUERIES[number], tables)
    found = answer(
        QUERIES[number], tpch.scenario(), tpch.brought(tables), engine="replicated", rows=rows, unique=tpch.UNIQUE
    )
    assert not differences(found, wanted, ordered="ORDER BY" in QUERIES[number], relative=1e-5)
