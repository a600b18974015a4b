"""Which rows have equal keys: the number of distinct keys, and the first row of each key. One sort by the keys.

rows  bits (n,): which places hold a row;  keys  one to three SecretArrays (n,): integers, flags, tags of 62 bits
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mpc.errors import ConfigError
from mpc.values.basis import union
from mpc.values.secret import SecretArray
from protocols.order import order_by
from protocols.tables.grouped import need_keys, present
from protocols.tables.groups import group_rows, sorted_by_keys
from protocols.tables.segments import Segments, neighbours_equal
from protocols.tables.sequence import verb


@verb
def distinct(rows: SecretArray, keys: Sequence[SecretArray]) -> SecretArray:
    """The number of different keys of the rows that have one. Rounds: those of a sort and of an equality, and 6.

    Stands on all these rows. Raises ShapeError; RangeError for keys that were rounded when they were shared.
    """
    need_keys("distinct", rows, keys)
    there = present(rows, *keys)
    _, in_order, sorted_keys = sorted_by_keys(there, keys)
    same = neighbours_equal(sorted_keys) if len(rows) > 1 else None
    number = Segments.between(in_order, same, len(rows)).number()
    basis = union(rows.basis, *[key.basis.plain() for key in keys])
    return number.with_basis(basis.reduced(0, there, name="number of distinct keys"))


@verb
def one_of_each(
    rows: SecretArray, keys: Sequence[SecretArray], *, keep: Literal["first", "last"] = "first"
) -> SecretArray:
    """Bits (n,) of the rows that stay where of all rows with the same keys one stays: the first one, or the last one.

    Rows in the order of the table, in which nothing moves. A missing key is a key like others, as in pandas.
    """
    need_keys("drop_duplicates", rows, keys)
    if keep not in ("first", "last"):
        raise ConfigError(f"drop_duplicates: keep={keep!r}; expected 'first' or 'last'")
    order, there, sorted_keys = sorted_by_keys(rows.bare(), keys_or_missing(rows, keys))
    same = neighbours_equal(sorted_keys) if len(rows) > 1 else None
    runs = Segments.between(there, same, len(rows))
    kept = order.undo(runs.first if keep == "first" else runs.last)
    return kept.with_basis(union(rows.basis, *[key.basis for key in keys]))


def keys_or_missing(rows: SecretArray, keys: Sequence[SecretArray]) -> list[SecretArray]:
    """The keys without masks: 0 where one is missing, and a flag for each key that can be missing."""
    parts: list[SecretArray] = []
    for key in keys:
        if key.valid is None:
            parts.append(key.bare())
        else:
            valid = key.valid.bare().broadcast_to(rows.shape)
            parts += [valid, valid * key.bare()]
    return parts


@verb
def value_counts(
    rows: SecretArray, keys: Sequence[SecretArray], *, groups: int
) -> tuple[list[SecretArray], SecretArray]:
    """The different keys, and how many rows have each: the most frequent first; of equal counts, the smaller key.

    groups  a public number of places, as in `group_rows`

    Each place stands on the rows of its key. Rounds: those of `group_rows`, and of a sort of the groups.
    """
    by = group_rows(rows, keys, groups=groups)
    count = by.count()
    bare = count.bare().masked(by.exists, "no group")
    frequent = order_by(bare, descending=True)
    return [frequent.apply(key) for key in by.keys], frequent.apply(count)
