"""Counts of private rows: each owner counts its own rows, and the secret sum of the counts is its own cohort.

The rows behind statistics of columns are counted here, too: the valid rows, and both sides of every flag that a column
is made from, since a sum tells how many rows have the flag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import ConfigError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Count, Crosstab
from mpc.tables.bins import binned
from mpc.tables.conditions import fulfilled, gaps, steps
from mpc.tables.dominance import not_dominated
from mpc.tables.expressions import Expression, both, unary
from mpc.tables.filled_rows import filled_rows
from mpc.tables.kinds import need_category
from mpc.tables.local import share_parts
from mpc.tables.patterns import possible
from mpc.tables.selections import Selection, joint_cells
from mpc.tables.source import Source
from mpc.values.cohorts import Cohort
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.tables.private_array import PrivateArray


#: Most flags that a number may be made from: all their combinations are held against minimums.
MOST_FLAGS = 8


@dataclass(frozen=True)
class Counted(Rule):
    """0 <= count <= at_most."""

    at_most: int
    covers = frozenset({"count"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        return [parts["count"], self.at_most - parts["count"]]


@dataclass(frozen=True)
class Summed(Rule):
    """0 <= count <= at_most and |sum| <= count * limit, in raw integers."""

    at_most: int
    limit: int
    covers = frozenset({"count", "sum"})

    @classmethod
    def of(cls, limit: float, frac: int, at_most: int) -> Summed:
        """For values up to `limit` and a sum with `frac` fraction bits, which float64 may round beyond it."""
        raw = int(np.ceil(np.ldexp(limit, frac)))
        return cls(at_most, raw + (raw >> 40) + 1)

    @property
    def bound(self) -> int:
        return self.at_most * self.limit

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        count, total = parts["count"], parts["sum"]
        most = exact_multiple(count, self.limit)
        return [count, self.at_most - count, most - total, most + total]


@dataclass(frozen=True)
class Tabulated(Rule):
    """Counts of cells are not negative, and together at most `at_most`."""

    at_most: int
    covers = frozenset({"counts"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        counts = parts["counts"]
        total = counts.reshape(len(counts), -1).sum(1).bounded(self.at_most * prod(counts.shape[1:]))
        return [counts, self.at_most - total]


def count_rows(
    source: Source, where: Expression | None, what: str = "", *, chosen: Selection | None = None, or_none: bool = False
) -> SecretArray:
    """The number of rows at all owners that fulfil a condition: a secret integer that is its own cohort.

    chosen   the rows without regard to missing values, if they differ: rows with missing values are no group of people
    or_none  as a cohort, no row is as good as enough rows
    """
    key = ("count", id(where), or_none)
    if key in source.memo:
        return source.memo[key][0]  # type: ignore[no-any-return]
    if not source.owners:
        raise ConfigError(f"table {source.name}: no organization brings rows")
    local = source.local.ask(Count((), where))
    own = share_parts(source, local, [Part("count", (), 0, source.at_most, "int")], Counted(source.at_most))["count"]
    total = counted(own, what or rows_where(source, where), chosen or Selection(source, where), or_none=or_none)
    source.memo[key] = (total, where)  # keeps the expression alive, so that no other one gets its id
    return total


def rows_where(source: Source, where: Expression | None) -> str:
    """Rows of a table under a condition, in words."""
    return f"rows of {source.name}" + (f" where {where.text.removeprefix('(').removesuffix(')')}" if where else "")


def named(column: PrivateArray) -> str:
    """A column and its rows, in words."""
    text = column.expression.text
    return f"{text.removeprefix('(').removesuffix(')')} of {rows_where(column.source, column.where)}"


def counted(own: SecretArray, what: str, selection: Selection, *, or_none: bool = False) -> SecretArray:
    """The sums of owners' counts (owners, *shape): secret integers that are their own cohort."""
    total = own.sum(0)
    cohort = Cohort.of(total, own, what=what, or_none=or_none, selection=selection)
    return total.standing_on(cohort, origin=(f"count of {what}",))


def count_cells(source: Source, categories: Sequence[PrivateArray]) -> SecretArray:
    """Counts of rows by the levels of categories: a secret integer array, a cohort behind every cell."""
    sizes = []
    where: Expression | None = None
    for category in categories:
        need_category("counts by categories and flags", category.name, category.expression.type)
        sizes.append(len(category.expression.levels) or 2)
        where = both(where, category.where)
    return _cells(source, [c.expression for c in categories], sizes, where, where, rows_where(source, where))


