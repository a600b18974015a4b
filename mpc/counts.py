"""Counts of private rows: each owner counts its own, and their secret sum is its own cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpc.aggregates import Count, Crosstab
from mpc.errors import ConfigError, ShapeError
from mpc.expressions import Expression, both
from mpc.local import share_each
from mpc.secret import SecretArray
from mpc.source import Source

if TYPE_CHECKING:
    from mpc.private_array import PrivateArray


def count_rows(source: Source, where: Expression | None) -> SecretArray:
    """Rows that fulfil a condition, at all owners: a secret integer that is its own cohort."""
    key = ("count", id(where))
    if key in source.memo:
        return source.memo[key][0]  # type: ignore[no-any-return]
    if not source.owners:
        raise ConfigError(f"table {source.name}: no organization brings rows")
    local = source.local.ask(Count((), where))
    total = share_each(source, local, "count", (), frac=0, bound=source.at_most, type="int").sum(0)
    total = total.about(total)
    source.memo[key] = (total, where)  # the expression is kept alive, so that its id stays its own
    return total


def count_cells(source: Source, categories: Sequence[PrivateArray]) -> SecretArray:
    """Counts of rows by the levels of categories: a secret integer array, a cohort behind every cell."""
    sizes = []
    where: Expression | None = None
    for category in categories:
        if category.expression.type == "real":
            raise ShapeError(f"{category.name}: counts are by categories and flags; `cut` makes a category of a number")
        sizes.append(len(category.expression.levels) or 2)
        where = both(where, category.where)
    key = ("cells", tuple(id(c.expression) for c in categories), id(where))
    if key in source.memo:
        return source.memo[key][0]  # type: ignore[no-any-return]
    local = source.local.ask(Crosstab([c.expression for c in categories], sizes, where))
    total = share_each(source, local, "counts", tuple(sizes), frac=0, bound=source.at_most, type="int").sum(0)
    total = total.about(total)
    source.memo[key] = (total, tuple(categories), where)
    return total
