"""Splits of places, public orders, and rows that are complete."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import RangeError, ShapeError
from protocols.models import complete_rows, split_rows, train_test_split
from protocols.models.rows import public_order
from protocols.simulate import evaluate
from tests.support.value_floor import opened, secret


def test_an_order_follows_from_its_seed():
    order = public_order(1000, 3)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(order, public_order(1000, 3))
    assert (order != public_order(1000, 4)).mean() > 0.99
    # Each tenth of the order has places from all over.
    assert all(abs(part.mean() - 500) < 100 for part in np.array_split(order, 10))


@pytest.mark.parametrize(("rows", "size", "held_out"), [(100, 0.25, 25), (2, 0.01, 1), (3, 0.99, 2), (901, 0.5, 450)])
def test_a_split_takes_every_place_once(rows, size, held_out):
    train, test = split_rows(rows, size, 1)
    assert len(test) == held_out
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(rows))


def test_rows_stay_together_in_a_split():
    async def script(run):
        known = np.arange(20) % 3 != 0
        table = {"a": secret(run, np.arange(20)).masked(secret(run, known), "missing"), "b": secret(run, np.arange(20))}
        parts = train_test_split(table, test_size=0.3, seed=2)
        return [
            [await opened(run, p[name]) for name in ("a", "b")] + [await opened(run, complete_rows(p))] for p in parts
        ]

    for (a, b, count), places in zip(evaluate(script)[0], split_rows(20, 0.3, 2), strict=True):
        np.testing.assert_array_equal(b, places)
        np.testing.assert_array_equal(a, np.where(places % 3 != 0, places, np.nan))
        assert count == (places % 3 != 0).sum()


def test_what_is_refused():
    for size in (0, 1, -0.5):
        with pytest.raises(RangeError):
            split_rows(10, size, 1)
    with pytest.raises(RangeError):
        public_order(10, -1)

    async def unlike(run):
        train_test_split({"a": secret(run, np.zeros(3)), "b": secret(run, np.zeros(4))})

    with pytest.raises(ShapeError):
        evaluate(unlike)
