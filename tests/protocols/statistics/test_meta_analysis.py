"""Estimates of organizations, pooled in secret, against statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.stats.meta_analysis import combine_effects

from mpc import Real, Scenario, Table
from mpc.errors import RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate

#: Log odds ratios and their standard errors.
EFFECTS = np.array([0.10, 0.62, -0.21, 0.95, 0.33, 0.41])
ERRORS = np.array([0.12, 0.25, 0.31, 0.20, 0.08, 0.55])


class Estimates(Table):
    estimate = Real(-5, 5)
    standard_error = Real(0, 2)


def pooled(effects, errors, engine="ideal", minimum=3, rows=1, parties=3, **options):
    scenario = Scenario(inputs={"e": Estimates.rows(at_most=rows)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("e").share(rows=rows)
        study.release("pooled", st.meta_analysis(table.estimate, table.standard_error, **options))

    frame = pd.DataFrame({"estimate": effects, "standard_error": errors}, dtype=float)
    owners = -(-len(frame) // rows)
    tables = {f"o{i:02}": {"e": frame.iloc[i * rows : (i + 1) * rows]} for i in range(owners)}
    compute = sorted(tables)[:parties] if engine != "ideal" else None
    return simulate(scenario, tables, engine=engine, compute=compute)


def by_name(found, name):
    place = found["measures"].index(name)
    return {key: values[place] for key, values in found.items() if key != "measures"}


def assert_as_statsmodels(found, model, effects, errors):
    with np.errstate(invalid="ignore"):
        theirs = combine_effects(effects, errors**2, method_re="chi2")
    mean, error = theirs.mean_effect_fe, theirs.sd_eff_w_fe
    if model == "random" and theirs.tau2 > 0:  # statsmodels goes on with a negative variance
        mean, error = theirs.mean_effect_re, theirs.sd_eff_w_re
    effect = by_name(found, f"pooled effect, {model}")
    assert effect["estimate"] == pytest.approx(mean, abs=1e-5 * error)
    assert by_name(found, "standard error")["estimate"] == pytest.approx(error, rel=1e-5)
    assert effect["ci_low"] == pytest.approx(mean - 1.959963984540054 * error, abs=1e-4 * error)
    # z has the relative error of the standard error, and the error of the effect in standard errors.
    assert effect["statistic"] == pytest.approx(mean / error, rel=2e-5, abs=1e-4)
    assert effect["p"] == pytest.approx(2 * stats.norm.sf(abs(mean / error)), abs=1e-4)
    test = by_name(found, "heterogeneity (Q)")
    df = len(effects) - 1
    assert test["statistic"] == pytest.approx(theirs.q, rel=1e-4, abs=1e-5)
    assert test["p"] == pytest.approx(stats.chi2.sf(theirs.q, df), abs=1e-4)
    assert by_name(found, "I squared")["estimate"] == pytest.approx(max(0, 1 - df / theirs.q), abs=1e-4)
    if model == "random":
        tau2 = by_name(found, "tau squared")["estimate"]
        assert tau2 == pytest.approx(max(theirs.tau2, 0), rel=2e-4, abs=1e-7)
        other = by_name(found, "a new organization's effect")
        reach = stats.t.ppf(0.975, df - 1) * np.sqrt(max(theirs.tau2, 0) + error**2)
        assert other["ci_high"] == pytest.approx(mean + reach, rel=1e-3)


@pytest.mark.parametrize("model", ["fixed", "random"])
def test_as_statsmodels(model):
    found = pooled(EFFECTS, ERRORS, model=model).releases["pooled"]
    assert_as_statsmodels(found, model, EFFECTS, ERRORS)


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "parties"), [("replicated", 3), ("shamir", 5)])
def test_engines(engine, parties):
    found = pooled(EFFECTS, ERRORS, engine, parties=parties).releases["pooled"]
    assert_as_statsmodels(found, "random", EFFECTS, ERRORS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_hard_cases(seed):
    """Few and many estimates, standard errors up to 60 times apart, much and no heterogeneity."""
    random = np.random.default_rng(seed)
    k = [4, 7, 30, 50][seed % 4]
    errors = np.exp(random.uniform(np.log(0.03), np.log([0.05, 0.4, 1.8][seed % 3]), k))
    effects = random.normal(1, [0, 0.1, 0.8][seed // 4], k) + random.normal(0, 1, k) * errors
    for model in ("fixed", "random"):
        found = pooled(effects, errors, minimum=1, model=model).releases["pooled"]
        assert_as_statsmodels(found, model, effects, errors)


def reml(effects, errors):
    """tau squared that maximises the restricted likelihood."""

    def minus(tau2):
        w = 1 / (errors**2 + tau2)
        mean = (w * effects).sum() / w.sum()
        return (np.log(errors**2 + tau2).sum() + np.log(w.sum()) + (w * (effects - mean) ** 2).sum()) / 2

    found = optimize.minimize_scalar(
        lambda x: minus(x * x), bounds=(0, 4 * np.std(effects) + 1), method="bounded", options={"xatol": 1e-12}
    )
    return 0.0 if minus(0) <= found.fun else found.x**2


def assert_as_reml(effects, errors, **options):
    found = pooled(effects, errors, method="REML", minimum=1, **options).releases["pooled"]
    assert not isinstance(found, str), found
    tau2 = reml(effects, errors)
    w = 1 / (errors**2 + tau2)
    error = w.sum() ** -0.5
    assert by_name(found, "tau squared")["estimate"] == pytest.approx(tau2, rel=2e-4, abs=1e-4 * errors.min() ** 2)
    mean = by_name(found, "pooled effect, random")["estimate"]
    assert mean == pytest.approx((w * effects).sum() / w.sum(), abs=1e-4 * error)
    assert by_name(found, "standard error")["estimate"] == pytest.approx(error, rel=1e-4)


@pytest.mark.slow
def test_reml():
    assert_as_reml(EFFECTS, ERRORS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(k, marks=[pytest.mark.exhaustive] * (k > 3)) for k in range(10)])
def test_reml_of_hard_cases(seed):
    random = np.random.default_rng(seed)
    k = [5, 12, 30][seed % 3]
    errors = np.exp(random.uniform(np.log(0.05), np.log([0.1, 0.9][seed % 2]), k))
    effects = random.normal(1, [0, 0.1, 0.8][seed // 4], k) + random.normal(0, 1, k) * errors
    assert_as_reml(effects, errors, steps=20)


def test_equal_estimates_have_no_heterogeneity():
    found = pooled([0.5] * 5, [0.25] * 5).releases["pooled"]
    assert by_name(found, "pooled effect, random")["estimate"] == pytest.approx(0.5, abs=1e-6)
    assert by_name(found, "heterogeneity (Q)")["p"] == pytest.approx(1)
    assert by_name(found, "tau squared")["estimate"] == pytest.approx(0, abs=1e-9)


def test_what_lacks_a_number_is_left_out():
    effects, errors = np.append(EFFECTS, [np.nan, 3.0]), np.append(ERRORS, [0.01, np.nan])
    found = pooled(effects, errors).releases["pooled"]
    assert_as_statsmodels(found, "random", EFFECTS, ERRORS)


@pytest.mark.parametrize(
    ("effects", "errors", "words"),
    [
        ([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.0, 0.3], "undefined: a standard error is 0"),
        ([0.1, 0.2, 0.3, 0.4], [0.01, 0.2, 0.1, 0.9], "undefined: a standard error is more than 64 times"),
        ([-4.0, 4.0, 0.3, 0.4], [0.005] * 4, "undefined: an estimate is more than 500"),
        ([0.1, 0.2, 0.3], [0.1] * 3, "undefined: fewer than 4 estimates"),
        ([np.nan] * 4, [0.1] * 4, "undefined: fewer than 4 estimates"),
    ],
)
def test_words(effects, errors, words):
    found = pooled(effects, errors, minimum=1).releases["pooled"]
    assert isinstance(found, str)
    assert found.startswith((words, "suppressed"))


def test_suppressed():
    """Two less than all estimates must be enough, and so must those of the other organizations."""
    assert pooled(EFFECTS, ERRORS, minimum=4).releases["pooled"] != "suppressed (fewer than 4)"
    assert pooled(EFFECTS, ERRORS, minimum=5).releases["pooled"] == "suppressed (fewer than 5)"
    assert pooled(EFFECTS, ERRORS, minimum=3, rows=4).releases["pooled"] == "suppressed (fewer than 3)"


def test_arguments():
    with pytest.raises(ShapeError, match="model="):
        pooled(EFFECTS, ERRORS, model="mixed")
    with pytest.raises(RangeError, match="at most 64"):
        pooled(EFFECTS, ERRORS, rows=65)


@pytest.mark.slow
def test_costs():
    run = pooled(EFFECTS, ERRORS, "replicated")
    assert run.cost.rounds < 400
    assert max(run.cost.bytes_sent) < 40_000


@pytest.mark.slow
def test_messages_do_not_depend_on_estimates():
    lacking = np.where(np.arange(6) < 2, np.nan, 0.5)
    runs = [pooled(EFFECTS, ERRORS, "replicated"), pooled(lacking, ERRORS[::-1], "replicated", minimum=3)]
    first, second = (sorted(message[:4] for message in run.network.messages) for run in runs)
    assert first == second
    assert runs[0].cost == runs[1].cost
