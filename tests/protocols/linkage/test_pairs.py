"""Partners in secret, against the same rule in the clear, on every engine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from protocols.linkage import pairs, plain
from protocols.linkage.encoding import packed
from protocols.linkage.pairs import Sides, partners
from protocols.linkage.tournament import joined, place, winners
from protocols.simulate import evaluate, opened
from tests.support.engines import making
from tests.support.value_floor import compute, secret

ENGINES = ["ideal", "replicated", "shamir"]


def similar(rng, blocks, m, n, bits, fill=0.3):
    """Filters of two sides: some rows of the right side are rows of the left side with a few other bits."""
    left = rng.random((blocks, m, bits)) < fill
    right = rng.random((blocks, n, bits)) < fill
    for b in range(blocks):
        for i, j in zip(rng.permutation(m)[: m // 2], rng.permutation(n)[: m // 2], strict=False):
            right[b, j] = left[b, i] ^ (rng.random(bits) < 0.04)
    return left, right


def found(left, right, threshold, *, there=None, here=None, engine="ideal"):
    """Partners as places, -1 for none: of the left rows, and of the right rows."""
    there = left.any(-1) if there is None else there
    here = right.any(-1) if here is None else here

    async def script(run):
        sides = []
        for filters, rows in ((left, there), (right, here)):
            words = packed(filters.reshape(-1, filters.shape[-1]), rows.reshape(-1))
            sides.append(Sides(secret(run, words.reshape(*rows.shape, -1)), filters.shape[-1]))
        got = await partners(*sides, threshold)
        return [await opened(run, x) for x in got]

    left_has, right_has, of_left, of_right, lead, *ones = evaluate(script, **making(engine))[0]
    for filters, number in zip((left, right), ones, strict=True):
        np.testing.assert_array_equal(number, filters.sum(-1))
    weights = [1 << np.arange(x.shape[-1]) for x in (of_left, of_right)]
    places = [(x * w).sum(-1) for x, w in zip((of_left, of_right), weights, strict=True)]
    assert not places[0][~left_has].any()
    assert not places[1][~right_has].any()
    return np.where(left_has, places[0], -1), np.where(right_has, places[1], -1), lead


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (3, 6, 4)])
def test_partners_equal_those_in_the_clear(engine, shape):
    left, right = similar(np.random.default_rng(3), *shape, bits=64)
    ours, theirs, _ = found(left, right, Fraction(4, 5), engine=engine)
    for b in range(shape[0]):
        clear = plain.linked(left[b], right[b], Fraction(4, 5)).partner
        np.testing.assert_array_equal(ours[b], clear)
        back = np.full(shape[2], -1)
        back[clear[clear >= 0]] = np.flatnonzero(clear >= 0)
        np.testing.assert_array_equal(theirs[b], back)


@pytest.mark.parametrize("most", [1, 7, 30, 1000])
def test_the_number_of_pairs_at_a_time_changes_nothing(monkeypatch, most):
    left, right = similar(np.random.default_rng(5), 4, 9, 7, bits=64)
    right[:, 3] = right[:, 1]  # equal rows on one side, and on the other
    left[:, 8] = left[:, 0]
    wanted = [plain.linked(a, b, Fraction(3, 4)).partner for a, b in zip(left, right, strict=True)]
    monkeypatch.setattr(pairs, "PAIRS", most)
    monkeypatch.setattr(pairs, "BITS", 64 * most)
    ours, theirs, _ = found(left, right, Fraction(3, 4))
    np.testing.assert_array_equal(ours, wanted)
    for b, i in np.argwhere(ours >= 0):
        assert theirs[b, ours[b, i]] == i
    assert (theirs >= 0).sum() == (ours >= 0).sum()


def test_equal_rows_take_the_first_partner():
    row = np.random.default_rng(1).random(64) < 0.5
    same = np.broadcast_to(row, (1, 3, 64))
    ours, theirs, _ = found(same, same[:, :2], Fraction(1))
    np.testing.assert_array_equal(ours, [[0, -1, -1]])
    np.testing.assert_array_equal(theirs, [[0, -1]])


def test_padding_and_empty_filters_have_no_partner():
    left, right = np.zeros((1, 3, 64), bool), np.zeros((1, 2, 64), bool)
    left[0, 0, :9] = right[0, 1, :9] = True
    ours, _, _ = found(left, right, Fraction(1, 2))
    np.testing.assert_array_equal(ours, [[1, -1, -1]])
    ours, _, _ = found(left, right, Fraction(1, 2), here=np.zeros((1, 2), bool))
    np.testing.assert_array_equal(ours, [[-1, -1, -1]])


def test_a_threshold_is_reached_exactly():
    left, right = np.zeros((1, 1, 64), bool), np.zeros((1, 1, 64), bool)
    left[0, 0, :10] = right[0, 0, 2:12] = True  # 8 of 10 bits: a coefficient of 0.8
    assert found(left, right, Fraction(4, 5))[0] == 0
    assert found(left, right, Fraction(81, 100))[0] == -1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13])
def test_winners(engine, width):
    x = np.random.default_rng(width).integers(-3, 4, (4, width))
    largest, hot = compute(winners, x, engine=engine)
    np.testing.assert_array_equal(largest, x.max(1))
    np.testing.assert_array_equal(hot.astype(bool), np.eye(width, dtype=bool)[x.argmax(1)])


@pytest.mark.parametrize("width", [1, 2, 3, 6, 8, 13])
def test_places(width):
    hot = np.concatenate([np.eye(width, dtype=bool), np.zeros((1, width), bool)])
    any_set, digits = compute(lambda x: (joined(x), place(x)), hot)
    np.testing.assert_array_equal(any_set, hot.any(1))
    np.testing.assert_array_equal((digits * (1 << np.arange(digits.shape[1]))).sum(1), [*range(width), 0])
