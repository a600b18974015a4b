"""How long masks are for numbers of a given room, and how much a masked number still discloses: decided here alone.

A number x with -2^(room-1) <= x < 2^(room-1) (or 0 <= x < 2^room) is opened to the king together with one mask of
`mask_bits` bits from each of t maskers: the king sees the sum. Any t parties lack the king or one mask r, uniform in
[0, 2^bits). For two numbers x and x' of this room, the distributions of x + r and x' + r differ in |x - x'| of 2^bits
values on each side: a statistical distance below 2^(room - bits).

Masks are as long as the modulus 2^127 - 1 allows: the sum of t masks and a number of `most_room` bits stays below it
and never wraps. Long masks cost nothing, since messages contain elements of 127 bits in any case.
"""

from __future__ import annotations

from mpc.errors import RangeError
from protocols.shamir.prime import BITS

#: A mask has at least this many bits more than the number it hides; a plan with a shorter mask is refused.
STATISTICAL_SECURITY = 40


def mask_bits(threshold: int) -> int:
    """Bits of each mask: 126 for t = 1, 125 for t up to 3, 124 for t up to 7, else 123."""
    return BITS - threshold.bit_length()


def most_room(threshold: int) -> int:
    """Bits of the largest numbers that can be masked: 86 for t = 1."""
    return mask_bits(threshold) - STATISTICAL_SECURITY


def checked_room(threshold: int, room: int) -> int:
    """`room`. Raises RangeError if masks would be less than 40 bits longer."""
    if room > most_room(threshold):
        raise RangeError(
            f"numbers of {room} bits: at most {most_room(threshold)} bits can be masked modulo 2^{BITS} - 1; "
            "narrow the bounds of the operands"
        )
    return room


def distance(threshold: int, room: int) -> float:
    """The statistical distance from uniform of one opened masked number of this room."""
    return 2.0 ** (room - mask_bits(threshold))
