"""A logistic model of a flag, of rows that stay: each step of Newton's method is released.

With coefficients that all know, owners compute the risk p of each of their rows. Sums over all rows of the residuals
y - p and of the weights p (1 - p) give the next step. With predictors centred at their weighted means c, the level (the
log odds at c) and the slopes have information that is apart,
    level:  sum (y - p) / W,   slopes:  C^-1 sum (y - p) (x - c) / W,
for the total weight W and the weighted covariances C of the predictors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete
from mpc.tables.expressions import Expression, real
from mpc.tables.private import PrivateArray
from mpc.untyped import Anything, Json, JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics.limits import defined
from protocols.statistics.measures import Z95
from protocols.statistics.missing import risks
from protocols.statistics.missing.draws import Draw, correlated, shortened, uniforms
from protocols.statistics.moments.correlations import standardise
from protocols.statistics.moments.descriptive import deviations_of
from protocols.statistics.moments.moments import JointMoments, cross_moments
from protocols.statistics.regression.ldl import factor_alone, inflation
from protocols.statistics.regression.ols import SPREAD_BITS

Floats = NDArray[np.float64]
#: Correlations are off by at most 2^-20.
_CORRELATION = 20
#: A last step of fewer standard errors, and of less log odds at a deviation of each predictor, has converged.
CONVERGED = 1e-3
#: The least weight of a row that is counted: log odds of 36 and more are as good as certain.
_LEAST = 1e-16


def step(what: str, y: PrivateArray, columns: Sequence[PrivateArray], previous: Anything, constant: str) -> Result:
    """The coefficients after one more step. previous: the numbers of the step before; None or words: the first one."""
    p = len(columns)
    if not isinstance(previous, Mapping):
        if previous is not None and not isinstance(previous, str):
            raise ConfigError(f"{what}: previous={previous!r}; the awaited release of the step before is wanted")
        start = Draw(0.0, (0.0,) * p, (0.0,) * p, 0.0)
    else:
        start = of_model(previous)
    odds = [real(what, column.expression) for column in columns]
    residual, weight = _column(y, risks.residual(y, odds, start)), _column(y, risks.weight(y, odds, start))
    every = [*columns, y]
    # The rows that have all columns, y among them: residuals and weights are missing where it is.
    moments = cross_moments([*columns, residual, weight])
    plain, weighted = standardise([*columns, residual]), standardise(columns, weight)
    factors = factor_alone(weighted.matrix, _CORRELATION)
    _, small = inflation(factors)
    what_rows = complete(every)
    free = Cohort.of(moments.count - (p + 1), what=f"residual degrees of freedom of {what_rows}")
    cohorts = (free, *behind(every))
    reasons = (
        (moments.count - (p + 1) >= 1, "not more rows than coefficients"),
        (weighted.moments.nonempty, "all rows are as good as certain: the predictors separate the outcomes"),
        (plain.varies(SPREAD_BITS).all() & weighted.varies(SPREAD_BITS).all(), f"a column {TOO_LITTLE}"),
        (factors.regular & small, "predictors nearly collinear"),
    )

    def protected(x: SecretArray) -> SecretArray:
        return defined(x, *reasons).standing_on(*cohorts, origin=(f"logistic model of {y.name} over {what_rows}",))

    parts = {
        "rows": protected(moments.count),
        "means": protected(moments.fine),
        "correlations": protected(plain.matrix[p, :p]),
        "deviations": protected(_deviations(plain.moments)),
        "weighted means": protected(weighted.moments.fine),
        "weighted correlations": protected(weighted.matrix),
        "weighted deviations": protected(_deviations(weighted.moments)),
    }
    names = [constant, *(column.name for column in columns)]
    scales = _Scales.of(moments), _Scales.of(plain.moments), _Scales.of(weighted.moments)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        values = {name: np.asarray(part.values, np.float64) for name, part in opened.items()}
        return _next(values, scales, start, names)

    return Result("measures", parts, finish, together=True)


def _column(y: PrivateArray, made: Expression) -> PrivateArray:
    return PrivateArray(y.source, made, made.text, y.where)


class _Scales:
    """The public centres and units of columns."""

    def __init__(self, centre: Floats, unit: Floats) -> None:
        self.centre, self.unit = centre, unit

    @classmethod
    def of(cls, moments: JointMoments) -> _Scales:
        return cls(np.asarray(moments.centre), np.ldexp(1.0, moments.exponent))


def _deviations(moments: JointMoments) -> SecretArray:
    """With the divisor n, or all weights together; in units of the columns."""
    return deviations_of(replace(moments, spread=moments.spread.diagonal().bounded(moments.spread.bound)), 0)


def _next(values: Mapping[str, Floats], scales: Sequence[_Scales], start: Draw, names: Sequence[str]) -> JsonObject:
    """The coefficients after the step, from the opened moments."""
    from scipy import special  # scipy.stats takes a second to import

    p, n = len(names) - 1, float(values["rows"])
    every, plain, weighted = scales
    means = every.centre + every.unit * values["means"]
    deviations = plain.unit * values["deviations"]
    centre = weighted.centre + weighted.unit * values["weighted means"]
    spread = weighted.unit * values["weighted deviations"]
    matrix = np.clip(values["weighted correlations"].reshape(p, p), -1, 1)
    np.fill_diagonal(matrix, 1.0)
    total = np.asarray(n * max(float(means[p + 1]), _LEAST), np.float64)  # 0 in a dry run
    with np.errstate(all="ignore"):
        # Sums of residuals, and of residuals times the predictors around their weighted means, by their spread.
        level = n * float(means[p])
        along = n * (values["correlations"] * deviations[p] * deviations[:p] + means[p] * (means[:p] - centre))
        try:
            inverse = np.linalg.inv(matrix)
            slopes = inverse @ (along / spread) / total / spread
        except np.linalg.LinAlgError:  # numbers of a dry run
            inverse, slopes = np.eye(p), np.zeros(p)
        errors = np.sqrt(np.diag(inverse) / total) / spread
        shifted = start.level + float(np.dot(start.slopes, centre - np.asarray(start.centre)))
        new_level, new = shifted + level / total, np.asarray(start.slopes) + slopes
        # In standard errors, and in log odds: where predictors separate the outcomes, standard errors grow, too.
        each = [level / np.sqrt(total), level / total, *(slopes / errors), *(slopes * deviations[:p])]
        moved = float(np.max(np.abs(each)))
        constant = new_level - float(new @ centre)
        constant_error = np.sqrt(1 / total + centre @ (inverse / np.outer(spread, spread) / total) @ centre)
        estimates, error = np.append(constant, new), np.append(constant_error, errors)
        z = estimates / error
    if not n:  # of a dry run: numbers that a later step can compute with
        estimates, error, z, moved = np.ones(p + 1), np.ones(p + 1), np.ones(p + 1), 0.0
        new_level = np.zeros(())
    return {
        "measures": list(names),
        "estimate": estimates.tolist(),
        "ci_low": (estimates - Z95 * error).tolist(),
        "ci_high": (estimates + Z95 * error).tolist(),
        "statistic": z.tolist(),
        "p": (2 * special.ndtr(-np.abs(z))).tolist(),
        "standard_error": error.tolist(),
        "observations": int(n),
        "level": float(new_level),
        "total_weight": float(total),
        "means": centre.tolist(),
        "correlations": matrix.tolist(),
        "last_step": moved,
    }


def of_model(model: Json) -> Draw:
    """The coefficients of a step, in nine digits: numerical libraries differ in the last ones between machines."""
    slopes = model["estimate"][1:]
    return shortened(float(model["level"]), slopes, model["means"], 0.0)


def converged(model: Json) -> bool:
    """Whether the last step was short enough."""
    return bool(float(model["last_step"]) <= CONVERGED)


def draw_flag(model: Json, seed: int, number: int) -> Draw:
    """Coefficients drawn from their normal approximation: those of imputation `number`."""
    from scipy import special  # scipy.stats takes a second to import

    slopes, errors = (np.asarray(model[name][1:], np.float64) for name in ("estimate", "standard_error"))
    z = special.ndtri(uniforms(len(slopes) + 1, "imputation of a flag", seed, number))
    with np.errstate(all="ignore"):
        level = float(model["level"]) + z[0] / np.sqrt(float(model["total_weight"]))
        slopes = slopes + errors * correlated(np.asarray(model["correlations"], np.float64), z[1:])
    return shortened(level, slopes.tolist(), model["means"], 0.0)
