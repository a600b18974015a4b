"""GF(2^m) and interpolation in both fields, against direct computation."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.shamir import kernels_planes, lagrange
from protocols.shamir.binary_field import degree, inverse, multiply, product_steps, sum_steps
from protocols.shamir.fields import BinaryField
from protocols.shamir.prime import PRIME
from protocols.shamir.sharing import packed, unpacked
from tests.support.shamir_harness import dealt, elements_of, engine, field_of, integers_of, opened

DEGREES = [2, 3, 4, 5]
MODULUS = {2: 0b111, 3: 0b1011, 4: 0b10011, 5: 0b100101}


def direct(m, a, b):
    """The product of two polynomials, then divided by the modulus."""
    total = 0
    for i, j in product(range(m), repeat=2):
        total ^= (a >> i & 1 & (b >> j & 1)) << (i + j)
    while total.bit_length() > m:
        total ^= MODULUS[m] << (total.bit_length() - m - 1)
    return total


@pytest.mark.parametrize("m", DEGREES)
def test_the_field(m):
    every = range(1 << m)
    for a, b in product(every, repeat=2):
        assert multiply(m, a, b) == direct(m, a, b) == multiply(m, b, a)
        if a and b:
            assert multiply(m, a, b)
    for a, b, c in product(every, repeat=3) if m < 5 else product(every, (3, 17, 31), every):
        assert multiply(m, multiply(m, a, b), c) == multiply(m, a, multiply(m, b, c))
        assert multiply(m, a, b ^ c) == multiply(m, a, b) ^ multiply(m, a, c)
    for a in every:
        assert multiply(m, a, 1) == a
        if a:
            assert multiply(m, a, inverse(m, a)) == 1
    with pytest.raises(ZeroDivisionError):
        inverse(m, 0)


@pytest.mark.parametrize("parties", range(3, 21))
def test_there_is_a_point_for_each_party(parties):
    m = degree(parties)
    assert parties < 1 << m
    assert m == 2 or 1 << (m - 1) <= parties


def planes(values, m):
    """Elements as (m, 1, W)."""
    values = np.asarray(values)
    return packed(np.stack([values >> e & 1 for e in range(m)]).astype(np.uint8)[:, None])


def elements(data, size):
    single = unpacked(data.reshape(data.shape[0], -1), size).astype(int)
    return sum(single[e] << e for e in range(len(single))).tolist()


@pytest.mark.parametrize("m", DEGREES)
def test_products_of_planes(m):
    pairs = list(product(range(1 << m), repeat=2))
    x, y = planes([a for a, _ in pairs], m), planes([b for _, b in pairs], m)
    out = np.zeros_like(x)
    kernels_planes.product_planes(product_steps(m), x, y, out)
    assert elements(out, len(pairs)) == [direct(m, a, b) for a, b in pairs]


@given(m=st.sampled_from(DEGREES), data=st.data())
def test_sums_of_multiples_of_planes(m, data):
    count = data.draw(st.integers(1, 7))
    factors = data.draw(st.lists(st.integers(0, (1 << m) - 1), min_size=count, max_size=count))
    rows = np.random.default_rng(m).integers(0, 1 << m, (count, 70))
    out = np.zeros((m, 2), np.uint64)
    xs = np.stack([planes(row, m)[:, 0] for row in rows])
    kernels_planes.sum_planes(sum_steps(m, tuple(factors)), xs, out)
    expected = []
    for column in rows.T:
        total = 0
        for f, v in zip(factors, column, strict=True):
            total ^= direct(m, f, int(v))
        expected.append(total)
    assert elements(out, 70) == expected


# ---- interpolation
def at(coefficients, x):
    return sum(c * pow(x, k, PRIME) for k, c in enumerate(coefficients)) % PRIME


@given(data=st.data(), size=st.integers(1, 8), to=st.integers(0, 21))
def test_interpolation_modulo_the_prime(data, size, to):
    points = tuple(data.draw(st.lists(st.integers(0, 20), min_size=size, max_size=size, unique=True)))
    c = data.draw(st.lists(st.integers(0, PRIME - 1), min_size=size, max_size=size))
    factors = integers_of(lagrange.coefficients(points, to))
    assert sum(f * at(c, x) for f, x in zip(factors, points, strict=True)) % PRIME == at(c, to)


@given(m=st.sampled_from(DEGREES), data=st.data())
def test_interpolation_in_binary_fields(m, data):
    size = data.draw(st.integers(1, min(8, (1 << m) - 1)))
    every = st.integers(0, (1 << m) - 1)
    points = tuple(data.draw(st.lists(every, min_size=size, max_size=size, unique=True)))
    c = data.draw(st.lists(every, min_size=size, max_size=size))
    to = data.draw(every)

    def value(x):
        total, power = 0, 1
        for one in c:
            total ^= direct(m, one, power)
            power = direct(m, power, x)
        return total

    known = np.ascontiguousarray(np.stack([planes([value(x)] * 3, m) for x in points]))
    assert elements(BinaryField(m).interpolate(points, to, known), 3) == [value(to)] * 3


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (4, 1), (5, 2), (7, 3), (7, 2)])
@pytest.mark.parametrize("bits", [False, True])
def test_any_shares_of_enough_parties_tell_the_secret(parties, threshold, bits):
    scheme = engine(parties, threshold).scheme
    rng = np.random.default_rng(1)
    field = field_of(scheme, bits)
    secret = rng.integers(0, 2**64, (scheme.degree, 2, 3) if bits else (9, 2), np.uint64)
    field.uniform(secret)
    for shares_degree in (threshold, 2 * threshold):
        shares = dealt(scheme, secret, rng, degree=shares_degree, bits=bits)
        np.testing.assert_array_equal(opened(scheme, shares, degree=shares_degree, bits=bits), secret)
        for some in combinations(range(parties), shares_degree + 1):
            known = np.ascontiguousarray(np.stack([shares[i] for i in some]))
            points = tuple(i + 1 for i in some)
            np.testing.assert_array_equal(field.interpolate(points, 0, known), secret)


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (4, 1), (5, 2), (7, 3), (7, 2)])
@pytest.mark.parametrize("bits", [False, True])
def test_shares_through_streams(parties, threshold, bits):
    """`spread` gives the polynomials through the secret and the streams; with members, through a part of the secret."""
    scheme = engine(parties, threshold).scheme
    rng = np.random.default_rng(1)
    field = field_of(scheme, bits)
    shape = (scheme.degree, 2, 3) if bits else (9, 2)
    for me in range(parties):
        drawn = rng.integers(0, 2**64, (threshold + 1, *shape), np.uint64)
        streams = drawn[1:].copy()
        for one in drawn:
            field.uniform(one)
        silent, targets = scheme.silent_points[me], scheme.targets[me]
        found = field.spread(drawn[0], streams.copy(), silent, targets, (), me + 1)
        points = (0, *silent)
        for share, at_ in zip(found, targets, strict=True):
            np.testing.assert_array_equal(share, field.interpolate(points, at_, drawn))
    # The parts of all members of a polynomial's values add up to its value at 0.
    for first in range(parties):
        members = scheme.committees[first].points
        secret = rng.integers(0, 2**64, shape, np.uint64)
        field.uniform(secret)
        shares = dealt(scheme, secret, rng, degree=2 * threshold, bits=bits)
        total = np.zeros(shape, np.uint64)
        for point in members:
            none = np.zeros((threshold, *shape), np.uint64)
            silent, targets = scheme.silent_points[point - 1], scheme.targets[point - 1]
            found = field.spread(shares[point - 1], none, silent, targets, members, point)
            known = np.ascontiguousarray(np.stack([found[-1], *none]))
            field.add_into(total, field.interpolate((point, *silent), 0, known))
        np.testing.assert_array_equal(total, secret)


def test_elements_of_integers():
    for value in (0, -1, PRIME, PRIME + 5, 1 << 64, -(1 << 126)):
        assert integers_of([lagrange.element(value)]) == [value % PRIME] == integers_of(elements_of([value]))
