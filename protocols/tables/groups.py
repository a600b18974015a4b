"""Group-by on secret keys: rows sorted by key, sums as differences of running sums, a public number of results.

    by_age = group_rows(rows, [age], groups=100)       at most 100 groups: a checked assumption
    by_age.keys[0], by_age.count(), by_age.mean(income), by_age.median(income)
                                                       vectors of 100 places in the order of the key

rows     bits (n,): which places hold a row;  keys  one to three SecretArrays (n,): integers, flags, tags of 62 bits
Rows with a missing key are in no group, as in pandas. A result is invalid ("no such group") in places without a group,
and where more groups than places exist, every result rests on a checked assumption that fails: the release says so.

Groups by a category with few public levels are cheaper without a sort: `protocols.tables.levels`.

Nothing is opened but what sorting opens. Rounds: those of a sort by the keys and of a sort by one bit, and about 12;
a smallest or largest value, a median or quantile takes a further sort, by the column within its groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mpc.machine.assumptions import Assumption, assuming
from mpc.values.basis import Basis
from mpc.values.places import rows_there
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, concatenate, where
from protocols.order import Ordering, order_by
from protocols.quantiles import between, fraction_of, place_of
from protocols.tables.cohorts import Totals
from protocols.tables.grouped import NO_VALUE, Grouped, need_places
from protocols.tables.segments import Segments, neighbours_equal, nothing
from protocols.tables.sequence import verb

NO_GROUP = "no such group"


def sorted_by_keys(
    there: SecretArray, keys: Sequence[SecretArray], order: Ordering | None = None
) -> tuple[Ordering, SecretArray, list[SecretArray]]:
    """The order of rows by key, those that are not there last; and in this order, which rows are there, and the keys.

    there  bits, without mask and basis
    order  an order in which rows with equal keys are neighbours already; default: a sort
    """
    bare = [key.bare() for key in keys]
    if order is None:
        order = order_by(*[key.masked(there, "no row") for key in bare])
    else:
        order = order.then(order_by(order.apply(~there)))
    return order, order.apply(there), [order.apply(key) for key in bare]


class Groups(Grouped):
    """Groups of rows with equal keys, in the order of the keys.

    keys     each key of each group: (groups,)
    """

    def __init__(
        self, rows: SecretArray, keys: Sequence[SecretArray], groups: int, order: Ordering | None = None
    ) -> None:
        super().__init__(rows, keys)
        need_places(groups)
        n = len(rows)
        self.groups = min(groups, n)
        self._order, self._sorted, in_order = sorted_by_keys(self._there, keys, order)
        same = neighbours_equal(in_order) if n > 1 else None
        self.segments = Segments.between(self._sorted, same, self.groups)
        self.exists = self.segments.exists
        self._fits: Assumption | None = None
        if self.groups < n:
            self._fits = Assumption(self.run, self.segments.number() <= self.groups)
        self._within: list[tuple[SecretArray, Within]] = []
        self._given = [key.bare() for key in keys]
        self._all = [place.present for x in (rows, *keys) for place in x.basis.places if place.present is not None]
        self._beside: tuple[Ordering, Segments] | None = None
        # A group's key is that of each of its rows.
        self.keys = [
            self.result(self.segments.at_ends(x), self.rows_behind()).restated(type=key.type, frac=key.frac)
            for x, key in zip(in_order, keys, strict=True)
        ]

    def totals(self, x: SecretArray) -> SecretArray:
        return self.segments.totals(self._order.apply(x))

    def spread(self, x: SecretArray) -> SecretArray:
        return self._order.undo(self.segments.spread(x))

    def sizes(self) -> SecretArray:
        return self.segments.counts()

    @property
    def _left_out(self) -> Totals | None:
        return self._totals_beside

    def _totals_beside(self, x: SecretArray) -> SecretArray:
        """Sums (groups,) of x (n,) over all rows that the table had before filters: the groups, each as a row, and all
        rows are sorted together."""
        order, runs = self._sorted_beside()
        heads = nothing(x, self.groups)
        there = rows_there(self.run, x.shape, self._all).bare()
        return order.undo(runs.spread(runs.totals(order.apply(concatenate([heads, x * there])))))[: self.groups]

    def _sorted_beside(self) -> tuple[Ordering, Segments]:
        if self._beside is None:
            bits = rows_there(self.run, self._there.shape, self._all) > 0
            there = concatenate([self.exists.bare(), bits.bare()])
            keys = [
                concatenate([found.bare().numeric(), key.numeric()])
                for found, key in zip(self.keys, self._given, strict=True)
            ]
            order, in_order, sorted_keys = sorted_by_keys(there, keys)
            self._beside = order, Segments.between(in_order, neighbours_equal(sorted_keys), len(there))
        return self._beside

    def result(self, x: SecretArray, basis: Basis, defined: SecretArray | None = None) -> SecretArray:
        """As stated; it rests on the assumption that all groups fit. That is no assumption about x itself: without it,
        groups would be lost silently."""
        if self._fits is not None:
            x = assuming(x, self._fits)
        x = x.without_mask().masked(self.exists, NO_GROUP)
        return (x if defined is None else x.masked(defined, NO_VALUE)).with_basis(basis)

    @verb
    def found(self) -> SecretArray:
        """Bits (groups,): whether there is such a group; each stands on the rows of its group."""
        exists = self.exists if self._fits is None else assuming(self.exists, self._fits)
        return exists.with_basis(self.rows_behind())

    @verb
    def number(self) -> SecretArray:
        """The number of groups, also of those without a place. Stands on all rows."""
        return self.segments.number().with_basis(self._basis.reduced(0, self._there, name="number of groups"))

    # ---- what takes the order of a column
    @verb
    def min(self, x: SecretArray) -> SecretArray:
        """The smallest valid value of a column in each group. A release needs a reason: it is of a single row."""
        within = self._by("min", x)
        return self._single(x, "smallest", within.at(self.segments.starts(), x), within)

    @verb
    def max(self, x: SecretArray) -> SecretArray:
        """The largest valid value of a column in each group. A release needs a reason: it is of a single row."""
        within = self._by("max", x)
        last = self.segments.starts() + within.count - within.nonempty.numeric()
        return self._single(x, "largest", within.at(last, x), within)

    def _single(self, x: SecretArray, name: str, value: SecretArray, within: Within) -> SecretArray:
        basis = self.behind(x, name)
        if basis.cohorts or basis.places:
            basis = basis._replace(loose=True)
        return self.result(value, basis, within.nonempty).restated(type=x.type, frac=x.frac)

    def median(self, x: SecretArray) -> SecretArray:
        """The median of a column's valid values in each group."""
        return self.quantile(x, 0.5)

    @verb
    def quantile(self, x: SecretArray, q: float) -> SecretArray:
        """The q-quantile of a column's valid values in each group, linear between two values, as `numpy.quantile`.

        At least the minimum number of rows must be on each side of the quantile, in each group.
        """
        fraction = fraction_of(q)
        within = self._by("quantile", x)
        step, rest = place_of(where(within.nonempty, within.count, 1), fraction)
        pair = within.pair(self.segments.starts() + step, x)
        value = between(pair[:, 0], pair[:, 1], rest, fraction.denominator)
        side = min(fraction, 1 - fraction)
        basis = self.behind(x, f"quantile {float(fraction):g}", side or Fraction(1))
        if not side and (basis.cohorts or basis.places):
            basis = basis._replace(loose=True)
        return self.result(value, basis, within.nonempty)

    def _by(self, what: str, x: SecretArray) -> Within:
        self.need(what, x)
        ordered(what, x)
        for column, within in self._within:
            if column is x:
                return within
        valid = None if x.valid is None else self._order.apply(x.valid.bare().broadcast_to(x.shape))
        made = Within(self.segments, self._order.apply(x.bare()), valid, self._counted(x))
        self._within.append((x, made))
        return made


