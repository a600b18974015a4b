"""Views with all randomness listed: over GF(4) and GF(8) every run there can be, modulo p the linear map.

Each coalition's multiset of views must be the same for any two secrets.
"""

from __future__ import annotations

import asyncio
from itertools import combinations, product

import numpy as np
import pytest

from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Environment, Keys, Party
from protocols.shamir.committee import Committee
from protocols.shamir.fields import BinaryField
from protocols.shamir.floor import Floor, words
from protocols.shamir.sharing import packed, unpacked
from tests.support.shamir_harness import dealer_of, elements_of, engine, integers_of, label
from tests.support.view_lab import dependent


class Given:
    """A stream of a pair whose content the test sets, by dealer; `drawn` notes which were drawn."""

    def __init__(self, contents, drawn, pair):
        self.contents, self.drawn, self.pair = contents, drawn, pair

    def fill(self, out, label, purpose, part=0):
        at = self.pair, dealer_of(purpose)
        self.drawn.add(at)
        out[...] = self.contents[at].reshape(out.shape)


class Own:
    def __init__(self, content):
        self.content = content

    def fill(self, out, label, purpose, part=0):
        out[...] = self.content.reshape(out.shape)


def planes(values, degree):
    """Elements of GF(2^m), integers, as (m, 1, W)."""
    values = np.asarray(values)
    return packed(np.stack([values >> e & 1 for e in range(degree)]).astype(np.uint8)[:, None])


def elements(data, size):
    """The same the other way round."""
    single = unpacked(data.reshape(data.shape[0], -1), size)
    return sum(single[e].astype(int) << e for e in range(len(single)))


def runs(program, streams, own, size, parties, threshold, first=0):
    """`program(floor)` at all parties with given streams; messages as (sender, receiver, bytes)."""
    scheme = engine(parties, threshold).scheme
    network = MemoryNetwork(parties)
    network.record = []
    drawn: set[tuple] = set()

    async def main():
        tasks = []
        for i in range(parties):
            pair = {j: Given(streams, drawn, (min(i, j), max(i, j))) for j in range(parties) if j != i}
            keys = Keys(pair, Own(np.zeros(1)), Own(own))
            party = Party(Environment(network.channels[i], keys), label(first, parties))
            tasks.append(program(Floor(party, scheme, Committee(scheme, first), 0)))
        await asyncio.gather(*tasks)

    asyncio.run(main())
    return network.record, drawn


class Listed:
    """All values of some variables, a row each; as elements of a field."""

    def __init__(self, **ranges):
        self.names = list(ranges)
        self.rows = np.asarray(list(product(*(range(r) for r in ranges.values()))))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        return self.rows[:, self.names.index(name)]


def views(coalition, own, streams, record, degree, size):
    """The multiset of what a coalition has: its inputs, the streams it knows and the messages, a row for each run."""
    columns = [elements(data, size) for i in coalition for data in own[i]]
    columns += [elements(c, size) for (pair, _), c in sorted(streams.items()) if set(pair) & set(coalition)]
    for sender, to, _, payload in sorted(record):
        if to in coalition and sender not in coalition:
            columns.append(elements(np.frombuffer(payload, np.uint64).reshape(degree, -1).copy(), size))
    table = np.stack(columns, axis=1)
    return table[np.lexsort(table.T[::-1])]


