"""Dates and keys from every source: exact, or refused with what to declare."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from mpc import Date, Key, Real, Table
from mpc.errors import ConfigError, DataError
from mpc.tables.dates import days_of
from mpc.tables.entries import read as read_entries
from mpc.tables.keys import KeyColumn, second, tags
from mpc.tables.readers import Spelling
from mpc.tables.rows import BATCH_ROWS, MISSING
from mpc.tables.schema import Schema
from parties.cli.main import main
from parties.data.columns import read_arrow
from parties.data.dataschema import read_schema, schema_toml
from parties.data.dataset import RowCounts, open_dataset
from parties.data.source import Dataset
from parties.local.oracle import pooled, smallest

LONG = "1234567890123456789"


class People(Table):
    born = Date("1850-01-01", "2030-12-31")
    person = Key()


class Old(Table):
    born = Date("0001-01-01", "2030-12-31")
    person = Key()


def read(dataset: Dataset, schema: Schema = People.schema) -> tuple[RowCounts, dict[str, list[int]]]:
    rows = open_dataset(dataset, schema, threads=1)
    counts = rows.check()
    names = [*schema.names, *(second(c.name) for c in schema.columns if isinstance(c, KeyColumn))]
    parts = list(rows.batches(names))
    return counts, {name: np.concatenate([part[name] for part in parts]).tolist() for name in names}


def csv(folder: Path, text: str, schema: str = "") -> Dataset:
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    if schema:
        (folder / "schema.toml").write_text(schema, encoding="utf-8")
    return Dataset("d", str(folder / "rows.csv"), None, folder / "schema.toml" if schema else None)


def parquet(folder: Path, born: pa.Array, person: pa.Array) -> Dataset:
    pq.write_table(pa.table({"born": born, "person": person}), folder / "rows.parquet")
    return Dataset("d", str(folder / "rows.parquet"))


def holds_the_three(columns: dict[str, list[int]]) -> None:
    first, other = ([int(word) for word in words] for words in tags([LONG, "7"]))
    assert columns["born"] == [days_of("1899-12-31"), MISSING, days_of("2024-02-29")]
    assert columns["person"] == [first[0], MISSING, first[1]]
    assert columns[second("person")] == [other[0], MISSING, other[1]]


# ---- one identifier of 19 digits and a date before 1900, from every source
@pytest.mark.parametrize(
    "text",
    [
        f"born,person\n1899-12-31,{LONG}\n,\n2024-02-29,7\n",
        f'born;person\n"1899-12-31";"{LONG}"\n;\n2024-02-29 00:00:00;7\n',
        f"person\tborn\n{LONG}\t1899-12-31T00:00\n\t\n7\t2024-02-29\n",
    ],
)
def test_csv_files(tmp_path, text):
    counts, columns = read(csv(tmp_path, text))
    assert (counts.rows, counts.missing) == (3, {"born": 1, "person": 1})
    holds_the_three(columns)


DAYS = [datetime.date(1899, 12, 31), None, datetime.date(2024, 2, 29)]


@pytest.mark.parametrize("person", ["string", "large_string", "int64", "uint64", "decimal", "dictionary"])
@pytest.mark.parametrize(
    "born", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us"), "text", "dictionary"]
)
def test_parquet_files(tmp_path, born, person):
    texts = pa.array([LONG, None, "7"])
    persons = {
        "string": texts,
        "large_string": texts.cast(pa.large_string()),
        "int64": pa.array([int(LONG), None, 7]),
        "uint64": pa.array([int(LONG), None, 7], pa.uint64()),
        "decimal": pa.array([int(LONG), None, 7]).cast(pa.decimal128(20, 0)),
        "dictionary": texts.dictionary_encode(),
    }
    days = pa.array([None if day is None else day.isoformat() for day in DAYS])
    column = days.dictionary_encode() if born == "dictionary" else days if born == "text" else pa.array(DAYS).cast(born)
    holds_the_three(read(parquet(tmp_path, column, persons[person]))[1])


@pytest.mark.parametrize(("born", "person"), [("DATE", "BIGINT"), ("TIMESTAMP", "VARCHAR"), ("VARCHAR", "HUGEINT")])
def test_duckdb(tmp_path, born, person):
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
        base.execute(f"create table people(born {born}, person {person})")
        base.execute(f"insert into people values ('1899-12-31', '{LONG}'), (null, null), ('2024-02-29', '7')")
    holds_the_three(read(Dataset("d", f"duckdb://{tmp_path}/clinic.duckdb", "people"))[1])


@pytest.mark.parametrize("declared", ["born TEXT, person INTEGER", "born, person", "born DATE, person TEXT"])
def test_sqlite(tmp_path, declared):
    with sqlite3.connect(tmp_path / "clinic.sqlite") as base:
        base.execute(f"create table people({declared})")
        rows = [("1899-12-31", int(LONG)), (None, None), ("2024-02-29 00:00:00", "7")]
        base.executemany("insert into people values(?, ?)", rows)
    base.close()
    holds_the_three(read(Dataset("d", f"sqlite://{tmp_path}/clinic.sqlite", "people"))[1])


def test_batches_of_many_rows(tmp_path):
    size = BATCH_ROWS + 10
    numbers = np.arange(size) * 7919
    days = pa.array(np.arange(size, dtype=np.int32) % 10000 - 5000, pa.int32()).cast(pa.date32())
    columns = read(parquet(tmp_path, days, pa.array(numbers)))[1]
    assert columns["born"] == (np.arange(size) % 10000 - 5000).tolist()
    assert columns["person"] == tags(map(str, numbers.tolist()))[0].tolist()


# ---- what does not fit
def refused(dataset: Dataset, schema: Schema = People.schema) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(dataset, schema, threads=1).check()
    return str(caught.value)


def test_impossible_dates_are_counted(tmp_path):
    text = refused(
        csv(tmp_path, "born,person\n2023-02-30,a\n31.12.1999,b\n2024-1-5,c\n1849-12-31,d\n2000-01-01 08:00,e\n")
    )
    assert "column born: 4 of 5 values are not dates (expected a date in 1850-01-01..2030-12-31)" in text
    assert "column born: 1 of 5 values are outside 1850-01-01..2030-12-31" in text
    assert 'date_format = "%d.%m.%Y"' in text


def test_keys_that_would_not_match_are_refused_with_what_to_declare(tmp_path):
    text = refused(csv(tmp_path, "born,person\n,007 \n,007\n,7\n,7.0\n"))
    assert "column person: 1 of 4 keys have blanks around them: declare strip=True" in text
    assert 'column person: 1 of 4 keys begin with 0: declare leading_zeros="keep"' in text
    assert "column person: 1 of 4 keys are written as floating-point numbers" in text
    assert "007" not in text.replace('"007"', "")


def test_declared_normalisation_makes_one_key(tmp_path):
    class Normal(Table):
        person = Key(strip=True, leading_zeros="drop")

    columns = read(csv(tmp_path, 'person,x\n"007 ",\n7,\n 7,\n'), Normal.schema)[1]
    assert columns["person"] == [int(tags(["7"])[0][0])] * 3


def test_rounded_identifiers(tmp_path):
    floats = pa.array([7.0, None, float(LONG)])
    text = refused(parquet(tmp_path, pa.array(DAYS), floats))
    assert "column person: 1 of 2 keys are floating-point numbers that may have been rounded" in text
    columns = read(parquet(tmp_path, pa.array(DAYS), pa.array([7.0, None, 1e5])))[1]
    assert columns["person"] == [int(tags(["7"])[0][0]), MISSING, int(tags(["100000"])[0][0])]
    with sqlite3.connect(tmp_path / "clinic.sqlite") as base:
        base.execute("create table people(born, person REAL)")
        base.execute("insert into people values(null, ?)", (int(LONG),))
    base.close()
    assert "written as floating-point numbers" in refused(Dataset("d", f"sqlite://{tmp_path}/clinic.sqlite", "people"))


@pytest.mark.parametrize("born", [pa.timestamp("us", "UTC"), pa.time32("s"), pa.bool_(), pa.binary()])
def test_types_that_hold_no_date(tmp_path, born):
    text = refused(parquet(tmp_path, pa.nulls(3).cast(born), pa.array(["a", "b", "c"])))
    assert "column born: expected a date in 1850-01-01..2030-12-31, found a column of type" in text


@pytest.mark.parametrize("person", [pa.date32(), pa.bool_(), pa.timestamp("s"), pa.binary()])
def test_types_that_hold_no_key(tmp_path, person):
    text = refused(parquet(tmp_path, pa.array(DAYS), pa.nulls(3).cast(person)))
    assert "column person: expected a key, found a column of type" in text


def test_times_of_a_day_are_no_dates(tmp_path):
    born = pa.array([datetime.datetime(2000, 1, 1), datetime.datetime(2000, 1, 1, 0, 0, 1)], pa.timestamp("us"))
    assert "column born: 1 of 2 values are not dates" in refused(parquet(tmp_path, born, pa.array(["a", "b"])))


def test_rows_that_do_not_fit_are_dropped_where_the_owner_says_so(tmp_path):
    dropping = 'on_invalid = "drop"\n[columns.born]\ntype = "date"\n[columns.person]\ntype = "key"\n'
    text = "born,person\n2023-02-30,a\n2000-01-01,007\n2000-01-01,b\n"
    counts, columns = read(csv(tmp_path, text, dropping))
    assert (counts.rows, counts.dropped) == (1, 2)
    assert columns["person"] == [int(tags(["b"])[0][0])]
    assert columns[second("person")] == [int(tags(["b"])[1][0])]


def test_unique_keys_are_counted_in_the_rows_that_take_part(tmp_path):
    class Once(Table):
        person = Key(unique=True)
        x = Real(0, 1)

    text = "person,x\na,0\nb,0\na,5\n,0\n,0\n"
    assert read(csv(tmp_path, text, 'on_invalid = "drop"\n[columns.x]\ntype = "real"'), Once.schema)[0].rows == 4
    assert "column person: 1 rows repeat the key" in refused(csv(tmp_path, text.replace("5", "1")), Once.schema)


# ---- what the owner declares
@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("%d.%m.%Y", ["31.12.1899", "1.2.2020"]),
        ("%m/%d/%Y", ["12/31/1899", "02/01/2020"]),
        ("%Y%m%d", ["18991231", "20200201"]),
        ("%Y/%m/%d", ["1899/12/31", "2020/2/1"]),
    ],
)
def test_dates_in_a_declared_format(tmp_path, form, texts):
    expected = [days_of("1899-12-31"), days_of("2020-02-01")]
    text = "born,person\n" + "".join(f"{day},\n" for day in texts)
    schema = '[columns.born]\ntype = "date"\nmissing = ["never"]\n{}[columns.person]\ntype = "key"\n'
    for schema_text in (f'date_format = "{form}"\n' + schema.format(""), schema.format(f'date_format = "{form}"\n')):
        assert read(csv(tmp_path, text + "never,\n", schema_text))[1]["born"] == [*expected, MISSING]


def test_a_code_that_is_a_date_is_missing_in_every_form(tmp_path):
    class Coded(Table):
        born = Date("1850-01-01", "2030-12-31", missing=["9999-12-31", "0000-00-00"])
        person = Key()

    late = datetime.date(9999, 12, 31)
    for born in (
        pa.array([late, None]),
        pa.array([late, None]).cast(pa.timestamp("us")),
        pa.array(["9999-12-31", "0000-00-00"]),
        pa.array(["9999-12-31 00:00:00", ""]).dictionary_encode(),
    ):
        counts, _ = read(parquet(tmp_path, born, pa.array(["a", "b"])), Coded.schema)
        assert counts.missing == {"born": 2, "person": 0}
    text = 'date_format = "%d.%m.%Y"\n[columns.born]\ntype = "date"\n'
    assert read(csv(tmp_path, "born,person\n31.12.9999,a\n0000-00-00,b\n", text), Coded.schema)[0].missing["born"] == 2


@given(
    days=some.lists(some.none() | some.dates(datetime.date(1850, 1, 1), datetime.date(2030, 12, 31)), min_size=1),
    form=some.sampled_from(["", "%d.%m.%Y", "%Y%m%d", "%m/%d/%Y"]),
)
def test_written_dates_are_read_as_they_were(days, form):
    column, expected = People.schema["born"], [MISSING if day is None else days_of(day) for day in days]
    texts = [None if day is None else day.strftime(form or "%Y-%m-%d") for day in days]
    as_dates = pa.array(days, pa.date32())
    for array in (pa.array(texts, pa.string()), pa.array(texts, pa.string()).dictionary_encode(), as_dates):
        entries = read_arrow(column, array, Spelling(date_format=form))
        assert entries.values.tolist() == expected
        assert not entries.invalid.any()
    assert read_arrow(column, as_dates.cast(pa.timestamp("ns")), Spelling()).values.tolist() == expected
    assert read_entries(column, np.asarray(days, "datetime64[D]")).values.tolist() == expected
    assert read_entries(column, days).values.tolist() == expected


def test_numbers_are_dates_in_a_declared_format_only(tmp_path):
    (tmp_path / "s.toml").write_text('date_format = "%Y%m%d"\n[columns.born]\ntype = "date"\n')
    for numbers in (pa.array([18991231, None]), pa.array([18991231.0, None])):
        source = parquet(tmp_path, numbers, pa.array(["a", "b"]))
        assert "are not dates" in refused(source)
        declared = Dataset("d", source.source, None, tmp_path / "s.toml")
        assert read(declared)[1]["born"] == [days_of("1899-12-31"), MISSING]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('date_format = "%d.%m.%y"\n[columns.a]\ntype = "date"', "%Y \\(year in four digits\\)"),
        ('[columns.a]\ntype = "date"\ndate_format = "%B %d %Y"', "columns.a.: a date format has"),
        ('[columns.a]\ntype = "date"\ndate_format = 5', "date_format must be text"),
        ('[columns.a]\ntype = "date"\nlow = "1.1.1900"', r"low and high: write a date as an ISO text"),
        ('[columns.a]\ntype = "date"\nlow = "2000-01-01"\nhigh = "1999-01-01"', "must be before"),
        ('[columns.a]\ntype = "key"\ncase = "title"', r"columns.a.: case must be one of"),
        ('[columns.a]\ntype = "key"\nstrip = 1', r"columns.a.: strip must be True or False"),
        ('[columns.a]\ntype = "key"\nlow = 1', "columns of type key have"),
        ('[columns.a]\ntype = "id"', '"date", "key"'),
    ],
)
def test_declarations_that_are_wrong(tmp_path, text, what):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError, match=what):
        read_schema(tmp_path / "s.toml")


def test_limits_may_be_dates_of_toml(tmp_path):
    (tmp_path / "s.toml").write_text('[columns.a]\ntype = "date"\nlow = 1900-01-01\n')
    assert read_schema(tmp_path / "s.toml").schema["a"].low == days_of("1900-01-01")


def test_a_schema_file_says_what_the_schema_says(tmp_path):
    class Both(Table):
        born = Date("1850-01-01", "2030-12-31", missing="0000-00-00")
        person = Key(strip=True, case="lower", leading_zeros="drop", digits_only=True, form="NFKC", unique=True)
        other = Key(missing=["-1"])

    (tmp_path / "s.toml").write_text(schema_toml(Both.schema))
    assert read_schema(tmp_path / "s.toml").schema.columns == Both.schema.columns


def test_an_owner_cannot_normalise_in_another_way(tmp_path):
    text = refused(csv(tmp_path, "born,person\n,7\n", '[columns.person]\ntype = "key"\nstrip = true\n'))
    assert "the dataset's schema declares strip = true, the agreed one false" in text
    assert "columns.person" not in text


def test_the_plaintext_oracle_has_dates_and_keys_that_are_equal_where_they_are(tmp_path):
    rows = open_dataset(csv(tmp_path, "born,person\n1899-12-31,a\n,\n0001-01-01,a\n", ""), Old.schema, threads=1)
    rows.check()
    table = pooled(Old.schema, [rows])
    assert table.born.dt.year.tolist()[::2] == [1899, 1]
    assert table.born.isna().tolist() == table.person.isna().tolist() == [False, True, False]
    assert table.person[0] == table.person[2]
    rows = open_dataset(csv(tmp_path, "born,person\n1899-12-31,a\n2000-01-01,b\n", ""), Old.schema, threads=1)
    rows.check()
    table = pooled(Old.schema, [rows, rows])
    assert table.groupby("person").size().tolist() == [2, 2]
    assert smallest([Old.schema]) == 0  # days and tags are no numbers


def test_data_check_of_the_command_line(tmp_path):
    run, home = CliRunner().invoke, str(tmp_path / "home")
    source = csv(tmp_path, "born,person\n1899-12-31,7\n,\n", schema_toml(People.schema))
    run(main, ["init", "lab", "--home", home, "--listen", "127.0.0.1:7698"])
    run(main, ["data", "add", "people", source.source, "--schema", str(source.schema), "--home", home])
    checked = run(main, ["data", "check", "people", "--home", home])
    assert checked.exit_code == 0, checked.output
    assert [line.split()[0] for line in checked.output.splitlines()[1:3]] == ["born", "person"]
    assert "a date in 1850-01-01..2030-12-31" in checked.output
    assert "a key" in checked.output
