"""Rows looked up by a key that their owners hold: a join of linear cost, which discloses nothing.

    found, gathered = await lookup(left, right, [income])      for each left row: whether its key is on the right, and
                                                               the right row's income (0 where it is not)

Keys must be unique among the rows of one owner on the right; on the left they may repeat. What happens:

1. The right owner places its rows into a table of slots of a public size, each row with a key into one of the three
   slots that public hash functions of its key name (`mpc.tables.slots`). It shares the tags of the slots, and gives
   the order that brings the shared columns into their slots (`given_order`).
2. The left owner shares the tags of its rows. It knows which three slots each row asks for, and gives the order in
   which each slot is followed by the rows that ask for it. `copy_down` copies tag and columns of the slots to them.
3. Each row compares its tag with three others in secret, and takes the columns of the slot that has its tag.

Security. Semi-honest, as the primitives: orders, tags and columns are secret from everybody but the owner who knows
them anyway, sizes depend on public numbers alone, and nothing is opened. A left owner that lies about its order looks
up in other slots; tags decide what it finds, and it learns neither. A party that computes and owns rows at the same
time sees its own keys, and messages that are uniform to it.
Error. A row that looks up may meet the tag of another key with a probability of `slots.chance`: 3 m 2^-62 for m rows.
The slots of a key do not follow from its tag, so the number of rows on the right does not matter.
Sources. Cuckoo tables: Pagh and Rodler, ESA 2001; joins of tables whose owners know their keys, by such tables and
oblivious copying: Mohassel, Rindal, Rosulek, CCS 2020. That orders known to one owner and a running sum copy rows with
two hops a row is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.runtime import Runtime
from mpc.tables import lookups
from mpc.tables.lookups import HeldKeys
from mpc.tables.slots import CHOICES, TAG_BITS, TAG_BOUND, third
from mpc.values.basis import LOOSE
from mpc.values.secret import SecretArray, concatenate, constant
from mpc.values.stated import BIT, Stated
from protocols.order import Ordering
from protocols.tables.held import Asking, lines_of, numbers_of, orders_of
from protocols.tables.records import Records, beside

#: Left rows that are compared at a time.
CHUNK = 1 << 18


@dataclass(frozen=True)
class Links:
    """Which left rows found which right rows, in secret; `spread_back` needs it.

    found     bool (left rows,): the key is on the right
    gathered  the columns, (left rows, …): 0 where it is not
    hits      for each owner on the right, bool (left rows,): whether it is on its side; more than one may have it, and
              then the columns of all are added
    beyond    an integer: right rows that nobody finds, since `matches` rows of their owner have the same key

    With `matches` other than 1, all of these have a further axis after the rows: (left rows, matches, …).
    """

    found: SecretArray
    gathered: list[SecretArray]
    hits: list[SecretArray]
    beyond: SecretArray
    matches: int
    left: HeldKeys
    right: HeldKeys
    #: The line of each owner on the left, and the order of each owner on the right.
    asking: list[Asking]
    placing: list[Ordering]
    #: By (left owner, right owner): bool (3, left rows of that owner).
    same: dict[tuple[int, int], SecretArray]


async def lookup(
    left: HeldKeys, right: HeldKeys, columns: Sequence[SecretArray]
) -> tuple[SecretArray, list[SecretArray]]:
    """For each left row whether its key is on the right, bool (left rows,), and the columns there, 0 where it is not.

    Arguments and errors as for `link`.
    """
    links = await link(left, right, columns)
    return links.found, links.gathered


async def link(
    left: HeldKeys, right: HeldKeys, columns: Sequence[SecretArray], *, matches: int = 1, one_left: bool = False
) -> Links:
    """Look up the keys of left rows among right rows.

    columns   secrets without mask, (right rows, …), in the sequence of `share_rows`: owners in blocks of `right.rows`
    matches   most rows of one key at one owner on the right that are found: the first ones, in their sequence. They
              are looked up by the key and their number. With 1, keys must be unique there
    one_left  each owner on the left checks that its keys are unique, too

    Results stand on rows that the caller knows, so their basis is loose. Rows without a key never match.

    Rounds    about 15, and those of sharing
    Bytes     linear: with m left rows, w columns and s = 3 `third` slots (1.35 a right row, for many rows), those of
              `given_order` for s rows and for s + 3 m, `input` of s and of m numbers, a `shuffle` of s rows of w
              numbers, `copy_down` of s + 3 m rows of w + 1 numbers, `equal` of 3 m numbers, and `inject` of 3 m w
              numbers, or for flags an and of as many bits; for each pair of owners
    Raises    DataError at an owner with two rows of one key, where they must be unique; ShapeError
    """
    if matches < 1:
        raise ShapeError(f"lookup: at most {matches} matches a row; expected 1 or more")
    run = left.source.run
    for column in columns:
        if not column.shape or len(column) != len(right.source.owners) * right.rows or column.valid is not None:
            raise ShapeError(
                f"lookup: {column!r}; expected a secret without mask of {len(right.source.owners)} times "
                f"{right.rows} rows"
            )
    if len(left.names) != len(right.names):
        raise ShapeError(f"lookup: keys of {len(left.names)} and of {len(right.names)} columns")
    for a, b, kind, other_kind in zip(left.names, right.names, left.kinds(), right.kinds(), strict=True):
        if kind != other_kind:
            raise ShapeError(
                f"lookup: {left.source.name}.{a} and {right.source.name}.{b} are keys of different kinds: declare both "
                f"alike (found {kind} and {other_kind})"
            )
    await run.settle(*[column.handle for column in columns])
    placed, asked = lookups.placed(right, matches), lookups.asked(left, right.rows, matches, once=one_left)
    asks = left.rows * matches
    slots = CHOICES * third(right.rows)
    placing = orders_of(right, placed, slots)
    asking = lines_of(left, asked, slots, asks)
    slot_tags = numbers_of(right, placed, "tags", slots, TAG_BOUND)
    tags = numbers_of(left, asked, "tags", asks, TAG_BOUND)
    records = Records(columns)
    tables = []
    for j, order in enumerate(placing):
        payload = records.block(j, right.rows, slots)
        tagged = [slot_tags[j].reshape(slots, 1)]
        tables.append(beside([*tagged, *([] if payload is None else [order.apply(payload)])]))
        await run.settle(tables[-1].handle)
    same: dict[tuple[int, int], SecretArray] = {}
    hits: list[list[SecretArray]] = [[] for _ in placing]
    sums: list[SecretArray] = []
    flags: list[SecretArray] = []
    for i, line in enumerate(asking):
        total: SecretArray | None = None
        flagged: SecretArray | None = None
        for j, table in enumerate(tables):
            same[i, j], one, bits = await _matched(run, tags[i], table, line, records)
            # At most one slot has the tag of a row, since tags of slots differ, but for `EMPTY`, which no row has.
            hits[j].append(same[i, j][0] ^ same[i, j][1] ^ same[i, j][2])
            total = one if total is None or one is None else total + one
            flagged = bits if flagged is None or bits is None else flagged | bits
        sums += [] if total is None else [total]
        flags += [] if flagged is None else [flagged]
    found = [concatenate(parts) for parts in hits]
    anywhere = found[0]
    for other in found[1:]:
        anywhere = anywhere | other
    gathered = records.columns(_joined(sums), _joined(flags), len(placing))
    if matches > 1:
        beyond = _total(numbers_of(right, placed, "beyond", 1, right.rows))
        anywhere, *found = (_by_row(x, matches) for x in (anywhere, *found))
        gathered = [_by_row(x, matches) for x in gathered]
    else:  # the owners have made sure that there is none
        beyond = constant(run, np.asarray(0))
    return Links(anywhere, gathered, found, beyond, matches, left, right, asking, placing, same)


def _by_row(x: SecretArray, matches: int) -> SecretArray:
    return x.reshape(-1, matches, *x.shape[1:])


def _joined(parts: Sequence[SecretArray]) -> SecretArray | None:
    return concatenate(parts) if parts else None


def _total(parts: Sequence[SecretArray]) -> SecretArray:
    return concatenate(parts).sum()


async def _matched(
    run: Runtime, tags: SecretArray, table: SecretArray, asking: Asking, records: Records
) -> tuple[SecretArray, SecretArray | None, SecretArray | None]:
    """For rows with `tags` (m,) that ask for slots of `table` (slots, 1 + width) in an order: whether each of three
    slots has the tag, bool (3, m), and numbers and flags of the slot that has it (`Records.picked`)."""
    rows, width = len(tags), 1 + records.width
    copied = table.with_handle(asking.through("copy_down", table)).reshape(CHOICES, rows, width)
    await run.settle(copied.handle)
    same: list[SecretArray] = []
    sums: list[SecretArray] = []
    flags: list[SecretArray] = []
    for start in range(0, max(rows, 1), CHUNK):
        part = copied[:, start : start + CHUNK]
        own = tags[start : start + CHUNK].broadcast_to(part.shape[:2])
        difference = own - part[..., 0].bounded(TAG_BOUND)
        same.append(difference.invoke("equal", width=TAG_BITS, result=BIT))
        values, bits = records.picked(part[..., 1:], same[-1])
        sums += [] if values is None else [values]
        flags += [] if bits is None else [bits]
        await run.settle(*[x.handle for x in (same[-1], values, bits) if x is not None])
    return concatenate(same, 1), _joined(sums), _joined(flags)


async def spread_back(links: Links, values: SecretArray, bound: int | None = None) -> SecretArray:
    """For each right row, the sum of `values` over the left rows that found it: the transposed of `lookup`.

    values    a number without mask for each left row, (left rows, …); with several matches, for each of them,
              (left rows, matches, …)
    bound     of the raw sums, where the caller knows a smaller one than all left rows together give
    Rounds    about 8
    Bytes     those of `lookup` with the columns of `values` in place of tag and columns, without comparisons
    Raises    ShapeError; RangeError where the sums may exceed the ring
    """
    left, right, run = links.left, links.right, values.run
    if not values.shape or len(values) != len(links.found) or values.valid is not None or values.type == "bool":
        raise ShapeError(f"spread_back: {values!r}; expected numbers without mask, one for each of {len(links.found)}")
    if links.matches > 1:
        if values.shape[:2] != links.found.shape:
            raise ShapeError(f"spread_back: {values!r}; expected numbers for {links.found.shape} rows and matches")
        values = values.view(lambda a: a.reshape(-1, *a.shape[2:]))
    asks = left.rows * links.matches
    width = int(np.prod(values.shape[1:], dtype=np.int64))
    most = values.bound * len(values) if bound is None else bound
    blocks = []
    for j, placing in enumerate(links.placing):
        total: SecretArray | None = None
        for i, asking in enumerate(links.asking):
            flat = values.bare()[i * asks : (i + 1) * asks].reshape(1, asks, width)
            flat = flat.broadcast_to((CHOICES, asks, width))
            bits = links.same[i, j].reshape(CHOICES, asks, 1).broadcast_to(flat.shape)
            sent = bits.invoke("inject", flat, result=Stated(bound=flat.bound, frac=flat.frac, type=flat.type))
            rows = sent.reshape(CHOICES * asks, width)
            handle = asking.through("sum_up", rows)
            # Each slot takes at most all left rows.
            summed = SecretArray(run, handle, type=values.type, frac=values.frac, bound=most)
            await run.settle(handle)
            total = summed if total is None else total + summed
        assert total is not None
        blocks.append(placing.undo(total)[: right.rows])
        await run.settle(blocks[-1].handle)
    # Together they are the sums of all left rows, whose bound is `most`.
    result = concatenate(blocks).reshape(-1, *values.shape[1:])
    return result.bounded(most).with_basis(LOOSE)


async def held_order(keys: HeldKeys) -> tuple[Ordering, SecretArray]:
    """The order of rows by key that their only owner gives, those without a key last; and bool (rows,): whether a place
    in that order begins the rows of another key, not set at rows without a key. Raises ShapeError for several owners.
    """
    if len(keys.source.owners) != 1:
        raise ShapeError(f"held_order: table {keys.source.name} has {len(keys.source.owners)} owners; expected one")
    local = lookups.ordered(keys)
    order = orders_of(keys, local, keys.rows)[0]
    # A comparison makes a bit of whatever the owner shared.
    return order, (numbers_of(keys, local, "starts", keys.rows, 1)[0] > 0).with_basis(LOOSE)


__all__ = ["HeldKeys", "Links", "held_order", "link", "lookup", "spread_back"]
