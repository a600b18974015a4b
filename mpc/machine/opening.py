"""The only ways to an opened value: what a release, a check of contributions and a product of orders go through.

`Scheduler.schedule` refuses the primitives of OPENING to everybody else, before anything is sent. A test walks the
source for who imports this module.
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
    """Whoever has it may schedule what opens."""


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


def order_of(run: Runtime, places: Handle) -> Handle:
    """The order that brings row i to place places[i], which the caller made from orders: a permutation in any case.

    Its places are opened in a random order; other numbers would be shown as they are.
    """
    return run.schedule("order_of", places, permit=_PERMIT)


#: The kind of what `open_to_all` discloses.
FACTS = "bits that say whether numbers of organizations keep their bounds (all set for honest ones)"


def open_to_all(run: Runtime, bits: Handle) -> Handle:
    """Open public facts about what owners share to all compute parties: for honest owners they are all the same."""
    run.disclosed[FACTS] += bits.spec.size
    return open_to(run, bits, range(run.parties), (run.compare_scripts(),))
