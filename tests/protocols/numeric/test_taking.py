"""Elements at secret places: against NumPy, with masks, types and places that there are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import ShapeError
from mpc.values.secret import SecretArray
from protocols.numeric import take
from tests.support.engines import ENGINES, MORE_PARTIES
from tests.support.integers import integers
from tests.support.value_floor import compute, dry_cost

MOST = 1 << 61


def secretly(x: Any, index: Any, axis: int | None = None, engine: str = "ideal") -> Any:
    return compute(lambda a, i: a.take(i, axis), x, index, engine=engine)


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 33])
def test_it_is_numpys(engine, size):
    x = (np.arange(size) - size // 2) * 1001
    index = np.array([0, size - 1, size // 2, size // 3, 0])
    np.testing.assert_array_equal(secretly(x, index, engine=engine), x.take(index))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("kind", ["int", "real", "bool"])
def test_axes_and_types(engine, axis, kind):
    x = np.arange(-12, 12).reshape(2, 3, 4)
    x = x / 8 if kind == "real" else x % 3 == 0 if kind == "bool" else x
    for index in (np.array([[1, 0, 1], [0, 0, 1]]), np.array(1), np.zeros((0,), int)):
        found = secretly(x, index, axis, engine)
        np.testing.assert_array_equal(found, x.take(index, axis))
        assert found.shape == x.take(index, axis).shape


@given(data=st.data())
def test_large_numbers(data):
    x = data.draw(st.lists(st.integers(-MOST, MOST), min_size=1, max_size=20))
    index = data.draw(st.lists(st.integers(0, len(x) - 1), max_size=10))

    def taken(a: SecretArray, i: SecretArray) -> SecretArray:
        return a.take(i).without_mask()

    assert integers(taken, x, index)[0].tolist() == [x[i] for i in index]


@pytest.mark.parametrize("engine", ENGINES)
def test_places_that_there_are_not_are_undefined(engine):
    x, index = np.array([5, 6, 7]), np.array([3, 2, -1, 4, 1 << 40, 1])
    found = secretly(x, index, engine=engine)
    np.testing.assert_array_equal(found, [np.nan, 7, np.nan, np.nan, np.nan, 6])
    found = compute(lambda i: take(np.array([1.5]), i), index - 2, engine=engine)
    np.testing.assert_array_equal(found, [np.nan, 1.5, np.nan, np.nan, np.nan, np.nan])


def test_masks_go_along():
    x, there = np.array([5, 6, 7]), np.array([True, False, True])
    index, known = np.array([0, 1, 2, 2, 9]), np.array([True, True, False, True, True])

    def masked(a, m, i, k):
        found = a.masked(m, "missing").take(i.masked(k, "unknown"))
        assert found.why == "no such index"
        return found, a.masked(m[0], "nothing").take(i), (a > 5).masked(m, "missing").take(i)

    both, whole, bits = compute(masked, x, there, index, known)
    np.testing.assert_array_equal(both, [5, np.nan, np.nan, 7, np.nan])
    np.testing.assert_array_equal(whole, [5, 6, 7, 7, np.nan])
    np.testing.assert_array_equal(bits, [0, np.nan, 1, 1, np.nan])


def test_public_tables_and_public_places():
    table, index = np.array([0.25, -3, 8]), np.array([2, 0])
    np.testing.assert_array_equal(compute(lambda i: take(table, i), index), table[index])
    np.testing.assert_array_equal(compute(lambda i: take([[1, 2], [3, 4]], i, 0), index // 2), [[3, 4], [1, 2]])
    np.testing.assert_array_equal(compute(lambda x: x.take(index), table), table[index])
    np.testing.assert_array_equal(compute(lambda f: take([7, 9], f), index > 1), [9, 7])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x.take(x, 1), "axis 1"),
        (lambda x: x[:0].take(x), "no element along"),
        (lambda x: x.take(x * 0.5), "whole numbers"),
        (lambda x: x[x], "use|take"),
        (lambda x: x.take(7), "out of bounds"),
    ],
)
def test_what_is_refused(wrong: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        compute(wrong, np.array([0, 1]))


@pytest.mark.parametrize(
    ("size", "places", "rounds", "octets"),
    [(16, 1, 9, 439), (256, 10, 11, 63_050), (1000, 100, 13, 2_448_065)],
)
def test_costs(size, places, rounds, octets):
    cost = dry_cost(lambda x, i: x.take(i), ((size,), 0, 1 << 20), ((places,), 0, size - 1))
    assert (cost.rounds, sum(cost.bytes_sent)) == (rounds, octets)
