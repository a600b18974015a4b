"""Texts from every source, and in schema files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpc import Table, Text
from mpc.errors import DataError
from parties.data.dataschema import read_schema, schema_toml
from parties.data.dataset import open_dataset
from parties.data.source import Dataset

ROWS = ["Zoë", None, "007"]


class People(Table):
    name = Text(missing="?")


def read(dataset: Dataset) -> list[str | None]:
    rows = open_dataset(dataset, People.schema, threads=1)
    assert rows.check().missing == {"name": 1}
    (batch,) = rows.batches(["name"])
    return list(batch["name"])


def test_csv_files(tmp_path):
    (tmp_path / "rows.csv").write_text("name\n Zoë\n?\n007\n", encoding="utf-8")
    assert read(Dataset("d", str(tmp_path / "rows.csv"))) == ROWS


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_files(tmp_path, type_):
    pq.write_table(pa.table({"name": pa.array(ROWS, pa.string()).cast(type_)}), tmp_path / "rows.parquet")
    assert read(Dataset("d", str(tmp_path / "rows.parquet"))) == ROWS


def test_whole_numbers_of_a_parquet_file(tmp_path):
    pq.write_table(pa.table({"name": pa.array([3012, None, 7])}), tmp_path / "rows.parquet")
    assert read(Dataset("d", str(tmp_path / "rows.parquet"))) == ["3012", None, "7"]


def test_databases(tmp_path: Path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as database:
        database.execute("CREATE TABLE people (name TEXT)")
        database.executemany("INSERT INTO people VALUES (?)", [[name] for name in ROWS])
    assert read(Dataset("d", f"duckdb://{tmp_path}/d.duckdb", "people")) == ROWS
    with sqlite3.connect(tmp_path / "d.sqlite") as lite:
        lite.execute("CREATE TABLE people (name TEXT)")
        lite.executemany("INSERT INTO people VALUES (?)", [[name] for name in ROWS])
    lite.close()
    assert read(Dataset("d", f"sqlite://{tmp_path}/d.sqlite", "people")) == ROWS


def test_what_is_no_text_is_counted(tmp_path):
    pq.write_table(pa.table({"name": pa.array([1.5, 2.5])}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="2 of 2 values are no texts of up to 256 characters"):
        open_dataset(Dataset("d", str(tmp_path / "rows.parquet")), People.schema, threads=1).check()


def test_a_schema_file(tmp_path):
    (tmp_path / "schema.toml").write_text(schema_toml(People.schema), encoding="utf-8")
    assert 'type = "text"' in (tmp_path / "schema.toml").read_text()
    declared = read_schema(tmp_path / "schema.toml")
    assert declared.columns["name"] == People.schema["name"]
