"""Rubin's rules: against their formulas, and against statsmodels' MICE."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.imputation.mice import MICE, MICEData

from mpc.errors import ConfigError
from parties.report.kinds import Measures
from protocols import statistics as st


def pooled(fits, **options):
    result = st.pool_rubin(fits, **options)
    assert result.kind == "measures"
    assert not result.parts
    value = result.finish({})
    if not isinstance(value, str):
        Measures.model_validate(value)
    return value


def by_hand(q, u, df):
    """Barnard and Rubin (1999), letter by letter."""
    m = len(q)
    w, b = np.mean(u), np.var(q, ddof=1)
    t = w + (1 + 1 / m) * b
    r = (1 + 1 / m) * b / w
    gamma = (1 + 1 / m) * b / t
    v_m = (m - 1) * (1 + 1 / r) ** 2
    v_obs = (1 - gamma) * df * (df + 1) / (df + 3)
    v = 1 / (1 / v_m + 1 / v_obs)
    return np.mean(q), t, v, (r + 2 / (v + 3)) / (r + 1), gamma


def test_the_formulas():
    q, u = [1.2, 0.9, 1.4, 1.1, 1.0], [0.04, 0.05, 0.045, 0.038, 0.042]
    found = pooled([{"estimate": [a], "standard_error": [b**0.5]} for a, b in zip(q, u, strict=True)], df=40)
    mean, total, df, fmi, share = by_hand(q, u, 40)
    assert found["measures"] == ["estimate 1"]
    assert found["estimate"][0] == pytest.approx(mean, rel=1e-12)
    assert found["residual_df"][0] == pytest.approx(df, rel=1e-12)
    assert found["table"]["columns"] == ["standard error", "within", "between", "lambda", "fmi"]
    known = [total**0.5, np.mean(u), np.var(q, ddof=1), share, fmi]
    np.testing.assert_allclose(found["table"]["values"][0], known, rtol=1e-12)
    low, high = stats.t.interval(0.95, df, mean, total**0.5)
    np.testing.assert_allclose([found["ci_low"][0], found["ci_high"][0]], [low, high], rtol=1e-9)
    assert found["statistic"][0] == pytest.approx(mean / total**0.5)
    assert found["p"][0] == pytest.approx(2 * stats.t.sf(mean / total**0.5, df), rel=1e-9)


def test_infinitely_many_degrees_of_freedom():
    q, u = [1.2, 0.9, 1.4], [0.04, 0.05, 0.045]
    fits = [{"estimate": [a], "standard_error": [b**0.5]} for a, b in zip(q, u, strict=True)]
    found = pooled(fits)
    share = found["table"]["values"][0][3]
    assert found["residual_df"][0] == pytest.approx(2 / share**2)  # Rubin's (1987)
    assert found["residual_df"][0] == pytest.approx(by_hand(q, u, 1e12)[2], rel=1e-6)
    same = pooled([{"estimate": [1.0], "standard_error": [0.5]}] * 3)
    assert "residual_df" not in same
    np.testing.assert_allclose([same["ci_low"][0], same["ci_high"][0]], stats.norm.interval(0.95, 1, 0.5))


def test_statsmodels_mice():
    made = np.random.default_rng(3)
    x = made.normal(0, 1, 200)
    frame = pd.DataFrame({"x": x, "y": 1 + 2 * x + made.normal(0, 1, 200)})
    frame.loc[made.random(200) < 0.3, "x"] = np.nan
    mice = MICE("y ~ x", sm.OLS, MICEData(frame))  # with numbers of its own each time; what is pooled are these
    known = mice.fit(2, 6)
    fits = [
        {
            "terms": list(fit.model.exog_names),
            "coefficient": fit.params.tolist(),
            "standard_error": fit.bse.tolist(),
            "residual_df": int(fit.df_resid),
        }
        for fit in mice.results_list
    ]
    found = pooled(fits)
    assert found["measures"] == ["Intercept", "x"]
    np.testing.assert_allclose(found["estimate"], known.params, rtol=1e-9)
    np.testing.assert_allclose([row[0] for row in found["table"]["values"]], known.bse, rtol=1e-9)
    np.testing.assert_allclose([row[3] for row in found["table"]["values"]], known.frac_miss_info, rtol=1e-9)


def test_imputations_that_agree_and_that_have_no_variance():
    same = pooled([{"estimate": [1.0], "standard_error": [0.5]}] * 4, df=30)
    assert same["table"]["values"][0][:4] == [0.5, 0.25, 0.0, 0.0]
    assert same["residual_df"][0] == pytest.approx(30 * 31 / 33)
    assert pooled([{"estimate": [1.0], "standard_error": [0.0]}] * 2)["estimate"] == ["undefined: standard errors of 0"]
    found = pooled([{"estimate": [a], "standard_error": [0.0]} for a in (1.0, 2.0)], df=10)
    assert found["estimate"] == [1.5]
    assert found["p"][0].startswith("undefined: the estimates have no variance")


def test_words():
    fit = {"terms": ["Intercept", "x"], "coefficient": [1.0, 2.0], "standard_error": [0.1, 0.2], "residual_df": 20}
    words = {**fit, "coefficient": ["undefined: far", 2.1], "standard_error": ["undefined: far", 0.2]}
    found = pooled([fit, words])
    assert found["estimate"][0] == "undefined: far"
    assert found["table"]["values"][0] == ["undefined: far"] * 5
    assert found["estimate"][1] == pytest.approx(2.05)
    assert pooled([fit, "suppressed (fewer than 10)"]) == "suppressed (fewer than 10)"
    assert pooled([]) == pooled([fit]) == "undefined: fewer than two imputations"


@pytest.mark.parametrize(
    ("fits", "options", "words"),
    [
        ([1.0, 2.0], {}, "awaited releases"),
        ([{"estimate": [1.0]}] * 2, {}, "standard errors"),
        ([{"estimate": [1.0, 2.0], "standard_error": [1.0]}] * 2, {}, "2 names, 2 estimates, 1 errors"),
        (
            [
                {"terms": ["a"], "coefficient": [1.0], "standard_error": [1.0]},
                {"terms": ["b"], "coefficient": [1.0], "standard_error": [1.0]},
            ],
            {},
            "different terms",
        ),
        ([{"estimate": [1.0], "standard_error": [1.0]}] * 2, {"df": 0}, "expected a number above 0"),
    ],
)
def test_what_is_refused(fits, options, words):
    with pytest.raises(ConfigError, match=words):
        st.pool_rubin(fits, **options)
