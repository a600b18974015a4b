"""The negative binomial distribution of regression, as row-wise expressions at public coefficients."""

from __future__ import annotations

import numpy as np

from mpc.tables.expressions import Expression, Floats
from mpc.tables.private import PrivateArray
from mpc.untyped import JsonObject
from protocols.statistics.regression.families import Poisson, Working, as_float, log_gamma, row_wise


class NegativeBinomial(Poisson):
    """A count whose variance is mean + alpha mean^2, and the logarithm of its mean, per exposure."""

    name, ratio = "negative binomial", "rate_ratio"

    def __init__(self, y: PrivateArray, exposure: PrivateArray | None = None, *, alpha: float) -> None:
        super().__init__(y, exposure)
        self.alpha = alpha

    def _working(self, eta: Expression) -> Working:
        low, _ = self.window
        alpha, most = self.alpha, self.most
        largest, y = float(self.y.high), as_float(self.y)
        mean = row_wise("mean", 0.0, most, lambda x: np.minimum(np.exp(x), most), eta)
        heaviest = most / (1 + alpha * most)
        weight = row_wise("weight", 0.0, heaviest, lambda m: m / (1 + alpha * m), mean)
        residual = row_wise("residual", -heaviest, largest, lambda y, m: (y - m) / (1 + alpha * m), y, mean)
        # log(alpha mean / (1 + alpha mean)) is below 0, and above that of the smallest mean.
        reach = max(-(low + float(np.log(alpha))), 1.0)
        part = row_wise("y log", -largest * reach, 0.0, lambda y, m: y * np.log(alpha * m / (1 + alpha * m)), y, mean)
        rest_unit = float(np.log1p(alpha * most)) / alpha
        rest = row_wise("rest", 0.0, rest_unit, lambda m: np.log1p(alpha * m) / alpha, mean)
        unit = max(2 * float(log_gamma(np.asarray(largest + 1 / alpha))), largest * 40.0, 1.0)
        ways = row_wise("ways", -unit, unit, lambda y: _log_ways(y, alpha), y)
        own = row_wise("own", -unit, unit, lambda y: _log_own(y, alpha), y)
        extra = {"y log": (part, largest * reach), "rest": (rest, rest_unit), "ways": (ways, unit), "own": (own, unit)}
        exponent = int(np.frexp(max(largest, heaviest))[1])
        return Working(weight, residual, exponent, extra)

    def likelihoods(self, total: float, rows: float, sums: dict[str, float]) -> JsonObject:
        model = sums["ways"] + sums["y log"] - sums["rest"]
        null: float | str = "undefined: with an exposure it needs a fit of its own"
        if self.offset is None:
            each = self.alpha * total / rows
            null = float(
                sums["ways"] + total * np.log(each / (1 + each)) - rows * np.log1p(each) / self.alpha
            )  # fmt: skip
        # Of a fit to each count itself: y log(alpha y / (1 + alpha y)) - log(1 + alpha y) / alpha
        deviance = 2 * (sums["own"] - sums["y log"] + sums["rest"])
        return {"log_likelihood": model, "null_log_likelihood": null, "deviance": deviance}


def _log_ways(y: Floats, alpha: float) -> Floats:
    """log Gamma(y + 1/alpha) - log Gamma(1/alpha) - log y!"""
    return log_gamma(y + 1 / alpha) - log_gamma(np.asarray(1 / alpha)) - log_gamma(y + 1)


def _log_own(y: Floats, alpha: float) -> Floats:
    some = np.maximum(y, 1e-300)
    return np.asarray(y * np.log(alpha * some / (1 + alpha * some)) - np.log1p(alpha * y) / alpha, np.float64)
