"""Rank tests of shared rows: whole numbers of ranks are opened, and the tests follow from them with all their digits.

Equal values share the mean of their ranks. In secret, twice the rank of a row is the smallest and the largest rank of
its equals together, a whole number. The ties of all values together are T, the sum of t^3 - t over runs of t equal
values: the sum over rows of (size of the row's run)^2 - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything, Json
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack, where
from protocols.statistics.measures import Z95, Measure, document
from protocols.tables.grouped import present
from protocols.tables.sequence import verb
from protocols.tables.windows import windows

#: Sums of products of ranks, up to 4 n^3, fit 61 bits.
_MOST = 1 << 19
_TIED = "undefined: all values are equal"


def mannwhitneyu(x: SecretArray, group: SecretArray, *, names: tuple[str, str] = ("without", "with")) -> Result:
    """The Mann-Whitney U test (Wilcoxon's rank sum): do rows with a flag have larger values than rows without it?

    x, group  a shared column and a flag of the same rows, such as table.pain and table.arm == "new"
    names     of the rows without and with the flag

    Opens       the sizes of both groups, the rank sum of the rows with the flag, and T. U of these rows, the chance
                that a row with the flag has the larger value (ties count half; the area under the ROC curve of x for
                the flag), z and the two-sided p of the normal approximation with ties and a continuity correction
                follow
    Missing     rows that lack one of both are left out
    Undefined   where a group has no rows, or all values are equal
    Protection  fewer rows than the minimum in a group, or with a value of a flag x, suppress everything; so do few rows
                with another value than that in the middle, since T tells how many these are
    Limits      524,288 places
    Rounds      a sort, and about 30; bytes: a sort by the bits of x, and about 200 a place
    Raises      ShapeError for anything but a column and a flag of the same shared rows; RangeError beyond the limits
    Equals      scipy's `mannwhitneyu(method="asymptotic")`
    Source      Lehmann, Nonparametrics (1975), 1.2 to 1.4
    """
    _need("mannwhitneyu", x)
    bits = flag_of("mannwhitneyu", group)
    ranked = Ranked.of("mannwhitneyu", x, group)
    parts = ranked.by_group([~bits, bits], group.basis)
    with_ = names[1]

    def measures(n: Json, doubled: Json, ties: int) -> list[Measure]:
        from scipy import special

        whole = float(n.sum())
        if not n.all():
            return [Measure.undefined(f"U, {with_}", "a group without rows")]
        u = float(doubled[1]) / 2 - float(n[1] * (n[1] + 1)) / 2
        chance = Measure(f"chance that {with_} is larger", u / float(n[0] * n[1]))
        # With all values equal, T is n^3 - n.
        spread = float(n[0] * n[1]) / 12 * (int(whole) ** 3 - int(whole) - ties) / (whole * (whole - 1))
        if spread <= 0:
            return [Measure(f"U, {with_}", u), chance, Measure("Mann-Whitney test", statistic=_TIED, p=_TIED)]
        off = u - float(n[0] * n[1]) / 2
        z = np.sign(off) * max(abs(off) - 0.5, 0.0) / np.sqrt(spread)
        p = min(1.0, float(2 * special.ndtr(-abs(z)))) if off else 1.0
        return [Measure(f"U, {with_}", u), chance, Measure("Mann-Whitney test", statistic=float(z), p=p)]

    return _of_groups(parts, names, measures)


def kruskal(x: SecretArray, by: SecretCategory) -> Result:
    """The Kruskal-Wallis test: do the rows of several groups have the same distribution?

    x, by  a shared column and a category of the same rows, such as table.pain and table.arm

    Opens       the size and the rank sum of each group, and T; H with ties and p by the chi-square distribution follow
    Missing, Limits, Rounds, Raises   as `mannwhitneyu`
    Undefined   where fewer than two groups have rows, or all values are equal
    Protection  as `mannwhitneyu`
    Equals      scipy's `kruskal`
    Source      Kruskal and Wallis, Journal of the American Statistical Association 47 (1952)
    """
    if not isinstance(by, SecretCategory):
        raise ShapeError(f"kruskal: {by!r}; groups are those of a category of shared rows, such as table.arm")
    ranked = Ranked.of("kruskal", x, by.codes)
    parts = ranked.by_group([by == level for level in by.levels], by.codes.basis)

    def measures(n: Json, doubled: Json, ties: int) -> list[Measure]:
        from scipy import special

        whole, there = float(n.sum()), n > 0
        df = int(there.sum()) - 1
        if df < 1:
            return [Measure("Kruskal-Wallis test", statistic="undefined: fewer than two groups with rows")]
        untied = (int(whole) ** 3 - int(whole) - ties) / (whole**3 - whole)
        if untied <= 0:
            return [Measure("Kruskal-Wallis test", statistic=_TIED, df=df, p=_TIED)]
        sums = float(((doubled[there] / 2) ** 2 / n[there]).sum())
        h = (12 / (whole * (whole + 1)) * sums - 3 * (whole + 1)) / untied
        return [Measure("Kruskal-Wallis test", statistic=h, df=df, p=float(special.chdtrc(df, h)))]

    return _of_groups(parts, by.levels, measures)


def wilcoxon(difference: SecretArray) -> Result:
    """Wilcoxon's signed-rank test: are differences of the same rows, such as table.after - table.before, around 0?

    Opens       the number of differences that are not 0, of those above 0, the rank sum of these among all sizes, and
                T; z and the two-sided p of the normal approximation with ties follow
    Missing     differences are left out, and so are those of 0
    Undefined   where no difference is left
    Protection  fewer differences than the minimum above 0, or below 0, suppress everything; those of 0 are none or
                enough, and so are those of another size than that in the middle
    Limits, Rounds, Raises   as `mannwhitneyu`
    Equals      scipy's `wilcoxon(zero_method="wilcox", correction=False, method="asymptotic")`
    Source      Pratt, Journal of the American Statistical Association 54 (1959)
    """
    _need("wilcoxon", difference)
    x = difference.bare().numeric()
    above, below, there = x > 0, x < 0, present(_every(x), difference)
    size = where(below, -x, x).masked((above | below) & there, "no difference")
    ranked = Ranked.of("wilcoxon", size.with_basis(difference.basis), None)
    parts = ranked.by_group([below, above], difference.basis, among=there)

    def measures(n: Json, doubled: Json, ties: int) -> list[Measure]:
        from scipy import special

        whole = float(n.sum())
        if not whole:
            return [Measure.undefined("signed-rank test", "no difference but 0")]
        positive = float(doubled[1]) / 2
        spread = whole * (whole + 1) * (2 * whole + 1) / 24 - ties / 48
        z = (positive - whole * (whole + 1) / 4) / np.sqrt(spread)
        p = float(2 * special.ndtr(-abs(z)))
        return [Measure("rank sum above 0", positive), Measure("signed-rank test", statistic=float(z), p=p)]

    return _of_groups(parts, ("below 0", "above 0"), measures)


def spearmanr(x: SecretArray, y: SecretArray) -> Result:
    """Spearman's rank correlation of two shared columns of the same rows.

    Opens       the number of rows, the sum of products of ranks, and T of both columns; the correlation, t, the
                two-sided p and the 95 % interval (by Fisher's z, with the variance of Bonett and Wright) follow
    Missing     rows that lack one of both are left out
    Undefined   with fewer than three rows, or where a column has one value alone
    Protection  fewer rows than the minimum suppress everything; so do few with or without a flag, and few with another
                value than that in the middle of a column
    Limits, Raises   as `mannwhitneyu`
    Rounds      two sorts beside each other, and about 30
    Equals      scipy's `spearmanr`
    Source      Spearman, American Journal of Psychology 15 (1904); Bonett and Wright, Psychometrika 65 (2000)
    """
    first, second = Ranked.of("spearmanr", x, y), Ranked.of("spearmanr", y, x)
    places = len(first.doubled)
    products = (first.doubled * second.doubled).bounded(4 * places * places)
    behind = union(first.behind(x), second.behind(y))
    count = first.count().with_basis(behind)
    total = where(first.there, products, 0).sum().bare().bounded(4 * places**3).with_basis(behind)
    ties = stack([first.ties(), second.ties()]).bare().with_basis(behind)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, product, tied = (exact(opened[name]) for name in ("n", "products", "ties"))
        table = {"rows": ["rows"], "columns": ["n"], "values": [[int(n)]]}
        return document([_correlation(int(n), int(product), tied)], table)

    return Result("measures", {"n": count, "products": total, "ties": ties}, finish, together=True)


def _correlation(n: int, product: int, ties: Json) -> Measure:
    from scipy import special

    name = "rank correlation"
    # Of doubled ranks: their mean is n + 1, and their sum of squares about it (n^3 - n - T) / 3.
    squares = [(n**3 - n - int(t)) / 3 for t in ties]
    if n < 3 or min(squares) <= 0:
        return Measure.undefined(name, "fewer than three rows" if n < 3 else "a column with one value alone")
    r = (product - n * (n + 1) ** 2) / float(np.sqrt(squares[0] * squares[1]))
    r = max(-1.0, min(1.0, r))
    if abs(r) == 1:
        return Measure(name, r, r, r, p=0.0, df=n - 2)
    t = r * np.sqrt((n - 2) / (1 - r * r))
    p = float(2 * special.stdtr(n - 2, -abs(t)))
    if n < 4:
        return Measure(name, r, statistic=float(t), df=n - 2, p=p)
    reach = Z95 * np.sqrt((1 + r * r / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)
    return Measure(name, r, float(low), float(high), float(t), n - 2, p=p)


class Ranked:
    """Values in secret with twice their ranks, among the rows that have them and a second column.

    there      bits of these rows;  doubled  twice the rank of each, any number elsewhere
    low, high  the smallest and the largest rank of rows with its value
    """

    def __init__(self, x: SecretArray, there: SecretArray, low: SecretArray, high: SecretArray) -> None:
        self._x = x
        self.there = there
        self.places = len(x)
        self.low, self.high = low, high
        self.doubled = (low + high).bounded(2 * self.places)

    @classmethod
    def of(cls, what: str, x: SecretArray, other: SecretArray | None) -> Ranked:
        """Raises ShapeError for anything but columns of the same shared rows, RangeError for too many places."""
        _need(what, x)
        if other is not None:
            if other.shape != x.shape:
                raise ShapeError(f"{what}: {x!r} and {other!r}; take both from one table of shared rows")
            need_same_people(x.basis.places, other.basis.places)
        there = present(_every(x), x, *([] if other is None else [other]))
        low, high = _ranks(there, x)
        return cls(x, there, low, high)

    def count(self) -> SecretArray:
        """The number of rows."""
        return indicator(self.there).sum().bare().bounded(self.places)

    def equals(self) -> SecretArray:
        """The sum of t^2 over runs of t equal values: of t over rows."""
        run = (self.high - self.low + 1).bounded(self.places)
        return where(self.there, run, 0).sum().bare().bounded(self.places**2)

    def ties(self) -> SecretArray:
        """T."""
        run = (self.high - self.low + 1).bounded(self.places)
        square = (run * run).bounded(self.places**2)
        return where(self.there, square - 1, 0).sum().bare().bounded(self.places**3)

    def behind(self, x: SecretArray) -> Basis:
        """What a statistic of all these rows stands on; that of a flag tells how many have it."""
        if is_flag(x):
            return x.basis.sides(x.bare(), 0, self.there)
        behind = x.basis.reduced(0, self.there, name="ranks")
        return behind._replace(cohorts=(*behind.cohorts, self.untied())) if behind.cohorts else behind

    def untied(self) -> Cohort:
        """The rows whose value is not that of the row in the middle. T tells how many rows have another value than
        nearly all, and if more than half of the rows have one value, the middle one has it."""

        def make() -> Counts:
            middle = (self.count() + 1).broadcast_to((self.places,))
            inside = ~(2 * self.low > middle) & ~(2 * self.high < middle) & self.there
            others = (self.count() - indicator(inside).sum().bare()).bounded(self.places)
            return Counts(others.reshape(1), None)

        what = "rows with another value than that in the middle, or none"
        return Cohort(self._x.run, make, most=self.places, what=what, shape=(), or_none=True)

    def by_group(
        self, groups: Sequence[SecretArray], by: Basis, among: SecretArray | None = None
    ) -> dict[str, SecretArray]:
        """Sizes and doubled rank sums of groups of these rows (bits), and T.

        among  bits of the rows among which a condition chose these: those that it leaves out must be none or enough
        """
        basis = union(self._x.basis, by).plain()
        bits = [group.bare() & self.there for group in groups]
        bases = [basis.where(bit).reduced(0, bit, rest=False, name="ranks") for bit in bits]
        if among is not None:
            bases.append(basis.where(self.there).reduced(0, among))
        behind = union(*bases, self.behind(self._x))
        counts = stack([indicator(bit).sum() for bit in bits]).bare().bounded(self.places)
        sums = stack([where(bit, self.doubled, 0).sum() for bit in bits]).bare().bounded(2 * self.places**2)
        parts = {"n": counts, "rank sums": sums, "ties": self.ties()}
        return {name: part.with_basis(behind) for name, part in parts.items()}


@verb
def _ranks(there: SecretArray, x: SecretArray) -> tuple[SecretArray, SecretArray]:
    """For each row that is there the smallest and the largest rank of rows with its value."""
    ranks = windows(there, [], [x.bare().numeric()])
    return ranks.rank("min").bare(), ranks.rank("max").bare()


def _of_groups(
    parts: Mapping[str, SecretArray], names: Sequence[str], measures: Callable[[Json, Json, int], list[Measure]]
) -> Result:
    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, doubled, ties = (exact(opened[name]) for name in ("n", "rank sums", "ties"))
        found = measures(n, doubled, int(ties))
        means = [
            float(r) / (2 * int(size)) if size else "undefined: no rows" for size, r in zip(n, doubled, strict=True)
        ]
        rows = [[int(size), mean] for size, mean in zip(n, means, strict=True)]
        table = {"rows": list(names), "columns": ["n", "mean rank"], "values": rows}
        return document(found, table)

    return Result("measures", dict(parts), finish, together=True)


def exact(part: Opened) -> Json:
    """Opened whole numbers, of which float64 holds those up to 2^53 alone."""
    return part.values if part.whole is None else part.whole


def _every(x: SecretArray) -> SecretArray:
    """Bits that are all set, a vector of the length of x."""
    return x.constant(np.ones(x.shape, np.bool_))


def flag_of(what: str, group: Anything) -> SecretArray:
    """The bits of a flag of shared rows. Raises ShapeError for anything else."""
    if not isinstance(group, SecretArray) or group.ndim != 1 or not is_flag(group):
        raise ShapeError(f"{what}: {group!r} is no flag of shared rows: compare a column, as in table.arm == 'new'")
    return group.as_flag().bare()


def _need(what: str, x: Any) -> None:
    if not isinstance(x, SecretArray) or x.ndim != 1 or not len(x):
        raise ShapeError(f"{what}: {x!r}; a column of shared rows is wanted: table.share(rows=N), then .column")
    if len(x) > _MOST:
        raise RangeError(f"{what}: {len(x):,} places; ranks of at most {_MOST:,} rows are added up")
