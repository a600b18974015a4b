"""Sources of daily life: databases that hold text in columns of numbers, files as R, pandas and Excel write them."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mpc.errors import ConfigError, DataError
from mpc.tables.schema import Category, Flag, Integer, Real, Schema, Table
from parties.data.databases import _explained, absolute
from parties.data.dataschema import read_schema
from parties.organization.catalog import Catalog, Dataset, open_dataset

NAN = float("nan")


class People(Table):
    age = Real(0, 120, unit="years", missing="NA")
    smoker = Flag()
    ward = Category("surgery", "medicine", "other")


class Coded(Table):
    pclass = Category("1", "2", "3")


ROWS = "20,1,surgery\n21,no,medicine\n,0,other\n"


def read(dataset: Dataset, schema: Schema = People.schema):
    rows = open_dataset(dataset, schema, threads=1)
    brought = rows.check()
    parts = list(rows.batches(schema.names))
    return brought, {name: np.concatenate([part[name] for part in parts]) for name in schema.names}


def file(folder: Path, text: str | bytes, name: str = "rows.csv", schema: str = "") -> Dataset:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    if schema:
        (folder / "schema.toml").write_text(schema)
    return Dataset("d", str(folder / name), None, folder / "schema.toml" if schema else None)


def holds_the_three(columns):
    np.testing.assert_array_equal(columns["age"], [20, 21, NAN])
    np.testing.assert_array_equal(columns["smoker"], [1, 0, 0])
    np.testing.assert_array_equal(columns["ward"], [0, 1, 2])


# ---- databases
def sqlite(folder: Path, rows: list[tuple[object, ...]], declared: str = "age INTEGER, smoker INTEGER, ward TEXT"):
    with sqlite3.connect(folder / "clinic.sqlite") as base:
        base.execute(f"create table people({declared})")
        base.executemany(f"insert into people values({', '.join('?' * len(rows[0]))})", rows)
    base.close()
    return Dataset("d", f"sqlite://{folder}/clinic.sqlite", "people")


KNOWN = [(40, 1, "surgery")] * 30 + [("", "", "other")] * 10


@pytest.mark.parametrize(
    "declared",
    [
        "age INTEGER, smoker INTEGER, ward TEXT",
        "age, smoker, ward",
        "age REAL, smoker BOOLEAN, ward VARCHAR(9)",
        "age TEXT, smoker TEXT, ward BLOB",
    ],
)
def test_blanks_in_columns_of_sqlite_are_missing(tmp_path, declared):
    brought, columns = read(sqlite(tmp_path, [*KNOWN, (" NA ", 0.0, " other"), (None, "No", None)], declared))
    assert (brought.rows, brought.missing) == (42, {"age": 12, "smoker": 10, "ward": 1})
    assert np.nanmean(columns["age"]) == 40
    np.testing.assert_array_equal(columns["smoker"][29:], [1, *[NAN] * 10, 0, 0])


@pytest.mark.parametrize("wrong", ["12,5", "7 kg", "n/a", "0x1F", b"40", "1 2", "4_0"])
def test_text_in_a_column_of_numbers_is_no_number(tmp_path, wrong):
    with pytest.raises(DataError, match=r"column age: 1 of 31 values are not numbers .*\n.*missing = ") as error:
        read(sqlite(tmp_path, [*KNOWN, (wrong, 0, "other")]))
    assert str(wrong) not in str(error.value)
    (tmp_path / "clinic.sqlite").unlink()
    dataset = sqlite(tmp_path, [(1, wrong, "other")])
    with pytest.raises(DataError, match="column smoker: 1 of 1 values are neither true nor false"):
        read(dataset)


def test_the_same_text_is_refused_through_every_source(tmp_path):
    table = "(values ('40', '1', 'other'), ('7 kg', '', 'other'), ('', 'x', 'Other')) t(age, smoker, ward)"
    duckdb.sql(f"copy (select * from {table}) to '{tmp_path}/p.parquet'")
    duckdb.sql(f"copy (select * from {table}) to '{tmp_path}/p.csv'")
    with duckdb.connect(str(tmp_path / "p.duckdb")) as base:
        base.execute(f"create table people as select * from {table}")
    sources = [
        Dataset("d", str(tmp_path / "p.parquet")),
        Dataset("d", str(tmp_path / "p.csv")),
        Dataset("d", f"duckdb://{tmp_path}/p.duckdb", "people"),
        sqlite(tmp_path, [(40, 1, "other"), ("7 kg", "", "other"), ("", "x", "Other")]),
    ]
    said = set()
    for source in sources:
        with pytest.raises(DataError) as error:
            read(source)
        said.add("\n".join(str(error.value).splitlines()[:-1]))
    assert len(said) == 1
    assert "column age: 1 of 2 values are not numbers" in said.pop()


def test_whole_numbers_of_sqlite_keep_every_digit(tmp_path):
    class Ids(Table):
        number = Integer(0, 2**61)

    dataset = sqlite(tmp_path, [(2**53 + 1,), (str(2**60 + 1),), (None,), (7.0,)], "number")
    columns = read(Dataset("d", dataset.source, "people"), Ids.schema)[1]
    assert columns["number"].tolist()[:2] == [2**53 + 1, 2**60 + 1]
    assert columns["number"][3] == 7
    (tmp_path / "clinic.sqlite").unlink()
    with pytest.raises(DataError, match="1 of 1 values are not exact whole numbers"):
        read(sqlite(tmp_path, [(2.0**53 + 2,)], "number"), Ids.schema)


def test_views_and_odd_names_of_sqlite(tmp_path):
    dataset = sqlite(tmp_path, [(20, 1, "surgery"), (21, "no", "medicine"), ("", 0, "other")])
    with sqlite3.connect(tmp_path / "clinic.sqlite") as base:
        base.execute('create view "lab.people ""now""" as select ward, smoker, age from people')
    base.close()
    holds_the_three(read(Dataset("d", dataset.source, 'lab.people "now"'))[1])
    holds_the_three(read(Dataset("d", dataset.source, "main.people"))[1])


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_what_is_wrong_with_a_database_file_is_named(tmp_path, kind, monkeypatch):
    def message(source: str, table: str = "people") -> str:
        with pytest.raises(ConfigError) as error:
            read(Dataset("d", source, table))
        return str(error.value)

    monkeypatch.chdir(tmp_path)
    assert f"no such file: {tmp_path}/none.db\nWrite an absolute path:  {kind}:///folder/none.db" in message(
        f"{kind}://none.db"
    )
    assert "names no file" in message(f"{kind}://")
    assert "is not a file" in message(f"{kind}://{tmp_path}")
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at" * 100)
    assert f"is not a {'DuckDB' if kind == 'duckdb' else 'SQLite'} file" in message(f"{kind}://{tmp_path}/text.db")
    if kind == "duckdb":
        with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
            base.execute("create table patients(age int)")
    else:
        sqlite(tmp_path, [(1,)], "age")
        sqlite3.connect(tmp_path / "clinic.sqlite").execute("alter table people rename to patients")
    assert "table people does not exist; the tables there are: patients" in message(
        f"{kind}://{tmp_path}/clinic.{kind}"
    )
    assert absolute(f"{kind}://clinic.{kind}") == f"{kind}://{tmp_path}/clinic.{kind}"
    assert absolute("postgres://reader@db/clinic") == "postgres://reader@db/clinic"


