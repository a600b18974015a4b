"""Values in place of missing ones in private columns: what they are, and what a release about them asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate


class People(Table):
    person = Key()
    weight = Real(0, 200)
    height = Real(0, 250)
    visits = Integer(0, 2**60)
    seen = Integer(0, 50)
    ill = Flag()
    region = Category("north", "south")
    born = Date("1900-01-01", "2020-12-31")
    died = Date("1900-01-01", "2030-12-31")


def people(n=90, gone=4):
    """Each column lacks every `gone`-th value, at places of its own."""
    made = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "weight": made.uniform(50, 90, n).round(2),
            "height": made.uniform(150, 190, n).round(2),
            "visits": pd.array(made.integers(0, 2**60, n), "Int64"),
            "seen": pd.array(made.integers(0, 50, n), "Int64"),
            "ill": pd.array(made.random(n) < 0.5, "boolean"),
            "region": made.choice(["north", "south"], n),
            "born": pd.to_datetime("1950-01-01") + pd.to_timedelta(made.integers(0, 9000, n), "D"),
            "died": pd.to_datetime("2000-01-01") + pd.to_timedelta(made.integers(0, 9000, n), "D"),
        }
    )
    for k, name in enumerate(frame):
        frame.loc[np.arange(n) % gone == k % gone, name] = None
    return frame.assign(person=[str(k) for k in range(n)])


def released(script, frame, minimum=10, owners=3):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        for name, value in script(study.table("people")).items():
            study.release(name, value)

    tables = {f"owner {k}": {"people": frame.iloc[k::owners]} for k in range(owners)}
    return simulate(scenario, tables, engine="ideal").releases


def test_each_kind_of_column():
    f = people()
    found = released(
        lambda t: {
            "number": t.weight.fillna(70).mean(),
            "of another column": t.weight.fillna(t.height).mean(),
            "a real for a whole one": t.seen.fillna(2.5).mean(),
            "whole": t.seen.fillna(7).sum(),
            "of a whole column": t.visits.fillna(t.seen).count(),
            "flag": t.ill.fillna(False).sum(),
            "flag of a comparison": t.ill.fillna(t.weight > 70).count(),
            "level": (t.region.fillna("south") == "south").sum(),
            "day": (t.born.fillna("1960-01-01") >= "1960-01-01").sum(),
            "of another day": (t.died.fillna(t.born) - "1950-01-01").mean(),
            "table": t.fillna(weight=0, height=1)[["weight", "height"]].corr(),
        },
        f,
    )
    assert found["number"] == pytest.approx(f.weight.fillna(70).mean())
    assert found["of another column"] == pytest.approx(f.weight.fillna(f.height).mean())
    assert found["a real for a whole one"] == pytest.approx(f.seen.astype(float).fillna(2.5).mean())
    assert found["whole"] == f.seen.fillna(7).sum()
    assert found["of a whole column"] == f.visits.fillna(f.seen).count()
    assert found["flag"] == f.ill.fillna(False).sum()
    assert found["flag of a comparison"] == (f.ill.notna() | f.weight.notna()).sum()
    assert found["level"] == (f.region.fillna("south") == "south").sum()
    assert found["day"] == (f.born.fillna(pd.Timestamp("1960-01-01")) >= "1960-01-01").sum()
    days = (f.died.fillna(f.born) - pd.Timestamp("1950-01-01")).dt.days
    assert found["of another day"] == pytest.approx(days.mean())
    known = f.fillna({"weight": 0, "height": 1})[["weight", "height"]].corr()
    np.testing.assert_allclose(found["table"]["values"], known, atol=1e-6)


def test_whole_numbers_are_not_rounded():
    f = people().assign(visits=pd.array([2**60 - k if k % 3 else None for k in range(90)], "Int64"))
    found = released(lambda t: {"same": (t.visits.fillna(2**60 - 1) == 2**60 - 1).sum()}, f, minimum=1)
    assert found["same"] == (f.visits.fillna(2**60 - 1) == 2**60 - 1).sum()


def test_a_released_mean_fills():
    f = people()
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 10})

    @scenario.run
    async def run(study):
        t = study.table("people")
        mean = await study.release("mean", t.weight.mean())
        study.release("sd", t.weight.fillna(mean).std())

    tables = {name: {"people": f.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario, tables, engine="ideal").releases
    assert found["sd"] == pytest.approx(f.weight.fillna(f.weight.mean()).std(), rel=1e-6)


@pytest.mark.parametrize("gone", [0, 3, 20, 87, 90])
def test_rows_with_and_without_a_value_are_none_or_enough(gone):
    f = people().assign(weight=np.where(np.arange(90) < gone, np.nan, 70.0), height=160.0)
    found = released(
        lambda t: {
            "sum": t.weight.fillna(0).sum(),
            "mean": (t.weight.fillna(t.height) * 2).mean(),
            "flag": (t.weight.fillna(0) > 60).sum(),
            "shared": t.weight.fillna(0).share(rows=30).sum(),
        },
        f.assign(weight=f.weight + np.arange(90) % 7),
    )
    hidden = "suppressed (fewer than 10)"
    for name in ("sum", "mean", "shared"):
        assert (found[name] == hidden) == (gone in (3, 87)), name
    assert (found["flag"] == hidden) == (gone in (0, 3, 87, 90))


def test_rows_that_take_a_value_from_a_filled_column():
    # 30 rows lack the weight; 4 of these lack the height, too.
    f = people().assign(weight=np.where(np.arange(90) < 30, np.nan, 70.0), height=160.0)
    f.loc[:3, "height"] = np.nan
    f.loc[60:, "height"] = np.nan
    found = released(
        lambda t: {"one": t.height.fillna(1).mean(), "both": t.weight.fillna(t.height.fillna(0)).mean()}, f
    )
    assert isinstance(found["one"], float)
    assert found["both"] == "suppressed (fewer than 10)"


def test_a_filled_column_is_held_apart_as_its_own_values_are():
    # 40 rows lack the weight, but of those seen up to 5 times all but 3.
    f = people().assign(height=160.0, seen=np.where(np.arange(90) < 43, 2, 30))
    f["weight"] = np.where(np.arange(90) < 40, np.nan, 60.0 + np.arange(90) % 7)

    def script(t):
        return {"often": t.weight[t.seen > 5].sum(), "all": t.weight.fillna(0).sum()}

    # Less the weights of those seen often, the sum over all rows tells those of the 3.
    assert released(script, f)["all"] == "suppressed (fewer than 10)"
    assert released(script, f.assign(seen=np.where(np.arange(90) < 55, 2, 30)))["all"] == f.weight.sum()


def test_values_of_another_column_are_held_apart():
    # 40 rows lack the weight, and all but 3 of the others lack the height.
    f = people().assign(height=np.where(np.arange(90) < 43, 160.0 + np.arange(90) % 5, np.nan))
    f["weight"] = np.where(np.arange(90) < 40, np.nan, 60.0 + np.arange(90) % 7)

    def script(t):
        return {"weights": t.weight.sum(), "heights": t.height.sum(), "both": t.weight.fillna(t.height).sum()}

    # All heights less those that fill are the heights of the 3.
    assert released(script, f)["both"] == "suppressed (fewer than 10)"
    found = released(script, f.assign(height=np.where(np.arange(90) < 60, 160.0, np.nan)))
    assert found["both"] == f.weight.sum() + 40 * 160


@pytest.mark.parametrize(("ill", "out"), [(0, True), (2, False), (30, True), (59, False), (60, True)])
def test_flags_that_fill_are_none_or_enough(ill, out):
    # 60 rows lack the flag, and take that of a comparison.
    f = people(150).assign(height=np.where(np.arange(150) < ill, 200.0, 150.0))
    f["ill"] = pd.array(np.where(np.arange(150) < 60, None, np.arange(150) % 2 == 0), "boolean")
    found = released(lambda t: {"own": t.ill.sum(), "filled": t.ill.fillna(t.height > 180).sum()}, f)
    assert found["own"] == 45
    assert (found["filled"] != "suppressed (fewer than 10)") == out
    if out:
        assert found["filled"] == found["own"] + ill


def test_the_indicator_of_missing_values_is_a_predictor():
    f = people(300)
    f["outcome"] = np.clip(f.height.fillna(170) / 2, 0, 200)
    f["weight"] = f.outcome + 5 * f.region.isna() + np.random.default_rng(1).normal(0, 3, 300)
    found = released(
        lambda t: {"model": st.ols(t.weight, [t.height.fillna(0), t.height.isna()])}, f.assign(weight=f.weight)
    )["model"]
    import statsmodels.api as sm

    design = pd.DataFrame({"height": f.height.fillna(0), "gone": f.height.isna() * 1.0})
    fit = sm.OLS(f.weight, sm.add_constant(design)).fit()
    np.testing.assert_allclose(found["coefficient"], fit.params, rtol=1e-4)
    np.testing.assert_allclose(found["standard_error"], fit.bse, rtol=1e-4)


def test_locf():
    f = people(120)
    visits = ["weight", "height", "seen"]
    found = released(
        lambda t: {
            f"{k} {what}": value
            for k, column in enumerate(st.locf([t.weight, t.height, t.seen]))
            for what, value in (("count", column.count()), ("mean", column.mean()))
        },
        f,
    )
    known = f[visits].astype(float).ffill(axis=1)
    for k, name in enumerate(visits):
        assert found[f"{k} count"] == known[name].count()
        assert found[f"{k} mean"] == pytest.approx(known[name].mean())


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (lambda t: t.person.fillna("7"), ShapeError, "a key has no order"),
        (lambda t: t.weight.fillna("low"), ShapeError, "only a category compares with a level"),
        (lambda t: t.weight.fillna(True), ShapeError, "True and False fill a flag"),
        (lambda t: t.ill.fillna(2), ShapeError, "ill is a flag"),
        (lambda t: t.ill.fillna(t.weight), ShapeError, "ill is a flag"),
        (lambda t: t.region.fillna("east"), ConfigError, "no level 'east'"),
        (lambda t: t.born.fillna(3), ShapeError, "dates for dates alone"),
        (lambda t: t.weight.fillna(t.born), ShapeError, "dates for dates alone"),
        (lambda t: st.locf([]), ShapeError, "locf: no columns"),
        (lambda t: st.locf(t.weight), ShapeError, "a list of columns is wanted"),
    ],
)
def test_what_is_refused(script, error, words):
    with pytest.raises(error, match=words):
        released(lambda t: {"x": script(t)}, people())
