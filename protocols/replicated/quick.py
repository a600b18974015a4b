"""The sign of a value in three rounds, for few values on slow networks: about four times the bytes of `compare.sign`.

x = A + B is negative as the highest bits of A and B and the carry below them say, and there is a carry where a, the
low bits of A, exceed c, the inverted low bits of B. E and F get shares of a's bits modulo 67 and compute, for each
place, a share of a number that is 0 at the first place where a and c differ, if a is the larger one there (or c, as a
common random bit beta decides), and else is not 0. Multiplied by random numbers and turned by random places they tell
D nothing but whether one of them is 0, which is a fair coin.
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
from protocols.replicated.thresholds import every, every_cost
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack

_A2, _BETA, _R, _TURN, _Z, _OUT = b"a2", b"beta", b"r", b"turn", b"z", b"out"
_PRIME, _FACTORS, _ONE, _ZERO = np.uint64(PRIME), np.uint64(PRIME - 1), np.uint64(1), np.uint64(0)
#: Elements of a chunk: each takes up to 64 bytes on the wire.
_CHUNK = 1 << 13


async def quick_sign(party: Party, x: Arithmetic, width: int) -> Bits:
    """The bit x < 0, given -2^(width-1) <= x < 2^(width-1).

    Shapes    x, result: one shape, n elements; the result has one bit each
    Ring      shares of the bits of A modulo 67, which no sum of them reaches
    Rounds    3, the last of which only shares the result
    Bytes     D to E (width-1) n, and a bit an element; E and F to D width n
    Security  semi-honest only: E gets residues hidden by uniform ones of D and F; D gets pairs that sum to numbers
              which are 0 at one random place or none, by a fair coin, and else uniform. Statistical: three residues
              are within 2^-46 of uniform, and so a comparison of 33 bits within 2^-42; plans add it up. A D that sent
              other numbers than bits would learn about B.
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
    """The bits x < t for public thresholds t, given -2^(width-1) <= x - t < 2^(width-1): `quick_sign` for each, with
    the bits of A sent once.

    Shapes    x: n elements; thresholds broadcast to (k, *x.shape) with k of them along the first axis; that is the
              shape of the result
    Rounds    3
    Bytes     D to E (width-1) n, and a bit a result; E and F to D width k n
    Security  as `quick_sign`: each threshold has random numbers, a turn, a coin and masks of its own
    Raises    RangeError; ShapeError
    """
    comparable("signs", width)
    await kernels.loaded(GROUP, party.env.busy)

    async def step(chunk: Chunk, given: Words, some: Words) -> Octets:
        return await _tested(party, chunk, given, some, width)

    return await every("quick_signs", party, x, thresholds, _CHUNK, step)


async def _tested(party: Party, chunk: Chunk, given: Words, thresholds: Words | None, width: int) -> Octets:
    """Both rows of the bits x < t for each threshold t in turn, or x < 0 where there is none. One chunk."""
    part, n = chunk.part, given.shape[1]
    role, d, e, f = chunk.roles(party.index)
    bits, keep, top = width - 1, np.uint64(mask_of(width - 1)), np.uint64(width - 1)
    count = 1 if thresholds is None else len(thresholds)
    total = count * n
    rows = np.empty((2, total), np.uint8)
    if role == D:
        a = given[0] + given[1]
        message = np.empty(n * bits, np.uint8)
        kernels_quick.hidden_bits(a, bits, _residues(party, f, _A2, part, n * bits, _PRIME, _ZERO), message)
        party.send(e, part, message)
        first = await party.receive(e, part, (total * width,), np.uint8)
        second = await party.receive(f, part, (total * width,), np.uint8)
        zero = np.empty(total, np.uint8)
        kernels_quick.found(first, second, width, zero)
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
    b = np.ascontiguousarray(given[other])
    if role == E:
        shares = await party.receive(d, part, (n * bits,), np.uint8)
    else:
        shares = _residues(party, d, _A2, part, n * bits, _PRIME, _ZERO)
    message = np.empty(total * width, np.uint8)
    turn = _turns(words(party, partner, _TURN, part, total), width)
    for k in range(count):
        b_k = b if thresholds is None else b - thresholds[k]
        seen, places = slice(k * n, (k + 1) * n), slice(k * n * width, (k + 1) * n * width)
        kernels_quick.tested(
            shares, ~b_k & keep, bits, beta[seen], r[places], turn[seen], z[places], int(role == E), message[places]
        )
        rows[other, seen] = beta[seen] ^ ((b_k >> top).astype(np.uint8) & np.uint8(1))
    party.send(d, part, message)
    if role == E:
        rows[mine] = unpack(await party.receive(d, part | 1, (packed_bytes(total, 1),), np.uint8), total, 1)
    else:
        rows[mine] = unpack(draw(party, d, _OUT, part, packed_bytes(total, 1), np.uint8), total, 1)
    return rows


def _residues(
    party: Party, peer: int, purpose: bytes, part: int, n: int, modulus: np.uint64, lowest: np.uint64
) -> Octets:
    """n uniform numbers of lowest..lowest+modulus-1 that `peer` draws too."""
    out = np.empty(n, np.uint8)
    kernels_quick.residues(words(party, peer, purpose, part, (n + 2) // 3), modulus, lowest, out)
    return out


def _turns(drawn: Words, places: int) -> Words:
    """Uniform numbers below `places`, to within places/2^64. Local."""
    high, low, count = drawn >> np.uint64(32), drawn & np.uint64((1 << 32) - 1), np.uint64(places)
    return (high * count + ((low * count) >> np.uint64(32))) >> np.uint64(32)


def quick_sign_cost(label: bytes, size: int, width: int) -> Cost:
    cost = load(cut(label, size, chunk=_CHUNK), lambda n: _tested_load(n, 1, width))
    return replace(cost, distance=size * _distance(width))


def quick_signs_cost(label: bytes, shape: Shape, width: int) -> Cost:
    """`shape`: that of the result."""
    cost = every_cost(label, shape, _CHUNK, lambda n, k: _tested_load(n, k, width))
    return replace(cost, distance=size_of(shape) * _distance(width))


def _quick_signs(label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Cost:
    return quick_signs_cost(label, against("quick_signs", x.shape, np.shape(thresholds)), width)


def _distance(width: int) -> float:
    """The statistical distance from uniform of what D is sent for one comparison, at most: random factors and masks
    for `width` places, three of either from a word, and the turn."""
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
