"""Proportions: of rows with a flag, in one group, two, or many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray, count_cells
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack
from protocols.statistics.counts.crosstabs import Category, crosstab
from protocols.statistics.counts.fisher import DRAWS, fisher
from protocols.statistics.counts.strata import behind_groups
from protocols.statistics.counts.tables import chi_square
from protocols.statistics.measures import Measure, document, share
from protocols.tables.grouped import present


def proportion(flag: PrivateArray | SecretArray, *, against: float | None = None, name: str = "proportion") -> Result:
    """The share of rows with a flag, private or shared, with Wilson's and the exact interval.

    against  a public share: also the exact binomial test and the score test of whether the share is this one

    Opens       the rows without and with the flag, from which all follows
    Missing     values are left out
    Undefined   without rows
    Protection  fewer rows than the minimum with the flag or without it suppress everything
    Error       none
    Rounds, Bytes   as a table of counts; of shared rows a conversion
    Raises      ShapeError for anything but a flag; ConfigError for a share that is not between 0 and 1
    Equals      statsmodels' `proportion_confint(method="wilson" and "beta")`; scipy's `binomtest`
    Source      Wilson, JASA 22 (1927); Clopper and Pearson, Biometrika 26 (1934)
    """
    if against is not None and not 0 < against < 1:
        raise ConfigError(f"proportion: against={against!r}; expected a share between 0 and 1")
    counts = _sides(flag)

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        without, with_ = (int(n) for n in part.whole_cells())
        table = {"rows": ["rows"], "columns": ["no", "yes"], "values": [[without, with_]]}
        return document(one(name, with_, without + with_, against), table)

    return Result("measures", {"counts": counts}, finish, together=True)


def one(name: str, events: int, n: int, against: float | None) -> list[Measure]:
    """Measures of one share, from opened counts."""
    from scipy import special, stats

    if not n:
        return [Measure.undefined(name, "no rows")]
    low = float(special.betaincinv(events, n - events + 1, 0.025)) if events else 0.0
    high = float(special.betaincinv(events + 1, n - events, 0.975)) if events < n else 1.0
    found = [share(f"{name}, Wilson", events, n), Measure(f"{name}, exact", events / n, low, high)]
    if against is not None:
        z = (events / n - against) / float(np.sqrt(against * (1 - against) / n))
        found.append(Measure(f"exact test against {against:g}", p=float(stats.binomtest(events, n, against).pvalue)))
        found.append(Measure(f"score test against {against:g}", statistic=z, p=float(2 * special.ndtr(-abs(z)))))
    return found


def proportions(flag: Category, by: Category) -> Result:
    """The share of rows with a flag in each level of a category, and whether all are the same.

    flag, by    a flag and a category (or a flag) of the same rows, private or shared

    Opens       the rows of each level without and with the flag: shares with Wilson's intervals, Pearson's chi-square
                without correction, and Fisher's exact test follow. For two levels with difference and ratios see
                `two_by_two`; for a trend `cochran_armitage`
    Missing     rows that lack one of both are left out
    Undefined   shares of no rows; the test where a level has no rows, or all rows or none have the flag
    Protection  a cell under the minimum suppresses everything
    Error, Rounds, Bytes, Raises   as `chi2_contingency`
    Equals      statsmodels' `proportions_chisquare`, `proportion_confint(method="wilson")`; R's
                `prop.test(correct=FALSE)`
    Source      Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (3rd ed.), 9.1
    """
    found = crosstab("proportions", by, flag)
    if found.columns != ["no", "yes"]:
        raise ShapeError(f"proportions: {flag!r} is no flag: compare a column, as in table.grade > 2")

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        values = [[int(n) for n in line] for line in part.whole_cells()]
        measures = [share(name, line[1], sum(line)) for name, line in zip(found.rows, values, strict=True)]
        chi = chi_square(np.asarray(values, np.float64))
        measures.append(Measure("chi-square", statistic=chi["chi_square"], df=chi["df"], p=chi["p"]))
        title = "Fisher's exact test"
        if isinstance(chi["p"], str):
            measures.append(Measure(title, p=chi["p"]))
        else:
            exact = fisher(np.asarray(values))
            measures.append(Measure(title if exact.listed else f"{title} ({DRAWS:,} random tables)", p=exact.p))
        return document(measures, {"rows": found.rows, "columns": found.columns, "values": values})

    return Result("measures", {"counts": found.counts}, finish, together=True)


def _sides(flag: PrivateArray | SecretArray) -> SecretArray:
    """(2,) the rows without the flag and with it: each must be enough."""
    if isinstance(flag, PrivateArray) and flag.expression.type == "flag":
        return count_cells(flag.source, [flag])
    if not isinstance(flag, SecretArray) or flag.ndim != 1 or not is_flag(flag) or len(flag) < 2:
        raise ShapeError(f"proportion: {flag!r} is no flag of rows: compare a column, as in table.age > 60")
    n, bit = len(flag), flag.bare().as_flag()
    with_ = present(flag.constant(np.ones(n, np.bool_)), flag)
    sides = [with_ & ~bit, with_ & bit]
    counts = stack([indicator(side).sum() for side in sides]).bare().bounded(n)
    return counts.with_basis(behind_groups(flag.basis.plain(), n, sides, "rows with and without a flag", or_none=False))
