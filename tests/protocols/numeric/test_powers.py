"""Powers with public exponents: errors, and where there is no power."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import RangeError
from protocols import numeric
from protocols.numeric.exponential import precision
from tests.support.engines import ENGINES_SLOW, MORE_PARTIES
from tests.support.marks import slow
from tests.support.value_floor import compute


def arguments(limit: float, frac: int) -> np.ndarray:
    last = 2.0**-frac
    x = np.concatenate([np.linspace(-limit, limit, 150), np.geomspace(last, limit, 100), [0, last, -last]])
    return np.trunc(x / last) * last


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize(("limit", "frac"), [(1.0, 28), (8.0, 24), (0.1, 31), (100.0, 21), (30.0, 40)])
@pytest.mark.parametrize("p", [0, *slow(1, 2), 3, *slow(7), 12])
def test_whole_powers(p, limit, frac, engine):
    x = arguments(limit, frac)
    y = compute(lambda s: numeric.power(s, p), (x, frac, int(limit * 2**frac)), engine=engine)
    assert np.abs(y - x**p).max() <= p * 2.0**-26 * limit**p


@pytest.mark.parametrize("engine", [*ENGINES_SLOW, *MORE_PARTIES[3:]])
@pytest.mark.parametrize(("limit", "frac"), [(1.0, 28), (8.0, 24), (1000.0, 18)])
@pytest.mark.parametrize("p", [1 / 3, -0.3, -2, 10.25, -40, *slow(2.2, 1.5, -3, -1.5, 0.001)])
def test_other_powers(p, limit, frac, engine):
    x = arguments(limit, frac)
    y = compute(lambda s: numeric.power(s, p), (x, frac, int(limit * 2**frac)), engine=engine)
    size = np.abs(np.where(x == 0, 1, x))
    logarithm = p * np.log(size)
    true = np.exp(np.minimum(logarithm, 21)) * np.where((x < 0) & (p % 2 == 1), -1, 1)
    defined = (x != 0) & ((x > 0) | (p == int(p)))
    slack = max(1, abs(p)) * 2.0**-20
    assert np.isnan(y[~defined | (logarithm > 20 + slack)]).all()
    inside = defined & (logarithm <= 20 - slack)
    below, digits = precision(20)
    error = 1.001 * 2.0**-below + (2.0 ** (2 - digits) + slack) * np.abs(true)
    assert (np.abs(y - true) <= error)[inside].all()


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("p", [0.5, -0.5, -1])
def test_roots_and_quotients(p, engine):
    x = arguments(8.0, 24)
    y = compute(lambda s: numeric.power(s, p), (x, 24, 8 << 24), engine=engine)
    defined = (x > 0) | ((x < 0) & (p == -1)) | ((x == 0) & (p == 0.5))
    assert np.isnan(y[~defined]).all()
    true = np.sign(x[defined]) * np.abs(x[defined]) ** p if p == -1 else x[defined] ** p
    assert (np.abs(y[defined] - true) <= 2.0**-24 * np.abs(true) + 2.0**-24).all()


def test_integers_stay_exact_and_fit():
    x = np.arange(-100, 101)
    assert (compute(lambda s: numeric.power(s, 5), (x, 0, 100)) == x**5).all()
    assert compute(lambda s: numeric.power(s, 0), (x, 0, 100)).tolist() == [1] * 201
    with pytest.raises(RangeError):
        compute(lambda s: numeric.power(s, 10), (x, 0, 100))
    for p in (np.inf, np.nan, 1025, -1025):
        with pytest.raises(RangeError, match="exponent"):
            compute(lambda s, p=p: numeric.power(s, p), (x, 0, 100))
