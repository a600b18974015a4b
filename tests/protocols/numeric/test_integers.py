"""Quotients, remainders, shifts, bits, powers and running sums of secret integers: against Python's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc import from_bits
from mpc.errors import RangeError, ShapeError
from protocols.numeric import divide_with_remainder
from tests.support.engines import ENGINES, MORE_PARTIES
from tests.support.integers import integers
from tests.support.value_floor import compute, dry_cost

MOST = 1 << 61
#: Bounds around those where another way of dividing begins.
BOUNDS = [1, 2, 7, 120, 1 << 20, 1 << 30, (1 << 31) + 5, 1 << 40, 1 << 52, MOST]
DIVISORS = [
    1,
    2,
    3,
    7,
    8,
    97,
    1 << 15,
    (1 << 31) - 1,
    (1 << 33) + 9,
    1 << 60,
    MOST - 1,
    MOST + 1,
    -1,
    -3,
    -(1 << 40) - 1,
]


def dividends(bound: int, k: int) -> list[int]:
    """The ends of a range, numbers around 0 and around multiples of k, and some between."""
    chance = np.random.default_rng(bound % 1000)
    some = [int(v) for v in chance.integers(-bound, bound, 6, endpoint=True)]
    near = [m + d for m in (0, k, -k, 2 * k, bound // k * k, -(bound // k) * k) for d in (-1, 0, 1)]
    return [v for v in (0, bound, -bound, bound - 1, 1 - bound, *some, *near) if abs(v) <= bound]


def same(found: Any, wanted: Sequence[int]) -> None:
    assert np.asarray(found).tolist() == list(wanted)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("k", DIVISORS)
def test_quotients_and_remainders_are_pythons(bound, k):
    x = dividends(bound, k)
    for engine in ("ideal", "rounding"):
        quotient, rest = integers(lambda v: divmod(v, k), x, bound=bound, engine=engine)
        same(quotient, [v // k for v in x])
        same(rest, [v % k for v in x])


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("bound", [120, (1 << 31) + 5, MOST])
@pytest.mark.parametrize("k", [10, -7, 64, (1 << 33) + 9])
def test_on_shares(engine, bound, k):
    x = dividends(bound, k)
    quotient, rest = integers(lambda v: (v // k, v % k), x, bound=bound, engine=engine)
    same(quotient, [v // k for v in x])
    same(rest, [v % k for v in x])


@given(
    x=st.lists(st.integers(-MOST, MOST) | st.integers(-300, 300), max_size=20),
    k=st.integers(-MOST, MOST).filter(bool) | st.integers(-300, 300).filter(bool),
)
def test_any_numbers(x, k):
    for bound in (MOST, 0):
        quotient, rest = integers(lambda v: divmod(v, k), x, bound=bound)
        same(quotient, [v // k for v in x])
        same(rest, [v % k for v in x])


@pytest.mark.parametrize("engine", ENGINES)
def test_each_element_by_a_divisor_of_its_own(engine):
    x, k = np.arange(-12, 12).reshape(4, 6), np.array([3, -5, 1, 3, 8, 7])
    (found,) = integers(lambda v: v // k, x, engine=engine)
    np.testing.assert_array_equal(found, x // k)
    (found,) = integers(lambda v: v % k[:4].reshape(4, 1), x, engine=engine)
    np.testing.assert_array_equal(found, x % k[:4].reshape(4, 1))
    (found,) = integers(lambda v: v // k, [17], engine=engine)
    np.testing.assert_array_equal(found, 17 // k)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_shapes_are_numpys(shape):
    x = np.arange(7, 7 + np.prod(shape, dtype=int)).reshape(shape)
    functions: list[Callable[[Any], Any]] = [lambda v: v // 3, lambda v: v % 3, lambda v: v << 2, lambda v: v >> 1]
    for function in [*functions, lambda v: v**2, lambda v: v // np.full((2, 1), 3)]:
        if function(x).shape or not shape:
            np.testing.assert_array_equal(integers(function, x)[0], function(x))


@pytest.mark.parametrize("engine", ENGINES)
def test_flags_are_0_and_1(engine):
    flag = np.array([True, False, True])
    found = compute(lambda f: (f // 1, f % 2, f << 3, f >> 1, f**2, f.cumsum(), f.bits(2)), flag, engine=engine)
    wanted = [[1, 0, 1], [1, 0, 1], [8, 0, 8], [0, 0, 0], [1, 0, 1], [1, 1, 2], [[1, 0], [0, 0], [1, 0]]]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("engine", ENGINES)
def test_shifts(engine):
    x = [0, 1, -1, 5, -5, 1 << 40, -(1 << 40) - 1]
    left, right = [0, 1, 3, 20], [0, 1, 39, 41, 60, 62, 63, 1000]
    found = integers(lambda v: [v << i for i in left] + [v >> i for i in right], x, engine=engine)
    wanted = [[v << i for v in x] for i in left] + [[v >> i for v in x] for i in right]
    for one, other in zip(found, wanted, strict=True):
        same(one, other)
    (found,) = integers(lambda v: v >> np.arange(7), x, engine=engine)
    same(found, [v >> i for i, v in enumerate(x)])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("width", [None, 1, 5, 17, 64])
def test_bits(engine, width):
    x = np.array([[0, 1, -1], [65_535, -65_536, 77]])
    wide = width or 18
    (found,) = integers(lambda v: v.bits(width), x, bound=1 << 16, engine=engine)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, (x[..., None] >> np.arange(wide)) & 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_from_bits(engine):
    x = np.array([0, 1, -1, 12_345, -54_321, MOST - 1, 1 - MOST])
    whole, low, high, top = integers(
        lambda v: (
            from_bits(v.bits(), signed=True),
            from_bits(v.bits(8)),
            from_bits(v.bits(8), signed=True),
            from_bits(v.bits(62)[..., 61:].numeric()),
        ),
        x,
        engine=engine,
    )
    np.testing.assert_array_equal(whole, x)
    np.testing.assert_array_equal(low, x & 255)
    np.testing.assert_array_equal(high, (x & 255).astype(np.uint8).view(np.int8))
    np.testing.assert_array_equal(top, x < 0)


@given(x=st.lists(st.integers(1 - MOST, MOST - 1), max_size=10))
def test_bits_and_back(x):
    same(integers(lambda v: from_bits(v.bits(), signed=True), x, bound=MOST - 1)[0], x)


@pytest.mark.parametrize("engine", ENGINES)
def test_powers(engine):
    x = [0, 1, -1, 2, -3, 100]
    exponents = (0, 1, 2, 3, 7, 9)
    found = integers(lambda v: [v**k for k in exponents], x, engine=engine)
    for one, k in zip(found, exponents, strict=True):
        same(one, [v**k for v in x])


@pytest.mark.parametrize("engine", ENGINES)
def test_powers_modulo(engine):
    x = [0, 1, -1, 2, -3, 1 << 40]
    cases = [(0, 7), (1, 7), (5, -7), (65_537, 1_000_003), (1 << 40, 1_518_500_249), (3, 1), (7, 1 << 20)]
    found = integers(lambda v: [pow(v, k, m) for k, m in cases], x, engine=engine)
    for one, (k, m) in zip(found, cases, strict=True):
        same(one, [pow(v, k, m) for v in x])


@pytest.mark.parametrize("engine", ENGINES)
def test_running_sums(engine):
    x = np.arange(-6, 6).reshape(3, 4) ** 3
    axes = (None, 0, 1, -1)
    found = integers(lambda v: [v.cumsum(axis) for axis in axes], x, engine=engine)
    for one, axis in zip(found, axes, strict=True):
        np.testing.assert_array_equal(one, x.cumsum(axis))
    assert integers(lambda v: v.cumsum(), np.zeros(0), engine=engine)[0].shape == (0,)
    real = compute(lambda v: v.cumsum(), np.array([0.5, 1.25, -3]), engine=engine)
    np.testing.assert_array_equal(real, [0.5, 1.75, -1.25])


def test_undefined_elements():
    x, mask = np.array([5, 6, 7, 8]), np.array([True, False, True, True])

    def every(v, m):
        v = v.masked(m, "missing")
        return v // 2, v % 3, v >> 1, v**2, v.bits(4), from_bits(v.bits(4)), v.cumsum()

    half, rest, shifted, square, bits, back, sums = compute(every, x, mask)
    np.testing.assert_array_equal(half, [2, np.nan, 3, 4])
    np.testing.assert_array_equal(rest, [2, np.nan, 1, 2])
    np.testing.assert_array_equal(shifted, half)
    np.testing.assert_array_equal(square, [25, np.nan, 49, 64])
    np.testing.assert_array_equal(np.isnan(bits), np.repeat(~mask[:, None], 4, 1))
    np.testing.assert_array_equal(back, [5, np.nan, 7, 8])
    np.testing.assert_array_equal(sums, [5, 5, 12, 20])  # an undefined one does not count


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda v: v // 0, RangeError, "a public divisor is 0"),
        (lambda v: v % np.array([1, 0, 2]), RangeError, "a public divisor is 0"),
        (lambda v: v // 2.5, RangeError, "no whole number; divide by /"),
        (lambda v: v // (1 << 62), RangeError, "does not fit"),
        (lambda v: v / 2 // 2, ShapeError, "for whole numbers: take protocols.numeric.floor"),
        (lambda v: (v * 0.5).bits(), ShapeError, "for whole numbers"),
        (lambda v: v << -1, RangeError, "negative number of places"),
        (lambda v: v >> 1.5, ShapeError, "whole numbers are wanted"),
        (lambda v: v << v, ShapeError, "secret number of places"),
        (lambda v: v << 60, RangeError, "the ring holds 62"),
        (lambda v: v << 100, RangeError, "the ring holds 62"),
        (lambda v: v**40, RangeError, "the ring holds 62"),
        (lambda v: v**v, ShapeError, "one public number"),
        (lambda v: v ** np.array([1, 2, 3]), ShapeError, "one public number"),
        (lambda v: pow(v, -1, 5), RangeError, "negative"),
        (lambda v: pow(v, v, 5), ShapeError, "one public whole number"),
        (lambda v: pow(v, 2.5, 5), ShapeError, "one public whole number"),
        (lambda v: pow(v, 2, 1 << 40), RangeError, "the ring holds 62"),
        (lambda v: v.bits(0), RangeError, "1 to 64"),
        (lambda v: v.bits(65), RangeError, "1 to 64"),
        (lambda v: from_bits(v), ShapeError, "bits along a last axis"),
        (lambda v: from_bits(v.bits(63)), RangeError, "the ring holds 62"),
        (lambda v: from_bits(v.bits(63), signed=True), RangeError, "the ring holds 62"),
        (lambda v: from_bits(v[0] > 1), ShapeError, "bits along a last axis"),
        (lambda v: v.cumsum(1), ShapeError, "no axis 1"),
        (lambda v: v // np.arange(1, 5), ShapeError, "do not fit"),
    ],
)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        integers(wrong, [5, 6, 7])


def test_a_dividend_of_more_than_61_bits():
    """Where one truncation is enough, all 62 bits are taken; else a smaller bound is asked for."""
    most = (1 << 62) - 1
    same(integers(lambda v: v // 1024, [most, -most])[0], [most // 1024, -most // 1024])
    with pytest.raises(RangeError, match="within"):
        integers(lambda v: v // ((1 << 60) + 1), [most])


@pytest.mark.parametrize(
    ("function", "bound", "rounds", "octets"),
    [
        (lambda x: x // 1, MOST, 0, 0),
        (lambda x: x // 1024, MOST, 6, 4589),
        (lambda x: x % 7, 1 << 20, 7, 6089),
        (lambda x: x // 7, MOST, 13, 10_239),
        (lambda x: x // ((1 << 40) + 1), MOST, 12, 19_464),
        (lambda x: divide_with_remainder(x, 7), MOST, 13, 10_239),
        (lambda x: x // 200, 120, 5, 2839),
        (lambda x: x << 3, 1 << 20, 0, 0),
        (lambda x: x.cumsum(), 1 << 20, 0, 0),
        (lambda x: x.bits(20), 1 << 19, 7, 4650),
        (lambda x: from_bits(x.bits(20)), 1 << 19, 9, 52_650),
        (lambda x: x**5, 1 << 10, 3, 7200),
    ],
)
def test_costs(function, bound, rounds, octets):
    cost = dry_cost(lambda x: function(x), ((100,), 0, bound))
    assert (cost.rounds, sum(cost.bytes_sent)) == (rounds, octets)
