"""Sorting and selecting: results, costs for all rotations, and that what is opened tells nothing of the keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Spec
from mpc.machine.simulation import simulate_parties
from protocols import selecting, sorting
from protocols.shamir import keys, radix, sort
from protocols.shamir.comparison import below
from protocols.shamir.sharing import joined_words, split_words
from tests.support.shamir_harness import SCHEMES, combined, dealt, engine, label, on_floor, opened, run, shared
from tests.support.sort_keys import KINDS, some_keys

SOME = [(3, 1), (4, 1), (5, 2), (7, 3)]


def keys_of(rng, width, size):
    """Random keys of that width with ties and both extremes; capacity bounds them."""
    low = -(1 << (min(width, 63) - 1)) + (width > 62)
    high = -low - (width <= 62)
    x = rng.integers(low, high, size, endpoint=True)
    x[::3] = x[:1]
    x[1:3], x[-2:] = low, high
    return x


def rows_of(order, parties=3, threshold=None):
    """For each place the row that the order brings there."""
    rng = np.random.default_rng(1)
    x = shared(np.arange(order[0].rows), rng, parties, threshold)
    return run("shuffle", x, order, parties=parties, threshold=threshold).value


def sorts(x, width, parties=3, threshold=None, **how):
    rng = np.random.default_rng(1)
    how = {"parties": parties, "threshold": threshold, **how}
    order = run("sort_order", shared(x, rng, parties, threshold), width=width, **how)
    np.testing.assert_array_equal(rows_of(order.results, parties, threshold), np.argsort(x, kind="stable"))
    return order.cost


@pytest.mark.parametrize(("parties", "threshold"), SOME)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 17, 200])
def test_sort_order_is_a_stable_argsort(parties, threshold, size):
    rng = np.random.default_rng(size)
    for width in (1, 2, 20, 62, 63) if size < 200 else (33,):
        sorts(keys_of(rng, width, size), width, parties, threshold)


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
def test_whoever_is_first(parties, threshold):
    rng = np.random.default_rng(parties)
    for first in range(parties):
        for width in (1, 30):
            sorts(keys_of(rng, width, 9), width, parties, threshold, first=first)


@pytest.mark.parametrize("size", [5000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_sort_order_at_size(size):
    """Operations of several chunks, with gaps and further steps."""
    rng = np.random.default_rng(size)
    sorts(rng.integers(-(2**31), 2**31, size), 32)
    sorts(rng.integers(-1, 1, size), 1)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), scheme=st.sampled_from(SOME[:3]), seed=st.integers(0, 99))
def test_sort_order_matches_numpy(data, scheme, seed):
    width = data.draw(st.integers(1, 40))
    low = -(1 << (width - 1))
    x = np.array(data.draw(st.lists(st.integers(low, -low - 1), min_size=1, max_size=30)))
    sorts(x, width, *scheme, first=data.draw(st.integers(0, scheme[0] - 1)), seed=seed)


@pytest.mark.parametrize(("parties", "threshold"), SOME)
@pytest.mark.parametrize("width", [1, 2, 3, 7, 63])
def test_both_ways_to_sort(parties, threshold, width):
    """Also where the other one is cheaper."""
    scheme = engine(parties, threshold).scheme
    for size in (2, 70) if width < 7 else (9,) if parties < 7 or width == 7 else ():
        x = keys_of(np.random.default_rng(size + width), width, size)
        shares = shared(x, np.random.default_rng(1), parties, threshold)
        for sorted_by, plan in (
            (radix.sort_by_digits, radix.digits_plan),
            (sort.sort_by_comparisons, sort.comparisons_plan),
        ):
            network, under = MemoryNetwork(parties), label(1, parties)
            program = lambda party, by=sorted_by, x=shares: by(party, scheme, x[party.index], width)  # noqa: E731
            done = simulate_parties(program, parties=parties, label=under, network=network)
            found = rows_of(done.results, parties, threshold)
            np.testing.assert_array_equal(found, np.argsort(x, kind="stable"))
            spec, cost = plan(scheme, under, shares[0].spec, width)
            assert all(order.spec == spec for order in done.results)
            assert cost.bytes_sent == tuple(network.bytes_sent)
            assert cost.rounds == sum(network.rounds(one) for one in {tag[:16] for _, _, tag, _ in network.messages})
            assert sum(cost.messages) == len(network.messages)


def test_digits_or_comparisons():
    for parties in (3, 5, 7):
        scheme = engine(parties).scheme
        assert sort.by_digits(scheme, 10**5, 1)
        assert sort.by_digits(scheme, 10**4, 2)
        assert not sort.by_digits(scheme, 10**5, 32)
    assert sort.by_digits(engine().scheme, 10**5, 4)


@given(width=st.integers(1, 100), data=st.data(), scheme=st.sampled_from(SOME))
def test_words_that_are_less(width, data, scheme):
    top = (1 << width) - 1
    word = st.one_of(st.sampled_from([0, 1 & top, top - 1 if top > 1 else 0, top]), st.integers(0, top))
    pairs = data.draw(st.lists(st.tuples(word, word), min_size=1, max_size=70))
    machine = engine(*scheme)
    sides = []
    for values in zip(*pairs, strict=True):
        low = split_words(np.asarray([v & (2**64 - 1) for v in values], np.uint64), min(width, 64))
        high = split_words(np.asarray([v >> 64 for v in values], np.uint64), max(width - 64, 0))
        secret = np.zeros((machine.scheme.degree, width, low.shape[1]), np.uint64)
        secret[0] = np.concatenate((low, high))
        sides.append(dealt(machine.scheme, secret, np.random.default_rng(width), bits=True))

    async def program(f):
        return await below(f, sides[0][f.me], sides[1][f.me], len(pairs), width=width)

    results, _ = on_floor(program, *scheme)
    found = opened(machine.scheme, results, bits=True)[0]
    np.testing.assert_array_equal(joined_words(found, len(pairs)), [a < b for a, b in pairs])


# ---- ranks
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ranks", [(0,), (5999,), (2999, 3000), (10, 5990), tuple(range(40))])
def test_rows_of_ranks(kind, ranks):
    rng = np.random.default_rng(len(ranks))
    n = 6000
    x = some_keys(kind, n, rng)
    assert selecting.selection(n, ranks) is not None
    order = run("rank_order", shared(x, rng), ranks=ranks, width=62 if kind == "wide" else 20, beside=True)
    rows = rows_of(order.results)
    np.testing.assert_array_equal(rows[: len(ranks)], np.argsort(x, kind="stable")[list(ranks)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(n))


@pytest.mark.parametrize(("parties", "threshold"), SOME[2:])
def test_rows_of_a_rank_at_more_parties(parties, threshold):
    rng = np.random.default_rng(parties)
    for n, ranks in ((1, (0,)), (2, (1,)), (40, (3, 20)), (4000, (2500,))):
        assert (selecting.selection(n, ranks) is None) == (n < 1000)
        x = rng.integers(-50, 50, n)
        how = {"parties": parties, "threshold": threshold}
        order = run("rank_order", shared(x, rng, parties, threshold), ranks=ranks, width=9, beside=True, **how)
        rows = rows_of(order.results, parties, threshold)
        np.testing.assert_array_equal(rows[: len(ranks)], np.argsort(x, kind="stable")[list(ranks)])


# ---- what is opened
def opened_bits(monkeypatch, primitive, x, width, parties, **parameters):
    """Every vector of comparisons that party 0 sees opened."""
    seen = []
    less = keys.SortKeys.less

    async def noted(self, party, a, b):
        found = await less(self, party, a, b)
        if party.index == 0:
            seen.append(found)
        return found

    shares = shared(x, np.random.default_rng(1), parties)
    with monkeypatch.context() as patched:
        patched.setattr(keys.SortKeys, "less", noted)
        run(primitive, shares, width=width, parties=parties, beside=True, **parameters)
    return np.concatenate(seen)


@pytest.mark.parametrize(
    ("primitive", "n", "parameters"), [("sort_order", 200, {}), ("rank_order", 4000, {"ranks": (2500,)})]
)
@pytest.mark.parametrize("parties", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_what_is_opened_tells_nothing_of_the_keys(monkeypatch, primitive, n, parameters, parties):
    """Under the same streams, keys of one order (equal ones by their places) open the very same comparisons."""
    if primitive == "rank_order":
        assert selecting.selection(n, parameters["ranks"]) is not None

    def found(x):
        return opened_bits(monkeypatch, primitive, x, 30, parties, **parameters)

    ascending = found(np.arange(n))
    assert 0.2 < ascending.mean() < 0.8
    for x in (np.zeros(n, np.int64), np.arange(n) // 7 - 5, np.arange(n) ** 2 - 3):
        np.testing.assert_array_equal(found(x), ascending)
    assert not np.array_equal(found(-np.arange(n)), ascending)


def test_rows_that_crowd_a_gap_take_further_steps(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.integers(-1000, 1000, 400)
    shares = shared(x, rng)
    monkeypatch.setattr(sorting, "stages", lambda n: (sorting.Stage(0, 7, 20), sorting.Stage(3, n - 7, 500)))
    scheme = engine().scheme
    done = simulate_parties(lambda party: sort.sort_by_comparisons(party, scheme, shares[party.index], 12))
    np.testing.assert_array_equal(rows_of(done.results), np.argsort(x, kind="stable"))


# ---- what is refused, and costs
def test_keys_that_cannot_be_sorted():
    rng = np.random.default_rng(1)
    for width in (0, 65):
        with pytest.raises(RangeError):
            run("sort_order", shared([1, 2], rng), width=width)
        with pytest.raises(RangeError):
            run("rank_order", shared([1, 2], rng), width=width, ranks=(0,))
    for x in (shared([[1, 2]], rng), shared(5, rng), shared([1, 0], rng, width=1)):
        with pytest.raises(ShapeError):
            run("sort_order", x, width=5)
        with pytest.raises(ShapeError):
            run("order_of", x)
    for ranks in ((), (3,), (-1,), (1, 0), (1, 1)):
        with pytest.raises(RangeError, match="ranks"):
            run("rank_order", shared([5, 3, 1], rng), ranks=ranks, width=8)


def test_what_a_sort_costs():
    """A party on average and row, and rounds; those of a network were 4,010 bytes and 1,365 rounds for the first."""
    for parties, rows, width, rounds, each in (
        (3, 10**4, 32, 200, 760),
        (5, 10**4, 32, 200, 2300),
        (7, 10**4, 32, 210, 3500),
    ):
        _, cost = engine(parties).plan("sort_order", bytes(16), Spec((rows,)), width=width)
        assert cost.rounds < rounds
        assert sum(cost.bytes_sent) < each * rows * parties


def test_the_results_are_the_same_at_all_parties():
    x = np.random.default_rng(1).integers(-9, 9, 60)
    order = run("sort_order", shared(x, np.random.default_rng(1)), width=20).results
    for one in order[1:]:
        np.testing.assert_array_equal(one.public, order[0].public)
    assert combined(
        engine().scheme, run("shuffle", shared(x, np.random.default_rng(1)), order).results
    ).tolist() == sorted(x)
