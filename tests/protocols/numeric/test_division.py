"""Division: the documented error, range and cost, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.values.secret import SecretArray
from protocols.numeric.division import scale_of
from tests.support.engines import ENGINES
from tests.support.value_floor import compute, dry_cost


class Operands(NamedTuple):
    """Fraction bits and widths of a dividend and a divisor."""

    fa: int
    fb: int
    wa: int
    wb: int

    def secrets(self, x: SecretArray, y: SecretArray) -> tuple[SecretArray, SecretArray]:
        """Raw integers as the operands: numbers of more than 53 bits are exact so."""
        pairs = (x, self.fa, self.wa), (y, self.fb, self.wb)
        a, b = (
            v.restated(frac=frac, bound=(1 << width) - 1, type="fixed" if frac else "int") for v, frac, width in pairs
        )
        return a, b

    @property
    def narrow(self) -> bool:
        return self.fa != 0 and max(self.wa, self.wb) <= 29 and self.wa + self.wb <= 57


def _quotients(size: Operands, a: Any, b: Any, engine: str = "ideal", *, frac: int, most: int | None) -> None:
    """Quotients of raw integers have this many fraction bits, the documented error, and none is undefined but those
    of zero and, with a range, those beyond it."""
    seen = []

    def quotient(x: SecretArray, y: SecretArray) -> SecretArray:
        q = SecretArray.__truediv__(*size.secrets(x, y))
        seen.append((q.frac, q.why))
        return q

    whole = [(np.asarray(v, np.int64), 0, (1 << 62) - 1) for v in (a, b)]
    q = compute(quotient, *whole, engine=engine)
    why = "division by zero" + (f", or a quotient of 2^{most} or more" if most is not None else "")
    assert set(seen) == {(frac, why)}
    scale = Fraction(2) ** (size.fb - size.fa)
    for x, y, found in zip(whole[0][0].tolist(), whole[1][0].tolist(), q.tolist(), strict=True):
        true = scale * x / y if y else None
        if true is None or (most is not None and abs(true) >= 2**most * (1 + Fraction(1, 2**26))):
            assert np.isnan(found), (x, y, true)
        elif most is not None and abs(true) > 2**most * (1 - Fraction(1, 2**26)):
            pass  # either will do
        elif x == 0:
            assert abs(found) <= 2.0**-frac * size.narrow, (x, y, found)
        else:
            assert not np.isnan(found), (x, y, true)
            error = abs(true) / 2**25 + Fraction(2) ** -frac * (3 if size.narrow else 1)
            if size.narrow:
                error += Fraction(2) ** (-size.fa - 2) / abs(Fraction(y) / 2**size.fb)
            assert abs(Fraction(found) - true) <= error, (x, y, float(true), found)


def _edges(width: int) -> list[int]:
    """Raw integers of all sizes, and the ends of some."""
    largest = (1 << width) - 1
    sizes = {1, 2, 3, largest, largest - 1, largest // 2, largest // 2 + 1, largest // 3, 1 << width // 2}
    return [0, *(sign * v for v in sorted(sizes) if 0 < v <= largest for sign in (1, -1))]


def _all(size: Operands) -> tuple[list[int], list[int]]:
    pairs = list(product(_edges(size.wa), _edges(size.wb)))
    return [a for a, _ in pairs], [b for _, b in pairs]


#: With the fraction bits of the result: those that leave room for the largest quotient.
WITH_ALL = [
    (Operands(21, 21, 28, 28), 31),
    (Operands(28, 0, 29, 28), 58),
    (Operands(16, 16, 26, 26), 33),
    (Operands(20, 1, 29, 3), 49),
    (Operands(0, 0, 29, 29), 30),
    (Operands(33, 0, 61, 28), 31),
    (Operands(30, 2, 40, 40), 47),
    (Operands(3, 9, 4, 10), 49),
    (Operands(0, 0, 1, 1), 58),
    (Operands(-31, 0, 40, 11), -12),  # coarse itself: a last place of the dividend is larger than one of the result
]
#: With the fraction bits and the range of the result.
WITH_A_RANGE = [
    (Operands(31, 31, 61, 61), 28, 30),
    (Operands(0, 0, 61, 61), 28, 30),
    (Operands(10, 25, 40, 55), 28, 30),
    (Operands(27, 40, 28, 60), 35, 23),  # bounds 2 and 2^20
    (Operands(26, 57, 58, 58), 23, 35),  # bounds 2^32 and 2
    (Operands(26, 61, 60, 61), 20, 38),
    (Operands(57, 26, 58, 58), 47, 11),  # bounds 2 and 2^32
    (Operands(0, 30, 1, 61), 46, 12),  # 1 over a quotient
    (Operands(40, 40, 61, 61), 28, 30),
]


@pytest.mark.parametrize(("size", "frac"), WITH_ALL)
def test_where_all_quotients_fit(size, frac):
    _quotients(size, *_all(size), frac=frac, most=None)


@pytest.mark.parametrize(("size", "frac", "most"), WITH_A_RANGE)
def test_where_not_all_quotients_fit(size, frac, most):
    assert frac + most == 58
    _quotients(size, *_all(size), frac=frac, most=most)


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(
    ("size", "frac", "most"), [(*WITH_ALL[0], None), (*WITH_ALL[5], None), WITH_A_RANGE[0], WITH_A_RANGE[4]]
)
def test_division_on_shares(engine, size, frac, most):
    _quotients(size, *_all(size), engine, frac=frac, most=most)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["shamir 5", "shamir 7"])
@pytest.mark.parametrize(("size", "frac", "most"), [(*WITH_ALL[5], None), WITH_A_RANGE[0]])
def test_division_among_more_parties(engine, size, frac, most):
    """A threshold of 2 or 3 has cuts that are off by two places."""
    rng = np.random.default_rng(3)
    a, b = (rng.integers(1 << width - 9, 1 << width - 1, 40) for width in (size.wa, size.wb))
    seen = []

    def quotient(x: SecretArray, y: SecretArray) -> SecretArray:
        q = SecretArray.__truediv__(*size.secrets(x, y))
        seen.append(x.run.engine.rounding)
        return q

    q = compute(quotient, (a, 0, (1 << 62) - 1), (b, 0, (1 << 62) - 1), engine=engine)
    assert set(seen) == {2}
    true = np.ldexp(a / b, size.fb - size.fa)
    assert (np.abs(q - true) <= 2.0**-25 * true + 2 * 2.0**-frac).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("size", "frac", "most"), [WITH_A_RANGE[0], WITH_A_RANGE[3], WITH_A_RANGE[4]])
def test_the_end_of_the_range(engine, size, frac, most):
    """Quotients of every mantissa just below the range's end, at it and just above it."""
    rng = np.random.default_rng(most)
    up = most + size.fa - size.fb  # a raw dividend at the end is the raw divisor times 2^up
    least, far = max(-up, 0), min(size.wb, size.wa - up) - 1
    b = np.exp2(rng.uniform(least + 1, far, 60)).astype(np.int64) >> least << least
    b[:3] = 1 << least, 1 << far, (1 << far) - (1 << least)
    end = b << up if up > 0 else b >> -up
    a = np.concatenate([end, end - (end >> 24) - 1, end + (end >> 24) + 1, end // 2, end // 3, np.minimum(end, 1) * 0])
    a = np.minimum(a, (1 << size.wa) - 1) * rng.choice([-1, 1], len(a))
    _quotients(size, a, np.tile(b, 6) * rng.choice([-1, 1], len(a)), engine, frac=frac, most=most)


@given(data=st.data())
def test_wide_quotients_of_all_sizes(data):
    size, frac, most = data.draw(st.sampled_from(WITH_A_RANGE))

    def some(width: int) -> Any:
        sizes = st.integers(1, width).flatmap(lambda bits: st.integers(-(1 << bits) + 1, (1 << bits) - 1))
        return data.draw(st.lists(sizes, min_size=6, max_size=6))

    _quotients(size, some(size.wa), some(size.wb), frac=frac, most=most)


@given(data=st.data())
def test_narrow_quotients_of_all_sizes(data):
    size = Operands(18, 25, 28, 29)
    some = [st.lists(st.integers(-(1 << w) + 1, (1 << w) - 1), min_size=6, max_size=6) for w in (size.wa, size.wb)]
    _quotients(size, data.draw(some[0]), data.draw(some[1]), frac=24, most=None)


@pytest.mark.parametrize("size", [WITH_ALL[2], WITH_A_RANGE[0]])
def test_division_of_many(size):
    """Enough of them that tables are read at the number of bits."""
    size, frac, most = (*size, None)[:3]
    rng = np.random.default_rng(7)
    a, b = (
        np.exp2(rng.uniform(0, w - 0.01, 2000)).astype(np.int64) * rng.choice([-1, 1], 2000) for w in (size.wa, size.wb)
    )
    b[:4] = 0, 1, -1, -(1 << size.wb - 1)
    _quotients(size, a, b, "replicated", frac=frac, most=most)


def test_bounds_that_leave_no_digits_are_refused_at_the_line():
    """A number up to 2,048 over one up to 2^47 would come out with a range below 2^10, and one up to 2^52 over one up
    to 64 without three decimals."""
    huge, some = ([1.0], 14, (1 << 61) - 1), ([1], 19, 1 << 30)
    with pytest.raises(RangeError, match=r"bound of the divisor.*say `within\(limit\)` of the divisor"):
        compute(lambda x, y: y / x, huge, some)
    with pytest.raises(RangeError, match=r"bound of the dividend.*say `within\(limit\)` of the dividend"):
        compute(lambda x, y: x / y, ([1.0], 9, (1 << 61) - 1), ([1.0], 24, 1 << 30))
    q = compute(lambda x, y: y / x.within(2**30), huge, some)
    assert q == pytest.approx(1, rel=2.0**-25)


def test_scales_follow_from_bounds_alone():
    """A unit in the dividend's last place over the divisor's bound is enough, where that is all there is to know."""
    scales = []

    def some(*pair: SecretArray) -> SecretArray:
        for size in [*(s for s, _ in WITH_ALL if not s.narrow), *(s for s, _, _ in WITH_A_RANGE)]:
            scales.append(scale_of(*size.secrets(*pair)))
        return pair[0]

    compute(some, ([1], 0, 1), ([1], 0, 1))
    expected = [(frac, None) for size, frac in WITH_ALL if not size.narrow]
    assert scales == [*expected, *((frac, most) for _, frac, most in WITH_A_RANGE)]


# ---- what a quotient takes over
def test_division_keeps_masks_and_broadcasts():
    def quotient(a: SecretArray, b: SecretArray) -> SecretArray:
        return a.masked(a > 0, "no a") / b.masked(b < 9, "no b")

    q = compute(quotient, ([[1.0], [-2.0]], 20, 1 << 25), ([4.0, 0.0, 10.0], 20, 1 << 25))
    np.testing.assert_allclose(q, [[0.25, np.nan, np.nan], [np.nan] * 3])
    q = compute(quotient, ([[1.0], [-2.0]], 31, 1 << 60), ([4.0, 0.0, 10.0], 31, 1 << 60))
    np.testing.assert_allclose(q, [[0.25, np.nan, np.nan], [np.nan] * 3])


def test_quotients_keep_their_digits_whatever_the_bounds():
    """One third of operands that could be a hundred: seven digits, not one."""
    q = compute(lambda x, y: x / y, ([1.0], 21, 100 << 21), ([3.0], 21, 100 << 21))
    assert abs(q[0] - 1 / 3) < 1e-7


def test_quotients_of_quotients():
    """Each one's bound is that of its range, which says little of it."""

    def chain(x: SecretArray, y: SecretArray) -> Any:
        ratio = x / y
        return ratio / (y / x), 1 / ratio, ratio + 1 / ratio, x / ratio, 1 - ratio, ratio.sqrt(), ratio > 0.3

    x, y = 330.25, 1001.5
    found = compute(chain, ([x], 30, 1 << 60), ([y], 30, 1 << 60))
    ratio = x / y
    expected = [ratio**2, 1 / ratio, ratio + 1 / ratio, y, 1 - ratio, ratio**0.5, 1.0]
    np.testing.assert_allclose([float(v[0]) for v in found], expected, rtol=2.0**-23)


def test_public_operands():
    def both(a: SecretArray) -> tuple[SecretArray, SecretArray]:
        return 1 / a, a / 3.0

    one, three = compute(both, ([0.5, 7.0], 21, 100 << 21))
    np.testing.assert_allclose(one, [2, 1 / 7], rtol=2.0**-24)
    np.testing.assert_allclose(three, [0.5 / 3, 7 / 3], atol=2.0**-20)


# ---- costs
@pytest.mark.parametrize(
    ("size", "rounds", "octets"),
    [
        (Operands(21, 21, 28, 28), 26, 48),
        (Operands(33, 0, 61, 28), 35, 141),
        (Operands(27, 27, 57, 57), 41, 191),
    ],
)
def test_rounds_and_bytes(size, rounds, octets):
    shape = (10_000,)
    cost = dry_cost(
        lambda x, y: x / y,
        (shape, size.fa, (1 << size.wa) - 1),
        (shape, size.fb, (1 << size.wb) - 1),
    )
    assert cost.rounds <= rounds
    assert sum(cost.bytes_sent) / 3 / shape[0] <= octets * 3
