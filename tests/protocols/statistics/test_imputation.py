"""Multiple imputation: against the same imputations in the clear, and against what is known of its distribution."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mpc import Category, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from mpc.machine.digest import digest
from mpc.machine.simulation import simulated_keys
from mpc.tables.noise import DRAW, FARTHEST, Noise, Noises
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.missing.draws import draw
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 10)"


class Patients(Table):
    person = Key()
    age = Real(20, 90)
    sex = Category("f", "m")
    smoker = Flag()
    visits = Integer(0, 40)
    weight = Real(30, 200)
    pressure = Real(60, 260)


def patients(n=240, gone=0.3, seed=1):
    made = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": made.uniform(25, 85, n), "sex": made.choice(["f", "m"], n)})
    frame["smoker"] = made.random(n) < 0.4
    frame["weight"] = 55 + 0.1 * frame.age + 12 * (frame.sex == "m") + made.normal(0, 8, n)
    frame["pressure"] = 90 + 0.5 * frame.age + 0.3 * frame.weight + made.normal(0, 12, n)
    frame["visits"] = made.integers(0, 30, n)
    frame["person"] = [str(k) for k in range(n)]
    frame.loc[made.permutation(n)[: round(gone * n)], "weight"] = np.nan
    return frame


def run_of(script, frame, minimum=10, engine="ideal", **options):
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        await script(study, study.table("patients"))

    names = "abcde" if engine == "shamir" else "abc"
    tables = {name: {"patients": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine, **options)


def studied(frame, imputations=2, columns=None, **options):
    """What comes out of the analysis of pressure by weight, age and sex; `columns` gets the completed columns."""

    async def script(study, t):
        predictors = [t.age, t.sex == "m", t.pressure]
        model = await study.release("model", st.imputation_model(t.weight, predictors))
        completed = st.multiple_imputation(t.weight, predictors, model, imputations=imputations)
        fits = [
            study.release(f"imputation {k}", st.ols(t.pressure, [weight, t.age, t.sex == "m"]))
            for k, weight in enumerate(completed, 1)
        ]
        study.release("pooled", st.pool_rubin([await fit for fit in fits]))
        if columns is not None:
            columns[:] = completed

    return run_of(script, frame, **options)


def in_the_clear(expression, frame, owners):
    """The values of a private column at all owners, with the noise that a simulated owner draws."""
    values = np.empty(len(frame))
    for index in range(owners):
        key = np.empty(16, np.uint8)
        simulated_keys(index, owners, 1).private.fill(key, digest(("noise of rows", "patients")), b"key")
        own = frame.iloc[index::owners]
        numbers = {name: own[name].to_numpy(float) for name in ("age", "weight", "pressure", "smoker", "visits")}
        numbers["sex"] = (own.sex == "m").to_numpy(float)
        noises = Noises(key.tobytes())
        batch = {**numbers, DRAW: partial(noises.draw, start=0, rows=len(own))}
        values[index::owners] = expression.evaluate(batch, {})
    return values


@pytest.mark.parametrize("engine", ENGINES)
def test_analyses_are_those_of_the_completed_rows(engine):
    f, columns = patients(), []
    found = studied(f, columns=columns, engine=engine).releases
    known = f.dropna()
    design = sm.add_constant(np.column_stack([known.age, known.sex == "m", known.pressure]).astype(float))
    fit = sm.OLS(known.weight, design).fit()
    model = found["model"]
    np.testing.assert_allclose(model["coefficient"], fit.params, rtol=1e-5)
    np.testing.assert_allclose(model["means"], [*design[:, 1:].mean(0), known.weight.mean()], rtol=1e-7)
    np.testing.assert_allclose(model["correlations"], np.corrcoef(design[:, 1:].T), atol=1e-6)
    estimates, errors = [], []
    for k, column in enumerate(columns, 1):
        completed = in_the_clear(column.expression, f, 5 if engine == "shamir" else 3)
        there = f.weight.notna()
        np.testing.assert_array_equal(completed[there], f.weight[there])
        assert not np.isnan(completed).any()
        design = sm.add_constant(np.column_stack([completed, f.age, f.sex == "m"]).astype(float))
        fit = sm.OLS(f.pressure, design).fit()
        np.testing.assert_allclose(found[f"imputation {k}"]["coefficient"], fit.params, rtol=1e-5)
        np.testing.assert_allclose(found[f"imputation {k}"]["standard_error"], fit.bse, rtol=1e-5)
        estimates.append(fit.params)
        errors.append(fit.bse)
    within, between = np.square(errors).mean(0), np.var(estimates, axis=0, ddof=1)
    pooled = found["pooled"]
    assert pooled["measures"] == ["intercept", "weight", "age", "sex == 'm'"]
    np.testing.assert_allclose(pooled["estimate"], np.mean(estimates, 0), rtol=1e-5)
    error = [row[0] for row in pooled["table"]["values"]]
    np.testing.assert_allclose(error, np.sqrt(within + (1 + 1 / 2) * between), rtol=1e-4)


def model_of(known, predictors, response):
    """The numbers of `imputation_model`, by statsmodels."""
    design = known[predictors].to_numpy(float)
    fit = sm.OLS(known[response], sm.add_constant(design)).fit()
    return {
        "coefficient": fit.params.tolist(),
        "standard_error": fit.bse.tolist(),
        "means": [*design.mean(0), known[response].mean()],
        "correlations": np.corrcoef(design.T).reshape(len(predictors), -1).tolist(),
        "residual_standard_error": float(np.sqrt(fit.scale)),
        "residual_df": int(fit.df_resid),
        "observations": len(known),
    }, fit  # fmt: skip


def test_parameters_are_drawn_from_the_posterior():
    known = patients(80, gone=0)
    model, fit = model_of(known, ["age", "pressure", "visits"], "weight")
    drawn = [draw(model, seed, k) for seed in (1, 2) for k in range(2000)]
    sigma = np.asarray([one.sigma for one in drawn])
    assert stats.kstest(fit.df_resid * fit.scale / sigma**2, stats.chi2(fit.df_resid).cdf).pvalue > 0.001
    slopes = np.asarray([one.slopes for one in drawn])
    intercepts = np.asarray([one.level - np.dot(one.slopes, one.centre) for one in drawn])
    each = np.column_stack([intercepts, slopes])
    # Given sigma, parameters are normal with the covariance of the estimates: t with df degrees of freedom.
    standard = (each - fit.params.to_numpy()) / fit.bse.to_numpy()
    for column in standard.T:
        assert stats.kstest(column, stats.t(fit.df_resid).cdf).pvalue > 0.001
    covariance = np.cov(each.T) * (fit.df_resid - 2) / fit.df_resid
    known = fit.cov_params().to_numpy()
    assert np.abs((covariance - known) / np.sqrt(np.outer(np.diag(known), np.diag(known)))).max() < 0.08
    assert draw(model, 1, 1) == draw(model, 1, 1) != draw(model, 2, 1)


def test_intervals_of_a_mean_cover_it():
    """Values missing by another column: the complete cases are biased, pooled imputations are not."""
    made, inside, biased, lost = np.random.default_rng(7), 0, 0, []
    for trial in range(200):
        x = made.normal(0, 1, 120)
        frame = pd.DataFrame({"x": x, "y": 2 + x + made.normal(0, 1, 120)})
        gone = made.random(120) < 1 / (1 + np.exp(-1.5 * x))
        known = frame[~gone]
        model, _ = model_of(known, ["x"], "y")
        fits = []
        for k in range(10):
            d = draw(model, trial, k)
            imputed = d.level + d.slopes[0] * (x - d.centre[0]) + d.sigma * made.normal(0, 1, 120)
            y = np.where(gone, imputed, frame.y)
            fits.append({"estimate": [y.mean()], "standard_error": [y.std(ddof=1) / np.sqrt(120)]})
        pooled = st.pool_rubin(fits, df=119).finish({})
        inside += pooled["ci_low"][0] < 2 < pooled["ci_high"][0]
        low, high = stats.t.interval(0.95, len(known) - 1, known.y.mean(), known.y.sem())
        biased += low < 2 < high
        lost.append(pooled["table"]["values"][0][4])
    assert 0.9 <= inside / 200 <= 0.985
    assert biased / 200 < 0.4
    assert 0.2 < np.mean(lost) < 0.6


def test_noise():
    noises, other = Noises(bytes(16)), Noises(bytes(15) + b"1")
    normal = noises.draw("normal noise 1", 0, 40_000)
    assert stats.kstest(normal, "norm").pvalue > 0.001
    assert np.abs(normal).max() < FARTHEST
    assert stats.kstest(noises.draw("uniform noise 1", 0, 40_000), "uniform").pvalue > 0.001
    # A row has the same number in batches of any size; owners and names have numbers of their own.
    pieces = [noises.draw("normal noise 1", start, 7_000) for start in range(0, 35_000, 7_000)]
    np.testing.assert_array_equal(np.concatenate(pieces), normal[:35_000])
    for apart in (other.draw("normal noise 1", 0, 40_000), noises.draw("normal noise 2", 0, 40_000)):
        assert abs(np.corrcoef(normal, apart)[0, 1]) < 0.02
    assert noises.draw("normal noise 1", 5, 0).shape == (0,)
    assert Noise("1").columns() == set()


def test_a_row_has_the_same_imputed_value_in_every_reading():
    async def script(study, t):
        model = await study.release("model", st.imputation_model(t.weight, [t.age]))
        first, second = st.multiple_imputation(t.weight, [t.age], model, imputations=2)
        await study.release("mean", first.mean())  # another reading
        study.release("again", (first * 2).mean())
        study.release("shared", first.share(rows=80).mean())
        study.release("other", second.mean())
        study.release("selected", first[t.weight.isna()].mean())

    found = run_of(script, patients()).releases
    assert found["again"] / 2 == pytest.approx(found["mean"], rel=1e-9)
    assert found["shared"] == pytest.approx(found["mean"], rel=1e-6)
    assert found["other"] != pytest.approx(found["mean"], rel=1e-6)
    assert 50 < found["selected"] < 90


@pytest.mark.parametrize("engine", ENGINES)
def test_means_are_pooled_in_secret(engine):
    columns = []

    async def script(study, t):
        model = await study.release("model", st.imputation_model(t.weight, [t.age, t.pressure]))
        columns[:] = st.multiple_imputation(t.weight, [t.age, t.pressure], model, imputations=3)
        study.release("pooled", st.pool_rubin(columns))

    f = patients()
    run = run_of(script, f, engine=engine)
    assert list(run.releases) == ["model", "pooled"]
    whole = [in_the_clear(column.expression, f, 5 if engine == "shamir" else 3) for column in columns]
    fits = [{"estimate": [x.mean()], "standard_error": [x.std(ddof=1) / np.sqrt(240)]} for x in whole]
    known, found = st.pool_rubin(fits, df=239).finish({}), run.releases["pooled"]
    assert found["measures"] == ["weight"]
    for key in ("estimate", "ci_low", "ci_high", "statistic"):
        assert found[key][0] == pytest.approx(known[key][0], rel=1e-5)
    np.testing.assert_allclose(found["table"]["values"], known["table"]["values"], rtol=1e-4)


def test_secret_pooling_of_few_rows_is_suppressed():
    async def script(study, t):
        model = await study.release("model", st.imputation_model(t.weight, [t.age]))
        study.release("pooled", st.pool_rubin(st.multiple_imputation(t.weight, [t.age], model, imputations=2)))
        with pytest.raises(ShapeError, match="and not both"):
            st.pool_rubin([t.weight, {"estimate": [1.0], "standard_error": [0.1]}])

    assert run_of(script, patients(gone=3 / 240)).releases["pooled"] == FEW
    assert run_of(script, patients(gone=1)).releases["pooled"] == FEW


def test_formulas_whole_numbers_and_flags():
    f = patients().assign(visits=lambda f: f.visits.where(np.arange(len(f)) % 4 > 0).astype("Int64"))

    async def script(study, t):
        formula = "visits ~ C(sex) + age + smoker"
        model = await study.release("model", st.imputation_model(formula, t))
        for k, visits in enumerate(st.multiple_imputation(formula, t, model, imputations=2)):
            study.release(f"visits {k}", visits.mean())
            study.release(f"rows {k}", visits.count())

    found = run_of(script, f).releases
    assert found["model"]["terms"] == ["Intercept", "C(sex)[T.m]", "age", "smoker"]
    assert found["rows 1"] == len(f)
    assert found["visits 0"] != found["visits 1"]
    assert abs(found["visits 0"] - f.visits.mean()) < 2


def test_rows_without_a_predictor_stay_missing():
    f = patients()
    f.loc[f.index[:60], "age"] = np.nan

    async def script(study, t):
        model = await study.release("model", st.imputation_model(t.weight, [t.age]))
        for weight in st.multiple_imputation(t.weight, [t.age], model, imputations=2)[:1]:
            study.release("rows", weight.count())

    assert run_of(script, f, minimum=2).releases["rows"] == (f.weight.notna() | f.age.notna()).sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(weight=np.nan), FEW),
        (lambda f: f.assign(weight=f.weight.where(np.arange(len(f)) < 8)), FEW),
        (lambda f: f.assign(weight=f.weight.where(f.weight.isna(), 70.0)), "undefined: a column"),
        (lambda f: f.assign(age=(f.pressure / 4 + 10).clip(20, 90)), "undefined: predictors nearly collinear"),
        (lambda f: f.iloc[:1], FEW),
        (lambda f: f.iloc[:0], FEW),
    ],
)
def test_words_of_the_model_are_words_of_the_result(change, words):
    found = studied(change(patients(gone=0.1))).releases
    assert found["model"].startswith(words)
    # What was planned is released, of no rows.
    assert found["imputation 1"] == found["imputation 2"] == found["pooled"] == FEW


def test_few_rows_to_impute_are_suppressed():
    found = studied(patients(gone=3 / 240)).releases
    assert isinstance(found["model"], dict)
    assert found["imputation 1"] == found["pooled"] == FEW
    # Without rows to impute, all analyses are that of the rows.
    found = studied(patients(gone=0)).releases
    assert found["imputation 1"]["coefficient"] == pytest.approx(found["imputation 2"]["coefficient"])
    assert found["pooled"]["table"]["values"][1][3] == pytest.approx(0, abs=1e-6)


def test_what_is_refused():
    async def only(study, t, what):
        model = await study.release("model", st.imputation_model(t.weight, [t.age]))
        what(study, t, model)

    def made(what):
        run_of(lambda study, t: only(study, t, what), patients())

    many = st.multiple_imputation
    with pytest.raises(ShapeError, match="sex is a category; a column of numbers"):
        made(lambda s, t, model: st.imputation_model(t.sex, [t.age]))
    with pytest.raises(ConfigError, match="expected a number from 2 to 200"):
        made(lambda s, t, model: many(t.weight, [t.age], model, imputations=1))
    with pytest.raises(ConfigError, match=r"seed=1\.5; expected a whole number"):
        made(lambda s, t, model: many(t.weight, [t.age], model, seed=1.5))
    with pytest.raises(ConfigError, match="the model has the predictors age, not pressure"):
        made(lambda s, t, model: many(t.weight, [t.pressure], model))
    with pytest.raises(ConfigError, match="the awaited release of the imputation model"):
        made(lambda s, t, model: many(t.weight, [t.age], st.imputation_model(t.weight, [t.age])))
    with pytest.raises(ShapeError, match="weight is imputed: rows with imputed values stay as they are"):
        made(
            lambda s, t, model: (
                t.assign(weight=many(t.weight, [t.age], model)[0])
                .group_by("person", at="owner")
                .agg(weight=("weight", "mean"))
            )
        )


@pytest.mark.slow
def test_messages_do_not_depend_on_what_is_imputed():
    """The model is released, and what follows is scheduled by its numbers: of the same complete rows it is the same."""

    def of(frame):
        return by_operation(studied(frame, imputations=2, engine="replicated").network.messages)

    f = patients()
    other = f.assign(age=f.age.where(f.weight.notna(), 55.0))
    assert of(f) == of(other)


@pytest.mark.slow
def test_cost():
    two, four = (studied(patients(), imputations=m, engine="replicated").cost for m in (2, 4))
    # Analyses that are awaited after all are scheduled share their rounds, but for those of opening each.
    assert max(two.rounds, four.rounds) <= 500
    assert four.rounds <= two.rounds + 40
    assert max(four.bytes_sent) - max(two.bytes_sent) < 90_000
