"""Logistic imputation: steps of Newton's method against statsmodels, draws, and completed flags."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from parties.report.kinds import Measures
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.missing.logistic import draw_flag
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 10)"


class Patients(Table):
    age = Real(20, 90)
    sex = Category("f", "m")
    pressure = Real(60, 260)
    smoker = Flag()


def patients(n=300, gone=0.3, seed=1):
    made = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": made.uniform(25, 85, n), "sex": made.choice(["f", "m"], n)})
    smoker = made.random(n) < 1 / (1 + np.exp(0.8 - 0.02 * (frame.age - 50) - 0.8 * (frame.sex == "m")))
    frame["pressure"] = 90 + 0.5 * frame.age + 8 * smoker + made.normal(0, 12, n)
    frame["smoker"] = smoker.astype(object)
    frame.loc[made.permutation(n)[: round(gone * n)], "smoker"] = None
    return frame


def run_of(script, frame, minimum=10, engine="ideal"):
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        await script(study, study.table("patients"))

    names = "abcde" if engine == "shamir" else "abc"
    tables = {name: {"patients": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine)


def studied(frame, steps=5, imputations=2, **options):
    async def script(study, t):
        predictors, model = [t.age, t.sex == "m", t.pressure], None
        for k in range(steps):
            model = await study.release(f"step {k + 1}", st.imputation_model(t.smoker, predictors, model))
        for k, smoker in enumerate(st.multiple_imputation(t.smoker, predictors, model, imputations=imputations)):
            study.release(f"share {k}", smoker.mean())
            study.release(f"imputed {k}", smoker[t.smoker.isna()].mean())
            study.release(f"shared {k}", smoker.share(rows=300).mean())
            study.release(f"rows {k}", smoker.count())

    return run_of(script, frame, **options)


def logit(frame):
    known = frame.dropna()
    design = np.column_stack([known.age, known.sex == "m", known.pressure]).astype(float)
    return sm.Logit(known.smoker.astype(float), sm.add_constant(design)).fit(disp=0, tol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_converge_to_the_model(engine):
    f = patients()
    found, fit = studied(f, engine=engine).releases, logit(f)
    model = found["step 5"]
    Measures.model_validate(model)
    assert model["measures"] == ["intercept", "age", "sex == 'm'", "pressure"]
    np.testing.assert_allclose((model["estimate"] - fit.params) / fit.bse, np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(model["standard_error"], fit.bse, rtol=1e-5)
    np.testing.assert_allclose((model["ci_low"] - fit.conf_int()[0]) / fit.bse, np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(model["p"], fit.pvalues, atol=1e-5)
    assert model["last_step"] < 1e-4 < found["step 2"]["last_step"]
    assert model["observations"] == fit.nobs
    # Level and slopes have information that is apart: the covariance of the coefficients follows.
    errors = np.asarray(model["standard_error"][1:])
    inverse = np.linalg.inv(model["correlations"])
    slopes = inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse))) * np.outer(errors, errors)
    np.testing.assert_allclose(slopes, fit.cov_params().to_numpy()[1:, 1:], rtol=1e-4, atol=1e-9)
    # Of the rows that lack the flag, those with it are drawn by their risks.
    gone = f[f.smoker.isna()]
    risk = fit.predict(sm.add_constant(np.column_stack([gone.age, gone.sex == "m", gone.pressure]).astype(float)))
    for k in range(2):
        assert found[f"rows {k}"] == len(f)
        assert abs(found[f"imputed {k}"] - risk.mean()) < 4 * np.sqrt((risk * (1 - risk)).sum()) / len(gone) + 0.15
        whole = (f.smoker.dropna().sum() + found[f"imputed {k}"] * len(gone)) / len(f)
        assert found[f"share {k}"] == pytest.approx(whole, rel=1e-6)
        assert found[f"shared {k}"] == pytest.approx(found[f"share {k}"], rel=1e-5)


@pytest.mark.slow
def test_coefficients_are_drawn_from_their_normal_approximation():
    f = patients()
    model, fit = studied(f).releases["step 5"], logit(f)
    drawn = [draw_flag(model, 1, k) for k in range(3000)]
    slopes = np.asarray([one.slopes for one in drawn])
    constants = np.asarray([one.level - np.dot(one.slopes, one.centre) for one in drawn])
    each = (np.column_stack([constants, slopes]) - fit.params.to_numpy()) / fit.bse.to_numpy()
    for column in each.T:
        assert stats.kstest(column, "norm").pvalue > 0.001
    known = fit.cov_params().to_numpy() / np.outer(fit.bse, fit.bse)
    assert np.abs(np.cov(each.T) - known).max() < 0.08


def test_a_formula():
    async def script(study, t):
        model = None
        for k in range(4):
            model = await study.release(f"step {k}", st.imputation_model("smoker ~ age + C(sex)", t, model))
        fits = [
            study.release(f"fit {k}", st.ols(t.pressure, [smoker, t.age]))
            for k, smoker in enumerate(st.multiple_imputation("smoker ~ age + C(sex)", t, model, imputations=2))
        ]
        study.release("pooled", st.pool_rubin([await fit for fit in fits]))

    found = run_of(script, patients()).releases
    assert found["step 3"]["measures"] == ["Intercept", "age", "C(sex)[T.m]"]
    assert found["pooled"]["measures"] == ["intercept", "smoker", "age"]
    assert found["pooled"]["table"]["values"][1][4] > 0.1  # the flag's share of lost information


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(smoker=None), FEW),
        (lambda f: f.assign(smoker=f.smoker.where(f.smoker.isna(), True)), FEW),
        (lambda f: f.iloc[:1], FEW),
        (lambda f: f.iloc[:0], FEW),
        (lambda f: f.assign(age=(f.pressure / 4 + 10).clip(20, 90)), "undefined: predictors nearly collinear"),
        (lambda f: f.assign(pressure=100.0), "undefined: a column"),
    ],
)
def test_words(change, words):
    found = studied(change(patients(gone=0.1)), steps=2).releases
    assert found["step 1"].startswith(words)
    assert found["step 2"].startswith(words)  # words of a step before begin again
    assert found["share 0"] == found["imputed 1"] == found["shared 0"] == FEW


@pytest.mark.parametrize("steps", [3, pytest.param(14, marks=pytest.mark.slow)])
def test_no_imputations_where_the_predictors_separate_the_flag(steps):
    f = patients(gone=0)
    f["smoker"] = (f.age > 55).astype(object)
    f.loc[f.index[:80], "smoker"] = None
    f["age"] = f.age + 4 * (f.age > 55) - 4
    found = studied(f, steps=steps).releases
    last = found[f"step {steps}"]
    assert last.startswith("undefined") if isinstance(last, str) else last["last_step"] > 0.1
    assert found["share 0"] == found["imputed 1"] == found["shared 0"] == FEW


def test_no_imputations_before_the_steps_converge():
    found = studied(patients(), steps=2).releases
    assert found["step 2"]["last_step"] > 1e-3
    assert found["share 0"] == found["imputed 1"] == found["shared 0"] == FEW


def test_what_is_refused():
    async def only(study, t, what):
        study.release("x", what(t))

    def made(what):
        run_of(lambda study, t: only(study, t, what), patients())

    with pytest.raises(ShapeError, match="sex is a category; a column of numbers or a flag"):
        made(lambda t: st.imputation_model(t.sex, [t.age]))
    with pytest.raises(ConfigError, match="the awaited release of the step before"):
        made(lambda t: st.imputation_model(t.smoker, [t.age], st.imputation_model(t.smoker, [t.age])))
    with pytest.raises(ConfigError, match="a number: its model needs no steps"):
        made(lambda t: st.imputation_model(t.age, [t.pressure], {"level": 1.0}))
    with pytest.raises(ConfigError, match="the awaited release of the imputation model"):
        made(lambda t: st.multiple_imputation(t.smoker, [t.age], {"residual_df": 3}))


@pytest.mark.slow
def test_messages_and_cost():
    def of(frame, steps):
        return studied(frame, steps=steps, engine="replicated")

    f = patients()
    first = of(f, 1)
    assert first.cost.rounds <= 220
    other = f.assign(age=f.age.where(f.smoker.notna(), 55.0))  # the complete rows, and so the model, are the same
    assert by_operation(first.network.messages) == by_operation(of(other, 1).network.messages)
