"""Orders that one party knows, among any number of parties: what is told of them, and owners that lie."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from unittest.mock import patch

import numpy as np
import pytest

from mpc.errors import CheckFailed, RemoteProtocolError
from mpc.machine.party import Party
from protocols.order import Ordering
from protocols.shamir.hops import Way, permutation_of
from protocols.simulate import evaluate, opened
from tests.support.shamir_harness import engine, run
from tests.support.value_floor import secret


def given(order, owner, seed, parties=3):
    return run("given_order", owner=owner, values=np.asarray(order), rows=len(order), seed=seed, parties=parties)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_what_is_told_of_an_order_is_uniform(order):
    """Of three sets of two parties, each party lacks the seed of one; what is left is as often each permutation."""
    seen = Counter()
    for seed in range(600):
        shares = given(order, 1, seed).results
        left = next(share.public for share in shares if share.public is not None)
        seeds = {number: one for share in shares for number, one in share.seeds.items()}
        chain = np.arange(3)
        for number in sorted(seeds):
            chain = chain[permutation_of(seeds[number], 3)]
        np.testing.assert_array_equal(chain[left], order)
        seen[tuple(left.tolist())] += 1
    assert set(seen) == set(permutations(range(3)))
    assert max(abs(count - 100) for count in seen.values()) < 50  # 5.5 standard deviations


def test_a_party_has_the_seeds_of_its_sets_alone():
    for owner in range(5):
        shares = given(np.arange(7), owner, 1, parties=5).results
        sets = Way(engine(5).scheme, shares[0].first).sets
        for me, share in enumerate(shares):
            assert set(share.seeds) == {number for number, members in enumerate(sets) if me in members}
            assert (share.public is not None) == (me in sets[-1])


def ordered(tell, parties=5, owner=0):
    """Rows in an order that the owner gives; `tell(array, peer)` is what it sends in place of an array."""
    send = Party.send

    def told(self, peer, part, array):
        send(self, peer, part, tell(array, peer) if self.index == owner else array)

    async def script(run):
        values = np.arange(6)[::-1].copy() if run.index == owner else None
        order = Ordering(run, run.schedule("given_order", owner=owner, values=values, rows=6))
        x = order.apply(secret(run, np.arange(6)))
        handle = x.handle
        await run.settle(handle, run.compare_openings(handle))
        return await opened(run, x)

    with patch.object(Party, "send", told):
        return evaluate(script, engine="shamir", parties=parties)


def test_an_honest_owner_passes():
    for x in ordered(lambda array, peer: array):
        np.testing.assert_array_equal(x, np.arange(6)[::-1])


@pytest.mark.parametrize("kind", [np.uint32, np.uint8])
def test_two_parties_that_are_told_different_orders_find_out(kind):
    """Another order, or another seed, to one of the members of a set."""
    lied: set[int] = set()

    def tell(array, peer):
        if array.dtype != kind or (lied and peer not in lied):
            return array
        lied.add(peer)
        return np.ascontiguousarray(np.roll(array, 1))

    with pytest.raises(CheckFailed):
        ordered(tell)
    assert lied


def test_an_owner_that_tells_no_permutation_is_named():
    def tell(array, peer):
        return np.zeros_like(array) if array.dtype == np.uint32 else array

    with pytest.raises(RemoteProtocolError, match="party 0 gave an order of 6 rows that is not a permutation"):
        ordered(tell)
