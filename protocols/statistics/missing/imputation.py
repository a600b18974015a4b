"""Multiple imputation of a column of rows that stay with their owners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.expressions import Expression, real
from mpc.tables.filling import filled
from mpc.tables.noise import FARTHEST, Noise
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.untyped import Anything, Json
from mpc.values.secret import SecretArray
from protocols.statistics import arguments
from protocols.statistics.missing import logistic, risks
from protocols.statistics.missing.draws import Draw, draw, span
from protocols.statistics.moments.correlations import standardise
from protocols.statistics.regression.formulas import CONSTANT, private_model
from protocols.statistics.regression.ols import ols

Predictors = Sequence[PrivateArray] | PrivateArray | PrivateTable
#: Most imputations: each makes the analysis once more.
MOST = 200


def imputation_model(column: PrivateArray | str, predictors: Predictors, previous: Json = None) -> Result:
    """The model that `multiple_imputation` imputes a column by, fitted to the rows that have it: of numbers a linear
    one; of a flag a step of Newton's method for a logistic one.

    column      numbers or a flag with missing values; or a formula, such as "weight ~ age + C(sex)"
    predictors  columns without missing values, as far as possible; of a formula the table. They should be all columns
                of the later analysis, its outcome among them, and what tells why values are missing
    previous    of a flag: the awaited release of the step before. Repeat, until `last_step` of the result is small: six
                to eight steps are enough where the predictors do not separate the flag

    Opens       of numbers what `ols` opens, and the means of all columns and the correlations of the predictors, over
                the rows that lack none of them. Of a flag, for each step: the number of rows, means, deviations and
                correlations with the residual of the predictors, and their means, deviations and correlations weighted
                by p (1 - p), for the risks p by the coefficients before; the total weight, and the mean residual. The
                coefficients with intervals, z and p follow; standard errors are those at the coefficients before. The
                draws of all imputations follow from these numbers and a public seed
    Disclosure  whoever knows the parameters of a few imputations, and how they were drawn, can solve for these numbers:
                so they are released under their own name, and not hidden behind draws. They are statistics of all
                complete rows, as `ols`, `x.mean()` and `correlation` release them, and are held against the same
                minimums
    Missing, Protection   as `ols`
    Undefined   as `ols`; of a flag also where all rows are as good as certain
    Error       as `ols`; means 2^-36 of the range, correlations 2^-23. Of a flag's step: coefficients to 2^-22 sqrt(n)
                standard errors, standard errors relative 2^-22 and 2^-54 times the square of (range / deviation)
    Rounds, Bytes   as `ols`; of a flag for each step
    Raises      as `ols`; ShapeError for a category or a date
    Equals      what R's `mice.impute.norm` computes before it draws; of a flag, after enough steps, statsmodels'
                `Logit`, and `mice.impute.logreg` without its augmented rows
    Source      Rubin, Multiple Imputation for Nonresponse in Surveys (1987), chapter 5; van Buuren, Flexible Imputation
                of Missing Data (2nd ed., 2018), 3.2, 3.6 and 6.3 (which predictors)
    """
    y, columns = _columns("imputation_model", column, predictors)
    if y.expression.type == "flag":
        constant = CONSTANT if isinstance(column, str) else "intercept"
        return logistic.step("imputation_model", y, columns, previous, constant)
    if previous is not None:
        raise ConfigError(f"imputation_model: {y.name} is a number: its model needs no steps, and no previous=")
    fit = ols(column, predictors) if isinstance(column, str) else ols(y, columns)
    standard = standardise([*columns, y])
    moments, p = standard.moments, len(columns)
    known = fit.parts["residual"]
    parts = {
        **fit.parts,
        "means": _beside(moments.fine, known),
        "correlations": _beside(standard.matrix[:p, :p], known),
    }
    units = np.ldexp(1.0, moments.exponent)

    def finish(opened: Mapping[str, Opened]) -> Any:
        found = fit.finish(opened)
        if isinstance(found, str):
            return found
        matrix = np.clip(opened["correlations"].values, -1, 1)
        np.fill_diagonal(matrix, 1.0)
        means = moments.centre + units * opened["means"].values
        return {**found, "means": means.tolist(), "correlations": matrix.tolist()}

    return Result("regression", parts, finish, together=True)


def _beside(x: SecretArray, known: SecretArray) -> SecretArray:
    """A value that is defined where another one is, and stands on the same rows."""
    if known.valid is not None:
        x = x.masked(known.valid.bare().broadcast_to(x.shape), known.why[0] if known.why else "")
    return x.standing_on(*known.basis.cohorts, origin=known.basis.origin)


def multiple_imputation(
    column: PrivateArray | str, predictors: Predictors, model: Json, *, imputations: int = 20, seed: int = 1
) -> list[PrivateArray]:
    """The column with imputed values where it has none, once for each imputation: draws of the parameters of the model,
    and for each row the prediction and a normal residual; of a flag, true with the risk of the row.

    column, predictors  as for `imputation_model`
    model               its awaited release: model = await study.release("…, imputation model", st.imputation_model(…)).
                        With words in its place, such as "suppressed", no row of a completed column has a value, so that
                        analyses are suppressed, too; so with a model of a flag whose `last_step` is above 0.001
                        (standard errors, or log odds at a deviation of a predictor)
    imputations         from 2 to 200
    seed                public; from it and the model follow the parameters of each imputation, the same at all parties

    Opens       nothing. Owners impute their own rows, and imputed values never leave them. The residual of a row is
                drawn by its owner from a key that nobody else has and that is new in each run: who knew the residuals
                of all rows could solve for the predictors of rows without a value, from enough released analyses
    Missing     a row that lacks a predictor as well stays missing
    Protection  of a release about a completed column, as about every filled one: the rows with an imputed value, and
                those with one of their own, must be none or enough
    Bias        none where values are missing at random given the predictors, the model fits, and the later analysis
                uses no more than the predictors. Imputed values can lie outside of the declared range
    Limits      rows that stay with their owners; completed columns can be shared, and are not put together by key. No
                organization that brings rows may do so without computing, as after every awaited release
    Raises      ShapeError for a category or a date; ConfigError for a model of other columns, or that was not awaited
    Equals      R's `mice` with `method = "norm"`, of a flag "logreg" (without augmented rows), for one incomplete
                column, but for the random numbers
    Source      Rubin, Multiple Imputation for Nonresponse in Surveys (1987), chapter 5; van Buuren, Flexible Imputation
                of Missing Data (2nd ed., 2018), 3.2 and 3.6
    """
    y, columns = _columns("multiple_imputation", column, predictors)
    if not isinstance(imputations, int) or isinstance(imputations, bool) or not 2 <= imputations <= MOST:
        raise ConfigError(f"multiple_imputation: imputations={imputations!r}; expected a number from 2 to {MOST}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"multiple_imputation: seed={seed!r}; expected a whole number")
    numbers = range(1, imputations + 1)
    if isinstance(model, str):
        return [_nothing(y, columns, k) for k in numbers]
    _need_model(model, y, columns)
    if y.expression.type != "flag":
        drawn = [draw(model, seed, k) for k in numbers]
    elif logistic.converged(model) or y.source.run.standing_in:
        drawn = [logistic.draw_flag(model, seed, k) for k in numbers]
    else:
        return [_nothing(y, columns, k) for k in numbers]
    return [_completed(y, columns, d, f"{k} of seed {seed}") for k, d in zip(numbers, drawn, strict=True)]


def _nothing(y: PrivateArray, columns: Sequence[PrivateArray], number: int) -> PrivateArray:
    """A column without values, made as a completed one: a script releases what it was planned to, in words."""
    none = (0.0,) * len(columns)
    column = _completed(y, columns, Draw(0.0, none, none, 1.0), f"{number} without a model")
    a = column.expression
    gone = Expression(type=a.type, low=a.low, high=a.high, function=_missing, arguments=(a,), text=a.text)
    return PrivateArray(y.source, gone, y.name, column.where)


def _missing(values: Any) -> Any:
    return np.full(np.shape(values), np.nan)


def _columns(what: str, column: Anything, predictors: Anything) -> tuple[PrivateArray, list[PrivateArray]]:
    """The incomplete column, and the columns of numbers that it is predicted by."""
    if isinstance(column, str):
        found = private_model(what, column, predictors)
        y, columns = found.response, found.columns
    else:
        (y,) = arguments.columns(what, [column])
        columns = arguments.columns(what, list(predictors) if isinstance(predictors, PrivateTable) else predictors)
    if y.expression.type not in ("real", "integer", "flag"):
        raise ShapeError(f"{what}: {y.name} is a {y.expression.type}; a column of numbers or a flag is wanted")
    return y, columns


def _need_model(model: Anything, y: PrivateArray, columns: Sequence[PrivateArray]) -> None:
    if not isinstance(model, Mapping) or ("level" if y.expression.type == "flag" else "residual_df") not in model:
        raise ConfigError(
            "multiple_imputation: model is the awaited release of the imputation model: "
            f'model = await study.release("{y.name}, imputation model", st.imputation_model(…))'
        )
    names = [column.name for column in columns]
    found = list(model["measures" if y.expression.type == "flag" else "terms"][1:])
    if found != names:
        raise ConfigError(
            f"multiple_imputation: the model has the predictors {', '.join(found)}, not {', '.join(names)}"
        )


def _completed(y: PrivateArray, columns: Sequence[PrivateArray], drawn: Draw, number: str) -> PrivateArray:
    """y, and where it has no value, what one draw imputes."""
    numbers = [real("multiple_imputation", column.expression) for column in columns]
    name = blake2b(y.expression.digest + number.encode(), digest_size=8).hexdigest()
    text = f"{y.expression.text}, imputed"
    if y.expression.type == "flag":
        flag = risks.imputed(Noise(name, uniform=True), numbers, drawn, text)
        return y._derived(filled(y.expression, flag, text), y.name, *columns)
    low, high = span(drawn, [(float(x.low), float(x.high)) for x in numbers], FARTHEST)
    imputed = Expression(
        type="real",
        low=low,
        high=high,
        function=_imputing(drawn.level, drawn.slopes, drawn.centre, drawn.sigma),
        arguments=(Noise(name), *numbers),
        text=text,
    )
    return y._derived(filled(y.expression, imputed, text), y.name, *columns)


def _imputing(level: float, slopes: tuple[float, ...], centre: tuple[float, ...], sigma: float) -> Callable[..., Any]:
    def imputed(noise: Any, *columns: Any) -> Any:
        value = level + sigma * noise
        for slope, middle, column in zip(slopes, centre, columns, strict=True):
            value = value + slope * (column - middle)
        return value

    return imputed
