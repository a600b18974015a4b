"""Whether enough rows stand behind values: the counts of a run are compared with minimums in secret, all together.

A count is enough where it reaches the minimum and, for every owner, the rows of all *other* owners reach it, too (or
there are none of others): else an owner could subtract its own rows.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from math import prod
from typing import Any

import numpy as np

from mpc.machine.assumptions import resting_only_on
from mpc.machine.runtime import Runtime
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate


def enough(run: Runtime, cohorts: Iterable[Cohort], minimum: int, *, others: bool) -> dict[Cohort, SecretArray]:
    """For each cohort, bits in its shape. A scope compares a cohort once; the cohorts of a call are compared together.

    others  a minimum holds without each owner's own rows, too
    Rounds  those of one comparison, an OR, and the logarithm of the number of owners
    """
    memo = run.scope.memo(_MEMO)
    wanted = list(dict.fromkeys(cohorts))
    roots = dict.fromkeys(root for cohort in wanted for root in cohort.roots)
    new = [root for root in roots if (root, minimum, others) not in memo]
    if new:
        _compare(new, minimum, others, memo)

    def bits(cohort: Cohort) -> SecretArray:
        key = cohort, minimum, others
        if key not in memo:
            assert cohort.decide is not None
            memo[key] = cohort.decide([bits(source) for source in cohort.sources])
        known: SecretArray = memo[key]
        return known

    return {cohort: bits(cohort) for cohort in wanted}


def all_enough(run: Runtime, cohorts: Sequence[Cohort], minimum: int, *, others: bool) -> SecretArray | None:
    """Bits: all of these cohorts are enough, for the whole or for each element (None: there are none)."""
    memo = run.scope.memo(_MEMO)
    key = tuple(cohorts), minimum, others
    if key not in memo:
        bits = enough(run, cohorts, minimum, others=others).values()
        scalars = [bit for bit in bits if bit.shape == ()]
        joint = every_one(scalars)
        for bit in bits:
            if bit.shape != ():
                joint = bit if joint is None else joint & bit
        memo[key] = joint
    known: SecretArray | None = memo[key]
    return known


def every_one(bits: Iterable[SecretArray]) -> SecretArray | None:
    """One bit: all of these scalars are set (None: there are none)."""
    each = list({id(bit): bit for bit in bits}.values())
    if len(each) < 2:
        return each[0] if each else None
    return concatenate([flat(bit) for bit in each]).all()


def flat(bit: SecretArray) -> SecretArray:
    """A scalar as a vector of one; once in a scope, since many later releases ask for the same bits."""
    memo = bit.run.scope.memo(_FLAT)
    if id(bit) not in memo:
        memo[id(bit)] = bit.reshape(1), bit  # kept alive, so that no other gets its id
    known: SecretArray = memo[id(bit)][0]
    return known


class _Memo:
    """The owner of one of the scope's memos of results."""


_MEMO = _Memo()
_FLAT = _Memo()


def _compare(cohorts: Sequence[Cohort], minimum: int, others: bool, memo: MutableMapping[Any, Any]) -> None:
    """Compare cohorts; those with the same number of counts for each element are compared as one array."""
    groups: dict[tuple[int, int], list[Cohort]] = {}
    for cohort in cohorts:
        total, own, _ = cohort.counts()
        owners = own.shape[0] if others and own is not None else 0
        groups.setdefault((total.shape[0], owners), []).append(cohort)
    for (depth, owners), group in groups.items():
        sizes = [prod(cohort.shape) for cohort in group]
        size = sum(sizes)
        totals = concatenate([c.counts().total.reshape(depth, n) for c, n in zip(group, sizes, strict=True)], axis=1)
        counts = totals.reshape(1, depth, size)
        if owners:
            owns = [c.counts().own for c in group]
            parts = [o.reshape(owners, depth, n) for o, n in zip(owns, sizes, strict=True) if o is not None]
            own = concatenate(parts, axis=2)
            counts = concatenate([counts, counts.broadcast_to((owners, depth, size)) - own])
        large = _large(counts, group, sizes, minimum).reshape((1 + owners) * depth, size).all(0)
        if owners and (loosely := [cohort.or_none and not cohort.counts().exact for cohort in group]).count(True):
            # `own` is an upper limit, so what is left of no rows is below 0; but no rows are enough.
            large = large | (
                totals.below_each(np.ones((1, depth, size), np.int64))[0].all(0) & np.repeat(loosely, sizes)
            )
        start = 0
        for cohort, n in zip(group, sizes, strict=True):
            bits = large[start : start + n] if n < size else large
            if bits.handle.assumptions:
                behind = cohort.counts()
                bits = resting_only_on(bits, behind.total, *([] if behind.own is None else [behind.own]))
            memo[cohort, minimum, others] = bits.reshape(cohort.shape)
            start += n


def _large(counts: SecretArray, group: Sequence[Cohort], sizes: Sequence[int], minimum: int) -> SecretArray:
    """Bits (1 + owners, depth, elements): the count reaches the minimum, or it is 0 where none is as good."""
    needed = np.repeat([cohort.needed(minimum) for cohort in group], sizes)
    none = np.zeros(counts.shape, np.bool_)
    none[0] = np.repeat([cohort.or_none for cohort in group], sizes)
    none[1:] = np.repeat([cohort.counts().exact for cohort in group], sizes)  # no others: nobody to protect
    needed = np.broadcast_to(needed, counts.shape)
    if not none.any():
        return ~counts.below_each(needed.reshape(1, *counts.shape))[0]
    below = counts.below_each(np.stack([needed, np.where(none, 1, -counts.bound)]))  # no count is below -bound
    return ~below[0] | below[1]
