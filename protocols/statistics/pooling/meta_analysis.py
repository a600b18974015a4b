"""Meta-analysis: estimates of several organizations pooled, without showing them.

In units of the smallest standard error s: U_i = (s_i / s)^2, and t is the variance between organizations. Weights are
v_i = (1 + t) / (U_i + t), so that the largest is 1 and none loses digits to the scale of the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, Literal, NamedTuple

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, constant, minimum, where
from protocols.numeric.division import divide
from protocols.numeric.normalize import F
from protocols.statistics.limits import defined
from protocols.statistics.measures import Z95, Measure, document
from protocols.statistics.pooling.reml import Weighted, scored

#: Most places; fewest estimates; the smallest standard error, against its limit; the largest, against the smallest.
_MOST, _FEWEST, _SMALL, _APART = 64, 4, 2.0**-14, 64.0
#: Largest distance of an estimate from the fixed effect, in its standard errors; its fraction bits; largest t.
_FAR, _DISTANCE, _BETWEEN = 500.0, 20, 2.0**14
#: Smallest sum of weights less the part of the largest one.
_ALONE = 2.0**-8

_TINY = "a standard error is 0, or below a 16,384th of its declared limit"
_UNEVEN = "a standard error is more than 64 times the smallest one"
_DISTANT = "an estimate is more than 500 standard errors away from the fixed effect"
_ONE = "the most precise estimate outweighs all others"
_WIDE = "the variance between estimates is more than 16,384 times the smallest squared standard error"
_LOST = 'a step of REML passed its limits; method="DL" may have a result'
_MOVING = 'REML has not converged: more steps, or method="DL"'
_FEW = "fewer than 4 estimates"


def meta_analysis(
    estimate: SecretArray,
    standard_error: SecretArray,
    *,
    model: Literal["fixed", "random"] = "random",
    method: Literal["DL", "REML"] = "DL",
    steps: int = 12,
) -> Result:
    """Estimates and their standard errors, pooled by inverse variance: a fixed effect, or random ones.

    estimate, standard_error   shared columns, a row for each estimate: of `table.share(rows=1)` where each organization
                brings one. Ratios come as logarithms. Declare limits near to the values: of a number, 28 bits of its
                limit are kept
    model       "random": effects vary between organizations, with variance tau squared
    method      of tau squared: "DL", by DerSimonian and Laird; "REML", by restricted maximum likelihood
    steps       of REML, from the start of DL: public, 4 to 20

    Opens       the number of estimates, the pooled effect and its standard error, Q, and of random effects tau. The
                95 % interval, z and p, the p-value of Q, I squared, tau squared and the prediction interval (of t
                with n - 2 degrees of freedom) follow from them
    Missing     rows that lack the estimate or its standard error are left out
    Undefined   fewer than 4 estimates, since fewer could be computed from what is opened; a standard error of 0 or
                below a 16,384th of its limit, or above 64 times the smallest one; an estimate 500 standard errors away;
                for random effects also where one estimate outweighs all others, or t is above 16,384
    Error       where 28 bits of the limits hold the data: effect and standard error 1e-5 standard errors, Q and tau
                relative 1e-4; of REML 1e-4
    Protection  the rows counted are estimates: those of all organizations, those of all but each one, and two less than
                all of them must reach the minimum. So `minimum_cohort` is small here, such as 3
    Rounds      of 6 places 211, of random effects 363; a step of REML 238 more
    Bytes       from each party, of 6 places 21 kB, of random effects 36 kB; a step of REML 23 kB more
    Raises      ShapeError for anything but two columns of the same shared rows; RangeError beyond 64 places
    Equals      statsmodels' `combine_effects(estimate, standard_error**2, method_re="chi2")`
    Source      DerSimonian and Laird, Controlled Clinical Trials 7 (1986); Higgins, Thompson and Spiegelhalter, Journal
                of the Royal Statistical Society A 172 (2009), for the prediction interval
    """
    if model not in ("fixed", "random") or method not in ("DL", "REML"):
        raise ShapeError(
            f'meta_analysis: model={model!r}, method={method!r}; expected "fixed" or "random", and "DL" or "REML"'
        )
    if not 4 <= steps <= 20:
        raise RangeError(f"meta_analysis: steps={steps}; expected 4 to 20")
    _need(estimate, standard_error)
    both = estimate.numeric() + standard_error.numeric()
    valid = both.valid
    here = constant(both.run, np.ones(both.shape, np.bool_)) if valid is None else valid.bare()
    y, errors = estimate.numeric().bare(), standard_error.numeric().bare()
    y = where(here, y, 0)
    sizes = _Sizes.of(errors, here)
    fixed = _pooled(y, sizes, None)
    distance, near = _distances(y - fixed.effect, errors, sizes)
    q = distance.product(distance, F, limit=1.01 * _FAR**2).sum()
    count = here.numeric().sum()
    reasons = [(count >= _FEWEST, _FEW), (sizes.regular, _TINY), (sizes.even, _UNEVEN), (near, _DISTANT)]
    parts = {"n": count, "effect": fixed.effect, "error": fixed.error, "q": q}
    if model == "random":
        t, possible = _between(q, count, fixed)
        reasons += possible
        if method == "REML":

            def weighted(t: SecretArray) -> Weighted:
                about = _pooled(y, sizes, t)
                return Weighted(about.weights, about.parts, y - about.effect, sizes.here)

            t, inside, still = scored(t, weighted, sizes.least, steps=steps, most=_BETWEEN)
            reasons += [(inside, _LOST), (still, _MOVING)]
        found = _pooled(y, sizes, t)
        tau = _scaled(sizes.least, t.sqrt().without_mask())
        parts |= {"effect": found.effect, "error": found.error, "tau": tau}

    counted = both.count()
    basis = union(counted.basis, Basis((Cohort.of(counted - 2, what="estimates less two"),)))

    stands = basis._replace(origin=("meta-analysis",))
    protected = {name: defined(x, *reasons).with_basis(stands) for name, x in parts.items()}
    return Result("measures", protected, _finish(model), together=True)


class _Sizes(NamedTuple):
    """least    the smallest standard error, s;  ratio  (s_i / s)^2, 1 where there is none;  here  integers 0 and 1
    regular  bit: s has digits;  even  bit: all ratios are within their limit
    """

    least: SecretArray
    ratio: SecretArray
    here: SecretArray
    regular: SecretArray
    even: SecretArray

    @classmethod
    def of(cls, error: SecretArray, here: SecretArray) -> _Sizes:
        k, bound = len(error), error.bound
        least = where(here, error, error.limit)
        while len(least) > 1:
            half = len(least) // 2
            rest = least[2 * half :]
            smaller = minimum(least[:half], least[half : 2 * half])
            least = smaller if not len(rest) else minimum(smaller, rest.broadcast_to((half,)))
        regular = (least > _SMALL * error.limit).reshape(())
        least = where(regular, least.reshape(()), error.limit).bounded(bound)
        ratio = divide(error, least.reshape(1).broadcast_to((k,))).without_mask()
        inside = ratio <= _APART
        even = (inside | ~here).all()
        # The smallest standard error is at most each of the others.
        ratio = where(inside & here & (ratio >= 1.0), ratio, 1.0).cut(F - 4)
        ratio = ratio.bounded(int(_APART * 2 ** (F - 4)) + 4)
        return cls(least, ratio.product(ratio, F, limit=_APART**2 * 1.01), here.numeric(), regular, even)


class _Pooled(NamedTuple):
    """weights  v_i, 0 where there is no estimate;  whole  their sum;  parts  weights over their sum."""

    effect: SecretArray
    error: SecretArray
    weights: SecretArray
    whole: SecretArray
    parts: SecretArray


def _pooled(estimate: SecretArray, sizes: _Sizes, t: SecretArray | None) -> _Pooled:
    """The effect with weights for a variance t between organizations (None: 0)."""
    k = len(estimate)
    one = constant(estimate.run, np.ones(()), frac=F)
    top = one if t is None else one + t
    bottom = sizes.ratio if t is None else sizes.ratio + t
    v = _clean(divide(top.reshape(1).broadcast_to((k,)), bottom), 1.0)
    v = v.times(sizes.here, bound=v.bound)
    # If there is no estimate, all weights are 0, and the release is undefined.
    whole = v.sum().bounded(int(1.01 * k * 2**F))
    whole = where(whole > 0.5, whole, 1.0)
    parts = _clean(divide(v, whole.reshape(1).broadcast_to((k,))), 1.0)
    effect = _mean(parts, estimate, estimate)
    # The parts add up to 1 within 2^-22. The mean of what is left has that error of a small number.
    effect = effect + _mean(parts, estimate - effect, estimate)
    spread = _clean(divide(top, whole), 1.01 * (1 + _BETWEEN if t is not None else 1.0) * 2)
    root = spread.sqrt().without_mask()
    error = _scaled(sizes.least, root)
    return _Pooled(effect, error, v, whole, parts)


def _mean(parts: SecretArray, x: SecretArray, estimate: SecretArray) -> SecretArray:
    """The mean of x with weights that add up to 1 within 2^-20, with a fraction bit more than the estimates."""
    frac = estimate.frac + 1
    total = parts.product(x, frac + 4).sum()
    return total.cut(frac, bound=int(1.01 * x.bound * 2.0 ** (frac - x.frac)) + len(parts))


def _clean(x: SecretArray, limit: float) -> SecretArray:
    """A quotient with F fraction bits that its operands keep within `limit`, up to rounding."""
    return x.without_mask().cut(F).bounded(int(limit * 2**F * (1 + 2.0**-20)) + 8)


def _scaled(least: SecretArray, root: SecretArray) -> SecretArray:
    """The product of the smallest standard error and a number from 1/8 to 182, cut to 29 bits."""
    root = root.cut(22).bounded(int(183 * 2.0**22))
    return least.product(root, least.frac)


def _distances(apart: SecretArray, error: SecretArray, sizes: _Sizes) -> tuple[SecretArray, SecretArray]:
    """(y_i - effect) / s_i, and the bit that all are within their limit."""
    here = sizes.here > 0
    sure = where(here & (error > 0), error, error.limit)
    z = divide(apart, sure)
    inside = (z.without_mask() <= _FAR) & (z.without_mask() >= -_FAR)
    inside = inside if z.valid is None else inside & z.valid.bare()
    kept = where(inside & here, z.without_mask(), 0.0).cut(_DISTANCE)
    return kept.bounded(int(_FAR * 2**_DISTANCE) + 2), (inside | ~here).all()


def _between(q: SecretArray, count: SecretArray, fixed: _Pooled) -> tuple[SecretArray, list[tuple[SecretArray, str]]]:
    """t = max(0, Q - (n - 1)) / (V - sum v^2 / V), and what it needs."""
    excess = q - (count - 1)
    excess = where(excess > 0, excess, 0.0)
    left = (1 - fixed.parts).product(fixed.weights, F, limit=1.01).sum()
    shared = left > _ALONE
    t = divide(excess, where(shared, left, 1.0))
    small = t.without_mask() < _BETWEEN
    small = small if t.valid is None else small & t.valid.bare()
    t = where(small, t.without_mask(), 0.0).cut(F).bounded(int(_BETWEEN * 2**F) + 2)
    return t, [(shared, _ONE), (small, _WIDE)]


def _finish(model: str) -> Any:
    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        from scipy import special  # scipy.stats takes a second to import

        n = int(np.rint(opened["n"].values))
        effect, error, q = (float(opened[name].values) for name in ("effect", "error", "q"))
        q, df, z = max(q, 0.0), n - 1, effect / error
        p = float(2 * special.ndtr(-abs(z)))
        measures = [
            Measure(f"pooled effect, {model}", effect, effect - Z95 * error, effect + Z95 * error, z, p=p),
            Measure("standard error", error),
            Measure("estimates", n),
            Measure("heterogeneity (Q)", statistic=q, df=df, p=float(special.chdtrc(df, q))),
            Measure("I squared", max(0.0, 1 - df / q) if q else 0.0),
        ]
        if model == "random":
            tau = float(opened["tau"].values)
            reach = float(special.stdtrit(n - 2, 0.975)) * sqrt(tau**2 + error**2)
            measures.append(Measure("tau squared", tau**2))
            measures.append(Measure("a new organization's effect", effect, effect - reach, effect + reach))
        return document(measures)

    return finish


def _need(estimate: Any, error: Any) -> None:
    for x in (estimate, error):
        if not isinstance(x, SecretArray) or x.ndim != 1 or x.shape != estimate.shape or x.type == "bool":
            raise ShapeError(
                f"meta_analysis: {x!r}; expected two columns of the same shared rows: rows = table.share(rows=1), then "
                "rows.estimate and rows.standard_error"
            )
    if len(estimate) > _MOST:
        raise RangeError(f"meta_analysis: {len(estimate)} places; expected at most {_MOST}")
    if error.bound <= 0 or len(estimate) == 0:
        raise RangeError("meta_analysis: no estimates, or a standard error that is always 0")