def test_a_relative_database_path_is_made_absolute_when_it_is_added(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from parties.cli.main import main

    monkeypatch.chdir(tmp_path)
    sqlite(tmp_path, [(20, 1, "surgery")])
    run = CliRunner().invoke
    assert run(main, ["init", "lab", "--home", "home", "--listen", "127.0.0.1:7699"]).exit_code == 0
    added = run(main, ["data", "add", "d", "sqlite://clinic.sqlite", "--table", "people", "--home", "home"])
    assert added.exit_code == 0, added.output
    assert Catalog.load(tmp_path / "home").dataset("d").source == f"sqlite://{tmp_path}/clinic.sqlite"


def test_columns_of_types_that_hold_no_number(tmp_path):
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
        base.execute("create type ward as enum ('surgery', 'medicine', 'other')")
        base.execute("create table people(age hugeint, smoker decimal(3, 1), ward ward)")
        base.execute("insert into people values (20, 1, 'surgery'), (21, 0.0, 'medicine'), (null, 0, 'other')")
        base.execute("create table lists as select [age] as age, smoker, ward from people")
    source = f"duckdb://{tmp_path}/clinic.duckdb"
    holds_the_three(read(Dataset("d", source, "people"))[1])
    with pytest.raises(DataError, match=r"column age: expected a number .*, found a column of type list<"):
        read(Dataset("d", source, "lists"))


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("connection to server at \"db\", port 5433 failed: Connection refused", "no database answers at db:5433"),
        ("connection timeout expired", "no database answers at db:5433"),
        ("could not translate host name \"db\" to address", "no host is called db"),
        ("FATAL: password authentication failed for user \"reader\"", "refuses the user reader"),
        ("FATAL: role \"reader\" does not exist", "has no user reader"),
        ("FATAL: database \"clinic\" does not exist", "has no database clinic"),
        ("permission denied for table people", "may not read people"),
        ("(1045, \"Access denied for user 'reader'@'db' (using password: YES)\")", "refuses the user reader"),
        ("(1049, \"Unknown database 'clinic'\")", "has no database clinic"),
        ("no pg_hba.conf entry for host", "does not let the user reader in"),
    ],
)  # fmt: skip
def test_what_a_driver_says_becomes_what_to_change(said, what):
    dataset = Dataset("d", "postgres://reader:s3cret@db:5433/clinic", "people")
    error = _explained(dataset, RuntimeError(said))
    assert isinstance(error, ConfigError)
    assert what in str(error)
    assert "s3cret" not in str(error)


