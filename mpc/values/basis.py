"""What a secret stands on: how many rows are behind it, so that a release can tell whether it is about enough people.

Every secret has a *basis*. It holds

- *cohorts*: counts of rows behind the value, in secret, for all owners together and for each owner;
- *places*: the elements are single rows of a shared table; a reduction over them makes a cohort of these rows;
- *loose*: the value depends on private rows that no known count covers.

Operations take over what all their operands stand on. Where nothing is known, a value is loose: a release of it is
refused unless the script gives a reason. Counts are computed only when a release asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from mpc.machine.engine import Shape
from mpc.values.cohorts import Cohort, View
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, Places, distinct, moved, repeated, rest_of

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


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
        """The basis of a view of a value of this shape."""
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
        """The basis of a reduction over an axis (None: over all elements) that uses the elements under `valid`.

        rest  where a condition chooses rows, the rows that it leaves out must be none or enough, too
        """
        if not self.cohorts and not self.places:
            return self
        cohorts = tuple(c.collapsed(axis) if c.shape else c for c in self.cohorts)
        if share != 1:
            cohorts = tuple(c.of_share(share) for c in cohorts)
        places: tuple[Places, ...] = ()
        for place in self.places if valid is None else distinct(self.places):
            reduced = place.reduced(axis, valid, share)
            if isinstance(reduced, Cohort):
                whole = replace(place, when=()).reduced(axis, valid, share) if place.when and rest else reduced
                left_out = (rest_of(whole, reduced),) if isinstance(whole, Cohort) and whole is not reduced else ()
                filtered = place.left_out(axis, share) if place.kept else ()
                cohorts = (*cohorts, reduced, *left_out, *filtered, *place.cut, *_of_flags(place, axis, valid, share))
            else:
                places = (*places, reduced)
        origin = tuple(f"{name} of {o}" if name and not o.startswith(name) else o for o in self.origin)
        return Basis(cohorts, places, self.loose, origin)

    def alone(self) -> Basis:
        """The basis of elements that come out by themselves: one that is a group of rows stands on its rows."""
        groups = [place for place in self.places if place.alone]
        if not groups:
            return self
        cohorts = dict.fromkeys((*self.cohorts, *(cohort for place in groups for cohort in place.alone)))
        return self._replace(cohorts=tuple(cohorts), places=tuple(p for p in self.places if not p.alone))

    def noting(self, flag: SecretArray) -> Basis:
        """The basis of a value made from this flag, of the same shape: its sums tell how many rows have the flag."""
        if not self.places:
            return self
        lazy = Lazy.of(flag)
        return self._replace(places=tuple(place.noting(lazy) for place in self.places))

    def plain(self) -> Basis:
        """The same basis without the flags that the value was made from."""
        return self._replace(places=tuple(replace(place, flags=()) for place in self.places))

    def picked(self, axis: int | None) -> Basis:
        """The basis of a single element along an axis, or of a result that a single element can decide."""
        basis = self.reduced(axis)
        rows = any(isinstance(place.reduced(axis, None, Fraction(1)), Cohort) for place in self.places)
        return basis._replace(loose=True) if rows else basis

    def where(self, *bits: SecretArray | Lazy) -> Basis:
        """The basis of the rows where these bits (or integers 0 and 1, of the value's shape) are set."""
        if not self.places or not bits:
            return self
        lazy = [b if isinstance(b, Lazy) else Lazy.of(b) for b in bits]
        return self._replace(places=tuple(p.restricted(*lazy) for p in self.places))

    def filtered(self, kept: tuple[Lazy, ...]) -> Basis:
        """The basis of the rows that filters of the table kept: rows that they left out must be none or enough."""
        return self._replace(places=tuple(place.filtered(kept) for place in self.places)) if self.places else self

    def cut(self, rows: int) -> Basis:
        """The basis of the first `rows` places, where the others do not stay: their rows must be none or enough, and
        so must those that filters left out before."""
        return self._replace(places=tuple(place.first(rows) for place in self.places))

    def sides(self, flag: SecretArray, axis: int | None, valid: SecretArray | None) -> Basis:
        """The basis of a reduction of a flag, which tells how many rows have it and how many lack it."""
        if not self.places:
            return self.reduced(axis, valid)
        lazy = Lazy.of(flag)
        flag_free = self._replace(
            places=tuple(replace(p, flags=tuple(f for f in p.flags if f.secret is not flag)) for p in self.places)
        )
        both = [flag_free.where(side).reduced(axis, valid, rest=False) for side in (lazy, lazy.inverse())]
        return union(*both)

    def moved(self, move: Callable[[SecretArray], SecretArray], valid: SecretArray | None, shape: Shape) -> Basis:
        """The basis of records in a secret order: still single rows, but nobody knows whose.

        valid  the mask of the moved value
        """
        # Where a row has several places, nobody knows any more which of them are the same row.
        if not self.places and not any(c.shape for c in self.cohorts):
            return self
        cohorts = tuple(c.moved(move) if c.shape else c for c in self.cohorts)
        places = tuple(moved(p, move, valid, shape) for p in self.places)
        loose = self.loose or any(repeated(p.ids) for p in self.places)
        return Basis(cohorts, places, loose, self.origin)


def _of_flags(place: Places, axis: int | None, valid: SecretArray | None, share: Fraction) -> tuple[Cohort, ...]:
    """The rows with and without each flag that the reduced elements are made from; each must be none or enough."""
    cohorts = []
    for flag in place.flags:
        for side in (flag, flag.inverse()):
            cohort = replace(place, when=(*place.when, side), flags=()).reduced(axis, valid, share)
            if isinstance(cohort, Cohort):
                cohort.or_none = True
                cohorts.append(cohort)
    return tuple(cohorts)


#: Of public values; of values that depend on private rows which no count covers.
PUBLIC, LOOSE = Basis(), Basis(loose=True)


def union(*bases: Basis) -> Basis:
    """The basis of a value computed element by element from values with these bases. Raises ShapeError as
    `need_same_people` does."""
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
        if places and basis.places:
            need_same_people(places, basis.places)
        places += [p for p in basis.places if not any(p.same(known) for known in places)]
        origin += [o for o in basis.origin if o not in origin]
    if not cohorts and not places and not origin:
        return LOOSE if loose else PUBLIC
    return Basis(tuple(cohorts), tuple(places), loose, tuple(origin))
