"""Datasets: what is counted, what is refused, and that rows come out as float64 in bounded memory."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mpc.errors import ConfigError, DataError, LocalProtocolError
from mpc.tables.rows import BATCH_ROWS
from mpc.tables.schema import Category, Flag, Real, Table
from parties.data.dataschema import read_schema, schema_toml
from parties.organization.catalog import Catalog, Dataset, open_dataset

NAN = float("nan")


class Patients(Table):
    age = Real(0, 120, unit="years")
    radius = Real(0, 50, unit="mm", missing="NA")
    malignant = Flag()
    treatment = Category("none", "surgery", "chemotherapy")


GOOD = """age,radius,malignant,treatment,extra
54,12.5,1,none,x
61, 14.25,true,surgery,y
,NA,No,chemotherapy,z
33,1e1,0, none,"a, b"
"""


def csv(folder: Path, text: str = GOOD, name: str = "patients.csv") -> Dataset:
    (folder / name).write_text(text)
    return Dataset("tumour_register", str(folder / name))


def parquet(folder: Path, query: str, name: str = "patients.parquet") -> Dataset:
    duckdb.sql(f"copy ({query}) to '{folder / name}'")
    return Dataset("tumour_register", str(folder / name))


def read(dataset: Dataset, names=Patients.schema.names, schema=Patients.schema):
    rows = open_dataset(dataset, schema, threads=1)
    brought = rows.check()
    parts = list(rows.batches(names))
    return brought, {name: np.concatenate([part[name] for part in parts]) for name in names}


def test_a_csv_file_becomes_float64_with_nan_where_missing(tmp_path):
    brought, columns = read(csv(tmp_path))
    assert brought.rows == 4
    assert brought.missing == {"age": 1, "radius": 1, "malignant": 0, "treatment": 0}
    assert brought.dropped == 0
    np.testing.assert_array_equal(columns["age"], [54, 61, NAN, 33])
    np.testing.assert_array_equal(columns["radius"], [12.5, 14.25, NAN, 10])
    np.testing.assert_array_equal(columns["malignant"], [1, 1, 0, 0])
    np.testing.assert_array_equal(columns["treatment"], [0, 1, 2, 0])
    assert all(values.dtype == np.float64 for values in columns.values())


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_separators_line_ends_and_a_byte_order_mark(tmp_path, mark, end):
    text = "﻿" + GOOD.replace('"a, b"', "a").replace(",", mark).replace("\n", end)
    (tmp_path / "p.csv").write_bytes(text.encode())
    brought, columns = read(Dataset("d", str(tmp_path / "p.csv")))
    assert brought.rows == 4
    np.testing.assert_array_equal(columns["age"], [54, 61, NAN, 33])


def test_a_parquet_file_gives_the_same_as_the_csv_file(tmp_path):
    query = """select * from (values (54, 12.5::float, true, 'none'), (61, 14.25, true, 'surgery'),
        (null, null, false, 'chemotherapy'), (33, 'nan'::float, null, 'none')) t(age, radius, malignant, treatment)"""
    brought, columns = read(parquet(tmp_path, query))
    assert brought.missing == {"age": 1, "radius": 2, "malignant": 1, "treatment": 0}
    np.testing.assert_array_equal(columns["radius"], [12.5, 14.25, NAN, NAN])
    np.testing.assert_array_equal(columns["malignant"], [1, 1, 0, NAN])
    np.testing.assert_array_equal(columns["treatment"], [0, 1, 2, 0])


def test_any_ibis_url_goes_the_same_way(tmp_path):
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as base:
        base.execute("create schema lab; create table lab.patients as select 50 + i as age, i / 2 as radius, "
                     "i % 2 as malignant, 'none' as treatment from range(40) t(i)")  # fmt: skip
    dataset = Dataset("lab", f"duckdb://{tmp_path}/clinic.duckdb", "lab.patients")
    brought, columns = read(dataset)
    assert brought.rows == 40
    assert sorted(columns["age"]) == list(range(50, 90))
    with pytest.raises(ConfigError, match=r"table missing does not exist; the tables there are: lab\.patients"):
        read(Dataset("lab", dataset.source, "missing"))
    with pytest.raises(ConfigError, match=r"no such file: .*none\.duckdb"):
        read(Dataset("lab", f"duckdb://{tmp_path}/none.duckdb", "t"))
    assert not (tmp_path / "none.duckdb").exists()


def test_a_url_is_named_without_its_password():
    dataset = Dataset("lab", "postgres://reader:secret@db.example:5432/clinic?sslmode=require", "patients")
    assert dataset.file == "postgres://db.example:5432/clinic, table patients"
    odd = Dataset("lab", "postgres://reader:se/cr@et@db.example/clinic", "patients")
    assert odd.file == "postgres://db.example/clinic, table patients"


def test_only_the_columns_asked_for_and_no_columns_at_all(tmp_path):
    rows = open_dataset(csv(tmp_path), Patients.schema)
    rows.check()
    (batch,) = rows.batches(["treatment", "age"])
    assert list(batch) == ["treatment", "age"]
    (batch,) = rows.batches([])
    np.testing.assert_array_equal(batch[""], np.zeros(4))


def test_rows_are_checked_before_they_are_read(tmp_path):
    rows = open_dataset(csv(tmp_path), Patients.schema)
    with pytest.raises(LocalProtocolError, match="before they were checked"):
        next(rows.batches(["age"]))
    rows.check()
    csv(tmp_path, GOOD + "12,1,1,none,\n")
    with pytest.raises(DataError, match="has changed since it was checked"):
        next(rows.batches(["age"]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("54,77,1,none,", "column radius: 1 of 4 values are outside 0..50 mm"),
        ("54,inf,1,none,", "column radius: 1 of 4 values are outside 0..50 mm"),
        ("n/a,7,1,none,", r"column age: 1 of 4 values are not numbers \(expected a number in 0..120 years\)"),
        ('"5,5",7,1,none,', "column age: 1 of 4 values are not numbers"),
        ("1_0,7,1,none,", "column age: 1 of 4 values are not numbers"),
        ("54,7,2,none,", r"column malignant: 1 of 5 values are neither true nor false"),
        ("54,7,1,rest,", "column treatment: 1 of 5 values are not among its levels .*none, surgery, chemotherapy"),
    ],
)
def test_values_that_do_not_fit_stop_and_are_counted_never_shown(tmp_path, line, message):
    with pytest.raises(DataError, match=message) as error:
        read(csv(tmp_path, GOOD + line + "\n"))
    assert str(error.value).startswith("tumour_register, column ")
    assert "patients.csv" in str(error.value)
    assert 'on_invalid = "drop"' in str(error.value)
    assert not any(value in str(error.value) for value in ("77", "n/a", "rest", "5,5"))


def test_all_columns_that_do_not_fit_are_listed_at_once(tmp_path):
    with pytest.raises(DataError) as error:
        read(csv(tmp_path, GOOD + "abc,99,maybe,rest,\n-1,99,1,none,\n"))
    assert [line.split(":")[0].split(" ")[-1] for line in str(error.value).splitlines()[:-1]] == [
        "age", "age", "radius", "malignant", "treatment"
    ]  # fmt: skip
    assert "2 of 5 values are outside 0..50 mm" in str(error.value)


def test_a_missing_column_lists_the_columns_found(tmp_path):
    with pytest.raises(DataError, match=r"column radius: not in patients\.csv, which has age, malignant, treatment"):
        read(csv(tmp_path, "age,malignant,treatment\n1,1,none\n"))
    with pytest.raises(DataError, match=r"column radius: not in patients\.parquet, which has age"):
        read(parquet(tmp_path, "select 1 as age, true as malignant, 'none' as treatment"))


def test_a_parquet_column_of_a_type_that_cannot_hold_it(tmp_path):
    query = "select current_date as age, 1 as radius, true as malignant, 'none' as treatment"
    with pytest.raises(DataError, match=r"column age: expected a number in 0..120 years, found a column of type date"):
        read(parquet(tmp_path, query))


def test_a_broken_file_is_named_without_its_content(tmp_path):
    with pytest.raises(DataError, match=r"patients\.csv, line 6 has 6 cells; the first line names 5") as error:
        read(csv(tmp_path, GOOD + "1,2,3,4,5,6,secret\n"))
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as Parquet"):
        read(Dataset("d", str(tmp_path / "x.parquet")))
    (tmp_path / "l.csv").write_bytes(GOOD.replace("radius", "größe").encode("latin-1"))
    with pytest.raises(DataError, match=r"l\.csv is not UTF-8 text"):
        read(Dataset("d", str(tmp_path / "l.csv")))


def test_files_that_are_not_there_or_of_no_known_kind(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read(Dataset("d", str(tmp_path / "none.csv")))
    (tmp_path / "p.xlsx").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"is of a kind that Comity cannot read\n.*CSV"):
        read(Dataset("d", str(tmp_path / "p.xlsx")))
    with pytest.raises(DataError, match=r"e\.csv is empty"):
        read(csv(tmp_path, "", "e.csv"))
    with pytest.raises(DataError, match="several columns named age"):
        read(csv(tmp_path, "age,age,radius,malignant,treatment\n"))


def test_several_files_are_one_dataset_whatever_the_order_of_their_columns(tmp_path):
    csv(tmp_path, name="a1.csv")
    csv(tmp_path, name="a2.csv")
    dataset = Dataset("d", str(tmp_path / "a*.csv"))
    assert read(dataset)[0].rows == 8
    csv(tmp_path, "radius;treatment;age;malignant\n1;none;2;1\n", "a3.csv")
    brought, columns = read(dataset)
    assert brought.rows == 9
    assert (columns["age"][8], columns["radius"][8], columns["treatment"][8]) == (2, 1, 0)
    csv(tmp_path, "radius,age,malignant\n1,2,1\n", "a4.csv")
    with pytest.raises(DataError, match=r"column treatment: not in a4\.csv, which has radius, age, malignant"):
        read(dataset)


def test_parquet_files_with_columns_in_another_order(tmp_path):
    parquet(tmp_path, "select 1 as age, 2 as radius, true as malignant, 'none' as treatment", "b1.parquet")
    parquet(tmp_path, "select 'surgery' as treatment, false as malignant, 4 as radius, 3 as age", "b2.parquet")
    _, columns = read(Dataset("d", str(tmp_path / "b*.parquet")))
    np.testing.assert_array_equal(columns["age"], [1, 3])
    np.testing.assert_array_equal(columns["treatment"], [0, 1])


SCHEMA = """
on_invalid = "drop"
[columns.age]
type = "real"
low = 0
high = 200
unit = "years"
missing = ["unknown", "-999"]
[columns.radius]
type = "real"
from = "Radius (mm)"
"""


def test_the_owners_schema_adds_names_missing_codes_and_dropping(tmp_path):
    (tmp_path / "s.toml").write_text(SCHEMA)
    text = (
        "age,Radius (mm),malignant,treatment\n50,1,1,none\n-999.0,2,1,none\nunknown,3,1,none\n150,4,1,none\n60,5,1,x\n"
    )
    dataset = csv(tmp_path, text)
    dataset = Dataset(dataset.name, dataset.source, None, tmp_path / "s.toml")
    brought, columns = read(dataset)
    assert (brought.rows, brought.dropped, brought.missing["age"]) == (3, 2, 2)
    np.testing.assert_array_equal(columns["age"], [50, NAN, NAN])
    np.testing.assert_array_equal(columns["radius"], [1, 2, 3])
    np.testing.assert_array_equal(read(dataset, ["radius"])[1]["radius"], [1, 2, 3])


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ('type = "integer"', "column age: expected a real, but the dataset's schema declares an integer"),
        ('type = "flag"', "column age: expected a real, but the dataset's schema declares a flag"),
        ('type = "real"\nunit = "months"', "column age: expected years, but the dataset's schema declares months"),
    ],
)
def test_a_type_or_unit_that_differs_from_the_scenario_is_refused(tmp_path, ours, message):
    (tmp_path / "s.toml").write_text(f"[columns.age]\n{ours}\n")
    dataset = csv(tmp_path)
    with pytest.raises(DataError, match=message):
        open_dataset(Dataset("d", dataset.source, None, tmp_path / "s.toml"), Patients.schema)


def test_more_rows_than_the_scenario_allows(tmp_path):
    with pytest.raises(DataError, match="has 4 rows; the scenario allows 3"):
        open_dataset(csv(tmp_path), Patients.schema).check(at_most=3)


def test_a_schema_written_is_the_schema_read(tmp_path):
    (tmp_path / "s.toml").write_text(schema_toml(Patients.schema))
    own = read_schema(tmp_path / "s.toml")
    assert own.schema.describe() == Patients.schema.describe()
    assert own.on_invalid == "stop"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "not a TOML file"),
        ("on_invalid = 'ignore'\n[columns.a]\ntype='flag'", "on_invalid must be"),
        ("", "declares no column"),
        ("[columns.a]\ntype = 'string'", r"\[columns\.a\] type must be"),
        ("[columns.a]\ntype = 'flag'\nlow = 1", "unknown key 'low'"),
        ("[columns.a]\ntype = 'real'\nlow = 3\nhigh = 3", r"low \(3\) must be below high"),
        ("[columns.a]\ntype = 'real'\nlow = 'x'", "low must be a number"),
        ("[columns.a]\ntype = 'category'\nlevels = ['x', 'x']", "at least two different"),
    ],
)
def test_schema_files_that_are_wrong_name_file_and_key(tmp_path, text, message):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_schema(tmp_path / "s.toml")
    assert "s.toml" in str(error.value)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_million_rows_stream_in_batches_of_the_right_size(tmp_path, threads):
    query = """select i / 10000 as age, i / 20000 as radius, i % 3 = 0 as malignant,
        ['none', 'surgery', 'chemotherapy'][i % 3 + 1] as treatment, i as wide from range(1000000) t(i)"""
    rows = open_dataset(parquet(tmp_path, query), Patients.schema, threads=threads)
    assert rows.check().rows == 1_000_000
    count, total, levels, largest = 0, 0.0, 0.0, 0
    for batch in rows.batches(["age", "treatment"]):
        largest = max(largest, len(batch["age"]))
        assert batch["age"][0] == count / 10000  # in the order of the file
        count, total, levels = count + len(batch["age"]), total + batch["age"].sum(), levels + batch["treatment"].sum()
    assert count == 1_000_000
    assert largest <= BATCH_ROWS
    assert total == pytest.approx(49_999_950)
    assert levels == 999_999


def test_streams_may_be_read_side_by_side(tmp_path):
    rows = open_dataset(parquet(tmp_path, "select 1 as age, 1 as radius, true as malignant, 'none' as treatment "
                                          "from range(600000)"), Patients.schema)  # fmt: skip
    rows.check()
    pairs = zip(rows.batches(["age"]), rows.batches(["radius"]), strict=True)
    assert sum(len(a["age"]) + len(b["radius"]) for a, b in pairs) == 1_200_000


def test_the_catalog_is_kept_in_the_home_for_its_owner_only(tmp_path):
    tmp_path.chmod(0o700)
    dataset = csv(tmp_path)
    (tmp_path / "s.toml").write_text(SCHEMA)
    catalog = Catalog.load(tmp_path)
    catalog.add(Dataset("oncology.patients", dataset.source, None, tmp_path / "s.toml"))
    catalog.add(Dataset("lab", "postgres://me:pw@db/x", "patients"))
    assert stat.S_IMODE((tmp_path / "catalog.toml").stat().st_mode) == 0o600
    again = Catalog.load(tmp_path)
    assert again.datasets == catalog.datasets
    with pytest.raises(ConfigError, match="there is a dataset 'lab' already"):
        again.add(Dataset("lab", "postgres://db/x", "patients"))
    with pytest.raises(ConfigError, match=r"no dataset 'labor'; the catalog has: lab, oncology\.patients"):
        again.dataset("labor")
    with pytest.raises(ConfigError, match="say which table"):
        again.add(Dataset("other", "postgres://db/x"))
    (tmp_path / "catalog.toml").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Catalog.load(tmp_path)


def test_threads_are_a_positive_number(tmp_path, monkeypatch):
    monkeypatch.setenv("COMITY_THREADS", "none")
    with pytest.raises(ConfigError, match="COMITY_THREADS"):
        open_dataset(csv(tmp_path), Patients.schema).check()


def test_importing_the_catalog_imports_no_data_libraries():
    import subprocess

    code = (
        "import sys, parties.organization.catalog; "
        "print([m for m in ('ibis', 'duckdb', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_column_of_another_spelling_is_suggested(tmp_path):
    with pytest.raises(DataError, match=r'from = "Radius"  under \[columns\.radius\]'):
        read(csv(tmp_path, "age,Radius,malignant,treatment\n1,2,1,none\n", "cap.csv"))
    with pytest.raises(DataError, match=r'from = "NAME"  under \[columns\.radius\]'):
        read(csv(tmp_path, "age,q,malignant,treatment\n1,2,1,none\n", "other.csv"))
