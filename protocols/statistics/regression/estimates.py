"""Estimates with their standard errors, in the units of the columns, from standardised coefficients and information.

Opened are, of each predictor, z = coefficient / standard error and the standard error, both as a mantissa in [1, 2) and
a power of two, so that neither loses digits to the scales of columns; the coefficient is their product. The constant
term and its standard error are opened in the same way. With means m_j and shifts a_j of the columns,
    b0 = beta_0 - sum m_j 2^a_j beta_j = c . beta,   Var(b0) = c H^-1 c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.releases.disclosure import Opened
from mpc.untyped import Json
from mpc.values.secret import SecretArray, concatenate, constant, where
from protocols.numeric.division import normal
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.polynomial import roomy
from protocols.numeric.roots import even_exponent, roots
from protocols.statistics.floating import floating
from protocols.statistics.moments.descriptive import Scaled
from protocols.statistics.regression.ldl import INFLATION, INVERSE, Factors, inflation
from protocols.statistics.regression.newton import Information
from protocols.statistics.regression.standard_rows import StandardRows

#: Fraction bits of mean / deviation; of variance inflation.
_FAR, _WIDE = 24, INVERSE + 4
#: Largest (N e)_k.
_ENTRY = 4.0
#: The standard normal distribution's quantile of 97.5 %.
REACH = 1.959963984540054


@dataclass
class Estimates:
    """parts    secrets by name, for `numbers`
    regular  bit: variance inflation factors are within their limit;  near  the constant term's standard error is
    """

    parts: dict[str, SecretArray]
    regular: SecretArray
    near: SecretArray


def estimates(coefficients: SecretArray, about: Information, rows: StandardRows) -> Estimates:
    """Estimates and standard errors from standardised coefficients (k,), the first of which is the constant term.

    Error   2^-19 standard errors, and relative 2^-16
    Rounds  about 120
    """
    k = len(coefficients)
    inflated, small = inflation(about.factors)
    c = concatenate([constant(rows.x.run, np.ones(1), frac=_FAR), -rows.mean.cut(_FAR).times(rows.up)])
    constant_inflated, power, near = constant_of(c, about, about.factors)
    variances = concatenate([inflated[1:].shifted(_WIDE), constant_inflated.reshape(1)])

    root, inverse, exponent = deviations(variances)
    even = rows.scales.even // 2

    # A slope's error: sqrt(variance) / sqrt(H_jj), in units of 2^(shift_j + a_j - even / 2).
    slopes = root[: k - 1].product(about.inverse[1:], F, limit=2.1)
    errors = concatenate([slopes, root[k - 1].reshape(1)])
    powers = concatenate(
        [exponent[: k - 1] + about.shift[1:] + rows.shift - even, (exponent[k - 1] + power - even).reshape(1)]
    )
    error, error_power = floating(errors.bounded(int(2.1 * 2**F)), powers)

    size, z_power, negative = _scores(coefficients[1:], inverse[: k - 1], about.root[1:])
    z_power = z_power - exponent[: k - 1] - about.shift[1:] + even
    b0 = roomy((c * coefficients).sum())
    first = normal(b0)
    first_power = first.exponent.table([i + 1 - b0.frac for i in range(first.exponent.width)])
    signed = where(first.negative, -first.mantissa, first.mantissa)
    parts = {
        "z": where(negative, -size, size),
        "z power": z_power,
        "error": error,
        "error power": error_power,
        "intercept": signed,
        "intercept power": first_power,
    }
    return Estimates(parts, small, near)


def slopes_alone(coefficients: SecretArray, about: Information, rows: StandardRows, even: int) -> Estimates:
    """The same of a model without a constant term, of whose information the diagonal is below 2^even."""
    inflated, small = inflation(about.factors)
    root, inverse, exponent = deviations(inflated.shifted(_WIDE))
    errors = root.product(about.inverse, F, limit=2.1)
    powers = exponent + about.shift + rows.shift - even // 2
    error, error_power = floating(errors.bounded(int(2.1 * 2**F)), powers)
    size, z_power, negative = _scores(coefficients, inverse, about.root)
    z_power = z_power - exponent - about.shift + even // 2
    parts = {"z": where(negative, -size, size), "z power": z_power, "error": error, "error power": error_power}
    return Estimates(parts, small, small)


def deviations(variances: SecretArray) -> tuple[SecretArray, SecretArray, SecretArray]:
    """Root, inverse root and exponent of variances in units of 2^-_WIDE: sqrt(variance) = root * 2^exponent."""
    # variance = mantissa * 2^width / 4^a, and its root is root * 2^(half - a).
    width = 34
    half = (width - _WIDE) // 2
    leading = leading_bit(variances, width)
    shifts = even_exponent(width)[0]
    mantissa = variances.times(leading.table([1 << (2 * a) for a in shifts]), bound=(1 << width) - 1)
    mantissa = mantissa.rescaled(width).cut(F, bound=1 << F) + leading.is_zero()
    root, inverse = roots(mantissa.bounded(1 << F))
    return root, inverse, half - leading.table(shifts)


def _scores(b: SecretArray, inverse: SecretArray, root: SecretArray) -> tuple[SecretArray, SecretArray, SecretArray]:
    """|b| * inverse * root as mantissa and power, and whether b is negative."""
    parts = normal(b)
    power = parts.exponent.table([i + 1 - b.frac for i in range(parts.exponent.width)])
    z = parts.mantissa.product(inverse, F, limit=2.05).product(root, F, limit=2.05)
    # mantissa in [1/2, 1), inverse in [1, 2], root in [1/2, 1]; 0 for a coefficient of 0
    mantissa, power = floating(z.bounded(int(2.05 * 2**F)), power)
    return mantissa, power, parts.negative


def constant_of(
    c: SecretArray, about: Information | Scaled, factors: Factors
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """v, T and a bit with c H^-1 c = v 4^T / 2^even, v with _WIDE fraction bits; the bit is cleared where v has no
    digits: the means lie in a direction in which the predictors are nearly collinear.

    With e_j = c_j 2^a_j inverse_j / 2^T and sum |c_j| 2^a_j from 2^(T - 1) to 2^T: v = sum_k (N e)_k^2 / pivot_k.
    """
    k = len(c)
    lifted = c.times(about.up)
    size = where(lifted < 0, -lifted, lifted).sum()
    width = int(size.bound).bit_length()
    leading = leading_bit(size, width)
    up = leading.table([1 << (width - 1 - i) for i in range(width)])
    part = lifted.times(up.broadcast_to((k,)), bound=1 << width)
    part = part.rescaled(width).cut(F, bound=(1 << F) + 1).product(about.inverse, 26, limit=2.01)
    power = leading.table([i + 1 - _FAR for i in range(width)])
    # Entries of L^-1 are at most 16, and the parts add up to at most 2.
    rotated = factors.rows.dot(part.reshape(k, 1), F).reshape(k).bounded(int(33 * 2**F))
    inflated, near = _inflated(rotated, factors)
    return inflated, power, near


def _inflated(rotated: SecretArray, factors: Factors) -> tuple[SecretArray, SecretArray]:
    """sum_k rotated_k^2 / pivot_k, and the bit that it and its parts keep their limits.

    The sum is at least 2^-11, since no eigenvalue of the scaled information of up to 21 columns exceeds 21.
    """
    k = len(rotated)
    near = (concatenate([rotated, -rotated]) <= _ENTRY).all()
    rotated = where(near.broadcast_to((k,)), rotated, 0).bounded(int(_ENTRY * 2**F) + 1)
    squares = rotated.product(rotated, 40).times(factors.power).cut(_WIDE)
    total = squares.product(factors.mantissa.cut(24), _WIDE).sum()
    small = (total <= INFLATION) & (total >= 2.0**-13)
    return where(small, total, 1.0).bounded(int(INFLATION * 2**_WIDE) + 1), near & small


def numbers(opened: Mapping[str, Opened], exponent: Sequence[int]) -> tuple[Json, Json]:
    """Coefficients and standard errors, the constant term first, from the opened parts."""

    def number(name: str) -> Json:
        return np.ldexp(opened[name].values, opened[f"{name} power"].values.astype(int))

    error, units = number("error"), -np.asarray(exponent)
    slopes = np.ldexp(error[:-1], units)
    return np.append(number("intercept"), number("z") * slopes), np.append(error[-1], slopes)


def slope_numbers(opened: Mapping[str, Opened], exponent: Sequence[int]) -> tuple[Json, Json]:
    """The same of a model without a constant term."""
    units = -np.asarray(exponent)
    error = np.ldexp(opened["error"].values, opened["error power"].values.astype(int) + units)
    return np.ldexp(opened["z"].values, opened["z power"].values.astype(int)) * error, error


def columns(coefficient: Json, error: Json, ratio: str) -> dict[str, list[Json]]:
    """The columns of a table of coefficients of a model with a log or logit link. ratio: the name of e^coefficient."""
    from scipy import special  # scipy.stats takes a second to import

    z, reach = coefficient / error, REACH * error
    low, high = coefficient - reach, coefficient + reach
    short = ratio.removesuffix("_ratio")
    with np.errstate(over="ignore"):
        return {
            "coefficient": coefficient.tolist(),
            "standard_error": error.tolist(),
            "z": z.tolist(),
            "p": (2 * special.ndtr(-np.abs(z))).tolist(),
            "ci_low": low.tolist(),
            "ci_high": high.tolist(),
            ratio: _powers(coefficient),
            f"{short}_ci_low": _powers(low),
            f"{short}_ci_high": _powers(high),
        }


def _powers(x: Json) -> list[Json]:
    """e^x, and words where no float holds it."""
    return [value if np.isfinite(value) else "above 1e308" for value in np.exp(x).tolist()]
