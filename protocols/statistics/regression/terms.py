"""Tests of the terms of a linear model, and what follows from its opened numbers.

For a term of several columns, the part of the response's variance that it explains beside all others is opened: the
matrix is factored once more with the term's columns last, and the part is sum along_k^2 / pivot_k over these. F is that
part over its columns, in units of the unexplained part over its degrees of freedom; so it equals the Wald test of the
term's coefficients, and the sums of squares of type III of treatment coding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mpc.releases.disclosure import Opened
from mpc.untyped import Json, JsonObject
from mpc.values.secret import SecretArray, concatenate
from mpc.values.wide_products import precise_product
from protocols.numeric.division import normal
from protocols.numeric.normalize import F
from protocols.statistics.held import held
from protocols.statistics.regression.formulas import Term
from protocols.statistics.regression.ldl import PIVOT_BITS, factor

#: Fraction bits of a square of `along`, and of an opened mantissa.
_SQUARE, _MANTISSA = 2 * F, 30
#: Largest quotient of `along` and a pivot.
_LIFTED = 11.4


def explained(matrix: SecretArray, terms: Sequence[Term]) -> tuple[SecretArray, SecretArray, SecretArray] | None:
    """Mantissas and powers of two of the parts that terms explain, and a bit: all factors are regular. None without
    terms.

    matrix  correlations of the predictors and, last, the response
    terms   of several columns, and not of all

    Error   2^-24 times the root of the part, for variance inflation up to 10; at least 2^-47
    Rounds  as `ldl.factor`, at the same time as it, and 30
    """
    if not terms:
        return None
    p, parts, bits = matrix.shape[0] - 1, [], []
    for term in terms:
        others = [j for j in range(p) if j not in term.columns]
        order = np.ix_(*[[*others, *term.columns, p]] * 2)
        factors = factor(matrix[order])
        assert factors.along is not None
        last = slice(len(others), p)
        along = factors.along[last]
        # |along| <= sqrt(pivot) and power < 1 / pivot <= 2^7, as in `ldl`.
        lifted = held(along.times(factors.power[last], bound=1 << (F + PIVOT_BITS)), _LIFTED)
        square = along.times(lifted.bounded(int(_LIFTED * 2**F) + 1), bound=int(1.01 * _LIFTED * 2**_SQUARE))
        parts.append(precise_product(square, factors.mantissa[last]).sum().reshape(1))
        bits.append(factors.regular.reshape(1))
    frac = min(part.frac for part in parts)
    found = normal(concatenate([part.cut(frac) for part in parts]), _MANTISSA)
    power = found.exponent.table([i + 1 - frac for i in range(found.exponent.width)])
    return found.mantissa, power, concatenate(bits).all()


def of_several(terms: Sequence[Term], columns: int) -> list[Term]:
    """The terms whose test does not follow from t, or from R^2."""
    return [term for term in terms if 1 < len(term.columns) < columns]


def summary(opened: Mapping[str, Opened], r_squared: float, n: int, p: int, unit: int) -> JsonObject:
    """What follows from R^2 and the residual standard error. unit: exponent of the response's unit."""
    part = opened["residual"].values
    residual = float(np.ldexp(part, opened["residual power"].values.astype(int) + unit))
    return follows(r_squared, 1 - r_squared, residual, n, p)


def follows(r_squared: float, rest: float, residual: float, n: int, p: int) -> JsonObject:
    """What follows from R^2, 1 - R^2 and the residual standard error of n rows and p predictors."""
    from scipy import special  # scipy.stats takes a second to import

    df = n - p - 1
    f = r_squared / p / (rest / df)
    # While a script is planned, stand-ins of awaited numbers are made from 0 rows.
    likelihood = -n / 2 * (np.log(2 * np.pi * residual**2 * df / n) + 1) if n and residual else float("nan")
    return {
        "r_squared": r_squared,
        "adj_r_squared": 1 - rest * (n - 1) / df,
        "f": f,
        "f_p": float(special.fdtrc(p, df, f)),
        "residual_standard_error": residual,
        "log_likelihood": float(likelihood),
        "aic": float(2 * (p + 1) - 2 * likelihood),
        "bic": float(np.log(max(n, 1)) * (p + 1) - 2 * likelihood),
    }


def of_weights(found: JsonObject, exponent: int) -> JsonObject:
    """The same for weights in units of 2^exponent. The likelihood would need the weights' logarithms."""
    residual = found["residual_standard_error"] * 2.0 ** (exponent / 2)
    left = {name: value for name, value in found.items() if name not in ("log_likelihood", "aic", "bic")}
    return {**left, "residual_standard_error": residual}


def tests(
    terms: Sequence[Term], t: Json, opened: Mapping[str, Opened], r_squared: float, df: int
) -> dict[str, list[Json]]:
    """F test of each term, given all others."""
    from scipy import special

    several = [term.name for term in of_several(terms, len(t))]
    f, sizes = [], []
    for term in terms:
        m = len(term.columns)
        if m == 1:
            value = float(t[term.columns[0]] ** 2)
        else:
            part = r_squared
            if term.name in several:
                i = several.index(term.name)
                part = float(np.ldexp(opened["explained"].values[i], int(opened["explained power"].values[i])))
            value = part / m / ((1 - r_squared) / df)
        f.append(value)
        sizes.append(m)
    p = [float(special.fdtrc(m, df, value)) for m, value in zip(sizes, f, strict=True)]
    return {"terms": [term.name for term in terms], "df": sizes, "f": f, "p": p}
