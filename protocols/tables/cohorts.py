"""Which rows stand behind each group's results: counted in secret, a group at a time, when a release asks.

A result cell of a group stands on the rows of this group alone: each cohort has a count for each group, for all owners
together and for each owner (`mpc.values.owners`).

No rows are as good as enough: a place without a group has none, and so has a result where all values are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.places import Lazy, Places, Shared, distinct, repeated, rest_of, rows_there
from mpc.values.secret import SecretArray, constant

#: The sum of integers (n,) over the rows of each group, (groups,): 0 in places without a group.
Totals = Callable[[SecretArray], SecretArray]


#: What is known of the groups of a table's rows, by the table: the groups as rows of their own.
Bases = dict[int, Shared]


def by_group(
    basis: Basis,
    there: SecretArray,
    totals: Totals,
    exists: SecretArray,
    bases: Bases,
    *,
    share: Fraction = Fraction(1),
    name: str = "",
    rest: bool = True,
    left_out: Totals | None = None,
) -> Basis:
    """The basis of results (groups,) of the rows of each group where `there` (n,) is set; `basis` is that of n rows.

    bases   for the results of one table of groups, so that these know that their groups are the same
    share   the part of a group's rows that must reach a minimum
    rest    where a condition chose rows, those of the group that it leaves out must be none or enough, too
    left_out  sums over rows that filters of the table left out, by the group that they would be in; None: such rows are
            counted together

    A result that comes out by itself stands on the rows of its group; a statistic of results, on groups, each of which
    counts as one row.
    """
    cohorts = [c.collapsed(None) if c.shape else c for c in basis.cohorts]
    if share != 1:
        cohorts = [c.of_share(share) for c in cohorts]
    loose, groups = basis.loose, len(exists)
    places = []
    for place in distinct(basis.places):
        loose = loose or repeated(place.ids)
        chosen = _cohort(place, (Lazy.of(there), *place.when), totals, exists, share)
        alone = [chosen]
        if place.when and rest:
            alone.append(rest_of(_cohort(place, (Lazy.of(there),), totals, exists, share), chosen))
        if place.kept and left_out is None:
            cohorts += place.left_out(None, share)
        elif place.kept and left_out is not None:
            alone += _left_out(place, left_out, exists, share)
        cohorts += place.cut
        for flag in place.flags:
            for side in (flag, flag.inverse()):
                cohort = _cohort(place, (Lazy.of(there), *place.when, side), totals, exists, share)
                cohort.or_none = True
                alone.append(cohort)
        base = bases.setdefault(id(place.base), _as_rows(place.base, chosen, exists))
        places.append(Places(base, np.arange(groups), Lazy.of(exists), alone=tuple(alone)))
    origin = tuple(f"{name} of {o}" if name else o for o in basis.origin)
    return Basis(tuple(cohorts), tuple(places), loose, origin)


def _left_out(place: Places, totals: Totals, exists: SecretArray, share: Fraction) -> list[Cohort]:
    """The rows of each group that the last filter, the last two filters, … left out: none or enough."""
    there = () if place.present is None else (place.present,)
    cohorts = []
    for before in (None, *place.kept[:-1]):
        stage = () if before is None else (before,)
        conditions = (*there, *place.when, *stage, place.kept[-1].inverse())
        cohort = _cohort(place, conditions, totals, exists, share)
        cohort.what = f"rows of {place.base.table} in each group that a filter leaves out"
        cohorts.append(cohort)
    return cohorts


def _as_rows(base: Shared, rows: Cohort, exists: SecretArray) -> Shared:
    """Groups as rows: a group is a row of an owner where all rows of the group are of this owner."""
    of_owner = tuple(_only(rows, owner, exists) for owner in range(base.owners))
    return Shared(base.run, f"groups of {base.table}", base.owners, len(exists), base.selection, linked=of_owner)


def _only(rows: Cohort, owner: int, exists: SecretArray) -> Lazy:
    def make() -> SecretArray:
        total, own, _ = rows.counts()
        if own is None:
            return exists
        # An upper limit that reaches the total may be the whole of it.
        return (own[owner, 0] >= total[0]).bare() & exists

    return Lazy(rows.run, exists.shape, make)


def sides_by_group(
    basis: Basis,
    flag: SecretArray,
    there: SecretArray,
    totals: Totals,
    exists: SecretArray,
    bases: Bases,
    left_out: Totals | None,
) -> Basis:
    """The basis of sums of a flag, which tell how many rows of a group have it and how many lack it."""
    lazy = Lazy.of(flag)
    places = tuple(replace(p, flags=tuple(f for f in p.flags if f.secret is not flag)) for p in basis.places)
    plain = basis._replace(places=places)
    sides = (lazy, lazy.inverse())
    both = [by_group(plain.where(side), there, totals, exists, bases, rest=False, left_out=left_out) for side in sides]
    # A sum over groups tells how many groups have a row with the flag.
    some = Lazy(flag.run, (len(exists),), lambda: totals(rows_there(flag.run, flag.shape, (Lazy.of(there), lazy))) > 0)
    joint = union(*both)
    return joint._replace(places=tuple(place.noting(some) for place in joint.places))


def _cohort(
    place: Places, conditions: tuple[Lazy, ...], totals: Totals, exists: SecretArray, share: Fraction
) -> Cohort:
    base, rows, groups = place.base, len(place.ids), len(exists)
    share = share * base.share

    def make() -> Counts:
        known = conditions if bool((place.ids >= 0).all()) else (_of_table(place), *conditions)
        there = rows_there(base.run, (rows,), known).bare()
        total, own, exact = base.counts(there, place.ids, totals)
        return Counts(total.bounded(max(rows, 1)), own, exact)

    what = f"rows of {base.table} in each group" + (" with a condition" if place.when else "")
    most = max(rows, 1)
    return Cohort(
        base.run,
        make,
        most=most,
        what=what,
        shape=(groups,),
        share=share,
        or_none=True,
        selection=base.selection,
        cells=True,
    )


def _of_table(place: Places) -> Lazy:
    run, rows = place.base.run, place.ids >= 0
    return Lazy(run, rows.shape, lambda: constant(run, rows))
