"""Equality of whole rows: exact where the columns fit one number, else by a hash; one test a row."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import ShapeError
from protocols.simulate import evaluate
from tests.support.engines import ENGINES
from tests.support.value_floor import compute, opened, secret


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("limit", [1, 3, 2**20, 2**40])
@pytest.mark.parametrize("shape", [(40, 3), (7, 1), (2, 3, 4), (2,), (0, 2)])
def test_rows_against_rows(engine, limit, shape):
    rng = np.random.default_rng(limit)
    x = rng.integers(-limit, limit + 1, shape)
    y = np.where(rng.random(shape) < 0.7, x, rng.integers(-limit, limit + 1, shape))
    expected = (x == y).all(axis=-1)
    np.testing.assert_array_equal(compute(lambda a, b: a.same_rows(b), x, y, engine=engine), expected)
    np.testing.assert_array_equal(compute(lambda a: a.same_rows(y), x, engine=engine), expected)


def test_edges_of_what_fits_one_number():
    """Digits of opposite signs must not cancel each other."""
    for limit in (1, 7, 2**14):
        rows = np.stack(np.meshgrid(*[[-limit, -limit + 1, -1, 0, 1, limit]] * 3), axis=-1).reshape(-1, 3)
        found = compute(lambda a: a.same_rows(0), rows, engine="replicated")
        np.testing.assert_array_equal(found, (rows == 0).all(axis=1))


def test_primitives_masks_and_cohorts():
    async def script(run):
        narrow, wide = secret(run, np.eye(3, dtype=int)), secret(run, np.eye(3, dtype=int) * 2**40)
        seen = []
        schedule = run.schedule

        def noted(primitive, *operands, **rest):
            seen.append(primitive)
            return schedule(primitive, *operands, **rest)

        run.schedule = noted
        narrow.same_rows(0)
        wide.same_rows(0)
        run.schedule = schedule
        assert "equal" in seen
        assert seen[-1] == "rows_zero"
        known = narrow.masked(secret(run, np.asarray([1, 1, 0])) > 0, "unknown").about(secret(run, np.asarray(7)))
        same = known.T.same_rows(np.asarray([0, 1, 0]))
        assert len(same.basis.cohorts) == 1
        return await opened(run, same), await opened(run, known.same_rows(np.asarray([0, 1, 0])))

    found, columns = evaluate(script)[0]
    np.testing.assert_array_equal(found, [0, 1, np.nan])
    np.testing.assert_array_equal(columns, [np.nan, np.nan, np.nan])


def test_rows_of_nothing():
    with pytest.raises(ShapeError):
        compute(lambda a: a.same_rows(0), np.zeros((3, 0), np.int64))
    with pytest.raises(ShapeError):
        compute(lambda a: a.same_rows(0), np.asarray(1))
