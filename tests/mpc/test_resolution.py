"""Rows that were rounded when they were shared are not asked whether they are equal."""

from __future__ import annotations

import numpy as np
import pytest

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import RangeError
from protocols import order
from protocols.simulate import Computation, dry_run, simulate
from tests.support.engines import ENGINES
from tests.support.tables import releases, split, table

NUMBERS = np.random.default_rng(8).integers(10**9, 10**10, 60).astype(np.float64)
ROUNDED = r"rounded when they were shared.*Integer\(low, high\)"


def rows_of(function, high=1e10, x=NUMBERS):
    """`function(rows)` of shared rows, released as it is."""
    frames = split(table(x=x, f=np.arange(len(x)) % 2))
    return releases(lambda t: {"out": function(t.share(rows=60))}, {"x": (0, high), "f": Flag()}, frames)["out"]


@pytest.mark.parametrize(
    "asks",
    [
        lambda r: (r["x"] == NUMBERS[0]).sum(),
        lambda r: (r["x"] != r["x"][::-1]).sum(),
        lambda r: (r["x"].reshape(-1, 1) == r["x"][:5].reshape(1, -1)).any(1).sum(),
        lambda r: r["x"].reshape(-1, 1).same_rows(r["x"][::-1].reshape(-1, 1)).sum(),
        lambda r: ((r["x"] * 2)[1:] == r["x"][:-1]).sum(),
        lambda r: (order.order_by(r["f"]).apply(r["x"]) == 5.0).sum(),
        lambda r: (r["f"] / 3 == 1 / 3).sum(),
    ],
)
@pytest.mark.parametrize("high", [1e10, 100])
def test_equality_of_rounded_rows_is_refused(asks, high):
    """Whatever the range: what the data's own resolution is, nobody has said."""
    with pytest.raises(RangeError, match=ROUNDED):
        rows_of(asks, high, NUMBERS * (high / 1e10))


@pytest.mark.parametrize(
    "asks",
    [
        lambda r: r["x"].sort()[30],
        lambda r: order.order_by(r["x"]).apply(r["f"]).sum(),
        lambda r: order.order_by(r["f"], r["x"]).apply(r["f"]).sum(),
        lambda r: order.sort_by([r["f"]], r["x"])[0].sum(),
        lambda r: order.top_k(r["x"], 5).sum(),
        lambda r: order.ranked(r["x"], [3]).sum(),
    ],
)
def test_orders_are_refused_where_whole_numbers_are_not_told_apart(asks):
    with pytest.raises(RangeError, match=ROUNDED):
        rows_of(asks)


@pytest.mark.parametrize(
    "asks",
    [
        lambda r: (r["x"][1:] <= r["x"][:-1]).sum(),
        lambda r: (r["x"] > r["x"][::-1]).sum(),
        lambda r: (abs(r["x"].reshape(-1, 1) - r["x"][:5].reshape(1, -1)) < 0.5).sum(),
        lambda r: (r["x"] >= 1e9 + 1).sum(),
        lambda r: ((r["x"] >= NUMBERS[0]) & (r["x"] <= NUMBERS[0])).sum(),
    ],
)
def test_comparisons_of_what_rounding_has_left_nothing_of_are_refused(asks):
    with pytest.raises(RangeError, match=ROUNDED):
        rows_of(asks)


def test_what_rounding_does_not_spoil():
    """Medians to a unit of the resolution; orders of measurements; how near numbers are; flags."""
    assert rows_of(lambda r: r["x"].median()) == pytest.approx(np.median(NUMBERS), abs=2.0**-28 * 1e10)
    ages = np.random.default_rng(9).integers(0, 100, 60).astype(np.float64)
    assert rows_of(lambda r: r["x"].sort()[10:50].sum(), 100, ages) == pytest.approx(np.sort(ages)[10:50].sum())
    assert rows_of(lambda r: (abs(r["x"] - 50.0) < 20.5).sum(), 100, ages) == (abs(ages - 50) < 20.5).sum()
    assert rows_of(lambda r: (r["f"] == 1).sum(), 100, ages) == 30
    assert rows_of(lambda r: (r["x"] < 5e9 // 64 * 64).sum()) == (NUMBERS < 5e9).sum()
    assert rows_of(lambda r: (r["x"] < r["x"].mean()).sum()) == np.sum(NUMBERS.mean() > NUMBERS)


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers_declared_as_such_are_exact(engine):
    """Two registers with nobody in common, and numbers of 10 and 18 digits that differ by one or two."""

    class Person(Table):
        number = Integer(0, 10**18)
        here = Flag()

    scenario = Scenario(inputs={"people": Person.rows()}, parameters={"minimum_cohort": 1})
    counted = "how many, over all pairs"

    @scenario.run
    async def script(study):
        number = study.table("people").share(rows=8)["number"]
        first, second = number[:8].reshape(-1, 1), number[8:16].reshape(1, -1)
        study.release("equal", (first == second).sum(), unprotected=counted)
        pairs = [first.broadcast_to((8, 8)).reshape(-1, 1), second.broadcast_to((8, 8)).reshape(-1, 1)]
        study.release("same", pairs[0].same_rows(pairs[1]).sum(), unprotected=counted)
        study.release("last", number.sort(descending=True)[0], unprotected="the largest")
        study.release("near", (number == 10**18).sum(), unprotected=counted)

    numbers = [10**18 - 2 * k for k in range(8)], [10**18 - 1 - 2 * k for k in range(6)] + [10**9, 10**18 - 4], [7]
    tables = {
        name: {"people": {"number": own, "here": [True] * len(own)}}
        for name, own in zip(("county", "north", "st-mary"), numbers, strict=True)
    }
    found = simulate(scenario, tables, engine=engine).releases
    assert found == {"equal": 1, "same": 1, "last": 10**18, "near": 1}


def test_a_dry_run_tells_the_resolution_of_what_is_shared():
    class People(Table):
        number = Real(0, 1e10)
        age = Real(0, 100)
        ill = Flag()

    scenario = Scenario(inputs={"people": People.rows()})

    @scenario.run
    async def script(study):
        study.release("median", study.table("people").share(rows=20)["age"].median(), minimum=1)

    shared = dry_run(Computation(scenario, ["a", "b", "c"])).shared
    assert shared["people", "number"] == 64.0
    assert shared["people", "age"] == 2.0**-21
    assert shared["people", "ill"] == 0
