from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import CheckFailed, RangeError, ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.simulation import simulate_parties
from protocols import sorting
from protocols.replicated import keys as compared_keys
from protocols.replicated import radix, sort
from tests.support.replicated_harness import LABELS, combined, plan, run, shared


def keys(rng, width, size):
    """Random keys of that width with ties and both extremes."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    x = rng.integers(low, high, size, endpoint=True)
    x[::3] = x[:1]
    x[1:3], x[-2:] = low, high
    return x


def inner(size, width):
    return "beside" if width + max(size - 1, 1).bit_length() > 63 else True


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 17, 64, 300, 1500])
@pytest.mark.parametrize("width", [1, 2, 20, 32, 53, 61, 63])
def test_sort_order_is_a_stable_argsort(size, width):
    rng = np.random.default_rng(size + width)
    x = keys(rng, width, size)
    ran = run("sort_order", shared(x, rng), width=width, label=LABELS[width % 3], inner=inner(size, width))
    np.testing.assert_array_equal(ran.value, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("size", [6000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_sort_order_at_size(size):
    rng = np.random.default_rng(size)
    x = rng.integers(-(2**31), 2**31, size)
    ran = run("sort_order", shared(x, rng), width=32, inner=True)
    np.testing.assert_array_equal(ran.value, np.argsort(x, kind="stable"))


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32), label=st.sampled_from(LABELS))
def test_sort_order_matches_numpy(data, seed, label):
    width = data.draw(st.integers(1, 40))
    low = -(1 << (width - 1))
    x = np.array(data.draw(st.lists(st.integers(low, -low - 1), min_size=1, max_size=40)))
    rng = np.random.default_rng(seed)
    ran = run("sort_order", shared(x, rng), width=width, label=label, seed=seed % 1000, inner=True)
    np.testing.assert_array_equal(ran.value, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("size", [1, 2, 3, 9, 700])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 12, 63])
def test_sort_by_digits_is_a_stable_argsort(size, width):
    rng = np.random.default_rng(size + width)
    x = keys(rng, width, size)
    shares = shared(x, rng)
    label = LABELS[width % 3]
    network = MemoryNetwork(3)
    program = lambda party: radix.sort_by_digits(party, shares[party.index], width)  # noqa: E731
    ran = simulate_parties(program, label=label, network=network)
    np.testing.assert_array_equal(combined(ran.results), np.argsort(x, kind="stable"))
    spec, cost = radix.digits_plan(label, shares[0].spec, width)
    assert spec == ran.results[0].spec
    assert cost.bytes_sent == tuple(network.bytes_sent)
    assert cost.rounds == sum(network.rounds(one) for one in {tag[:16] for _, _, tag, _ in network.messages})
    assert sum(cost.messages) == len(network.messages)


def test_digits_or_comparisons():
    assert sort.by_digits(10**6, 1)
    assert sort.by_digits(10**4, 8)
    assert not sort.by_digits(10**6, 32)
    assert not sort.by_digits(20, 1)
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, 3000)
    ran = run("sort_order", shared(x, rng), width=2, inner=True)
    np.testing.assert_array_equal(ran.value, np.argsort(x, kind="stable"))
    assert ran.cost.rounds == 9


def opened(monkeypatch, x, width):
    """Every vector of comparisons that party 0 sees opened."""
    seen = []

    def recorded(reveal):
        async def record(party, *what):
            found = await reveal(party, *what)
            if party.index == 0:
                seen.append(found.astype(np.int64))
            return found

        return record

    with monkeypatch.context() as patched:
        for name in ("reveal", "reveal_sign"):
            patched.setattr(compared_keys, name, recorded(getattr(compared_keys, name)))
        run("sort_order", shared(x, np.random.default_rng(1)), width=width, inner=inner(x.size, width))
    return np.concatenate(seen)


@pytest.mark.parametrize("width", [20, 60])
def test_what_is_opened_tells_nothing_of_the_keys(monkeypatch, width):
    """Under the same streams, keys of one order (equal ones by their places) open the very same comparisons."""
    n = 200
    ascending = opened(monkeypatch, np.arange(n), width)
    assert 0.3 < ascending.mean() < 0.7
    for x in (np.zeros(n, np.int64), np.arange(n) // 7 - 5, np.arange(n) ** 2 - 3):
        np.testing.assert_array_equal(opened(monkeypatch, x, width), ascending)
    assert not np.array_equal(opened(monkeypatch, -np.arange(n), width), ascending)


def test_rows_that_crowd_a_gap_take_further_steps(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.integers(-1000, 1000, 400)
    shares = shared(x, rng)
    monkeypatch.setattr(sorting, "stages", lambda n: (sorting.Stage(0, 7, 20), sorting.Stage(3, n - 7, 500)))
    ran = simulate_parties(lambda party: sort.sort_order(party, shares[party.index], 12))
    np.testing.assert_array_equal(combined(ran.results), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("n", [2, 3, 7, 8, 100, 1023, 1024, 10**4, 10**5, 10**6, 10**7])
def test_the_arrangement(n):
    found = sorting.stages(n)
    assert sum(stage.rows for stage in found) == n
    sorted_rows = 0
    for stage in found:
        assert (1 << stage.levels) - 1 <= sorted_rows
        sorted_rows += stage.rows
    comparisons, count = sum(sorting.steps(n)), sum(1 for _ in sorting.steps(n))
    assert comparisons <= 1.05 * n * math.log2(n) + sorting.STEP * count
    assert count <= 220


def test_gaps_hold_as_many_pairs_as_planned():
    """The mean and the deviation of pairs in gaps, against drawn ones."""
    rng = np.random.default_rng(1)
    for levels, rows in ((6, 937), (8, 3840), (10, 900)):
        gaps = 1 << levels
        totals = []
        for _ in range(300):
            cuts = np.sort(rng.choice(rows + gaps - 1, gaps - 1, replace=False))
            counts = np.diff(np.concatenate(([-1], cuts, [rows + gaps - 1]))) - 1
            totals.append((counts * (counts - 1) // 2).sum())
        mean, deviation = np.mean(totals), np.std(totals)
        assert abs(rows * (rows - 1) / (gaps + 1) - mean) < 5 * deviation / np.sqrt(300)
        assert mean + 9 * deviation < sorting._pairs(rows, levels) < mean + 16 * deviation


def test_what_a_sort_costs():
    """Per party and row at 10^5 rows and keys of 32 bits, by the plan that every run above is held against."""
    from mpc.machine.engine import Spec

    _, cost = plan("sort_order", LABELS[0], (Spec((100_000,)),), {"width": 32})
    assert max(cost.bytes_sent) < 24e6
    assert cost.rounds < 310
    spec, cost = plan("sort_order", LABELS[0], (Spec((1_000_000,)),), {"width": 32})
    _, moved = plan("shuffle", LABELS[0], (Spec((1_000_000,)), spec), {})
    assert max(cost.then(moved).bytes_sent) < 280e6


def test_keys_that_cannot_be_sorted():
    rng = np.random.default_rng(1)
    for width in (0, 64):
        with pytest.raises(RangeError):
            run("sort_order", shared([1, 2], rng), width=width, inner=True)
    for x in (shared([[1, 2]], rng), shared(5, rng), shared([1, 0], rng, width=1)):
        with pytest.raises(ShapeError):
            run("sort_order", x, width=5, inner=True)


def test_results_that_contradict_each_other_are_no_order():
    """A party that opened something else must not make rows of what is beyond them."""
    done, gap, counts = np.asarray([0], np.uint32), np.asarray([1, 1, 0], np.uint32), np.asarray([1, 2])
    assert sorting._merged(done, gap, counts, np.asarray([1, 0, 0])).tolist() == [3, 0, 2, 1]
    with pytest.raises(CheckFailed):
        sorting._merged(done, gap, counts, np.asarray([0, 0, 0]))