def test_a_password_with_a_slash_is_told_and_not_shown():
    error = _explained(Dataset("d", "postgres://reader:se/cret@db:54x/clinic", "people"), ValueError("se"))
    assert "%2F for /" in str(error)
    assert "se/cret" not in str(error)


# ---- files
@pytest.mark.parametrize(
    "text",
    [
        '"","age","smoker","ward"\n"1",20,1,"surgery"\n"2",21,"no","medicine"\n"3",NA,0,"other"\n',  # R, write.csv
        '"age","smoker","ward"\n"1",20,1,"surgery"\n"2",21,"no","medicine"\n"3",NA,0,"other"\n',  # R, write.table
        ",age,smoker,ward\n0,20,1,surgery\n1,21,no,medicine\n2,,0,other\n",  # pandas
        "age,smoker,ward,\n20,1,surgery,\n21,no,medicine,\n,0,other,\n",  # Excel
        "age;smoker;;ward;;\n20;1;;surgery;;\n21;no;x;medicine;;y\n;0;;other;;\n",  # blank columns
        ",,age,smoker,ward\na,0,20,1,surgery\na,1,21,no,medicine\nb,2,,0,other\n",  # pandas, two levels of an index
        "sep=;\r\nage;smoker;ward\r\n20;1;surgery\r\n21;no;medicine\r\n;0;other\r\n",  # Excel's own line
        "age,smoker,note,ward,note\n20,1,x,surgery,y\n21,no,x,medicine,y\n,0,x,other,y\n",  # twice, and not needed
        '\ufeff"","age","smoker","ward"\n"1",20.0,1.0,"surgery"\n"2",21.0,0.0,"medicine"\n"3",,0.0,"other"\n',
        "Age,age,smoker,ward\n1,20,1,surgery\n1,21,no,medicine\n1,,0,other\n",
    ],
)
def test_files_as_other_programs_write_them(tmp_path, text):
    brought, columns = read(file(tmp_path, text))
    assert brought.rows == 3
    holds_the_three(columns)


def test_lines_with_one_empty_cell_more_than_names_are_not_guessed_at(tmp_path):
    with pytest.raises(DataError, match="every line has one cell more than the first"):
        read(file(tmp_path, "age,smoker,ward\n20,1,surgery,\n21,0,medicine,\n"))


