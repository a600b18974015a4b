"""Gamma regression of a positive number, of rows that stay with their owners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.errors import ConfigError, RangeError
from mpc.releases.disclosure import Result
from mpc.releases.study import Study
from mpc.tables.expressions import Expression, Floats
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray, stack, where
from protocols.statistics.regression.families import Family, Sums, Working, as_float, row_wise
from protocols.statistics.regression.released_steps import Fitted, Steps, by_released_steps, chosen
from protocols.statistics.regression.scoring import Scored

#: Most times its mean that a response may be; the window of a mean's logarithm, beyond the declared range.
MOST, _AROUND = 256.0, 7.0
#: Most of the scale is about 2^_SCALE; Pearson's chi-square has so many digits before the last one at least.
_SCALE, _DIGITS = 4, 18
_SPREAD = "the scale is above 16: the response varies too much about its mean"
_EXACT = "the response hardly varies about its mean"


class Gamma(Family):
    """A number above 0 whose variance is scale mean^2, and the logarithm of its mean.

    With the ratio r = y / mean, the weight of a row is 1 and its residual r - 1. Ratios are cut at MOST, and rows that
    are cut are beyond the window: then there is no result. So residuals are at most MOST, whatever the declared range.
    """

    name, ratio = "gamma", "mean_ratio"
    counted = False

    def __init__(self, y: PrivateArray, exposure: PrivateArray | None = None) -> None:
        if y.expression.type == "flag" or not y.expression.low > 0:
            raise RangeError(
                f"gamma: {y.name} ranges from {y.expression.low:g}; declare it above 0, as Real(0.01, 500)"
            )
        super().__init__(y, exposure)

    @property
    def window(self) -> tuple[float, float]:
        low, high = (round(float(np.log(float(x))), 6) for x in (self.y.low, self.y.high))
        return low - _AROUND, high + _AROUND

    def _beyond(self, raw: Expression) -> Expression:
        low, high = self.window

        def outside(x: Floats, y: Floats) -> Floats:
            far = (x > high) | (x < low) | (np.log(y) - x > np.log(MOST))
            return np.where(np.isnan(x) | np.isnan(y), np.nan, far.astype(np.float64))

        return Expression(
            type="flag", low=0, high=1, function=outside, arguments=(raw, as_float(self.y)), text="beyond"
        )

    def _working(self, eta: Expression) -> Working:
        _, high = self.window
        y = as_float(self.y)
        # log r, from the logarithm of the least response and the largest mean to that of MOST
        least = float(np.log(float(self.y.low))) - high - 1e-3
        log_ratio = row_wise("log ratio", least, float(np.log(MOST)), _log_ratio, y, eta)
        weight = row_wise("weight", 0.0, 1.0, lambda x: np.where(np.isnan(x), np.nan, 1.0), log_ratio)
        residual = row_wise("residual", -1.0, MOST - 1, np.expm1, log_ratio)
        apart = max(MOST, -least)
        deviance = row_wise("deviance", 0.0, apart, lambda x: np.maximum(np.expm1(x) - x, 0.0), log_ratio)
        size = max(abs(float(np.log(float(x)))) for x in (self.y.low, self.y.high)) + 1e-3
        log = row_wise("log y", -size, size, np.log, y)
        # Squares up to 1, and what others are beyond it: the first have all digits where the scale is small.
        near = row_wise("near", 0.0, 1.0, lambda r: np.minimum(r * r, 1.0), residual)
        far = row_wise("far", 0.0, MOST**2, lambda r: np.maximum(r * r - 1.0, 0.0), residual)
        extra = {"deviance": (deviance, apart), "log y": (log, size), "near": (near, 0.5), "far": (far, MOST**2 / 2)}
        return Working(weight, residual, int(np.frexp(MOST - 1)[1]), extra)

    def opened(self, scored: Scored, rows: SecretArray) -> Sums:
        """The deviance, the sum of logarithms, and Pearson's chi-square: near + far."""
        extra = scored.sums.extra
        assert extra is not None
        frac = extra.frac
        near, far = (extra[i].rescaled(frac + _SCALE - int(np.log2(scored.units[i]))) for i in (2, 3))
        # Now in units of 2^_SCALE; far is at most so many as there are rows, or else does not count.
        small = far <= rows
        far = where(small, far, 0).bounded((rows.bound << far.frac) + 1).shifted(frac - 1)
        pearson = near.cut(frac - 1) + far
        # Both sums have one digit less, to be in one array with it.
        values = [extra[0].cut(frac - 1), extra[1].cut(frac - 1), pearson]
        self._least = float(np.ldexp(1.0, _SCALE - (frac - 1) + _DIGITS))
        return Sums(
            stack(values), ["deviance", "log y", "pearson"], [*scored.units[:2], 2.0**_SCALE], ((small, _SPREAD),)
        )

    def scale(self, sums: dict[str, float], residual_df: int) -> float | str:
        if sums["pearson"] < self._least:
            return f"undefined: {_EXACT}"
        self._scale = sums["pearson"] / residual_df
        return self._scale

    def constant(self, total: float, rows: float) -> float | None:
        return round(float(np.log(total / rows)), 9) if total > 0 else None

    def likelihoods(self, total: float, rows: float, sums: dict[str, float]) -> JsonObject:
        from scipy import special  # scipy.stats takes a second to import

        shape, logs = 1 / self._scale, sums["log y"]
        whole = rows * (shape * np.log(shape) - shape - special.gammaln(shape)) - logs
        # At the optimum the ratios add up to the rows; so they do of the constant alone.
        deviance, null = 2 * sums["deviance"], 2 * (rows * np.log(total / rows) - logs)
        return {
            "log_likelihood": float(whole - shape * deviance / 2),
            "null_log_likelihood": float(whole - shape * null / 2),
            "deviance": deviance,
            "null_deviance": float(null),
            "pseudo_r_squared": float(1 - deviance / null),
            "scale": self._scale,
        }