class Within:
    """Rows in the order of a column within their groups: valid values first.

    count     (groups,) valid values of each group;  nonempty  bits (groups,)
    """

    def __init__(self, segments: Segments, values: SecretArray, valid: SecretArray | None, count: SecretArray) -> None:
        self._segments = segments
        self.count = count
        self.nonempty = count > 0
        keys = [segments.numbers(), *([] if valid is None else [~valid]), values]
        self._values = order_by(*keys).apply(values.numeric())

    def at(self, places: SecretArray, x: SecretArray) -> SecretArray:
        """The values at a place of each group."""
        return self.pair(places, x)[:, 0].restated(bound=max(x.bound, 1))

    def pair(self, places: SecretArray, x: SecretArray) -> SecretArray:
        """The values at a place of each group and at the place after it, (groups, 2)."""
        values = self._values
        following = concatenate([values[1:], values[-1:]])
        both = concatenate([values.reshape(-1, 1), following.reshape(-1, 1)], axis=1)
        return self._segments.at(places, both)


@verb
def group_rows(rows: SecretArray, keys: Sequence[SecretArray], *, groups: int, order: Ordering | None = None) -> Groups:
    """Rows in groups of equal keys.

    rows    bits (n,);  keys  one to three vectors (n,) of whole numbers, flags or tags; a row with a missing one is in
            no group
    groups  a public number of places for groups: that there are no more groups is a checked assumption
    order   an order in which equal keys are neighbours, such as one that the owner of all rows gave; default: a sort

    Raises ShapeError; RangeError for keys that were rounded when they were shared.
    """
    return Groups(rows, keys, groups, order)
