"""Products of secrets and public real numbers, and quotients by them: of wide values to their last place."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.values.secret import SecretArray
from tests.support.engines import ENGINES
from tests.support.value_floor import compute, dry_cost

FACTORS = [1.1, -0.01, 1 / 3, 2.5, 1e-9, 12345.678, 0.999, 2.0**20 + 0.5, 1e12 + 0.1]


def _scaled(frac: int, width: int, raw: list[int], factors: list[float], engine: str = "ideal") -> None:
    """Products of raw integers of these fraction bits (0: integers) with numbers, against exact ones."""
    seen = []

    def product(x: SecretArray) -> SecretArray:
        x = x.restated(frac=frac, bound=(1 << width) - 1, type="fixed" if frac else "int")
        y = x * np.asarray(factors)
        seen.append((y.frac, y.bound))
        return y

    found = compute(product, (np.asarray(raw), 0, (1 << 62) - 1), engine=engine)
    last, bound = seen[0]
    largest = max(abs(Fraction(c)) for c in factors)
    if len(set(factors)) == 1 and abs(np.frexp(factors[0])[0]) == 0.5:  # a power of two only moves the point
        assert [Fraction(y) for y in found.tolist()] == [Fraction(v) * Fraction(factors[0]) / 2**frac for v in raw]
        return
    # The last place is no larger than that of x times the largest factor, unless the bound needs 60 bits with it.
    if bound < 1 << 58:
        assert Fraction(2) ** -last <= largest * Fraction(2) ** -(frac or 28)
    assert bound < 1 << 62
    cuts = 4  # of ours, each is off by one place at most with three parties
    for v, c, y in zip(raw, factors, found.tolist(), strict=True):
        true = Fraction(v) * Fraction(c) / 2**frac
        # Integers that leave room for a factor of 29 bits have it at that, or at 28.
        error = cuts * Fraction(2) ** -last + largest * (1 << width) / 2 ** (52 + frac) + abs(true) / 2**52
        if not frac and width <= 32:
            error += largest * abs(v) / 2**28
        assert abs(Fraction(y) - true) <= error, (v, c, float(true), y)


SIZES = [
    (26, 57),
    (0, 28),
    (0, 13),
    (0, 32),
    (0, 33),
    (0, 45),
    (31, 34),
    (9, 60),
    (0, 61),
    (-4, 57),
    (40, 62),
    (40, 35),
]


@pytest.mark.parametrize(("frac", "width"), SIZES)
def test_wide_values_keep_their_last_place(frac, width):
    largest = (1 << width) - 1
    raw = [0, 1, -1, largest, -largest, largest // 3, 1 << width // 2, -(1 << width // 3), 12345 % largest]
    for factor in FACTORS:
        _scaled(frac, width, raw, [factor] * len(raw))
    _scaled(frac, width, raw, FACTORS)


@given(data=st.data())
def test_wide_values_of_all_sizes(data):
    frac, width = data.draw(st.sampled_from(SIZES))
    raw = data.draw(st.lists(st.integers(-(1 << width) + 1, (1 << width) - 1), min_size=3, max_size=3))
    factors = st.floats(-1e6, 1e6).filter(lambda c: abs(c) > 1e-6 and not float(c).is_integer())
    _scaled(frac, width, raw, data.draw(st.lists(factors, min_size=3, max_size=3)))


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(("frac", "width"), SIZES[:6])
def test_on_shares(engine, frac, width):
    rng = np.random.default_rng(width)
    raw = (np.exp2(rng.uniform(0, width - 0.01, 30)).astype(np.int64) * rng.choice([-1, 1], 30)).tolist()
    _scaled(frac, width, raw, rng.uniform(-2, 2, 30).tolist(), engine)


def test_what_was_masked_stays_so():
    def product(x: SecretArray) -> SecretArray:
        return x.masked(x > 0, "no x") / 7

    q = compute(product, ([-1.0, 21.0], 30, 1 << 57))
    np.testing.assert_allclose(q, [np.nan, 3])


@pytest.mark.parametrize(
    ("frac", "width", "rounds", "octets"),
    [
        (21, 28, 2, 20),  # as measurements
        (26, 57, 4, 100),
        (0, 12, 2, 16),
        (0, 28, 0, 0),
        (0, 40, 4, 100),
    ],
)
def test_rounds_and_bytes(frac, width, rounds, octets):
    cost = dry_cost(lambda x: x * 1.1, ((1_000,), frac, (1 << width) - 1))
    assert cost.rounds == rounds
    assert sum(cost.bytes_sent) / 1_000 <= octets