def _log_ratio(y: Floats, eta: Floats) -> Floats:
    return np.asarray(np.minimum(np.log(y) - eta, np.log(MOST)), np.float64)


async def gamma(
    outcome: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateTable,
    *,
    iterations: int = 16,
    steps: Steps = "released",
    study: Study,
    name: str,
) -> Result:
    """Gamma regression of a number above 0, such as costs or lengths of stay, with a logarithmic link: its variance is
    scale mean^2. Rows stay with their owners, and the coefficients of each step are releases.

        costs = await st.gamma("cost ~ age + C(arm)", people, study=study, name="costs")
        study.release("costs", costs)

    outcome     a column that is declared above 0; or a formula over the table in place of predictors
    predictors  1 to 16 columns: a list, or the table of a formula. Rows with a missing value do not count
    iterations  public number of steps: 4 to 40. The first is the constant alone. Steps of Fisher's scoring come nearer
                by a factor of about sqrt(scale terms / rows): small tables of a large scale need 30
    study, name the steps are releases of this study, "name, step 1 of 16" and so on. All organizations that compute
                must be recipients, since all go on from what a step released

    Opens       each step: the coefficients, of which those before the last tell more of the rows than the fit alone
                does. At the end number of rows, sums of the outcome and of its logarithm, the standard error of each
                coefficient for a scale of 1, the deviance, and Pearson's chi-square: scale = chi-square / (rows less
                coefficients). Standard errors, z, p, 95 % intervals, ratios of means, log-likelihoods, deviances, AIC,
                BIC and the part of the deviance that is explained (`pseudo_r_squared`) follow from them
    Undefined   with at most as many rows as coefficients; for a predictor whose deviation is below 2^-15 of its
                declared range; for predictors nearly collinear (`ldl`); where the last step moved a coefficient by more
                than 1e-3 of its standard error or 1e-4 of itself; where an outcome is above 256 times its mean, or a
                mean 1,000 times outside of the declared range; where the scale is above about 16; where Pearson's
                chi-square has fewer than 18 binary digits (below 0.004 for tables of 2^26 rows an owner, the default,
                and 64 times less for 2^20). The words say which
    Error       coefficients: below 1e-6 of a standard error; 1e-5 where the scale is above 4, or rows few, and steps
                come nearer slowly. Standard errors and scale: relative 5e-6. Deviance: relative 1e-6
    Protection  as `ols`: rows less coefficients, rows with and without each flag, at each combination of levels and of
                two flags. The same for every step, and for the end
    Rounds      a step about 130, and 20 a predictor; the end about 200
    Bytes       from each party, of any number of rows: a step about 12 kB, and 2 kB a predictor
    Equals      statsmodels' `GLM(y, add_constant(X), family=Gamma(link=Log())).fit()`, with its scale of Pearson's
                chi-square ("X2", the default) and its log-likelihood at that scale
    Source      McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 8
    """
    if chosen("gamma", steps, outcome, predictors) == "secret":
        raise ConfigError("gamma: the rows must stay with their owners, and steps be released: leave out share()")
    model = Fitted.of("gamma", outcome, predictors, None)
    return await by_released_steps("gamma", model, Gamma, study, name, iterations)
