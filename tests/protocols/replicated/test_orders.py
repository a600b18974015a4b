from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from mpc.errors import LocalProtocolError, ShapeError
from mpc.machine.engine import Spec
from mpc.machine.labels import Streams
from protocols.replicated import kernels, kernels_order
from protocols.replicated.hops import PIECE
from tests.support.replicated_harness import LABELS, engine, run, shared

SIZES = [0, 1, 2, 3, 500]


def order(size, label=LABELS[0], seed=1):
    ran = run("permutation", size=size, label=label, seed=seed)
    assert not sum(ran.cost.bytes_sent)
    return ran.results


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("label", LABELS)
def test_a_shuffle_moves_whole_records(size, label):
    rng = np.random.default_rng(size)
    mixed = order(size, label)
    at = run("shuffle", shared(np.arange(size), rng), mixed).value
    assert sorted(at) == list(range(size))
    for values, width in (
        (rng.integers(-(2**63), 2**63 - 1, size, endpoint=True), None),
        (rng.integers(-(2**63), 2**63 - 1, (size, 2, 3)), None),
        (rng.integers(0, 2, size), 1),
        (rng.integers(0, 2**20, (size, 3)), 20),
        (rng.integers(0, 2**64, size, np.uint64), 64),
    ):
        ran = run("shuffle", shared(values, rng, width=width), mixed)
        np.testing.assert_array_equal(ran.value, values[at])
        np.testing.assert_array_equal(run("unshuffle", ran.results, mixed).value, values)
        # the other way round it is the inverse order
        ran = run("unshuffle", shared(values, rng, width=width), mixed)
        np.testing.assert_array_equal(ran.value[at], values)


def test_what_a_shuffle_costs():
    rng = np.random.default_rng(1)
    for label in LABELS:
        mixed = order(900, label)
        for primitive in ("shuffle", "unshuffle"):
            cost = run(primitive, shared(np.arange(900), rng), mixed, label=LABELS[1]).cost
            assert cost.rounds == 2
            assert sorted(cost.bytes_sent) == [7200, 7200, 14400]
    bits = run("shuffle", shared(np.zeros(900), rng, width=1), mixed).cost
    assert sum(bits.bytes_sent) == 4 * 113


