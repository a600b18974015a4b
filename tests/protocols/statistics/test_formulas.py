"""Formulas against statsmodels: names, estimates, tests of terms, protection of levels, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import ConfigError, RangeError, ScenarioError, ShapeError
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from protocols.statistics.regression.formulas import parsed
from tests.support.engines import ENGINES, ENGINES_SLOW
from tests.support.tables import releases, split

COLUMNS = {
    "arm": Category("placebo", "low", "high"),
    "sex": Category("f", "m"),
    "age": Real(18, 100),
    "base": Real(-70, 70),
    "smoker": Flag(),
    "y": Real(-60, 80),
}
log = np.log  # of formulas


def frame(rows=500, seed=1):
    r = np.random.default_rng(seed)
    f = pd.DataFrame(
        {
            "arm": pd.Categorical(r.choice(["placebo", "low", "high"], rows), ["placebo", "low", "high"]),
            "sex": r.choice(["f", "m"], rows),
            "age": r.uniform(20, 80, rows),
            "base": r.normal(0, 10, rows).clip(-60, 60),
            "smoker": (r.random(rows) < 0.3).astype(float),
        }
    )
    f["y"] = 3 + 2 * (f.arm == "high") + 0.2 * f.base + 0.05 * f.age + r.normal(0, 5, rows)
    return f


def ols(formula, f, *, engine="ideal", minimum=5, script=None):
    script = script or (lambda t: st.ols(formula, data=t))
    return releases(lambda t: {"m": script(t)}, COLUMNS, split(f), engine=engine, minimum=minimum)["m"]


def check(found, formula, f):
    fit = smf.ols(formula, f).fit()
    assert isinstance(found, dict), found
    assert sorted(found["terms"]) == sorted(fit.params.index)
    of = pd.DataFrame({k: found[k] for k in ("coefficient", "standard_error", "t", "p")}, index=found["terms"])
    of = of.loc[fit.params.index]
    np.testing.assert_allclose(of.coefficient, fit.params, rtol=1e-6, atol=4e-6 * fit.bse.max())
    assert (abs(of.coefficient - fit.params) < 1e-5 * fit.bse).all()
    np.testing.assert_allclose(of.standard_error, fit.bse, rtol=1e-5)
    np.testing.assert_allclose(of.p, fit.pvalues, atol=1e-5)
    for key, value, error in (
        ("adj_r_squared", fit.rsquared_adj, 1e-7),
        ("f", fit.fvalue, 1e-5 * fit.fvalue),
        ("f_p", fit.f_pvalue, 1e-6),
        ("residual_standard_error", np.sqrt(fit.scale), 1e-6 * np.sqrt(fit.scale)),
        ("log_likelihood", fit.llf, 1e-3),
        ("aic", fit.aic, 1e-3),
        ("bic", fit.bic, 1e-3),
    ):
        assert abs(found[key] - value) <= error, key
    tests = pd.DataFrame(found["tests"]).set_index("terms")
    wald = fit.wald_test_terms(scalar=True).table.loc[tests.index].astype(float)
    np.testing.assert_allclose(tests.f, wald.statistic, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(tests.p, wald.pvalue, atol=1e-5)
    assert list(tests.df) == list(wald.df_constraint)
    return tests


@pytest.mark.parametrize("engine", ENGINES)
def test_analysis_of_covariance_with_three_levels(engine):
    f = frame()
    tests = check(ols("y ~ C(arm) + base", f, engine=engine), "y ~ C(arm) + base", f)
    third = anova_lm(smf.ols("y ~ C(arm) + base", f).fit(), typ=3)
    np.testing.assert_allclose(tests.f, third.loc[["C(arm)", "base"], "F"], rtol=1e-5)
    np.testing.assert_allclose(tests.p, third.loc[["C(arm)", "base"], "PR(>F)"], rtol=1e-4)


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param("y ~ arm*sex + smoker", marks=pytest.mark.slow),
        "y ~ C(arm)*base + log(age)",
        'y ~ C(arm, Treatment("low")):base + I((age - 50)**2)',
        pytest.param("y ~ C(arm):C(sex)", marks=pytest.mark.slow),
        pytest.param('y ~ arm + C(arm, Treatment("low")):base', marks=pytest.mark.slow),
        "log(y + 70) ~ np.sqrt(age) + smoker:base",
        pytest.param("y ~ (sex + smoker + base)**2 - sex:base", marks=pytest.mark.slow),
        "y ~ C(arm)",
        "y ~ sex + bs(age, knots=(40, 60), degree=3, lower_bound=18, upper_bound=100)",
        pytest.param("y ~ sex*bs(age, knots=[50], degree=1, lower_bound=18, upper_bound=100)", marks=pytest.mark.slow),
    ],
)
def test_terms_are_those_of_statsmodels(formula):
    f = frame()
    check(ols(formula, f), formula, f)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_products_and_missing_values(engine):
    f = frame(600, 3)
    f.loc[f.index[::9], "arm"] = None
    f.loc[f.index[::7], "base"] = np.nan
    check(ols("y ~ C(arm)*base + smoker*sex", f, engine=engine), "y ~ C(arm)*base + smoker*sex", f)


def test_tables_and_selections_in_either_place():
    f = frame()
    found = ols("", f, script=lambda t: st.ols("y ~ C(arm) + base", t[t.age > 40]))
    check(found, "y ~ C(arm) + base", f[f.age > 40])


def weighted(f, highest, *, engine="ideal", formula="y ~ C(arm)*base"):
    columns = COLUMNS | {"w": Real(0, highest)}
    return releases(lambda t: {"m": st.ols(formula, t, weights=t.w)}, columns, split(f), engine=engine, minimum=5)["m"]


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize(
    ("least", "most", "highest"), [(0.1, 10, 10), (0.1, 10, 1000), (0.1, 10, 60_000), (0, 1e-3, 1e-3)]
)
def test_weighted_least_squares(engine, least, most, highest):
    f = frame(500, 2)
    f["w"] = np.random.default_rng(8).uniform(least, most, len(f))
    f.loc[f.index[::8], "w"] = np.nan
    f.loc[f.index[::11], "w"] = 0
    found, fit = weighted(f, highest, engine=engine), smf.wls("y ~ C(arm)*base", f, weights=f.w).fit()
    of = pd.DataFrame({k: found[k] for k in ("coefficient", "standard_error")}, index=found["terms"])
    of = of.loc[fit.params.index]
    assert (abs(of.coefficient - fit.params) < 1e-5 * fit.bse).all()
    np.testing.assert_allclose(of.standard_error, fit.bse, rtol=1e-5)
    assert found["residual_standard_error"] == pytest.approx(np.sqrt(fit.scale), rel=1e-6)
    assert found["r_squared"] == pytest.approx(fit.rsquared, abs=1e-7)
    assert found["observations"] == fit.nobs == 443
    wald = fit.wald_test_terms(scalar=True).table.loc[found["tests"]["terms"]]
    np.testing.assert_allclose(found["tests"]["f"], wald.statistic.astype(float), rtol=1e-4)
    assert "aic" not in found


@pytest.mark.slow
def test_weights_of_few_rows_and_small_ones():
    f = frame(500, 2)
    f["w"] = 1.0
    assert weighted(f, 70_000) == "undefined: all weights together are less than a 64th of the largest declared one"
    f["w"] = (np.arange(500) < 4) * 1.0
    assert weighted(f, 1) == "suppressed (fewer than 5)"
    f["w"] = np.where(np.arange(500) < 450, 0.5, np.nan)
    plain = ols("y ~ C(arm)*base", f[:450])
    np.testing.assert_allclose(weighted(f, 1)["coefficient"], plain["coefficient"], rtol=1e-4)
    with pytest.raises((RangeError, ScenarioError), match="declare weights from 0 on"):
        ols("", f, script=lambda t: st.ols("y ~ sex", t, weights=t.base))


@pytest.mark.slow
def test_levels_with_no_row_or_few_rows():
    f = frame()
    none, few = f[f.arm != "high"], f[(f.arm != "high") | (np.arange(len(f)) < 9)]
    assert 0 < (few.arm == "high").sum() < 5
    for rows in (none, few, f[f.arm != "placebo"]):
        assert ols("y ~ C(arm) + base", rows) == "suppressed (fewer than 5)"
    few = f[(f.arm != "placebo") | (np.arange(len(f)) < 9)]
    assert 0 < (few.arm == "placebo").sum() < 5
    assert ols("y ~ C(arm) + base", few) == "suppressed (fewer than 5)"
    # Of a product, too: few women with the high dose.
    crossed = f[(f.arm != "high") | (f.sex != "m") | (np.arange(len(f)) < 15)]
    assert 0 < ((crossed.arm == "high") & (crossed.sex == "m")).sum() < 5
    assert ols("y ~ C(arm) * sex", crossed) == "suppressed (fewer than 5)"
    assert isinstance(ols("y ~ C(arm) * sex", f), dict)


def clinics(rows, few):
    """Levels of four, of which few rows have the first."""
    return np.where(np.arange(rows) < few, "a", np.resize(["b", "c", "d"], rows))


@pytest.mark.parametrize("few", [4, 40])
def test_a_reference_with_few_rows_among_four_levels(few):
    f, formula = frame(), "y ~ C(clinic) + base"
    f["clinic"] = clinics(len(f), few)[np.random.default_rng(5).permutation(len(f))]
    columns = COLUMNS | {"clinic": Category("a", "b", "c", "d")}
    found = releases(lambda t: {"m": st.ols(formula, data=t)}, columns, split(f), minimum=5)["m"]
    if few < 5:
        assert found == "suppressed (fewer than 5)"
    else:
        check(found, formula, f)


@pytest.mark.slow
def test_few_rows_between_knots():
    f = frame()
    formula = "y ~ sex + bs(age, knots=(40, {}), degree=2)"
    assert 0 < (f.age >= 79.7).sum() < 5
    assert ols(formula.format(79.7), f) == "suppressed (fewer than 5)"
    assert isinstance(ols(formula.format(60), f), dict)


class Patients(Table):
    ill, smoker = Flag(), Flag()
    clinic = Category("a", "b", "c", "d")
    age = Real(18, 100)
    stage = Category("I", "II", "III")
    sex = Category("f", "m")


def patients(rows=450, seed=2, few=40):
    r = np.random.default_rng(seed)
    f = pd.DataFrame({"age": r.uniform(20, 80, rows), "smoker": r.random(rows) < 0.3})
    f["stage"] = pd.Categorical(r.choice(["I", "II", "III"], rows), ["I", "II", "III"])
    f["sex"] = r.choice(["f", "m"], rows)
    odds = -2 + 0.6 * (f.stage == "II") + 1.2 * (f.stage == "III") + 0.02 * f.age + 0.5 * f.smoker
    f["clinic"] = clinics(rows, few)[r.permutation(rows)]
    return f.assign(ill=r.random(rows) < 1 / (1 + np.exp(-odds)))


def logit(formula, f, *, engine="ideal", minimum=5, rows=300):
    scenario = Scenario(inputs={"people": Patients.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def go(study):
        shared = study.table("people").share(rows=rows)
        study.release("m", await st.logit(formula, shared))

    tables = {f"o{i}": {"people": part} for i, part in enumerate(split(f))}
    return simulate(scenario, tables, engine=engine).releases["m"]


@pytest.mark.parametrize(
    "formula",
    [
        "ill ~ age + C(stage) + smoker",
        pytest.param("ill ~ smoker*I(age - 50) + stage", marks=pytest.mark.slow),
        pytest.param("ill ~ C(stage)*sex + I(age / 10)", marks=pytest.mark.slow),
    ],
)
def test_logistic_models_of_shared_rows(formula):
    f = patients()
    f.loc[f.index[::20], "stage"] = None
    found = logit(formula, f)
    assert isinstance(found, dict), found
    fit = smf.logit(formula, f.assign(ill=f.ill * 1.0, smoker=f.smoker * 1.0)).fit(disp=0)
    assert sorted(found["terms"]) == sorted(fit.params.index)
    of = pd.DataFrame({k: found[k] for k in ("coefficient", "standard_error")}, index=found["terms"])
    of = of.loc[fit.params.index]
    assert (abs(of.coefficient - fit.params) < 1e-4 * fit.bse).all()
    np.testing.assert_allclose(of.standard_error, fit.bse, rtol=1e-4)


@pytest.mark.slow
def test_few_rows_at_a_level_suppress_logistic_models():
    f = patients()
    few = f[(f.stage != "III") | (np.arange(len(f)) < 9)]
    assert 0 < (few.stage == "III").sum() < 5
    assert logit("ill ~ age + C(stage)", few) == "suppressed (fewer than 5)"
    few = f[(f.stage != "I") | (np.arange(len(f)) < 9)]
    assert 0 < (few.stage == "I").sum() < 5
    assert logit("ill ~ age + C(stage)", few) == "suppressed (fewer than 5)"
    assert logit("ill ~ age + C(clinic)", patients(few=4)) == "suppressed (fewer than 5)"
    assert isinstance(logit("ill ~ age + C(clinic)", patients(few=60)), dict)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("y ~ agee", "no column 'agee'"),
        ("y ~ C(arm) + center(age)", "center needs the mean of all rows, which is secret"),
        ("y ~ bs(age, df=4)", "quantiles as knots would be secret"),
        ("y ~ bs(age, knots=(60, 40))", "knots must ascend"),
        ("y ~ bs(age, knots=(40,), lower_bound=30)", "declared from 18 to 100"),
        ("y ~ bs(age, knots=(base, 60))", "knots= is no public number"),
        ("y ~ cr(age, df=4)", "there is no function cr"),
        ("y ~ __import__('os').getcwd()", "cannot be read"),
        ("y ~ I(age.__class__)", "this cannot be computed row by row"),
        ("y ~ I(arm + 1)", "arm is a category"),
        ('y ~ C(arm, Treatment("lo"))', "no level 'lo'; there are placebo, low, high"),
        ("y ~ C(arm, Sum)", "the only coding is Treatment"),
        ("y ~ C(age)", "C is of a Category"),
        ("arm ~ age", "the left side arm is a category"),
        ("y ~ age**2", "for a power write I(x**2)"),
        ("y ~ log(age)**2", "for a power write I(x**2)"),
        ("y ~ 0 + age", "a model without a constant is not possible"),
        ("y ~ age - 1", "a model without a constant is not possible"),
        ("y ~ 1", "expected at least one term"),
        ("~ age", "expected one response"),
        ("y + age ~ base", "expected one response"),
        ("y ~ (1 | sex)", "Operator `|` is incorrectly used"),
        ("y ~ I(age / 0)", "a division by 0"),
        ("y ~ I(2)", "this is the same in all rows"),
    ],
)
def test_what_is_refused(formula, why):
    with pytest.raises((ConfigError, ScenarioError)) as error:
        ols(formula, frame(60))
    assert why in str(error.value)


def test_wrong_tables_are_refused():
    f = frame(60)
    with pytest.raises((ConfigError, ScenarioError), match="without share"):
        ols("", f, script=lambda t: st.ols("y ~ age", data=t.share(rows=60)))
    with pytest.raises((ShapeError, ScenarioError), match="data= is for a formula"):
        ols("", f, script=lambda t: st.ols(t.y, t.age, data=t))
    with pytest.raises((ConfigError, ScenarioError), match="must be terms, too"):
        logit("ill ~ smoker:age", patients(60))


def test_formulas_are_read_as_terms_of_factors():
    assert parsed("y ~ a*b") == ("y", [("a",), ("b",), ("a", "b")])
    assert parsed("y ~ (a + b + c)**2 - a:b") == ("y", [("a",), ("b",), ("c",), ("a", "c"), ("b", "c")])
    assert parsed('y ~ C(a, Treatment("x")) + I(b**2)') == ("y", [('C(a, Treatment("x"))',), ("I(b ** 2)",)])


def scenario_of(formula, frames, **how):
    declared = type("Rows", (Table,), dict(COLUMNS)).rows()
    scenario = Scenario(inputs={"rows": declared}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def go(study):
        study.release("m", st.ols(formula, data=study.table("rows"), **how))

    return scenario, {f"o{i}": {"rows": part} for i, part in enumerate(frames)}


@pytest.mark.slow
def test_cost_and_messages_do_not_depend_on_the_rows():
    f = frame()
    runs = []
    for rows in (f[:60], f, f[f.arm != "low"]):
        scenario, tables = scenario_of("y ~ C(arm)*sex + base", split(rows))
        runs.append(simulate(scenario, tables, engine="replicated"))
    assert len({repr(run.cost) for run in runs}) == 1
    assert isinstance(runs[2].releases["m"], str)
    planned = dry_run(Computation(scenario, sorted(tables), engine="replicated"))
    assert planned.cost == runs[0].cost
    assert planned.rounds <= 170 + 16 * 6  # as the docstring says
    assert max(planned.bytes_sent) <= 200_000
