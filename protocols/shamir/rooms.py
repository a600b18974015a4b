"""How much room a masked number has: the one place that says how long masks are, and what is left to see.

A number x with -2^(room-1) <= x < 2^(room-1) (or 0 <= x < 2^room) is opened to the king plus one mask of `mask_bits`
bits from each of t maskers. Any t parties miss the king or one mask r, uniform in [0, 2^bits). Of two numbers in the
room, x and x', the distributions of x + r and x' + r differ in |x - x'| of 2^bits values on each side: a statistical
distance below 2^(room - bits).

All masks are as long as the modulus 2^127 - 1 allows: t of them and a number of `most_room` bits stay below it, so that
the sum of integers never wraps. They cost nothing more: what is sent are elements, whatever their size.
"""

from __future__ import annotations

from mpc.errors import RangeError
from protocols.shamir.prime import BITS

#: Masks have at least this many bits more than the numbers they hide: others are refused when a study is planned.
STATISTICAL_SECURITY = 40


def mask_bits(threshold: int) -> int:
    """Bits of each mask: 126 for t = 1, 125 for t up to 3, 124 for t up to 7, else 123."""
    return BITS - threshold.bit_length()


def most_room(threshold: int) -> int:
    """Bits of the largest numbers that can be masked: 86 for t = 1."""
    return mask_bits(threshold) - STATISTICAL_SECURITY


def checked_room(threshold: int, room: int) -> int:
    """`room`. Raises RangeError for one that leaves masks fewer than 40 bits more."""
    if room > most_room(threshold):
        raise RangeError(
            f"numbers of {room} bits: at most {most_room(threshold)} can be masked modulo 2^{BITS} - 1; narrow the "
            "bounds of what is computed with"
        )
    return room


def distance(threshold: int, room: int) -> float:
    """The statistical distance from uniform that opening one masked number in this room leaves."""
    return 2.0 ** (room - mask_bits(threshold))
