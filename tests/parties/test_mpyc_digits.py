"""Vectors modulo a prime in digits, against Python's integers; sharings in every form."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parties.mpyc import digits, fields, sharing

PRIMES = [23, 101, 2**31 - 1, 2**32 - 5, 2**61 - 1, 2**64 - 59, 2**127 - 1, 2**128 - 159, 2**255 - 19, 2**511 - 187]


def as_digits(values: list[int], modulus: int) -> digits.Digits:
    limbs = fields.to_limbs(sharing.objects(values), -(-fields.width(modulus) // 8))
    return digits.from_limbs(limbs, modulus)


def as_integers(found: digits.Digits) -> list[int]:
    return fields.to_integers(digits.to_limbs(found))


def some(modulus: int, count: int = 60) -> list[int]:
    """Elements, with those at the ends."""
    generator = random.Random(count)
    ends = [0, 1, 2, modulus // 2, modulus - 2, modulus - 1]
    return [*ends, *(generator.randrange(modulus) for _ in range(count))]


@pytest.mark.parametrize("modulus", PRIMES)
def test_digits_are_the_numbers(modulus):
    assert as_integers(as_digits(some(modulus), modulus)) == some(modulus)
    assert as_digits([], modulus).shape == (digits.digits_of(modulus), 0)


@settings(max_examples=150)
@given(modulus=st.sampled_from(PRIMES), data=st.data())
def test_combinations(modulus, data):
    number = data.draw(st.integers(1, 5))
    factors = data.draw(st.lists(st.integers(-200_000, 200_000), min_size=number, max_size=number))
    elements = st.one_of(st.sampled_from([0, 1, modulus - 1]), st.integers(0, modulus - 1))
    vectors = [data.draw(st.lists(elements, min_size=4, max_size=4)) for _ in factors]
    found = digits.combination(modulus, [(as_digits(v, modulus), f) for v, f in zip(vectors, factors, strict=True)])
    expected = [sum(f * v[k] for v, f in zip(vectors, factors, strict=True)) % modulus for k in range(4)]
    assert as_integers(found) == expected


@pytest.mark.parametrize("factor", [digits.MOST_FACTOR, -digits.MOST_FACTOR, 1, -1, 0])
@pytest.mark.parametrize("modulus", PRIMES)
def test_combinations_at_their_bounds(modulus, factor):
    values = some(modulus)
    found = digits.combination(modulus, [(as_digits(values, modulus), factor)])
    assert as_integers(found) == [v * factor % modulus for v in values]


@pytest.mark.parametrize("divisor", [1, 2, 3, 6, 20, 720, digits.MOST_FACTOR - 1])
@pytest.mark.parametrize("modulus", PRIMES[1:])
def test_division_by_a_public_number(modulus, divisor):
    if divisor % modulus == 0:
        return
    values = some(modulus)
    inverse = pow(divisor, -1, modulus)
    if modulus > divisor:
        found = digits.divided(modulus, as_digits(values, modulus), divisor)
        assert as_integers(found) == [v * inverse % modulus for v in values]


@pytest.mark.parametrize("points", [*combinations(range(1, 6), 2), *combinations(range(1, 8), 4), (1, 2, 3, 4, 5)])
def test_weights_are_lagranges(points):
    modulus = 2**61 - 1
    numerators, divisor = digits.weights(points)
    polynomial = [5, 7, 11, 13, 17][: len(points)]
    values = [sum(c * x**k for k, c in enumerate(polynomial)) for x in points]
    total = sum(a * v for a, v in zip(numerators, values, strict=True))
    assert total * pow(divisor, -1, modulus) % modulus == 5


@pytest.mark.parametrize("modulus", PRIMES)
@pytest.mark.parametrize(("threshold", "parties"), [(1, 3), (1, 4), (2, 5), (2, 7), (3, 7), (4, 9), (9, 20)])
def test_sharings_recombine_from_any_points(modulus, threshold, parties):
    values = some(modulus)
    if digits.powers_fit(parties, threshold):
        shares = sharing.split_digits(modulus, as_digits(values, modulus), threshold, parties)
    else:
        plain = sharing.split(modulus, sharing.objects(values), threshold, parties)
        shares = [as_digits(share.tolist(), modulus) for share in plain]
    generator = random.Random(3)
    recombined = 0
    for _ in range(5):
        points = generator.sample(range(1, parties + 1), threshold + 1)
        found = sharing.recombine_digits(modulus, [(x, shares[x - 1]) for x in points])
        if found is not None:
            recombined += 1
            assert as_integers(found) == values
    assert recombined or threshold > 4


@pytest.mark.parametrize("modulus", [23, 2**61 - 1])
def test_shares_are_uniform_and_differ(modulus):
    """The same secret many times: a share of it takes every value alike (chi-square, 1 in 10^9 a false alarm)."""
    from scipy.stats import chi2

    count = 20_000
    first, second, _ = sharing.split_digits(modulus, as_digits([5] * count, modulus), 1, 3)
    bins = np.array([v * 20 // modulus for v in as_integers(first)])
    expected = (
        np.bincount(np.array([k * 20 // modulus for k in range(23)]), minlength=20) / 23 if modulus == 23 else 1 / 20
    )
    counts = np.bincount(bins, minlength=20)
    assert float(((counts - count * expected) ** 2 / (count * expected)).sum()) < chi2.isf(1e-9, 19)
    assert as_integers(first) != as_integers(second)
