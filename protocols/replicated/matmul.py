"""Matrix products: one local product at each party; messages only for the elements of the result."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from mpc.machine.channel import MAX_MESSAGE
from mpc.machine.engine import Cost, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import cuttable, product_shape
from protocols.chunks import each
from protocols.declared import Task
from protocols.replicated import limbs
from protocols.replicated.declared import declare
from protocols.replicated.fused import shifted_load, shifted_product
from protocols.replicated.masks import zero_share
from protocols.replicated.roles import Chunk, D, E, F, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Words
from protocols.replicated.wire import small_bytes

#: Most elements of a result that is one chunk; a larger result is cut, so that computing and sending overlap.
_CUT = 1 << 15
#: Most elements of an uncut factor whose limbs are kept (32 bytes an element).
_KEEP = 1 << 22


def blocks(label: bytes, shape: Shape, octets: int) -> list[Chunk]:
    """Chunks of whole rows of the result, or of whole columns if it has more columns; a message has `octets` bytes an
    element.

    One party is D for all chunks, because the roles compute the same and send nearly the same. So the factor that is
    not cut is split in limbs for one role only.
    """
    rows, columns = shape
    longer, other = max(rows, columns), min(rows, columns)
    if not other:
        return []
    chunks = cut(label, longer, _CUT // other, max(1, MAX_MESSAGE // (octets * other)))
    return [chunk._replace(d=chunks[0].d) for chunk in chunks]


class _Factors:
    """One party's components of both factors, and its local products block by block.

    The longer factor is cut in chunks. Each chunk needs the whole other factor, so the limbs of that factor are kept.
    """

    def __init__(self, x: Arithmetic, y: Arithmetic, chunks: list[Chunk]) -> None:
        self.x = x.data.reshape(2, *x.shape)
        self.y = y.data.reshape(2, *y.shape)
        self.by_rows = x.shape[0] >= y.shape[1]
        self.work = x.shape[0] * x.shape[1] * y.shape[1]
        self._longest = max((chunk.size for chunk in chunks), default=0)
        self._kept: dict[int, limbs.Limbs] = {}
        self._lock = threading.Lock()
        #: Buffers of finished chunks: for a moving block, and for products.
        self._idle: list[tuple[limbs.Reals, limbs.Reals]] = []

    def add(self, role: int, chunk: Chunk, out: Words) -> None:
        """out += this role's local products of the chunk."""
        begin, stop = chunk.start, chunk.stop
        (rows, columns), inner = out.shape, self.x.shape[2]
        if limbs.plain(rows, inner, columns):
            x, y = (self.x[:, begin:stop], self.y) if self.by_rows else (self.x, self.y[:, :, begin:stop])
            for left, right in _TERMS[role]:
                out += _row(x, left) @ _row(y, right)
            return
        block, products = self._buffers()
        for k in range(0, inner, limbs.BLOCK):
            depth = min(limbs.BLOCK, inner - k)
            fixed = self._fixed(role, k, depth)
            if self.by_rows:
                moving = limbs.Limbs(block, rows, depth, left=True)
                moving.fill(role, self.x, begin, k)
                limbs.add_product(role, moving, fixed, products, out)
            else:
                moving = limbs.Limbs(block, depth, columns, left=False)
                moving.fill(role, self.y, k, begin)
                limbs.add_product(role, fixed, moving, products, out)
        self._idle.append((block, products))

    def _buffers(self) -> tuple[limbs.Reals, limbs.Reals]:
        try:
            return self._idle.pop()
        except IndexError:
            depth, other = min(limbs.BLOCK, self.x.shape[2]), self.y.shape[2] if self.by_rows else self.x.shape[1]
            return np.empty(4 * self._longest * depth), np.empty(4 * self._longest * other)

    def _fixed(self, role: int, k: int, depth: int) -> limbs.Limbs:
        """Limbs of one inner block of the uncut factor; a party has one role in a product."""
        size = (self.y if self.by_rows else self.x).size // 2
        if size > _KEEP:
            return self._split(role, k, depth)
        with self._lock:
            block = self._kept.get(k)
            if block is None:
                block = self._kept[k] = self._split(role, k, depth)
        return block

    def _split(self, role: int, k: int, depth: int) -> limbs.Limbs:
        if self.by_rows:
            block = limbs.Limbs(np.empty(4 * depth * self.y.shape[2]), depth, self.y.shape[2], left=False)
            block.fill(role, self.y, k, 0)
        else:
            block = limbs.Limbs(np.empty(4 * self.x.shape[1] * depth), self.x.shape[1], depth, left=True)
            block.fill(role, self.x, 0, k)
        return block

    def shape(self, chunk: Chunk) -> Shape:
        """The part of the result that a chunk covers."""
        return (chunk.size, self.y.shape[2]) if self.by_rows else (self.x.shape[1], chunk.size)

    def place(self, out: Words, chunk: Chunk, rows: Words) -> None:
        """Write both rows of a chunk into the result (2, m, n)."""
        part = rows.reshape(2, *self.shape(chunk))
        if self.by_rows:
            out[:, chunk.start : chunk.stop] = part
        else:
            out[:, :, chunk.start : chunk.stop] = part


