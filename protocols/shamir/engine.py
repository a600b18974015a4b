"""The engine for any number of parties: Shamir's sharing modulo 2^127 - 1, t < n/2 corruptions, semi-honest.

What the primitives do and cost stands with their protocols in the other files of this folder; here they are put
behind the engine's interface. A plan runs the protocol itself on a tally. Making an engine loads its kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Engine, Integers, Piece, Shape, Spec
from mpc.machine.labels import LABEL_BYTES
from mpc.machine.party import Party
from protocols.engines import checked_threshold
from protocols.selecting import disclosed_by_selection, selection
from protocols.shamir import (
    arithmetic,
    comparison,
    kernels,
    lookup,
    matrix,
    orders,
    outside,
    plans,
    randomness,
    ranges,
    sort,
    switches,
    truncation,
    work,
)
from protocols.shamir.committee import SMALL, Scheme
from protocols.shamir.floor import Floor
from protocols.shamir.operation import run
from protocols.shamir.orders import Order
from protocols.shamir.shares import Shares
from protocols.shamir.sharing import Numbers, Planes
from protocols.shamir.switches import Switches
from protocols.sorting import PLACES


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile all kernels, or load them from numba's cache, in this process; `progress(done, all)` after each."""
    kernels.ready(progress)


class ShamirEngine(Engine):
    """n parties, each with one point of every polynomial; any t of them learn nothing.

    threshold  t; the largest, (n - 1) // 2, by default
    Raises ConfigError as `checked_threshold` does.
    """

    name = "shamir"
    capacity = 62

    def __init__(self, parties: int = 3, threshold: int | None = None) -> None:
        t = checked_threshold(self.name, parties, threshold)
        self.parties = parties
        self.threshold = t
        self.scheme = Scheme(parties, t)
        self._shares = Shares(self.scheme)
        self._switched = plans.switched(self.scheme)
        self.rests_on_bounds = True
        #: Results of truncations are within this of the exact quotient.
        self.rounding = t // 2 + 1
        warm_up()

    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Any) -> tuple[Spec, Cost]:
        return plans.plan(self.scheme, primitive, label, operands, parameters)

    def discloses(self, primitive: str, *operands: Spec, **parameters: Any) -> Mapping[str, int]:
        if self._switched or primitive not in ("order_of", "rank_order", "sort_order"):
            return {}  # switches stay secret
        n = operands[0].size
        if primitive == "order_of":
            return {PLACES: n}
        found = selection(n, parameters["ranks"]) if primitive == "rank_order" else None
        if found is not None:
            return disclosed_by_selection(found)
        return sort.disclosed_by_sort(self.scheme, n, parameters["width"])

    def work(self, primitive: str, *operands: Spec, **parameters: Any) -> float:
        _, cost = self.plan(primitive, bytes(LABEL_BYTES), *operands, **parameters)
        return work.work(primitive, cost, self.scheme.degree, operands, parameters)

    # ---- local
    def constant(self, party: Party, *, values: Integers) -> Numbers:
        return self._shares.constant(values)

    def constant_bits(self, party: Party, *, values: NDArray[np.uint64], width: int = 1) -> Planes:
        return self._shares.constant_bits(values, width)

    def add(self, party: Party, x: Numbers, y: Numbers) -> Numbers:
        return self._shares.add(x, y)

    def subtract(self, party: Party, x: Numbers, y: Numbers) -> Numbers:
        return self._shares.subtract(x, y)

    def scale(self, party: Party, x: Numbers, *, by: Integers) -> Numbers:
        return self._shares.scale(x, by)

    def add_public(self, party: Party, x: Numbers, *, values: Integers) -> Numbers:
        return self._shares.add_public(x, values)

    def sum(self, party: Party, x: Numbers, *, axis: int) -> Numbers:
        return self._shares.sum(x, axis)

    def cumulative_sum(self, party: Party, x: Numbers, *, axis: int) -> Numbers:
        return self._shares.cumulative_sum(x, axis)

    def view(self, party: Party, x: Any, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Any:
        return x.viewed(to, shape)

    def concatenate(self, party: Party, *xs: Any, axis: int) -> Any:
        return self._shares.concatenate(xs, axis)

    def xor(self, party: Party, x: Planes, y: Planes) -> Planes:
        return self._shares.xor(x, y)

    def invert(self, party: Party, x: Planes) -> Planes:
        return self._shares.invert(x)

    def unpack(self, party: Party, x: Planes) -> Planes:
        return self._shares.unpack(x)

    def magnitude(self, party: Party, x: Planes) -> Planes:
        return self._shares.magnitude(x)

    # ---- in and out
    async def input(self, party: Party, *, owner: int, values: Integers | None, shape: Shape) -> Numbers:
        return await arithmetic.share_input(party, self.scheme, owner, values, shape)

    async def open(self, party: Party, x: Numbers | Planes, *, to: Sequence[int]) -> NDArray[Any] | None:
        return await arithmetic.reveal(party, self.scheme, x, to)

    async def random(self, party: Party, *, shape: Shape) -> Numbers:  # type: ignore[override]
        size = Spec(shape).size
        return Numbers(await run(party, self.scheme, randomness.random_numbers, size=size), shape)

    async def random_bits(self, party: Party, *, shape: Shape, width: int = 1) -> Planes:  # type: ignore[override]
        size = Spec(shape).size
        data = await run(party, self.scheme, randomness.random_planes, size=size, result=width, width=width)
        return Planes(data, shape, width)

    # ---- organizations that do not compute
    def pieces(self, size: int) -> tuple[Piece, ...]:
        return outside.pieces(self.scheme, size)

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        return outside.deal(self.scheme, values, random)

    async def take(  # type: ignore[override]
        self, party: Party, *, pieces: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]
    ) -> Numbers:
        own = outside.summand(self.scheme, party.index, pieces, sizes)
        size = sum(sizes)
        operands = () if own is None else (own,)
        return Numbers(await run(party, self.scheme, outside.take, *operands, size=size), (size,))

    async def nonnegative(self, party: Party, x: Numbers, *, bounds: Integers | None = None) -> Planes:
        return await self._planes(party, 1, ranges.nonnegative, ranges.sides(x, bounds))

    async def hand_out(self, party: Party, x: Numbers | Planes) -> NDArray[np.uint64]:
        if isinstance(x, Planes):
            planes = await self._planes(party, x.width, outside.fresh_planes, x, width=x.width)
            return planes.data.reshape(-1)
        return (await self._numbers(party, outside.fresh_numbers, x)).data.reshape(-1)

    def handed_words(self, x: Spec) -> int:
        return outside.handed_words(self.scheme, x)

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        return outside.combine(self.scheme, parts, x)

    # ---- numbers
    async def _numbers(self, party: Party, protocol: Any, *xs: Numbers | Planes, **parameters: Any) -> Numbers:
        x = xs[0]
        data = await run(party, self.scheme, protocol, *(one.data for one in xs), size=x.size, **parameters)
        return Numbers(data, x.shape)

    async def _planes(self, party: Party, result: int, protocol: Any, *xs: Any, **parameters: Any) -> Planes:
        x = xs[0]
        operands = [one.data for one in xs]
        data = await run(party, self.scheme, protocol, *operands, size=x.size, result=result, **parameters)
        return Planes(data, x.shape, result)

    async def multiply(self, party: Party, x: Numbers, y: Numbers) -> Numbers:
        self._shares.alike("multiply", x, y)
        size = len(x.data)
        if 0 < size <= SMALL:
            # What `run` does for one chunk, since the time of scalars is that of the interpreter.
            f = Floor(party, self.scheme, self.scheme.committees[party.label[0] % self.parties], 0)
            return Numbers(await f.reduce(f.product(x.data, y.data) if f.member else None, size), x.shape)
        return await self._numbers(party, arithmetic.multiply, x, y)

    async def multiply_truncate(self, party: Party, x: Numbers, y: Numbers, *, bits: int) -> Numbers:
        self._shares.alike("multiply_truncate", x, y)
        plans.cuttable(bits)
        return await self._numbers(party, truncation.multiply_cut, x, y, bits=bits)

    async def matmul(self, party: Party, x: Numbers, y: Numbers) -> Numbers:
        z, shape = await matrix.product(party, x, y)
        return Numbers(await run(party, self.scheme, arithmetic.reduced, z, size=len(z)), shape)

    async def matmul_truncate(self, party: Party, x: Numbers, y: Numbers, *, bits: int) -> Numbers:
        plans.cuttable(bits)
        z, shape = await matrix.product(party, x, y)
        return Numbers(await run(party, self.scheme, truncation.cut_product, z, size=len(z), bits=bits), shape)

    async def truncate(self, party: Party, x: Numbers, *, bits: int) -> Numbers:
        plans.cuttable(bits)
        return await self._numbers(party, truncation.cut_product, x, bits=bits)

    async def truncate_exact(
        self, party: Party, x: Numbers, *, bits: int, rounding: Literal["floor", "nearest"]
    ) -> Numbers:
        nearest = plans.exact(bits, rounding)
        return await self._numbers(party, truncation.cut_exactly, x, bits=bits, nearest=nearest)

    # ---- comparisons and bits
    async def sign(self, party: Party, x: Numbers, *, width: int) -> Planes:
        plans.comparable(x.spec, width, 2)
        return await self._planes(party, 1, comparison.sign, x, width=width)

    async def equal(self, party: Party, x: Numbers, *, width: int) -> Planes:
        plans.comparable(x.spec, width, 1)
        return await self._planes(party, 1, comparison.equal, x, width=width)

    async def rows_zero(self, party: Party, x: Numbers) -> Planes:
        shape, columns = plans.rows(x.spec)
        equal = party.inner("equal")
        data = await run(equal, self.scheme, comparison.equal, x.data, size=x.size, result=1, width=plans.WHOLE)
        zero = Planes(data, x.shape, 1).viewed(lambda a: np.moveaxis(a, -1, 0), (columns, *shape))
        planes = self._shares.first_axis_as_width(zero)
        size = Spec(shape).size
        if not columns:
            return self.constant_bits(party, values=np.ones(shape, np.uint64))
        every = await run(
            party.inner("every"), self.scheme, comparison.every, planes, size=size, result=1, width=columns
        )
        return Planes(every, shape, 1)

    async def bits_and(self, party: Party, x: Planes, y: Planes) -> Planes:
        self._shares.alike("bits_and", x, y)
        return await self._planes(party, x.width, comparison.bits_and, x, y, width=x.width)

    async def prefix_or(self, party: Party, x: Planes) -> Planes:
        return await self._planes(party, x.width, comparison.prefix_or, x, width=x.width)

    async def bit_to_ring(self, party: Party, b: Planes) -> Numbers:
        plans.bit("bit_to_ring", b.spec)
        return await self._numbers(party, comparison.as_number, b)

    async def inject(self, party: Party, b: Planes, x: Numbers) -> Numbers:
        plans.injected(b.spec, x.spec)
        return await self._numbers(party, comparison.inject, b, x)

    async def decompose(self, party: Party, x: Numbers, *, width: int) -> Planes:
        plans.comparable(x.spec, width, 1)
        return await self._planes(party, width, comparison.decompose, x, width=width)

    async def recompose(self, party: Party, x: Planes) -> Numbers:
        return await self._numbers(party, comparison.recompose, x, width=x.width)

    # ---- tables
    async def piecewise_cubic(
        self, party: Party, x: Numbers, *, low: int, step: int, table: Integers, bits: int
    ) -> Numbers:
        rows = plans.rows_of_table(table)
        return await self._numbers(party, lookup.piecewise_cubic, x, low=low, step=step, table=rows, bits=bits)

    async def exponential(
        self, party: Party, x: Numbers, *, low: int, high: int, frac: int, digits: int, bits: int
    ) -> Numbers:
        return await self._numbers(
            party, lookup.exponential, x, low=low, high=high, frac=frac, digits=digits, bits=bits
        )

    async def table_of_count(self, party: Party, x: Planes, *, table: Integers) -> Numbers:
        shape, count, values = plans.counted(x.spec, table)
        planes = self._shares.first_axis_as_width(x)
        data = await run(
            party, self.scheme, lookup.table_of_count, planes, size=Spec(shape).size, bits=count, table=values
        )
        return Numbers(data, shape)

    # ---- orders of rows
    async def permutation(self, party: Party, *, size: int) -> Order | Switches:
        if self._switched:
            return await switches.permutation(party, self.scheme, size)
        return await orders.permutation(party, self.scheme, size)

    async def shuffle(self, party: Party, x: Numbers | Planes, order: Order | Switches) -> Numbers | Planes:
        if isinstance(order, Switches):
            return await switches.applied(party, self.scheme, x, order)
        return await orders.shuffle(party, self.scheme, x, order)

    async def unshuffle(self, party: Party, x: Numbers | Planes, order: Order | Switches) -> Numbers | Planes:
        return await self.shuffle(party, x, order.opposite())

    def opposite(self, party: Party, order: Order | Switches) -> Order | Switches:
        return order.opposite()

    async def sort_order(self, party: Party, x: Numbers, *, width: int) -> Order | Switches:
        plans.sortable(x.spec, width)
        if self._switched:
            return await switches.sorting(party, self.scheme, x.data, width=width)
        return await sort.sort_order(party, self.scheme, x, width)

    async def rank_order(self, party: Party, x: Numbers, *, ranks: tuple[int, ...], width: int) -> Order | Switches:
        plans.ranked(x.spec, ranks, width)
        if self._switched:
            return await switches.sorting(party, self.scheme, x.data, width=width, ranks=ranks)
        return await sort.rank_order(party, self.scheme, x, ranks, width)

    async def order_of(self, party: Party, x: Numbers) -> Order | Switches:
        width = plans.placed(x.spec)
        if self._switched:
            return await switches.sorting(party, self.scheme, x.data, width=width)
        return await orders.order_of(party, self.scheme, x)
