"""What organizations that do not compute deal to the shamir engine, and the check that no element passes wrongly."""

from __future__ import annotations

import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mpc.errors import CheckFailed
from mpc.machine.engine import Spec
from mpc.machine.simulation import simulate_parties
from protocols.shamir.engine import ShamirEngine
from protocols.shamir.prime import PRIME
from protocols.shamir.sharing import Numbers

SCHEMES = [(3, 1), (4, 1), (5, 2), (7, 3), (7, 1)]
#: Elements that are far from any number a study allows, and some whose low bits look small.
FAR = [2**63, 2**64, 2**64 + 5, 2**100, 2**100 + 7, 2**126, PRIME // 2, PRIME // 2 + 1, PRIME - 2**62, PRIME - 2**103]


def dealt_elements(engine, elements):
    """Pieces as an owner could make them by itself: all summands zero but the vector."""
    t = engine.threshold
    octets = b"".join(e.to_bytes(16, "little") for e in elements)
    pieces = engine.deal(np.zeros(len(elements), np.int64), os.urandom)
    vector = np.frombuffer(octets, np.uint64).reshape(-1, 2)
    old = pieces[t].view(np.uint64).reshape(-1, 2)
    total = [
        (int(a[0]) + (int(a[1]) << 64) + int(b[0]) + (int(b[1]) << 64)) % PRIME
        for a, b in zip(old, vector, strict=True)
    ]
    pieces[t] = np.frombuffer(b"".join(e.to_bytes(16, "little") for e in total), np.uint8)
    return pieces


def taken(engine, vectors, program):
    """`program(engine, party, x)` on what was taken of the dealt vectors, at every party."""
    places = [[piece.holders for piece in engine.pieces(len(vector[-1]) // 16)] for vector in vectors]

    async def at(party):
        own = [
            [piece if party.index in holders else None for piece, holders in zip(vector, place, strict=True)]
            for vector, place in zip(vectors, places, strict=True)
        ]
        sizes = [len(vector[-1]) // 16 for vector in vectors]
        x = await engine.take(party.inner("take"), pieces=own, sizes=sizes)
        return await program(engine, party, x)

    return simulate_parties(at, parties=engine.parties).results


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_dealt_is_taken(scheme):
    engine = ShamirEngine(*scheme)
    a, b = np.asarray([0, 1, -1, 2**62 - 1, 1 - 2**62]), np.asarray([5, -7])

    async def program(engine, party, x):
        return await engine.open(party.inner("open"), x, to=range(engine.parties))

    for opened in taken(engine, [engine.deal(a, os.urandom), engine.deal(b, os.urandom)], program):
        assert_array_equal(opened, [*a, *b])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_element_beyond_its_bound_passes(scheme):
    engine = ShamirEngine(*scheme)
    elements = [0, 5, PRIME - 5, 6, PRIME - 6, *FAR]
    expected = [1, 1, 1, 0, 0, *[0] * len(FAR)]

    async def program(engine, party, x):
        fits = await engine.nonnegative(party.inner("fits"), x, bounds=np.full(len(elements), 5))
        return await engine.open(party.inner("open"), fits, to=range(engine.parties))

    for opened in taken(engine, [dealt_elements(engine, elements)], program):
        assert_array_equal(opened.all(axis=0), expected)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_elements_below_two_to_the_sixty_four_count_as_not_negative(scheme):
    """Any element, near the powers of two where halves carry, and near the prime."""
    engine = ShamirEngine(*scheme)
    rng = np.random.default_rng(5)
    edges = [0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 2**65, 2**96, 2**126, 2**126 + 1]
    edges += [PRIME - 1, PRIME - 2**63, PRIME - 2**64, PRIME - 2**65, PRIME - 2**126]
    elements = [
        *edges,
        *(int(v) for v in rng.integers(0, 2**63, 60)),
        *(int(v) << 64 for v in rng.integers(1, 2**62, 60)),
    ]

    async def program(engine, party, x):
        fits = await engine.nonnegative(party.inner("fits"), x)
        return await engine.open(party.inner("open"), fits, to=range(engine.parties))

    for opened in taken(engine, [dealt_elements(engine, elements)], program):
        assert_array_equal(opened, [int(v < 2**64) for v in elements])


def test_bounds_up_to_the_largest():
    engine = ShamirEngine(5)
    bounds = np.asarray([0, 0, 2**62 - 1, 2**62 - 1, 2**62 - 1, 2**61])
    elements = [0, 1, 2**62 - 1, (1 - 2**62) % PRIME, 2**62, (-(2**61) - 1) % PRIME]

    async def program(engine, party, x):
        fits = await engine.nonnegative(party.inner("fits"), x, bounds=bounds)
        return await engine.open(party.inner("open"), fits, to=(0,))

    opened = taken(engine, [dealt_elements(engine, elements)], program)[0]
    assert_array_equal(opened.all(axis=0), [1, 0, 1, 1, 0, 0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_threshold_of_parties_holds_all_summands(scheme):
    parties, threshold = scheme
    engine = ShamirEngine(parties, threshold)
    holders = [piece.holders for piece in engine.pieces(4)]
    assert len(holders) == threshold + 1
    assert len({h for one in holders for h in one}) == threshold + 1
    a, b = (engine.deal(np.asarray([3, 4]), os.urandom) for _ in range(2))
    assert all(not np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["arith", "bits"])
def test_parts_tell_the_value_and_a_changed_one_is_found(scheme, kind):
    engine = ShamirEngine(*scheme)
    values = np.asarray([3, -4, 0, 7])

    async def at(party):
        x = await engine.input(party.inner("input"), owner=0, values=values if not party.index else None, shape=(4,))
        share = x if kind == "arith" else await engine.decompose(party.inner("bits"), x, width=3)
        first = await engine.hand_out(party.inner("one"), share)
        return first, await engine.hand_out(party.inner("two"), share)

    results = simulate_parties(at, parties=engine.parties).results
    spec = Spec((4,)) if kind == "arith" else Spec((4,), "bits", 3)
    parts = [first for first, _ in results]
    assert all(len(part) == engine.handed_words(spec) for part in parts)
    assert_array_equal(engine.combine(parts, spec), values if kind == "arith" else values & 7)
    assert all(not np.array_equal(first, second) for first, second in results)
    if engine.parties > engine.threshold + 1:
        wrong = [part.copy() for part in parts]
        wrong[-1][0] ^= np.uint64(1)
        with pytest.raises(CheckFailed):
            engine.combine(wrong, spec)


def test_shares_are_never_written_to():
    engine = ShamirEngine(3)

    async def at(party):
        x = await engine.input(party.inner("a"), owner=0, values=np.arange(9) if not party.index else None, shape=(9,))
        before = x.data.copy()
        await engine.multiply(party.inner("b"), x, x)
        await engine.sign(party.inner("c"), x, width=20)
        await engine.hand_out(party.inner("d"), x)
        assert isinstance(x, Numbers)
        return np.array_equal(before, x.data)

    assert all(simulate_parties(at, parties=3).results)
