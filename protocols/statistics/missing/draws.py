"""Draws from the posterior of a linear model, in the clear, from released numbers and a public seed.

For a vague prior the residual variance is s^2 df / chi^2 with df degrees of freedom. Given that, the mean of the
response at the predictors' means is normal with variance sigma^2 / n, and the slopes are normal around the estimates
with the covariance of these, both independently (Rubin 1987, chapter 5; van Buuren 2018, 3.2).

All parties draw the same numbers. Numerical libraries differ in the last digits between machines, so results are
rounded to nine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.untyped import Json

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """y = level + slopes . (x - centre) + sigma * noise."""

    level: float
    slopes: tuple[float, ...]
    centre: tuple[float, ...]
    sigma: float


def uniforms(count: int, *of: object) -> Floats:
    """Numbers between 0 and 1 that follow from public values."""
    words = b"".join(blake2b(repr((*of, k)).encode(), digest_size=8).digest() for k in range(count))
    return np.asarray(((np.frombuffer(words, "<u8") >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def draw(model: Json, seed: int, number: int) -> Draw:
    """The parameters of imputation `number`, from the numbers of `imputation_model`."""
    from scipy import special  # scipy.stats takes a second to import

    n, df = float(model["observations"]), float(model["residual_df"])
    slopes, errors = (np.asarray(model[name][1:], np.float64) for name in ("coefficient", "standard_error"))
    *centre, level = (float(mean) for mean in model["means"])
    u = uniforms(len(slopes) + 2, "imputation", seed, number)
    z = special.ndtri(u[1:])
    with np.errstate(all="ignore"):
        ratio = np.sqrt(df / (2 * special.gammaincinv(df / 2, u[0])))
        sigma = float(model["residual_standard_error"]) * ratio
        level += sigma * z[0] / np.sqrt(n)
        slopes = slopes + ratio * errors * correlated(np.asarray(model["correlations"], np.float64), z[1:])
    return shortened(level, slopes.tolist(), centre, sigma)


def correlated(predictors: Floats, z: Floats) -> Floats:
    """Normal numbers with variance 1 that are correlated as the slopes are, from independent ones and the correlations
    of the predictors."""
    try:
        # R = L L^T, and L^-T z has the covariance R^-1.
        factor = np.linalg.cholesky(predictors)
    except np.linalg.LinAlgError:  # numbers that stand in while a script is planned
        return z
    inverse = np.linalg.inv(factor)
    return np.asarray(inverse.T @ z / np.sqrt((inverse**2).sum(0)), np.float64)


def shortened(level: float, slopes: Sequence[float], centre: Sequence[float], sigma: float) -> Draw:
    """Parameters in nine digits."""
    return Draw(_short(level), tuple(map(_short, slopes)), tuple(map(_short, centre)), _short(sigma))


def _short(value: Any) -> float:
    number = float(f"{float(value):.9g}")
    return number if np.isfinite(number) else 1.0


def span(drawn: Draw, ranges: Sequence[tuple[float, float]], noise: float) -> tuple[float, float]:
    """The least and the largest value that can be imputed."""
    low = high = drawn.level
    for slope, centre, (least, most) in zip(drawn.slopes, drawn.centre, ranges, strict=True):
        ends = slope * (least - centre), slope * (most - centre)
        low, high = low + min(ends), high + max(ends)
    return low - drawn.sigma * noise, high + drawn.sigma * noise