def few_values(number: Expression) -> list[Expression]:
    """The whole numbers with two or three values that a number is, or is made from, as categories: their count, mean
    and standard deviation tell how many rows have which value. Numbers made from flags alone are left out."""
    few = [category for argument in number.arguments for category in few_values(argument)]
    if number.type == "integer" and 0 < number.high - number.low <= 2 and not _of_flags(number):
        values = range(int(number.low), int(number.high) + 2)
        few.append(binned(number, tuple(values), tuple(map(str, values[:-1]))))
    return list({category.digest: category for category in few}.values())


def _of_flags(number: Expression) -> bool:
    return number.type == "flag" or (not number.column and all(_of_flags(part) for part in number.arguments))


def _at_most(flags: Sequence[Expression]) -> Sequence[Expression]:
    """The flags that a number is made from. Raises ConfigError for more than MOST_FLAGS."""
    if len(flags) > MOST_FLAGS:
        names = ", ".join(flag.text for flag in flags[:3])
        raise ConfigError(
            f"a statistic of numbers that are made from {len(flags)} flags ({names}, …); at most {MOST_FLAGS} can be "
            "protected: count by categories, or use fewer"
        )
    return flags


def _cells(
    source: Source,
    flags: Sequence[Expression],
    sizes: Sequence[int],
    where: Expression | None,
    chosen: Expression | None,
    rows: str,
) -> SecretArray:
    """Counts by flags or categories of rows under a condition. `chosen`: the condition without regard to missing
    values; `rows`: these rows in words."""
    key = ("cells", tuple(id(flag) for flag in flags), id(where))
    if key in source.memo:
        return source.memo[key][0]  # type: ignore[no-any-return]
    local = source.local.ask(Crosstab(flags, sizes, where))
    part = Part("counts", tuple(sizes), 0, source.at_most, "int")
    own = share_parts(source, local, [part], Tabulated(source.at_most))["counts"]
    what = f"{rows} by {' and '.join(flag.text for flag in flags)}"
    total = counted(own, what, Selection(source, chosen, tuple(flags)))
    source.memo[key] = (total, tuple(flags), where)
    return total


def behind(columns: Sequence[PrivateArray], rows: Cohort | None = None) -> tuple[Cohort, ...]:
    """The cohorts that a statistic of these columns together stands on. rows: the first of them, if counted already.

    They are: the rows where no column is missing (and the condition holds); for each flag that the columns are or are
    made from, the rows that have it and the rows that do not; for each two flags, each of the four combinations. Where
    `clip` moves values, the rows that it moves: none, or enough. With a rule of dominance, for a statistic of one
    column of numbers: no two of its rows make up nearly all of it.
    """
    source = columns[0].source
    where = all_known(columns)
    key = ("behind", tuple((id(column.expression), id(column.where)) for column in columns))
    if key not in source.memo:
        source.memo[key] = (_behind(source, columns, where, rows), tuple(columns))
    return source.memo[key][0]  # type: ignore[no-any-return]


def at_levels(columns: Sequence[PrivateArray], groups: Sequence[Sequence[PrivateArray]]) -> tuple[Cohort, ...]:
    """The rows at each combination of levels of each group of categories and flags, where none of `columns` is missing.

    `behind` counts both sides of flags, and two flags together; this also counts rows that have none of several flags
    that are the levels of a category.
    """
    where, cohorts = all_known(columns), list[Cohort]()
    for group in groups:
        categories = [category.expression for category in group]
        sizes = [len(category.levels) or 2 for category in categories]
        known = complete(columns)
        cells = _cells(columns[0].source, categories, sizes, where, columns[0].where, known)
        cohorts += [cohort.collapsed(None) for cohort in cells.basis.cohorts]
    return tuple(cohorts)


def fulfilling(columns: Sequence[PrivateArray], flag: PrivateArray) -> tuple[Cohort, ...]:
    """The rows where no column is missing and a flag holds."""
    where = both(all_known(columns), both(flag.where, flag.expression))
    return count_rows(flag.source, where, f"{complete(columns)} where {flag.expression.text}").basis.cohorts


def weighing(columns: Sequence[PrivateArray], weights: PrivateArray) -> tuple[Cohort, ...]:
    """The rows where no column is missing and the weight is not 0. Rows without a weight are no group of people, so the
    condition leaves out those of weight 0 alone."""
    heavy = unary("not", fulfilled((weights <= 0).expression))
    chosen = Selection(weights.source, both(weights.where, heavy), (), tuple(column.expression for column in columns))
    what = f"{complete(columns)} where {weights.expression.text} > 0"
    return count_rows(weights.source, both(all_known(columns), heavy), what, chosen=chosen).basis.cohorts


