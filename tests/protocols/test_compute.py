"""A function of secrets in one call, for tests and notebooks; never a way out of a study."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from mpc import Real, Scenario, Table
from mpc.errors import BoundExceeded, LocalProtocolError, ShapeError
from mpc.values.secret import constant
from protocols.numeric import largest
from protocols.simulate import Computation, compute, dry_run, evaluate, opened
from tests.support.engines import ENGINES


@pytest.mark.parametrize("engine", ENGINES)
def test_one_call_computes_and_opens(engine):
    assert compute(largest, [3, -1, 12, 7], engine=engine) == 12
    assert compute(lambda x, y: x * y + 1, [1, 2], [3, 4], engine=engine).tolist() == [4, 9]
    assert compute(lambda x: x < 2, [1, 2], engine=engine).tolist() == [True, False]
    np.testing.assert_allclose(compute(lambda x: x / 3, [1.0, 2.0], engine=engine), [1 / 3, 2 / 3], rtol=1e-6)


def test_types_are_those_of_the_secret_and_nan_is_what_is_undefined():
    assert compute(lambda x: x, [1, 2]).dtype == np.int64
    assert compute(lambda x: x, [1.5]).dtype == np.float64
    assert compute(lambda x: x > 1, [1, 2]).dtype == np.bool_
    np.testing.assert_array_equal(compute(lambda x: x.masked(x > 1, "small"), [1, 2]), [np.nan, 2.0])
    np.testing.assert_array_equal(compute(lambda x: x.masked(x.sum() > 3, "small"), [1, 2]), [np.nan, np.nan])


def test_several_results_come_as_a_list():
    total, each = compute(lambda x: (x.sum(), x * 2), [1, 2, 3], parties=5, engine="shamir", threshold=2)
    assert (total, each.tolist()) == (6, [2, 4, 6])


def test_a_function_may_wait():
    async def settled(x):
        await x.run.settle(x.handle)
        return x

    assert compute(settled, [1, 2]).tolist() == [1, 2]


def test_it_works_where_a_loop_runs_already():
    async def notebook():
        return compute(lambda x: x + 1, [1])

    assert asyncio.run(notebook()).tolist() == [2]


def test_a_wrong_theorem_shows():
    with pytest.raises(BoundExceeded, match="the raw integer 12 is beyond the bound 5"):
        compute(lambda x: x.bounded(5), [12], engine="replicated")


def test_errors_of_the_function_come_out():
    with pytest.raises(ShapeError):
        compute(lambda x, y: x + y, [1, 2], [1, 2, 3])


def test_a_secret_of_another_run_is_refused():
    kept = []

    async def first(run):
        kept.append(constant(run, [1]))

    async def second(run):
        await opened(run, kept[0])

    evaluate(first)
    with pytest.raises(LocalProtocolError, match="not of this simulated run"):
        evaluate(second)


def test_a_scenario_cannot_open_by_it():
    class People(Table):
        income = Real(0, 1e6)

    scenario = Scenario(inputs={"people": People.rows()})

    @scenario.run
    async def run(study):
        x = study.table("people").income.mean()
        await opened(x.run, x)

    with pytest.raises(LocalProtocolError):
        dry_run(Computation(scenario, ["a", "b", "c"]))
