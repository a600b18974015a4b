"""Dates in an owner's database: read, compared and taken apart as this party does it."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpc.errors import DataError
from parties.data.dataset import open_dataset
from parties.data.source import Dataset
from tests.support.dated_people import People, equal, table


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.timestamp("s"), pa.string()])
@pytest.mark.parametrize("seed", [1, 2])
def test_dates_of_parquet_files(tmp_path, kind, seed):
    columns = table(400, seed)
    dates = {name: pa.array(columns.pop(name), pa.date32()).cast(kind) for name in ("born", "admitted")}
    pq.write_table(pa.table({**dates, **columns}), tmp_path / "people.parquet")
    equal(Dataset("people", str(tmp_path / "people.parquet")))


def test_dates_of_csv_files(tmp_path):
    columns = table(400, 3)
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    (tmp_path / "people.csv").write_text("born,admitted,person,cost\n" + "\n".join([*lines, "never, 2000-01-01 ,p,1"]))
    equal(Dataset("people", str(tmp_path / "people.csv")))


def test_dates_of_a_database(tmp_path):
    columns = table(400, 4)
    dates = {name: pa.array(columns.pop(name), pa.date32()) for name in ("born", "admitted")}
    arrow = pa.table({**dates, **columns})
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
        base.register("arrow", arrow)
        base.execute("create table people as select born, admitted::timestamp as admitted, person, cost from arrow")
    equal(Dataset("people", f"duckdb://{tmp_path}/clinic.duckdb", "people"))


@pytest.mark.parametrize(
    "wrong", ["2023-02-30", "0000-01-01", "2023-1-1", "31.12.1999", "2023-01-01 08:00", "infinity", "1949-12-31"]
)
def test_what_is_no_date_is_counted_alike(tmp_path, wrong):
    (tmp_path / "people.csv").write_text(f"born,admitted,person,cost\n2000-01-01,{wrong},p,1\n,2000-01-01,q,2\n")
    said = []
    for pushed_from in (0, None):
        rows = open_dataset(Dataset("d", str(tmp_path / "people.csv")), People.schema, pushed_from=pushed_from)
        with pytest.raises(DataError) as caught:
            rows.check()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "column admitted: 1 of 2 values are" in said[0]


def test_times_and_infinite_dates_of_a_database(tmp_path):
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
        base.execute("create table people(born date, admitted timestamp, person varchar, cost double)")
        base.execute(
            "insert into people values ('infinity', '2000-01-01 00:00:01', 'a', 1), ('2000-01-01', null, 'b', 2)"
        )
    for pushed_from in (0, None):
        dataset = Dataset("d", f"duckdb://{tmp_path}/clinic.duckdb", "people")
        with pytest.raises(DataError, match="column admitted: 1 of 1 values are not dates") as caught:
            open_dataset(dataset, People.schema, pushed_from=pushed_from).check()
        assert "column born: 1 of 2 values are outside" in str(caught.value)
