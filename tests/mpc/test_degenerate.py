"""Columns of one value, of tiny and of huge ones, through all statistics: a right number, words or a typed error."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ComityError, RangeError, ScenarioError
from protocols import statistics as st
from protocols.simulate import simulate


class People(Table):
    age = Real(0, 120)
    tiny = Real(0, 1e-300)
    huge = Real(-1e99, 1e99)
    kids = Integer(0, 20)
    far = Integer(1 << 60, (1 << 60) + 3)
    f = Flag()
    w = Category("a", "b")


def tables():
    chance = np.random.default_rng(3)
    return {
        f"o{i}": {
            "p": pd.DataFrame(
                {
                    "age": chance.uniform(0, 120, 40),
                    "tiny": chance.uniform(0, 1e-300, 40),
                    "huge": chance.uniform(-1, 1, 40) * 1e99,
                    "kids": chance.integers(0, 20, 40),
                    "far": (1 << 60) + chance.integers(0, 4, 40),
                    "f": chance.random(40) < 0.5,
                    "w": chance.choice(["a", "b"], 40),
                }
            )
        }
        for i in range(3)
    }


def release(compute, engine="ideal"):
    scenario = Scenario(
        inputs={"p": People.rows(at_most=1000)},
        parameters={"minimum_cohort": 1, "minimum_without_own_rows": False},
    )

    @scenario.run
    async def run(study):
        study.release("x", compute(study.table("p")))

    return simulate(scenario, tables(), engine=engine).releases["x"]


COLUMNS = {
    "clipped to one": lambda p: p.kids.clip(50, 50),
    "clipped below": lambda p: p.kids.clip(-5, -5),
    "clipped to the end": lambda p: p.kids.clip(20, 50),
    "times 0": lambda p: p.kids * 0,
    "constant": lambda p: p.kids * 0 + 7,
    "far, one": lambda p: p.far.clip(1 << 60, 1 << 60),
    "far": lambda p: p.far,
    "half": lambda p: p.kids.clip(2.5, 2.5),
    "real, one": lambda p: p.age.clip(3, 3),
    "real, 0": lambda p: p.age * 0,
    "flag, 0": lambda p: p.f * 0,
    "tiny": lambda p: p.tiny,
    "denormal": lambda p: p.age * 5e-324,
    "huge": lambda p: p.huge,
    "beyond": lambda p: p.age * 1e290,
}
STATISTICS = {
    "sum": lambda x, p: x.sum(),
    "mean": lambda x, p: x.mean(),
    "std": lambda x, p: x.std(),
    "var": lambda x, p: x.var(),
    "response": lambda x, p: st.ols(x, [p.age]),
    "predictor": lambda x, p: st.ols(p.age, [x]),
    "correlation": lambda x, p: st.correlation([x, p.age]),
    "test": lambda x, p: st.ttest_ind(x[p.f], x[~p.f]),
    "histogram": lambda x, p: x.histogram([-1e301, 0, 1e301]),
    "groups": lambda x, p: p.group_by(p.w)["age"].mean(),
    "one bin": lambda x, p: st.contingency(x.cut([-1e301, 1e301]), p.w),
    "two bins": lambda x, p: st.contingency(x.cut([0, 50, 120]), p.f),
    "shared": lambda x, p: x.share(rows=40).mean(),
    "shared variance": lambda x, p: x.share(rows=40).var(),
    "median": lambda x, p: x.share(rows=40).quantile(0.5),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_whatever_the_range(column):
    for statistic in STATISTICS.values():
        try:
            value = release(lambda p, s=statistic: s(COLUMNS[column](p), p))
        except ScenarioError:  # "does not take this": a defect
            raise
        except ComityError:
            continue
        json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_columns_of_one_value(engine):
    assert release(lambda p: p.kids.clip(50, 50).mean(), engine) == 50
    assert release(lambda p: (p.kids * 0).mean(), engine) == 0
    assert release(lambda p: (p.kids * 0 - 7).mean(), engine) == -7
    assert release(lambda p: p.kids.clip(50, 50).std(), engine).startswith("undefined: varies too little")


def test_too_small_for_any_digit():
    for compute in (lambda p: p.tiny.mean(), lambda p: p.tiny.share(rows=40).mean(), lambda p: (p.age * 5e-324).sum()):
        with pytest.raises(RangeError, match="too small to be computed with"):
            release(compute)
    assert release(lambda p: (p.tiny * 1e300).mean()) == pytest.approx(0.5, abs=0.1)


def test_tables_that_compare_nothing():
    found = release(lambda p: st.contingency(p.age.cut([0, 120]), p.w))
    assert found["p"] == found["chi_square"] == "undefined: a single row or column"
    assert sum(found["counts"][0]) == 120
    assert found["df"] == 0
    found = release(lambda p: st.contingency(p.kids.cut([0, 30, 60]), p.w))
    assert found["p"] == found["chi_square"] == "undefined: a row or column without counts"


def test_no_release_holds_what_json_has_not():
    assert release(lambda p: (p.age * 1e290).var()) == "undefined: beyond 1.8e308"
    found = release(lambda p: st.ttest_ind((p.age * 1e290)[p.f], (p.age * 1e290)[~p.f]))
    assert found["p"] == "undefined"
    assert math.isfinite(found["difference"])
