"""Sharings made in the clear, one primitive run at three simulated parties, and what the network saw of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.machine.simulation import simulate_parties
from protocols.replicated.engine import ReplicatedEngine
from protocols.replicated.orders import Order
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of

LABELS = [bytes([d]) + b"replicated-test" for d in range(3)]


@cache
def engine() -> ReplicatedEngine:
    return ReplicatedEngine()


def plan(primitive, label, operands, parameters):
    """Specification and cost."""
    return engine().plan(primitive, label, *operands, **parameters)


def values(rng, width, size):
    """All values of a narrow width; else random ones of every magnitude, with the edges."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    if size is None and width <= 8:
        return np.arange(low, high + 1)
    x = rng.integers(low, high, size or 200, endpoint=True)
    x[::2] >>= rng.integers(0, width, x[::2].size)
    edges = [0, -1, low, high, 1, low + 1, high - 1]
    x[: len(edges)] = edges[: x.size]
    return x


def shared(values, rng, width=None, zero=None):
    """Three shares of an integer array (of bits if a width is given); component `zero` can be made zero."""
    values = np.asarray(values)
    size = values.size
    if width is None:
        parts = rng.integers(0, 2**64, (3, size), np.uint64)
        if zero is not None:
            parts[zero] = 0
        fixed = 0 if zero != 0 else 1
        rest = [i for i in range(3) if i != fixed]
        parts[fixed] = values.reshape(-1).astype(np.int64).view(np.uint64) - parts[rest[0]] - parts[rest[1]]
        make = lambda data: Arithmetic(data, values.shape)  # noqa: E731
    else:
        mask = np.uint64((1 << width) - 1)
        parts = rng.integers(0, 2**64, (3, size), np.uint64) & mask
        words = values.reshape(-1).astype(np.uint64) & mask
        parts[0] = words ^ parts[1] ^ parts[2]
        parts = parts.astype(dtype_of(width))
        make = lambda data: Bits(data, values.shape, width)  # noqa: E731
    return [make(np.ascontiguousarray(parts[[i - 1, i]])) for i in range(3)]


def combined(shares):
    """The value of a sharing: int64, or uint64 words. Fails when two holders of a component disagree."""
    for i in range(0 if isinstance(shares[0], Order) else 3):
        np.testing.assert_array_equal(shares[i].data[1], shares[(i + 1) % 3].data[0], err_msg=f"component {i} is split")
    if isinstance(shares[0], Order):
        return chained(shares)
    parts = [share.data[1] for share in shares]
    shape = shares[0].shape
    if isinstance(shares[0], Bits):
        words = (parts[0] ^ parts[1] ^ parts[2]).astype(np.uint64)
        assert all(not np.any(part >> part.dtype.type(shares[0].width - 1) >> part.dtype.type(1)) for part in parts)
        return words.reshape(shape)
    return (parts[0] + parts[1] + parts[2]).view(np.int64).reshape(shape)


def chained(shares):
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
    def value(self):
        return combined(self.results)


def run(primitive, *operands, label=LABELS[0], seed=1, record=False, network=None, inner=False, **parameters) -> Ran:
    """Run one primitive on sharings; its specification and cost are held against the plan every time.

    `inner`: it is made of inner operations, one after the other; "beside": some beside each other, so that their
    rounds cannot be told from the network.
    """
    net = network if network is not None else MemoryNetwork(3)
    net.record = [] if record else None

    async def program(party):
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
