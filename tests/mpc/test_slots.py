"""Tables of slots: every key finds one of its slots, and hash functions spread keys evenly."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from mpc.tables.slots import CHOICES, EMPTY, NOBODY, TAG_BOUND, inverted, line, placement, slots_of, tags_of, third


def placed(slots, count):
    """A placement, checked: each row in one of its slots, no slot twice."""
    found = placement(slots, count)
    if found is not None:
        assert len(np.unique(found)) == len(slots)
        assert (slots == found[:, None]).any(axis=1).all()
    return found


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 10, 300, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_keys_find_a_place(rows, seed):
    words = np.random.default_rng(seed).integers(0, 2**62, (rows, 2)).astype(np.uint64)
    assert placed(slots_of(words, third(rows)), CHOICES * third(rows)) is not None


def test_rows_that_crowd_each_other_are_moved():
    """Above 0.81 rows a slot no slot is left that one row alone can take, and paths decide."""
    for seed in range(10):
        words = np.random.default_rng(seed).integers(0, 2**62, (2000, 1)).astype(np.uint64)
        assert placed(slots_of(words, 760), CHOICES * 760) is not None


def test_what_cannot_be_placed_is_told():
    crowded = np.tile([[0, 1, 2]], (4, 1))
    assert placed(crowded[:3], 3) is not None
    assert placed(crowded, 6) is None


def test_the_size_of_a_table():
    for rows in (0, 1, 2, 3, 4, 5, 10, 100, 3000, 10**6, 10**8):
        size = third(rows)
        assert CHOICES * size >= rows
        assert size >= 0.45 * rows
        assert size**9 >= comb(rows, 4) << 50
        least = max(-(-45 * rows // 100), 1)
        assert size == least or (size - 1) ** 9 < comb(rows, 4) << 50


def test_slots_and_tags_look_random():
    words = np.arange(30_000, dtype=np.uint64).reshape(-1, 1)  # keys in a row
    slots, tags = slots_of(words, 100), tags_of(words)
    for k in range(CHOICES):
        counts = np.bincount(slots[:, k] - 100 * k, minlength=100)
        assert len(counts) == 100
        assert np.abs(counts - 300).max() < 6 * np.sqrt(300)
    assert len(np.unique(tags)) == len(tags)
    assert abs(tags.astype(np.float64).mean()) < 6 * TAG_BOUND / np.sqrt(3 * len(tags))
    assert tags.max() < EMPTY < NOBODY == TAG_BOUND
    assert np.abs(np.corrcoef(np.column_stack([slots, tags]).T) - np.eye(4)).max() < 6 / np.sqrt(len(tags))


def test_the_line_of_rows_that_ask():
    asked = np.asarray([2, 0, 2, 2])
    order = inverted(line(asked, 4))
    assert order[order < 4].tolist() == [0, 1, 2, 3]
    nearest = np.maximum.accumulate(np.where(order < 4, order, -1))
    for place, row in enumerate(order):
        if row >= 4:
            assert nearest[place] == asked[row - 4]
