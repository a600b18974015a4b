"""The protocols of MPyC that send, written again on top of a session: `input`, `output`, resharing and `transfer`.

They send the same values as in MPyC, to the same parties in the same rounds, so the rest of MPyC need not change. The
differences: vectors are encoded in a fixed width and checked on arrival, whole vectors are split and recombined at
once, and objects are data and not pickles. Beside these protocols, labels have 128 bits (`labels`), all holders of a
key for pseudorandom sharing contribute to it (`pseudorandom`), and an exception in a coroutine ends the run (`watch`).
Imports MPyC: only inside a run.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mpyc import finfields

from mpc.errors import LocalProtocolError
from parties.mpyc import objects
from parties.mpyc.network import network, receive, send
from parties.mpyc.vectors import Vectors


def vectors(runtime: Any, x: list[Any]) -> tuple[Vectors, Any]:
    """The form in which the shares in `x` are sent, and their values."""
    if isinstance(x[0], finfields.FiniteFieldElement):
        return Vectors(type(x[0]), len(x), None, runtime.comity.exchange.names), [a.value for a in x]
    values = x[0].value
    return Vectors(x[0].field, values.size, values.shape, runtime.comity.exchange.names), values.reshape(-1)


def placeholder(runtime: Any, x: list[Any], *dims: int) -> Any:
    """MPyC's placeholder for the result of a step on secure `x`, until the result is there."""
    kind = type(x[0])
    array = issubclass(kind, runtime.SecureArray)
    parts = [kind, *([x[0].integral] if kind.frac_length else []), *([x[0].shape] if array else [])]
    return runtime.returnType(tuple(parts) if len(parts) > 1 else kind, *dims)


async def transfer(
    self: Any, obj: Any, senders: Any = None, receivers: Any = None, sender_receivers: Any = None
) -> Any:
    """Send an object from each of the senders to each of the receivers (default: all to all), or along arcs.

    Rounds 1. Objects that can be sent: `parties.mpyc.objects`. As in MPyC, the arcs are a list of pairs or a dict.
    """
    await self.returnType(asyncio.Future)
    one_sender = isinstance(senders, int)
    everybody = range(len(self.parties))
    if sender_receivers is None:
        froms = [senders] if one_sender else list(everybody if senders is None else senders)
        to = [receivers] if isinstance(receivers, int) else list(everybody if receivers is None else receivers)
        froms, to = (froms if self.pid in to else []), (to if self.pid in froms else [])
    elif senders is not None or receivers is not None:
        raise LocalProtocolError("mpc.transfer takes either senders and receivers, or sender_receivers")
    elif isinstance(sender_receivers, dict):
        froms = [a for a, b in sender_receivers.items() if self.pid in b]
        to = list(sender_receivers[self.pid])
    else:
        froms = [a for a, b in sender_receivers if b == self.pid]
        to = [b for a, b in sender_receivers if a == self.pid]
    net = network(self)
    data = objects.encode(obj, net.types) if to else b""
    for peer in to:
        if peer != self.pid:
            send(self, peer, data)
    payloads = await self.gather([data if peer == self.pid else receive(self, peer) for peer in froms])
    names = net.exchange.names
    received = [
        objects.decode(payload if isinstance(payload, bytes) else payload.data, names[peer], net.types)
        for peer, payload in zip(froms, payloads, strict=True)
    ]
    if one_sender:
        return received[0] if received else None
    return received


