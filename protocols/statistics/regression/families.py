"""The distributions of generalized linear models, as row-wise expressions at public coefficients.

With the mean mu(eta) of a row, its variance V and d = d mu / d eta: the weight d^2 / V, the residual d (y - mu) / V,
and what the log-likelihood adds up. All have ranges that do not depend on the coefficients, so that no message does:
the linear predictor is moved to the window of its family, and rows above it are counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import RangeError
from mpc.tables.expressions import Expression, Floats, unary
from mpc.tables.moments import shifted
from mpc.tables.private import PrivateArray
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from protocols.statistics.limits import Reason

if TYPE_CHECKING:
    from protocols.statistics.regression.scoring import Scored

#: The window of log odds; of the logarithm of a mean, below that of twice the largest count.
ODDS, LOW = 20.0, 46.0


@dataclass
class Working:
    """What the rows contribute to a step.

    weight    from 0 to 2^exponent;  residual  at most 2^exponent in magnitude
    extra     sums for the log-likelihood: name -> expression, its unit
    beyond    flag: the linear predictor is above its window
    """

    weight: Expression
    residual: Expression
    exponent: int
    extra: dict[str, tuple[Expression, float]] = field(default_factory=dict)
    beyond: Expression | None = None


@dataclass
class Sums:
    """Sums to open: values in units, by name; and bits that must hold, with words."""

    values: SecretArray
    names: list[str]
    units: list[float]
    reasons: tuple[Reason, ...] = ()


def linear(columns: list[Expression], coefficients: list[float], offset: Expression | None) -> Expression:
    """constant + columns . coefficients + offset, the constant first."""
    constant, *slopes = coefficients

    def total(*values: Floats) -> Floats:
        found = np.asarray(constant, np.float64)
        for value, slope in zip(values, slopes, strict=False):
            found = found + shifted(value, 0.0) * slope
        return found if len(values) == len(slopes) else found + values[-1]

    arguments = (*columns, *([] if offset is None else [offset]))
    reach = sum(abs(b) * max(abs(c.low), abs(c.high)) for b, c in zip(slopes, columns, strict=True))
    reach += abs(constant) + (0.0 if offset is None else max(abs(offset.low), abs(offset.high)))
    reach = min(float(reach), 1e300)
    return Expression(
        type="real", low=-reach, high=reach, function=total, arguments=arguments, text="the linear predictor"
    )


class Family(ABC):
    """A distribution and its link. ratio: what e^coefficient is a ratio of; start: the sum that the mean is per."""

    name: str
    ratio: str
    counted = True  #: the sum of the outcome is a number of events, and rows with 0 are a group

    def __init__(self, y: PrivateArray, exposure: PrivateArray | None = None) -> None:
        self.y, self.exposure = y.expression, exposure
        self.offset = None if exposure is None else unary("log", exposure.expression)

    def working(self, columns: list[Expression], coefficients: list[float]) -> Working:
        """Weights and residuals at these coefficients."""
        low, high = self.window
        raw = linear(columns, coefficients, self.offset)
        eta = Expression(
            type="real", low=low, high=high, function=lambda x: np.clip(x, low, high), arguments=(raw,), text=raw.text
        )

        found = self._working(eta)
        # Powers of two, since numerical libraries differ in last digits, and all must say the same.
        found.extra = {
            name: (e, float(np.ldexp(1.0, int(np.frexp(unit)[1])))) for name, (e, unit) in found.extra.items()
        }
        found.beyond = self._beyond(raw)
        return found

    def _beyond(self, raw: Expression) -> Expression:
        """A flag: the linear predictor is above its window."""
        _, high = self.window

        def above(x: Floats) -> Floats:
            return np.where(np.isnan(x), np.nan, (x > high).astype(np.float64))

        return Expression(type="flag", low=0, high=1, function=above, arguments=(raw,), text="beyond")

    def opened(self, scored: Scored, rows: SecretArray) -> Sums:
        """The sums that are opened at the end."""
        assert scored.sums.extra is not None
        return Sums(scored.sums.extra, scored.names, scored.units)

    def scale(self, sums: dict[str, float], residual_df: int) -> float | str:
        """The dispersion that the variances of coefficients are multiplied by, or words."""
        return 1.0

    @property
    @abstractmethod
    def window(self) -> tuple[float, float]:
        """Ends of the linear predictor."""

    @abstractmethod
    def _working(self, eta: Expression) -> Working: ...

    @abstractmethod
    def constant(self, total: float, rows: float) -> float | None:
        """The constant term alone, from the sum of the outcome and that of the rows (or of their exposure). All that
        follow from released numbers by more than arithmetic are rounded: libraries differ in last digits."""

    @abstractmethod
    def likelihoods(self, total: float, rows: float, sums: dict[str, float]) -> JsonObject:
        """log_likelihood, null_log_likelihood and deviance, from released sums."""


class Binomial(Family):
    """A flag, and its log odds."""

    name, ratio = "logit", "odds_ratio"

    @property
    def window(self) -> tuple[float, float]:
        return -ODDS, ODDS

    def _working(self, eta: Expression) -> Working:
        risk = row_wise("risk", 0.0, 1.0, lambda x: 1 / (1 + np.exp(-x)), eta)
        weight = row_wise("weight", 0.0, 0.25, lambda p: p * (1 - p), risk)
        residual = row_wise("residual", -1.0, 1.0, lambda y, p: y - p, self.y, risk)
        likely = row_wise("likelihood", -ODDS - 1, 0.0, lambda y, x: y * x - np.logaddexp(0.0, x), self.y, eta)
        return Working(weight, residual, 0, {"log_likelihood": (likely, ODDS + 1)})

    def constant(self, total: float, rows: float) -> float | None:
        return round(float(np.log(total / (rows - total))), 9) if 0 < total < rows else None

    def likelihoods(self, total: float, rows: float, sums: dict[str, float]) -> JsonObject:
        model = sums["log_likelihood"]
        null = total * np.log(total / rows) + (rows - total) * np.log(1 - total / rows)
        return {"log_likelihood": model, "null_log_likelihood": float(null), "deviance": -2 * model}


class Poisson(Family):
    """A count, and the logarithm of its mean, per exposure."""

    name, ratio = "poisson", "rate_ratio"

    def __init__(self, y: PrivateArray, exposure: PrivateArray | None = None) -> None:
        if y.expression.low < 0:
            raise RangeError(f"poisson: {y.name} ranges from {y.expression.low:g}; a count is declared from 0 on")
        if y.expression.high < 1:
            raise RangeError(f"poisson: {y.name} ranges to {y.expression.high:g}; expected counts")
        if exposure is not None and not exposure.expression.low > 0:
            raise RangeError(
                f"poisson: the exposure {exposure.name} ranges from {exposure.expression.low:g}; declare it above 0"
            )
        super().__init__(y, exposure)

    @property
    def most(self) -> float:
        """The largest mean."""
        return 2.0 * float(self.y.high)

    @property
    def window(self) -> tuple[float, float]:
        high = round(float(np.log(self.most)), 6)
        return high - LOW, high

    def _working(self, eta: Expression) -> Working:
        low, high = self.window
        most = self.most
        largest, farthest = float(self.y.high), max(abs(low), abs(high))
        # A mean is above 0 and at most twice the largest count, and so are weights; residuals are between.
        mean = row_wise("mean", 0.0, most, lambda x: np.minimum(np.exp(x), most), eta)
        residual = row_wise("residual", -most, largest, lambda y, m: y - m, as_float(self.y), mean)
        product = row_wise("y eta", -largest * farthest, largest * farthest, lambda y, x: y * x, as_float(self.y), eta)
        unit = max(largest * float(np.log(largest)), 1.0)
        size = row_wise("y log y", 0.0, unit, lambda y: y * np.log(np.maximum(y, 1e-300)), as_float(self.y))
        ways = row_wise("log y!", -1.0, unit, _log_factorial, as_float(self.y))
        extra = {"y eta": (product, largest * farthest), "y log y": (size, unit), "log y!": (ways, unit)}
        if self.offset is not None:
            reach = max(abs(self.offset.low), abs(self.offset.high), 1e-3)
            part = row_wise(
                "y log t", -largest * reach, largest * reach, lambda y, t: y * t, as_float(self.y), self.offset
            )
            extra["y log t"] = (part, largest * reach)
        return Working(mean, residual, int(np.frexp(most)[1]), extra)

    def constant(self, total: float, rows: float) -> float | None:
        return round(float(np.log(total / rows)), 9) if total > 0 else None

    def likelihoods(self, total: float, rows: float, sums: dict[str, float]) -> JsonObject:
        # At the optimum the means add up to the total.
        model = sums["y eta"] - total - sums["log y!"]
        null = total * np.log(total / rows) + sums.get("y log t", 0.0) - total - sums["log y!"]
        deviance = 2 * (sums["y log y"] - sums["y eta"])
        return {"log_likelihood": model, "null_log_likelihood": float(null), "deviance": deviance}


def log_gamma(x: Floats) -> Floats:
    """log Gamma(x)."""
    from scipy import special  # scipy.stats takes a second to import

    return np.asarray(special.gammaln(x), np.float64)


def _log_factorial(y: Floats) -> Floats:
    return log_gamma(y + 1)


def as_float(a: Expression) -> Expression:
    """A count as a float, NaN where it is missing."""
    return a if a.type == "real" else row_wise(a.text, float(a.low), float(a.high), lambda x: shifted(x, 0.0), a)


def row_wise(text: str, low: float, high: float, function: Callable[..., Floats], *arguments: Expression) -> Expression:
    """What `function` makes of the numbers of a row, between public limits. text: in words"""
    """An expression of other ones, row by row, with the ends of its range."""
    return Expression(type="real", low=low, high=high, function=function, arguments=arguments, text=text)
