"""Filters at their owner: spelling, tokens, bits, and how well they tell persons apart."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from mpc.errors import ConfigError
from mpc.tables.rows import MISSING
from protocols.linkage.encoding import WORD, Encoding, dice, packed
from protocols.linkage.fields import Date, Exact, Name, Number, known
from protocols.linkage.normalise import normalised
from protocols.linkage.plain import linked
from tests.support.persons import quality, registers

FIRST, ONES = [11, 22, 23, 63, 66, 77, 88, 89], 200
PERSON = (Name("given"), Name("surname"), Date("born"), Name("place"), Exact("sex"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  MÜLLER-Lüdenscheidt ", "muller ludenscheidt"),
        ("mu\u0308ller", "muller"),
        ("O'Neil, jr.", "oneil jr"),
        ("Weiß", "weiss"),
        ("Małgorzata Øst", "malgorzata ost"),
        ("Yılmaz", "yilmaz"),
        ("İNCE", "ince"),
        ("Biel/Bienne", "biel bienne"),
        ("ﬁnn\u00a0Ⅳ", "finn iv"),
        ("- . -", ""),
        ("", ""),
    ],
)
def test_spelling(text, plain):
    assert normalised(text) == plain
    assert normalised(plain) == plain


def test_tokens_of_names_are_padded_pairs_of_each_word():
    assert Name("x").tokens("Ab-C") == {"_a", "ab", "b_", "_c", "c_"}
    assert not Name("x").tokens(" - ")


def days(year, month, day):
    return date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()


def overlap(a, b):
    return 2 * len(a & b) / (len(a) + len(b))


def test_dates_with_an_error_are_still_alike():
    tokens = Date("x").tokens
    born = tokens(days(1899, 12, 7))
    assert overlap(born, tokens(days(1899, 7, 12))) >= 0.6  # day and month swapped
    assert overlap(born, tokens(days(1899, 12, 8))) >= 0.8  # a wrong digit
    assert overlap(born, tokens(days(1989, 12, 7))) >= 0.7
    assert overlap(born, tokens(days(1950, 3, 21))) <= 0.4
    assert len(tokens(days(2000, 5, 5))) == 11


def test_numbers_and_exact_values():
    assert overlap(Number("x").tokens(3012), Number("x").tokens(3013)) >= 0.6
    assert Number("x").tokens(-7)
    assert Exact("x").tokens("AG ") == Exact("x").tokens("ag")
    assert not Exact("x").tokens(1.0) & Exact("x").tokens(0.0)


def test_missing_values_set_no_bit():
    columns = [np.array(["Anna", None, ""], object), np.array([MISSING, 3, MISSING]), np.array([np.nan, 1.0, np.nan])]
    for column in columns:
        assert known(column).sum() == 1
    filters = Encoding((Name("a"), Date("b"), Exact("c")), bits=256).filters(columns)
    assert filters.shape == (3, 256)
    assert filters.dtype == bool
    assert filters.any(1).tolist() == [True, True, False]
    together = Encoding((Name("a"),), bits=256).filters(columns[:1]) | Encoding((Exact("c"),), bits=256).filters(
        columns[2:]
    )
    assert (filters[0] == together[0]).all()


def test_filters_follow_from_key_field_and_value_alone():
    names = np.array(["Anna", "Änna", "ANNA", "Berta"], object)
    filters = Encoding((Name("a"),)).filters([names])
    assert (filters[:3] == filters[0]).all()
    assert (filters[3:] == Encoding((Name("a"),)).filters([names[3:]])).all()
    for other in (Encoding((Name("a"),), key="another"), Encoding((Name("b"),))):
        assert dice(filters[:1], other.filters([names[:1]]))[0, 0] < 0.3


def test_a_weight_sets_more_bits():
    ones = [Encoding((Name("a", weight=w),)).filters([np.array(["Anna Berta"], object)]).sum() for w in (0.5, 1, 8)]
    assert ones[0] < ones[1] < ones[2]
    assert ones[0] == pytest.approx(75, abs=8)


def test_the_encoding_does_not_change():
    """Filters of one study must be the same with every release of the software."""
    filters = Encoding(PERSON[:3], hashes=10, key="linkage 2026").filters(
        [np.array(["Zoë"], object), np.array(["Müller"], object), np.array([-1])]
    )
    assert np.flatnonzero(filters[0])[:8].tolist() == FIRST
    assert int(filters.sum()) == ONES


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (lambda: Encoding(()), "at least one field"),
        (lambda: Encoding((Name("a"),), bits=1000), "power of two"),
        (lambda: Encoding((Name("a"),), hashes=33), "hash functions"),
        (lambda: Encoding((Name("a"), Date("a"))), "a field twice"),
        (lambda: Name("a", weight=0), "weight of 0"),
    ],
)
def test_bad_parameters(bad, match):
    with pytest.raises(ConfigError, match=match):
        bad()


@pytest.mark.parametrize("bits", [64, 512, 1024])
def test_packed_bits(bits):
    rng = np.random.default_rng(bits)
    filters, there = rng.random((5, bits)) < 0.5, rng.random(5) < 0.5
    words = packed(filters, there)
    assert words.shape == (5, -(-(bits + 1) // WORD))
    assert words.min() >= 0
    assert words.max() < 1 << WORD
    back = (words[:, :, None] >> np.arange(WORD) & 1).reshape(5, -1).astype(bool)
    np.testing.assert_array_equal(back[:, : bits + 1], np.c_[there, filters])
    assert not back[:, bits + 1 :].any()


def test_dice():
    a = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(dice(a, a), [[1, 0], [0, 0]])


def columns(table):
    return [table[name].to_numpy() for name in ("given", "surname", "born", "place", "sex")]


@pytest.mark.parametrize(("bits", "hashes", "recall", "precision"), [(512, 8, 0.97, 0.99), (1024, 15, 0.97, 0.995)])
def test_recall_and_precision(bits, hashes, recall, precision):
    """Of 700 common persons among 1,000 on each side, half of them with errors."""
    left, right, truth = registers(1000, 700)
    encoding = Encoding(PERSON, bits=bits, hashes=hashes)
    found = linked(encoding.filters(columns(left)), encoding.filters(columns(right)), Fraction(4, 5))
    got = quality(found.partner, truth)
    print(f"{bits} bits: recall {got[0]:.3f}, precision {got[1]:.3f}")
    assert got[0] >= recall
    assert got[1] >= precision