@pytest.mark.parametrize(
    "rows",
    [
        "20,5,1,surgery\n21,5,0,medicine\n22,5,1,other\n",
        "20,5,1,surgery\n20,7,0,medicine\n",
        "1,5,1,surgery\n2,5,0,other\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_decimal_comma_is_not_taken_for_the_name_of_a_row(tmp_path, rows, encoding):
    """Each line has one cell more than there are names, as where R writes row names: the age would be 5."""
    declared = f'decimal = ","\nencoding = "{encoding}"\n[columns.age]\ntype = "real"'
    with pytest.raises(DataError, match=r"every line has one cell more than the first.*\n.*a decimal comma"):
        read(file(tmp_path, f"age,smoker,ward\n{rows}", schema=declared))
    with pytest.raises(DataError, match="a decimal comma"):
        read(file(tmp_path, "pclass\n2,0\n3,0\n"), Coded.schema)
    for names in ("1", "2", "3"), ("Anna", "Eva", "1b"):
        lines = "".join(f'"{name}",{row}\n' for name, row in zip(names, ROWS.splitlines(), strict=True))
        holds_the_three(read(file(tmp_path, f"age,smoker,ward\n{lines}"))[1])


def test_whole_floats_are_codes_in_every_form(tmp_path):
    wanted = [0, NAN, 2]
    for text in ("pclass\n1.0\n\n3.0\n", "pclass,\n1,\n ,\n3,\n", "x,pclass\n,1.00\n,\n, 3.0\n"):
        np.testing.assert_array_equal(read(file(tmp_path, text), Coded.schema)[1]["pclass"], wanted)
    duckdb.sql(f"copy (select * from (values (1.0::double), (null), (3.0)) t(pclass)) to '{tmp_path}/c.parquet'")
    np.testing.assert_array_equal(read(Dataset("d", str(tmp_path / "c.parquet")), Coded.schema)[1]["pclass"], wanted)
    with pytest.raises(DataError, match="2 of 2 values are not among its levels"):
        read(file(tmp_path, "pclass\n1.5\n01\n"), Coded.schema)


GERMAN = """
decimal = ","
thousands = "."
encoding = "{}"
[columns.age]
type = "real"
missing = ["ohne"]
[columns.smoker]
type = "flag"
true = ["Ja"]
false = ["Nein"]
[columns.ward]
type = "category"
levels = ["surgery", "medicine", "other"]
recode = {{ "Chirurgie" = "surgery", "2" = "medicine", "Übrige" = "other" }}
from = "Abteilung, heute"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_files_of_another_country(tmp_path, encoding, name):
    text = (
        'age;smoker;"Abteilung, heute";Größe\r\n20,0;Ja;Chirurgie;1\r\n0.021;nein;2;"a\r\nb"\r\n'
        "ohne;Nein;Übrige;1.234,5\r\n1.234,5;;other;2\r\n"
    )
    raw = (gzip.compress if name.endswith(".gz") else bytes)(text.encode(encoding))
    dataset = file(tmp_path, raw, name, GERMAN.format(encoding))
    with pytest.raises(DataError, match=r"column age: 1 of 3 values are outside 0..120 years"):
        read(dataset)
    (tmp_path / "schema.toml").write_text('on_invalid = "drop"\n' + GERMAN.format(encoding))
    brought, columns = read(dataset)
    assert (brought.rows, brought.dropped) == (3, 1)
    holds_the_three(columns)


def test_an_encoding_that_is_not_declared_is_named(tmp_path):
    text = f"age,smoker,ward\n{ROWS}"
    with pytest.raises(DataError, match=r'rows\.csv is UTF-16 text\n.*encoding = "utf-16"'):
        read(file(tmp_path, text.encode("utf-16")))
    with pytest.raises(DataError, match=r'not UTF-8 text\n.*encoding = "cp1252"'):
        read(file(tmp_path, f"größe,{text}".encode("cp1252")))
    later = "\n".join(["age,smoker,ward,x", *["20,1,surgery,x"] * 9999, "21,1,Übrige,x"])
    with pytest.raises(DataError, match=r'not text in its encoding\n.*encoding = "cp1252"'):
        read(file(tmp_path, later.encode("latin-1")))
    with pytest.raises(DataError, match="line 3 has 2 cells; the first line names 3"):
        read(
            file(tmp_path, "age;smoker;ward\n1;1;other\n2;1\n", schema='encoding = "cp1252"\n[columns.x]\ntype="flag"')
        )


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_lines_that_are_no_rows(tmp_path, encoding):
    """Blank lines are passed over, and separators at an end of some lines; what else has other cells is named."""
    declared = f'encoding = "{encoding}"\n[columns.smoker]\ntype = "flag"'
    first, *others = ROWS.splitlines()
    for text in (f"{first}\n\n\n" + "\n".join(others) + "\n\n", f"{first},\n" + "\n".join(others)):
        brought, columns = read(file(tmp_path, "age,smoker,ward\n" + text, schema=declared))
        assert brought.rows == 3
        holds_the_three(columns)
    for line, cells in (("   ", "1 cell;"), ("22,1", "2 cells"), ("22,1,other,5", "4 cells"), ("# end", "1 cell;")):
        with pytest.raises(DataError, match=f"line 5 has {cells}.*names 3 columns\n.*a comment, a sum, or blanks"):
            read(file(tmp_path, f"age,smoker,ward\n{ROWS}{line}\n", schema=declared))


def test_what_can_be_declared_is_named_for_the_columns_that_need_it(tmp_path):
    with pytest.raises(DataError) as numbers:
        read(file(tmp_path, 'age,smoker,ward\n"20,5",1,surgery\n'))
    assert 'decimal = ","' in str(numbers.value)
    assert "Ja" not in str(numbers.value)
    assert "recode" not in str(numbers.value)
    with pytest.raises(DataError) as words:
        read(file(tmp_path, "age,smoker,ward\n20,Ja,Chirurgie\n"))
    assert 'true = ["Ja"]' in str(words.value)
    assert "recode" in str(words.value)
    assert "decimal" not in str(words.value)


def test_a_quote_that_does_not_end_is_no_end_of_the_rows(tmp_path):
    text = 'age,smoker,ward\n20,1,"surgery\n21,0,medicine\n22,0,other\n'
    for encoding in ("utf-8", "cp1252"):
        with pytest.raises(DataError, match="cannot be read as CSV"):
            read(file(tmp_path, text, schema=f'encoding = "{encoding}"\n[columns.x]\ntype="flag"'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('encoding = "klingon"', "no encoding 'klingon'"),
        ('encoding = "base64"', "no encoding 'base64'"),
        ('decimal = ";"', 'decimal must be "." or ","'),
        ('decimal = ","\nthousands = ","', "thousands must be one of"),
        ('[columns.a]\ntype = "flag"\ntrue = ["x"]\nfalse = ["X"]', "'x' is both true and false"),
        ('[columns.a]\ntype = "category"\nlevels = ["x", "y"]\nrecode = ["x"]', "recode must give a level"),
        ('[columns.a]\ntype = "flag"\ndecimal = ","', "unknown key 'decimal'"),
        ('[columns.a]\ntype = "integer"\nlow = 0.5', "low and high must be whole numbers"),
        ('[columns.a]\ntype = "integer"\nhigh = 2305843009213693953', r"between -2\^61 and 2\^61"),
        ('[columns.a]\ntype = "integer"\nlow = 3\nhigh = 3', r"low \(3\) must be below high"),
    ],
)
def test_declarations_that_are_wrong(tmp_path, text, message):
    if "[columns" not in text:
        text += '\n[columns.a]\ntype = "flag"'
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_schema(tmp_path / "s.toml")


def test_levels_that_are_none_are_told_before_anything_is_read(tmp_path):
    schema = '[columns.ward]\ntype = "category"\nlevels = ["a", "b"]\nrecode = { x = "Surgery" }\n'
    with pytest.raises(DataError, match="recode names 'Surgery', which is not a level; expected one of surgery"):
        open_dataset(file(tmp_path, f"age,smoker,ward\n{ROWS}", schema=schema), People.schema)


# ---- which rows
def test_rows_are_named_where_their_owner_asks(tmp_path):
    file(tmp_path, "age,smoker,ward\n20,1,surgery\nold,2,x\n130,1,other\n", "r1.csv")
    file(tmp_path, "ward,age,smoker\nother,5,1\nother,-1,1\n", "r2.csv")
    rows = open_dataset(Dataset("d", str(tmp_path / "r*.csv")), People.schema)
    with pytest.raises(DataError) as error:
        rows.check(show_rows=20)
    assert "column age, r1.csv: rows 2, 3\n" in str(error.value)
    assert "column ward, r1.csv: row 2\n" in str(error.value)
    assert "column age, r2.csv: row 2\n" in str(error.value)
    assert not any(value in str(error.value) for value in ("old", "130"))
    with pytest.raises(DataError) as error:
        rows.check()
    assert "row 2" not in str(error.value)
    with pytest.raises(DataError, match=r"column age, r1\.csv: row 2 and 1 more"):
        rows.check(show_rows=1)


def test_data_check_rows_of_the_command_line(tmp_path):
    from click.testing import CliRunner

    from parties.cli.main import main

    file(
        tmp_path, "age,smoker,ward\n20,1,surgery\nold,2,x\n", schema='on_invalid = "drop"\n[columns.age]\ntype = "real"'
    )
    run, home = CliRunner().invoke, str(tmp_path / "home")
    run(main, ["init", "lab", "--home", home, "--listen", "127.0.0.1:7698"])
    run(
        main,
        ["data", "add", "d", str(tmp_path / "rows.csv"), "--schema", str(tmp_path / "schema.toml"), "--home", home],
    )
    quiet, loud = (run(main, ["data", "check", "d", "--home", home, *more]) for more in ([], ["--rows"]))
    assert quiet.exit_code == loud.exit_code == 0
    assert "row 2" not in quiet.output
    assert "column age, rows.csv: row 2" in loud.output


# ---- as many levels as codes have
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_thousand_levels_cost_what_two_do(tmp_path):
    levels = [f"{chr(65 + i // 100)}{i % 100:02d}" for i in range(2000)]
    text = "code,half\n" + "\n".join(f"{levels[i * i % 2000]},{'ab'[i % 2]}" for i in range(20_000))
    (tmp_path / "s.csv").write_text(text)
    code = f"""
import time
from mpc.tables.schema import Category, Table
from parties.organization.catalog import Dataset, open_dataset
class Stays(Table):
    code = Category(*{levels!r})
class Halves(Table):
    half = Category("a", "b")
for table in (Halves, Stays) * 4:
    begin = time.process_time()
    rows = open_dataset(Dataset("d", {str(tmp_path / "s.csv")!r}), table.schema)
    rows.check()
    assert sum(len(batch[table.schema.names[0]]) for batch in rows.batches(table.schema.names)) == 20_000
    print(time.process_time() - begin)
# What a process is forked from counts in ru_maxrss.
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *seconds, megabytes = map(float, done.stdout.split())
    assert min(seconds[1::2]) < min(seconds[::2]) + 0.5
    assert megabytes < 400


def test_the_check_of_many_rows_tells_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("parties.data.dataset.MANY_ROWS", 100_000)
    (tmp_path / "p.csv").write_text("x\n" + "0.5\n" * 300_000)

    class Rows(Table):
        x = Real(0, 1)

    source, told = open_dataset(Dataset("d", str(tmp_path / "p.csv")), Rows.schema, pushed_from=1 << 40), []
    source.on_rows = lambda rows, about: told.append((rows, about))
    assert source.check().rows == 300_000
    assert told
    assert told == sorted(told)
    assert all(100_000 <= rows <= 300_000 for rows, _ in told)
    assert {about for _, about in told} <= {300_000, 300_001}
