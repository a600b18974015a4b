"""Orders of many parties: the switches of a sorting network, where there are too many sets of parties for a walk."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.simulation import simulate_parties
from protocols.shamir import ordering, switches
from protocols.shamir.ordering import switched
from protocols.shamir.switches import Switches
from tests.support.shamir_harness import combined, engine, label, run, shared


def test_which_parties_have_them():
    assert [n for n in range(3, 21) if switched(engine(n).scheme)] == [15, 16, 17, 18, 19, 20]
    assert not switched(engine(20, 6).scheme)


def held(program, plan, parties=3):
    """Results of a protocol at all parties; its messages are those of the plan."""
    network, under = MemoryNetwork(parties), label(1, parties)
    done = simulate_parties(program, parties=parties, label=under, network=network)
    cost = plan(under)
    assert cost.bytes_sent == tuple(network.bytes_sent)
    assert cost.rounds == sum(network.rounds(one) for one in {tag[:16] for _, _, tag, _ in network.messages})
    assert sum(cost.messages) == len(network.messages)
    return done.results


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 17, 40])
def test_sorting_keeps_ties_as_they_are(rows):
    """Of three parties, who would not use it: all there is to it but for the number of parties."""
    scheme = engine().scheme
    rng = np.random.default_rng(rows)
    keys = rng.integers(-4, 4, rows)
    keys[: min(rows, 2)] = [-(1 << 30), (1 << 30) - 1][: min(rows, 2)]
    shares = shared(keys, rng)
    order = held(
        lambda party: switches.sorting(party, scheme, shares[party.index].data, width=31),
        lambda under: switches.sorting_cost(scheme, under, rows, width=31),
    )
    assert all(one.spec == switches.spec(rows) for one in order)
    records = np.stack([np.arange(rows), keys], axis=1)
    places = np.argsort(keys, kind="stable")
    for x, expected in (
        (shared(records, rng), records[places]),
        (shared(records[:, 0], rng, width=6), records[places, 0].astype(np.uint64)),
    ):
        moved = held(
            lambda party, x=x: switches.applied(party, scheme, x[party.index], order[party.index]),
            lambda under, x=x: switches.applied_cost(scheme, under, x[0].spec, order[0].spec),
        )
        np.testing.assert_array_equal(combined(scheme, moved), expected)
        back = held(
            lambda party, m=moved: switches.applied(party, scheme, m[party.index], order[party.index].opposite()),
            lambda under, x=x: switches.applied_cost(scheme, under, x[0].spec, switches.turned(order[0].spec)),
        )
        np.testing.assert_array_equal(combined(scheme, back), combined(scheme, x))


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), pytest.param(15, 7, marks=pytest.mark.slow)])
def test_through_the_engine(monkeypatch, parties, threshold):
    """Of three parties, as if these were many."""
    monkeypatch.setattr(ordering, "switched", lambda scheme: True)
    how = {"parties": parties, "threshold": threshold}
    rng = np.random.default_rng(1)
    x = np.asarray([5, -3, 5, 0, 2])
    y = shared(x, rng, parties, threshold)
    order = run("sort_order", y, width=4, **how).results
    assert all(isinstance(one, Switches) for one in order)
    assert run("shuffle", y, order, **how).value.tolist() == [-3, 0, 2, 5, 5]
    order = run("rank_order", y, width=4, ranks=(1, 4), **how).results
    moved = run("shuffle", y, order, **how)
    assert moved.value[:2].tolist() == [0, 5]
    assert run("unshuffle", moved.results, order, **how).value.tolist() == x.tolist()
    order = run("order_of", shared([3, 1, 0, 4, 2], rng, parties, threshold), **how).results
    assert run("shuffle", y, order, **how).value.tolist() == [5, -3, 2, 5, 0]
    opposite = run("opposite", order, **how).results
    assert run("shuffle", y, opposite, **how).value.tolist() == x[[3, 1, 0, 4, 2]].tolist()
    order = run("permutation", size=5, **how).results
    assert sorted(run("shuffle", y, order, **how).value.tolist()) == sorted(x.tolist())
    with pytest.raises(ShapeError, match="does not fit"):
        run("shuffle", shared([1, 2], rng, parties, threshold), order, **how)
