"""Signs, limits, whole numbers and the largest of several values, which are exact; polynomials and their pieces."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from protocols import numeric
from tests.support.engines import MORE_PARTIES
from tests.support.marks import slow
from tests.support.value_floor import compute, dry_cost

#: Fraction bits and bits of the bound.
SIZES = [(0, 5), (3, 4), (20, 29), (28, 29), (40, 61), (0, 61), (45, 30), (-3, 12), (61, 61), (61, 20)]


def values(frac: int, width: int) -> tuple[Any, Any]:
    """Raw integers of every size and sign that floats hold, and the numbers that they stand for."""
    most = (1 << width) - 1
    rng = np.random.default_rng(width)
    sizes = [min((1 << j) + d, most) for j in range(min(width, 53)) for d in (-1, 0, 1)]
    raw = np.asarray([*sizes, *rng.integers(0, min(most, 1 << 52), 50)], np.int64)
    raw = np.concatenate([raw, -raw])
    raw = raw[(raw == raw.astype(np.float64)) & (np.abs(raw) < 2**53)]
    return raw, np.ldexp(raw.astype(np.float64), -frac)


@pytest.mark.parametrize(("frac", "width"), SIZES)
@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_signs_and_whole_numbers_are_exact(frac, width, engine):
    raw, x = values(frac, width)

    def all_of_them(s: Any) -> Any:
        return numeric.relu(s), numeric.sign(s), s.abs(), numeric.floor(s)

    relu, sign, size, floor = compute(all_of_them, (x, frac, (1 << width) - 1), engine=engine)
    assert (relu == np.maximum(x, 0)).all()
    assert (sign == np.sign(x)).all()
    assert (size == np.abs(x)).all()
    assert (floor == np.floor(x)).all()
    assert len(raw)


@pytest.mark.parametrize(("frac", "width"), SIZES[:5] + SIZES[6:8])
@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_rounding_halves_up(frac, width, engine):
    raw, x = values(frac, width)
    y = compute(lambda s: numeric.round_half_up(s), (x, frac, (1 << width) - 1), engine=engine)
    one = Fraction(2) ** frac
    assert y.tolist() == [
        int((Fraction(int(r)) / one + Fraction(1, 2)) // 1) if frac > 0 else v for r, v in zip(raw, x, strict=True)
    ]


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 2.5), (-3, -2), (1.5, 1.5), (-100, 2), (-2, 100), (-100, 100)])
def test_clipping(low, high, engine):
    x = np.linspace(-10, 10, 161)
    for frac in (3, 20):
        y = compute(lambda s: numeric.clip(s, low, high), (x, frac, 10 << frac), engine=engine)
        assert (y == np.clip(x, low, high)).all()


def test_the_bound_of_a_clipped_value_follows_from_the_limits():
    def bound(s: Any) -> Any:
        assert numeric.clip(s, -2, 1).limit <= 2.001
        assert numeric.clip(s, -2, 100).limit == s.limit
        return numeric.clip(s, 0.25, 0.5)

    assert compute(bound, ([3.0, -3.0, 0.3125], 20, 4 << 20)).tolist() == [0.5, 0.25, 0.3125]
    with pytest.raises(RangeError, match="limits"):
        compute(lambda s: numeric.clip(s, 1, 0), ([1.0], 20, 4 << 20))
    assert compute(lambda s: numeric.clip(s, 0.5, 1.5), ([0, 1, 2], 0, 4)).tolist() == [0.5, 1, 1.5]


# ---- the largest one
@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_largest_and_its_place(size, engine):
    x = np.random.default_rng(size).integers(-4, 5, (6, size)).astype(float)

    def best(s: Any) -> Any:
        return (
            numeric.largest(s),
            numeric.smallest(s),
            numeric.argmax(s),
            numeric.argmin(s),
            numeric.argmax(s.T, 0),
        )

    top, bottom, place, lowest, other = compute(best, (x, 20, 4 << 20), engine=engine)
    assert (top == x.max(1)).all()
    assert (bottom == x.min(1)).all()
    assert (place == x.argmax(1)).all()
    assert (lowest == x.argmin(1)).all()
    assert (other == x.argmax(1)).all()


def test_only_valid_elements_are_the_largest():
    def best(s: Any) -> Any:
        known = s.masked(s < 3, "too large")
        return numeric.largest(known), numeric.argmax(known), numeric.smallest(known)

    top, place, low = compute(best, ([[1.0, 5.0, 2.0], [4.0, 5.0, 6.0], [-7.0, 7.0, 7.0]], 20, 7 << 20))
    np.testing.assert_array_equal(top, [2, np.nan, -7])
    np.testing.assert_array_equal(place, [2, np.nan, 0])
    np.testing.assert_array_equal(low, [1, np.nan, -7])
    for axis in (1, -2):
        with pytest.raises(ShapeError, match="axis"):
            compute(lambda s, axis=axis: numeric.largest(s, axis), ([1.0, 2.0], 20, 7 << 20))


# ---- polynomials
@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize(
    ("limit", "frac"), [(1.0, 28), (3.0, 20), (0.01, 35), (100.0, 22), (2.0**20, 8), (7, 0), (5.0, 50)]
)
@pytest.mark.parametrize("degree", [0, *slow(1), 2, *slow(5), 9])
def test_polynomials_keep_to_their_error(degree, limit, frac, engine):
    c = np.random.default_rng(degree).normal(0, 1, degree + 1) / limit ** np.arange(degree + 1)
    x = np.floor(np.linspace(-limit, limit, 200) * 2**frac) / 2**frac
    y = compute(lambda s: numeric.polynomial(s, c), (x, frac, int(limit * 2**frac) + 1), engine=engine)
    size = np.sum(np.abs(c) * 2 ** (np.ceil(np.log2(limit)) * np.arange(degree + 1)))
    assert np.abs(y - np.polynomial.polynomial.polyval(x, c)).max() <= max(degree, 1) * 2.0**-26 * size


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=6), st.floats(0.125, 1000, width=32))
def test_polynomials_match_floats(c, limit):
    x = np.floor(np.linspace(-limit, limit, 20) * 2**16) / 2**16
    y = compute(lambda s: numeric.polynomial(s, c), (x, 16, int(limit * 2**16) + 1))
    size = np.sum(np.abs(c) * 2 ** (np.ceil(np.log2(limit + 2.0**-16)) * np.arange(len(c))))
    true = np.polynomial.polynomial.polyval(x, c)
    assert np.abs(y - true).max() <= len(c) * 2.0**-26 * size + 2.0**-40


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize(
    ("limit", "frac"), [(1.0, 28), (4.0, 20), (9.0, 25), (1000.0, 18), (2.0**30, 25), (9, 0), (9, -1)]
)
@pytest.mark.parametrize("tails", ["constant", "lines"])
def test_pieces_meet_at_their_knots(tails, limit, frac, engine):
    knots = [-2.5, 0.3, 1.75]
    c = np.asarray([[1, 0, 0], [0.5, -1, 0.25], [-2, 0.5, 0.125], [4, 0, 0]])
    if tails == "lines":
        c[0, 1], c[-1, 1] = -0.5, 0.25
    near = [k + d * 2.0**-frac for k in knots for d in (-1, 0, 1)]
    x = np.concatenate([np.linspace(-limit, limit, 100), np.linspace(-4, 4, 100), near])
    top = np.floor(limit * 2.0**frac) / 2.0**frac
    x = np.clip(np.floor(x * 2.0**frac) / 2.0**frac, -top, top)
    y = compute(lambda s: numeric.piecewise(s, knots, c), (x, frac, int(limit * 2.0**frac)), engine=engine)
    rows = c[np.searchsorted(knots, x, side="right")]
    true = rows[:, 0] + rows[:, 1] * x + rows[:, 2] * x**2
    reach = limit if tails == "lines" else min(limit, 5.0)
    size = (np.abs(c) * (2 * reach) ** np.arange(3)).sum(1).max()
    assert np.abs(y - true).max() <= 2 * 2.0**-25 * size


def test_a_step_is_a_piece_too():
    y = compute(lambda s: numeric.piecewise(s, [0.5], [[1], [3]]), ([-9, 0, 1, 9], 0, 9))
    np.testing.assert_allclose(y, [1, 1, 3, 3], atol=2.0**-20)


def test_what_no_polynomial_is():
    for knots, c in (([1, 0], [[1]] * 3), ([0], [[1]]), ([0, 0], [[1]] * 3)):
        with pytest.raises(ShapeError, match="knots"):
            compute(lambda s, k=knots, c=c: numeric.piecewise(s, k, c), ([1.0], 20, 2 << 20))
    with pytest.raises(ShapeError, match="coefficients"):
        compute(lambda s: numeric.polynomial(s, []), ([1.0], 20, 2 << 20))
    with pytest.raises(RangeError, match="infinite"):
        compute(lambda s: numeric.polynomial(s, [1, np.inf]), ([1.0], 20, 2 << 20))


@pytest.mark.parametrize(
    ("function", "rounds", "octets"),
    [
        (numeric.relu, 7, 19),
        (numeric.sign, 7, 33),
        (lambda s: numeric.clip(s, -1, 1), 7, 38),
        (numeric.floor, 9, 23),
        (lambda s: numeric.polynomial(s, [1.0] * 6), 8, 55),
    ],
)
def test_rounds_and_bytes(function, rounds, octets):
    cost = dry_cost(lambda s: function(s), ((30_000,), 25, 8 << 25))
    assert cost.rounds <= rounds
    assert sum(cost.bytes_sent) / 90_000 <= octets


@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_clipping_what_fills_the_ring(engine):
    x = np.asarray([-0.99, -0.5, -0.25, 0.0, 0.25, 0.3125, 0.5, 0.99])
    y = compute(lambda s: numeric.clip(s, -0.4375, 0.3125), (x, 61, (1 << 61) - 1), engine=engine)
    np.testing.assert_allclose(y, np.clip(x, -0.4375, 0.3125), atol=2.0**-58)
