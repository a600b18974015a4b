"""Shared rows of two selections, row by row, are different people: refused at the line, whatever the operation."""

import numpy as np
import pandas as pd
import pytest

from mpc import Flag, Real, Scenario, Table, concatenate, maximum, stack, where
from mpc.errors import ShapeError
from protocols.order import order_by, random_order
from protocols.simulate import simulate


class People(Table):
    bmi = Real(10, 50)
    age = Real(0, 120)
    f = Flag()


class Visits(Table):
    cost = Real(0, 120)


def tables():
    chance = np.random.default_rng(2)
    return {
        f"o{i}": {
            "p": pd.DataFrame(
                {"bmi": chance.uniform(15, 40, 30), "age": chance.uniform(10, 90, 30), "f": chance.random(30) < 0.5}
            ),
            "v": pd.DataFrame({"cost": chance.uniform(0, 120, 30)}),
        }
        for i in range(3)
    }


def run(script):
    scenario = Scenario(inputs={"p": People.rows(), "v": Visits.rows()}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def script_(study):
        script(study, study.table("p"), study.table("v"))

    return simulate(scenario, tables(), engine="ideal").releases


OPERATIONS = {
    "times": lambda x, y: x * y,
    "plus": lambda x, y: x + y,
    "less": lambda x, y: x < y,
    "equal": lambda x, y: abs(x - y) < 1,
    "over": lambda x, y: x / (y + 1),
    "times a flag": lambda x, y: x * (y > 20),
    "flags": lambda x, y: (x > 20) & (y > 20),
    "where": lambda x, y: where(x > 20, y, 0),
    "where between": lambda x, y: where(y > 20, x, 1.0),
    "maximum": maximum,
    "dot": lambda x, y: x @ y,
    "matrix": lambda x, y: x.reshape(1, -1) @ y.reshape(-1, 1),
    "stack": lambda x, y: stack([x, y]),
    "columns": lambda x, y: concatenate([x.reshape(-1, 1), y.reshape(-1, 1)], axis=1),
    "mask": lambda x, y: x.masked(y > 20, "young"),
    "sums": lambda x, y: (x + 1) * 2 + y[:],
    "order": lambda x, y: order_by(x).apply(y),
    "keys": lambda x, y: order_by(x, y),
    "pieces": lambda x, y: concatenate([x, x]) * concatenate([y, y]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_of_two_selections(name):
    def script(study, p, v):
        OPERATIONS[name](p.bmi[p.f].share(rows=30), p.age.share(rows=30))

    with pytest.raises(ShapeError, match=r"row k is not the same person in both; share both with the same condition"):
        run(script)


@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_of_two_tables(name):
    def script(study, p, v):
        OPERATIONS[name](p.bmi.share(rows=30), v.cost.share(rows=30))

    with pytest.raises(ShapeError, match=r"row k is not the same person in both; bring them together by a key"):
        run(script)


@pytest.mark.parametrize("name", OPERATIONS)
def test_rows_of_one_selection_are_combined(name):
    """Shared together, or one by one with the same condition; and moved by one order."""

    def script(study, p, v):
        rows = p[p.f][["bmi", "age"]].share(rows=30)
        OPERATIONS[name](rows["bmi"], rows["age"])
        OPERATIONS[name](p.bmi[p.f].share(rows=30), p[p.f].age.share(rows=30))
        order = random_order(rows["age"].run, 90)
        OPERATIONS[name](order.apply(rows["bmi"]), order.apply(rows["age"]))

    run(script)


def test_what_is_no_pairing_of_rows_works():
    def script(study, p, v):
        x, y = p.bmi[p.f].share(rows=30), p.age.share(rows=30)
        study.release("all", concatenate([x, y]).mean())
        study.release("difference", x.mean() - y.mean())
        study.release("centred", (x * (y.mean() * 0.01)).mean())
        pairs = x.reshape(-1, 1) < y.reshape(1, -1)
        study.release("pairs", pairs.numeric().sum())
        keys = abs(x.reshape(-1, 1) - v.cost.share(rows=30).reshape(1, -1)) < 5
        study.release("near", (keys @ v.cost.share(rows=30)).mean())

    found = run(script)
    pooled = pd.concat([one["p"] for one in tables().values()])
    smokers = pooled.bmi[pooled.f].to_numpy()
    assert found["all"] == pytest.approx(np.concatenate([smokers, pooled.age]).mean(), abs=1e-4)
    assert found["difference"] == pytest.approx(smokers.mean() - pooled.age.mean(), abs=1e-4)
    assert found["pairs"] == (smokers[:, None] < pooled.age.to_numpy()).sum()
