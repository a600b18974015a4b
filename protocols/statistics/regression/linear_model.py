"""A linear model whose moments are released, so that more than coefficients follows from it: robust and clustered
errors, tests of several terms together, adjusted means, ridge estimates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Result
from mpc.releases.study import Study
from mpc.tables.private import PrivateArray, PrivateTable
from protocols.statistics.regression import contrasts
from protocols.statistics.regression.public_fit import PublicFit
from protocols.statistics.regression.released_moments import Design, Job
from protocols.statistics.regression.sandwich import Cluster, CovType, clustered, robust


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
                matrix: the numbers that `describe` and `covariance` open of these columns. Coefficients, standard
                errors, the covariances of coefficients, tests of terms, R^2, log-likelihood, AIC, BIC and variance
                inflation follow from them. `ols` opens the coefficients and their errors alone; take it where nothing
                more is asked for. Where the model has words for collinear predictors, for a column that hardly varies
                or for R^2, the moments were opened all the same
    Undefined   with at most as many rows as coefficients (then nothing is opened); for a column whose deviation is
                below 2^-13 of half its declared range; where predictors are so collinear, or R^2 so near 1, that the
                digits do not hold the stated errors: for columns that fill their range, a variance inflation factor
                above 10^4 or so (with weights 10^3), or 1 - R^2 below 10^-6. So, too, where ranges are declared some
                thousand times too wide. Then words, never digits that mean nothing
    Error       coefficients: at most 1e-5 of the larger of them and their standard errors; standard errors: relative
                4e-6. These are bounds, found from the moments; errors are about 1e-10
    Protection  as `ols`
    Raises      ConfigError without a study and a name; ShapeError for other columns
    Rounds      36
    Bytes       from each party, of any number of rows: 5 kB for two predictors, 12 kB for an arm of three levels with a
                number and a flag, 55 kB for ten columns of two factors; most of it for the counts of levels
    Limits      at most 16 predictors, of a formula columns
    Equals      statsmodels' `OLS`, `smf.ols`, with weights `WLS`: `params`, `bse`, `cov_params()`, `wald_test_terms`
    Source      Searle, Linear Models (1971), chapters 3 and 5
    """
    if not isinstance(study, Study) or not isinstance(name, str) or not name:
        raise ConfigError('linear_model: the model is a release: pass study=study and name="…", its name there')
    design = Design.of(response, predictors, data, weights)
    if not 1 <= len(design.columns) <= 16:
        raise ShapeError(f"linear_model: expected 1 to 16 predictors, got {len(design.columns)}")
    job = Job(design)
    value = await study.release(name, job.released())
    if value is None:
        raise ConfigError("linear_model: all organizations that compute must learn the model, to go on from it")
    return LinearModel(job, value if isinstance(value, str) else job.fit_of(value["moments"]))


class LinearModel:
    """A linear model that was released. What its methods give is to be released, too; where the model came out as
    words, so do they."""

    def __init__(self, job: Job, fit: PublicFit | str) -> None:
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
        Error       relative 4e-6, and 2^-50 times the number of rows, times 2^8 for HC2 and HC3 (times the number of
                    owners)
        Protection  as the model
        Rounds      12, for HC2 and HC3 19;  Bytes  below 2 kB from each party
        Equals      statsmodels' `fit(cov_type="HC3")`, also of `WLS`
        Source      White, Econometrica 48 (1980); MacKinnon and White, Journal of Econometrics 29 (1985)
        """
        return robust(self._job.second_pass(self.fit), cov_type, use_t)

    def clustered(self, by: Cluster, *, use_t: bool = False) -> Result:
        """The model with standard errors for rows that depend on each other within clusters.

        by     a category of the table, or "owner": the rows of an organization are a cluster, of four organizations or
               more
        use_t  t with as many degrees of freedom as clusters less one, in place of the normal distribution

        Opens       the number of clusters, and of each coefficient one number, its new standard error
        Undefined   with fewer than two clusters; with "owner" with fewer than four organizations that have rows, since
                    the sums of clusters add up to 0, and each of three could work out those of the others; where a row
                    has no cluster: leave such rows out before. Of few clusters (fewer than 30 or so) the errors are too
                    small on average: a fact of the method
        Error       relative 4e-6, and for c clusters of a category about 2^-50 c times the number of rows
        Protection  as the model, and the rows of each declared level must reach the minimum; with "owner", those of
                    each organization that has rows. Of two clusters, the sums of each follow but for the sign
        Raises      ConfigError with "owner" in a study of fewer than four organizations with such a table
        Rounds      22;  Bytes  from each party 1 kB with "owner", 9 kB for eight clusters and five coefficients
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
