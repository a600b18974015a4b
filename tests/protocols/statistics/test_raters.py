"""Agreement of measurements: limits of agreement, and intraclass correlations, against published values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Integer, Real, Scenario, Study, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW

#: Four judges rate six targets (Shrout and Fleiss, 1979, table 2).
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


class Rated(Table):
    a, b, c, d = Integer(0, 10), Integer(0, 10), Integer(0, 10), Integer(0, 10)


class Measured(Table):
    a, b = Real(0, 100), Real(0, 100)


def released(script, frame, table=Rated, *, shared=False, engine="ideal", minimum=1):
    parameters = {"minimum_cohort": minimum, "minimum_without_own_rows": minimum > 1}
    scenario = Scenario(inputs={"t": table.rows()}, parameters=parameters)

    @scenario.run
    async def run(study: Study) -> None:
        t = study.table("t")
        study.release("found", script(t.share(rows=-(-len(frame) // 3)) if shared else t))

    tables = {name: {"t": frame.iloc[k::3]} for k, name in enumerate("xyz")}
    return simulate(scenario, tables, engine=engine).releases["found"]


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("shared", [False, True])
def test_the_judges_of_shrout_and_fleiss(engine, shared):
    frame = pd.DataFrame(JUDGES, columns=list("abcd"))
    found = released(lambda t: st.icc(t["a"], t["b"], t["c"], t["d"]), frame, shared=shared, engine=engine)
    # R's psych::ICC, single raters
    np.testing.assert_allclose(found["estimate"], [0.16574, 0.28976, 0.71484], atol=2e-5)
    np.testing.assert_allclose(found["ci_low"], [-0.13293, 0.01879, 0.34246], atol=2e-5)
    np.testing.assert_allclose(found["ci_high"], [0.72256, 0.76108, 0.94586], atol=2e-5)
    np.testing.assert_allclose(found["p"], [0.16477, 0.00013, 0.00013], atol=1e-5)
    assert (found["df"], found["residual_df"]) == ([5, 5, 5], [18, 15, 15])


def anova(x):
    """Mean squares of rows, raters and the rest."""
    n, k = x.shape
    rows, raters = k * x.mean(1).var(ddof=1), n * x.mean(0).var(ddof=1)
    rest = ((x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    return rows, raters, rest


@pytest.mark.parametrize("shared", [False, True])
def test_two_methods_of_measurement(shared):
    random = np.random.default_rng(1)
    truth = random.normal(50, 10, 90)
    frame = pd.DataFrame({"a": truth + random.normal(0, 3, 90), "b": truth + random.normal(2, 3, 90)}).clip(0, 100)
    frame.loc[[3, 9], "a"] = np.nan
    whole = frame.dropna()
    difference = (whole.a - whole.b).to_numpy()
    n, bias, sd = len(difference), difference.mean(), difference.std(ddof=1)
    found = released(lambda t: st.bland_altman(t["a"], t["b"]), frame, Measured, shared=shared)
    limits = np.asarray([bias, bias - 1.959963984540054 * sd, bias + 1.959963984540054 * sd])
    np.testing.assert_allclose(found["estimate"], limits, rtol=1e-5)
    t = stats.t.ppf(0.975, n - 1)
    reach = t * sd * np.asarray([np.sqrt(1 / n), *[np.sqrt(1 / n + 1.959963984540054**2 / 2 / (n - 1))] * 2])
    np.testing.assert_allclose(found["ci_high"], limits + reach, rtol=1e-5)
    assert found["table"]["values"][0][0] == n == 88
    rows, raters, rest = anova(whole.to_numpy())
    found = released(lambda t: st.icc(t["a"], t["b"], names=("old", "new")), frame, Measured, shared=shared)
    single = (rows - rest) / (rows + rest + 2 * (raters - rest) / n)
    np.testing.assert_allclose(found["estimate"][1:], [single, (rows - rest) / (rows + rest)], rtol=1e-5)
    assert found["table"]["rows"][1] == "old less the mean"


def test_what_has_no_answer():
    same = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0)})
    for script in (lambda t: st.icc(t.a, t.b), lambda t: st.bland_altman(t.a, t.b)):
        assert released(script, same, Measured).startswith("undefined")
        assert released(script, same[:1], Measured).startswith("undefined")
        assert isinstance(released(script, same[:0], Measured), str)
        assert released(script, same[:8], Measured, minimum=10) == "suppressed (fewer than 10)"
    for script, words in ((lambda t: st.icc(t.a), "1 raters"), (lambda t: st.icc(t.a, t.b, names=["x"]), "1 names")):
        with pytest.raises(ShapeError, match=words):
            released(script, same, Measured)
