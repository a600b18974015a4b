"""The floor that protocols are written on: local arithmetic on shares, and the four ways to send shares.

Inside one chunk a sharing of N numbers is an array (N, 2) of words, modulo 2^127 - 1. A sharing of N words of k bits is
an array (m, k, W), W = ceil(N / 64), over GF(2^m): entry (e, j) is plane e of bit j, with 64 elements a word. *Degree*
is that of the sharing's polynomials: t, or 2t for the results of `product` and `masks`, which only the committee holds.

    deal          a party shares values that it knows, degree t
    masks         maskers share random numbers, degree 2t; nothing is sent
    to_king       values of degree 2t, which the committee holds, are opened to the king
    reduce        from degree 2t to t

The dealer of a value takes the polynomial through the value and through t streams, which are the shares of the next t
parties. The dealer has these streams in common with them, so they need no message: for n = 2t+1, t messages in place of
2t. With degree 2t, the shares of all other members of the committee are streams, and no message is sent. `Floor` does
this at a party. `Tally`, with the same methods, counts the cost: a plan is the protocol itself, run on a tally.

Each of the four sends at once and returns an awaitable, so independent steps share a round.

Costs in docstrings: N elements, W = ceil(N / 64) words a plane, m planes a bit. A product takes P = (2t+1)(n-1-t)
messages: all members of the committee deal. Where king and maskers deal, there are D = (t+1)(n-1-t) messages. Rounds
are the sum over steps in sequence. The longest chain of messages, which a plan gives, can be a round or two shorter: a
party whose share is a stream waits for no message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.party import Party
from mpc.untyped import Opaque
from protocols.engines import MOST
from protocols.shamir import kernels, kernels_planes, local
from protocols.shamir.binary_field import product_steps
from protocols.shamir.committee import Committee, Scheme
from protocols.shamir.fields import BinaryField, Field, PrimeField
from protocols.shamir.rooms import checked_room, mask_bits

Words = NDArray[np.uint64]
T = TypeVar("T")

_SECRET = b"shamir/mask"
#: Purposes of the streams that a dealer has in common with other parties, by the index of the dealer.
_DEALERS = tuple(b"shamir/share " + bytes((dealer,)) for dealer in range(MOST))
_PRIME = PrimeField()
_BINARY = {m: BinaryField(m) for m in (2, 3, 4, 5)}


class Done(Generic[T]):
    """Awaitable whose value is known already."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, T]:
        return self.value
        yield


