"""What the author of a protocol states about the result of a primitive, and what nobody else checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from mpc.errors import RangeError
from mpc.values.basis import Basis

if TYPE_CHECKING:
    from mpc.values.inherited import Reasoned

__all__ = ["BIT", "UNMASKED", "Operand", "Stated", "Type", "impossible"]

Type = Literal["fixed", "int", "bool"]
#: An operand: a secret, or whatever NumPy makes an array of numbers or bools of. Any, since `finite` refuses other
#: operands with advice, which a type could not give; and since None and the like come from scripts without types.
Operand = Any


class Stated(NamedTuple):
    """What is true of a result, as its author has proved it: engines rely on it, and masks are as long as it says.

    bound  largest magnitude of the raw integers; of bits 1
    frac   fraction bits; None: those of the first operand
    type   "fixed", "int" or "bool"; None: that of the first operand
    mask   valid bits and what a cleared one means; UNMASKED: none; None: valid where all operands are
    basis  what the result stands on; None: what all operands stand on
    """

    bound: int
    frac: int | None = None
    type: Type | None = None
    mask: Reasoned | None = None
    basis: Basis | None = None


#: Of single bits.
BIT = Stated(bound=1, frac=0, type="bool")
#: The mask of a result that is valid whatever its operands' masks are.
UNMASKED: Reasoned = (None, "")


def impossible(bound: int, frac: int, type: Type) -> NoReturn:
    """Raise RangeError for a statement that is wrong whatever the value is."""
    if type == "bool":
        raise RangeError(f"bits have bound 1 and no fraction bits; stated were bound {bound} and {frac} fraction bits")
    raise RangeError(f"a bound is the largest magnitude of the raw integers, so from 0 up; stated was {bound}")
