"""Orders that one party knows: what they cost, what each party sees of them, and owners that lie."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from mpc.errors import RemoteProtocolError, ShapeError
from mpc.machine.channel import MemoryNetwork
from protocols.replicated.given import _TOLD
from protocols.replicated.hops import PIECE
from tests.support.replicated_harness import LABELS, run, shared


def given(order, owner=0, **keywords):
    """The shares of an order; only its owner passes it."""
    order = np.asarray(order)
    return run("given_order", owner=owner, values=order, rows=order.size, **keywords)


def test_what_an_order_and_a_shuffle_cost():
    rng = np.random.default_rng(1)
    for owner in range(3):
        ran = given(rng.permutation(900), owner)
        assert (ran.cost.rounds, sum(ran.cost.bytes_sent)) == (1, 4 * 900)
        assert ran.cost.bytes_sent[owner] == 4 * 900
        for primitive in ("shuffle", "unshuffle"):
            cost = run(primitive, shared(np.zeros((900, 2)), rng), ran.results, label=LABELS[1]).cost
            assert (cost.rounds, cost.bytes_sent) == (2, (14400, 14400, 14400))
        bits = run("shuffle", shared(np.zeros(900), rng, width=1), ran.results).cost
        assert bits.bytes_sent == (113, 113, 113)


def test_what_copies_and_sums_cost():
    rng = np.random.default_rng(1)
    line = given(np.arange(1000), owner=1).results
    cost = run("copy_down", shared(np.zeros((300, 2)), rng), line).cost
    assert (cost.rounds, cost.bytes_sent) == (3, (16 * 1000, 16 * 700, 16 * 1700))
    cost = run("sum_up", shared(np.zeros((700, 2)), rng), line).cost
    assert (cost.rounds, cost.bytes_sent) == (3, (16 * 1000, 16 * 300, 16 * 1300))


def test_more_than_one_message():
    rng = np.random.default_rng(1)
    order = rng.permutation(_TOLD + 3)
    ran = given(order)
    assert sum(ran.cost.messages) == 2
    x = rng.integers(-(2**63), 2**63 - 1, order.size)
    moved = run("shuffle", shared(x, rng), ran.results)
    assert sum(moved.cost.messages) == 3 * -(-order.size // PIECE)
    np.testing.assert_array_equal(moved.value, x[order])


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_what_is_told_of_an_order_is_uniform(order):
    """The party before the owner sees a permutation, which is as often each of all six, whatever the order is; the
    party after the owner sees nothing, and both halves are the order."""
    seen = Counter()
    for seed in range(600):
        ran = given(order, owner=2, seed=seed)
        _, after, before = ran.results[2], ran.results[0], ran.results[1]
        assert after.second is None
        assert before.first is None
        np.testing.assert_array_equal(after.first[before.second], order)
        seen[tuple(before.second.tolist())] += 1
    assert set(seen) == set(permutations(range(3)))
    assert max(abs(count - 100) for count in seen.values()) < 50  # 5.5 standard deviations


def test_copies_are_exact_whatever_the_numbers_are():
    """Differences and running sums wrap modulo 2^64, and so does their sum: the row itself."""
    rng = np.random.default_rng(3)
    x = rng.integers(-(2**63), 2**63 - 1, (50, 2), endpoint=True)
    asked = rng.integers(0, 50, 200)
    line = np.argsort(np.concatenate([np.arange(50), asked]), kind="stable")
    for owner in range(3):
        shares = given(line, owner).results
        np.testing.assert_array_equal(run("copy_down", shared(x, rng), shares).value, x[asked])


@pytest.mark.parametrize("told", [[0, 0, 2], [0, 1, 3]])
def test_an_owner_that_tells_no_permutation_is_named(told):
    def tamper(sender, receiver, tag, payload):
        return np.asarray(told, np.uint32).view(np.uint8)

    with pytest.raises(RemoteProtocolError, match="party 1 gave an order of 3 rows that is not a permutation") as error:
        given([2, 1, 0], owner=1, network=MemoryNetwork(3, tamper=tamper))
    assert error.value.peer == 1


def test_places_of_an_organization_that_are_no_permutation_name_it():
    rng = np.random.default_rng(3)
    with pytest.raises(RemoteProtocolError, match="party 7 gave places of 3 rows") as error:
        run("order_of", shared([0, 2, 2], rng), inner=True, owner=7)
    assert error.value.peer == 7


def test_orders_of_other_sizes_are_refused():
    rng = np.random.default_rng(3)
    line = given(np.arange(4)).results
    for primitive, size in (("shuffle", 3), ("copy_down", 5), ("sum_up", 5)):
        with pytest.raises(ShapeError, match=primitive):
            run(primitive, shared(np.zeros(size), rng), line)
