"""The way through sets of parties: all of them, one change at a time, and so few rounds."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import ceil, comb

import pytest

from protocols.shamir.hops import Way
from protocols.shamir.walk import walk
from tests.support.shamir_harness import engine

THRESHOLDS = [1, 2, 3, 4, 5, 6]
ROUNDS = {1: 1, 2: 4, 3: 10, 4: 29, 5: 80, 6: 248}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_each_set_is_there_once_and_its_neighbour_differs_in_one_slot(threshold):
    found = walk(threshold)
    members = 2 * threshold + 1
    assert len(found.holders) == comb(members, threshold) == len({frozenset(one) for one in found.holders})
    assert all(len(set(one)) == threshold + 1 and set(one) <= set(range(members)) for one in found.holders)
    turns = [0] * (threshold + 1)
    for (before, after), move in zip(pairwise(found.holders), found.moves, strict=True):
        assert [i for i in range(threshold + 1) if before[i] != after[i]] == [move.slot]
        assert move.turn == turns[move.slot]
        turns[move.slot] += 1
    assert found.rounds == max(turns) == ROUNDS[threshold]
    assert found.rounds <= 1.2 * ceil((len(found.holders) - 1) / (threshold + 1)) or threshold == 2


@pytest.mark.parametrize("threshold", THRESHOLDS[:5])
def test_any_t_parties_miss_a_set(threshold):
    sets = [set(one) for one in walk(threshold).holders]
    for some in combinations(range(2 * threshold + 1), threshold):
        assert any(not one & set(some) for one in sets)


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (4, 1), (5, 2), (6, 2), (9, 3)])
def test_backwards_it_is_the_same_way_from_its_end(parties, threshold):
    scheme = engine(parties, threshold).scheme
    for first in range(parties):
        way, back = Way(scheme, first), Way(scheme, first, back=True)
        assert {i for one in way.sets for i in one} == set(scheme.committees[first].members)
        forth, return_ = list(way.steps()), list(back.steps())
        assert [step[0] for step in forth] == [step[0] for step in return_][::-1]
        moves = [step[1:] for step in forth[:-1]]
        assert moves == [(number, slot, taker, giver) for _, number, slot, giver, taker in return_[:-1]][::-1]
        assert forth[-1][1:] == return_[-1][1:] == (-1,) * 4
        assert (way.first, way.last) == (back.last, back.first) == (way.sets[0], way.sets[-1])
