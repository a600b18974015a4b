"""Generalized linear models of rows that stay with their owners, by steps whose coefficients are released.

Each step reads the rows once: owners compute in the clear at coefficients that all know, and only sums are shared. What
a step opens is the new coefficients; weights, scores and the information stay secret. How many steps there are is
public, and each is a release of the plan. Where a step is suppressed or undefined, the next one starts where it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.machine.seen import plain
from mpc.releases.disclosure import Opened, Result
from mpc.releases.study import Study
from mpc.tables.counts import all_known, at_levels, behind, complete, fulfilling
from mpc.tables.expressions import Floats
from mpc.tables.private import PrivateArray, PrivateTable, unit_exponent
from mpc.untyped import Anything, Json
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.statistics import arguments
from protocols.statistics.limits import Reason, defined
from protocols.statistics.regression.estimates import columns as table_of
from protocols.statistics.regression.families import Family
from protocols.statistics.regression.formulas import CONSTANT, private_model
from protocols.statistics.regression.scoring import Scored

#: Steps; of the last ones, how many binary digits more they have.
STEPS, SCALES = 9, (14, 7)
#: Converged: the last step is below these parts of a standard error, and of the coefficient.
_STILL, _SHIFT = 1e-3, 1e-4
_FEW = "not more rows than coefficients"
_LITTLE = "a predictor hardly varies (its deviation is below 2^-15 of its declared range)"
_LIGHT = "the expected outcomes vanish beside the declared range of the outcome"
_COLLINEAR = "predictors nearly collinear"
_BEYOND = "the linear predictor of a row is beyond its window"
_MOVING = "not converged: predictors nearly collinear, or nearly separate the outcomes, or more steps are needed"
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"
_SAME = "the outcome is 0 in all rows, or the largest that it can be"


Steps = Literal["secret", "released"]


def chosen(what: str, steps: Steps, outcome: Anything, predictors: Anything) -> Steps:
    """The way a call asks for. Raises ConfigError where it is none, or none of these rows."""
    if steps not in get_args(Steps):
        raise ConfigError(f'{what}: steps={steps!r}; expected "secret" or "released"')
    rows = predictors if isinstance(outcome, str) else outcome
    stay = isinstance(rows, PrivateTable | PrivateArray)
    if stay and steps == "secret":
        raise ConfigError(
            f"{what}: these rows stay with their owners: share them, as in table.share(rows=1000), or let each step be "
            f'a release: await st.{what}(…, steps="released", study=study, name="…")'
        )
    if not stay and steps == "released":
        raise ConfigError(f'{what}: steps="released" is for rows that stay with their owners: leave out share()')
    return steps


@dataclass
class Fitted:
    """What a call asks for.

    y        the outcome;  columns  predictors, with names;  groups  of levels, as in `ols`
    exposure  None: 1;  beside  other columns that a row must have to count
    """

    y: PrivateArray
    columns: Sequence[PrivateArray]
    constant: str
    groups: Sequence[Sequence[PrivateArray]]
    exposure: PrivateArray | None
    beside: Sequence[PrivateArray] = ()

    @classmethod
    def of(cls, what: str, outcome: Anything, predictors: Anything, exposure: PrivateArray | None) -> Fitted:
        """Of a formula and a table, or of columns."""
        if isinstance(outcome, str):
            model = private_model(what, outcome, predictors)
            groups = [[f.column if f.bins is None else f.bins for f in group] for group in model.groups]
            return cls(model.response, model.columns, CONSTANT, groups, exposure)
        if isinstance(predictors, PrivateTable):
            predictors = list(predictors)
        (outcome,) = arguments.columns(what, [outcome])
        return cls(outcome, arguments.columns(what, predictors), "intercept", (), exposure)

    @property
    def everything(self) -> list[PrivateArray]:
        return [*self.columns, self.y, *([] if self.exposure is None else [self.exposure]), *self.beside]


async def by_released_steps(
    what: str,
    model: Fitted,
    family: Callable[[PrivateArray, PrivateArray | None], Family],
    study: Study | None,
    name: str,
    steps: int,
) -> Result:
    """The model after `steps` steps. Releases and raises as `stepped`."""
    return (await stepped(what, model, family, study, name, steps)).result()


async def stepped(
    what: str,
    model: Fitted,
    family: Callable[[PrivateArray, PrivateArray | None], Family],
    study: Study | None,
    name: str,
    steps: int,
) -> Fit:
    """A fit after `steps` steps, the first of which is the constant term alone. Releases "name, step i of steps".

    Raises ConfigError without a study and a name, RangeError for another number of steps, ShapeError for other columns.
    """
    if not isinstance(study, Study) or not isinstance(name, str) or not name:
        raise ConfigError(f'{what}: steps are releases: pass study=study and name="…", which they are released under')
    if not 4 <= steps <= 40:
        raise RangeError(f"{what}: {steps} steps; expected 4 to 40")
    if not 1 <= len(model.columns) <= 16:
        raise ShapeError(f"{what}: expected 1 to 16 predictors, got {len(model.columns)}")
    source, known = model.y.source, all_known(model.everything)
    for column in model.everything:
        if column.source is not source:
            raise ShapeError(f"{what}: {column.name} and {model.y.name} are columns of different tables")

    def of(column: PrivateArray) -> PrivateArray:
        return PrivateArray(source, column.expression, column.name, known)

    y, exposure = of(model.y), None if model.exposure is None else of(model.exposure)
    job = Job(model, [of(column) for column in model.columns], y, exposure, family(y, exposure), known)
    beta = [0.0] * (len(model.columns) + 1)
    for i in range(1, steps + 1):
        left = steps - i
        result = job.first() if i == 1 else job.step(beta, SCALES[left] if left < len(SCALES) else 0)
        value = await study.release(f"{name}, step {i} of {steps}", result)
        if value is None:
            raise ConfigError(f"{what}: all organizations that compute must learn the steps, to compute the next one")
        # Where a step has words, the next one starts where it did.
        made = None if isinstance(value, str) else [float(plain(x)) for x in value["values"]]
        last = None if made is None else [new - old for new, old in zip(made, beta, strict=True)]
        beta = made or beta
    return Fit(job, beta, last)


@dataclass
class Fit:
    """Where the steps ended: coefficients, the constant first, which the last step moved by `last` (None: it had
    words)."""

    job: Job
    beta: list[float]
    last: list[float] | None

    def __post_init__(self) -> None:
        #: The moments at these coefficients; their standard errors (mantissa and power of two), and what must hold.
        self.scored = self.job.scored(self.beta)
        mantissa, power, small, near = self.scored.errors()
        self.error = mantissa, power
        ends = (self.scored.within, _BEYOND), (self.scored.still(), _MOVING), (small, _COLLINEAR), (near, _FAR)
        self.reasons: tuple[Reason, ...] = (*self.job.reasons(self.scored), *ends)

    def result(self) -> Result:
        """The model, to be released."""
        return self.job.final(self)


@dataclass
class Job:
    """A fit in the middle of its steps; all columns have the rows where everything is known."""

    model: Fitted
    columns: list[PrivateArray]
    y: PrivateArray
    exposure: PrivateArray | None
    family: Family
    known: Any

    def __post_init__(self) -> None:
        every = self.model.everything
        what = complete(every)
        k = len(self.columns) + 1
        self.rows = self.y.count().bare()
        self.total = self.y.sum().bare()
        self.size = self.rows if self.exposure is None else self.exposure.sum().bare()
        free = Cohort.of(self.rows - k, what=f"residual degrees of freedom of {what}")
        self.cohorts = (free, *behind(every), *at_levels(every, self.model.groups))
        if self.family.counted and self.y.expression.type != "flag":  # of a flag, both sides are counted
            # Beside other releases these rows are no selection: no number of rows with 0 follows from a fit.
            self.cohorts += tuple(
                Cohort(c.run, c.counts, most=c.most, what=c.what) for c in fulfilling(every, self.model.y > 0)
            )
        self.origin = (f"{self.family.name} regression of {self.y.expression.text} over {what}",)
        self.enough = self.rows > k
        self.two_sided = self.total > 0
        if self.y.expression.type == "flag":
            self.two_sided = self.two_sided & (self.total < self.rows)
        pairs = [unit_exponent(column) for column in self.columns]
        self.centre, self.unit = [c for c, _ in pairs], [float(np.ldexp(1.0, e)) for _, e in pairs]
        self.names = [self.model.constant, *(column.name for column in self.columns)]

    def protected(self, x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, (self.enough, _FEW), *reasons).standing_on(*self.cohorts, origin=self.origin)

    def first(self) -> Result:
        """The constant term alone."""
        parts = {"total": self.protected(self.total), "size": self.protected(self.size)}

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            constant = self.family.constant(*(float(opened[key].values) for key in ("total", "size")))
            if constant is None:
                return f"undefined: {_SAME}"
            return {"labels": self.names, "values": [constant] + [0.0] * len(self.columns)}

        return Result("vector", parts, finish, together=True)

    def step(self, beta: list[float], scale: int) -> Result:
        """One step on."""
        scored = self.scored(beta)
        change, good = scored.step(scale)
        parts = {"change": self.protected(change, *self.reasons(scored), (good, _MOVING))}

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            constant, *slopes = (float(x) for x in opened["change"].values)
            slopes = [d / unit for d, unit in zip(slopes, self.unit, strict=True)]
            constant -= sum(d * c for d, c in zip(slopes, self.centre, strict=True))
            return {"labels": self.names, "values": [a + b for a, b in zip(beta, [constant, *slopes], strict=True)]}

        return Result("vector", parts, finish, together=True)

    def final(self, fit: Fit) -> Result:
        """Standard errors and the likelihood where the steps ended."""
        scored, reasons, last = fit.scored, fit.reasons, fit.last
        parts = {
            "observations": self.protected(self.rows),
            "total": self.protected(self.total),
            "size": self.protected(self.size),
            "error": self.protected(fit.error[0], *reasons),
            "error power": self.protected(fit.error[1], *reasons),
        }
        opened_sums = self.family.opened(scored, self.rows)
        parts["sums"] = self.protected(opened_sums.values, *reasons, *opened_sums.reasons)
        ratio, k = self.family.ratio, len(self.names)
        coefficient, moved = np.asarray(fit.beta), np.asarray(last or [0.0] * k)

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := problem_of(opened):
                return problem
            each = np.ldexp(opened["error"].values, opened["error power"].values.astype(int))
            each = each * 2.0 ** (-scored.exponent / 2)
            error = np.concatenate([each[-1:], each[:-1] / np.asarray(self.unit)])
            n, total, size = (np.float64(opened[key].values) for key in ("observations", "total", "size"))
            values = (float(x) for x in opened["sums"].values * np.asarray(opened_sums.units))
            sums = dict(zip(opened_sums.names, values, strict=True))
            scale = self.family.scale(sums, int(n) - k)
            if isinstance(scale, str):
                return scale
            error *= np.sqrt(scale)
            if last is None or still_moving(moved, coefficient, error):
                return f"undefined: {_MOVING}"
            # While a script is planned, stand-ins of awaited numbers are 0.
            with np.errstate(divide="ignore", invalid="ignore"):
                found = self.family.likelihoods(total, size, sums)
            likely = {key: x if isinstance(x, str) else float(x) for key, x in found.items()}
            model, null = float(likely["log_likelihood"]), likely["null_log_likelihood"]
            return {
                "terms": self.names,
                **table_of(coefficient, error, ratio),
                "pseudo_r_squared": null if isinstance(null, str) or not null else 1 - model / null,
                **likely,
                "aic": 2 * k - 2 * model,
                "bic": float(k * np.log(n) - 2 * model),
                "observations": int(n),
                "residual_df": int(n) - k,
                **({"events": round(total)} if self.family.counted else {}),
            }

        return Result("glm", parts, finish, together=True)

    def scored(self, beta: list[float]) -> Scored:
        """What the rows add up to at these coefficients."""
        expressions = [column.expression for column in self.columns]
        return Scored.of(self.columns, self.family.working(expressions, beta), self.known)

    def reasons(self, scored: Scored) -> tuple[Reason, ...]:
        """What must hold at any coefficients."""
        heavy, varies = (scored.heavy, _LIGHT), (scored.varies, _LITTLE)
        return (self.two_sided, _SAME), heavy, varies, (scored.factors.regular, _COLLINEAR)


def still_moving(moved: Floats, coefficient: Floats, error: Floats) -> bool:
    """Whether a last step by `moved` was too large, for a coefficient's standard error or for itself."""
    size = np.abs(moved)
    return bool(((size > _STILL * error) | (size > _SHIFT * np.maximum(np.abs(coefficient), error))).any())


def problem_of(opened: Mapping[str, Opened]) -> str | None:
    """The words of the first part that has no number; None: all have."""
    return next((part.first_problem() for part in opened.values() if not part.ok), None)
