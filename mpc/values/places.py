"""Secrets whose elements are single rows of a shared table, and the rows that a reduction over them stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Shape
from mpc.values.cohorts import Cohort, Counts, View
from mpc.values.owners import Total, counts_of, marks, together

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.tables.selections import Selection
    from mpc.values.secret import SecretArray


class Lazy:
    """Secret bits (or integers 0 and 1) that are made when a count asks for them.

    secret  the bits, where they exist already
    """

    __slots__ = ("_make", "run", "secret", "shape")

    def __init__(
        self, run: Runtime, shape: Shape, make: Callable[[], SecretArray], secret: SecretArray | None = None
    ) -> None:
        self.run = run
        self.shape = shape
        self._make = make
        self.secret = secret

    @classmethod
    def of(cls, bits: SecretArray) -> Lazy:
        """Bits that exist already."""
        bare = bits.bare()
        return cls(bits.run, bits.shape, lambda: bare, bits)

    def bits(self) -> SecretArray:
        """The bits, made once in a scope."""
        memo = self.run.scope.memo(self)
        if "bits" not in memo:
            memo["bits"] = (self._make(), self)
        bits: SecretArray = memo["bits"][0]
        return bits

    def view(self, to: View, known: Mapping[int, SecretArray]) -> Lazy:
        """A view of the bits. known: views of secrets that exist already, by the id of the secret."""
        if self.secret is not None and id(self.secret) in known:
            return Lazy.of(known[id(self.secret)])
        shape = to(np.empty(self.shape, np.bool_)).shape
        return Lazy(self.run, shape, lambda: self.bits().view(to))

    def at(self, index: int) -> Lazy:
        return self.view(lambda a: a[index], {})

    def all(self, axis: int) -> Lazy:
        """Whether all bits along an axis are set."""
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])

        def make() -> SecretArray:
            bits = self.bits()
            return (bits if bits.type == "bool" else bits > 0).all(axis)

        return Lazy(self.run, shape, make)

    def inverse(self) -> Lazy:
        def make() -> SecretArray:
            bits = self.bits()
            return ~bits if bits.type == "bool" else 1 - bits

        return Lazy(self.run, self.shape, make)

    def both(self, other: Lazy) -> Lazy:
        """Whether both bits are set."""
        return Lazy(self.run, self.shape, lambda: rows_there(self.run, self.shape, (self, other)) > 0)

    def moved(self, move: Callable[[SecretArray], SecretArray]) -> Lazy:
        return Lazy(self.run, self.shape, lambda: move(self.bits()))


@dataclass(frozen=True, eq=False)
class Shared:
    """A table whose rows were shared: `owners` blocks of `rows` places each.

    selection  the rows of the private table that were shared
    marks      where the order of the rows is secret: numbers that tell the owner of each place (`mpc.values.owners`)
    marked     for how many rows they were made
    limits     (owners,): where only that is known of rows in a secret order, at most so many are of each owner
    linked     for each owner, bits of the places whose row, which was looked up for them, is one of its rows
    once       bits of the places that count: of all places that have the same row, one
    share      the part of the places that count that are different rows, at least
    """

    run: Runtime
    table: str
    owners: int
    rows: int
    selection: Selection | None = None
    marks: tuple[Lazy, ...] = ()
    marked: int = 0
    limits: Callable[[], SecretArray] | None = None
    linked: tuple[Lazy, ...] = ()
    once: Lazy | None = None
    share: Fraction = Fraction(1)

    @property
    def moved(self) -> bool:
        """Whether nobody knows whose row is in which place."""
        return bool(self.marks or self.linked) or self.limits is not None

    def counts(self, there: SecretArray, ids: NDArray[np.int64], total: Total) -> Counts:
        """The rows in a total of `there`, integers 0 and 1 of the shape of `ids`: all of them, and those of each
        owner."""
        from mpc.values.secret import maximum

        counted = total(there).bare()
        if self.once is not None:
            there = there * integers(self.once.view(lambda a: a[np.maximum(ids, 0)], {}).bits())
            # Places that do not count are of some row: it is not that there is none.
            counted = maximum(total(there).bare(), (counted > 0).numeric().bare())
        whole = counted.reshape(1, *counted.shape)
        shape = (self.owners, 1, *counted.shape)
        if self.limits is not None:
            limits = self.limits().reshape(self.owners, *[1] * (len(shape) - 1))
            return Counts(whole, limits.broadcast_to(shape).bare(), exact=False)
        # Of several owners, one whose rows do not count at these places is not an owner without rows.
        exact = self.once is None or self.owners == 1
        return Counts(whole, self.own(there, ids, total).reshape(shape), exact)

    def own(self, there: SecretArray, ids: NDArray[np.int64], total: Total) -> SecretArray:
        """How many rows each owner has in a total: (owners, …)."""
        rows = self.marked or max(len(ids), 1)
        numbers = [mark.bits().bare() for mark in self.marks_at(ids)]
        return counts_of(self.run, [total(there * number) for number in numbers], rows, self.owners)

    def marks_at(self, ids: NDArray[np.int64]) -> list[Lazy]:
        """The numbers of the rows at these places; 0 where there is no row (-1)."""
        if self.linked:
            groups = together(self.run, max(len(ids), 1), self.owners)
            return [self._of_linked(ids, some, width) for some, width in groups]
        if self.marks:
            there = (ids >= 0).astype(np.int64)
            taken = [mark.view(lambda a: a[np.maximum(ids, 0)], {}) for mark in self.marks]
            if there.all():
                return taken
            return [mark.moved(lambda numbers: numbers.bare() * there) for mark in taken]
        numbers = marks(self.run, np.where(ids < 0, -1, ids // self.rows), self.owners)
        return [_public(self.run, number) for number in numbers]

    def _of_linked(self, ids: NDArray[np.int64], some: range, width: int) -> Lazy:
        """The number of each place: 2^(width digit) for the owner of its row."""

        def make() -> SecretArray:
            places = np.maximum(ids, 0)
            bits = [integers(self.linked[owner].bits())[places] for owner in some]
            total = bits[0]
            for digit, bit in enumerate(bits[1:], 1):
                total = total + bit * (1 << (digit * width))
            return total.bounded(1 << (width * (len(some) - 1)))  # a row has one owner

        return Lazy(self.run, ids.shape, make)

    @property
    def name(self) -> str:
        """The rows in words."""
        where = None if self.selection is None else self.selection.where
        text = "" if where is None else f" where {where.text}"
        return f"rows of {self.table}{text} (rows={self.rows})"


@dataclass(frozen=True, eq=False)
class Places:
    """Elements that are single rows of a shared table.

    ids      the value's shape: the place of each element's row; -1: the element is of no row
    present  set where there is a row, and not padding or a missing value
    when     conditions: an element stands on its row where all of these are set
    flags    flags that the elements are made from: sums of the elements tell how many rows have each flag
    kept     bits of the rows that filters of the table kept, after the first filter, after the second one, …
    alone    where an element is a group of rows: the cohorts behind each element by itself
    cut      cohorts of rows that lost their places, as those after the first ones in an order: none or enough
    """

    base: Shared
    ids: NDArray[np.int64]
    present: Lazy | None
    when: tuple[Lazy, ...] = ()
    flags: tuple[Lazy, ...] = ()
    kept: tuple[Lazy, ...] = ()
    alone: tuple[Cohort, ...] = ()
    cut: tuple[Cohort, ...] = ()

    def same(self, other: Places) -> bool:
        """Whether both are made of the very same objects."""
        return (
            self.base is other.base
            and self.ids is other.ids
            and self.present is other.present
            and _alike(self.when, other.when)
            and _alike(self.flags, other.flags)
            and _alike(self.kept, other.kept)
            and _alike(self.alone, other.alone)
            and _alike(self.cut, other.cut)
        )

    def view(self, to: View, known: Mapping[int, SecretArray]) -> Places:
        present = None if self.present is None else self.present.view(to, known)
        when, flags, kept = (tuple(w.view(to, known) for w in bits) for bits in (self.when, self.flags, self.kept))
        alone = tuple(cohort.view(to) for cohort in self.alone)
        return Places(self.base, to(self.ids), present, when, flags, kept, alone, self.cut)

    def restricted(self, *bits: Lazy) -> Places:
        """The same rows under these conditions, too."""
        new = tuple(b for b in bits if not any(b is w for w in self.when))
        left = tuple(f for f in self.flags if not any(f.secret is not None and f.secret is b.secret for b in new))
        return replace(self, when=(*self.when, *new), flags=left) if new else self

    def filtered(self, kept: tuple[Lazy, ...]) -> Places:
        """The same rows, of which filters kept those where these bits are set, one filter after the other: each keeps
        rows that the one before it kept."""
        new = tuple(bits for bits in kept if not any(bits is known for known in self.kept))
        if new and self.kept and not any(self.kept[-1] is bits for bits in kept):  # filters of another table
            new = tuple(self.kept[-1].both(bits) for bits in new)
        return replace(self, kept=(*self.kept, *new)) if new else self

    def left_out(self, axis: int | None, share: Fraction) -> list[Cohort]:
        """The rows that the last filter, the last two filters, … left out of a reduction."""
        cohorts = []
        for before in (None, *self.kept[:-1]):
            stage = () if before is None else (before,)
            place = replace(self, when=(*self.when, *stage, self.kept[-1].inverse()), kept=())
            cohort = place.reduced(axis, None, share)
            if isinstance(cohort, Cohort):
                cohort.or_none = True
                cohort.what = f"rows of {self.base.table} that a filter leaves out"
                cohorts.append(cohort)
        return cohorts

    def first(self, rows: int) -> Places:
        """The first `rows` places of a vector; what the others hold, and what filters left out, is counted apart."""
        from mpc.values.secret import constant

        run, shape = self.base.run, self.ids.shape
        inside = Lazy(run, shape, lambda: constant(run, np.arange(shape[0]) < rows))
        whole = self.filtered((self.kept[-1].both(inside) if self.kept else inside,))
        left = whole.view(lambda a: a[:rows], {})
        return replace(left, kept=(), cut=(*self.cut, *whole.left_out(None, Fraction(1))))

    def noting(self, flag: Lazy) -> Places:
        """The places of elements that are made from this flag, too."""
        known = any(f is flag or (f.secret is not None and f.secret is flag.secret) for f in self.flags)
        return self if known else replace(self, flags=(*self.flags, flag))

    def reduced(self, axis: int | None, valid: SecretArray | None, share: Fraction) -> Places | Cohort:
        """What a reduction stands on: a single row where all its terms are of that row, else the rows together."""
        conditions = self._conditions(valid)
        if axis is None:
            ids = self.ids.reshape(-1)
            conditions = tuple(c.view(lambda a: a.reshape(-1), {}) for c in conditions)
        else:
            ids = np.moveaxis(self.ids, axis, 0)
            conditions = tuple(c.view(lambda a: np.moveaxis(a, axis, 0), {}) for c in conditions)
        if len(ids) and bool(((ids[0] < 0) | (ids[-1] < 0) | (ids[0] == ids[-1])).all()):
            row = ids.max(0)
            if bool(((ids == row) | (ids < 0)).all()):
                flags = self._flags_along(axis, len(ids))
                kept = self.kept
                if kept:
                    kept = tuple(
                        k.view(lambda a: a.reshape(-1) if axis is None else np.moveaxis(a, axis, 0), {}).at(0)
                        for k in kept
                    )
                alone = tuple(cohort.collapsed(axis) for cohort in self.alone)
                return Places(self.base, row, None, tuple(c.all(0) for c in conditions), flags, kept, alone, self.cut)
        return self._cohort(ids, conditions, share)

    def _flags_along(self, axis: int | None, terms: int) -> tuple[Lazy, ...]:
        """The flags of each term of a reduction whose terms are all of the same row."""
        flags: list[Lazy] = []
        for flag in self.flags:
            along = flag.view(lambda a: a.reshape(-1) if axis is None else np.moveaxis(a, axis, 0), {})
            flags += [along.at(k) for k in range(terms)]
        return tuple(flags)

    def _conditions(self, valid: SecretArray | None) -> tuple[Lazy, ...]:
        """The conditions under which an element stands on its row; a mask is set only where there is a row."""
        if valid is not None:
            return (Lazy.of(valid), *self.when)
        return self.when if self.present is None else (self.present, *self.when)

    def beside(self, other: Places) -> bool:
        """Whether both are the same rows under the same conditions, except for values that are missing in columns."""
        mine, others = ((place.when, place.kept, place.cut) for place in (self, other))
        if self.base is not other.base or not all(map(_alike, mine, others)):
            return False
        return self.ids is other.ids or np.array_equal(self.ids, other.ids)

    def _cohort(self, ids: NDArray[np.int64], conditions: tuple[Lazy, ...], share: Fraction) -> Cohort:
        base, rest = self.base, ids.shape[1:]
        share = share * base.share
        first = _first_of_each(ids)
        most = int(first.sum(0).max(initial=0)) if first.size else 0

        def make() -> Counts:
            if not first.size:
                from mpc.values.secret import constant

                return Counts(constant(base.run, np.zeros((1, *rest), np.int64)).bare(), None)
            there = rows_there(base.run, ids.shape, conditions)
            if not first.all():
                there = there * first.astype(np.int64)
            if base.moved:
                return base.counts(there, ids, lambda x: x.sum(0))
            total = there.sum(0).bare().bounded(max(most, 1))
            owner = ids // base.rows
            blocks = np.stack([(owner == i) & first for i in range(base.owners)]).astype(np.int64)
            own = (there.reshape(1, *ids.shape).broadcast_to(blocks.shape) * blocks).sum(1).bare()
            return Counts(total.reshape(1, *rest), own.reshape(base.owners, 1, *rest))

        what = f"rows of {base.table}" + (" with a condition" if self.when else "")
        return Cohort(base.run, make, most=max(most, 1), what=what, shape=rest, share=share, selection=base.selection)


def integers(bits: SecretArray) -> SecretArray:
    """Bits as integers 0 and 1, without basis; such integers as they are."""
    return indicator(bits) if bits.type == "bool" else bits.bare()


def _public(run: Runtime, numbers: NDArray[np.int64]) -> Lazy:
    """Public numbers, which become a secret when something asks for them."""

    def make() -> SecretArray:
        from mpc.values.secret import constant

        return constant(run, numbers)

    return Lazy(run, numbers.shape, make)


def _alike(some: Sequence[object], others: Sequence[object]) -> bool:
    """Whether both are the very same objects."""
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _first_of_each(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a row appears for the first time along the first axis."""
    if len(ids) and bool((ids[0] >= 0).all()) and bool((ids[1:] > ids[:-1]).all()):
        return np.ones(ids.shape, np.bool_)
    order = np.argsort(ids, axis=0, kind="stable")
    ordered = np.take_along_axis(ids, order, 0)
    new = np.ones(ids.shape, np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.zeros(ids.shape, np.bool_)
    np.put_along_axis(first, order, new, 0)
    return first & (ids >= 0)


def rows_there(run: Runtime, shape: Shape, conditions: Sequence[Lazy]) -> SecretArray:
    """Integers 1 where all conditions are set, else 0."""
    from mpc.values.secret import constant

    bits: SecretArray | None = None
    number: SecretArray | None = None
    for condition in conditions:
        held = condition.bits()
        if held.type == "bool":
            bits = held if bits is None or bits is held else bits & held
        else:
            number = held if number is None else number * held
    if bits is not None:
        number = indicator(bits) if number is None else indicator(bits) * number
    return constant(run, np.ones(shape, np.int64)) if number is None else number.bounded(1)


def indicator(bits: SecretArray) -> SecretArray:
    """Bits as integers 0 and 1, without basis; converted once in a scope."""
    memo = bits.run.scope.memo(bits)
    if "indicator" not in memo:
        memo["indicator"] = (bits.bare().numeric(), bits)
    integers: SecretArray = memo["indicator"][0]
    return integers


def rest_of(whole: Cohort, chosen: Cohort) -> Cohort:
    """The rows of `whole` that were not chosen: none of them, or enough."""

    def make() -> Counts:
        (total, own, exact), less = whole.counts(), chosen.counts()
        left = None if own is None or less.own is None or not exact else own - less.own
        return Counts((total - less.total).bounded(whole.most), left)

    what = f"{chosen.what}, turned round"
    return Cohort(chosen.run, make, most=whole.most, what=what, shape=chosen.shape, or_none=True)


def distinct(places: Sequence[Places]) -> list[Places]:
    """The places, without those that differ from earlier ones only in missing values."""
    different: list[Places] = []
    for place in places:
        for k, known in enumerate(different):
            if place.beside(known):
                for flag in place.flags:
                    different[k] = different[k].noting(flag)
                break
        else:
            different.append(place)
    return different


def repeated(ids: NDArray[np.int64]) -> bool:
    """Whether a row has several places: then a count of places is no count of people.

    ids  (places, …), where elements of one place are of one row, or of none (-1)
    """
    rows = ids if ids.ndim == 1 else ids.reshape(len(ids), -1).max(1, initial=-1)
    rows = rows[rows >= 0]
    return rows.size != np.unique(rows).size


def moved(
    places: Places, move: Callable[[SecretArray], SecretArray], valid: SecretArray | None, shape: Shape
) -> Places:
    """Rows of a table in a secret order: nobody knows whose a row is. valid: the mask of the moved value."""
    base = places.base
    rows = places.ids if places.ids.ndim == 1 else places.ids.reshape(len(places.ids), -1).max(1)
    marked = () if base.limits is not None else tuple(mark.moved(move) for mark in base.marks_at(rows))
    once = None if base.once is None else base.once.view(lambda a: a[np.maximum(rows, 0)], {}).moved(move)
    fresh = replace(base, marks=marked, marked=base.marked or max(len(rows), 1), linked=(), once=once)
    ids = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    if valid is not None and valid.shape == shape and not places.kept:  # the mask lacks what filters left out
        present: Lazy | None = Lazy.of(valid)
    else:
        present = None if places.present is None else places.present.moved(move)
    when, flags, kept = (tuple(w.moved(move) for w in bits) for bits in (places.when, places.flags, places.kept))
    alone = tuple(cohort.moved(move) for cohort in places.alone)
    return Places(fresh, np.broadcast_to(ids, shape), present, when, flags, kept, alone, places.cut)
