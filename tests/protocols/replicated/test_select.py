"""Rows of given ranks: results, costs, and that nothing is opened but what a random order shows."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import RangeError, ShapeError
from mpc.machine.engine import Spec
from mpc.machine.simulation import simulate_parties
from protocols import selecting, sorting
from protocols.replicated import keys, select
from tests.support.replicated_harness import LABELS, chained, engine, plan, run, shared
from tests.support.sort_keys import KINDS, some_keys

RANKS = [(0,), (19_999,), (9999, 10_000), (0, 1, 2, 3), (10, 10_000, 19_990), (5000, 15_000), tuple(range(100, 140))]


def held(x, rows, ranks):
    """The first rows are those of the ranks, and every row is there once."""
    order = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(rows[: len(ranks)], order[list(ranks)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(x)))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_ranks(ranks, kind):
    rng = np.random.default_rng(len(ranks))
    n = 20_000
    x = some_keys(kind, n, rng)
    width = 63 if kind == "wide" else 20
    assert selecting.selection(n, ranks) is not None
    ran = run("rank_order", shared(x, rng), ranks=ranks, width=width, inner="beside", label=LABELS[len(ranks) % 3])
    held(x, chained(ran.results), ranks)


@pytest.mark.parametrize(("n", "ranks"), [(1, (0,)), (2, (1,)), (500, (250,)), (2000, tuple(range(900)))])
def test_where_a_sort_is_cheaper(n, ranks):
    assert selecting.selection(n, ranks) is None
    rng = np.random.default_rng(n)
    x = rng.integers(-50, 50, n)
    ran = run("rank_order", shared(x, rng), ranks=ranks, width=20, inner="beside")
    held(x, chained(ran.results), ranks)


@pytest.mark.parametrize("broken", ["rank", "rows", "level", "empty"])
def test_what_is_not_as_expected_costs_more_and_stays_right(monkeypatch, broken):
    n, ranks = 10_000, (5000,)
    good = selecting.selection(n, ranks)
    one = good.intervals[0]
    wrong = {
        "rank": lambda: selecting._selection(n, (40,), good.sample),
        "rows": lambda: good._replace(intervals=(one._replace(rows=50, arranged=sorting.stages(50)),)),
        "level": lambda: good._replace(levels=(good.levels[0] // 3, 40)),
        "empty": lambda: good._replace(pivots=(10, 11), intervals=(one._replace(low=10, high=11),)),
    }[broken]()
    monkeypatch.setattr(select, "selection", lambda n, ranks: wrong)
    rng = np.random.default_rng(1)
    x = rng.integers(-1000, 1000, n)
    shares = shared(x, rng)
    ran = simulate_parties(lambda party: select.rank_order(party, shares[party.index], ranks, 20))
    held(x, chained(ran.results), ranks)


def opened(monkeypatch, x, width, ranks):
    """Every vector of comparisons that party 0 sees opened."""
    seen = []
    less = keys.SortKeys.less

    async def record(self, party, a, b):
        found = await less(self, party, a, b)
        if party.index == 0:
            seen.append(found.copy())
        return found

    shares = shared(x, np.random.default_rng(1))
    with monkeypatch.context() as patched:
        patched.setattr(keys.SortKeys, "less", record)
        simulate_parties(lambda party: select.rank_order(party, shares[party.index], ranks, width), label=LABELS[0])
    return np.concatenate(seen)


@pytest.mark.parametrize("width", [28, 60])
def test_what_is_opened_tells_nothing_of_the_keys(monkeypatch, width):
    n, ranks = 10_000, (7000,)
    assert selecting.selection(n, ranks) is not None
    ascending = opened(monkeypatch, np.arange(n), width, ranks)
    for x in (np.zeros(n, np.int64), np.arange(n) // 7 - 5, np.arange(n) ** 2 - 3):
        np.testing.assert_array_equal(opened(monkeypatch, x, width, ranks), ascending)
    assert not np.array_equal(opened(monkeypatch, -np.arange(n), width, ranks), ascending)


@pytest.mark.parametrize(("n", "ranks"), [(10**5, (49_999, 50_000)), (10**6, (499_999,)), (10**5, (25_000, 75_000))])
def test_rows_fall_where_they_are_planned_to(n, ranks):
    """Drawn orders: in none does a rank leave its interval, or an interval or a level its plan."""
    found = selecting.selection(n, ranks)
    rng = np.random.default_rng(1)
    for _ in range(200):
        sample = np.sort(rng.choice(n, found.sample, replace=False))
        for one in found.intervals:
            low = sample[one.low] if one.low >= 0 else -1
            high = sample[one.high] if one.high < found.sample else n
            assert all(low < rank < high for rank in ranks[one.first : one.last])
            assert high - low - 1 <= one.rows
        ends = np.concatenate(([-1], sample[list(found.pivots)], [n]))
        counts = np.diff(ends) - np.diff((-1, *found.pivots, found.sample))  # without the sample's own
        depth = {0: 0}
        for number, node in enumerate(found.nodes):
            depth.update({child: depth[number] + 1 for child in node[1:] if child >= 0})
        spans = {0: (0, len(counts))}
        for number, node in enumerate(found.nodes):
            start, stop = spans[number]
            spans.update({node.below: (start, node.pivot + 1), node.above: (node.pivot + 1, stop)})
        for level, planned in enumerate(found.levels):
            total = sum(counts[slice(*spans[number])].sum() for number, at in depth.items() if at == level)
            assert total <= planned


def test_what_selecting_costs():
    _, cost = plan("rank_order", LABELS[0], (Spec((100_000,)),), {"width": 32, "ranks": (49_999, 50_000)})
    _, whole = plan("sort_order", LABELS[0], (Spec((100_000,)),), {"width": 32})
    assert 3 * max(cost.bytes_sent) < max(whole.bytes_sent)
    assert cost.rounds < whole.rounds


def test_ranks_that_are_not_there():
    engine()
    x = shared([5, 3, 1], np.random.default_rng(1))
    for ranks in ((), (3,), (-1,), (1, 0), (1, 1)):
        with pytest.raises(RangeError):
            run("rank_order", x, ranks=ranks, width=8, inner=True)
    with pytest.raises(RangeError):
        run("rank_order", x, ranks=(0,), width=64, inner=True)
    with pytest.raises(ShapeError):
        run("rank_order", shared([[5, 3]], np.random.default_rng(1)), ranks=(0,), width=8, inner=True)
