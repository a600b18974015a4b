"""Orders that one party knows: rows in such an order, and rows copied to where their order asks for them.

The owner D knows the order. It is a chain of two permutations: x[first][second]. `first` is a stream of D and the next
party Y; `second` is what is left of the order, and D tells it to the party Z before it. Z does not know `first`, which
is uniform, so `second` is uniform to Z and tells nothing about the order; Y knows `first` alone.

For numbers x = A + B, where D knows A and the two others know B (`sharing`), one hop moves rows:

    Y -> Z   first(B) - m, m a stream of D and Y        Z: second(first(B) - m) = order(B) - second(m)
    D        order(A) + second(m), which it computes alone

So the moved rows are in two parts, at D and at Z, and D receives nothing. Backwards (the opposite order) Z begins and
the rows end at Y. The two parts become a replicated sharing by two messages to the third party:

    holder -> other   part - r, r a stream of D and the holder
    D -> other        D's part + r - s, s another stream of D and the holder

The components are part - r, D's part + r - s and s. Both messages are uniform to the other party, who lacks r and s.

`copying` needs rows moved to and fro with a running sum in between. Sums are local in two parts as well, so they are
reshared once, at the end, and only the rows that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Integers, Share, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.declared import per_element
from protocols.permuting import WORDS, Places, distance, inverted, told
from protocols.replicated import kernels, kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.hops import Hops, pieces_of
from protocols.replicated.masks import words
from protocols.replicated.sharing import Arithmetic, Bits, Words, dtype_of
from protocols.replicated.wire import packed_bytes

_FIRST, _M1, _M2, _R, _S = b"given first", b"given m1", b"given m2", b"given r", b"given s"
_GIVEN, _BACK = "given", "back"
#: Most rows of a message that tells an order.
_TOLD = 1 << 19


class Given(Share):
    """One party's part of an order of `rows` rows that party `owner` knows: the owner knows `first` and `second`, the
    party after it `first`, the party before it `second`. If `reversed`, the order undoes that chain."""

    __slots__ = ("_inverses", "first", "owner", "reversed", "rows", "second")

    def __init__(
        self, owner: int, rows: int, first: Places | None, second: Places | None, *, reversed: bool = False
    ) -> None:
        self.owner = owner
        self.rows = rows
        self.first = first
        self.second = second
        self.reversed = reversed
        self._inverses: dict[str, Places] = {}

    @property
    def spec(self) -> Spec:
        return _spec(self.owner, self.rows, back=self.reversed)

    def opposite(self) -> Given:
        """The order that undoes this order. Local."""
        order = Given(self.owner, self.rows, self.first, self.second, reversed=not self.reversed)
        order._inverses = self._inverses
        return order

    def steps(self) -> tuple[int, int, Places | None, Places | None]:
        """(the party that begins, the party where the rows end, the permutation of each, where this party knows it)."""
        after, before = (self.owner + 1) % 3, (self.owner + 2) % 3
        if not self.reversed:
            return after, before, self.first, self.second
        return before, after, self._inverse("second", self.second), self._inverse("first", self.first)

    def _inverse(self, name: str, places: Places | None) -> Places | None:
        if places is None:
            return None
        if name not in self._inverses:
            self._inverses[name] = inverted(places)
        return self._inverses[name]


def _spec(owner: int, rows: int, *, back: bool = False) -> Spec:
    return Spec((rows,), "order", form=f"{_GIVEN} {owner}" + (f" {_BACK}" if back else ""))


def is_given(order: Spec) -> bool:
    """Whether one party knows the order."""
    return order.form.startswith(_GIVEN)


def turned(order: Spec) -> Spec:
    """The specification of the opposite order."""
    owner, back = _of(order)
    return _spec(owner, order.shape[0], back=not back)


def _of(order: Spec) -> tuple[int, bool]:
    """(owner, whether the order is reversed)."""
    _, owner, *back = order.form.split()
    return int(owner), bool(back)


async def given_order(party: Party, *, owner: int, values: Integers | None, rows: int) -> Given:
    """An order that the party `owner` knows; `values` names for each place of the result the row that comes there.

    Rounds    1; 0 without rows
    Bytes     4 a row, from the owner to the party before it
    Security  semi-honest: the party after the owner receives nothing, and the party before it a permutation that is
              uniform to it, up to `distance`. Any permutation is a valid order, so an owner that lies gives another one
    Raises    LocalProtocolError at an owner whose `values` are no permutation; RemoteProtocolError, which names the
              owner, at the party that is told something else than a permutation
    """
    after, before = (owner + 1) % 3, (owner + 2) % 3
    await kernels.loaded(kernels_order.GROUP, party.env.busy)

    def drawn(peer: int) -> Places:
        out = np.empty(rows, np.uint32)
        kernels_order.permuted(words(party, peer, _FIRST, 0, WORDS * rows), out)
        return out

    if party.index == after:
        return Given(owner, rows, await party.compute(rows, drawn, owner), None)
    if party.index == owner:
        assert values is not None
        order = told(values, rows, owner, owner)
        first = await party.compute(rows, drawn, after)
        second = await party.compute(rows, lambda: inverted(first)[order])
        for part, start in enumerate(range(0, rows, _TOLD)):
            await party.room()
            party.send(before, part << 16, second[start : start + _TOLD])
        return Given(owner, rows, first, second)
    second = np.empty(rows, np.uint32)
    for part, start in enumerate(range(0, rows, _TOLD)):
        piece = second[start : start + _TOLD]
        piece[...] = await party.receive(owner, part << 16, (piece.size,), np.uint32)
    return Given(owner, rows, None, told(second, rows, owner, party.index))


def given_order_plan(label: bytes, *, owner: int, values: object = None, rows: int) -> tuple[Spec, Cost]:
    count = -(-rows // _TOLD)
    sent, messages = [0, 0, 0], [0, 0, 0]
    sent[owner], messages[owner] = 4 * rows, count
    return _spec(owner, rows), Cost(1 if rows else 0, tuple(sent), tuple(messages), distance(rows))


class _Line:
    """Rows of `record` words in two parts, at the owner of an order and at one other party; None at the third."""

    def __init__(self, party: Party, x: Arithmetic | Bits, order: Given, record: int) -> None:
        self.party, self.owner = party, order.owner
        self.record = record
        self.x = x
        self.hops = Hops(party, x, order.rows, record)

    def side(self) -> Words:
        """What this party knows of x = A + B as a flat array: A at the owner, B at the others."""
        data = self.x.data
        if self.party.index == self.owner:
            return np.ascontiguousarray(data[0] ^ data[1] if self.hops.bits else data[0] + data[1], np.uint64)
        # B is the component that the owner lacks: row 1 at the party after it, row 0 at the party before it.
        row = 1 if self.party.index == (self.owner + 1) % 3 else 0
        return np.ascontiguousarray(data[row], np.uint64)

    async def move(self, part: Words | None, order: Given, purpose: bytes, step: int) -> Words | None:
        """The rows in this order. `part`: at the owner A, at the party that begins B."""
        begins, ends, p, q = order.steps()
        hops, party = self.hops, self.party
        if party.index == begins:
            assert part is not None
            assert p is not None
            for piece in hops.pieces:
                mask = hops.mask(self.owner, purpose, piece)
                hidden = await hops.compute(part, p[piece[0] : piece[1]], mask, hops.minus)
                await hops.send(ends, piece, hidden, step)
            return None
        if party.index == ends:
            assert q is not None
            return await self._taken(await hops.whole(begins, step), q)
        assert part is not None
        assert p is not None
        assert q is not None
        mask = hops.masks(begins, purpose)

        def together(part: Words, p: Places, q: Places) -> Words:
            out = np.empty_like(mask)
            kernels_order.taken_together(part, p[q], mask, q, self.record, hops.plus, out)
            return out

        return await party.compute(mask.size, together, part, p, q)

    async def _taken(self, x: Words, rows: Places) -> Words:
        def taken() -> Words:
            out = np.empty_like(x)
            kernels_order.taken(x, rows, self.record, out)
            return out

        return await self.party.compute(x.size, taken)

    async def each(self, part: Words | None, function: Callable[[Words], Words]) -> Words | None:
        """A linear function of the rows, which each holder of a part computes alone."""
        return None if part is None else await self.party.compute(part.size, function, part)

    async def reshared(self, part: Words | None, holder: int, rows: int, step: int) -> tuple[Words, Words]:
        """The components of the first `rows` rows that this party holds: the one that the party before it holds too,
        and the one that the party after it holds too. `part`: at the owner and at the holder."""
        party, owner = self.party, self.owner
        hops = Hops(party, self.x, rows, self.record)
        other = 3 - owner - holder
        mine: dict[int, Words] = {}
        if party.index == other:
            mine[holder] = await hops.whole(holder, step)
            mine[owner] = await hops.whole(owner, step + 1)
        else:
            assert part is not None
            peer = holder if party.index == owner else owner
            common = hops.masks(peer, _S)
            sent = hops.masks(peer, _R)

            def hidden(part: Words, r: Words) -> Words:
                part = part[: r.size]
                if hops.bits:
                    r ^= part
                    if party.index == owner:
                        r ^= common
                elif party.index == owner:
                    r += part
                    r -= common
                else:
                    np.subtract(part, r, out=r)
                return r

            component = await party.compute(sent.size, hidden, part, sent)
            for piece in hops.pieces:
                await hops.send(other, piece, component[hops.part(piece)], step + (party.index == owner))
            mine = {peer: common, other: component}
        return mine[(party.index + 2) % 3], mine[(party.index + 1) % 3]


async def moved(party: Party, x: Arithmetic | Bits, order: Given) -> Arithmetic | Bits:
    """The rows of x in an order that one party knows.

    Shapes    x, result: (n, ...), with m elements in all; order: n rows
    Ring      that of x; bits by exclusive or
    Rounds    2
    Bytes     m elements from each party (bits: packed words)
    Security  semi-honest: see the module. The owner receives nothing; each other message is masked by a stream of the
              owner and the sender
    Source    our own; two parties that permute in turn are from Laur, Willemson, Zhang, ISC 2011
    """
    if not x.size:
        return x
    line = _Line(party, x, order, x.size // order.rows)
    ends = order.steps()[1]
    part = await line.move(line.side() if party.index != ends else None, order, _M1, 0)
    rows = await line.reshared(part, ends, order.rows, 1)
    return _shared(rows, x, x.shape)


def _shared(rows: tuple[Words, Words], like: Arithmetic | Bits, shape: tuple[int, ...]) -> Arithmetic | Bits:
    if isinstance(like, Arithmetic):
        return Arithmetic(np.stack(rows), shape)
    data: NDArray[np.uint64] = np.empty((2, rows[0].size), dtype_of(like.width))
    data[0], data[1] = rows
    return Bits(data, shape, like.width)


def moved_cost(x: Spec, order: Spec) -> Cost:
    """The cost of `moved`."""
    return _cost(x, order, (x.shape[0], 0, x.shape[0]))


def _cost(x: Spec, order: Spec, rows: tuple[int, int, int]) -> Cost:
    """The cost of a hop of `rows[0]` rows from the party that begins, a hop of `rows[1]` rows back to it, and resharing
    of `rows[2]` rows."""
    owner, back = _of(order)
    begins = (owner + (2 if back else 1)) % 3
    ends = 3 - owner - begins
    there, again, kept = (_messages(x, count) for count in rows)
    holder = begins if rows[1] else ends
    # The owner waits for nobody: its part is there before the holder's.
    hops = [[(begins, there)], [(ends, again)], [(holder, kept)]] if rows[1] else [[(begins, there)], [(holder, kept)]]
    hops[-2].append((owner, kept))
    cost = Cost()
    for hop in hops:
        sent, messages = [0, 0, 0], [0, 0, 0]
        for sender, (octets, count) in hop:
            sent[sender] += octets
            messages[sender] += count
        cost = cost.then(Cost(1, tuple(sent), tuple(messages)))
    return cost


def _messages(x: Spec, rows: int) -> tuple[int, int]:
    """(bytes, messages) of some rows of x."""
    record = size_of(x.shape[1:])
    pieces = pieces_of(rows, record)
    width = x.width if x.kind == "bits" else 64
    return sum(packed_bytes((stop - start) * record, width) for start, stop, _ in pieces), len(pieces)


async def there_and_back(
    party: Party,
    x: Arithmetic,
    order: Given,
    rows: int,
    functions: tuple[Callable[[Words], Words], Callable[[Words], Words], Callable[[Words], Words]],
) -> tuple[Words, Words]:
    """Numbers moved in an order that one party knows, and back: the components of `rows` rows at the end.

    functions  linear functions of flat arrays: of x before it is moved (it gives all rows of the order), of all rows in
               the order, in place, and of all rows when they are back
    Rounds     3
    Bytes      8 a word: all rows from the party that begins, all rows back to it, then `rows` rows from it and from the
               owner
    Security   semi-honest: see the module. The masks of both hops, and those of the end, are different streams
    """
    before, between, after = functions
    line = _Line(party, x, order, size_of(x.shape[1:]))
    begins, ends, _, _ = order.steps()
    part = None if party.index == ends else line.side()
    part = await line.each(part, before)
    part = await line.move(part, order, _M1, 0)
    part = await line.each(part, between)
    part = await line.move(part, order.opposite(), _M2, 1)
    part = await line.each(part, after)
    return await line.reshared(part, begins, rows, 2)


def there_and_back_cost(x: Spec, order: Spec, rows: int) -> Cost:
    """The cost of `there_and_back`."""
    return _cost(x, order, (order.shape[0], order.shape[0], rows))


declare(
    "given_order",
    given_order,
    plan=given_order_plan,
    work=per_element(20.0, of_result=True),
    kernels=kernels_order.GROUP,
)
