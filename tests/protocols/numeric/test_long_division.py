"""Whole numbers divided by secret ones: against Python's own, at bounds of all sizes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from mpc.values.secret import SecretArray
from protocols.numeric import divide_with_remainder, floor_divide
from tests.support.engines import MORE_PARTIES
from tests.support.integers import integers
from tests.support.value_floor import compute, dry_cost

MOST = 1 << 61
WIDTHS = [
    (1, 1),
    (3, 2),
    (7, 7),
    (10, 20),
    (24, 24),
    (31, 31),
    (40, 20),
    (61, 2),
    (61, 31),
    (61, 61),
    (3, 60),
    (50, 50),
]


def operands(bits: tuple[int, int]) -> tuple[list[int], list[int], tuple[int, int]]:
    """Dividends and divisors: the ends of their ranges, 0, multiples of the divisor and what is next to them."""
    chance = np.random.default_rng(bits[0])
    bounds = [1 << width if width > 60 else (1 << width) - 1 for width in bits]

    def some(bound: int, n: int) -> list[int]:
        return [int(v) >> int(s) for v, s in zip(chance.integers(0, bound, n, endpoint=True), range(n), strict=True)]

    most, largest = bounds
    divisors = {0, 1, 2, 3, largest, largest - 1, largest // 2, largest // 3, *some(largest, 8)}
    pairs = []
    for y in sorted(y for d in divisors for y in {d, -d} if abs(y) <= largest):
        near = [m * y + d for m, d in product((0, 1, -1, 2, most // max(abs(y), 1)), (-1, 0, 1))]
        pairs += [(x, y) for x in {*near, most, -most, *some(most, 4)} if abs(x) <= most]
    xs, ys = zip(*pairs, strict=True)
    return list(xs), list(ys), (most, largest)


def check(xs: Any, ys: Any, bounds: tuple[int, int], engine: str) -> None:
    def divide(x: SecretArray, y: SecretArray) -> tuple[SecretArray, ...]:
        quotient, rest = divmod(x.restated(bound=bounds[0]), y.restated(bound=bounds[1]))
        assert quotient.why == rest.why == "division by zero"
        assert (quotient.bound, rest.bound) == (bounds[0], max(bounds[1] - 1, 1))
        assert quotient.valid is not None
        return quotient.without_mask(), rest.without_mask(), quotient.valid

    quotient, rest, valid = (found.tolist() for found in integers(divide, xs, ys, engine=engine))
    assert [bool(v) for v in valid] == [y != 0 for y in ys]
    for x, y, q, r in zip(xs, ys, quotient, rest, strict=True):
        assert y == 0 or (q, r) == divmod(x, y), (x, y, q, r)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("engine", ["ideal", "rounding"])
def test_it_is_pythons(engine, bits):
    check(*operands(bits), engine)


@pytest.mark.parametrize("bits", [(7, 7), (31, 31), (61, 31), (61, 61)])
@pytest.mark.parametrize("engine", MORE_PARTIES[1:])
def test_on_shares(engine, bits):
    check(*operands(bits), engine)


@given(
    pairs=st.lists(
        st.tuples(*[st.integers(-MOST, MOST) | st.integers(-(1 << 32), 1 << 32) | st.integers(-9, 9)] * 2), min_size=1
    )
)
def test_any_numbers(pairs):
    xs, ys = ([pair[k] for pair in pairs] for k in (0, 1))
    for engine in ("ideal", "rounding"):
        check(xs, ys, (MOST, MOST), engine)
    bounds = max(1, *(abs(x) for x in xs)), max(1, *(abs(y) for y in ys))
    check(xs, ys, bounds, "ideal")


def test_division_by_zero_is_undefined():
    found = compute(lambda x, y: (x // y, x % y), np.array([7, 0, -7, 5]), np.array([0, 0, 2, -2]))
    np.testing.assert_array_equal(found[0], [np.nan, np.nan, -4, -3])
    np.testing.assert_array_equal(found[1], [np.nan, np.nan, 1, -1])


def test_shapes_and_public_dividends():
    x, y = np.arange(-3, 3).reshape(2, 3), np.array([2, -1, 3])
    np.testing.assert_array_equal(compute(lambda a, b: a // b, x, y), x // y)
    np.testing.assert_array_equal(compute(lambda a: x % a, y), x % y)
    np.testing.assert_array_equal(compute(lambda a: 100 // a, y), 100 // y)
    np.testing.assert_array_equal(np.stack(compute(lambda a: divmod(100, a), y)), np.stack(divmod(100, y)))
    assert compute(lambda a, b: a // b, x[:0], y).shape == (0, 3)
    np.testing.assert_array_equal(compute(lambda a, f: a // f, x, y > 0), np.where(y > 0, x, np.nan))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: (x * 0.5) // x, ShapeError, "for whole numbers"),
        (lambda x: x // (x * 0.5), ShapeError, "for whole numbers"),
        (lambda x: 2.5 % x, ShapeError, "for whole numbers"),
        (lambda x: x // x.restated(bound=MOST * 2 - 1), RangeError, "within"),
        (lambda x: x // x[:2], ShapeError, "do not fit"),
    ],
)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        compute(wrong, np.array([5, 6, 7]))


@pytest.mark.parametrize(
    ("function", "bounds", "rounds", "octets"),
    [
        (floor_divide, (1, 1), 26, 44_180),
        (floor_divide, ((1 << 24) - 1, (1 << 24) - 1), 57, 128_934),
        (divide_with_remainder, ((1 << 24) - 1, (1 << 24) - 1), 58, 134_534),
        (floor_divide, ((1 << 50) - 1, (1 << 50) - 1), 76, 232_949),
        (floor_divide, (MOST, MOST), 78, 271_549),
    ],
)
def test_costs(function, bounds, rounds, octets):
    cost = dry_cost(function, *(((100,), 0, bound) for bound in bounds))
    assert (cost.rounds, sum(cost.bytes_sent)) == (rounds, octets)
