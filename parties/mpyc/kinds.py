"""The objects that `mpc.transfer` sends: their parts, and how many and how large they may be.

The bounds hold for senders and receivers. They keep the cost of reading a message within a small multiple of its
bytes: in memory (an empty set of two bytes takes 200), in hashing (keys can be chosen to collide), in arithmetic on
numbers of millions of digits, and in depth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from mpc.errors import LocalProtocolError

TAKEN = (
    "None, bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, range, Fraction, "
    "Decimal, date, datetime, time, timedelta, NumPy arrays and numbers, and MPyC's field elements, field arrays, "
    "polynomials and group elements"
)
#: Levels of objects inside objects.
MOST_DEPTH = 60
#: Objects in a message, with those inside others; an array of numbers counts once.
MOST_OBJECTS = 1 << 20
#: Entries of a set or dict.
MOST_KEYS = 1 << 16
#: Bytes of an int, and of each part of a Fraction, a Decimal, a range or a time.
MOST_INT = 1 << 20
MOST_PART = 1 << 12
#: NumPy types, little-endian; a message names them by their position in this list.
NUMBERS = [
    np.dtype(name)
    for name in ("?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
]
PLACE = {kind: place for place, kind in enumerate(NUMBERS)}

COLLECTIONS: dict[type, bytes] = {list: b"l", tuple: b"u", set: b"S", frozenset: b"z"}
#: Tags of collections whose entries are hashed.
HASHED = (b"S", b"z")


def moment(value: Any) -> list[Any]:
    if value.tzinfo is not None and type(value.tzinfo) is not dt.timezone:
        raise LocalProtocolError("mpc.transfer takes times without a zone, or with a fixed offset (datetime.timezone)")
    return [value.isoformat()]


#: type -> its tag, and a function that gives its parts.
PARTS: dict[type, tuple[bytes, Callable[[Any], list[Any]]]] = {
    range: (b"r", lambda v: [v.start, v.stop, v.step]),
    Fraction: (b"q", lambda v: [v.numerator, v.denominator]),
    Decimal: (b"D", lambda v: [str(v)]),
    dt.date: (b"A", lambda v: [v.isoformat()]),
    dt.datetime: (b"B", moment),
    dt.time: (b"C", moment),
    dt.timedelta: (b"E", lambda v: [v.days, v.seconds, v.microseconds]),
}
WHOLE: dict[bytes, tuple[tuple[type, ...], Callable[..., Any]]] = {
    b"r": ((int, int, int), range),
    b"q": ((int, int), Fraction),
    b"D": ((str,), Decimal),
    b"A": ((str,), dt.date.fromisoformat),
    b"B": ((str,), dt.datetime.fromisoformat),
    b"C": ((str,), dt.time.fromisoformat),
    b"E": ((int, int, int), lambda days, seconds, micros: dt.timedelta(days, seconds, micros)),
}
MADE: dict[bytes, Callable[[Any], Any]] = {b"l": list, b"u": tuple, b"S": set, b"z": frozenset}


def part_size(part: object) -> int:
    """The size of a part of a value, a number or text, in bytes."""
    return part.bit_length() >> 3 if isinstance(part, int) else len(part) if isinstance(part, str) else 0