#: Rows of x and y that each role multiplies as integers; 2 stands for the sum of both rows.
_TERMS = {D: ((2, 2),), E: ((1, 2), (0, 1)), F: ((0, 1), (1, 0))}


def _row(data: Words, which: int) -> Words:
    row: Words = data[0] + data[1] if which == 2 else data[which]
    return row


async def matmul(party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
    """x @ y modulo 2^64.

    Shapes    (m, k), (k, n) -> (m, n)
    Rounds    1
    Bytes     8 m n from each party to the next one, for any k
    Security  semi-honest, as `multiply`: one zero share per element of the result
    Raises    ShapeError
    """
    shape = product_shape(x.spec, y.spec)
    out = np.empty((2, *shape), np.uint64)
    chunks = blocks(party.label, shape, 8)
    factors = _Factors(x, y, chunks)

    async def step(chunk: Chunk) -> None:
        role = (party.index - chunk.d) % 3
        local = factors.shape(chunk)
        n = local[0] * local[1]
        sent = np.empty(n, np.uint64)
        zero_share(party, chunk.part, sent)
        await party.compute(factors.work >> 3, factors.add, role, chunk, sent.reshape(local))
        party.send((party.index + 1) % 3, chunk.part, sent)
        other = await party.receive((party.index + 2) % 3, chunk.part, (n,), np.uint64)
        factors.place(out, chunk, np.stack((other, sent)))

    await each(party, chunks, step, window=2)
    return Arithmetic(out.reshape(2, -1), shape)


async def matmul_truncate(party: Party, x: Arithmetic, y: Arithmetic, bits: int) -> Arithmetic:
    """floor(x @ y / 2^bits), or the floor plus one.

    Shapes    (m, k), (k, n) -> (m, n)
    Ring      given |x @ y| < 2^62 in all elements
    Rounds    2
    Bytes     as `multiply_truncate` for m n elements, for any k
    Error     as `multiply_truncate`
    Security  as `multiply_truncate`
    Raises    ShapeError, RangeError
    """
    shape = product_shape(x.spec, y.spec)
    cuttable(bits)
    out = np.empty((2, *shape), np.uint64)
    chunks = blocks(party.label, shape, 8 + small_bytes(bits))
    factors = _Factors(x, y, chunks)

    async def step(chunk: Chunk) -> None:
        local = factors.shape(chunk)

        async def product(role: int, into: Words) -> None:
            if role == D:
                into[:] = 0
            await party.compute(factors.work >> 3, factors.add, role, chunk, into.reshape(local))

        rows = np.empty((2, local[0] * local[1]), np.uint64)
        await shifted_product(party, chunk, bits, product, rows)
        factors.place(out, chunk, rows)

    await each(party, chunks, step, window=2)
    return Arithmetic(out.reshape(2, -1), shape)


def _cost(label: bytes, shape: Shape, octets: int, one: Callable[[int], Load]) -> Cost:
    other = min(shape)
    return load(blocks(label, shape, octets), lambda size: one(size * other))


def matmul_cost(label: bytes, x: Spec, y: Spec) -> Cost:
    return _cost(label, product_shape(x, y), 8, lambda n: Load(1, (8 * n, 8 * n, 8 * n), (1, 1, 1)))


def matmul_truncate_cost(label: bytes, x: Spec, y: Spec, *, bits: int) -> Cost:
    return _cost(label, product_shape(x, y), 8 + small_bytes(bits), shifted_load(bits))


def _work(task: Task) -> float:
    """A part for the products of numbers, and a part for the elements that are split into limbs and joined of them.
    Products of integers as they are take a pass over them."""
    x, y = task.operands
    rows, inner, columns = x.shape[0], x.shape[1], y.shape[1]
    if limbs.plain(rows, inner, columns):
        return 1.1 * rows * inner * columns
    return 0.2 * rows * inner * columns + 6.0 * (rows * inner + inner * columns) + 14.0 * rows * columns


declare("matmul", matmul, cost=matmul_cost, work=_work)
declare("matmul_truncate", matmul_truncate, cost=matmul_truncate_cost, work=_work)