def all_known(columns: Sequence[PrivateArray]) -> Expression | None:
    """The condition that no column is missing, and that all their conditions hold."""
    where: Expression | None = None
    for column in columns:
        where = both(where, both(column.where, unary("not", unary("isna", column.expression))))
    return where


def beyond_bins(source: Source, expressions: Sequence[Expression], where: Expression | None) -> tuple[Cohort, ...]:
    """The rows outside of all bins of `cut`, for all cuts that the expressions are made from: none, or enough. So are
    the rows with a filled value, and those with one of their own."""
    cohorts = list(filled_rows(source, expressions, where))
    for expression in expressions:
        for gap in gaps(expression):
            what = f"rows outside of {expression.text}"
            cohorts += count_rows(source, both(where, gap), what, or_none=True).basis.cohorts
    return tuple(cohorts)


def complete(columns: Sequence[PrivateArray]) -> str:
    """The rows where none of these columns is missing, in words."""
    names = " and ".join(dict.fromkeys(column.expression.text for column in columns))
    rows = rows_where(columns[0].source, columns[0].where)
    return f"{rows} with {names}" if len(names) < 60 else f"complete {rows}"


def _ways(a: Expression, b: Expression) -> list[tuple[bool, ...]]:
    """The combinations of two flags that a row can have: never two levels of a category; above 60 only if above 50."""
    try:
        return [tuple(map(bool, pattern)) for pattern in possible([a, b])]
    except ConfigError:  # too many conditions: any
        return [(False, False), (False, True), (True, False), (True, True)]


def _level(source: Source, where: Expression | None, flag: Expression, chosen: Selection, known: str) -> SecretArray:
    """The number of rows with a flag among the rows under `where`, which `known` names."""
    level = chosen._replace(where=both(chosen.where, flag))
    return count_rows(source, both(where, flag), f"{known} where {flag.text}", chosen=level)


def _behind(
    source: Source, columns: Sequence[PrivateArray], where: Expression | None, rows: Cohort | None
) -> tuple[Cohort, ...]:
    chosen = Selection(source, columns[0].where, (), tuple(column.expression for column in columns))
    known = complete(columns)
    counts = [] if rows is not None else [count_rows(source, where, known, chosen=chosen)]
    joint: list[Cohort] = []
    flags: dict[bytes, Expression] = {}
    for column in columns:
        own = [(column.expression, False)] if column.expression.type == "flag" else steps(column.expression)
        product = list({flag.digest: flag for flag, none in own if not none}.values())
        if len(product) > 2:
            counts.append(_cells(source, _at_most(product), (2,) * len(product), where, chosen.where, known))
        if few := few_values(column.expression):
            cells = joint_cells(source, [*few, *_at_most(product)], where)
            cells.what = f"{known} by {' and '.join(category.text for category in few)}"
            joint.append(cells)
        for flag, none in own:
            if none:
                counts.append(count_rows(source, both(where, flag), f"{known} where {flag.text}", or_none=True))
            else:
                flags[flag.digest] = flag
    for a, b in combinations(flags.values(), 2):
        ways = _ways(a, b)
        if len(ways) == 4:
            counts.append(_cells(source, (a, b), (2, 2), where, chosen.where, known))
        elif (True, True) in ways:
            parts = [
                both(*(flag if has else unary("not", flag) for flag, has in zip((a, b), way, strict=True)))
                for way in ways
            ]
            counts += [_level(source, where, part, chosen, known) for part in parts if part is not None]
        else:
            counts += [_level(source, where, flag, chosen, known) for flag in (a, b)]
            neither = both(unary("not", a), unary("not", b))
            counts.append(count_rows(source, both(where, neither), f"{known} at no such level", or_none=True))
    if len(flags) == 1:
        counts += [_cells(source, (flag,), (2,), where, chosen.where, known) for flag in flags.values()]
    outside = beyond_bins(source, [column.expression for column in columns], chosen.where)
    cohorts = tuple(cohort for count in counts for cohort in count.basis.cohorts)
    known_rows, *others = cohorts if rows is None else (rows, *cohorts)
    if source.dominance is not None and len(columns) == 1 and columns[0].expression.type in ("real", "integer"):
        known_rows = not_dominated(columns, known_rows, source.dominance)
    behind_all = (known_rows, *others, *joint, *outside)
    return tuple(cohort.collapsed(None) if cohort.shape else cohort for cohort in behind_all)
