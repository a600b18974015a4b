"""Standard errors that hold without equal variance, or without independence: from a second pass over the rows, at
coefficients and covariances that are public (`influence`).

With the classical variance s_j^2 of a coefficient of n - k degrees of freedom, and normed residuals e and influences c,
    Var_HC(b_j) = s_j^2 (n - k) sum e^2 c^2,    Var_CL(b_j) = s_j^2 (n - k) sum over clusters (sum e c)^2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.machine.outside import Part
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import at_levels, count_cells
from mpc.tables.expressions import Expression
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateArray
from mpc.tables.source import Source
from mpc.untyped import Json, JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from mpc.values.wide_products import precise_product
from protocols.statistics.held import held
from protocols.statistics.limits import Reason
from protocols.statistics.measures import Z95
from protocols.statistics.regression.influence import NEAR, SLACK, Influence, Limited, Of
from protocols.statistics.regression.public_fit import PublicFit

CovType = Literal["HC0", "HC1", "HC2", "HC3"]
Cluster = PrivateArray | Literal["owner"]
#: Power of 1 / (1 - leverage), by kind.
_POWER = {"HC0": 0, "HC1": 0, "HC2": 1, "HC3": 2}
#: Fraction bits of the sums of clusters; bits that their squares have beyond 40.
_SUMS, _ROOM = 45, 16
_LEVERAGE = "a row's leverage is above 1 - 2^-8: it has no corrected residual"
_WITHOUT = "a row has no cluster: leave out such rows before"
_ALONE = "fewer than two clusters"
#: Sums of clusters add up to 0. So of three organizations, each knows its own and could work out those of the others.
_ORGANIZATIONS = 4
_TOLD = "fewer than four organizations with rows: each could work out the sums of another"


@dataclass
class SecondPass:
    """Rows, and the fit that they are read at (words: there is none).

    every      the columns of the model;  names  of its coefficients
    protected  a secret on the model's cohorts, defined where the model and the reasons are
    by_owner   rows of each organization
    """

    columns: Sequence[Expression]
    response: Expression
    weights: Expression | None
    known: Expression | None
    source: Source
    every: Sequence[PrivateArray]
    names: list[str]
    fit: PublicFit | str
    protected: Callable[..., SecretArray]
    by_owner: SecretArray

    def sums(self, of: Of, *, power: int = 0, clusters: Expression | None = None) -> tuple[SecretArray, SecretArray]:
        """Sums of each owner (owners, clusters, k), and how many rows were left out."""
        fit = None if isinstance(self.fit, str) else self.fit
        owners = max(len(self.source.owners), 2)
        corrected = NEAR if power else 0
        frac = _SUMS if of == "sums" else 60 - owners.bit_length() - corrected
        bound = (1 << (frac + corrected)) + (1 << (frac + corrected - SLACK))
        local = Influence(self.columns, self.response, self.weights, self.known, fit, of, power, clusters)
        size = 1 if clusters is None else len(clusters.levels)
        parts = [
            Part("sums", (size, len(self.names)), frac, bound),
            Part("beyond", (), 0, self.source.at_most, "int"),
        ]
        rule = Limited(self.source.at_most, bound, of == "sums")
        shared = share_parts(self.source, self.source.local.ask(local), parts, rule)
        return shared["sums"], shared["beyond"].sum(0)


def robust(rows: SecondPass, cov_type: CovType, use_t: bool) -> Result:
    """`LinearModel.robust`."""
    if cov_type not in get_args(CovType):
        raise ConfigError(f"robust: cov_type={cov_type!r}; expected one of {', '.join(get_args(CovType))}")
    sums, near = rows.sums("squares", power=_POWER[cov_type])
    reasons = ((near == 0, _LEVERAGE),) if _POWER[cov_type] else ()
    parts = {"sums": rows.protected(sums.sum(0).reshape(len(rows.names)), *reasons)}

    def finish(opened: Mapping[str, Opened]) -> Json:
        if words := _words(rows.fit, opened):
            return words
        fit = rows.fit
        assert isinstance(fit, PublicFit)
        factor = fit.moments.rows / fit.df if cov_type == "HC1" else 1.0
        return _document(rows, fit, opened["sums"].values * factor, fit.df if use_t else None, cov_type)

    return Result("regression", parts, finish, together=True)


def clustered(rows: SecondPass, by: Cluster, use_t: bool) -> Result:
    """`LinearModel.clustered`."""
    if isinstance(by, str) and by == "owner":
        if len(rows.source.owners) < _ORGANIZATIONS:
            raise ConfigError(f"clustered: {_TOLD}; take clusters within organizations, such as wards")
        sums, beyond = rows.sums("square of the sum")
        counts, cohorts = rows.by_owner, [_owners(rows)]
        squares = sums.sum(0).reshape(len(rows.names))
        name, enough = "organization", (_ORGANIZATIONS, _TOLD)
    elif isinstance(by, PrivateArray) and by.expression.type == "category":
        if by.source is not rows.source:
            raise ShapeError(f"clustered: {by.name} is a column of another table than the model's")
        sums, beyond = rows.sums("sums", clusters=by.expression)
        counts = count_cells(rows.source, [PrivateArray(rows.source, by.expression, by.name, rows.known)]).bare()
        cohorts = list(at_levels(rows.every, [[by]]))
        squares = _squares(sums.sum(0))
        name, enough = by.name, (2, _ALONE)
    else:
        raise ConfigError('clustered: expected a category of the table, or "owner" for the rows of each organization')
    number = (counts > 0).sum()
    reasons: tuple[Reason, ...] = (beyond == 0, _WITHOUT), (number >= enough[0], enough[1])
    parts = {
        "sums": rows.protected(squares, *reasons).standing_on(*cohorts),
        "clusters": rows.protected(number, *reasons).standing_on(*cohorts),
    }

    def finish(opened: Mapping[str, Opened]) -> Json:
        if words := _words(rows.fit, opened):
            return words
        fit = rows.fit
        assert isinstance(fit, PublicFit)
        n, c = fit.moments.rows, int(opened["clusters"].values)
        factor = c / (c - 1) * (n - 1) / fit.df
        found = _document(rows, fit, opened["sums"].values * factor, c - 1 if use_t else None, f"clustered by {name}")
        return {**found, "clusters": c}

    return Result("regression", parts, finish, together=True)


def _owners(rows: SecondPass) -> Cohort:
    """The rows of each organization: none, or enough."""
    what = "rows of each organization, which are a cluster"
    return Cohort.of(rows.by_owner, what=what, or_none=True).collapsed(None)


def _squares(sums: SecretArray) -> SecretArray:
    """Of (clusters, k): sums of squares over clusters. |sum| <= 1 of honest owners.

    In units of 4^-up, squares have 40 fraction bits: 2 up and the bits of the number of clusters have room beside them.
    """
    clusters = sums.shape[0]
    up = max((_ROOM - clusters.bit_length()) // 2, 0)
    limit = 1 + 2.0**-10
    inside = held(sums, limit).bounded(int(limit * 2**_SUMS)).rescaled(_SUMS - up)
    total = precise_product(inside, inside).sum(0)
    return total.rescaled(total.frac + 2 * up)


def _words(fit: PublicFit | str, opened: Mapping[str, Opened]) -> str | None:
    problem = next((part.first_problem() for part in opened.values() if not part.ok), None)
    return fit if isinstance(fit, str) else problem


def _document(rows: SecondPass, fit: PublicFit, sums: Json, df: int | None, kind: str) -> JsonObject:
    from scipy import special  # scipy.stats takes a second to import

    b = np.asarray(fit.coefficients)
    error = np.asarray(fit.errors) * np.sqrt(fit.df * np.maximum(sums, 0.0))
    t = b / np.where(error, error, np.nan)
    reach = error * (Z95 if df is None else float(special.stdtrit(df, 0.975)))
    p = 2 * special.ndtr(-np.abs(t)) if df is None else 2 * special.stdtr(df, -np.abs(t))
    return {
        "terms": rows.names,
        "coefficient": b.tolist(),
        "standard_error": error.tolist(),
        "t": t.tolist(),
        "p": p.tolist(),
        "ci_low": (b - reach).tolist(),
        "ci_high": (b + reach).tolist(),
        "r_squared": 1 - fit.left,
        "residual_standard_error": float(np.sqrt(fit.variance)),
        "observations": fit.moments.rows,
        "residual_df": fit.df,
        "errors": kind,
    }