async def distribute(self: Any, x: list[Any], senders: list[int]) -> Any:
    """Each sender shares its values: a share to every party.

    Rounds 1. Bytes: from a sender, elements * width to each of the others.
    """
    if x == []:
        return [[] for _ in senders]
    kind = type(x[0])
    secure = issubclass(kind, self.SecureObject)
    if secure:
        if hasattr(kind, "_input"):
            return kind._input(x, senders)
        await placeholder(self, x, len(senders), len(x))
        field = kind.sectype.field if issubclass(kind, self.SecureArray) else kind.field
    else:
        await self.returnType(asyncio.Future)
        field = kind if issubclass(kind, finfields.FiniteFieldElement) else kind.field
    array = issubclass(kind, (self.SecureArray, finfields.FiniteFieldArray))
    shape = x[0].shape if array else None
    count = len(x) if shape is None else x[0].size
    form = Vectors(field, count, shape, network(self).exchange.names)
    shares: list[Any] = [None] * len(senders)
    own_shares: dict[int, Any] = {}
    for i, sender in enumerate(senders):
        if sender != self.pid:
            shares[i] = receive(self, sender)
            continue
        if secure:
            x = await self.gather(x)
        values = x if shape is None else x[0].value.reshape(-1)
        for peer, share in enumerate(form.split(values, self.threshold, len(self.parties))):
            if peer == self.pid:
                own_shares[i] = share
            else:
                send(self, peer, form.encode(share))
    shares = await self.gather(shares)
    return [
        form.wrap(own_shares[i] if i in own_shares else form.decode(shares[i], sender))
        for i, sender in enumerate(senders)
    ]


async def output(self: Any, x: Any, receivers: Any = None, threshold: int | None = None, raw: bool = False) -> Any:
    """Open secure values, or shares of a polynomial of degree `threshold`, to the receivers (default: all).

    Rounds 1. Bytes: to each receiver, elements * width from each of `threshold` parties.
    """
    many = isinstance(x, list)
    x = list(x) if many else [x]
    await self.returnType(asyncio.Future)
    if not x:
        return []
    t = self.threshold if threshold is None else threshold
    m, me = len(self.parties), self.pid
    to = [receivers] if isinstance(receivers, int) else list(range(m) if receivers is None else receivers)
    kind = type(x[0])
    secure = issubclass(kind, self.SecureObject)
    if secure:
        if hasattr(kind, "_output"):
            opened = await kind._output(x, to, threshold)
            return opened if many else opened[0]
        x = await self.gather(x)
    count = len(x)
    form, values = vectors(self, x)
    payload = None
    for peer in to:
        if 0 < (peer - me) % m <= t:
            payload = form.encode(values) if payload is None else payload
            send(self, peer, payload)
    if me not in to:
        y: list[Any] = [None] * count
    else:
        froms = [(me - t + j) % m for j in range(t)]
        payloads = await self.gather([receive(self, peer) for peer in froms])
        points = [(peer + 1, form.decode(payload, peer)) for peer, payload in zip(froms, payloads, strict=True)]
        y = form.recombine([*points, (me + 1, values)])
        if secure and not raw and kind._output_conversion is not None:
            y = [kind._output_conversion(a) for a in y]
    return y if many else y[0]


async def reshare(self: Any, x: Any) -> Any:
    """Shares of degree 2t become fresh ones of degree t, after Gennaro, Rabin and Rabin (PODC '98).

    Rounds 1. Bytes: elements * width from each of 2t + 1 parties to each of the others.
    """
    many = isinstance(x, list)
    x = x if many else [x]
    if x == []:
        return []
    if issubclass(type(x[0]), self.SecureObject):
        await placeholder(self, x, *([len(x)] if many else []))
        x = await self.gather(x)
    else:
        await self.returnType(asyncio.Future)
    t = self.threshold
    if t == 0:
        return x if many else x[0]
    form, values = vectors(self, x)
    m, me = len(self.parties), self.pid
    first = self._program_counter[0] % m  # the sharing parties are public, and vary so that all do the same work
    froms = [(first + j) % m for j in range(2 * t + 1)]
    own_share = None
    if me in froms:
        for peer, share in enumerate(form.split(values, t, m)):
            if peer == me:
                own_share = share
            else:
                send(self, peer, form.encode(share))
    others = [peer for peer in froms if peer != me]
    payloads = await self.gather([receive(self, peer) for peer in others])
    points = [(peer + 1, form.decode(payload, peer)) for peer, payload in zip(others, payloads, strict=True)]
    if own_share is not None:
        points.append((me + 1, own_share))
    y = form.recombine(points)
    return y if many else y[0]
