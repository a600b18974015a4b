"""Rows move through sets of parties, and each set permutes them: the common part of shuffling and its inverse.

At a set of t+1 parties the rows are an additive sharing: each member holds one part, and permutes it by the common seed
of the set. Then one member, the giver, subtracts masks from its part and sends it to a party outside of the set. Each
mask is a stream of the giver and another member, who adds it to its own part. So the receiver sees uniform words unless
it knows all the masks. If the receiver is among t corrupt parties, at most t-1 of these are in the set, so at least two
members are honest; if the giver is honest, it has one of the masks in common with an honest member. Parties that are
not in a set do not know its permutation.

Numbers are elements modulo 2^127 - 1. Words of bits are added by exclusive or and need no binary field: each holder
multiplies its share, an element, by a public coefficient; the sum of these products is a bit, so the lowest plane of
each product is enough. Words are kept as words, and sent as planes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Cost, Spec
from mpc.machine.labels import Streams
from mpc.machine.party import Party, concurrently
from mpc.machine.shapes import size_of
from mpc.untyped import Opaque
from protocols.permuting import WORDS, Places
from protocols.shamir import kernels, kernels_order, kernels_planes, lagrange, local
from protocols.shamir.committee import Scheme
from protocols.shamir.floor import Floor, words
from protocols.shamir.sharing import Numbers, Planes, joined_words, split_words
from protocols.shamir.walk import walk

Words = NDArray[np.uint64]
HOP = b"shamir/hop"
_SEEDED, _ROWS = b"comity/1/shamir/order", b"rows"
#: Largest number of elements of a message.
PIECE = 1 << 18


class Way:
    """The sets of a walk as indices of parties; party `first` begins the committee. With `back`, in reverse order."""

    def __init__(self, scheme: Scheme, first: int, *, back: bool = False) -> None:
        way = walk(scheme.threshold)
        members = scheme.committees[first].members
        self.sets = tuple(tuple(members[i] for i in holders) for holders in way.holders)
        self.moves = way.moves
        self.rounds = way.rounds
        self.back = back

    @property
    def first(self) -> tuple[int, ...]:
        """The holders of the rows at the beginning."""
        return self.sets[-1 if self.back else 0]

    @property
    def last(self) -> tuple[int, ...]:
        return self.sets[0 if self.back else -1]

    def steps(self) -> Iterator[tuple[int, int, int, int, int]]:
        """For each set: its number, then number, slot, giver and taker of the move after it; -1 after the last set."""
        last = len(self.moves)
        for i in range(last, -1, -1) if self.back else range(last + 1):
            number, after = (i - 1, i - 1) if self.back else (i, i + 1)
            if not 0 <= after <= last:
                yield i, -1, -1, -1, -1
            else:
                slot = self.moves[number].slot
                yield i, number, slot, self.sets[i][slot], self.sets[after][slot]


def permutation_of(seed: bytes, rows: int) -> Places:
    """The permutation that a set with this seed applies to the rows. Local."""
    drawn, out = np.empty(WORDS * rows, np.uint64), np.empty(rows, np.uint32)
    Streams(seed).fill(drawn, _SEEDED, _ROWS)
    kernels_order.permuted(drawn, out)
    return out


def record_of(x: Spec) -> int:
    """Elements of a row. Raises ShapeError if a row does not fit in one message."""
    record = size_of(x.shape[1:])
    if record > PIECE:
        raise ShapeError(f"rows of {record} elements: only rows of at most {PIECE} can be permuted")
    return record


def _pieces(rows: int, record: int) -> list[slice]:
    """The rows of each message."""
    step = max(PIECE // max(record, 1), 1)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


class _Parts:
    """One part of all rows, an array (rows, k) of words: how it is made, masked, sent and received."""

    def __init__(self, x: Numbers | Planes) -> None:
        self.width = x.width if isinstance(x, Planes) else 0
        self.rows, self.record = x.shape[0], record_of(x.spec)
        #: Words of a row.
        self.columns = self.record * (-(-self.width // 64) if self.width else 2)
        self.pieces = _pieces(self.rows, self.record)

    def made(self, x: Numbers | Planes, scheme: Scheme, holders: tuple[int, ...], me: int) -> Words:
        """The summand of party `me`: its share times its coefficient. The summands of all holders add up to x."""
        points, slot = tuple([i + 1 for i in holders]), holders.index(me)
        if isinstance(x, Numbers):
            out = np.empty_like(x.data)
            low, high = lagrange.coefficients(points, 0)[slot]
            kernels.scale_one(x.data, low, high, out)
            return out.reshape(self.rows, self.columns)
        steps = lagrange.steps(scheme.degree, points, 0)
        mine = steps[(steps[:, 0] == slot) & (steps[:, 2] == 0)]
        mine[:, 0] = 0
        planes = np.zeros((1, x.data[0].size), np.uint64)
        kernels_planes.sum_planes(mine, x.data.reshape(1, scheme.degree, -1), planes)
        return self._words(planes, x.size).reshape(self.rows, self.columns)

    def _words(self, planes: Words, size: int) -> Words:
        """Planes as words (size, words per element)."""
        lines = planes.reshape(self.width, words(size))
        return np.stack([joined_words(lines[low : low + 64], size) for low in range(0, self.width, 64)], axis=1)

    def planes(self, x: Words) -> Words:
        """Rows of words as planes (width, W)."""
        elements = x.reshape(-1, self.columns // self.record)
        groups = [split_words(elements[:, i], min(64, self.width - 64 * i)) for i in range(elements.shape[1])]
        return groups[0] if len(groups) == 1 else np.concatenate(groups)

    def _stream(self, party: Party, peer: int, number: int) -> Words:
        out = np.empty((self.rows, self.columns), np.uint64)
        party.keys.pair[peer].fill(out, party.label, HOP, number)
        return out

    def unmasked(self, party: Party, x: Words, giver: int, number: int) -> Words:
        """x plus the mask that the giver subtracts from its part in a move, in place."""
        stream = self._stream(party, giver, number)
        self._add(x, stream, x)
        return x

    def masked(self, party: Party, x: Words, others: list[int], number: int) -> Words:
        """x minus all masks of a move, each common to the giver and one of `others`."""
        if self.width:
            for peer in others:
                x ^= self._stream(party, peer, number)
            return x
        total = np.zeros_like(x)
        for peer in others:
            self._add(total, self._stream(party, peer, number), total)
        return local.subtract(x.reshape(-1, 2), total.reshape(-1, 2)).reshape(x.shape)

    def _add(self, x: Words, stream: Words, out: Words) -> None:
        if self.width:
            np.bitwise_xor(x, stream, out=out)
        else:
            kernels.add_stream(x.reshape(-1, 2), stream.reshape(-1, 2), out.reshape(-1, 2))

    async def send(self, party: Party, peer: int, part: int, x: Words) -> None:
        for number, rows in enumerate(self.pieces):
            await party.room()
            sent = x[rows]
            party.send(peer, part + number, self.planes(sent) if self.width else sent)

    async def receive(self, party: Party, peer: int, part: int) -> Words:
        out = np.empty((self.rows, self.columns), np.uint64)
        for number, rows in enumerate(self.pieces):
            shape = out[rows].shape
            if self.width:
                size = shape[0] * self.record
                planes = await party.receive(peer, part + number, (self.width, words(size)), np.uint64)
                out[rows] = self._words(planes, size).reshape(shape)
            else:
                out[rows] = await party.receive(peer, part + number, shape, np.uint64)
        return out


async def walked(
    party: Party, scheme: Scheme, way: Way, x: Numbers | Planes, seeds: dict[int, bytes], public: Places | None
) -> Words | None:
    """This party's part of the rows, permuted by the sets and then by the public order (with `way.back`, undone in
    reverse); None if this party holds no part at the end. Numbers (size, 2), or planes (1, width, W) of additive parts.

    Rounds    the moves of the slot that moves most: 1, 4, 10, 29, 80, 248 for t = 1 to 6
    Bytes     16 N (for words of bits 8 width W) from the giver of each move; there is one move fewer than sets
    Security  semi-honest: see the module. Each mask of each move is a different stream of two parties.
    Source    Laur, Willemson, Zhang, ISC 2011, for sets that permute in turn; that parts move one by one is our own
    """
    parts, me = _Parts(x), party.index
    turns = len(parts.pieces)
    if way.rounds * turns > 1 << 16:
        raise ShapeError(f"{parts.rows} rows of {parts.record} elements: too many messages to permute; split them")

    async def permute(rows: Words, at: int, last: bool) -> Words:
        def moved() -> Words:
            order = permutation_of(seeds[at], parts.rows)
            out = np.empty_like(rows)
            if way.back:
                kernels_order.scattered(rows, order, out)
            else:
                kernels_order.gathered(rows, order if public is None or not last else order[public], out)
            return out

        return await party.compute(rows.size, moved)

    async def carry(slot: int) -> Words | None:
        held: Words | None = None
        if way.first[slot] == me:
            held = parts.made(x, scheme, way.first, me)
            if way.back and public is not None:
                undone = np.empty_like(held)
                kernels_order.scattered(held, public, undone)
                held = undone
        for at, number, moves, giver, taker in way.steps():
            if held is not None:
                held = await permute(held, at, number < 0)
            if number < 0:
                break
            part = slot << 16 | way.moves[number].turn * turns
            if held is not None and moves != slot:
                held = await party.compute(held.size, parts.unmasked, party, held, giver, number)
            elif moves == slot and giver == me:
                assert held is not None
                others = [peer for peer in way.sets[at] if peer != me]
                masked = await party.compute(held.size, parts.masked, party, held, others, number)
                await parts.send(party, taker, part, masked)
                held = None
            elif moves == slot and taker == me:
                held = await parts.receive(party, giver, part)
        return held

    slots = await concurrently(*(carry(slot) for slot in range(scheme.threshold + 1)))
    moved = next((rows for rows in slots if rows is not None), None)
    if moved is None:
        return None
    return parts.planes(moved)[None] if parts.width else moved.reshape(-1, 2)


def walk_cost(scheme: Scheme, way: Way, x: Spec) -> Cost:
    pieces, record = _pieces(x.shape[0], record_of(x)), record_of(x)
    sizes = [(rows.stop - rows.start) * record for rows in pieces]
    octets = sum(8 * x.width * words(size) if x.kind == "bits" else 16 * size for size in sizes)
    sent, messages = [0] * scheme.parties, [0] * scheme.parties
    for _, number, _, giver, _ in way.steps():
        if number >= 0:
            sent[giver] += octets
            messages[giver] += len(pieces)
    return Cost(way.rounds, tuple(sent), tuple(messages))


async def shared_anew(f: Floor, *operands: Opaque, holders: tuple[int, ...], width: int = 0) -> Words:
    """The sum of the holders' parts as a sharing of degree t.

    Rounds    1
    Bytes     16 N (8 m width W) for each of (t+1)(n-1-t) messages
    Security  semi-honest: any t parties lack the polynomial of a holder
    """
    *part, size = operands
    mine = [part[0][0] if width and part else (part[0] if part else None)]
    if width:
        dealt = [f.deal_planes(d, mine[0] if f.me == d else None, width, size) for d in holders]
    else:
        dealt = [f.deal(d, mine[0] if f.me == d else None, size) for d in holders]
    total = await dealt[0]
    for sharing in dealt[1:]:
        total = f.xor(total, await sharing) if width else f.add(total, await sharing)
    return total
