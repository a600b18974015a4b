"""What single entries mean, and that whole columns of text mean the same."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpc.tables.entries import expected, read, span
from mpc.tables.readers import FALSE, PLAIN, TRUE, Meaning, Spelling, reader
from mpc.tables.rows import MISSING
from mpc.tables.schema import Category, CategoryColumn, Flag, Integer, Real, Table
from parties.data.columns import read_arrow

GONE, INVALID = Meaning.MISSING, Meaning.INVALID


class Entered(Table):
    real = Real(-1e9, 1e9, unit="mm", missing=("NA", "-9"))
    whole = Integer(-(2**61), 2**61, missing="-9")
    flag = Flag(missing="?")
    level = Category("1", "2", "02", "7", "a b", "true", missing="-9")


def meaning(name: str, value: object, spelling: Spelling = PLAIN) -> object:
    return reader(Entered.schema[name], spelling)(value)


@pytest.mark.parametrize(
    ("name", "values", "means"),
    [
        ("real", ["12.5", " 12.5\t", "+12.5", 12.5, Decimal("12.5"), np.float32(12.5), "1.25e1"], 12.5),
        ("real", ["", "  ", None, math.nan, "NA", "-9", -9, -9.0, "-9.0", "nan", Decimal("NaN")], GONE),
        ("real", ["12,5", "7 kg", "1_0", "0x1F", "--5", True, b"5", "n/a", object(), "1 2", "\u0661"], INVALID),
        ("whole", ["9007199254740993", " +9007199254740993", 9007199254740993, Decimal(9007199254740993)], 2**53 + 1),
        ("whole", ["12.0", "12.", 12.0, 12, np.int8(12), "012"], 12),
        ("whole", ["", None, math.nan, "-9", -9, -9.0, "-9.0"], GONE),
        # An exponent or a fraction tells that digits were rounded off by whoever wrote the value.
        ("whole", ["12.5", 12.5, "1e3", "9.00720E+15", 2.0**53 + 2, "9007199254740994.0", "inf", True, "5 €"], INVALID),
        ("flag", [*TRUE, "True", " YES ", 1, 1.0, "1.0", True, np.True_], 1.0),
        ("flag", [*FALSE, "False", "No", 0, 0.0, "0.0", False], 0.0),
        ("flag", ["", " ", None, "?", math.nan], GONE),
        ("flag", ["maybe", 2, 0.5, "01", b"1"], INVALID),
        ("level", ["1", 1, 1.0, "1.0", " 1 ", np.int64(1), "1."], 0.0),
        ("level", ["2", 2, 2.0, "2.0"], 1.0),
        ("level", ["02"], 2.0),
        ("level", [7.0, "7.00"], 3.0),
        ("level", [True, "true"], 5.0),
        ("level", ["", None, -9, "-9", "-9.0"], GONE),
        ("level", [0, 3, "3", "01", 1.5, "1e0", "A B", False, b"1"], INVALID),
    ],
)
def test_what_an_entry_means(name, values, means):
    for value in values:
        assert meaning(name, value) == means, repr(value)


@pytest.mark.parametrize(
    ("spelling", "text", "means"),
    [
        (Spelling(decimal=","), "12,5", 12.5),
        (Spelling(decimal=","), "12.5", INVALID),
        (Spelling(decimal=",", thousands="."), "1.234.567,5", 1234567.5),
        (Spelling(decimal=",", thousands="."), "12.5", INVALID),  # never 125
        (Spelling(decimal=",", thousands="."), "1.23", INVALID),
        (Spelling(thousands=","), "1,234.5", 1234.5),
        (Spelling(thousands=","), "1,5", INVALID),
        (Spelling(thousands=" "), "1\u202f234 567", 1234567.0),
        (Spelling(thousands="'"), "1\u2019234'567", 1234567.0),
        (Spelling(decimal=","), "-9,0", GONE),
    ],
)
def test_numbers_as_declared(spelling, text, means):
    assert meaning("real", text, spelling) == means
    found = read_arrow(Entered.schema["real"], pa.array([text, "5", "no"]), spelling)
    assert found.invalid.tolist() == [means is INVALID, False, True]
    assert means is INVALID or np.array_equal(found.values[:1], [math.nan if means is GONE else means], equal_nan=True)


def test_words_and_recoded_levels_as_declared():
    spelling = Spelling(true=("Ja", "2"), false=("Nein", "1"), recode={"eins": "1", "9": "7", "X": ""})
    assert [meaning("flag", v, spelling) for v in ("ja", 2, "2.0", "NEIN", 1, "yes")] == [1, 1, 1, 0, 0, 1]
    assert [meaning("level", v, spelling) for v in ("eins", 9, "9.0", "X", "zwei")] == [0, 3, 3, GONE, INVALID]


TEXTS = st.one_of(
    st.text(alphabet="0123456789.,+-eE _'\u00a0\t", max_size=8),
    st.from_regex(r"[+-]?[0-9]{1,25}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["NA", "-9", "-9.0", "?", "true", "YES", "nan", "inf", "-Infinity", "a b", "02", "1.0", "\ufeff1"]),
    st.none(),
)
SPELLINGS = st.sampled_from([PLAIN, *(Spelling(*marks) for marks in ((",",), (",", "."), (".", " "), (".", "'")))])


@given(st.lists(TEXTS, max_size=12), SPELLINGS)
@example(["9223372036854775808", "-9223372036854775808", "999999999999999999", "1.0"], Spelling())
@example(["1e400", "1" * 500, None], Spelling())
def test_a_column_of_text_means_what_each_entry_means(texts, spelling):
    array = pa.array(texts, pa.string())
    for column in Entered.schema.columns:
        for form in (array, array.dictionary_encode(), array.cast(pa.large_string())):
            found, wanted = read_arrow(column, form, spelling), read(column, texts, spelling)
            assert found.values.dtype == wanted.values.dtype
            np.testing.assert_array_equal(found.values, wanted.values)
            np.testing.assert_array_equal(found.invalid, wanted.invalid)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2, None, -9, 3], pa.int64()),
        pa.array([1, 2, None, 200, 3], pa.uint8()),
        pa.array([2**64 - 1, 2**53 + 1, None], pa.uint64()),
        pa.array([1.0, 0.5, math.nan, None, math.inf, -9, 2.0**53 + 2, 2.0**70], pa.float64()),
        pa.array([1.0, 2.0**24 - 1], pa.float32()),
        pa.array([Decimal("1.00"), Decimal("2.50"), None, Decimal("-9.00")], pa.decimal128(9, 2)),
        pa.array([None, None]),
    ],
)
def test_a_column_of_numbers_means_what_each_entry_means(array):
    for column in Entered.schema.columns:
        found, wanted = read_arrow(column, array, Spelling()), read(column, array.to_pylist())
        np.testing.assert_array_equal(found.values, wanted.values)
        np.testing.assert_array_equal(found.invalid, wanted.invalid)


def test_short_floats_beyond_their_digits_are_no_whole_numbers():
    found = read(Entered.schema["whole"], np.asarray([2.0**24, 2.0**24 + 2], np.float32))
    assert found.invalid.tolist() == [False, True]


def test_whole_numbers_beyond_every_range_are_outside():
    column = Entered.schema["whole"]
    found = read(column, ["9" * 30, "-" + "9" * 30, 2**61, 2**61 + 1, 2**64])
    assert not found.invalid.any()
    assert found.outside(column).tolist() == [True, True, False, True, True]
    assert found.values[2] == 2**61
    assert MISSING not in found.values


def test_messages_stay_short():
    assert expected(CategoryColumn("x", (), tuple(map(str, range(2000))))).endswith("11, … (2,000 levels)")
    assert span(Entered.schema["whole"]) == f"-{2**61}..{2**61}"
    assert span(Entered.schema["real"]) == "-1e+09..1e+09 mm"
