"""The most frequent levels of a category: which they are, and how many rows have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Guard, Opened, Result
from mpc.releases.enough import all_enough, enough
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, stack
from protocols.order import Ordering, order_by
from protocols.statistics.counts.in_levels import in_levels
from protocols.statistics.counts.tables import levels
from protocols.suppression import compare_tables, opened_cells
from protocols.tables.grouped import present

#: What protects the list, in words.
_RULE = "levels with few rows suppressed; the whole list, where it would have a level whose count must stay hidden"


def top(category: PrivateArray | SecretCategory, k: int = 5) -> Result:
    """The k levels of a category, private or shared, that most rows have, with their numbers of rows.

    Opens       names and counts of the k most frequent levels that may be opened, the most frequent one first; of
                levels with equal counts the one that is declared first. Other levels and their counts stay secret
    Missing     values are left out
    Undefined   never: without rows all entries are suppressed
    Protection  a level with fewer rows than the minimum is an entry without name and count, at the end of the list.
                Where small levels could be told from the total of a table of all levels (they hold few rows together,
                or none, or nearly as many as they can), the whole list is suppressed: a level left out in their place
                would be missed, and its rank would tell its count. A category with hundreds of levels rarely has this.
                So is a list with a level of which other owners have few rows. Beside a histogram of the same column and
                the total, a list that is suppressed can tell that a level has no rows, but no small number of rows
    Limits      4,194,304 levels times places of shared rows
    Error       none
    Rounds      of private rows those of a table of counts, and a selection of k of the levels: 40 for six levels, 81
                for 3,000; of shared rows seven more
    Bytes       of private rows up to 2,000 a level; of shared rows also 12 for each place and level
    Raises      ShapeError for anything but a category; ConfigError for k outside of 1 to the number of levels;
                RangeError beyond the limits
    Equals      pandas' `value_counts().head(k)`, but for the order of ties
    Source      the order by comparisons of `protocols.sorting`; suppression as `protocols.suppression`
    """
    names, counts, cohorts, origin = _counts(category)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(names):
        raise ConfigError(f"top: k={k!r}; expected a whole number from 1 to {len(names)}, the number of levels")
    order = order_by(counts, descending=True, first=k)
    codes = counts.constant(np.arange(len(names)))
    basis = Basis(tuple(cohort.collapsed(None) if cohort.shape else cohort for cohort in cohorts), origin=origin)
    parts = {
        "codes": order.apply(codes)[:k].bounded(len(names) - 1).with_basis(basis),
        "counts": order.apply(counts)[:k].bounded(counts.bound).with_basis(basis),
    }

    def finish(opened: Mapping[str, Opened]) -> Any:
        found, values = opened["codes"], opened["counts"].whole_cells()
        whole = found.whole_cells()
        shown = [names[code] if isinstance(code, int) else f"rank {rank + 1}" for rank, code in enumerate(whole)]
        return {"labels": shown, "values": values}

    return Result("vector", parts, finish, _guard(cohorts, order, counts, k))


def _guard(cohorts: Sequence[Cohort], order: Ordering, counts: SecretArray, k: int) -> Guard:
    tables = tuple(cohort for cohort in cohorts if cohort.shape)
    others_behind = tuple(cohort for cohort in cohorts if not cohort.shape)

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        memo = counts.run.scope.memo(_MEMO)
        if (order, minimum, others) not in memo:
            large = opened_cells(tables, minimum, others)
            hidden = ~large & (counts >= minimum)  # few rows of others, or hidden so that small levels are not told
            moved = order.apply(stack([large, hidden]).T)[:k]
            sizes = _all_of(list(enough(counts.run, tables, minimum, others=others).values()))
            sound = ~((sizes & ~large).any() | moved[:, 1].any())
            shown = moved[:, 0] & sound.reshape(1).broadcast_to((k,))
            behind = all_enough(counts.run, others_behind, minimum, others=others)
            memo[order, minimum, others] = shown if behind is None else shown & behind.broadcast_to((k,))
        found: SecretArray = memo[order, minimum, others]
        return {"codes": found, "counts": found}

    return Guard(
        _RULE, {"codes": tuple(cohorts), "counts": tuple(cohorts)}, bits, None if others_behind else compare_tables
    )


def _all_of(bits: Sequence[SecretArray]) -> SecretArray:
    """Whether all of several bits are set, element by element."""
    return bits[0] if len(bits) == 1 else stack(bits).all(0)


class _Memo:
    """The key of the memo of the entries that may be opened."""


_MEMO = _Memo()


def _counts(category: Anything) -> tuple[list[str], SecretArray, tuple[Cohort, ...], tuple[str, ...]]:
    """Names of the levels, the number of rows of each (without basis), the cohorts behind them, and their origin."""
    if isinstance(category, PrivateArray) and category.expression.type in ("category", "flag"):
        counts = count_cells(category.source, [category])
        return levels(category), counts.bare(), counts.basis.cohorts, counts.basis.origin
    if not isinstance(category, SecretCategory):
        raise ShapeError(f"top: {category!r}; a category is wanted, private or shared, such as table.diagnosis")
    names, codes = list(category.levels), category.codes
    there = present(codes.constant(np.ones(len(codes), np.bool_)), codes)
    found = in_levels("top", codes, len(names), there, codes.basis)
    return names, found.counts, found.cohorts, found.origin
