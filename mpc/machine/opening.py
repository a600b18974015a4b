"""The only ways to an opened value: for a release, a check of contributions and a product of orders.

`Scheduler.schedule` refuses the primitives of OPENING to all other code, before anything is sent. A test checks which
modules import this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpc.errors import PolicyError
from mpc.machine.primitives import PRIMITIVES

if TYPE_CHECKING:
    from mpc.machine.operation import Handle
    from mpc.machine.runtime import Runtime

#: Primitives of an engine that open something.
OPENING = frozenset(name for name, primitive in PRIMITIVES.items() if primitive.opens)


class Permit:
    """Code that has it may schedule the primitives of OPENING."""


_PERMIT = Permit()


def check(primitive: str, permit: Permit | None) -> None:
    """Raise PolicyError for an opening without permit."""
    if permit is not _PERMIT:
        raise PolicyError(
            f"{primitive}: values leave a run by `study.release` alone, which lists what comes out and masks it. "
            "Nothing was opened"
        )


def open_to(run: Runtime, x: Handle, to: Sequence[int], after: tuple[Handle, ...] = ()) -> Handle:
    """Open x, with its masks applied, to these compute parties."""
    return run.schedule("open", x, to=tuple(to), after=after, permit=_PERMIT)


def hand_out(run: Runtime, x: Handle, after: tuple[Handle, ...] = ()) -> Handle:
    """Each compute party's part of x, for organizations that do not compute."""
    return run.schedule("hand_out", x, after=after, permit=_PERMIT)


def order_of(run: Runtime, places: Handle, owner: int | None = None) -> Handle:
    """The order that brings row i to place places[i]. The caller made `places` from orders, always a permutation; or
    one organization, `owner`, gave them.

    The places are opened in a random order, so those of a permutation tell nothing. Other numbers are disclosed: they
    are those of an owner that lies, and nobody else's.
    """
    if owner is None:
        return run.schedule("order_of", places, permit=_PERMIT)
    return run.schedule("order_of", places, permit=_PERMIT, owner=owner)


#: How a plan names what `open_to_all` discloses.
FACTS = "bits that say whether numbers of organizations keep their bounds (all set for honest ones)"


def open_to_all(run: Runtime, bits: Handle) -> Handle:
    """Open public facts about what owners share to all compute parties: for honest owners they are all the same."""
    run.disclosed[FACTS] += bits.spec.size
    return open_to(run, bits, range(run.parties), (run.compare_scripts(),))
