"""Correlations and least squares against pandas and statsmodels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.datasets import load_breast_cancer

from mpc.errors import ShapeError
from protocols import statistics as st
from tests.support.engines import ENGINES, ENGINES_SLOW
from tests.support.marks import exhaustive, slow
from tests.support.tables import releases, split, table

COLLINEAR = "undefined: predictors nearly collinear"
FEW = "undefined: not more rows than coefficients"
LITTLE = "undefined: a column varies too little for its declared range, or not at all"
GOOD = "undefined: R squared above 0.999999, more digits than this computation has"


def rng_of(seed):
    return np.random.default_rng(seed)


# ---- correlations
def correlated(f, ranges, engine="ideal", **how):
    found = releases(lambda t: {"r": t[list(f)].corr()}, ranges, split(f), engine=engine, **how)["r"]
    if isinstance(found, str):
        return found
    assert found["labels"] == list(f)
    return found["values"]


@pytest.mark.parametrize("engine", ENGINES)
def test_correlations(engine):
    rng = rng_of(1)
    f = pd.DataFrame(rng.normal(5, 1, (200, 4)) @ rng.normal(0, 1, (4, 4)), columns=list("abcd")).clip(-40, 40)
    f["again"], f["opposite"] = f.a, -f.a
    found = correlated(f, dict.fromkeys(f, (-40, 40)), engine)
    np.testing.assert_allclose(found, f.corr(), atol=2.0**-23)
    assert np.array_equal(found, np.transpose(found))  # to the last bit
    assert found[0][4] == pytest.approx(1, abs=2.0**-23)
    assert found[0][5] == pytest.approx(-1, abs=2.0**-23)
    assert np.abs(found).max() <= 1


@pytest.mark.parametrize("wide", [1, 100, 10_000])
def test_correlations_with_ranges_too_wide(wide):
    rng = rng_of(2)
    f = pd.DataFrame(rng.normal(14, 3, (569, 2)).clip(0, 40), columns=["a", "b"])
    f["c"] = (f.a + rng.normal(0, 2, 569)).clip(0, 40)
    found = correlated(f, dict.fromkeys(f, (0, 40 * wide)))
    np.testing.assert_allclose(found, f.corr(), atol=1e-6)


def test_correlations_are_of_complete_rows():
    rng = rng_of(3)
    f = pd.DataFrame(rng.uniform(0, 1, (80, 3)), columns=list("abc"))
    f.loc[:10, "a"] = np.nan
    f.loc[5:30, "b"] = np.nan
    np.testing.assert_allclose(correlated(f, dict.fromkeys(f, (0, 1)), minimum=49), f.dropna().corr(), atol=2.0**-23)
    assert correlated(f, dict.fromkeys(f, (0, 1)), minimum=50)[0][1] == "suppressed (fewer than 50)"


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_correlations_that_are_undefined(engine):
    f = table(a=[1, 2, 3, 5], b=[0.7] * 4, c=[4, 4, 1, 0])
    found = correlated(f, dict.fromkeys(f, (0, 9)), engine)
    why = LITTLE
    assert [found[i][j] for i, j in ((0, 1), (1, 1), (1, 2), (2, 1))] == [why] * 4
    assert found[0][2] == pytest.approx(f.a.corr(f.c), abs=2.0**-23)
    few = "undefined: fewer than two rows"
    assert correlated(f.iloc[:1], dict.fromkeys(f, (0, 9)), engine)[0][0] == few
    assert correlated(table(a=[np.nan] * 5, b=range(5)), dict.fromkeys("ab", (0, 9)), engine)[0][1] == few


def test_correlations_of_two_rows():
    found = correlated(table(a=[1, 2], b=[5, 3]), dict.fromkeys("ab", (0, 9)))
    np.testing.assert_allclose(found, [[1, -1], [-1, 1]], atol=2.0**-23)


# ---- least squares
def fitted(f, ranges, engine="ideal", minimum=1, frames=None):
    predictors = [c for c in f if c != "y"]

    def script(t):
        return {"fit": st.ols(t.y, [t[c] for c in predictors])}

    ranges = {c: ranges[c] for c in f}
    return releases(script, ranges, frames or split(f), engine=engine, minimum=minimum)["fit"]


def ranges_of(f, wide=1.0):
    """Somewhat wider than the values, or `wide` times that."""
    span = {c: f[c].max() - f[c].min() for c in f}
    return {c: (f[c].min() - span[c] * (0.3 * wide), f[c].max() + span[c] * (0.4 * wide)) for c in f}


def assert_fitted(found, f, *, intercept=True):
    """The documented errors: 1e-5 of standard errors, coefficients within 2^-19 sqrt(rows / (1 - R^2)) of them."""
    f = f.dropna()
    predictors = [c for c in f if c != "y"]
    expected = sm.OLS(f.y, sm.add_constant(f[predictors])).fit()
    assert isinstance(found, dict), found
    assert found["terms"] == ["intercept", *predictors]
    assert (found["observations"], found["residual_df"]) == (len(f), expected.df_resid)
    assert abs(found["r_squared"] - expected.rsquared) <= 2.0**-34 + 2.0**-23 * (1 - expected.rsquared)
    reach = 2.0**-19 * np.sqrt(len(f) / (1 - expected.rsquared))
    fine = 1e-5 + 2.0**-35 / (1 - expected.rsquared)
    first = 0 if intercept else 1
    error = expected.bse.to_numpy()
    ci = expected.conf_int().to_numpy()
    for name, values, tolerance in (
        ("standard_error", error, fine * error),
        ("coefficient", expected.params, reach * error + 2.0**-26 * abs(expected.params.to_numpy())),
        ("t", expected.tvalues, reach + fine * abs(expected.tvalues.to_numpy())),
        ("p", expected.pvalues, reach),
        ("ci_low", ci[:, 0], reach * error + fine * np.abs(ci).max(1)),
        ("ci_high", ci[:, 1], reach * error + fine * np.abs(ci).max(1)),
    ):
        difference = np.abs(np.asarray(found[name][first:], np.float64) - np.asarray(values)[first:])
        assert (difference <= np.asarray(tolerance)[first:] if np.ndim(tolerance) else difference <= tolerance).all(), (
            name,
            difference,
        )


def cancer():
    data = load_breast_cancer(as_frame=True).frame
    names = ["radius", "texture", "smoothness", "concavity", "symmetry", "fractal_dimension", "perimeter", "area"]
    f = pd.DataFrame({n: data["mean " + n.replace("_", " ")] for n in names})
    ranges = dict(
        zip(names, [(0, 50), (0, 60), (0, 0.5), (0, 1), (0, 0.5), (0, 0.2), (0, 300), (0, 5000)], strict=True)
    )
    return f.assign(y=1.0 - data.target), ranges | {"y": (0, 1)}


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("wide", [1, 100])
def test_mild_predictors_of_breast_cancer(engine, wide):
    f, ranges = cancer()
    f = f.drop(columns=["perimeter", "area"])
    found = fitted(f, {c: (low, high * wide) for c, (low, high) in ranges.items() if c in f}, engine)
    assert_fitted(found, f)
    expected = sm.OLS(f.y, sm.add_constant(f.drop(columns="y"))).fit()
    np.testing.assert_allclose(found["standard_error"], expected.bse, rtol=1e-5)
    assert (np.abs(found["coefficient"] - expected.params) <= 1e-4 * expected.bse).all()


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_radius_perimeter_and_area_together_are_collinear(engine):
    f, ranges = cancer()
    assert fitted(f, ranges, engine) == COLLINEAR
    assert fitted(f[["area", "radius", "perimeter", "y"]], ranges, engine) == COLLINEAR


def design(seed, rows, predictors, shared, noise):
    """Predictors with a common factor: their variance inflation grows with `shared`."""
    rng = rng_of(seed)
    common = rng.normal(size=(rows, 1))
    x = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(rows, predictors))
    x = x * np.exp(rng.normal(0, 2, predictors)) + rng.normal(0, 5, predictors)
    f = pd.DataFrame(x, columns=[f"x{j}" for j in range(predictors)])
    f["y"] = (
        ((f - f.mean()) / f.std()) @ rng.normal(size=predictors) + noise * rng.normal(size=rows) + rng.normal(0, 50)
    )
    return f


QUICK = [(0, 12), (0.5, 2), (0.5, 6), (0.9, 1), (0.97, 12)]


@pytest.mark.parametrize(
    ("shared", "predictors"),
    [
        pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow)
        for case in product([0, 0.5, 0.9, 0.97], [1, 2, 6, 12])
    ],
)
def test_random_designs(predictors, shared):
    for rows, noise in ((40, 1.0), (600, 0.4), (5000, 8.0)):
        f = design(rows + predictors, rows, predictors, shared, noise)
        assert_fitted(fitted(f, ranges_of(f)), f)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(15), *exhaustive(*range(15, 60))])
def test_more_random_designs(seed):
    rng = rng_of(1000 + seed)
    rows, predictors = int(np.exp(rng.uniform(3.5, 10))), int(rng.integers(1, 17))
    f = design(seed, rows, predictors, rng.choice([0, 0.8, 0.95, 0.98]), np.exp(rng.uniform(-1, 3)))
    correlation = f.drop(columns="y").corr().to_numpy()
    inflated = np.diag(np.linalg.inv(correlation)).max()
    found = fitted(f, ranges_of(f, rng.choice([1, 10, 100])), rng.choice(["ideal", "replicated"]))
    if inflated > 100 and isinstance(found, str):
        assert found == COLLINEAR
        return
    assert_fitted(found, f)


@pytest.mark.parametrize("predictors", [1, *slow(12), 16])
def test_random_designs_on_shares(predictors):
    f = design(predictors, 300, predictors, 0.9, 1.0)
    assert_fitted(fitted(f, ranges_of(f), "replicated"), f)


def test_variance_inflation_around_its_limit():
    """Up to 100 it is computed, above 150 it is refused; between, either."""
    rng = rng_of(9)
    a, b, e = rng.normal(size=(3, 400))
    for inflation in (50, 90, 100, 128, 150, 1000, 1e6):
        f = pd.DataFrame({"a": a, "b": a + b * np.sqrt(1 / inflation), "y": a + b + e})
        true = 1 / (1 - f.a.corr(f.b) ** 2)
        found = fitted(f, ranges_of(f))
        if true > 140:
            assert found == COLLINEAR
        elif true < 110 or found != COLLINEAR:
            assert_fitted(found, f)


@pytest.mark.parametrize(
    "engine", ["ideal", *(pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir"))]
)
def test_fits_that_are_undefined(engine):
    rng = rng_of(10)
    a, b, e = rng.uniform(0, 9, (3, 60))
    columns = {"a": (0, 9), "b": (0, 9), "y": (0, 99)}
    assert fitted(table(a=a, y=2 * a + 1), columns, engine) == GOOD
    assert fitted(table(a=a, b=np.full(60, 3.3), y=a + e), columns, engine) == LITTLE
    assert fitted(table(a=a, b=b, y=np.full(60, 0.7)), columns, engine) == LITTLE
    assert fitted(table(a=a, b=a, y=a + e), columns, engine) == COLLINEAR
    assert fitted(table(a=a, b=9 - a, y=a + e), columns, engine) == COLLINEAR
    for rows in (0, 1, 2, 3):
        assert fitted(table(a=a, b=b, y=e).iloc[:rows], columns, engine) == FEW
    four = table(a=a, b=b, y=e).iloc[:4]
    assert_fitted(fitted(four, columns, engine), four)


#: A calibration at several laboratories: NIST's StRD "Norris" (lower difficulty), and its certified values.
NORRIS_Y = (
    "0.1 338.8 118.1 888 9.2 228.1 668.5 998.5 449.1 778.9 559.2 0.3 0.1 778.1 668.8 339.3 448.9 10.8 557.7 228.3 998 "
    "888.8 119.6 0.3 0.6 557.6 339.3 888 998.5 778.9 10.2 117.6 228.9 668.4 449.2 0.2"
)
NORRIS_X = (
    "0.2 337.4 118.2 884.6 10.1 226.5 666.3 996.3 448.6 777 558.2 0.4 0.6 775.5 666.9 338 447.5 11.6 556 228.1 995.8 "
    "887.6 120.2 0.3 0.3 556.8 339.1 887.2 999 779 11.1 118.3 229.2 669.1 448.9 0.5"
)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("high", [1000, 1e5])
def test_a_calibration(engine, high):
    f = pd.DataFrame({"x": np.float64(NORRIS_X.split()), "y": np.float64(NORRIS_Y.split())})
    found = fitted(f, {"x": (0, high), "y": (0, high)}, engine)
    assert_fitted(found, f)
    assert found["coefficient"] == pytest.approx([-0.262323073774029, 1.00211681802045], abs=2e-4)
    assert found["standard_error"] == pytest.approx([0.232818234301152, 0.429796848199937e-3], rel=2e-5)
    assert found["r_squared"] == pytest.approx(0.999993745883712, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_fits_from_fair_to_nearly_exact(engine):
    """With their errors, or refused for a reason that is true; never refused where R squared is below 0.999996."""
    rng = rng_of(21)
    a, b, e = rng.normal(size=(3, 200))
    for noise in 10.0 ** -np.arange(0.5, 5, 0.25):
        f = pd.DataFrame({"a": a, "b": b, "y": a - 2 * b + noise * e})
        r_squared = sm.OLS(f.y, sm.add_constant(f[["a", "b"]])).fit().rsquared
        found = fitted(f, ranges_of(f), engine)
        if found == GOOD:
            assert r_squared > 0.999996
        else:
            assert r_squared < 0.9999998
            assert_fitted(found, f)


def test_polynomials_of_one_column():
    """NIST's Pontius fits better than the digits reach; R's `women` and its square are nearly collinear."""
    rng = rng_of(22)
    load = np.repeat(np.linspace(150_000, 3_000_000, 20), 2)
    f = pd.DataFrame({"x": load, "square": load**2})
    f["y"] = 0.673565789e-3 + 0.732059160e-6 * load - 0.316081871e-14 * load**2 + rng.normal(0, 0.000205, 40)
    assert fitted(f, {"x": (0, 4e6), "square": (0, 1e13), "y": (0, 3)}) == GOOD
    height = np.arange(58.0, 73)
    weight = np.float64(
        ["115", "117", "120", "123", "126", "129", "132", "135", "139", "142", "146", "150", "154", "159", "164"]
    )
    women = pd.DataFrame({"height": height, "square": height**2, "y": weight})
    assert fitted(women, {"height": (0, 100), "square": (0, 1e4), "y": (0, 300)}) == COLLINEAR
    centred = women.assign(height=height - 65, square=(height - 65) ** 2)
    assert_fitted(fitted(centred, {"height": (-35, 35), "square": (0, 1225), "y": (0, 300)}), centred)


def test_rows_with_missing_values_are_left_out_and_few_rows_suppressed():
    rng = rng_of(11)
    f = pd.DataFrame(rng.uniform(0, 9, (90, 3)), columns=["a", "b", "y"])
    f.loc[:9, "a"], f.loc[5:29, "b"], f.loc[80:, "y"] = np.nan, np.nan, np.nan
    found = fitted(f, dict.fromkeys(f, (0, 9)), minimum=47)  # and three coefficients
    assert_fitted(found, f)
    assert found["observations"] == 50
    assert fitted(f, dict.fromkeys(f, (0, 9)), minimum=48) == "suppressed (fewer than 48)"


# ---- the constant term
@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize(
    ("values", "limits"),
    [
        (lambda rng: rng.integers(1950, 2020, 569) * 1.0, (1900, 2100)),
        (lambda rng: 1.6e9 + rng.uniform(0, 86400, 569), (1.6e9, 1.6e9 + 86400)),
        (lambda rng: rng.uniform(1.5e9, 1.7e9, 569), (0, 2e9)),
        (lambda rng: rng.normal(0, 1, 569).clip(-9, 9), (-9, 9)),
        (lambda rng: rng.normal(0, 1, 569).clip(-9, 9), (-900, 900)),
        (lambda rng: rng.uniform(0, 1e-6, 569), (0, 1e-6)),
        (lambda rng: -rng.uniform(300, 310, 569), (-400, 0)),
        (lambda rng: (rng.random(569) < 0.05) * 1.0, (0, 1)),
    ],
)
def test_intercepts_far_from_the_data(engine, values, limits):
    rng = rng_of(12)
    x = values(rng)
    f = table(x=x, a=rng.normal(14, 3, 569).clip(0, 50), y=(x - x.mean()) / x.std())
    f["y"] += f.a / 3 + rng.normal(0, 1, 569)
    assert_fitted(fitted(f, {"x": limits, "a": (0, 50), "y": (-30, 50)}, engine), f)


def test_an_intercept_of_zero_and_a_large_one():
    rng = rng_of(13)
    a = rng.normal(0, 1, 300)
    a -= a.mean()
    y = a + rng.normal(0, 1, 300)
    assert_fitted(fitted(table(a=a, y=y - y.mean()), {"a": (-9, 9), "y": (-9, 9)}), table(a=a, y=y - y.mean()))
    f = table(a=a, y=1000 + y)
    assert_fitted(fitted(f, {"a": (-9, 9), "y": (980, 1020)}), f)
    # So far from 0 that a float's digits in standard errors are fewer: relative 2^-26 instead.
    f = table(a=a, y=1e6 + y)
    found, expected = fitted(f, {"a": (-9, 9), "y": (1e6 - 20, 1e6 + 20)}), 1e6 + y.mean()
    assert found["coefficient"][0] == pytest.approx(expected, rel=2.0**-26)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_an_intercept_without_digits_is_undefined_and_nothing_else_is(engine):
    rng = rng_of(14)
    x, e = rng.uniform(0, 1, (2, 200))
    near = table(x=x, y=x + e)
    found = fitted(table(x=1e9 + x, y=x + e), {"x": (1e9, 1e9 + 1), "y": (0, 2)}, engine)
    why = found["coefficient"][0]
    assert why.startswith("undefined: a predictor's mean is too far from 0")
    assert all(found[key][0] == why for key in ("standard_error", "t", "p", "ci_low", "ci_high"))
    assert_fitted(found, near, intercept=False)
    found = fitted(table(x=1e6 + x / 1000, y=x + e), {"x": (1e6 - 1, 1e6 + 1), "y": (0, 2)}, engine)
    assert found["coefficient"][0] == why
    np.testing.assert_allclose(
        found["standard_error"][1], fitted(near, {"x": (0, 1), "y": (0, 2)})["standard_error"][1] * 1000, rtol=1e-4
    )


def test_how_many_predictors_there_may_be():
    f = design(1, 60, 17, 0, 1.0)
    with pytest.raises(ShapeError, match="expected 1 to 16 predictors, got 17"):
        fitted(f, ranges_of(f))
    with pytest.raises(ShapeError, match="got 0"):
        fitted(f[["y"]], ranges_of(f))
