"""The ideal functionality: all parties hold all values in the clear. For tests, mock runs and dry runs, never for data.

It computes the results of the other engines; its truncations are exact floors. Owners send their inputs in the clear,
and opening sends no message. A process cannot choose this engine: only `protocols.simulate` makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import BoundExceeded, CheckFailed, LocalProtocolError, ShapeError
from mpc.machine.engine import Cost, Engine, Integers, Kind, Piece, Shape, Share, Spec
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES, Primitive
from mpc.untyped import Parameter, Program
from protocols.permuting import placing, told


class Clear(Share):
    """A value in the clear: int64 numbers, uint64 words of `width` bits, or for each place of an order its row."""

    __slots__ = ("_spec", "values")

    def __init__(self, values: NDArray[Any], kind: Kind = "arith", width: int = 64) -> None:
        self.values = values
        self._spec = Spec(values.shape, kind, width)

    @property
    def spec(self) -> Spec:
        return self._spec


def _bits(values: NDArray[Any], width: int = 1) -> Clear:
    return Clear(np.asarray(values, np.uint64), "bits", width)


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)


class IdealEngine(Engine):
    """All primitives of `mpc.machine.primitives` on cleartext.

    It checks bounds that the other engines assume: a value beyond the capacity raises BoundExceeded, so tests detect a
    wrong bound. If the bound rests on a checked assumption, this has failed; the result is 0 and is never opened.
    """

    name = "ideal"

    def __init__(self, parties: int = 3) -> None:
        self.parties = parties
        #: Primitives that scenarios define, by name.
        self._adopted: dict[str, Primitive] = {}

    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Parameter) -> tuple[Spec, Cost]:
        stated = PRIMITIVES.get(primitive) or self._adopted.get(primitive)
        if stated is None:
            raise LocalProtocolError(f"the engine {self.name} has no primitive {primitive!r}")
        return stated.result(*operands, **parameters), Cost()

    def adopt(self, stated: Primitive, protocols: Mapping[str, Program]) -> None:
        def computed(party: Party, *xs: Clear, **parameters: Any) -> Clear:
            spec = stated.result(*[x.spec for x in xs], **parameters)
            exact = [x.values.astype(object) if x.spec.kind == "arith" else x.values for x in xs]
            values = np.asarray(protocols[self.name](*exact, **parameters))
            if values.shape != spec.shape:
                raise ShapeError(f"{stated.name}: plaintext returned shape {values.shape}, expected {spec.shape}")
            return self._checked(values) if spec.kind == "arith" else _bits(values, spec.width)

        self._adopted[stated.name] = stated
        setattr(self, stated.name, computed)

    def _checked(self, values: Any) -> Clear:
        exact = np.asarray(values, dtype=object)
        if exact.size and max(abs(int(v)) for v in exact.reshape(-1)) >= 1 << self.capacity:
            raise BoundExceeded(f"a value reaches 2^{self.capacity}: the stated bound of an operation is too small")
        return Clear(exact.astype(np.int64))

    def worthless(self, spec: Spec) -> Clear:
        """The placeholder for a result of values that exceed their bound."""
        if spec.kind == "order":
            return Clear(np.arange(spec.size), spec.kind, spec.width)
        return Clear(np.zeros(spec.shape, np.int64 if spec.kind == "arith" else np.uint64), spec.kind, spec.width)

    # ---- local
    def constant(self, party: Party, *, values: Integers) -> Clear:
        return Clear(values)

    def constant_bits(self, party: Party, *, values: NDArray[np.uint64], width: int = 1) -> Clear:
        return _bits(values, width)

    def add(self, party: Party, x: Clear, y: Clear) -> Clear:
        return self._checked(x.values.astype(object) + y.values)

    def subtract(self, party: Party, x: Clear, y: Clear) -> Clear:
        return self._checked(x.values.astype(object) - y.values)

    def scale(self, party: Party, x: Clear, *, by: Integers) -> Clear:
        return self._checked(x.values.astype(object) * by)

    def add_public(self, party: Party, x: Clear, *, values: Integers) -> Clear:
        return self._checked(x.values.astype(object) + values)

    def sum(self, party: Party, x: Clear, *, axis: int) -> Clear:
        return self._checked(x.values.astype(object).sum(axis))

    def cumulative_sum(self, party: Party, x: Clear, *, axis: int) -> Clear:
        return self._checked(x.values.astype(object).cumsum(axis))

    def view(self, party: Party, x: Clear, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Clear:
        return Clear(np.asarray(to(x.values)).reshape(shape), x.spec.kind, x.spec.width)

    def concatenate(self, party: Party, *xs: Clear, axis: int) -> Clear:
        return Clear(np.concatenate([x.values for x in xs], axis), xs[0].spec.kind, xs[0].spec.width)

    def xor(self, party: Party, x: Clear, y: Clear) -> Clear:
        return _bits(x.values ^ y.values, x.spec.width)

    def invert(self, party: Party, x: Clear) -> Clear:
        return _bits(x.values ^ _mask(x.spec.width), x.spec.width)

    def unpack(self, party: Party, x: Clear) -> Clear:
        places = np.arange(x.spec.width, dtype=np.uint64).reshape(-1, *[1] * x.values.ndim)
        return _bits((x.values >> places) & np.uint64(1))

    def magnitude(self, party: Party, x: Clear) -> Clear:
        keep = _mask(x.spec.width - 1)
        negative = (x.values >> np.uint64(x.spec.width - 1)).astype(np.bool_)
        return _bits(np.where(negative, ~x.values, x.values) & keep, x.spec.width - 1)

    def bit_reverse(self, party: Party, x: Clear) -> Clear:
        places = np.arange(x.spec.width, dtype=np.uint64).reshape(-1, *[1] * x.values.ndim)
        bits = (x.values >> places) & np.uint64(1)
        return _bits(np.bitwise_or.reduce(bits[::-1] << places, axis=0), x.spec.width)

    # ---- organizations that do not compute
    def pieces(self, size: int) -> tuple[Piece, ...]:
        return (Piece(tuple(range(self.parties)), 8 * size),)

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        return [np.array(values, np.int64).view(np.uint8)]

    def take(
        self, party: Party, *, pieces: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]
    ) -> Clear:
        # Not checked: an owner can deal any values, and the run checks them.
        return Clear(np.concatenate([np.array(dealt[0]).view(np.int64) for dealt in pieces]))

    async def nonnegative(self, party: Party, x: Clear, *, bounds: Integers | None = None) -> Clear:
        values = x.values.astype(object)
        if bounds is not None:
            values = np.stack([bounds - values, bounds + values])
        return _bits((values >= 0).astype(np.uint64))

    def keep(self, party: Party, x: Clear, facts: Integers) -> Clear:
        kept = facts.reshape([-1, *[1] * x.values.ndim][: x.values.ndim])
        return Clear(np.where(kept, x.values, 0).astype(x.values.dtype), x.spec.kind, x.spec.width)

    async def hand_out(self, party: Party, x: Clear) -> NDArray[np.uint64]:
        return x.values.reshape(-1).astype(np.int64).view(np.uint64)

    def handed_words(self, x: Spec) -> int:
        return x.size

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        if any(not np.array_equal(part, parts[0]) for part in parts):
            raise CheckFailed("the compute parties handed out different values of one release")
        values = parts[0].reshape(x.shape)
        return values if x.kind == "bits" else values.view(np.int64)

    # ---- interactive
    async def input(self, party: Party, *, owner: int, values: Integers | None, shape: Shape) -> Clear:
        if party.index == owner:
            assert values is not None
            for peer in range(party.parties):
                if peer != owner:
                    party.send(peer, 0, np.ascontiguousarray(values))
            return self._checked(values.astype(object))
        return Clear(await party.receive(owner, 0, shape, np.int64))

    async def open(self, party: Party, x: Clear, *, to: Sequence[int]) -> NDArray[Any] | None:
        return x.values if party.index in to else None

    async def multiply(self, party: Party, x: Clear, y: Clear) -> Clear:
        return self._checked(x.values.astype(object) * y.values)

    async def matmul(self, party: Party, x: Clear, y: Clear) -> Clear:
        return self._checked(x.values.astype(object) @ y.values.astype(object))

    async def multiply_truncate(self, party: Party, x: Clear, y: Clear, *, bits: int) -> Clear:
        return self._checked((x.values.astype(object) * y.values) >> bits)

    async def matmul_truncate(self, party: Party, x: Clear, y: Clear, *, bits: int) -> Clear:
        return self._checked((x.values.astype(object) @ y.values.astype(object)) >> bits)

    async def truncate(self, party: Party, x: Clear, *, bits: int) -> Clear:
        return self._checked(x.values >> bits)

    async def truncate_exact(self, party: Party, x: Clear, *, bits: int, rounding: str) -> Clear:
        half = 1 << (bits - 1) if rounding == "nearest" else 0
        return self._checked((x.values.astype(object) + half) >> bits)

    async def sign(self, party: Party, x: Clear, *, width: int) -> Clear:
        limit = 1 << (width - 1)
        if x.values.size and not (-limit <= int(x.values.min()) and int(x.values.max()) < limit):
            raise BoundExceeded(f"a value does not fit in the {width} bits of the comparison")
        return _bits(x.values < 0)

    quick_sign = sign

    async def signs(self, party: Party, x: Clear, *, thresholds: Integers, width: int) -> Clear:
        differences = np.asarray(x.values, dtype=object)[None] - thresholds
        limit = 1 << (width - 1)
        if differences.size and not (-limit <= differences.min() and differences.max() < limit):
            raise BoundExceeded(f"a value does not fit in the {width} bits of the comparison")
        return _bits((differences < 0).astype(np.bool_))

    quick_signs = signs

    async def equal(self, party: Party, x: Clear, *, width: int) -> Clear:
        if x.values.size and max(int(x.values.max()), -int(x.values.min())) >= 1 << width:
            raise BoundExceeded(f"a value does not fit in the {width} bits of the comparison")
        return _bits(x.values == 0)

    async def rows_zero(self, party: Party, x: Clear) -> Clear:
        return _bits((x.values == 0).all(axis=-1))

    async def bits_and(self, party: Party, x: Clear, y: Clear) -> Clear:
        return _bits(x.values & y.values, x.spec.width)

    async def bit_to_ring(self, party: Party, b: Clear) -> Clear:
        return Clear(b.values.astype(np.int64))

    async def inject(self, party: Party, b: Clear, x: Clear) -> Clear:
        return Clear(b.values.astype(np.int64) * x.values)

    async def decompose(self, party: Party, x: Clear, *, width: int) -> Clear:
        return _bits(x.values.astype(np.int64).view(np.uint64) & _mask(width), width)

    async def recompose(self, party: Party, x: Clear) -> Clear:
        return self._checked(x.values.astype(object))

    async def prefix_or(self, party: Party, x: Clear) -> Clear:
        words = x.values.copy()
        step = 1
        while step < x.spec.width:
            words |= words >> np.uint64(step)
            step *= 2
        return _bits(words, x.spec.width)

    async def piecewise_cubic(
        self, party: Party, x: Clear, *, low: int, step: int, table: Integers, bits: int
    ) -> Clear:
        offset = x.values.astype(object) - low
        offset = np.clip(offset, 1 << step, (table.shape[1] << step) - 1)
        piece = (offset >> step).astype(np.int64)
        u = ((offset - (piece.astype(object) << step)) << 28) >> step
        c = table.astype(object)[:, piece]
        total = (c[0] << 28) + c[1] * u + c[2] * (u * u >> 28) + c[3] * ((u * u >> 28) * u >> 28)
        return self._checked(total >> bits)

    async def exponential(
        self, party: Party, x: Clear, *, low: int, high: int, frac: int, digits: int, bits: int
    ) -> Clear:
        x = Clear(np.clip(x.values, low, high))
        y = np.ldexp(np.exp(np.ldexp(x.values.astype(np.float64), -frac)), digits)
        return self._checked(y.astype(np.int64) >> bits)

    async def table_of_count(self, party: Party, x: Clear, *, table: Integers) -> Clear:
        return Clear(np.asarray(table)[x.values.sum(axis=0).astype(np.int64)])

    def random(self, party: Party, *, shape: Shape) -> Clear:
        out = np.empty(shape, np.int64)
        party.keys.common.fill(out, party.label, b"ideal random")
        return Clear(out >> 2)

    def random_bits(self, party: Party, *, shape: Shape, width: int = 1) -> Clear:
        out = np.empty(shape, np.uint64)
        party.keys.common.fill(out, party.label, b"ideal random")
        return _bits(out & _mask(width), width)

    # ---- orders of rows
    async def permutation(self, party: Party, *, size: int) -> Clear:
        return Clear(np.argsort(self.random(party, shape=(size,)).values), "order")

    async def shuffle(self, party: Party, x: Clear, order: Clear) -> Clear:
        return Clear(x.values[order.values], x.spec.kind, x.spec.width)

    async def unshuffle(self, party: Party, x: Clear, order: Clear) -> Clear:
        return Clear(x.values[np.argsort(order.values)], x.spec.kind, x.spec.width)

    def opposite(self, party: Party, order: Clear) -> Clear:
        return Clear(np.argsort(order.values), "order")

    async def sort_order(self, party: Party, x: Clear, *, width: int) -> Clear:
        return Clear(np.argsort(x.values, kind="stable"), "order")

    async def rank_order(self, party: Party, x: Clear, *, ranks: tuple[int, ...], width: int) -> Clear:
        rows = np.argsort(x.values, kind="stable")
        return Clear(np.concatenate((rows[list(ranks)], np.delete(rows, ranks))), "order")

    async def order_of(self, party: Party, x: Clear, *, owner: int | None = None) -> Clear:
        return Clear(placing(x.values, owner).astype(np.int64), "order")

    async def given_order(self, party: Party, *, owner: int, values: Integers | None, rows: int) -> Clear:
        if party.index == owner:
            assert values is not None
            for peer in range(party.parties):
                if peer != owner:
                    party.send(peer, 0, np.ascontiguousarray(values, np.int64))
        else:
            values = await party.receive(owner, 0, (rows,), np.int64)
        return Clear(told(values, rows, owner, party.index).astype(np.int64), "order")

    async def copy_down(self, party: Party, x: Clear, order: Clear) -> Clear:
        first = len(x.values)
        line = np.maximum.accumulate(np.where(order.values < first, np.arange(order.spec.size), -1))
        nearest = np.where(line < 0, first, order.values[line])
        nearest = nearest[np.argsort(order.values)[first:]]
        return Clear(np.concatenate([x.values, np.zeros_like(x.values[:1], shape=(1, *x.values.shape[1:]))])[nearest])

    async def sum_up(self, party: Party, x: Clear, order: Clear) -> Clear:
        first = order.spec.size - len(x.values)
        line = np.zeros((order.spec.size, *x.values.shape[1:]), object)
        line[first:] = x.values
        line = line[order.values]
        starts = np.flatnonzero(order.values < first)
        sums = np.zeros((first, *x.values.shape[1:]), object)
        for begin, end in pairwise([*starts, order.spec.size]):
            sums[order.values[begin]] = line[begin:end].sum(0)
        return self._checked(sums)
