"""The way of rows through three permutations, each known to two parties; `shuffle` and `unshuffle` use it."""

from __future__ import annotations

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.engine import Spec
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES
from protocols.permuting import Places
from protocols.replicated import kernels_order
from protocols.replicated.masks import draw
from protocols.replicated.sharing import Arithmetic, Bits, Words
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack

_M1, _M2, _R = b"m1", b"m2", b"r"
#: Most elements of a message.
PIECE = 1 << 18


def check_rows(what: str, x: Spec, order: Spec) -> int:
    """Elements of one record. Raises ShapeError if x and the order differ in rows, or if records are too long."""
    PRIMITIVES[what].result(x, order)
    record = x.size // x.shape[0] if x.shape[0] else 1
    if record > PIECE:
        raise ShapeError(f"{what}: a row of x has {record} elements; the most is {PIECE}")
    return record


def pieces_of(rows: int, record: int) -> list[tuple[int, int, int]]:
    """(first row, row after the last row, part) of each message."""
    step = max(PIECE // max(record, 1), 1)
    return [(start, min(start + step, rows), i << 16) for i, start in enumerate(range(0, rows, step))]


class Hops:
    """Permute rows by the chain a, b, c: X knows a and b, Y knows b and c, Z knows a and c.

    X knows the sum of the components that it shares with Y and with Z; Z knows the third component:

        X -> Z   delta = b(a(sum) - m1) - m2       Z: c(delta)
        Z -> Y   gamma = a(third) + m1             Y: c(b(gamma) + m2)

    Then Y and Z reshare. m1 is a stream of X and Z, m2 a stream of X and Y; X receives nothing.

    Numbers travel modulo 2^(8 octets), and all these bits are masked; 8 octets hold a ring element.
    """

    def __init__(self, party: Party, x: Arithmetic | Bits, rows: int, record: int, octets: int = 8) -> None:
        self.party = party
        self.bits = isinstance(x, Bits)
        self.width = x.width if isinstance(x, Bits) else 8 * octets
        self.rows, self.record = rows, record
        self.pieces = pieces_of(rows, record)
        self.plus = kernels_order.XOR if self.bits else kernels_order.ADD
        self.minus = kernels_order.XOR if self.bits else kernels_order.SUBTRACT

    def octets(self, piece: tuple[int, int, int]) -> int:
        return packed_bytes((piece[1] - piece[0]) * self.record, self.width)

    def mask(self, peer: int, purpose: bytes, piece: tuple[int, int, int]) -> Words:
        """One piece of a mask as words; all bits that are sent are masked."""
        return self._words(draw(self.party, peer, purpose, piece[2], self.octets(piece), np.uint8), piece)

    def masks(self, peer: int, purpose: bytes) -> Words:
        out = np.empty(self.rows * self.record, np.uint64)
        for piece in self.pieces:
            if self.width == 64:
                self.party.keys.pair[peer].fill(out[self.part(piece)], self.party.label, purpose, piece[2])
            else:
                out[self.part(piece)] = self.mask(peer, purpose, piece)
        return out

    def part(self, piece: tuple[int, int, int]) -> slice:
        return slice(piece[0] * self.record, piece[1] * self.record)

    def _words(self, octets: Octets, piece: tuple[int, int, int]) -> Words:
        n = (piece[1] - piece[0]) * self.record
        return np.ascontiguousarray(unpack(octets, n, self.width), np.uint64)

    def gather(self, x: Words, rows: Places, mask: Words, how: np.uint64) -> Words:
        out = np.empty_like(mask)
        kernels_order.gathered(x, rows, mask, self.record, how, out)
        return out

    async def send(self, peer: int, piece: tuple[int, int, int], value: Words, step: int) -> None:
        await self.party.room()
        self.party.send(peer, piece[2] | step, pack(value, self.width))

    async def receive(self, peer: int, piece: tuple[int, int, int], step: int) -> Words:
        octets = await self.party.receive(peer, piece[2] | step, (self.octets(piece),), np.uint8)
        return self._words(octets, piece)

    async def whole(self, peer: int, step: int) -> Words:
        out = np.empty(self.rows * self.record, np.uint64)
        for piece in self.pieces:
            out[self.part(piece)] = await self.receive(peer, piece, step)
        return out

    async def compute(self, x: Words, rows: Places, mask: Words, how: np.uint64) -> Words:
        return await self.party.compute(mask.size, self.gather, x, rows, mask, how)

    async def as_x(self, y: int, z: int, total: Words, a: Places, b: Places) -> tuple[Words, Words]:
        """X's components with Y and with Z."""
        hidden = await self.compute(total, a, self.masks(z, _M1), self.minus)
        for piece in self.pieces:
            mask = self.mask(y, _M2, piece)
            delta = await self.compute(hidden, b[piece[0] : piece[1]], mask, self.minus)
            await self.send(z, piece, delta, 0)
        return self.masks(y, _R), self.masks(z, _R)

    async def as_z(self, x: int, y: int, third: Words, a: Places, c: Places) -> tuple[Words, Words]:
        """Z's components with X and with Y."""
        for piece in self.pieces:
            mask = self.mask(x, _M1, piece)
            gamma = await self.compute(third, a[piece[0] : piece[1]], mask, self.plus)
            await self.send(y, piece, gamma, 0)
        return await self._reshare(x, y, await self.whole(x, 0), c)

    async def as_y(self, x: int, z: int, b: Places, c: Places) -> tuple[Words, Words]:
        """Y's components with X and with Z."""
        gamma = await self.whole(z, 0)
        moved = await self.compute(gamma, b, self.masks(x, _M2), self.plus)
        return await self._reshare(x, z, moved, c)

    async def _reshare(self, x: int, other: int, part: Words, c: Places) -> tuple[Words, Words]:
        mine = self.masks(x, _R)
        out = np.empty_like(mine)
        for piece in self.pieces:
            where = self.part(piece)
            value = await self.compute(part, c[piece[0] : piece[1]], mine[where], self.minus)
            out[where] = value
            await self.send(other, piece, value, 1)
        for piece in self.pieces:
            received = await self.receive(other, piece, 1)
            if self.bits:
                out[self.part(piece)] ^= received
            else:
                out[self.part(piece)] += received
        return mine, out
