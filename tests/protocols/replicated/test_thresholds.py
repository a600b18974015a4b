"""Comparisons with several public thresholds: results, shapes, and what is sent once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from tests.support.marks import WIDTHS, thinned
from tests.support.replicated_harness import LABELS, plan, run, shared, values

BOTH = ["signs", "quick_signs"]


@pytest.mark.parametrize("primitive", BOTH)
@pytest.mark.parametrize("width", thinned(range(3, 65), WIDTHS))
def test_at_every_width(primitive, width):
    rng = np.random.default_rng(width)
    x = values(rng, width - 1, None)
    thresholds = values(rng, width - 1, None)[:7].reshape(-1, 1)
    ran = run(primitive, shared(x, rng), thresholds=thresholds, width=width, label=LABELS[width % 3], seed=width)
    np.testing.assert_array_equal(ran.value, x < thresholds)


@pytest.mark.parametrize("primitive", BOTH)
@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((), (3,)),
        ((), (0,)),
        ((0,), (3, 1)),
        ((9000,), (2, 1)),
        ((9000,), (2, 9000)),
        ((3,), (9000, 3)),
        ((3,), (9000, 1)),
        ((), (40_000,)),
        ((20_000,), (5, 1)),
        ((4, 5), (3, 1, 5)),
        ((4, 5), (3, 4, 1)),
        ((4, 5), (1, 1, 1)),
    ],
)
def test_at_every_shape(primitive, shape, given):
    rng = np.random.default_rng(len(given))
    x = rng.integers(-(2**20), 2**20, shape)
    thresholds = rng.integers(-(2**20), 2**20, given)
    ran = run(primitive, shared(x, rng), thresholds=thresholds, width=22)
    assert ran.value.shape == (given[0], *shape)
    np.testing.assert_array_equal(ran.value, x < thresholds)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), width=st.integers(3, 63), label=st.sampled_from(LABELS), primitive=st.sampled_from(BOTH))
def test_any_values(data, width, label, primitive):
    limit = (1 << (width - 2)) - 1
    numbers = st.lists(st.integers(-limit, limit), min_size=1, max_size=6)
    x, thresholds = np.array(data.draw(numbers)), np.array(data.draw(numbers)).reshape(-1, 1)
    rng = np.random.default_rng(width)
    ran = run(primitive, shared(x, rng), thresholds=thresholds, width=width, label=label)
    np.testing.assert_array_equal(ran.value, x < thresholds)


@pytest.mark.parametrize(("primitive", "single"), [("signs", "sign"), ("quick_signs", "quick_sign")])
def test_one_message_serves_all_thresholds(primitive, single):
    """Every further threshold saves what D sends first: the bits of A."""
    rng = np.random.default_rng(1)
    x = shared(np.arange(600), rng)
    alone = run(single, x, width=33).cost
    for k in (1, 4, 12):
        ran = run(primitive, x, width=33, thresholds=np.arange(k).reshape(k, 1))
        assert ran.cost.rounds == alone.rounds
        first = 600 * (16 if primitive == "signs" else 32)
        apart = sum(alone.bytes_sent) * k - sum(ran.cost.bytes_sent)
        assert abs(apart - first * (k - 1)) < 20 * k
        assert ran.cost.messages == alone.messages


def test_large_operations_rotate_their_roles():
    for primitive in BOTH:
        for shape, k in (((100_000,), 4), ((), 300_000), ((50,), 20_000)):
            x = shared(np.zeros(shape, np.int64), np.random.default_rng(1))[0].spec
            thresholds = np.zeros((k, *[1] * len(shape)), np.int64)
            _, cost = plan(primitive, LABELS[0], (x,), {"thresholds": thresholds, "width": 40})
            assert max(cost.bytes_sent) < 1.05 * min(cost.bytes_sent)


def test_what_cannot_be_compared():
    rng = np.random.default_rng(1)
    x = shared([1, 2, 3], rng)
    for primitive in BOTH:
        for shape in ((), (2,), (2, 2), (2, 3, 1)):
            with pytest.raises(ShapeError):
                run(primitive, x, thresholds=np.zeros(shape, np.int64), width=8)
        for width in (1, 65):
            with pytest.raises(RangeError):
                run(primitive, x, thresholds=np.zeros((2, 1), np.int64), width=width)
        with pytest.raises(ShapeError):
            run(primitive, shared([1, 0, 1], rng, width=1), thresholds=np.zeros((2, 1), np.int64), width=8)
