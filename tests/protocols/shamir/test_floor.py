"""The four ways to send: what comes out is a sharing of the right number and degree, and who draws which stream."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from mpc.errors import LocalProtocolError, ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.labels import Streams
from mpc.machine.party import Environment, Keys, Party
from mpc.machine.simulation import simulate_parties
from protocols.shamir.committee import CHUNK, SMALL, Committee, cut
from protocols.shamir.hops import HOP
from protocols.shamir.orders import SEED
from protocols.shamir.prime import PRIME
from protocols.shamir.rooms import mask_bits
from tests.support.shamir_harness import (
    SCHEMES,
    dealer_of,
    dealt,
    elements_of,
    engine,
    integers_of,
    label,
    on_floor,
    opened,
    shared,
)

SIZES = [0, 1, 63, 64, 65, 200]


def numbers(size):
    rng = np.random.default_rng(size)
    return [int.from_bytes(rng.bytes(16), "little") % PRIME for _ in range(size)]


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
class TestSending:
    @pytest.mark.parametrize("size", SIZES)
    def test_dealt_numbers(self, parties, threshold, size):
        values = numbers(size)
        for dealer in range(parties):

            async def program(f, dealer=dealer):
                return await f.deal(dealer, elements_of(values) if f.me == dealer else None, size)

            results, network = on_floor(program, parties, threshold)
            assert integers_of(opened(engine(parties, threshold).scheme, results)) == values
            assert Counter(sender for sender, _, _, _ in network.messages) == {dealer: parties - 1 - threshold}

    def test_dealt_bits(self, parties, threshold):
        scheme = engine(parties, threshold).scheme
        clear = np.random.default_rng(1).integers(0, 2**64, (5, 3), np.uint64)
        for dealer in range(parties):

            async def program(f, dealer=dealer):
                return await f.deal_planes(dealer, clear if f.me == dealer else None, 5, 150)

            results, _ = on_floor(program, parties, threshold)
            value = opened(scheme, results, bits=True)
            np.testing.assert_array_equal(value[0], clear)
            assert not value[1:].any()

    def test_dealt_sharings_are_of_the_full_degree(self, parties, threshold):
        """Polynomials of less would tell fewer parties the secret."""
        scheme = engine(parties, threshold).scheme

        async def program(f):
            return await f.deal(0, elements_of(numbers(20)) if f.me == 0 else None, 20)

        results, _ = on_floor(program, parties, threshold)
        with pytest.raises(AssertionError):
            opened(scheme, results, degree=threshold - 1)

    @pytest.mark.parametrize("first", [0, 1, 2])
    def test_masks_are_what_the_maskers_drew(self, parties, threshold, first):
        scheme = engine(parties, threshold).scheme
        members = Committee(scheme, first).members

        async def program(f):
            masks = f.masks(50, 70)
            return masks.share, masks.own, await f.to_king(masks.share, 50)

        results, network = on_floor(program, parties, threshold, first)
        drawn = [integers_of(own) for _, own, _ in results if own is not None]
        assert len(drawn) == threshold
        bits = mask_bits(threshold)
        assert all(max(own) < 1 << bits for own in drawn)
        assert max(map(max, drawn)) >= 1 << (bits - 1)
        assert [share is not None for share, _, _ in results] == [i in members for i in range(parties)]
        for i, (_, _, found) in enumerate(results):
            if i != members[0]:
                assert found is None
        assert integers_of(results[members[0]][2]) == [sum(column) for column in zip(*drawn, strict=True)]
        assert {to for _, to, _, _ in network.messages} == {members[0]}
        assert len(network.messages) == 2 * threshold

    def test_masks_of_bits(self, parties, threshold):
        scheme = engine(parties, threshold).scheme
        king = Committee(scheme, 1).king

        async def program(f):
            masks = f.masks_planes(3, 100)
            return masks.own, await f.to_king_planes(masks.share, 3, 100)

        results, _ = on_floor(program, parties, threshold, 1)
        total = np.bitwise_xor.reduce([own for own, _ in results if own is not None])
        np.testing.assert_array_equal(results[king][1], total)

    @pytest.mark.parametrize("first", [0, 1, 2])
    def test_reduced_products(self, parties, threshold, first):
        scheme = engine(parties, threshold).scheme
        rng = np.random.default_rng(first)
        values = numbers(65)
        shares = dealt(scheme, elements_of(values), rng, degree=2 * threshold)

        async def program(f):
            return await f.reduce(shares[f.me] if f.member else None, 65)

        results, network = on_floor(program, parties, threshold, first)
        assert integers_of(opened(scheme, results)) == values
        sent = Counter(sender for sender, _, _, _ in network.messages)
        assert sent == dict.fromkeys(Committee(scheme, first).members, parties - 1 - threshold)

    def test_reduced_products_of_bits(self, parties, threshold):
        scheme = engine(parties, threshold).scheme
        secret = np.random.default_rng(1).integers(0, 2**64, (scheme.degree, 4, 2), np.uint64)
        shares = dealt(scheme, secret, np.random.default_rng(2), degree=2 * threshold, bits=True)

        async def program(f):
            return await f.reduce_planes(shares[f.me] if f.member else None, 4, 128)

        results, _ = on_floor(program, parties, threshold, 2)
        np.testing.assert_array_equal(opened(scheme, results, bits=True), secret)


# ---- who draws what
class Noted:
    """A stream that notes each draw of its holder."""

    def __init__(self, key, drawn):
        self.streams, self.drawn = Streams(key), drawn

    def fill(self, out, label, purpose, part=0):
        self.drawn[label, purpose, part] += 1
        self.streams.fill(out, label, purpose, part)


def draws(primitive, *operands, parties=3, threshold=None, **parameters):
    """For each party and key, how often it drew each stream."""
    machine = engine(parties, threshold)
    network = MemoryNetwork(parties)
    found = {}

    async def main():
        tasks = []
        for i in range(parties):
            pair = {}
            for j in range(parties):
                if j != i:
                    key = min(i, j), max(i, j)
                    found[i, key] = Counter()
                    pair[j] = Noted(bytes([1, *key]) + bytes(13), found[i, key])
            found[i, "private"], found[i, "common"] = Counter(), Counter()
            private = Noted(bytes([2, i]) + bytes(14), found[i, "private"])
            keys = Keys(pair, Noted(bytes(16), found[i, "common"]), private)
            party = Party(Environment(network.channels[i], keys), label(1, parties))
            given = dict(parameters)
            if primitive == "input" and i != given["owner"]:
                given["values"] = None
            tasks.append(getattr(machine, primitive)(party, *(x[i] for x in operands), **given))
        await asyncio.gather(*tasks)

    asyncio.run(main())
    return found


LINE = np.ones((4, 8), np.int64)
DRAWING = {
    "input": ([], {"owner": 1, "values": np.arange(9), "shape": (9,)}),
    "multiply": ([None, None], {}),
    "multiply_truncate": ([None, None], {"bits": 16}),
    "truncate_exact": ([None], {"bits": 16, "rounding": "floor"}),
    "sign": ([None], {"width": 40}),
    "equal": ([None], {"width": 40}),
    "decompose": ([None], {"width": 20}),
    "inject": ([1, None], {}),
    "recompose": ([9], {}),
    "prefix_or": ([9], {}),
    "piecewise_cubic": ([None], {"low": -40, "step": 4, "table": LINE, "bits": 28}),
    "exponential": ([None], {"low": -90, "high": 40, "frac": 6, "digits": 40, "bits": 0}),
    "random": ([], {"shape": (9,)}),
    "random_bits": ([], {"shape": (9,), "width": 3}),
    "permutation": ([], {"size": 5}),
    "sort_order": ([None], {"width": 20}),
    "order_of": ([None], {}),
}


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2), (5, 1)])
@pytest.mark.parametrize("primitive", DRAWING)
def test_each_stream_is_drawn_once_by_each_of_the_two_that_hold_it(primitive, parties, threshold):
    kinds, parameters = DRAWING[primitive]
    rng = np.random.default_rng(1)
    operands = [shared(np.arange(9), rng, parties, threshold, width=kind) for kind in kinds]
    found = draws(primitive, *operands, parties=parties, threshold=threshold, **parameters)
    dealers = set()
    for (party, key), counts in found.items():
        assert set(counts.values()) <= {1}, f"party {party} drew a stream twice"
        if isinstance(key, tuple):
            other = next(i for i in key if i != party)
            assert counts == found[other, key], f"the streams of {key} are known to one of them alone"
            found_here = {dealer_of(purpose) for _, purpose, _ in counts if purpose not in (HOP, SEED)}
            assert found_here <= set(key)
            dealers |= found_here
    assert dealers or primitive == "permutation"
    assert not any(found[i, "common"] for i in range(parties))


def test_the_simulation_ends_where_a_stream_is_drawn_twice():
    x = shared(np.arange(3), np.random.default_rng(1))

    async def twice(party):
        for _ in range(2):
            await engine().multiply(party, x[party.index], x[party.index])

    with pytest.raises(LocalProtocolError, match="twice"):
        simulate_parties(twice)


# ---- chunks
@pytest.mark.parametrize("parties", [3, 5, 7])
@pytest.mark.parametrize("size", [0, 1, 63, SMALL - 1, SMALL, SMALL + 1, CHUNK, 3 * CHUNK + 1, 10 * CHUNK + 77, 10**7])
def test_chunks_cover_all_elements_once(parties, size):
    scheme = engine(parties).scheme
    for first in range(parties):
        chunks = cut(scheme, label(first, parties), size)
        assert sum(chunk.size for chunk in chunks) == size
        assert len(chunks) in (0, 1) or len(chunks) % parties == 0
        at = 0
        for number, chunk in enumerate(chunks):
            assert chunk.start == at
            assert chunk.start % 64 == 0
            assert chunk.first == (first + number) % parties
            assert chunk.part == number << 16
            assert 0 < chunk.size <= CHUNK
            at = chunk.stop
        if size > SMALL:
            sizes = [chunk.size for chunk in chunks]
            assert max(sizes) - min(sizes) <= 128
        assert bool(chunks) == bool(size)


def test_too_many_elements_are_refused():
    with pytest.raises(ShapeError, match="split it"):
        cut(engine().scheme, bytes(16), CHUNK << 16)


@pytest.mark.parametrize(("parties", "threshold"), [*SCHEMES, (20, 9), (20, 3)])
def test_any_t_parties_miss_the_king_or_a_masker(parties, threshold):
    scheme = engine(parties, threshold).scheme
    for first in range(parties):
        committee = Committee(scheme, first)
        assert len(set(committee.members)) == 2 * threshold + 1
        assert committee.dealers == (committee.king, *committee.maskers)
        assert len(set(committee.dealers)) == threshold + 1
