"""Counts of rows that stand behind values, in secret: for all owners together, and for each of them.

A cohort is counted only when a release asks for it, and what is derived from one (of a view, of a reduction) is not
compared again: whether it is enough follows from whether its sources are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Shape

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.tables.selections import Selection
    from mpc.values.secret import SecretArray

View = Callable[[NDArray[Any]], NDArray[Any]]


class Counts(NamedTuple):
    """Numbers of rows behind a value.

    total  (depth, *shape): all `depth` counts of an element must be large enough
    own    (owners, depth, *shape): the number of these rows that each owner brought; None: not known
    exact  whether `own` counts these very rows; else it is an upper limit
    """

    total: SecretArray
    own: SecretArray | None
    exact: bool = True


class Cohort:
    """Rows behind a value, counted when a release asks.

    shape      (): one count for the whole value; else the value's shape, a count for each element
    most       public upper limit of the number of rows
    share      the part of the rows that must reach the minimum: the smaller side of a quantile
    least      a minimum that is enough, whatever a release asks for; 0: there is none
    dominance  percent of the p% rule that this cohort decides, too; 0: none
    or_none    whether no rows at all are enough, too
    cells      whether its elements are groups of the same rows, of which some and their total tell the others
    what       the rows in words, for people who decide
    """

    __slots__ = (
        "_make",
        "_whole",
        "cells",
        "decide",
        "dominance",
        "least",
        "most",
        "or_none",
        "run",
        "selection",
        "shape",
        "share",
        "sources",
        "what",
    )

    def __init__(
        self,
        run: Runtime,
        make: Callable[[], Counts],
        *,
        most: int,
        what: str,
        shape: Shape = (),
        share: Fraction = Fraction(1),
        least: int = 0,
        or_none: bool = False,
        sources: tuple[Cohort, ...] = (),
        decide: Callable[[Sequence[SecretArray]], SecretArray] | None = None,
        selection: Selection | None = None,
        dominance: int = 0,
        cells: bool = False,
    ) -> None:
        self.run = run
        self.cells = cells or (selection is not None and bool(selection.by))
        self._make = make
        self._whole: Cohort | None = None
        #: Cohorts that this cohort is derived from; `decide` makes its bits from theirs, so nothing is compared twice.
        self.sources = sources
        self.decide = decide
        #: Which rows of a private table are counted.
        self.selection = selection
        self.most = most
        self.what = what
        self.shape = shape
        self.share = share
        self.least = least
        self.dominance: int = dominance or max((source.dominance for source in sources), default=0)
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
        """The cohort that a secret count counts. own: (owners, *shape), each owner's part of the count."""
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
        """The selections of private tables whose rows are counted."""
        if self.selection is not None:
            return [self.selection]
        return [selection for source in self.sources for selection in source.selections]

    @property
    def roots(self) -> list[Cohort]:
        """The underived cohorts behind this cohort: those that are compared with a minimum."""
        return [root for source in self.sources for root in source.roots] if self.sources else [self]

    def counts(self) -> Counts:
        """The numbers of rows; once in a scope."""
        memo = self.run.scope.memo(self)
        if "counts" not in memo:
            with self.run.scope.sequence():
                memo["counts"] = (self._make(), self)
        counts: Counts = memo["counts"][0]
        return counts

    def needed(self, minimum: int) -> int:
        """The number of rows that a minimum asks of this cohort."""
        minimum = min(minimum, self.least) if self.least else minimum
        return -(-minimum * self.share.denominator // self.share.numerator)

    def derived(self, make: Callable[[], Counts], shape: Shape, decide: Callable[[SecretArray], SecretArray]) -> Cohort:
        """A cohort whose bits `decide` makes from the bits of this cohort, and `make` its counts."""
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
        """The cohort of the elements that a view picks."""
        shape = to(np.empty(self.shape, np.bool_)).shape

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(_each(total, 1, to, shape), None if own is None else _each(own, 2, to, shape), exact)

        return self.derived(make, shape, lambda bits: bits.view(to))

    def at(self, *index: int | slice) -> Cohort:
        """The cohort of the elements at an index."""
        return self.view(lambda a: a[index])

    def collapsed(self, axis: int | None) -> Cohort:
        """The cohort of a reduction over an axis (None: over all axes): each count must be large enough."""
        if axis is not None:
            return self._along(axis)
        if self._whole is None:  # many releases stand on a whole table
            self._whole = self._along(None)
        return self._whole

    def _along(self, axis: int | None) -> Cohort:
        rest = () if axis is None else (*self.shape[:axis], *self.shape[axis + 1 :])
        flat = self.shape if axis is None else (self.shape[axis],)

        def along(x: SecretArray, lead: int) -> SecretArray:
            moved = x if axis is None else x.view(lambda a: np.moveaxis(a, lead + axis, lead))
            outer, depth = x.shape[: lead - 1], x.shape[lead - 1]
            return moved.reshape(*outer, depth * int(np.prod(flat)), *rest)

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(along(total, 1), None if own is None else along(own, 2), exact)

        return self.derived(make, rest, lambda bits: bits.all(axis))

    def moved(self, move: Callable[[SecretArray], SecretArray]) -> Cohort:
        """The cohort of rows in another order: `move` brings records (rows, …) into that order."""

        def along(x: SecretArray, lead: int) -> SecretArray:
            return move(x.view(lambda a: np.moveaxis(a, lead, 0))).view(lambda a: np.moveaxis(a, 0, lead))

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(along(total, 1), None if own is None else along(own, 2), exact)

        return self.derived(make, self.shape, move)

    def named(self, what: str, selection: Selection | None) -> Cohort:
        """The same rows under another description."""
        cohort = self.derived(self.counts, self.shape, lambda bits: bits)
        cohort.what, cohort.selection = what, selection
        return cohort

    def with_least(self, least: int) -> Cohort:
        """The same rows, where `least` rows are enough even if a release asks for a larger number."""
        return Cohort(self.run, self.counts, most=self.most, what=self.what, shape=self.shape, least=least)

    def of_share(self, share: Fraction) -> Cohort:
        """The same rows, where only a share of them must reach a minimum."""
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

    return x.view(view)
