"""Records of the same persons in two tables, linked in secret by names, dates and places with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpc.errors import ConfigError, RangeError
from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from mpc.tables.secret_columns import SecretColumn
from mpc.tables.secret_table import SecretTable
from mpc.values.basis import Basis
from mpc.values.secret import SecretArray, where
from protocols.linkage.blocks import share_table
from protocols.linkage.bringing import Bringing
from protocols.linkage.encoding import Encoding
from protocols.linkage.fields import Field
from protocols.linkage.pairs import Partners, partners

#: Largest denominator of a threshold.
_DENOMINATOR = 100
#: Fraction bits of a score.
_DIGITS = 20
#: Words of filters of one side from which on both sides are shared one after the other, to bound the memory of a party.
_LARGE = 1 << 19
#: Columns that `Links.rows` has besides those of both tables.
OWN_COLUMNS = ("score", "linked")


@dataclass(frozen=True, eq=False)
class Links:
    """What `link` gives; all secret.

    rows          the left rows, each with the columns of its partner, `linked`, and `score`: like a left join
    table         the linked rows alone: like an inner join
    left_beyond   how many left rows had no place in their block, and took no part
    right_beyond  the same of the right rows
    """

    rows: SecretTable
    table: SecretTable
    left_beyond: SecretArray
    right_beyond: SecretArray

    def count(self) -> SecretArray:
        """The number of links. Its release needs as many linked rows as the minimum on both sides, and none or enough
        that are not linked."""
        return self.table.count()


async def link(
    left: PrivateTable,
    right: PrivateTable,
    fields: Sequence[Field],
    *,
    rows: int | tuple[int, int],
    block: str | tuple[PrivateArray, PrivateArray] | None = None,
    threshold: float = 0.8,
    bits: int = 1024,
    hashes: int = 15,
    key: str = "",
) -> Links:
    """Link the rows of two tables that are of the same person, one to one, although their fields differ.

    Two rows are linked if they are in the same block, each is most similar to the other, and their Dice coefficient
    reaches the threshold. Similar fields need not be equal: see `Name`, `Date`, `Number` and `Exact`.

    left, right   tables of any owners; their columns of numbers, categories and dates come along
    fields        what both tables know of a person
    rows          public number of places for each owner's rows in a block; for both sides, or (left, right)
    block         a column that both tables have, or one of each: only rows with the same value are compared. None: all
                  rows are compared
    threshold     above 0, at most 1; the nearest fraction with a denominator up to 100 is taken
    bits, hashes  of filters: see `Encoding`. More bits tell persons apart better, and cost more
    key           any text: part of the public parameters

    Rows beyond the places of their block, and rows without a block, take no part; `left_beyond` and `right_beyond`
    count them. A right column with the name of a left column gets the suffix `_right`.

    Rounds    about 9 for each doubling of the rows of a block, again for every 4 million pairs, and about 60
    Bytes     of each of three parties: about 9 for each bit of a filter, 40 for each pair, 200 for each row
    Security  filters leave their owner as shares only. Nobody learns who is linked, how many are, how similar two rows
              are, or how full a block is. Which blocks there are is public
    Error     none: the links are those of `plain.linked` of the same filters; of a score 2^-18
    Raises    ConfigError, RangeError for parameters that are out of range
    """
    limit = fraction(threshold)
    encoding = Encoding(tuple(fields), bits, hashes, key)
    sizes = (rows, rows) if isinstance(rows, int) else rows
    by = (left.column(block), right.column(block)) if isinstance(block, str) else block or (None, None)
    _need_equal_blocks(by)
    run = left.source.run
    sides = []
    for k, private in enumerate((left, right)):
        with run.scope.sequence():
            sides.append(share_table(private, encoding, [field.columns[k] for field in fields], by[k], sizes[k]))
        if sides[k].sides.words.size > _LARGE:  # what its owners claim is compared by itself
            await run.settle(sides[k].sides.words.handle)
    ours, theirs = sides
    found = await partners(ours.sides, theirs.sides, limit)
    with run.scope.sequence():
        bringing = Bringing(ours, theirs, found)
        brought = bringing.columns()
    linked = bringing.linked
    columns: dict[str, SecretColumn] = dict(ours.columns)
    for name, column in brought.items():
        columns[f"{name}_right" if name in ours.columns else name] = column
    if clash := [name for name in OWN_COLUMNS if name in columns]:
        raise ConfigError(f"link: the tables have a column {clash[0]!r}, which the links have themselves; leave it out")
    with run.scope.sequence():
        columns["score"] = score = _score(bringing, found, limit, encoding.bits)
    await run.settle(score.handle)
    columns["linked"] = linked
    name = f"{ours.base.table} linked with {theirs.base.table}"
    table = SecretTable(run, name, columns, linked.size, lambda: ours.there)
    return Links(table, table.filter(linked).drop("linked"), ours.beyond, theirs.beyond)


def fraction(threshold: float) -> Fraction:
    """A threshold as a fraction. Raises RangeError for one that is not above 0 and at most 1."""
    limit = Fraction(threshold).limit_denominator(_DENOMINATOR)
    if not 0 < limit <= 1:
        raise RangeError(f"link: a threshold of {threshold}; expected one above 0, at most 1")
    return limit


def _need_equal_blocks(by: tuple[PrivateArray | None, PrivateArray | None]) -> None:
    if by[0] is None or by[1] is None:
        if by[0] is not by[1]:
            raise ConfigError("link: block=(column of the left table, column of the right table)")
        return
    a, b = by[0].expression, by[1].expression
    if (a.type, a.low, a.high, a.levels) != (b.type, b.low, b.high, b.levels):
        raise ConfigError(
            f"link: blocks by {by[0].name} and {by[1].name}, which differ in type, range or levels; declare them alike"
        )


def _score(bringing: Bringing, found: Partners, limit: Fraction, bits: int) -> SecretArray:
    """The Dice coefficient of linked rows: threshold + lead / (q (|a| + |b|))."""
    ours, linked = bringing.ours, bringing.linked.bare()
    theirs = bringing.moved(found.ones_right.reshape(-1))
    both = ours.by_owner(found.ones_left) + theirs
    lead = ours.by_owner(found.lead)
    # A filter that is linked has a bit, so no divisor is 0; a lead that is linked is at most 2 (q - p) bits.
    least = max(2 * (limit.denominator - limit.numerator) * bits, 1)
    lead = where(linked, lead, 0).bounded(least)
    both = where(linked, both, 1).bounded(2 * bits) * limit.denominator
    more = (lead / both).without_mask().cut(_DIGITS)
    # No coefficient is above 1.
    score = (more + float(limit)).bounded((1 << _DIGITS) + 8)
    basis = Basis(
        (), bringing.stands_on(linked), origin=(f"score of {ours.base.table} and {bringing.theirs.base.table}",)
    )
    return score.masked(linked, "no partner").with_basis(basis)
