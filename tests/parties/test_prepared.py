"""Tables prepared in an embedded database: the same rows as in memory, from every kind of source."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mpc.errors import ConfigError, DataError
from mpc.tables.prepare.memory import run
from mpc.tables.prepare.nodes import Scan
from mpc.tables.rows import BATCH_ROWS
from parties.data.dataset import open_dataset
from parties.data.prepared.workspace import Workspace
from protocols.assembly import rows_of
from tests.support.prepared import PEOPLE, TAX, People, Tax, above, frame, grouped, queries, same_rows
from tests.support.prepared_files import opened, prepared, written

KINDS = ("CSV", "Parquet", "SQLite", "DuckDB")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "others"), [(200, 30), (1, 1), (0, 5)])
def test_a_database_prepares_the_same_rows_as_memory(tmp_path, kind, rows, others):
    rng = np.random.default_rng(rows)
    tax, people = frame(rng, Tax, rows), frame(rng, People, others, keys=20)
    memory = {"tax": rows_of(tax, Tax.schema), "people": rows_of(people, People.schema)}
    tables = opened(tmp_path, kind, tax, people)
    for query in queries().values():
        same_rows(run(query, memory), prepared(query, tables))


@pytest.mark.parametrize("kind", ["CSV", "Parquet", "DuckDB"])
@pytest.mark.parametrize(("rows", "others"), [(200, 30), pytest.param(0, 5, marks=pytest.mark.slow)])
def test_the_rows_database_prepares_the_same_rows_as_memory(tmp_path, kind, rows, others, monkeypatch):
    """Inside of the database where the rows live, but for what SQL cannot say with the same meaning."""
    streamed = []
    stream = Workspace._stream
    monkeypatch.setattr(Workspace, "_stream", lambda self, q, *more: (streamed.append(q), stream(self, q, *more))[1])
    rng = np.random.default_rng(rows)
    tax, people = frame(rng, Tax, rows), frame(rng, People, others, keys=20)
    memory = {"tax": rows_of(tax, Tax.schema), "people": rows_of(people, People.schema)}
    tables = opened(tmp_path, kind, tax, people, pushed_from=0)
    for name, query in queries().items():
        streamed.clear()
        same_rows(run(query, memory), prepared(query, tables))
        # Tags of keys are computed here, and dates are read here; steps after the first are in a database of ours.
        first = [chosen for chosen in streamed if isinstance(chosen.source, Scan)]
        assert all(chosen.source == PEOPLE for chosen in first), name
    streamed.clear()
    beyond = grouped(["person"], where=above("income", 1e6), within={"total": (0, 1)}, total=("paid", "sum"))
    assert len(prepared(beyond, tables)["total"]) == 0
    assert streamed == []


def test_rows_left_out_stay_out_of_prepared_tables(tmp_path):
    rng = np.random.default_rng(6)
    tax, people = frame(rng, Tax, 200), frame(rng, People, 5)
    outside = tax.assign(income=[2e6 if k % 3 else v for k, v in enumerate(tax.income)])
    schema = tmp_path / "schema.toml"
    schema.write_text('on_invalid = "drop"\n[columns.income]\ntype = "real"\nlow = -1e5\nhigh = 1e6\nunit = "EUR"\n')
    kept = {"tax": rows_of(tax.iloc[::3], Tax.schema), "people": rows_of(people, People.schema)}
    for least in (0, 1 << 30):
        given = written(tmp_path, "Parquet", "tax", outside)
        rows = open_dataset(replace(given, schema=schema), Tax.schema, threads=1, pushed_from=least)
        assert rows.check().dropped == 200 - len(tax.iloc[::3])
        for name in ("by person", "latest", "head"):
            same_rows(run(queries()[name], kept), prepared(queries()[name], {"tax": rows}))


def test_rows_are_computed_once_and_read_as_often_as_needed(tmp_path):
    rng = np.random.default_rng(0)
    tables = opened(tmp_path, "CSV", frame(rng, Tax, 50), frame(rng, People, 5))
    beats = []
    rows = tables["tax"].prepared(queries()["by person"], tables, lambda: beats.append(1))
    assert beats == []  # nothing is read before somebody asks
    once = [batch["total"].tolist() for batch in rows.batches(["total"])]
    done = len(beats)
    assert done >= 1
    assert [batch["total"].tolist() for batch in rows.batches(["total"])] == once
    (empty,) = rows.batches([])
    assert len(empty[""]) == len(once[0])
    assert len(beats) == done


def test_a_prepared_table_is_not_computed_again_for_the_next(tmp_path):
    rng = np.random.default_rng(4)
    tables = opened(tmp_path, "CSV", frame(rng, Tax, 50), frame(rng, People, 5))
    first = grouped(["person"], most_per_key=100_000, total=("income", "sum"), n="count")
    once = tables["tax"].prepared(first, tables, lambda: None)
    second = grouped(["n"], of=first, persons="count")
    expected = prepared(second, tables)
    assert len(list(once.batches([]))) == 1
    (tmp_path / "tax.csv").unlink()  # nobody reads it
    with pytest.raises(ConfigError, match="no such file"):
        prepared(second, tables)
    same_rows(expected, prepared(second, {"tax": tables["tax"], first.digest.hex(): Given(once)}))


class Given:
    """Rows that were read before."""

    def __init__(self, rows):
        self._rows = rows

    def batches(self, columns):
        return self._rows.batches(columns)


def test_memory_is_bounded_and_what_is_written_is_private_and_removed(tmp_path, monkeypatch):
    from parties.data import source

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(source, "MEMORY_LIMIT", "40MB")
    rng = np.random.default_rng(1)
    keys = 400_000
    tax = pd.DataFrame({"person": rng.permutation(keys), "income": rng.uniform(0, 1000, keys).round(2)})
    tax = tax.assign(year=2000, paid=1, ok=True, office="north")
    tables = opened(tmp_path, "Parquet", tax, frame(rng, People, 5))
    modes, sizes = set(), []

    def look():
        for path in folder.iterdir():
            modes.add(stat.S_IMODE(path.stat().st_mode))
            sizes.append(sum(file.stat().st_size for file in path.iterdir()))

    query = queries()["latest"]
    rows = tables["tax"].prepared(query, tables, look)
    batches = list(rows.batches(["person", "income"]))
    assert sum(len(batch["person"]) for batch in batches) == keys
    assert max(len(batch["person"]) for batch in batches) <= BATCH_ROWS
    assert sum(batch["income"].sum() for batch in batches) == pytest.approx(tax.income.sum())
    if os.name == "posix":
        assert modes == {0o700}
    del rows, batches
    assert list(folder.iterdir()) == []


def test_what_the_script_states_is_checked_by_the_owner(tmp_path):
    rng = np.random.default_rng(2)
    tables = opened(tmp_path, "CSV", frame(rng, Tax, 100), frame(rng, People, 5))
    with pytest.raises(DataError, match="of 12 keys have more than 2 rows"):
        prepared(grouped(["person"], most_per_key=2, n="count"), tables)
    with pytest.raises(DataError, match=r"total of \d+ of 12 keys is outside 0\.\.1"):
        prepared(grouped(["person"], within={"total": (0, 1)}, total=("income", "sum")), tables)


def test_a_source_that_changes_meanwhile_ends_the_run(tmp_path):
    rng = np.random.default_rng(3)
    tables = opened(tmp_path, "CSV", frame(rng, Tax, 100), frame(rng, People, 5))
    (tmp_path / "tax.csv").write_text("person,year,income,paid,ok,office\n1,2000,1,1,1,north\n")
    with pytest.raises(DataError, match="has changed since it was checked"):
        prepared(queries()["by person"], tables)


def test_scans_are_inputs_by_their_names():
    assert [scan.table for scan in queries()["inner"].scans()] == [TAX.table, PEOPLE.table]
