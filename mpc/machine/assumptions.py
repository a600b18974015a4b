"""Checked assumptions: bits that the run computes, and the values whose bounds hold only where those bits are set.

An assumption belongs to the share of the value that it bounds, and every operation hands the assumptions of its
operands on to its result. So a release knows exactly what it stands on, whatever was computed in between and
however its masks were handled; an assumption that does not hold blanks what was computed with it, and nothing else.

Why that is sound: an operation derives the bound of its result from its operands' bounds alone. So a share's bound
holds where all assumptions that the share carries hold. A theorem about a value that rests on a check of another one
must say so with `resting_on`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpc.machine.operation import place

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray


class Assumption:
    """One checked assumption.

    bit       whether it holds, in any shape; None as long as it is not checked
    place     the script's line that made it: "scenario.py line 31"
    position  its place in the program, in program order
    """

    __slots__ = ("bit", "place", "position")

    def __init__(self, run: Runtime, bit: SecretArray | None = None) -> None:
        self.bit = bit
        self.place = place(run.line())
        self.position = run.scope.position


def assuming(x: SecretArray, assumption: Assumption) -> SecretArray:
    """The same secret; it, and what is computed from it, is released only where the assumption holds. Free."""
    return _with(x, x.handle.assumptions | {assumption})


def resting_on(x: SecretArray, *others: SecretArray) -> SecretArray:
    """The same secret, which now also rests on the assumptions of the others. Free."""
    return _with(x, x.handle.assumptions.union(*(other.handle.assumptions for other in others)))


def resting_only_on(x: SecretArray, *own: SecretArray) -> SecretArray:
    """The same secret, which now rests on the assumptions of `own` alone. Free.

    For elements of a batch that were computed from `own` alone, beside elements of other values: an element beyond its
    bound makes itself wrong, and no other element of the operation.
    """
    return _with(x, x.handle.assumptions & frozenset().union(*(source.handle.assumptions for source in own)))


def _with(x: SecretArray, assumptions: frozenset[Assumption]) -> SecretArray:
    if assumptions == x.handle.assumptions:
        return x
    handle = x.run.schedule("view", x.handle, to=lambda a: a, shape=x.shape)
    handle.assumptions = assumptions
    return x.with_handle(handle)
