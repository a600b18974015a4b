"""What a secret stands on: how many rows are behind it, so that a release can tell whether it is about enough people.

Every secret has a *basis*. It holds

- *cohorts*: counts of rows behind the value, in secret, for all owners together and for each owner;
- *places*: the elements are single rows of a shared table; a reduction over them makes a cohort of these rows;
- *loose*: something in it is private and no count is known to cover it.

Operations take over what all their operands stand on. Where nothing is known, a value is loose: a release of it is
refused unless the script gives a reason. Counts are computed only when a release asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.engine import Shape

if TYPE_CHECKING:
    from mpc.runtime import Runtime
    from mpc.secret import SecretArray
    from mpc.selections import Selection

View = Callable[[NDArray[Any]], NDArray[Any]]


class Counts(NamedTuple):
    """Numbers of rows behind a value.

    total  (depth, *shape): all `depth` counts of an element must be large enough
    own    (owners, depth, *shape): how many of them each owner brought; None: not known
    exact  `own` are these rows' own numbers, not larger ones
    """

    total: SecretArray
    own: SecretArray | None
    exact: bool = True


class Cohort:
    """Rows behind a value, counted when a release asks.

    shape    (): about the whole value; else the value's shape, counts for each element
    most     public upper limit of the number of rows
    share    which part of them a minimum is asked of: a quantile's smaller side
    or_none  no rows at all are enough, too
    what     in words, for people who decide
    """

    __slots__ = ("_make", "decide", "most", "or_none", "run", "selection", "shape", "share", "sources", "what")

    def __init__(
        self,
        run: Runtime,
        make: Callable[[], Counts],
        *,
        most: int,
        what: str,
        shape: Shape = (),
        share: Fraction = Fraction(1),
        or_none: bool = False,
        sources: tuple[Cohort, ...] = (),
        decide: Callable[[Sequence[SecretArray]], SecretArray] | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.run = run
        self._make = make
        #: Other cohorts, and how whether they are enough tells whether this one is: nothing is compared twice.
        self.sources = sources
        self.decide = decide
        #: Which rows of a private table are counted.
        self.selection = selection
        self.most = most
        self.what = what
        self.shape = shape
        self.share = share
        self.or_none = or_none

    @classmethod
    def of(
        cls,
        count: SecretArray,
        own: SecretArray | None = None,
        *,
        what: str,
        or_none: bool = False,
        selection: Selection | None = None,
    ) -> Cohort:
        """The rows that a secret count counts. own: (owners, *shape), each owner's part of it."""
        total = count.bare()
        each = None if own is None else own.bare().reshape(own.shape[0], 1, *count.shape)
        return cls(
            count.run,
            lambda: Counts(total.reshape(1, *count.shape), each),
            most=count.bound,
            what=what,
            shape=count.shape,
            or_none=or_none,
            selection=selection,
        )

    @property
    def selections(self) -> list[Selection]:
        """Which rows of private tables it counts."""
        if self.selection is not None:
            return [self.selection]
        return [selection for source in self.sources for selection in source.selections]

    @property
    def roots(self) -> list[Cohort]:
        """The cohorts that are compared themselves."""
        return [root for source in self.sources for root in source.roots] if self.sources else [self]

    def counts(self) -> Counts:
        """The numbers of rows; once in a scope."""
        memo = self.run.scope.memo(self)
        if "counts" not in memo:
            memo["counts"] = (self._make(), self)
        counts: Counts = memo["counts"][0]
        return counts

    def needed(self, minimum: int) -> int:
        """How many rows there must be for a minimum."""
        return -(-minimum * self.share.denominator // self.share.numerator)

    def derived(self, make: Callable[[], Counts], shape: Shape, decide: Callable[[SecretArray], SecretArray]) -> Cohort:
        """A cohort of the same kind: `decide` makes its bits from this one's, `make` its counts."""
        return Cohort(
            self.run,
            make,
            most=self.most,
            what=self.what,
            shape=shape,
            share=self.share,
            or_none=self.or_none,
            sources=(self,),
            decide=lambda bits: decide(bits[0]),
        )

    def view(self, to: View) -> Cohort:
        """Of the elements that a view picks."""
        shape = to(np.empty(self.shape, np.bool_)).shape

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(_each(total, 1, to, shape), None if own is None else _each(own, 2, to, shape), exact)

        return self.derived(make, shape, lambda bits: bits._view(to))

    def at(self, *index: int | slice) -> Cohort:
        """Of the elements at an index."""
        return self.view(lambda a: a[index])

    def collapsed(self, axis: int | None) -> Cohort:
        """Behind a reduction over an axis (None: over all): each of the counts must be large enough."""
        rest = () if axis is None else (*self.shape[:axis], *self.shape[axis + 1 :])
        flat = self.shape if axis is None else (self.shape[axis],)

        def along(x: SecretArray, lead: int) -> SecretArray:
            moved = x if axis is None else x._view(lambda a: np.moveaxis(a, lead + axis, lead))
            outer, depth = x.shape[: lead - 1], x.shape[lead - 1]
            return moved.reshape(*outer, depth * int(np.prod(flat)), *rest)

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(along(total, 1), None if own is None else along(own, 2), exact)

        return self.derived(make, rest, lambda bits: bits.all(axis))

    def moved(self, move: Callable[[SecretArray], SecretArray]) -> Cohort:
        """Of rows in another order: `move` brings records (rows, …) into it."""

        def along(x: SecretArray, lead: int) -> SecretArray:
            return move(x._view(lambda a: np.moveaxis(a, lead, 0)))._view(lambda a: np.moveaxis(a, 0, lead))

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(along(total, 1), None if own is None else along(own, 2), exact)

        return self.derived(make, self.shape, move)

    def named(self, what: str, selection: Selection | None) -> Cohort:
        """The same rows, in other words."""
        made = self.derived(self.counts, self.shape, lambda bits: bits)
        made.what, made.selection = what, selection
        return made

    def of_share(self, share: Fraction) -> Cohort:
        """The same rows, of which only a share is asked for."""
        return Cohort(
            self.run,
            self.counts,
            most=self.most,
            what=self.what,
            shape=self.shape,
            share=self.share * share,
            or_none=self.or_none,
        )


def _each(x: SecretArray, lead: int, to: View, shape: Shape) -> SecretArray:
    """`to` applied to the elements behind the first `lead` axes."""
    outer = x.shape[:lead]
    size = int(np.prod(outer))

    def view(a: NDArray[Any]) -> NDArray[Any]:
        parts = [to(part) for part in a.reshape(size, *a.shape[lead:])]
        return np.stack(parts).reshape(*outer, *shape) if parts else np.empty((*outer, *shape), a.dtype)

    return x._view(view)


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
        bare = bits.bare()
        return cls(bits.run, bits.shape, lambda: bare, bits)

    def bits(self) -> SecretArray:
        memo = self.run.scope.memo(self)
        if "bits" not in memo:
            memo["bits"] = (self._make(), self)
        bits: SecretArray = memo["bits"][0]
        return bits

    def view(self, to: View, known: Mapping[int, SecretArray]) -> Lazy:
        if self.secret is not None and id(self.secret) in known:
            return Lazy.of(known[id(self.secret)])
        shape = to(np.empty(self.shape, np.bool_)).shape
        return Lazy(self.run, shape, lambda: self.bits()._view(to))

    def every(self, axis: int) -> Lazy:
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

    def moved(self, move: Callable[[SecretArray], SecretArray]) -> Lazy:
        return Lazy(self.run, self.shape, lambda: move(self.bits()))


@dataclass(frozen=True, eq=False)
class Shared:
    """A table whose rows were shared: `owners` blocks of `rows` places each.

    selection  which rows of the private table they are
    own        where the order of the rows is secret: how many rows of the whole table each owner brought, (owners,)
    """

    run: Runtime
    table: str
    owners: int
    rows: int
    selection: Selection | None = None
    own: Callable[[], SecretArray] | None = None


@dataclass(frozen=True, eq=False)
class Places:
    """Elements that are single rows of a shared table.

    ids      the value's shape: the place of each element's row; -1: of none
    present  where there is a row and not padding (and the column is not missing)
    when     the rows that an element really stands on: only where all of these are set
    """

    base: Shared
    ids: NDArray[np.int64]
    present: Lazy | None
    when: tuple[Lazy, ...] = ()

    def same(self, other: Places) -> bool:
        return (
            self.base is other.base
            and self.ids is other.ids
            and self.present is other.present
            and len(self.when) == len(other.when)
            and all(a is b for a, b in zip(self.when, other.when, strict=True))
        )

    def view(self, to: View, known: Mapping[int, SecretArray]) -> Places:
        present = None if self.present is None else self.present.view(to, known)
        return Places(self.base, to(self.ids), present, tuple(w.view(to, known) for w in self.when))

    def restricted(self, *bits: Lazy) -> Places:
        new = tuple(b for b in bits if not any(b is w for w in self.when))
        return replace(self, when=(*self.when, *new)) if new else self

    def reduced(self, axis: int | None, valid: SecretArray | None, share: Fraction) -> Places | Cohort:
        """What a reduction stands on: one row still, where all its terms are of that row, else the rows together."""
        conditions = self._conditions(valid)
        if axis is None:
            ids = self.ids.reshape(-1)
            conditions = tuple(c.view(lambda a: a.reshape(-1), {}) for c in conditions)
        else:
            ids = np.moveaxis(self.ids, axis, 0)
            conditions = tuple(c.view(lambda a: np.moveaxis(a, axis, 0), {}) for c in conditions)
        if len(ids) and bool(((ids[0] < 0) | (ids[-1] < 0) | (ids[0] == ids[-1])).all()):
            one = ids.max(0)
            if bool(((ids == one) | (ids < 0)).all()):
                return Places(self.base, one, None, tuple(c.every(0) for c in conditions))
        return self._cohort(ids, conditions, share)

    def _conditions(self, valid: SecretArray | None) -> tuple[Lazy, ...]:
        """The mask of a value is set only where there is a row: it came from these rows' masks."""
        if valid is not None:
            return (Lazy.of(valid), *self.when)
        return self.when if self.present is None else (self.present, *self.when)

    def beside(self, other: Places) -> bool:
        """The same rows under the same conditions, but for what is missing in columns."""
        if self.base is not other.base or len(self.when) != len(other.when):
            return False
        if any(a is not b for a, b in zip(self.when, other.when, strict=True)):
            return False
        return self.ids is other.ids or np.array_equal(self.ids, other.ids)

    def _cohort(self, ids: NDArray[np.int64], conditions: tuple[Lazy, ...], share: Fraction) -> Cohort:
        base, rest = self.base, ids.shape[1:]
        first = _first_of_each(ids)
        most = int(first.sum(0).max(initial=0)) if first.size else 0

        def make() -> Counts:
            if not first.size:
                from mpc.public import constant

                return Counts(constant(base.run, np.zeros((1, *rest), np.int64)).bare(), None)
            there = _there(base.run, ids.shape, conditions)
            if not first.all():
                there = there * first.astype(np.int64)
            total = there.sum(0).bare().bounded(max(most, 1))
            if base.own is not None:
                own = base.own()
                whole = own.reshape(base.owners, *[1] * (1 + len(rest))).broadcast_to((base.owners, 1, *rest))
                return Counts(total.reshape(1, *rest), whole.bare(), exact=False)
            owner = ids // base.rows
            blocks = np.stack([(owner == i) & first for i in range(base.owners)]).astype(np.int64)
            own = (there.reshape(1, *ids.shape).broadcast_to(blocks.shape) * blocks).sum(1).bare()
            return Counts(total.reshape(1, *rest), own.reshape(base.owners, 1, *rest))

        what = f"rows of {base.table}" + (" with a condition" if self.when else "")
        return Cohort(
            base.run, make, most=max(most, 1), what=what, shape=rest, share=share, selection=base.selection
        )


def _first_of_each(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Along the first axis: which places are there for the first time (and are rows at all)."""
    if len(ids) and bool((ids[0] >= 0).all()) and bool((ids[1:] > ids[:-1]).all()):
        return np.ones(ids.shape, np.bool_)
    order = np.argsort(ids, axis=0, kind="stable")
    ordered = np.take_along_axis(ids, order, 0)
    new = np.ones(ids.shape, np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.zeros(ids.shape, np.bool_)
    np.put_along_axis(first, order, new, 0)
    return first & (ids >= 0)


def _there(run: Runtime, shape: Shape, conditions: Sequence[Lazy]) -> SecretArray:
    """Integers 0 and 1: all conditions are set."""
    from mpc.public import constant

    bits: SecretArray | None = None
    number: SecretArray | None = None
    for condition in conditions:
        made = condition.bits()
        if made.type == "bool":
            bits = made if bits is None or bits is made else bits & made
        else:
            number = made if number is None else number * made
    if bits is not None:
        number = indicator(bits) if number is None else indicator(bits) * number
    return constant(run, np.ones(shape, np.int64)) if number is None else number.bounded(1)


def indicator(bits: SecretArray) -> SecretArray:
    """Bits as integers 0 and 1, without basis; once in a scope."""
    memo = bits.run.scope.memo(bits)
    if "indicator" not in memo:
        memo["indicator"] = (bits.bare().numeric(), bits)
    made: SecretArray = memo["indicator"][0]
    return made


class Basis(NamedTuple):
    """What a value stands on. `origin`: what it was computed from, in words."""

    cohorts: tuple[Cohort, ...] = ()
    places: tuple[Places, ...] = ()
    loose: bool = False
    origin: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Nothing private is in it."""
        return not (self.cohorts or self.places or self.loose)

    def view(self, to: View, shape: Shape, known: Mapping[int, SecretArray]) -> Basis:
        """Of a view of a value of this shape."""
        if not self.places and not any(c.shape for c in self.cohorts):
            return self
        cohorts = tuple(c.view(to) if c.shape and c.shape == shape else c for c in self.cohorts)
        return Basis(cohorts, tuple(p.view(to, known) for p in self.places), self.loose, self.origin)

    def reduced(
        self,
        axis: int | None,
        valid: SecretArray | None = None,
        *,
        share: Fraction = Fraction(1),
        name: str = "",
        rest: bool = True,
    ) -> Basis:
        """Of a reduction over an axis (None: over all elements) that uses the elements under `valid`.

        rest  of rows that are chosen by a condition, the others are held to be none or enough, too
        """
        if not self.cohorts and not self.places:
            return self
        cohorts = tuple(c.collapsed(axis) if c.shape else c for c in self.cohorts)
        if share != 1:
            cohorts = tuple(c.of_share(share) for c in cohorts)
        places: tuple[Places, ...] = ()
        for one in self.places if valid is None else _distinct(self.places):
            made = one.reduced(axis, valid, share)
            if isinstance(made, Cohort):
                whole = replace(one, when=()).reduced(axis, valid, share) if one.when and rest else made
                others = (_rest(whole, made),) if isinstance(whole, Cohort) and whole is not made else ()
                cohorts = (*cohorts, made, *others)
            else:
                places = (*places, made)
        origin = tuple(f"{name} of {o}" if name and not o.startswith(name) else o for o in self.origin)
        return Basis(cohorts, places, self.loose, origin)

    def picked(self, axis: int | None) -> Basis:
        """Of one of the elements along an axis, or of something that one of them can decide."""
        basis = self.reduced(axis)
        rows = any(isinstance(place.reduced(axis, None, Fraction(1)), Cohort) for place in self.places)
        return basis._replace(loose=True) if rows else basis

    def where(self, *bits: SecretArray | Lazy) -> Basis:
        """Only the rows where these bits (or integers 0 and 1, of the value's shape) are set."""
        if not self.places or not bits:
            return self
        lazy = [b if isinstance(b, Lazy) else Lazy.of(b) for b in bits]
        return self._replace(places=tuple(p.restricted(*lazy) for p in self.places))

    def sides(self, flag: SecretArray, axis: int | None, valid: SecretArray | None) -> Basis:
        """Of a reduction of a flag: it tells how many rows have it, and how many have it not."""
        if not self.places:
            return self.reduced(axis, valid)
        lazy = Lazy.of(flag)
        both = [self.where(side).reduced(axis, valid, rest=False) for side in (lazy, lazy.inverse())]
        return union(*both)

    def moved(self, move: Callable[[SecretArray], SecretArray], valid: SecretArray | None, shape: Shape) -> Basis:
        """Of records in a secret order: single rows still, but nobody knows whose. valid: of the moved value."""
        if not self.places and not any(c.shape for c in self.cohorts):
            return self
        cohorts = tuple(c.moved(move) if c.shape else c for c in self.cohorts)
        places = tuple(_moved(p, move, valid, shape) for p in self.places)
        return Basis(cohorts, places, self.loose, self.origin)


def _rest(whole: Cohort, chosen: Cohort) -> Cohort:
    """Rows that were not chosen: none, or enough."""

    def make() -> Counts:
        (total, own, exact), less = whole.counts(), chosen.counts()
        left = None if own is None or less.own is None or not exact else own - less.own
        return Counts((total - less.total).bounded(whole.most), left)

    what = f"{chosen.what}, turned round"
    return Cohort(chosen.run, make, most=whole.most, what=what, shape=chosen.shape, or_none=True)


def _distinct(places: Sequence[Places]) -> list[Places]:
    """Without those that differ in what is missing only."""
    found: list[Places] = []
    for place in places:
        if not any(place.beside(known) for known in found):
            found.append(place)
    return found


def _moved(
    places: Places, move: Callable[[SecretArray], SecretArray], valid: SecretArray | None, shape: Shape
) -> Places:
    base = places.base
    own = base.own
    if own is None:
        whole = places.reduced(None, None, Fraction(1))

        def own() -> SecretArray:
            counts = whole.counts() if isinstance(whole, Cohort) else None
            if counts is None or counts.own is None:
                from mpc.public import constant

                return constant(base.run, np.full(base.owners, base.rows)).bare()
            return counts.own.reshape(base.owners)

    ids = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    fresh = Shared(base.run, base.table, base.owners, base.rows, base.selection, own)
    if valid is not None and valid.shape == shape:
        present: Lazy | None = Lazy.of(valid)
    else:
        present = None if places.present is None else places.present.moved(move)
    when = tuple(w.moved(move) for w in places.when)
    return Places(fresh, np.broadcast_to(ids, shape), present, when)


#: Nothing private; something private that no count covers.
PUBLIC, LOOSE = Basis(), Basis(loose=True)


def union(*bases: Basis) -> Basis:
    """Of a value computed from all of these, element by element."""
    first = bases[0]
    for other in bases:
        if other is not first:
            break
    else:
        return first
    cohorts: list[Cohort] = []
    places: list[Places] = []
    origin: list[str] = []
    loose = False
    for basis in bases:
        loose = loose or basis.loose
        cohorts += [c for c in basis.cohorts if not any(c is known for known in cohorts)]
        places += [p for p in basis.places if not any(p.same(known) for known in places)]
        origin += [o for o in basis.origin if o not in origin]
    if not cohorts and not places and not origin:
        return LOOSE if loose else PUBLIC
    return Basis(tuple(cohorts), tuple(places), loose, tuple(origin))


def beside(parts: Sequence[SecretArray], axis: int) -> Basis:
    """Of arrays joined along an axis."""
    bases = [part.basis for part in parts]
    if all(not b.places and not any(c.shape for c in b.cohorts) for b in bases) and all(
        b.cohorts == bases[0].cohorts for b in bases
    ):
        return union(*bases)
    shapes = [part.shape for part in parts]
    run = parts[0].run
    cohorts = _cohorts_beside(run, bases, shapes, axis)
    places = _places_beside(run, bases, shapes, axis)
    joint = union(*[Basis((), (), b.loose, b.origin) for b in bases])
    return joint._replace(cohorts=tuple(cohorts), places=tuple(places))


def _cohorts_beside(run: Runtime, bases: Sequence[Basis], shapes: Sequence[Shape], axis: int) -> list[Cohort]:
    """The k-th cohort of each part beside each other, so that the parts stand on theirs alone."""
    from mpc.arrays import concatenate
    from mpc.public import constant

    made = []
    for k in range(max(len(b.cohorts) for b in bases)):
        ks = [b.cohorts[k] if k < len(b.cohorts) else None for b in bases]
        given = [c for c in ks if c is not None]
        least = min(given, key=lambda c: c.most * c.share)
        everyone = max(c.most for c in given)
        shape = _joined(shapes, axis)
        if len(given) == 1 or all(c is given[0] for c in given) or not shape:
            # Of one part only, or the same of all: behind the whole.
            made += [c.collapsed(None) if c.shape else c for c in dict.fromkeys(given)]
            continue

        def make(ks: list[Cohort | None] = ks, everyone: int = everyone) -> Counts:
            counts = [None if c is None else c.counts() for c in ks]
            depth = max(c.total.shape[0] for c in counts if c is not None)
            owners = min((0 if c.own is None else c.own.shape[0]) for c in counts if c is not None)
            totals, owns = [], []
            for c, cohort, part in zip(counts, ks, shapes, strict=True):
                if c is None or cohort is None:
                    totals.append(constant(run, np.full((depth, *part), everyone)).bare())
                    owns.append(constant(run, np.zeros((owners, depth, *part), np.int64)).bare())
                    continue
                totals.append(_filled(c.total, 0, depth, cohort.shape, part))
                if owners and c.own is not None:
                    owns.append(_filled(c.own, 1, depth, cohort.shape, part))
            own = concatenate(owns, axis + 2) if owners else None
            exact = all(c.exact for c in counts if c is not None)
            return Counts(concatenate(totals, axis + 1), own, exact)

        def decide(bits: Sequence[SecretArray], ks: list[Cohort | None] = ks) -> SecretArray:
            left = iter(bits)
            pieces = []
            for cohort, part in zip(ks, shapes, strict=True):
                if cohort is None:
                    pieces.append(constant(run, np.ones(part, np.bool_)))
                else:
                    bit = next(left)
                    pieces.append(bit.reshape([1] * len(part)).broadcast_to(part) if bit.shape != part else bit)
            return concatenate(pieces, axis)

        what = "; ".join(dict.fromkeys(c.what for c in given))
        made.append(
            Cohort(
                run,
                make,
                most=least.most,
                what=what,
                shape=shape,
                share=least.share,
                or_none=all(c.or_none for c in given),
                sources=tuple(given),
                decide=decide,
            )
        )
    return made


def _filled(x: SecretArray, lead: int, depth: int, shape: Shape, part: Shape) -> SecretArray:
    """Counts (…, d, *shape) as (…, depth, *part): the last one repeated, and a scalar's for every element."""
    have = x.shape[lead]
    index = np.minimum(np.arange(depth), have - 1)
    picked = x if have == depth else x._view(lambda a: np.take(a, index, lead))
    if shape == part:
        return picked
    outer = picked.shape[: lead + 1]
    return picked.reshape(*outer, *[1] * len(part)).broadcast_to((*outer, *part))


def _places_beside(run: Runtime, bases: Sequence[Basis], shapes: Sequence[Shape], axis: int) -> list[Places]:
    from mpc.arrays import concatenate
    from mpc.public import constant

    made = []
    tables = dict.fromkeys(p.base for b in bases for p in b.places)
    for base in tables:
        depth = max(sum(p.base is base for p in b.places) for b in bases)
        for k in range(depth):
            parts: list[Places | None] = []
            for basis in bases:
                own = [p for p in basis.places if p.base is base]
                parts.append(own[min(k, len(own) - 1)] if own else None)
            ids = np.concatenate(
                [np.full(s, -1, np.int64) if p is None else p.ids for p, s in zip(parts, shapes, strict=True)], axis
            )
            if all(p is None or (p.present is None and not p.when) for p in parts):
                made.append(Places(base, ids, None))
                continue

            def make(parts: list[Places | None] = parts) -> SecretArray:
                pieces = []
                for p, shape in zip(parts, shapes, strict=True):
                    conditions = [] if p is None else [*(() if p.present is None else (p.present,)), *p.when]
                    pieces.append(_there(run, shape, conditions) if conditions else constant(run, np.ones(shape, int)))
                return concatenate([piece.bare() for piece in pieces], axis)

            made.append(Places(base, ids, Lazy(run, ids.shape, make)))
    return made


def _joined(shapes: Sequence[Shape], axis: int) -> Shape:
    first = list(shapes[0])
    first[axis] = sum(s[axis] for s in shapes)
    return tuple(first)
