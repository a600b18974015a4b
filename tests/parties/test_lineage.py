"""Rows of an input behind those of prepared tables: the same in an embedded database as in memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mpc.tables.prepare import building, lineage
from mpc.tables.prepare.memory import run
from mpc.tables.prepare.nodes import Scan, Stacked
from mpc.tables.schema import Schema
from protocols.assembly import rows_of
from tests.support.prepared import PEOPLE, TAX, People, Tax, above, frame, grouped, queries, same_rows, select
from tests.support.prepared_files import opened, prepared

KEYS = [("person",), ("office", "year"), ()]


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("rows", [200, 0])
def test_keys_beside_rows_are_the_same_as_in_memory(tmp_path, rows, key):
    rng = np.random.default_rng(rows)
    tax, people = frame(rng, Tax, rows), frame(rng, People, 30, keys=20)
    memory = {"tax": rows_of(tax, Tax.schema), "people": rows_of(people, People.schema)}
    tables = opened(tmp_path, "Parquet", tax, people)
    found = 0
    for query in queries().values():
        if not any(scan.table == "tax" for scan in query.scans()):
            continue
        for of in (lineage.with_key, lineage.rows_with_key):
            keyed = of(query, "tax", key)
            if keyed is not None:
                found += 1
                assert set(keyed.names) <= set(keyed.query.schema.names)
                same_rows(run(keyed.query, memory), prepared(keyed.query, tables))
    assert found > 10


def test_the_rows_of_groups_are_all_of_their_rows():
    """The records of all persons whose incomes are positive together, also the records below 0, by office."""
    tax = frame(np.random.default_rng(3), Tax, 200)
    memory = {"tax": rows_of(tax, Tax.schema)}
    some = select(grouped(["person"], total=("income", "sum")), above("total", 0))
    keyed = lineage.rows_with_key(some, "tax", ("office",))
    assert keyed is not None
    (batch,) = memory["tax"].batches(["person", "office"])
    kept = batch["office"][np.isin(batch["person"], run(some, memory)["person"])]
    assert 0 < len(kept) < 200
    assert_array_equal(np.sort(run(keyed.query, memory)[keyed.names[0]]), np.sort(kept))


def test_tables_one_after_the_other(tmp_path):
    rng = np.random.default_rng(5)
    tax, people = frame(rng, Tax, 50), frame(rng, People, 5)
    memory = {"tax": rows_of(tax, Tax.schema), "people": rows_of(people, People.schema)}
    part = building.narrowed(select(TAX), ["person", "income"])
    parts = (part, building.narrowed(select(TAX), ["person", "income"]), part)
    stacked = Stacked(Schema("three", part.schema.columns), 150, parts)
    found = prepared(stacked, opened(tmp_path, "CSV", tax, people))
    assert len(found["income"]) == 150
    same_rows(run(stacked, memory), found)


def test_what_a_column_comes_from():
    totals = grouped(["person"], total=("income", "sum"), paid=("ok", "sum"))
    assert not lineage.is_made(totals, "person")
    assert lineage.is_made(totals, "total")
    assert lineage.is_of_flags(totals, "paid")
    assert not lineage.is_of_flags(totals, "total")
    assert list(lineage.keys_of(totals, "tax")) == [("person",)]
    assert list(lineage.keys_of(totals, "people")) == []
    assert not any(isinstance(scan, Scan) and scan is PEOPLE for scan in totals.scans())


def test_rows_that_were_forgotten_are_computed_again(tmp_path):
    rng = np.random.default_rng(0)
    tables = opened(tmp_path, "CSV", frame(rng, Tax, 50), frame(rng, People, 5))
    rows = tables["tax"].prepared(queries()["by person"], tables, lambda: None)
    first = [batch["total"].tolist() for batch in rows.batches(["total"])]
    rows.forget()
    rows.forget()
    again = [batch["total"].tolist() for batch in rows.batches(["total"])]
    assert list(map(sorted, again)) == list(map(sorted, first))
