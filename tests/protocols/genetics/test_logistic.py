"""Score tests of logistic models of many SNPs, against statsmodels for each SNP."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mpc.errors import ConfigError, ShapeError
from protocols import genetics
from tests.support.bounds import every_bound_holds
from tests.support.genetics import ENGINES, NEVER, RARE, SNPS, made, released

COVARIATES = ("age", "pc")


def script_of(top=None, covariates=COVARIATES, **more):
    async def script(study, t):
        columns = [getattr(t, name) for name in covariates]
        found = await genetics.logistic(t.snps, t.case, columns, top=top, study=study, name="no SNP", **more)
        study.release("snps", found)

    return script


def fitted(people, copies):
    """The fit without SNPs, and for each SNP z, its p, and the variance of its score."""
    x = sm.add_constant(people[list(COVARIATES)].to_numpy(float))
    null = sm.GLM(people.case.to_numpy(float), x, family=sm.families.Binomial()).fit()
    found = []
    for j in range(copies.shape[1]):
        with np.errstate(all="ignore"):
            _, p, _ = null.score_test(exog_extra=copies[:, [j]]) if np.ptp(copies[:, j]) else (0, np.nan, 0)
        w, g = null.mu * (1 - null.mu), copies[:, j]
        beside = g - x @ np.linalg.solve(x.T @ (w[:, None] * x), x.T @ (w * g))
        variance = float(w @ beside**2)
        score = float(g @ (people.case - null.mu))
        found.append((score, variance, float(np.squeeze(p))))
    return null, found


def assert_same(found, people, copies, names=None):
    null, wanted = fitted(people, copies)
    compared = 0
    for j, (score, variance, p) in enumerate(wanted):
        if isinstance(found["p"][j], str):
            continue
        z = score / np.sqrt(variance)
        assert found["z"][j] == pytest.approx(z, abs=1e-5, rel=1e-5)
        assert found["effect"][j] == pytest.approx(score / variance, abs=1e-5 / np.sqrt(variance), rel=1e-5)
        assert found["standard_error"][j] == pytest.approx(1 / np.sqrt(variance), rel=1e-5)
        assert found["p"][j] == pytest.approx(p, abs=1e-5)
        compared += 1
    return null, compared


@pytest.mark.parametrize("engine", ENGINES)
def test_tests_are_those_of_statsmodels(engine):
    people, copies = made(800)
    if engine == "ideal":
        with every_bound_holds():
            found = released(script_of(), people, engine=engine)
    else:
        found = released(script_of(), people, engine=engine)
    null, compared = assert_same(found["snps"], people, copies)
    assert compared >= SNPS - 2
    np.testing.assert_allclose(found["no SNP"]["coefficient"], null.params, rtol=1e-6)
    assert found["snps"]["people"] == 800
    assert found["snps"]["p"][NEVER] == "undefined: the SNP hardly varies beside the covariates"
    assert found["snps"]["p"][RARE] == "suppressed (fewer than 5)"
    assert np.argmin([p if isinstance(p, float) else 1 for p in found["snps"]["p"]]) == 1  # that the cases depend on
