"""Keys: how they are normalised, what is refused, and that nothing but counts of rows follows from them."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mpc import Flag, Integer, Key, Scenario, Study, Table
from mpc.errors import ConfigError, DataError, ShapeError
from mpc.tables.aggregates import Sum
from mpc.tables.entries import read
from mpc.tables.keys import LONGEST, WORDS, KeyColumn, Misfit, repeated, second, tags
from mpc.tables.rows import MISSING
from mpc.tables.schema import Column
from protocols.assembly import rows_of
from protocols.simulate import simulate

#: The tag of "7".
SEVEN = (2211373850681966489, 1929673241955712362)


def column(**rules) -> Column:
    return Key(**rules)


def firsts(values, **rules) -> list[int]:
    entries = read(column(**rules), values)
    assert not entries.invalid.any()
    return entries.values.tolist()


def misfits(values, **rules) -> list[Misfit]:
    entries = read(column(**rules), values)
    assert entries.misfits is not None
    assert (entries.invalid == (entries.misfits != 0)).all()
    assert (entries.values[entries.invalid] == MISSING).all()
    return [Misfit(each) for each in entries.misfits.tolist()]


def same(a, b, **rules) -> bool:
    return firsts([a], **rules) == firsts([b], **rules)


# ---- tags
def test_tags_are_two_words_of_62_bits_and_never_change():
    first, other = tags(["7", "007", "Straße", ""])
    assert first.tolist()[0] != first.tolist()[1]
    assert (first >= 0).all() and (first < 1 << 62).all() and (other >= 0).all() and (other < 1 << 62).all()  # noqa: PT018
    # All organizations, and all versions, must make the same ones.
    assert (int(first[0]), int(other[0])) == SEVEN
    assert [word.tolist() for word in tags([])] == [[], []]


def test_a_missing_key_has_no_tag():
    entries = read(column(missing=["-1", "unknown"]), [None, "", "  ", float("nan"), -1, "unknown ", pd.NA, "a"])
    assert not entries.invalid.any()
    assert entries.values[:7].tolist() == entries.second[:7].tolist() == [MISSING] * 7
    assert entries.values[7] >= 0


def test_words_for_a_missing_value_are_missing_where_they_are_declared():
    entries = read(column(missing=["NULL", "n/a"]), ["NULL", " n/a", "NA"])
    assert entries.missing.tolist() == [True, True, False]


def test_a_million_keys_are_hashed_in_a_few_seconds():
    keys = [f"{number:09d}x" for number in range(1_000_000)]
    begin = time.perf_counter()
    entries = read(column(), keys)
    assert time.perf_counter() - begin < 20  # 2 s on an idle core
    assert repeated([entries.values]) == 0


# ---- one identifier, in two registers
def test_text_and_whole_numbers_are_the_same_key():
    digits = "1234567890123456789"
    assert same(digits, int(digits))
    assert same(digits, np.asarray([int(digits)])[0])
    assert same(digits, Decimal(digits))
    assert not same(digits, int(digits) + 1)
    assert same("9" * 40, int("9" * 40))
    assert same("12", 12.0)


@pytest.mark.parametrize(
    ("a", "b", "rules"),
    [
        ("7 ", "7", {"strip": True}),
        ("\u00a0ab\t", "ab", {"strip": True}),
        ("AB-1", "ab-1", {"case": "lower"}),
        ("straße", "STRASSE", {"case": "upper"}),
        ("007", "7", {"leading_zeros": "drop"}),
        ("007", 7, {"leading_zeros": "drop"}),
        ("000", "0", {"leading_zeros": "drop"}),
        ("12.34-5", "12345", {"digits_only": True}),
        (" 12.34-5 ", 12345, {"digits_only": True, "strip": True}),
        ("Mu\u0308ller", "Müller", {}),
        ("１２", "12", {"form": "NFKC"}),
        ("0７", "7", {"form": "NFKC", "leading_zeros": "drop"}),
    ],
)
def test_declared_spellings_are_one_key(a, b, rules):
    assert same(a, b, **rules)


@pytest.mark.parametrize(
    ("a", "b", "rules"),
    [
        ("AB", "ab", {}),
        ("007", "7", {"leading_zeros": "keep"}),
        ("A007", "A7", {"leading_zeros": "drop"}),
        ("a b", "ab", {"strip": True}),
        ("１２", "12", {}),
    ],
)
def test_other_spellings_are_other_keys(a, b, rules):
    assert not same(a, b, **rules)


@given(number=some.integers(1, 10**39), other=some.integers(1, 10**39), data=some.data())
def test_spellings_of_a_number_are_one_key_and_of_another_number_another(number, other, data):
    rules = {"strip": True, "leading_zeros": "drop", "digits_only": True, "form": "NFKC"}

    def spelled(value: int) -> str:
        text = "0" * data.draw(some.integers(0, 5)) + str(value)
        wide = str.maketrans("0123456789", "０１２３４５６７８９")
        text = text.translate(wide) if data.draw(some.booleans()) else text
        cut = data.draw(some.integers(0, len(text)))
        text = text[:cut] + data.draw(some.sampled_from(["", "-", " ", "/", "\u00a0"])) + text[cut:]
        return data.draw(some.sampled_from(["", " ", "\t", "\u2003"])) + text + data.draw(some.sampled_from(["", " "]))

    assert same(spelled(number), number, **rules)
    assert same(spelled(number), spelled(other), **rules) is (number == other)


@given(some.text(some.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_normalised_key_does_not_change_again(text):
    from mpc.tables.keys import normaliser

    for rules in ({}, {"strip": True, "case": "lower", "leading_zeros": "drop", "form": "NFKC"}):
        normalise = normaliser(column(**rules))
        once = normalise(text)
        assert isinstance(once, Misfit) or normalise(once) == once


# ---- what is not declared, and would matter
@pytest.mark.parametrize(
    ("value", "why", "rules"),
    [
        ("007 ", Misfit.BLANKS, {}),
        ("7 ", Misfit.BLANKS, {"leading_zeros": "drop"}),
        ("007", Misfit.ZEROS, {}),
        (7, Misfit.NO_ZEROS, {"leading_zeros": "keep"}),
        (2.0**53, Misfit.ROUNDED, {}),
        (1234567890123456789.0, Misfit.ROUNDED, {}),
        (7.5, Misfit.ROUNDED, {}),
        (float("inf"), Misfit.ROUNDED, {}),
        (Decimal("7.5"), Misfit.ROUNDED, {}),
        ("7.0", Misfit.FRACTION, {}),
        ("7.0", Misfit.FRACTION, {"digits_only": True}),
        ("1.2345678E+18", Misfit.FRACTION, {"digits_only": True}),
        ("1e+05", Misfit.FRACTION, {}),
        ("a\u200bb", Misfit.INVISIBLE, {"strip": True}),
        ("\ufeffab", Misfit.INVISIBLE, {}),
        ("a\x00", Misfit.INVISIBLE, {}),
        ("١٢", Misfit.SCRIPT, {"digits_only": True}),
        ("unknown", Misfit.NO_DIGIT, {"digits_only": True}),
        ("n/a", Misfit.NOTHING, {"digits_only": True}),
        ("NULL", Misfit.NOTHING, {"case": "lower"}),
        ("nan", Misfit.NOTHING, {}),
        ("x" * (LONGEST + 1), Misfit.LONG, {}),
        (True, Misfit.KIND, {}),
        (b"ab", Misfit.KIND, {}),
    ],
)
def test_entries_that_would_not_match_are_refused(value, why, rules):
    assert misfits([value, "a1"], **rules) == [why, Misfit.NONE]


def test_each_misfit_has_its_words():
    assert set(WORDS) == set(Misfit) - {Misfit.NONE}


def test_floats_of_four_bytes_are_rounded_earlier():
    values = np.asarray([7, 1 << 24, np.nan], np.float32)
    assert misfits(values) == [Misfit.NONE, Misfit.ROUNDED, Misfit.NONE]
    assert firsts(values[:1]) == firsts(["7"])


def test_the_message_counts_and_says_what_to_declare():
    class People(Table):
        person = Key()

    with pytest.raises(DataError) as caught:
        rows_of({"person": ["7", "007", "7 ", "08", 1e300]}, People.schema)
    assert str(caught.value).splitlines() == [
        "table People, column person: 1 of 5 keys have blanks around them: declare strip=True (all organizations), or "
        "correct them",
        'table People, column person: 2 of 5 keys begin with 0: declare leading_zeros="keep", with which "007" is not '
        '"7", or leading_zeros="drop", with which it is (all organizations)',
        "table People, column person: 1 of 5 keys are floating-point numbers that may have been rounded (with a "
        "fraction, or of 2^53 and more): read them again from where they are text or whole numbers",
    ]


def test_unique_keys():
    class People(Table):
        person = Key(unique=True)

    assert rows_of({"person": ["a", "b", None, None]}, People.schema)
    with pytest.raises(DataError, match="2 rows repeat the key"):
        rows_of({"person": ["a", "b", "a", "a"]}, People.schema)


# ---- declarations
def test_the_description_has_the_whole_rule():
    assert column(strip=True, case="lower", missing=["-1"]).describe() == {
        "type": "key",
        "strip": True,
        "case": "lower",
        "leading_zeros": "refused",
        "digits_only": False,
        "form": "NFC",
        "unique": False,
        "missing": ["-1"],
    }
    assert isinstance(column(), KeyColumn)


@pytest.mark.parametrize(
    "rules", [{"case": "title"}, {"leading_zeros": True}, {"form": "NFD"}, {"strip": 1}, {"unique": "yes"}]
)
def test_wrong_declarations(rules):
    with pytest.raises(ConfigError, match=f"Key: {next(iter(rules))} must be"):
        Key(**rules)


# ---- in a script
class Visits(Table):
    person = Key()
    other = Key()
    cost = Integer(0, 100)
    paid = Flag()


def visits(rows: int) -> dict[str, list]:
    return {
        "person": [None if k % 5 == 0 else f"p{k}" for k in range(rows)],
        "other": [f"p{k}" for k in range(rows)],
        "cost": list(range(rows)),
        "paid": [k % 2 == 0 for k in range(rows)],
    }


def tried(make):
    trial = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": 1})

    @trial.run
    async def run(study: Study) -> None:
        made = make(study.table("visits"))
        study.release("made", made)

    return simulate(trial, {name: {"visits": visits(20)} for name in "abc"}).releases["made"]


def test_rows_with_and_without_key_are_counted():
    assert tried(lambda v: v.person.count()) == 48
    assert tried(lambda v: v.person.missing()) == 12
    assert tried(lambda v: v[v.person.isna()].cost.sum()) == 3 * (0 + 5 + 10 + 15)
    assert tried(lambda v: v[v.paid].person.count()) == 3 * 8


@pytest.mark.parametrize(
    "make",
    [
        lambda v: v.person + 1,
        lambda v: 1 - v.person,
        lambda v: v.cost * v.person,
        lambda v: v.person / v.cost,
        lambda v: v.person == v.other,
        lambda v: v.person == "p1",
        lambda v: v.cost == v.person,
        lambda v: v.person < v.other,
        lambda v: v.person >= 3,
        lambda v: -v.person,
        lambda v: abs(v.person),
        lambda v: v.person.log(),
        lambda v: v.person.exp(),
        lambda v: v.person.sqrt(),
        lambda v: v.person.clip(0, 1),
        lambda v: v.person.cut([0, 1]),
        lambda v: v.person.sum(),
        lambda v: v.person.mean(),
        lambda v: v.person.var(),
        lambda v: v.person.std(),
        lambda v: v.person.histogram([0, 1]),
        lambda v: v.person.year,
        lambda v: v.person.age_at("2020-01-01"),
        lambda v: v.person.share(rows=20),
        lambda v: v[["person", "cost"]].corr(),
        lambda v: v.group_by("person").count(),
        lambda v: v.group_by("paid").person.mean(),
        lambda v: v.person & v.paid,
        lambda v: ~v.person,
        lambda v: v[v.person],
    ],
)
def test_a_key_has_no_order_no_arithmetic_and_no_release(make):
    with pytest.raises(ShapeError):
        tried(make)


def test_the_refusal_teaches():
    with pytest.raises(ShapeError, match="a key has no order and no arithmetic, and is never released"):
        tried(lambda v: v.person < v.other)


def test_no_aggregate_of_keys_but_those_that_say_so():
    """Whatever a new statistic asks of the rows."""

    def ask(visits):
        return visits.source.local.ask(Sum([visits.source.second_word("person")]))

    with pytest.raises(ShapeError, match="is a key"):
        tried(ask)


def test_second_words_are_in_batches_on_request():
    class People(Table):
        person = Key()

    (batch,) = rows_of({"person": ["a", None]}, People.schema).batches(["person", second("person")])
    expected = tags(["a"])
    assert batch["person"].tolist() == [int(expected[0][0]), MISSING]
    assert batch[second("person")].tolist() == [int(expected[1][0]), MISSING]
