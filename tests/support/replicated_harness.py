"""Sharings made in the clear, one primitive run at three simulated parties, and what the network saw of it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost, Share
from mpc.machine.party import Party
from mpc.machine.simulation import simulate_parties
from protocols.replicated.engine import ReplicatedEngine
from protocols.replicated.orders import Order
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of

LABELS = [bytes([d]) + b"replicated-test" for d in range(3)]


@cache
def engine() -> ReplicatedEngine:
    return ReplicatedEngine()


def plan(primitive: str, label: bytes, operands: Sequence[Any], parameters: dict[str, Any]) -> tuple[Any, Cost]:
    """Specification and cost."""
    return engine().plan(primitive, label, *operands, **parameters)


def values(rng: np.random.Generator, width: int, size: int | None) -> NDArray[np.int64]:
    """All values of a narrow width; else random ones of every magnitude, with the edges."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    if size is None and width <= 8:
        return np.arange(low, high + 1)
    x = rng.integers(low, high, size or 200, endpoint=True)
    x[::2] >>= rng.integers(0, width, x[::2].size)
    edges = [0, -1, low, high, 1, low + 1, high - 1]
    x[: len(edges)] = edges[: x.size]
    return x


def shared(values: ArrayLike, rng: np.random.Generator, width: int | None = None, zero: int | None = None) -> list[Any]:
    """Three shares of an integer array (of bits if a width is given); component `zero` can be made zero."""
    array = np.asarray(values)
    size = array.size
    if width is None:
        parts = rng.integers(0, 2**64, (3, size), np.uint64)
        if zero is not None:
            parts[zero] = 0
        fixed = 0 if zero != 0 else 1
        rest = [i for i in range(3) if i != fixed]
        parts[fixed] = array.reshape(-1).astype(np.int64).view(np.uint64) - parts[rest[0]] - parts[rest[1]]
        return [Arithmetic(np.ascontiguousarray(parts[[i - 1, i]]), array.shape) for i in range(3)]
    mask = np.uint64((1 << width) - 1)
    parts = rng.integers(0, 2**64, (3, size), np.uint64) & mask
    words = array.reshape(-1).astype(np.uint64) & mask
    parts[0] = words ^ parts[1] ^ parts[2]
    narrow = parts.astype(dtype_of(width))
    return [Bits(np.ascontiguousarray(narrow[[i - 1, i]]), array.shape, width) for i in range(3)]


def combined(shares: Sequence[Any]) -> NDArray[Any]:
    """The value of a sharing: int64, or uint64 words. Fails when two holders of a component disagree."""
    for i in range(0 if isinstance(shares[0], Order) else 3):
        np.testing.assert_array_equal(shares[i].data[1], shares[(i + 1) % 3].data[0], err_msg=f"component {i} is split")
    if isinstance(shares[0], Order):
        return chained(shares)
    parts = [share.data[1] for share in shares]
    shape = shares[0].shape
    if isinstance(shares[0], Bits):
        words: NDArray[np.uint64] = (parts[0] ^ parts[1] ^ parts[2]).astype(np.uint64)
        assert all(not np.any(part >> part.dtype.type(shares[0].width - 1) >> part.dtype.type(1)) for part in parts)
        return words.reshape(shape)
    total: NDArray[np.int64] = (parts[0] + parts[1] + parts[2]).view(np.int64)
    return total.reshape(shape)


def chained(shares: Sequence[Order]) -> NDArray[Any]:
    """Where each row of an order comes from; fails when two parties disagree on what both know."""
    for i in range(3):
        np.testing.assert_array_equal(shares[i].after, shares[(i + 1) % 3].before)
    d = shares[0].d
    rows = shares[d].before[shares[d].after][shares[(d + 1) % 3].after]
    assert all(share.reversed == shares[0].reversed and share.d == d for share in shares)
    if shares[0].public is None:
        assert all(share.public is None for share in shares)
    else:
        for share in shares:
            np.testing.assert_array_equal(share.public, shares[0].public)
        rows = rows[shares[0].public]
    return np.argsort(rows) if shares[0].reversed else rows


@dataclass
class Ran:
    """What a primitive gave, what it cost and what was sent under its label."""

    results: list[Any]
    cost: Cost
    planned: Cost
    network: MemoryNetwork

    @property
    def value(self) -> NDArray[Any]:
        return combined(self.results)


def run(
    primitive: str,
    *operands: Sequence[Share],
    label: bytes = LABELS[0],
    seed: int = 1,
    record: bool = False,
    network: MemoryNetwork | None = None,
    inner: bool | str = False,
    **parameters: Any,
) -> Ran:
    """Run one primitive on sharings; its specification and cost are held against the plan every time.

    `inner`: it is made of inner operations, one after the other; "beside": some beside each other, so that their
    rounds cannot be told from the network.
    """
    net = network if network is not None else MemoryNetwork(3)
    net.record = [] if record else None

    async def program(party: Party) -> Any:
        arguments = dict(parameters)
        if primitive == "input" and party.index != arguments["owner"]:
            arguments["values"] = None
        result = getattr(engine(), primitive)(party, *(x[party.index] for x in operands), **arguments)
        return await result if inspect.isawaitable(result) else result

    done = simulate_parties(program, label=label, seed=seed, network=net)
    messages = [(sender, size) for sender, _, tag, size in net.messages if tag[:16] == label]
    if inner:
        messages = [(sender, size) for sender, _, _, size in net.messages]
        labels = {tag[:16] for _, _, tag, _ in net.messages}
    else:
        labels = {label}
    assert len(messages) == len(net.messages), "a message under another label"
    cost = Cost(
        sum(net.rounds(one) for one in labels),
        tuple(sum(size for sender, size in messages if sender == i) for i in range(3)),
        tuple(sum(1 for sender, _ in messages if sender == i) for i in range(3)),
    )
    spec, planned = engine().plan(primitive, label, *(x[0].spec for x in operands), **parameters)
    if inner == "beside":
        cost = Cost(planned.rounds, cost.bytes_sent, cost.messages)
    if primitive != "open":
        assert all(share.spec == spec for share in done.results)
    assert cost == planned, f"{primitive}: cost {cost}, plan {planned}"
    return Ran(done.results, cost, planned, net)
