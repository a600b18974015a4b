"""Matrix products: five local products among three parties, messages only for the result's elements."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from mpc.engine import Cost, Shape, Spec
from mpc.errors import ShapeError
from mpc.party import Party
from protocols.replicated import limbs
from protocols.replicated.fused import shifted_load, shifted_product
from protocols.replicated.masks import zero_share
from protocols.replicated.roles import Chunk, D, E, F, Load, cut, each, load
from protocols.replicated.sharing import Arithmetic, Words
from protocols.replicated.truncate import check_bits

#: Result elements of one message: 16 bytes each at most.
_CHUNK = 1 << 18
#: Result elements from which a product is cut so that roles rotate.
_ROTATE = 1 << 15
#: Elements of the uncut factor up to which its limbs are kept (96 bytes an element).
_KEEP = 1 << 21


def result_shape(x: Spec, y: Spec) -> Shape:
    """(m, k) @ (k, n), or ShapeError."""
    if x.kind != "arith" or y.kind != "arith" or len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matmul: wants matrices (m, k) and (k, n); got {x.shape} and {y.shape}")
    return x.shape[0], y.shape[1]


def blocks(label: bytes, shape: Shape) -> list[Chunk]:
    """Chunks of whole rows, or of whole columns where there are more of them."""
    rows, columns = shape
    longer, other = max(rows, columns), min(rows, columns)
    if not other:
        return []
    small = _ROTATE // other
    return cut(label, longer, small, max(1, _CHUNK // other))


class _Factors:
    """One party's rows of both factors, and its local products block by block.

    The longer factor is cut in chunks; the other one is needed whole for every chunk, so its limbs are kept.
    """

    def __init__(self, x: Arithmetic, y: Arithmetic) -> None:
        self.x = x.data.reshape(2, *x.shape)
        self.y = y.data.reshape(2, *y.shape)
        self.by_rows = x.shape[0] >= y.shape[1]
        self.work = x.shape[0] * x.shape[1] * y.shape[1]
        self._kept: dict[tuple[int, int], limbs.Limbs] = {}
        self._lock = threading.Lock()

    def add(self, role: int, chunk: Chunk, out: Words) -> None:
        """out += this role's local products of the chunk."""
        begin, stop = chunk.start, chunk.stop
        x, y = (self.x[:, begin:stop], self.y) if self.by_rows else (self.x, self.y[:, :, begin:stop])
        rows, inner, columns = x.shape[1], x.shape[2], y.shape[2]
        for left, right in _TERMS[role]:
            if limbs.plain(rows, inner, columns):
                out += _row(x, left) @ _row(y, right)
            elif self.by_rows:
                moving = _row(x, left)
                for k in range(0, inner, limbs.BLOCK):
                    part = limbs.Limbs(moving[:, k : k + limbs.BLOCK], left=True)
                    limbs.product(part, self._fixed(right, k), out)
            else:
                moving = _row(y, right)
                for k in range(0, inner, limbs.BLOCK):
                    part = limbs.Limbs(moving[k : k + limbs.BLOCK], left=False)
                    limbs.product(self._fixed(left, k), part, out)

    def _fixed(self, which: int, k: int) -> limbs.Limbs:
        """Limbs of one inner block of the factor that is not cut."""
        block = slice(k, k + limbs.BLOCK)
        source, left = (self.y[:, block], False) if self.by_rows else (self.x[:, :, block], True)
        if self._size() > _KEEP:
            return limbs.Limbs(_row(source, which), left)
        with self._lock:
            found = self._kept.get((which, k))
            if found is None:
                found = self._kept[which, k] = limbs.Limbs(_row(source, which), left)
        return found

    def _size(self) -> int:
        fixed = self.y if self.by_rows else self.x
        return fixed.size // 2

    def shape(self, chunk: Chunk) -> Shape:
        """The part of the result that a chunk covers."""
        size = chunk.stop - chunk.start
        return (size, self.y.shape[2]) if self.by_rows else (self.x.shape[1], size)

    def place(self, out: Words, chunk: Chunk, rows: Words) -> None:
        """Write a chunk's rows into the result (2, m, n)."""
        part = rows.reshape(2, *self.shape(chunk))
        if self.by_rows:
            out[:, chunk.start : chunk.stop] = part
        else:
            out[:, :, chunk.start : chunk.stop] = part


#: Rows of x and y that each role multiplies; 2 stands for the sum of both rows.
_TERMS = {D: ((2, 2),), E: ((1, 2), (0, 1)), F: ((0, 1), (1, 0))}


def _row(data: Words, which: int) -> Words:
    row: Words = data[0] + data[1] if which == 2 else data[which]
    return row


async def matmul(party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
    """x @ y modulo 2^64.

    Shapes    (m, k), (k, n) -> (m, n)
    Rounds    1
    Bytes     8 m n from each party to the next one, whatever k is
    Security  semi-honest, as `multiply`: one zero share per element of the result
    Raises    ShapeError
    """
    shape = result_shape(x.spec, y.spec)
    out = np.empty((2, *shape), np.uint64)
    chunks = blocks(party.label, shape)
    factors = _Factors(x, y)

    async def step(chunk: Chunk) -> None:
        role = (party.index - chunk.d) % 3
        local = factors.shape(chunk)
        n = local[0] * local[1]
        own = np.empty(n, np.uint64)
        zero_share(party, chunk.part, own)
        await party.compute(factors.work >> 3, factors.add, role, chunk, own.reshape(local))
        party.send((party.index + 1) % 3, chunk.part, own)
        other = await party.receive((party.index + 2) % 3, chunk.part, (n,), np.uint64)
        factors.place(out, chunk, np.stack((other, own)))

    await each(party, chunks, step, window=2)
    return Arithmetic(out.reshape(2, -1), shape)


async def matmul_truncate(party: Party, x: Arithmetic, y: Arithmetic, bits: int) -> Arithmetic:
    """floor(x @ y / 2^bits), or that plus one.

    Shapes    (m, k), (k, n) -> (m, n)
    Ring      given |x @ y| < 2^62 in every element
    Rounds    2
    Bytes     as `multiply_truncate` for m n elements, whatever k is
    Error     as `multiply_truncate`
    Security  as `multiply_truncate`
    Raises    ShapeError, RangeError
    """
    shape = result_shape(x.spec, y.spec)
    check_bits(bits)
    out = np.empty((2, *shape), np.uint64)
    chunks = blocks(party.label, shape)
    factors = _Factors(x, y)

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


def _cost(label: bytes, shape: Shape, one: Callable[[int], Load]) -> Cost:
    other = min(shape)
    return load(blocks(label, shape), lambda size: one(size * other))


def matmul_cost(label: bytes, shape: Shape) -> Cost:
    return _cost(label, shape, lambda n: Load(1, (8 * n, 8 * n, 8 * n), (1, 1, 1)))


def matmul_truncate_cost(label: bytes, shape: Shape, bits: int) -> Cost:
    return _cost(label, shape, shifted_load(bits))
