"""Logistic regression with inference, on shared rows: maximum likelihood by Newton's method, everything in secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.releases.study import Study
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.untyped import Anything, JsonObject
from mpc.values.basis import union
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, constant, where
from mpc.values.stated import Stated
from protocols.models.rows import Columns, Design
from protocols.numeric.activation import GAP_BITS, log1p_exp_of_negative, precise_sigmoid, sigmoid
from protocols.numeric.normalize import F
from protocols.statistics.limits import Reason, defined
from protocols.statistics.regression.estimates import Estimates, columns, estimates, numbers
from protocols.statistics.regression.families import Binomial
from protocols.statistics.regression.formulas import shared_model
from protocols.statistics.regression.ldl import inflation
from protocols.statistics.regression.newton import FINE, WEIGHT, Information, Scales, information, moved, step
from protocols.statistics.regression.released_steps import Fitted, Steps, by_released_steps, chosen
from protocols.statistics.regression.standard_rows import StandardRows, design_of, joint_valid

#: Steps; so many last ones compute risks to 2^-25; so many take small scores alone, with more digits, and how many.
_STEPS, _EXACT, _SMALL, _EXTRA = 10, 3, 2, 8
#: In the last step the log odds of a row move by at most 2^-_STILL.
_STILL = 13
_FEW = "not more rows than coefficients"
_LITTLE = "a predictor hardly varies (its deviation is below 2^-16 of its declared range)"
_SAME = "the outcome is the same in all rows"
_COLLINEAR = "predictors nearly collinear"
_SEPARATED = "the predictors separate the outcomes perfectly"
_MOVING = (
    "not converged: predictors nearly separate the outcomes or are nearly collinear, or more iterations are needed"
)
_WEIGHED = "predictors nearly collinear among the rows whose outcome is open"
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"


async def logit(
    outcome: SecretArray | PrivateArray | str,
    predictors: Columns | Sequence[PrivateArray] | PrivateTable,
    *,
    iterations: int = _STEPS,
    steps: Steps = "secret",
    study: Study | None = None,
    name: str = "",
) -> Result:
    """Logistic regression of `outcome` (a flag) on a constant and `predictors`: of shared rows, everything in secret;
    or with steps="released" of rows that stay with their owners.

    outcome     a flag of shared rows (integers 0 and 1); or a formula over the shared table in place of predictors:
                `await st.logit("ill ~ age + C(stage) + smoker", rows)`
    predictors  1 to 20 columns of the same rows: a table (`rows[["age", "smoker"]]`), a dict, or a list; flags and
                numbers. Rows with a missing value do not count
    iterations  public number of steps of Newton's method, from all coefficients 0: 4 to 30. Outcomes of 1 in 1,000 rows
                need 10, of 1 in 10 rows 6
    steps       "released": rows stay, and the coefficients of each step are releases of `study`, "name, step 1 of 10"
                and so on; all else is as `poisson` says, with a flag in place of a count. The rest here is of "secret"

    Opens       number of rows; rows with the outcome; of each predictor z = coefficient / standard error, and the
                standard error (of the inverse information at the optimum); the intercept and its standard error; the
                log-likelihood. p, 95 % intervals, odds ratios, deviance, AIC, BIC and McFadden's R^2 follow from them
    Undefined   with at most as many rows as coefficients; for a predictor whose deviation is below 2^-16 of its bound;
                where all rows have one outcome; for predictors nearly collinear (`ldl`: a pivot of the information
                below 2^-7, or a variance inflation factor above 128); where the fit has every row's outcome right
                (perfect separation); where the last step moved the log odds of a row by more than 2^-13, or a
                coefficient, for a predictor's standard deviation, is beyond 22. The words say which
    Error       of an estimate: 1e-5 + 2^-26 sqrt(rows / r) standard errors, r being the part of rows with the rarer
                outcome (1e-4 for 100,000 rows and r = 1/300), and relative 1e-6. Standard errors: relative 1e-4.
                Log-likelihood: 1e-7 a row, and 1e-5 sqrt(rows)
    Protection  as `ols`: complete rows less coefficients, rows with and without the outcome, and each of the four
                combinations of two flags (outcome or predictors) must reach the minimum; else everything is suppressed
    Rounds      an iteration about 100, and 16 a predictor; about 130 besides
    Bytes       an iteration, from each party: about 130, and 13 a predictor, for each place of a row
    Equals      statsmodels' `Logit(y, add_constant(X)).fit()`
    Source      McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), section 4.4
    """
    if not 4 <= iterations <= 30:
        raise RangeError(f"logit: iterations={iterations}; expected 4 to 30")
    if chosen("logit", steps, outcome, predictors) == "released":
        model = Fitted.of("logit", outcome, predictors, None)
        return await by_released_steps("logit", model, Binomial, study, name, iterations)
    shared: Any = predictors
    if isinstance(outcome, str):
        outcome, shared = shared_model("logit", outcome, predictors)
    design = design_of("logit", shared)
    flag = _outcome(outcome, design)
    valid = joint_valid(design, flag)
    rows = StandardRows.of(design, valid)
    y = flag.bare().reshape(design.rows, 1)
    if valid is not None:
        y = y.times(valid.bare().numeric().reshape(y.shape), bound=1)
    fit = await _Fit.of(rows, y, iterations)
    found = estimates(fit.coefficients, fit.last, rows)

    k = len(design.names) + 1
    enough, events = rows.count > k, y.sum()
    both_sides = (events > 0) & (events < rows.count)
    free = Cohort.of(rows.count - k, what=f"residual degrees of freedom of {design.rows} places of rows")
    behind = union(design.basis, flag.basis.plain())
    design.basis = behind
    basis = design.behind(flag, valid=valid, pairs=True)
    basis = basis._replace(cohorts=(free, *basis.cohorts), origin=("logistic regression",))

    def protected(x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, *reasons).with_basis(basis)

    possible = (enough, _FEW), (both_sides, _SAME)
    fitted = (
        *possible,
        (rows.varies, _LITTLE),
        (fit.first.regular & inflation(fit.first.factors)[1], _COLLINEAR),
        (~fit.separated, _SEPARATED),
        (fit.converged, _MOVING),
        (found.regular, _WEIGHED),
        (found.near, _FAR),
    )
    parts = {"observations": protected(rows.count, *possible), "events": protected(events, *possible)}
    parts |= {name: protected(x, *fitted) for name, x in found.parts.items()}
    parts["log_likelihood"] = protected(fit.log_likelihood, *fitted)
    return Result("glm", parts, _finish(found, design, fit), together=True)


def _finish(found: Estimates, design: Design, fit: _Fit) -> Any:
    terms, exponent, places = [design.constant, *design.names], design.exponent, design.rows

    def finish(opened: Mapping[str, Opened]) -> Any:
        problem = next((part.first_problem() for part in opened.values() if not part.ok), None)
        if problem is not None:
            return problem
        n, events = (int(np.rint(opened[name].values)) for name in ("observations", "events"))
        coefficient, error = numbers(opened, exponent)
        # In a place that does not count the log odds are 0.
        model = float(opened["log_likelihood"].values) + (places - n) * float(np.log(2.0))
        null = float(events * np.log(events / n) + (n - events) * np.log((n - events) / n))
        return {
            "terms": terms,
            **columns(coefficient, error, "odds_ratio"),
            **summary(model, null, n, len(terms)),
            "events": events,
        }

    return finish


def summary(model: float, null: float, n: int, k: int) -> JsonObject:
    """What follows from log-likelihoods of the model and of the constant term alone, of n rows and k coefficients."""
    return {
        "log_likelihood": model,
        "null_log_likelihood": null,
        "deviance": -2 * model,
        "pseudo_r_squared": 1 - model / null,
        "aic": 2 * k - 2 * model,
        "bic": float(k * np.log(n) - 2 * model),
        "observations": n,
        "residual_df": n - k,
    }


def _outcome(y: Anything, design: Design) -> SecretArray:
    if not isinstance(y, SecretArray) or y.shape != (design.rows,):
        raise ShapeError(f"logit: the outcome is {y!r}; expected a flag of the predictors' {design.rows} places")
    flag = y.numeric()
    if flag.type != "int" or flag.bound != 1:
        raise RangeError(f"logit: the outcome is {y!r}; expected a flag, such as rows.ill, or rows.stage > 2")
    return flag


class _Fit:
    """Newton's method from coefficients 0, with a public number of steps.

    coefficients    (k,) of standardised columns
    first, last     information at coefficients 0, and before the last step
    converged       bit: the last step was within its limits, and moved no row's log odds by more than 2^-_STILL
    separated       bit: every row's outcome is on its side of the fit, so that the likelihood has no maximum
    log_likelihood  of all places, of which those that do not count have log odds 0
    """

    first: Information
    last: Information
    converged: SecretArray
    separated: SecretArray
    log_likelihood: SecretArray

    def __init__(self, rows: StandardRows, y: SecretArray) -> None:
        self.rows, self.scales = rows, rows.scales
        gap = (rows.count - y.sum() * 2).rescaled(GAP_BITS).reshape(1)
        self._gap = concatenate([gap, constant(rows.x.run, np.zeros(rows.x.shape[1] - 1), frac=GAP_BITS)])
        run, (places, k) = rows.x.run, rows.x.shape
        self.coefficients = constant(run, np.zeros(k), frac=FINE)
        self._eta = self._before = constant(run, np.zeros((places, 1)), frac=WEIGHT)
        self._good = constant(run, np.asarray(True))
        self.last = self.first = self._information(None)

    @classmethod
    async def of(cls, rows: StandardRows, y: SecretArray, iterations: int) -> _Fit:
        """Awaits after every step, so that the number of operations in flight stays bounded."""
        fit, places, run = cls(rows, y), len(rows.x), rows.x.run
        for i in range(iterations):
            fit._step(y, iterations - 1 - i, first=not i)
            await run.settle(fit._eta.handle, fit._good.handle)
        change = (fit._eta - fit._before).reshape(places)
        still = ~(change > 2.0**-_STILL) & ~(change < -(2.0**-_STILL))
        fit.converged = fit._good & still.all()
        fit._judge(fit._eta.reshape(places), y.reshape(places))
        return fit

    def _step(self, y: SecretArray, left: int, *, first: bool) -> None:
        """left: the number of steps after this one. The first ones need no exact risks, the last ones have more digits;
        what they start from is near by then."""
        if not first:
            self.last = self._information(self._eta, exact=left < _EXACT)
        extra = _EXTRA if left < _SMALL else 0
        d, stepped = step(self.last, self._score(y), self.scales, extra)
        self.coefficients, inside = moved(self.coefficients, d)
        self._good = stepped & inside
        self._before, self._eta = self._eta, log_odds(self.rows.x, self.coefficients, self.scales)

    def _information(self, eta: SecretArray | None, *, exact: bool = True) -> Information:
        if eta is None:
            self._risk: SecretArray | None = None
            self._exact = False
            return information(self.rows.x, None, self.scales)
        risk = precise_sigmoid(eta) if exact else sigmoid(eta)
        self._risk, self._exact = risk, exact
        # A risk stays 2^-27 and more away from 0 and 1 (or is 0 or 1), so that weights are not negative.
        weights = risk.product(1 - risk, F, limit=0.251)
        return information(self.rows.x, weights, self.scales)

    def _score(self, y: SecretArray) -> SecretArray:
        """X^T (y - risk), (k,)."""
        frac, x = self.scales.residual, self.rows.x
        residual = y - (0.5 if self._risk is None else self._risk.cut(frac))
        residual = residual.cut(frac)
        # Of n rows: at most sqrt(2.1 n) sqrt(n), by Cauchy-Schwarz.
        most = int(1.5 * (1 << (self.scales.even + frac + x.frac)))
        score = x.T.invoke("matmul", residual, result=Stated(bound=most, frac=frac + x.frac, type="fixed"))
        # Precise risks are moved by (1 - 2 risk) 2^-26 from 0 and 1. Of a rare outcome this moves the constant term; of
        # centred columns the sum is 0, up to 2^-25 of the information.
        score = score.reshape(x.shape[1])
        return score + self._gap if self._exact else score

    def _judge(self, eta: SecretArray, y: SecretArray) -> None:
        positive = eta > 0
        wrong = positive ^ (y > 0)
        size = where(positive, eta, -eta)
        rest = log1p_exp_of_negative(size)
        self.separated = wrong.numeric().sum() == 0
        # log(1 + e^eta) - y eta = log(1 + e^-|eta|), and |eta| where the outcome is on the other side.
        frac = min(WEIGHT, 60 - self.scales.even - int(np.frexp(self.scales.odds)[1]))
        self.log_likelihood = -((wrong * size).cut(frac).sum() + rest.sum().cut(frac))


def log_odds(x: SecretArray, coefficients: SecretArray, scales: Scales) -> SecretArray:
    """x . coefficients, (n, 1) with WEIGHT fraction bits."""
    column = coefficients.cut(WEIGHT).reshape(len(coefficients), 1)
    return x.dot(column, WEIGHT, bound=int(np.ldexp(scales.odds, x.frac + WEIGHT)))
