"""What a coalition receives in a run in which all that it knows is constant, and whether that is uniform.

Its shares of the inputs and every stream of a key that it holds are constants, the same for each element; the secret
is another one. What arrives is then random through the streams of the other parties alone. Over the elements,

    numbers modulo p must be linearly independent over F_p, together with the constant one
    bits must be so over the field of two: those of planes, and some of each number
    and be unbiased and pairwise uncorrelated within 6.5 standard deviations.

What a king opens is not uniform in F_p: it is a number masked by one of `bits` bits. Of the messages that it is put
together from, that number stands in place of one; its low `bits` bits must be uniform and the others no more than the
masks' sum has. What the coalition's own maskers draw is zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from mpc.machine.channel import MemoryNetwork
from mpc.machine.labels import Streams
from mpc.machine.party import Environment, Keys, Party
from protocols.shamir import arithmetic, hops, operation
from protocols.shamir.committee import Scheme
from protocols.shamir.floor import Floor, words
from protocols.shamir.hops import _Parts
from protocols.shamir.prime import BITS, PRIME
from protocols.shamir.rooms import mask_bits
from protocols.shamir.sharing import Numbers, Planes, split_words, unpacked
from tests.support.shamir_harness import elements_of, engine, field_of, integers_of, label

#: Primitives that take an order, which is made before.
ROWS = ("shuffle", "unshuffle")
Words = NDArray[np.uint64]
#: A label and the part of a message.
At = tuple[bytes, int]
#: What is drawn in place of the stream (purpose, part): None for one that is taken away.
Change = Callable[[bytes, int], tuple[bytes, int] | None]


class Constant(Streams):
    """A stream that the coalition knows: one value for all elements."""

    def __init__(self, octet: int) -> None:
        super().__init__(bytes(16))
        self.octet = octet

    def fill(self, out: NDArray[Any], label: bytes, purpose: bytes, part: int = 0) -> None:
        out.view(np.uint8)[...] = self.octet


class Changed(Streams):
    """A stream it does not know, after `change(purpose, part)`, which gives None for one that is taken away."""

    def __init__(self, key: bytes, change: Change, seen: set[tuple[bytes, int]]) -> None:
        super().__init__(key)
        self.change, self.seen = change, seen

    def fill(self, out: NDArray[Any], label: bytes, purpose: bytes, part: int = 0) -> None:
        self.seen.add((purpose, part))
        changed = self.change(purpose, part)
        if changed is None:
            out[...] = 0
        else:
            super().fill(out, label, *changed)


@dataclass
class View:
    """What a coalition of parties received: columns over the elements."""

    numbers: list[list[int]] = field(default_factory=list)
    #: What kings of the coalition opened, the bits of a mask, and how many masks the others added.
    opened: list[tuple[list[int], int, int]] = field(default_factory=list)
    bits: list[NDArray[np.uint8]] = field(default_factory=list)


#: A king, its committee, what it opened, and the bits of a mask where that are numbers.
King = tuple[int, Sequence[int], Any, int | None]


class Watched(Floor):
    """Notes what kind each message is of, and what is opened to kings."""

    kinds: dict[At, tuple[str, int]]
    kings: dict[At, King]
    _bits: int

    def _noted(self, kind: str, size: int, waiting: Any) -> Any:
        self.kinds[self.party.label, self._part] = kind, size
        return waiting

    def deal(self, dealer: int, values: Any, size: int) -> Any:
        return self._noted("numbers", size, super().deal(dealer, values, size))

    def deal_planes(self, dealer: int, planes: Any, width: int, size: int) -> Any:
        return self._noted("planes", size, super().deal_planes(dealer, planes, width, size))

    def reduce(self, z: Any, size: int) -> Any:
        return self._noted("numbers", size, super().reduce(z, size))

    def reduce_planes(self, z: Any, width: int, size: int) -> Any:
        return self._noted("planes", size, super().reduce_planes(z, width, size))

    def masks(self, size: int, room: int) -> Any:
        self._bits = mask_bits(self.scheme.threshold)
        return super().masks(size, room)

    def to_king(self, z: Any, size: int) -> Any:
        waiting = self._noted("numbers", size, super().to_king(z, size))
        return self._king(waiting, lambda found: (integers_of(found), self._bits))

    def to_king_planes(self, z: Any, width: int, size: int) -> Any:
        waiting = self._noted("planes", size, super().to_king_planes(z, width, size))
        return self._king(waiting, lambda found: (unpacked(found, size), None))

    def _king(self, waiting: Awaitable[Any], what: Callable[[Any], tuple[Any, int | None]]) -> Any:
        if self.me != self.committee.king:
            return waiting
        at = self.party.label, self._part

        class Watch:
            def __await__(inner) -> Generator[Any, Any, Any]:
                found = yield from waiting.__await__()
                self.kings[at] = (self.me, self.committee.members, *what(found))
                return found

        return Watch()


def operand(
    scheme: Scheme, coalition: Sequence[int], octet: int, secret: int, size: int, width: int | None = None
) -> list[Words]:
    """All parties' shares of constants: the coalition's are known, the value at 0 is the secret."""
    t = scheme.threshold
    field = field_of(scheme, width is not None)
    if width is None:
        own = np.full((size, 2), octet, np.uint8).repeat(8, axis=1).view(np.uint64).copy()
        field.uniform(own)
        value = elements_of([secret]).repeat(size, axis=0)
    else:
        own = np.full((scheme.degree, width, words(size)), int.from_bytes(bytes([octet]) * 8, "little"), np.uint64)
        value = np.zeros_like(own)
        value[0] = split_words(np.full(size, secret & ((1 << width) - 1), np.uint64), width)
    known = np.ascontiguousarray(np.stack([value, *[own] * t]))
    points = (0, *(i + 1 for i in coalition))
    return [field.interpolate(points, i + 1, known) for i in range(scheme.parties)]


def view(
    primitive: str,
    kinds: Iterable[Any],
    coalition: Sequence[int],
    secret: int,
    size: int,
    *,
    parties: int = 3,
    threshold: int | None = None,
    first: int = 0,
    octet: int = 0,
    change: Change | None = None,
    seen: set[At] | None = None,
    **parameters: Any,
) -> View:
    """Run a primitive on constant secrets; what the coalition received from all others. `kinds` of its operands: None
    for numbers, else the width of words; or (columns, kind) for rows."""
    machine = engine(parties, threshold)
    scheme = machine.scheme
    assert len(coalition) == scheme.threshold
    network = MemoryNetwork(parties)
    network.record = []
    seen = set() if seen is None else seen
    change = change or (lambda purpose, part: (purpose, part))
    keys: dict[tuple[int, int], Streams] = {}
    for i in range(parties):
        for j in range(i):
            known = i in coalition or j in coalition
            keys[j, i] = Constant(octet) if known else Changed(bytes([17, i, j]) + bytes(13), change, seen)

    class Here(Watched):
        kinds = {}  # noqa: RUF012
        kings = {}  # noqa: RUF012

    operands = []
    for kind in kinds:
        extra, width = kind if isinstance(kind, tuple) else ((), kind)
        count = int(np.prod(extra)) if extra else 1
        data = operand(scheme, coalition, octet, secret, count * size, width)
        # Rows have their columns last, words of single bits their bits first.
        shape = (*extra, size) if width is not None else (size, *extra)
        operands.append([Numbers(d, shape) if width is None else Planes(d, shape, width) for d in data])

    async def rows(party: Party, x: Any) -> Any:
        permutation, rearrange = (getattr(machine, name) for name in ("permutation", primitive))
        order = await permutation(party, size=x.shape[0])
        return await rearrange(party.inner("rows"), x, order)

    class Sent(_Parts):
        """Notes what kind the parts of rows are of."""

        async def send(self, party: Party, peer: int, part: int, x: Any) -> None:
            kind = ("planes" if self.width else "numbers"), self.rows * self.record
            Here.kinds.update({(party.label, part + number): kind for number in range(len(self.pieces))})
            await super().send(party, peer, part, x)

    async def main() -> None:
        tasks = []
        for i in range(parties):
            pair = {j: keys[min(i, j), max(i, j)] for j in range(parties) if j != i}
            private: Streams = Constant(0) if i in coalition else Changed(bytes([i]) * 16, change, seen)
            party = Party(Environment(network.channels[i], Keys(pair, Constant(0), private)), label(first, parties))
            call = rows if primitive in ROWS else getattr(machine, primitive)
            tasks.append(call(party, *(x[i] for x in operands), **parameters))
        await asyncio.gather(*tasks)

    floors = [patch.object(place, "Floor", Here) for place in (operation, arithmetic)]
    with floors[0], floors[1], patch.object(hops, "_Parts", Sent):
        asyncio.run(main())
    if primitive in ROWS:  # what is sent for the order itself are seeds, and they are no columns
        network.record = [one for one in network.record if one[2][:16] != label(first, parties)]
    return _received(network, coalition, scheme, Here.kinds, Here.kings)


def _received(
    network: MemoryNetwork,
    coalition: Sequence[int],
    scheme: Scheme,
    kinds: Mapping[At, tuple[str, int]],
    kings: Mapping[At, King],
) -> View:
    found = View()
    replaced: dict[At, int] = {}
    for at, (king, members, values, bits) in kings.items():
        if king not in coalition:
            continue
        replaced[at] = next(member for member in members if member not in coalition)
        if bits is None:
            found.bits += list(values)
        else:
            maskers = members[1 : scheme.threshold + 1]
            found.opened.append((values, bits, sum(masker not in coalition for masker in maskers)))
    for sender, to, tag, payload in network.record or ():
        if to not in coalition or sender in coalition:
            continue
        at = tag[:16], int.from_bytes(tag[16:], "little")
        kind, size = kinds[at]
        if replaced.get(at) == sender:
            continue
        raw = np.frombuffer(payload, np.uint64)
        if kind == "numbers":
            found.numbers.append(integers_of(raw.reshape(-1, 2)))
        else:
            found.bits += list(unpacked(raw.reshape(-1, words(size)), size))
    return found


def coalitions(parties: int, threshold: int) -> list[tuple[int, ...]]:
    return list(combinations(range(parties), threshold))


# ---- is it uniform?
def complaint(found: View, size: int) -> str:
    """Why a view is not that of uniform messages; empty if it is. Numbers of several elements a row come apart."""
    numbers = [part for column in found.numbers for part in _rows(column, size)]
    if any(v >> width >= masks for column, width, masks in found.opened for v in column):
        return "a mask shorter than what was opened"
    # The sum of several masks is uniform in its low bits as well.
    opened = [
        ([v & ((1 << width) - 1) for v in part], width)
        for column, width, _ in found.opened
        for part in _rows(column, size)
    ]
    bits = [part for column in found.bits for part in _rows(column, size)]
    if dependent([[1] * size, *numbers, *(column for column, _ in opened)], size):
        return "a relation between numbers"
    columns = [np.asarray(column, np.uint8) for column in bits]
    for column, width in [*((column, BITS) for column in numbers), *opened]:
        every = _bits(column, width)
        if np.abs(every.mean(axis=0) - 0.5).max() > 3.25 / np.sqrt(size):
            return "a biased number"
        columns += [every[:, j] for j in {0, 1, min(63, width - 1), min(64, width - 1), width - 1}]
    if not columns:
        return ""
    table = np.stack(columns, axis=1)
    packed = np.concatenate([np.packbits(table, axis=0).T, np.packbits(np.ones((1, size), np.uint8), axis=1)])
    assert len(packed) < size, "too few elements for so many bits"
    if rank(packed, size) < len(packed):
        return "a relation between bits"
    signs = table.astype(np.float32) * 2 - 1
    if np.abs(signs.mean(axis=0)).max() > 6.5 / np.sqrt(size):
        return "a biased bit"
    correlation = signs.T @ signs / size
    np.fill_diagonal(correlation, 0)
    return "correlated bits" if np.abs(correlation).max() > 6.5 / np.sqrt(size) else ""


def _rows(column: Any, size: int) -> list[Any]:
    return [column[i : i + size] for i in range(0, len(column), size)]


def _bits(column: Iterable[int], width: int) -> NDArray[np.uint8]:
    octets = np.frombuffer(b"".join(v.to_bytes(16, "little") for v in column), np.uint8).reshape(-1, 16)
    return np.unpackbits(octets, axis=1, bitorder="little")[:, :width]


def dependent(columns: Sequence[Sequence[int]], size: int) -> bool:
    """Whether columns are linearly dependent over F_p, on as many elements as there are columns and 8 more: by chance
    with a probability of p^-8."""
    rows = len(columns) + 8
    assert rows <= size, "too few elements for so many messages"
    pivots: list[tuple[int, list[int]]] = []
    for column in columns:
        vector = [v % PRIME for v in column[:rows]]
        for place, pivot in pivots:
            factor = vector[place]
            if factor:
                vector = [(v - factor * q) % PRIME for v, q in zip(vector, pivot, strict=True)]
        first = next((i for i, v in enumerate(vector) if v), None)
        if first is None:
            return True
        inverse = pow(vector[first], -1, PRIME)
        pivots.append((first, [v * inverse % PRIME for v in vector]))
    return False


def rank(rows: NDArray[np.uint8], size: int) -> int:
    """Rank over the field of two of packed rows of `size` bits."""
    rows = rows.copy()
    done = 0
    for bit in range(size):
        column = rows[:, bit // 8] >> (7 - bit % 8) & 1
        found = np.flatnonzero(column[done:])
        if not found.size:
            continue
        pivot = done + found[0]
        rows[[done, pivot]] = rows[[pivot, done]]
        column[[done, pivot]] = column[[pivot, done]]
        column[done] = 0
        rows[column.astype(bool)] ^= rows[done]
        done += 1
        if done == rows.shape[0]:
            break
    return done
