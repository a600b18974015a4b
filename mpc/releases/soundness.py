"""Whether the checked assumptions behind a release hold, and which line made the first one that does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from mpc.errors import LocalProtocolError
from mpc.machine.assumptions import Assumption
from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray, concatenate

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime


class Soundness(NamedTuple):
    """Whether the assumptions behind a value hold.

    bits    (lines,): all assumptions of this line and of the lines before it hold. So the first cleared bit names the
            first line that failed, and the last bit tells whether all hold
    places  the script's lines, in program order
    """

    bits: SecretArray
    places: tuple[str, ...]

    @property
    def whole(self) -> SecretArray:
        """One bit: all assumptions hold."""
        return self.bits[-1]


def soundness(run: Runtime, handles: Iterable[Handle]) -> Soundness | None:
    """Whether all assumptions behind these shares hold (None: there are none). Computed once for a set of assumptions.

    Rounds: log2 of the elements of a line's assumptions, and log2 of the number of lines.
    """
    assumptions: frozenset[Assumption] = frozenset().union(*(handle.assumptions for handle in handles))
    if not assumptions:
        return None
    memo = run.scope.memo(run)
    known: Soundness | None = memo.get(assumptions)
    if known is None:
        known = memo[assumptions] = _joined(assumptions)
    return known


def _joined(assumptions: frozenset[Assumption]) -> Soundness:
    lines: dict[str, list[SecretArray]] = {}
    for assumption in sorted(assumptions, key=lambda a: a.position):
        if assumption.bit is None:
            raise LocalProtocolError(f"an assumption made at {assumption.place} was never checked")
        lines.setdefault(assumption.place, []).append(assumption.bit.bare().reshape(-1))
    each = [bits[0] if len(bits) == 1 else concatenate(bits) for bits in lines.values()]
    joint = concatenate([bits.all().reshape(1) for bits in each]) if len(each) > 1 else each[0].all().reshape(1)
    step = 1
    while step < len(joint):
        joint = concatenate([joint[:step], joint[step:] & joint[:-step]])
        step *= 2
    return Soundness(joint, tuple(lines))
