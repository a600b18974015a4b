"""The sign of a value in three rounds, for few values on slow networks: about four times the bytes of `compare.sign`.

The sign of x = A + B is the exclusive or of the highest bits of A and B and the carry below them. There is a carry if
a, the low bits of A, exceeds c, the inverted low bits of B. E and F receive shares of the bits of a modulo 67. For each
place they compute shares of a number. It is 0 only at the first place where a and c differ, and only if a is larger
there (or c, as a common random bit beta decides). The numbers are multiplied by random factors and turned by a random
number of places, so they tell D only whether one of them is 0, and that is a fair coin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mpc.machine.engine import Cost, Integers, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import against, comparable, size_of
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated import kernels, kernels_quick
from protocols.replicated.declared import declare
from protocols.replicated.kernels_quick import GROUP, PRIME
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, integers, mask_of
from protocols.replicated.thresholds import in_chunks, in_chunks_cost
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack

_A2, _BETA, _R, _TURN, _Z, _OUT = b"a2", b"beta", b"r", b"turn", b"z", b"out"
_PRIME, _FACTORS, _ONE, _ZERO = np.uint64(PRIME), np.uint64(PRIME - 1), np.uint64(1), np.uint64(0)
#: Most elements of a chunk: an element takes up to 64 bytes on the wire.
_CHUNK = 1 << 13


async def quick_sign(party: Party, x: Arithmetic, width: int) -> Bits:
    """The bit x < 0, given -2^(width-1) <= x < 2^(width-1).

    Shapes    x, result: one shape, n elements; the result has one bit each
    Ring      shares of the bits of A modulo 67, which is larger than all sums of them
    Rounds    3; the last round only shares the result
    Bytes     D to E (width-1) n, and a bit an element; E and F to D width n
    Security  semi-honest only: E receives residues hidden by uniform residues of D and F; D receives pairs that sum to
              numbers: 0 at one random place or at none, by a fair coin, and uniform nonzero numbers elsewhere.
              Statistical: three residues are within 2^-46 of uniform, so a comparison of 33 bits is within 2^-42; plans
              add up the distances. A D that sends other numbers than bits can learn about B.
    Raises    RangeError
    Source    Wagh, Gupta, Chandran, PoPETs 2019 (SecureNN); Wagh et al., PoPETs 2021 (Falcon); owner form our own
    """
    integers("quick_sign", x)
    comparable("sign", width)
    await kernels.loaded(GROUP, party.env.busy)
    out = np.empty((2, x.size), np.uint8)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        out[:, start:stop] = await _tested(party, chunk, x.data[:, start:stop], None, width)

    await each(party, cut(party.label, x.size, chunk=_CHUNK), step)
    return Bits(out, x.shape, 1)


async def quick_signs(party: Party, x: Arithmetic, thresholds: Integers, width: int) -> Bits:
    """The bits x < t for public thresholds t, given -2^(width-1) <= x - t < 2^(width-1): `quick_sign` for each
    threshold; D sends the bits of A once.

    Shapes    x: n elements; thresholds broadcast to (k, *x.shape), with k thresholds along the first axis; the result
              has this shape
    Rounds    3
    Bytes     D to E (width-1) n, and a bit a result; E and F to D width k n
    Security  as `quick_sign`: each threshold has its own random factors, turn, coin and masks
    Raises    RangeError; ShapeError
    """
    comparable("signs", width)
    await kernels.loaded(GROUP, party.env.busy)

    async def step(chunk: Chunk, data: Words, block: Words) -> Octets:
        return await _tested(party, chunk, data, block, width)

    return await in_chunks("quick_signs", party, x, thresholds, _CHUNK, step)


async def _tested(party: Party, chunk: Chunk, data: Words, thresholds: Words | None, width: int) -> Octets:
    """Both rows of the bits x < t of one chunk, for each threshold t in turn; without thresholds, of x < 0."""
    part, n = chunk.part, data.shape[1]
    role, d, e, f = chunk.roles(party.index)
    bits, keep, top = width - 1, np.uint64(mask_of(width - 1)), np.uint64(width - 1)
    count = 1 if thresholds is None else len(thresholds)
    total = count * n
    rows = np.empty((2, total), np.uint8)
    if role == D:
        a = data[0] + data[1]
        message = np.empty(n * bits, np.uint8)
        kernels_quick.hidden_bits(a, bits, _residues(party, f, _A2, part, n * bits, _PRIME, _ZERO), message)
        party.send(e, part, message)
        first = await party.receive(e, part, (total * width,), np.uint8)
        second = await party.receive(f, part, (total * width,), np.uint8)
        zero = np.empty(total, np.uint8)
        kernels_quick.any_zero(first, second, width, zero)
        zero.reshape(count, n)[...] ^= (a >> top).astype(np.uint8) & np.uint8(1)
        mask = draw(party, f, _OUT, part, packed_bytes(total, 1), np.uint8)
        wire = pack(zero, 1)
        wire ^= mask
        party.send(e, part | 1, wire)
        rows[0], rows[1] = unpack(mask, total, 1), unpack(wire, total, 1)
        return rows
    partner = f if role == E else e
    mine, other = (0, 1) if role == E else (1, 0)
    beta = unpack(draw(party, partner, _BETA, part, packed_bytes(total, 1), np.uint8), total, 1)
    r = _residues(party, partner, _R, part, total * width, _FACTORS, _ONE)
    z = _residues(party, partner, _Z, part, total * width, _PRIME, _ZERO)
    b = np.ascontiguousarray(data[other])
    if role == E:
        shares = await party.receive(d, part, (n * bits,), np.uint8)
    else:
        shares = _residues(party, d, _A2, part, n * bits, _PRIME, _ZERO)
    message = np.empty(total * width, np.uint8)
    turn = _turns(words(party, partner, _TURN, part, total), width)
    for k in range(count):
        b_k = b if thresholds is None else b - thresholds[k]
        of_k, places = slice(k * n, (k + 1) * n), slice(k * n * width, (k + 1) * n * width)
        kernels_quick.tested(
            shares, ~b_k & keep, bits, beta[of_k], r[places], turn[of_k], z[places], int(role == E), message[places]
        )
        rows[other, of_k] = beta[of_k] ^ ((b_k >> top).astype(np.uint8) & np.uint8(1))
    party.send(d, part, message)
    if role == E:
        rows[mine] = unpack(await party.receive(d, part | 1, (packed_bytes(total, 1),), np.uint8), total, 1)
    else:
        rows[mine] = unpack(draw(party, d, _OUT, part, packed_bytes(total, 1), np.uint8), total, 1)
    return rows


def _residues(
    party: Party, peer: int, purpose: bytes, part: int, n: int, modulus: np.uint64, lowest: np.uint64
) -> Octets:
    """n uniform numbers of lowest..lowest+modulus-1; `peer` draws the same numbers."""
    out = np.empty(n, np.uint8)
    kernels_quick.residues(words(party, peer, purpose, part, (n + 2) // 3), modulus, lowest, out)
    return out


def _turns(drawn: Words, places: int) -> Words:
    """Numbers below `places`, within places/2^64 of uniform. Local."""
    high, low, count = drawn >> np.uint64(32), drawn & np.uint64((1 << 32) - 1), np.uint64(places)
    return (high * count + ((low * count) >> np.uint64(32))) >> np.uint64(32)


def quick_sign_cost(label: bytes, size: int, width: int) -> Cost:
    cost = load(cut(label, size, chunk=_CHUNK), lambda n: _tested_load(n, 1, width))
    return replace(cost, distance=size * _distance(width))


def quick_signs_cost(label: bytes, shape: Shape, width: int) -> Cost:
    """The cost of `quick_signs`; `shape` is the shape of the result."""
    cost = in_chunks_cost(label, shape, _CHUNK, lambda n, k: _tested_load(n, k, width))
    return replace(cost, distance=size_of(shape) * _distance(width))


def _quick_signs(label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Cost:
    return quick_signs_cost(label, against("quick_signs", x.shape, np.shape(thresholds)), width)


def _distance(width: int) -> float:
    """A bound of the statistical distance from uniform of D's view of one comparison: random factors and masks for
    `width` places, three residues from a word, and the turn."""
    return 2 * -(-width // 3) * PRIME**3 / 2.0**65 + width / 2.0**65


def _tested_load(n: int, count: int, width: int) -> Load:
    total = count * n
    return Load(3, (n * (width - 1) + packed_bytes(total, 1), total * width, total * width), (2, 1, 1))


declare(
    "quick_sign",
    quick_sign,
    cost=lambda label, x, width: quick_sign_cost(label, x.size, width),
    work=per_bit(6.0),
    kernels=GROUP,
)
declare(
    "quick_signs", quick_signs, cost=_quick_signs, work=lambda task: 6.0 * task.result.size * task.width, kernels=GROUP
)
