"""Tables of any size, trend and proportions of private and shared rows, against scipy, statsmodels and R's values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association
from statsmodels.stats.proportion import proportion_confint, proportions_chisquare

from mpc import Category, Flag, Integer, Key, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.counts.categories import _independence, _trend
from protocols.statistics.counts.fisher import fisher
from protocols.statistics.counts.proportions import one

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
DOSES, GRADES = ["none", "low", "high"], ["mild", "plain", "grave", "worst"]
CELLS = np.asarray([[12, 9, 7, 6], [8, 10, 9, 11], [5, 7, 11, 13]])
NUMBERS = ("estimate", "ci_low", "ci_high", "statistic", "df", "p")


class People(Table):
    dose = Category(*DOSES)
    grade = Category(*GRADES)
    ill = Flag()


class Left(Table):
    id = Key()
    x = Integer(0, 50)
    ill = Flag()


class Right(Table):
    id = Key()
    dose = Category(*DOSES)


def released(script, frame, minimum=1, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    names = "abcde" if options.get("engine") == "shamir" else "abc"
    tables = {name: {"people": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, **options).releases


def frame_of(cells=CELLS):
    rows = [(DOSES[i], GRADES[j], j > 1) for i in range(3) for j in range(4) for _ in range(cells[i][j])]
    frame = pd.DataFrame(rows, columns=["dose", "grade", "ill"]).astype(object)
    lacking = pd.DataFrame({"dose": [None, "low"], "grade": ["mild", None], "ill": [None, None]}, dtype=object)
    return pd.concat([frame, lacking]).sample(frac=1, random_state=1)


def by_name(found, name):
    place = found["measures"].index(name)
    return {key: values[place] for key, values in found.items() if key not in ("measures", "table")}


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy_and_statsmodels(engine):
    def script(study, t):
        rows = t.share(rows=60)
        for name, x in (("private", t), ("shared", rows)):
            study.release(f"{name} table", st.chi2_contingency(x.dose, x.grade))
            study.release(f"{name} trend", st.cochran_armitage(x.ill, x.dose, scores=[0, 1, 4]))
            study.release(f"{name} many", st.proportions(x.ill, x.dose))
            study.release(f"{name} one", st.proportion(x.ill, against=0.5))

    found = released(script, frame_of(), engine=engine)
    for name in ("table", "trend", "many", "one"):
        assert found[f"private {name}"] == found[f"shared {name}"]
    table = found["private table"]
    assert table["table"]["values"][:3] == CELLS.tolist()
    assert np.allclose(table["table"]["values"][3:], stats.contingency.expected_freq(CELLS))
    for name, way in (("chi-square", None), ("likelihood ratio (G)", "log-likelihood")):
        theirs = stats.chi2_contingency(CELLS, correction=False, lambda_=way)
        assert by_name(table, name)["statistic"] == pytest.approx(theirs.statistic)
        assert by_name(table, name)["p"] == pytest.approx(theirs.pvalue)
    assert by_name(table, "Cramér's V")["estimate"] == pytest.approx(association(CELLS, method="cramer"))
    ill, n = CELLS[:, 2:].sum(1), CELLS.sum(1)
    many = found["private many"]
    assert by_name(many, "chi-square")["p"] == pytest.approx(proportions_chisquare(ill, n)[1])
    low = by_name(many, "low")
    assert (low["ci_low"], low["ci_high"]) == pytest.approx(proportion_confint(ill[1], n[1], method="wilson"))
    alone, whole = found["private one"], (int(ill.sum()), int(n.sum()))
    exact = by_name(alone, "proportion, exact")
    assert (exact["ci_low"], exact["ci_high"]) == pytest.approx(proportion_confint(*whole, method="beta"))
    assert by_name(alone, "exact test against 0.5")["p"] == pytest.approx(stats.binomtest(*whole, 0.5).pvalue)
    assert by_name(found["private trend"], "trend")["p"] < 0.05


def test_trend_as_prop_trend_test():
    """R: prop.trend.test(c(83, 90, 129, 70), c(86, 93, 136, 82))."""
    smokers, patients = np.asarray([83, 90, 129, 70]), np.asarray([86, 93, 136, 82])
    table = np.stack([patients - smokers, smokers], axis=1).astype(float)
    trend = _trend(table, np.arange(4.0))[1]
    assert trend.statistic**2 == pytest.approx(8.2249, abs=5e-5)
    assert trend.p == pytest.approx(0.004132, abs=5e-7)
    rescaled = _trend(table, np.asarray([10.0, 20, 30, 40]))[1]
    assert rescaled.p == pytest.approx(trend.p)


def test_fisher_as_r():
    """R: fisher.test(Job) of ?fisher.test, 0.7827; fisher.test(matrix(c(3, 1, 0, 2, 4, 1, 0, 2, 5), 3))."""
    job = np.asarray([[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]])
    found = fisher(job)
    assert found.p == pytest.approx(0.7827, abs=0.003)
    assert fisher(job) == found
    small = np.asarray([[3, 1, 0], [2, 4, 1], [0, 2, 5]])
    assert fisher(small).listed
    assert fisher(small).p == pytest.approx(by_hand(small))
    assert fisher(small.T).p == pytest.approx(by_hand(small))
    assert fisher(np.asarray([[8, 2], [1, 5]])).p == pytest.approx(stats.fisher_exact([[8, 2], [1, 5]])[1])
    assert fisher(np.asarray([[8, 0, 2], [0, 0, 0], [1, 0, 5]])).p == pytest.approx(
        stats.fisher_exact([[8, 2], [1, 5]])[1]
    )


def by_hand(table):
    """The sum over all tables of three by three with these margins, one by one."""
    rows, columns = table.sum(1), table.sum(0)
    chance = stats.random_table(rows, columns)
    total, seen = 0.0, chance.pmf(table)
    for a, b, c, d in np.ndindex(*[int(columns.max()) + 1] * 4):
        top = np.asarray([[a, b], [c, d]])
        right = rows[:2] - top.sum(1)
        left = columns - np.append(top.sum(0), right.sum())
        if min(right.min(), left.min()) < 0:
            continue
        one_ = chance.pmf(np.vstack([np.column_stack([top, right]), left]))
        total += one_ if one_ <= seen * (1 + 1e-7) else 0
    return total


@pytest.mark.parametrize(
    "cells", [np.zeros((3, 4)), CELLS * [[1], [0], [1]], CELLS * [1, 0, 0, 0], CELLS * [0, 0, 1, 1], [[5, 0], [0, 0]]]
)
def test_words_and_never_numbers_where_nothing_follows(cells):
    table = np.asarray(cells, float)
    measures, _ = _independence(table)
    sides = np.stack([table[:, :2].sum(1), table[:, 2:].sum(1)], axis=1)
    measures += _trend(sides, np.arange(len(table), dtype=float))
    for measure in [*measures, *one("x", 0, 0, None)]:
        for number in (getattr(measure, key) for key in NUMBERS):
            assert number is None or (
                number.startswith("undefined: ") if isinstance(number, str) else np.isfinite(number)
            )


def test_one_share_at_its_ends():
    assert (one("x", 0, 5, None)[1].ci_low, one("x", 5, 5, None)[1].ci_high) == (0.0, 1.0)
    assert one("x", 0, 5, 0.1)[1].ci_high == pytest.approx(proportion_confint(0, 5, method="beta")[1])


def test_a_small_cell_suppresses_all_and_misuse_is_taught():
    def script(study, t):
        rows = t.share(rows=60)
        for name, x in (("private", t), ("shared", rows)):
            study.release(f"{name} table", st.chi2_contingency(x.dose, x.grade))
            study.release(f"{name} trend", st.cochran_armitage(x.ill, x.dose))
            study.release(f"{name} one", st.proportion(x.ill))
            with pytest.raises(ShapeError, match="no flag"):
                st.cochran_armitage(x.grade, x.dose)
            with pytest.raises(ConfigError, match="one for each level"):
                st.cochran_armitage(x.ill, x.dose, scores=[1, 2])
        with pytest.raises(ShapeError, match="wanted"):
            st.chi2_contingency(t.dose, rows.grade)

    cells = CELLS.copy()
    cells[1, :2] = 1
    found = released(script, frame_of(cells), minimum=4)
    for name in ("private", "shared"):
        assert found[f"{name} table"] == found[f"{name} trend"] == "suppressed (fewer than 4)"
        assert isinstance(found[f"{name} one"], dict)


@pytest.mark.slow
def test_joined_and_filtered_rows():
    """Whose rows are in which place is secret then."""
    scenario = Scenario(inputs={"left": Left.rows(), "right": Right.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        left, right = (study.table(name).share(rows=40) for name in ("left", "right"))
        rows = left.join(right, on="id", validate="1:1")
        rows = rows.filter(rows.x > 5)
        study.release("table", st.chi2_contingency(rows.dose, rows.ill))
        study.release("strata", st.mantel_haenszel(rows.ill, rows.x > 20, rows.dose))
        study.release("one", st.proportion(rows.ill))

    chance, n = np.random.default_rng(1), 120
    left = pd.DataFrame(
        {"id": [f"p{k}" for k in range(n)], "x": chance.integers(0, 40, n), "ill": chance.random(n) < 0.4}
    )
    right = pd.DataFrame({"id": [f"p{k}" for k in chance.permutation(n)], "dose": chance.choice(DOSES, n)})
    tables = {name: {"left": left.iloc[k::3], "right": right.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario, tables, engine="ideal").releases
    whole = left.merge(right, on="id").query("x > 5")
    table = pd.crosstab(whole.dose, whole.ill).loc[DOSES].values
    assert found["table"]["table"]["values"][:3] == table.tolist()
    assert found["one"]["table"]["values"] == [table.sum(0).tolist()]
    assert found["strata"]["table"]["values"] == pd.crosstab(whole.x > 20, whole.ill).values.tolist()
