"""A linear model whose moments are released, so that more than coefficients follows from it: robust and clustered
errors, tests of several terms together, adjusted means, ridge estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.machine.seen import plain
from mpc.releases.disclosure import Opened, Result
from mpc.releases.study import Study
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
from protocols.statistics.regression.sandwich import Cluster, CovType, SecondPass, clustered, robust


async def linear_model(
    response: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateTable = (),
    *,
    data: PrivateTable | None = None,
    weights: PrivateArray | None = None,
    study: Study,
    name: str,
) -> LinearModel:
    """Linear regression as `ols`, whose moments are released: the means, variances and covariances of predictors and
    response. Robust errors, tests and adjusted means then follow, by the methods of the model.

        model = await st.linear_model("after ~ C(arm) + before", data=trial, study=study, name="pressure")
        study.release("pressure, robust", model.robust("HC3"))
        study.release("pressure by arm", model.margins("arm"))

    response, predictors, data, weights  as `ols` has them
    study, name  the model is a release of this study under this name, of the kind "regression". All organizations that
                compute must be recipients, since all go on from it

    Opens       number of rows (and sum of weights), mean of each predictor and of the response, and their covariance
                matrix: the numbers that `describe` and `covariance` open of these columns. Coefficients, standard errors,
                the covariances of coefficients, tests of terms, R^2, log-likelihood, AIC, BIC and variance inflation
                follow from them. `ols` opens the coefficients and their errors alone; it is the choice where nothing
                of this module is asked for. Where the model has words for collinear predictors or a column that hardly
                varies, the moments were opened all the same
    Undefined   with at most as many rows as coefficients (then nothing is opened); for a column whose deviation is
                below 2^-13 of half its declared range; where predictors are so collinear, or R^2 so near 1, that the
                digits do not hold the stated errors: for columns that fill their range, a variance inflation factor
                above 10^4 or so (with weights 10^3), or 1 - R^2 below 10^-8. Then words, never digits that mean nothing
    Error       coefficients: at most 1e-5 of the larger of them and their standard errors; standard errors: relative
                2e-6. These are bounds, found from the moments; errors are about 1e-10
    Protection  as `ols`
    Raises      ConfigError without a study and a name; ShapeError for other columns
    Rounds      about 40;  Bytes  about 30 kB from each party for ten predictors
    Limits      at most 16 predictors, of a formula columns
    Equals      statsmodels' `OLS`, `smf.ols`, with weights `WLS`: `params`, `bse`, `cov_params()`, `wald_test_terms`
    Source      Searle, Linear Models (1971), chapters 3 and 5
    """
    if not isinstance(study, Study) or not isinstance(name, str) or not name:
        raise ConfigError('linear_model: the model is a release: pass study=study and name="…", its name there')
    design = Design.of(response, predictors, data, weights)
    if not 1 <= len(design.columns) <= 16:
        raise ShapeError(f"linear_model: expected 1 to 16 predictors, got {len(design.columns)}")
    job = _Job(design)
    value = await study.release(name, job.released())
    if value is None:
        raise ConfigError("linear_model: all organizations that compute must learn the model, to go on from it")
    return LinearModel(job, value if isinstance(value, str) else job.fit_of(value["moments"]))


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
        return cls(response, columns, "intercept", weights, terms=each, levels=[{}] * len(columns))

    @property
    def names(self) -> list[str]:
        """Of the coefficients."""
        return [self.constant, *(column.name for column in self.columns)]

    @property
    def everything(self) -> list[PrivateArray]:
        """The columns that a row must have to count."""
        return [*self.columns, self.y, *([] if self.weights is None else [self.weights])]


class _Job:
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

    def fit_of(self, moments: Mapping[str, Any]) -> PublicFit | str:
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


class LinearModel:
    """A linear model that was released. What its methods give is to be released, too; where the model came out as words,
    so do they."""

    def __init__(self, job: _Job, fit: PublicFit | str) -> None:
        self._job = job
        #: What follows from the released moments, or the words in its place.
        self.fit = fit

    def robust(self, cov_type: CovType = "HC3", *, use_t: bool = False) -> Result:
        """The model with standard errors that hold for residuals of unequal variance. Owners read their rows once more,
        at the released coefficients.

        cov_type  "HC0" (White), "HC1" (times n / (n - k)), "HC2" or "HC3" (by the leverage of rows, best of few rows)
        use_t     t in place of the normal distribution

        Opens       of each coefficient the sum of squared residuals times squared weights of the rows in it: one number
                    each, its new standard error. Leverages stay with the owners, who know the covariances of predictors
                    from the release of the model
        Undefined   HC2, HC3: where a row has a leverage above 1 - 2^-8. Words of the model in place of its numbers
        Error       relative 2e-6, and 2^-50 times the number of rows, times 2^8 for HC2 and HC3 (times the number of
                    owners)
        Protection  as the model
        Rounds      about 12;  Bytes  8 for each coefficient to each party, and those of a comparison for each
        Equals      statsmodels' `fit(cov_type="HC3")`, also of `WLS`
        Source      White, Econometrica 48 (1980); MacKinnon and White, Journal of Econometrics 29 (1985)
        """
        return robust(self._job.second_pass(self.fit), cov_type, use_t)

    def clustered(self, by: Cluster, *, use_t: bool = False) -> Result:
        """The model with standard errors for rows that depend on each other within clusters.

        by     a category of the table, or "owner": the rows of an organization are a cluster
        use_t  t with as many degrees of freedom as clusters less one, in place of the normal distribution

        Opens       the number of clusters, and of each coefficient one number, its new standard error
        Undefined   with fewer than two clusters; where a row has no cluster: leave such rows out before. Of few clusters
                    (fewer than 30 or so) the errors are too small on average: a fact of the method
        Error       relative 2e-6, and for c clusters of a category about 2^-50 c times the number of rows
        Protection  as the model, and the rows of each declared level must reach the minimum; with "owner", those of each
                    organization that has rows. Of two clusters, the sums of each follow but for the sign
        Rounds      about 40 of a category;  Bytes  8 for each cluster and coefficient to each party, and a few products
        Equals      statsmodels' `fit(cov_type="cluster", cov_kwds={"groups": …})`, with its correction
                    c / (c - 1) (n - 1) / (n - k)
        Source      Liang and Zeger, Biometrika 73 (1986); Cameron and Miller, Journal of Human Resources 50 (2015)
        """
        return clustered(self._job.second_pass(self.fit), by, use_t)

    def wald(self, *names: str) -> Result:
        """F test that all coefficients of these terms (or coefficients, by name) are 0.

        Opens       nothing: all follows from the released model
        Raises      ConfigError for other names
        Equals      statsmodels' `wald_test`, with `use_f`
        Source      Searle, Linear Models (1971), 3.6
        """
        places = contrasts.places(names, self._job.design.terms, self._job.design.names)
        return contrasts.of_model(self.fit, lambda fit: contrasts.wald(fit, " and ".join(names), places))

    def margins(self, factor: str) -> Result:
        """Adjusted means: the response predicted at each level of a factor, all other columns at their means.

        factor  a category or flag that is a term of the formula, and part of no product

        Opens       nothing: all follows from the released model. Means with standard errors, 95 % intervals (t), and
                    the differences from the first level with their tests
        Raises      ConfigError for another factor
        Equals      statsmodels' `get_prediction` at the means of the other columns of the design; R's
                    `emmeans(fit, "arm", weights = "proportional")` for numbers and factors without products
        Source      Searle, Speed and Milliken, The American Statistician 34 (1980)
        """
        levels = contrasts.levels_of(factor, self._job.design)
        return contrasts.of_model(self.fit, lambda fit: contrasts.margins(fit, levels))

    def vif(self) -> Result:
        """Variance inflation factors of the predictors: how many times a coefficient's variance is that of an
        uncorrelated predictor.

        Opens       nothing: all follows from the released model
        Equals      statsmodels' `variance_inflation_factor`, of a design with a constant
        Source      Belsley, Kuh and Welsch, Regression Diagnostics (1980), chapter 3
        """
        names = self._job.design.names[1:]
        return contrasts.of_model(self.fit, lambda fit: {"labels": names, "values": fit.spreads[1:]}, kind="vector")

    def ridge(self, alpha: float) -> Result:
        """Ridge estimates: the coefficients that minimise the sum of squared residuals and alpha times the sum of their
        squares, without that of the constant. There are no standard errors.

        alpha  public, above 0; in the units of the columns

        Opens       nothing: all follows from the released model
        Undefined   where the model is
        Equals      scikit-learn's `Ridge(alpha)`; with weights its `sample_weight`
        Source      Hoerl and Kennard, Technometrics 12 (1970)
        """
        if not isinstance(alpha, int | float) or not 0 < alpha < np.inf:
            raise ConfigError(f"ridge: alpha={alpha!r}; expected a number above 0")
        names = self._job.design.names
        return contrasts.of_model(
            self.fit, lambda fit: {"labels": names, "values": contrasts.ridge(fit, float(alpha))}, kind="vector"
        )
