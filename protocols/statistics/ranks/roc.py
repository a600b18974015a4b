"""The area under the ROC curve of shared rows: whole numbers of ranks are opened, all else follows from them.

Of a row with value x let R be its rank among all rows and r its rank among the rows of its own group, equal values
sharing the mean of their ranks. Then R - r is the number of rows of the other group below x, those equal to x counting
half: of rows with the flag these add up to U = n1 n0 AUC, and divided by n0 and n1 they are DeLong's components.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.releases.disclosure import Opened, Result
from mpc.values.secret import SecretArray, stack, where
from protocols.statistics.measures import Z95, Measure, document
from protocols.statistics.ranks.ranks import Ranked, exact, flag_of
from protocols.tables.sequence import verb
from protocols.tables.windows import windows


def roc_auc(marker: SecretArray, condition: SecretArray, *, names: tuple[str, str] = ("without", "with")) -> Result:
    """How well a marker tells rows with a condition from rows without it: the area under its ROC curve, by DeLong.

    marker, condition  a shared column of numbers and a flag of the same rows, such as table.troponin and table.infarct;
                       large values speak for the condition (else give -marker)
    names              of the rows without and with the condition

    Gives       the area, its standard error (the square root of DeLong's variance) as a line of its own, the 95 %
                interval, cut off at 0 and 1, and z and two-sided p of the area being 1/2
    Opens       the sizes of both groups; with R - r as above, their sum over the rows with the condition, and their
                sums of squares over both groups
    Missing     rows that lack one of both are left out
    Undefined   the area where a group has no rows; the rest where one has a single row, or the marker separates the
                groups perfectly (then DeLong's variance is 0)
    Protection  as `mannwhitneyu`
    Error       none: sums are whole numbers
    Limits, Raises   as `mannwhitneyu`
    Rounds      two sorts beside each other, and about 30; bytes: those of two sorts, and about 300 a place
    Equals      scikit-learn's `roc_auc_score`; R's `pROC::ci.auc(method="delong")`
    Source      DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); Sun and Xu, IEEE Signal Processing Letters 21
                (2014), for the ranks
    """
    bits = flag_of("roc_auc", condition)
    ranked = Ranked.of("roc_auc", marker, condition)
    places = ranked.places
    above = where(ranked.there, ranked.doubled - _within(ranked.there, bits, marker), 0).bare().bounded(2 * places)
    squares = (above * above).bounded(4 * places**2)
    groups = [~bits & ranked.there, bits & ranked.there]
    sums = where(groups[1], above, 0).sum().bare().bounded(2 * places**2)
    of_squares = stack([where(group, squares, 0).sum() for group in groups]).bare().bounded(4 * places**3)
    parts = ranked.by_group(groups, condition.basis)
    behind = parts["n"].basis
    opened_parts = {
        "n": parts["n"],
        "above": sums.with_basis(behind),
        "squares": of_squares.with_basis(behind),
    }

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, doubled, four = (exact(opened[name]) for name in ("n", "above", "squares"))
        sizes = [int(size) for size in n]
        table = {"rows": list(names), "columns": ["n"], "values": [[size] for size in sizes]}
        return document(_measures(sizes, int(doubled), [int(x) for x in four]), table)

    return Result("measures", opened_parts, finish, together=True)


def _measures(n: list[int], doubled: int, squares: list[int]) -> list[Measure]:
    """n: rows without and with the condition; doubled: twice U; squares: four times the sums of squares."""
    from scipy import special  # scipy.stats takes a second to import

    name = "area under the ROC curve"
    if not min(n):
        return [Measure.undefined(name, "a group without rows")]
    area = doubled / (2 * n[0] * n[1])
    if min(n) < 2:
        return [Measure(name, area), Measure.undefined("standard error", "a group with a single row")]
    totals = 2 * n[0] * n[1] - doubled, doubled
    # In whole numbers: 4 m sum (v - mean)^2, with m rows in the group.
    spreads = [m * square - total**2 for m, square, total in zip(n, squares, totals, strict=True)]
    variance = sum(
        spread / (4 * m) / ((m - 1) * m * other**2) for spread, m, other in zip(spreads, n, reversed(n), strict=True)
    )
    if variance <= 0:
        why = "DeLong's variance is 0: the marker separates the groups, or is the same in all rows"
        return [Measure(name, area), Measure.undefined("standard error", why)]
    error = float(np.sqrt(variance))
    z = (area - 0.5) / error
    p = float(2 * special.ndtr(-abs(z)))
    low, high = max(0.0, area - Z95 * error), min(1.0, area + Z95 * error)
    return [Measure(name, area, low, high, statistic=z, p=p), Measure("standard error", error)]


@verb
def _within(there: SecretArray, group: SecretArray, x: SecretArray) -> SecretArray:
    """Twice the rank of each row that is there among the rows of its group."""
    ranks = windows(there, [group.numeric()], [x.bare().numeric()])
    return (ranks.rank("min").bare() + ranks.rank("max").bare()).bounded(2 * len(there))
