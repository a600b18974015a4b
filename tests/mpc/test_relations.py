"""An owner whose numbers contradict each other counts as without rows in what depends on them, and is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Real, Scenario, Study, Table
from protocols.simulate import Computation, dry_run, simulate
from tests.support.lies import lying, pieces

ENGINES = ["ideal", "replicated", "shamir"]


class People(Table):
    age = Real(0, 100)
    height = Real(0, 2)
    smokes = Flag()
    sex = Category("f", "m", "x")


def tables(names: str = "abc", rows: int = 40) -> dict[str, dict[str, pd.DataFrame]]:
    rng = np.random.default_rng(1)
    return {
        name: {
            "people": pd.DataFrame(
                {
                    "age": rng.uniform(20, 80, rows),
                    "height": rng.uniform(1, 2, rows),
                    "smokes": rng.integers(0, 2, rows),
                    "sex": rng.choice(["f", "m", "x"], rows),
                }
            )
        }
        for name in names
    }


def scenario_of(what: str) -> Scenario:
    scenario = Scenario(inputs={"people": People.rows(at_most=1 << 20)}, parameters={"minimum_cohort": 2})

    @scenario.run
    async def run(study: Study) -> None:
        people = study.table("people")
        value = {
            "count": lambda: people.count(),
            "sum": lambda: people.age.sum(),
            "mean": lambda: people.age.mean(),
            "sd": lambda: people.age.std(),
            "corr": lambda: people[["age", "height"]].corr(),
            "histogram": lambda: people.age.histogram([0, 40, 60, 100]),
            "shared": lambda: people.share(rows=40)["age"].sum(),
        }[what]()
        study.release("it", value)

    return scenario


#: what is released, and lies about the parts that are shared for it: name of the part -> new values from the honest.
LIES = {
    "a negative number of rows": ("count", "count", lambda v, b: 0 * v - 5),
    "more rows than there may be": ("count", "count", lambda v, b: 0 * v + b + 1),
    "a sum beyond its rows": ("sum", "sum", lambda v, b: 0 * v + b),
    "a sum of no rows": ("sum", "count", lambda v, b: 0 * v),
    "a mean's sum beyond its rows": ("mean", "sum", lambda v, b: 0 * v - b),
    "a mean beyond its range": ("mean", "mean", lambda v, b: 0 * v + b + 1),
    "rows below zero behind a deviation": ("sd", "n", lambda v, b: 0 * v - 100),
    "negative squares": ("sd", "squares", lambda v, b: 0 * v - 1),
    "squares beyond their rows": ("sd", "squares", lambda v, b: 0 * v + b),
    "a remainder beyond a last place": ("sd", "rest", lambda v, b: 0 * v + 2 * b),
    "products beyond squares": ("corr", "products", lambda v, b: np.asarray([v[0], v[0] + v[2], v[2]])),
    "a negative cell": ("histogram", "counts", lambda v, b: v - np.asarray([100, 0, 0])),
    "cells with more rows than there may be": ("histogram", "counts", lambda v, b: 0 * v + b // 2),
    "a row beyond its column's range": (
        "shared",
        "values",
        lambda v, b: v + np.eye(1, v.size, dtype=np.int64)[0] * 2 * b,
    ),
}


def told(part: str, lie):
    def change(parts, vector):
        bounds = {one.name: one.bound for one in parts}
        found = np.array(vector)
        own = pieces(parts, found)
        if part in own:
            own[part][:] = lie(own[part].copy(), bounds[part])
        return found

    return change


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what", LIES)
def test_who_computes_and_lies_is_named(what, engine):
    released, part, lie = LIES[what]
    if engine == "ideal" and what in ("more rows than there may be", "a row beyond its column's range"):
        pytest.skip("the oracle refuses what is beyond a bound of its own accord")
    given = tables()
    with lying(1, told(part, lie)):
        run = simulate(scenario_of(released), given, engine=engine)
    assert run.left_out == ("b",)
    value = run.releases["it"]
    honest = simulate(scenario_of(released), {n: given[n] for n in "ac"} | {"b": {}}, engine="ideal").releases["it"]
    if released in ("mean", "sd", "corr"):
        assert "left out, because what it shared contradicts itself: b" in str(value)
    elif released == "histogram":
        assert value["counts"] == honest["counts"]
    else:  # it counts as without rows
        assert value == pytest.approx(honest, rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what", [name for name in LIES if name != "a row beyond its column's range"])
def test_who_contributes_and_lies_counts_as_without_rows(what, engine):
    released, part, lie = LIES[what]
    given = tables("abcz")
    layout = dry_run(
        Computation(scenario_of(released), list("abcz"), compute=3, owners={"people": range(4)}, engine=engine)
    ).layout

    def altered(name, vector):
        found, start = np.array(vector), 0
        for partial in layout.partials.values():
            found[start : start + partial.size] = told(part, lie)(partial.parts, found[start : start + partial.size])
            start += partial.size
        return found

    run = simulate(scenario_of(released), given, engine=engine, compute="abc", altered=altered)
    assert run.left_out == ("z",)
    honest = simulate(scenario_of(released), {n: given[n] for n in "abc"}, engine="ideal").releases["it"]
    assert np.all(_numbers(run.releases["it"]) == pytest.approx(_numbers(honest), rel=1e-5, abs=1e-6))


def _numbers(value):
    if isinstance(value, dict):
        return _numbers([value.get("counts", value.get("values"))])
    if isinstance(value, list):
        return [number for one in value for number in _numbers(one)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows", [0, 1, 40])
def test_honest_owners_keep_every_relation(engine, rows):
    """Also at the ends of ranges, with equal columns, and without rows."""
    given = tables(rows=40)
    edge = pd.DataFrame({"age": [100.0] * rows, "height": [2.0] * rows, "smokes": [1] * rows, "sex": ["x"] * rows})
    given["b"] = {"people": edge}
    for released in ("sum", "sd", "corr", "histogram", "shared"):
        assert simulate(scenario_of(released), given, engine=engine).left_out == ()
