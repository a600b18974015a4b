"""Division, roots and what they are made of: the documented errors, and every bound that they claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpc.errors import ShapeError
from mpc.values.secret import SecretArray
from protocols import numeric
from protocols.numeric.normalize import F
from tests.support.engines import ENGINES
from tests.support.value_floor import compute


# ---- leading bits
@pytest.mark.parametrize("width", [1, 2, 3, 8, 28, 31, 57])
@pytest.mark.parametrize("engine", ENGINES)
def test_leading_bit_at_every_position(engine, width):
    rng = np.random.default_rng(width)
    lowest = [1 << j for j in range(width)]
    x = np.asarray([0, *lowest, *(2 * v - 1 for v in lowest), *(rng.integers(v, 2 * v) for v in lowest)])

    def positions(s: SecretArray) -> Any:
        e = numeric.leading_bit(s, width)
        hot = e.one_hot()
        return e.table(range(1, width + 1)), e.is_zero(), e.nonzero, e.reaches(width // 2), hot

    position, zero, nonzero, half, hot = compute(positions, (x, 0, (1 << width) - 1), engine=engine)
    expected = [int(v).bit_length() for v in x]
    assert position.tolist() == expected
    assert zero.tolist() == [float(v == 0) for v in x]
    assert nonzero.tolist() == [bool(v) for v in x]
    assert half.tolist() == [e > width // 2 for e in expected]
    assert hot.sum(0).tolist() == [float(v != 0) for v in x]
    assert hot.argmax(0).tolist() == [max(e - 1, 0) for e in expected]


def test_leading_bit_of_small_and_of_negative_values():
    x = np.asarray([-(2**20), -1, 0, 1, 15, 16, 31, 32, 2**20 - 1])
    e = compute(lambda s: numeric.leading_bit(s, 20, least=4, signed=True).table(range(20)), (x, 0, 2**20))
    assert e.tolist() == [0, 0, 0, 0, 0, 4, 4, 5, 19]


def test_a_table_has_a_value_for_each_position_and_may_have_one_for_each_element():
    own = np.asarray([[1, 10], [2, 20], [3, 30]])
    assert compute(lambda s: numeric.leading_bit(s, 3).table(own), ([4, 2], 0, 7)).tolist() == [3, 20]
    with pytest.raises(ShapeError, match="2 values for 3 positions"):
        compute(lambda s: numeric.leading_bit(s, 3).table([1, 2]), ([4, 2], 0, 7))


# ---- normalised functions
def _dense(low: float, count: int) -> Any:
    edges = [low, low + 2.0**-F, 1 - 2.0**-F, 1.0]
    return np.concatenate([edges, np.rint(np.linspace(low, 1, count) * 2**F) / 2**F])


@pytest.mark.parametrize(("engine", "count"), [("ideal", 4_000), ("replicated", 30_000), ("shamir", 3_000)])
def test_reciprocal_on_its_whole_domain(engine, count):
    c = _dense(0.5, count)
    w = compute(lambda s: numeric.reciprocal(s), (c, F, 1 << F), engine=engine)
    assert np.abs(w * c - 1).max() <= 2.0**-26


@pytest.mark.parametrize(("engine", "count"), [("ideal", 4_000), ("replicated", 30_000), ("shamir", 3_000)])
def test_roots_on_their_whole_domain(engine, count):
    c = _dense(0.25, count)
    root, inverse = compute(lambda s: tuple(numeric.roots(s)), (c, F, 1 << F), engine=engine)
    assert np.abs(root / np.sqrt(c) - 1).max() <= 2.0**-26
    assert np.abs(inverse * np.sqrt(c) - 1).max() <= 2.0**-26


# ---- square roots
@pytest.mark.parametrize(
    ("frac", "width"), [(0, 1), (0, 29), (1, 29), (28, 29), (27, 30), (40, 61), (33, 60), (-4, 20)]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_square_root_of_all_sizes(engine, frac, width):
    rng = np.random.default_rng(width)
    raw = np.minimum(np.exp2(rng.uniform(0, min(width, 53) - 0.01, 50)).astype(np.int64), (1 << width) - 1)
    raw[:3] = 0, 1, (1 << min(width, 53)) - 1
    x = np.ldexp(raw.astype(np.float64), -frac)
    root = compute(lambda s: s.sqrt(), (x, frac, (1 << width) - 1), engine=engine)
    if frac % 2 and width > 60:
        x = np.ldexp(raw // 2, 1 - frac)
    assert (np.abs(root - np.sqrt(x)) <= 2.0**-25 * np.sqrt(x)).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_square_root_of_negative_values_is_undefined(engine):
    x = [-(2.0**20), -1, -(2.0**-20), 0, 4]
    root = compute(lambda s: s.sqrt(), (x, 20, 1 << 40), engine=engine)
    np.testing.assert_allclose(root, [np.nan, np.nan, np.nan, 0, 2], rtol=2.0**-25)


@pytest.mark.parametrize("engine", ENGINES)
def test_square_roots_and_logarithms_of_many(engine):
    """Enough of them that tables are read at the number of bits."""
    rng = np.random.default_rng(2)
    x = np.rint(rng.uniform(-100, 1000, 2000) * np.exp2(rng.integers(-16, 0, 2000)) * 2**16) / 2**16
    x[:3] = 0, 2.0**-16, -(2.0**-16)
    root, log = compute(lambda s: (s.sqrt(), s.log()), (x, 16, 1000 << 16), engine=engine)
    assert np.isnan(root).tolist() == (x < 0).tolist()
    assert np.isnan(log).tolist() == (x <= 0).tolist()
    assert (np.abs(root - np.sqrt(np.abs(x))) <= 2.0**-25 * np.sqrt(np.abs(x)))[x >= 0].all()
    assert (np.abs(log - np.log(np.maximum(x, 1e-9))) <= 2.0**-21)[x > 0].all()


# ---- variances of secret arrays
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("ddof", [0, 1])
def test_variance_of_secret_arrays(engine, axis, ddof):
    x = np.random.default_rng(3).normal(5, 3, (6, 20))
    bound = 32.0
    frac = 23

    def both(s: SecretArray) -> tuple[SecretArray, SecretArray]:
        return s.var(axis, ddof=ddof), s.std(axis, ddof=ddof)

    var, std = compute(both, (x, frac, int(bound) << frac), engine=engine)
    np.testing.assert_allclose(var, x.var(axis, ddof=ddof), atol=2.0**-24 * bound**2)
    np.testing.assert_allclose(std, x.std(axis, ddof=ddof), atol=2.0**-24 * bound**2)


@pytest.mark.parametrize("engine", ENGINES)
def test_variance_of_the_valid_elements(engine):
    x = np.random.default_rng(4).uniform(0, 10, (4, 15))
    x[1, 1:] = 20.0  # one valid element
    x[2] = 20.0  # none
    valid = x < 10.5

    def masked(s: SecretArray) -> tuple[SecretArray, ...]:
        kept = s.masked(s < 10.5, "large")
        return kept.var(1, ddof=1), kept.var(1, ddof=0), kept.var()

    one, none, whole = compute(masked, (x, 23, 32 << 23), engine=engine)
    rows = [row[v] for row, v in zip(x, valid, strict=True)]
    np.testing.assert_allclose(one, [rows[0].var(ddof=1), np.nan, np.nan, rows[3].var(ddof=1)], atol=2.0**-14)
    # One element does not vary, which cannot be told from too little.
    np.testing.assert_allclose(none, [rows[0].var(), np.nan, np.nan, rows[3].var()], atol=2.0**-14)
    np.testing.assert_allclose(whole, x[valid].var(ddof=1), atol=2.0**-14)


def test_what_a_variance_of_too_few_elements_is():
    with pytest.raises(ShapeError, match="ddof"):
        compute(lambda s: s.var(), ([1.0], 20, 1 << 21))
