"""Cox's proportional hazards model of shared rows with hidden times: Newton's method in secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, log2, sqrt
from typing import Any, Literal

import numpy as np

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import union
from mpc.values.cohorts import Cohort
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, constant, stack, where
from mpc.values.stated import Stated
from protocols.models.rows import Columns, Design, both
from protocols.order import order_by
from protocols.statistics.limits import Reason, defined
from protocols.statistics.regression.estimates import columns, slope_numbers, slopes_alone
from protocols.statistics.regression.ldl import inflation
from protocols.statistics.regression.newton import (
    FINE,
    LIMIT,
    WEIGHT,
    Information,
    Scales,
    moved,
    scaled_information,
    step,
)
from protocols.statistics.regression.standard_rows import StandardRows, design_of, joint_valid
from protocols.survival.by_row import RiskSetsByRow, Rows
from protocols.survival.efron import shares
from protocols.survival.logrank import of_runs
from protocols.survival.risk_sets import FARTHEST, HIGHEST, MEAN, RiskSets, second_moments
from protocols.tables.segments import Segments, neighbours_equal

#: Steps; so many last ones take small scores alone, with more digits, and how many. Most places.
_STEPS, _SMALL, _EXTRA = 8, 2, 8
_MOST = 1 << 17
#: In the last step the log hazard of a row moves by at most 2^-_STILL.
_STILL = 13
#: Bits of the largest entry of the information.
_WIDTH = 58
_FEW = "not more events than coefficients"
_LITTLE = "a predictor hardly varies (its deviation is below 2^-16 of its declared range)"
_OUTLIER = f"a value is more than {FARTHEST:g} deviations from its mean"
_COLLINEAR = "predictors nearly collinear"
_WEIGHED = "predictors nearly collinear among the rows at risk"
_FAR = f"a row's log hazard is more than {HIGHEST:g} from that of the mean, or hazards vary too much"
_MOVING = (
    "not converged: a predictor nearly separates who has the event earlier, or predictors are nearly collinear, or "
    "more iterations are needed"
)


async def cox(
    time: SecretArray,
    event: SecretArray,
    predictors: Columns,
    *,
    ties: Literal["breslow", "efron"] = "breslow",
    strata: SecretArray | SecretCategory | None = None,
    iterations: int = _STEPS,
) -> Result:
    """Cox regression of the hazard of an event on `predictors`: shared rows with hidden exact times, all in secret.

    time, event  columns of shared rows as in `kaplan_meier`: until the event or the end of observation, and a flag
    predictors   1 to 20 columns of the same rows: a table (`rows[["age", "treated"]]`), a dict, or a list; flags and
                 numbers. Rows with a missing value do not count
    ties         events of one time share the risk set of all of them ("breslow"), or leave it one after the other, each
                 as the mean of all ("efron": better where many events have the same time)
    strata       a category, a flag or whole numbers of the same rows, such as the hospital: each stratum has a baseline
                 hazard of its own, and rows are compared within it alone. Rows without it do not count
    iterations   public number of steps of Newton's method, from all coefficients 0: 4 to 20

    Opens       number of rows and of events; of each predictor z = coefficient / standard error, and the standard error
                (of the inverse information at the optimum); the log partial likelihoods of the model and of no
                predictors. p, 95 % intervals, hazard ratios, AIC and the likelihood ratio test follow from them
    Undefined   with at most as many events as coefficients; for a predictor whose deviation is below 2^-16 of its
                bound; for a value of a predictor more than 32 deviations from its mean; for predictors nearly collinear
                (`ldl`); where the log hazard of a row is more than 8 from that of the mean; where the last step moved
                the log hazard of a row by more than 2^-13 (a predictor that tells who has the event first has no finite
                coefficient). The words say which
    Error       of an estimate: 1e-4 standard errors and relative 1e-6; of standard errors relative 1e-4; of the
                likelihoods 1e-6 an event
    Protection  complete rows less coefficients, rows with and without the event, and each of the four combinations of
                two flags (event or predictors) must reach the minimum; else everything is suppressed
    Rounds      a sort by time; an iteration about 120, and 21 a predictor; about 150 besides. Efron's ties: 20 more for
                an iteration
    Bytes       an iteration, from each party: about 400, and 115 a predictor, for each place of a row; with Efron's
                ties 630, and 240 a predictor
    Limits      131,072 places of rows
    Raises      ShapeError for other columns; ConfigError for other ties; RangeError beyond the limits, and for other
                numbers of iterations
    Equals      statsmodels' `PHReg(time, X, status=event, ties=…).fit()`; R's `coxph(ties=…)`; with Efron's ties
                lifelines' `CoxPHFitter`
    Source      Cox, JRSS B 34 (1972); Breslow, in the discussion of it; Efron, JASA 72 (1977); Kalbfleisch and
                Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002), chapter 4
    """
    if ties not in ("breslow", "efron"):
        raise ConfigError(f"cox: ties={ties!r}; expected 'breslow' or 'efron'")
    if not 4 <= iterations <= 20:
        raise RangeError(f"cox: iterations={iterations}; expected 4 to 20")
    design = design_of("cox", predictors)
    if design.rows > _MOST:
        raise RangeError(f"cox: {design.rows:,} places of rows; at most {_MOST:,} are possible")
    flag, when = _outcome(time, event, design)
    level = None if strata is None else _levels(strata, design)
    valid = both(joint_valid(design, flag), _mask(when, design.rows))
    if level is not None:
        valid = both(valid, _mask(level, design.rows))
    rows = StandardRows.of(design, valid)
    there = constant(design.run, np.ones(design.rows, np.bool_)) if valid is None else valid.bare()
    keys = [when.bare()] if level is None else [level.bare(), when.bare()]
    model = _Model.of(rows, keys, flag.bare().as_flag() & there, there, efron=ties == "efron")
    await model.fit(iterations)
    found = slopes_alone(model.coefficients, model.last, rows, model.even)

    k = len(design.names)
    events = model.happened.numeric().sum()
    enough = events > k
    behind = union(design.basis, flag.basis.plain(), when.basis.plain())
    if level is not None:
        behind = union(behind, level.basis.plain())
    design.basis = behind
    free = Cohort.of(rows.count - k, what=f"rows less coefficients of {design.rows} places of rows")
    basis = design.behind(flag, valid=valid, pairs=True)
    basis = basis._replace(cohorts=(free, *basis.cohorts), origin=(f"Cox regression, {ties.capitalize()}'s ties",))

    def protected(x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, *reasons).with_basis(basis)

    fitted = (
        (enough, _FEW),
        (rows.varies, _LITTLE),
        (model.near, _OUTLIER),
        (model.first.regular & inflation(model.first.factors)[1], _COLLINEAR),
        (model.inside, _FAR),
        (model.converged, _MOVING),
        (found.regular, _WEIGHED),
    )
    parts = {"observations": protected(rows.count, fitted[0]), "events": protected(events, fitted[0])}
    parts |= {name: protected(x, *fitted) for name, x in found.parts.items()}
    parts["log_likelihood"] = protected(model.likelihood, *fitted)
    parts["null"] = protected(model.null, *fitted)
    names, exponent = design.names, design.exponent

    def finish(opened: Mapping[str, Opened]) -> Any:
        from scipy import special  # scipy.stats takes a second to import

        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, happened = (int(np.rint(opened[name].values)) for name in ("observations", "events"))
        coefficient, error = slope_numbers(opened, exponent)
        most, null = (float(opened[name].values) for name in ("log_likelihood", "null"))
        ratio = max(0.0, 2 * (most - null))
        return {
            "terms": names,
            **columns(coefficient, error, "hazard_ratio"),
            "log_likelihood": most,
            "null_log_likelihood": null,
            "likelihood_ratio": ratio,
            "likelihood_ratio_p": float(special.chdtrc(k, ratio)),
            "pseudo_r_squared": 1 - most / null if null else 0.0,
            "aic": 2 * k - 2 * most,
            "bic": float(k * np.log(happened) - 2 * most),
            "observations": n,
            "events": happened,
            "residual_df": happened - k,
        }

    return Result("glm", parts, finish, together=True)


def _outcome(time: Anything, event: Anything, design: Design) -> tuple[SecretArray, SecretArray]:
    """The flag, and the time in numbers."""
    if not isinstance(time, SecretArray) or time.shape != (design.rows,) or is_flag(time) or time.type == "bool":
        raise ShapeError(f"cox: time is {time!r}; expected a column of numbers of the predictors' {design.rows} places")
    if not isinstance(event, SecretArray) or event.shape != (design.rows,) or not is_flag(event):
        raise ShapeError(f"cox: event is {event!r}; expected a flag of the predictors' {design.rows} places")
    need_same_people(time.basis.places, event.basis.places)
    return event.numeric(), time


def _levels(strata: Anything, design: Design) -> SecretArray:
    """The stratum of each row, as a number."""
    code = strata.codes if isinstance(strata, SecretCategory) else strata
    if not isinstance(code, SecretArray) or code.shape != (design.rows,) or code.type == "fixed":
        raise ShapeError(
            f"cox: strata={strata!r}; expected a category, a flag or whole numbers of the predictors' {design.rows} "
            "places"
        )
    need_same_people(code.basis.places, design.basis.places)
    return code.numeric()


def _mask(x: SecretArray, rows: int) -> SecretArray | None:
    return None if x.valid is None else x.valid.broadcast_to((rows,))


class _Model:
    """The partial likelihood of rows in the order of their times, the latest first.

    x       (n, p) standardised columns, 0 in places that do not count;  happened  bits: rows with the event
    events  by run; with Efron's ties, and within strata, by row
    near    bit: no value is more than FARTHEST;  inside  bit: all log hazards are within their limits
    converged, coefficients, first, last   as `logit` has them; even  bits of the information
    """

    first: Information
    last: Information
    inside: SecretArray
    converged: SecretArray
    likelihood: SecretArray

    def __init__(self, x: SecretArray, near: SecretArray, happened: SecretArray, there: SecretArray) -> None:
        self.x, self.near, self.happened, self.there = x, near, happened, there
        n, p = x.shape
        bits = ceil(log2(1.1 * n * FARTHEST**2))
        self.even = bits + bits % 2
        self.frac = min((_WIDTH - self.even) // 2, 24)
        self.width = self.even + 2 * self.frac
        self.coefficients = constant(x.run, np.zeros(p), frac=FINE)
        self.eta = constant(x.run, np.zeros(n), frac=WEIGHT)

    @classmethod
    def of(
        cls,
        rows: StandardRows,
        keys: Sequence[SecretArray],
        happened: SecretArray,
        there: SecretArray,
        *,
        efron: bool,
    ) -> _Model:
        """keys: the time; before it the stratum, where there are strata"""
        x = rows.x[:, 1:]
        inside = (stack([x, -x]) <= FARTHEST).all(0)
        near = inside.all()
        x = where(inside, x, 0).bounded(int(FARTHEST * 2**x.frac) + 1)
        order = order_by(keys[0].masked(there, "missing"), *keys[1:], ~happened, descending=True)
        n = len(x)
        there, happened, *keys = (order.apply(a) for a in (there, happened, *keys))
        model = cls(order.apply(x), near, happened, there)
        died = happened.numeric().bounded(1)
        model._total = _product(model.x, died, n)
        model.runs = Segments.between(there, neighbours_equal(keys) if n > 1 else None, n)
        model.events = of_runs(model.runs, died, n)
        if efron or len(keys) > 1:
            of_stratum = neighbours_equal(keys[:1]) if n > 1 else None
            strata = Segments.between(there, of_stratum, n) if len(keys) > 1 else None
            share = shares(died, model.events, model.runs) if efron else None
            levels = min(2 * int(keys[0].bound) + 1, n) if len(keys) > 1 else 1
            model.by_row = Rows(died, model.runs, strata, levels, share)
            model.events, model.null = died, model.by_row.null_likelihood()
            return model
        # At the end of a run in place i, i + 1 rows are at risk.
        logs = constant(x.run, np.log(np.arange(1.0, n + 1)), frac=24)
        model.null = -_weighted_sum(model.events, model.runs.at_ends(logs), n)
        return model

    runs: Segments
    by_row: Rows | None = None
    events: SecretArray
    null: SecretArray
    _total: SecretArray
    _fits: SecretArray

    async def fit(self, iterations: int) -> None:
        """Awaits after every step, so that the number of operations in flight stays bounded."""
        run, n = self.x.run, len(self.x)
        good = constant(run, np.asarray(True))
        before = self.eta
        for i in range(iterations):
            sets = self._sets()
            self.last = self._information(sets)
            if not i:
                self.first = self.last
            extra = _EXTRA if iterations - 1 - i < _SMALL else 0
            d, stepped = step(self.last, self._score(sets), self._scales, extra)
            self.coefficients, kept = moved(self.coefficients, d)
            good = stepped & kept
            before, self.eta = self.eta, self._log_hazards()
            await run.settle(self.eta.handle, good.handle)
        change = self.eta - before
        still = (stack([change, -change]) <= 2.0**-_STILL).all()
        self.converged = good & still
        sets = self._sets()
        self.inside = self._fits.all() & sets.regular
        total = (self.eta * self.happened.numeric().bounded(1)).cut(20).sum()
        self.likelihood = total.cut(20) - _weighted_sum(self.events, sets.logarithms, n).cut(20)

    def _sets(self) -> RiskSets:
        fits = (stack([self.eta, -self.eta]) <= HIGHEST).all(0)
        eta = where(fits, self.eta, 0).bounded(int(HIGHEST * 2**WEIGHT) + 1)
        self._fits = fits
        there = self.there.numeric().bounded(1)
        if self.by_row is not None:
            return RiskSetsByRow(self.x, eta, there, self.by_row)
        return RiskSets(self.x, eta, there, self.events, self.runs)

    def _information(self, sets: RiskSets) -> Information:
        matrix = second_moments(self.x, sets, self.events, self.frac, self.width)
        n, engine = len(self.x), self.x.run.engine
        return scaled_information(matrix, self.width, 8 * sqrt(2.0 * n) * 2.0**self.frac * engine.rounding)

    def _score(self, sets: RiskSets) -> SecretArray:
        """Sum over events of x less the mean of the risk set, (p,)."""
        n = len(self.x)
        return (self._total.cut(MEAN) - _product(sets.means, self.events, n)).bounded(int(n * 2.1 * FARTHEST * 2**MEAN))

    @property
    def _scales(self) -> Scales:
        n, p = self.x.shape
        return replace(Scales.of(n, p + 1), even=self.even)

    def _log_hazards(self) -> SecretArray:
        p = len(self.coefficients)
        column = self.coefficients.cut(WEIGHT).reshape(p, 1)
        bound = int(LIMIT * p * FARTHEST * 2.0 ** (self.x.frac + WEIGHT)) + 1
        return self.x.dot(column, WEIGHT, bound=bound).reshape(len(self.x))


def _product(x: SecretArray, counts: SecretArray, n: int) -> SecretArray:
    """X^T counts, (p,), for |x| <= FARTHEST and counts that add up to at most n."""
    bound = int(1.01 * n * FARTHEST * 2**x.frac)
    found = x.T.invoke("matmul", counts.reshape(n, 1), result=Stated(bound=bound, frac=x.frac, type="fixed"))
    return found.reshape(x.shape[1])


def _weighted_sum(counts: SecretArray, values: SecretArray, n: int) -> SecretArray:
    """Sum of counts times values, for counts that add up to at most n."""
    each = counts.times(values, bound=n * values.bound)
    return each.invoke("sum", axis=0, result=Stated(bound=n * values.bound))
