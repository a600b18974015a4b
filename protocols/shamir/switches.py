"""Secret orders of rows as switches of a sorting network: one secret bit for each comparison.

To apply an order, rows pass through the network again, and each pair is exchanged where its bit is set; to undo it,
they pass through the network backwards. This works for any number of parties; a public rearrangement may follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mpc.machine import primitives
from mpc.machine.engine import Cost, Share, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import size_of
from protocols.shamir import arithmetic, local, randomness
from protocols.shamir.adder import conjunction
from protocols.shamir.committee import Scheme
from protocols.shamir.comparison import sign
from protocols.shamir.conversion import to_numbers
from protocols.shamir.floor import Floor
from protocols.shamir.network import layers
from protocols.shamir.operation import cost, nothing, run
from protocols.shamir.randomness import WIDTH
from protocols.shamir.sharing import Numbers, Planes, packed, unpacked

Words = NDArray[np.uint64]

_FORTH, _BACK = "switches", "switches back"


def spec(rows: int) -> Spec:
    """The specification of an order."""
    return Spec((rows,), "order", form=_FORTH)


@dataclass(frozen=True)
class Switches(Share):
    """Switches as numbers and as bits, by layer; then rows `ranks` come first. With `back`, the inverse order."""

    rows: int
    numbers: tuple[Words, ...]
    bits: tuple[Words, ...]
    ranks: tuple[int, ...] = ()
    back: bool = False

    @property
    def spec(self) -> Spec:
        return spec(self.rows)._replace(form=_BACK if self.back else _FORTH)

    def opposite(self) -> Switches:
        return replace(self, back=not self.back)


async def _bit(f: Floor, low: Words, high: Words, size: int, *, width: int) -> Words:
    return await sign(f, f.subtract(high, low), size, width=width)


async def _exchange(f: Floor, bit: Words, low: Words, high: Words, size: int) -> Words:
    """bit (high - low). Cost as `multiply`."""
    return await arithmetic.multiply(f, bit, f.subtract(high, low), size)


async def _number(f: Floor, bit: Words, size: int) -> Words:
    return await to_numbers(f, bit, 1, size)


async def _exchange_bits(f: Floor, bit: Words, low: Words, high: Words, size: int, *, width: int) -> Words:
    bits = f.joined([bit] * width) if width > 1 else bit
    return await conjunction(f, bits, f.xor(low, high), width, size)


async def sorting(party: Party, scheme: Scheme, keys: Words, *, width: int, ranks: tuple[int, ...] = ()) -> Switches:
    """The order that sorts keys of `width` bits, ascending and stable; then the rows `ranks` come first.

    Rounds    for each of about log2(rows)^2 / 2 layers those of a comparison of width + log2(rows) + 1 bits, of a bit
              as a number, and of a product
    Bytes     those of these steps, for about rows / 2 pairs in a layer: `sorting_cost` adds them up
    Security  semi-honest, as `sign`; the keys do not change which rows are compared
    """
    rows = len(keys)
    places = _row_bits(rows)
    index = np.zeros((rows, 2), np.uint64)
    index[:, 0] = np.arange(rows)
    keys = local.add(local.scale_one(keys, 1 << places), index)
    numbers, bits = [], []
    for low, high in layers(rows):
        size = len(low)
        a, b = keys[low], keys[high]
        bit = await run(party.inner("compare"), scheme, _bit, a, b, size=size, result=1, width=width + places + 1)
        number = await run(party.inner("number"), scheme, _number, bit, size=size)
        moved = await run(party.inner("exchange"), scheme, _exchange, number, a, b, size=size)
        keys[low], keys[high] = local.add(a, moved), local.subtract(b, moved)
        numbers.append(number)
        bits.append(bit)
    return Switches(rows, tuple(numbers), tuple(bits), ranks)


def sorting_cost(scheme: Scheme, label: bytes, rows: int, *, width: int) -> Cost:
    total, counter = nothing(scheme), 0
    wide = width + _row_bits(rows) + 1
    for low, _ in layers(rows):
        size = len(low)
        for name, protocol, widths, parameters in (
            ("compare", _bit, (0, 0), {"width": wide}),
            ("number", _number, (1,), {}),
            ("exchange", _exchange, (0, 0, 0), {}),
        ):
            counter += 1
            total = total.then(
                cost(scheme, inner_label(label, counter, name), protocol, *widths, size=size, **parameters)
            )
    return total


def _row_bits(rows: int) -> int:
    """Bits of the number of a row: it becomes the low bits of the key, so no two keys are equal."""
    return max(1, (rows - 1).bit_length())


async def permutation(party: Party, scheme: Scheme, rows: int) -> Switches:
    """A uniformly random order that nobody knows: rows are sorted by random keys of 62 bits. Two keys are equal with a
    probability below rows^2 / 2^63; their rows then keep their order.

    Rounds    1 and those of `sorting`
    Bytes     those of `random_numbers` and `sorting`
    Security  semi-honest: the keys are unknown to any t parties
    """
    keys = await run(party.inner("keys"), scheme, randomness.random_numbers, size=rows)
    return await sorting(party.inner("sort"), scheme, keys, width=WIDTH)


def permutation_cost(scheme: Scheme, label: bytes, rows: int) -> Cost:
    drawn = cost(scheme, inner_label(label, 1, "keys"), randomness.random_numbers, size=rows)
    return drawn.then(sorting_cost(scheme, inner_label(label, 2, "sort"), rows, width=WIDTH))


async def applied(party: Party, scheme: Scheme, x: Numbers | Planes, order: Switches) -> Numbers | Planes:
    """The rows of x in this order, or with `order.back` in the order that they had before it.

    Rounds    1 for each layer
    Bytes     those of a product for each pair and element of a row
    Security  semi-honest: products of switches and differences, each dealt anew
    """
    primitives.shuffle(x.spec, order.spec)
    back = order.back
    rest = size_of(x.shape[1:])
    first = [*order.ranks, *np.setdiff1d(np.arange(order.rows), order.ranks)] if order.ranks else None
    rows = _Rows(x, rest)
    if back and first is not None:
        rows.arrange(np.argsort(first))
    steps = list(zip(layers(order.rows), order.numbers, order.bits, strict=True))
    for (low, high), number, bit in reversed(steps) if back else steps:
        await rows.exchange(party.inner("exchange"), scheme, low, high, number, bit)
    if not back and first is not None:
        rows.arrange(np.asarray(first))
    return rows.share()


class _Rows:
    """Rows that pass through a network: numbers (rows, rest, 2), or single bits (m, width, rows, rest)."""

    def __init__(self, x: Numbers | Planes, rest: int) -> None:
        self._x = x
        self._rest = rest
        if isinstance(x, Planes):
            self._bits = unpacked(x.data, x.size).reshape(*x.data.shape[:2], x.shape[0], rest)
        else:
            self._data = x.data.reshape(x.shape[0], rest, 2).copy()

    def arrange(self, places: NDArray[np.int64]) -> None:
        if isinstance(self._x, Planes):
            self._bits = self._bits[:, :, places]
        else:
            self._data = self._data[places]

    async def exchange(
        self, party: Party, scheme: Scheme, low: NDArray[np.int64], high: NDArray[np.int64], number: Words, bit: Words
    ) -> None:
        size, rest = len(low) * self._rest, self._rest
        if not isinstance(self._x, Planes):
            a, b = (np.ascontiguousarray(self._data[at]).reshape(-1, 2) for at in (low, high))
            switches = np.repeat(number, rest, axis=0)
            moved = await run(party, scheme, _exchange, switches, a, b, size=size)
            self._data[low] = local.add(a, moved).reshape(-1, rest, 2)
            self._data[high] = local.subtract(b, moved).reshape(-1, rest, 2)
            return
        width = self._x.width
        parts = [self._bits[:, :, at].reshape(*self._bits.shape[:2], size) for at in (low, high)]
        switches = packed(np.repeat(unpacked(bit, len(low)), rest, axis=2))
        a, b = (packed(part) for part in parts)
        both = await run(party, scheme, _exchange_bits, switches, a, b, size=size, result=width, width=width)
        exchanged = unpacked(both, size)
        for at, part in zip((low, high), parts, strict=True):
            self._bits[:, :, at] = (part ^ exchanged).reshape(*part.shape[:2], -1, rest)

    def share(self) -> Numbers | Planes:
        if isinstance(self._x, Planes):
            flat = self._bits.reshape(*self._bits.shape[:2], -1)
            return Planes(packed(flat), self._x.shape, self._x.width)
        return Numbers(self._data.reshape(-1, 2), self._x.shape)


def applied_cost(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Cost:
    total = nothing(scheme)
    rest = size_of(x.shape[1:])
    sizes = [len(low) * rest for low, _ in layers(order.shape[0])]
    for counter, size in enumerate(reversed(sizes) if order.form == _BACK else sizes, 1):
        inner = inner_label(label, counter, "exchange")
        if x.kind == "bits":
            layer = cost(scheme, inner, _exchange_bits, 1, x.width, x.width, size=size, width=x.width)
        else:
            layer = cost(scheme, inner, _exchange, 0, 0, 0, size=size)
        total = total.then(layer)
    return total


def turned(order: Spec) -> Spec:
    """The specification of the opposite order."""
    return order._replace(form=_FORTH if order.form == _BACK else _BACK)
