"""PostgreSQL on the loopback interface, where its programs and a driver are installed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mpc.errors import ComityError, ConfigError, DataError
from mpc.tables.dates import Date, days_of
from mpc.tables.keys import Key, tags
from mpc.tables.rows import MISSING
from mpc.tables.schema import Category, Flag, Integer, Real, Schema, Table
from parties.organization.catalog import Dataset, open_dataset
from tests.support import dated_people, postgres

psycopg = pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed", exc_type=ImportError)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """HOST:PORT of a server with the user owner, password s3cret, and a database clinic."""
    with postgres.server() as address:
        with psycopg.connect(f"postgresql://owner:s3cret@{address}/postgres", autocommit=True) as base:
            base.execute("create database clinic")
            base.execute("create role reader login password 'p/w@rd'")
        with psycopg.connect(f"postgresql://owner:s3cret@{address}/clinic", autocommit=True) as base:
            base.execute(TABLES)
        yield address


TABLES = """
create type ward as enum ('surgery', 'medicine', 'other');
create domain adult as int check (value > 0);
create table people(age numeric(5, 1), smoker boolean, ward ward, number bigint, words text, list int[],
    fixed char(9), adult adult);
insert into people values
    (20, true, 'surgery', 9007199254740993, '40', array[1], 'other', 20),
    (21, false, 'medicine', null, '7 kg', null, 'other', 21),
    (null, null, 'other', 2305843009213693951, '', array[3], null, 22),
    ('NaN', true, null, 1, null, null, 'surgery', 23);
create table patients(born date, admitted timestamp, seen timestamptz, person bigint, code varchar(20), id uuid);
insert into patients values
    ('1899-12-31', '2024-02-29 00:00', now(), 1234567890123456789, '7', '12345678-1234-5678-1234-567812345678'),
    (null, null, null, null, null, null),
    ('2024-02-29', '1969-12-31', now(), 7, '1234567890123456789', null);
create table dated(born date, admitted timestamp, person text, cost double precision);
create schema lab;
create view lab.people as select * from public.people;
"""


class People(Table):
    age = Real(0, 120)
    smoker = Flag()
    ward = Category("surgery", "medicine", "other")
    number = Integer(0, 2**61)


class Fixed(Table):
    fixed = Category("surgery", "medicine", "other")
    adult = Real(0, 120)


class Words(Table):
    words = Real(0, 120)


class Lists(Table):
    list = Real(0, 120)


class Persons(Table):
    born = Date("1850-01-01", "2030-12-31")
    admitted = Date("1850-01-01", "2030-12-31")
    person = Key()
    code = Key()
    id = Key(unique=True)


class Seen(Table):
    seen = Date("1850-01-01", "2030-12-31")


def read(address: str, table: str, schema: Schema = People.schema, who: str = "owner:s3cret", base: str = "clinic"):
    dataset = Dataset("d", f"postgres://{who}@{address}/{base}", table)
    rows = open_dataset(dataset, schema)
    rows.check()
    parts = list(rows.batches(schema.names))
    return {name: np.concatenate([part[name] for part in parts]) for name in schema.names}


def test_dates_and_keys(server):
    found = read(server, "patients", Persons.schema)
    early, leap, late = (days_of(day) for day in ("1899-12-31", "2024-02-29", "1969-12-31"))
    assert found["born"].tolist() == [early, MISSING, leap]
    assert found["admitted"].tolist() == [leap, MISSING, late]
    long, seven, uuid = tags(["1234567890123456789", "7", "12345678-1234-5678-1234-567812345678"])[0].tolist()
    assert found["person"].tolist() == [long, MISSING, seven]
    assert found["code"].tolist() == [seven, MISSING, long]
    assert found["id"].tolist() == [uuid, MISSING, MISSING]
    with pytest.raises(DataError, match=r"column seen: expected a date in .*, found a column of type timestamp"):
        read(server, "patients", Seen.schema)


def test_dates_are_compared_and_taken_apart_beside_the_rows(server):
    columns = dated_people.table(300, 5)
    address = f"postgresql://owner:s3cret@{server}/clinic"
    with psycopg.connect(address, autocommit=True) as base, base.cursor() as cursor:
        cursor.executemany("insert into dated values (%s, %s, %s, %s)", list(zip(*columns.values(), strict=True)))
    dated_people.equal(Dataset("d", address, "dated"))


@pytest.mark.parametrize("table", ["people", "public.people", "lab.people"])
def test_what_a_table_holds_is_read_exactly(server, table):
    found = read(server, table)
    nan = np.nan
    np.testing.assert_array_equal(found["age"], [20, 21, nan, nan])
    np.testing.assert_array_equal(found["smoker"], [1, 0, nan, 1])
    np.testing.assert_array_equal(found["ward"], [0, 1, 2, nan])
    assert found["number"].tolist()[::2] == [2**53 + 1, 2**61 - 1]
    other = read(server, table, Fixed.schema)
    np.testing.assert_array_equal(other["fixed"], [2, 2, nan, 0])
    np.testing.assert_array_equal(other["adult"], [20, 21, 22, 23])


def test_text_is_read_by_the_rule_of_files_and_arrays_are_refused(server):
    with pytest.raises(DataError, match=r"column words: 1 of 2 values are not numbers"):
        read(server, "people", Words.schema)
    with pytest.raises(DataError, match=r"column list: expected a number .* found a column of type list"):
        read(server, "people", Lists.schema)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"address": "127.0.0.1:9"}, "no database answers at 127.0.0.1:9: check host and port"),
        ({"address": "no.such.host.invalid"}, "no host is called no.such.host.invalid"),
        ({"who": "nobody:s3cret"}, "refuses the user nobody: check user, password and database"),
        ({"who": "owner:wr0ng"}, "refuses the user owner: check user, password and database"),
        ({"who": "owner"}, "refuses the user owner"),
        ({"base": "hospital"}, "has no database hospital"),
        ({"table": "persons"}, "table persons does not exist; the tables there are: dated, patients, people"),
        ({"table": "nolab.people"}, "table nolab.people does not exist"),
        ({"who": "reader:p%2Fw%40rd"}, "the user reader may not read people"),
        ({"who": "reader:p/w@rd"}, "write special characters of the password as %XX"),
        ({"base": "clinic?sslmode=require"}, "do not agree on TLS"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(server, change, words):
    with pytest.raises(ComityError) as error:
        read(**{"address": server, "table": "people", **change})
    assert isinstance(error.value, ConfigError)
    assert words in str(error.value)
    assert not any(secret in str(error.value) for secret in ("s3cret", "wr0ng", "w@rd", "w%40rd"))
    assert error.value.__cause__ is None
