"""Products of wide secrets: to 58 bits of their bound, or refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.values.inherited import causes
from mpc.values.secret import SecretArray
from mpc.values.wide_products import precise_product
from tests.support.engines import ENGINES
from tests.support.value_floor import compute, dry_cost

#: Fraction bits and widths of two operands (0 fraction bits: integers).
SIZES = [
    ((26, 57), (36, 40)),
    ((45, 60), (28, 60)),
    ((57, 58), (57, 58)),
    ((20, 29), (0, 28)),
    ((20, 29), (40, 41)),
    ((30, 34), (20, 20)),
    ((60, 61), (40, 61)),
    ((0, 45), (30, 31)),
    ((70, 50), (70, 50)),
]


def _secrets(x: SecretArray, y: SecretArray, sizes: Any) -> list[SecretArray]:
    return [
        v.restated(frac=frac, bound=(1 << width) - 1, type="fixed" if frac else "int")
        for v, (frac, width) in zip((x, y), sizes, strict=True)
    ]


def _products(sizes: Any, a: list[int], b: list[int], engine: str = "ideal") -> None:
    seen = []

    def function(x: SecretArray, y: SecretArray) -> SecretArray:
        p, q = _secrets(x, y, sizes)
        seen.append(p * q)
        return seen[-1]

    found = compute(function, *[(np.asarray(v), 0, (1 << 62) - 1) for v in (a, b)], engine=engine)
    (fa, wa), (fb, wb) = sizes
    last, whole = seen[0].frac, fa + fb - wa - wb
    assert last == min(58 + whole, max(40, 29 + whole))
    assert seen[0].bound < 1 << 59
    # Four cuts, and the first place that is left of an operand of more than 60 bits.
    for x, y, z in zip(a, b, found.tolist(), strict=True):
        true = Fraction(x * y) / Fraction(2) ** (fa + fb)
        first = Fraction(2) ** (max(wa - 60, 0) - fa) if wa > 60 else 0
        second = Fraction(2) ** (max(wb - 60, 0) - fb) if wb > 60 else 0
        error = 4 * Fraction(2) ** -last + first * abs(Fraction(y) / 2**fb) + second * abs(Fraction(x) / 2**fa)
        assert abs(Fraction(z) - true) <= error + first * second + abs(true) / 2**52, (x, y, float(true), z)


def _edges(width: int) -> list[int]:
    largest = (1 << width) - 1
    return [0, 1, -1, 1000 % largest, largest, -largest, largest // 3, -(1 << width // 2), (1 << width // 2) - 1]


@pytest.mark.parametrize("sizes", SIZES)
def test_products_of_all_sizes(sizes):
    pairs = list(product(_edges(sizes[0][1]), _edges(sizes[1][1])))
    _products(sizes, [x for x, _ in pairs], [y for _, y in pairs])
    _products(sizes[::-1], [y for _, y in pairs], [x for x, _ in pairs])


@given(data=st.data())
def test_products_of_any_numbers(data):
    sizes = data.draw(st.sampled_from(SIZES))
    a, b = (
        data.draw(st.lists(st.integers(-(1 << width) + 1, (1 << width) - 1), min_size=3, max_size=3))
        for _, width in sizes
    )
    _products(sizes, a, b)


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("sizes", SIZES[:4])
def test_on_shares(engine, sizes):
    rng = np.random.default_rng(5)
    a, b = (
        (np.exp2(rng.uniform(0, width - 0.01, 30)).astype(np.int64) * rng.choice([-1, 1], 30)).tolist()
        for _, width in sizes
    )
    _products(sizes, a, b, engine)


@pytest.mark.slow
def test_with_cuts_that_are_off_by_two():
    x = np.asarray([0.0, 1234.5, -(2.0**20), 2.0**-10])
    found = compute(lambda a, b: a * b, (x, 36, 1 << 59), (x, 36, 1 << 57), engine="shamir 5")
    # 14 fraction bits, eight places of which the cuts may be off; one operand is cut by two bits first.
    np.testing.assert_allclose(found, x * x, rtol=0, atol=8 * 2.0**-14 + 2 * 2.0**-34 * 2.0**20)


def test_masks_and_cohorts_are_taken_over():
    seen = []

    def function(x: SecretArray, y: SecretArray) -> SecretArray:
        counts = (x > 0).numeric().sum(), (y > 0).numeric().sum()
        seen.append((counts, x.masked(x > 0, "no x").about(counts[0]) * y.masked(y < 5, "no y").about(counts[1])))
        return seen[0][1]

    found = compute(function, ([-1.0, 21.0, 3.0], 30, 1 << 57), ([2.0, 2.0, 7.0], 30, 1 << 40))
    np.testing.assert_allclose(found, [np.nan, 42, np.nan])
    counts, result = seen[0]
    assert [cause.why for cause in causes(result.valid, result.why)] == ["no x", "no y"]
    assert len(result.basis.cohorts) == len(counts) == 2


def test_a_product_without_digits_is_refused_at_its_line():
    def function(x: SecretArray, y: SecretArray) -> SecretArray:
        return x * y

    operands = ([0.5], 28, 1 << 59), ([0.25], 28, 1 << 59)
    with pytest.raises(RangeError, match=r"\* .*too few digits; say `within\(limit\)`"):
        compute(function, *operands)
    assert compute(lambda x, y: x.within(1) * y.within(1), *operands) == pytest.approx(0.125, abs=2.0**-27)
    assert compute(lambda x, y: precise_product(x, y), *operands) == pytest.approx(0.125, abs=8)


def test_a_matrix_product_without_digits_is_refused_at_its_line():
    operands = ([0.5, 0.25], 28, 1 << 59), ([0.25, 1.0], 28, 1 << 59)
    with pytest.raises(RangeError, match=r"@ .*too few digits; say `within\(limit\)`"):
        compute(lambda x, y: x @ y, *operands)
    found = compute(lambda x, y: x.within(1) @ y.within(1), *operands)
    assert found == pytest.approx(0.375, abs=2.0**-20)


@pytest.mark.parametrize(
    ("sizes", "rounds", "octets"),
    [
        (((20, 29), (20, 29)), 2, 37),  # as measurements
        (((20, 33), (0, 12)), 2, 37),
        (((26, 57), (20, 28)), 4, 81),
        (((26, 57), (36, 40)), 4, 199),
    ],
)
def test_rounds_and_bytes(sizes, rounds, octets):
    arrays = [((1_000,), frac, (1 << width) - 1) for frac, width in sizes]
    cost = dry_cost(lambda x, y: x * y, *arrays)
    assert cost.rounds == rounds
    assert sum(cost.bytes_sent) / 1_000 <= octets