class Later(Generic[T]):
    """Awaitable that begins when it is awaited, so a run that fails earlier leaves no unfinished coroutine."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __await__(self) -> Generator[Any, None, T]:
        return self.function(*self.arguments).__await__()


class Masks:
    """The sum of random numbers, or words of bits, that the maskers drew.

    share   this party's share of the sum, degree 2t (None outside of the committee)
    own     the summand that this party drew, in the clear (None unless it is a masker)
    """

    __slots__ = ("own", "share")

    def __init__(self, share: Words | None, own: Words | None) -> None:
        self.share = share
        self.own = own


class Floor:
    """One party inside one chunk of an operation."""

    def __init__(self, party: Party, scheme: Scheme, committee: Committee, base: int) -> None:
        self.party = party
        self.scheme = scheme
        self.committee = committee
        self.me = party.index
        self.member = self.me in committee.members
        self._part = base
        self._draws = base
        self._prime = _PRIME
        self._binary = _BINARY[scheme.degree]

    def _next(self) -> int:
        self._part += 1
        return self._part

    def _next_drawn(self) -> int:
        self._draws += 1
        return self._draws

    # ---- local, numbers
    def constant(self, value: int, size: int) -> Words:
        """A public number as a sharing: all parties have the same share."""
        return local.constant(value, size)

    def add(self, x: Words, y: Words) -> Words:
        return local.add(x, y)

    def subtract(self, x: Words, y: Words) -> Words:
        return local.subtract(x, y)

    def add_one(self, x: Words, value: int) -> Words:
        return local.add_one(x, value)

    def scale(self, x: Words, factor: int) -> Words:
        return local.scale_one(x, factor)

    def combine(self, factors: Sequence[int], xs: Sequence[Words]) -> Words:
        """The sum of public factors times arrays."""
        return local.combine(factors, xs)

    def product(self, x: Words, y: Words) -> Words:
        """x y, degree 2t."""
        return local.multiply(x, y)

    def products(self, pairs: Sequence[tuple[Words, Words]]) -> Words:
        """The sum of products, degree 2t."""
        out = self.product(*pairs[0])
        for x, y in pairs[1:]:
            kernels.multiply_add(x, y, out)
        return out

    def bilinear(self, coefficients: Words, low: Words, high: Words) -> Words:
        """The sum of public coefficients[r, c] times high[r] low[c], degree 2t; low and high are (k, N, 2)."""
        out = np.empty(low.shape[1:], np.uint64)
        kernels.bilinear(coefficients, low, high, out)
        return out

    def stacked(self, xs: Sequence[Words]) -> Words:
        """k arrays of numbers as one array (k, N, 2)."""
        return np.stack(xs)

    def reduce_all(self, zs: Sequence[Words | None], size: int) -> Awaitable[list[Words]]:
        """Reduce several arrays of degree 2t together: the bytes of `reduce` for all of them, the messages of one."""
        if not zs:
            return Done([])
        z = self.joined([array for array in zs if array is not None]) if self.member else None
        return Later(self._parted, self.reduce(z, len(zs) * size), len(zs), size)

    async def _parted(self, waiting: Awaitable[Words], count: int, size: int) -> list[Words]:
        reduced = await waiting
        return [self.rows(reduced, i, size) for i in range(count)]

    def joined(self, xs: Sequence[Words]) -> Words:
        """Join arrays of numbers, or planes of bits, one after the other."""
        return xs[0] if len(xs) == 1 else np.concatenate(xs, axis=0 if xs[0].ndim == 2 else 1)

    def rows(self, x: Words, index: int, size: int) -> Words:
        """Array `index` of joined arrays of `size` numbers each."""
        return x[index * size : (index + 1) * size]

    # ---- local, bits
    def xor(self, x: Words, y: Words) -> Words:
        return x ^ y

    def invert(self, x: Words) -> Words:
        """Flip all bits: the constant 1 is the polynomial 1, with the share 1 at all parties."""
        out = x.copy()
        np.invert(out[0], out=out[0])
        return out

    def conjunction(self, x: Words, y: Words) -> Words:
        """x & y, degree 2t."""
        out = np.zeros(x.shape, np.uint64)
        steps = product_steps(self.scheme.degree)
        kernels_planes.product_planes(steps, np.ascontiguousarray(x), np.ascontiguousarray(y), out)
        return out

    def planes(self, values: Words, width: int) -> Words:
        """Clear numbers as clear planes (width, W) of their low bits."""
        out = np.empty((width, words(len(values))), np.uint64)
        kernels_planes.to_planes(values, np.empty(64, np.uint64), out)
        return out

    def numbers(self, planes: Words, size: int) -> Words:
        """Clear planes (k, W) as clear numbers 0 and 1, one for each bit: (k size, 2)."""
        out = np.empty((planes.shape[0], size, 2), np.uint64)
        for row, plane in zip(out, planes, strict=True):
            kernels_planes.bits_to_field(plane, row)
        return out.reshape(-1, 2)

    # ---- steps of one party in the clear
    def at(self, index: int, function: Callable[..., Words], *arguments: Opaque) -> Words | None:
        """The value of a function at one party; None elsewhere."""
        return function(*arguments) if self.me == index else None

    # ---- sending, numbers
    def deal(self, dealer: int, values: Words | None, size: int) -> Awaitable[Words]:
        """Share numbers that `dealer` knows."""
        return self._dealt(self._prime, dealer, values, (size, 2))

    def deal_planes(self, dealer: int, planes: Words | None, width: int, size: int) -> Awaitable[Words]:
        """Share words of bits that `dealer` knows, as planes (width, W)."""
        return self._dealt(self._binary, dealer, self._as_elements(planes), self._shape(width, size))

    def drawn(self, size: int, bits: int) -> Words:
        """Uniform numbers of `bits` bits that this party alone knows."""
        out = np.empty((size, 2), np.uint64)
        self.party.keys.private.fill(out, self.party.label, _SECRET, self._next_drawn())
        kernels.drawn(out, np.uint64(bits))
        return out

    def drawn_planes(self, width: int, size: int) -> Words:
        """Uniform planes (width, W) that this party alone knows."""
        out = np.empty((width, words(size)), np.uint64)
        self.party.keys.private.fill(out, self.party.label, _SECRET, self._next_drawn())
        return out

    def masks(self, size: int, room: int) -> Masks:
        """Uniform numbers from each masker, as long as the modulus allows: they hide numbers of `room` bits (`rooms`).

        Raises RangeError if `room` is more than masks can hide.
        """
        checked_room(self.scheme.threshold, room)
        bits = mask_bits(self.scheme.threshold)
        own = self.drawn(size, bits) if self.me in self.committee.maskers else None
        return self._masked(self._prime, (size, 2), own, own)

    def masks_planes(self, width: int, size: int) -> Masks:
        """Uniform words of bits from each masker; `own` are planes (width, W)."""
        own = self.drawn_planes(width, size) if self.me in self.committee.maskers else None
        return self._masked(self._binary, self._shape(width, size), own, self._as_elements(own))

    def to_king(self, z: Words | None, size: int) -> Awaitable[Words | None]:
        """Open numbers of degree 2t to the king; None at the other parties."""
        return self._gathered(self._prime, z, (size, 2))

    def masked_to_king(
        self, z: Words | None, size: int, *, room: int, offset: int
    ) -> tuple[Masks, Awaitable[Words | None]]:
        """Open x + offset plus masks to the king, -2^(room-1) <= x < 2^(room-1); z is x with degree t or 2t.

        All masked numbers are opened here, except in `adder.open_summands`: there they follow from one owner's inputs
        alone. Raises as `masks` does.
        """
        r = self.masks(size, room)
        masked = self.add(self.add_one(z, offset), r.share) if z is not None and r.share is not None else None
        return r, self.to_king(masked, size)

    def to_king_planes(self, z: Words | None, width: int, size: int) -> Awaitable[Words | None]:
        """Open words of bits of degree 2t to the king, as planes (width, W); None at the other parties."""
        return Later(self._lowest_plane, self._gathered(self._binary, z, self._shape(width, size)))

    def reduce(self, z: Words | None, size: int) -> Awaitable[Words]:
        """Reduce numbers from degree 2t to t: each member deals its share times its coefficient."""
        return self._reduced(self._prime, z, (size, 2))

    def reduce_planes(self, z: Words | None, width: int, size: int) -> Awaitable[Words]:
        """Reduce words of bits from degree 2t to t."""
        return self._reduced(self._binary, z, self._shape(width, size))

    def _shape(self, width: int, size: int) -> tuple[int, int, int]:
        return self.scheme.degree, width, words(size)

    def _as_elements(self, planes: Words | None) -> Words | None:
        """Clear planes of bits as elements of the binary field."""
        if planes is None:
            return None
        out = np.zeros((self.scheme.degree, *planes.shape), np.uint64)
        out[0] = planes
        return out

    # ---- for both fields
    def _dealt(self, field: Field, dealer: int, secret: Words | None, shape: tuple[int, ...]) -> Awaitable[Words]:
        part = self._next()
        if self.me == dealer:
            assert secret is not None
            return Done(self._send_shares(field, part, secret, shape))
        if self.me in self.scheme.silent[dealer]:
            return Done(self._stream(field, dealer, dealer, part, shape))
        return Later(self.party.receive, dealer, part, shape, np.uint64)

    def _send_shares(
        self, field: Field, part: int, secret: Words, shape: tuple[int, ...], members: tuple[int, ...] = ()
    ) -> Words:
        """Deal `secret`, degree t; return our share. With points `members`: deal our share times its coefficient."""
        scheme, me = self.scheme, self.me
        streams = np.empty((scheme.threshold, *shape), np.uint64)
        for j, peer in enumerate(scheme.silent[me]):
            self._fill(peer, me, part, streams[j])
        shares = field.spread(secret, streams, scheme.silent_points[me], scheme.targets[me], members, me + 1)
        for share, peer in zip(shares, scheme.receivers[me], strict=False):
            self.party.send(peer, part, share)
        ours: Words = shares[-1]
        return ours

    def _fill(self, peer: int, dealer: int, part: int, out: Words) -> None:
        self.party.keys.pair[peer].fill(out, self.party.label, _DEALERS[dealer], part)

    def _stream(self, field: Field, peer: int, dealer: int, part: int, shape: tuple[int, ...]) -> Words:
        """The share that `dealer` and its receiver have in common; `peer` is the other one of the two."""
        out = np.empty(shape, np.uint64)
        self._fill(peer, dealer, part, out)
        field.uniform(out)
        return out

    def _masked(self, field: Field, shape: tuple[int, ...], own: Words | None, secret: Words | None) -> Masks:
        part = self._next()
        if not self.member:
            return Masks(None, None)
        total: Words | None = None
        for masker in self.committee.maskers:
            if masker == self.me:
                assert secret is not None
                share = self._silent_shares(field, part, secret, shape)
            else:
                share = self._stream(field, masker, masker, part, shape)
            if total is None:
                total = share
            else:
                field.add_into(total, share)
        return Masks(total, own)

    def _silent_shares(self, field: Field, part: int, secret: Words, shape: tuple[int, ...]) -> Words:
        """Deal `secret` to the committee, degree 2t; the shares of all others are streams. Return our share."""
        others = [peer for peer in self.committee.members if peer != self.me]
        streams = np.empty((len(others), *shape), np.uint64)
        for j, peer in enumerate(others):
            self._fill(peer, self.me, part, streams[j])
        points = tuple([peer + 1 for peer in others])
        shares: Words = field.spread(secret, streams, points, (self.me + 1,), (), 0)
        return shares.reshape(shape)

    def _gathered(self, field: Field, z: Words | None, shape: tuple[int, ...]) -> Awaitable[Words | None]:
        part = self._next()
        if self.me == self.committee.king:
            assert z is not None
            return Later(self._opened, field, part, z, shape)
        if self.member:
            assert z is not None
            self.party.send(self.committee.king, part, z)
        return Done(None)

    async def _opened(self, field: Field, part: int, z: Words, shape: tuple[int, ...]) -> Words:
        members = self.committee.members
        known = np.empty((len(members), *shape), np.uint64)
        known[0] = z
        for j, peer in enumerate(members[1:], 1):
            known[j] = await self.party.receive(peer, part, shape, np.uint64)
        return field.interpolate(tuple(peer + 1 for peer in members), 0, known)

    async def _lowest_plane(self, opened: Awaitable[Words | None]) -> Words | None:
        planes = await opened
        return None if planes is None else np.ascontiguousarray(planes[0])

    def _reduced(self, field: Field, z: Words | None, shape: tuple[int, ...]) -> Awaitable[Words]:
        part = self._next()
        ours: Words | None = None
        if self.member:
            assert z is not None
            ours = self._send_shares(field, part, z, shape, self.committee.points)
        return Later(self._collected, field, ours, part, shape)

    async def _collected(self, field: Field, total: Words | None, part: int, shape: tuple[int, ...]) -> Words:
        me = self.me
        for dealer in self.committee.streams[me]:
            if total is None:
                total = self._stream(field, dealer, dealer, part, shape)
                continue
            share = np.empty(shape, np.uint64)
            self._fill(dealer, dealer, part, share)
            field.add_stream(total, share)
        for dealer in self.committee.senders[me]:
            share = await self.party.receive(dealer, part, shape, np.uint64)
            if total is None:
                total = share
            else:
                field.add_into(total, share)
        assert total is not None
        return total


def words(size: int) -> int:
    """Words of 64 bits that hold one bit of each of `size` elements."""
    return -(-size // 64)
