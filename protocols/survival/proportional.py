"""A model of proportional hazards or odds on shared rows: what is opened, and when there is no estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import union
from mpc.values.cohorts import Cohort
from mpc.values.people import need_same_people
from mpc.values.secret import SecretArray, constant
from protocols.models.rows import Columns, Design, both
from protocols.statistics.limits import Reason, defined
from protocols.statistics.regression.estimates import columns, slope_numbers, slopes_alone
from protocols.statistics.regression.ldl import inflation
from protocols.statistics.regression.standard_rows import StandardRows, design_of, joint_valid
from protocols.survival.partial_likelihood import PartialLikelihood
from protocols.survival.risk_sets import FARTHEST

#: Steps; most places.
STEPS = 8
_MOST = 1 << 17
_LITTLE = "a predictor hardly varies (its deviation is below 2^-16 of its declared range)"
_OUTLIER = f"a value is more than {FARTHEST:g} deviations from its mean"
_COLLINEAR = "predictors nearly collinear"
_WEIGHED = "predictors nearly collinear among the rows at risk"


@dataclass(frozen=True)
class Words:
    """How a model speaks. ratio: what e^coefficient is a ratio of; far: of a row's linear predictor"""

    few: str
    far: str
    moving: str
    ratio: str


def beginning(what: str, predictors: Columns, iterations: int) -> Design:
    """The predictors. Raises RangeError beyond the limits."""
    if not 4 <= iterations <= 20:
        raise RangeError(f"{what}: iterations={iterations}; expected 4 to 20")
    design = design_of(what, predictors)
    if design.rows > _MOST:
        raise RangeError(f"{what}: {design.rows:,} places of rows; at most {_MOST:,} are possible")
    return design


def levels_of(what: str, name: str, strata: Anything, design: Design) -> SecretArray:
    """The stratum of each row, as a number. name: of the argument. Raises ShapeError for other columns."""
    code = strata.codes if isinstance(strata, SecretCategory) else strata
    if not isinstance(code, SecretArray) or code.shape != (design.rows,) or code.type == "fixed":
        raise ShapeError(
            f"{what}: {name}={strata!r}; expected a category, a flag or whole numbers of the predictors' "
            f"{design.rows} places"
        )
    need_same_people(code.basis.places, design.basis.places)
    return code.numeric()


async def fitted(
    words: Words,
    origin: str,
    design: Design,
    flag: SecretArray,
    keys: Sequence[SecretArray],
    iterations: int,
    *,
    stratified: bool = False,
    efron: bool = False,
    alone: str | None = None,
) -> Result:
    """The model as a release.

    keys        of the order of rows: the time, or with `stratified` the stratum first
    alone       words for more than one event of the same keys; None: there may be any number
    """
    valid = joint_valid(design, flag)
    for key in keys:
        valid = both(valid, _mask(key, design.rows))
    rows = StandardRows.of(design, valid)
    there = constant(design.run, np.ones(design.rows, np.bool_)) if valid is None else valid.bare()
    happened = flag.bare().as_flag() & there
    model = PartialLikelihood.of(
        rows, [key.bare() for key in keys], happened, there, stratified=stratified, efron=efron
    )
    await model.fit(iterations)
    found = slopes_alone(model.coefficients, model.last, rows, model.even)

    k = len(design.names)
    events = model.happened.numeric().sum()
    enough = events > k
    design.basis = union(design.basis, flag.basis.plain(), *(key.basis.plain() for key in keys))
    free = Cohort.of(rows.count - k, what=f"rows less coefficients of {design.rows} places of rows")
    basis = design.behind(flag, valid=valid, pairs=True)
    basis = basis._replace(cohorts=(free, *basis.cohorts), origin=(origin,))

    def protected(x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, *reasons).with_basis(basis)

    single = () if alone is None else (((model.by_time <= 1).all(), alone),)
    reasons: tuple[Reason, ...] = (
        (enough, words.few),
        *single,
        (rows.varies, _LITTLE),
        (model.near, _OUTLIER),
        (model.first.regular & inflation(model.first.factors)[1], _COLLINEAR),
        (model.inside, words.far),
        (model.converged, words.moving),
        (found.regular, _WEIGHED),
    )
    parts = {"observations": protected(rows.count, reasons[0]), "events": protected(events, reasons[0])}
    parts |= {name: protected(x, *reasons) for name, x in found.parts.items()}
    parts["log_likelihood"] = protected(model.likelihood, *reasons)
    parts["null"] = protected(model.null, *reasons)
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
            **columns(coefficient, error, words.ratio),
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


def _mask(x: SecretArray, rows: int) -> SecretArray | None:
    return None if x.valid is None else x.valid.broadcast_to((rows,))
