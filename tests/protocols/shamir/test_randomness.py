"""Random numbers and bits: uniform, and uniform still for any t parties that know what they dealt."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from protocols.shamir.prime import PRIME
from protocols.shamir.randomness import WIDTH, random_numbers, random_planes
from tests.support.shamir_harness import SCHEMES, engine, integers_of, on_floor, opened, run

N = 2000
SMALL_SCHEMES = [(3, 1), (5, 2), (5, 1)]


def numbers(parties, threshold, fixed, seed=1):
    """Random numbers where the parties `fixed` draw nothing but the largest number."""

    async def program(f):
        if f.me in fixed:
            f.drawn = lambda size, bits: np.full((size, 2), ((1 << bits) - 1, 0), np.uint64)
        return await random_numbers(f, N)

    results, _ = on_floor(program, parties, threshold, seed=seed)
    values = integers_of(opened(engine(parties, threshold).scheme, results))
    return np.asarray([v - PRIME if v > PRIME // 2 else v for v in values], object)


def is_uniform(values):
    """Within +-2^61, each of 20 classes of equal width met as often as the others: 6.5 standard deviations."""
    assert values.min() >= -(1 << (WIDTH - 1))
    assert values.max() < 1 << (WIDTH - 1)
    classes = np.asarray([int(v + (1 << (WIDTH - 1))) * 20 >> WIDTH for v in values])
    counts = np.bincount(classes, minlength=20)
    return np.abs(counts - N / 20).max() < 6.5 * np.sqrt(N / 20)


@pytest.mark.parametrize(("parties", "threshold"), SMALL_SCHEMES)
def test_random_numbers_are_uniform_for_any_coalition(parties, threshold):
    dealers = range(threshold + 1)  # of the committee that begins with party 0
    for fixed in combinations(dealers, threshold):
        assert is_uniform(numbers(parties, threshold, fixed))


def test_the_sum_of_what_is_dealt_would_not_be(monkeypatch):
    """What the carries are for: without them, a party knows where the number lies."""
    from protocols.shamir import randomness

    async def no_carry(f, x, width, size):
        return np.zeros((width * size, 2), np.uint64)

    monkeypatch.setattr(randomness, "to_numbers", no_carry)
    values = numbers(3, 1, (0,))
    assert values.min() >= (1 << (WIDTH - 1)) - 1


@pytest.mark.parametrize(("parties", "threshold"), SMALL_SCHEMES)
def test_random_bits_are_uniform_for_any_coalition(parties, threshold):
    for fixed in combinations(range(threshold + 1), threshold):

        async def program(f, fixed=fixed):
            if f.me in fixed:
                f.drawn_planes = lambda width, size: np.full((width, -(-size // 64)), 2**64 - 1, np.uint64)
            return await random_planes(f, 6400, width=3)

        results, _ = on_floor(program, parties, threshold)
        value = opened(engine(parties, threshold).scheme, results, bits=True)
        assert not value[1:].any()
        ones = np.bitwise_count(value[0]).sum(axis=1)
        assert np.abs(ones - 3200.0).max() < 6.5 * 40


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
@pytest.mark.parametrize("size", [0, 1, 65])
def test_through_the_engine(parties, threshold, size):
    found = run("random", shape=(size,), parties=parties, threshold=threshold).value
    assert len(set(found.tolist())) == size
    words = run("random_bits", shape=(size,), width=40, parties=parties, threshold=threshold).value
    assert len(set(words.tolist())) == size


def test_an_order_that_one_party_cannot_guess():
    """A party whose keys ascend with the rows: their order is not what it is then."""
    parties, rows = 3, 64

    async def program(f):
        if f.me == 0:
            ascending = np.zeros((rows, 2), np.uint64)
            ascending[:, 0] = np.arange(rows, dtype=np.uint64) << np.uint64(WIDTH - 6)
            f.drawn = lambda size, bits: ascending
        return await random_numbers(f, rows)

    results, _ = on_floor(program, parties)
    values = integers_of(opened(engine(parties).scheme, results))
    signed = [v - PRIME if v > PRIME // 2 else v for v in values]
    # The rank correlation of independent rows has a standard deviation of 1/8.
    ranks = np.argsort(np.argsort(np.asarray(signed, np.float64)))
    assert abs(np.corrcoef(ranks, np.arange(rows))[0, 1]) < 0.6
