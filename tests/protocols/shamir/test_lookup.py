"""Tables: what lies beyond them is cut to the table's range, so that no mask is too short for what it hides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.shamir.digits import parted
from protocols.shamir.lookup import coefficients, place, read
from tests.support.masked_numbers import masked_numbers
from tests.support.shamir_harness import SCHEMES, dealt, elements_of, engine, integers_of, on_floor, opened, run, shared

EDGES = [0, 1, -1, 5, 2**40, -(2**40), 2**62 - 1, 1 - 2**62, 2**20, 2**20 - 1, -(2**20)]


def parts(values, cut, width, parties=3, threshold=None):
    scheme = engine(parties, threshold).scheme
    shares = dealt(scheme, elements_of(values), np.random.default_rng(1))

    async def program(f):
        bits, low = await parted(f, shares[f.me], len(values), cut=cut, width=width)
        return np.concatenate([*bits, low])

    results, _ = on_floor(program, parties, threshold)
    found = integers_of(opened(scheme, results))
    rows = np.asarray(found, object).reshape(width + 1, len(values))
    return rows[:width], rows[width]


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
@pytest.mark.parametrize(("cut", "width"), [(20, 6), (1, 3), (0, 4), (40, 9), (52, 9)])
def test_a_number_is_cut_in_two_wherever_it_lies(parties, threshold, cut, width):
    rng = np.random.default_rng(cut)
    values = [*EDGES, *(int(v) for v in rng.integers(-(2**62) + 1, 2**62, 60) >> rng.integers(0, 60, 60))]
    bits, low = parts(values, cut, width, parties, threshold)
    assert low.tolist() == [v % (1 << cut) for v in values]
    for i in range(width):
        assert bits[i].tolist() == [v >> (cut + i) & 1 for v in values]


@given(st.lists(st.integers(-(2**62) + 1, 2**62 - 1), min_size=1, max_size=5), st.integers(0, 50), st.integers(1, 9))
def test_any_number_is_cut_in_two(values, cut, width):
    bits, low = parts(values, cut, width)
    assert low.tolist() == [v % (1 << cut) for v in values]
    for i in range(width):
        assert bits[i].tolist() == [v >> (cut + i) & 1 for v in values]


@given(data=st.data(), bits=st.integers(1, 5))
def test_a_table_as_a_polynomial(data, bits):
    table = data.draw(st.lists(st.integers(-(2**60), 2**60), min_size=1 << bits, max_size=1 << bits))
    c = coefficients(table)
    for at in range(1 << bits):
        assert sum(c[s] for s in range(1 << bits) if s & at == s) == table[at]


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2)])
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 6])
def test_reading_at_every_place(parties, threshold, bits):
    scheme = engine(parties, threshold).scheme
    table = [int(v) for v in np.random.default_rng(bits).integers(-(2**60), 2**60, 1 << bits)]
    rng = np.random.default_rng(1)
    size = 1 << bits
    digits = [dealt(scheme, elements_of([p >> i & 1 for p in range(size)]), rng) for i in range(bits)]

    async def program(f):
        at = await place(f, [digit[f.me] for digit in digits], size)
        return await f.reduce(read(f, at, table), size)

    results, _ = on_floor(program, parties, threshold)
    assert integers_of(opened(scheme, results)) == integers_of(elements_of(table))


def cubic(x, low, step, table, bits):
    piece, rest = np.divmod(x - low, 1 << step)
    u = rest / (1 << step)
    c = table[:, piece % table.shape[1]].astype(float)
    return np.ldexp(c[0] + c[1] * u + c[2] * u**2 + c[3] * u**3, 28 - bits)


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
@pytest.mark.parametrize(("step", "pieces"), [(20, 64), (9, 8), (0, 8), (30, 16)])
def test_cubics_within_their_table_and_beyond(parties, threshold, step, pieces):
    """Far out, the result is one of the table's, which a comparison then leaves out."""
    rng = np.random.default_rng(step)
    table = rng.integers(-(2**30), 2**30, (4, pieces))
    low = -(pieces << step) // 2
    within = rng.integers(low, low + (pieces << step), 50)
    x = np.concatenate([within, [2**61, -(2**61), 2**62 - 1 + min(low, 0), low - 1, low + (pieces << step)]])
    found = run(
        "piecewise_cubic", shared(x, rng, parties, threshold), parties=parties, threshold=threshold,
        low=low, step=step, table=table, bits=28,
    ).value  # fmt: skip
    # Four roundings of u^k, each of a few last places of 2^-28, times coefficients below 2^31, and one in the last.
    assert np.abs(found - cubic(x, low, step, table, 28)).max() <= 4 * 2**3 * engine(parties, threshold).rounding + 8


@pytest.mark.parametrize("x", [2**61, -(2**61), 2**40])
def test_the_king_sees_no_more_of_a_number_beyond_the_table(x):
    """Each number that is opened has its room: without the cut, the square of a place far out has 120 bits."""
    low, step = 0, 20
    shares = shared(np.full(64, x), np.random.default_rng(1))
    with masked_numbers() as seen:
        run("piecewise_cubic", shares, low=low, step=step, table=np.ones((4, 8), np.int64), bits=28)
    # The place and the result, and powers of what lies beyond the place.
    assert [one.room for one in seen.openings.values()] == [64, 58, 58, 64]
    assert not seen.beyond()


def test_the_king_sees_no_more_of_an_exponent_beyond_the_table():
    for x in (2**61, -(2**61)):
        shares = shared(np.full(64, x), np.random.default_rng(1))
        with masked_numbers() as seen:
            run("exponential", shares, low=-20 << 20, high=0, frac=20, digits=48, bits=0)
        assert len(seen.openings) > 4
        assert not seen.beyond()
