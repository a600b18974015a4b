"""Secret orders of rows: results and costs for all rotations, who knows which permutation, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import LocalProtocolError, RemoteProtocolError, ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.simulation import simulate_parties
from protocols.permuting import inverted
from protocols.shamir import hops
from protocols.shamir.hops import Way, permutation_of
from protocols.shamir.orders import Order
from tests.support.shamir_harness import SCHEMES, combined, engine, label, run, shared

SOME = [(3, 1), (4, 1), (5, 2), (7, 3)]


def chain_of(orders, scheme):
    """The whole permutation, from all parties' seeds."""
    seeds = {}
    for order in orders:
        for number, seed in order.seeds.items():
            assert seeds.setdefault(number, seed) == seed
    found = np.arange(orders[0].rows)
    for number in range(len(Way(scheme, orders[0].first).sets)):
        found = found[permutation_of(seeds[number], orders[0].rows)]
    return found if orders[0].public is None else found[orders[0].public]


@pytest.mark.parametrize(
    ("parties", "threshold"), [*SCHEMES, *(pytest.param(n, n // 2, marks=pytest.mark.slow) for n in (9, 11))]
)
def test_rows_in_a_random_order_and_back(parties, threshold):
    """Of numbers and of words of bits, with every party first (of many, some); `run` holds costs against the plan."""
    rng = np.random.default_rng(parties)
    how = {"parties": parties, "threshold": threshold}
    for first in range(0, parties, 1 if parties < 9 else 5):
        order = run("permutation", size=20, first=first, **how).results
        rows = chain_of(order, engine(parties, threshold).scheme)
        x, b = rng.integers(-(1 << 61), 1 << 61, (20, 3)), rng.integers(0, 1 << 7, (20, 2))
        mixed = run("shuffle", shared(x, rng, parties, threshold), order, first=(first + 1) % parties, **how)
        np.testing.assert_array_equal(mixed.value, x[rows])
        np.testing.assert_array_equal(run("unshuffle", mixed.results, order, **how).value, x)
        opposite = run("opposite", order, **how).results
        np.testing.assert_array_equal(run("shuffle", mixed.results, opposite, **how).value, x)
        mixed = run("shuffle", shared(b, rng, parties, threshold, width=7), order, **how)
        np.testing.assert_array_equal(mixed.value, b[rows])
        np.testing.assert_array_equal(run("unshuffle", mixed.results, order, **how).value, b)


@pytest.mark.parametrize(("parties", "threshold"), SOME)
@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (3,), (65,), (4097,), (5, 0), (2, 3, 2), (3000, 2)])
def test_shapes(parties, threshold, shape):
    rng = np.random.default_rng(1)
    how = {"parties": parties, "threshold": threshold, "first": parties - 1}
    order = run("permutation", size=shape[0], **how)
    assert order.cost.rounds == (threshold > 1 and shape[0] > 1)
    x = rng.integers(-9, 9, shape)
    rows = chain_of(order.results, engine(parties, threshold).scheme) if shape[0] > 1 else np.arange(shape[0])
    found = run("shuffle", shared(x, rng, parties, threshold), order.results, **how)
    np.testing.assert_array_equal(found.value, x[rows])
    bits = x.astype(np.uint64) & np.uint64(1)
    found = run("shuffle", shared(bits, rng, parties, threshold, width=1), order.results, **how)
    np.testing.assert_array_equal(found.value, bits[rows])


@pytest.mark.parametrize("width", [1, 2, 63, 64])
def test_words_of_all_widths(width):
    rng = np.random.default_rng(width)
    x = rng.integers(0, 1 << 63, (70, 2), np.uint64) * np.uint64(2) + np.uint64(1) & np.uint64((1 << width) - 1)
    order = run("permutation", size=70).results
    found = run("shuffle", shared(x, rng, width=width), order)
    np.testing.assert_array_equal(found.value, x[chain_of(order, engine().scheme)])


@settings(max_examples=25, deadline=None)
@given(data=st.data(), scheme=st.sampled_from(SOME), rows=st.integers(0, 30), record=st.integers(1, 4))
def test_a_given_order(data, scheme, rows, record):
    parties, threshold = scheme
    how = {"parties": parties, "threshold": threshold, "first": data.draw(st.integers(0, parties - 1))}
    places = np.asarray(data.draw(st.permutations(range(rows))), np.int64)
    rng = np.random.default_rng(rows)
    order = run("order_of", shared(places, rng, parties, threshold), seed=data.draw(st.integers(0, 99)), **how).results
    x = rng.integers(-(1 << 61), 1 << 61, (rows, record))
    moved = run("shuffle", shared(x, rng, parties, threshold), order, **how)
    expected = np.empty_like(x)
    expected[places] = x
    np.testing.assert_array_equal(moved.value, expected)
    np.testing.assert_array_equal(run("unshuffle", moved.results, order, **how).value, x)


@pytest.mark.parametrize(("parties", "threshold"), [*SCHEMES, (9, 4), (12, 5)])
def test_of_any_t_parties_one_permutation_is_unknown(parties, threshold):
    """Each knows the seeds of the sets it is in; no two sets have the same one."""
    orders = run("permutation", size=9, parties=parties, threshold=threshold, first=2).results
    sets = Way(engine(parties, threshold).scheme, 2).sets
    for index, order in enumerate(orders):
        assert set(order.seeds) == {number for number, one in enumerate(sets) if index in one}
    assert len({seed for order in orders for seed in order.seeds.values()}) == len(sets)
    for some in combinations(range(parties), threshold):
        assert {number for index in some for number in orders[index].seeds} < set(range(len(sets)))


def test_orders_of_two_labels_differ():
    first, second = (run("permutation", size=200, first=i).results for i in (0, 1))
    assert not set(first[0].seeds.values()) & set(second[0].seeds.values())


@pytest.mark.parametrize("parties", [3, 5])
def test_what_is_opened_of_given_places_is_a_random_order(monkeypatch, parties):
    """Whatever the places, under the same streams: what is opened undoes the chain, so it is as random as that."""
    from protocols.shamir import orders

    seen = []

    async def noted(party, *what):
        found = await orders_reveal(party, *what)
        seen.append(found)
        return found

    orders_reveal = orders.reveal
    monkeypatch.setattr(orders, "reveal", noted)
    rng = np.random.default_rng(1)
    for places in (np.arange(50), np.arange(50)[::-1].copy(), rng.permutation(50)):
        seen.clear()
        order = run("order_of", shared(places, rng, parties), parties=parties).results
        random = [Order(one.rows, one.first, one.seeds) for one in order]
        chain = chain_of(random, engine(parties).scheme)
        for found in seen:
            np.testing.assert_array_equal(found, places[chain])
        np.testing.assert_array_equal(inverted(order[0].public), seen[0])


@pytest.mark.parametrize("places", [[0, 0], [1, 2], [-1, 1], [0, 3, 1], [1 << 40, 0]])
def test_what_is_no_permutation_is_refused(places):
    with pytest.raises(LocalProtocolError, match="not a permutation"):
        run("order_of", shared(places, np.random.default_rng(1)))


def test_rows_that_do_not_fit_are_refused():
    rng = np.random.default_rng(1)
    order = run("permutation", size=4).results
    for x in (shared(np.arange(5), rng), shared(3, rng), shared(np.arange(3), rng, width=2)):
        for primitive in ("shuffle", "unshuffle"):
            with pytest.raises(ShapeError, match="does not fit"):
                run(primitive, x, order)
            with pytest.raises(ShapeError, match="does not fit"):
                engine().plan(primitive, bytes(16), x[0].spec, order[0].spec)
    with pytest.raises(ShapeError, match="2\\^32"):
        engine().plan("permutation", bytes(16), size=1 << 32)


def test_rows_in_several_messages(monkeypatch):
    """Large arrays are sent in pieces; the plan counts them."""
    monkeypatch.setattr(hops, "PIECE", 100)
    rng = np.random.default_rng(1)
    for parties, threshold in ((3, 1), (5, 2)):
        how = {"parties": parties, "threshold": threshold}
        order = run("permutation", size=333, **how).results
        rows = chain_of(order, engine(parties, threshold).scheme)
        x, b = rng.integers(-9, 9, (333, 3)), rng.integers(0, 1 << 5, (333, 3))
        found = run("shuffle", shared(x, rng, parties, threshold), order, **how)
        np.testing.assert_array_equal(found.value, x[rows])
        found = run("unshuffle", shared(b[rows], rng, parties, threshold, width=5), order, **how)
        np.testing.assert_array_equal(found.value, b)
        with pytest.raises(ShapeError, match="rows of 101 elements"):
            run("shuffle", shared(np.zeros((333, 101)), rng, parties, threshold), order, **how)


@pytest.mark.parametrize("cut", [16, -16])
@pytest.mark.parametrize(("parties", "primitive"), [(3, "shuffle"), (5, "shuffle"), (5, "permutation")])
def test_messages_of_a_wrong_length_are_refused(parties, primitive, cut):
    """Any one of them, of an order's seeds and of a shuffle."""
    rng = np.random.default_rng(1)
    order = run("permutation", size=6, parties=parties).results
    x = shared(np.arange(6), rng, parties)
    machine = engine(parties)

    async def program(party):
        if primitive == "permutation":
            return await machine.permutation(party, size=6)
        return await machine.shuffle(party, x[party.index], order[party.index])

    count = len(simulate_parties(program, parties=parties, label=label(0, parties)).network.messages)
    for wrong in range(count):
        sent = iter(range(count))

        def tamper(sender, receiver, tag, payload, wrong=wrong, sent=sent):
            if next(sent) != wrong:
                return payload
            return np.concatenate((payload, payload[:cut])) if cut > 0 else payload[:cut]

        network = MemoryNetwork(parties, tamper=tamper)
        with pytest.raises(RemoteProtocolError):
            simulate_parties(program, parties=parties, label=label(0, parties), network=network)


def test_a_changed_part_gives_other_rows_and_no_error():
    """Semi-honest: nobody finds it."""
    rng = np.random.default_rng(1)
    order = run("permutation", size=6).results
    x = shared(np.arange(6), rng)

    def tamper(sender, receiver, tag, payload):
        return payload ^ np.uint8(1)

    network = MemoryNetwork(3, tamper=tamper)
    machine = engine()
    done = simulate_parties(
        lambda party: machine.shuffle(party, x[party.index], order[party.index]), label=label(0, 3), network=network
    )
    field = [share.data for share in done.results]
    assert not all(np.array_equal(a, b) for a, b in zip(field, x, strict=True))


@pytest.mark.slow
def test_random_orders_are_uniform():
    """The 24 orders of four rows, hundreds of times: chi-square with 23 degrees of freedom, beyond 80 once in 10^7."""
    rng = np.random.default_rng(1)
    for parties in (3, 5):
        counts = {}
        x = shared(np.arange(4), rng, parties)
        for seed in range(480 if parties == 3 else 240):
            order = run("permutation", size=4, seed=seed, parties=parties).results
            found = tuple(combined(engine(parties).scheme, run("shuffle", x, order, parties=parties).results))
            counts[found] = counts.get(found, 0) + 1
        assert len(counts) == 24
        mean = sum(counts.values()) / 24
        assert sum((count - mean) ** 2 / mean for count in counts.values()) < 80
