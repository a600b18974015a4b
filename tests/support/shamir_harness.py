"""Sharings made in the clear, protocols run at simulated parties on them, and what the network saw of it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost, Share
from mpc.machine.party import Party
from mpc.machine.simulation import simulate_parties
from protocols.shamir import kernels
from protocols.shamir.committee import Committee, Scheme
from protocols.shamir.engine import ShamirEngine
from protocols.shamir.fields import BinaryField, Field, PrimeField
from protocols.shamir.floor import _DEALERS, Floor
from protocols.shamir.prime import PRIME
from protocols.shamir.sharing import Numbers, Planes, encoded, joined_words, split_words

Words = NDArray[np.uint64]
#: Parties and thresholds: the largest one for few parties, and smaller ones.
SCHEMES = [(3, 1), (4, 1), (5, 2), (5, 1), (7, 3), (7, 2)]


@cache
def engine(parties: int = 3, threshold: int | None = None) -> ShamirEngine:
    return ShamirEngine(parties, threshold)


def label(first: int, parties: int) -> bytes:
    """A label whose first chunk has the committee that begins with `first`."""
    assert first < parties
    return bytes([first]) + b"shamir-test-lab"


def integers_of(elements: ArrayLike) -> list[int]:
    """Elements (size, 2) as Python integers."""
    return [int(low) | int(high) << 64 for low, high in np.asarray(elements).reshape(-1, 2)]


def elements_of(values: Iterable[int]) -> Words:
    """Python integers, of any size and sign, as elements."""
    return np.asarray([((v % PRIME) & (2**64 - 1), (v % PRIME) >> 64) for v in values], np.uint64).reshape(-1, 2)


def field_of(scheme: Scheme, bits: bool) -> Field:
    return BinaryField(scheme.degree) if bits else PrimeField()


def dealt(
    scheme: Scheme, secret: Words, rng: np.random.Generator, *, degree: int | None = None, bits: bool = False
) -> list[Words]:
    """All parties' shares of an array of elements, by polynomials that are random but for their degree."""
    field = field_of(scheme, bits)
    degree = scheme.threshold if degree is None else degree
    known = rng.integers(0, 2**64, (degree + 1, *secret.shape), np.uint64)
    for one in known:
        field.uniform(one)
    known[0] = secret
    points = tuple(range(degree + 1))
    return [field.interpolate(points, i + 1, known) for i in range(scheme.parties)]


def shared(
    values: ArrayLike,
    rng: np.random.Generator,
    parties: int = 3,
    threshold: int | None = None,
    width: int | None = None,
) -> list[Any]:
    """Shares of integers, or of words of bits if a width is given."""
    scheme = engine(parties, threshold).scheme
    array = np.asarray(values)
    if width is None:
        return [Numbers(data, array.shape) for data in dealt(scheme, encoded(array), rng)]
    planes = split_words(array.astype(np.uint64) & np.uint64((1 << width) - 1), width)
    secret = np.zeros((scheme.degree, *planes.shape), np.uint64)
    secret[0] = planes
    return [Planes(data, array.shape, width) for data in dealt(scheme, secret, rng, bits=True)]


def opened(scheme: Scheme, shares: Sequence[Words], *, degree: int | None = None, bits: bool = False) -> Words:
    """The elements that arrays of shares stand for. Fails unless all parties' lie on polynomials of this degree."""
    field = field_of(scheme, bits)
    degree = scheme.threshold if degree is None else degree
    points = tuple(range(1, degree + 2))
    known = np.ascontiguousarray(np.stack(shares[: degree + 1]))
    for i in range(degree + 1, scheme.parties):
        np.testing.assert_array_equal(field.interpolate(points, i + 1, known), shares[i], err_msg=f"party {i}")
    return field.interpolate(points, 0, known)


def combined(scheme: Scheme, shares: Sequence[Any]) -> NDArray[Any]:
    """The value of a sharing: integers, or words."""
    x = shares[0]
    value = opened(scheme, [share.data for share in shares], bits=isinstance(x, Planes))
    if isinstance(x, Planes):
        # Bits beyond the elements may be anything; those of elements lie in the field of two.
        words = joined_words(value[0], x.size).reshape(x.shape)
        for plane in value[1:]:
            assert not joined_words(plane, x.size).any()
        return words
    out, beyond = np.empty(x.size, np.int64), np.zeros(1, np.int64)
    kernels.decode(value, out, beyond)
    assert not beyond[0], "a value is beyond +-2^62"
    return out.reshape(x.shape)


@dataclass
class Ran:
    """What a primitive gave, what it cost and what was sent."""

    scheme: Scheme
    results: list[Any]
    cost: Cost
    network: MemoryNetwork

    @property
    def value(self) -> NDArray[Any]:
        return combined(self.scheme, self.results)


def run(
    primitive: str,
    *operands: Sequence[Share],
    parties: int = 3,
    threshold: int | None = None,
    first: int = 0,
    seed: int = 1,
    record: bool = False,
    network: MemoryNetwork | None = None,
    beside: bool = False,
    **parameters: Any,
) -> Ran:
    """Run one primitive on sharings; its specification and cost are held against the plan every time.

    `beside`: it is made of inner operations of which some run beside each other, so that their rounds cannot be told
    from the network.
    """
    machine = engine(parties, threshold)
    net = network if network is not None else MemoryNetwork(parties)
    net.record = [] if record else None
    under = label(first, parties)

    async def program(party: Party) -> Any:
        arguments = dict(parameters)
        if primitive == "input" and party.index != arguments["owner"]:
            arguments["values"] = None
        result = getattr(machine, primitive)(party, *(x[party.index] for x in operands), **arguments)
        return await result if inspect.isawaitable(result) else result

    done = simulate_parties(program, parties=parties, label=under, seed=seed, network=net)
    labels = {tag[:16] for _, _, tag, _ in net.messages}
    cost = Cost(
        sum(net.rounds(one) for one in labels),
        tuple(sum(size for sender, _, _, size in net.messages if sender == i) for i in range(parties)),
        tuple(sum(1 for sender, _, _, _ in net.messages if sender == i) for i in range(parties)),
    )
    spec, planned = machine.plan(primitive, under, *(x[0].spec for x in operands), **parameters)
    if beside:
        cost = Cost(planned.rounds, cost.bytes_sent, cost.messages)
    if primitive != "open":
        assert all(share.spec == spec for share in done.results)
    assert cost == planned, f"{primitive}: cost {cost}, plan {planned}"
    return Ran(machine.scheme, done.results, cost, net)


def on_floor(
    program: Callable[[Floor], Awaitable[Any]],
    parties: int = 3,
    threshold: int | None = None,
    first: int = 0,
    seed: int = 1,
    network: MemoryNetwork | None = None,
) -> tuple[list[Any], MemoryNetwork]:
    """`await program(floor)` at every party, in one chunk; also the network."""
    scheme = engine(parties, threshold).scheme

    async def at(party: Party) -> Any:
        return await program(Floor(party, scheme, Committee(scheme, first), 0))

    done = simulate_parties(at, parties=parties, label=label(first, parties), seed=seed, network=network)
    return done.results, done.network


def dealer_of(purpose: bytes) -> int:
    """Of the share that a stream of a pair is."""
    return _DEALERS.index(purpose)
