"""Comparisons of secrets with several public numbers at once: one operation, whatever the axes are."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from mpc.errors import RangeError, ShapeError
from mpc.values.thresholds import spread
from protocols.simulate import evaluate
from tests.support.engines import ENGINES_SLOW
from tests.support.value_floor import compute, opened, secret

SHAPES = [
    ((), (4,)),
    ((), (2, 3)),
    ((5,), (3, 1)),
    ((1, 5), (3, 1)),
    ((5, 1), (3,)),
    ((5, 1), (1, 3)),
    ((5, 1, 2), (3, 2)),
    ((2, 3), (4, 1, 3)),
    ((1, 4, 1), (2, 1, 3)),
    ((1,), (3, 2)),
]


@pytest.mark.parametrize(("shape", "given"), SHAPES)
def test_axes_that_are_repeated(shape, given):
    x, y = np.arange(np.prod(shape, dtype=int)).reshape(shape), np.arange(np.prod(given, dtype=int)).reshape(given)
    apart = spread(shape, y)
    assert apart is not None
    assert len(apart.kept) + 1 == apart.thresholds.ndim
    assert np.prod(apart.kept) == x.size
    np.testing.assert_array_equal(apart.back(x.reshape(apart.kept)[None] < apart.thresholds), x < y)


@pytest.mark.parametrize(("shape", "given"), [((3,), ()), ((3,), (3,)), ((3,), (1, 3)), ((2, 3), (2, 1)), ((), (0,))])
def test_nothing_is_repeated(shape, given):
    assert spread(shape, np.zeros(given, np.int64)) is None


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError):
        spread((3,), np.zeros(2, np.int64))


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge"])
@pytest.mark.parametrize(("shape", "given"), SHAPES)
def test_operators(engine, name, shape, given):
    compare = getattr(operator, name)
    rng = np.random.default_rng(len(shape))
    for x, y in (
        (rng.integers(-3, 4, shape), rng.integers(-3, 4, given)),
        (rng.integers(-3, 4, shape), rng.integers(-6, 7, given) / 2),
        (rng.integers(-9, 9, shape) / 4, rng.integers(-9, 9, given) / 4),
    ):
        np.testing.assert_array_equal(compute(lambda s, y=y: compare(s, y), x, engine=engine), compare(x, y))
        np.testing.assert_array_equal(compute(lambda s, y=y: compare(y, s), x, engine=engine), compare(y, x))


def test_it_is_one_comparison_that_shares_its_first_message():
    async def script(run):
        x = secret(run, np.arange(300), bound=2**20)
        before = run.cost
        for _ in range(4):
            x < 7  # noqa: B015
        alone = run.cost
        bits = x.reshape(300, 1) < np.asarray([7, 8, 9, 250])
        together = run.cost
        assert sum(together.bytes_sent) - sum(alone.bytes_sent) < 0.6 * (sum(alone.bytes_sent) - sum(before.bytes_sent))
        return await opened(run, bits)

    found = evaluate(script, engine="replicated")[0]
    np.testing.assert_array_equal(found, np.arange(300).reshape(300, 1) < np.asarray([7, 8, 9, 250]))


def test_masks_and_cohorts_are_repeated():
    async def script(run):
        x = secret(run, np.arange(4))
        known = x.masked(x < 3, "too large").about(x + 1)
        bits = known.reshape(4, 1) < np.asarray([1.0, 2.0])
        assert [c.shape for c in bits.basis.cohorts] == [(4, 2)]
        return await opened(run, bits), (await opened(run, bits.basis.cohorts[0].counts().total))[0]

    bits, cohort = evaluate(script)[0]
    np.testing.assert_array_equal(bits, [[1, 1], [0, 1], [0, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(cohort, np.repeat(np.arange(1, 5), 2).reshape(4, 2))


def test_raw_thresholds():
    top = 2**62 - 1
    x = np.asarray([0, 5, -top, top])

    def within(s):
        return s.below_each(np.asarray([[-top], [1 - top], [top], [5]]))

    np.testing.assert_array_equal(compute(within, x, engine="replicated"), x < [[-top], [1 - top], [top], [5]])
    with pytest.raises(RangeError):
        compute(lambda s: s.below_each(np.asarray([[-(2**63)]])), x)
