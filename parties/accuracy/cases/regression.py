"""`st.ols`: NIST's linear regressions, and data sets of statsmodels and scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import case
from protocols import statistics as st

#: Why coefficients of rows that stay are not always within 1e-6.
SLOPES = "a coefficient is the product of its t and its standard error, and t has about six digits"


def fitted(joint: Joint, frame: Any, response: str, **declared: Any) -> Compare:
    """A regression of one column on all others, against statsmodels."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name != response]
    found = joint.release(frame, lambda t: st.ols(t[response], t[predictors]), **declared)
    fit = sm.OLS(frame[response].astype(float), sm.add_constant(frame[predictors].astype(float))).fit()
    yield from coefficients(found, fit.params, fit.bse, fit.pvalues, fit.rsquared)
    yield same("observations", part(found, "observations"), int(fit.nobs))


def coefficients(found: Any, known: Sequence[float], errors: Sequence[float], p: Any, r_squared: float) -> Compare:
    """Coefficients relative to the larger of them and their standard errors."""
    yield estimate("coefficient", part(found, "coefficient"), known, scale=errors)
    yield standard_error("standard error", part(found, "standard_error"), errors)
    yield estimate("R squared", part(found, "r_squared"), r_squared)
    if p is not None:
        yield from p_values("p", part(found, "p"), p)


@case(
    "st.ols", "scikit-learn diabetes", rows="stay", by="statsmodels 0.15", shortfall=SLOPES, within={"estimate": 1e-5}
)
def diabetes(joint: Joint) -> Compare:
    frame = sets.sklearn("diabetes")[["target", "age", "sex", "bmi", "bp", "s6"]]
    yield from fitted(joint, frame, "target")
