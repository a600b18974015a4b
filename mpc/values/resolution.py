"""The resolution of shared rows: comparisons that rounding would decide are refused.

Rows of a `Real` leave their owners with 28 bits of their range, so that their products have room. 28 bits are enough
for measurements, and too few for identifiers: two different identifiers of ten digits could become equal. So equality
of such rows is refused, and their order too where even whole numbers become equal. Rows of an `Integer`, a `Flag` or a
`Category` are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def rounded(x: SecretArray) -> bool:
    """Whether elements are single rows that were rounded, or come from such rows."""
    return x.type == "fixed" and bool(x.basis.places)


def told_apart(what: str, x: SecretArray) -> None:
    """Raise RangeError where `what` tests rounded rows for equality."""
    if rounded(x):
        raise RangeError(
            f"{what}: {_named(x)} are numbers that were rounded when they were shared (to multiples of "
            f"{2.0**-x.frac:g}), so that different ones can be equal: declare whole numbers such as identifiers as "
            f"Integer(low, high), which is exact, or ask how near they are, abs(x - y) < {max(0.5, 2 * 2.0**-x.frac):g}"
        )


def compared(x: SecretArray, other: SecretArray | NDArray[Any]) -> None:
    """Raise RangeError where rounding would decide a comparison: of rows that were rounded to multiples of more than 1,
    with each other or with public numbers that are no such multiples."""
    if not (rounded(x) and x.frac < 0):
        return
    if isinstance(other, np.ndarray):
        if bool(np.all(np.remainder(other, 2.0**-x.frac) == 0)):
            return
    elif not (rounded(other) and other.frac < 0):
        return
    raise RangeError(
        f"<: {_named(x)} are numbers that were rounded when they were shared, to multiples of {2.0**-x.frac:g}, so "
        "that the comparison would be of that rounding: declare whole numbers such as identifiers and times as "
        "Integer(low, high), which is exact, declare a narrower range, or compare before rows are shared, "
        "table[table.column < …]"
    )


def ordered(what: str, *keys: SecretArray) -> None:
    """Raise RangeError where `what` orders rows by numbers that were rounded to multiples of more than 1."""
    for x in keys:
        if rounded(x) and x.frac < 0:
            raise RangeError(
                f"{what}: {_named(x)} are numbers that were rounded when they were shared, to multiples of "
                f"{2.0**-x.frac:g}, so that rows would stand in a wrong order: declare whole numbers such as "
                "identifiers and times as Integer(low, high), which is exact, or declare a narrower range"
            )


def _named(x: SecretArray) -> str:
    return f"rows of {', '.join(x.basis.origin)}" if x.basis.origin else "rows"
