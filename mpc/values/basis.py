"""What a secret stands on: how many rows are behind it, so that a release can tell whether it is about enough people.

Every secret has a *basis*. It holds

- *cohorts*: counts of rows behind the value, in secret, for all owners together and for each owner;
- *places*: the elements are single rows of a shared table; a reduction over them makes a cohort of these rows;
- *loose*: something in it is private and no count is known to cover it.

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
from mpc.values.places import Lazy, Places, distinct, moved, need_same_people, rest_of

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
        for one in self.places if valid is None else distinct(self.places):
            made = one.reduced(axis, valid, share)
            if isinstance(made, Cohort):
                whole = replace(one, when=()).reduced(axis, valid, share) if one.when and rest else made
                others = (rest_of(whole, made),) if isinstance(whole, Cohort) and whole is not made else ()
                cohorts = (*cohorts, made, *others, *_of_flags(one, axis, valid, share))
            else:
                places = (*places, made)
        origin = tuple(f"{name} of {o}" if name and not o.startswith(name) else o for o in self.origin)
        return Basis(cohorts, places, self.loose, origin)

    def noting(self, flag: SecretArray) -> Basis:
        """Made from a flag of the value's shape: sums of it tell how many rows have it."""
        if not self.places:
            return self
        lazy = Lazy.of(flag)
        return self._replace(places=tuple(place.noting(lazy) for place in self.places))

    def plain(self) -> Basis:
        """Whatever flags it is made from."""
        return self._replace(places=tuple(replace(place, flags=()) for place in self.places))

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
        flag_free = self._replace(
            places=tuple(replace(p, flags=tuple(f for f in p.flags if f.secret is not flag)) for p in self.places)
        )
        both = [flag_free.where(side).reduced(axis, valid, rest=False) for side in (lazy, lazy.inverse())]
        return union(*both)

    def moved(self, move: Callable[[SecretArray], SecretArray], valid: SecretArray | None, shape: Shape) -> Basis:
        """Of records in a secret order: single rows still, but nobody knows whose. valid: of the moved value."""
        if not self.places and not any(c.shape for c in self.cohorts):
            return self
        cohorts = tuple(c.moved(move) if c.shape else c for c in self.cohorts)
        places = tuple(moved(p, move, valid, shape) for p in self.places)
        return Basis(cohorts, places, self.loose, self.origin)


def _of_flags(place: Places, axis: int | None, valid: SecretArray | None, share: Fraction) -> tuple[Cohort, ...]:
    """Rows on each side of the flags that reduced elements are made from: none, or enough."""
    found = []
    for flag in place.flags:
        for side in (flag, flag.inverse()):
            made = replace(place, when=(*place.when, side), flags=()).reduced(axis, valid, share)
            if isinstance(made, Cohort):
                made.or_none = True
                found.append(made)
    return tuple(found)


#: Nothing private; something private that no count covers.
PUBLIC, LOOSE = Basis(), Basis(loose=True)


def union(*bases: Basis) -> Basis:
    """Of a value computed from all of these, element by element. Raises ShapeError as `need_same_people` does."""
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
