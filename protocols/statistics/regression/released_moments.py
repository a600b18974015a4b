"""The moments of a linear model, as a release, and the model that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.seen import plain
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import all_known, at_levels, behind, complete, weighing
from mpc.tables.private import PrivateArray, PrivateTable, unit_exponent
from mpc.untyped import Anything, Json, JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.statistics import arguments
from protocols.statistics.limits import Reason, defined
from protocols.statistics.moments.moments import JointMoments, cross_moments, weighted_moments
from protocols.statistics.regression import contrasts, terms
from protocols.statistics.regression.factors import Factor
from protocols.statistics.regression.formulas import CONSTANT, Term, private_model
from protocols.statistics.regression.ols import columns as table_of
from protocols.statistics.regression.public_fit import (
    FEW,
    LIGHT,
    Moments,
    PublicFit,
    as_json,
    public_fit,
    scaled_total,
)
from protocols.statistics.regression.sandwich import SecondPass


@dataclass
class Design:
    """What a call asks for. terms, factors: of a formula"""

    y: PrivateArray
    columns: Sequence[PrivateArray]
    constant: str
    weights: PrivateArray | None
    groups: Sequence[Sequence[PrivateArray]] = ()
    terms: Sequence[Term] = ()
    factors: Sequence[Factor] = ()
    levels: Sequence[Mapping[str, str]] = ()

    @classmethod
    def of(
        cls, response: Anything, predictors: Anything, data: PrivateTable | None, weights: PrivateArray | None
    ) -> Design:
        """Of a formula and a table, or of columns."""
        if isinstance(response, str):
            model = private_model("linear_model", response, predictors if data is None else data)
            groups = [[f.column if f.bins is None else f.bins for f in group] for group in model.groups]
            factors = list(dict.fromkeys(f for group in model.groups for f in group))
            return cls(model.response, model.columns, CONSTANT, weights, groups, model.terms, factors, model.levels)
        if data is not None:
            raise ShapeError('linear_model: data= is for a formula: st.linear_model("y ~ C(arm) + x", data=table, …)')
        if isinstance(predictors, PrivateTable):
            predictors = list(predictors)
        (response,) = arguments.columns("linear_model", [response])
        columns = arguments.columns("linear_model", predictors)
        each = [Term(column.name, (j,)) for j, column in enumerate(columns)]
        levels = [{column.name: "True"} if column.expression.type == "flag" else {} for column in columns]
        return cls(response, columns, "intercept", weights, terms=each, levels=levels)

    @property
    def names(self) -> list[str]:
        """Of the coefficients."""
        return [self.constant, *(column.name for column in self.columns)]

    @property
    def everything(self) -> list[PrivateArray]:
        """The columns that a row must have to count."""
        return [*self.columns, self.y, *([] if self.weights is None else [self.weights])]


class Job:
    """The moments of a design, and what they stand on; all columns have the rows where everything is known."""

    def __init__(self, design: Design) -> None:
        self.design = design
        every = design.everything
        source, known = design.y.source, all_known(every)
        for column in every:
            if column.source is not source:
                raise ShapeError(f"linear_model: {column.name} and {design.y.name} are columns of different tables")

        def of(column: PrivateArray) -> PrivateArray:
            return PrivateArray(source, column.expression, column.name, known)

        used, weight = [of(column) for column in [*design.columns, design.y]], design.weights
        joint = cross_moments(used) if weight is None else weighted_moments(used, of(weight))
        self.joint: JointMoments = joint
        self.known = known
        what = complete(every)
        k = len(design.columns) + 1
        free = Cohort.of(joint.count - k, what=f"residual degrees of freedom of {what}")
        # The rows themselves are counted by the same words as in other statistics, so that releases know them again.
        self.cohorts = (free, *behind(every), *at_levels(every, design.groups))
        if weight is not None:
            self.cohorts += weighing(every, weight)
        self.origin = (f"regression of {design.y.expression.text} over {what}",)
        self.reasons: tuple[Reason, ...] = ((joint.count > k, FEW),)
        if weight is not None:
            self.reasons += ((joint.nonempty, LIGHT),)
        pairs = [unit_exponent(column) for column in used]
        self.centre, self.unit = [c for c, _ in pairs], [float(np.ldexp(1.0, e)) for _, e in pairs]

    def protected(self, x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, *self.reasons, *reasons).standing_on(*self.cohorts, origin=self.origin)

    def released(self) -> Result:
        """The moments, and the model that follows from them."""
        joint, k = self.joint, len(self.unit)
        row, column = np.tril_indices(k)
        parts = {
            "observations": self.protected(joint.count),
            "mean": self.protected(joint.fine),
            "spread": self.protected(joint.spread.view(lambda a: a[row, column])),
        }
        if self.design.weights is not None:
            parts["weight"] = self.protected(joint.total)

        def finish(opened: Mapping[str, Opened]) -> Json:
            if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
                return problem
            rows = int(opened["observations"].values)
            total = float(opened["weight"].values) if "weight" in opened else float(rows)
            q = scaled_total(total) or 1.0
            mean = [c + float(u) * s for c, u, s in zip(self.centre, opened["mean"].values, self.unit, strict=True)]
            spread = [[0.0] * k for _ in range(k)]
            for i, j, value in zip(row, column, opened["spread"].values, strict=True):
                spread[i][j] = spread[j][i] = float(value) / q * self.unit[i] * self.unit[j]
            weight = float(np.ldexp(total, joint.weight_exponent)) if "weight" in opened else total
            moments = Moments(rows, weight, mean, spread, self.unit, "weight" in opened)
            fit = public_fit(moments)
            return f"undefined: {fit}" if isinstance(fit, str) else self._document(fit)

        return Result("regression", parts, finish, together=True)

    def _document(self, fit: PublicFit) -> JsonObject:
        design, n, p = self.design, fit.moments.rows, len(fit.slopes)
        b, e = np.asarray(fit.coefficients), np.asarray(fit.errors)
        found: JsonObject = {
            "terms": design.names,
            **table_of(b, b / e, e, fit.df),
            **terms.follows(1 - fit.left, fit.left, float(np.sqrt(fit.variance)), n, p),
        }
        if design.weights is not None:
            found = {name: found[name] for name in found if name not in ("log_likelihood", "aic", "bic")}
        names = [*design.names[1:], design.y.name]
        return {
            **found,
            "tests": contrasts.tests(fit, design.terms),
            "variance_inflation": fit.spreads[1:],
            "covariance": fit.covariance(),
            "moments": as_json(names, fit.moments),
            "observations": n,
            "residual_df": fit.df,
        }

    def fit_of(self, moments: JsonObject) -> PublicFit | str:
        """The fit, from the awaited release."""
        mean = [float(plain(x)) for x in moments["mean"]]
        covariance = [[float(plain(x)) for x in row] for row in moments["covariance"]]
        rows, weight = int(plain(moments["rows"])), float(plain(moments["weight"]))
        return public_fit(Moments(rows, weight, mean, covariance, self.unit, self.design.weights is not None))

    def second_pass(self, fit: PublicFit | str) -> SecondPass:
        """What the rows are asked for next."""
        design = self.design
        return SecondPass(
            [column.expression for column in design.columns], design.y.expression,
            None if design.weights is None else design.weights.expression, self.known, design.y.source,
            design.everything, design.names, fit, self.protected, self.joint.by_owner,
        )  # fmt: skip
