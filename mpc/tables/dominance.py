"""The p% rule: no two rows make up nearly all of a sum.

Let T be the sum of a group's magnitudes |x|, and x1 >= x2 >= 0 its two largest. The bringer of x2 can take T - x2 for
x1, which is wrong by T - x1 - x2 at most. So a sum, mean or standard deviation comes out only where this error is p
percent of x1 or more (Cox, 1981; Hundepool et al., Statistical Disclosure Control, 2012, section 4.2.2). Where minimums
hold without each owner's own rows, so does this rule for the rows of all other owners: an owner knows all its own rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mpc.errors import ConfigError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Largest
from mpc.tables.local import raw_integers, share_parts
from mpc.values.cohorts import Cohort
from mpc.values.fixed import width_of
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray, concatenate

if TYPE_CHECKING:
    from mpc.tables.private_array import PrivateArray

#: Bits of a magnitude, where the ring has room for them and for the sum of all magnitudes.
_BITS = 40
#: Most owners of rows under the rule: it compares the rows of each two of them, without those of each third.
MOST_OWNERS = 32


class Dominance(NamedTuple):
    """percent: p. others: the rule holds without each owner's own rows, too."""

    percent: int
    others: bool


@dataclass(frozen=True)
class Ordered(Rule):
    """0 <= second <= first <= limit and first + second <= total <= at_most * limit, in raw integers."""

    at_most: int
    limit: int
    covers = frozenset({"total", "first", "second"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        total, first, second = parts["total"], parts["first"], parts["second"]
        rounded = 2  # each is rounded by itself
        return [
            second,
            first - second,
            self.limit - first,
            total - first - second + rounded,
            self.at_most * self.limit + rounded - total,
        ]


def not_dominated(columns: Sequence[PrivateArray], rows: Cohort, rule: Dominance) -> Cohort:
    """A cohort that is enough where `rows` is enough and no two rows dominate; for several selections of one column,
    by selection.

    rows: shape () for one selection, else (selections,). Raises ConfigError for more than MOST_OWNERS owners.
    Rounds  those of a comparison, and 2
    """
    source = columns[0].source
    if len(source.owners) > MOST_OWNERS:
        raise ConfigError(
            f"table {source.name}: {len(source.owners)} organizations bring rows; with a rule of dominance at most "
            f"{MOST_OWNERS} can"
        )
    key = ("dominance", tuple((id(column.expression), id(column.where)) for column in columns))

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        if key not in source.memo:
            source.memo[key] = (_decide(columns, rule), tuple(columns))
        found: SecretArray = source.memo[key][0]
        return bits[0] & found.reshape(rows.shape)

    return Cohort(
        rows.run,
        rows.counts,
        most=rows.most,
        what=f"{rows.what}, no two of which make up nearly all of it (p% rule, {rule.percent} %)",
        shape=rows.shape,
        sources=(rows,),
        decide=decide,
        dominance=rule.percent,
    )


def _decide(columns: Sequence[PrivateArray], rule: Dominance) -> SecretArray:
    """Bits (selections,): in each view, T without its two largest is p percent of the largest or more."""
    source, k = columns[0].source, len(columns)
    expression = columns[0].expression
    size = float(max(abs(expression.low), abs(expression.high), 1e-300))
    room = source.run.engine.capacity - 2 - width_of(source.most_rows) - (200).bit_length()
    frac = min(_BITS, room) - int(np.frexp(size)[1])
    limit = int(np.ceil(np.ldexp(size, frac))) + 1
    local = source.local.ask(Largest(expression, [column.where for column in columns]))
    parts = [
        Part("total", (k,), frac, source.at_most * limit + 2),
        Part("first", (k,), frac, limit),
        Part("second", (k,), frac, limit),
    ]
    shared = share_parts(source, local, parts, Ordered(source.at_most, limit))
    total, first, second = (raw_integers(shared[name]) for name in ("total", "first", "second"))
    owners = len(source.owners)
    # The largest two of a view are the first and second of one owner, or the firsts of two: all such pairs are tried.
    pairs = [(i, owners + i) for i in range(owners)]
    pairs += [(i, j) for i in range(owners) for j in range(owners) if i != j]
    without = [-1, *range(owners)] if rule.others else [-1]
    tried = [(v, a, b) for v, gone in enumerate(without) for a, b in pairs if gone not in (a, b % owners)]
    view, largest, other = np.asarray(tried, np.int64).reshape(-1, 3).T
    whole = total.sum(0).reshape(1, k)
    totals = concatenate([whole, whole.broadcast_to((owners, k)) - total]) if rule.others else whole
    each = concatenate([first, second])
    left = exact_multiple(totals.view(lambda x: x[view]), 100)
    left = left - exact_multiple(each.view(lambda x: x[largest]), 100 + rule.percent)
    left = left - exact_multiple(each.view(lambda x: x[other]), 100)
    return (left >= 0).all(0)
