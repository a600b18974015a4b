"""Measures of two flags, private and shared, against statsmodels and scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st_
from scipy import stats
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from mpc import Flag, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.counts import of_counts
from protocols.statistics.measures import document

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
CELLS = [[61, 20], [33, 41]]


class People(Table):
    ill = Flag()
    smoker = Flag()
    age = Real(0, 120)


def released(script, cells, minimum=5, missing=0, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    rows = [(i, s) for s in (0, 1) for i in (0, 1) for _ in range(cells[s][i])]
    frame = pd.DataFrame(rows, columns=["ill", "smoker"]).astype(object).assign(age=50.0)
    lacking = pd.DataFrame({"ill": [None, 1] * missing, "smoker": [1, None] * missing, "age": 50.0})
    frame = pd.concat([frame, lacking]).sample(frac=1, random_state=1)
    tables = {name: {"people": frame.iloc[k::3]} for k, name in enumerate("abc")}
    return simulate(scenario, tables, **options).releases


def by_name(found, name):
    place = found["measures"].index(name)
    return {key: values[place] for key, values in found.items() if key not in ("measures", "table")}


@pytest.mark.parametrize("engine", ENGINES)
def test_private_and_shared_flags_give_the_same(engine):
    def script(study, t):
        shared = t.share(rows=80)
        for name, function in [(f.__name__, f) for f in (st.two_by_two, st.mcnemar, st.agreement, st.diagnostic)]:
            study.release(f"private {name}", function(t.ill, t.smoker, names=("ill", "smoker")))
            study.release(f"shared {name}", function(shared.ill, shared.smoker, names=("ill", "smoker")))

    found = released(script, CELLS, missing=7, engine=engine)
    for name in ("two_by_two", "mcnemar", "agreement", "diagnostic"):
        assert found[f"private {name}"] == found[f"shared {name}"]
    assert found["shared two_by_two"]["table"] == {
        "rows": ["not smoker", "smoker"],
        "columns": ["not ill", "ill"],
        "values": CELLS,
    }
    paired = found["private mcnemar"]["table"]
    assert (paired["rows"], paired["values"]) == (["not ill", "ill"], np.transpose(CELLS).tolist())


cells = st_.integers(1, 400)


@given(a=cells, b=cells, c=cells, d=cells)
def test_an_exposure_as_statsmodels(a, b, c, d):
    table = np.asarray([[d, c], [b, a]])
    found = document(of_counts.association(table, "smoker"))
    theirs = Table2x2(np.asarray([[a, b], [c, d]]))
    ratio, difference = by_name(found, "risk ratio"), by_name(found, "risk difference")
    assert ratio["estimate"] == pytest.approx(theirs.riskratio)
    assert (ratio["ci_low"], ratio["ci_high"]) == pytest.approx(theirs.riskratio_confint())
    odds = by_name(found, "odds ratio")
    assert odds["estimate"] == pytest.approx(theirs.oddsratio)
    assert (odds["ci_low"], odds["ci_high"]) == pytest.approx(theirs.oddsratio_confint())
    risk = by_name(found, "risk, smoker")
    assert (risk["ci_low"], risk["ci_high"]) == pytest.approx(proportion_confint(a, a + b, method="wilson"))
    low, high = confint_proportions_2indep(a, a + b, c, c + d, method="newcomb")
    assert (difference["ci_low"], difference["ci_high"]) == pytest.approx((low, high))
    assert by_name(found, "Fisher's exact test")["p"] == pytest.approx(stats.fisher_exact(table)[1])


@given(first=st_.integers(0, 300), second=st_.integers(0, 300), both=cells, neither=cells)
def test_paired_flags_as_statsmodels(first, second, both, neither):
    table = np.asarray([[neither, second], [first, both]])
    found = document(of_counts.paired(table, ("before", "after")))
    share = by_name(found, "difference")["estimate"]
    assert share == pytest.approx((first - second) / table.sum())
    if first + second == 0:
        assert by_name(found, "exact test")["p"].startswith("undefined")
        return
    assert by_name(found, "exact test")["p"] == pytest.approx(mcnemar_test(table, exact=True).pvalue)
    if first != second:
        theirs = mcnemar_test(table, exact=False, correction=True)
        assert by_name(found, "chi-square, corrected")["p"] == pytest.approx(theirs.pvalue)


@given(a=st_.integers(0, 200), b=st_.integers(0, 200), c=st_.integers(0, 200), d=cells)
def test_kappa_as_statsmodels(a, b, c, d):
    table = np.asarray([[a, b], [c, d]], float)
    found = by_name(document(of_counts.kappa(table)), "kappa")
    if a == b == c == 0:
        assert found["estimate"].startswith("undefined: both flags are the same")
        return
    with np.errstate(invalid="ignore"):
        theirs = cohens_kappa(table)
    assert found["estimate"] == pytest.approx(theirs.kappa, abs=1e-12)
    if not theirs.var_kappa > 1e-12:  # theirs is what rounding leaves of 0, which ours is
        assert found["ci_high"] - found["ci_low"] < 1e-5
        return
    assert found["ci_low"] == pytest.approx(theirs.kappa_low, abs=1e-9)
    assert found["ci_high"] == pytest.approx(theirs.kappa_upp, abs=1e-9)


@pytest.mark.parametrize("rows", [1, 19, 34, 69, 10**7])
def test_kappa_of_a_constant_flag_has_no_spread(rows):
    found = by_name(document(of_counts.kappa(np.asarray([[0.0, 0.0], [1.0, rows]]))), "kappa")
    assert found["estimate"] == found["ci_low"] == found["ci_high"] == 0


def test_a_test_for_a_condition():
    found = document(of_counts.accuracy(np.asarray([[90.0, 10.0], [20.0, 80.0]])))
    assert by_name(found, "sensitivity")["estimate"] == pytest.approx(80 / 90)
    assert by_name(found, "specificity")["estimate"] == pytest.approx(90 / 110)
    assert by_name(found, "positive predictive value")["estimate"] == pytest.approx(0.8)
    assert by_name(found, "negative predictive value")["estimate"] == pytest.approx(0.9)
    assert by_name(found, "accuracy")["estimate"] == pytest.approx(0.85)
    ratio = by_name(found, "likelihood ratio, positive")
    error = 1.959964 * np.sqrt(1 / 80 - 1 / 90 + 1 / 20 - 1 / 110)
    assert ratio["estimate"] == pytest.approx((80 / 90) / (20 / 110))
    assert ratio["ci_low"] == pytest.approx(ratio["estimate"] * np.exp(-error))


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[5, 0], [0, 0]], [[0, 0], [0, 5]], [[0, 7], [0, 5]]])
def test_empty_cells_are_undefined_with_the_reason_and_never_numbers(table):
    table = np.asarray(table, float)
    every = [
        of_counts.association(table, "x"), of_counts.paired(table, ("x", "y")), of_counts.kappa(table),
        of_counts.accuracy(table),
    ]  # fmt: skip
    for measures in every:
        for measure in measures:
            numbers = [measure.estimate, measure.ci_low, measure.ci_high, measure.statistic, measure.p]
            assert any(number is not None for number in numbers)
            for number in numbers:
                assert number is None or isinstance(number, str) or np.isfinite(number), measure
                assert not isinstance(number, str) or number.startswith("undefined: ")


def test_a_small_cell_suppresses_all_and_misuse_is_taught():
    def script(study, t):
        study.release("measures", st.two_by_two(t.ill, t.smoker))
        with pytest.raises(ShapeError, match=r"mcnemar: .*two flags of one table"):
            st.mcnemar(t.ill, t.age)
        with pytest.raises(ShapeError, match=r"diagnostic: .*no flag of rows"):
            st.diagnostic(t.share(rows=80).age, t.share(rows=80).ill)

    assert released(script, [[61, 20], [33, 4]], engine="ideal") == {"measures": "suppressed (fewer than 5)"}
