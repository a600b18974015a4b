"""Kendall's rank correlation of shared rows: concordant and discordant pairs counted exactly, without any pair.

Let rows be in the order of x (equal ones in that of y), and r the rank of y. The discordant pairs are the inversions
of r. Two ranks differ first in some bit. At each bit, from the highest one, rows are parted by it, in a stable way, so
that rows with the same higher bits are neighbours. A one before a zero is an inversion if both are such neighbours. All
others, of rows whose higher bits differ, are as many when the rows start in the order of y, which has no inversion. So
the inversions are the ones before zeros of all bits, from the order of x, less those from the order of y.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.releases.disclosure import Opened, Result
from mpc.values.basis import union
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, stack, where
from protocols.order import order_by
from protocols.statistics.measures import Z95, Measure, document
from protocols.statistics.ranks.ranks import Ranked
from protocols.tables.segments import Segments, neighbours_equal
from protocols.tables.sequence import verb


def kendalltau(x: SecretArray, y: SecretArray) -> Result:
    """Kendall's tau-b of two shared columns of the same rows, with ties.

    Opens       the number of rows, concordant less discordant pairs, and of both columns the sums of t^2 and t^3 over
                runs of t equal values, all whole numbers; tau, z and the two-sided p of the normal approximation with
                ties, and a 95 % interval follow (by Fisher's z with the variance of Fieller, Hartley and Pearson, which
                is for few ties)
    Missing     rows that lack one of both are left out
    Undefined   with fewer than two rows, or where a column has one value alone; no interval with fewer than five
    Protection  as `spearmanr`
    Error       none
    Limits      524,288 places
    Rounds      three sorts, one of them after the two others; and one by a bit for each bit of the number of places
    Bytes       about 4,000 a place
    Raises      ShapeError for anything but two columns of the same shared rows; RangeError beyond the limits
    Equals      scipy's `kendalltau(method="asymptotic")`
    Source      Kendall, Rank Correlation Methods (4th ed., 1970), chapters 3 to 5; Fieller, Hartley and Pearson,
                Biometrika 44 (1957); the counting is that of a wavelet matrix (Claude, Navarro and Ordóñez, Information
                Systems 47, 2015)
    """
    first, second = Ranked.of("kendalltau", x, y), Ranked.of("kendalltau", y, x)
    behind = union(first.behind(x), second.behind(y))
    apart = _apart(first.there, first.low, second.low, stack([first.equals(), second.equals()]))
    ties = stack([stack([column.equals(), column.ties() + first.count()]) for column in (first, second)])
    ties = ties.bounded(first.places**3)
    parts = {"n": first.count(), "apart": apart, "ties": ties}
    parts = {name: part.bare().with_basis(behind) for name, part in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, pairs, tied = (opened[name].whole_cells() for name in ("n", "apart", "ties"))
        return document([tau_b(n, pairs, tied)], {"rows": ["rows"], "columns": ["n"], "values": [[n]]})

    return Result("measures", parts, finish, together=True)


@verb
def _apart(there: SecretArray, x: SecretArray, y: SecretArray, equals: SecretArray) -> SecretArray:
    """Concordant less discordant pairs, from ranks x and y from 1 on; equals (2,): sums of t^2 of both columns."""
    n = len(there)
    width = n.bit_length()
    r = where(there, y, n).bounded(n)
    key = (x * (1 << width) + y).bounded((n << width) + n)
    by_both = order_by(key.masked(there, "missing"))
    within, keys = by_both.apply(there), by_both.apply(key)
    runs = Segments.between(within, neighbours_equal([keys]) if n > 1 else None, n)
    # In a run the places after its first one add up to t (t - 1) / 2.
    after = (np.arange(n) - runs.spread(runs.starts())).bounded(n)
    both = where(within, after, 0).sum().bounded(n * n)
    inversions = _ones_before_zeros(by_both.apply(r), width) - _ones_before_zeros(order_by(r).apply(r), width)
    count = indicator(there).sum().bare().bounded(n)
    # Twice the pairs that no column ties: n (n - 1) less t (t - 1) of both; pairs tied in both were taken off twice.
    twice = count * count + count - equals.sum() + 2 * both
    doubled = (twice - 4 * inversions).bounded(2 * n * n)
    return doubled.bare()


def _ones_before_zeros(r: SecretArray, width: int) -> SecretArray:
    """Of each bit, from the highest one, after which rows are parted by it: pairs of a one and a later zero."""
    n = len(r)
    left = r.bits(width)
    total: SecretArray | None = None
    for bit in reversed(range(width)):
        ones = left[:, bit].bare()
        number = indicator(ones)
        before = number.cumsum(0).bounded(n).reshape(n, 1)
        pairs = (1 - number).bounded(1).reshape(1, n).dot(before, 0, bound=n * n).reshape(())
        total = pairs if total is None else total + pairs
        if bit:
            left = order_by(ones).apply(left[:, :bit])
    assert total is not None
    return total.bounded(width * n * n)


def tau_b(n: int, doubled: int, ties: list[list[int]]) -> Measure:
    """Tau-b from twice the concordant less discordant pairs, and sums of t^2 and t^3 of both columns."""
    from scipy import special  # scipy.stats takes a second to import

    name = "tau-b"
    pairs = n * (n - 1)
    (x2, x3), (y2, y3) = ties
    untied = (pairs - (x2 - n)), (pairs - (y2 - n))  # twice the pairs
    if n < 2 or min(untied) <= 0:
        why = f"undefined: {'fewer than two rows' if n < 2 else 'a column with one value alone'}"
        return Measure(name, why, p=why)
    tau = max(-1.0, min(1.0, doubled / float(np.sqrt(untied[0]) * np.sqrt(untied[1]))))
    first, second = ((s3 - 3 * s2 + 2 * n, 2 * s3 + 3 * s2 - 5 * n) for s2, s3 in ((x2, x3), (y2, y3)))
    variance = (pairs * (2 * n + 5) - first[1] - second[1]) / 18 + (x2 - n) * (y2 - n) / (2 * pairs)
    if n > 2:
        variance += first[0] * second[0] / (9 * pairs * (n - 2))
    z = doubled / 2 / float(np.sqrt(variance))
    p = float(2 * special.ndtr(-abs(z)))
    if n < 5 or abs(tau) == 1:
        why = "undefined: fewer than five rows" if n < 5 else "undefined: all pairs agree"
        return Measure(name, tau, why, why, z, p=p)
    reach = Z95 * float(np.sqrt(0.437 / (n - 4)))
    return Measure(name, tau, float(np.tanh(np.arctanh(tau) - reach)), float(np.tanh(np.arctanh(tau) + reach)), z, p=p)
