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
    least    a minimum that is enough, whatever a release asks for; 0: none is
    dominance  percent of the p% rule that it stands for, too; 0: none
    or_none  no rows at all are enough, too
    what     in words, for people who decide
    """

    __slots__ = (
        "_make",
        "_whole",
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
    ) -> None:
        self.run = run
        self._make = make
        self._whole: Cohort | None = None
        #: Other cohorts, and how whether they are enough tells whether this one is: nothing is compared twice.
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
        minimum = min(minimum, self.least) if self.least else minimum
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

        return self.derived(make, shape, lambda bits: bits.view(to))

    def at(self, *index: int | slice) -> Cohort:
        """Of the elements at an index."""
        return self.view(lambda a: a[index])

    def collapsed(self, axis: int | None) -> Cohort:
        """Behind a reduction over an axis (None: over all): each of the counts must be large enough."""
        if axis is not None:
            return self._along(axis)
        if self._whole is None:  # many releases stand on all of a table
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
        """Of rows in another order: `move` brings records (rows, …) into it."""

        def along(x: SecretArray, lead: int) -> SecretArray:
            return move(x.view(lambda a: np.moveaxis(a, lead, 0))).view(lambda a: np.moveaxis(a, 0, lead))

        def make() -> Counts:
            total, own, exact = self.counts()
            return Counts(along(total, 1), None if own is None else along(own, 2), exact)

        return self.derived(make, self.shape, move)

    def named(self, what: str, selection: Selection | None) -> Cohort:
        """The same rows, in other words."""
        made = self.derived(self.counts, self.shape, lambda bits: bits)
        made.what, made.selection = what, selection
        return made

    def with_least(self, least: int) -> Cohort:
        """The same rows, of which `least` are enough wherever a release asks for more."""
        return Cohort(self.run, self.counts, most=self.most, what=self.what, shape=self.shape, least=least)

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

    return x.view(view)
