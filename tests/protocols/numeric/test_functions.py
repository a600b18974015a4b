"""Exponentials, logarithms and sigmoids: the documented errors over the whole range, and what lies outside of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpc.errors import RangeError, ShapeError
from protocols import numeric
from protocols.numeric.activation import log1p_exp_of_negative
from protocols.numeric.exponential import precision
from tests.support.engines import ENGINES
from tests.support.value_floor import compute, dry_cost

COUNTS = [("ideal", 3_000), ("replicated", 500), ("shamir", 300), pytest.param("shamir 5", 300, marks=pytest.mark.slow)]
#: Largest magnitude and fraction bits of arguments.
SIZES = [
    (1.0, 28),
    (8.0, 25),
    (12.0, 20),
    (20.0, 23),
    (1000.0, 18),
    (2.0**20, 8),
    (2.0**20, 40),
    (63.0, 0),
    (30.0, 57),
    (2.0**40, 1),
]


def grid(low: float, high: float, frac: int, count: int) -> Any:
    last = 2.0**-frac
    x = np.concatenate([np.linspace(low, high, count), [0, last, -last, low, high, low / 3, high / 3]])
    return np.clip(np.rint(np.ldexp(x, frac)) * last, low, high)


def logistic(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


# ---- exponentials
@pytest.mark.parametrize(("engine", "count"), COUNTS)
@pytest.mark.parametrize(("limit", "frac"), SIZES)
def test_exponential_on_its_whole_range(limit, frac, engine, count):
    x = np.concatenate([grid(-limit, limit, frac, count), grid(-min(limit, 40), min(limit, 20), frac, count)])
    y = compute(lambda s: numeric.exp(s), (x, frac, int(limit * 2**frac)), engine=engine)
    below, digits = precision(min(limit, 20))
    assert np.isnan(y[x > 20]).all()
    # One of 61 bits loses the last one before it is compared: at the limit itself it may be rounded above.
    inside = x < 20 if int(limit * 2**frac).bit_length() > 60 else x <= 20
    true = np.exp(x[inside])
    assert (np.abs(y[inside] - true) <= 1.001 * 2.0**-below + 2.0 ** (2 - digits) * true).all()
    assert (np.abs(y - np.exp(np.minimum(x, 0)))[x <= 0] <= 2.0**-13).all()
    assert (np.abs(y[inside] - true) <= 2.0**-12 * np.maximum(true, 1)).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at_most", [0.0, 0.3, 7.0, 12.0])
def test_exponential_up_to_a_public_limit(at_most, engine):
    x = np.concatenate([grid(-30, 30, 22, 300), grid(-1, at_most, 22, 300), [at_most]])
    x = np.floor(x * 2**22) / 2**22
    y = compute(lambda s: numeric.exp(s, at_most=at_most), (x, 22, 30 << 22), engine=engine)
    inside = x <= at_most
    below, digits = precision(at_most)
    assert np.isnan(y[~inside]).all()
    assert (np.abs(y - np.exp(x)) <= 1.001 * 2.0**-below + 2.0 ** (2 - digits) * np.exp(x))[inside].all()


def test_precision_of_exponentials():
    assert [precision(high) for high in (0.0, 7.0, 12.0, 20.0)] == [(24, 24), (24, 24), (21, 21), (15, 16)]
    for limit in (-1, 20.5, np.nan):
        with pytest.raises(RangeError, match="at_most"):
            compute(lambda s, limit=limit: numeric.exp(s, at_most=limit), ([1.0], 20, 1 << 22))


# ---- logarithms
@pytest.mark.parametrize(("engine", "count"), COUNTS)
@pytest.mark.parametrize(("width", "frac"), [(1, 0), (1, 5), (29, 28), (29, 0), (29, 25), (40, 20), (61, 40), (20, -4)])
def test_logarithm_at_every_size_and_sign(width, frac, engine, count):
    rng = np.random.default_rng(width)
    most = (1 << width) - 1
    raw = np.minimum(np.exp2(rng.uniform(0, min(width, 52), count)).astype(np.int64), most)
    raw = np.concatenate([raw, [1 << j for j in range(min(width, 52))], [0, -1, 1, min(most, 2**52)], -raw[:20]])
    x = np.ldexp(raw.astype(np.float64), -frac)
    y = compute(lambda s: numeric.log(s), (x, frac, most), engine=engine)
    assert (np.isnan(y) == (x <= 0)).all()
    assert (np.abs(y - np.log(np.where(x > 0, x, 1)))[x > 0] <= 2.0**-23).all()


# ---- sigmoids
@pytest.mark.parametrize(("engine", "count"), COUNTS)
@pytest.mark.parametrize(("limit", "frac"), [(0.5, 29), *SIZES, (15.0, 24), (15.5, 24)])
def test_sigmoid_and_its_tangent_everywhere(limit, frac, engine, count):
    x = np.concatenate([grid(-limit, limit, frac, count), grid(-min(limit, 18), min(limit, 18), frac, count)])

    def both(s: Any) -> Any:
        return numeric.sigmoid(s), numeric.tanh(s)

    y, t = compute(both, (x, frac, int(limit * 2**frac)), engine=engine)
    assert np.abs(y - logistic(x)).max() <= 4.2e-5
    assert np.abs(t - np.tanh(x)).max() <= 8.4e-5
    assert y.min() >= 0
    assert y.max() <= 1
    assert np.abs(t).max() <= 1


@pytest.mark.parametrize(("engine", "count"), COUNTS)
@pytest.mark.parametrize(("limit", "frac"), SIZES)
def test_exact_sigmoid(limit, frac, engine, count):
    x = np.concatenate([grid(-limit, limit, frac, count // 2), grid(-min(limit, 18), min(limit, 18), frac, count // 2)])

    def both(s: Any) -> Any:
        return numeric.sigmoid(s, exact=True), numeric.tanh(s, exact=True)

    y, t = compute(both, (x, frac, int(limit * 2**frac)), engine=engine)
    assert np.abs(y - logistic(x)).max() <= 2.0**-22
    assert np.abs(t - np.tanh(x)).max() <= 2.0**-21


@pytest.mark.parametrize(("engine", "count"), COUNTS)
@pytest.mark.parametrize(("limit", "frac"), SIZES)
def test_precise_sigmoid_and_the_rest_of_a_softplus(limit, frac, engine, count):
    x = np.concatenate([grid(-limit, limit, frac, count // 2), grid(-min(limit, 18), min(limit, 18), frac, count // 2)])

    def both(s: Any) -> Any:
        return numeric.precise_sigmoid(s), log1p_exp_of_negative(s * np.sign(x).astype(np.int64))

    y, rest = compute(both, (x, frac, int(limit * 2**frac)), engine=engine)
    inside = np.abs(x) < 15.5
    rounding = {"shamir": 1.5, "shamir 5": 2.0}.get(engine, 1.0)  # of t/2 + 1 last places
    assert np.abs(y - logistic(x)).max() <= 2.0**-22
    assert np.abs(y - logistic(x))[inside].max() <= rounding * 2.0**-25
    assert min(y[inside].min(), 1 - y[inside].max()) >= 2.0**-27
    wanted = np.log1p(np.exp(-np.abs(x)))
    assert np.abs(rest - wanted).max() <= 2.0**-22
    assert np.abs(rest - wanted)[inside].max() <= rounding * 2.0**-26


def test_softmax_along_an_axis():
    rng = np.random.default_rng(5)
    rows = [rng.normal(0, 3, 10), np.full(10, -20.0), np.append(20.0, np.full(9, -20.0)), np.linspace(-19, 19, 10)]
    x = np.rint(np.asarray(rows) * 2**20) / 2**20
    true = np.exp(x - x.max(1, keepdims=True))
    true /= true.sum(1, keepdims=True)
    for engine in ENGINES:
        y, z = compute(lambda s: (numeric.softmax(s), numeric.softmax(s.T, 0)), (x, 20, 20 << 20), engine=engine)
        assert np.abs(y - true).max() <= 2.0**-20
        assert np.abs(z.T - true).max() <= 2.0**-20


@pytest.mark.parametrize("size", [1, 2, 3, 257])
@pytest.mark.parametrize("engine", ENGINES)
def test_softmax_of_equal_elements(size, engine):
    y = compute(lambda s: numeric.softmax(s), (np.full((2, size), -3.5), 20, 4 << 20), engine=engine)
    assert np.abs(y - 1 / size).max() <= 2.0**-20


def test_what_is_undefined_stays_so():
    def functions(s: Any) -> Any:
        known = s.masked(s > 0, "not positive")
        rows = known.reshape(2, 2)
        return numeric.exp(known), numeric.sigmoid(known), numeric.sigmoid(known, exact=True), numeric.softmax(rows)

    e, s, exact, soft = compute(functions, ([1.0, -1.0, 2.0, 3.0], 20, 4 << 20))
    for y in (e, s, exact):
        assert np.isnan(y).tolist() == [False, True, False, False]
    assert np.isnan(soft).tolist() == [[True, True], [False, False]]
    with pytest.raises(ShapeError, match="axis"):
        compute(lambda x: numeric.softmax(x), (1.0, 20, 1 << 21))


@pytest.mark.parametrize("engine", ENGINES)
def test_methods_of_secrets_with_masks_and_counts_behind_them(engine):
    def both(s: Any) -> Any:
        counted = s.about((s > 0).numeric().sum())
        e, log = counted.exp(), counted.log()
        assert len(e.basis.cohorts) == len(log.basis.cohorts) == len(numeric.sigmoid(counted).basis.cohorts) == 1
        assert len(numeric.softmax(counted).basis.cohorts) == len(numeric.argmax(counted).basis.cohorts) == 1
        return e, log

    x = np.asarray([0.5, 3.0, -1.0, 0.0])
    e, log = compute(both, (x, 20, 4 << 20), engine=engine)
    np.testing.assert_allclose(e, np.exp(x), rtol=2.0**-20)
    np.testing.assert_allclose(log, [np.log(0.5), np.log(3), np.nan, np.nan], atol=2.0**-23)


def test_exponential_of_what_leaves_no_room_is_refused():
    with pytest.raises(RangeError, match="within"):
        compute(lambda s: numeric.exp(s), ([1.0], 0, 1 << 50))


# ---- costs
@pytest.mark.parametrize(
    ("function", "limit", "rounds", "octets"),
    [
        (numeric.exp, 8, 3, 19),
        (numeric.exp, 32, 10, 41),
        (numeric.log, 8, 22, 135),
        (numeric.sqrt, 8, 23, 145),
        (lambda s: s / s, 8, 26, 145),
        (numeric.sigmoid, 8, 3, 45),
        (numeric.sigmoid, 1024, 7, 80),
        (lambda s: numeric.sigmoid(s, exact=True), 8, 3, 53),
    ],
)
def test_rounds_and_bytes_for_arguments_of_29_bits(function, limit, rounds, octets):
    frac = 28 - int(limit).bit_length()
    cost = dry_cost(lambda s: function(s), ((30_000,), frac, limit << frac))
    assert cost.rounds <= rounds
    assert sum(cost.bytes_sent) / 90_000 <= octets
