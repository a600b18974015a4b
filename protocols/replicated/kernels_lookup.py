"""The loops of table lookups: a separate group of kernels.

E and F must compute exactly the same table entries, so these loops use integers only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.replicated.kernels import ONE, ZERO, Octets, Words, kernel

GROUP = "lookup"
#: Fraction bits of a place inside a piece.
UNIT = 28
_UNIT, _HALF_UNIT = np.int64(UNIT), np.int64(1 << (UNIT - 1))
_2, _3, _64 = np.int64(2), np.int64(3), np.int64(64)
_SEVEN = np.uint64(7)
#: An exponent has DIGITS digits of DIGIT bits, each with its own table of factors of FACTOR fraction bits.
DIGIT, DIGITS, FACTOR = 10, 3, 30
_DIGIT, _DIGIT_MASK = np.uint64(DIGIT), np.uint64((1 << DIGIT) - 1)
_FACTOR, _HALF_FACTOR = np.uint64(FACTOR), np.uint64(1 << (FACTOR - 1))
_SPLIT, _SPLIT_MASK = np.uint64(22), np.uint64((1 << 22) - 1)
#: A table of exponentials has this many fraction bits more than the entries that are read.
EXTRA = 8
_REST, _HALF_REST = np.uint64(FACTOR + EXTRA - 22), np.uint64(1 << (FACTOR + EXTRA - 23))


@kernel("u8[::1], u8, u8, u1[:,::1]", GROUP)
def ask(a: Words, step: np.uint64, pieces: np.uint64, query: Octets) -> None:
    """In each row of `query`, flip the bit of the piece of A."""
    for i in range(a.size):
        piece = (a[i] >> step) & (pieces - ONE)
        query[i, np.int64(piece >> np.uint64(3))] ^= np.uint8(ONE << (piece & _SEVEN))


@kernel("u8[::1], u8, u8, u8, u8[:,::1]", GROUP)
def powers(a: Words, step: np.uint64, up: np.uint64, down: np.uint64, out: Words) -> None:
    """u, u^2 and u^3 in units of 2^-28, for the place u of A in its piece: A's low `step` bits, shifted up or down."""
    low = (ONE << step) - ONE
    for i in range(a.size):
        u = np.int64(((a[i] & low) << up) >> down)
        v = (u * u) >> _UNIT
        out[0, i] = np.uint64(u)
        out[1, i] = np.uint64(v)
        out[2, i] = np.uint64((v * u) >> _UNIT)


@kernel("u8[:,::1], u8[::1], u8, u8, u8, i4[:,::1], u8[:,::1], u8[:,::1]", GROUP)
def answer(
    query: Words,
    b: Words,
    step: np.uint64,
    up: np.uint64,
    down: np.uint64,
    table: NDArray[np.int32],
    hidden: Words,
    out: Words,
) -> None:
    """Add to `out`, by exclusive or, the entries that `query` names, each minus `hidden`.

    Entry j is the cubic of piece j + piece(B), moved to start at B's place in its piece. `table` has the coefficients
    of all pieces twice in a row, so j + piece(B) needs no wrap. Factors have 32 bits, because not all processors have
    vector products of 64 bits.
    """
    pieces = table.shape[1] // 2
    low, wrap = (ONE << step) - ONE, np.uint64(pieces - 1)
    most = min(pieces, 64)
    for i in range(b.size):
        first = np.int64((b[i] >> step) & wrap)
        place = np.int64(((b[i] & low) << up) >> down)
        square = (place * place) >> _UNIT
        u, v, w = np.int32(place), np.int32(square), np.int32((square * place) >> _UNIT)
        u2, u3, v3 = np.int32(_2 * place), np.int32(_3 * place), np.int32(_3 * square)
        h0, h1, h2, h3 = hidden[0, i], hidden[1, i], hidden[2, i], hidden[3, i]
        x0, x1, x2, x3 = ZERO, ZERO, ZERO, ZERO
        for k in range(query.shape[1]):
            word, begin = query[i, k], first + _64 * k
            for j in range(most):
                c0, c1 = np.int64(table[0, begin + j]), np.int64(table[1, begin + j])
                c2, c3 = np.int64(table[2, begin + j]), np.int64(table[3, begin + j])
                chosen = ZERO - ((word >> np.uint64(j)) & ONE)
                moved = (c1 * np.int64(u) + c2 * np.int64(v) + c3 * np.int64(w) + _HALF_UNIT) >> _UNIT
                x0 ^= chosen & (np.uint64(c0 + moved) - h0)
                x1 ^= chosen & (np.uint64(c1 + ((c2 * np.int64(u2) + c3 * np.int64(v3) + _HALF_UNIT) >> _UNIT)) - h1)
                x2 ^= chosen & (np.uint64(c2 + ((c3 * np.int64(u3)) >> _UNIT)) - h2)
                x3 ^= chosen & (np.uint64(c3) - h3)
        out[0, i] ^= x0
        out[1, i] ^= x1
        out[2, i] ^= x2
        out[3, i] ^= x3