def test_more_than_one_message():
    rng = np.random.default_rng(1)
    values = rng.integers(-(2**63), 2**63 - 1, (PIECE // 2 + 5, 2))
    mixed = order(len(values))
    ran = run("shuffle", shared(values, rng), mixed)
    assert sum(ran.cost.messages) == 8
    np.testing.assert_array_equal(run("unshuffle", ran.results, mixed).value, values)


@pytest.mark.parametrize("size", SIZES)
def test_an_order_from_places(size):
    rng = np.random.default_rng(size)
    for label in LABELS:
        places = rng.permutation(size)
        ran = run("order_of", shared(places, rng), label=label, inner=True)
        x = rng.integers(-100, 100, (size, 2))
        moved = np.empty_like(x)
        moved[places] = x
        np.testing.assert_array_equal(run("shuffle", shared(x, rng), ran.results).value, moved)
        np.testing.assert_array_equal(run("unshuffle", shared(moved, rng), ran.results, label=label).value, x)
        assert ran.cost.rounds == (3 if size else 0)
        assert sum(ran.cost.bytes_sent) == 7 * 8 * size


def test_orders_compose():
    """The places under one order after another are those of both."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 1000, 60)
    first, second = order(60, LABELS[0]), order(60, LABELS[1])
    both = run("shuffle", run("shuffle", shared(x, rng), first).results, second).value
    place = run("constant", values=np.arange(60)).results
    place = run("unshuffle", run("unshuffle", place, second).results, first).results
    joined = run("order_of", place, inner=True).results
    np.testing.assert_array_equal(run("shuffle", shared(x, rng), joined).value, both)


def test_places_that_are_no_permutation():
    rng = np.random.default_rng(1)
    for places in ([0, 0], [1, 2], [-1, 0], [-1, 1]):
        with pytest.raises(LocalProtocolError):
            run("order_of", shared(places, rng), inner=True)


def test_shapes_that_do_not_fit():
    rng = np.random.default_rng(1)
    mixed = order(3)
    for x in (shared([1, 2], rng), shared(5, rng), mixed):
        for primitive in ("shuffle", "unshuffle"):
            with pytest.raises(ShapeError):
                run(primitive, x, mixed)
    with pytest.raises(ShapeError):
        run("shuffle", shared([1, 2, 3], rng), shared([1, 2, 3], rng))
    with pytest.raises(ShapeError):
        run("order_of", shared([[0, 1]], rng), inner=True)


def test_a_permutation_is_uniform():
    """All 24 orders of four rows alike often: chi-square at 23 degrees of freedom, far out in its tail."""
    engine()
    kernels.ready(groups=[kernels_order.GROUP])
    draws = 24_000
    words = np.empty((draws, 8), np.uint64)
    Streams(b"orders, uniform?").fill(words, b"label", b"order")
    found = dict.fromkeys(permutations(range(4)), 0)
    out = np.empty(4, np.uint32)
    for row in words:
        kernels_order.permuted(row, out)
        found[tuple(int(i) for i in out)] += 1
    assert sum((count - draws / 24) ** 2 / (draws / 24) for count in found.values()) < 60


def test_a_permutation_from_extreme_words():
    engine()
    kernels.ready(groups=[kernels_order.GROUP])
    for word in (0, 2**64 - 1, 2**63, 2**32 - 1):
        out = np.empty(100, np.uint32)
        kernels_order.permuted(np.full(200, word, np.uint64), out)
        assert sorted(out) == list(range(100))


def test_a_permutation_is_that_of_fisher_and_yates_by_fractions_of_128_bits():
    engine()
    kernels.ready(groups=[kernels_order.GROUP])
    words = np.empty(2000, np.uint64)
    Streams(b"orders, exactly?").fill(words, b"label", b"order")
    words[:200:2], words[1:200:2] = 2**64 - 1, 2**64 - 1  # the carry from the low word
    words[200:400:2], words[201:400:2] = 2**63, 0
    out = np.empty(1000, np.uint32)
    kernels_order.permuted(words, out)
    wanted = list(range(1000))
    for i in range(999, 0, -1):
        j = ((int(words[2 * i]) << 64 | int(words[2 * i + 1])) * (i + 1)) >> 128
        wanted[i], wanted[j] = wanted[j], wanted[i]
    assert out.tolist() == wanted


def test_what_is_uniform_up_to_a_distance_says_so():
    plan = engine().plan
    _, cost = plan("permutation", bytes(16), size=1_000_000)
    assert 0 < cost.distance < 2.0**-90
    _, one = plan("quick_sign", bytes(16), Spec((1,)), width=33)
    assert 2.0**-43 < one.distance < 2.0**-42
    _, many = plan("quick_sign", bytes(16), Spec((50_000,)), width=33)
    assert many.distance == pytest.approx(50_000 * one.distance)
    _, signs = plan("quick_signs", bytes(16), Spec((10,)), thresholds=np.arange(5).reshape(5, 1), width=33)
    assert signs.distance == pytest.approx(50 * one.distance)
    assert plan("sign", bytes(16), Spec((1,)), width=33)[1].distance == 0.0


def test_each_party_lacks_one_permutation_and_orders_differ():
    shares, others = order(200), order(200, LABELS[1])
    assert len({share.before.tobytes() for share in shares}) == 3
    assert not any(np.array_equal(a.before, b.before) for a, b in zip(shares, others, strict=True))


@pytest.mark.parametrize("width", [1, 3, 24, 64])
def test_random_bits(width):
    ran = run("random_bits", shape=(3000, 2), width=width)
    assert ran.value.shape == (3000, 2)
    share = np.bitwise_count(ran.value).mean() / width if hasattr(np, "bitwise_count") else 0.5
    assert abs(share - 0.5) < 0.03
    assert not np.array_equal(ran.value, run("random_bits", shape=(3000, 2), width=width, label=LABELS[1]).value)
    assert run("random_bits", shape=(0,), width=width).value.size == 0
