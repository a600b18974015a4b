"""Multinomial logistic regression of rows that stay with their owners, by steps whose coefficients are released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.machine.seen import plain
from mpc.releases.disclosure import Opened, Result
from mpc.releases.study import Study
from mpc.tables.counts import all_known, at_levels, behind, complete
from mpc.tables.expressions import Floats
from mpc.tables.private import PrivateArray, PrivateTable, unit_exponent
from mpc.untyped import Json
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate
from protocols.statistics import arguments
from protocols.statistics.limits import Reason, defined
from protocols.statistics.regression.estimates import columns as table_of
from protocols.statistics.regression.formulas import CONSTANT, parsed, private_model
from protocols.statistics.regression.logit import summary
from protocols.statistics.regression.multinomial_steps import Multinomial
from protocols.statistics.regression.multinomial_sums import UNIT
from protocols.statistics.regression.released_steps import SCALES, STEPS, problem_of, still_moving

#: Most coefficients; a column's centre is at most so many times its range from 0.
_MOST, _FARTHEST = 20, 2.0**12
_FEW = "not more rows than coefficients"
_EMPTY = "a level of the outcome has no row"
_LITTLE = "a predictor hardly varies, or a level of the outcome is too rare for it"
_COLLINEAR = "predictors nearly collinear, or a level of the outcome nearly follows from them"
_BEYOND = "the log odds of a row are above 20"
_MOVING = "not converged: predictors nearly collinear, or nearly separate the outcomes, or more steps are needed"
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"


async def mnlogit(
    outcome: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateTable,
    *,
    iterations: int = STEPS + 1,
    study: Study,
    name: str,
) -> Result:
    """Multinomial logistic regression of a category on a constant and `predictors`: the log odds of each level to the
    first one. Rows stay with their owners, and the coefficients of each step are releases.

        stage = await st.mnlogit("stage ~ age + smoker", people, study=study, name="stage")
        study.release("stage", stage)

    outcome     a category; its first declared level is the reference. Or a formula over the table, with the category
                alone on its left side, in place of predictors
    predictors  at least one column: a list, or the table of a formula; (levels - 1) times (columns + 1) is at most 20.
                Rows with a missing value do not count
    iterations  public number of steps: 4 to 40. The first is the constants alone
    study, name the steps are releases of this study, "name, step 1 of 10" and so on. All organizations that compute
                must be recipients, since all go on from what a step released

    Opens       each step: the coefficients, of which those before the last tell more of the rows than the fit alone
                does. At the end the number of rows at each level of the outcome, the standard error of each coefficient
                (of the inverse information), and the log-likelihood. z, p, 95 % intervals, odds ratios, deviance, AIC,
                BIC and McFadden's R^2 follow from them. Terms are named "level, term"
    Undefined   with at most as many rows as coefficients; where a level has no row; where a predictor, among the
                rows that a level weighs, has a deviation below about 2^-7 of its declared range; for predictors nearly
                collinear (`ldl`); where the log odds of a row are above 20; where the last step moved a coefficient by
                more than 1e-3 of its standard error or 1e-4 of itself. The words say which
    Error       coefficients: below 1e-5 of a standard error. Standard errors: relative 1e-5. Log-likelihood: 2^-27 for
                tables of 2^26 rows an owner
    Protection  rows less coefficients; rows at each level of the outcome, with and without each flag, and at each
                combination of levels, of two flags, and of a level of the outcome with a predictor's level or flag. The
                same for every step, and for the end. With a minimum cohort, a model of many flags (such as
                `smoker*C(arm)`) can have too many counts to compare: its plan is then refused, before anything is sent
    Rounds      a step about 90, and 16 a coefficient; the end about 150 more
    Bytes       from each party, of any number of rows: a step of d coefficients about 4 kB, and 0.5 kB d^2
    Equals      statsmodels' `MNLogit(y, add_constant(X)).fit()`, with the levels in their declared order
    Source      Agresti, Categorical Data Analysis, 3rd ed. (2013), section 8.1
    """
    if not isinstance(study, Study) or not isinstance(name, str) or not name:
        raise ConfigError('mnlogit: steps are releases: pass study=study and name="…", which they are released under')
    if not 4 <= iterations <= 40:
        raise RangeError(f"mnlogit: {iterations} steps; expected 4 to 40")
    job = _job(outcome, predictors)
    beta, last = np.zeros((job.levels - 1, len(job.columns) + 1)), None
    for i in range(1, iterations + 1):
        left = iterations - i
        result = job.first() if i == 1 else job.step(beta, SCALES[left] if left < len(SCALES) else 0)
        value = await study.release(f"{name}, step {i} of {iterations}", result)
        if value is None:
            raise ConfigError("mnlogit: all organizations that compute must learn the steps, to compute the next one")
        # Where a step has words, the next one starts where it did.
        made = None if isinstance(value, str) else np.reshape([float(plain(x)) for x in value["values"]], beta.shape)
        last = None if made is None else made - beta
        beta = beta if made is None else made
    return job.final(beta, last)


def _job(outcome: Any, predictors: Any) -> _Job:
    groups: list[list[PrivateArray]] = []
    constant = "intercept"
    if isinstance(outcome, str):
        model = private_model("mnlogit", outcome, predictors, levels=True)
        y, columns, constant = model.response, model.columns, CONSTANT
        if not (left := parsed(outcome)[0]).isidentifier():
            raise ConfigError(f"mnlogit: the left side is {left}; expected a category alone, whose first level counts")
        groups = [[f.column if f.bins is None else f.bins for f in group] for group in model.groups]
        singles = {id(c.expression): c for group in groups for c in group}
        groups += [[column, y] for column in singles.values()]
        # The flag of a category's level is counted with its category.
        counted = {c.name for c in singles.values()}
        for column, at, whole in zip(columns, model.levels, model.whole, strict=True):
            if column.expression.type == "flag" and not (whole and len(at) == 1 and counted.issuperset(at)):
                groups.append([column, y])
    else:
        (y,) = arguments.columns("mnlogit", [outcome])
        columns = arguments.columns("mnlogit", list(predictors))
        groups = [[c, y] for c in columns if c.expression.type == "flag"]
    levels = y.expression.levels
    if len(levels) < 2:
        raise ConfigError(f"mnlogit: the outcome {y.name} is a {y.expression.type}; expected a Category of levels")
    if not columns or (len(levels) - 1) * (len(columns) + 1) > _MOST:
        raise ShapeError(
            f"mnlogit: {len(levels)} levels and {len(columns)} predictors; expected predictors, and at most {_MOST} "
            "coefficients: (levels - 1) times (predictors + 1)"
        )
    for column in columns:
        if column.source is not y.source:
            raise ShapeError(f"mnlogit: {column.name} and {y.name} are columns of different tables")
        centre, exponent = unit_exponent(column)
        if abs(centre) > np.ldexp(_FARTHEST, exponent):
            raise RangeError(
                f"mnlogit: the declared range of {column.name} is narrow and far from 0: subtract a number"
            )
    return _Job(y, list(columns), constant, groups)


@dataclass
class _Job:
    """A fit in the middle of its steps."""

    y: PrivateArray
    columns: list[PrivateArray]
    constant: str
    groups: list[list[PrivateArray]]

    def __post_init__(self) -> None:
        names = self.y.expression.levels
        flags = [self.y == level for level in names]
        every = [*self.columns, self.y]
        known = all_known(every)
        source = self.y.source
        self.known, self.levels = known, len(names)
        self.flags = [PrivateArray(source, flag.expression, flag.name, known) for flag in flags]
        self.columns = [PrivateArray(source, c.expression, c.name, known) for c in self.columns]
        what, size = complete(every), (self.levels - 1) * (len(self.columns) + 1)
        counts = [flag.sum().bare() for flag in self.flags]
        self.counts = concatenate([count.reshape(1) for count in counts])
        rows = self.counts.sum()
        free = Cohort.of(rows - size, what=f"residual degrees of freedom of {what}")
        self.cohorts = (free, *behind(every), *at_levels(every, [[self.y], *self.groups]))
        self.origin = (f"multinomial regression of {self.y.expression.text} over {what}",)
        self.enough, self.each = rows > size, (self.counts > 0).all()
        pairs = [unit_exponent(column) for column in self.columns]
        self.centre = np.asarray([c for c, _ in pairs])
        self.unit = np.ldexp(1.0, [e for _, e in pairs])
        terms = [self.constant, *(column.name for column in self.columns)]
        self.terms = [f"{level}, {term}" for level in names[1:] for term in terms]

    def protected(self, x: SecretArray, *reasons: Reason) -> SecretArray:
        reasons = ((self.enough, _FEW), (self.each, _EMPTY), *reasons)
        return defined(x, *reasons).standing_on(*self.cohorts, origin=self.origin)

    def first(self) -> Result:
        """The constants alone."""

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            counts = np.asarray(opened["counts"].values, np.float64)
            if not (counts > 0).all():
                return f"undefined: {_EMPTY}"
            beta = np.zeros((self.levels - 1, len(self.columns) + 1))
            # Rounded, since numerical libraries differ in last digits, and all must say the same.
            beta[:, 0] = np.round(np.log(counts[1:] / counts[0]), 9)
            return {"labels": self.terms, "values": beta.ravel().tolist()}

        return Result("vector", {"counts": self.protected(self.counts)}, finish, together=True)

    def step(self, beta: Floats, scale: int) -> Result:
        """One step on."""
        fit = self._fit(beta)
        change, good = fit.step(scale)
        parts = {"change": self.protected(change, *self._reasons(fit), (good, _MOVING))}

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            moved = np.reshape(opened["change"].values, beta.shape).astype(np.float64)
            moved[:, 1:] /= self.unit
            for j, centre in enumerate(self.centre):
                moved[:, 0] -= moved[:, j + 1] * centre
            return {"labels": self.terms, "values": (beta + moved).ravel().tolist()}

        return Result("vector", parts, finish, together=True)

    def final(self, beta: Floats, last: Floats | None) -> Result:
        """Standard errors and the likelihood at the coefficients of the last step, which moved them by `last`."""
        fit = self._fit(beta)
        mantissa, power, small, near = fit.errors()
        found = (fit.within, _BEYOND), (fit.still(), _MOVING), (small, _COLLINEAR), (near, _FAR)
        reasons = (*self._reasons(fit), *found)
        parts = {
            "counts": self.protected(self.counts),
            "error": self.protected(mantissa, *reasons),
            "error power": self.protected(power, *reasons),
            "likelihood": self.protected(fit.sums.likelihood, *reasons),
        }

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            error = np.ldexp(opened["error"].values, opened["error power"].values.astype(int)).reshape(beta.shape)
            error[:, 1:] /= self.unit
            if last is None or still_moving(last, beta, error):
                return f"undefined: {_MOVING}"
            counts = np.asarray(opened["counts"].values, np.float64)
            if not (counts > 0).all():
                return f"undefined: {_EMPTY}"
            n = float(counts.sum())
            model, null = float(opened["likelihood"].values[0]) * UNIT, float((counts * np.log(counts / n)).sum())
            return {
                "terms": self.terms,
                **table_of(beta.ravel(), error.ravel(), "odds_ratio"),
                **summary(model, null, int(n), beta.size),
                "levels": dict(zip(self.y.expression.levels, counts.astype(int).tolist(), strict=True)),
            }

        return Result("glm", parts, finish, together=True)

    def _fit(self, beta: Floats) -> Multinomial:
        return Multinomial.of(self.columns, [flag.expression for flag in self.flags[1:]], beta, self.known)

    def _reasons(self, fit: Multinomial) -> tuple[Reason, ...]:
        return (fit.varies, _LITTLE), (fit.factors.regular, _COLLINEAR)