@kernel("u8[::1], u8, u8[:,::1], u8, u8[::1]", GROUP)
def factors(a: Words, step: np.uint64, digits: Words, down: np.uint64, out: Words) -> None:
    """The product of the factors of all digits of A's low `step` bits, with 30 - `down` fraction bits."""
    low = (ONE << step) - ONE
    half = (ONE << down) >> ONE
    for i in range(a.size):
        rest = a[i] & low
        product = digits[0, np.int64(rest & _DIGIT_MASK)]
        for k in range(1, DIGITS):
            rest >>= _DIGIT
            product = (product * digits[k, np.int64(rest & _DIGIT_MASK)] + _HALF_FACTOR) >> _FACTOR
        out[i] = (product + half) >> down


@kernel("u8[:,::1], u8[::1], u8, u8[::1], u8[::1], u8[::1], u8[::1]", GROUP)
def scaled_answer(
    query: Words, b: Words, step: np.uint64, table: Words, factor: Words, hidden: Words, out: Words
) -> None:
    """As `answer`, but entry j is table[j + piece(B)] / 2^8 times B's factor / 2^30. `table` has its values, which are
    below 2^53, twice in a row."""
    pieces = table.size // 2
    wrap = np.uint64(pieces - 1)
    most = min(pieces, 64)
    for i in range(b.size):
        first = np.int64((b[i] >> step) & wrap)
        f, h = factor[i], hidden[i]
        x = ZERO
        for k in range(query.shape[1]):
            word, begin = query[i, k], first + _64 * k
            for j in range(most):
                t = table[begin + j]
                scaled = (t >> _SPLIT) * f + (((t & _SPLIT_MASK) * f) >> _SPLIT)  # t f / 2^22
                x ^= (ZERO - ((word >> np.uint64(j)) & ONE)) & (((scaled + _HALF_REST) >> _REST) - h)
        out[i] ^= x


@kernel("u1[:,::1], u1[:,::1], u1, u1[::1]", GROUP)
def counted(parts: Octets, flips: Octets, one: np.uint8, out: Octets) -> None:
    """out -= the sum over rows of (1-2e) part + one e, for the bits e of `flips`."""
    for j in range(parts.shape[0]):
        for i in range(out.size):
            e = flips[j, i]
            out[i] -= parts[j, i] - np.uint8(2) * e * parts[j, i] + one * e


@kernel("u8[:,::1], u1[::1], u8[::1], u8[::1], u8[::1]", GROUP)
def plain_answer(query: Words, b: Octets, table: Words, hidden: Words, out: Words) -> None:
    """As `answer`, but entry j is table[j + b]; `table` has its values twice in a row."""
    pieces = table.size // 2
    wrap = np.int64(pieces - 1)
    most = min(pieces, 64)
    for i in range(b.size):
        first = np.int64(b[i]) & wrap
        h, x = hidden[i], ZERO
        for k in range(query.shape[1]):
            word, begin = query[i, k], first + _64 * k
            for j in range(most):
                x ^= (ZERO - ((word >> np.uint64(j)) & ONE)) & (table[begin + j] - h)
        out[i] ^= x


@kernel("u8[:,::1], u8[:,::1], u8[:,::1], u8, u8[::1]", GROUP)
def combine(first: Words, second: Words, basis: Words, shift: np.uint64, out: Words) -> None:
    """out = sum of (first_k ^ second_k) basis_k. If `first` has one row more than `basis`, row 0 has no basis row: it
    counts 2^shift times."""
    extra = first.shape[0] - basis.shape[0]
    for i in range(out.size):
        total = ZERO
        if extra:
            total = (first[0, i] ^ second[0, i]) << shift
        for k in range(basis.shape[0]):
            total += (first[k + extra, i] ^ second[k + extra, i]) * basis[k, i]
        out[i] = total


@kernel("u8[:,::1], u8[:,::1], u8, u8, u8[::1]", GROUP)
def crossed(parts: Words, hidden: Words, shift: np.uint64, lead: np.uint64, out: Words) -> None:
    """out += sum of parts_k hidden_k. If `hidden` has one row more than `parts`, row 0 counts lead 2^shift times."""
    extra = hidden.shape[0] - parts.shape[0]
    for i in range(out.size):
        total = out[i]
        if extra:
            total += lead * (hidden[0, i] << shift)
        for k in range(parts.shape[0]):
            total += parts[k, i] * hidden[k + extra, i]
        out[i] = total