def dealings(parties, threshold):
    """(dealer, silent receiver) of every one."""
    scheme = engine(parties, threshold).scheme
    return [(d, peer) for d in range(parties) for peer in scheme.after(d, threshold)]


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (4, 1), (5, 2), (5, 1), (7, 3)])
def test_dealt_bits_in_all_runs(parties, threshold):
    scheme = engine(parties, threshold).scheme
    m = scheme.degree
    for dealer in range(parties):
        silent = scheme.after(dealer, threshold)
        every = Listed(**{f"s{j}": 1 << m for j in range(threshold)})
        streams = {((min(dealer, p), max(dealer, p)), dealer): planes(every[f"s{j}"], m) for j, p in enumerate(silent)}
        found = []
        for secret in (0, 1):
            clear = np.full((1, words(len(every))), -secret, np.int64).view(np.uint64)

            async def program(f, clear=clear, dealer=dealer, every=every):
                await f.deal_planes(dealer, clear if f.me == dealer else None, 1, len(every))

            record, _ = runs(program, streams, np.zeros(1), len(every), parties, threshold)
            found.append(record)
        for coalition in combinations([i for i in range(parties) if i != dealer], threshold):
            none = [[]] * parties
            a, b = (views(coalition, none, streams, record, m, len(every)) for record in found)
            np.testing.assert_array_equal(a, b)
            assert len(np.unique(a, axis=0)) == len(every)  # uniform: every view there is, once


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_conjunction_in_all_runs(first):
    scheme = engine().scheme
    m = scheme.degree
    every = Listed(a=4, b=4, **{f"s{d}": 4 for d, _ in dealings(3, 1)})
    size = len(every)
    streams = {((min(d, p), max(d, p)), d): planes(every[f"s{d}"], m) for d, p in dealings(3, 1)}
    found = {}
    for x, y in product((0, 1), repeat=2):
        shares = [(line(x, every["a"], i, m), line(y, every["b"], i, m)) for i in range(3)]

        async def program(f, shares=shares):
            a, b = shares[f.me]
            await f.reduce_planes(f.conjunction(a, b), 1, size)

        record, drawn = runs(program, streams, np.zeros(1), size, 3, 1, first)
        assert drawn == set(streams)
        found[x, y] = [views((i,), shares, streams, record, m, size) for i in range(3)]
    for view in found.values():
        for i in range(3):
            np.testing.assert_array_equal(view[i], found[0, 0][i])


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_masked_bit_in_all_runs(first):
    scheme = engine().scheme
    m = scheme.degree
    king, masker, other = Committee(scheme, first).members
    every = Listed(a=4, r=2, s=4, u=4)
    size = len(every)
    streams = {
        ((min(masker, king), max(masker, king)), masker): planes(every["s"], m),
        ((min(masker, other), max(masker, other)), masker): planes(every["u"], m),
    }
    own = planes(every["r"], m)[0]
    found = {}
    for x in (0, 1):
        shares = [(line(x, every["a"], i, m),) for i in range(3)]

        async def program(f, shares=shares, x=x):
            masks = f.masks_planes(1, size)
            opened = await f.to_king_planes(f.xor(shares[f.me][0], masks.share), 1, size)
            if f.me == king:
                np.testing.assert_array_equal(unpacked(opened, size)[0], x ^ every["r"])

        record, _ = runs(program, streams, own, size, 3, 1, first)
        found[x] = [views((i,), shares, streams, record, m, size) for i in range(3)]
    for i in (king, other):
        np.testing.assert_array_equal(found[0][i], found[1][i])
    # The masker sees what it drew, which is independent of the secret, and no message.
    np.testing.assert_array_equal(found[0][masker], found[1][masker])


def line(secret, slope, party, m):
    """Shares of a bit by the polynomials secret + slope z, at a party."""
    known = np.stack([planes(np.full(len(slope), secret), m), planes(slope, m)])
    return BinaryField(m).interpolate((0, 1), party + 1, np.ascontiguousarray(known))


@pytest.mark.parametrize(
    ("parties", "threshold"), [(3, 1), (4, 1), (5, 2), (5, 1), (6, 2), (7, 3), (7, 2), (9, 4), (20, 2)]
)
def test_dealt_numbers_are_uniform_for_every_coalition(parties, threshold):
    """The t streams and any t shares determine each other: the matrix between them is invertible modulo p."""
    scheme = engine(parties, threshold).scheme
    unit = elements_of([int(j == k) for j in range(threshold) for k in range(threshold)]).reshape(threshold, -1, 2)
    for dealer in range(0, parties, 1 + parties // 8):
        silent = scheme.after(dealer, threshold)
        streams = {((min(dealer, p), max(dealer, p)), dealer): unit[j] for j, p in enumerate(silent)}
        shares = {}

        async def program(f):
            secret = np.zeros((threshold, 2), np.uint64)
            shares[f.me] = integers_of(await f.deal(dealer, secret if f.me == dealer else None, threshold))  # noqa: B023

        runs(program, streams, np.zeros(1), threshold, parties, threshold)
        for coalition in combinations([i for i in range(parties) if i != dealer], threshold):
            # Rows beyond the matrix are zero: `dependent` wants some more.
            assert not dependent([shares[i] + [0] * 8 for i in coalition], threshold + 8)
